//! `modelhub models`: what there is to call, and what one of them takes.

use clap::Args;
use serde_json::Value;

use crate::account::{more, opg, page};
use crate::life::price_words;
use crate::place::Connection;
use crate::run::Target;
use crate::screen::{Align, Screen, Table, one_line};

/// Lists the hub's models with price, paid calls and what their creators have earned; or shows what one takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub models
  modelhub models alice/magika        its task, inputs, outputs and price")]
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

/// Most labels or categories that are printed for people.
const SHOWN: usize = 16;

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
    let yanked = metadata.yanked.as_deref().map(|reason| format!("yanked: {}\n", one_line(reason)));
    let coming =
        metadata.coming.as_ref().map(|coming| format!("\nfrom {} on: {}", coming.from, price_words(&coming.price)));
    let (yanked, coming) = (yanked.unwrap_or_default(), coming.unwrap_or_default());
    let (name, release, limit) = (&metadata.name, &metadata.release, metadata.deadline_ms);
    let (task, labels, price) = (task(metadata), labels(metadata), price(metadata));
    format!("{name} {release}\n{yanked}{task}{labels}{table}{price}, {limit} ms at most{coming}")
}

/// What it costs: of a call, or in the words of the price where a call alone does not say it.
fn price(metadata: &api::ModelMetadata) -> String {
    let cost = metadata.cost.as_deref().map_or_else(|| "no rate for its price is set".to_owned(), opg);
    let terms = &metadata.price;
    let by_call = terms.per_item.is_none() && terms.per_1k_in.is_none() && terms.per_1k_out.is_none();
    if by_call {
        return format!("a call {cost}");
    }
    let words = one_line(&price_words(terms));
    match &metadata.cost {
        Some(cost) => format!("{words}: a call of one item {}", opg(cost)),
        None => format!("{words}: {cost}"),
    }
}

/// What it does for people, with what a value is. A hub may know tasks that we do not: they are told by their name.
fn task(metadata: &api::ModelMetadata) -> String {
    let Some(task) = &metadata.task else { return String::new() };
    let kind = one_line(task["type"].as_str().unwrap_or_default());
    let flag = match kind.as_str() {
        "feature-extraction" | "text-classification" | "token-classification" => "--text",
        "tabular-classification" | "tabular-regression" => "--row",
        "time-series-forecasting" => "--file or --row",
        _ => "--file",
    };
    let mut text = format!("task    {kind}: modelhub run {} {flag} …\n", metadata.name);
    let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for column in task["columns"].as_array().into_iter().flatten() {
        let word = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
        let categories = texts(&column["categories"]);
        let form =
            if categories.is_empty() { word("kind") } else { format!("{}: {}", word("kind"), listed(&categories)) };
        table.row(["column".to_owned(), word("name"), form]);
    }
    for column in texts(&task["series"]["columns"]) {
        table.row(["column".to_owned(), column.to_owned(), "history".to_owned()]);
    }
    text.push_str(&table.to_string());
    if let (Some(window), Some(horizon)) = (task["series"]["window"].as_u64(), task["forecast"]["horizon"].as_u64()) {
        text.push_str(&format!("from the newest {window} steps the next {horizon}\n"));
    }
    text
}

/// What the classes of its outputs are called.
fn labels(metadata: &api::ModelMetadata) -> String {
    let line = |(output, labels): (&String, &Vec<String>)| {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        format!("labels  {}: {}\n", one_line(output), listed(&labels))
    };
    metadata.labels.iter().map(line).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The first of them on one line.
fn listed(texts: &[&str]) -> String {
    let mut shown: Vec<String> = texts.iter().take(SHOWN).map(|text| one_line(text)).collect();
    if texts.len() > SHOWN {
        shown.push(format!("… {} in all", texts.len()));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_with_a_task_is_told_in_its_words() {
        let metadata: api::ModelMetadata = serde_json::from_value(serde_json::json!({
            "name": "alice/fares", "versions": ["1.00"], "platform": "onnx_onnxv1", "release": "1.00", "digest": "",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
            "price": {"per_item": "0.0005 OPG"}, "cost": "0.0005", "deadline_ms": 1000,
            "labels": {"y": ["no", "yes"]},
            "task": {"version": 1, "type": "tabular-classification", "columns": [
                {"name": "age", "kind": "number", "input": "x", "place": 0},
                {"name": "port", "kind": "category", "input": "x", "place": 1, "categories": ["cork", "dover"]},
            ]},
        }))
        .unwrap();
        let told = contract(&metadata);
        for line in [
            "task    tabular-classification: modelhub run alice/fares --row …",
            "column  age   number",
            "column  port  category: cork, dover",
            "labels  y: no, yes",
            "0.0005 OPG per item: a call of one item 0.0005 OPG, 1000 ms at most",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}: {told}");
        }
        let plain = api::ModelMetadata {
            task: None,
            price: api::PriceTerms { per_call: Some("0.002 USD".to_owned()), ..Default::default() },
            cost: None,
            ..metadata
        };
        assert!(contract(&plain).ends_with("\na call no rate for its price is set, 1000 ms at most"));
    }
}
