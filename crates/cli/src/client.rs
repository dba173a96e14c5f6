//! The command line's own HTTP client: blocking, one hub, one key.
//!
//! Always: the key goes to the hub it was made for and nowhere else, redirects included; an answer is read up to a
//! limit; a problem the hub names comes through with its code and its hint.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

use crate::screen::{Hinted, hinted};

/// Most bytes of an answer that are read.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;

/// One hub, and who we are there.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
    key: Option<Secret>,
}

/// A key. Does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: &str) -> Secret {
        Secret(text.trim().to_owned())
    }

    /// The key itself, for the header or the file it is kept in.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The hub's own words about what is wrong, whatever prefix rendered them.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

impl Client {
    pub(crate) fn new(url: &str, key: Option<Secret>) -> anyhow::Result<Client> {
        let url = check_url(url)?;
        let mut config = Agent::config_builder()
            .user_agent(concat!("modelhub/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            // A call may take ten minutes, and a model's dry run its time besides.
            .timeout_recv_response(Some(Duration::from_secs(900)));
        if is_this_machine(&url) {
            config = config.proxy(None);
        }
        Ok(Client { agent: config.build().new_agent(), url, key })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.send("GET", path, &[], SendBody::none())?)
    }

    /// An answer that is no JSON.
    pub(crate) fn text(&self, path: &str) -> anyhow::Result<String> {
        let mut text = String::new();
        let response = self.send("GET", path, &[], SendBody::none())?;
        response.into_body().into_with_config().limit(ANSWER_LIMIT).reader().read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        read(self.send_json("POST", path, body)?)
    }

    pub(crate) fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        read(self.send_json("PUT", path, body)?)
    }

    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.send("DELETE", path, &[], SendBody::none())?)
    }

    /// Whether there is something at `path`.
    pub(crate) fn has(&self, path: &str) -> anyhow::Result<bool> {
        let response = self.ask("HEAD", path, &[], SendBody::none())?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            // An answer to HEAD has no body, so the hub cannot tell why: a GET of the account can.
            _ => self.get::<Value>("/api/v1/account").and_then(|_| Err(self.refused(response))),
        }
    }

    pub(crate) fn send_json(&self, method: &str, path: &str, body: &impl Serialize) -> anyhow::Result<Response<Body>> {
        let body = serde_json::to_vec(body)?;
        self.send_all(method, path, &[("content-type", "application/json")], &body)
    }

    /// Posts a document that stands ready.
    pub(crate) fn send_bytes(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Response<Body>> {
        let mut all = vec![("content-type", content_type)];
        all.extend_from_slice(headers);
        self.send_all("POST", path, &all, body)
    }

    fn send_all(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Response<Body>> {
        let mut all = Vec::with_capacity(headers.len() + 1);
        all.extend_from_slice(headers);
        let length = body.len().to_string();
        all.push(("content-length", &length));
        let mut body = body;
        self.send(method, path, &all, SendBody::from_reader(&mut body))
    }

    /// Sends as many bytes as `size_bytes` says from a reader.
    pub(crate) fn upload(&self, path: &str, size_bytes: u64, bytes: &mut dyn Read) -> anyhow::Result<()> {
        let length = size_bytes.to_string();
        let headers = [("content-type", "application/octet-stream"), ("content-length", length.as_str())];
        self.send("PUT", path, &headers, SendBody::from_reader(bytes)).map(drop)
    }

    /// One request; an answer that is no success is an error.
    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: SendBody<'_>,
    ) -> anyhow::Result<Response<Body>> {
        let response = self.ask(method, path, headers, body)?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response)) }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: SendBody<'_>,
    ) -> anyhow::Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header("x-modelhub-surface", "cli").header("accept", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.reveal()));
        }
        let request = request.body(body).context("the request cannot be sent as it is")?;
        self.agent.run(request).map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: ureq::Error) -> anyhow::Error {
        let hint = "is the hub running there? `modelhub serve` starts one; --url or MODELHUB_URL name another";
        match error {
            // What our own reader said, a file that changed while it was sent for one.
            ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Hinted>()) => {
                anyhow::Error::from(error)
            }
            error => hinted(format!("no answer from {}: {error}", self.url), hint),
        }
    }

    fn refused(&self, response: Response<Body>) -> anyhow::Error {
        let (head, body) = response.into_parts();
        let status = head.status;
        let mut text = String::new();
        // A body that cannot be read changes nothing about the refusal.
        let _ = body.into_with_config().limit(64 * 1024).reader().read_to_string(&mut text);
        let problem = problem(&text);
        let message = if !problem.message.is_empty() {
            problem.message
        } else if status.is_redirection() {
            let to = head.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or("another address");
            format!("{} sends us on to {to}, and keys are not passed on", self.url)
        } else {
            format!("{} answered {status}", self.url)
        };
        let signed_out = "modelhub login URL --key KEY, or --key, or MODELHUB_KEY";
        let hint = problem.hint.or_else(|| (status == StatusCode::UNAUTHORIZED).then(|| signed_out.to_owned()));
        Problem { code: problem.code, message, hint }.into()
    }
}

/// The problem in a body of any of our prefixes: `{"error": {…}}` and `{"error": text, "code", "hint"}`.
fn problem(text: &str) -> Problem {
    let Ok(mut document) = serde_json::from_str::<Value>(text) else { return Problem::default() };
    match document.get_mut("error").map(Value::take) {
        Some(Value::String(message)) => {
            let field = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
            Problem { code: field("code").unwrap_or_default(), message, hint: field("hint") }
        }
        Some(inner @ Value::Object(_)) => serde_json::from_value(inner).unwrap_or_default(),
        _ => Problem::default(),
    }
}

/// The problem of a line of a stream, as an error.
pub(crate) fn problem_of(error: Value) -> anyhow::Error {
    problem(&serde_json::json!({ "error": error }).to_string()).into()
}

impl From<Problem> for anyhow::Error {
    fn from(problem: Problem) -> anyhow::Error {
        let Problem { code, message, hint } = problem;
        let text = if code.is_empty() { message } else { format!("{message} ({code})") };
        match hint {
            Some(hint) => hinted(text, hint),
            None => anyhow!(text),
        }
    }
}

/// Reads the JSON of an answer.
pub(crate) fn read<T: DeserializeOwned>(response: Response<Body>) -> anyhow::Result<T> {
    let reader = response.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
    serde_json::from_reader(std::io::BufReader::new(reader)).context("the hub's answer is not the JSON we expect")
}

/// An address of a hub, without a slash at its end.
fn check_url(text: &str) -> anyhow::Result<String> {
    let url = text.trim_end_matches('/');
    let hint = "an address looks like http://127.0.0.1:8080";
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(hinted(format!("\"{text}\" is not the address of a hub"), hint));
    };
    if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.contains(['@', '?', '#', ' ']) {
        return Err(hinted(format!("\"{text}\" is not the address of a hub"), hint));
    }
    Ok(url.to_owned())
}

fn is_this_machine(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// A text as one segment of a path or value of a query.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_whatever_prefix_rendered_it() {
        for text in [
            r#"{"error": {"code": "busy", "message": "too many", "hint": "wait"}}"#,
            r#"{"error": "too many", "code": "busy", "hint": "wait"}"#,
        ] {
            let Problem { code, message, hint } = problem(text);
            assert_eq!((code.as_str(), message.as_str(), hint.as_deref()), ("busy", "too many", Some("wait")));
        }
        for text in ["", "<html>", "[]", r#"{"error": 7}"#] {
            assert_eq!(problem(text).message, "");
        }
    }

    #[test]
    fn addresses_are_checked_and_trimmed() {
        assert_eq!(check_url("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        for text in ["", "127.0.0.1:8080", "ftp://x", "http://", "http://me:secret@hub", "http://hub/?a=b"] {
            assert!(check_url(text).is_err(), "{text}");
        }
        for (url, here) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:80", true),
            ("https://hub.example", false),
            ("http://localhost.example:80", false),
        ] {
            assert_eq!(is_this_machine(url), here, "{url}");
        }
    }

    #[test]
    fn keys_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("mh_1")), "Secret");
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        assert_eq!(segment("call_1/../x?y z"), "call_1%2F..%2Fx%3Fy%20z");
    }
}
