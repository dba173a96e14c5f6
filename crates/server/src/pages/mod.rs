//! Pages: what the hub knows, in the words that `web` draws.

pub(crate) mod account;
pub(crate) mod compare;
pub(crate) mod diff;
mod examples;
mod figures;
pub(crate) mod home;
pub(crate) mod llms;
pub(crate) mod login;
pub(crate) mod model;
pub(crate) mod moderation;
pub(crate) mod operator;
pub(crate) mod owner;
pub(crate) mod playground;
pub(crate) mod publish;
pub(crate) mod rankings;
pub(crate) mod receipt;
pub(crate) mod reference;
pub(crate) mod report;
pub(crate) mod search;
pub(crate) mod wanted;

use api::{Code, Problem};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hub::Hub;

use crate::edge::clip;
use crate::hf::error::Whole;
use crate::problem::Refused;

fn html(page: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, web::CONTENT_SECURITY_POLICY),
        // A page is another one for each viewer.
        (CACHE_CONTROL, "private, no-cache"),
    ];
    let mut response = (headers, page).into_response();
    // With a refusal's status it is still the page on which the form stands.
    response.extensions_mut().insert(Whole);
    response
}

fn chrome(hub: &Hub) -> web::Chrome {
    web::Chrome { dev: hub.options().dev, hub_name: hub.options().name.clone(), viewer: None }
}

/// The frame for who is signed in.
fn chrome_for(hub: &Hub, viewer: Option<&hub::Caller>) -> web::Chrome {
    web::Chrome { viewer: viewer.map(|caller| caller.handle().to_string()), ..chrome(hub) }
}

/// A refusal in a sentence, for the page on which the form stands.
fn sentence(problem: &Problem) -> String {
    match &problem.hint {
        Some(hint) => format!("{}; {hint}.", problem.message),
        None => format!("{}.", problem.message),
    }
}

/// A path where nothing stands.
pub(crate) async fn nothing(uri: Uri) -> Refused {
    Problem::new(Code::NotFound, format!("nothing stands at {}", clip(uri.path()))).into()
}

/// A refusal as a page.
pub(crate) fn problem(hub: &Hub, problem: &Problem) -> String {
    web::problem(&web::Problem {
        chrome: chrome(hub),
        status: problem.code.status(),
        code: problem.code.word().to_owned(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    })
}
