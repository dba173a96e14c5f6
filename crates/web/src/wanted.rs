//! What was searched and not found.

use maud::html;

use crate::figure::{count, moment};
use crate::layout::{self, Chrome};

/// The page at `/wanted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The frame.
    pub chrome: Chrome,
    /// How far back searches are counted.
    pub days: u64,
    /// How many accounts have to have searched for it.
    pub least: u64,
    /// The most wanted first.
    pub rows: Vec<WantedRow>,
}

/// Words that find nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRow {
    /// In small letters.
    pub words: String,
    /// How many accounts searched for it.
    pub accounts: u64,
    /// When it was searched last, in RFC 3339.
    pub last: String,
}

/// The page of what is wanted.
pub fn wanted(view: &Wanted) -> String {
    let main = html! {
        h1.title { "Wanted" }
        p.lead { "What callers searched here and did not find. A model that does it has them waiting." }
        @if view.rows.is_empty() {
            div.empty {
                p { "Nothing was searched in vain by " (view.least) " accounts in " (view.days) " days. " a href="/search" { "All models" } " or " a href="/rankings" { "what is called most" } "." }
            }
        } @else {
            table.rows {
                caption.hidden { "Words that were searched and not found" }
                thead { tr { th scope="col" { "Searched for" } th.number scope="col" { "Accounts" } th.number scope="col" { "Last" } } }
                tbody {
                    @for row in &view.rows {
                        tr {
                            th.model scope="row" { (row.words) }
                            td.number data-label="accounts" { span.num { (count(row.accounts)) } }
                            td.number data-label="last" { (moment(&row.last)) }
                        }
                    }
                }
            }
        }
        p.more.several { a href="/publish" { "Publish a model" } a href="/api/v1/wanted" { "As JSON" } }
        p.note {
            "Counted are accounts that were signed in and found nothing with these words in " (view.days) " days, each once. Words show from " (view.least)
            " accounts on, and until a model is found by them. Who searched is not shown to anybody."
        }
    };
    layout::page(&view.chrome, Some("Wanted"), "What callers searched here and did not find.", &main)
}
