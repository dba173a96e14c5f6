//! Deposits that the operator's own tools announce, signed as Standard Webhooks has it.
//!
//! Always: a message whose headers cannot be of ours makes nobody read its body; nothing of the body is looked at before
//! its signature was.

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hub::signing::Message;
use hub::{Hub, NewDeposit};

use crate::edge::clip;
use crate::extract::{Incoming, not_json, single};
use crate::problem::Refused;
use crate::words::read;

/// Most bytes of a message.
const BODY_LIMIT: usize = 1024 * 1024;
/// Most bytes of a message's id.
const MAX_ID: usize = 256;

/// `POST /api/v1/deposits`
pub(crate) async fn receive(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Incoming,
) -> Result<Json<api::Deposited>, Refused> {
    let header = |name: &'static str| {
        let missing = || {
            Problem::new(Code::BadSignature, format!("the header {name} is missing"))
                .hint("sign the body with the hub's deposit secret, as Standard Webhooks has it")
        };
        single(&headers, &axum::http::HeaderName::from_static(name))?.ok_or_else(|| Refused::from(missing()))
    };
    let (id, timestamp, signatures) =
        (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    if id.is_empty() || id.len() > MAX_ID {
        let message = format!("webhook-id has {} bytes, expected 1 to {MAX_ID}", id.len());
        return Err(Problem::new(Code::InvalidRequest, message).into());
    }
    let timestamp = timestamp.parse().map_err(|_| {
        let message = format!("webhook-timestamp is \"{}\"; expected seconds since 1970", clip(timestamp));
        Problem::new(Code::InvalidRequest, message)
    })?;
    let body = body.read(BODY_LIMIT).await?;
    hub.check_deposit_message(&Message { id, timestamp, body: &body }, signatures)?;
    let asked: api::NewDeposits = serde_json::from_slice(&body).map_err(|error| not_json(&error))?;
    let deposits = asked.deposits.into_iter().enumerate().map(|(place, deposit)| {
        Ok(NewDeposit {
            handle: read(&format!("deposits[{place}].account"), &deposit.account)?,
            amount: read(&format!("deposits[{place}].amount"), &deposit.amount)?,
            reference: deposit.reference,
        })
    });
    let deposits = deposits.collect::<Result<_, Refused>>()?;
    let posted = hub.credit(id, deposits).await?;
    let one = |(transfer, seq): (ledger::TransferId, u64)| api::DepositedOne { transfer: transfer.to_string(), seq };
    Ok(Json(api::Deposited { transfers: posted.into_iter().map(one).collect() }))
}
