//! Reports, what the operator makes of models, and whom the operator knows.
//!
//! Always: what the operator alone may read stands on the operator's pages alone; who sent a report stands nowhere else.

use maud::{Markup, html};

use crate::account::{Account, page as account_page};
use crate::figure::{day, moment};
use crate::layout::{self, Chrome, section};
use crate::link;

/// Longest text of a report, in characters.
const REPORT_TEXT: &str = "2000";
/// Longest text for everybody.
const PUBLIC_TEXT: &str = "500";
/// Where the badge of a verified owner stands on a model's page.
pub(crate) const VERIFIED: &str = "verified";

/// A word and what it says.
pub type Words = (&'static str, &'static str);

/// What the operator has made of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restricted {
    /// Whether it was taken down; else it is hidden.
    pub taken_down: bool,
    /// The reason, in words.
    pub reason: String,
    /// What everybody is told.
    pub text: String,
    /// Since when, in RFC 3339.
    pub at: String,
}

/// That the operator checked who an owner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Against what.
    pub note: String,
    /// When, in RFC 3339.
    pub at: String,
}

/// A decision, as everybody reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// When, in RFC 3339.
    pub at: String,
    /// `hidden`, `taken down`, `restored`, `report dismissed`, `verified`, `verified no longer`.
    pub what: &'static str,
    /// What it is about, on the list of all.
    pub about: String,
    /// Where that has a page of the operator's.
    pub link: Option<String>,
    /// The reason, in words.
    pub reason: Option<String>,
    /// What everybody is told.
    pub text: String,
    /// Who decided; for the operator alone, like the note.
    pub by: String,
    /// What the operator noted.
    pub note: String,
}

/// The form to report a model with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportForm {
    /// The model.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Whether somebody is signed in: others are sent to where one does.
    pub signed_in: bool,
    /// Reasons to choose from.
    pub reasons: Vec<Words>,
    /// The one that is chosen.
    pub reason: String,
    /// Releases to choose from, the newest first.
    pub releases: Vec<String>,
    /// The one that is chosen.
    pub release: String,
    /// What was typed.
    pub text: String,
    /// Whether it changes a report that waits.
    pub waits: bool,
}

/// The page at `/{owner}/{name}/report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPage {
    /// The frame.
    pub chrome: Chrome,
    /// The form.
    pub form: ReportForm,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// `report_7`.
    pub id: String,
    /// The model.
    pub model: (String, String),
    /// Of this release alone.
    pub release: Option<String>,
    /// The reason, in words.
    pub reason: String,
    /// What was written.
    pub text: String,
    /// When it was sent or changed last, in RFC 3339.
    pub at: String,
    /// What became of it, in words.
    pub state: &'static str,
    /// Whether it waits for the operator.
    pub open: bool,
    /// What the operator said to it.
    pub answer: Option<String>,
    /// Who sent it: on pages of the operator alone.
    pub by: String,
}

/// The page at `/account/reports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnReports {
    /// The frame.
    pub account: Account,
    /// The newest first.
    pub reports: Vec<ReportRow>,
    /// The link to those before, on this hub.
    pub more: Option<String>,
}

/// What stands at the place of a model that was taken down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The frame.
    pub chrome: Chrome,
    /// The owner's handle.
    pub owner: String,
    /// The model's name.
    pub name: String,
    /// Why.
    pub restricted: Restricted,
    /// What was decided, the newest first.
    pub decisions: Vec<DecisionRow>,
    /// Where the operator goes on.
    pub operator: bool,
}

/// The page at `/operator/moderation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderation {
    /// The frame.
    pub chrome: Chrome,
    /// Reports that wait, the newest first.
    pub reports: Vec<ReportRow>,
    /// Models that are hidden or taken down.
    pub restricted: Vec<(String, String, Restricted)>,
    /// Accounts that were checked: handle, against what, when.
    pub verified: Vec<(String, Verified)>,
    /// The trail, the newest first.
    pub decisions: Vec<DecisionRow>,
    /// The link to what was decided before, on this hub.
    pub more: Option<String>,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

/// The page at `/operator/models/{owner}/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The frame.
    pub chrome: Chrome,
    /// The owner's handle.
    pub owner: String,
    /// The model's name.
    pub name: String,
    /// Whether its group alone sees it.
    pub private: bool,
    /// What it is now.
    pub restricted: Option<Restricted>,
    /// Reports of it, those that wait first.
    pub reports: Vec<ReportRow>,
    /// What was decided of it, the newest first.
    pub decisions: Vec<DecisionRow>,
    /// Reasons to choose from.
    pub reasons: Vec<Words>,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

/// The mark of an owner whom the operator knows: what it means is read by whoever opens it.
pub(crate) fn badge(verified: &Verified) -> Markup {
    html! {
        details.badge id=(VERIFIED) {
            summary { "Verified publisher" }
            p { "The operator checked who this is: " (verified.note) ", on " (day(&verified.at)) ". It says nothing of what the model does." }
        }
    }
}

/// The mark in a list: it leads to where it is explained.
pub(crate) fn badge_link(owner: &str, name: &str) -> Markup {
    html! {
        a.badge href={ (link::model(owner, name)) "#" (VERIFIED) } aria-label={ "Verified publisher: the operator checked who " (owner) " is" } { "Verified publisher" }
    }
}

/// What stands at the head of a model's page that the operator has hidden, or taken down and still shows to its owner.
pub(crate) fn notice(restricted: &Restricted) -> Markup {
    html! {
        aside.notice aria-label="Notice of the operator" {
            @if restricted.taken_down {
                p { strong { "Taken down" } " by the operator on " (day(&restricted.at)) ", for " (restricted.reason) ": " (restricted.text) }
                p { "Only its owner’s group sees this page, and reads the files. Nobody calls it, and it takes no new release. " (money()) }
            } @else {
                p { strong { "Hidden" } " by the operator on " (day(&restricted.at)) ", for " (restricted.reason) ": " (restricted.text) }
                p { "It stands in no list and no search. It is called, and pays, as before." }
            }
        }
    }
}

fn money() -> Markup {
    html! { "What was earned with it before stays with those who earned it, and receipts stay valid." }
}

/// The public part of the trail, on a model's page.
pub(crate) fn trail(decisions: &[DecisionRow]) -> Markup {
    html! {
        ul.plain {
            @for decision in decisions {
                li {
                    (moment(&decision.at)) " " strong { (decision.what) }
                    @if let Some(reason) = &decision.reason { ", for " (reason) }
                    @if !decision.text.is_empty() { ": " (decision.text) }
                }
            }
        }
    }
}

/// The form, or the way to where one signs in for it.
pub(crate) fn report_form(form: &ReportForm) -> Markup {
    let here = format!("{}/report", link::model(&form.owner, &form.name));
    html! {
        @if form.signed_in {
            @if form.waits { p.note { "Your report waits for the operator. What you send now takes its place." } }
            form.fields action=(here) method="post" {
                label { span { "Reason" }
                    select name="reason" required {
                        option value="" selected[form.reason.is_empty()] { "Choose one" }
                        @for (word, says) in &form.reasons { option value=(word) selected[form.reason == *word] { (says) } }
                    }
                }
                label { span { "Release" }
                    select name="release" {
                        option value="" { "the model as a whole" }
                        @for release in &form.releases { option value=(release) selected[form.release == *release] { (release) } }
                    }
                }
                label.wide { span { "What the operator has to know" } textarea name="text" rows="4" maxlength=(REPORT_TEXT) { (form.text) } }
                p.note { "The operator reads it, and who you are. The model’s owner does not learn who reported it." }
                button type="submit" { "Send the report" }
            }
        } @else {
            p { a href={ "/login?next=" (link::segment(&here)) } { "Sign in" } " to report it to the operator." }
        }
    }
}

/// The page of the form alone.
pub fn report(view: &ReportPage) -> String {
    let form = &view.form;
    let nothing = html! {};
    let main = html! {
        h1.title { "Report " (form.owner) "/" (form.name) }
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        (section("report", "Report", &nothing, &report_form(form)))
        p.more { a href=(link::model(&form.owner, &form.name)) { "Back to the model" } }
    };
    layout::page(&view.chrome, Some("Report a model"), "Report a model to the operator.", &main)
}

/// What somebody has reported.
pub fn own_reports(view: &OwnReports) -> String {
    let content = html! {
        @if view.reports.is_empty() {
            p { "You have reported nothing. Each model’s page has a form for it." }
        } @else {
            @for report in &view.reports { (report_of(report, false)) }
        }
        @if let Some(more) = &view.more { p.more { a rel="next" href=(link::local(more)) { "Earlier ones" } } }
    };
    account_page(&view.account, "/account/reports", "Reports", &content, &[])
}

fn report_of(report: &ReportRow, operators: bool) -> Markup {
    let (owner, name) = &report.model;
    let to = if operators {
        format!("/operator/models/{}/{}", link::segment(owner), link::segment(name))
    } else {
        link::model(owner, name)
    };
    html! {
        article.report aria-label=(report.id) {
            p {
                a href=(to) { (owner) "/" (name) } @if let Some(release) = &report.release { " " span.num { (release) } }
                " " strong { (report.reason) } " " span.note { (report.state) ", " (moment(&report.at)) @if operators { ", by " (report.by) } }
            }
            @if !report.text.is_empty() { p.said { (report.text) } }
            @if let Some(answer) = &report.answer { p { span.note { "The operator: " } (answer) } }
            @if operators && report.open {
                details {
                    summary aria-label={ "Dismiss " (report.id) } { "Dismiss" }
                    form.fields action={ "/operator/reports/" (link::segment(&report.id)) "/dismiss" } method="post" {
                        label.wide { span { "What whoever sent it reads" } input type="text" name="text" maxlength=(PUBLIC_TEXT) required; }
                        (note_field())
                        button type="submit" { "Dismiss the report" }
                    }
                }
            }
        }
    }
}

fn note_field() -> Markup {
    html! { label.wide { span { "Note, for the operator alone" } textarea name="note" rows="2" maxlength="2000" {} } }
}

/// The page of a model that was taken down.
pub fn tombstone(view: &Tombstone) -> String {
    let (owner, name) = (&view.owner, &view.name);
    let title = format!("{owner}/{name}");
    let main = html! {
        article.problem.tombstone {
            p.over { span.num { "451" } " · " code { "taken_down" } }
            h1 { span.owner { (owner) "/" } (name) }
            p.lead { "The operator took this model down on " (day(&view.restricted.at)) ", for " (view.restricted.reason) ": " (view.restricted.text) }
            p { "It is not called, and its files are not read. " (money()) " Models that build on it go on, and pay the royalties that they owe." }
            @if !view.decisions.is_empty() { h2 { "What was decided" } (trail(&view.decisions)) }
            p { a href="/" { "All models" } @if view.operator { " · " a href={ "/operator/models/" (link::segment(owner)) "/" (link::segment(name)) } { "What the operator knows of it" } } }
        }
    };
    layout::page(&view.chrome, Some(&title), "A model that was taken down.", &main)
}

/// What there is to decide, and what was decided.
pub fn moderation(view: &Moderation) -> String {
    let nothing = html! {};
    let main = html! {
        h1.title { "Moderation" }
        p.more { a href="/operator" { "Operator" } }
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        (section("open", "Reports that wait", &html! { p { "The newest first. A model’s page here has the forms to hide it and to take it down." } }, &html! {
            @if view.reports.is_empty() { p { "None." } }
            @for report in &view.reports { (report_of(report, true)) }
        }))
        (section("restricted", "Hidden and taken down", &nothing, &html! {
            @if view.restricted.is_empty() { p { "None." } } @else {
                ul.plain { @for (owner, name, restricted) in &view.restricted {
                    li { a href={ "/operator/models/" (link::segment(owner)) "/" (link::segment(name)) } { (owner) "/" (name) } " " (state(restricted)) }
                } }
            }
        }))
        (section("verified", "Verified publishers", &html! { p { "Whom you know. Pages say: the operator checked who this is." } }, &html! {
            @for (handle, verified) in &view.verified {
                form.line action="/operator/verified" method="post" {
                    input type="hidden" name="handle" value=(handle);
                    p { a href={ "/" (link::segment(handle)) } { (handle) } " " span.note { (verified.note) ", " (day(&verified.at)) } " " button.quiet type="submit" name="act" value="remove" aria-label={ "Verify " (handle) " no longer" } { "Remove" } }
                }
            }
            form.fields action="/operator/verified" method="post" {
                label { span { "Handle" } input type="text" name="handle" maxlength="39" required autocapitalize="none" spellcheck="false" autocomplete="off"; }
                label.wide { span { "Checked against, for everybody" } input type="text" name="note" maxlength=(PUBLIC_TEXT) required placeholder="example.org" autocomplete="off"; }
                button type="submit" name="act" value="verify" { "Verify" }
            }
        }))
        (section("trail", "What was decided", &html! { p { "Never edited, never shortened." } }, &html! {
            (whole_trail(&view.decisions))
            @if let Some(more) = &view.more { p.more { a rel="next" href=(link::local(more)) { "Earlier ones" } } }
        }))
    };
    layout::page(&view.chrome, Some("Moderation"), "Reports and what was made of them.", &main)
}

fn state(restricted: &Restricted) -> Markup {
    let what = if restricted.taken_down { "taken down" } else { "hidden" };
    html! { strong { (what) } " " span.note { (day(&restricted.at)) ", for " (restricted.reason) ": " (restricted.text) } }
}

fn whole_trail(decisions: &[DecisionRow]) -> Markup {
    html! {
        @if decisions.is_empty() { p { "Nothing yet." } } @else {
            div.scroll tabindex="0" {
                table.lines {
                    caption.hidden { "What was decided, the newest first" }
                    thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "About" } th scope="col" { "Told to others" } th scope="col" { "Noted" } } }
                    tbody { @for decision in decisions {
                        tr {
                            td { (moment(&decision.at)) }
                            td { (decision.what) @if let Some(reason) = &decision.reason { p.note { (reason) } } }
                            td { @match &decision.link { Some(to) => a href=(link::local(to)) { (decision.about) }, None => (decision.about) } p.note { "by " (decision.by) } }
                            td { (decision.text) }
                            td { (decision.note) }
                        }
                    } }
                }
            }
        }
    }
}

/// What the operator knows of a model, and does with it.
pub fn case(view: &Case) -> String {
    let (owner, name) = (&view.owner, &view.name);
    let here = format!("/operator/models/{}/{}", link::segment(owner), link::segment(name));
    let title = format!("Moderation of {owner}/{name}");
    let nothing = html! {};
    let main = html! {
        h1.title { (owner) "/" (name) }
        p.more { a href="/operator/moderation" { "Moderation" } " · " a href=(link::model(owner, name)) { "The model’s page" } }
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        p.stands {
            @match &view.restricted { Some(restricted) => (state(restricted)), None => { "It is listed, found and called." } }
            @if view.private { " It is private: its owner’s group alone sees it." }
        }
        (section("reports", "Reports", &nothing, &html! {
            @if view.reports.is_empty() { p { "None." } }
            @for report in &view.reports { (report_of(report, true)) }
        }))
        (section("decide", "Decide", &html! { p { "Hidden, it is in no list and is called as before. Taken down, it is not called, and its files are not read. Calls that run may end; money that was earned stays." } }, &html! {
            form.fields action=(here) method="post" {
                label { span { "Reason" }
                    select name="reason" required {
                        option value="" { "Choose one" }
                        @for (word, says) in &view.reasons { option value=(word) { (says) } }
                    }
                }
                label.wide { span { "What everybody is told" } input type="text" name="text" maxlength=(PUBLIC_TEXT) required autocomplete="off"; }
                (note_field())
                p.buttons { button.quiet type="submit" name="act" value="hide" { "Hide" } " " button type="submit" name="act" value="take-down" { "Take down" } }
            }
            @if view.restricted.is_some() {
                form.fields action=(here) method="post" {
                    label.wide { span { "What everybody is told of the restoring, if anything" } input type="text" name="text" maxlength=(PUBLIC_TEXT) autocomplete="off"; }
                    (note_field())
                    button type="submit" name="act" value="restore" { "Restore" }
                }
            }
        }))
        (section("trail", "What was decided", &nothing, &whole_trail(&view.decisions)))
    };
    layout::page(&view.chrome, Some(&title), "What was reported of a model, and what was made of it.", &main)
}
