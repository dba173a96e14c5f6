//! `GET /search`: the form, facets as links, what was found. All of its state stands in the address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub::{Facet, FoundModel, Hub, Kind, SearchWish, Searched, Sort};
use ledger::Rate;

use super::figures;
use crate::extract::AnyCaller;
use crate::hf::error::Whole;
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::search::{name, query, value_told};

/// Fields that say what is searched, in the order in which links have them.
const FIELDS: &[&str] =
    &["q", "task", "licence", "format", "tag", "access", "tier", "owner", "min_price", "max_price", "sort"];

pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    fields: Fields,
) -> Result<Response, Refused> {
    let found = match query(&fields) {
        Ok(query) => {
            // Private models have no pages, so that nobody is led to one.
            let wish = SearchWish { query, surface: "page", current: false };
            hub.search(None, wish).await.map_err(Refused::from)
        }
        Err(refused) => Err(refused),
    };
    let chrome = super::chrome_for(&hub, viewer.as_ref());
    match found {
        Ok(found) => Ok(super::html(web::search(&page(&hub, chrome, &fields, Some(found), None)))),
        // What was typed stays, with what is wrong with it.
        Err(refused) if Refused::status(refused.problem().code) == StatusCode::BAD_REQUEST => {
            let wrong = refused.problem().message.clone();
            let page = web::search(&page(&hub, chrome, &fields, None, Some(wrong)));
            let mut response = super::html(page);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response.extensions_mut().insert(Whole);
            Ok(response)
        }
        Err(refused) => Err(refused),
    }
}

fn page(
    hub: &Hub,
    chrome: web::Chrome,
    fields: &Fields,
    found: Option<Searched>,
    wrong: Option<String>,
) -> web::Search {
    let rate = hub.settings().rate;
    let typed = |name: &str| fields.last(name).unwrap_or_default().to_owned();
    let asked = Asked::of(fields);
    let first = fields.last("cursor").is_none();
    let sort = fields.last("sort").unwrap_or(Sort::default().word());
    let chosen: Vec<web::Chosen> = asked.chosen().collect();
    let facets = found.iter().flat_map(|found| &found.facets).filter_map(|(kind, values)| group(&asked, *kind, values));
    web::Search {
        chrome,
        query: typed("q"),
        max_price: typed("max_price"),
        kept: asked.kept(&["q", "max_price", "sort"]),
        sorts: Sort::ALL
            .map(|known| web::Choice {
                value: known.word().to_owned(),
                label: label(known).to_owned(),
                chosen: known.word() == sort,
            })
            .into(),
        facets: facets.collect(),
        chosen,
        wrong,
        total: found.as_ref().map(|found| found.total),
        complete: found.as_ref().is_none_or(|found| found.complete),
        first,
        search: found.as_ref().map(name).unwrap_or_default(),
        more: found.as_ref().and_then(|found| found.next).map(|next| asked.link(Some(("cursor", &next.to_string())))),
        models: found.into_iter().flat_map(|found| found.items).filter_map(|found| row(found, rate)).collect(),
    }
}

fn label(sort: Sort) -> &'static str {
    match sort {
        Sort::Relevance => "Best match",
        Sort::New => "Newest",
        Sort::Updated => "Updated last",
        Sort::Price => "Cheapest",
        Sort::Used => "Most used",
    }
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Task => "Task",
        Kind::Licence => "Licence",
        Kind::Format => "Format",
        Kind::Tag => "Tags",
        Kind::Tier => "Tier",
        Kind::Access => "Weights",
    }
}

/// Values to narrow the search to. One that all have tells nothing, nor does one that is chosen.
fn group(asked: &Asked, kind: Kind, values: &[Facet]) -> Option<web::FacetGroup> {
    let values: Vec<web::FacetValue> = values
        .iter()
        .map(|facet| (value_told(kind, &facet.value), facet.count))
        .filter(|(value, _)| !asked.has(kind.word(), value))
        .map(|(value, count)| web::FacetValue { link: asked.link(Some((kind.word(), &value))), value, count })
        .collect();
    let single = values.len() == 1 && matches!(kind, Kind::Tier);
    (!values.is_empty() && !single).then(|| web::FacetGroup { title: title(kind), values })
}

fn row(FoundModel { shown, price, position, .. }: FoundModel, rate: Option<Rate>) -> Option<web::FoundRow> {
    let price = price?;
    let release = shown.release?;
    Some(web::FoundRow {
        position,
        model: web::ModelRow {
            owner: release.model.name.owner().to_string(),
            name: release.model.name.name().to_owned(),
            verified: shown.verified,
            summary: release.summary,
            task: release.task,
            price: figures::price(&price),
            price_converted: figures::converted(&price, rate),
            paid_calls: shown.totals.paid_calls,
            creators_earned: shown.totals.creators_earned.to_string(),
        },
    })
}

/// The fields that were filled in.
struct Asked(Vec<(&'static str, String)>);

impl Asked {
    fn of(fields: &Fields) -> Asked {
        let mut asked = Vec::new();
        for name in FIELDS {
            let values = fields.all(name).filter(|value| !value.trim().is_empty()).take(10);
            asked.extend(values.map(|value| (*name, value.to_owned())));
        }
        Asked(asked)
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(known, set)| *known == name && set == value)
    }

    /// What a form has to carry along that it does not show.
    fn kept(&self, shown: &[&str]) -> Vec<(String, String)> {
        let kept = self.0.iter().filter(|(name, _)| !shown.contains(name));
        kept.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The filters that are set, each with the link without it.
    fn chosen(&self) -> impl Iterator<Item = web::Chosen> {
        let filters = self.0.iter().enumerate().filter(|(_, (name, _))| !matches!(*name, "q" | "sort"));
        filters.map(|(at, (name, value))| {
            let others = self.0.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, pair)| pair);
            let label = match *name {
                "max_price" => format!("at most {value} OPG"),
                "min_price" => format!("at least {value} OPG"),
                name => format!("{name}: {value}"),
            };
            web::Chosen { label, without: address(others.map(|(name, value)| (*name, value.as_str()))) }
        })
    }

    /// The same search with one field more.
    fn link(&self, more: Option<(&str, &str)>) -> String {
        address(self.0.iter().map(|(name, value)| (*name, value.as_str())).chain(more))
    }
}

fn address<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { "/search".to_owned() } else { format!("/search?{query}") }
}
