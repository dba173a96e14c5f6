//! `modelhub quota`, `admin quota`, `admin collect`: what accounts keep, and what nobody keeps any more.

use clap::Args;
use registry::Handle;

use crate::client::segment;
use crate::place::{Connection, DataFolder};
use crate::screen::{Screen, bytes};

/// Shows how much your account keeps, and the most it may.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub quota
  modelhub quota acme             of an organisation you belong to")]
pub(crate) struct Quota {
    /// Whose [default: your own]
    #[arg(value_name = "OWNER")]
    owner: Option<Handle>,
    #[command(flatten)]
    connection: Connection,
}

/// Shows or sets how much an account may keep, and how often each of its models may change.
///
/// What is set is the account's own from then on; all else is what `modelhub serve` allows everybody.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin quota alice
  modelhub admin quota alice --gib 2048 --models 20000
  modelhub admin quota alice --usual       as everybody again")]
pub(crate) struct AdminQuota {
    handle: Handle,
    /// GiB of different contents, in its models or waiting to be named; 0: nothing more may come in
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u64).range(..=1 << 30))]
    gib: Option<u64>,
    /// How many models it may have; 0: none may be made
    #[arg(long, value_name = "COUNT")]
    models: Option<u64>,
    /// Of each model
    #[arg(long, value_name = "COUNT")]
    commits_per_hour: Option<u64>,
    /// Of each model
    #[arg(long, value_name = "COUNT")]
    commits_per_day: Option<u64>,
    /// Nothing is the account's own any more
    #[arg(long, conflicts_with_all = ["gib", "models", "commits_per_hour", "commits_per_day"])]
    usual: bool,
    #[command(flatten)]
    data: DataFolder,
}

/// Takes away now what nobody names and has waited for long enough; the hub does it by itself, a little at a time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin collect --dry-run
  modelhub admin collect")]
pub(crate) struct Collect {
    /// Only say how much it would be
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataFolder,
}

impl Quota {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = self.owner.map_or_else(|| "/api/v1/quota".to_owned(), |owner| path(&owner));
        let quota: api::Quota = self.connection.open()?.get(&path)?;
        screen.show(&quota, || words(&quota))
    }
}

impl AdminQuota {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let mut quota: api::Quota = hub.get(&path(&self.handle))?;
        let given = [self.gib, self.models, self.commits_per_hour, self.commits_per_day];
        if self.usual || given.iter().any(Option::is_some) {
            // What was the account's own stays so, unless it is said anew.
            let own = |name: &str, value| quota.own.iter().any(|own| own == name && !self.usual).then_some(value);
            let set = api::SetQuota {
                max_bytes: self.gib.map(|gib| gib << 30).or(own("max_bytes", quota.max_bytes)),
                max_models: self.models.or(own("max_models", quota.max_models)),
                max_commits_per_hour: self.commits_per_hour.or(own("max_commits_per_hour", quota.max_commits_per_hour)),
                max_commits_per_day: self.commits_per_day.or(own("max_commits_per_day", quota.max_commits_per_day)),
            };
            quota = hub.put(&format!("/api/v1/admin/quotas/{}", segment(self.handle.as_str())), &set)?;
        }
        screen.show(&quota, || words(&quota))
    }
}

impl Collect {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let asked = api::Collect { dry_run: self.dry_run };
        let collected: api::Collected = self.data.operator()?.post("/api/v1/admin/collect", &asked)?;
        screen.show(&collected, || {
            let done = if collected.dry_run { "would be taken away" } else { "taken away" };
            let later =
                if collected.held_off { "\na backup or fsck is running: the rest goes when it has ended" } else { "" };
            format!("{} files, {}, {done}{later}", collected.blobs, bytes(collected.bytes))
        })
    }
}

fn path(owner: &Handle) -> String {
    format!("/api/v1/quota/{}", segment(owner.as_str()))
}

fn words(quota: &api::Quota) -> String {
    let own = |name: &str| if quota.own.iter().any(|own| own == name) { ", its own" } else { "" };
    format!(
        "{}\nkeeps     {} in its models, {} waiting to be named, {} of uploads that were cut off\n\
         may keep  {}{}\nmodels    {} of {}{}\ncommits   {} an hour{}, {} a day{}, of each model",
        quota.handle,
        bytes(quota.named_bytes),
        bytes(quota.waiting_bytes),
        bytes(quota.half_bytes),
        bytes(quota.max_bytes),
        own("max_bytes"),
        quota.models,
        quota.max_models,
        own("max_models"),
        quota.max_commits_per_hour,
        own("max_commits_per_hour"),
        quota.max_commits_per_day,
        own("max_commits_per_day"),
    )
}
