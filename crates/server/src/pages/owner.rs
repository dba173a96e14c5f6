//! `GET /{owner}`: what is public of an account.

use api::{Code, Problem};
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use hub::{AccountKind, Hub, Member, OwnerPage};
use registry::{Handle, RESERVED_HANDLES};

use super::figures;
use crate::extract::{AnyCaller, Page};
use crate::problem::Refused;

/// Models of a page.
const SHOWN: u64 = 50;

pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Path(owner): Path<String>,
    page: Page,
    uri: Uri,
) -> Result<Response, Refused> {
    // What can be nobody's handle is a path like any other where nothing stands.
    let handle = owner.parse::<Handle>().ok().filter(|handle| !RESERVED_HANDLES.contains(&handle.as_str()));
    let Some(handle) = handle else { return Ok(super::nothing(uri).await.into_response()) };
    let offset = page.cursor.unwrap_or(0);
    let OwnerPage { account, verified, models, more, members, may_publish } =
        match hub.owner_page(viewer.as_ref(), &handle, offset, page.limit.min(SHOWN)).await {
            Err(hub::Error::NoAccount { handle }) => {
                return Err(Problem::new(Code::AccountNotFound, format!("nobody here is called \"{handle}\"")).into());
            }
            other => other?,
        };
    let rate = hub.settings().rate;
    Ok(super::html(web::owner(&web::Owner {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        kind: match account.kind {
            AccountKind::User => "Person",
            AccountKind::Org => "Organisation",
            AccountKind::Agent => "Agent",
            AccountKind::Hub => "The hub’s operator",
        },
        verified: verified.map(super::moderation::verified),
        since: account.created.to_string(),
        models: models.iter().filter_map(|model| figures::model_row(model, rate)).collect(),
        more: more.map(|more| format!("/{}?cursor={more}", account.handle)),
        handle: account.handle.to_string(),
        members: members.map(|members| members.into_iter().map(member).collect()),
        may_publish,
    })))
}

fn member(member: Member) -> web::MemberRow {
    web::MemberRow {
        handle: member.account.handle.to_string(),
        role: member.role.to_string(),
        since: member.since.to_string(),
    }
}
