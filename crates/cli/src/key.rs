//! `modelhub key`: keys are made, listed and revoked; the secret is shown once.

use clap::{Args, Subcommand};
use ledger::Amount;
use registry::{Handle, ModelName};

use crate::client::segment;
use crate::place::Connection;
use crate::run::amount;
use crate::screen::{Align, Screen, Table};

/// Your keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Makes a key that can do less than yours, or as much, and shows it once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub key create --name \"my app\" --scope call --max-cost 0.01 --max-day 5 --expires-in 90
  modelhub key create --scope read --scope call --model alice/magika
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
    /// How many days it works
    #[arg(long, value_name = "DAYS")]
    expires_in: Option<u32>,
    /// The most a call may cost, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount)]
    max_cost: Option<Amount>,
    /// The most that may be spent in a day, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount)]
    max_day: Option<Amount>,
    /// The most that may be spent in a month, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount)]
    max_month: Option<Amount>,
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
                let most = crate::limits::words(&key.limits);
                let ends = match (&key.revoked, &key.expires) {
                    (Some(revoked), _) => format!("revoked {revoked}"),
                    (None, Some(expires)) => expires.clone(),
                    (None, None) => "never".to_owned(),
                };
                table.row([key.id.clone(), key.name.clone(), key.scopes.join(" "), models, most, ends]);
            }
            table.to_string()
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
