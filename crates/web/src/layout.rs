//! The frame around every page: head, banner, header, main part, footer.

use maud::{DOCTYPE, Markup, html};

use crate::assets::{icon_name, style_name};

/// What every page shows around its own content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chrome {
    /// This hub runs with `--dev`: a banner says that its money is play money.
    pub dev: bool,
    /// What the operator calls this hub.
    pub hub_name: String,
    /// The handle of who is signed in.
    pub viewer: Option<String>,
}

/// A whole page. `title` comes before the hub's name; the home page has none of its own.
pub(crate) fn page(chrome: &Chrome, title: Option<&str>, description: &str, main: &Markup) -> String {
    page_with(chrome, title, description, main, &[])
}

/// The first page, which has its own field to search with.
pub(crate) fn first_page(chrome: &Chrome, description: &str, main: &Markup) -> String {
    framed(chrome, None, description, main, &[], false)
}

/// The same with scripts, by their names under `/static/`: the page is whole without them.
pub(crate) fn page_with(
    chrome: &Chrome,
    title: Option<&str>,
    description: &str,
    main: &Markup,
    scripts: &[&str],
) -> String {
    framed(chrome, title, description, main, scripts, true)
}

fn framed(
    chrome: &Chrome,
    title: Option<&str>,
    description: &str,
    main: &Markup,
    scripts: &[&str],
    find: bool,
) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="description" content=(description);
                title { @if let Some(title) = title { (title) " · " } (chrome.hub_name) }
                link rel="icon" type="image/svg+xml" href={ "/static/" (icon_name()) };
                link rel="stylesheet" href={ "/static/" (style_name()) };
                @for script in scripts { script type="module" src={ "/static/" (script) } {} }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                @if chrome.dev {
                    aside.dev aria-label="About this hub" {
                        strong { "Development hub." }
                        " Its money is play money: every new account is given 100 OPG promo and 100 OPG cash."
                    }
                }
                header.top {
                    a.home href="/" {
                        svg.mark viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                            rect x="0" y="1" width="16" height="3" {}
                            rect x="0" y="6.5" width="11" height="3" {}
                            rect x="0" y="12" width="6" height="3" {}
                        }
                        (chrome.hub_name)
                    }
                    nav.places aria-label="Hub" {
                        a href="/search" { "Models" }
                        a href="/rankings" { "Rankings" }
                        a href="/publish" { "Publish" }
                    }
                    @if find {
                        form.find action="/search" method="get" role="search" {
                            input type="search" name="q" maxlength="200" placeholder="Search models" aria-label="Search models" autocomplete="off";
                        }
                    }
                    nav.who aria-label="Account" {
                        @match &chrome.viewer {
                            Some(handle) => {
                                a href="/account" { (handle) }
                                form action="/logout" method="post" { button.quiet type="submit" { "Sign out" } }
                            }
                            None => { a href="/login" { "Sign in" } }
                        }
                    }
                }
                main #main tabindex="-1" { (main) }
                footer.bottom {
                    p { "Every answered call leaves a signed receipt. A call that fails costs nothing. The hub stores no inputs." }
                    p { a href="/docs/api" { "API" } " · " a href="/wanted" { "Wanted" } " · " a href="/status" { "Status" } }
                }
            }
        }
    }
    .into_string()
}

/// A part of a page: its heading stands in the margin, as in a ledger, with a note below it.
pub(crate) fn section(id: &str, heading: &str, note: &Markup, content: &Markup) -> Markup {
    html! {
        section.part aria-labelledby=(id) {
            div.margin {
                h2 id=(id) { (heading) }
                @if !note.0.is_empty() { div.note { (note) } }
            }
            div.content { (content) }
        }
    }
}
