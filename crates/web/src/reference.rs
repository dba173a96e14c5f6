//! The interface, to be read: chapters, operations, and the types they speak in.
//!
//! Always: whatever a script does here, a link or a form does too; each operation and each type has an address.

use maud::{Markup, html};

use crate::assets::reference_name;
use crate::layout::{self, Chrome, section};
use crate::link;

/// The page at `/docs/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The frame.
    pub chrome: Chrome,
    /// All there are.
    pub chapters: Vec<ReferenceChapter>,
    /// What was searched for; operations that do not fit are left out.
    pub query: String,
    /// The codes of refusals: status, word, meaning.
    pub codes: Vec<(u16, String, String)>,
}

/// A chapter and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceChapter {
    /// The last segment of its page's path.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub note: String,
    /// Its operations.
    pub lines: Vec<ReferenceLine>,
}

/// An operation in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceLine {
    /// Its anchor on the chapter's page.
    pub id: String,
    /// `GET`
    pub method: String,
    /// With its places: `/v2/models/{owner}/{name}`.
    pub path: String,
    /// What it does.
    pub summary: String,
}

/// The page of one chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// The frame.
    pub chrome: Chrome,
    /// Which.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub note: String,
    /// All chapters: the last segment of the path, and what each is called.
    pub chapters: Vec<(String, String)>,
    /// What stands in it.
    pub operations: Vec<Operation>,
    /// The types that are named in it.
    pub types: Vec<Type>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Method, path, summary and anchor.
    pub line: ReferenceLine,
    /// What the summary has no room for.
    pub description: String,
    /// Who may ask, in a sentence.
    pub who: String,
    /// Of path, query and headers.
    pub parameters: Vec<Field>,
    /// What is sent: media type, and its type.
    pub bodies: Vec<(String, Kind)>,
    /// What comes back.
    pub answers: Vec<Answered>,
    /// By status, the words of refusals.
    pub refusals: Vec<(u16, Vec<String>)>,
    /// A call that runs as it stands.
    pub example: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// `200`
    pub status: u16,
    /// What it is.
    pub what: String,
    /// By media type, its type.
    pub content: Vec<(String, Kind)>,
    /// Headers.
    pub headers: Vec<Field>,
}

/// A value with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: String,
    /// Where it stands, of parameters: `path`, `query`, `header`.
    pub place: String,
    /// What it looks like.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
    /// What it is.
    pub what: String,
}

/// What a value looks like: a text with the name of a type somewhere in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kind {
    /// Before the name: `list of `.
    pub before: String,
    /// A type of this page.
    pub named: Option<String>,
    /// Behind it: `, or null`.
    pub behind: String,
}

/// A type with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its name, also its anchor.
    pub name: String,
    /// What it is.
    pub what: String,
    /// How it is written, of texts.
    pub form: String,
    /// What it is made of, of objects.
    pub fields: Vec<Field>,
}

/// The list of all operations.
pub fn reference(view: &Reference) -> String {
    let found: usize = view.chapters.iter().map(|chapter| chapter.lines.len()).sum();
    let main = html! {
        header.model {
            h1 { "API" }
            p.lead {
                "All that this hub answers over HTTP, but for the interfaces of Hugging Face’s clients, the "
                code { "opengradient" } " SDK and gRPC. The same as a document of OpenAPI 3.1: "
                a href="/api/v1/openapi.json" { code { "/api/v1/openapi.json" } } ". For agents: "
                a href="/llms.txt" { code { "/llms.txt" } } "."
            }
        }
        form.query.reference-query action="/docs/api" method="get" role="search" {
            label.wide {
                span { "Operations with these words in them" }
                input #words type="search" name="q" value=(view.query) maxlength="100" autocomplete="off";
            }
            button type="submit" { "Search" }
        }
        p.note #found role="status" {
            @if view.query.is_empty() { (found) " operations." } @else {
                (found) " operations have “" (view.query) "” in them. " a href="/docs/api" { "All of them" } "."
            }
        }
        @for chapter in &view.chapters {
            (section(&format!("chapter-{}", chapter.key), &chapter.title, &html! { p { (chapter.note) } }, &lines(chapter)))
        }
        (section("start", "How to begin", &html! {}, &start()))
        (section("codes", "Refusals", &html! { p { "Clients branch on the word, which stays; the message is for people." } }, &codes(&view.codes)))
    };
    layout::page_with(&view.chrome, Some("API"), "All that this hub answers over HTTP.", &main, &[reference_name()])
}

fn lines(chapter: &ReferenceChapter) -> Markup {
    html! {
        ul.operations {
            @for line in &chapter.lines {
                li {
                    a href={ (page_of(&chapter.key)) "#" (line.id) } {
                        span.method { (line.method) } code { (line.path) }
                    }
                    " " span.summary { (line.summary) }
                }
            }
        }
    }
}

fn start() -> Markup {
    html! {
        ul {
            li { "A key goes into " code { "Authorization: Bearer mh_…" } ". It is made on " a href="/account/keys" { "your page of keys" } ", with scopes and limits of its own. The examples read it from " code { "MODELHUB_KEY" } "." }
            li { "Amounts are decimal strings in OPG, times RFC 3339 in UTC. Lists have " code { "items" } " and, while they go on, " code { "next" } ", which goes into " code { "?cursor=" } "." }
            li { "A call with an " code { "Idempotency-Key" } " can be repeated: it is charged once. " code { "X-Max-Cost" } " says the most that it may cost." }
        }
    }
}

fn codes(codes: &[(u16, String, String)]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.diff {
                caption.hidden { "Words of refusals, with their statuses and meanings" }
                thead { tr { th scope="col" { "Word" } th.number scope="col" { "Status" } th scope="col" { "Meaning" } } }
                tbody {
                    @for (status, word, meaning) in codes {
                        tr { th scope="row" id={ "code-" (word) } { code { (word) } } td.number { span.num { (status) } } td { (meaning) } }
                    }
                }
            }
        }
    }
}

fn page_of(key: &str) -> String {
    format!("/docs/api/{}", link::segment(key))
}

/// One chapter, whole.
pub fn reference_chapter(view: &Chapter) -> String {
    let main = html! {
        header.model {
            h1 { (view.title) }
            p.lead { (view.note) }
        }
        nav.tabs aria-label="Chapters" {
            a href="/docs/api" { "All" }
            @for (key, title) in &view.chapters {
                a href=(page_of(key)) aria-current=[(*key == view.key).then_some("page")] { (title) }
            }
        }
        @for operation in &view.operations { (one(operation)) }
        @if !view.types.is_empty() {
            (section("types", "Types", &html! { p { "What the operations of this page name." } }, &html! { @for of in &view.types { (type_of(of)) } }))
        }
    };
    layout::page(&view.chrome, Some(&view.title), &view.note, &main)
}

fn one(operation: &Operation) -> Markup {
    let ReferenceLine { id, method, path, summary } = &operation.line;
    let note = html! {
        p { (operation.who) }
        @if !operation.description.is_empty() { p { (coded(&operation.description)) } }
    };
    let content = html! {
        p.path { a href={ "#" (id) } aria-label={ "Link to " (summary) } { span.method { (method) } code { (path) } } }
        @if !operation.parameters.is_empty() { (fields("Parameters", &operation.parameters, true)) }
        @for (media, kind) in &operation.bodies {
            p { strong { "Body" } ": " (kind_of(kind)) ", as " code { (media) } "." }
        }
        @for answer in &operation.answers {
            p {
                span.num { (answer.status) } ": " (coded(&answer.what))
                @for (at, (media, kind)) in answer.content.iter().enumerate() {
                    @if at > 0 { " or " } @else { " " }
                    (kind_of(kind)) ", as " code { (media) }
                }
                @if !answer.content.is_empty() { "." }
            }
            @if !answer.headers.is_empty() { (fields("Headers of the answer", &answer.headers, false)) }
        }
        @if !operation.refusals.is_empty() {
            details {
                summary { "Refusals" }
                ul.refusals {
                    @for (status, words) in &operation.refusals {
                        li {
                            span.num { (status) }
                            @for (at, word) in words.iter().enumerate() {
                                @if at > 0 { "," } " " a href={ "/docs/api#code-" (word) } { code { (word) } }
                            }
                        }
                    }
                }
            }
        }
        figure.code {
            figcaption { "curl" }
            pre tabindex="0" { code data-language="sh" { (operation.example) } }
        }
    };
    section(id, summary, &note, &content)
}

fn fields(caption: &str, fields: &[Field], places: bool) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.diff.parameters {
                caption.hidden { (caption) }
                thead {
                    tr {
                        th scope="col" { (caption) }
                        @if places { th scope="col" { "In" } }
                        th scope="col" { "Type" }
                        th scope="col" { "What" }
                    }
                }
                tbody {
                    @for field in fields {
                        tr {
                            th scope="row" { code { (field.name) } @if !field.required { span.note { ", may be left out" } } }
                            @if places { td { (field.place) } }
                            td { (kind_of(&field.kind)) }
                            td { (coded(&field.what)) }
                        }
                    }
                }
            }
        }
    }
}

/// A text in which what stands between backticks is code.
fn coded(text: &str) -> Markup {
    html! {
        @for (at, piece) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

fn kind_of(kind: &Kind) -> Markup {
    html! {
        (kind.before)
        @if let Some(name) = &kind.named { a href={ "#type-" (name) } { (name) } }
        (kind.behind)
    }
}

fn type_of(view: &Type) -> Markup {
    html! {
        h3 id={ "type-" (view.name) } { (view.name) }
        @if !view.what.is_empty() { p { (coded(&view.what)) } }
        @if !view.form.is_empty() { p.note { (view.form) } }
        @if !view.fields.is_empty() { (fields("Fields", &view.fields, false)) }
    }
}
