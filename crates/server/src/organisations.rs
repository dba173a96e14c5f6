//! Organisations, their members, and their keys.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use hub::{Hub, Member, MemberRole};
use registry::Handle;
use serde::Deserialize;

use crate::access::HandlePath;
use crate::edge::clip;
use crate::extract::{self, Caller, Query, parameter};
use crate::keys;
use crate::problem::Refused;
use crate::words::read_some;

/// `{organisation}`
pub(crate) struct OrganisationPath(Handle);

impl<S: Send + Sync> FromRequestParts<S> for OrganisationPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<OrganisationPath, Refused> {
        parameter(parts, "organisation", Code::AccountNotFound).await.map(OrganisationPath)
    }
}

/// `GET /api/v1/organisations`: those the caller is a member of.
pub(crate) async fn list(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Organisations>, Refused> {
    let told = |membership: hub::Membership| api::Organisation {
        handle: membership.organisation.handle.to_string(),
        account: membership.organisation.id.to_string(),
        role: membership.role.to_string(),
    };
    let items = hub.memberships(&caller).await?.into_iter().map(told).collect();
    Ok(Json(api::Organisations { items, next: None }))
}

/// `POST /api/v1/organisations`
pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    extract::Json(asked): extract::Json<api::NewOrganisation>,
) -> Result<(StatusCode, Json<api::Organisation>), Refused> {
    let made = hub.create_organisation(&caller, &asked.handle).await?;
    let (handle, account) = (made.handle.to_string(), made.id.to_string());
    let role = MemberRole::Admin.to_string();
    Ok((StatusCode::CREATED, Json(api::Organisation { handle, account, role })))
}

/// Lists of members go on behind a handle.
#[derive(Deserialize)]
pub(crate) struct Paged {
    cursor: Option<String>,
    limit: Option<u64>,
}

/// `GET /api/v1/organisations/{organisation}/members?cursor=&limit=`
pub(crate) async fn members(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    Query(page): Query<Paged>,
) -> Result<Json<api::Members>, Refused> {
    let after: Option<Handle> = read_some("cursor", page.cursor.as_deref())?;
    let limit = page.limit.unwrap_or(api::PAGE).clamp(1, api::MAX_PAGE);
    let found = hub.members(&caller, &organisation, after.as_ref(), limit).await?;
    let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| last.account.handle.to_string());
    Ok(Json(api::Members { items: found.iter().map(told).collect(), next }))
}

/// `GET /api/v1/organisations/{organisation}/members/{handle}`
pub(crate) async fn member(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    HandlePath(handle): HandlePath,
) -> Result<Json<api::Member>, Refused> {
    Ok(Json(told(&hub.member(&caller, &organisation, &handle).await?)))
}

/// `PUT` the same
pub(crate) async fn set_member(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    HandlePath(handle): HandlePath,
    extract::Json(asked): extract::Json<api::SetMember>,
) -> Result<Json<api::Member>, Refused> {
    let role = asked.role.parse().map_err(|()| {
        let known = MemberRole::ALL.map(MemberRole::word).join(", ");
        let message = format!("role is \"{}\"; expected one of {known}", clip(&asked.role));
        Refused::from(Problem::new(Code::InvalidRequest, message))
    })?;
    Ok(Json(told(&hub.set_member(&caller, &organisation, &handle, role).await?)))
}

/// `DELETE` the same
pub(crate) async fn remove_member(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    HandlePath(handle): HandlePath,
) -> Result<Json<api::RemovedMember>, Refused> {
    hub.remove_member(&caller, &organisation, &handle).await?;
    Ok(Json(api::RemovedMember { handle: handle.to_string(), removed: true }))
}

/// `GET /api/v1/organisations/{organisation}/keys`
pub(crate) async fn list_keys(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
) -> Result<Json<api::Keys>, Refused> {
    let keys = hub.organisation_keys(&caller, &organisation).await?;
    Ok(Json(api::Keys { items: keys.iter().map(keys::key).collect(), next: None }))
}

/// `POST` the same
pub(crate) async fn create_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    extract::Json(asked): extract::Json<api::NewKey>,
) -> Result<(StatusCode, Json<api::MadeKey>), Refused> {
    let fresh = hub.create_organisation_key(&caller, &organisation, keys::wish(asked)?).await?;
    Ok((StatusCode::CREATED, Json(api::MadeKey { key: fresh.secret, record: keys::key(&fresh.record) })))
}

/// `DELETE /api/v1/organisations/{organisation}/keys/{key}`
pub(crate) async fn revoke_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    keys::KeyPath(key): keys::KeyPath,
) -> Result<Json<api::RevokedKey>, Refused> {
    hub.revoke_organisation_key(&caller, &organisation, key).await?;
    Ok(Json(api::RevokedKey { id: key.to_string(), revoked: true }))
}

/// `POST /api/v1/organisations/{organisation}/keys/{key}/rotate`
pub(crate) async fn rotate_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    OrganisationPath(organisation): OrganisationPath,
    keys::KeyPath(key): keys::KeyPath,
    extract::Json(asked): extract::Json<api::RotateKey>,
) -> Result<Json<api::MadeKey>, Refused> {
    let overlap = asked.overlap_hours.unwrap_or(hub::OVERLAP_HOURS);
    let fresh = hub.rotate_organisation_key(&caller, &organisation, key, overlap).await?;
    Ok(Json(api::MadeKey { key: fresh.secret, record: keys::key(&fresh.record) }))
}

fn told(member: &Member) -> api::Member {
    api::Member {
        handle: member.account.handle.to_string(),
        account: member.account.id.to_string(),
        role: member.role.to_string(),
        since: member.since.to_string(),
    }
}
