//! Why a call or a load gave no answer.

use std::fmt;
use std::time::Duration;

use tensor::Mismatch;

/// Why a model did not answer. Nothing of what failed can be charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing can run models at present.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Too many calls wait for this model already.
    #[error("{waiting} calls wait for this model; at most {limit} may")]
    Busy { waiting: usize, limit: usize },
    /// The inputs are not what the model takes.
    #[error("input {0}")]
    Input(Mismatch),
    /// The inputs together are more than one call may bring.
    #[error("the inputs have {bytes} bytes together; at most {limit} may")]
    TooLarge { bytes: usize, limit: usize },
    /// The hub could not open the model's file. The hub's own fault.
    #[error("the weights cannot be opened: {reason}")]
    Weights { reason: String },
    /// The model could not be loaded.
    #[error("the model does not load: {reason}")]
    Load { reason: String },
    /// The model was run and failed.
    #[error("the model failed: {reason}")]
    Run { reason: String },
    /// There was no answer when the deadline came.
    #[error("no answer within {limit_ms} ms")]
    TimedOut { limit_ms: u64 },
    /// The runner died over this call.
    #[error("the runner {how}")]
    Died { how: Death },
    /// The model answered something other than its signature says.
    #[error("the model's answer breaks its signature: output {0}")]
    Answer(Mismatch),
    /// The server that runs the model is not there.
    #[error(transparent)]
    Away(#[from] Away),
    /// The server that runs the model answered something else than the protocol says.
    #[error("{host}, where this model runs, broke the protocol: {reason}")]
    Protocol { host: String, reason: String },
}

/// A server that runs a model and gives no answer at present.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}, where this model runs, {how}")]
pub struct Away {
    /// As its owner names it.
    pub host: String,
    pub how: Absence,
    /// When asking again makes sense, as far as is known.
    pub retry_after: Option<Duration>,
}

/// How a server is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// It could not be reached, or hung up.
    Unreachable { reason: String },
    /// It answered that it cannot serve.
    Status(u16),
    /// It failed so many times in a row that it is left alone for a while.
    LeftAlone { failures: u32 },
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::Unreachable { reason } => write!(f, "gave no answer: {reason}"),
            Absence::Status(status) => write!(f, "answered {status}"),
            Absence::LeftAlone { failures } => write!(f, "failed {failures} times in a row and is left alone for now"),
        }
    }
}

/// Why nothing can run models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no engine: {reason}")]
pub struct Unavailable {
    /// What is missing or broken.
    pub reason: String,
    /// What the operator can do.
    pub hint: &'static str,
}

/// How a runner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it: 9 is also what the system sends when memory runs out, 11 a broken pointer.
    Signalled(i32),
    /// It broke the protocol, here named, and was killed.
    Violation(&'static str),
    /// It closed its socket and was killed.
    HungUp,
    /// The hub stopped it while the call was waiting.
    Stopped,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::Exited(code) => write!(f, "exited with code {code}"),
            Death::Signalled(signal) => write!(f, "was killed by signal {signal}"),
            Death::Violation(what) => write!(f, "broke the protocol ({what}) and was killed"),
            Death::HungUp => f.write_str("closed its socket and was killed"),
            Death::Stopped => f.write_str("was stopped"),
        }
    }
}

/// A reason from the other side of the socket, fit to be shown: bounded, and without control characters.
pub fn clean(reason: &str) -> String {
    const LIMIT: usize = 500;
    let spaced = reason.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut clean: String = spaced.take(LIMIT).collect();
    clean.truncate(clean.trim_end().len());
    if clean.is_empty() { "no reason given".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_hold_no_control_characters() {
        assert_eq!(clean("a\nb\u{1b}[31m\n"), "a b [31m");
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), 500);
        assert_eq!(clean("\n\n"), "no reason given");
    }
}
