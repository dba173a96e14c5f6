//! Who a key belongs to, in the words of these clients.

use axum::Json;
use axum::extract::State;
use hub::{AccountKind, Hub, Scope};
use serde_json::{Value, json};

use crate::extract::Caller;
use crate::hf::error::Refusal;

/// `GET /api/whoami-v2`
pub(crate) async fn show(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<Value>, Refusal> {
    let account = caller.account();
    let orgs = hub.member_of(&caller).await?;
    let orgs: Vec<Value> =
        orgs.iter().map(|org| json!({"type": "org", "name": org.handle, "fullname": org.handle})).collect();
    // They know people and organisations.
    let kind = if account.kind == AccountKind::Org { "org" } else { "user" };
    let role = if caller.scopes().contains(&Scope::Publish) { "write" } else { "read" };
    let token = json!({"displayName": caller.key_name(), "role": role});
    Ok(Json(json!({
        "type": kind,
        "name": account.handle,
        "fullname": account.handle,
        "orgs": orgs,
        "auth": {"type": "access_token", "accessToken": token},
    })))
}
