//! Why values could not be made tensors.

use registry::task::ColumnKind;
use tensor::Mismatch;

use crate::{MAX_PIXELS, MAX_TEXT_BYTES, MAX_VALUES};

/// Why values were refused. Each names the value by its place, from 0 on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there are {count} inputs; expected 1 to {MAX_VALUES}")]
    Count { count: usize },
    #[error("there are {count} inputs, and the model takes one at a time")]
    OneAtATime { count: usize },
    #[error("the {count} inputs make more than {limit} bytes of numbers; send fewer in a call")]
    TooMuch { count: usize, limit: usize },
    #[error("input {at} is {given}; expected {expected}")]
    Kind { at: usize, given: String, expected: &'static str },
    #[error("input {at} has {bytes} bytes of text; expected at most {MAX_TEXT_BYTES}")]
    LongText { at: usize, bytes: usize },
    #[error("input {at} gives no tokens with the release's tokenizer")]
    Tokens { at: usize },
    #[error("input {at} has {bytes} bytes without the white space around them; the model needs {least}")]
    FewBytes { at: usize, bytes: usize, least: u32 },
    #[error("input {at} is no picture that can be read: {reason}; expected PNG or JPEG")]
    Picture { at: usize, reason: String },
    #[error(
        "input {at} has {width} × {height} pixels, or would have as the model needs it; expected at most {MAX_PIXELS}"
    )]
    Pixels { at: usize, width: u64, height: u64 },
    #[error("input {at} has no column \"{column}\"; the model has {}", known.join(", "))]
    NoColumn { at: usize, column: String, known: Vec<String> },
    #[error("input {at} lacks the column \"{column}\", {}", kind_word(*kind))]
    MissingColumn { at: usize, column: String, kind: ColumnKind },
    #[error("input {at} has {given} in the column \"{column}\"; expected {}", kind_word(*kind))]
    Cell { at: usize, column: String, given: String, kind: ColumnKind },
    #[error("input {at} has \"{given}\" in the column \"{column}\"; expected one of {}", known.join(", "))]
    Category { at: usize, column: String, given: String, known: Vec<String> },
    #[error("{0}")]
    Tensor(#[from] Mismatch),
    #[error("the model's answer does not have the form its task needs: {reason}")]
    Answer { reason: &'static str },
}

fn kind_word(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Number => "a number",
        ColumnKind::Category => "a text",
    }
}

/// At most 64 characters of what was given.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(64) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
