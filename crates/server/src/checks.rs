//! What the hub has checked of a model by itself.

use axum::Json;
use axum::extract::State;
use hub::{CheckSum, Hub};

use crate::extract::{AnyCaller, ModelPath};
use crate::problem::Refused;

/// `GET /api/v1/models/{owner}/{name}/checks`. For everybody who sees the model.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
) -> Result<Json<api::ModelChecks>, Refused> {
    let (model, sums) = hub.checks(viewer.as_ref(), &model).await?;
    let mut items: Vec<api::ReleaseChecks> = Vec::new();
    for (number, sum) in sums {
        let release = number.to_string();
        match items.last_mut().filter(|last| last.release == release) {
            Some(last) => last.checks.push(shown(sum)),
            None => items.push(api::ReleaseChecks { release, checks: vec![shown(sum)] }),
        }
    }
    Ok(Json(api::ModelChecks { model: model.to_string(), items }))
}

fn shown(CheckSum { kind, counts, at, outcome, compared, difference, .. }: CheckSum) -> api::Check {
    api::Check {
        kind: kind.word().to_owned(),
        run: counts.run(),
        agreed: counts.agreed,
        differed: counts.differed,
        failed: counts.failed,
        outcome: outcome.word().to_owned(),
        compared: compared.word().to_owned(),
        last: at.to_string(),
        last_difference: difference.map(|(what, time)| api::CheckDifference { what, time: time.to_string() }),
    }
}
