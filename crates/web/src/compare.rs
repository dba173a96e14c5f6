//! Two models side by side, on the same input.

use maud::{Markup, html};

use crate::assets::playground_name;
use crate::figure::{Money, Ratio, count};
use crate::layout::{self, Chrome, section};
use crate::link;
use crate::playground::{Playground, playground};

/// The page at `/compare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// The frame.
    pub chrome: Chrome,
    /// What was asked for: `owner/name`, or what was typed.
    pub asked: [String; 2],
    /// What was wrong with it.
    pub wrong: Option<String>,
    /// Both of them.
    pub heads: Vec<Head>,
    /// The form that both take; none: they take different inputs.
    pub playground: Option<Playground>,
    /// What each of them takes, in words, where that differs.
    pub takes: Vec<String>,
}

/// What is known of a model, to be held beside another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub owner: String,
    pub name: String,
    pub summary: String,
    pub task: Option<String>,
    pub license: Option<String>,
    pub price: Money,
    pub price_converted: Option<Money>,
    pub price_terms: Option<String>,
    /// The latest release.
    pub release: String,
    /// Of all its calls of class `paid`, those that were answered.
    pub paid_calls_succeeded: Ratio,
    /// Of all that the hub has checked by itself, what agreed.
    pub checks: Ratio,
}

/// Two models side by side.
pub fn compare(view: &Compare) -> String {
    let [a, b] = &view.asked;
    let main = html! {
        header.model { h1 { "Compare two models" } }
        form.query.versus action="/compare" method="get" {
            label.wide { span { "One model" } input type="text" name="a" value=(a) placeholder="owner/name" maxlength="200" required autocapitalize="none" spellcheck="false"; }
            label.wide { span { "Another" } input type="text" name="b" value=(b) placeholder="owner/name" maxlength="200" required autocapitalize="none" spellcheck="false"; }
            button type="submit" { "Compare" }
        }
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        @if !view.heads.is_empty() {
            (section("both", "What is known", &html! {}, &heads(&view.heads)))
            (section("run", "Run both", &html! { p { "The same input goes to both, and each is paid by itself. A call that fails costs nothing." } }, &html! {
                @match &view.playground {
                    Some(form) => (playground(form, None)),
                    None => {
                        p { "They take different inputs, so there is no one form for both." }
                        ul.plain { @for takes in &view.takes { li { (takes) } } }
                    }
                }
            }))
        }
    };
    let scripts = if view.playground.is_some() { &[playground_name()][..] } else { &[] };
    layout::page_with(&view.chrome, Some("Compare"), "Two models side by side.", &main, scripts)
}

fn heads(heads: &[Head]) -> Markup {
    let row = |title: &str, cell: &dyn Fn(&Head) -> Markup| {
        html! { tr { th scope="row" { (title) } @for head in heads { td { (cell(head)) } } } }
    };
    let ratio = |ratio: Ratio, of: &str| {
        html! {
            @match ratio.percent() {
                Some(percent) => { span.num { (percent) "\u{202f}%" } span.note { " of " (count(ratio.whole)) " " (of) } }
                None => span.note { "none yet" },
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table.heads {
                caption.hidden { "Both models, row by row" }
                thead {
                    tr {
                        th scope="col" { span.hidden { "What" } }
                        @for head in heads { th scope="col" { a href=(link::model(&head.owner, &head.name)) { (head.owner) "/" (head.name) } } }
                    }
                }
                tbody {
                    (row("What it does", &|head| html! { (head.summary) }))
                    @if heads.iter().any(|head| head.task.is_some()) { (row("Task", &|head| html! { (head.task.as_deref().unwrap_or("none named")) })) }
                    @if heads.iter().any(|head| head.license.is_some()) { (row("Licence", &|head| html! { (head.license.as_deref().unwrap_or("none named")) })) }
                    (row("Price of a call", &|head| html! {
                        (head.price)
                        @if let Some(other) = &head.price_converted { span.note { ", about " (other) } }
                        @if let Some(terms) = &head.price_terms { span.note { ", " (terms) } }
                    }))
                    (row("Latest release", &|head| html! { span.num { (head.release) } }))
                    (row("Paid calls that succeeded", &|head| ratio(head.paid_calls_succeeded, "paid calls")))
                    (row("Checks by the hub that agreed", &|head| ratio(head.checks, "runs")))
                }
            }
        }
    }
}
