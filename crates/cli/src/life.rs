//! `modelhub diff`, `yank`, `price`: what a release changed, and what becomes of it.

use clap::Args;
use ledger::Time;
use registry::{ModelName, ReleaseNumber};

use crate::client::segment;
use crate::place::Connection;
use crate::run::Target;
use crate::screen::{Align, Screen, Table, hinted, one_line};

/// Shows what changed between two releases: files, texts, contract, price and split.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub diff alice/magika 1.00 1.01")]
pub(crate) struct Diff {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    from: ReleaseNumber,
    to: ReleaseNumber,
    #[command(flatten)]
    connection: Connection,
}

/// Advises against a release: calls that name no release get another, calls that name it still run and are told why.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub yank alice/magika@1.01 \"answers are wrong for empty files\"
  modelhub yank alice/magika@1.01 --undo")]
pub(crate) struct Yank {
    #[arg(value_name = "OWNER/NAME@RELEASE")]
    model: Target,
    /// Why, for those who call it
    #[arg(required_unless_present = "undo", conflicts_with = "undo")]
    reason: Option<String>,
    /// Take it back
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Shows or sets what a release costs: less at once, more after the hub's notice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub price alice/magika@1.01
  modelhub price alice/magika@1.01 \"0.001 OPG\"
  modelhub price alice/magika@1.01 \"0.003 OPG\" --from 2026-12-24T00:00:00Z")]
pub(crate) struct Price {
    #[arg(value_name = "OWNER/NAME@RELEASE")]
    model: Target,
    /// What a call costs, like "0.002 OPG" or "0.0002 USD"
    price: Option<String>,
    /// What each item of a call costs
    #[arg(long, value_name = "PRICE")]
    per_item: Option<String>,
    /// From when on, in UTC [default: as soon as may be]
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    #[command(flatten)]
    connection: Connection,
}

/// The path of a release that is named.
fn release_path(target: &Target) -> anyhow::Result<String> {
    let Some(release) = target.release else {
        let hint = format!("name one: {}@1.00", target.model);
        return Err(hinted("this is about one release", hint));
    };
    let (owner, name) = (segment(target.model.owner().as_str()), segment(target.model.name()));
    Ok(format!("/api/v1/models/{owner}/{name}/releases/{release}"))
}

impl Diff {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let (owner, name) = (segment(self.model.owner().as_str()), segment(self.model.name()));
        let path = format!("/api/v1/models/{owner}/{name}/diff/{}/{}", self.from, self.to);
        let diff: api::ReleaseDiff = self.connection.open()?.get(&path)?;
        screen.show(&diff, || diff_words(&diff))
    }
}

fn diff_words(diff: &api::ReleaseDiff) -> String {
    let mut text = format!("{} {} to {}\n", diff.model, diff.from, diff.to);
    let mut files =
        Table::new([("file", Align::Left), ("", Align::Left), ("before", Align::Right), ("after", Align::Right)]);
    for file in &diff.files {
        let size =
            |state: &Option<api::FileState>| state.as_ref().map_or_else(String::new, |state| state.size.to_string());
        files.row([one_line(&file.path), file.change.clone(), size(&file.from), size(&file.to)]);
    }
    let mut fields = Table::new([("what", Align::Left), ("before", Align::Left), ("after", Align::Left)]);
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "-".to_owned(), |value| one_line(&value.to_string()))
    };
    for field in diff.contract.iter().chain(&diff.terms) {
        fields.row([field.field.clone(), value(&field.from), value(&field.to)]);
    }
    if let Some(price) = &diff.price {
        fields.row(["price".to_owned(), price_words(&price.from), price_words(&price.to)]);
    }
    if !files.is_empty() {
        text += &files.to_string();
    }
    if !fields.is_empty() {
        text += &fields.to_string();
    }
    if diff.files.is_empty() && diff.contract.is_empty() && diff.terms.is_empty() && diff.price.is_none() {
        text += "nothing changed\n";
    }
    let left_out = diff.files_left_out + diff.contract_left_out;
    if left_out > 0 {
        text += &format!("and {left_out} differences more\n");
    }
    for change in &diff.texts {
        let cut = if change.cut { " (the beginning)" } else { "" };
        text += &format!("\n{}{cut}\n", one_line(&change.path));
        // A stranger wrote these lines: no control characters reach the terminal.
        let plain = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
        text.extend(change.diff.chars().map(plain));
    }
    text
}

/// A price with what each of its terms is for.
pub(crate) fn price_words(price: &api::PriceTerms) -> String {
    let terms = [
        (&price.per_call, "per call"),
        (&price.per_item, "per item"),
        (&price.per_1k_in, "per 1,000 tokens in"),
        (&price.per_1k_out, "per 1,000 tokens out"),
    ];
    let terms: Vec<String> =
        terms.into_iter().filter_map(|(money, what)| Some(format!("{} {what}", money.as_ref()?))).collect();
    if terms.is_empty() { "free".to_owned() } else { terms.join(" + ") }
}

impl Yank {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("{}/yank", release_path(&self.model)?);
        let hub = self.connection.open()?;
        let state: api::ReleaseState = match self.reason {
            Some(reason) => hub.post(&path, &api::Yank { reason })?,
            None => hub.delete(&path)?,
        };
        screen.show(&state, || match &state.yanked {
            Some(reason) => format!("{} {} is yanked: {}", state.model, state.release, one_line(reason)),
            None => format!("{} {} is not yanked", state.model, state.release),
        })
    }
}

impl Price {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("{}/price", release_path(&self.model)?);
        let hub = self.connection.open()?;
        let prices: api::Prices = if self.price.is_some() || self.per_item.is_some() {
            let price = api::PriceTerms { per_call: self.price, per_item: self.per_item, ..Default::default() };
            hub.put(&path, &api::SetPrice { price, from: self.from.map(|from| from.to_string()) })?
        } else {
            hub.get(&path)?
        };
        screen.show(&prices, || {
            let mut text = format!("{} {}: {}\n", prices.model, prices.release, price_words(&prices.price));
            if let Some(coming) = &prices.coming {
                text += &format!("from {} on: {}\n", coming.from, price_words(&coming.price));
            }
            text
        })
    }
}
