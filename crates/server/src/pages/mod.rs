//! Pages: what the hub knows, in the words that `web` draws.

mod examples;
mod figures;
pub(crate) mod home;
pub(crate) mod model;

use api::{Code, Problem};
use axum::http::Uri;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hub::Hub;

use crate::edge::clip;
use crate::problem::Refused;

fn html(page: String) -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, web::CONTENT_SECURITY_POLICY)];
    (headers, page).into_response()
}

fn chrome(hub: &Hub) -> web::Chrome {
    web::Chrome { dev: hub.options().dev, hub_name: hub.options().name.clone() }
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
