//! `modelhub run`: one paid call.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use clap::{ArgGroup, Args};
use ledger::Amount;
use registry::{ModelName, ReleaseNumber};
use serde::Deserialize;
use serde_json::{Value, json};
use tensor::{Port, Tensor};

use crate::client;
use crate::input::{self, Input};
use crate::place::Connection;
use crate::screen::{Screen, one_line};
use crate::values::{self, Form, Values};

/// Most bytes of a ready request that are read; the hub takes fewer.
const BODY_LIMIT: u64 = 64 * 1024 * 1024;

/// Most values of an output that are printed for people.
const SHOWN: usize = 16;

/// Runs a model once, and pays for it.
///
/// Types and shapes come from the model's contract. A VALUE is JSON or a plain text; a @FILE is a .json or .npy file,
/// or bytes for UINT8 and BYTES inputs.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("given").args(["input", "text", "file", "row", "body"]).multiple(true).required(true))]
#[command(after_help = "Examples:
  modelhub run alice/iris -i x=[5.1,3.5,1.4,0.2]
  modelhub run alice/reader@1.02 -i image=@page.npy --max-cost 0.01
  modelhub run alice/magika --file report.pdf
  modelhub run alice/feelings --text \"What a day!\" --text \"Rain again.\"
  modelhub run alice/bells --file yard.wav
  modelhub run alice/sales --file history.csv
  modelhub run alice/iris --row '{\"petal_length\": 1.4, \"petal_width\": 0.2}'
  modelhub run alice/magika --body request.json --json")]
pub(crate) struct Run {
    /// The model, and a release where it should not be the latest
    #[arg(value_name = "OWNER/NAME[@RELEASE]")]
    model: Target,
    /// An input: a value, or @ and a file
    #[arg(short, long = "input", value_name = "NAME=VALUE|@FILE")]
    input: Vec<Input>,
    /// A ready request of the Open Inference Protocol
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    body: Option<PathBuf>,
    #[command(flatten)]
    values: Values,
    /// Pay at most this much, in OPG
    #[arg(long, value_name = "OPG", value_parser = amount, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// Run it once, however often this is asked with the same key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// `OWNER/NAME` or `OWNER/NAME@RELEASE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) model: ModelName,
    pub(crate) release: Option<ReleaseNumber>,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Target> {
        let (model, release) = match text.split_once('@') {
            Some((model, release)) => (model, Some(release.parse()?)),
            None => (text, None),
        };
        Ok(Target { model: model.parse()?, release })
    }
}

impl Target {
    pub(crate) fn path(&self) -> String {
        self.under("/v2/models")
    }

    fn under(&self, prefix: &str) -> String {
        let release = self.release.as_ref().map(|release| format!("/versions/{release}"));
        format!("{prefix}/{}{}", self.model, release.unwrap_or_default())
    }
}

/// An amount with or without its unit.
pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    let number = text.strip_suffix("OPG").map_or(text, str::trim_end);
    number.parse().map_err(|error: ledger::AmountError| error.to_string())
}

/// The hub's answer; its headers are read beside it.
#[derive(Debug, Deserialize)]
struct Answer {
    outputs: Vec<Value>,
}

/// What the classes of an output are called, by the output's name.
type Labels = BTreeMap<String, Vec<String>>;

/// What an answer came with.
#[derive(Debug)]
struct Bill {
    cost: String,
    /// `cash`, `promo` or `trial`.
    paid_from: String,
    receipt: String,
    release: String,
    digest: String,
    cold: bool,
    replayed: bool,
}

/// The likeliest label of a row of scores.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Top {
    label: String,
    score: f64,
}

impl Run {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let at = self.model.path();
        // A draft of its owner's has no contract yet: a call makes it a release.
        let contract: Option<api::ModelMetadata> = client.find_unless(&at, "release_not_found")?;
        let json = |body| Form { content_type: "application/json".to_owned(), body };
        let (to, Form { content_type, body }) = match &self.body {
            _ if !self.values.is_empty() => (self.model.under("/api/v1/run"), self.values.form()?),
            Some(path) => (format!("{at}/infer"), json(ready(path)?)),
            None => {
                let inputs = match &contract {
                    Some(contract) => ports(&contract.inputs)?,
                    // The hub's own words, for without a contract nobody knows what the values are.
                    None => ports(&client.get::<api::ModelMetadata>(&at)?.inputs)?,
                };
                (format!("{at}/infer"), json(request(&input::tensors(&self.input, &inputs)?)))
            }
        };
        let max_cost = self.max_cost.map(|amount| amount.to_string());
        let mut headers = Vec::new();
        headers.extend(max_cost.as_deref().map(|amount| ("x-max-cost", amount)));
        headers.extend(self.idempotency_key.as_deref().map(|key| ("idempotency-key", key)));
        let spinner = screen.spinner(&format!("Running {}", self.model.model));
        let response = client.send_bytes(&to, &content_type, &headers, &body)?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            one_line(value.unwrap_or_default())
        };
        let bill = Bill {
            cost: header("x-cost"),
            paid_from: header("x-paid-from"),
            receipt: header("x-receipt-id"),
            release: header("x-model-release"),
            digest: header("x-model-digest"),
            cold: header("x-cold-start") == "true",
            replayed: header("idempotent-replayed") == "true",
        };
        let answer: Answer = client::read(response)?;
        spinner.finish_and_clear();
        let (name, labels) = match contract {
            Some(contract) => (contract.name, contract.labels),
            None => (self.model.model.to_string(), Labels::new()),
        };
        show(screen, &name, &labels, &bill, answer)
    }
}

fn show(screen: Screen, model: &str, labels: &Labels, bill: &Bill, answer: Answer) -> anyhow::Result<()> {
    let mut outputs = answer.outputs;
    for output in &mut outputs {
        let name = output["name"].as_str().unwrap_or_default();
        let best = labels.get(name).map(|labels| tops(output, labels)).filter(|tops| !tops.is_empty());
        if let Some(best) = best {
            output["top"] = json!(best);
        }
    }
    let Bill { cost, paid_from, receipt, release, digest, cold, replayed } = bill;
    let document = json!({
        "model": model, "release": release, "digest": digest, "outputs": outputs,
        "cost": cost, "paid_from": paid_from, "receipt": receipt, "cold": cold, "replayed": replayed,
    });
    screen.show(&document, || {
        // Tensors have names, and what a task makes of them has none.
        let told = |output: &Value| if output.get("name").is_some() { words(output) } else { values::words(output) };
        let mut text: String = outputs.iter().map(told).collect();
        let again = if *replayed { ", answered from the first run with this key" } else { "" };
        let from = match paid_from.as_str() {
            "promo" => " of your promo",
            "trial" => ", which somebody else paid: a trial",
            _ => "",
        };
        text.push_str(&format!("cost     {cost} OPG{from}{again}\nreceipt  {receipt}\n"));
        text
    })
}

/// An output for people: its best labels if it has any, else its first values.
fn words(output: &Value) -> String {
    let name = one_line(output["name"].as_str().unwrap_or_default());
    if let Some(tops) = output["top"].as_array() {
        let line = |top: &Value| {
            let label = one_line(top["label"].as_str().unwrap_or_default());
            format!("{name}  {label}  {:.4}\n", top["score"].as_f64().unwrap_or_default())
        };
        return tops.iter().take(SHOWN).map(line).collect();
    }
    let shape: Vec<String> = output["shape"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let data = output["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut values: Vec<String> = data.iter().take(SHOWN).map(|value| one_line(&value.to_string())).collect();
    if data.len() > SHOWN {
        values.push(format!("… {} in all", data.len()));
    }
    let datatype = one_line(output["datatype"].as_str().unwrap_or_default());
    format!("{name}  {datatype} [{}]  {}\n", shape.join(", "), values.join(" "))
}

/// The best label of each row, where the last axis has one value for each label.
fn tops(output: &Value, labels: &[String]) -> Vec<Top> {
    let row = output["shape"].as_array().and_then(|shape| shape.last()).and_then(Value::as_u64);
    if labels.is_empty() || row != Some(labels.len() as u64) {
        return Vec::new();
    }
    let scores: Vec<f64> = output["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|score| score.as_f64().unwrap_or(f64::NEG_INFINITY))
        .collect();
    let best = |row: &[f64]| {
        let (index, score) = row.iter().enumerate().max_by(|one, two| one.1.total_cmp(two.1))?;
        Some(Top { label: labels[index].clone(), score: *score })
    };
    scores.chunks_exact(labels.len()).filter_map(best).collect()
}

/// The inputs of a contract with their types checked: a hub is a stranger too.
fn ports(inputs: &[api::TensorMetadata]) -> anyhow::Result<Vec<Port>> {
    let port = |input: &api::TensorMetadata| -> anyhow::Result<Port> {
        let shape = input.shape.iter().map(|size| u64::try_from(*size).ok()).collect();
        Ok(Port { name: input.name.clone(), datatype: input.datatype.parse()?, shape })
    };
    inputs.iter().map(port).collect()
}

/// The body of a call.
fn request(inputs: &[Tensor]) -> Vec<u8> {
    let mut body = b"{\"inputs\":[".to_vec();
    for (index, tensor) in inputs.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let head = json!({ "name": tensor.name(), "datatype": tensor.datatype(), "shape": tensor.shape() }).to_string();
        body.extend_from_slice(head.trim_end_matches('}').as_bytes());
        body.extend_from_slice(b",\"data\":");
        tensor.write_json(&mut body);
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    body
}

/// A request that stands ready in a file. It is sent as it is, so that a key finds its stored outcome.
fn ready(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut read = || -> std::io::Result<_> { File::open(path)?.take(BODY_LIMIT).read_to_end(&mut body) };
    read().with_context(|| path.display().to_string())?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_a_model_and_perhaps_a_release() {
        let target: Target = "alice/magika@1.02".parse().unwrap();
        assert_eq!(target.path(), "/v2/models/alice/magika/versions/1.02");
        assert_eq!("alice/magika".parse::<Target>().unwrap().path(), "/v2/models/alice/magika");
        for text in ["alice", "alice/magika@", "alice/magika@one", "alice/../x", "Alice/m"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_read_with_and_without_their_unit() {
        assert_eq!(amount("0.01").unwrap(), amount("0.01 OPG").unwrap());
        assert!(amount("0.01 USD").is_err() && amount("-1").is_err() && amount("OPG").is_err());
    }

    #[test]
    fn a_request_is_what_the_protocol_says() {
        let inputs =
            [Tensor::fp32("a", &[1, 2], &[0.5, 1.0]).unwrap(), Tensor::strings("b{}", &[1], &["}\""]).unwrap()];
        let request: Value = serde_json::from_slice(&request(&inputs)).unwrap();
        assert_eq!(
            request,
            json!({"inputs": [
                {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.0]},
                {"name": "b{}", "datatype": "BYTES", "shape": [1], "data": ["}\""]},
            ]})
        );
    }

    #[test]
    fn the_best_label_of_each_row_is_found() {
        let output = json!({"name": "y", "datatype": "FP32", "shape": [2, 3], "data": [0.1, 0.7, 0.2, null, 0.0, 0.5]});
        let top = |label: &str, score| Top { label: label.to_owned(), score };
        let labels = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(tops(&output, &labels), [top("b", 0.7), top("c", 0.5)]);
        assert!(tops(&output, &labels[..2]).is_empty(), "labels of another length name nothing");
    }
}
