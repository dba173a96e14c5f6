//! `modelhub access`: who reads the weights of a gated model.

use clap::{Args, Subcommand, ValueEnum};
use registry::{Handle, ModelName};

use crate::account::more;
use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table, one_line};

/// Access to the weights of gated models: asked for, and answered.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  modelhub access request alice/magika --message \"for a course\"
  modelhub access list alice/magika")]
pub(crate) enum Access {
    Request(Request),
    Show(Show),
    List(List),
    Approve(Approve),
    Reject(Reject),
    Revoke(Revoke),
    Automatic(Automatic),
}

/// Asks the owner of a gated model for its weights.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access request acme/net --message \"for my thesis\"")]
pub(crate) struct Request {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    /// What its owner reads
    #[arg(long, default_value = "")]
    message: String,
    #[command(flatten)]
    connection: Connection,
}

/// Shows what came of a request: ACCOUNT is your own handle, or, for a model of yours, whoever asked.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access show acme/net alice")]
pub(crate) struct Show {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    #[command(flatten)]
    connection: Connection,
}

/// Lists the requests for a model of yours, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub access list acme/net
  modelhub access list acme/net --status accepted")]
pub(crate) struct List {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(long, default_value = "pending")]
    status: Status,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Pending,
    Accepted,
    Rejected,
}

/// Lets somebody read the weights, asked or not.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access approve acme/net alice")]
pub(crate) struct Approve {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    #[command(flatten)]
    connection: Connection,
}

/// Takes somebody's access off, and the request with it: they may ask again. Your own request, too.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access revoke acme/net alice")]
pub(crate) struct Revoke {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    #[command(flatten)]
    connection: Connection,
}

/// Rejects a request, or ends the access that came of it, for as long as you say nothing else.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access reject acme/net alice --reason \"for universities alone\"")]
pub(crate) struct Reject {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(value_name = "ACCOUNT")]
    account: Handle,
    /// Why; whoever asked reads it
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Says whether whoever asks is let in at once.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub access automatic acme/net yes")]
pub(crate) struct Automatic {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[arg(value_name = "yes|no")]
    automatic: YesOrNo,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum YesOrNo {
    Yes,
    No,
}

impl Access {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Access::Request(Request { model, message, connection }) => {
                let asked: api::AccessRequest = connection.open()?.post(&path(&model), &api::AskAccess { message })?;
                screen.show(&asked, || words(&asked))
            }
            Access::Show(Show { model, account, connection }) => {
                let found: api::AccessRequest = connection.open()?.get(&of(&model, &account))?;
                screen.show(&found, || words(&found))
            }
            Access::List(list) => list.run(screen),
            Access::Approve(Approve { model, account, connection }) => {
                let wanted = api::DecideAccess { status: "accepted".to_owned(), reason: None };
                decide(screen, &connection, &of(&model, &account), &wanted)
            }
            Access::Reject(Reject { model, account, reason, connection }) => {
                let wanted = api::DecideAccess { status: "rejected".to_owned(), reason };
                decide(screen, &connection, &of(&model, &account), &wanted)
            }
            Access::Revoke(Revoke { model, account, connection }) => {
                let removed: api::RemovedAccess = connection.open()?.delete(&of(&model, &account))?;
                screen.show(&removed, || format!("{} has no access to {model}", removed.handle))
            }
            Access::Automatic(Automatic { model, automatic, connection }) => {
                let wanted = api::SetAccess { automatic: automatic == YesOrNo::Yes };
                let set: api::AccessSetting = connection.open()?.put(&path(&model), &wanted)?;
                screen.show(&set, || {
                    let who = if set.automatic { "whoever asks is let in at once" } else { "you are asked first" };
                    match set.access.as_str() {
                        "gated" => format!("{} is gated: {who}", set.model),
                        access => format!("{} is {access}; once it is gated, {who}", set.model),
                    }
                })
            }
        }
    }
}

impl List {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let status = match self.status {
            Status::Pending => "pending",
            Status::Accepted => "accepted",
            Status::Rejected => "rejected",
        };
        let cursor = self.cursor.as_deref().map(|cursor| format!("&cursor={}", segment(cursor)));
        let path = format!("{}?status={status}{}", path(&self.model), cursor.unwrap_or_default());
        let requests: api::AccessRequests = self.connection.open()?.get(&path)?;
        screen.show(&requests, || {
            let mut table = Table::new([
                ("account", Align::Left),
                ("asked", Align::Left),
                ("decided by", Align::Left),
                ("message", Align::Left),
            ]);
            for request in &requests.items {
                let by = request.by.clone().unwrap_or_else(|| "-".to_owned());
                table.row([request.account.clone(), request.asked.clone(), by, one_line(&request.message)]);
            }
            match table.is_empty() {
                true => format!("nothing is {status}"),
                false => format!("{table}{}", more(requests.next.as_deref())),
            }
        })
    }
}

fn decide(screen: Screen, connection: &Connection, path: &str, wanted: &api::DecideAccess) -> anyhow::Result<()> {
    let decided: api::AccessRequest = connection.open()?.put(path, wanted)?;
    screen.show(&decided, || words(&decided))
}

fn words(request: &api::AccessRequest) -> String {
    let reason = request.reason.as_ref().map(|reason| format!(": {}", one_line(reason)));
    format!("{}'s request is {}{}", request.account, request.status, reason.unwrap_or_default())
}

fn path(model: &ModelName) -> String {
    format!("/api/v1/models/{model}/access")
}

fn of(model: &ModelName, account: &Handle) -> String {
    format!("{}/{account}", path(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_with_its_reason_on_one_line() {
        let request = |status: &str, reason: Option<&str>| api::AccessRequest {
            id: String::new(),
            account: "bob".to_owned(),
            status: status.to_owned(),
            message: String::new(),
            reason: reason.map(str::to_owned),
            asked: String::new(),
            decided: None,
            by: None,
        };
        assert_eq!(words(&request("pending", None)), "bob's request is pending");
        assert_eq!(words(&request("rejected", Some("no\nway"))), "bob's request is rejected: no way");
    }
}
