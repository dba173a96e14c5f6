//! `modelhub balance`, `earnings`, `calls`: what an account has, gets and spends.

use clap::{Args, ValueEnum};

use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table};

/// Shows what you have: cash can be paid out, promo can only be spent, held is set aside for running calls.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub balance")]
pub(crate) struct Balance {
    #[command(flatten)]
    connection: Connection,
}

/// Shows what your models earn you.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub earnings
  modelhub earnings --by day")]
pub(crate) struct Earnings {
    /// One line for each
    #[arg(long, default_value = "model")]
    by: By,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Model,
    Release,
    Day,
}

/// Lists your calls, the newest first, failed ones too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub calls --limit 20
  modelhub calls --cursor CURSOR        goes on where a list ended")]
pub(crate) struct Calls {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Balance {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let balance: api::Balance = self.connection.open()?.get("/api/v1/balance")?;
        screen.show(&balance, || amounts(&balance).to_string())
    }
}

/// A balance as lines.
pub(crate) fn amounts(balance: &api::Balance) -> Table {
    let mut table = Table::new([("", Align::Left), ("", Align::Right)]);
    for (name, amount) in [("cash", &balance.cash), ("promo", &balance.promo), ("held", &balance.held)] {
        table.row([name.to_owned(), opg(amount)]);
    }
    table
}

/// An amount with its unit, for people.
pub(crate) fn opg(amount: &str) -> String {
    format!("{amount} OPG")
}

impl Earnings {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let by = match self.by {
            By::Model => "model",
            By::Release => "release",
            By::Day => "day",
        };
        let earnings: api::Earnings = self.connection.open()?.get(&format!("/api/v1/earnings?by={by}"))?;
        screen.show(&earnings, || {
            let mut table = Table::new([
                ("of", Align::Left),
                ("as", Align::Left),
                ("class", Align::Left),
                ("purse", Align::Left),
                ("calls", Align::Right),
                ("amount", Align::Right),
            ]);
            for item in &earnings.items {
                let of: Vec<&str> =
                    [item.day.as_deref(), Some(&*item.model), item.release.as_deref()].into_iter().flatten().collect();
                let (role, class, purse) = (item.role.clone(), item.class.clone(), item.purse.clone());
                table.row([of.join(" "), role, class, purse, item.calls.to_string(), opg(&item.amount)]);
            }
            if table.is_empty() {
                return "nothing earned yet".to_owned();
            }
            let api::EarningSums { paid, trial, own } = &earnings.totals;
            format!("{table}income {}; from play money {}; from your own {}", opg(paid), opg(trial), opg(own))
        })
    }
}

impl Calls {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let query = page(self.limit, self.cursor.as_deref());
        let calls: api::Calls = self.connection.open()?.get(&format!("/api/v1/calls{query}"))?;
        screen.show(&calls, || {
            let mut table = Table::new([
                ("accepted", Align::Left),
                ("model", Align::Left),
                ("release", Align::Left),
                ("outcome", Align::Left),
                ("cost", Align::Right),
                ("id", Align::Left),
            ]);
            for call in &calls.items {
                let (model, release) = (call.model.clone(), call.release.clone());
                table.row([
                    call.accepted.clone(),
                    model,
                    release,
                    call.outcome.clone(),
                    opg(&call.cost),
                    call.id.clone(),
                ]);
            }
            if table.is_empty() { "no calls yet".to_owned() } else { format!("{table}{}", more(calls.next.as_deref())) }
        })
    }
}

/// The query of a list.
pub(crate) fn page(limit: u32, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={}", segment(cursor)));
    format!("?limit={limit}{}", cursor.unwrap_or_default())
}

/// How a list goes on.
pub(crate) fn more(next: Option<&str>) -> String {
    next.map(|next| format!("more: --cursor {next}\n")).unwrap_or_default()
}
