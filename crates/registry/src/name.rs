//! Handles and model names: what an address begins with.
//!
//! Always: a handle or name that exists has the right form, so it can stand in a URL, a file name and a log line as it
//! is. Stock clients refuse names of another form before they call us.
//!
//! Reading and taking are two things: [`FromStr`] reads what may exist already, [`Handle::claim`] and
//! [`ModelName::claim`] also refuse what is reserved. So a word can become reserved without locking out its owner.

use std::fmt;
use std::str::FromStr;

use crate::text::{clip, serde_as_text};

/// Handles nobody can take: every first segment of a path that we or a client's API use, in its sorted order.
/// (`.well-known`, `*.git` and files like `robots.txt` can't be handles by their form.)
pub const RESERVED_HANDLES: &[&str] = &[
    "account", "api", "cas", "compare", "datasets", "docs", "health", "login", "logout", "mcp", "metrics", "oauth",
    "operator", "publish", "rankings", "receipts", "search", "spaces", "static", "status", "v0", "v1", "v2", "wanted",
];

/// Names no model can take, in any case: last segments of paths below a model, in sorted order.
pub const RESERVED_MODEL_NAMES: &[&str] = &["config", "infer", "jobs", "quote", "ready", "run", "versions"];

/// Why a text is no handle or model name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a {what}: {rule}")]
pub struct NameError {
    /// `handle`, `model name` or `model`.
    pub what: &'static str,
    /// What was given, at most 100 characters of it.
    pub given: String,
    pub rule: NameRule,
}

/// The rule that a name breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameRule {
    #[error("it has {found} characters, expected {least} to {most}")]
    Length { found: usize, least: usize, most: usize },
    #[error("it has the character {found:?}, expected only {allowed}")]
    Character { found: char, allowed: &'static str },
    #[error("it begins or ends with {found:?}")]
    Edge { found: char },
    #[error("it has \"{found}\" in it")]
    Pair { found: &'static str },
    #[error("it ends with \".git\"")]
    GitEnd,
    #[error("this word is reserved for the hub's own pages and interfaces")]
    Reserved,
    #[error("expected owner/name, with one slash")]
    Slash,
}

/// The name of an account: 2 to 39 characters of `a-z`, `0-9` and `-`, no `-` at an end, no two in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

impl Handle {
    /// A handle somebody wants to take: of the right form and not reserved.
    pub fn claim(text: &str) -> Result<Handle, NameError> {
        let handle: Handle = text.parse()?;
        if RESERVED_HANDLES.contains(&text) {
            return Err(NameError { what: "handle", given: clip(text), rule: NameRule::Reserved });
        }
        Ok(handle)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Handle {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_handle(text).map_err(|rule| NameError { what: "handle", given: clip(text), rule })?;
        Ok(Handle(text.to_owned()))
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_handle(text: &str) -> Result<(), NameRule> {
    let found = text.chars().count();
    if !(2..=39).contains(&found) {
        return Err(NameRule::Length { found, least: 2, most: 39 });
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    if let Some(found) = text.chars().find(|c| !allowed(c)) {
        return Err(NameRule::Character { found, allowed: "a-z, 0-9 and -" });
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameRule::Edge { found: '-' });
    }
    if text.contains("--") {
        return Err(NameRule::Pair { found: "--" });
    }
    Ok(())
}

/// The name of a model, `owner/name`. Keeps the case it was given; two names that differ in case alone are the same
/// model, so tables and look-ups use [`ModelName::folded`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    owner: Handle,
    name: String,
}

impl ModelName {
    /// The model `name` of `owner`.
    pub fn new(owner: Handle, name: &str) -> Result<ModelName, NameError> {
        check_name(name).map_err(|rule| NameError { what: "model name", given: clip(name), rule })?;
        Ok(ModelName { owner, name: name.to_owned() })
    }

    /// A name somebody wants to take: of the right form and not reserved.
    pub fn claim(owner: Handle, name: &str) -> Result<ModelName, NameError> {
        let model = ModelName::new(owner, name)?;
        if RESERVED_MODEL_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(NameError { what: "model name", given: clip(name), rule: NameRule::Reserved });
        }
        Ok(model)
    }

    pub fn owner(&self) -> &Handle {
        &self.owner
    }

    /// The part after the slash, as its owner wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `owner/name` without regard to case: what is unique.
    pub fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl FromStr for ModelName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            Some((owner, name)) if !name.contains('/') => ModelName::new(owner.parse()?, name),
            _ => Err(NameError { what: "model", given: clip(text), rule: NameRule::Slash }),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

fn check_name(text: &str) -> Result<(), NameRule> {
    let found = text.chars().count();
    if !(1..=96).contains(&found) {
        return Err(NameRule::Length { found, least: 1, most: 96 });
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if let Some(found) = text.chars().find(|c| !allowed(c)) {
        return Err(NameRule::Character { found, allowed: "A-Z, a-z, 0-9, '.', '_' and '-'" });
    }
    let edge = |c: char| matches!(c, '-' | '.');
    for end in [text.chars().next(), text.chars().next_back()] {
        if let Some(found) = end.filter(|c| edge(*c)) {
            return Err(NameRule::Edge { found });
        }
    }
    for found in ["--", ".."] {
        if text.contains(found) {
            return Err(NameRule::Pair { found });
        }
    }
    // Names are unique without regard to case, so this rule has none either.
    if text.to_ascii_lowercase().ends_with(".git") {
        return Err(NameRule::GitEnd);
    }
    Ok(())
}

serde_as_text!(Handle, ModelName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn handles_keep_to_their_rules() {
        for text in ["ab", "a1", "open-gradient", "0x", &"a".repeat(39)] {
            assert_eq!(text.parse::<Handle>().unwrap().as_str(), text);
        }
        for (text, reason) in [
            ("", "0 characters, expected 2 to 39"),
            ("a", "1 characters"),
            (&"a".repeat(40), "40 characters"),
            ("Alice", "'A'"),
            ("al ice", "' '"),
            ("al_ice", "'_'"),
            ("älice", "'ä'"),
            ("-alice", "begins or ends with '-'"),
            ("alice-", "begins or ends with '-'"),
            ("al--ice", "\"--\""),
            (".well-known", "'.'"),
            ("alice.git", "'.'"),
        ] {
            let error = text.parse::<Handle>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn model_names_keep_to_their_rules() {
        for text in ["alice/m", "alice/MiniLM-L6_v2.1", "a1/_", &format!("alice/{}", "n".repeat(96))] {
            assert_eq!(text.parse::<ModelName>().unwrap().to_string(), text);
        }
        for (text, reason) in [
            ("alice", "one slash"),
            ("alice/a/b", "one slash"),
            ("alice/", "0 characters, expected 1 to 96"),
            (&format!("alice/{}", "n".repeat(97)), "97 characters"),
            ("Alice/m", "not a handle"),
            ("alice/-m", "begins or ends with '-'"),
            ("alice/m.", "begins or ends with '.'"),
            ("alice/..", "begins or ends with '.'"),
            ("alice/a..b", "\"..\""),
            ("alice/a--b", "\"--\""),
            ("alice/m.git", "\".git\""),
            ("alice/m.GIT", "\".git\""),
            ("alice/m n", "' '"),
            ("alice/m%2Fn", "'%'"),
        ] {
            let error = text.parse::<ModelName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn names_that_differ_in_case_are_one() {
        let one: ModelName = "alice/MiniLM".parse().unwrap();
        let two: ModelName = "alice/minilm".parse().unwrap();
        assert_ne!(one, two);
        assert_eq!(one.folded(), two.folded());
    }

    #[test]
    fn reserved_words_can_be_read_but_not_taken() {
        for words in [RESERVED_HANDLES, RESERVED_MODEL_NAMES] {
            assert!(words.is_sorted_by(|one, two| one < two), "{words:?}");
        }
        for word in RESERVED_HANDLES {
            assert!(word.parse::<Handle>().is_ok());
            let error = Handle::claim(word).unwrap_err();
            assert_eq!(error.rule, NameRule::Reserved, "{error}");
        }
        let alice = Handle::claim("alice").unwrap();
        for word in RESERVED_MODEL_NAMES {
            for text in [word.to_string(), word.to_uppercase()] {
                assert!(ModelName::new(alice.clone(), &text).is_ok());
                assert_eq!(ModelName::claim(alice.clone(), &text).unwrap_err().rule, NameRule::Reserved);
            }
        }
        assert!(ModelName::claim(alice, "runner").is_ok());
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_prints_as_it_was_read(text in ".*|[a-z0-9-]{0,5}/[a-zA-Z0-9._-]{0,8}") {
            if let Ok(name) = text.parse::<ModelName>() {
                prop_assert_eq!(name.to_string(), text.clone());
                prop_assert!(!text.contains("..") && !text.contains("--"));
            }
            if let Ok(handle) = text.parse::<Handle>() {
                prop_assert_eq!(handle.to_string(), text);
            }
        }
    }
}
