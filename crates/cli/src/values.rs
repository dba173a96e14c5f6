//! `--text`, `--file`, `--row`: what a user has at hand, for models with a task.
//!
//! Always: what is sent is what was given; how it is read is the model's task to say, and the hub's to do.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::screen::one_line;

/// Most bytes that are read of all files together; the hub takes fewer.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Most numbers of a vector that are printed for people.
const SHOWN: usize = 8;

/// Values for a model with a task, each of them an input.
#[derive(Debug, Args)]
pub(crate) struct Values {
    /// A text, for a model with a task
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["input", "body"])]
    text: Vec<String>,
    /// A file: a picture, a WAV, a history as CSV, a text, or any bytes, as the model's task reads them
    #[arg(long, value_name = "PATH", conflicts_with_all = ["input", "body"])]
    file: Vec<PathBuf>,
    /// A row of a table: a JSON object with the model's columns; or a history: a JSON list, or an object of lists
    #[arg(long, value_name = "JSON", conflicts_with_all = ["input", "body"])]
    row: Vec<String>,
}

/// A body and what it is.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Values {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.file.is_empty() && self.row.is_empty()
    }

    /// One part for each value: texts, files, rows.
    pub(crate) fn form(&self) -> anyhow::Result<Form> {
        let mut parts: Vec<Vec<u8>> = self.text.iter().map(|text| text.clone().into_bytes()).collect();
        let mut left = LIMIT;
        for path in &self.file {
            let mut bytes = Vec::new();
            let mut read = || -> std::io::Result<_> { File::open(path)?.take(left + 1).read_to_end(&mut bytes) };
            read().with_context(|| path.display().to_string())?;
            ensure!(bytes.len() as u64 <= left, "the files have more than {LIMIT} bytes together");
            left -= bytes.len() as u64;
            parts.push(bytes);
        }
        parts.extend(self.row.iter().map(|row| row.clone().into_bytes()));
        Ok(form(&parts))
    }
}

/// The boundary is made of what it stands between, so that the same values are the same body.
fn form(parts: &[Vec<u8>]) -> Form {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    let mut boundary = "modelhub".to_owned();
    for byte in &digest.finalize()[..16] {
        write!(boundary, "{byte:02x}").expect("a String takes all that is written to it");
    }
    let mut body = Vec::new();
    for part in parts {
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"input\"\r\ncontent-type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Form { content_type: format!("multipart/form-data; boundary={boundary}"), body }
}

/// An outcome for people: its best labels, its number, its vector's beginning, or a line for each thing that was found.
pub(crate) fn words(outcome: &Value) -> String {
    if let Some(numbers) = outcome.as_array() {
        let mut shown: Vec<String> = numbers.iter().take(SHOWN).map(Value::to_string).collect();
        if numbers.len() > SHOWN {
            shown.push(format!("… {} in all", numbers.len()));
        }
        return format!("{}\n", shown.join(" "));
    }
    if let Some(value) = outcome.get("value") {
        return format!("{value}\n");
    }
    if let Some(list) = ["entities", "objects", "events", "forecast"].iter().find_map(|name| outcome[name].as_array()) {
        return list.iter().map(found).collect();
    }
    let line = |label: &Value, score: &Value| {
        let label = one_line(label.as_str().unwrap_or_default());
        score.as_f64().map_or_else(|| format!("{label}\n"), |score| format!("{label}  {score:.4}\n"))
    };
    match outcome["top"].as_array() {
        Some(top) => top.iter().map(|scored| line(&scored["label"], &scored["score"])).collect(),
        None if outcome["label"].is_null() => line(&outcome["text"], &outcome["score"]),
        None => line(&outcome["label"], &outcome["score"]),
    }
}

/// One of a list: what it is, how sure, and where or when.
fn found(one: &Value) -> String {
    let word = |name: &str| one[name].as_str().map(one_line);
    let number = |value: &Value| value.as_f64().map(|number| format!("{number:.1}")).unwrap_or_default();
    let mut parts: Vec<String> =
        [word("label"), word("text"), word("time"), word("column")].into_iter().flatten().collect();
    if let Some(step) = one["step"].as_u64().filter(|_| one["time"].is_null()) {
        parts.insert(0, step.to_string());
    }
    parts.extend(one["score"].as_f64().map(|score| format!("{score:.4}")));
    parts.extend(one.get("value").map(Value::to_string));
    if let Some(quantiles) = one["quantiles"].as_object() {
        parts.extend(quantiles.iter().map(|(quantile, value)| format!("{}: {value}", one_line(quantile))));
    }
    let edges = &one["box"];
    if edges.is_object() {
        let [left, top, right, bottom] = ["xmin", "ymin", "xmax", "ymax"].map(|name| number(&edges[name]));
        parts.push(format!("{left},{top} to {right},{bottom}"));
    } else if let (Some(start), Some(end)) = (one["start"].as_f64(), one["end"].as_f64()) {
        parts.push(format!("{start} to {end}"));
    }
    format!("{}\n", parts.join("  "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_has_a_part_for_each_value() {
        let Form { content_type, body } = form(&[b"one".to_vec(), b"--two\r\n".to_vec()]);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8(body).unwrap();
        assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 2);
        assert!(text.contains("\r\n\r\none\r\n") && text.contains("\r\n\r\n--two\r\n\r\n"));
        assert!(text.ends_with(&format!("--{boundary}--\r\n")));
    }

    #[test]
    fn outcomes_are_told_in_few_words() {
        let top =
            json!({"label": "a", "score": 0.5, "top": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}]});
        assert_eq!(words(&top), "a  0.5000\nb  0.2500\n");
        assert_eq!(words(&json!({"label": "a"})), "a\n");
        assert_eq!(words(&json!({"value": 1.5})), "1.5\n");
        assert_eq!(words(&json!([1, 2, 3, 4, 5, 6, 7, 8, 9])), "1 2 3 4 5 6 7 8 … 9 in all\n");
        assert_eq!(words(&json!({"text": "a line", "score": 0.5})), "a line  0.5000\n");
    }

    #[test]
    fn what_was_found_is_told_line_by_line() {
        let entity = json!({"label": "PER", "score": 0.75, "start": 0, "end": 3, "text": "Ada"});
        assert_eq!(words(&json!({"entities": [entity]})), "PER  Ada  0.7500  0 to 3\n");
        assert_eq!(words(&json!({"entities": []})), "");
        let edges = json!({"xmin": 1.25, "ymin": 2.0, "xmax": 30.0, "ymax": 4.0});
        assert_eq!(
            words(&json!({"objects": [{"label": "cat", "score": 0.5, "box": edges}]})),
            "cat  0.5000  1.2,2.0 to 30.0,4.0\n"
        );
        assert_eq!(
            words(&json!({"events": [{"label": "bell", "score": 0.5, "start": 0.5, "end": 1.25}]})),
            "bell  0.5000  0.5 to 1.25\n"
        );
        let steps = json!([
            {"step": 1, "value": 1.5},
            {"step": 2, "time": "2026-01-31T00:00:00Z", "column": "sales", "value": 2.5, "quantiles": {"0.1": 1, "0.5": 2.5}},
        ]);
        assert_eq!(words(&json!({"forecast": steps})), "1  1.5\n2026-01-31T00:00:00Z  sales  2.5  0.1: 1  0.5: 2.5\n");
    }
}
