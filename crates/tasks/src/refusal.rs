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
    #[error("the inputs come to {count} {what} together; expected at most {limit}; send fewer in a call")]
    Together { what: &'static str, count: u64, limit: u64 },
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
    #[error("input {at} lacks the column \"{column}\"; the model needs {}", known.join(", "))]
    NoList { at: usize, column: String, known: Vec<String> },
    #[error("input {at} has {given} in the column \"{column}\"; expected {}", kind_word(*kind))]
    Cell { at: usize, column: String, given: String, kind: ColumnKind },
    #[error("input {at} has \"{given}\" in the column \"{column}\"; expected one of {}", known.join(", "))]
    Category { at: usize, column: String, given: String, known: Vec<String> },
    #[error("input {at} is no WAV file that can be read: {reason}")]
    Sound { at: usize, reason: String },
    #[error("input {at} has {seconds} seconds of sound; expected at most {longest}")]
    LongSound { at: usize, seconds: u64, longest: u32 },
    #[error("input {at} has {given} samples at {rate} a second; the model needs {needed}")]
    ShortSound { at: usize, given: usize, needed: u32, rate: u32 },
    #[error(
        "input {at} has {given} samples a second, which makes no simple ratio with the model's {rate}; convert it to that"
    )]
    Rate { at: usize, given: u32, rate: u32 },
    #[error(
        "input {at} makes {windows} windows of sound, and the model takes one at a time: {window} samples at {rate} a second"
    )]
    Windows { at: usize, windows: usize, window: u32, rate: u32 },
    #[error("input {at} has {given} steps{}; the model needs {needed}, the newest at the end", of(column.as_deref()))]
    ShortHistory { at: usize, column: Option<String>, given: usize, needed: u32 },
    #[error(
        "input {at} has {given} steps{}, and {expected} in the first column; expected as many in each",
        of(Some(column))
    )]
    Uneven { at: usize, column: String, given: usize, expected: usize },
    #[error("input {at} has {given} at step {step}{}; expected a finite number that the model's type can hold", of(column.as_deref()))]
    Step { at: usize, column: Option<String>, step: usize, given: String },
    #[error("input {at} has the {field} \"{given}\"; expected {expected}")]
    Time { at: usize, field: &'static str, given: String, expected: &'static str },
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

fn of(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(" of the column \"{column}\""))
}

/// At most 64 characters of what was given.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(64) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
