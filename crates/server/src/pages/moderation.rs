//! `/operator/moderation` and what lies beside it: reports, what the operator makes of models, whom the operator knows.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hub::{Action, Case, DecisionKind, DecisionView, Hub, Measure, Object, Report, ReportState, Verified};
use registry::{Handle, ModelName, Reason, Restriction, RestrictionKind};
use store::ModelRecord;

use super::account::Viewer;
use super::login::see_other;
use crate::extract::{Caller, Incoming, ModelPath, Page};
use crate::hf::query::Fields;
use crate::moderation::{ReportPath, reason};
use crate::problem::Refused;
use crate::words::read;

/// More than any of these forms has.
const MAX_FORM: usize = 64 * 1024;
/// Reports that wait, of one page.
const SHOWN: u64 = 100;

/// `GET /operator/moderation`
pub(crate) async fn overview(State(hub): State<Hub>, Viewer(caller): Viewer, page: Page) -> Result<Response, Refused> {
    Ok(super::html(web::moderation(&overview_view(&hub, &caller, &page).await?)))
}

async fn overview_view(hub: &Hub, caller: &hub::Caller, page: &Page) -> Result<web::Moderation, Refused> {
    let reports = hub.all_reports(caller, Some(ReportState::Open), None, SHOWN).await?;
    let decisions = hub.decisions(caller, page.cursor, page.limit).await?;
    let more = decisions.last().filter(|_| decisions.len() as u64 == page.limit);
    let more = more.map(|last| format!("/operator/moderation?cursor={}", last.decision.seq));
    let row = |found: hub::Repository| {
        let restriction = restricted(found.model.restriction.as_ref()?);
        Some((found.model.name.owner().to_string(), found.model.name.name().to_owned(), restriction))
    };
    Ok(web::Moderation {
        chrome: super::chrome_for(hub, Some(caller)),
        reports: reports.into_iter().map(report_row).collect(),
        restricted: hub.restricted(caller, 0, SHOWN).await?.into_iter().filter_map(row).collect(),
        verified: hub
            .all_verified(None, api::MAX_PAGE)
            .await?
            .into_iter()
            .map(|(account, known)| (account.handle.to_string(), verified(known)))
            .collect(),
        decisions: decisions.into_iter().map(decision_row).collect(),
        more,
        wrong: None,
    })
}

/// `GET /operator/models/{owner}/{name}`
pub(crate) async fn case(
    State(hub): State<Hub>,
    Viewer(caller): Viewer,
    ModelPath { model, .. }: ModelPath,
) -> Result<Response, Refused> {
    Ok(super::html(web::case(&case_view(&hub, &caller, &model).await?)))
}

async fn case_view(hub: &Hub, caller: &hub::Caller, model: &ModelName) -> Result<web::Case, Refused> {
    let Case { repository, reports, decisions } = hub.case(caller, model).await?;
    let name = &repository.model.name;
    Ok(web::Case {
        chrome: super::chrome_for(hub, Some(caller)),
        owner: name.owner().to_string(),
        name: name.name().to_owned(),
        private: repository.model.private,
        restricted: repository.model.restriction.as_ref().map(restricted),
        reports: reports.into_iter().map(report_row).collect(),
        decisions: decisions.into_iter().map(decision_row).collect(),
        reasons: words(),
        wrong: None,
    })
}

/// `POST` the same: hide, take down, restore.
pub(crate) async fn decide(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    caller.may(Action::Admin, Object::Hub)?;
    let said = |name: &'static str| fields.last(name).unwrap_or_default();
    let decided = async {
        let measure = match said("act") {
            "restore" => Measure::Restore,
            "hide" => Measure::Hide(reason(said("reason"))?),
            _ => Measure::TakeDown(reason(said("reason"))?),
        };
        hub.moderate(&caller, &model, measure, said("text"), said("note")).await.map_err(Refused::from)
    };
    match decided.await {
        Ok(found) => Ok(see_other(&here(&found.model.name))),
        Err(refused) => wrong_case(&hub, &caller, &model, refused).await,
    }
}

/// `POST /operator/reports/{report}/dismiss`
pub(crate) async fn dismiss(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ReportPath(report): ReportPath,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let said = |name: &'static str| fields.last(name).unwrap_or_default();
    let model: Option<ModelName> = hub.report_by_id(&caller, report).await?.name.parse().ok();
    match (hub.dismiss_report(&caller, report, said("text"), said("note")).await, model) {
        (Ok(_), Some(model)) => Ok(see_other(&here(&model))),
        (Ok(_), None) => Ok(see_other("/operator/moderation")),
        (Err(error), Some(model)) => wrong_case(&hub, &caller, &model, error.into()).await,
        (Err(error), None) => Err(error.into()),
    }
}

async fn wrong_case(hub: &Hub, caller: &hub::Caller, model: &ModelName, refused: Refused) -> Result<Response, Refused> {
    let problem = refused.into_problem();
    let view = case_view(hub, caller, model).await?;
    let page = web::case(&web::Case { wrong: Some(super::sentence(&problem)), ..view });
    Ok((Refused::status(problem.code), super::html(page)).into_response())
}

/// `POST /operator/verified`
pub(crate) async fn verify(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    caller.may(Action::Admin, Object::Hub)?;
    let said = |name: &'static str| fields.last(name).unwrap_or_default();
    let done = async {
        let handle: Handle = read("handle", said("handle").trim())?;
        match said("act") {
            "remove" => hub.unverify(&caller, &handle).await.map(drop).map_err(Refused::from),
            _ => hub.verify(&caller, &handle, said("note")).await.map(drop).map_err(Refused::from),
        }
    };
    match done.await {
        Ok(()) => Ok(see_other("/operator/moderation")),
        Err(refused) => {
            let problem = refused.into_problem();
            let page = Page { cursor: None, limit: api::PAGE };
            let view = overview_view(&hub, &caller, &page).await?;
            let page = web::moderation(&web::Moderation { wrong: Some(super::sentence(&problem)), ..view });
            Ok((Refused::status(problem.code), super::html(page)).into_response())
        }
    }
}

/// The operator's page of a model.
fn here(model: &ModelName) -> String {
    format!("/operator/models/{}/{}", model.owner(), web::segment(model.name()))
}

/// Reasons to choose from.
pub(super) fn words() -> Vec<web::Words> {
    Reason::ALL.iter().map(|reason| (reason.word(), reason.says())).collect()
}

/// What a model is that others are not.
pub(super) fn marks(model: &ModelRecord) -> Vec<&'static str> {
    let restricted = model.restriction.as_ref().map(|restriction| match restriction.kind {
        RestrictionKind::Hidden => "hidden",
        RestrictionKind::TakenDown => "taken down",
    });
    model.private.then_some("private").into_iter().chain(restricted).collect()
}

pub(super) fn restricted(of: &Restriction) -> web::Restricted {
    web::Restricted {
        taken_down: of.kind == RestrictionKind::TakenDown,
        reason: of.reason.says().to_owned(),
        text: of.text.clone(),
        at: of.at.to_string(),
    }
}

pub(super) fn verified(known: Verified) -> web::Verified {
    web::Verified { note: known.note, at: known.at.to_string() }
}

pub(super) fn decision_row(DecisionView { decision, by }: DecisionView) -> web::DecisionRow {
    let model: Option<ModelName> = decision.model.and_then(|_| decision.name.parse().ok());
    web::DecisionRow {
        at: decision.at.to_string(),
        what: match decision.kind {
            DecisionKind::Dismissed => "report dismissed",
            DecisionKind::Hidden => "hidden",
            DecisionKind::TakenDown => "taken down",
            DecisionKind::Restored => "restored",
            DecisionKind::Verified => "verified",
            DecisionKind::Unverified => "verified no longer",
        },
        link: model.as_ref().map(here),
        about: decision.name,
        reason: decision.reason.map(|reason| reason.says().to_owned()),
        text: decision.text,
        by: by.map(|handle| handle.to_string()).unwrap_or_default(),
        note: decision.note,
    }
}

pub(super) fn report_row(report: Report) -> web::ReportRow {
    let (owner, name) = report.name.split_once('/').unwrap_or_default();
    web::ReportRow {
        id: format!("report_{}", report.id),
        model: (owner.to_owned(), name.to_owned()),
        release: report.release.map(|release| release.to_string()),
        reason: report.reason.says().to_owned(),
        text: report.text,
        at: report.changed.to_string(),
        state: match report.state {
            ReportState::Open => "waits for the operator",
            ReportState::Dismissed => "dismissed",
            ReportState::Hidden => "the model was hidden",
            ReportState::TakenDown => "the model was taken down",
            ReportState::Removed => "the model was removed",
        },
        open: report.state == ReportState::Open,
        answer: report.answer,
        by: report.by.handle.to_string(),
    }
}
