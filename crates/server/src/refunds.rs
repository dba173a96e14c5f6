//! Refunds, what is owed for them, and money that is set aside.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use hub::{HoldView, HoldWish, Hub, RefundView, RefundWish};
use ledger::{HoldId, Pending, Purse};
use serde::Deserialize;

use crate::edge::clip;
use crate::extract::{self, Caller, Query, parameter};
use crate::problem::Refused;
use crate::words::{read, read_some};

/// `POST /api/v1/refunds`
pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::NewRefund>,
) -> Result<Json<api::Refund>, Refused> {
    let wish = RefundWish {
        call: read("call", &asked.call)?,
        amount: read_some("amount", asked.amount.as_deref())?,
        reason: asked.reason,
        id: read_some("id", asked.id.as_deref())?,
    };
    Ok(Json(refund(&hub.refund(&caller, wish).await?)))
}

#[derive(Deserialize)]
pub(crate) struct Of {
    call: Option<String>,
}

/// `GET /api/v1/refunds?call=call_…`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Query(Of { call }): Query<Of>,
) -> Result<Json<api::Refunds>, Refused> {
    let call = call.ok_or_else(|| Problem::new(Code::InvalidRequest, "call is missing; expected ?call=call_…"))?;
    let refunds = hub.refunds(&caller, read("call", &call)?).await?;
    Ok(Json(api::Refunds { items: refunds.iter().map(refund).collect(), next: None }))
}

/// `GET /api/v1/debts`
pub(crate) async fn debts(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Debts>, Refused> {
    let debt = |debt: ledger::Debt| api::Debt {
        refund: debt.refund.to_string(),
        call: debt.call.to_string(),
        role: debt.role.word().to_owned(),
        purse: debt.purse.to_string(),
        amount: debt.left.to_string(),
    };
    let debts = hub.debts(&caller).await?;
    Ok(Json(api::Debts { items: debts.into_iter().map(debt).collect(), next: None }))
}

/// `GET /api/v1/holds`
pub(crate) async fn holds(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Holds>, Refused> {
    let own = caller.handle().to_string();
    let holds = hub.holds(&caller).await?;
    let items = holds.into_iter().map(|pending| hold(pending, own.clone())).collect();
    Ok(Json(api::Holds { items, next: None }))
}

/// `GET /api/v1/admin/holds`
pub(crate) async fn all_holds(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Holds>, Refused> {
    let holds = hub.open_holds(&caller).await?;
    let shown = |view: HoldView| hold(view.hold, view.account.handle.to_string());
    Ok(Json(api::Holds { items: holds.into_iter().map(shown).collect(), next: None }))
}

/// `POST /api/v1/admin/holds`
pub(crate) async fn set_aside(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::NewHold>,
) -> Result<Json<api::Hold>, Refused> {
    let purse = match asked.purse.as_deref() {
        None => Purse::Cash,
        Some(word) => word.parse().map_err(|()| {
            Problem::new(Code::InvalidRequest, format!("purse is \"{}\"; expected cash or promo", clip(word)))
        })?,
    };
    let wish = HoldWish {
        handle: read("handle", &asked.handle)?,
        amount: read("amount", &asked.amount)?,
        purse,
        days: asked.days,
        reference: asked.reference,
        id: read_some("id", asked.id.as_deref())?,
    };
    let HoldView { hold: pending, account } = hub.set_aside(&caller, wish).await?;
    Ok(Json(hold(pending, account.handle.to_string())))
}

/// `{hold}`
pub(crate) struct HoldPath(HoldId);

impl<S: Send + Sync> FromRequestParts<S> for HoldPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<HoldPath, Refused> {
        parameter(parts, "hold", Code::HoldNotFound).await.map(HoldPath)
    }
}

/// `DELETE /api/v1/admin/holds/{hold}`
pub(crate) async fn release(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    HoldPath(hold): HoldPath,
) -> Result<Json<api::ReleasedHold>, Refused> {
    let seq = hub.release_hold(&caller, hold).await?;
    Ok(Json(api::ReleasedHold { hold: hold.to_string(), released: true, seq }))
}

fn hold(pending: Pending, account: String) -> api::Hold {
    api::Hold {
        hold: pending.id.to_string(),
        account,
        purse: pending.purse.to_string(),
        amount: pending.amount.to_string(),
        made: pending.at.to_string(),
        expires: pending.expires.to_string(),
        reference: pending.reference,
    }
}

fn refund(view: &RefundView) -> api::Refund {
    let refunded = &view.refunded;
    let part = |share: &ledger::Returned| api::RefundPart {
        account: share.from.to_string(),
        role: share.role.word().to_owned(),
        at_once: share.at_once.to_string(),
        owed: share.owed.to_string(),
    };
    let shares = refunded.shares.iter().filter(|share| !share.amount().is_zero());
    api::Refund {
        transfer: view.id.to_string(),
        call: refunded.call.to_string(),
        time: view.at.to_string(),
        reason: view.reason.clone(),
        amount: refunded.amount().to_string(),
        at_once: refunded.at_once().to_string(),
        owed: refunded.owed().to_string(),
        purse: refunded.to_purse.to_string(),
        parts: shares.map(part).collect(),
    }
}
