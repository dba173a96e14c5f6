//! The characters that the classes of a reading model stand for.

use crate::error::CardError;
use crate::front_matter::{Node, Value};
use crate::path::FilePath;
use crate::text::clip;

/// The most of them, and the most bytes of one.
const MAX: usize = 50_000;
const MAX_BYTES: usize = 32;

/// Characters as an author gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Characters {
    List(Vec<String>),
    /// In a text file of the folder, one a line: [`Characters::from_file`] reads it.
    File(FilePath),
}

/// Why characters were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CharactersError {
    #[error("there are no characters")]
    None,
    #[error("{count} characters are too many, expected at most {MAX}")]
    TooMany { count: usize },
    #[error("character {index} is empty; a space is a line with a space")]
    Empty { index: usize },
    #[error("character {index}, \"{given}\", has {bytes} bytes, expected at most {MAX_BYTES}")]
    Long { index: usize, given: String, bytes: usize },
    #[error("it is not UTF-8 text")]
    NotText,
}

impl Characters {
    /// The characters of a file's lines. Nothing is trimmed but the ends of lines: a space is a character.
    pub fn from_file(bytes: &[u8]) -> Result<Vec<String>, CharactersError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CharactersError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        checked(text.lines().map(str::to_owned).collect())
    }
}

fn checked(characters: Vec<String>) -> Result<Vec<String>, CharactersError> {
    if characters.is_empty() {
        return Err(CharactersError::None);
    }
    if characters.len() > MAX {
        return Err(CharactersError::TooMany { count: characters.len() });
    }
    for (index, character) in characters.iter().enumerate() {
        if character.is_empty() {
            return Err(CharactersError::Empty { index });
        }
        if character.len() > MAX_BYTES {
            return Err(CharactersError::Long { index, given: clip(character), bytes: character.len() });
        }
    }
    Ok(characters)
}

pub(super) fn read(node: &Node) -> Result<Option<Characters>, CardError> {
    const FIELD: &str = "modelhub.task.characters";
    const RULE: &str = "a list, or a .txt file of the folder with one on each line";
    let wrong =
        |given: &str| CardError::Task { field: FIELD.to_owned(), line: node.line, given: clip(given), expected: RULE };
    match &node.value {
        Value::Nothing => Ok(None),
        Value::Scalar { text, .. } => {
            let path: Option<FilePath> = text.parse().ok().filter(|_| text.ends_with(".txt"));
            path.map(|path| Some(Characters::File(path))).ok_or_else(|| wrong(text))
        }
        _ => {
            let list = checked(node.texts(FIELD, MAX)?);
            list.map(|list| Some(Characters::List(list))).map_err(|error| wrong(&error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_a_character_and_an_empty_line_is_none() {
        let read = |text: &[u8]| Characters::from_file(text).map_err(|error| error.to_string());
        assert_eq!(read("a\r\nß\n \n".as_bytes()).unwrap(), ["a", "ß", " "]);
        for (text, reason) in [
            (&b""[..], "no characters"),
            (b"a\n\nb", "character 1 is empty"),
            (b"\xff", "not UTF-8"),
            (&[b'x'; 40], "40 bytes"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
