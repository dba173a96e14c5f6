//! What the hub has checked of releases by itself, and what came of it.
//!
//! Always: words here name no input and no value of an answer; results of a release are readable by whoever sees it.

use std::fmt;
use std::str::FromStr;

use ledger::{ReleaseId, Time};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|known| known.word() == word).ok_or(())
            }
        }
    };
}

pub(crate) use words;

words!(
    /// What is checked.
    CheckKind {
        /// The answers to a release's examples, beside what its author expects.
        Examples = "examples",
        /// The answers of one fresh runner, beside those of another.
        TwoRunners = "two_runners",
        /// The answer a caller got, beside that of a fresh runner to the same inputs.
        ReExecution = "re_execution",
    }
);

words!(
    /// How answers were held against each other.
    Compared {
        /// Bit by bit, by the digests of their canonical form.
        Digest = "digest",
        /// Float by float, as far as two results of one model may lie apart.
        Tolerance = "tolerance",
        /// Not at all: the model does not answer the same to the bit, and what it shows of its scores hides how near
        /// two answers are.
        Nothing = "nothing",
    }
);

words!(
    /// How it ended; of several comparisons, the worst.
    CheckOutcome {
        /// Nothing was compared.
        Skipped = "skipped",
        Agreed = "agreed",
        /// There was no second answer to compare.
        Failed = "failed",
        Differed = "differed",
    }
);

/// Comparisons by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckCounts {
    pub agreed: u64,
    pub differed: u64,
    pub failed: u64,
}

impl CheckCounts {
    pub fn run(&self) -> u64 {
        self.agreed.saturating_add(self.differed).saturating_add(self.failed)
    }

    pub fn outcome(&self) -> CheckOutcome {
        match self {
            CheckCounts { differed: 1.., .. } => CheckOutcome::Differed,
            CheckCounts { failed: 1.., .. } => CheckOutcome::Failed,
            CheckCounts { agreed: 0, .. } => CheckOutcome::Skipped,
            _ => CheckOutcome::Agreed,
        }
    }
}

/// A check that has just been made of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheck {
    pub kind: CheckKind,
    pub at: Time,
    pub counts: CheckCounts,
    pub compared: Compared,
    /// The first difference or failure, in words.
    pub difference: Option<String>,
}

/// What the checks of one kind came to for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSum {
    pub release: ReleaseId,
    pub kind: CheckKind,
    pub counts: CheckCounts,
    /// Of the last one.
    pub at: Time,
    pub outcome: CheckOutcome,
    pub compared: Compared,
    /// The last difference or failure in words, and when that was.
    pub difference: Option<(String, Time)>,
}
