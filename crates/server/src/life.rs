//! What becomes of a release: what it changed, yanked, priced anew.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use hub::{Hub, PricesView, ReleaseDiff};
use ledger::{Step, Time};
use registry::diff::{FieldDifference, FileDifference};
use registry::{File, ModelName, ReleaseNumber};
use store::ReleaseRecord;

use crate::extract::{self, AnyCaller, Caller, ModelPath, parameter};
use crate::problem::Refused;
use crate::publish::price_of;
use crate::words::{price, read_some};

/// `{owner}/{name}/…/{from}/{to}`.
pub(crate) struct DiffPath {
    pub(crate) model: ModelName,
    pub(crate) from: ReleaseNumber,
    pub(crate) to: ReleaseNumber,
}

impl<S: Send + Sync> FromRequestParts<S> for DiffPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<DiffPath, Refused> {
        let ModelPath { model, .. } = ModelPath::from_request_parts(parts, state).await?;
        let from = parameter(parts, "from", Code::ReleaseNotFound).await?;
        let to = parameter(parts, "to", Code::ReleaseNotFound).await?;
        Ok(DiffPath { model, from, to })
    }
}

/// The release, where the path has to name one.
fn named(ModelPath { model, release }: ModelPath) -> Result<(ModelName, ReleaseNumber), Refused> {
    let none = || Problem::new(Code::ReleaseNotFound, format!("{model} has no release without a number"));
    let release = release.ok_or_else(none)?;
    Ok((model, release))
}

/// `GET /api/v1/models/{owner}/{name}/diff/{from}/{to}`
pub(crate) async fn diff(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    DiffPath { model, from, to }: DiffPath,
) -> Result<Json<api::ReleaseDiff>, Refused> {
    Ok(Json(diff_words(hub.diff(viewer.as_ref(), &model, from, to).await?)))
}

fn diff_words(diff: ReleaseDiff) -> api::ReleaseDiff {
    let text = |text: hub::TextDifference| api::TextChange { path: text.path, diff: text.text, cut: text.cut };
    let (old, new) = diff.price;
    api::ReleaseDiff {
        model: diff.model.to_string(),
        from: diff.from.to_string(),
        to: diff.to.to_string(),
        files: diff.files.items.into_iter().map(file_change).collect(),
        files_left_out: diff.files.more,
        texts: diff.texts.into_iter().map(text).collect(),
        contract: diff.contract.items.into_iter().map(field_change).collect(),
        contract_left_out: diff.contract.more,
        price: (old != new).then(|| api::PriceChange { from: price(&old), to: price(&new) }),
        terms: diff.terms.items.into_iter().map(field_change).collect(),
    }
}

fn file_change(FileDifference { from, to }: FileDifference) -> api::FileChange {
    let change = match (&from, &to) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let path = from.as_ref().or(to.as_ref()).map(|file| file.path.to_string());
    let state = |file: File| api::FileState { size: file.size, sha256: file.sha256.to_string() };
    api::FileChange {
        path: path.unwrap_or_default(),
        change: change.to_owned(),
        from: from.map(state),
        to: to.map(state),
    }
}

fn field_change(FieldDifference { field, from, to }: FieldDifference) -> api::FieldChange {
    api::FieldChange { field, from, to }
}

/// `POST /api/v1/models/{owner}/{name}/releases/{release}/yank`
pub(crate) async fn yank(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    path: ModelPath,
    extract::Json(asked): extract::Json<api::Yank>,
) -> Result<Json<api::ReleaseState>, Refused> {
    let (model, release) = named(path)?;
    Ok(Json(state(hub.yank(&caller, &model, release, Some(&asked.reason)).await?)))
}

/// `DELETE /api/v1/models/{owner}/{name}/releases/{release}/yank`
pub(crate) async fn restore(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    path: ModelPath,
) -> Result<Json<api::ReleaseState>, Refused> {
    let (model, release) = named(path)?;
    Ok(Json(state(hub.yank(&caller, &model, release, None).await?)))
}

fn state(release: ReleaseRecord) -> api::ReleaseState {
    api::ReleaseState {
        model: release.model.name.to_string(),
        release: release.number.to_string(),
        yanked: release.yanked,
    }
}

/// `GET /api/v1/models/{owner}/{name}/releases/{release}/price`
pub(crate) async fn prices(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    path: ModelPath,
) -> Result<Json<api::Prices>, Refused> {
    let (model, release) = named(path)?;
    Ok(Json(prices_words(hub.prices(viewer.as_ref(), &model, release).await?)))
}

/// `PUT /api/v1/models/{owner}/{name}/releases/{release}/price`
pub(crate) async fn set_price(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    path: ModelPath,
    extract::Json(asked): extract::Json<api::SetPrice>,
) -> Result<Json<api::Prices>, Refused> {
    let (model, release) = named(path)?;
    let from: Option<Time> = read_some("from", asked.from.as_deref())?;
    let wanted = price_of(asked.price)?;
    Ok(Json(prices_words(hub.set_price(&caller, &model, release, wanted, from).await?)))
}

fn prices_words(view: PricesView) -> api::Prices {
    let sealed = view.release.created;
    let first = Step { from: sealed, price: view.release.price, set: sealed };
    let step = |step: Step| api::PriceStep {
        price: price(&step.price),
        from: step.from.to_string(),
        announced: step.set.to_string(),
    };
    api::Prices {
        model: view.release.model.name.to_string(),
        release: view.release.number.to_string(),
        price: price(&view.price),
        coming: view.coming.map(coming),
        history: std::iter::once(first).chain(view.steps).map(step).collect(),
        notice_days: view.notice_days,
    }
}

/// A price that does not hold yet, for all who are told of it.
pub(crate) fn coming(step: Step) -> api::ComingPrice {
    api::ComingPrice { price: price(&step.price), from: step.from.to_string() }
}
