//! What the operator does.

use api::{Code, Problem};
use axum::extract::State;
use axum::http::StatusCode;
use hub::{Action, Hub, Movement, Object, Posted, RateSettings};
use ledger::{Amount, HoldId};
use store::AccountKind;

use crate::edge::clip;
use crate::extract::{Caller, Json};
use crate::problem::Refused;
use crate::words::{self, read, read_some};

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
    let (movement, hold) = movement(asked)?;
    without_hold(hold)?;
    hub.grant(&caller, movement).await.map(moved).map_err(Refused::from)
}

/// `POST /api/v1/admin/deposits`
pub(crate) async fn deposit(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewTransfer>,
) -> Result<axum::Json<api::Moved>, Refused> {
    let (movement, hold) = movement(asked)?;
    without_hold(hold)?;
    hub.deposit(&caller, movement).await.map(moved).map_err(Refused::from)
}

/// `POST /api/v1/admin/payouts`
pub(crate) async fn payout(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewTransfer>,
) -> Result<axum::Json<api::Moved>, Refused> {
    let (movement, hold) = movement(asked)?;
    hub.payout(&caller, movement, hold).await.map(moved).map_err(Refused::from)
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

/// `GET /api/v1/admin/trial`
pub(crate) async fn trial(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<axum::Json<api::TrialBudget>, Refused> {
    caller.may(Action::Admin, Object::Hub)?;
    Ok(axum::Json(api::TrialBudget { budget: hub.settings().trial.to_string() }))
}

/// `PUT /api/v1/admin/trial`
pub(crate) async fn set_trial(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::TrialBudget>,
) -> Result<axum::Json<api::TrialBudget>, Refused> {
    let budget: Amount = read("budget", &asked.budget)?;
    hub.set_trial_budget(&caller, budget).await?;
    Ok(axum::Json(api::TrialBudget { budget: budget.to_string() }))
}

/// `GET /api/v1/admin/notice`: for how many days a higher price is announced before it holds.
pub(crate) async fn notice(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<axum::Json<api::PriceNotice>, Refused> {
    caller.may(Action::Admin, Object::Hub)?;
    Ok(axum::Json(api::PriceNotice { days: hub.settings().notice_days }))
}

/// `PUT /api/v1/admin/notice`
pub(crate) async fn set_notice(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::PriceNotice>,
) -> Result<axum::Json<api::PriceNotice>, Refused> {
    hub.set_price_notice(&caller, asked.days).await?;
    Ok(axum::Json(asked))
}

/// `GET /api/v1/admin/request-rates`: how often each may ask.
pub(crate) async fn request_rates(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<axum::Json<api::RequestRates>, Refused> {
    caller.may(Action::Admin, Object::Hub)?;
    Ok(axum::Json(words::request_rates(hub.settings().request_rates)))
}

/// `PUT /api/v1/admin/request-rates`: all of them, what is left out is without bounds.
pub(crate) async fn set_request_rates(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::RequestRates>,
) -> Result<axum::Json<api::RequestRates>, Refused> {
    let rates = RateSettings {
        key: words::read_rates("key", &asked.key)?,
        account: words::read_rates("account", &asked.account)?,
        address: words::read_rates("address", &asked.address)?,
    };
    hub.set_request_rates(&caller, rates).await?;
    Ok(axum::Json(words::request_rates(rates)))
}

/// A transfer, as the operator asks for it.
fn movement(asked: api::NewTransfer) -> Result<(Movement, Option<HoldId>), Refused> {
    let movement = Movement {
        handle: read("handle", &asked.handle)?,
        amount: read("amount", &asked.amount)?,
        id: read_some("id", asked.id.as_deref())?,
        reference: asked.reference,
    };
    Ok((movement, read_some("hold", asked.hold.as_deref())?))
}

/// Money that comes in was not set aside before.
fn without_hold(hold: Option<HoldId>) -> Result<(), Refused> {
    match hold {
        None => Ok(()),
        Some(hold) => Err(Problem::new(Code::InvalidRequest, format!("hold: {hold} is for a payout alone")).into()),
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
