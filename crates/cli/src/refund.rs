//! `modelhub refund`: gives back what a call of your model cost.

use clap::Args;
use ledger::Amount;

use crate::account::opg;
use crate::client::segment;
use crate::place::Connection;
use crate::run::amount;
use crate::screen::{Align, Screen, Table};

/// Gives back what a call cost, or a part of it: of your models' calls for 30 days.
///
/// Everybody who got a part of it gives back their share. What they no longer have comes from what they earn next.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub refund call_01h… --reason \"wrong labels in 1.02\"
  modelhub refund call_01h… --amount 0.001 --reason \"half of the rows failed\"
  modelhub refund call_01h… --list")]
pub(crate) struct Refund {
    /// The call's id
    #[arg(value_name = "CALL")]
    call: String,
    /// In OPG [default: all that is left]
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    amount: Option<Amount>,
    /// Why; the caller reads it
    #[arg(long, required_unless_present = "list")]
    reason: Option<String>,
    /// The refund's id: the same again gives nothing back twice
    #[arg(long, value_name = "tr_…")]
    id: Option<String>,
    /// Show what was given back of it
    #[arg(long, conflicts_with_all = ["amount", "reason", "id"])]
    list: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Refund {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        if self.list {
            let refunds: api::Refunds = hub.get(&format!("/api/v1/refunds?call={}", segment(&self.call)))?;
            return screen.show(&refunds, || match refunds.items.is_empty() {
                true => "nothing was given back of it".to_owned(),
                false => refunds.items.iter().map(words).collect(),
            });
        }
        let new = api::NewRefund {
            call: self.call,
            amount: self.amount.map(|amount| amount.to_string()),
            reason: self.reason.unwrap_or_default(),
            id: self.id,
        };
        let refund: api::Refund = hub.post("/api/v1/refunds", &new)?;
        screen.show(&refund, || words(&refund))
    }
}

fn words(refund: &api::Refund) -> String {
    let mut table =
        Table::new([("from", Align::Left), ("as", Align::Left), ("at once", Align::Right), ("owed", Align::Right)]);
    for part in &refund.parts {
        table.row([part.account.clone(), part.role.clone(), opg(&part.at_once), opg(&part.owed)]);
    }
    let (transfer, amount, time) = (&refund.transfer, opg(&refund.amount), &refund.time);
    format!("{transfer} {time}\n{amount} of {}: {}\n{table}", refund.call, refund.reason)
}
