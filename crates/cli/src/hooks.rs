//! `modelhub webhook add, list, …`: webhooks of events, and the log of what was sent; `modelhub events`: what happened.

use clap::Args;
use registry::{Handle, ModelName};

use crate::account::{more, page};
use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table, one_line};

const PATH: &str = "/api/v1/webhooks";

/// Tells an address of what happens to your models, and shows the secret that messages are signed with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub webhook add https://example.com/modelhub
  modelhub webhook add https://example.com/ci --model alice/magika --type release.sealed --type release.yanked")]
pub(crate) struct Add {
    /// Where to, `https://…`
    #[arg(value_name = "URL")]
    address: String,
    /// Of this model alone
    #[arg(long, value_name = "OWNER/NAME")]
    model: Option<ModelName>,
    /// Of an organisation's models [default: yours]
    #[arg(long, value_name = "HANDLE")]
    account: Option<Handle>,
    /// Of these types alone, like release.sealed [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Lists webhooks of events.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub webhook list")]
pub(crate) struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Changes a webhook; what is not named stays.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub webhook change hook_7 --pause
  modelhub webhook change hook_7 --resume --type release.sealed
  modelhub webhook change hook_7 --new-secret")]
pub(crate) struct Change {
    #[arg(value_name = "hook_…")]
    id: String,
    /// Another address
    #[arg(long = "to", value_name = "URL")]
    address: Option<String>,
    /// Of these types alone
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "all_types")]
    types: Vec<String>,
    /// Of all types
    #[arg(long)]
    all_types: bool,
    /// Send nothing; what happens meanwhile is not told later
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Send again
    #[arg(long)]
    resume: bool,
    /// Replace the secret
    #[arg(long)]
    new_secret: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Shows what was sent to a webhook, the newest first, and what came of it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub webhook log hook_7 --limit 5")]
pub(crate) struct Log {
    #[arg(value_name = "hook_…")]
    id: String,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Sends the same message again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub webhook redeliver hook_7 delivery_90")]
pub(crate) struct Redeliver {
    #[arg(value_name = "hook_…")]
    id: String,
    #[arg(value_name = "delivery_…")]
    delivery: String,
    #[command(flatten)]
    connection: Connection,
}

/// Lists what happened on the hub: releases, commits, prices, and more; of private models to those who see them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub events --model alice/magika
  modelhub events --after 1200 --follow --json")]
pub(crate) struct Events {
    /// Those after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// How many at once
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Of one model
    #[arg(long, value_name = "OWNER/NAME")]
    model: Option<ModelName>,
    /// Of what belongs to one account
    #[arg(long, value_name = "HANDLE")]
    account: Option<Handle>,
    /// Of one type, like release.sealed
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Go on, and wait for more
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Add {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let wanted = api::NewHook {
            url: self.address,
            account: self.account.map(|account| account.to_string()),
            model: self.model.map(|model| model.to_string()),
            types: self.types,
        };
        let hook: api::Hook = self.connection.open()?.post(PATH, &wanted)?;
        screen.show(&hook, || words(&hook))
    }
}

impl List {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hooks: api::Hooks = self.connection.open()?.get(PATH)?;
        screen.show(&hooks, || {
            let mut table = Table::new([
                ("webhook", Align::Left),
                ("of", Align::Left),
                ("types", Align::Left),
                ("", Align::Left),
                ("address", Align::Left),
            ]);
            for hook in &hooks.items {
                let of = hook.model.clone().unwrap_or_else(|| hook.account.clone());
                let paused = if hook.paused { "paused" } else { "" }.to_owned();
                table.row([hook.id.clone(), of, types(hook), paused, hook.url.clone()]);
            }
            if table.is_empty() {
                "no webhooks of events: modelhub webhook add URL".to_owned()
            } else {
                table.to_string()
            }
        })
    }
}

impl Change {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let types = (self.all_types || !self.types.is_empty()).then_some(self.types);
        let paused = if self.pause { Some(true) } else { self.resume.then_some(false) };
        let change = api::ChangeHook { url: self.address, types, paused, new_secret: self.new_secret };
        let hook: api::Hook = self.connection.open()?.put(&path(&self.id), &change)?;
        screen.show(&hook, || words(&hook))
    }
}

impl Log {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let query = page(self.limit, self.cursor.as_deref());
        let log: api::Deliveries = self.connection.open()?.get(&format!("{}/deliveries{query}", path(&self.id)))?;
        screen.show(&log, || {
            let mut table = Table::new([
                ("delivery", Align::Left),
                ("time", Align::Left),
                ("type", Align::Left),
                ("tries", Align::Right),
                ("came of it", Align::Left),
                ("next try", Align::Left),
            ]);
            for delivery in &log.items {
                let said = delivery.said.as_deref().map_or_else(|| "not tried yet".to_owned(), one_line);
                let next = delivery.next_attempt.clone().unwrap_or_default();
                let attempts = delivery.attempts.to_string();
                table.row([delivery.id.clone(), delivery.time.clone(), delivery.kind.clone(), attempts, said, next]);
            }
            if table.is_empty() {
                "nothing was sent".to_owned()
            } else {
                format!("{table}{}", more(log.next.as_deref()))
            }
        })
    }
}

impl Redeliver {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("{}/deliveries/{}/redeliver", path(&self.id), segment(&self.delivery));
        let queued: api::Delivery = self.connection.open()?.post(&path, &serde_json::json!({}))?;
        screen.show(&queued, || {
            format!("queued as {}; modelhub webhook log {} shows what came of it", queued.id, self.id)
        })
    }
}

/// Has a message sent that says nothing.
pub(crate) fn test(connection: &Connection, id: &str, screen: Screen) -> anyhow::Result<()> {
    let queued: api::Delivery = connection.open()?.post(&format!("{}/test", path(id)), &serde_json::json!({}))?;
    screen.show(&queued, || format!("queued as {}; modelhub webhook log {id} shows what came of it", queued.id))
}

pub(crate) fn remove(connection: &Connection, id: &str, screen: Screen) -> anyhow::Result<()> {
    let removed: api::RemovedHook = connection.open()?.delete(&path(id))?;
    screen.show(&removed, || "removed".to_owned())
}

fn path(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}

fn types(hook: &api::Hook) -> String {
    if hook.types.is_empty() { "all".to_owned() } else { hook.types.join(" ") }
}

fn words(hook: &api::Hook) -> String {
    let of = hook.model.as_ref().unwrap_or(&hook.account);
    let mut text = format!("{}: {} is told of {of}, types: {}\n", hook.id, hook.url, types(hook));
    if hook.paused {
        text += "paused\n";
    }
    if let Some(secret) = &hook.secret {
        text += &format!("{secret}\nkeep the secret: it is not shown again\n");
    }
    text
}

impl Events {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        let mut query = format!("limit={}", self.limit);
        let model = self.model.as_ref().map(ToString::to_string);
        let account = self.account.as_ref().map(ToString::to_string);
        for (name, value) in [("model", &model), ("account", &account), ("kind", &self.kind)] {
            if let Some(value) = value {
                query += &format!("&{name}={}", segment(value));
            }
        }
        if self.follow {
            query += "&wait=25";
        }
        let mut after = self.after.to_string();
        loop {
            let events: api::Events = hub.get(&format!("/api/v1/events?after={after}&{query}"))?;
            let done = !self.follow;
            if done || !events.items.is_empty() {
                screen.show(&events, || lines(&events, done))?;
            }
            if done {
                return Ok(());
            }
            after = events.next;
        }
    }
}

fn lines(events: &api::Events, last: bool) -> String {
    let mut text = String::new();
    for event in &events.items {
        let (model, actor) = (event.model.as_deref().unwrap_or("-"), event.actor.as_deref().unwrap_or("the hub"));
        let detail = one_line(event.detail.get());
        text += &format!("{} {} {} {model} by {actor} {detail}\n", event.seq, event.time, event.kind);
    }
    if last {
        text += &format!("more: --after {}\n", events.next);
    }
    text
}
