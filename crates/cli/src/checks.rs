//! `modelhub checks`: what the hub has checked of a model by itself.

use clap::Args;
use registry::ModelName;

use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table, one_line};

/// Shows what the hub has checked of a model by itself: each release in two fresh runners, and a random share of its
/// paid calls once more.
///
/// It shows that answers repeat and are what was charged for, not that they are right. A difference is told to the
/// owner, too: `alerts`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub checks alice/magika")]
pub(crate) struct Checks {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    #[command(flatten)]
    connection: Connection,
}

impl Checks {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let (owner, name) = (self.model.owner().as_str(), self.model.name());
        let path = format!("/api/v1/models/{}/{}/checks", segment(owner), segment(name));
        let found: api::ModelChecks = self.connection.open()?.get(&path)?;
        screen.show(&found, || words(&found))
    }
}

fn words(found: &api::ModelChecks) -> String {
    let mut table = Table::new([
        ("release", Align::Left),
        ("compared", Align::Left),
        ("by", Align::Left),
        ("run", Align::Right),
        ("agreed", Align::Right),
        ("differed", Align::Right),
        ("failed", Align::Right),
        ("last", Align::Left),
    ]);
    let mut differences = String::new();
    for item in &found.items {
        for check in &item.checks {
            let counts = [check.run, check.agreed, check.differed, check.failed].map(|count| count.to_string());
            let [run, agreed, differed, failed] = counts;
            let (kind, by, last) = (check.kind.replace('_', " "), check.compared.clone(), check.last.clone());
            if let Some(difference) = &check.last_difference {
                differences +=
                    &format!("{} {kind}, {}: {}\n", item.release, difference.time, one_line(&difference.what));
            }
            table.row([item.release.clone(), kind, by, run, agreed, differed, failed, last]);
        }
    }
    if table.is_empty() { "not checked yet".to_owned() } else { format!("{table}{differences}") }
}
