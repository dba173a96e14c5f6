//! `modelhub limits`, `trial`: what may be spent, and what may be tried.

use clap::Args;
use ledger::Amount;
use registry::ModelName;

use crate::account::opg;
use crate::client::segment;
use crate::place::Connection;
use crate::run::amount;
use crate::screen::{Align, Screen, Table};

/// Shows or sets the most that may be spent from your account, whatever the key. Limits of one key are set when it is
/// made: `key create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub limits
  modelhub limits --max-day 5 --max-month 50
  modelhub limits --max-day none")]
pub(crate) struct Limits {
    /// By one call, in OPG, or none
    #[arg(long, value_name = "OPG", value_parser = limit, allow_negative_numbers = true)]
    max_cost: Option<Limit>,
    /// In a day of UTC
    #[arg(long, value_name = "OPG", value_parser = limit, allow_negative_numbers = true)]
    max_day: Option<Limit>,
    /// In a month of UTC
    #[arg(long, value_name = "OPG", value_parser = limit, allow_negative_numbers = true)]
    max_month: Option<Limit>,
    #[command(flatten)]
    connection: Connection,
}

/// An amount, or none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Amount>);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => amount(text).map(|amount| Limit(Some(amount))).map_err(|error| format!("{error}, or none")),
    }
}

impl Limits {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        let path = "/api/v1/limits";
        let mut used: api::LimitsUsed = hub.get(path)?;
        if self.max_cost.is_some() || self.max_day.is_some() || self.max_month.is_some() {
            let now = used.account.limits;
            let set = |new: Option<Limit>, old: Option<String>| match new {
                Some(Limit(new)) => new.map(|amount| amount.to_string()),
                None => old,
            };
            let wanted = api::SetLimits {
                max_cost: set(self.max_cost, now.max_cost),
                max_day: set(self.max_day, now.max_day),
                max_month: set(self.max_month, now.max_month),
            };
            used.account.limits = hub.put(path, &wanted)?;
        }
        screen.show(&used, || {
            let mut table = Table::new([
                ("", Align::Left),
                ("at most", Align::Left),
                ("spent today", Align::Right),
                ("this month", Align::Right),
            ]);
            for (whose, used) in [("account", &used.account), ("this key", &used.key)] {
                let (today, month) = (opg(&used.spent_today), opg(&used.spent_this_month));
                table.row([whose.to_owned(), words(&used.limits), today, month]);
            }
            table.to_string()
        })
    }
}

/// Limits in words: `5 OPG a day`.
pub(crate) fn words(limits: &api::Limits) -> String {
    let of = |limit: &Option<String>, over: &str| limit.as_ref().map(|limit| format!("{} a {over}", opg(limit)));
    let all = [of(&limits.max_cost, "call"), of(&limits.max_day, "day"), of(&limits.max_month, "month")];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// Shows or sets what may be tried of a model of yours without money: at the hub's expense, and at yours.
///
/// Whoever has no money may use it up to the budget. Your share of a trial is promo: a trial is no income.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub trial alice/magika
  modelhub trial alice/magika --budget 10 --per-account 0.05
  modelhub trial alice/magika --hub no")]
pub(crate) struct Trial {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    /// What you pay of trials, in all, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    budget: Option<Amount>,
    /// And of one account's
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    per_account: Option<Amount>,
    /// Whether new accounts may try it at the hub's expense
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    hub: Option<bool>,
    #[command(flatten)]
    connection: Connection,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

impl Trial {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        let (owner, name) = (self.model.owner().as_str(), self.model.name());
        let path = format!("/api/v1/models/{}/{}/trial", segment(owner), segment(name));
        let mut trial: api::Trial = hub.get(&path)?;
        if self.budget.is_some() || self.per_account.is_some() || self.hub.is_some() {
            let wanted = api::SetTrial {
                allowed: self.hub.unwrap_or(trial.allowed),
                budget: self.budget.map_or(trial.budget, |budget| budget.to_string()),
                per_account: self.per_account.map_or(trial.per_account, |most| most.to_string()),
            };
            trial = hub.put(&path, &wanted)?;
        }
        screen.show(&trial, || {
            let hub = if trial.allowed { "may be tried" } else { "is not tried" };
            format!(
                "{} {hub} at the hub's expense\nyou pay up to {} of trials, {} an account; {} are used",
                trial.model,
                opg(&trial.budget),
                opg(&trial.per_account),
                opg(&trial.used)
            )
        })
    }
}
