//! `GET /{owner}/{name}`: one model.

use api::{Code, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hub::{Action, BaseView, CardView, CheckKind, CheckSum, Compared, Hub, ModelView, Object, ScanReport, ScanVerdict};
use registry::{ModelName, Part, RESERVED_HANDLES, ReleaseNumber, Restriction, RestrictionKind, Revision};
use store::ReleaseRecord;
use tensor::Port;

use super::{examples, figures, moderation, playground, report};
use crate::extract::{AnyCaller, ModelPath};
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::search::from;

/// A model's page.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
    fields: Fields,
) -> Result<Response, Refused> {
    if RESERVED_HANDLES.contains(&model.owner().as_str()) {
        return Err(Problem::new(Code::NotFound, format!("nothing stands at /{model}")).into());
    }
    let viewer = viewer.as_ref();
    let view = match hub.view_for(viewer, &model).await {
        Ok(view) => view,
        Err(hub::Error::TakenDown { model, restriction }) => {
            return tombstone(&hub, viewer, &model, &restriction).await;
        }
        Err(error) => return Err(error.into()),
    };
    if let Some((search, position)) = fields.last("from").and_then(from) {
        hub.chose(search, position, view.latest.release.model.id);
    }
    // Without a rate a price in USD has no cost yet, so there is nothing to share.
    let quote = match hub.quote(viewer, &model, None).await {
        Ok(quote) => Some(quote),
        // What was yanked or taken down is not sold; the page says why.
        Err(hub::Error::Price(_) | hub::Error::Yanked { .. } | hub::Error::TakenDown { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let (_, checks) = hub.checks(viewer, &model).await?;
    let snapshot = hub.snapshot(viewer, &model, &Revision::main()).await?;
    let scanned = hub.scan_of(snapshot).await?;
    let snapshot = &scanned.snapshot;
    let listed = snapshot.tree.files().len().min(web::FILES_LISTED);
    let reports = hub.reports(&snapshot.tree.files()[..listed]).await?;
    let mut files = Vec::with_capacity(snapshot.tree.files().len());
    for file in snapshot.tree.files() {
        let open = hub.may_read(viewer, &snapshot.repository, file).await.is_ok();
        let scan = scan(scanned.verdicts.get(&file.sha256), reports.get(&file.sha256));
        files.push(web::FileRow { path: file.path.to_string(), size: file.size, open, scan });
    }
    let playground = match &quote {
        Some(quote) => {
            let name = &view.latest.release.model.name;
            let here = format!("/{}/{}", name.owner(), web::segment(name.name()));
            let repository = &snapshot.repository;
            Some(playground::playground(&hub, viewer, &view.latest, repository, quote.cost, here).await?)
        }
        None => None,
    };
    let card_says = card_says(hub.card_view_of(viewer, scanned.snapshot).await?);
    let checks = checks.into_iter().map(check_row).collect();
    let shares = quote.as_ref().map(figures::shares).unwrap_or_default();
    let chrome = super::chrome_for(&hub, viewer);
    let name = &view.latest.release.model.name;
    let releases = view.releases.iter().map(|release| release.number.to_string()).collect();
    let report = match view.latest.release.model.restriction.as_ref().map(|of| of.kind) {
        Some(RestrictionKind::TakenDown) => None,
        _ => Some(report::form(&hub, viewer, name, releases).await?),
    };
    let moderated = hub.moderation(viewer, name).await?;
    Ok(super::html(web::model(&web::Model {
        report,
        decisions: moderated.decisions.into_iter().map(moderation::decision_row).collect(),
        operator: is_operator(viewer),
        playground,
        files,
        checks,
        card_says,
        ..page(&hub, chrome, &view, shares)
    })))
}

fn is_operator(viewer: Option<&hub::Caller>) -> bool {
    viewer.is_some_and(|viewer| viewer.may(Action::Admin, Object::Hub).is_ok())
}

/// What stands at the place of a model that was taken down: with the status that says so, for whoever reads no words.
async fn tombstone(
    hub: &Hub,
    viewer: Option<&hub::Caller>,
    model: &ModelName,
    restriction: &Restriction,
) -> Result<Response, Refused> {
    let moderated = hub.moderation(viewer, model).await?;
    let page = web::tombstone(&web::Tombstone {
        chrome: super::chrome_for(hub, viewer),
        owner: model.owner().to_string(),
        name: model.name().to_owned(),
        restricted: moderation::restricted(restriction),
        decisions: moderated.decisions.into_iter().map(moderation::decision_row).collect(),
        operator: is_operator(viewer),
    });
    Ok((Refused::status(Code::TakenDown), super::html(page)).into_response())
}

fn page(hub: &Hub, chrome: web::Chrome, view: &ModelView, shares: Vec<web::Share>) -> web::Model {
    let release = &view.latest.release;
    let name = &release.model.name;
    let signature = &release.contract.signature;
    let labels = release.contract.labels.iter();
    let url = &hub.options().public_url;
    let (price, coming) = (release.price_at(hub.now()), release.coming_price(hub.now()));
    let task = release.contract.task.as_ref().map(|task| examples::of_task(url, name, task));
    web::Model {
        chrome,
        owner: name.owner().to_string(),
        name: name.name().to_owned(),
        summary: release.summary.clone(),
        task: release.task.clone(),
        license: release.license.clone(),
        access: match release.access {
            registry::Access::Sealed => web::Access::Sealed,
            registry::Access::Gated => web::Access::Gated,
            registry::Access::Open => web::Access::Open,
        },
        runs_on: release.contract.remote.as_ref().map(|remote| remote.host().to_owned()),
        loaded: hub.loaded(&view.latest),
        price: figures::price(&price),
        price_converted: figures::converted(&price, hub.settings().rate),
        coming_price: coming.map(|step| (figures::price(&step.price), step.from.to_string())),
        price_terms: figures::terms(&price),
        figures: web::ModelFigures {
            paid_calls: view.totals.paid_calls,
            creators_earned: view.totals.creators_earned.to_string(),
            paid_calls_succeeded: figures::succeeded(&view.totals),
        },
        shares,
        playground: None,
        examples: task.into_iter().chain(examples::examples(url, name, signature)).collect(),
        card: web::card_html(&release.readme),
        card_says: web::CardSays { score: 0, missing: Vec::new(), notices: Vec::new(), bases: Vec::new() },
        inputs: signature.inputs.iter().map(port).collect(),
        outputs: signature.outputs.iter().map(port).collect(),
        labels: labels.map(|(output, labels)| web::Labels { output: output.clone(), labels: labels.clone() }).collect(),
        releases: release_rows(&view.releases, release),
        files: Vec::new(),
        checks: Vec::new(),
        verified: view.verified.clone().map(moderation::verified),
        restricted: release.model.restriction.as_ref().map(moderation::restricted),
        decisions: Vec::new(),
        report: None,
        operator: false,
    }
}

/// What is said beside a file; of those that are counted only, nothing.
fn scan(verdict: Option<&ScanVerdict>, report: Option<&ScanReport>) -> web::Scan {
    let found = report.and_then(|report| report.findings.first());
    let found = found.map_or_else(String::new, |finding| match finding.place.as_str() {
        "" => finding.text.clone(),
        place => format!("{place}: {}", finding.text),
    });
    match verdict {
        None => web::Scan::Waiting,
        Some(ScanVerdict::Clean) => web::Scan::Clean,
        Some(ScanVerdict::Notice) => web::Scan::Notice(found),
        Some(ScanVerdict::Dangerous) => web::Scan::Dangerous(found),
    }
}

fn card_says(view: CardView) -> web::CardSays {
    let missing = |part: Part| web::MissingPart {
        part: part.word().to_owned(),
        weight: part.weight(),
        how: part.how().to_owned(),
    };
    let base = |base: BaseView| web::Base {
        name: base.name,
        here: base.here,
        royalty: base.royalty.map(|royalty| royalty.to_string()),
    };
    web::CardSays {
        score: view.completeness.score(),
        missing: view.completeness.missing().map(missing).collect(),
        notices: view.card.notices().into_iter().chain(view.refused).collect(),
        bases: view.bases.into_iter().map(base).collect(),
    }
}

fn check_row((release, check): (ReleaseNumber, CheckSum)) -> web::CheckRow {
    web::CheckRow {
        release: release.to_string(),
        kind: match check.kind {
            CheckKind::Examples => web::CheckKind::Examples,
            CheckKind::TwoRunners => web::CheckKind::TwoRunners,
            CheckKind::ReExecution => web::CheckKind::ReExecution,
        },
        run: check.counts.run(),
        agreed: check.counts.agreed,
        differed: check.counts.differed,
        failed: check.counts.failed,
        compared: match check.compared {
            Compared::Digest => web::Compared::Digest,
            Compared::Tolerance => web::Compared::Tolerance,
            Compared::Nothing => web::Compared::Nothing,
        },
        last: check.at.to_string(),
        difference: check.difference.map(|(words, _)| words),
    }
}

fn port(port: &Port) -> web::PortRow {
    web::PortRow { name: port.name.clone(), datatype: port.datatype.to_string(), shape: port.shape.clone() }
}

/// Newest first, each with the one before it.
fn release_rows(releases: &[ReleaseRecord], latest: &ReleaseRecord) -> Vec<web::ReleaseRow> {
    let before = releases.iter().skip(1).map(Some).chain([None]);
    releases.iter().zip(before).map(|(row, before)| release_row(row, before, latest)).collect()
}

fn release_row(row: &ReleaseRecord, before: Option<&ReleaseRecord>, latest: &ReleaseRecord) -> web::ReleaseRow {
    web::ReleaseRow {
        number: row.number.to_string(),
        released: row.created.to_string(),
        digest: row.digest.to_string(),
        change: match row.change.as_str() {
            "first" => web::Change::First,
            "major" => web::Change::Major,
            _ => web::Change::Minor,
        },
        price: figures::price(&row.price),
        latest: row.number == latest.number,
        yanked: row.yanked.clone(),
        before: before.map(|before| before.number.to_string()),
    }
}
