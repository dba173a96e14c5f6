//! Cutting: how the cost of a call becomes the hub's fee, royalties and the creators' parts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::shorten;
use crate::{AccountId, Amount};

/// A share in basis points: 0 to 10 000, written as a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Share(u16);

/// Why a text or number is not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a share: expected a percentage from 0% to 100% with at most two places, like 12.5%")]
pub struct ShareError {
    pub text: String,
}

impl Share {
    pub const WHOLE: Share = Share(10_000);

    pub fn from_points(points: u16) -> Result<Share, ShareError> {
        if points > 10_000 {
            return Err(ShareError { text: format!("{points} basis points") });
        }
        Ok(Share(points))
    }

    pub const fn points(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole}%"),
            _ if rest % 10 == 0 => write!(f, "{whole}.{}%", rest / 10),
            _ => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let refuse = || ShareError { text: shorten(text) };
        let number = text.strip_suffix('%').ok_or_else(refuse)?.trim_end();
        let (whole, places) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str, most: usize| !s.is_empty() && s.len() <= most && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 3) || !digits(places, 2) {
            return Err(refuse());
        }
        let points = whole.parse::<u32>().map_err(|_| refuse())? * 100
            + format!("{places:0<2}").parse::<u32>().map_err(|_| refuse())?;
        u16::try_from(points).ok().filter(|p| *p <= 10_000).map(Share).ok_or_else(refuse)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who receives how much of what the creators get, in written order. Points are never zero, nobody stands in it
/// twice, and they add up to 10 000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(AccountId, u16)>", into = "Vec<(AccountId, u16)>")]
pub struct Split(Vec<(AccountId, u16)>);

/// Why a split was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    #[error("a split names nobody")]
    Empty,
    #[error("a split names {count} receivers, at most {limit} are allowed")]
    TooMany { count: usize, limit: usize },
    #[error("{receiver} has no share: leave it out or give it at least 0.01%")]
    Nothing { receiver: AccountId },
    #[error("{receiver} stands in the split twice")]
    Twice { receiver: AccountId },
    #[error("{receiver} is an account of the books, not of a person")]
    System { receiver: AccountId },
    #[error("the split adds up to {sum} basis points, it has to be exactly 10000 (100%)")]
    Sum { sum: u64 },
}

impl Split {
    pub const MAX_RECEIVERS: usize = 20;

    pub fn new(shares: Vec<(AccountId, u16)>) -> Result<Split, SplitError> {
        if shares.is_empty() {
            return Err(SplitError::Empty);
        }
        if shares.len() > Self::MAX_RECEIVERS {
            return Err(SplitError::TooMany { count: shares.len(), limit: Self::MAX_RECEIVERS });
        }
        for (at, (receiver, points)) in shares.iter().enumerate() {
            let receiver = *receiver;
            if *points == 0 {
                return Err(SplitError::Nothing { receiver });
            }
            if receiver.system_name().is_some() {
                return Err(SplitError::System { receiver });
            }
            if shares[..at].iter().any(|(earlier, _)| *earlier == receiver) {
                return Err(SplitError::Twice { receiver });
            }
        }
        let sum: u64 = shares.iter().map(|(_, points)| u64::from(*points)).sum();
        if sum != 10_000 {
            return Err(SplitError::Sum { sum });
        }
        Ok(Split(shares))
    }

    pub fn all_to(owner: AccountId) -> Split {
        Split(vec![(owner, 10_000)])
    }

    pub fn shares(&self) -> &[(AccountId, u16)] {
        &self.0
    }

    /// Cuts `rest` into parts that add up to it. The odd units division leaves go to the first receivers.
    fn cut(&self, rest: Amount) -> Vec<(AccountId, Amount)> {
        let mut parts: Vec<_> = self.0.iter().map(|(to, points)| (*to, rest.portion(*points))).collect();
        let given: i64 = parts.iter().map(|(_, part)| part.nano()).sum();
        let odd = rest.nano() - given;
        assert!(odd >= 0 && odd <= parts.len() as i64, "division leaves less than one unit per receiver");
        for (_, part) in parts.iter_mut().take(odd as usize) {
            *part = Amount::from_nano(part.nano() + 1).expect("at most the whole");
        }
        parts
    }
}

impl TryFrom<Vec<(AccountId, u16)>> for Split {
    type Error = SplitError;

    fn try_from(shares: Vec<(AccountId, u16)>) -> Result<Self, SplitError> {
        Split::new(shares)
    }
}

impl From<Split> for Vec<(AccountId, u16)> {
    fn from(split: Split) -> Self {
        split.0
    }
}

/// The most that all base models together may take of what is left after the fee.
pub const MAX_ROYALTIES: u16 = 2_000;

/// Who gets what of each call: frozen in the release. (The hub's fee is the operator's, read at the quote.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTerms", into = "RawTerms")]
pub struct Terms {
    royalties: Vec<(AccountId, u16)>,
    split: Split,
}

#[derive(Serialize, Deserialize)]
struct RawTerms {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    royalties: Vec<(AccountId, u16)>,
    split: Split,
}

/// Why terms were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("royalties add up to {sum} basis points, at most {MAX_ROYALTIES} (20%) are allowed")]
pub struct TermsError {
    pub sum: u64,
}

impl Terms {
    pub fn new(royalties: Vec<(AccountId, u16)>, split: Split) -> Result<Terms, TermsError> {
        let sum = royalties.iter().map(|(_, points)| u64::from(*points)).sum();
        if sum > u64::from(MAX_ROYALTIES) {
            return Err(TermsError { sum });
        }
        Ok(Terms { royalties, split })
    }

    pub fn royalties(&self) -> &[(AccountId, u16)] {
        &self.royalties
    }

    pub fn split(&self) -> &Split {
        &self.split
    }

    /// Cuts a cost: fee = floor(cost × share); royalties = floor of the rest, edge by edge; what remains is cut
    /// by the split. Fee and parts always make the whole; parts of nothing are left out.
    pub fn cut(&self, cost: Amount, fee: Share) -> Cut {
        let fee = cost.portion(fee.points());
        let rest = cost.checked_sub(fee).expect("a fee is at most the cost");
        let mut parts = Vec::with_capacity(self.royalties.len() + self.split.0.len());
        let mut left = rest;
        for (to, points) in &self.royalties {
            let amount = rest.portion(*points);
            left = left.checked_sub(amount).expect("royalties are at most a fifth of the rest");
            parts.push(Part { to: *to, role: Role::Royalty, amount });
        }
        parts.extend(self.split.cut(left).into_iter().map(|(to, amount)| Part { to, role: Role::Creator, amount }));
        parts.retain(|part| !part.amount.is_zero());
        Cut { fee, parts }
    }
}

impl TryFrom<RawTerms> for Terms {
    type Error = TermsError;

    fn try_from(raw: RawTerms) -> Result<Self, TermsError> {
        Terms::new(raw.royalties, raw.split)
    }
}

impl From<Terms> for RawTerms {
    fn from(terms: Terms) -> Self {
        RawTerms { royalties: terms.royalties, split: terms.split }
    }
}

/// Why somebody receives a part of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The hub's: it stands in a call's `fee`, never among its parts.
    Fee,
    Royalty,
    Creator,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Fee, Role::Royalty, Role::Creator];

    pub const fn word(self) -> &'static str {
        match self {
            Role::Fee => "fee",
            Role::Royalty => "royalty",
            Role::Creator => "creator",
        }
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or(())
    }
}

/// What one receiver gets of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub to: AccountId,
    pub role: Role,
    pub amount: Amount,
}

/// A cost, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub fee: Amount,
    pub parts: Vec<Part>,
}

impl Cut {
    /// What base models get together.
    pub fn royalties(&self) -> Amount {
        let royalties = self.parts.iter().filter(|part| part.role == Role::Royalty).map(|part| part.amount);
        royalties.fold(Amount::ZERO, |sum, part| sum.checked_add(part).expect("parts make at most the cost"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn who(n: u8) -> AccountId {
        AccountId([n; 16])
    }

    #[test]
    fn two_thousandths_of_an_opg_pay_the_hub_a_tenth_and_the_creator_the_rest() {
        let terms = Terms::new(vec![], Split::all_to(who(9))).expect("terms");
        let cut = terms.cut("0.002".parse().expect("an amount"), "10%".parse().expect("a share"));
        assert_eq!(cut.fee.to_string(), "0.0002");
        assert_eq!(cut.parts[0].amount.to_string(), "0.0018");
    }

    #[test]
    fn odd_units_go_to_the_first_receivers_in_written_order() {
        let split = Split::new(vec![(who(7), 3_333), (who(8), 3_333), (who(9), 3_334)]).expect("a split");
        let cut = Terms::new(vec![], split).expect("terms").cut(Amount::from_nano(11).expect("11"), Share(0));
        assert_eq!(cut.parts.iter().map(|p| p.amount.nano()).collect::<Vec<_>>(), [4, 4, 3]);
    }

    #[test]
    fn splits_that_do_not_make_the_whole_are_refused() {
        assert_eq!(Split::new(vec![]), Err(SplitError::Empty));
        assert_eq!(Split::new(vec![(who(1), 9_999)]), Err(SplitError::Sum { sum: 9_999 }));
        assert_eq!(Split::new(vec![(who(1), 10_000), (who(2), 1)]), Err(SplitError::Sum { sum: 10_001 }));
        assert_eq!(Split::new(vec![(who(1), 5_000), (who(1), 5_000)]), Err(SplitError::Twice { receiver: who(1) }));
        assert_eq!(Split::new(vec![(who(1), 10_000), (who(2), 0)]), Err(SplitError::Nothing { receiver: who(2) }));
        assert!(matches!(Split::new(vec![(AccountId::HUB_FEE, 10_000)]), Err(SplitError::System { .. })));
        assert_eq!(Terms::new(vec![(who(2), 2_001)], Split::all_to(who(1))), Err(TermsError { sum: 2_001 }));
    }

    #[test]
    fn shares_are_percentages() {
        for (text, points, shown) in
            [("10%", 1_000, "10%"), ("12.5%", 1_250, "12.5%"), ("0.01%", 1, "0.01%"), ("100.00%", 10_000, "100%")]
        {
            let share: Share = text.parse().expect(text);
            assert_eq!((share.points(), share.to_string().as_str()), (points, shown));
        }
        for text in ["10", "-1%", "100.01%", "1.234%", "%", "1e1%", ".5%", "5.%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_always_make_the_whole(
            cost in 0i64..=i64::MAX,
            fee in 0u16..=10_000,
            royalties in prop::collection::vec(0u16..=400, 0..5),
            cuts in prop::collection::btree_set(1u16..10_000, 0..19),
        ) {
            let mut edges: Vec<u16> = cuts.into_iter().collect();
            edges.push(10_000);
            let mut before = 0;
            let shares = edges.iter().enumerate().map(|(n, edge)| {
                let points = edge - before;
                before = *edge;
                (who(10 + n as u8), points)
            }).collect();
            let royalties = royalties.into_iter().enumerate().map(|(n, p)| (who(200 + n as u8), p)).collect();
            let terms = Terms::new(royalties, Split::new(shares).expect("a split")).expect("terms");
            let cut = terms.cut(Amount::from_nano(cost).expect("positive"), Share(fee));
            let sum = i128::from(cut.fee.nano()) + cut.parts.iter().map(|p| i128::from(p.amount.nano())).sum::<i128>();
            prop_assert_eq!(sum, i128::from(cost));
        }
    }
}
