//! `GET /{owner}/{name}`: one model.

use api::{Code, Problem};
use axum::extract::State;
use axum::response::Response;
use hub::{Hub, ModelView};
use registry::RESERVED_HANDLES;
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
    let view = hub.view(&model).await?;
    // Without a rate a price in USD has no cost yet, so there is nothing to share.
    let shares = match hub.quote(&model, None).await {
        Ok(quote) => figures::shares(&quote),
        Err(hub::Error::Price(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(super::html(web::model(&page(&hub, &view, shares))))
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
