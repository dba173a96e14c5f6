//! `GET /wanted`: what was searched and not found.

use axum::extract::State;
use axum::response::Response;
use hub::{Hub, WANTED_DAYS, WANTED_LEAST};

use crate::extract::AnyCaller;
use crate::problem::Refused;

pub(crate) async fn show(State(hub): State<Hub>, AnyCaller(viewer): AnyCaller) -> Result<Response, Refused> {
    let row = |missed: &store::MissedSearch| web::WantedRow {
        words: missed.words.clone(),
        accounts: missed.times,
        last: missed.last.to_string(),
    };
    Ok(super::html(web::wanted(&web::Wanted {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        days: WANTED_DAYS,
        least: WANTED_LEAST,
        rows: hub.wanted().await?.iter().map(row).collect(),
    })))
}
