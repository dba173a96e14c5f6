//! From the hub's types to words on the wire, where more than one endpoint needs it.

use std::fmt::Display;
use std::str::FromStr;

use api::{Code, Problem};
use hub::{BalanceView, Limits, RateSettings, RequestKind, RequestRate, RequestRates};
use ledger::{Money, Price};
use tensor::Port;

use crate::life::coming;
use crate::problem::Refused;

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
    api::Quote {
        model: quote.model.to_string(),
        release: quote.release.to_string(),
        price: price(&quote.price),
        coming: quote.coming.map(coming),
        yanked: quote.yanked.clone(),
        cost: quote.cost.to_string(),
        currency: currency.to_string(),
        rate: quote.rate.filter(|_| currency == ledger::Currency::Usd).map(|rate| rate.to_string()),
        fee: quote.fee.to_string(),
        parts: quote.parts.iter().map(quote_part).collect(),
    }
}

pub(crate) fn quote_part(part: &hub::NamedPart) -> api::QuotePart {
    api::QuotePart {
        account: part.account.clone(),
        role: part.role.word().to_owned(),
        amount: part.amount.to_string(),
        builds_on: part.builds_on.clone(),
    }
}

pub(crate) fn balance(BalanceView { balance, owed }: &BalanceView) -> api::Balance {
    api::Balance {
        cash: balance.available(ledger::Purse::Cash).to_string(),
        promo: balance.available(ledger::Purse::Promo).to_string(),
        held: balance.held().to_string(),
        owed: owed.to_string(),
    }
}

/// A difference of money: below zero is given.
pub(crate) fn signed(nano: i64) -> String {
    ledger::Difference(nano).to_string()
}

pub(crate) fn limits(limits: Limits) -> api::Limits {
    let text = |limit: Option<ledger::Amount>| limit.map(|limit| limit.to_string());
    api::Limits { max_cost: text(limits.call), max_day: text(limits.day), max_month: text(limits.month) }
}

/// How often each may ask.
pub(crate) fn request_rates(rates: RateSettings) -> api::RequestRates {
    let text = |rate: Option<RequestRate>| rate.map(|rate| rate.to_string());
    let kinds =
        |of: RequestRates| api::KindRates { calls: text(of.calls), writes: text(of.writes), reads: text(of.reads) };
    api::RequestRates { key: kinds(rates.key), account: kinds(rates.account), address: kinds(rates.address) }
}

/// What somebody wants them to be.
pub(crate) fn read_rates(of: &str, asked: &api::KindRates) -> Result<RequestRates, Refused> {
    let read = |kind: RequestKind, text: &Option<String>| read_some(&format!("{of}.{kind}"), text.as_deref());
    Ok(RequestRates {
        calls: read(RequestKind::Calls, &asked.calls)?,
        writes: read(RequestKind::Writes, &asked.writes)?,
        reads: read(RequestKind::Reads, &asked.reads)?,
    })
}

/// A field's value, or the refusal that names the field.
pub(crate) fn read<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Refused> {
    text.parse().map_err(|error| Problem::new(Code::InvalidRequest, format!("{field}: {error}")).into())
}

/// The same of a field that may be missing.
pub(crate) fn read_some<T: FromStr<Err: Display>>(field: &str, text: Option<&str>) -> Result<Option<T>, Refused> {
    text.map(|text| read(field, text)).transpose()
}

pub(crate) fn port(port: &Port) -> api::TensorMetadata {
    let size = |axis: &Option<u64>| axis.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
    api::TensorMetadata {
        name: port.name.clone(),
        datatype: port.datatype.to_string(),
        shape: port.shape.iter().map(size).collect(),
    }
}
