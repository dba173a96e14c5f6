//! The Model Context Protocol: what an agent is given to find, price, compare and call models with its key's budget.
//!
//! Always: a tool does nothing that the hub's HTTP interface does not; it asks there, as who the agent is, and rights,
//! budgets, limits and refusals are the same. A call names the most that may be paid for it.
//!
//! Two ways in, one list of tools: `/mcp` on the hub ([`over_http`]), where the key comes with each request, and
//! `modelhub mcp` ([`over_stdio`]), which talks to a hub with the key of a login.
//!
//! To add a tool: its arguments in `arguments.rs`, a line in `Tools::list` and its question in `tools.rs`.

mod answer;
mod arguments;
mod tools;

use std::io;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use rmcp::ServiceExt;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

pub use tools::Tools;

/// Most bytes of a message: a call's body, in the letters of JSON. Reading one takes many times its bytes of memory, for
/// the protocol's types are told apart by trying.
pub const MESSAGE_LIMIT: usize = 8 * 1024 * 1024;

/// What is asked of a hub.
#[derive(Debug, Clone)]
pub struct Question {
    pub method: http::Method,
    /// With its query, each part of it escaped.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Option<Vec<u8>>,
}

/// What a hub says to it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The way to a hub's HTTP interface.
pub trait Door: Send + Sync + 'static {
    /// Asks as whoever sent `asker`, the request in which the agent's message came; over standard input there is none.
    /// The error is a text for the agent: the hub could not be asked.
    fn ask(
        &self,
        question: Question,
        asker: Option<&http::request::Parts>,
    ) -> impl Future<Output = Result<Answer, String>> + Send;
}

/// A service that `/mcp` leads to.
pub type Service<D> = StreamableHttpService<Tools<D>, NeverSessionManager>;

/// The tools over HTTP, without sessions: a message is answered in the answer to its request.
pub fn over_http<D: Door>(door: D) -> Service<D> {
    let tools = Tools::new(door);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MESSAGE_LIMIT)
        // A page of another site may send requests here, and is nobody: cookies are not looked at, only keys.
        .disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::new(NeverSessionManager::default()), config)
}

/// The tools on standard input and output, until the input ends.
pub async fn over_stdio<D: Door>(door: D) -> io::Result<()> {
    let running = Tools::new(door).serve(rmcp::transport::stdio()).await.map_err(io::Error::other)?;
    running.waiting().await.map_err(io::Error::other)?;
    Ok(())
}
