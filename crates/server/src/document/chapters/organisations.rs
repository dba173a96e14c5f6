//! Organisations.

use api::{Code, MAX_PAGE, PAGE, text};
use serde_json::json;

use crate::document::operation::{Operation, Who, delete, get, post, put};

pub(super) fn operations() -> Vec<Operation> {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE});
    vec![
        get("/api/v1/organisations", "organisations", "Organisations you are a member of")
            .who(Who::AnyKey)
            .gives::<api::Organisations>("Each with your role.")
            .refuses(&[Code::ScopeMissing]),
        post("/api/v1/organisations", "create_organisation", "Make an organisation")
            .who(Who::Key("money"))
            .takes::<api::NewOrganisation>(json!({"handle": "acme"}))
            .gives_with::<api::Organisation>(201, "You are its admin.")
            .refuses(&[Code::HandleTaken]),
        get("/api/v1/organisations/{organisation}/members", "members", "Members of an organisation")
            .says("For its members.")
            .who(Who::Key("read"))
            .query("limit", limit, "How many items at most.")
            .query_of::<text::Handle>("cursor", "The `next` of the page before.")
            .gives::<api::Members>("A page of members, by handle."),
        get("/api/v1/organisations/{organisation}/members/{handle}", "member", "One member")
            .who(Who::Key("read"))
            .gives::<api::Member>("The member.")
            .refuses(&[Code::MemberNotFound]),
        put(
            "/api/v1/organisations/{organisation}/members/{handle}",
            "set_member",
            "Take somebody in, or change a role",
        )
        .says("For admins.")
        .who(Who::Key("money"))
        .takes::<api::SetMember>(json!({"role": "reader"}))
        .gives::<api::Member>("The member.")
        .refuses(&[Code::MemberNotFound, Code::LastAdmin]),
        delete("/api/v1/organisations/{organisation}/members/{handle}", "remove_member", "Take somebody out")
            .says("At once, for all keys. For admins; everybody may leave; the last admin stays.")
            .who(Who::Key("money"))
            .gives::<api::RemovedMember>("No member any more.")
            .refuses(&[Code::MemberNotFound, Code::LastAdmin]),
        get("/api/v1/organisations/{organisation}/keys", "organisation_keys", "An organisation's own keys")
            .says("For its admins: these keys spend its money.")
            .who(Who::Key("money"))
            .gives::<api::Keys>("Without their secrets."),
        post("/api/v1/organisations/{organisation}/keys", "create_organisation_key", "Make a key of an organisation's")
            .who(Who::Key("money"))
            .takes::<api::NewKey>(json!({"name": "deploy", "scopes": ["call"]}))
            .gives_with::<api::MadeKey>(201, "The key, with its secret, this once."),
        delete(
            "/api/v1/organisations/{organisation}/keys/{key}",
            "revoke_organisation_key",
            "Revoke a key of an organisation's",
        )
        .who(Who::Key("money"))
        .gives::<api::RevokedKey>("It opens nothing any more."),
        post(
            "/api/v1/organisations/{organisation}/keys/{key}/rotate",
            "rotate_organisation_key",
            "Give a key of an organisation's another secret",
        )
        .who(Who::Key("money"))
        .takes::<api::RotateKey>(json!({"overlap_hours": 24}))
        .gives::<api::MadeKey>("The key, with its new secret, this once."),
    ]
}
