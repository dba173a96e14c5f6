//! `modelhub balance`, `earnings`, `calls`, `entries`, `holds`, `debts`: what an account has, gets, spends and owes.

use clap::{Args, ValueEnum};

use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table};

/// Shows what you have: cash can be paid out, promo can only be spent, held is set aside, owed is taken from what you
/// earn next.
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
  modelhub earnings --by day
  modelhub earnings --by payer        who pays, under a name that only you see")]
pub(crate) struct Earnings {
    /// One line for each
    #[arg(long, default_value = "model")]
    by: By,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Model,
    Release,
    Day,
    Class,
    Payer,
}

/// Lists everything that moved your money, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub entries --limit 20
  modelhub entries --cursor CURSOR        goes on where a list ended")]
pub(crate) struct Entries {
    /// How many rows of the books
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Lists your money that is set aside durably, for payouts on their way.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub holds")]
pub(crate) struct Holds {
    #[command(flatten)]
    connection: Connection,
}

/// Lists what you owe for refunds: it is taken from what you earn next.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub debts")]
pub(crate) struct Debts {
    #[command(flatten)]
    connection: Connection,
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
    if balance.owed != "0" {
        table.row(["owed".to_owned(), opg(&balance.owed)]);
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
            By::Class => "class",
            By::Payer => "payer",
        };
        let cursor = self.cursor.as_deref().map(|cursor| format!("&cursor={}", segment(cursor)));
        let path = format!("/api/v1/earnings?by={by}{}", cursor.unwrap_or_default());
        let earnings: api::Earnings = self.connection.open()?.get(&path)?;
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
                let of = [&item.day, &item.payer, &item.model, &item.release];
                let of: Vec<&str> = of.into_iter().filter_map(|text| text.as_deref()).collect();
                let (kind, class, purse) = (item.kind.clone(), item.class.clone(), item.purse.clone());
                table.row([of.join(" "), kind, class, purse, item.calls.to_string(), opg(&item.amount)]);
            }
            if table.is_empty() {
                return "nothing earned yet".to_owned();
            }
            let api::EarningSums { paid, trial, own } = &earnings.totals;
            // Refunds have no payer's pseudonym: they are in the sums alone.
            let before = if matches!(self.by, By::Payer) { "before refunds; after them: " } else { "" };
            format!(
                "{table}{}{before}income {}; from trials {}; from your own {}",
                more(earnings.next.as_deref()),
                opg(paid),
                opg(trial),
                opg(own)
            )
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

impl Entries {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let query = page(self.limit, self.cursor.as_deref());
        let entries: api::Entries = self.connection.open()?.get(&format!("/api/v1/entries{query}"))?;
        screen.show(&entries, || {
            let mut table = Table::new([
                ("time", Align::Left),
                ("kind", Align::Left),
                ("purse", Align::Left),
                ("amount", Align::Right),
                ("of", Align::Left),
            ]);
            for entry in &entries.items {
                let of = [&entry.model, &entry.release, &entry.call, &entry.transfer];
                let mut of: Vec<&str> = of.into_iter().filter_map(|text| text.as_deref()).collect();
                of.push(&entry.reference);
                let (time, kind, purse) = (entry.time.clone(), entry.kind.clone(), entry.purse.clone());
                table.row([time, kind, purse, opg(&entry.amount), of.join(" ")]);
            }
            match table.is_empty() {
                true => "nothing moved your money yet".to_owned(),
                false => format!("{table}{}", more(entries.next.as_deref())),
            }
        })
    }
}

impl Holds {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let holds: api::Holds = self.connection.open()?.get("/api/v1/holds")?;
        screen.show(&holds, || hold_lines(&holds))
    }
}

pub(crate) fn hold_lines(holds: &api::Holds) -> String {
    let mut table = Table::new([
        ("hold", Align::Left),
        ("account", Align::Left),
        ("purse", Align::Left),
        ("amount", Align::Right),
        ("until", Align::Left),
        ("for", Align::Left),
    ]);
    for hold in &holds.items {
        let (id, account, purse) = (hold.hold.clone(), hold.account.clone(), hold.purse.clone());
        table.row([id, account, purse, opg(&hold.amount), hold.expires.clone(), hold.reference.clone()]);
    }
    if table.is_empty() { "nothing is set aside".to_owned() } else { table.to_string() }
}

impl Debts {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let debts: api::Debts = self.connection.open()?.get("/api/v1/debts")?;
        screen.show(&debts, || {
            let mut table = Table::new([
                ("refund", Align::Left),
                ("call", Align::Left),
                ("as", Align::Left),
                ("purse", Align::Left),
                ("owed", Align::Right),
            ]);
            for debt in &debts.items {
                let (refund, call) = (debt.refund.clone(), debt.call.clone());
                table.row([refund, call, debt.role.clone(), debt.purse.clone(), opg(&debt.amount)]);
            }
            if table.is_empty() { "you owe nothing".to_owned() } else { table.to_string() }
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
