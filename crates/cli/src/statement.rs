//! `modelhub statement`: a month of your account, for you and your books.

use std::path::PathBuf;

use clap::Args;
use ledger::Month;
use store::Clock;

use crate::account::opg;
use crate::place::{self, Connection};
use crate::screen::{Align, Screen, Table};

/// Shows what a month came to: what you had, what came and went by kind, what you have.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub statement
  modelhub statement 2026-11
  modelhub statement 2026-11 --csv november.csv")]
pub(crate) struct Statement {
    /// The month, in UTC [default: this one]
    #[arg(value_name = "YYYY-MM")]
    month: Option<Month>,
    /// Keep it day by day in a file, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Statement {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        let month = self.month.unwrap_or_else(this_month);
        if let Some(path) = &self.csv {
            place::write_file(path, hub.text(&format!("/api/v1/statements/{month}.csv"))?.as_bytes())?;
        }
        let statement: api::Statement = hub.get(&format!("/api/v1/statements/{month}"))?;
        screen.show(&statement, || words(&statement))
    }
}

fn this_month() -> Month {
    Month::of_day(store::System.now().day())
}

fn words(statement: &api::Statement) -> String {
    let mut table =
        Table::new([("", Align::Left), ("purse", Align::Left), ("count", Align::Right), ("amount", Align::Right)]);
    let edge = |table: &mut Table, name: &str, purses: &api::Purses| {
        for (purse, amount) in [("cash", &purses.cash), ("promo", &purses.promo)] {
            table.row([name.to_owned(), purse.to_owned(), String::new(), opg(amount)]);
        }
    };
    edge(&mut table, "opening", &statement.opening);
    for total in &statement.totals {
        let (kind, purse) = (total.kind.clone(), total.purse.clone());
        table.row([kind, purse, total.count.to_string(), opg(&total.amount)]);
    }
    edge(&mut table, "closing", &statement.closing);
    let open = if statement.complete { "" } else { ", which is not over" };
    format!("{} of {}{open}\n{table}", statement.month, statement.account)
}
