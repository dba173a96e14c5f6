//! What the hub's operator sees, and what everybody may see of its health.

use maud::{Markup, html};

use crate::figure::{Figure, count, measured, moment, strip};
use crate::layout::{self, Chrome, section};

/// The page at `/operator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The frame.
    pub chrome: Chrome,
    /// What is in order, and what is not.
    pub health: Vec<Health>,
    /// How many reports wait.
    pub open_reports: u64,
    /// Facts by topic: a title and lines of name, value, and what it means.
    pub topics: Vec<Topic>,
    /// The hub's share of a cost, as it is set: `10 %`.
    pub fee: String,
    /// What one OPG is in USD, if it is set.
    pub rate: Option<String>,
    /// What was searched and not found in 30 days: the words, how often, and when last, in RFC 3339.
    pub missed: Vec<(String, u64, String)>,
    /// Calls by class: the class, how many were answered, what they cost in OPG.
    pub classes: Vec<(String, u64, String)>,
}

/// The page at `/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The frame.
    pub chrome: Chrome,
    /// What is in order, and what is not.
    pub health: Vec<Health>,
    /// This program's version.
    pub version: String,
    /// The hub's id.
    pub hub: String,
    /// The addresses whose signature makes a receipt this hub's.
    pub keys: Vec<String>,
}

/// One part of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What it is.
    pub what: &'static str,
    /// How it is, in a sentence.
    pub says: String,
    /// Whether it works.
    pub good: bool,
}

/// Figures that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// What they are about.
    pub title: &'static str,
    /// Name, value, unit if it has one, meaning.
    pub lines: Vec<(&'static str, String, Option<&'static str>, &'static str)>,
}

/// The operator's page.
pub fn operator(view: &Operator) -> String {
    let nothing = html! {};
    let main = html! {
        h1.title { "Operator" }
        (health(&view.health))
        p.more { a href="/operator/moderation" { "Moderation" } ": " @match view.open_reports { 0 => { "no report waits" }, 1 => { "1 report waits" }, open => { (count(open)) " reports wait" } } "." }
        @for (at, topic) in view.topics.iter().enumerate() {
            (section(&format!("topic-{at}"), topic.title, &nothing, &strip(&topic.lines.iter().map(|(name, value, unit, meaning)| Figure {
                label: name,
                value: measured(value, *unit),
                definition: html! { (meaning) },
            }).collect::<Vec<_>>())))
        }
        (section("classes", "Calls by who paid", &html! { p { "Answered calls since the hub began. Paid alone is income of somebody’s." } }, &html! {
            table.lines {
                caption.hidden { "Calls by class" }
                thead { tr { th scope="col" { "Class" } th.right scope="col" { "Calls" } th.right scope="col" { "Cost" } } }
                tbody { @for (class, calls, cost) in &view.classes { tr { td { (class) } td.right.num data-label="calls" { (count(*calls)) } td.right { (measured(cost, Some("OPG"))) } } } }
            }
        }))
        (section("missed", "Searched and not found", &html! { p { "In 30 days, by their words, three times at least. An account counts once; whoever was not signed in, each time. Nothing else is kept of who searched." } }, &missed(&view.missed)))
        (section("settings", "Fee and rate", &html! { p { "What is set here holds for calls from then on: a quote that was given stands." } }, &html! {
            p { "The hub keeps " strong { (view.fee) } " of each cost. " @match &view.rate { Some(rate) => { "One OPG is " strong { (rate) " USD" } "." }, None => { "No rate is set: prices in USD have no cost yet." } } }
            pre tabindex="0" { code { "modelhub admin fee 10%\nmodelhub admin rate 0.25\nmodelhub admin deposit HANDLE AMOUNT --reference TEXT\nmodelhub admin invite" } }
        }))
    };
    layout::page(&view.chrome, Some("Operator"), "How this hub fares.", &main)
}

/// The page of the hub's health.
pub fn status(view: &Status) -> String {
    let main = html! {
        h1.title { "Status" }
        (health(&view.health))
        (section("receipts", "Receipts", &html! { p { "What receipts of this hub are checked against." } }, &html! {
            table.proof { caption.hidden { "What receipts are checked against" } tbody {
                tr { th scope="row" { "hub" } td { code { (view.hub) } } }
                @for key in &view.keys { tr { th scope="row" { "signer" } td { code { (key) } } } }
                tr { th scope="row" { "version" } td { (view.version) } }
            } }
        }))
    };
    layout::page(&view.chrome, Some("Status"), "Whether this hub works now.", &main)
}

fn missed(words: &[(String, u64, String)]) -> Markup {
    html! {
        @if words.is_empty() {
            p.note { "Nothing was searched so often in vain." }
        } @else {
            table.lines {
                caption.hidden { "Searched and not found" }
                thead { tr { th scope="col" { "Words" } th.right scope="col" { "Times" } th scope="col" { "Last" } } }
                tbody { @for (words, times, last) in words { tr { td { (words) } td.right.num data-label="times" { (count(*times)) } td { (moment(last)) } } } }
            }
        }
    }
}

fn health(parts: &[Health]) -> Markup {
    html! {
        ul.health {
            @for part in parts {
                li { span class=(if part.good { "good" } else { "fail" }) { (if part.good { "works" } else { "does not work" }) } " " strong { (part.what) } " " span.note { (part.says) } }
            }
        }
    }
}
