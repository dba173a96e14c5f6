//! Models in an order, and what each column counts.

use maud::{Markup, html};

use crate::figure::{Money, Ratio, count, measured};
use crate::home::{ModelRow, model_cell, price_cell};
use crate::layout::{self, Chrome};
use crate::link;
use crate::search::Choice;

/// The page at `/rankings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rankings {
    /// The frame.
    pub chrome: Chrome,
    /// The task that was chosen.
    pub task: Option<String>,
    /// Tasks to choose from: the first is all of them.
    pub tasks: Vec<Choice>,
    /// Orders to choose from.
    pub orders: Vec<Choice>,
    /// Paid calls alone, or every class of calls: each a link, one of them chosen.
    pub classes: [OrderLink; 2],
    /// Which order it is, in words.
    pub by: &'static str,
    /// What is wrong with what was asked.
    pub wrong: Option<String>,
    /// In their order.
    pub models: Vec<RankedRow>,
    /// Whether every class of calls is shown.
    pub raw: bool,
    /// Whether calls are shown by weeks, because they are the order.
    pub rising: bool,
    /// The same as CSV and as JSON, on this hub.
    pub csv: String,
    pub json: String,
    /// The link to the next page.
    pub more: Option<String>,
}

/// A link to the same in another view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLink {
    /// What it is called.
    pub label: &'static str,
    /// On this hub.
    pub link: String,
    /// Whether this is it.
    pub chosen: bool,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedRow {
    /// From 1.
    pub place: u64,
    /// The model.
    pub model: ModelRow,
    /// Accounts outside of the owner's group that paid from cash of their own.
    pub payers: u64,
    /// Answered calls by class.
    pub paid: u64,
    pub trial: u64,
    pub own: u64,
    pub free: u64,
    /// Of the paid calls that were tried, those that were answered.
    pub succeeded: Ratio,
    /// The lower bound of that share, in percent with one place; none of too few.
    pub at_least: Option<String>,
    /// How long nineteen of twenty took at most: a number and its unit.
    pub p95: Option<(String, &'static str)>,
    /// What a paid call cost on average, in OPG.
    pub average: Option<String>,
    /// What creators got, in OPG.
    pub earned: String,
    /// Paid calls of the last seven days, and of the seven before.
    pub week: u64,
    pub week_before: u64,
}

/// The page of an order.
pub fn rankings(view: &Rankings) -> String {
    let main = html! {
        h1.title { "Rankings" }
        p.lead { (view.by) @if let Some(task) = &view.task { ", among models for " (task) } ", in the last 30 days." }
        (form(view))
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        @if view.wrong.is_none() { (found(view)) }
        (meanings(view.raw))
        p.more { a href="/wanted" { "What is searched and not found" } }
    };
    layout::page(&view.chrome, Some("Rankings"), "Which models are called, by whom, and how well they answer.", &main)
}

fn form(view: &Rankings) -> Markup {
    let choices = |choices: &[Choice]| {
        html! { @for choice in choices { option value=(choice.value) selected[choice.chosen] { (choice.label) } } }
    };
    html! {
        form.query action="/rankings" method="get" {
            label { span { "Task" } select name="task" { (choices(&view.tasks)) } }
            label { span { "Order" } select name="by" { (choices(&view.orders)) } }
            button type="submit" { "Show" }
            nav.switch aria-label="Which calls" {
                @for class in &view.classes {
                    a href=(link::local(&class.link)) aria-current=[class.chosen.then_some("true")] { (class.label) }
                }
            }
        }
    }
}

/// A column's heading leads to what it means.
fn head(id: &str, title: &str) -> Markup {
    html! { th.number scope="col" { a href={ "#" (id) } { (title) } } }
}

fn found(view: &Rankings) -> Markup {
    html! {
        @if view.models.is_empty() {
            div.empty {
                p { "No model stands in this order yet. " a href="/rankings" { "All tasks, by paying accounts" } " or " a href="/search" { "all models" } "." }
            }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Ranking" {
                table.rows.ranked {
                    caption.hidden { "Models in their order" }
                    thead {
                        tr {
                            th.number scope="col" { span.hidden { "Place" } }
                            th scope="col" { "Model" }
                            (head("price", "Price of a call"))
                            @if view.raw {
                                (head("calls", "Paid")) (head("calls", "Trial")) (head("calls", "Own")) (head("calls", "Free"))
                            } @else {
                                (head("payers", "Paying accounts")) (head("calls", "Paid calls")) (head("success", "Succeeded"))
                                (head("speed", "p95")) (head("earned", "Earned"))
                            }
                        }
                    }
                    tbody { @for row in &view.models { (ranked(row, view.raw, view.rising)) } }
                }
            }
        }
        p.more.several {
            @if let Some(more) = &view.more { a rel="next" href=(link::local(more)) { "More models" } }
            a href=(link::local(&view.csv)) download="rankings.csv" { "Download as CSV" }
            a href=(link::local(&view.json)) { "As JSON" }
        }
    }
}

fn ranked(row: &RankedRow, raw: bool, rising: bool) -> Markup {
    let number = |label: &str, number: u64| html! { td.number data-label=(label) { span.num { (count(number)) } } };
    html! {
        tr {
            td.number.place { span.num { (row.place) } }
            (model_cell(&row.model, ""))
            (price_cell(&row.model))
            @if raw {
                (number("paid", row.paid)) (number("trial", row.trial)) (number("own", row.own)) (number("free", row.free))
            } @else {
                (number("paying accounts", row.payers))
                td.number data-label="paid calls" {
                    span.num { (count(row.paid)) }
                    @if let Some(average) = &row.average { span.other.side { (Money::opg(average.clone())) " each" } }
                    @if rising {
                        span.other { (count(row.week)) " in 7 days" }
                        span.other { (count(row.week_before)) " in the 7 before" }
                    }
                }
                td.number data-label="succeeded" {
                    @match row.succeeded.percent() {
                        Some(percent) => {
                            (measured(&percent, Some("%")))
                            @if let Some(least) = &row.at_least { span.other { "at least " (measured(least, Some("%"))) } }
                        }
                        None => span.unit { "–" },
                    }
                }
                td.number data-label="p95" {
                    @match &row.p95 { Some((number, unit)) => (measured(number, Some(*unit))), None => span.unit { "–" } }
                }
                td class={ "number " (crate::figure::arrived(&row.earned)) } data-label="earned" { (Money::opg(row.earned.clone())) }
            }
        }
    }
}

fn meanings(raw: bool) -> Markup {
    let meaning = |id: &str, name: &str, words: &str| html! { dt id=(id) { (name) } dd { (words) } };
    html! {
        section.how aria-labelledby="how" {
            h2 id="how" { "How this is computed" }
            p { "From the hub’s books, over the last 30 days of UTC, today included; a moment behind them. Refunded calls are still counted. Nobody can pay for a place." }
            dl {
                (meaning("price", "Price of a call", "What one call with one item costs now, in the unit its owner chose and in the other one."))
                @if !raw {
                    (meaning("payers", "Paying accounts", "Accounts that paid for at least one answered call from cash of their own. The owner, and members of the owner’s organisation, do not count; nor do trials and promo money."))
                }
                (meaning("calls", "Calls by class", "Answered calls. Paid: from another account’s cash. Trial: paid by the hub, the owner or with promo money. Own: by the owner’s group. Free: the price was 0. Classes are never added up to a figure of use; the order “All calls, whoever paid” alone looks at all of them."))
                @if !raw {
                    (meaning("success", "Succeeded", "Of the paid calls that were tried, those that were answered; calls that the caller got wrong are not tried. The order is by the lower bound of Wilson’s interval at 95 %, with at least 20 calls, so that a few good calls do not come before many."))
                    (meaning("speed", "p95", "Nineteen of twenty paid calls took at most so long, in the queue and in the engine, loading included; told to an eighth. The order needs at least 20 calls."))
                    (meaning("earned", "Earned", "What creators, and the authors they build on, got of the paid calls, after the hub’s fee."))
                    (meaning("rising", "Rising", "Paid calls of these 7 days ÷ those of the 7 before, where fewer than 10 count as 10. Only with at least 20 calls of at least 3 accounts in these 7 days, and more than before."))
                    (meaning("average", "Cheapest paid", "What was paid for paid calls ÷ how many there were."))
                }
            }
            p.note { "Skill and tiers are not shown: nothing on this hub measures them yet." }
        }
    }
}
