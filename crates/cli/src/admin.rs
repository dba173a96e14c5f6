//! `modelhub admin`: what the operator does, with the operator's key.

use clap::{Args, Subcommand, ValueEnum};
use ledger::Amount;
use registry::Handle;

use crate::account::amounts;
use crate::client::Client;
use crate::place::DataFolder;
use crate::run::amount;
use crate::screen::Screen;

/// Accounts, money moved by hand, fee and rate. Needs the hub's data folder, where its operator's key lies.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    #[command(subcommand)]
    Account(Account),
    Grant(Grant),
    Deposit(Deposit),
    Payout(Payout),
    Fee(Fee),
    Rate(Rate),
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    Create(Create),
}

/// Makes an account and shows its first key, once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin account create alice
  modelhub admin account create acme --kind org --json")]
pub(crate) struct Create {
    handle: Handle,
    #[arg(long, default_value = "user")]
    kind: Kind,
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    User,
    Org,
    Agent,
}

/// Gives promotional money: it can be spent, never paid out.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin grant bob 5 --reference welcome")]
pub(crate) struct Grant {
    #[command(flatten)]
    movement: Movement,
}

/// Notes cash that came in another way: in hand, by bank.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin deposit bob 100 --reference \"invoice 17\"")]
pub(crate) struct Deposit {
    #[command(flatten)]
    movement: Movement,
}

/// Notes cash that was paid out another way.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin payout alice 12.5 --reference \"bank 2026-11-23\"")]
pub(crate) struct Payout {
    #[command(flatten)]
    movement: Movement,
}

#[derive(Debug, Args)]
struct Movement {
    handle: Handle,
    /// In OPG
    #[arg(value_parser = amount)]
    amount: Amount,
    /// What to find it by later
    #[arg(long, default_value = "")]
    reference: String,
    /// The transfer's id: the same again moves nothing twice
    #[arg(long, value_name = "tr_…")]
    id: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Shows or sets the hub's share of each call.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin fee
  modelhub admin fee 12.5%")]
pub(crate) struct Fee {
    /// In per cent
    share: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Shows or sets what 1 OPG is worth in USD, for prices in USD.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin rate
  modelhub admin rate 0.1")]
pub(crate) struct Rate {
    /// USD for 1 OPG
    usd: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

impl Admin {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Admin::Account(Account::Create(create)) => create.run(screen),
            Admin::Grant(Grant { movement }) => movement.run(screen, "grants", "granted"),
            Admin::Deposit(Deposit { movement }) => movement.run(screen, "deposits", "deposited"),
            Admin::Payout(Payout { movement }) => movement.run(screen, "payouts", "paid out"),
            Admin::Fee(fee) => fee.run(screen),
            Admin::Rate(rate) => rate.run(screen),
        }
    }
}

impl Create {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let kind = match self.kind {
            Kind::User => "user",
            Kind::Org => "org",
            Kind::Agent => "agent",
        };
        let new = api::NewAccount { handle: self.handle.to_string(), kind: Some(kind.to_owned()) };
        let hub = self.data.operator()?;
        let made: api::MadeAccount = hub.post("/api/v1/admin/accounts", &new)?;
        screen.show(&made, || {
            format!(
                "{} {}\n{}\nkeep the key: it is not shown again; modelhub login {} --key …",
                made.handle,
                made.account,
                made.key,
                hub.url()
            )
        })
    }
}

impl Movement {
    fn run(self, screen: Screen, path: &str, done: &str) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let new = api::NewTransfer {
            handle: self.handle.to_string(),
            amount: self.amount.to_string(),
            reference: self.reference,
            id: self.id,
        };
        let moved: api::Moved = hub.post(&format!("/api/v1/admin/{path}"), &new)?;
        screen.show(&moved, || {
            format!("{done} {} OPG, {}: {}\n{}", self.amount, self.handle, moved.transfer, amounts(&moved.balance))
        })
    }
}

impl Fee {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let path = "/api/v1/admin/fee";
        let fee: api::Fee = match self.share {
            Some(share) => hub.put(path, &api::Fee { share })?,
            None => hub.get(path)?,
        };
        screen.show(&fee, || format!("the hub keeps {} of each call", fee.share))
    }
}

impl Rate {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let rate = self.ask(&hub)?;
        screen.show(&rate, || match &rate.rate {
            Some(usd) => format!("1 OPG is {usd} USD"),
            None => "no rate is set: models with prices in USD cannot be called; modelhub admin rate USD".to_owned(),
        })
    }

    fn ask(&self, hub: &Client) -> anyhow::Result<api::RateSet> {
        let path = "/api/v1/admin/rate";
        match &self.usd {
            Some(usd) => hub.put(path, &api::SetRate { rate: usd.clone() }),
            None => hub.get(path),
        }
    }
}
