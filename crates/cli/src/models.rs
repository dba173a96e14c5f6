//! `modelhub models`: what there is to call, and what one of them takes.

use clap::Args;

use crate::account::{more, opg, page};
use crate::place::Connection;
use crate::run::Target;
use crate::screen::{Align, Screen, Table, one_line};

/// Lists the hub's models with price, paid calls and what their creators have earned; or shows what one takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub models
  modelhub models alice/magika        its inputs, outputs and price")]
pub(crate) struct Models {
    /// One model, and a release where it should not be the latest
    #[arg(value_name = "OWNER/NAME[@RELEASE]")]
    model: Option<Target>,
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
        if let Some(model) = &self.model {
            let metadata: api::ModelMetadata = self.connection.open()?.get(&model.path())?;
            return screen.show(&metadata, || contract(&metadata));
        }
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

/// A model's contract for people.
fn contract(metadata: &api::ModelMetadata) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for (side, ports) in [("input", &metadata.inputs), ("output", &metadata.outputs)] {
        for port in ports {
            let size = |size: &i64| if *size < 0 { "?".to_owned() } else { size.to_string() };
            let shape: Vec<String> = port.shape.iter().map(size).collect();
            let labels = metadata.labels.get(&port.name).map(|labels| format!(", {} labels", labels.len()));
            let form = format!("{} [{}]{}", port.datatype, shape.join(", "), labels.unwrap_or_default());
            table.row([side.to_owned(), port.name.clone(), form]);
        }
    }
    let cost = metadata.cost.as_deref().map_or_else(|| "no rate for its price is set".to_owned(), opg);
    let yanked = metadata.yanked.as_deref().map(|reason| format!("yanked: {}\n", one_line(reason)));
    let coming = metadata.coming.as_ref().map(|coming| {
        let price = coming.price.per_call.as_deref().unwrap_or("another price");
        format!("\nfrom {} on: {price}", coming.from)
    });
    let (yanked, coming) = (yanked.unwrap_or_default(), coming.unwrap_or_default());
    let (name, release, limit) = (&metadata.name, &metadata.release, metadata.deadline_ms);
    format!("{name} {release}\n{yanked}{table}a call {cost}, {limit} ms at most{coming}")
}
