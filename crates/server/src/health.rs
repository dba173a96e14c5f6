//! What the hub says about itself.

use axum::Json;
use axum::extract::State;
use hub::Hub;

use crate::problem::Refused;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /v2`
pub(crate) async fn server() -> Json<api::ServerMetadata> {
    Json(itself())
}

/// What every protocol's clients are told of the server.
pub(crate) fn itself() -> api::ServerMetadata {
    let extensions = vec!["binary_tensor_data".to_owned()];
    api::ServerMetadata { name: "modelhub".to_owned(), version: VERSION.to_owned(), extensions }
}

/// `GET /v2/health/live`: it answers, so it lives.
pub(crate) async fn live() -> Json<api::Ready> {
    Json(api::Ready { ready: true })
}

/// `GET /v2/health/ready`: a paid call could be made now.
pub(crate) async fn ready(State(hub): State<Hub>) -> Result<Json<api::Ready>, Refused> {
    hub.ready().await?;
    Ok(Json(api::Ready { ready: true }))
}

/// `GET /.well-known/modelhub`: what receipts are checked against.
pub(crate) async fn hub(State(hub): State<Hub>) -> Json<api::HubInfo> {
    Json(api::HubInfo {
        name: hub.options().name.clone(),
        version: VERSION.to_owned(),
        hub: hub.hub_id().to_string(),
        keys: hub.signing_keys().iter().map(ToString::to_string).collect(),
        dev: hub.options().dev,
    })
}
