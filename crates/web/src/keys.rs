//! An account's keys: those there are, a new one, and another secret for one.

use maud::{Markup, html};

use crate::account::{Account, page};
use crate::figure::moment;
use crate::layout::section;
use crate::link;

/// The page at `/account/keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The frame.
    pub account: Account,
    /// Those that are good.
    pub keys: Vec<KeyRow>,
    /// The secret that one just got.
    pub fresh: Option<FreshKey>,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
    /// What was typed.
    pub form: KeyForm,
    /// The hub's address, for the example.
    pub url: String,
}

/// A secret that is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshKey {
    /// What its key is called.
    pub name: String,
    /// `mh_…`
    pub secret: String,
    /// Until when the secret before it is good, if there was one.
    pub old_until: Option<String>,
}

/// What was typed for a new key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyForm {
    /// What it is called.
    pub name: String,
    /// Scopes, and whether each is chosen.
    pub scopes: Vec<(&'static str, &'static str, bool)>,
    /// The most a call may cost, in OPG.
    pub max_cost: String,
    /// The most a day.
    pub max_day: String,
    /// The most a month.
    pub max_month: String,
    /// Models it is for, one a line; all, if there is none.
    pub models: String,
    /// Days it is good for; without end, if it is empty.
    pub days: String,
    /// The most calls: `60/min`.
    pub rate: String,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// `key_…`
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: String,
    /// What bounds it, in words.
    pub bounds: Vec<String>,
    /// When it was made, in RFC 3339.
    pub created: String,
    /// When it was used last.
    pub used: Option<String>,
    /// When it ends.
    pub expires: Option<String>,
    /// Until when a secret it had before is good.
    pub old_until: Option<String>,
}

/// The page of an account's keys.
pub fn keys(view: &Keys) -> String {
    let form = &view.form;
    let content = html! {
        @if let Some(FreshKey { name, secret, old_until }) = &view.fresh {
            section.fresh role="status" {
                @let done = if old_until.is_some() { "has another secret." } else { "is made." };
                p { "The key " @if !name.is_empty() { strong { (name) } " " } (done) " It is shown this once: keep it where secrets are kept." }
                @if let Some(at) = old_until { p { "What it had before is good until " (moment(at)) "." } }
                pre tabindex="0" { code { (secret) } }
                pre tabindex="0" { code { "export MODELHUB_URL=" (view.url) "\nexport MODELHUB_KEY=" (secret) } }
            }
        }
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        (section("keys", "Keys", &html! { p { "Programs call with them. Revoked, a key is good for nothing at once; rotated, it gets another secret and stays the same key, limits and all." } }, &key_rows(&view.keys)))
        (section("new", "New key", &html! { p { "Limits keep what it may spend; a key for one job gets a small one." } }, &html! {
            form.fields action="/account/keys" method="post" {
                label { span { "Name" } input type="text" name="name" value=(form.name) maxlength="100" autocomplete="off"; }
                fieldset {
                    legend { "It may" }
                    @for (scope, what, chosen) in &form.scopes {
                        label.check { input type="checkbox" name="scopes" value=(scope) checked[*chosen]; span { (scope) " " span.unit { (what) } } }
                    }
                }
                fieldset.three {
                    legend { "Spend at most, in OPG" }
                    label { span { "A call" } input type="text" name="max_cost" value=(form.max_cost) inputmode="decimal" autocomplete="off"; }
                    label { span { "A day" } input type="text" name="max_day" value=(form.max_day) inputmode="decimal" autocomplete="off"; }
                    label { span { "A month" } input type="text" name="max_month" value=(form.max_month) inputmode="decimal" autocomplete="off"; }
                }
                label { span { "Calls at most, as in 60/min; empty: any number" } input type="text" name="rate" value=(form.rate) size="10" autocomplete="off"; }
                label { span { "For these models alone, one a line" } textarea name="models" rows="2" spellcheck="false" { (form.models) } }
                label { span { "Good for so many days; empty: until it is revoked" } input type="text" name="days" value=(form.days) inputmode="numeric" size="6" autocomplete="off"; }
                button type="submit" { "Make key" }
            }
        }))
    };
    page(&view.account, "/account/keys", "Keys", &content, &[])
}

/// How long an old secret may be good.
const OVERLAPS: [(u32, &str); 4] = [(0, "no more"), (24, "a day"), (168, "a week"), (720, "30 days")];

fn key_rows(keys: &[KeyRow]) -> Markup {
    html! {
        @if keys.is_empty() {
            div.empty { p { "No key yet. Make one below, and put it into the environment of your program." } }
        } @else {
            table.lines {
                caption.hidden { "Your keys" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "May" } th scope="col" { "Bounds" } th scope="col" { "Made" } th scope="col" { "Used" } th scope="col" { span.hidden { "Rotate or revoke" } } } }
                tbody {
                    @for key in keys {
                        tr {
                            td { @if key.name.is_empty() { span.unit { "no name" } } @else { (key.name) } }
                            td { (key.scopes) }
                            td {
                                @if key.bounds.is_empty() && key.expires.is_none() { span.unit { "none" } }
                                @for bound in &key.bounds { span.bound { (bound) } " " }
                                @if let Some(at) = &key.expires { span.bound { "until " (moment(at)) } }
                                @if let Some(at) = &key.old_until { " " span.bound { "its old secret until " (moment(at)) } }
                            }
                            td { (moment(&key.created)) }
                            td { @match &key.used { Some(at) => (moment(at)), None => span.unit { "never" } } }
                            td.right {
                                details {
                                    summary aria-label={ "Rotate " (key.name) } { "Rotate" }
                                    form.line action={ "/account/keys/" (link::segment(&key.id)) "/rotate" } method="post" {
                                        label { span { "The old secret is good for" } select name="hours" {
                                            @for (hours, words) in OVERLAPS { option value=(hours) selected[hours == 24] { (words) } }
                                        } }
                                        button type="submit" { "Make another secret" }
                                    }
                                }
                                form action={ "/account/keys/" (link::segment(&key.id)) "/revoke" } method="post" { button.quiet type="submit" aria-label={ "Revoke " (key.name) } { "Revoke" } }
                            }
                        }
                    }
                }
            }
        }
    }
}
