//! `/{owner}/{name}/report` and `/account/reports`: reporting a model, and what became of it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hub::{Hub, ReportWish};
use registry::ModelName;

use super::account::{Viewer, frame};
use super::login::see_other;
use super::moderation::{report_row, words};
use crate::extract::{AnyCaller, Caller, Incoming, ModelPath, Page};
use crate::hf::query::Fields;
use crate::moderation::reason;
use crate::problem::Refused;
use crate::words::read_some;

/// More than the form has: characters take up to twelve bytes there.
const MAX_FORM: usize = 64 * 1024;

/// The form as it stands for a viewer: what waits is filled in.
pub(super) async fn form(
    hub: &Hub,
    viewer: Option<&hub::Caller>,
    model: &ModelName,
    releases: Vec<String>,
) -> Result<web::ReportForm, hub::Error> {
    let waits = match viewer {
        Some(viewer) => hub.open_report(viewer, model).await?,
        None => None,
    };
    let word = |found: &hub::Report| found.reason.word().to_owned();
    Ok(web::ReportForm {
        owner: model.owner().to_string(),
        name: model.name().to_owned(),
        signed_in: viewer.is_some(),
        reasons: words(),
        reason: waits.as_ref().map(word).unwrap_or_default(),
        releases,
        release: waits.as_ref().and_then(|found| found.release).map(|number| number.to_string()).unwrap_or_default(),
        text: waits.as_ref().map(|found| found.text.clone()).unwrap_or_default(),
        waits: waits.is_some(),
    })
}

async fn page(hub: &Hub, viewer: Option<&hub::Caller>, model: &ModelName) -> Result<web::ReportPage, Refused> {
    let releases = hub.reportable(viewer, model).await?;
    let releases = releases.iter().map(ToString::to_string).collect();
    let form = form(hub, viewer, model, releases).await?;
    Ok(web::ReportPage { chrome: super::chrome_for(hub, viewer), form, wrong: None })
}

/// `GET /{owner}/{name}/report`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
) -> Result<Response, Refused> {
    Ok(super::html(web::report(&page(&hub, viewer.as_ref(), &model).await?)))
}

/// `POST` the same.
pub(crate) async fn send(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let said = |name: &str| fields.last(name).unwrap_or_default().to_owned();
    let sent = async {
        let release = read_some("release", fields.last("release"))?;
        let wish = ReportWish { release, reason: reason(&said("reason"))?, text: said("text") };
        hub.report(&caller, &model, wish).await.map_err(Refused::from)
    };
    match sent.await {
        Ok(_) => Ok(see_other("/account/reports")),
        Err(refused) => {
            // Of what is not there, or not any more, there is no form.
            let mut view = page(&hub, Some(&caller), &model).await?;
            let problem = refused.into_problem();
            view.wrong = Some(super::sentence(&problem));
            view.form =
                web::ReportForm { reason: said("reason"), release: said("release"), text: said("text"), ..view.form };
            Ok((Refused::status(problem.code), super::html(web::report(&view))).into_response())
        }
    }
}

/// `GET /account/reports`
pub(crate) async fn own(State(hub): State<Hub>, Viewer(caller): Viewer, page: Page) -> Result<Response, Refused> {
    let found = hub.own_reports(&caller, page.cursor, page.limit).await?;
    let more = found.last().filter(|_| found.len() as u64 == page.limit);
    let more = more.map(|last| format!("/account/reports?cursor={}", last.id));
    let reports = found.into_iter().map(report_row).collect();
    Ok(super::html(web::own_reports(&web::OwnReports { account: frame(&hub, &caller), reports, more })))
}
