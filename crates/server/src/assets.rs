//! Style sheet and icon, under names that change with their content.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::edge::clip;
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
pub(crate) async fn show(Found(asset): Found) -> Response {
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes).into_response()
}
