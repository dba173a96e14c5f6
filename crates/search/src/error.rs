//! Why there is no answer.

use crate::query::{MAX_CHARACTERS, MAX_WORDS};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the query has {characters} characters; at most {MAX_CHARACTERS} are read")]
    TooLong { characters: usize },
    #[error("the query has {words} words; at most {MAX_WORDS} are looked for together")]
    TooManyWords { words: usize },
    #[error("the cursor is none; expected the \"next\" of a page")]
    NoCursor,
    #[error("the cursor belongs to another search; begin again without it")]
    OtherSearch,
    /// The index cannot be read or written. It has to be made anew.
    #[error("the search index is damaged: {reason}")]
    Damaged { reason: String },
}

impl From<tantivy::TantivyError> for Error {
    fn from(error: tantivy::TantivyError) -> Error {
        Error::Damaged { reason: error.to_string() }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Damaged { reason: error.to_string() }
    }
}
