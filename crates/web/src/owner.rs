//! What is public of an account: its models, and for members who else is one.

use maud::{Markup, html};

use crate::figure::{day, moment};
use crate::home::{ModelRow, rows};
use crate::layout::{self, Chrome, section};
use crate::link;
use crate::moderation::{Verified, badge};

/// The page at `/{owner}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The frame.
    pub chrome: Chrome,
    /// The account's handle.
    pub handle: String,
    /// What it is: `Organisation`, `Person`, `Agent`, `The hub`.
    pub kind: &'static str,
    /// Whether the operator has checked who it is, and how.
    pub verified: Option<Verified>,
    /// When it was made, in RFC 3339.
    pub since: String,
    /// Its models that this viewer may see and anyone can call, the last changed first.
    pub models: Vec<ModelRow>,
    /// The link to the next page of them, on this hub.
    pub more: Option<String>,
    /// Who belongs to it: for its members alone.
    pub members: Option<Vec<MemberRow>>,
    /// Whether the viewer may publish here.
    pub may_publish: bool,
}

/// A member of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The member's handle.
    pub handle: String,
    /// `reader`, `writer` or `admin`.
    pub role: String,
    /// Since when, in RFC 3339.
    pub since: String,
}

/// The page of an account.
pub fn owner(view: &Owner) -> String {
    let about = format!("Models of {} and their prices.", view.handle);
    let main = html! {
        header.holder {
            h1.title { (view.handle) }
            @if let Some(verified) = &view.verified { (badge(verified)) }
            ul.tags { li { (view.kind) } li { "here since " (day(&view.since)) } }
        }
        (section("models", "Models", &models_note(view), &models(view)))
        @if let Some(members) = &view.members { (section("members", "Members", &html! { p { "Shown to members alone." } }, &member_rows(members))) }
    };
    layout::page(&view.chrome, Some(&view.handle), &about, &main)
}

fn models_note(view: &Owner) -> Markup {
    html! {
        p { "With what anybody has paid for them since they are here." }
        @if view.may_publish { p.more { a href={ "/publish?owner=" (link::segment(&view.handle)) } { "Publish here" } } }
    }
}

fn models(view: &Owner) -> Markup {
    html! {
        @if view.models.is_empty() {
            p { "No models that anyone can call yet." }
        } @else {
            (rows(&view.models, |_| String::new()))
        }
        @if let Some(more) = &view.more { p.more { a rel="next" href=(link::local(more)) { "More models" } } }
    }
}

fn member_rows(members: &[MemberRow]) -> Markup {
    html! {
        table.lines {
            caption.hidden { "Members" }
            thead { tr { th scope="col" { "Handle" } th scope="col" { "Role" } th scope="col" { "Since" } } }
            tbody {
                @for member in members {
                    tr { td { a href={ "/" (link::segment(&member.handle)) } { (member.handle) } } td { (member.role) } td { (moment(&member.since)) } }
                }
            }
        }
    }
}
