//! Refusals as these clients read them: which exception they raise hangs on `X-Error-Code`, what they show is
//! `X-Error-Message` and the text at `error` in the body.

use api::{Code, Prefix, Problem};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::problem::Refused;

pub(crate) const X_REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// Clients tell a bad key from a missing repository by this very text.
const BAD_KEY: &str = "Invalid credentials in Authorization header";

/// A refusal that has something to say in headers: which commit has no such file, how long the file is.
#[derive(Debug)]
pub(crate) struct Refusal {
    refused: Refused,
    headers: HeaderMap,
}

/// A refusal that has its form already, because clients read more from it than a reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole;

/// Headers of a refusal, on their way to [`answer`].
#[derive(Clone)]
pub(crate) struct Beside(HeaderMap);

impl Refusal {
    /// The same with this header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.headers.insert(name, value);
        self
    }
}

impl<E: Into<Refused>> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal { refused: error.into(), headers: HeaderMap::new() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.refused.into_response();
        response.extensions_mut().insert(Beside(self.headers));
        response
    }
}

/// And a model that was taken down; why, is in the body.
const DISABLED: &str = "Access to this resource is disabled.";

/// The refusal whole. Whoever has no key is told 401 of what is not there: with one it might be.
pub(crate) fn answer(problem: Problem, beside: Option<Beside>, uri: &Uri, anonymous: bool) -> Response {
    let problem = match problem.code {
        Code::NotFound if names_no_owner(uri.path()) => {
            Problem::new(Code::ModelNotFound, "there is no such model; models here are called owner/name")
        }
        _ => problem,
    };
    let status = match problem.code {
        Code::ModelNotFound if anonymous => StatusCode::UNAUTHORIZED,
        code => Refused::status(code),
    };
    let mut response = Response::new(Body::from(problem.json(Prefix::HuggingFace)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(beside.map(|Beside(headers)| headers).unwrap_or_default());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(word) = word(problem.code) {
        headers.insert(X_ERROR_CODE, HeaderValue::from_static(word));
    }
    // The whole of it: an answer to HEAD has no body.
    let message = match problem.code {
        Code::BadKey => BAD_KEY.to_owned(),
        Code::TakenDown => DISABLED.to_owned(),
        _ => problem.advised(),
    };
    headers.insert(X_ERROR_MESSAGE, plain(&message));
    if let Some(seconds) = problem.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What they call it. Where they have no word the status alone decides.
fn word(code: Code) -> Option<&'static str> {
    match code {
        Code::ModelNotFound => Some("RepoNotFound"),
        Code::RevisionNotFound => Some("RevisionNotFound"),
        Code::FileNotFound => Some("EntryNotFound"),
        Code::WeightsSealed | Code::AccessRequired => Some("GatedRepo"),
        _ => None,
    }
}

/// Their oldest models have names without an owner: `/api/models/gpt2/tree/main`, `/gpt2/resolve/main/config.json`.
fn names_no_owner(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).take(5).collect();
    match segments[..] {
        ["api", "models", _] => true,
        ["api", "models", _, below, ..] => {
            matches!(below, "revision" | "tree" | "resolve" | "commits" | "refs" | "paths-info")
        }
        [_, "resolve", ..] => true,
        _ => false,
    }
}

/// A text that may stand in a header: other characters than those of ASCII are read differently by each client.
fn plain(text: &str) -> HeaderValue {
    let visible = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    HeaderValue::try_from(text.chars().map(visible).collect::<String>()).expect("visible ASCII can stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_an_owner_are_told_from_other_paths() {
        for path in ["/api/models/gpt2", "/api/models/gpt2/revision/main", "/gpt2/resolve/main/config.json"] {
            assert!(names_no_owner(path), "{path}");
        }
        for path in ["/api/models", "/api/models/alice/iris/xet-write-token/main", "/api/what", "/alice/iris.git/info"]
        {
            assert!(!names_no_owner(path), "{path}");
        }
    }

    #[test]
    fn texts_in_headers_are_ascii() {
        assert_eq!(plain("there is no model \"é/…\"\r\nx: y"), "there is no model \"?/?\"??x: y");
    }
}
