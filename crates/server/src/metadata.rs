//! What a model takes, gives and costs.

use axum::Json;
use axum::extract::State;
use hub::Hub;

use crate::extract::{AnyCaller, ModelPath};
use crate::life::coming;
use crate::problem::Refused;
use crate::words;

/// `GET /v2/models/{owner}/{name}[/versions/{release}]`
pub(crate) async fn model(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    path: ModelPath,
) -> Result<Json<api::ModelMetadata>, Refused> {
    Ok(Json(of(&hub, viewer.as_ref(), &path).await?))
}

/// What every protocol's clients are told of a model.
pub(crate) async fn of(
    hub: &Hub,
    viewer: Option<&hub::Caller>,
    ModelPath { model, release }: &ModelPath,
) -> Result<api::ModelMetadata, Refused> {
    let asked = hub.model_for(viewer, model, *release).await?;
    let view = hub.view_for(viewer, model).await?;
    let release = &asked.release;
    let remote = release.contract.remote.as_ref();
    let now = hub.now();
    let price = release.price_at(now);
    let cost = price.cost(&ledger::Usage::ONE_CALL, hub.settings().rate).ok();
    Ok(api::ModelMetadata {
        name: release.model.name.to_string(),
        verified: view.verified.is_some(),
        versions: view.releases.iter().rev().map(|release| release.number.to_string()).collect(),
        platform: if remote.is_some() { "remote" } else { "onnx_onnxv1" }.to_owned(),
        engine: if remote.is_some() { "remote" } else { "onnxruntime" }.to_owned(),
        runs_on: remote.map(|remote| remote.host().to_owned()),
        inputs: release.contract.signature.inputs.iter().map(words::port).collect(),
        outputs: release.contract.signature.outputs.iter().map(words::port).collect(),
        release: release.number.to_string(),
        digest: release.digest.to_string(),
        price: words::price(&price),
        coming: release.coming_price(now).map(coming),
        yanked: release.yanked.clone(),
        cost: cost.map(|cost| cost.to_string()),
        labels: release.contract.labels.clone(),
        deadline_ms: release.contract.deadline_ms,
        task: release.contract.task.as_ref().map(|task| serde_json::to_value(task).expect("plain data")),
    })
}

/// `GET …/ready`: the model is there, and something can run it.
pub(crate) async fn ready(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    path: ModelPath,
) -> Result<Json<api::Ready>, Refused> {
    callable(&hub, viewer.as_ref(), &path).await?;
    Ok(Json(api::Ready { ready: true }))
}

/// Whether it could be called now.
pub(crate) async fn callable(
    hub: &Hub,
    viewer: Option<&hub::Caller>,
    ModelPath { model, release }: &ModelPath,
) -> Result<(), Refused> {
    let callable = hub.model_for(viewer, model, *release).await?;
    Ok(hub.ready_for(&callable).await?)
}
