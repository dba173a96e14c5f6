//! A release's price through time: what it was sealed with, then what its owner made of it.
//!
//! Always: there is one price at any moment; a price that could cost a caller more holds only after its notice, counted
//! from when it was announced; what has begun is never changed.
//!
//! Absent on purpose: contract and split. Those of a release never change.

use serde::{Deserialize, Serialize};

use crate::{Price, Time};

/// A price that holds from a moment on, until the next one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub from: Time,
    pub price: Price,
    /// When it was announced.
    pub set: Time,
}

/// Why a price was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TariffError {
    #[error("{price} can cost more than {now}, which holds then: it is announced today and holds from {earliest} on")]
    Early { price: Box<Price>, now: Box<Price>, earliest: Time },
    #[error("a price cannot hold from {from} on: that is over")]
    Past { from: Time },
    #[error("a price is announced for {latest} at the latest")]
    Far { latest: Time },
    #[error("the price of a release changes at most {limit} times")]
    Many { limit: usize },
}

/// All prices of a release, in their order. At most one of them is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// What it was sealed with.
    pub first: Price,
    pub steps: Vec<Step>,
}

impl Tariff {
    /// How often a price may change.
    pub const MAX_STEPS: usize = 1_000;
    /// How far ahead a price may be announced.
    pub const MAX_AHEAD_MS: i64 = 366 * Time::DAY_MS;

    /// The price that holds, of the first and those after it in their order.
    pub fn holding(first: Price, steps: &[Step], now: Time) -> Price {
        steps.iter().rev().find(|step| step.from <= now).map_or(first, |step| step.price)
    }

    /// What of them was announced and does not hold yet.
    pub fn to_come(steps: &[Step], now: Time) -> Option<Step> {
        steps.iter().find(|step| step.from > now).copied()
    }

    /// The price that holds.
    pub fn at(&self, now: Time) -> Price {
        Self::holding(self.first, &self.steps, now)
    }

    /// What was announced and does not hold yet.
    pub fn coming(&self, now: Time) -> Option<Step> {
        Self::to_come(&self.steps, now)
    }

    /// What a release begins with that takes another's callers over at once, and what comes: a price that could cost them
    /// more holds after its notice all the same, or from when the other one announced as much.
    pub fn taken_over(
        holding: Price,
        coming: Option<Step>,
        wanted: Price,
        now: Time,
        notice_ms: i64,
    ) -> (Price, Option<Step>) {
        if wanted.is_at_most(&holding) {
            return (wanted, None);
        }
        let notice = Step { from: now.plus_ms(notice_ms), price: wanted, set: now };
        let announced = coming.filter(|step| wanted.is_at_most(&step.price) && step.from < notice.from);
        (holding, Some(announced.map_or(notice, |step| Step { price: wanted, ..step })))
    }

    /// Takes a new price: from a moment on, or as soon as may be. It stands in place of one that was announced before and
    /// does not hold yet. None if it changes nothing.
    pub fn change(
        &mut self,
        now: Time,
        price: Price,
        from: Option<Time>,
        notice_ms: i64,
    ) -> Result<Option<Step>, TariffError> {
        let before = self.at(now);
        let earliest = if price.is_at_most(&before) { now } else { now.plus_ms(notice_ms) };
        let from = from.unwrap_or(earliest);
        let latest = now.plus_ms(Self::MAX_AHEAD_MS.max(notice_ms));
        if from < now {
            return Err(TariffError::Past { from });
        }
        if from < earliest {
            let (price, now) = (Box::new(price), Box::new(before));
            return Err(TariffError::Early { price, now, earliest });
        }
        if from > latest {
            return Err(TariffError::Far { latest });
        }
        let begun = self.steps.partition_point(|step| step.from <= now);
        if price == before && begun == self.steps.len() {
            return Ok(None);
        }
        if begun >= Self::MAX_STEPS {
            return Err(TariffError::Many { limit: Self::MAX_STEPS });
        }
        self.steps.truncate(begun);
        // What holds from this very moment on has begun: the next price follows it.
        let from = self.steps.last().map_or(from, |last| from.max(last.from.plus_ms(1)));
        let step = Step { from, price, set: now };
        self.steps.push(step);
        Ok(Some(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Usage;
    use proptest::prelude::*;

    const DAY: i64 = Time::DAY_MS;
    const NOTICE: i64 = 14 * DAY;

    fn price(text: &str) -> Price {
        Price::per_call(text.parse().expect(text))
    }

    #[test]
    fn a_release_that_takes_over_raises_no_price_before_its_notice() {
        let [low, mid, high] = ["0.001 OPG", "0.002 OPG", "0.003 OPG"].map(price);
        let now = Time(1_000);
        let over = |coming, wanted| Tariff::taken_over(mid, coming, wanted, now, NOTICE);
        assert_eq!(over(None, mid), (mid, None));
        assert_eq!(over(None, low), (low, None), "less holds at once");
        let step = |from, price, set| Step { from, price, set };
        assert_eq!(over(None, high), (mid, Some(step(now.plus_ms(NOTICE), high, now))));
        // Callers were told of it before.
        let told = step(now.plus_ms(DAY), high, Time(7));
        assert_eq!(over(Some(told), high), (mid, Some(told)));
        let dear = price("0.004 OPG");
        assert_eq!(over(Some(told), dear).1, Some(step(now.plus_ms(NOTICE), dear, now)), "not of as much");
        // Another currency may cost more.
        assert!(over(None, price("0.0001 USD")).1.is_some());
    }

    fn tariff() -> Tariff {
        Tariff { first: price("0.002 OPG"), steps: Vec::new() }
    }

    #[test]
    fn a_lower_price_holds_at_once_and_a_higher_one_after_its_notice() {
        let mut tariff = tariff();
        let lower = tariff.change(Time(5), price("0.001 OPG"), None, NOTICE).expect("taken").expect("a change");
        assert_eq!((lower.from, tariff.at(Time(4)), tariff.at(Time(5))), (Time(5), price("0.002 OPG"), lower.price));
        let higher = tariff.change(Time(9), price("0.003 OPG"), None, NOTICE).expect("taken").expect("a change");
        assert_eq!(higher.from, Time(9 + NOTICE));
        assert_eq!(tariff.coming(Time(9)), Some(higher));
        assert_eq!(tariff.at(Time(8 + NOTICE)), lower.price);
        assert_eq!((tariff.at(Time(9 + NOTICE)), tariff.coming(Time(9 + NOTICE))), (higher.price, None));
    }

    #[test]
    fn what_was_announced_gives_way_to_the_next_word() {
        let mut tariff = tariff();
        tariff.change(Time(0), price("0.003 OPG"), None, NOTICE).expect("taken");
        let same = tariff.change(Time(DAY), price("0.002 OPG"), None, NOTICE).expect("taken");
        assert!(same.is_some(), "it takes the announcement back");
        assert_eq!((tariff.coming(Time(DAY)), tariff.at(Time(NOTICE))), (None, price("0.002 OPG")));
        assert_eq!(tariff.change(Time(2 * DAY), price("0.002 OPG"), None, NOTICE), Ok(None), "nothing changes");
    }

    #[test]
    fn wrong_moments_are_refused_with_the_right_one() {
        let table = [
            ("0.003 OPG", Some(NOTICE - 1), "it is announced today and holds from 1970-01-15T00:00:00.000Z on"),
            ("0.001 USD", Some(1), "can cost more than 0.002 OPG per call"),
            ("0.001 OPG", Some(-1), "that is over"),
            ("0.001 OPG", Some(367 * DAY), "at the latest"),
        ];
        for (text, from, reason) in table {
            let mut tariff = tariff();
            let refused = tariff.change(Time(0), price(text), from.map(Time), NOTICE).expect_err(text);
            assert!(refused.to_string().contains(reason), "{text}: {refused}");
            assert_eq!(tariff, self::tariff(), "nothing was taken");
        }
        let mut tariff = tariff();
        for at in 0..Tariff::MAX_STEPS as i64 {
            let text = format!("0.001{:06} OPG", 999_999 - at);
            tariff.change(Time(at), price(&text), None, NOTICE).expect("lower and lower");
        }
        let many = tariff.change(Time(2_000), price("0 OPG"), None, NOTICE);
        assert_eq!(many, Err(TariffError::Many { limit: Tariff::MAX_STEPS }));
    }

    fn prices() -> impl Strategy<Value = Price> {
        let money = |currency: &'static str| {
            proptest::option::of(0u32..4)
                .prop_map(move |n| n.map(|n| format!("0.00{n} {currency}").parse().expect("money")))
        };
        let terms = |currency| {
            (money(currency), money(currency)).prop_map(|(per_call, per_item)| Price {
                per_call,
                per_item,
                ..Price::FREE
            })
        };
        prop_oneof![3 => terms("OPG"), 1 => terms("USD")]
    }

    proptest! {
        /// Whatever an owner does, and whenever: a price that could cost more at any usage was announced a notice ago, and
        /// what held once is what held then for ever.
        #[test]
        fn a_rise_never_holds_before_its_notice(
            first in prices(),
            wishes in proptest::collection::vec((0i64..9, prices(), proptest::option::of(-2i64..40)), 1..24),
            usage in (1u64..5).prop_map(|items| Usage { items, ..Usage::ONE_CALL }),
        ) {
            let mut tariff = Tariff { first, steps: Vec::new() };
            let rate = "0.5".parse().ok();
            let mut now = 0;
            let mut held = Vec::new();
            for (later, price, from) in wishes {
                for day in now..now + later {
                    held.push((Time(day * DAY), tariff.at(Time(day * DAY))));
                }
                now += later;
                let before = tariff.clone();
                let from = from.map(|days| Time((now + days) * DAY));
                if tariff.change(Time(now * DAY), price, from, NOTICE).is_err() {
                    prop_assert_eq!(&tariff, &before, "what is refused changes nothing");
                }
                prop_assert!(tariff.steps.is_sorted_by(|a, b| a.from < b.from), "one price at any moment");
                prop_assert!(tariff.steps.iter().filter(|step| step.from > Time(now * DAY)).count() <= 1);
            }
            for (then, price) in held {
                prop_assert_eq!(tariff.at(then), price, "what held then");
            }
            let mut before = first;
            for step in &tariff.steps {
                let dearer = step.price.cost(&usage, rate).expect("a cost") > before.cost(&usage, rate).expect("a cost");
                let noticed = step.from.0 - step.set.0 >= NOTICE;
                prop_assert!(noticed || !dearer, "{} after {before} without notice", step.price);
                before = step.price;
            }
        }
    }
}
