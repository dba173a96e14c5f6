//! Style sheet, icon and scripts, packed where that is taken, under names that change with their content.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::edge::clip;
use crate::packing::Packing;
use crate::problem::Refused;

/// `{asset}`
pub(crate) struct Found(web::Asset);

impl<S: Send + Sync> FromRequestParts<S> for Found {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Found, Refused> {
        let path = RawPathParams::from_request_parts(parts, state).await.ok();
        let name = path.as_ref().and_then(|path| path.iter().next()).map_or("", |(_, name)| name);
        let missing = || Problem::new(Code::NotFound, format!("there is no file \"{}\"", clip(name)));
        Ok(Found(web::asset(name).ok_or_else(missing)?))
    }
}

/// `GET /static/{asset}`
pub(crate) async fn show(Found(asset): Found, headers: HeaderMap) -> Response {
    let kept = "public, max-age=31536000, immutable";
    let told = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, kept), (VARY, "accept-encoding")];
    match Packing::accepted(&headers) {
        // Each browser asks once: there is nothing to keep.
        Some(packing) => (told, [(CONTENT_ENCODING, packing.header())], packing.pack(asset.bytes)).into_response(),
        None => (told, asset.bytes).into_response(),
    }
}
