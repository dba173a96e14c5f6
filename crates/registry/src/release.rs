//! Release numbers: `1.00`, `1.01`, `2.00`.

use std::fmt;
use std::str::FromStr;

use crate::contract::Change;
use crate::text::{clip, serde_as_text};

/// The number of a release. A minor step keeps every caller working, a major one does not.
///
/// Written with at least two digits after the point, so `1.99` is followed by `1.100`. One number has one spelling:
/// `1.1`, `01.00` and `1.007` are not read. The first is `1.00`; there is no `0.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseNumber {
    major: u32,
    minor: u32,
}

/// A text that is no release number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a release: expected a number like 1.00 or 2.01")]
pub struct BadReleaseNumber {
    pub given: String,
}

impl ReleaseNumber {
    pub const FIRST: ReleaseNumber = ReleaseNumber { major: 1, minor: 0 };

    /// `None` for a major number of 0, which no release has.
    pub const fn new(major: u32, minor: u32) -> Option<ReleaseNumber> {
        if major == 0 { None } else { Some(ReleaseNumber { major, minor }) }
    }

    pub const fn major(self) -> u32 {
        self.major
    }

    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// `None` after four thousand million of them.
    pub fn next_minor(self) -> Option<ReleaseNumber> {
        Some(ReleaseNumber { major: self.major, minor: self.minor.checked_add(1)? })
    }

    /// `None` after four thousand million of them.
    pub fn next_major(self) -> Option<ReleaseNumber> {
        Some(ReleaseNumber { major: self.major.checked_add(1)?, minor: 0 })
    }
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.major, self.minor)
    }
}

impl FromStr for ReleaseNumber {
    type Err = BadReleaseNumber;

    fn from_str(text: &str) -> Result<Self, BadReleaseNumber> {
        let read = || {
            let (major, minor) = text.split_once('.')?;
            let number = ReleaseNumber::new(major.parse().ok()?, minor.parse().ok()?)?;
            // Only the spelling it prints as: no signs, no zeros to spare.
            (number.to_string() == text).then_some(number)
        };
        read().ok_or_else(|| BadReleaseNumber { given: clip(text) })
    }
}

serde_as_text!(ReleaseNumber);

/// The number of the release that follows `latest`, the newest of the line it continues, with this change of the
/// contract. `None`: the numbers are used up.
pub fn next_release(latest: Option<ReleaseNumber>, change: &Change) -> Option<ReleaseNumber> {
    match (latest, change) {
        (None, _) => Some(ReleaseNumber::FIRST),
        (Some(latest), Change::Same | Change::Minor { .. }) => latest.next_minor(),
        (Some(latest), Change::Major { .. }) => latest.next_major(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn release_numbers_have_one_spelling() {
        for text in ["1.00", "1.01", "1.99", "1.100", "12.00", "4294967295.4294967295"] {
            assert_eq!(text.parse::<ReleaseNumber>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "1.",
            ".00",
            "1.0",
            "1.1",
            "01.00",
            "1.000",
            "1.007",
            "0.01",
            "+1.00",
            "1.+1",
            "-1.00",
            "1.00.00",
            "v1.00",
            " 1.00",
            "4294967296.00",
            "1.4294967296",
            "latest",
        ] {
            let error = text.parse::<ReleaseNumber>().unwrap_err();
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn releases_follow_each_other_by_what_changed() {
        let number = |text: &str| text.parse::<ReleaseNumber>().unwrap();
        let minor = Change::Minor { what: vec!["x".to_owned()] };
        let major = Change::Major { why: vec!["x".to_owned()] };
        assert_eq!(next_release(None, &major), Some(number("1.00")), "the first release is always 1.00");
        assert_eq!(next_release(Some(number("1.00")), &Change::Same), Some(number("1.01")));
        assert_eq!(next_release(Some(number("1.99")), &minor), Some(number("1.100")));
        assert_eq!(next_release(Some(number("1.07")), &major), Some(number("2.00")));
        assert!(number("1.99") < number("1.100") && number("1.100") < number("2.00"), "they sort as numbers");
        assert_eq!(next_release(Some(number("1.4294967295")), &minor), None);
    }

    proptest! {
        #[test]
        fn every_number_reads_back(major in 1_u32.., minor: u32) {
            let number = ReleaseNumber::new(major, minor).unwrap();
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn reading_never_panics(text in ".*|[0-9]{0,12}\\.[0-9]{0,12}") {
            let _ = text.parse::<ReleaseNumber>();
        }
    }
}
