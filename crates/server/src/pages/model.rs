//! `GET /{owner}/{name}`: one model.

use api::{Code, Problem};
use axum::extract::State;
use axum::response::Response;
use hub::{CheckKind, CheckSum, Compared, Hub, ModelView};
use registry::{File, RESERVED_HANDLES, ReleaseNumber, Revision};
use store::ReleaseRecord;
use tensor::Port;

use super::{examples, figures};
use crate::extract::ModelPath;
use crate::problem::Refused;

/// A model's page.
pub(crate) async fn show(State(hub): State<Hub>, ModelPath { model, .. }: ModelPath) -> Result<Response, Refused> {
    if RESERVED_HANDLES.contains(&model.owner().as_str()) {
        return Err(Problem::new(Code::NotFound, format!("nothing stands at /{model}")).into());
    }
    let view = hub.view_for(None, &model).await?;
    // Without a rate a price in USD has no cost yet, so there is nothing to share.
    let shares = match hub.quote(None, &model, None).await {
        Ok(quote) => figures::shares(&quote),
        Err(hub::Error::Price(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let (_, checks) = hub.checks(None, &model).await?;
    let snapshot = hub.snapshot(None, &model, &Revision::main()).await?;
    let file = |file: &File| web::FileRow {
        path: file.path.to_string(),
        size: file.size,
        open: hub.may_read(None, &snapshot.repository, file).is_ok(),
    };
    let files = snapshot.tree.files().iter().map(file).collect();
    let checks = checks.into_iter().map(check_row).collect();
    Ok(super::html(web::model(&web::Model { files, checks, ..page(&hub, &view, shares) })))
}

fn page(hub: &Hub, view: &ModelView, shares: Vec<web::Share>) -> web::Model {
    let release = &view.latest.release;
    let name = &release.model.name;
    let signature = &release.contract.signature;
    let labels = release.contract.labels.iter();
    let url = &hub.options().public_url;
    let task = release.contract.task.as_ref().map(|task| examples::of_task(url, name, task));
    web::Model {
        chrome: super::chrome(hub),
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
        price: figures::price(&release.price),
        price_converted: figures::converted(&release.price, hub.settings().rate),
        price_terms: figures::terms(&release.price),
        figures: web::ModelFigures {
            paid_calls: view.totals.paid_calls,
            creators_earned: view.totals.creators_earned.to_string(),
            paid_calls_succeeded: figures::succeeded(&view.totals),
        },
        shares,
        examples: task.into_iter().chain(examples::examples(url, name, signature)).collect(),
        card: web::card_html(&release.readme),
        inputs: signature.inputs.iter().map(port).collect(),
        outputs: signature.outputs.iter().map(port).collect(),
        labels: labels.map(|(output, labels)| web::Labels { output: output.clone(), labels: labels.clone() }).collect(),
        releases: view.releases.iter().map(|row| release_row(row, release)).collect(),
        files: Vec::new(),
        checks: Vec::new(),
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

fn release_row(row: &ReleaseRecord, latest: &ReleaseRecord) -> web::ReleaseRow {
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
    }
}
