//! Prices: what a release asks, in OPG or USD, and what one call of it costs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::amount::{parse_nano, write_nano};
use crate::id::shorten;
use crate::{Amount, AmountError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Currency {
    Opg,
    Usd,
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Currency::Opg => "OPG",
            Currency::Usd => "USD",
        })
    }
}

/// A number with its currency, as an author writes it: `0.002 OPG`, `0.0002 USD`. Held in 10⁻⁹ of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub currency: Currency,
    nano: i64,
}

/// Why a price was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    #[error("price \"{text}\" has no currency: write it like \"0.002 OPG\" or \"0.0002 USD\"")]
    Currency { text: String },
    #[error("price \"{text}\" is in \"{currency}\", and prices are in OPG or USD, written so: \"0.002 OPG\"")]
    Unknown { text: String, currency: String },
    #[error("price \"{text}\": {error}")]
    Number { text: String, error: AmountError },
    #[error("price {price} is above the most a unit may cost, {limit}")]
    Absurd { price: Money, limit: Money },
    #[error("a price is in one currency: {first} and {second} are mixed")]
    Mixed { first: Currency, second: Currency },
    #[error(
        "the price is in USD, but this hub has no rate for OPG yet; the operator sets one with `modelhub admin rate`"
    )]
    NoRate,
    #[error("the cost is more than an amount can hold")]
    TooLarge,
    #[error("rate \"{text}\" is not a positive number of USD for 1 OPG with at most 9 places")]
    Rate { text: String },
}

impl Money {
    /// The most that one unit may cost: a slip of the decimal point should not become a price.
    pub const LIMIT_NANO: i64 = 1_000_000 * Amount::PER_OPG;

    pub const fn opg(amount: Amount) -> Money {
        Money { currency: Currency::Opg, nano: amount.nano() }
    }

    pub fn is_zero(&self) -> bool {
        self.nano == 0
    }

    /// The number alone.
    pub fn number(&self) -> String {
        struct Number(u64);
        impl fmt::Display for Number {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_nano(self.0, f)
            }
        }
        Number(self.nano.unsigned_abs()).to_string()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.currency)
    }
}

impl FromStr for Money {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let shown = || shorten(text);
        let at = text.find(char::is_alphabetic).ok_or_else(|| PriceError::Currency { text: shown() })?;
        let (number, currency) = (text[..at].trim(), text[at..].trim());
        let currency = match currency {
            "OPG" => Currency::Opg,
            "USD" => Currency::Usd,
            other => return Err(PriceError::Unknown { text: shown(), currency: shorten(other) }),
        };
        let nano = parse_nano(number).map_err(|error| PriceError::Number { text: shown(), error })?;
        let money = Money { currency, nano };
        if nano > Self::LIMIT_NANO {
            return Err(PriceError::Absurd { price: money, limit: Money { currency, nano: Self::LIMIT_NANO } });
        }
        Ok(money)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How many USD one OPG is worth, in 10⁻⁹ USD; set by the operator. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(i64);

impl Rate {
    pub fn from_nano(nano: i64) -> Option<Rate> {
        (nano > 0).then_some(Rate(nano))
    }

    pub const fn nano(self) -> i64 {
        self.0
    }

    /// What `money` is in USD, rounded down to 10⁻⁹; for showing, never for charging.
    pub fn opg_in_usd(self, amount: Amount) -> String {
        let nano = i128::from(amount.nano()) * i128::from(self.0) / i128::from(Amount::PER_OPG);
        Money { currency: Currency::Usd, nano: nano.min(i128::from(i64::MAX)) as i64 }.number()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nano(self.0.unsigned_abs(), f)
    }
}

impl FromStr for Rate {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        parse_nano(text).ok().and_then(Rate::from_nano).ok_or_else(|| PriceError::Rate { text: shorten(text) })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What was measured, or the most that could be: what a price is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub items: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens_in: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens_out: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Usage {
    pub const ONE_CALL: Usage = Usage { items: 1, tokens_in: 0, tokens_out: 0 };
}

/// What a release asks for one call: the sum of its four terms, all in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_call: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_item: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_1k_in: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_1k_out: Option<Money>,
}

impl Price {
    pub const FREE: Price = Price { per_call: None, per_item: None, per_1k_in: None, per_1k_out: None };

    pub fn per_call(money: Money) -> Price {
        Price { per_call: Some(money), ..Price::FREE }
    }

    fn terms(&self) -> impl Iterator<Item = (Money, &'static str)> {
        [
            (self.per_call, "per call"),
            (self.per_item, "per item"),
            (self.per_1k_in, "per 1,000 tokens in"),
            (self.per_1k_out, "per 1,000 tokens out"),
        ]
        .into_iter()
        .filter_map(|(money, what)| Some((money?, what)))
    }

    /// Refuses a price whose terms are in two currencies.
    pub fn check(&self) -> Result<(), PriceError> {
        self.currency().map(drop)
    }

    /// The currency of all its terms; OPG for a price without any.
    pub fn currency(&self) -> Result<Currency, PriceError> {
        let mut terms = self.terms().map(|(money, _)| money.currency);
        let first = terms.next().unwrap_or(Currency::Opg);
        match terms.find(|other| *other != first) {
            Some(second) => Err(PriceError::Mixed { first, second }),
            None => Ok(first),
        }
    }

    pub fn is_free(&self) -> bool {
        self.terms().all(|(money, _)| money.is_zero())
    }

    /// Whether this price can never cost more than another, whatever is used and whatever the rate.
    pub fn is_at_most(&self, other: &Price) -> bool {
        let nano = |money: Option<Money>| money.map_or(0, |money| money.nano);
        let terms = |price: &Price| [price.per_call, price.per_item, price.per_1k_in, price.per_1k_out];
        let same = || self.currency().is_ok_and(|currency| other.currency() == Ok(currency));
        self.is_free() || same() && terms(self).into_iter().zip(terms(other)).all(|(a, b)| nano(a) <= nano(b))
    }

    /// What `usage` costs. Summed exactly, turned into OPG once and rounded up once, on the total.
    pub fn cost(&self, usage: &Usage, rate: Option<Rate>) -> Result<Amount, PriceError> {
        let thousandths = |money: Option<Money>, count: u64, scale: i128| {
            i128::from(money.map_or(0, |m| m.nano)).checked_mul(i128::from(count))?.checked_mul(scale)
        };
        let total = [
            thousandths(self.per_call, 1, 1_000),
            thousandths(self.per_item, usage.items, 1_000),
            thousandths(self.per_1k_in, usage.tokens_in, 1),
            thousandths(self.per_1k_out, usage.tokens_out, 1),
        ]
        .into_iter()
        .try_fold(0i128, |sum, term| sum.checked_add(term?))
        .ok_or(PriceError::TooLarge)?;
        let (over, under) = match self.currency()? {
            Currency::Opg => (total, 1_000),
            Currency::Usd if total == 0 => (0, 1),
            Currency::Usd => {
                let rate = rate.ok_or(PriceError::NoRate)?;
                let scaled = total.checked_mul(i128::from(Amount::PER_OPG)).ok_or(PriceError::TooLarge)?;
                (scaled, 1_000 * i128::from(rate.0))
            }
        };
        // Rounded up, without the addition that could overflow.
        let nano = over / under + i128::from(over % under != 0);
        i64::try_from(nano)
            .map_err(|_| PriceError::TooLarge)
            .and_then(|n| Amount::from_nano(n).map_err(|_| PriceError::TooLarge))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (money, what) in self.terms() {
            write!(f, "{}{money} {what}", if first { "" } else { " + " })?;
            first = false;
        }
        if first { f.write_str("free") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(per_call: &str, per_item: &str, per_1k: &str) -> Price {
        let money = |t: &str| (!t.is_empty()).then(|| t.parse().expect(t));
        Price { per_call: money(per_call), per_item: money(per_item), per_1k_in: money(per_1k), per_1k_out: None }
    }

    #[test]
    fn a_cost_is_rounded_up_once_on_the_total() {
        let usage = Usage { items: 3, tokens_in: 1, tokens_out: 0 };
        // 1 nano for the call, 3 for the items, a thousandth for the token: 4.001 becomes 5.
        let p = price("0.000000001 OPG", "0.000000001 OPG", "0.000000001 OPG");
        assert_eq!(p.cost(&usage, None).expect("a cost").nano(), 5);
    }

    #[test]
    fn a_usd_price_needs_a_rate_and_uses_it_exactly() {
        let p = price("0.0002 USD", "", "");
        assert_eq!(p.cost(&Usage::ONE_CALL, None), Err(PriceError::NoRate));
        // 0.0002 USD at 0.1 USD for 1 OPG are 0.002 OPG.
        assert_eq!(p.cost(&Usage::ONE_CALL, "0.1".parse().ok()).expect("a cost").to_string(), "0.002");
        // At 0.3 USD it is 0.000666…: rounded up.
        assert_eq!(p.cost(&Usage::ONE_CALL, "0.3".parse().ok()).expect("a cost").nano(), 666_667);
        assert!("0".parse::<Rate>().is_err() && "-1".parse::<Rate>().is_err());
    }

    #[test]
    fn absurd_negative_and_mixed_prices_are_refused() {
        for text in ["-0.1 OPG", "0.1", "0.1 EUR", "OPG", "1000000.000000001 OPG", "1e9 OPG", "0.1  OPG "] {
            let taken = text.parse::<Money>();
            assert!(taken.is_err() || text == "0.1  OPG ", "{text} was taken as {taken:?}");
        }
        let told = |text: &str| text.parse::<Money>().map_err(|error| error.to_string());
        assert_eq!(told("0.1OPG"), told("0.1 OPG"));
        assert!(told("0.1 EUR").is_err_and(|error| error.contains("is in \"EUR\"")));
        assert!(told("0.1 opg").is_err_and(|error| error.contains("is in \"opg\"")));
        assert!(told("0.1").is_err_and(|error| error.contains("no currency")));
        assert!(matches!(price("1 OPG", "1 USD", "").check(), Err(PriceError::Mixed { .. })));
        let large = price("1000000 OPG", "1000000 OPG", "");
        let usage = Usage { items: u64::MAX, ..Usage::ONE_CALL };
        assert_eq!(large.cost(&usage, None), Err(PriceError::TooLarge));
    }
}
