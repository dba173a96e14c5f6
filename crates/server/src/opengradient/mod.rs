//! What the `opengradient` SDK asks of a model hub, so that it works here unchanged once it is sent here.
//!
//! Always: names stand in the caller's namespace, without an owner; refusals are `{"detail": text}`, the only form the SDK
//! shows; an upload that was taken is answered 201 and nothing else; no answer is a redirect.
//!
//! Absent on purpose: the SDK's inference and its chain, which it asks elsewhere.
//!
//! To add a call: its route below, a row in the table of docs/api.md, a case in `tests/http/opengradient.rs` and, if the
//! SDK makes it, in `tests/clients/opengradient_sdk.py`.

mod cid;
mod files;
mod form;
mod models;
mod path;
mod versions;

use axum::Router;
use axum::routing::{any, get, post};
use hub::Hub;

/// Their paths, below `routes.rs`.
pub(crate) fn routes() -> Router<Hub> {
    Router::new()
        // The SDK asks with the slash, and redirects are not for it.
        .route("/api/v0/models/", post(models::create))
        .route("/api/v0/models", post(models::create))
        .route("/api/v0/models/{name}/versions", post(versions::create))
        .route("/api/v0/models/{name}/versions/{version}/files", get(files::list).post(files::upload))
        .route("/api/v0", any(path::nothing))
        .route("/api/v0/{*rest}", any(path::nothing))
}
