//! What an account sees of itself.

use axum::Json;
use axum::extract::State;
use hub::Hub;

use crate::extract::Caller;
use crate::problem::Refused;
use crate::words;

/// `GET /api/v1/account`
pub(crate) async fn show(Caller(caller): Caller) -> Json<api::Account> {
    let account = caller.account();
    Json(api::Account {
        handle: account.handle.to_string(),
        account: account.id.to_string(),
        kind: account.kind.to_string(),
        scopes: caller.scopes().iter().map(ToString::to_string).collect(),
        key: caller.key().to_string(),
    })
}

/// `GET /api/v1/balance`
pub(crate) async fn balance(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Balance>, Refused> {
    Ok(Json(words::balance(&hub.balance(&caller).await?)))
}
