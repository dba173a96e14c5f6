//! What the operator does.

use std::fmt::Display;
use std::str::FromStr;

use api::{Code, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use hub::{Action, Hub, Object, Posted};
use ledger::{Amount, TransferId};
use registry::Handle;
use store::AccountKind;

use crate::edge::clip;
use crate::extract::{Caller, Json};
use crate::problem::Refused;
use crate::words;

/// `POST /api/v1/admin/accounts`
pub(crate) async fn create_account(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewAccount>,
) -> Result<(StatusCode, axum::Json<api::MadeAccount>), Refused> {
    let kind = kind(asked.kind.as_deref())?;
    let (account, key) = hub.create_account(&caller, &asked.handle, kind).await?;
    let (handle, account) = (account.handle.to_string(), account.id.to_string());
    Ok((StatusCode::CREATED, axum::Json(api::MadeAccount { handle, account, key: key.secret })))
}

/// `POST /api/v1/admin/grants`
pub(crate) async fn grant(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewTransfer>,
) -> Result<axum::Json<api::Moved>, Refused> {
    let Movement { handle, amount, id, reference } = Movement::read(asked)?;
    hub.grant(&caller, &handle, amount, reference, id).await.map(moved).map_err(Refused::from)
}

/// `POST /api/v1/admin/deposits`
pub(crate) async fn deposit(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewTransfer>,
) -> Result<axum::Json<api::Moved>, Refused> {
    let Movement { handle, amount, id, reference } = Movement::read(asked)?;
    hub.deposit(&caller, &handle, amount, reference, id).await.map(moved).map_err(Refused::from)
}

/// `POST /api/v1/admin/payouts`
pub(crate) async fn payout(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewTransfer>,
) -> Result<axum::Json<api::Moved>, Refused> {
    let Movement { handle, amount, id, reference } = Movement::read(asked)?;
    hub.payout(&caller, &handle, amount, reference, id).await.map(moved).map_err(Refused::from)
}

/// `GET /api/v1/admin/fee`
pub(crate) async fn fee(State(hub): State<Hub>, Caller(caller): Caller) -> Result<axum::Json<api::Fee>, Refused> {
    caller.may(Action::Admin, Object::Hub)?;
    Ok(axum::Json(api::Fee { share: hub.settings().fee.to_string() }))
}

/// `PUT /api/v1/admin/fee`
pub(crate) async fn set_fee(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::Fee>,
) -> Result<axum::Json<api::Fee>, Refused> {
    let share = read("share", &asked.share)?;
    hub.set_fee(&caller, share).await?;
    Ok(axum::Json(api::Fee { share: share.to_string() }))
}

/// `GET /api/v1/admin/rate`
pub(crate) async fn rate(State(hub): State<Hub>, Caller(caller): Caller) -> Result<axum::Json<api::RateSet>, Refused> {
    caller.may(Action::Admin, Object::Hub)?;
    Ok(axum::Json(api::RateSet { rate: hub.settings().rate.map(|rate| rate.to_string()) }))
}

/// `PUT /api/v1/admin/rate`
pub(crate) async fn set_rate(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::SetRate>,
) -> Result<axum::Json<api::RateSet>, Refused> {
    let rate: ledger::Rate = read("rate", &asked.rate)?;
    hub.set_rate(&caller, rate).await?;
    Ok(axum::Json(api::RateSet { rate: Some(rate.to_string()) }))
}

/// A transfer, as the operator asks for it.
struct Movement {
    handle: Handle,
    amount: Amount,
    id: Option<TransferId>,
    reference: String,
}

impl Movement {
    fn read(asked: api::NewTransfer) -> Result<Movement, Refused> {
        Ok(Movement {
            handle: read("handle", &asked.handle)?,
            amount: read("amount", &asked.amount)?,
            id: asked.id.map(|id| read("id", &id)).transpose()?,
            reference: asked.reference,
        })
    }
}

fn moved(posted: Posted) -> axum::Json<api::Moved> {
    axum::Json(api::Moved {
        transfer: posted.id.to_string(),
        seq: posted.seq,
        balance: words::balance(&posted.balance),
    })
}

fn kind(word: Option<&str>) -> Result<AccountKind, Refused> {
    let unknown = |word: &str| format!("kind is \"{}\"; expected user, org or agent", clip(word));
    match word {
        None => Ok(AccountKind::User),
        Some(word) => word.parse().map_err(|()| Problem::new(Code::InvalidRequest, unknown(word)).into()),
    }
}

/// A field's value, or the refusal that names the field.
fn read<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Refused> {
    text.parse().map_err(|error| Problem::new(Code::InvalidRequest, format!("{field}: {error}")).into())
}
