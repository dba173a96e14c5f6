//! `GET /publish`: the form. What it sends goes to the same routes as anybody's (`uploads.rs`, `publish.rs`).

use axum::extract::State;
use axum::response::Response;
use hub::Hub;

use super::account::Viewer;
use crate::hf::query::Fields;
use crate::problem::Refused;

/// A browser reads a file whole to tell its digest, so it takes smaller ones than the hub does.
const FILE_MIB: u64 = 512;

pub(crate) async fn show(State(hub): State<Hub>, Viewer(caller): Viewer, fields: Fields) -> Result<Response, Refused> {
    let settings = hub.settings();
    let asked = fields.last("owner").unwrap_or_else(|| caller.handle().as_str());
    let publisher = |account: hub::Account| web::Publisher {
        chosen: account.handle.as_str() == asked,
        handle: account.handle.to_string(),
    };
    Ok(super::html(web::publish(&web::Publish {
        chrome: super::chrome_for(&hub, Some(&caller)),
        publishers: hub.publishers(&caller).await?.into_iter().map(publisher).collect(),
        hub: hub.options().public_url.clone(),
        fee: settings.fee.to_string(),
        fee_points: settings.fee.points(),
        rate: settings.rate.map(|rate| rate.to_string()),
        file_mib: FILE_MIB.min(hub.max_file() / 1024 / 1024),
    })))
}
