//! Numbers of versions.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use serde::{Deserialize, Serialize};

use super::path::Own;
use crate::extract::Json;
use crate::problem::Refused;

#[derive(Deserialize)]
pub(super) struct NewVersion {
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    is_major: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    version_string: String,
}

/// `POST /api/v0/models/{name}/versions`
pub(super) async fn create(
    State(hub): State<Hub>,
    Own { caller, model }: Own,
    Json(NewVersion { notes, is_major }): Json<NewVersion>,
) -> Result<(StatusCode, Told<Version>), Refused> {
    let notes = notes.unwrap_or_default();
    let version = hub.create_version(&caller, &model, &notes, is_major.unwrap_or(false)).await?;
    Ok((StatusCode::CREATED, Told(Version { version_string: version.to_string() })))
}
