//! `modelhub key`: keys are made, listed and revoked; the secret is shown once.

use clap::{Args, Subcommand};
use ledger::Amount;
use registry::{Handle, ModelName};
use store::RequestRate;

use crate::client::segment;
use crate::place::Connection;
use crate::run::amount;
use crate::screen::{Align, Screen, Table, one_line};

/// Your keys.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  modelhub key create --name \"my app\" --scope call --max-day 5
  modelhub key list
  modelhub key rotate key_01h…")]
pub(crate) enum Key {
    Create(Create),
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
}

/// Makes a key that can do less than yours, or as much, and shows it once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub key create --name \"my app\" --scope call --max-cost 0.01 --max-day 5 --expires-in 90
  modelhub key create --scope read --scope call --model alice/magika
  modelhub key create --scope call --rate 60/min
  modelhub key create --organisation acme --scope call        spends acme's money; you are its admin")]
pub(crate) struct Create {
    /// What it is for
    #[arg(long, default_value = "")]
    name: String,
    /// What it may do: read, publish, call, money, admin
    #[arg(long = "scope", value_name = "SCOPE", default_value = "call")]
    scopes: Vec<String>,
    /// The models it is for [default: all]
    #[arg(long = "model", value_name = "OWNER/NAME")]
    models: Vec<ModelName>,
    /// How many days it works, at least 1 [default: for good]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    expires_in: Option<u32>,
    /// The most a call may cost, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// The most that may be spent in a day, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    max_day: Option<Amount>,
    /// The most that may be spent in a month, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    max_month: Option<Amount>,
    /// The most calls in how long: 60/min, 5/s, 1000/h
    #[arg(long, value_name = "RATE")]
    rate: Option<RequestRate>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    connection: Connection,
}

/// Whose keys.
#[derive(Debug, Args)]
struct Whose {
    /// Of an organisation whose admin you are [default: yours]
    #[arg(long, value_name = "ORGANISATION")]
    organisation: Option<Handle>,
}

impl Whose {
    fn path(&self) -> String {
        match &self.organisation {
            Some(organisation) => format!("/api/v1/organisations/{organisation}/keys"),
            None => "/api/v1/keys".to_owned(),
        }
    }
}

/// Lists your keys.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub key list")]
pub(crate) struct List {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    connection: Connection,
}

/// Gives a key another secret, shown once; those it had are good for a while longer.
///
/// It stays the same key: scopes, models, limits, what was spent of them, and its end.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub key rotate key_01h…
  modelhub key rotate key_01h… --overlap-hours 168      a week to change it everywhere
  modelhub key rotate key_01h… --overlap-hours 0        somebody else has it: it ends at once")]
pub(crate) struct Rotate {
    /// The key's id, as `key list` shows it
    id: String,
    /// How long the secrets it had are good, in hours
    #[arg(long, value_name = "HOURS", default_value_t = hub::OVERLAP_HOURS,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(hub::MAX_OVERLAP_HOURS)))]
    overlap_hours: u32,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    connection: Connection,
}

/// Revokes a key, at once and for good.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub key revoke key_01h…")]
pub(crate) struct Revoke {
    /// The key's id, as `key list` shows it
    id: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    connection: Connection,
}

impl Key {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Key::Create(create) => create.run(screen),
            Key::List(list) => list.run(screen),
            Key::Rotate(rotate) => rotate.run(screen),
            Key::Revoke(revoke) => revoke.run(screen),
        }
    }
}

impl Create {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let models: Vec<String> = self.models.iter().map(ToString::to_string).collect();
        let new = api::NewKey {
            name: self.name,
            scopes: self.scopes,
            models: Some(models).filter(|models| !models.is_empty()),
            expires_in_days: self.expires_in,
            max_cost: self.max_cost.map(|amount| amount.to_string()),
            max_day: self.max_day.map(|amount| amount.to_string()),
            max_month: self.max_month.map(|amount| amount.to_string()),
            rate: self.rate.map(|rate| rate.to_string()),
        };
        let made: api::MadeKey = self.connection.open()?.post(&self.whose.path(), &new)?;
        screen.show(&made, || format!("{}\n{}\nkeep it: it is not shown again", made.record.id, made.key))
    }
}

impl List {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let keys: api::Keys = self.connection.open()?.get(&self.whose.path())?;
        screen.show(&keys, || {
            let mut table = Table::new([
                ("id", Align::Left),
                ("name", Align::Left),
                ("scopes", Align::Left),
                ("models", Align::Left),
                ("at most", Align::Left),
                ("ends", Align::Left),
            ]);
            for key in &keys.items {
                let models = key.models.as_ref().map_or_else(|| "all".to_owned(), |models| models.join(" "));
                let mut most = crate::limits::words(&key.limits);
                if let Some(rate) = &key.rate {
                    most = if most == "-" { rate.clone() } else { format!("{most}, {rate}") };
                }
                let ends = match (&key.revoked, &key.expires) {
                    (Some(revoked), _) => format!("revoked {revoked}"),
                    (None, Some(expires)) => expires.clone(),
                    (None, None) => "never".to_owned(),
                };
                let ends = match &key.old_until {
                    Some(until) => format!("{ends}, its old secret {until}"),
                    None => ends,
                };
                table.row([key.id.clone(), key.name.clone(), key.scopes.join(" "), models, most, ends]);
            }
            table.to_string()
        })
    }
}

impl Rotate {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("{}/{}/rotate", self.whose.path(), segment(&self.id));
        let asked = api::RotateKey { overlap_hours: Some(self.overlap_hours) };
        let made: api::MadeKey = self.connection.open()?.post(&path, &asked)?;
        screen.show(&made, || {
            let until = one_line(made.record.old_until.as_deref().unwrap_or("now"));
            format!(
                "{}\n{}\nkeep it: it is not shown again; the one before is good until {until}",
                made.record.id, made.key
            )
        })
    }
}

impl Revoke {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let revoked: api::RevokedKey =
            self.connection.open()?.delete(&format!("{}/{}", self.whose.path(), segment(&self.id)))?;
        screen.show(&revoked, || format!("revoked {}", revoked.id))
    }
}
