//! Reports, what the operator makes of models, and whom the operator knows.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hub::{DecisionView, Hub, Measure, Report, ReportState, ReportWish, Verified};
use registry::{Handle, Reason};
use serde::Deserialize;
use store::{Account, ModelRecord};

use crate::edge::clip;
use crate::extract::{self, AnyCaller, Caller, ModelPath, Page, Query, parameter};
use crate::problem::Refused;
use crate::words::read_some;

/// Which report, from the path: `report_…`.
pub(crate) struct ReportPath(pub(crate) u64);

impl<S: Send + Sync> FromRequestParts<S> for ReportPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<ReportPath, Refused> {
        let text: String = parameter(parts, "report", Code::ReportNotFound).await?;
        let missing = || Problem::new(Code::ReportNotFound, format!("there is no report \"{}\"", clip(&text)));
        let id = text.strip_prefix("report_").and_then(|id| id.parse().ok());
        Ok(ReportPath(id.ok_or_else(missing)?))
    }
}

/// `{handle}`, where an account has to be.
pub(crate) struct HandlePath(pub(crate) Handle);

impl<S: Send + Sync> FromRequestParts<S> for HandlePath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<HandlePath, Refused> {
        Ok(HandlePath(parameter(parts, "handle", Code::AccountNotFound).await?))
    }
}

/// One of a closed list, or the refusal that names it.
fn one_of<T: std::str::FromStr>(field: &str, word: &str, known: Vec<&str>) -> Result<T, Refused> {
    let message = || format!("{field} is \"{}\"; expected one of {}", clip(word), known.join(", "));
    word.parse().map_err(|_| Problem::new(Code::InvalidRequest, message()).into())
}

pub(crate) fn reason(word: &str) -> Result<Reason, Refused> {
    one_of("reason", word, Reason::ALL.iter().map(|reason| reason.word()).collect())
}

/// `POST /api/v1/models/{owner}/{name}/reports`
pub(crate) async fn report(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::NewReport>,
) -> Result<(StatusCode, Json<api::Report>), Refused> {
    let release = read_some("release", asked.release.as_deref())?;
    let wish = ReportWish { release, reason: reason(&asked.reason)?, text: asked.text };
    let noted = hub.report(&caller, &model, wish).await?;
    Ok((StatusCode::CREATED, Json(told(noted, false))))
}

/// `GET /api/v1/reports`
pub(crate) async fn own_reports(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Reports>, Refused> {
    Ok(Json(page(hub.own_reports(&caller, cursor, limit).await?, limit, false)))
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    state: Option<String>,
}

/// `GET /api/v1/admin/reports?state=`
pub(crate) async fn all_reports(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Query(Wanted { state }): Query<Wanted>,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Reports>, Refused> {
    let known = || ReportState::ALL.iter().map(|state| state.word()).collect();
    let state = state.map(|word| one_of("state", &word, known())).transpose()?;
    Ok(Json(page(hub.all_reports(&caller, state, cursor, limit).await?, limit, true)))
}

fn page(found: Vec<Report>, limit: u64, by: bool) -> api::Reports {
    let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| last.id.to_string());
    api::Reports { items: found.into_iter().map(|report| told(report, by)).collect(), next }
}

fn told(report: Report, by: bool) -> api::Report {
    api::Report {
        id: format!("report_{}", report.id),
        model: report.name,
        release: report.release.map(|release| release.to_string()),
        reason: report.reason.word().to_owned(),
        text: report.text,
        state: report.state.word().to_owned(),
        sent: report.at.to_string(),
        changed: report.changed.to_string(),
        answer: report.answer,
        decided: report.decided.map(|at| at.to_string()),
        by: by.then(|| report.by.handle.to_string()),
    }
}

/// `POST /api/v1/admin/reports/{report}/dismiss`
pub(crate) async fn dismiss(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ReportPath(report): ReportPath,
    extract::Json(asked): extract::Json<api::DismissReport>,
) -> Result<Json<api::Report>, Refused> {
    Ok(Json(told(hub.dismiss_report(&caller, report, &asked.text, &asked.note).await?, true)))
}

/// `POST /api/v1/admin/models/{owner}/{name}/hide`
pub(crate) async fn hide(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::Restrict>,
) -> Result<Json<api::ModelStanding>, Refused> {
    let measure = Measure::Hide(reason(&asked.reason)?);
    Ok(Json(standing(&hub.moderate(&caller, &model, measure, &asked.text, &asked.note).await?.model)))
}

/// `POST /api/v1/admin/models/{owner}/{name}/take-down`
pub(crate) async fn take_down(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::Restrict>,
) -> Result<Json<api::ModelStanding>, Refused> {
    let measure = Measure::TakeDown(reason(&asked.reason)?);
    Ok(Json(standing(&hub.moderate(&caller, &model, measure, &asked.text, &asked.note).await?.model)))
}

/// `POST /api/v1/admin/models/{owner}/{name}/restore`
pub(crate) async fn restore(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    extract::Json(asked): extract::Json<api::RestoreModel>,
) -> Result<Json<api::ModelStanding>, Refused> {
    Ok(Json(standing(&hub.moderate(&caller, &model, Measure::Restore, &asked.text, &asked.note).await?.model)))
}

fn standing(model: &ModelRecord) -> api::ModelStanding {
    let restriction = model.restriction.as_ref();
    api::ModelStanding {
        model: model.name.to_string(),
        state: restriction.map_or("listed", |restriction| restriction.kind.word()).to_owned(),
        reason: restriction.map(|restriction| restriction.reason.word().to_owned()),
        text: restriction.map(|restriction| restriction.text.clone()),
        since: restriction.map(|restriction| restriction.at.to_string()),
    }
}

/// `GET /api/v1/models/{owner}/{name}/moderation`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
) -> Result<Json<api::Moderation>, Refused> {
    let view = hub.moderation(viewer.as_ref(), &model).await?;
    let decisions = view.decisions.into_iter().map(|line| decision(line, false)).collect();
    Ok(Json(api::Moderation { standing: standing(&view.model), decisions }))
}

/// `GET /api/v1/admin/moderation`
pub(crate) async fn trail(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Decisions>, Refused> {
    let found = hub.decisions(&caller, cursor, limit).await?;
    let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| last.decision.seq.to_string());
    Ok(Json(api::Decisions { items: found.into_iter().map(|line| decision(line, true)).collect(), next }))
}

fn decision(DecisionView { decision, by }: DecisionView, whole: bool) -> api::Decision {
    api::Decision {
        time: decision.at.to_string(),
        decision: decision.kind.word().to_owned(),
        reason: decision.reason.map(|reason| reason.word().to_owned()),
        text: decision.text,
        about: whole.then_some(decision.name),
        by: by.filter(|_| whole).map(|handle| handle.to_string()),
        note: Some(decision.note).filter(|note| whole && !note.is_empty()),
        report: decision.report.filter(|_| whole).map(|report| format!("report_{report}")),
    }
}

/// `GET /api/v1/admin/restricted`
pub(crate) async fn restricted(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::RestrictedModels>, Refused> {
    let offset = cursor.unwrap_or(0);
    let found = hub.restricted(&caller, offset, limit).await?;
    let next = (found.len() as u64 == limit).then(|| offset.saturating_add(limit).to_string());
    Ok(Json(api::RestrictedModels { items: found.iter().map(|of| standing(&of.model)).collect(), next }))
}

/// `PUT /api/v1/admin/verified/{handle}`
pub(crate) async fn verify(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HandlePath(handle): HandlePath,
    extract::Json(asked): extract::Json<api::Verify>,
) -> Result<Json<api::VerifiedAccount>, Refused> {
    Ok(Json(verified(hub.verify(&caller, &handle, &asked.note).await?)))
}

/// `DELETE /api/v1/admin/verified/{handle}`
pub(crate) async fn unverify(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HandlePath(handle): HandlePath,
) -> Result<Json<api::VerifiedAccount>, Refused> {
    let account = hub.unverify(&caller, &handle).await?;
    let handle = account.handle.to_string();
    Ok(Json(api::VerifiedAccount { handle, verified: false, note: None, since: None }))
}

/// `GET /api/v1/verified`
pub(crate) async fn all_verified(State(hub): State<Hub>) -> Result<Json<api::VerifiedAccounts>, Refused> {
    let found = hub.all_verified(None, api::MAX_PAGE).await?;
    Ok(Json(api::VerifiedAccounts { items: found.into_iter().map(verified).collect() }))
}

fn verified((account, known): (Account, Verified)) -> api::VerifiedAccount {
    api::VerifiedAccount {
        handle: account.handle.to_string(),
        verified: true,
        note: Some(known.note),
        since: Some(known.at.to_string()),
    }
}
