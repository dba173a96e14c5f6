//! From the hub's types to words on the wire, where more than one endpoint needs it.

use ledger::{Money, Price, Role};
use tensor::Port;

/// A price, term by term.
pub(crate) fn price(price: &Price) -> api::PriceTerms {
    let text = |money: Option<Money>| money.map(|money| money.to_string());
    api::PriceTerms {
        per_call: text(price.per_call),
        per_item: text(price.per_item),
        per_1k_in: text(price.per_1k_in),
        per_1k_out: text(price.per_1k_out),
    }
}

pub(crate) fn quote(quote: &hub::Quote) -> api::Quote {
    let currency = quote.price.currency().unwrap_or(ledger::Currency::Opg);
    let part = |part: &hub::NamedPart| api::QuotePart {
        account: part.account.clone(),
        role: role(part.role).to_owned(),
        amount: part.amount.to_string(),
    };
    api::Quote {
        model: quote.model.to_string(),
        release: quote.release.to_string(),
        price: price(&quote.price),
        cost: quote.cost.to_string(),
        currency: currency.to_string(),
        rate: quote.rate.filter(|_| currency == ledger::Currency::Usd).map(|rate| rate.to_string()),
        fee: quote.fee.to_string(),
        parts: quote.parts.iter().map(part).collect(),
    }
}

pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Royalty => "royalty",
        Role::Creator => "creator",
    }
}

pub(crate) fn purse(purse: ledger::Purse) -> &'static str {
    match purse {
        ledger::Purse::Cash => "cash",
        ledger::Purse::Promo => "promo",
    }
}

pub(crate) fn balance(balance: &ledger::Balance) -> api::Balance {
    api::Balance {
        cash: balance.available(ledger::Purse::Cash).to_string(),
        promo: balance.available(ledger::Purse::Promo).to_string(),
        held: balance.held().to_string(),
    }
}

pub(crate) fn port(port: &Port) -> api::TensorMetadata {
    let size = |axis: &Option<u64>| axis.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
    api::TensorMetadata {
        name: port.name.clone(),
        datatype: port.datatype.to_string(),
        shape: port.shape.iter().map(size).collect(),
    }
}

/// The day of a moment: the first ten characters of RFC 3339.
pub(crate) fn day(day: i64) -> String {
    let mut text = ledger::Time(day.saturating_mul(ledger::Time::DAY_MS)).to_string();
    text.truncate(10);
    text
}
