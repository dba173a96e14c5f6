//! The command line's own HTTP client: blocking, one hub, one key.
//!
//! Always: the key goes to the hub it was made for and nowhere else, redirects included; an answer is read up to a
//! limit; a problem the hub names comes through with its code and its hint.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use registry::Handle;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::{Request, Response, StatusCode, Uri};
use ureq::{Agent, Body, SendBody};

use crate::screen::{Hinted, hinted, one_line};

/// Most bytes of an answer that are read.
const ANSWER_LIMIT: u64 = 256 * 1024 * 1024;

/// How often in a row an answer may lead on to another.
const MAX_HOPS: usize = 5;

/// What a hub has of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    Whole,
    /// The first bytes, or none. `coming`: a request that sends it has not ended.
    Part {
        bytes: u64,
        coming: bool,
    },
}

/// How sending a file ended.
#[derive(Debug)]
pub(crate) enum Sent {
    Whole,
    /// The hub has this many bytes and wants those behind them.
    GoesOn(u64),
    /// All arrived, and it is not what was announced.
    Spoiled(anyhow::Error),
    /// It was cut off, or the hub cannot take it now.
    Cut(anyhow::Error),
}

/// What came of asking for a file.
pub(crate) enum Fetched {
    /// Its bytes, from this one on.
    From(u64, Box<dyn Read>),
    /// The file ends before the byte that was asked for.
    Short,
    /// It is not for us; why.
    Kept(String),
    /// No answer, or not now.
    Cut(anyhow::Error),
}

/// One hub, and who we are there.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
    key: Option<Secret>,
    /// Which of our own doors a call comes through.
    surface: &'static str,
    /// It is another hub, which a model comes from, and not the one of the login.
    other: bool,
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
        Ok(Client { agent: config.build().new_agent(), url, key, surface: "cli", other: false })
    }

    /// The same for an agent's tools.
    pub(crate) fn for_agents(self) -> Client {
        Client { surface: "mcp", ..self }
    }

    /// The same for another hub, which a model comes from: it is named, and its keys are given, in other ways.
    pub(crate) fn for_import(self) -> Client {
        Client { other: true, ..self }
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

    /// What stands at `path`, if anything does.
    pub(crate) fn find<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        self.find_unless(path, "not_found")
    }

    /// The same where another code says that nothing does.
    pub(crate) fn find_unless<T: DeserializeOwned>(&self, path: &str, absent: &str) -> anyhow::Result<Option<T>> {
        let response = self.ask("GET", path, &[], SendBody::none())?;
        if response.status().is_success() {
            return read(response).map(Some);
        }
        let problem = self.problem_in(response);
        if problem.code == absent { Ok(None) } else { Err(problem.into()) }
    }

    /// What the hub has of an upload for `owner`.
    pub(crate) fn arrived(&self, owner: &Handle, path: &str) -> anyhow::Result<Arrived> {
        let response = self.ask("HEAD", path, &[], SendBody::none())?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(Arrived::Part {
                bytes: upload_offset(&response).unwrap_or(0),
                coming: response.headers().contains_key("retry-after"),
            }),
            status if status.is_success() => Ok(Arrived::Whole),
            // An answer to HEAD has no body, so the hub cannot tell why. Of the key a GET can, of rights we do.
            StatusCode::UNAUTHORIZED => self.get::<Value>("/api/v1/account").and_then(|_| Err(self.refused(response))),
            StatusCode::FORBIDDEN => {
                let message = format!("{} takes no files for {owner} with this key (403 Forbidden)", self.url);
                let hint = format!(
                    "you have to be {owner}, or a writer or admin of that organisation, and the key needs the scope publish"
                );
                Err(hinted(message, hint))
            }
            _ => Err(self.refused(response)),
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

    /// Sends a file's bytes from `offset` to its end. What a reader of ours has to say is an error; what trying again
    /// may mend is none.
    pub(crate) fn upload(&self, path: &str, offset: u64, size: u64, bytes: &mut dyn Read) -> anyhow::Result<Sent> {
        let length = (size - offset).to_string();
        let range = format!("bytes {offset}-{}/{size}", size.saturating_sub(1));
        let mut headers = vec![("content-type", "application/octet-stream"), ("content-length", length.as_str())];
        if offset > 0 {
            headers.push(("content-range", range.as_str()));
        }
        let response = match self.ask("PUT", path, &headers, SendBody::from_reader(bytes)) {
            Ok(response) => response,
            Err(error) if error.is::<io::Error>() => return Err(error),
            Err(error) => return Ok(Sent::Cut(error)),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(Sent::Whole);
        }
        let goes_on = upload_offset(&response);
        let problem = self.problem_in(response);
        match (problem.code.as_str(), goes_on) {
            ("upload_offset", Some(bytes)) => Ok(Sent::GoesOn(bytes)),
            ("upload_mismatch", _) => Ok(Sent::Spoiled(problem.into())),
            _ if may_pass(status) => Ok(Sent::Cut(problem.into())),
            _ => Err(problem.into()),
        }
    }

    /// Begins to read what stands at `path`, from a byte on. Where the answer leads to another host the key does not
    /// go along.
    pub(crate) fn fetch(&self, path: &str, offset: u64) -> anyhow::Result<Fetched> {
        let mut url = format!("{}{path}", self.url);
        for _ in 0..MAX_HOPS {
            let mut request = Request::builder().method("GET").uri(&url).header("accept-encoding", "identity");
            if offset > 0 {
                request = request.header("range", format!("bytes={offset}-"));
            }
            if let Some(key) = self.key.as_ref().filter(|_| origin(&url) == origin(&self.url)) {
                request = request.header("authorization", format!("Bearer {}", key.reveal()));
            }
            let request = request.body(SendBody::none()).context("the request cannot be sent as it is")?;
            let response = match self.agent.run(request) {
                Ok(response) => response,
                Err(error) => return Ok(Fetched::Cut(self.unreachable(error))),
            };
            let status = response.status();
            if status.is_redirection() {
                let to = response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
                url = onward(&url, to)?;
                continue;
            }
            let begins = match status {
                StatusCode::OK => 0,
                StatusCode::PARTIAL_CONTENT => first_byte(&response).unwrap_or(0),
                StatusCode::RANGE_NOT_SATISFIABLE => return Ok(Fetched::Short),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Ok(Fetched::Kept(self.problem_in(response).message));
                }
                _ if may_pass(status) => return Ok(Fetched::Cut(self.refused(response))),
                _ => return Err(self.refused(response)),
            };
            return Ok(Fetched::From(
                begins,
                Box::new(response.into_body().into_with_config().limit(u64::MAX).reader()),
            ));
        }
        bail!("{} leads on and on: more than {MAX_HOPS} redirections", self.url)
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
        request = request.header("x-modelhub-surface", self.surface).header("accept", "application/json");
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
        let hint = match self.other {
            true => "is there a hub? --from or HF_ENDPOINT name the one that the model comes from",
            false => "is the hub running there? `modelhub serve` starts one; --url or MODELHUB_URL name another",
        };
        match error {
            // What our own reader said, a file that changed while it was sent for one.
            ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Hinted>()) => {
                anyhow::Error::from(error)
            }
            error => hinted(format!("no answer from {}: {error}", self.url), hint),
        }
    }

    /// What the hub says, a refusal too, for whoever reads it otherwise: status, headers and body.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> anyhow::Result<Response<Vec<u8>>> {
        let response = match body {
            None => self.ask(method, path, headers, SendBody::none())?,
            Some(mut body) => {
                let length = body.len().to_string();
                let mut all = vec![("content-type", "application/json"), ("content-length", length.as_str())];
                all.extend_from_slice(headers);
                self.ask(method, path, &all, SendBody::from_reader(&mut body))?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(ANSWER_LIMIT).read_to_vec()?;
        Ok(Response::from_parts(parts, body))
    }

    fn refused(&self, response: Response<Body>) -> anyhow::Error {
        self.problem_in(response).into()
    }

    fn problem_in(&self, response: Response<Body>) -> Problem {
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
        let hint = problem.hint.or_else(|| self.way_in(status).map(str::to_owned));
        Problem { code: problem.code, message, hint }
    }

    /// What to do where a hub does not let us in, and does not say so itself.
    fn way_in(&self, status: StatusCode) -> Option<&'static str> {
        match (self.other, status) {
            (false, StatusCode::UNAUTHORIZED) => Some("modelhub login URL --key KEY, or --key, or MODELHUB_KEY"),
            // Hubs of this kind say 401 of what is not there, too.
            (true, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => {
                Some("is it there, under this name? --from or HF_ENDPOINT name the hub; HF_TOKEN who you are there")
            }
            _ => None,
        }
    }
}

/// Whether the same request may be answered otherwise in a while.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn upload_offset(response: &Response<Body>) -> Option<u64> {
    response.headers().get("upload-offset")?.to_str().ok()?.parse().ok()
}

/// Where the part of a file begins that an answer has.
fn first_byte(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// `scheme://host:port` of an address.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// Where a redirection leads. What was asked for over TLS is not read without.
fn onward(from: &str, to: &str) -> anyhow::Result<String> {
    let (scheme, rest) = from.split_once("://").context("an address has a scheme")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let to = match to {
        _ if to.starts_with("//") => format!("{scheme}:{to}"),
        _ if to.starts_with('/') => format!("{scheme}://{authority}{to}"),
        _ => to.to_owned(),
    };
    let leads = origin(&to).map(|(scheme, ..)| scheme);
    match (scheme, leads.as_deref()) {
        ("http", Some("http")) | (_, Some("https")) => Ok(to),
        _ => bail!("{authority} sends us on to \"{}\", where we do not go", one_line(&to)),
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
    fn a_key_stays_with_its_origin_and_tls_is_not_left() {
        let hub = "https://hub.example/a";
        assert_eq!(onward(hub, "/b?c").unwrap(), "https://hub.example/b?c");
        assert_eq!(onward(hub, "//cdn.example/b").unwrap(), "https://cdn.example/b");
        assert_eq!(onward(hub, "https://cdn.example/b").unwrap(), "https://cdn.example/b");
        assert_eq!(onward("http://127.0.0.1:80/a", "http://127.0.0.1:81/b").unwrap(), "http://127.0.0.1:81/b");
        for to in ["http://hub.example/b", "file:///etc/passwd", "", "b", "gopher://x/"] {
            assert!(onward(hub, to).is_err(), "{to}");
        }
        for (one, other, same) in [
            ("https://hub.example", "https://HUB.example:443/x", true),
            ("https://hub.example", "http://hub.example", false),
            ("https://hub.example", "https://hub.example.evil", false),
            ("http://127.0.0.1:80", "http://127.0.0.1:81", false),
            ("https://hub.example", "https://hub.example@evil.example/", false),
        ] {
            assert_eq!(origin(one) == origin(other), same, "{one} {other}");
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
