//! The list of models, in the words of these clients.

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hub::{Hub, Order, Sought};
use serde_json::Value;

use crate::edge::clip;
use crate::extract::AnyCaller;
use crate::hf::base::Base;
use crate::hf::error::Refusal;
use crate::hf::info::{chosen, siblings, told};
use crate::hf::path::next_page;
use crate::hf::query::Fields;
use crate::problem::Refused;

/// Models of a page unless `limit` says otherwise, and at most.
const PAGE: u64 = 100;
const MAX_PAGE: u64 = 1_000;

/// `GET /api/models`
pub(crate) async fn list(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Base(base): Base,
    fields: Fields,
) -> Result<(HeaderMap, Json<Vec<Value>>), Refusal> {
    let Some(sought) = sought(&fields)? else { return Ok((HeaderMap::new(), Json(Vec::new()))) };
    let (page, next) = hub.browse(viewer.as_ref(), &sought).await?;
    let full = fields.is("full");
    let with_files = full || fields.all("expand").any(|field| field == "siblings");
    let with_card = full || fields.is("cardData") || fields.all("expand").any(|field| field == "cardData");
    let model = |described| {
        let mut told = told(described, with_card);
        if with_files {
            told.insert("siblings".to_owned(), siblings(described.snapshot.tree.files(), None));
        }
        chosen(told, &fields)
    };
    let next = next.map(|next| format!("{base}/api/models?{}", fields.with("cursor", &next)));
    Ok((next_page(next), Json(page.iter().map(model).collect())))
}

/// What the query asks for. None where nothing can fit it.
fn sought(fields: &Fields) -> Result<Option<Sought>, Refused> {
    let owner = match fields.last("author").map(str::parse) {
        Some(Err(_)) => return Ok(None),
        Some(Ok(owner)) => Some(owner),
        None => None,
    };
    let words = fields.all("filter").chain(fields.all("pipeline_tag")).filter(|word| !word.is_empty());
    Ok(Some(Sought {
        owner,
        search: fields.last("search").map(str::to_owned),
        words: words.map(str::to_owned).collect(),
        open: fields.last("gated").map(|_| !fields.is("gated")),
        order: order(fields.last("sort"))?,
        cursor: fields.last("cursor").map(str::to_owned),
        limit: fields.number("limit")?.unwrap_or(PAGE).clamp(1, MAX_PAGE),
    }))
}

/// Nothing is counted here that they call downloads and likes, so by those all models are alike.
fn order(sort: Option<&str>) -> Result<Order, Refused> {
    match sort {
        None | Some("lastModified" | "last_modified" | "downloads" | "likes" | "trendingScore" | "trending_score") => {
            Ok(Order::Changed)
        }
        Some("createdAt" | "created_at") => Ok(Order::Created),
        Some(other) => {
            let message = format!("sort is \"{}\"; expected createdAt or lastModified", clip(other));
            Err(Problem::new(Code::InvalidRequest, message).into())
        }
    }
}

/// `GET /api/datasets`, `GET /api/spaces`
pub(crate) async fn nothing() -> Json<[Value; 0]> {
    Json([])
}
