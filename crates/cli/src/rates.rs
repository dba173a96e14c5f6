//! `modelhub admin request-rate`, `settings`: how often each may ask, and all that the operator has set.

use clap::{Args, ValueEnum};
use serde_json::json;
use store::RequestRate;

use crate::place::DataFolder;
use crate::screen::{Align, Screen, Table};

const PATH: &str = "/api/v1/admin/request-rates";

/// Shows or sets how often each may ask: with one key, from one account, from one address without a credential.
///
/// So many requests at once, and then as they come back. A key's own rate of calls is set when it is made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin request-rate
  modelhub admin request-rate address reads 600/min
  modelhub admin request-rate account calls 5000/h
  modelhub admin request-rate key writes none")]
pub(crate) struct Rates {
    /// Whose
    #[arg(requires = "kind")]
    whose: Option<Whose>,
    /// Of which requests: paid calls, what changes something, what only asks
    #[arg(requires = "rate")]
    kind: Option<Kind>,
    /// How many in how long: 60/min, 5/s, 1000/h; or none
    #[arg(value_parser = rate_or_none)]
    rate: Option<Wanted>,
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Whose {
    Key,
    Account,
    Address,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Calls,
    Writes,
    Reads,
}

/// A rate, or none.
#[derive(Debug, Clone, Copy)]
struct Wanted(Option<RequestRate>);

fn rate_or_none(text: &str) -> Result<Wanted, String> {
    match text {
        "none" => Ok(Wanted(None)),
        text => text.parse().map(|rate| Wanted(Some(rate))).map_err(|error| format!("{error}, or none")),
    }
}

impl Rates {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let mut rates: api::RequestRates = hub.get(PATH)?;
        if let (Some(whose), Some(kind), Some(Wanted(rate))) = (self.whose, self.kind, self.rate) {
            let of = match whose {
                Whose::Key => &mut rates.key,
                Whose::Account => &mut rates.account,
                Whose::Address => &mut rates.address,
            };
            let of = match kind {
                Kind::Calls => &mut of.calls,
                Kind::Writes => &mut of.writes,
                Kind::Reads => &mut of.reads,
            };
            *of = rate.map(|rate| rate.to_string());
            rates = hub.put(PATH, &rates)?;
        }
        screen.show(&rates, || table(&rates).to_string())
    }
}

fn table(rates: &api::RequestRates) -> Table {
    let columns = ["at most", "calls", "writes", "reads"].map(|name| (name, Align::Left));
    let mut table = Table::new(columns);
    for (whose, of) in [("a key", &rates.key), ("an account", &rates.account), ("an address", &rates.address)] {
        let word = |rate: &Option<String>| rate.clone().unwrap_or_else(|| "any number".to_owned());
        table.row([whose.to_owned(), word(&of.calls), word(&of.writes), word(&of.reads)]);
    }
    table
}

/// Shows all that is set with `modelhub admin`, and with which command each is.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin settings")]
pub(crate) struct Settings {
    #[command(flatten)]
    data: DataFolder,
}

impl Settings {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let fee: api::Fee = hub.get("/api/v1/admin/fee")?;
        let rate: api::RateSet = hub.get("/api/v1/admin/rate")?;
        let trial: api::TrialBudget = hub.get("/api/v1/admin/trial")?;
        let notice: api::PriceNotice = hub.get("/api/v1/admin/notice")?;
        let rates: api::RequestRates = hub.get(PATH)?;
        let all = json!({
            "fee": fee.share, "rate": rate.rate, "trial": trial.budget, "notice_days": notice.days,
            "request_rates": rates,
        });
        screen.show(&all, || {
            let usd = rate.rate.as_ref().map_or_else(|| "not set".to_owned(), |usd| format!("{usd} USD for 1 OPG"));
            let mut lines = Table::new([("command", Align::Left), ("is set to", Align::Left)]);
            for (command, value) in [
                ("fee", format!("{} of each call", fee.share)),
                ("rate", usd),
                ("trial", format!("{} OPG for each new account", trial.budget)),
                ("notice", format!("{} days before a higher price", notice.days)),
                ("request-rate", "how often each may ask:".to_owned()),
            ] {
                lines.row([command.to_owned(), value]);
            }
            format!("{lines}\n{}", table(&rates))
        })
    }
}
