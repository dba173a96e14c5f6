//! The search: a form, what narrows it, what was found.

use maud::{Markup, html};

use crate::figure::count;
use crate::home::{ModelRow, rows};
use crate::layout::{self, Chrome};
use crate::link;

/// The page at `/search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The frame.
    pub chrome: Chrome,
    /// What was typed.
    pub query: String,
    /// The most a call may cost, as it was typed.
    pub max_price: String,
    /// Fields that the form carries along unseen: name and value.
    pub kept: Vec<(String, String)>,
    /// Orders to choose from.
    pub sorts: Vec<Choice>,
    /// Filters that are set.
    pub chosen: Vec<Chosen>,
    /// What the search can be narrowed to.
    pub facets: Vec<FacetGroup>,
    /// What is wrong with what was typed.
    pub wrong: Option<String>,
    /// How many there are on all pages; none where nothing was searched.
    pub total: Option<u64>,
    /// Whether all models were looked at.
    pub complete: bool,
    /// Whether this is the first page.
    pub first: bool,
    /// What links to models say they come from.
    pub search: String,
    /// What was found, in its order.
    pub models: Vec<FoundRow>,
    /// The link to the next page, on this hub.
    pub more: Option<String>,
}

/// One of several values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What it is called.
    pub label: String,
    /// Whether it is the one.
    pub chosen: bool,
}

/// A filter that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// In words.
    pub label: String,
    /// The link to the search without it, on this hub.
    pub without: String,
}

/// Values of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetGroup {
    /// What kind.
    pub title: &'static str,
    /// The most frequent first.
    pub values: Vec<FacetValue>,
}

/// A value to narrow the search to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// As it is written.
    pub value: String,
    /// How many of what was found have it.
    pub count: u64,
    /// The link to the search with it, on this hub.
    pub link: String,
}

/// A model that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Its place among all that was found.
    pub position: u32,
    /// The model.
    pub model: ModelRow,
}

/// The page of a search.
pub fn search(view: &Search) -> String {
    let main = html! {
        h1.hidden { "Search models" }
        (form(view))
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        @if !view.chosen.is_empty() {
            ul.chosen aria-label="Filters" {
                @for chosen in &view.chosen {
                    li { (chosen.label) " " a href=(link::local(&chosen.without)) aria-label={ "Remove " (chosen.label) } { "remove" } }
                }
            }
        }
        @if view.total.is_some() {
            div.search {
                @if view.first { (facets(view)) }
                section.found aria-label="Found" { (found(view)) }
            }
        }
    };
    layout::page(&view.chrome, Some("Search"), "Find models by what they do, what they cost and who made them.", &main)
}

fn form(view: &Search) -> Markup {
    html! {
        form.query action="/search" method="get" role="search" {
            @for (name, value) in &view.kept { input type="hidden" name=(name) value=(value); }
            label.wide { span { "Words" } input type="search" name="q" value=(view.query) maxlength="200" autocomplete="off"; }
            label { span { "At most, OPG a call" } input type="text" name="max_price" value=(view.max_price) inputmode="decimal" size="8" autocomplete="off"; }
            label {
                span { "Order" }
                select name="sort" {
                    @for sort in &view.sorts { option value=(sort.value) selected[sort.chosen] { (sort.label) } }
                }
            }
            button type="submit" { "Search" }
        }
    }
}

fn facets(view: &Search) -> Markup {
    html! {
        @if !view.facets.is_empty() {
            nav.facets aria-label="Narrow the search" {
                @for group in &view.facets {
                    section {
                        h2 { (group.title) }
                        ul {
                            @for value in &group.values {
                                li { a href=(link::local(&value.link)) { (value.value) } " " span.num.unit { (count(value.count)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn found(view: &Search) -> Markup {
    let from = |at: usize| {
        let position = view.models.get(at).map_or(0, |row| row.position);
        format!("?from={}.{position}", link::segment(&view.search))
    };
    let models: Vec<ModelRow> = view.models.iter().map(|row| row.model.clone()).collect();
    html! {
        p.note {
            @match view.total.unwrap_or(0) {
                1 => { "1 model" }
                total => { span.num { (count(total)) } " models" }
            }
            @if !view.complete { ". The index is being made: there may be more in a moment" }
            "."
        }
        @if models.is_empty() {
            div.empty {
                p { "Nothing fits." @if !view.chosen.is_empty() { " Remove a filter, or use other words." } @else { " Use fewer words, or other ones." } }
                p { a href="/search" { "All models" } ", or " a href="/wanted" { "what others miss too" } "." }
            }
        } @else {
            (rows(&models, from))
        }
        @if let Some(more) = &view.more {
            p.more { a rel="next" href=(link::local(more)) { "More models" } }
        }
    }
}
