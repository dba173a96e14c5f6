//! What a call would cost.

use axum::Json;
use axum::extract::State;
use hub::Hub;

use crate::extract::{AnyCaller, ModelPath};
use crate::problem::Refused;
use crate::words;

/// `POST /v2/models/{owner}/{name}[/versions/{release}]/quote`. For everybody; the body is not read.
pub(crate) async fn quote(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, release }: ModelPath,
) -> Result<Json<api::Quote>, Refused> {
    let quote = hub.quote(viewer.as_ref(), &model, release).await?;
    Ok(Json(words::quote(&quote)))
}
