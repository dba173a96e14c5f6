//! A model's page: what it does, what it costs, who earns from it, how to call it.

use maud::{Markup, PreEscaped, html};

use crate::assets::playground_name;
use crate::card::CardHtml;
use crate::figure::{Figure, Money, Ratio, Unit, arrived, count, day, large, measured, moment, strip};
use crate::files::{FileRow, files};
use crate::layout::{self, Chrome, section};
use crate::link;
use crate::moderation::{DecisionRow, ReportForm, Restricted, Verified, badge, notice, report_form, trail};
use crate::playground::{Playground, playground};
use crate::says::{CardSays, says};
use crate::shares::{Share, shares};

/// A contract with more ports than this starts folded.
const PORTS_SHOWN: usize = 12;
/// A list of labels longer than this starts folded.
const LABELS_SHOWN: usize = 12;
/// More labels than this are counted, not listed: nobody reads them, and a page must stay small.
const LABELS_LISTED: usize = 1_000;

/// The page at `/{owner}/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The frame.
    pub chrome: Chrome,
    /// The owner's handle.
    pub owner: String,
    /// The model's name.
    pub name: String,
    /// Its purpose in one line.
    pub summary: String,
    /// The kind of work, if the card says so.
    pub task: Option<String>,
    /// The licence's short name, if the card says so.
    pub license: Option<String>,
    /// Who may have the weights.
    pub access: Access,
    /// The owner's server that runs it, if it does not run here.
    pub runs_on: Option<String>,
    /// Whether it is in memory, where that is known: else its next call waits for the load.
    pub loaded: Option<bool>,
    /// What one call of the latest release costs, in the unit the owner chose.
    pub price: Money,
    /// The same in the other unit at today's rate, if there is a rate.
    pub price_converted: Option<Money>,
    /// The price that was announced, and from when on it holds, in RFC 3339.
    pub coming_price: Option<(Money, String)>,
    /// The whole price in words, where it is more than a price per call: `0.001 OPG per call + 0.0002 OPG per item`.
    pub price_terms: Option<String>,
    /// What was counted.
    pub figures: ModelFigures,
    /// Who earns what of one call, in the order in which the bar shows it. Empty if calls are free.
    pub shares: Vec<Share>,
    /// The form to run it with; none where calls that name no release get nothing.
    pub playground: Option<Playground>,
    /// Ways to call it, each ready to be pasted.
    pub examples: Vec<Code>,
    /// The card, cleaned.
    pub card: CardHtml,
    /// What it leaves out and builds on.
    pub card_says: CardSays,
    /// What a call takes.
    pub inputs: Vec<PortRow>,
    /// What it answers.
    pub outputs: Vec<PortRow>,
    /// What the classes of an output are called.
    pub labels: Vec<Labels>,
    /// The files in the newest state.
    pub files: Vec<FileRow>,
    /// All releases, newest first.
    pub releases: Vec<ReleaseRow>,
    /// What the hub has checked of them by itself, newest release first.
    pub checks: Vec<CheckRow>,
    /// Whether the operator checked who its owner is.
    pub verified: Option<Verified>,
    /// What the operator has made of it.
    pub restricted: Option<Restricted>,
    /// What the operator decided of it, the newest first.
    pub decisions: Vec<DecisionRow>,
    /// The form to report it with; none of what was taken down.
    pub report: Option<ReportForm>,
    /// Whether the operator looks, who can decide about it.
    pub operator: bool,
}

/// Live figures of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFigures {
    /// Answered calls of class `paid`.
    pub paid_calls: u64,
    /// What its creators earned with it, in OPG.
    pub creators_earned: String,
    /// Of all its calls of class `paid`, those that were answered.
    pub paid_calls_succeeded: Ratio,
}

/// Who may have the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody: they stay on the hub.
    Sealed,
    /// Whom the owner approves.
    Gated,
    /// Anyone.
    Open,
}

/// A code example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// What it is, in a word or two: `curl`, `Python`.
    pub title: String,
    /// What it is written in, for tools that read the page: `sh`, `python`.
    pub language: String,
    /// The text, shown as it is.
    pub text: String,
}

/// One input or output of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRow {
    /// Its name.
    pub name: String,
    /// Its type in the protocol's words: `FP32`.
    pub datatype: String,
    /// Its axes; `None` is one of any size. No axes: a single value.
    pub shape: Vec<Option<u64>>,
}

/// The labels of an output, in the order of its classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The output's name.
    pub output: String,
    /// What its classes are called.
    pub labels: Vec<String>,
}

/// What a release changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is the first.
    First,
    /// The contract is the same.
    Minor,
    /// The contract is another.
    Major,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// `1.00`.
    pub number: String,
    /// When, in RFC 3339.
    pub released: String,
    /// The digest of what runs, in full.
    pub digest: String,
    /// What it changed.
    pub change: Change,
    /// What a call cost when it was released.
    pub price: Money,
    /// Calls that name no release get this one.
    pub latest: bool,
    /// Why its owner advises against it.
    pub yanked: Option<String>,
    /// The number of the one before.
    pub before: Option<String>,
}

/// What came of one kind of check of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// The release's number.
    pub release: String,
    /// What was compared.
    pub kind: CheckKind,
    /// How often, and how it ended.
    pub run: u64,
    pub agreed: u64,
    pub differed: u64,
    pub failed: u64,
    /// How, the last time.
    pub compared: Compared,
    /// When last, in RFC 3339.
    pub last: String,
    /// The last difference or failure in words.
    pub difference: Option<String>,
}

/// What the hub compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind {
    /// Answers to examples, and what their author expects.
    Examples,
    /// Two fresh runners.
    TwoRunners,
    /// A paid call, and a fresh runner.
    ReExecution,
}

/// How answers were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Bit by bit.
    Digest,
    /// Float by float.
    Tolerance,
    /// Not at all.
    Nothing,
}

/// A model's page.
pub fn model(view: &Model) -> String {
    let title = format!("{}/{}", view.owner, view.name);
    let nothing = html! {};
    let main = html! {
        article {
            header.model {
                h1 { span.owner { (view.owner) "/" } (view.name) }
                @if !view.summary.is_empty() { p.lead { (view.summary) } }
                (tags(view))
                @if let Some(verified) = &view.verified { (badge(verified)) }
            }
            @if let Some(restricted) = &view.restricted { (notice(restricted)) }
            (strip(&figures(view)))
            @match &view.playground {
                Some(form) => (section("call", "Try it", &call_note(view), &html! {
                    (playground(form, (!view.examples.is_empty()).then(|| examples(&view.examples)).as_ref()))
                    (beside(view))
                })),
                None if !view.examples.is_empty() => (section("call", "Call it", &call_note(view), &examples(&view.examples))),
                None => {}
            }
            (section("earns", "Who earns what", &earns_note(view), &earns(view)))
            (section("contract", "Contract", &contract_note(view), &contract(view)))
            (section("card", "Card", &nothing, &html! { (card(&view.card)) (says(&view.card_says)) }))
            (section("files", "Files", &html! { p { "What is read from here is what clients download." } }, &files(&view.owner, &view.name, &view.files)))
            (section("releases", "Releases", &html! { p { "A release never changes. Calls name one, or get the latest." } }, &releases(view)))
            @if !view.checks.is_empty() {
                (section("checks", "Checks by the hub", &html! { p { "The hub runs each release in two fresh runners, and a random share of paid calls once more. It shows that answers repeat, not that they are right." } }, &checks(&view.checks)))
            }
            @if !view.decisions.is_empty() {
                (section("decided", "What the operator decided", &html! { p { "It stands here for good." } }, &trail(&view.decisions)))
            }
            @if let Some(form) = &view.report {
                (section("report", "Report", &nothing, &html! { details { summary { "Report this model to the operator" } (report_form(form)) } }))
            }
            @if view.operator { p.more { a href={ "/operator/models" (link::model(&view.owner, &view.name)) } { "Moderate this model" } } }
        }
    };
    let scripts = if view.playground.is_some() { &[playground_name()][..] } else { &[] };
    layout::page_with(&view.chrome, Some(&title), &view.summary, &main, scripts)
}

/// The way to the page where it stands beside another.
fn beside(view: &Model) -> Markup {
    html! {
        form.query.beside action="/compare" method="get" data-compare {
            input type="hidden" name="a" value={ (view.owner) "/" (view.name) };
            label { span { "Compare with another model" } input type="text" name="b" placeholder="owner/name" maxlength="200" required autocapitalize="none" spellcheck="false"; }
            button.quiet type="submit" { "Compare" }
        }
    }
}

fn call_note(view: &Model) -> Markup {
    html! {
        p {
            @match &view.runs_on {
                Some(host) => { "Inputs go to " (host) "; the hub stores none. " }
                None => { "Inputs are never stored. " }
            }
            "A call that fails costs nothing."
        }
    }
}

fn contract_note(view: &Model) -> Markup {
    html! {
        p {
            "Fixed for a release; only a major one changes it."
            @if view.runs_on.is_some() {
                " The weights stay with the owner: the hub checks every answer against this, and cannot tell which weights gave it."
            }
        }
    }
}

fn tags(view: &Model) -> Markup {
    let access = match view.access {
        Access::Sealed => "sealed: the weights stay here",
        Access::Gated => "gated: the owner approves who may have the weights",
        Access::Open => "open: anyone may have the weights",
    };
    html! {
        ul.tags {
            @if let Some(task) = &view.task { li { (task) } }
            @if let Some(license) = &view.license { li { (license) } }
            @match &view.runs_on {
                // There are no weights here to say anything of.
                Some(host) => li { "Runs on the owner’s server at " (host) },
                None => li { (access) },
            }
            @match view.loaded {
                Some(true) => li { "warm: loaded, the next call runs at once" },
                Some(false) => li { "cold: the next call waits until it is loaded" },
                None => {}
            }
        }
    }
}

fn figures(view: &Model) -> Vec<Figure> {
    let succeeded = view.figures.paid_calls_succeeded;
    let price = Figure {
        label: "Price of a call",
        value: html! { @if view.price.least { "from " } (large(&view.price.amount, view.price.unit)) },
        definition: html! {
            @if let Some(terms) = &view.price_terms { (terms) ". " }
            @match (&view.price_converted, &view.price_terms) {
                (Some(other), _) => { "About " (other) " at today’s rate." }
                (None, Some(_)) => {}
                (None, None) => { "All included." }
            }
            @if let Some((price, from)) = &view.coming_price { " From " (day(from)) " on: " (price) "." }
        },
    };
    let calls = Figure {
        label: "Paid calls",
        value: measured(&count(view.figures.paid_calls), None),
        definition: html! { "Answered and charged. Own, free and trial calls are not counted." },
    };
    let earned = Figure {
        label: "Earned by creators",
        value: html! { span class=(arrived(&view.figures.creators_earned)) { (large(&view.figures.creators_earned, Unit::Opg)) } },
        definition: html! { "After the hub’s fee. No promo money." },
    };
    let succeeded = Figure {
        label: "Succeeded",
        value: match succeeded.percent() {
            Some(percent) => measured(&percent, Some("%")),
            None => html! { "unknown" },
        },
        definition: match succeeded.whole {
            0 => html! { "No paid calls yet." },
            whole => html! { span.num { (count(succeeded.part)) } " of " span.num { (count(whole)) } " paid calls." },
        },
    };
    let released = view.releases.iter().find(|release| release.latest).or(view.releases.first());
    let released = released.map(|release| Figure {
        label: "Latest release",
        value: html! { span.num { (release.number) } },
        definition: day(&release.released),
    });
    [price, calls, earned, succeeded].into_iter().chain(released).collect()
}

fn earns_note(view: &Model) -> Markup {
    html! {
        @if !view.shares.is_empty() {
            p { "Of each call, credited in the same step as the charge. The split is fixed for a release; the fee is the hub’s." }
        }
    }
}

fn earns(view: &Model) -> Markup {
    html! {
        @if view.shares.is_empty() && arrived(&view.price.amount) == "none" {
            p { "Calls are free: nobody pays, nobody earns." }
        } @else if view.shares.is_empty() {
            p { "The price is in USD, and this hub has no rate for OPG yet: shares are shown once there is one." }
        } @else {
            (shares(&view.shares))
        }
    }
}

fn examples(examples: &[Code]) -> Markup {
    html! {
        div.examples {
            @for example in examples {
                figure.code {
                    figcaption { (example.title) }
                    pre tabindex="0" { code data-language=(example.language) { (example.text) } }
                }
            }
        }
    }
}

fn contract(view: &Model) -> Markup {
    let ports = view.inputs.len() + view.outputs.len();
    html! {
        @if ports > PORTS_SHOWN {
            details {
                summary { (count_of(view.inputs.len(), "input")) ", " (count_of(view.outputs.len(), "output")) }
                (ports_table(view))
            }
        } @else {
            (ports_table(view))
        }
        @for labels in &view.labels { (labels_of(labels)) }
    }
}

fn ports_table(view: &Model) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.ports {
                caption.hidden { "Inputs and outputs of a call" }
                thead {
                    tr { th scope="col" { "Name" } th scope="col" { "Type" } th scope="col" { "Shape" } }
                }
                (port_rows("Inputs", &view.inputs))
                (port_rows("Outputs", &view.outputs))
            }
        }
    }
}

fn port_rows(heading: &str, ports: &[PortRow]) -> Markup {
    html! {
        @if !ports.is_empty() {
            tbody {
                tr.group { th colspan="3" scope="rowgroup" { (heading) } }
                @for port in ports {
                    tr {
                        th scope="row" { code { (port.name) } }
                        td { code { (port.datatype) } }
                        td { (shape(&port.shape)) }
                    }
                }
            }
        }
    }
}

fn shape(axes: &[Option<u64>]) -> Markup {
    html! {
        @if axes.is_empty() { "single value" }
        @for (place, axis) in axes.iter().enumerate() {
            @if place > 0 { span.times { " × " } }
            @match axis {
                Some(size) => span.num { (size) },
                None => span.any { "any" },
            }
        }
    }
}

fn labels_of(view: &Labels) -> Markup {
    let list = html! {
        // Classes are counted from nought, as the outputs count them.
        ol.labels start="0" {
            @for label in view.labels.iter().take(LABELS_LISTED) { li { (label) } }
        }
        @if view.labels.len() > LABELS_LISTED {
            p.note { "and " span.num { (count((view.labels.len() - LABELS_LISTED) as u64)) } " more" }
        }
    };
    html! {
        @if view.labels.len() > LABELS_SHOWN {
            details {
                summary { (count_of(view.labels.len(), "label")) " of " code { (view.output) } }
                (list)
            }
        } @else if !view.labels.is_empty() {
            h3 { "Labels of " code { (view.output) } }
            (list)
        }
    }
}

fn card(card: &CardHtml) -> Markup {
    html! {
        @if card.as_str().is_empty() {
            p.note { "This model has no card yet: a README.md in the model’s folder becomes its card." }
        } @else {
            div.card { (PreEscaped(card.as_str())) }
        }
    }
}

fn releases(view: &Model) -> Markup {
    let releases = &view.releases;
    html! {
        @if releases.is_empty() {
            p.note { "No release yet." }
        } @else {
            div.scroll tabindex="0" {
                table.releases {
                    caption.hidden { "Releases, newest first" }
                    thead {
                        tr {
                            th scope="col" { "Release" }
                            th scope="col" { "Date" }
                            th scope="col" { "Digest" }
                            th scope="col" { "Contract" }
                            th.number scope="col" { "Price then" }
                        }
                    }
                    tbody {
                        @for release in releases { (release_row(view, release)) }
                    }
                }
            }
        }
    }
}

fn release_row(view: &Model, release: &ReleaseRow) -> Markup {
    let short: String = release.digest.chars().take(12).collect();
    let change = match release.change {
        Change::First => "first",
        Change::Minor => "same (minor)",
        Change::Major => "changed (major)",
    };
    html! {
        tr {
            th scope="row" {
                span.num { (release.number) }
                @if release.latest { " " span.latest { "latest" } }
                @if let Some(reason) = &release.yanked { p.note { "Yanked: " (reason) } }
            }
            td { (moment(&release.released)) }
            td { code title=(release.digest) { (short) } }
            td data-label="contract" {
                @match &release.before {
                    Some(before) => a href=(link::diff(&view.owner, &view.name, before, &release.number)) { (change) },
                    None => (change),
                }
            }
            td.number { (release.price) }
        }
    }
}

fn checks(checks: &[CheckRow]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.checks {
                caption.hidden { "Checks by the hub, newest release first" }
                thead {
                    tr {
                        th scope="col" { "Release" }
                        th scope="col" { "Compared" }
                        th.number scope="col" { "Run" }
                        th.number scope="col" { "Agreed" }
                        th.number scope="col" { "Differed" }
                        th.number scope="col" { "Failed" }
                        th scope="col" { "Last" }
                    }
                }
                tbody {
                    @for check in checks { (check_row(check)) }
                }
            }
        }
    }
}

fn check_row(check: &CheckRow) -> Markup {
    let kind = match check.kind {
        CheckKind::Examples => "examples, with what is expected",
        CheckKind::TwoRunners => "two fresh runners",
        CheckKind::ReExecution => "paid calls, with a fresh runner",
    };
    let how = match check.compared {
        Compared::Digest => "bit by bit",
        Compared::Tolerance => "within a tolerance",
        Compared::Nothing => "not compared",
    };
    html! {
        tr {
            th scope="row" { span.num { (check.release) } }
            td {
                (kind) span.note { ", " (how) }
                @if let Some(difference) = &check.difference { p.note { "Last difference: " (difference) } }
            }
            td.number { span.num { (count(check.run)) } }
            td.number { span.num { (count(check.agreed)) } }
            td.number { span.num { (count(check.differed)) } }
            td.number { span.num { (count(check.failed)) } }
            td { (moment(&check.last)) }
        }
    }
}

fn count_of(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}
