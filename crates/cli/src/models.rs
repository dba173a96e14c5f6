//! `modelhub models`: what there is to call.

use clap::Args;

use crate::account::{more, opg, page};
use crate::place::Connection;
use crate::screen::{Align, Screen, Table};

/// Lists the hub's models with price, paid calls and what their creators have earned.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub models")]
pub(crate) struct Models {
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Models {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let query = page(self.limit, self.cursor.as_deref());
        let models: api::ListedModels = self.connection.open()?.get(&format!("/api/v1/models{query}"))?;
        screen.show(&models, || {
            let mut table = Table::new([
                ("model", Align::Left),
                ("release", Align::Left),
                ("task", Align::Left),
                ("a call", Align::Right),
                ("paid calls", Align::Right),
                ("creators earned", Align::Right),
            ]);
            for model in &models.items {
                let cost = model.cost.as_deref().map_or_else(|| model.price.clone(), opg);
                let (calls, earned) = (model.paid_calls.to_string(), opg(&model.creators_earned));
                let task = model.task.clone().unwrap_or_default();
                table.row([model.model.clone(), model.latest.clone(), task, cost, calls, earned]);
            }
            if table.is_empty() {
                return "no models yet: modelhub publish PATH".to_owned();
            }
            format!("{table}{}", more(models.next.as_deref()))
        })
    }
}
