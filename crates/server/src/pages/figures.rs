//! Prices and shares as pages show them.

use ledger::{Amount, Currency, Price, Rate, Usage};
use store::ModelTotals;

/// What one call with one item costs, in the unit its owner chose.
pub(super) fn price(price: &Price) -> web::Money {
    // At a rate of one to one, the cost is the price itself, whatever its currency.
    let one_to_one = Rate::from_nano(Amount::PER_OPG);
    let number = price.cost(&Usage::ONE_CALL, one_to_one).unwrap_or(Amount::ZERO).to_string();
    let money = match price.currency() {
        Ok(Currency::Usd) => web::Money::usd(number),
        Ok(Currency::Opg) | Err(_) => web::Money::opg(number),
    };
    if is_per_call(price) { money } else { money.at_least() }
}

/// The same in the other unit, where there is a rate.
pub(super) fn converted(price: &Price, rate: Option<Rate>) -> Option<web::Money> {
    let rate = rate.filter(|_| !price.is_free())?;
    let cost = price.cost(&Usage::ONE_CALL, Some(rate)).ok()?;
    Some(match price.currency().ok()? {
        Currency::Opg => web::Money::usd(rate.opg_in_usd(cost)),
        Currency::Usd => web::Money::opg(cost.to_string()),
    })
}

/// All its terms in words, where it is more than a price per call.
pub(super) fn terms(price: &Price) -> Option<String> {
    (!is_per_call(price)).then(|| price.to_string())
}

fn is_per_call(price: &Price) -> bool {
    [price.per_item, price.per_1k_in, price.per_1k_out].into_iter().flatten().all(|money| money.is_zero())
}

/// Who gets what of one call; nobody, where it is free.
pub(super) fn shares(quote: &hub::Quote) -> Vec<web::Share> {
    let fee = (!quote.fee.is_zero()).then(|| (operator(), web::Role::Fee, quote.fee, None));
    let part = |part: &hub::NamedPart| {
        let role = match part.role {
            ledger::Role::Fee => web::Role::Fee,
            ledger::Role::Royalty => web::Role::Royalty,
            ledger::Role::Creator => web::Role::Creator,
        };
        (part.account.clone(), role, part.amount, part.builds_on.clone())
    };
    let parts: Vec<_> = fee.into_iter().chain(quote.parts.iter().map(part)).collect();
    let points = points(&parts.iter().map(|(_, _, amount, _)| *amount).collect::<Vec<_>>(), quote.cost);
    type Part = (String, web::Role, Amount, Option<String>);
    let share = |((who, role, amount, builds_on), basis_points): (Part, u32)| web::Share {
        who,
        role,
        builds_on: builds_on
            .and_then(|base| base.split_once('/').map(|(owner, name)| (owner.to_owned(), name.to_owned()))),
        basis_points,
        amount: amount.to_string(),
    };
    parts.into_iter().zip(points).map(share).collect()
}

/// The fee's account, whose handle every hub's operator has.
fn operator() -> String {
    "operator".to_owned()
}

/// Parts of `whole` in basis points that make 10,000; what division leaves goes to those it cut most.
fn points(parts: &[Amount], whole: Amount) -> Vec<u32> {
    let whole = i128::from(whole.nano()).max(1);
    let scaled = |part: &Amount| i128::from(part.nano()) * 10_000;
    let mut points: Vec<u32> = parts.iter().map(|part| (scaled(part) / whole) as u32).collect();
    let given: u32 = points.iter().sum();
    let mut by_loss: Vec<usize> = (0..parts.len()).collect();
    by_loss.sort_by_key(|place| std::cmp::Reverse(scaled(&parts[*place]) % whole));
    for place in by_loss.into_iter().take(10_000_u32.saturating_sub(given) as usize) {
        points[place] += 1;
    }
    points
}

/// A model as a row of a list; none of one that cannot be called.
pub(super) fn model_row(ranked: &hub::Ranked, rate: Option<Rate>) -> Option<web::ModelRow> {
    let (release, totals) = (ranked.shown.release.as_ref()?, &ranked.shown.totals);
    Some(web::ModelRow {
        owner: release.model.name.owner().to_string(),
        name: release.model.name.name().to_owned(),
        verified: ranked.shown.verified,
        summary: release.summary.clone(),
        task: release.task.clone(),
        price: price(&ranked.price),
        price_converted: converted(&ranked.price, rate),
        paid_calls: totals.paid_calls,
        creators_earned: totals.creators_earned.to_string(),
    })
}

/// A time with the unit that fits it: two or three digits.
pub(super) fn duration(us: u64) -> (String, &'static str) {
    match us {
        0..1_000 => (us.to_string(), "µs"),
        1_000..10_000 => (format!("{}.{}", us / 1_000, us % 1_000 / 100), "ms"),
        10_000..1_000_000 => ((us / 1_000).to_string(), "ms"),
        _ => (format!("{}.{}", us / 1_000_000, us % 1_000_000 / 100_000), "s"),
    }
}

/// Of the calls that were to be paid, those that were answered.
pub(super) fn succeeded(totals: &ModelTotals) -> web::Ratio {
    web::Ratio { part: totals.paid_calls, whole: totals.paid_tried.max(totals.paid_calls) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price_of(per_call: Option<&str>, per_item: Option<&str>) -> Price {
        let money = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Price { per_call: money(per_call), per_item: money(per_item), ..Price::FREE }
    }

    #[test]
    fn a_price_per_call_is_shown_as_its_owner_wrote_it() {
        assert_eq!(price(&price_of(Some("0.002 OPG"), None)), web::Money::opg("0.002"));
        assert_eq!(price(&price_of(Some("0.0002 USD"), None)), web::Money::usd("0.0002"));
        assert_eq!(price(&Price::FREE), web::Money::opg("0"));
        assert_eq!(terms(&price_of(Some("0.002 OPG"), None)), None);
    }

    #[test]
    fn a_price_per_item_is_shown_as_the_least_with_all_its_terms() {
        let mixed = price_of(Some("0.001 OPG"), Some("0.0002 OPG"));
        assert_eq!(price(&mixed), web::Money::opg("0.0012").at_least());
        assert_eq!(terms(&mixed).unwrap(), "0.001 OPG per call + 0.0002 OPG per item");
    }

    #[test]
    fn prices_are_converted_both_ways_where_there_is_a_rate() {
        let rate = "0.1".parse().ok();
        assert_eq!(converted(&price_of(Some("0.002 OPG"), None), rate), Some(web::Money::usd("0.0002")));
        assert_eq!(converted(&price_of(Some("0.0002 USD"), None), rate), Some(web::Money::opg("0.002")));
        assert_eq!(converted(&price_of(Some("0.0002 USD"), None), None), None);
        assert_eq!(converted(&Price::FREE, rate), None);
    }

    #[test]
    fn a_time_has_the_unit_that_fits_it() {
        for (us, shown) in [(0, "0 µs"), (999, "999 µs"), (1_279, "1.2 ms"), (81_919, "81 ms"), (2_359_295, "2.3 s")]
        {
            let (number, unit) = duration(us);
            assert_eq!(format!("{number} {unit}"), shown);
        }
    }

    #[test]
    fn shares_make_the_whole() {
        let nano = |nano: i64| Amount::from_nano(nano).unwrap();
        assert_eq!(points(&[nano(200_000), nano(1_800_000)], nano(2_000_000)), [1_000, 9_000]);
        assert_eq!(points(&[nano(1), nano(1), nano(1)], nano(3)).iter().sum::<u32>(), 10_000);
        assert_eq!(points(&[nano(i64::MAX)], nano(i64::MAX)), [10_000]);
        assert!(points(&[], Amount::ZERO).is_empty());
    }
}
