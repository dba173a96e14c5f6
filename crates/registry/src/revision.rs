//! Names of places in a model's history: branches, tags, commits.
//!
//! Always: a branch or tag that exists can stand in a URL, a file name of a client's cache and a log line; it can never
//! be taken for a commit.

use std::fmt;
use std::str::FromStr;

use crate::text::{clip, serde_as_text};
use crate::tree::CommitId;

/// The name of a branch or a tag, by git's own rules, and not of the form of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

/// Why a text is no name of a branch or tag, or no revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    #[error("the name of a branch or tag has {size_bytes} bytes, expected 1 to {limit}")]
    Length { size_bytes: usize, limit: usize },
    #[error("the name {given:?} has the character {found:?}, which git does not take")]
    Character { given: String, found: char },
    #[error("\"{given}\" is no name for a branch or tag: {rule}")]
    Form { given: String, rule: &'static str },
}

impl RefName {
    pub const MAX_BYTES: usize = 200;

    /// Where a model begins.
    pub fn main() -> RefName {
        RefName("main".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_main(&self) -> bool {
        self.0 == "main"
    }
}

impl FromStr for RefName {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(RefError::Length { size_bytes: text.len(), limit: Self::MAX_BYTES });
        }
        let refused = |c: &char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(*c) || !is_plain(*c);
        if let Some(found) = text.chars().find(refused) {
            return Err(RefError::Character { given: clip(text), found });
        }
        let form = |rule| Err(RefError::Form { given: clip(text), rule });
        if text.contains("..") || text.contains("@{") || text == "@" {
            return form("it has \"..\" or \"@{\" in it, or is \"@\"");
        }
        if text.starts_with('-') || text.ends_with('.') {
            return form("it begins with - or ends with a dot");
        }
        if text.split('/').any(|segment| segment.is_empty() || segment.starts_with('.') || segment.ends_with(".lock")) {
            return form("a part between slashes is empty, begins with a dot or ends with .lock");
        }
        if text.starts_with("refs/") {
            return form("names that begin with refs/ are git's own");
        }
        if text.parse::<CommitId>().is_ok() {
            return form("40 hex digits are a commit");
        }
        Ok(RefName(text.to_owned()))
    }
}

/// Not one of those that look like nothing or like another.
fn is_plain(c: char) -> bool {
    !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(RefName);

/// What somebody wrote to say which state of a model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// `refs/heads/…`
    Branch(RefName),
    /// `refs/tags/…`
    Tag(RefName),
    /// 40 hex digits.
    Commit(CommitId),
    /// A branch, else a tag, else a release, else the first digits of a commit.
    Named(RefName),
}

impl Revision {
    /// Fewer digits than these name no commit.
    pub const MIN_DIGITS: usize = 7;

    pub fn main() -> Revision {
        Revision::Branch(RefName::main())
    }

    /// The first digits of a commit, if it may be meant so.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            Revision::Named(name) => {
                let digits = name.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                Some(name.as_str()).filter(|text| digits && (Self::MIN_DIGITS..40).contains(&text.len()))
            }
            _ => None,
        }
    }
}

impl FromStr for Revision {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        if let Some(branch) = text.strip_prefix("refs/heads/") {
            return branch.parse().map(Revision::Branch);
        }
        if let Some(tag) = text.strip_prefix("refs/tags/") {
            return tag.parse().map(Revision::Tag);
        }
        match text.parse() {
            Ok(commit) => Ok(Revision::Commit(commit)),
            Err(_) => text.parse().map(Revision::Named),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Branch(name) | Revision::Tag(name) | Revision::Named(name) => write!(f, "{name}"),
            Revision::Commit(id) => write!(f, "{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_keep_to_gits_rules() {
        for text in ["main", "feat/x", "v1.0", "1.00", "übung", "a@b", "deadbeef", "x-", &"a".repeat(200)] {
            assert_eq!(text.parse::<RefName>().unwrap().as_str(), text);
        }
        let commit = "0".repeat(40);
        for text in [
            "",
            "-x",
            "x.",
            "a..b",
            "a b",
            "a\tb",
            "a\nb",
            "a~b",
            "a^b",
            "a:b",
            "a?b",
            "a*b",
            "a[b",
            "a\\b",
            "@",
            "a@{b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "refs/heads/x",
            "a\u{202e}b",
            &commit,
            &"a".repeat(201),
        ] {
            assert!(text.parse::<RefName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_revision_says_what_is_meant() {
        let name = |text: &str| text.parse::<RefName>().unwrap();
        let read = |text: &str| text.parse::<Revision>();
        assert_eq!(read("refs/heads/feat/x"), Ok(Revision::Branch(name("feat/x"))));
        assert_eq!(read("refs/tags/v1"), Ok(Revision::Tag(name("v1"))));
        assert_eq!(read("main"), Ok(Revision::Named(name("main"))));
        assert_eq!(read(&"ab".repeat(20)), Ok(Revision::Commit(CommitId([0xab; 20]))));
        assert!(read("refs/pr/1").is_err() && read("").is_err());
        assert_eq!(read("abcdef0").unwrap().prefix(), Some("abcdef0"));
        assert_eq!(read("abcdef").unwrap().prefix(), None);
        assert_eq!(read("main").unwrap().prefix(), None);
    }

    proptest! {
        #[test]
        fn what_is_read_prints_the_same(text in ".{0,20}|[a-z0-9./@-]{1,20}") {
            if let Ok(name) = text.parse::<RefName>() {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert!(!text.contains("..") && text.parse::<CommitId>().is_err());
            }
        }
    }
}
