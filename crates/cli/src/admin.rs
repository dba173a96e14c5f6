//! `modelhub admin`: what the operator does, with the operator's key.

use clap::{Args, Subcommand, ValueEnum};
use ledger::Amount;
use registry::Handle;

use crate::account::{amounts, hold_lines, opg};
use crate::client::{Client, segment};
use crate::place::DataFolder;
use crate::run::amount;
use crate::screen::{Screen, one_line};
use crate::{moderation, rates, storage};

/// Accounts and how much they may keep, money moved by hand, trials, fee and rate, reports and what is made of them. Needs the hub's data folder, where its operator's key lies.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  modelhub admin account create alice
  modelhub admin deposit alice 100 --reference \"invoice 17\"
  modelhub admin settings")]
pub(crate) enum Admin {
    #[command(subcommand)]
    Account(Account),
    Grant(Grant),
    Deposit(Deposit),
    Payout(Payout),
    Hold(Hold),
    Holds(Holds),
    Release(Release),
    Trial(Trial),
    Fee(Fee),
    Rate(Rate),
    Notice(Notice),
    RequestRate(rates::Rates),
    Settings(rates::Settings),
    Invite(Invite),
    Quota(storage::AdminQuota),
    Collect(storage::Collect),
    Reports(moderation::Reports),
    Dismiss(moderation::Dismiss),
    Hide(moderation::Hide),
    TakeDown(moderation::TakeDown),
    Restore(moderation::Restore),
    Moderation(moderation::Moderation),
    Verify(moderation::Verify),
    Unverify(moderation::Unverify),
}

/// Accounts.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  modelhub admin account create alice")]
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
    /// The money that was set aside for it
    #[arg(long, value_name = "hold_…")]
    hold: Option<String>,
}

/// Sets an account's money aside for a payout that is on its way; it is free again when its time is over.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin hold alice 12.5 --days 7 --reference \"bank 2026-11-23\"
  modelhub admin payout alice 12.5 --hold hold_01h…")]
pub(crate) struct Hold {
    handle: Handle,
    /// In OPG
    #[arg(value_parser = amount, allow_negative_numbers = true)]
    amount: Amount,
    /// How long
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Of which purse: cash or promo
    #[arg(long, default_value = "cash")]
    purse: String,
    /// What to find it by later
    #[arg(long, default_value = "")]
    reference: String,
    /// The hold's id: the same again sets nothing aside twice
    #[arg(long, value_name = "hold_…")]
    id: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Lists money that is set aside, of all accounts.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin holds")]
pub(crate) struct Holds {
    #[command(flatten)]
    data: DataFolder,
}

/// Gives money back that was set aside.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin release hold_01h…")]
pub(crate) struct Release {
    /// The hold's id, as `admin holds` shows it
    id: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Shows or sets what each new account may try of models at the hub's expense.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin trial
  modelhub admin trial 0.5")]
pub(crate) struct Trial {
    /// In OPG
    #[arg(value_parser = amount, allow_negative_numbers = true)]
    budget: Option<Amount>,
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Debug, Args)]
struct Movement {
    handle: Handle,
    /// In OPG
    #[arg(value_parser = amount, allow_negative_numbers = true)]
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

/// Shows or sets for how many days a higher price is announced before it holds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin notice
  modelhub admin notice 30")]
pub(crate) struct Notice {
    /// Days, for prices that are announced from now on
    days: Option<u32>,
    #[command(flatten)]
    data: DataFolder,
}

/// Makes a link with which somebody makes an account, once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin invite
  modelhub admin invite --note \"Ada, from the workshop\" --days 30")]
pub(crate) struct Invite {
    /// Whom it is for, in your words
    #[arg(long, default_value = "")]
    note: String,
    /// How long it is good
    #[arg(long, default_value_t = 14)]
    days: u32,
    #[command(flatten)]
    data: DataFolder,
}

impl Admin {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Admin::Account(Account::Create(create)) => create.run(screen),
            Admin::Grant(Grant { movement }) => movement.run(screen, "grants", "granted", None),
            Admin::Deposit(Deposit { movement }) => movement.run(screen, "deposits", "deposited", None),
            Admin::Payout(Payout { movement, hold }) => movement.run(screen, "payouts", "paid out", hold),
            Admin::Hold(hold) => hold.run(screen),
            Admin::Holds(holds) => holds.run(screen),
            Admin::Release(release) => release.run(screen),
            Admin::Trial(trial) => trial.run(screen),
            Admin::Fee(fee) => fee.run(screen),
            Admin::Rate(rate) => rate.run(screen),
            Admin::Notice(notice) => notice.run(screen),
            Admin::RequestRate(rates) => rates.run(screen),
            Admin::Settings(settings) => settings.run(screen),
            Admin::Invite(invite) => invite.run(screen),
            Admin::Quota(quota) => quota.run(screen),
            Admin::Collect(collect) => collect.run(screen),
            Admin::Reports(reports) => reports.run(screen),
            Admin::Dismiss(dismiss) => dismiss.run(screen),
            Admin::Hide(hide) => hide.run(screen),
            Admin::TakeDown(take_down) => take_down.run(screen),
            Admin::Restore(restore) => restore.run(screen),
            Admin::Moderation(moderation) => moderation.run(screen),
            Admin::Verify(verify) => verify.run(screen),
            Admin::Unverify(unverify) => unverify.run(screen),
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
    fn run(self, screen: Screen, path: &str, done: &str, hold: Option<String>) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let new = api::NewTransfer {
            handle: self.handle.to_string(),
            amount: self.amount.to_string(),
            reference: self.reference,
            id: self.id,
            hold,
        };
        let moved: api::Moved = hub.post(&format!("/api/v1/admin/{path}"), &new)?;
        screen.show(&moved, || {
            format!("{done} {} OPG, {}: {}\n{}", self.amount, self.handle, moved.transfer, amounts(&moved.balance))
        })
    }
}

impl Hold {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let new = api::NewHold {
            handle: self.handle.to_string(),
            amount: self.amount.to_string(),
            purse: Some(self.purse),
            days: self.days,
            reference: self.reference,
            id: self.id,
        };
        let hold: api::Hold = self.data.operator()?.post("/api/v1/admin/holds", &new)?;
        screen.show(&hold, || {
            format!("{}\nset aside {} of {} until {}", hold.hold, opg(&hold.amount), hold.account, hold.expires)
        })
    }
}

impl Holds {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let holds: api::Holds = self.data.operator()?.get("/api/v1/admin/holds")?;
        screen.show(&holds, || hold_lines(&holds))
    }
}

impl Release {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("/api/v1/admin/holds/{}", segment(&self.id));
        let released: api::ReleasedHold = self.data.operator()?.delete(&path)?;
        screen.show(&released, || format!("released {}", released.hold))
    }
}

impl Trial {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let (hub, path) = (self.data.operator()?, "/api/v1/admin/trial");
        let trial: api::TrialBudget = match self.budget {
            Some(budget) => hub.put(path, &api::TrialBudget { budget: budget.to_string() })?,
            None => hub.get(path)?,
        };
        screen.show(&trial, || format!("each new account may try for {} at the hub's expense", opg(&trial.budget)))
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

impl Invite {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let asked = api::NewInvitation { note: self.note, days: Some(self.days) };
        let made: api::MadeInvitation = self.data.operator()?.post("/api/v1/admin/invitations", &asked)?;
        screen
            .show(&made, || format!("{}\ngood once, until {}", one_line(&made.url), one_line(&made.invitation.expires)))
    }
}

impl Notice {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let path = "/api/v1/admin/notice";
        let notice: api::PriceNotice = match self.days {
            Some(days) => hub.put(path, &api::PriceNotice { days })?,
            None => hub.get(path)?,
        };
        screen.show(&notice, || format!("a higher price is announced {} days before it holds", notice.days))
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
