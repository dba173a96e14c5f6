//! The first page: what this is, how much of it there is, and the models.

use maud::{Markup, html};

use crate::figure::{Figure, Money, Ratio, Unit, arrived, count, large, measured, strip};
use crate::layout::{self, Chrome};
use crate::link;

/// The page at `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The frame.
    pub chrome: Chrome,
    /// What is counted; figures that are not given are not shown.
    pub figures: HomeFigures,
    /// The models of this page of the list, in the order in which they are shown.
    pub models: Vec<ModelRow>,
    /// The link to the next page of the list, on this hub.
    pub more: Option<String>,
}

/// Live figures of the whole hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HomeFigures {
    /// Models that anyone can see and call.
    pub models_listed: Option<u64>,
    /// OPG credited to creators, royalties included, the hub's fee and promo money not.
    pub paid_to_creators: Option<String>,
    /// Answered calls of class `paid`.
    pub paid_calls: Option<u64>,
    /// Of all calls of class `paid`, those that were answered.
    pub paid_calls_succeeded: Option<Ratio>,
}

/// One model of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// The owner's handle.
    pub owner: String,
    /// The model's name.
    pub name: String,
    /// Its purpose in one line.
    pub summary: String,
    /// The kind of work, if its card says so.
    pub task: Option<String>,
    /// What one call costs, in the unit the owner chose.
    pub price: Money,
    /// Answered calls of class `paid`.
    pub paid_calls: u64,
    /// What its creators earned with it, in OPG.
    pub creators_earned: String,
}

const WHAT: &str = "Upload a model and anyone can call it at once: each call is paid in OPG, split among its creators, and \
                    receipted.";

/// The first page.
pub fn home(view: &Home) -> String {
    let main = html! {
        h1.what { (WHAT) }
        (strip(&figures(&view.figures)))
        section.models aria-labelledby="models" {
            h2 #models { "Models" }
            @if view.models.is_empty() {
                (nothing_yet())
            } @else {
                (rows(&view.models, |_| String::new()))
            }
            @if let Some(more) = &view.more {
                p.more { a rel="next" href=(link::local(more)) { "More models" } }
            }
        }
    };
    layout::page(&view.chrome, None, WHAT, &main)
}

fn figures(view: &HomeFigures) -> Vec<Figure> {
    let listed = view.models_listed.map(|models| Figure {
        label: "Models listed",
        value: measured(&count(models), None),
        definition: html! { "Published here, with at least one release that anyone can call." },
    });
    let paid = view.paid_to_creators.as_ref().map(|amount| Figure {
        label: "Paid to creators",
        value: large(amount, Unit::Opg),
        definition: html! { "Credited to receivers and to the authors they build on, after the hub’s fee. No promo money." },
    });
    let calls = view.paid_calls.map(|calls| Figure {
        label: "Paid calls",
        value: measured(&count(calls), None),
        definition: html! { "Answered and charged. Owners’ own calls, free calls and trials are not counted." },
    });
    let succeeded = view.paid_calls_succeeded.map(|ratio| Figure {
        label: "Succeeded",
        value: match ratio.percent() {
            Some(percent) => measured(&percent, Some("%")),
            None => html! { "no calls yet" },
        },
        definition: html! {
            "Share of paid calls that were answered"
            @if ratio.whole > 0 { ": " span.num { (count(ratio.part)) } " of " span.num { (count(ratio.whole)) } }
            ". The others cost nothing."
        },
    });
    [listed, paid, calls, succeeded].into_iter().flatten().collect()
}

/// Models, one to a row; the links have something behind them.
pub(crate) fn rows(models: &[ModelRow], behind: impl Fn(usize) -> String) -> Markup {
    html! {
        table.rows {
            caption.hidden { "Models with their prices, calls and earnings" }
            thead {
                tr {
                    th scope="col" { "Model" }
                    th scope="col" { "Task" }
                    th.number scope="col" { "Price of a call" }
                    th.number scope="col" { "Paid calls" }
                    th.number scope="col" { "Creators earned" }
                }
            }
            tbody {
                @for (at, model) in models.iter().enumerate() {
                    tr {
                        th.model scope="row" {
                            a.name href={ (link::model(&model.owner, &model.name)) (behind(at)) } {
                                span.owner { (model.owner) "/" } (model.name)
                            }
                            span.summary { (model.summary) }
                        }
                        td.task { @if let Some(task) = &model.task { (task) } }
                        td.number data-label="per call" { (model.price) }
                        td.number data-label="paid calls" { span.num { (count(model.paid_calls)) } }
                        td class={ "number " (arrived(&model.creators_earned)) } data-label="earned" { (Money::opg(model.creators_earned.clone())) }
                    }
                }
            }
        }
    }
}

fn nothing_yet() -> Markup {
    html! {
        div.empty {
            p { "No model is published yet. The first one takes one command, on a folder with an ONNX file and a README.md:" }
            pre tabindex="0" { code { "modelhub publish FOLDER" } }
            p.note { "It can be called as soon as the command returns, at the price its card names." }
        }
    }
}
