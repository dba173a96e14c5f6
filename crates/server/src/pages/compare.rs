//! `GET /compare?a=owner/name&b=owner/name`: two models side by side, on the same input.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hub::{Caller, Hub};
use registry::{ModelName, Revision};

use super::{figures, playground};
use crate::edge::clip;
use crate::extract::AnyCaller;
use crate::hf::query::Fields;
use crate::problem::Refused;

pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    fields: Fields,
) -> Result<Response, Refused> {
    let asked = ["a", "b"].map(|side| clip(fields.last(side).unwrap_or_default().trim()));
    let empty = web::Compare {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        asked: asked.clone(),
        wrong: None,
        heads: Vec::new(),
        playground: None,
        takes: Vec::new(),
    };
    if asked.iter().any(String::is_empty) {
        return Ok(super::html(web::compare(&empty)));
    }
    // What was typed stays, with what is wrong with it.
    let wrong = |status: StatusCode, wrong: String| {
        Ok((status, super::html(web::compare(&web::Compare { wrong: Some(wrong), ..empty.clone() }))).into_response())
    };
    let mut sides = Vec::with_capacity(asked.len());
    for text in &asked {
        let Ok(model) = text.parse::<ModelName>() else {
            return wrong(StatusCode::BAD_REQUEST, format!("\"{text}\" is not a model: expected owner/name"));
        };
        match side(&hub, viewer.as_ref(), &model).await {
            Ok(side) => sides.push(side),
            Err(refused) if Refused::status(refused.problem().code).is_client_error() => {
                return wrong(Refused::status(refused.problem().code), refused.problem().message.clone());
            }
            Err(refused) => return Err(refused),
        }
    }
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs([("a", &asked[0]), ("b", &asked[1])]).finish();
    let path = format!("/compare?{query}");
    let mut takes = Vec::new();
    for Side { head, playground } in &sides {
        let said = playground.as_ref().map_or_else(|| "it is not called now".to_owned(), |one| one.form.said());
        takes.push(format!("{}/{}: {said}", head.owner, head.name));
    }
    let form = match &sides[..] {
        [Side { playground: Some(a), .. }, Side { playground: Some(b), .. }] => beside(a, b, path),
        _ => None,
    };
    let heads = sides.into_iter().map(|side| side.head).collect();
    Ok(super::html(web::compare(&web::Compare { heads, playground: form, takes, ..empty })))
}

/// One form for both, if they take the same.
fn beside(a: &web::Playground, b: &web::Playground, here: String) -> Option<web::Playground> {
    let form = a.form.shared(&b.form)?;
    Some(web::Playground { form, runners: [&a.runners[..], &b.runners[..]].concat(), here, ..a.clone() })
}

struct Side {
    head: web::Head,
    /// None where calls that name no release get nothing.
    playground: Option<web::Playground>,
}

async fn side(hub: &Hub, viewer: Option<&Caller>, model: &ModelName) -> Result<Side, Refused> {
    let view = hub.view_for(viewer, model).await?;
    let callable: &Arc<hub::Callable> = &view.latest;
    let (release, price) = (&callable.release, callable.release.price_at(hub.now()));
    let (_, checks) = hub.checks(viewer, model).await?;
    let (agreed, run) =
        checks.iter().fold((0, 0), |(agreed, run), (_, sum)| (agreed + sum.counts.agreed, run + sum.counts.run()));
    let snapshot = hub.snapshot(viewer, model, &Revision::main()).await?;
    let playground = match hub.quote(viewer, model, None).await {
        Ok(quote) => {
            Some(playground::playground(hub, viewer, callable, &snapshot.repository, quote.cost, String::new()).await?)
        }
        Err(hub::Error::Price(_) | hub::Error::Yanked { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let head = web::Head {
        owner: release.model.name.owner().to_string(),
        name: release.model.name.name().to_owned(),
        summary: release.summary.clone(),
        task: release.task.clone(),
        license: release.license.clone(),
        price: figures::price(&price),
        price_converted: figures::converted(&price, hub.settings().rate),
        price_terms: figures::terms(&price),
        release: release.number.to_string(),
        paid_calls_succeeded: figures::succeeded(&view.totals),
        checks: web::Ratio { part: agreed, whole: run },
    };
    Ok(Side { head, playground })
}
