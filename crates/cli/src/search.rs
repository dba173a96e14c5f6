//! `modelhub search`: finds models.

use clap::Args;

use crate::account::{more, opg};
use crate::client::segment;
use crate::place::Connection;
use crate::screen::{Align, Screen, Table, one_line};

/// Finds models by words, typos forgiven, and by what they do, cost and are.
///
/// With a login the own private models are found too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub search sentiment
  modelhub search --task text-classification --licence mit --max-price 0.01 --sort price")]
pub(crate) struct Search {
    /// Words that all have to be there, the last one as a beginning
    #[arg(value_name = "QUERY", default_value = "")]
    query: String,
    /// text-classification, feature-extraction, …
    #[arg(long)]
    task: Option<String>,
    /// mit, apache-2.0, …, as the card names it
    #[arg(long)]
    licence: Option<String>,
    /// onnx, safetensors, …; remote for those on their owner's server
    #[arg(long)]
    format: Option<String>,
    /// May repeat: each has to be there
    #[arg(long)]
    tag: Vec<String>,
    /// The most that a call may cost, in OPG
    #[arg(long, value_name = "OPG", allow_negative_numbers = true)]
    max_price: Option<String>,
    /// listed: there is no other tier yet
    #[arg(long)]
    tier: Option<String>,
    /// sealed, gated or open: who gets the weights
    #[arg(long)]
    access: Option<String>,
    /// Of this account
    #[arg(long)]
    owner: Option<String>,
    /// relevance, new, updated, price or used
    #[arg(long)]
    sort: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Where the last list ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Search {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let found: api::Found = self.connection.open()?.get(&self.path())?;
        screen.show(&found, || words(&found))
    }

    fn path(&self) -> String {
        let mut path = format!("/api/v1/search?q={}&limit={}", segment(&self.query), self.limit);
        let Search { task, licence, format, max_price, tier, access, owner, sort, cursor, .. } = self;
        let single = [
            ("task", task),
            ("licence", licence),
            ("format", format),
            ("max_price", max_price),
            ("tier", tier),
            ("access", access),
            ("owner", owner),
            ("sort", sort),
            ("cursor", cursor),
        ];
        let set = single.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (name, value) in set.chain(self.tag.iter().map(|tag| ("tag", tag))) {
            path += &format!("&{name}={}", segment(value));
        }
        path
    }
}

fn words(found: &api::Found) -> String {
    let mut table = Table::new([
        ("model", Align::Left),
        ("task", Align::Left),
        ("a call", Align::Right),
        ("paid calls", Align::Right),
        ("", Align::Left),
    ]);
    for model in &found.items {
        let cost = model.cost.as_deref().map_or_else(|| model.price.clone(), opg);
        let (task, summary) = (model.task.clone().unwrap_or_default(), one_line(&model.summary));
        table.row([model.model.clone(), task, cost, model.paid_calls.to_string(), summary]);
    }
    let making = if found.complete { "" } else { "the hub is making its index: there may be more in a moment\n" };
    match table.is_empty() {
        true => format!("nothing fits: use fewer words or filters\n{making}").trim_end().to_owned(),
        false => format!("{table}{} in all\n{making}{}", found.total, more(found.next.as_deref())),
    }
}
