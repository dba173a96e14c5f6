//! Finding models: what a query asks for, and the answer in JSON. The page asks the same (`pages/search.rs`).

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use hub::{Facet, Filters, FoundModel, Hub, Kind, Query, SearchWish, Searched, Sort};
use ledger::Amount;
use registry::{Access, Handle};
use store::SearchId;

use crate::edge::clip;
use crate::extract::AnyCaller;
use crate::hf::query::Fields;
use crate::problem::Refused;

/// What there is of tiers as yet.
pub(crate) const TIERS: &[&str] = &["listed"];
/// Most values of one field.
const MAX_VALUES: usize = 10;

/// `GET /api/v1/search`
pub(crate) async fn list(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    fields: Fields,
) -> Result<Json<api::Found>, Refused> {
    let wish = SearchWish { query: query(&fields)?, surface: "api", current: false };
    Ok(Json(told(hub.search(viewer.as_ref(), wish).await?)))
}

/// What is asked for. Fields without a value ask for nothing, as forms send them.
pub(crate) fn query(fields: &Fields) -> Result<Query, Refused> {
    let mut of = Vec::new();
    for kind in Kind::ALL {
        let values: Vec<&str> = fields.all(kind.word()).map(str::trim).filter(|value| !value.is_empty()).collect();
        if values.len() > MAX_VALUES {
            let message = format!("{} stands there {} times; at most {MAX_VALUES} are read", kind.word(), values.len());
            return Err(invalid(message));
        }
        for value in values {
            of.push((kind, known(kind, value)?));
        }
    }
    let owner = match fields.last("owner").map(str::trim) {
        None | Some("") => None,
        Some(owner) => Some(owner.parse::<Handle>().map_err(|error| invalid(format!("owner: {error}")))?.to_string()),
    };
    let limit = match fields.last("limit") {
        None => api::SEARCH_PAGE,
        Some(text) => {
            text.parse().ok().filter(|limit| (1..=api::MAX_SEARCH_PAGE).contains(limit)).ok_or_else(|| {
                invalid(format!("limit is \"{}\"; expected a number from 1 to {}", clip(text), api::MAX_SEARCH_PAGE))
            })?
        }
    };
    let after = match fields.last("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|error| Refused::from(hub::Error::Search(error)))?),
    };
    let filters = Filters {
        of,
        owner,
        min_price: price(fields, "min_price")?,
        max_price: price(fields, "max_price")?,
        released: true,
        ..Filters::default()
    };
    Ok(Query {
        text: fields.last("q").unwrap_or_default().trim().to_owned(),
        filters,
        sort: sort(fields)?,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        // What all pages have in common is told once.
        facets: after.is_none(),
        after,
        ..Query::default()
    })
}

fn invalid(message: String) -> Refused {
    Problem::new(Code::InvalidRequest, message).into()
}

/// A value of a facet as the index has it; of facets whose values are ours, one of those.
fn known(kind: Kind, value: &str) -> Result<String, Refused> {
    match kind {
        Kind::Tier => match TIERS.iter().position(|tier| *tier == value) {
            Some(tier) => Ok(tier.to_string()),
            None => Err(invalid(format!("tier is \"{}\"; expected {}", clip(value), TIERS.join(", ")))),
        },
        Kind::Access if Access::from_word(value).is_none() => {
            Err(invalid(format!("access is \"{}\"; expected sealed, gated or open", clip(value))))
        }
        _ => Ok(value.to_owned()),
    }
}

/// The same the other way round.
pub(crate) fn value_told(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Tier => tier_told(value.parse().unwrap_or(0)).to_owned(),
        _ => value.to_owned(),
    }
}

fn tier_told(tier: usize) -> &'static str {
    TIERS.get(tier).copied().unwrap_or(TIERS[0])
}

/// An amount of OPG in nano.
fn price(fields: &Fields, name: &str) -> Result<Option<u64>, Refused> {
    let Some(text) = fields.last(name).map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let amount: Amount = text
        .strip_suffix("OPG")
        .unwrap_or(text)
        .trim()
        .parse()
        .map_err(|error| invalid(format!("{name} is \"{}\", no amount of OPG: {error}", clip(text))))?;
    Ok(Some(amount.nano().unsigned_abs()))
}

fn sort(fields: &Fields) -> Result<Sort, Refused> {
    let Some(word) = fields.last("sort") else { return Ok(Sort::default()) };
    Sort::ALL.into_iter().find(|sort| sort.word() == word).ok_or_else(|| {
        let words: Vec<&str> = Sort::ALL.iter().map(|sort| sort.word()).collect();
        invalid(format!("sort is \"{}\"; expected one of {}", clip(word), words.join(", ")))
    })
}

/// Where a link to a model comes from: `SEARCH.POSITION`. What is not that comes from nowhere.
pub(crate) fn from(text: &str) -> Option<(SearchId, u32)> {
    let (search, position) = text.split_once('.')?;
    let plain = search.len() == 32 && search.bytes().all(|byte| byte.is_ascii_hexdigit());
    let search = u128::from_str_radix(search, 16).ok().filter(|_| plain)?;
    Some((SearchId(search.to_be_bytes()), position.parse().ok()?))
}

/// A search's name, as links carry it.
pub(crate) fn name(search: &Searched) -> String {
    search.id.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn told(found: Searched) -> api::Found {
    let search = name(&found);
    let facet = |(kind, values): (Kind, Vec<Facet>)| {
        let count = |facet: Facet| api::FacetCount { value: value_told(kind, &facet.value), count: facet.count };
        (kind.word().to_owned(), values.into_iter().map(count).collect())
    };
    api::Found {
        search,
        total: found.total,
        complete: found.complete,
        items: found.items.into_iter().filter_map(model).collect(),
        next: found.next.map(|next| next.to_string()),
        facets: found.facets.into_iter().map(facet).collect(),
    }
}

fn model(FoundModel { shown, price, cost, position }: FoundModel) -> Option<api::FoundModel> {
    let release = shown.release?;
    Some(api::FoundModel {
        position,
        model: release.model.name.to_string(),
        summary: release.summary,
        task: release.task,
        licence: release.license,
        access: shown.repository.access.word().to_owned(),
        tier: tier_told(0).to_owned(),
        private: shown.repository.model.private,
        verified: shown.verified,
        price: price?.to_string(),
        cost: cost.map(|cost| cost.to_string()),
        paid_calls: shown.totals.paid_calls,
        creators_earned: shown.totals.creators_earned.to_string(),
        latest: release.number.to_string(),
        created: shown.repository.model.created.to_string(),
        updated: shown.repository.changed.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_search_and_a_place_say_where_a_link_comes_from() {
        let search = "0123456789abcdef0123456789abcdef";
        assert_eq!(from(&format!("{search}.7")).map(|(_, position)| position), Some(7));
        for nowhere in [
            "",
            ".",
            "7",
            search,
            &format!("{search}.x"),
            &format!("+{}.1", &search[1..]),
            &format!("{search}.4294967296"),
        ] {
            assert_eq!(from(nowhere), None, "{nowhere}");
        }
    }
}
