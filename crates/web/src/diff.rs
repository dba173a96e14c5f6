//! What is different between two releases, on a page.

use maud::{Markup, html};

use crate::figure::count;
use crate::layout::{self, Chrome, section};
use crate::link;

/// The page at `/{owner}/{name}/diff/{from}/{to}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The frame.
    pub chrome: Chrome,
    /// The owner's handle.
    pub owner: String,
    /// The model's name.
    pub name: String,
    /// The older release.
    pub from: String,
    /// The newer one.
    pub to: String,
    /// Files that are not the same.
    pub files: Vec<ChangedFile>,
    /// Values of the contract that are not the same.
    pub contract: Vec<ChangedField>,
    /// The same of price, split and royalties.
    pub terms: Vec<ChangedField>,
    /// Small texts among the files.
    pub texts: Vec<ChangedText>,
    /// How many differences there are besides.
    pub left_out: usize,
}

/// A file that was added, removed or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// Size in bytes and digest in the older release, if it is there.
    pub from: Option<(u64, String)>,
    /// And in the newer one.
    pub to: Option<(u64, String)>,
}

/// A value that is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedField {
    /// What it is called.
    pub field: String,
    /// What it was, if it was there.
    pub from: Option<String>,
    /// What it is, if it is there.
    pub to: Option<String>,
}

/// How a text changed, as `diff -u` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedText {
    /// The file's path.
    pub path: String,
    /// The lines.
    pub diff: String,
    /// Whether there are more.
    pub cut: bool,
}

/// The page of what changed.
pub fn diff(view: &Diff) -> String {
    let title = format!("{}/{} {} to {}", view.owner, view.name, view.from, view.to);
    let nothing = html! {};
    let model = link::model(&view.owner, &view.name);
    let main = html! {
        article {
            header.model {
                h1 { a href=(model) { span.owner { (view.owner) "/" } (view.name) } }
                p.lead { "What changed from release " span.num { (view.from) } " to " span.num { (view.to) } "." }
            }
            (section("files", "Files", &nothing, &files(&view.files)))
            (section("contract", "Contract", &html! { p { "What a call takes and gives." } }, &fields(&view.contract)))
            (section("terms", "Price and split", &html! { p { "Prices are those of today." } }, &fields(&view.terms)))
            @if !view.texts.is_empty() {
                (section("texts", "Texts", &nothing, &texts(&view.texts)))
            }
            @if view.left_out > 0 {
                p.note { "There are " span.num { (count(view.left_out as u64)) } " differences more; the API lists those of one kind up to 500." }
            }
        }
    };
    layout::page(&view.chrome, Some(&title), &title, &main)
}

fn files(files: &[ChangedFile]) -> Markup {
    let state = |state: &Option<(u64, String)>| {
        html! {
            @match state {
                None => "none",
                Some((size, digest)) => {
                    span.num { (count(*size)) } " bytes, "
                    code title=(digest) { (digest.chars().take(12).collect::<String>()) }
                }
            }
        }
    };
    html! {
        @if files.is_empty() {
            p.note { "The files are the same." }
        } @else {
            div.scroll tabindex="0" {
                table.diff {
                    caption.hidden { "Files that are not the same" }
                    thead { tr { th scope="col" { "File" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody {
                        @for file in files {
                            tr {
                                th scope="row" { code { (file.path) } }
                                td { (state(&file.from)) }
                                td { (state(&file.to)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn fields(fields: &[ChangedField]) -> Markup {
    let value = |value: &Option<String>| {
        html! {
            @match value {
                None => "none",
                Some(value) => code { (value) },
            }
        }
    };
    html! {
        @if fields.is_empty() {
            p.note { "Nothing changed." }
        } @else {
            div.scroll tabindex="0" {
                table.diff {
                    caption.hidden { "Values that are not the same" }
                    thead { tr { th scope="col" { "What" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody {
                        @for field in fields {
                            tr {
                                th scope="row" { code { (field.field) } }
                                td { (value(&field.from)) }
                                td { (value(&field.to)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn texts(texts: &[ChangedText]) -> Markup {
    html! {
        div.examples {
            @for text in texts {
                figure.code {
                    figcaption { (text.path) @if text.cut { " (the beginning)" } }
                    pre tabindex="0" { code data-language="diff" { (text.diff) } }
                }
            }
        }
    }
}
