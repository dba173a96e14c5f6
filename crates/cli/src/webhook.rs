//! `modelhub webhook`, `alerts`: where you are told what happens to your account, and what did.

use clap::{Args, Subcommand};
use ledger::Amount;

use crate::account::{more, opg, page};
use crate::hooks;
use crate::place::Connection;
use crate::run::amount;
use crate::screen::{Align, Screen, Table, hinted};

/// Who is told: one address of your alerts (`set`, `show`), and webhooks of what happens to your models (`add`, `list`).
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  modelhub webhook set https://example.com/alerts
  modelhub webhook list")]
pub(crate) enum Webhook {
    Set(Set),
    Show(Show),
    Add(hooks::Add),
    List(hooks::List),
    Change(hooks::Change),
    Log(hooks::Log),
    Redeliver(hooks::Redeliver),
    Remove(Remove),
    Test(Test),
}

/// Sets where your alerts go: a limit that is nearly used up or was in the way, a balance that is low. Shows the secret that messages are signed with when it is new (Standard Webhooks).
#[derive(Debug, Args)]
#[command(after_help = "Example:
  modelhub webhook set https://example.com/modelhub --low-balance 2")]
pub(crate) struct Set {
    /// Where to, `https://…`
    #[arg(value_name = "URL")]
    address: String,
    /// Be told when cash and promo together fall below it, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    low_balance: Option<Amount>,
    /// Replace the secret
    #[arg(long)]
    new_secret: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Shows where your alerts go.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub webhook show")]
pub(crate) struct Show {
    #[command(flatten)]
    connection: Connection,
}

/// Ends a webhook with its log; without one named, where your alerts go: nothing more is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  modelhub webhook remove hook_7\n  modelhub webhook remove")]
pub(crate) struct Remove {
    /// A webhook of events
    #[arg(value_name = "hook_…")]
    id: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Sends a message that says nothing. `webhook log` shows what came of it, and `alerts` for the address of your alerts.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  modelhub webhook test hook_7\n  modelhub webhook test")]
pub(crate) struct Test {
    /// A webhook of events
    #[arg(value_name = "hook_…")]
    id: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Lists what happened to your account, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub alerts --limit 5")]
pub(crate) struct Alerts {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

const PATH: &str = "/api/v1/webhook";

impl Webhook {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Webhook::Set(set) => set.run(screen),
            Webhook::Show(Show { connection }) => {
                let Some(webhook) = connection.open()?.find_unless::<api::Webhook>(PATH, "webhook_not_found")? else {
                    let message = "your alerts have no address (webhook_not_found)";
                    return Err(hinted(message, "modelhub webhook set URL"));
                };
                screen.show(&webhook, || words(&webhook))
            }
            Webhook::Add(add) => add.run(screen),
            Webhook::List(list) => list.run(screen),
            Webhook::Change(change) => change.run(screen),
            Webhook::Log(log) => log.run(screen),
            Webhook::Redeliver(redeliver) => redeliver.run(screen),
            Webhook::Remove(Remove { id: Some(id), connection }) => hooks::remove(&connection, &id, screen),
            Webhook::Test(Test { id: Some(id), connection }) => hooks::test(&connection, &id, screen),
            Webhook::Remove(Remove { id: None, connection }) => {
                let removed: api::RemovedWebhook = connection.open()?.delete(PATH)?;
                screen.show(&removed, || "removed".to_owned())
            }
            Webhook::Test(Test { id: None, connection }) => {
                let body = serde_json::json!({});
                let queued: api::QueuedTest = connection.open()?.post(&format!("{PATH}/test"), &body)?;
                screen.show(&queued, || "queued; modelhub alerts shows what came of it".to_owned())
            }
        }
    }
}

impl Set {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let low_balance = self.low_balance.map(|amount| amount.to_string());
        let wanted = api::SetWebhook { url: self.address, low_balance, new_secret: self.new_secret };
        let webhook: api::Webhook = self.connection.open()?.put(PATH, &wanted)?;
        screen.show(&webhook, || words(&webhook))
    }
}

fn words(webhook: &api::Webhook) -> String {
    let mut text = format!("{}\n", webhook.url);
    if let Some(low) = &webhook.low_balance {
        text += &format!("told below {}\n", opg(low));
    }
    if let Some(secret) = &webhook.secret {
        text += &format!("{secret}\nkeep the secret: it is not shown again\n");
    }
    text
}

impl Alerts {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let query = page(self.limit, self.cursor.as_deref());
        let alerts: api::Alerts = self.connection.open()?.get(&format!("/api/v1/alerts{query}"))?;
        screen.show(&alerts, || {
            let mut table = Table::new([
                ("time", Align::Left),
                ("type", Align::Left),
                ("told", Align::Left),
                ("what", Align::Left),
            ]);
            for alert in &alerts.items {
                let told = match (&alert.delivered, &alert.said) {
                    (Some(delivered), _) => delivered.clone(),
                    (None, Some(said)) => format!("{} tries: {said}", alert.attempts),
                    (None, None) if alert.next_attempt.is_some() => "soon".to_owned(),
                    (None, None) => "-".to_owned(),
                };
                table.row([alert.time.clone(), alert.kind.clone(), told, alert.data.get().to_owned()]);
            }
            if table.is_empty() {
                "nothing happened".to_owned()
            } else {
                format!("{table}{}", more(alerts.next.as_deref()))
            }
        })
    }
}
