//! Who a key belongs to, in the words of these clients.

use axum::Json;
use axum::extract::State;
use hub::{AccountKind, Hub, MemberRole, Membership, Scope};
use serde_json::{Value, json};

use crate::extract::Caller;
use crate::hf::error::Refusal;

/// `GET /api/whoami-v2`
pub(crate) async fn show(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<Value>, Refusal> {
    let account = caller.account();
    let orgs: Vec<Value> = hub.memberships(&caller).await?.iter().map(org).collect();
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

fn org(Membership { organisation, role }: &Membership) -> Value {
    let role = match role {
        MemberRole::Reader => "read",
        MemberRole::Writer => "write",
        MemberRole::Admin => "admin",
    };
    json!({"type": "org", "name": organisation.handle, "fullname": organisation.handle, "roleInOrg": role})
}
