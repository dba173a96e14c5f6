//! Publishing from a page: files, a name, a card, a price, and what the hub says of it before there is a release.

use maud::{Markup, html};

use crate::assets::publish_name;
use crate::layout::{self, Chrome, section};

/// The page at `/publish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The frame.
    pub chrome: Chrome,
    /// Accounts that the viewer may publish for; none: the viewer may not publish.
    pub publishers: Vec<Publisher>,
    /// Where people reach the hub.
    pub hub: String,
    /// The hub's share of a cost: `10%`, and in basis points.
    pub fee: String,
    pub fee_points: u16,
    /// What one OPG is in USD.
    pub rate: Option<String>,
    /// The most of a file that a page takes.
    pub file_mib: u64,
}

/// An account to publish for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its handle.
    pub handle: String,
    /// Whether it is the one that was asked for.
    pub chosen: bool,
}

/// Licences that are asked for most, as SPDX and Hugging Face's hub write them.
const LICENCES: [&str; 10] = [
    "apache-2.0",
    "mit",
    "bsd-3-clause",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc0-1.0",
    "gpl-3.0",
    "openrail",
    "other",
];

/// Kinds of work that people can call with their own values; any other may be written.
const TASKS: [&str; 11] = [
    "audio-classification",
    "feature-extraction",
    "file-type",
    "image-classification",
    "image-to-text",
    "object-detection",
    "tabular-classification",
    "tabular-regression",
    "text-classification",
    "time-series-forecasting",
    "token-classification",
];

const ACCESS: [(&str, &str, &str); 3] = [
    ("sealed", "Sealed", "The weights stay on the hub: people call the model and never get it."),
    ("gated", "Gated", "Whom you let in gets the weights; everybody may call it."),
    ("open", "Open", "Everybody gets the weights, and may call it here."),
];

/// The page to publish on.
pub fn publish(view: &Publish) -> String {
    let main = html! {
        h1.title { "Publish a model" }
        @if view.publishers.is_empty() {
            p.wrong role="alert" { "You may not publish: neither for yourself with this session, nor for an organisation. Sign in anew, or ask an admin of the organisation to make you a writer." }
        } @else {
            p.lead { "The hub loads the model in a sandbox, reads its contract, runs it twice, and tells you what it found. Nothing is public before you say so." }
            noscript { (without_script(view)) }
            form.publishing data-publish data-fee=(view.fee_points) data-rate=[view.rate.as_ref()] data-limit=(view.file_mib * 1024 * 1024) novalidate {
                (section("files", "Files", &files_note(view), &files()))
                (section("name", "Owner and name", &html! { p { "What people call it by." } }, &name(view)))
                (section("price", "Price", &price_note(view), &price()))
                (section("access", "Weights", &html! { p { "Who gets the files that make the model." } }, &access()))
                (section("card", "Card", &html! { p { "What people read before they pay: the model’s README.md. A file of that name fills this in." } }, &card()))
                (section("check", "Check", &html! { p { "Runs everything a publish runs, and publishes nothing." } }, &check()))
            }
        }
    };
    layout::page_with(&view.chrome, Some("Publish"), "Publish a model on this hub.", &main, &[publish_name()])
}

fn without_script(view: &Publish) -> Markup {
    html! {
        div.empty {
            p { "This form needs a script: files go up in pieces, and checks are shown as they run. Without one, publish a folder with an ONNX file and a README.md from a terminal:" }
            pre tabindex="0" { code { "modelhub login " (view.hub) "\nmodelhub publish FOLDER --price \"0.002 OPG\"" } }
        }
    }
}

fn files_note(view: &Publish) -> Markup {
    html! {
        p { "An ONNX file, and what belongs to it: README.md, examples, labels, a tokenizer." }
        p { "At most " span.num { (view.file_mib) " MiB" } " a file and " span.num { "200" } " files; past that " code { "modelhub publish FOLDER" } "." }
    }
}

fn files() -> Markup {
    html! {
        div.drop data-part="drop" {
            p { "Drop files or a folder here, or choose them." }
            div.several {
                label { span { "Choose files" } input type="file" name="files" multiple; }
                label { span { "Choose a folder" } input type="file" name="folder" multiple webkitdirectory; }
            }
        }
        p.wrong data-part="files-wrong" role="status" {}
        ul.files data-part="files" hidden {}
    }
}

fn name(view: &Publish) -> Markup {
    html! {
        div.fields.inline {
            label {
                span { "Owner" }
                select name="owner" {
                    @for publisher in &view.publishers { option value=(publisher.handle) selected[publisher.chosen] { (publisher.handle) } }
                }
            }
            label.wide { span { "Name" } input type="text" name="name" maxlength="96" autocomplete="off" autocapitalize="none" spellcheck="false"; }
        }
        p.note { "Letters, digits, dots, dashes and underscores. A name you have published before gets its next release." }
    }
}

fn price_note(view: &Publish) -> Markup {
    html! {
        p { "Of each call the hub keeps " (view.fee) "; models that yours builds on get their royalties next, and the rest is yours to split." }
        @match &view.rate {
            Some(rate) => p { "One OPG is " (rate) " USD now; a price in USD follows the rate." },
            None => p { "No rate is set here, so a price is best in OPG." },
        }
    }
}

fn price() -> Markup {
    html! {
        div.fields.inline {
            label { span { "A call costs" } input type="text" name="price" inputmode="decimal" size="12" autocomplete="off"; }
            label { span { "In" } select name="currency" { option value="OPG" selected { "OPG" } option value="USD" { "USD" } } }
            label.wide { span { "Split, if it is not all the owner’s" } input type="text" name="split" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="bob=70%, carol=30%"; }
        }
        output.note.said data-part="price-said" {}
        table.lines data-part="shares" hidden {
            caption { "Of each call, without royalties" }
            thead { tr { th scope="col" { "Who" } th scope="col" { "For" } th.right scope="col" { "OPG" } } }
            tbody data-part="share-rows" {}
        }
    }
}

fn access() -> Markup {
    html! {
        fieldset.choices {
            legend.hidden { "Who gets the weights" }
            @for (word, title, what) in ACCESS {
                label.check {
                    input type="radio" name="access" value=(word) checked[word == "sealed"];
                    span { strong { (title) } " " span.note { (what) } }
                }
            }
        }
    }
}

fn card() -> Markup {
    html! {
        div.fields.inline {
            label { span { "Licence" } select name="license" { option value="" { "none chosen" } @for licence in LICENCES { option value=(licence) { (licence) } } } }
            label.wide {
                span { "Task" }
                input type="text" name="task" list="tasks" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="96" placeholder="tabular-classification";
                datalist id="tasks" { @for task in TASKS { option value=(task) {} } }
            }
        }
        div.fields.inline { label.wide { span { "What it does, in a sentence" } input type="text" name="summary" maxlength="300" autocomplete="off"; } }
        details {
            summary { "README.md, as it will be published" }
            label { span.hidden { "README.md" } textarea.code name="card" rows="14" spellcheck="true" {} }
        }
    }
}

fn check() -> Markup {
    html! {
        p { button type="submit" disabled { "Check it" } }
        p.status data-part="status" role="status" {}
        p.wrong data-part="wrong" role="alert" tabindex="-1" {}
        ol.verdicts data-part="verdicts" aria-label="What was checked" {}
        div.found data-part="found" hidden {}
    }
}
