//! Publishing, told line by line.

use std::convert::Infallible;

use api::{Code, ErrorLine, Problem, PublishedLine, VerdictLine};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hub::publish::{Draft, Preview, Published, Verdict};
use hub::{Error, Hub, Releasing};
use ledger::{Money, Price};
use registry::{Access, File, Part, ReleaseNumber, Revision};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::edge::clip;
use crate::extract::{Caller, Json, ModelPath, Query};
use crate::pages::playground::nested;
use crate::problem::Refused;
use crate::words::{port, quote_part};

/// Values of a tensor that are shown; larger ones are not.
const MAX_SHOWN: usize = 256;

/// `POST /api/v1/publish`. Runs in a task of its own: who hangs up has published all the same.
pub(crate) async fn publish(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::Publish>,
) -> Result<Response, Refused> {
    let draft = draft(asked)?;
    let (say, verdicts) = mpsc::channel(16);
    let url = hub.options().public_url.clone();
    let publishing = tokio::spawn(async move { hub.publish(&caller, draft, say).await });
    told(url, publishing, verdicts).await
}

/// `POST /api/v1/models/{owner}/{name}/releases`: the same of a commit that is there.
pub(crate) async fn release(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    Json(asked): Json<api::ReleaseWish>,
) -> Result<Response, Refused> {
    let invalid = |message: String| Problem::new(Code::InvalidRequest, message);
    let revision = asked.revision.map(|text| text.parse::<Revision>());
    let number = asked.release.map(|text| text.parse::<ReleaseNumber>());
    let wish = Releasing {
        revision: revision.transpose().map_err(|error| invalid(format!("revision: {error}")))?,
        price: asked.price.map(price_of).transpose()?,
        number: number.transpose().map_err(|error| invalid(format!("release: {error}")))?,
        latest: asked.latest,
        dry_run: asked.dry_run,
    };
    let (say, verdicts) = mpsc::channel(16);
    let url = hub.options().public_url.clone();
    let publishing = tokio::spawn(async move { hub.release(&caller, &model, wish, say).await });
    told(url, publishing, verdicts).await
}

/// Which of several.
#[derive(Deserialize)]
pub(crate) struct Which {
    release: Option<String>,
}

/// `GET /api/v1/models/{owner}/{name}/draft`: what becomes of what was committed last, or of a version.
pub(crate) async fn draft_of(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    ModelPath { model, .. }: ModelPath,
    Query(which): Query<Which>,
) -> Result<axum::Json<api::DraftState>, Refused> {
    let asked = which.release.map(|text| text.parse::<ReleaseNumber>()).transpose();
    let asked = asked.map_err(|error| Problem::new(Code::InvalidRequest, format!("release: {error}")))?;
    let draft = hub.drafts(&caller, &model).await?.into_iter().find(|draft| asked.is_none() || draft.number == asked);
    let none = || Problem::new(Code::NotFound, format!("nothing of {model} waits to become a release"));
    let draft = draft.ok_or_else(none)?;
    Ok(axum::Json(api::DraftState {
        branch: draft.branch.to_string(),
        release: draft.number.map(|number| number.to_string()),
        commit: draft.commit.to_string(),
        committed: draft.at.to_string(),
        due: draft.due.map(|due| due.to_string()),
        refused: draft.refused,
    }))
}

/// Tells a publish line by line.
async fn told(
    url: String,
    publishing: JoinHandle<Result<Published, Error>>,
    mut verdicts: mpsc::Receiver<Verdict>,
) -> Result<Response, Refused> {
    // What is refused before the first check is refused in the ordinary way.
    let Some(first) = verdicts.recv().await else {
        let done = published(&url, ended(publishing).await?);
        return Ok(ndjson(Body::from(line(&PublishedLine { published: done }))));
    };
    let lines = stream::unfold(Telling { first: Some(first), verdicts, publishing: Some(publishing), url }, next);
    Ok(ndjson(Body::from_stream(lines)))
}

/// A publish that is being told.
struct Telling {
    first: Option<Verdict>,
    verdicts: mpsc::Receiver<Verdict>,
    /// None once its end was told.
    publishing: Option<JoinHandle<Result<Published, Error>>>,
    url: String,
}

/// Verdict after verdict; then how it ended; then nothing.
async fn next(mut telling: Telling) -> Option<(Result<Bytes, Infallible>, Telling)> {
    let verdict = match telling.first.take() {
        Some(verdict) => Some(verdict),
        None => telling.verdicts.recv().await,
    };
    let line = match verdict {
        Some(Verdict { step, ok, detail, ms }) => {
            line(&VerdictLine { verdict: api::Verdict { step: step.to_owned(), ok, detail, ms } })
        }
        None => match ended(telling.publishing.take()?).await {
            Ok(done) => line(&PublishedLine { published: published(&telling.url, done) }),
            Err(refused) => line(&ErrorLine(refused.problem())),
        },
    };
    Some((Ok(line), telling))
}

async fn ended(publishing: JoinHandle<Result<Published, Error>>) -> Result<Published, Refused> {
    let done = publishing.await.map_err(|crash| Error::Internal { reason: crash.to_string() })?;
    Ok(done?)
}

fn line(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).expect("texts and numbers are always JSON");
    line.push(b'\n');
    line.into()
}

fn ndjson(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

fn published(url: &str, done: Published) -> api::Published {
    api::Published {
        url: format!("{url}/{}", done.model),
        model: done.model.to_string(),
        release: done.release.to_string(),
        commit: done.commit.to_string(),
        digest: done.digest.to_string(),
        change: done.change,
        reasons: done.reasons,
        price: done.price.to_string(),
        sealed: done.sealed,
        preview: done.preview.map(preview),
    }
}

fn preview(of: Preview) -> api::Preview {
    let Preview { contract, sample, completeness, notices, shares } = of;
    let part = |(part, filled): &(Part, bool)| api::CardPart {
        part: part.word().to_owned(),
        weight: part.weight(),
        filled: *filled,
        how: part.how().to_owned(),
    };
    let shown = |tensor: &tensor::Tensor| Some((tensor.name().to_owned(), nested(tensor)?));
    api::Preview {
        inputs: contract.signature.inputs.iter().map(port).collect(),
        outputs: contract.signature.outputs.iter().map(port).collect(),
        task: contract.task.as_ref().map(|task| task.word().to_owned()),
        sample: sample.iter().filter(|tensor| tensor.element_count() <= MAX_SHOWN).filter_map(shown).collect(),
        examples: contract.examples,
        score: completeness.score(),
        card: completeness.parts.iter().map(part).collect(),
        notices,
        cost: shares.as_ref().map(|shares| shares.cost.to_string()),
        fee: shares.as_ref().map(|shares| shares.fee.to_string()),
        parts: shares.iter().flat_map(|shares| &shares.parts).map(quote_part).collect(),
    }
}

fn draft(asked: api::Publish) -> Result<Draft, Refused> {
    let invalid = |message: String| Problem::new(Code::InvalidRequest, message);
    let access = asked.access.map(|word| {
        let unknown = || invalid(format!("access is \"{}\"; expected {}", clip(&word), Access::WORDS.join(", ")));
        Access::from_word(&word).ok_or_else(unknown)
    });
    let number = asked.release.map(|number| number.parse());
    Ok(Draft {
        model: asked.model.parse().map_err(|error: registry::NameError| invalid(format!("model: {error}")))?,
        files: asked.files.into_iter().map(file).collect::<Result<_, _>>()?,
        price: asked.price.map(price_of).transpose()?,
        split: asked.split.map(split).transpose()?,
        access: access.transpose()?,
        number: number.transpose().map_err(|error: registry::BadReleaseNumber| invalid(format!("release: {error}")))?,
        latest: asked.latest,
        dry_run: asked.dry_run,
        commit: true,
        version: None,
    })
}

fn file(asked: api::DraftFile) -> Result<File, Problem> {
    let path = asked.path.parse().map_err(|error: registry::PathError| error.to_string());
    let sha256 = asked.sha256.parse().map_err(|error: registry::BadDigest| error.to_string());
    let invalid = |message: String| Problem::new(Code::InvalidRequest, format!("files: {message}"));
    Ok(File { path: path.map_err(invalid)?, sha256: sha256.map_err(invalid)?, size: asked.size })
}

/// A price as it was asked for.
pub(crate) fn price_of(asked: api::PriceTerms) -> Result<Price, Problem> {
    let invalid = |error: ledger::PriceError| Problem::new(Code::InvalidPrice, error.to_string());
    let money = |text: Option<String>| text.map(|text| text.parse::<Money>()).transpose().map_err(invalid);
    let price = Price {
        per_call: money(asked.per_call)?,
        per_item: money(asked.per_item)?,
        per_1k_in: money(asked.per_1k_in)?,
        per_1k_out: money(asked.per_1k_out)?,
    };
    if price == Price::FREE {
        let hint = "write {\"per_call\": \"0.002 OPG\"}, or \"0 OPG\" for a free model";
        return Err(Problem::new(Code::InvalidPrice, "the price names no price").hint(hint));
    }
    Ok(price)
}

fn split(asked: Vec<(String, String)>) -> Result<Vec<(registry::Handle, u16)>, Problem> {
    let invalid = |message: String| Problem::new(Code::InvalidSplit, format!("split: {message}"));
    let receiver = |(handle, share): (String, String)| {
        let handle = handle.parse().map_err(|error: registry::NameError| invalid(error.to_string()))?;
        let share: ledger::Share = share.parse().map_err(|error: ledger::ShareError| invalid(error.to_string()))?;
        Ok((handle, share.points()))
    };
    asked.into_iter().map(receiver).collect()
}
