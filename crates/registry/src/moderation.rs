//! What people report and the operator decides: the closed list of reasons, and where a model stands.
//!
//! Always: a reason says by itself whether the owner keeps reading the files; a model that is restricted says since when,
//! for which reason, and what everybody is told of it.

use ledger::Time;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<$name, ()> {
                Self::ALL.iter().copied().find(|known| known.word() == word).ok_or(())
            }
        }
    };
}

words!(
    /// Why a model is reported, hidden or taken down.
    Reason {
        Malware = "malware",
        Copyright = "copyright",
        PersonalData = "personal_data",
        Illegal = "illegal",
        Spam = "spam",
        Impersonation = "impersonation",
        BrokenPromise = "broken_promise",
        Other = "other",
    }
);

words!(
    /// What the operator has made of a model.
    RestrictionKind {
        /// In no list and no search; its page is there by link, and it is called as before.
        Hidden = "hidden",
        /// Not called, and its files are not read.
        TakenDown = "taken_down",
    }
);

impl Reason {
    /// In words for people.
    pub const fn says(self) -> &'static str {
        match self {
            Reason::Malware => "malware",
            Reason::Copyright => "copyright",
            Reason::PersonalData => "personal data",
            Reason::Illegal => "illegal content",
            Reason::Spam => "spam",
            Reason::Impersonation => "impersonation",
            Reason::BrokenPromise => "a broken promise",
            Reason::Other => "another reason",
        }
    }

    /// Whether what is taken down for it is not handed out to its owner either.
    pub const fn closes_to_owner(self) -> bool {
        matches!(self, Reason::Malware | Reason::Illegal)
    }
}

/// Where a model stands that the operator has hidden or taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    pub kind: RestrictionKind,
    pub reason: Reason,
    /// What everybody is told.
    pub text: String,
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for reason in Reason::ALL {
            assert_eq!(reason.word().parse(), Ok(*reason));
            assert_eq!(serde_json::to_value(reason).expect("plain data"), reason.word());
        }
        assert_eq!("Malware".parse::<Reason>(), Err(()));
        assert_eq!("taken_down".parse(), Ok(RestrictionKind::TakenDown));
    }

    #[test]
    fn what_harms_by_being_read_is_closed_to_its_owner_alone() {
        let closed: Vec<_> = Reason::ALL.iter().filter(|reason| reason.closes_to_owner()).collect();
        assert_eq!(closed, [&Reason::Malware, &Reason::Illegal]);
    }
}
