//! Amounts of a receipt: base units of the token inside, a decimal number of OPG outside, exact both ways.

use std::fmt;
use std::str::FromStr;

use crate::hex;

/// Places of the token: one OPG is 10¹⁸ base units.
const PLACES: usize = 18;
const ONE: u128 = 10_u128.pow(PLACES as u32);

/// An amount in base units of 10⁻¹⁸ OPG. Reads and prints as a decimal number of OPG without a unit: `"0.002"`.
///
/// The hub counts in 10⁻⁹ OPG, so its receipts never show more than nine places; all eighteen are read, so that the
/// digest covers any amount the token can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BaseUnits(pub u128);

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an amount of OPG: digits, then at most 18 places after a point, as in 0.002")]
pub struct BadBaseUnits {
    /// The text, cut to 100 characters.
    pub text: String,
}

impl fmt::Display for BaseUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / ONE, self.0 % ONE);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let places = format!("{rest:018}");
        write!(f, "{whole}.{}", places.trim_end_matches('0'))
    }
}

impl FromStr for BaseUnits {
    type Err = BadBaseUnits;

    fn from_str(text: &str) -> Result<Self, BadBaseUnits> {
        let read = || {
            let (whole, places) = match text.split_once('.') {
                Some((_, "")) => return None,
                Some((_, places)) if places.len() > PLACES => return None,
                Some(split) => split,
                None => (text, ""),
            };
            // `parse` would take a sign; an amount has none.
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            if whole.is_empty() || !digits(whole) || !digits(places) {
                return None;
            }
            let rest: u128 = format!("{places:0<18}").parse().ok()?;
            whole.parse::<u128>().ok()?.checked_mul(ONE)?.checked_add(rest)
        };
        read().map(BaseUnits).ok_or_else(|| BadBaseUnits { text: text.chars().take(100).collect() })
    }
}

hex::serde_as_text!(BaseUnits);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_read_and_print_as_decimal_opg() {
        for (text, base_units) in [
            ("0", 0),
            ("1", ONE),
            ("0.002", 2_000_000_000_000_000),
            ("12.5", 12_500_000_000_000_000_000),
            ("0.000000000000000001", 1),
            ("340282366920938463463.374607431768211455", u128::MAX),
        ] {
            assert_eq!(text.parse(), Ok(BaseUnits(base_units)));
            assert_eq!(BaseUnits(base_units).to_string(), text);
        }
        assert_eq!("00.50".parse(), Ok(BaseUnits(ONE / 2)), "zeros to spare change nothing");
    }

    #[test]
    fn what_is_no_amount_is_refused_by_name() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1 OPG",
            "0.0000000000000000001",
            "٣",
            "1.2.3",
            "340282366920938463463.374607431768211456",
        ] {
            let error = text.parse::<BaseUnits>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_comes_back(base_units: u128) {
            prop_assert_eq!(BaseUnits(base_units).to_string().parse(), Ok(BaseUnits(base_units)));
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = text.parse::<BaseUnits>();
        }
    }
}
