//! `modelhub mcp`: an agent's tools on standard input and output.

use std::sync::Arc;

use ::mcp::{Answer, Door, Question};
use clap::Args;
use ureq::http::request::Parts;

use crate::client::Client;
use crate::place::Connection;

/// Gives an agent tools: to find, price, compare and call models, with your key and within its limits.
///
/// Speaks the Model Context Protocol on standard input and output, for programs that start it. A hub answers the same
/// over HTTP at /mcp, with the key in the header Authorization. A key of its own for the agent, with a budget, keeps
/// its spending bounded: `modelhub key create --scope call --scope read --max-day 1`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub mcp
  modelhub mcp --url https://hub.example --key mh_…
As most agents' programs have it in their settings:
  {\"mcpServers\": {\"modelhub\": {\"command\": \"modelhub\", \"args\": [\"mcp\"]}}}")]
pub(crate) struct Mcp {
    #[command(flatten)]
    connection: Connection,
}

impl Mcp {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let door = Outside(Arc::new(self.connection.open()?.for_agents()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let ended = runtime.block_on(::mcp::over_stdio(door));
        // A read of standard input that nobody ends would hold up the stop.
        runtime.shutdown_background();
        Ok(ended?)
    }
}

/// The hub of the login, over the network.
struct Outside(Arc<Client>);

impl Door for Outside {
    async fn ask(&self, question: Question, _: Option<&Parts>) -> Result<Answer, String> {
        let client = Arc::clone(&self.0);
        let asked = tokio::task::spawn_blocking(move || {
            let Question { method, path, headers, body } = question;
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.answer(method.as_str(), &path, &headers, body.as_deref())
        });
        let (parts, body) = match asked.await {
            Ok(answered) => answered.map_err(|error| format!("{error:#}"))?.into_parts(),
            Err(error) => return Err(error.to_string()),
        };
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
