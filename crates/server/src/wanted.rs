//! What was searched and not found: to whoever thinks about what to publish next.

use axum::Json;
use axum::extract::State;
use hub::{Hub, WANTED_DAYS, WANTED_LEAST};

use crate::problem::Refused;

/// `GET /api/v1/wanted`
pub(crate) async fn list(State(hub): State<Hub>) -> Result<Json<api::Wanted>, Refused> {
    let words = |missed: &store::MissedSearch| api::WantedWords {
        words: missed.words.clone(),
        accounts: missed.times,
        last: missed.last.to_string(),
    };
    let items = hub.wanted().await?.iter().map(words).collect();
    Ok(Json(api::Wanted { days: WANTED_DAYS, least: WANTED_LEAST, items }))
}
