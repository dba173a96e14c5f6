//! What a card leaves out, and what it says of the models it was built on.

use maud::{Markup, html};

use crate::figure::count;
use crate::link;

/// A card, looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardSays {
    /// Of a hundred.
    pub score: u32,
    /// The heaviest first.
    pub missing: Vec<MissingPart>,
    /// What its author should know.
    pub notices: Vec<String>,
    /// What it names under `base_model`.
    pub bases: Vec<Base>,
}

/// Something a card should say and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPart {
    /// What it is: `limits`.
    pub part: String,
    /// What it counts of the hundred.
    pub weight: u32,
    /// How to add it.
    pub how: String,
}

/// A base model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// `owner/name`, or a name of another place.
    pub name: String,
    /// It has a page here that this viewer may see.
    pub here: bool,
    /// What it asks of models that build on it: `5%`.
    pub royalty: Option<String>,
}

pub(crate) fn says(view: &CardSays) -> Markup {
    html! {
        @if !view.bases.is_empty() {
            h3 { "Built on" }
            ul.bases {
                @for base in &view.bases {
                    li {
                        @match base.name.split_once('/').filter(|_| base.here) {
                            Some((owner, name)) => a href=(link::model(owner, name)) { (base.name) },
                            None => { (base.name) span.note { ", not on this hub" } }
                        }
                        @if let Some(royalty) = base.royalty.as_deref().filter(|royalty| *royalty != "0%") {
                            span.note { ", which asks " (royalty) " of what is built on it" }
                        }
                    }
                }
            }
        }
        @for notice in &view.notices { p.note { (notice) } }
        @if view.missing.is_empty() {
            p.note { "This card says " span.num { "100" } " of " span.num { "100" } " of what a model card should." }
        } @else {
            details {
                summary {
                    "This card says " span.num { (count(u64::from(view.score))) } " of " span.num { "100" }
                    " of what a model card should"
                }
                ul.missing {
                    @for part in &view.missing {
                        li { (part.part) " (" span.num { (part.weight) } "): " (part.how) }
                    }
                }
            }
        }
    }
}
