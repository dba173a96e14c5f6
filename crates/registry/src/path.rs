//! Where a file lies in a model's tree.

use std::fmt;
use std::str::FromStr;

use crate::text::{clip, serde_as_text};

/// A relative path with `/` between its segments. Joined to any folder it stays inside; written to any file system it
/// is one file; printed in any log it is one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// Why a text is no path of a file in a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("a path is empty")]
    Empty,
    #[error("the path \"{given}\" has {size_bytes} bytes, expected at most {limit}")]
    TooLong { given: String, size_bytes: usize, limit: usize },
    #[error("a segment of the path \"{given}\" has {size_bytes} bytes, expected at most {limit}")]
    LongSegment { given: String, size_bytes: usize, limit: usize },
    #[error("the path \"{given}\" begins or ends with a slash or has two in a row; expected a relative path of a file")]
    EmptySegment { given: String },
    #[error("the path \"{given}\" has the segment \"{segment}\"; expected plain names")]
    Segment { given: String, segment: &'static str },
    #[error("the path {given:?} has the character {found:?}; expected printable ones and / between folders")]
    Character { given: String, found: char },
}

impl FilePath {
    pub const MAX_BYTES: usize = 1024;
    pub const MAX_SEGMENT_BYTES: usize = 255;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for FilePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let given = || clip(text);
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(PathError::TooLong { given: given(), size_bytes: text.len(), limit: Self::MAX_BYTES });
        }
        if let Some(found) = text.chars().find(|c| c.is_control() || *c == '\\' || is_invisible(*c)) {
            return Err(PathError::Character { given: given(), found });
        }
        for segment in text.split('/') {
            match segment {
                "" => return Err(PathError::EmptySegment { given: given() }),
                "." => return Err(PathError::Segment { given: given(), segment: "." }),
                ".." => return Err(PathError::Segment { given: given(), segment: ".." }),
                // A checkout of such a tree would plant a repository's own settings, hooks included.
                _ if segment.eq_ignore_ascii_case(".git") => {
                    return Err(PathError::Segment { given: given(), segment: ".git" });
                }
                _ if segment.len() > Self::MAX_SEGMENT_BYTES => {
                    let limit = Self::MAX_SEGMENT_BYTES;
                    return Err(PathError::LongSegment { given: given(), size_bytes: segment.len(), limit });
                }
                _ => {}
            }
        }
        Ok(FilePath(text.to_owned()))
    }
}

/// Line and paragraph separators, marks that turn the direction of text, and those without width: they make a path
/// look like another one.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(FilePath);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_are_taken() {
        for text in ["README.md", "onnx/model.onnx", ".gitattributes", "a b/ü.txt", "...", "a..b", "a/.b", "..a/b"] {
            assert_eq!(text.parse::<FilePath>().unwrap().as_str(), text);
        }
        assert_eq!("onnx/model.onnx".parse::<FilePath>().unwrap().file_name(), "model.onnx");
    }

    #[test]
    fn paths_that_could_leave_their_folder_or_hide_are_refused() {
        for text in [
            "",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            "a/..",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\tb",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{202e}b",
            "a\u{2028}b",
            ".git/config",
            "a/.GIT/hooks",
        ] {
            assert!(text.parse::<FilePath>().is_err(), "{text:?} was taken");
        }
        assert!(matches!("a".repeat(256).parse::<FilePath>(), Err(PathError::LongSegment { size_bytes: 256, .. })));
        let deep = "a/".repeat(600) + "b";
        assert!(matches!(deep.parse::<FilePath>(), Err(PathError::TooLong { size_bytes: 1201, .. })));
    }

    proptest! {
        #[test]
        fn no_path_that_is_taken_climbs(text in "\\PC*|[./\\\\a]{0,12}|(\\.\\.|\\.|a|/){0,8}") {
            if let Ok(path) = text.parse::<FilePath>() {
                prop_assert!(path.segments().all(|segment| !matches!(segment, "" | "." | "..")));
                prop_assert!(!text.starts_with('/') && !text.contains(['\\', '\0']));
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
