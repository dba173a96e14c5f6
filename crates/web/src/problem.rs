//! The page that says what went wrong: which value, which rule, what to do.

use maud::html;

use crate::layout::{self, Chrome};

/// A refused request, as a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The frame.
    pub chrome: Chrome,
    /// The HTTP status the page is sent with.
    pub status: u16,
    /// The stable public code, for example `model_not_found`.
    pub code: String,
    /// Which value broke which rule.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The page for a request that was refused or failed.
pub fn problem(view: &Problem) -> String {
    let title = title(view.status);
    let main = html! {
        article.problem {
            p.over { span.num { (view.status) } " · " code { (view.code) } }
            h1 { (title) }
            p.lead { (view.message) }
            @if let Some(hint) = &view.hint { p.hint { (hint) } }
            p { a href="/" { "All models" } }
        }
    };
    layout::page(&view.chrome, Some(title), &view.message, &main)
}

fn title(status: u16) -> &'static str {
    match status {
        400 | 422 => "The request is not well formed",
        401 => "A valid key is needed",
        402 => "Payment is needed",
        403 => "Not allowed",
        404 => "Nothing is here",
        405 => "Not in this way",
        409 => "It conflicts with what is there",
        410 => "No longer here",
        413 => "Too large",
        429 => "Too many requests",
        503 => "Not available right now",
        504 => "It took too long",
        500.. => "The hub failed",
        _ => "The request was refused",
    }
}
