//! Making models.

use axum::Json as Told;
use axum::extract::State;
use axum::http::StatusCode;
use hub::{Error, Hub};
use registry::ModelName;
use serde::{Deserialize, Serialize};

use crate::extract::{Caller, Json};
use crate::problem::Refused;

#[derive(Deserialize)]
pub(super) struct NewModel {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

/// The SDK goes on with the name that comes back.
#[derive(Serialize)]
pub(super) struct Model {
    name: String,
}

/// `POST /api/v0/models/`: a model without a version; the SDK asks for the first one next.
pub(super) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<NewModel>,
) -> Result<(StatusCode, Told<Model>), Refused> {
    let name = ModelName::new(caller.handle().clone(), &asked.name).map_err(Error::from)?;
    hub.create_described(&caller, &name, asked.description.as_deref().unwrap_or_default()).await?;
    Ok((StatusCode::CREATED, Told(Model { name: name.name().to_owned() })))
}
