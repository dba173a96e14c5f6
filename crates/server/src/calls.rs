//! The calls an account made.

use axum::Json;
use axum::extract::State;
use hub::{CallLine, Hub};
use ledger::AccountId;

use crate::extract::{Caller, Page};
use crate::problem::Refused;

/// `GET /api/v1/calls?cursor=&limit=`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Calls>, Refused> {
    let lines = hub.calls(&caller, cursor, limit).await?;
    let next = lines.last().filter(|_| lines.len() as u64 == limit).map(|line| line.seq.to_string());
    Ok(Json(api::Calls { items: lines.into_iter().map(call).collect(), next }))
}

fn call(CallLine { call, model, release, .. }: CallLine) -> api::Call {
    let receipt = (call.outcome == ledger::Outcome::Ok).then(|| format!("/api/v1/receipts/{}", call.id));
    api::Call {
        id: call.id.to_string(),
        accepted: call.accepted.to_string(),
        finished: call.finished.to_string(),
        model: model.to_string(),
        release: release.to_string(),
        class: call.class.to_string(),
        surface: call.surface.to_string(),
        purse: call.purse.to_string(),
        outcome: call.outcome.to_string(),
        cost: call.cost.to_string(),
        sponsor: call.sponsor.map(|sponsor| match sponsor.account {
            AccountId::PROMO_OPERATOR => "hub".to_owned(),
            _ => "owner".to_owned(),
        }),
        fee: call.fee.to_string(),
        queue_us: call.queue_us,
        engine_us: call.engine_us,
        cold: call.cold,
        receipt,
    }
}
