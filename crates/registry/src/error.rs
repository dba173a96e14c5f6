//! Why a card was not taken.

use std::fmt;

use ledger::{MAX_ROYALTIES, PriceError, ShareError, Split};

use crate::labels::LabelError;
use crate::name::{Handle, NameError};
use crate::remote::RemoteError;
use crate::section::MAX_BATCH_ROWS;

/// A line and a column of the README, from 1, where they are known. Prints as ` (line 7, column 3)` or as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line(pub Option<(u64, u64)>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |(line, column)| write!(f, " (line {line}, column {column})"))
    }
}

/// Why a card was not taken. The text names field, line and value; [`CardError::hint`] says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    #[error("README.md is not UTF-8 text{line}")]
    NotText { line: Line },
    #[error("README.md begins with --- (line 1, column 1) but no second --- ends its front matter")]
    Unclosed,
    /// The line is the one that ends it.
    #[error("the front matter of README.md has {size_bytes} bytes up to its end{line}, at most {limit} are allowed")]
    TooLong { size_bytes: usize, line: Line, limit: usize },
    /// The reason is the parser's.
    #[error("the front matter of README.md is not YAML that can be read{line}: {reason}")]
    Yaml { line: Line, reason: String },
    #[error("the front matter of README.md has the field \"{field}\" twice{line}")]
    Repeated { field: String, line: Line },
    #[error("the front matter of README.md has too many values, aliases or levels{line}")]
    Excessive { line: Line },
    #[error("the front matter of README.md is not a list of fields{line}")]
    NotFields { line: Line },
    #[error("{section} has no field \"{field}\"{line}, only {}", listed(allowed))]
    UnknownField { section: &'static str, field: String, line: Line, allowed: &'static [&'static str] },
    #[error("{field} should be {expected}{line}")]
    Kind { field: String, line: Line, expected: &'static str },
    #[error("{field} has {count} entries{line}, at most {limit} are allowed")]
    TooMany { field: String, line: Line, count: usize, limit: usize },
    #[error("{field} is \"{given}\"{line}, expected one of {}", listed(allowed))]
    Choice { field: &'static str, line: Line, given: String, allowed: &'static [&'static str] },
    #[error("{field}{line}: {error}")]
    Price { field: String, line: Line, error: PriceError },
    #[error("modelhub.price names no price{line}")]
    EmptyPrice { line: Line },
    #[error("modelhub.split{line}: {error}")]
    Receiver { line: Line, error: NameError },
    #[error("modelhub.split gives {receiver} an unreadable share{line}: {error}")]
    Share { receiver: Handle, line: Line, error: ShareError },
    #[error("modelhub.split gives {receiver} nothing{line}")]
    EmptyShare { receiver: Handle, line: Line },
    #[error("modelhub.split names {receiver} twice{line}")]
    ReceiverTwice { receiver: Handle, line: Line },
    #[error("modelhub.split names {count} receivers{line}, expected 1 to {}", Split::MAX_RECEIVERS)]
    Receivers { count: usize, line: Line },
    #[error("modelhub.split adds up to {}.{:02}%{line}, it has to be exactly 100%", sum_points / 100, sum_points % 100)]
    SplitSum { sum_points: u32, line: Line },
    #[error("modelhub.labels{line}: {error}")]
    Labels { line: Line, error: LabelError },
    #[error("modelhub.deadline is \"{given}\"{line}, expected a time from 1ms to {limit_ms}ms with its unit")]
    Deadline { given: String, line: Line, limit_ms: u64 },
    #[error("modelhub.batch is \"{given}\"{line}, expected a number of rows from 2 to {MAX_BATCH_ROWS}")]
    Batch { given: String, line: Line },
    #[error("modelhub.royalty is \"{given}\"{line}, expected a share from 0% to {}%", MAX_ROYALTIES / 100)]
    Royalty { given: String, line: Line },
    #[error("modelhub.remote{line}: {error}")]
    Remote { line: Line, error: RemoteError },
    #[error("{field} is \"{given}\"{line}, expected {expected}")]
    Task { field: String, line: Line, given: String, expected: &'static str },
}

impl CardError {
    /// What to do about it, where that is more than the message says.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            CardError::NotText { .. } => "save README.md as UTF-8",
            CardError::Unclosed => {
                "put a line of --- after the last field; a ruler at the top of a text can be *** instead"
            }
            CardError::TooLong { .. } => "move long texts below the second ---, and data into files of their own",
            CardError::Yaml { .. } => "put texts with : # % @ ` or quotes in them between \"double quotes\"",
            CardError::Repeated { .. } => "keep one of them",
            CardError::Excessive { .. } => "move data into files of their own",
            CardError::NotFields { .. } => "write it as lines like license: apache-2.0",
            CardError::UnknownField { .. } => "correct the field's name; notes of your own go outside of modelhub:",
            CardError::Price { .. } => {
                "write a price like \"0.002 OPG\" or \"0.0002 USD\", all of them in one currency"
            }
            CardError::EmptyPrice { .. } => "write price: { per_call: \"0.002 OPG\" }, or \"0 OPG\" for a free model",
            CardError::Receiver { .. }
            | CardError::Share { .. }
            | CardError::EmptyShare { .. }
            | CardError::ReceiverTwice { .. }
            | CardError::Receivers { .. }
            | CardError::SplitSum { .. } => {
                "write split: { bob: 70%, carol: 30% }: handles with shares that make 100%; without a split all goes to the owner"
            }
            CardError::Labels { .. } => "write labels: [cat, dog], or the name of a .txt or .json file in the folder",
            CardError::Deadline { .. } => "write deadline: 500ms, 30s or 2m",
            CardError::Batch { .. } => {
                "write batch: 32, how many rows of several calls may share a run; or leave it out"
            }
            CardError::Royalty { .. } => {
                "write royalty: 5%, what models that build on this one owe it; without it they owe nothing"
            }
            CardError::Remote { .. } => {
                "write remote: { url: \"https://models.example.com\", model: net }: the server and what it calls the model"
            }
            CardError::Kind { .. } | CardError::TooMany { .. } | CardError::Choice { .. } | CardError::Task { .. } => {
                return None;
            }
        })
    }
}

pub(crate) fn listed(words: &[&str]) -> String {
    words.join(", ")
}
