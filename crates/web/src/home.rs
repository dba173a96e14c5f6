//! The first page: what this is, how much of it there is, and a few models of each kind that people look for.

use maud::{Markup, html};

use crate::figure::{Figure, Money, Ratio, Unit, arrived, count, day, large, measured, strip};
use crate::layout::{self, Chrome, section};
use crate::link;
use crate::moderation::badge_link;

/// The page at `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The frame.
    pub chrome: Chrome,
    /// What is counted; figures that are not given are not shown.
    pub figures: HomeFigures,
    /// Kinds of work with how many models do them, the most frequent first.
    pub tasks: Vec<TaskCount>,
    /// Lists of a few models each; one without models is not shown.
    pub shelves: Vec<Shelf>,
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskCount {
    /// As cards write it.
    pub task: String,
    /// Models of it that anyone can see and call.
    pub models: u64,
    /// The link to them, on this hub.
    pub link: String,
}

/// A list of a few models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// Which.
    pub kind: ShelfKind,
    /// In their order.
    pub models: Vec<Lately>,
}

/// What a list of the first page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfKind {
    /// Released for the first time.
    New,
    /// By independent paying accounts.
    Used,
    /// By what creators got.
    Earning,
    /// By paid calls of a week beside the week before.
    Rising,
}

/// A model, and what it came to in 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lately {
    /// The model.
    pub model: ModelRow,
    /// When it was made, in RFC 3339.
    pub created: String,
    /// Accounts outside of the owner's group that paid from cash of their own.
    pub payers: u64,
    /// Answered calls of class `paid`.
    pub paid: u64,
    /// What creators got of them, in OPG.
    pub earned: String,
    /// Those of the last seven days, and of the seven before.
    pub week: u64,
    pub week_before: u64,
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
    /// Whether the operator checked who the owner is.
    pub verified: bool,
    /// Its purpose in one line.
    pub summary: String,
    /// The kind of work, if its card says so.
    pub task: Option<String>,
    /// What one call costs, in the unit the owner chose.
    pub price: Money,
    /// The same in the other unit, where there is a rate.
    pub price_converted: Option<Money>,
    /// Answered calls of class `paid`.
    pub paid_calls: u64,
    /// What its creators earned with it, in OPG.
    pub creators_earned: String,
}

const WHAT: &str = "Upload a model and anyone can call it at once. Each call is paid in OPG, split among its creators, and \
                    receipted.";

/// The first page.
pub fn home(view: &Home) -> String {
    let shelves = || view.shelves.iter().filter(|shelf| !shelf.models.is_empty());
    let main = html! {
        h1.what { (WHAT) }
        form.seek action="/search" method="get" role="search" {
            input type="search" name="q" maxlength="200" placeholder="What should it do?" aria-label="Search models" autocomplete="off";
            button type="submit" { "Search" }
        }
        @if !view.tasks.is_empty() {
            nav.tasks aria-label="Models by task" {
                ul {
                    @for task in &view.tasks {
                        li { a href=(link::local(&task.link)) { (task.task) } " " span.num.unit { (count(task.models)) } }
                    }
                }
            }
        }
        (strip(&figures(&view.figures)))
        @if shelves().next().is_none() { (nothing_yet()) }
        @for shelf in shelves() { (shelf_of(shelf)) }
    };
    layout::first_page(&view.chrome, WHAT, &main)
}

/// What a list is called, what it means, and where there is more of it.
fn heads(kind: ShelfKind) -> (&'static str, &'static str, Markup, &'static str, &'static str) {
    match kind {
        ShelfKind::New => {
            ("new", "New", html! { p { "By their first release." } }, "/search?sort=new", "All models, newest first")
        }
        ShelfKind::Used => (
            "used",
            "Most used",
            html! { p { "By accounts that paid from cash of their own in 30 days. Trials, free calls and owners’ own calls do not count." } },
            "/rankings",
            "Rankings",
        ),
        ShelfKind::Earning => (
            "earning",
            "Earning",
            html! { p { "By what creators got of paid calls in 30 days, after the hub’s fee. No promo money." } },
            "/rankings?by=earned",
            "By earnings",
        ),
        ShelfKind::Rising => (
            "rising",
            "Rising",
            html! {
                p { "By how many times as many paid calls there were in these 7 days as in the 7 before. Only with at least 20 calls of 3 accounts; fewer than 10 before count as 10." }
            },
            "/rankings?by=rising",
            "All that rise",
        ),
    }
}

fn shelf_of(shelf: &Shelf) -> Markup {
    let (id, title, what, more, words) = heads(shelf.kind);
    let [first, second] = match shelf.kind {
        ShelfKind::New => ["Task", "Since"],
        ShelfKind::Used => ["Paying accounts", "Paid calls"],
        ShelfKind::Earning => ["Paid calls", "Creators earned"],
        ShelfKind::Rising => ["7 days before", "These 7 days"],
    };
    let number = |label: &str, number: u64| html! { td.number data-label=(label) { span.num { (count(number)) } } };
    let cells = |of: &Lately| match shelf.kind {
        ShelfKind::New => html! {
            td.task { @if let Some(task) = &of.model.task { (task) } }
            td.number { (day(&of.created)) }
        },
        ShelfKind::Used => html! { (number("paying accounts", of.payers)) (number("paid calls", of.paid)) },
        ShelfKind::Earning => html! {
            (number("paid calls", of.paid))
            td class={ "number " (arrived(&of.earned)) } data-label="earned" { (Money::opg(of.earned.clone())) }
        },
        ShelfKind::Rising => html! { (number("before", of.week_before)) (number("these 7 days", of.week)) },
    };
    let heading = |text: &str| match text {
        "Task" => html! { th scope="col" { (text) } },
        text => html! { th.number scope="col" { (text) } },
    };
    let note = html! { (what) p.more { a href=(more) { (words) } } };
    section(
        id,
        title,
        &note,
        &html! {
            table.rows {
                caption.hidden { (title) }
                thead { tr { th scope="col" { "Model" } th.number scope="col" { "Price of a call" } (heading(first)) (heading(second)) } }
                tbody {
                    @for of in &shelf.models { tr { (model_cell(&of.model, "")) (price_cell(&of.model)) (cells(of)) } }
                }
            }
        },
    )
}

fn figures(view: &HomeFigures) -> Vec<Figure> {
    let listed = view.models_listed.map(|models| Figure {
        label: "Models listed",
        value: measured(&count(models), None),
        definition: html! { "Published here, with at least one release that anyone can call." },
    });
    let paid = view.paid_to_creators.as_ref().map(|amount| Figure {
        label: "Paid to creators, 30 days",
        value: large(amount, Unit::Opg),
        definition: html! { "Credited to receivers and to the authors they build on, after the hub’s fee. No promo money." },
    });
    let calls = view.paid_calls.map(|calls| Figure {
        label: "Paid calls, 30 days",
        value: measured(&count(calls), None),
        definition: html! { "Answered and charged. Owners’ own calls, free calls and trials are not counted." },
    });
    let succeeded = view.paid_calls_succeeded.map(|ratio| Figure {
        label: "Succeeded, 30 days",
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
                        (model_cell(model, &behind(at)))
                        td.task { @if let Some(task) = &model.task { (task) } }
                        (price_cell(model))
                        td.number data-label="paid calls" { span.num { (count(model.paid_calls)) } }
                        td class={ "number " (arrived(&model.creators_earned)) } data-label="earned" { (Money::opg(model.creators_earned.clone())) }
                    }
                }
            }
        }
    }
}

/// A model's name and purpose; the name leads to it, with something behind the link.
pub(crate) fn model_cell(model: &ModelRow, behind: &str) -> Markup {
    html! {
        th.model scope="row" {
            a.name href={ (link::model(&model.owner, &model.name)) (behind) } {
                span.owner { (model.owner) "/" } (model.name)
            }
            @if model.verified { " " (badge_link(&model.owner, &model.name)) }
            span.summary { (model.summary) }
        }
    }
}

pub(crate) fn price_cell(model: &ModelRow) -> Markup {
    html! {
        td.number data-label="per call" {
            (model.price)
            @if let Some(other) = &model.price_converted { span.other { (other) } }
        }
    }
}

fn nothing_yet() -> Markup {
    html! {
        div.empty {
            p { "No model is published yet. The first one takes a file and a price on the page " a href="/publish" { "Publish" } ", or one command, on a folder with an ONNX file and a README.md:" }
            pre tabindex="0" { code { "modelhub publish FOLDER" } }
            p.note { "It can be called as soon as that is done." }
        }
    }
}
