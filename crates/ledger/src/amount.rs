//! Amounts: whole nano-OPG, never negative, never more than the books can hold.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::shorten;

/// An amount of money in nano-OPG (10⁻⁹ OPG). Between 0 and `i64::MAX`, so that every database holds it in a
/// signed integer; that is nine times the supply of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

/// Why a text or number is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("\"{text}\" is not an amount: expected digits with at most 9 after the point, like 0.002")]
    Form { text: String },
    #[error("{text} is below zero: an amount is at least 0")]
    Negative { text: String },
    #[error("{text} is too large: an amount is at most 9223372036.854775807 OPG")]
    TooLarge { text: String },
}

impl Amount {
    pub const ZERO: Amount = Amount(0);
    pub const MAX: Amount = Amount(i64::MAX);
    pub const PER_OPG: i64 = 1_000_000_000;

    pub fn from_nano(nano: impl TryInto<i64> + fmt::Display + Copy) -> Result<Amount, AmountError> {
        match nano.try_into() {
            Ok(n) if n >= 0 => Ok(Amount(n)),
            Ok(_) => Err(AmountError::Negative { text: format!("{nano} nano-OPG") }),
            Err(_) => Err(AmountError::TooLarge { text: format!("{nano} nano-OPG") }),
        }
    }

    pub const fn nano(self) -> i64 {
        self.0
    }

    /// The token's own units (10⁻¹⁸ OPG): exact, for receipts and chains.
    pub const fn base_units(self) -> u128 {
        self.0.unsigned_abs() as u128 * 1_000_000_000
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).filter(|n| *n >= 0).map(Amount)
    }

    /// `floor(self × points / 10 000)`. Points above 10 000 are a mistake of ours.
    pub fn portion(self, points: u16) -> Amount {
        assert!(points <= 10_000, "a portion of {points} basis points is more than the whole");
        match self.0.checked_mul(i64::from(points)) {
            Some(product) => Amount(product / 10_000),
            // Only of amounts that no call costs; every call pays for what is above.
            None => Amount((i128::from(self.0) * i128::from(points) / 10_000) as i64),
        }
    }
}

/// A difference of money in nano-OPG: prints as a decimal number of OPG, with a minus below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Difference(pub i64);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write_nano(self.0.unsigned_abs(), f)
    }
}

/// A decimal number with at most 9 places, as `units × 10⁹`. Shared by amounts and USD prices.
pub(crate) fn parse_nano(text: &str) -> Result<i64, AmountError> {
    let shown = || shorten(text);
    let form = || AmountError::Form { text: shown() };
    let digits = match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(AmountError::Negative { text: shown() });
        }
        _ => text,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) || fraction.len() > 9 || digits.ends_with('.')
    {
        return Err(form());
    }
    let large = || AmountError::TooLarge { text: shown() };
    let whole: i64 = whole.parse().map_err(|_| large())?;
    let fraction: i64 = format!("{fraction:0<9}").parse().map_err(|_| form())?;
    whole.checked_mul(Amount::PER_OPG).and_then(|n| n.checked_add(fraction)).ok_or_else(large)
}

pub(crate) fn write_nano(nano: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (whole, fraction) = (nano / 1_000_000_000, nano % 1_000_000_000);
    if fraction == 0 {
        return write!(f, "{whole}");
    }
    let places = format!("{fraction:09}");
    write!(f, "{whole}.{}", places.trim_end_matches('0'))
}

impl fmt::Display for Amount {
    /// The decimal number of OPG without unit: `0.002`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nano(self.0.unsigned_abs(), f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse_nano(text).map(Amount)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_both_ways() {
        for (text, nano) in [
            ("0", 0),
            ("0.002", 2_000_000),
            ("100", 100_000_000_000),
            ("0.000000001", 1),
            ("9223372036.854775807", i64::MAX),
        ] {
            let amount: Amount = text.parse().expect(text);
            assert_eq!((amount.nano(), amount.to_string().as_str()), (nano, text));
        }
        assert_eq!("1.50".parse::<Amount>().expect("a trailing zero is fine").to_string(), "1.5");
    }

    #[test]
    fn what_is_no_amount_is_refused_with_the_reason() {
        for text in ["", ".", "1.", ".5", "1e3", "+1", " 1", "1 OPG", "0.0000000001", "1,5", "0x10", "--1", "NaN"] {
            assert!(matches!(text.parse::<Amount>(), Err(AmountError::Form { .. })), "{text}");
        }
        assert!(matches!("-1".parse::<Amount>(), Err(AmountError::Negative { .. })));
        for text in ["9223372036.854775808", "99999999999999999999"] {
            assert!(matches!(text.parse::<Amount>(), Err(AmountError::TooLarge { .. })), "{text}");
        }
        assert!(Amount::from_nano(-1i64).is_err());
        assert!(Amount::from_nano(u64::MAX).is_err());
    }

    #[test]
    fn the_largest_amount_is_exact_in_the_tokens_own_units() {
        assert_eq!(Amount::MAX.base_units(), 9_223_372_036_854_775_807_000_000_000);
    }
}
