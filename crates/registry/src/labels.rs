//! Labels: what the numbers of an output are called, in the order of its last axis.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tensor::{DataType, Port, Signature};

use crate::path::{FilePath, PathError};
use crate::text::clip;

/// Labels as an author gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// For the one output they fit.
    List(Vec<String>),
    /// For outputs by name.
    ByOutput(BTreeMap<String, Vec<String>>),
    /// In a file of the folder: [`Labels::from_file`] reads it.
    File(FilePath),
}

/// Why labels were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    #[error("there are no labels")]
    Empty,
    #[error("{count} labels are too many, expected at most {limit}")]
    TooMany { count: usize, limit: usize },
    #[error("label {index} is empty")]
    EmptyLabel { index: usize },
    #[error("label {index} has {characters} characters, expected at most {limit}")]
    LongLabel { index: usize, characters: usize, limit: usize },
    #[error("label {index} is {given}, expected a text")]
    NotText { index: usize, given: String },
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("\"{path}\" is not a .txt or .json file")]
    FileKind { path: FilePath },
    #[error("{path} is not UTF-8 text")]
    NotUtf8 { path: FilePath },
    #[error("{path} is not JSON: line {line}, column {column}")]
    NotJson { path: FilePath, line: usize, column: usize },
    #[error(
        "{path} is JSON, but neither a list of labels, nor numbers from 0 on with their labels, nor outputs with lists"
    )]
    Shape { path: FilePath },
    #[error("{path} holds the labels, its content is needed")]
    Unread { path: FilePath },
    #[error("labels are given for the output \"{name}\", the model has {}", known.join(", "))]
    NoOutput { name: String, known: Vec<String> },
    #[error("the output \"{output}\" has {size} values, but {count} labels are given")]
    Count { output: String, size: u64, count: usize },
    #[error("{count} labels could belong to any of the outputs {}: give them under the output's name", outputs.join(", "))]
    Ambiguous { count: usize, outputs: Vec<String> },
    #[error("{count} labels fit none of the outputs {}", outputs.join(", "))]
    NoFit { count: usize, outputs: Vec<String> },
}

impl Labels {
    /// Most labels of one output.
    pub const MAX: usize = 100_000;
    /// Most characters of one.
    pub const MAX_CHARACTERS: usize = 200;

    pub fn list(labels: Vec<String>) -> Result<Labels, LabelError> {
        check(&labels)?;
        Ok(Labels::List(labels))
    }

    pub fn by_output(lists: BTreeMap<String, Vec<String>>) -> Result<Labels, LabelError> {
        if lists.is_empty() {
            return Err(LabelError::Empty);
        }
        lists.values().try_for_each(|labels| check(labels))?;
        Ok(Labels::ByOutput(lists))
    }

    /// The labels of a `.txt` or `.json` file in the folder.
    pub fn file(path: &str) -> Result<Labels, LabelError> {
        let path: FilePath = path.parse()?;
        if !path.as_str().ends_with(".txt") && !path.as_str().ends_with(".json") {
            return Err(LabelError::FileKind { path });
        }
        Ok(Labels::File(path))
    }

    /// Reads such a file. Text has a label a line. JSON is a list; or an object of numbers from 0 on, as in the
    /// `id2label` of a `config.json`, which is found too; or an object of lists by output.
    pub fn from_file(path: &FilePath, bytes: &[u8]) -> Result<Labels, LabelError> {
        let text = std::str::from_utf8(bytes).map_err(|_| LabelError::NotUtf8 { path: path.clone() })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if path.as_str().ends_with(".txt") {
            let labels = text.trim_end().lines().map(|line| line.trim().to_owned());
            return Labels::list(labels.collect());
        }
        let json: Json = serde_json::from_str(text).map_err(|error| LabelError::NotJson {
            path: path.clone(),
            line: error.line(),
            column: error.column(),
        })?;
        let shape = || LabelError::Shape { path: path.clone() };
        match json.get("id2label").unwrap_or(&json) {
            Json::Array(items) => Labels::list(texts(items.iter())?),
            Json::Object(fields) if fields.values().all(Json::is_array) => {
                let list = |(name, items): (&String, &Json)| {
                    Ok((name.clone(), texts(items.as_array().into_iter().flatten())?))
                };
                Labels::by_output(fields.iter().map(list).collect::<Result<_, LabelError>>()?)
            }
            Json::Object(fields) => {
                // Sorted as numbers: as texts, "10" would come before "2".
                let numbered = (0..fields.len()).map(|index| fields.get(&index.to_string()));
                Labels::list(texts(numbered.collect::<Option<Vec<_>>>().ok_or_else(shape)?)?)
            }
            _ => Err(shape()),
        }
    }

    /// The labels by output, checked against what the model gives. A bare list goes to the one output whose last axis
    /// is as long as the list; failing that, to the one float output whose last axis takes any size.
    pub fn for_outputs(&self, signature: &Signature) -> Result<BTreeMap<String, Vec<String>>, LabelError> {
        match self {
            Labels::List(labels) => {
                let output = home(labels.len(), &signature.outputs)?;
                Ok(BTreeMap::from([(output.name.clone(), labels.clone())]))
            }
            Labels::ByOutput(lists) => {
                for (name, labels) in lists {
                    let port = signature.outputs.iter().find(|port| port.name == *name);
                    let port = port.ok_or_else(|| LabelError::NoOutput {
                        name: clip(name),
                        known: names(signature.outputs.iter()),
                    })?;
                    if let Some(Some(size)) = port.shape.last()
                        && *size != labels.len() as u64
                    {
                        return Err(LabelError::Count { output: clip(name), size: *size, count: labels.len() });
                    }
                }
                Ok(lists.clone())
            }
            Labels::File(path) => Err(LabelError::Unread { path: path.clone() }),
        }
    }
}

fn check(labels: &[String]) -> Result<(), LabelError> {
    if labels.is_empty() {
        return Err(LabelError::Empty);
    }
    if labels.len() > Labels::MAX {
        return Err(LabelError::TooMany { count: labels.len(), limit: Labels::MAX });
    }
    for (index, label) in labels.iter().enumerate() {
        if label.trim().is_empty() {
            return Err(LabelError::EmptyLabel { index });
        }
        let characters = label.chars().count();
        if characters > Labels::MAX_CHARACTERS {
            return Err(LabelError::LongLabel { index, characters, limit: Labels::MAX_CHARACTERS });
        }
    }
    Ok(())
}

fn texts<'a>(items: impl IntoIterator<Item = &'a Json>) -> Result<Vec<String>, LabelError> {
    let text = |(index, item): (usize, &Json)| match item {
        Json::String(text) => Ok(text.clone()),
        other => Err(LabelError::NotText { index, given: clip(&other.to_string()) }),
    };
    items.into_iter().enumerate().map(text).collect()
}

fn home(count: usize, outputs: &[Port]) -> Result<&Port, LabelError> {
    let exact: Vec<&Port> = outputs.iter().filter(|port| port.shape.last() == Some(&Some(count as u64))).collect();
    let any_size = |port: &&Port| {
        let float = matches!(port.datatype, DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64);
        float && port.shape.last() == Some(&None)
    };
    let candidates = if exact.is_empty() { outputs.iter().filter(any_size).collect() } else { exact };
    match candidates[..] {
        [port] => Ok(port),
        [] => Err(LabelError::NoFit { count, outputs: names(outputs.iter()) }),
        _ => Err(LabelError::Ambiguous { count, outputs: names(candidates.into_iter()) }),
    }
}

/// Enough names to see what is meant.
fn names<'a>(ports: impl Iterator<Item = &'a Port>) -> Vec<String> {
    ports.take(16).map(|port| clip(&port.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(path: &str, text: &str) -> Result<Labels, String> {
        Labels::from_file(&path.parse().expect("a path"), text.as_bytes()).map_err(|error| error.to_string())
    }

    fn list(labels: &[&str]) -> Labels {
        Labels::List(labels.iter().map(|label| label.to_string()).collect())
    }

    fn signature(outputs: &[(&str, DataType, &[Option<u64>])]) -> Signature {
        let port = |(name, datatype, shape): &(&str, DataType, &[Option<u64>])| Port {
            name: name.to_string(),
            datatype: *datatype,
            shape: shape.to_vec(),
        };
        Signature { inputs: vec![], outputs: outputs.iter().map(port).collect() }
    }

    #[test]
    fn files_hold_labels_in_the_forms_people_have() {
        let cat_dog = Ok(list(&["cat", "dog"]));
        assert_eq!(read("labels.txt", "cat\r\ndog\r\n\n"), cat_dog);
        assert_eq!(read("labels.json", r#"["cat", "dog"]"#), cat_dog);
        assert_eq!(read("labels.json", r#"{"1": "dog", "0": "cat"}"#), cat_dog);
        assert_eq!(read("config.json", r#"{"x": 1, "id2label": {"0": "cat", "1": "dog"}}"#), cat_dog);
        let eleven = (0..11).map(|index| format!(r#""{index}": "l{index}""#)).collect::<Vec<_>>().join(",");
        assert!(matches!(read("l.json", &format!("{{{eleven}}}")), Ok(Labels::List(labels)) if labels[10] == "l10"));
        assert!(
            matches!(read("l.json", r#"{"a": ["x"], "b": ["y", "z"]}"#), Ok(Labels::ByOutput(lists)) if lists.len() == 2)
        );
        for (path, text, reason) in [
            ("l.txt", "cat\n\ndog", "label 1 is empty"),
            ("l.txt", "", "no labels"),
            ("l.json", "[1]", "label 0 is 1, expected a text"),
            ("l.json", "{\"1\": \"a\"}", "neither a list"),
            ("l.json", "3", "neither a list"),
            ("l.json", "{", "line 1"),
        ] {
            let error = read(path, text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(Labels::from_file(&"l.txt".parse().unwrap(), b"\xff").is_err());
    }

    #[test]
    fn a_list_finds_the_output_it_fits() {
        use DataType::{Fp32, Int64};
        let classifier = signature(&[("label", Int64, &[None]), ("probabilities", Fp32, &[None, Some(2)])]);
        let labels = list(&["cat", "dog"]);
        assert_eq!(labels.for_outputs(&classifier).unwrap().keys().collect::<Vec<_>>(), ["probabilities"]);
        let open = signature(&[("ids", Int64, &[None, None]), ("logits", Fp32, &[None, None])]);
        assert_eq!(labels.for_outputs(&open).unwrap().keys().collect::<Vec<_>>(), ["logits"]);
        for (outputs, reason) in [
            (&[("a", Fp32, &[Some(2)][..]), ("b", Fp32, &[Some(2)])][..], "could belong to any of the outputs a, b"),
            (&[("a", Fp32, &[Some(3)])], "2 labels fit none of the outputs a"),
            (&[("a", Fp32, &[])], "2 labels fit none of the outputs a"),
        ] {
            let error = labels.for_outputs(&signature(outputs)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn labels_by_output_have_to_fit_it() {
        let classifier = signature(&[("scores", DataType::Fp32, &[None, Some(2)])]);
        let by = |name: &str, labels: &[&str]| {
            let labels = labels.iter().map(|label| label.to_string()).collect();
            Labels::by_output(BTreeMap::from([(name.to_owned(), labels)])).unwrap().for_outputs(&classifier)
        };
        assert!(by("scores", &["a", "b"]).is_ok());
        assert!(by("scores", &["a"]).unwrap_err().to_string().contains("has 2 values, but 1 labels"));
        assert!(by("other", &["a"]).unwrap_err().to_string().contains("the model has scores"));
    }

    proptest! {
        #[test]
        fn no_file_makes_reading_panic(text in "\\PC*|[\\[\\]{}\",:01a]{0,30}", json: bool) {
            let _ = read(if json { "l.json" } else { "l.txt" }, &text);
        }
    }
}
