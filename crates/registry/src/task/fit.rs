//! A card's task and a model's signature, put together: a task that names every port, or what does not fit.

use std::collections::BTreeMap;

use tensor::{DataType, Port, Signature};

use crate::section::Output;
use crate::task::card::ColumnCard;
use crate::task::{
    Activation, Bytes, Column, ColumnKind, Kind, Layout, Picture, Pooling, Real, Scores, Task, TaskCard, Text, Vector,
};
use crate::text::clip;

/// How many labels are told if the card does not say.
const TOP: u32 = 5;
const FLOATS: &[DataType] = &[DataType::Fp32];
const WHOLE: &[DataType] = &[DataType::Int32, DataType::Int64];
const NUMBERS: &[DataType] = &[DataType::Fp32, DataType::Fp64, DataType::Int64, DataType::Int32];

/// Why a task does not fit the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    #[error("a {task} needs {field}")]
    Missing { task: &'static str, field: &'static str },
    #[error("there is no {side} \"{name}\", the model has {}", known.join(", "))]
    NoPort { side: &'static str, name: String, known: Vec<String> },
    #[error("which {side} is meant is not said, the model has {}", known.join(", "))]
    Unsaid { side: &'static str, known: Vec<String> },
    #[error("\"{name}\" has the type {datatype}, the task needs {}", listed(allowed))]
    Datatype { name: String, datatype: DataType, allowed: &'static [DataType] },
    #[error("\"{name}\" has the shape {}, the task needs {}", shape(given), shape(needed))]
    Shape { name: String, given: Vec<Option<u64>>, needed: Vec<Option<u64>> },
    #[error("the input \"{name}\" takes {size} items at once; a task needs an open first axis, or 1")]
    Rows { name: String, size: u64 },
    #[error("the model's input \"{name}\" gets nothing from the task")]
    Unfed { name: String },
    #[error("the output \"{name}\" has no labels, and the task answers with them")]
    NoLabels { name: String },
    #[error(
        "{count} of the columns have no input of their name, and of other inputs the model has {}; one is needed",
        listed_names(inputs)
    )]
    Columns { count: usize, inputs: Vec<String> },
    #[error("answers show {output}, and {activation:?} is made from all scores")]
    Shown { output: Output, activation: Activation },
}

impl TaskError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TaskError::Missing { .. } => "add the field to modelhub.task in the card",
            TaskError::NoPort { .. } | TaskError::Unsaid { .. } => {
                "name the model's own ports in modelhub.task: input, mask, types, output, label"
            }
            TaskError::Datatype { .. } | TaskError::Shape { .. } | TaskError::Rows { .. } => {
                "export the model with this port, or leave the task out: callers send tensors then"
            }
            TaskError::Unfed { .. } => "export the model without this input, or leave the task out",
            TaskError::NoLabels { .. } => "name them in the card: modelhub.labels, a list or a file",
            TaskError::Columns { .. } => {
                "a column goes to the input of its own name; all others go to one input, in their order"
            }
            TaskError::Shown { .. } => "leave `output` or `activation` out of the card",
        }
    }
}

fn listed_names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn listed(types: &[DataType]) -> String {
    types.iter().map(DataType::to_string).collect::<Vec<_>>().join(" or ")
}

fn shape(axes: &[Option<u64>]) -> String {
    let axes: Vec<_> = axes.iter().map(|axis| axis.map_or("any".to_owned(), |size| size.to_string())).collect();
    format!("[{}]", axes.join(", "))
}

type Labels = BTreeMap<String, Vec<String>>;

impl TaskCard {
    /// The task, with every port named.
    pub fn fit(&self, signature: &Signature, labels: &Labels, shown: Output) -> Result<Task, TaskError> {
        let fitting = Fitting { card: self, signature, labels };
        let kind = match self.word {
            "file-type" => Kind::FileType { bytes: fitting.bytes()?, scores: fitting.scores(Activation::None)? },
            "feature-extraction" => Kind::FeatureExtraction { text: fitting.text()?, vector: fitting.vector()? },
            "text-classification" => {
                Kind::TextClassification { text: fitting.text()?, scores: fitting.scores(Activation::Softmax)? }
            }
            "image-classification" => {
                Kind::ImageClassification { picture: fitting.picture()?, scores: fitting.scores(Activation::Softmax)? }
            }
            "tabular-classification" => {
                let columns = fitting.columns()?;
                let (label, scores) = fitting.label()?;
                Kind::TabularClassification { columns, label, scores }
            }
            _ => Kind::TabularRegression { columns: fitting.columns()?, output: fitting.regression()? },
        };
        let task = Task { version: Task::VERSION, kind };
        let fed = task.inputs();
        if let Some(port) = signature.inputs.iter().find(|port| !fed.contains(&port.name.as_str())) {
            return Err(TaskError::Unfed { name: clip(&port.name) });
        }
        match task.scores() {
            Some(Scores { activation, .. })
                if *activation != Activation::None && !matches!(shown, Output::All | Output::Rounded) =>
            {
                Err(TaskError::Shown { output: shown, activation: *activation })
            }
            _ => Ok(task),
        }
    }
}

struct Fitting<'a> {
    card: &'a TaskCard,
    signature: &'a Signature,
    labels: &'a Labels,
}

impl Fitting<'_> {
    fn bytes(&self) -> Result<Bytes, TaskError> {
        let missing = |field| TaskError::Missing { task: "file-type", field };
        let (begin, end) = (self.card.begin.ok_or(missing("begin"))?, self.card.end.ok_or(missing("end"))?);
        let block = self.card.block.unwrap_or(4_096);
        let padding = self.card.padding.unwrap_or(256);
        let port = self.input(self.card.input.as_deref(), &[])?;
        typed(port, NUMBERS)?;
        fits(port, &[None, Some(u64::from(begin) + u64::from(end))])?;
        rows(port)?;
        let least = self.card.least.unwrap_or(0);
        Ok(Bytes { input: port.name.clone(), begin, end, block, padding, least })
    }

    fn text(&self) -> Result<Text, TaskError> {
        let ids = self.input(self.card.input.as_deref(), &["input_ids"])?;
        let beside = |said: &Option<String>, usual: &str| match said {
            Some(name) => self.input(Some(name), &[]).map(Some),
            None => Ok(self.signature.inputs.iter().find(|port| port.name == usual)),
        };
        let mask = beside(&self.card.mask, "attention_mask")?;
        let types = beside(&self.card.types, "token_type_ids")?;
        let mut length = None;
        for port in [Some(ids), mask, types].into_iter().flatten() {
            typed(port, WHOLE)?;
            fits(port, &[None, None])?;
            rows(port)?;
            length = length.or(port.shape[1]);
        }
        let max_length = match (self.card.max_length, length) {
            (Some(said), Some(fixed)) if u64::from(said) > fixed => {
                let needed = vec![None, Some(u64::from(said))];
                return Err(TaskError::Shape { name: ids.name.clone(), given: ids.shape.clone(), needed });
            }
            (Some(said), _) => said,
            (None, Some(fixed)) => fixed.min(8_192) as u32,
            (None, None) => return Err(TaskError::Missing { task: self.card.word, field: "max_length" }),
        };
        let name = |port: Option<&Port>| port.map(|port| port.name.clone());
        let usual = || "tokenizer.json".parse().expect("a path");
        Ok(Text {
            tokenizer: self.card.tokenizer.clone().unwrap_or_else(usual),
            max_length,
            ids: ids.name.clone(),
            mask: name(mask),
            types: name(types),
        })
    }

    fn vector(&self) -> Result<Vector, TaskError> {
        let port =
            self.output(self.card.output.as_deref(), &["sentence_embedding", "last_hidden_state", "token_embeddings"])?;
        typed(port, FLOATS)?;
        let pooled = port.shape.len() == 2;
        let pooling = self.card.pooling.unwrap_or(if pooled { Pooling::None } else { Pooling::Mean });
        match pooling {
            Pooling::None => fits(port, &[None, None])?,
            Pooling::Mean | Pooling::Cls => fits(port, &[None, None, None])?,
        }
        Ok(Vector { output: port.name.clone(), pooling, normalize: self.card.normalize.unwrap_or(false) })
    }

    fn scores(&self, usual: Activation) -> Result<Scores, TaskError> {
        let labelled = |port: &&Port| self.labels.contains_key(&port.name);
        let port = match (&self.card.output, self.signature.outputs.iter().find(labelled)) {
            (None, Some(port)) => port,
            (said, _) => self.output(said.as_deref(), &["logits"])?,
        };
        typed(port, FLOATS)?;
        fits(port, &[None, None])?;
        if !self.labels.contains_key(&port.name) {
            return Err(TaskError::NoLabels { name: clip(&port.name) });
        }
        Ok(Scores {
            output: port.name.clone(),
            activation: self.card.activation.unwrap_or(usual),
            top: self.card.top.unwrap_or(TOP),
        })
    }

    fn picture(&self) -> Result<Picture, TaskError> {
        let port = self.input(self.card.input.as_deref(), &["pixel_values"])?;
        typed(port, FLOATS)?;
        if port.shape.len() != 4 {
            let needed = vec![None, Some(3), None, None];
            return Err(TaskError::Shape { name: port.name.clone(), given: port.shape.clone(), needed });
        }
        let layout = self.card.layout.unwrap_or(if port.shape[3] == Some(3) { Layout::Nhwc } else { Layout::Nchw });
        let (tall, wide) = if layout == Layout::Nchw { (2, 3) } else { (1, 2) };
        let size = |said: Option<u32>, axis: usize, field| {
            said.or(port.shape[axis].map(|size| size.min(2_048) as u32))
                .ok_or(TaskError::Missing { task: "image-classification", field })
        };
        let (width, height) = (size(self.card.width, wide, "width")?, size(self.card.height, tall, "height")?);
        let (w, h) = (Some(u64::from(width)), Some(u64::from(height)));
        fits(port, &if layout == Layout::Nchw { [None, Some(3), h, w] } else { [None, h, w, Some(3)] })?;
        rows(port)?;
        Ok(Picture {
            input: port.name.clone(),
            width,
            height,
            resize: self.card.resize.map(|side| side.max(width.max(height))),
            mean: self.card.mean.unwrap_or([Real(0.0); 3]),
            std: self.card.std.unwrap_or([Real(1.0); 3]),
            layout,
        })
    }

    /// A column goes to the input of its own name; what is left goes to the one input that is left, in its order.
    fn columns(&self) -> Result<Vec<Column>, TaskError> {
        if self.card.columns.is_empty() {
            return Err(TaskError::Missing { task: self.card.word, field: "columns" });
        }
        let own = |name: &str| self.signature.inputs.iter().find(|port| port.name == name);
        let named = |port: &&Port| self.card.columns.iter().any(|column| column.name == port.name);
        let rest: Vec<&Port> = self.signature.inputs.iter().filter(|port| !named(port)).collect();
        let left: Vec<_> = self.card.columns.iter().filter(|column| own(&column.name).is_none()).collect();
        if !left.is_empty() && rest.len() != 1 {
            let inputs = rest.iter().take(16).map(|port| clip(&port.name)).collect();
            return Err(TaskError::Columns { count: left.len(), inputs });
        }
        let mut place = 0;
        let mut columns = Vec::with_capacity(self.card.columns.len());
        for ColumnCard { name, kind, categories } in &self.card.columns {
            let (port, at, width) = match own(name) {
                Some(port) => (port, 0, 1),
                None => {
                    place += 1;
                    (rest[0], place - 1, left.len() as u64)
                }
            };
            typed(port, if *kind == ColumnKind::Number { NUMBERS } else { &[DataType::Bytes] })?;
            fits(port, &[None, Some(width)])?;
            rows(port)?;
            let (name, input, categories) = (name.clone(), port.name.clone(), categories.clone());
            columns.push(Column { name, kind: *kind, input, place: at, categories });
        }
        Ok(columns)
    }

    /// The label's output, and the scores' where they have labels.
    fn label(&self) -> Result<(Option<String>, Option<Scores>), TaskError> {
        let words: &[DataType] = &[DataType::Bytes, DataType::Int64, DataType::Int32];
        let label = match &self.card.label {
            Some(name) => Some(self.output(Some(name), &[])?),
            None => self.signature.outputs.iter().find(|port| words.contains(&port.datatype) && port.shape.len() == 1),
        };
        let scored = self.card.output.is_some() || !self.labels.is_empty();
        let scores = if scored || label.is_none() { Some(self.scores(Activation::None)?) } else { None };
        Ok((label.map(|port| port.name.clone()), scores))
    }

    fn regression(&self) -> Result<String, TaskError> {
        let port = self.output(self.card.output.as_deref(), &["variable"])?;
        typed(port, FLOATS)?;
        if port.shape.len() != 1 {
            fits(port, &[None, Some(1)])?;
        }
        Ok(port.name.clone())
    }

    fn input(&self, said: Option<&str>, usual: &[&str]) -> Result<&Port, TaskError> {
        find("input", &self.signature.inputs, said, usual)
    }

    fn output(&self, said: Option<&str>, usual: &[&str]) -> Result<&Port, TaskError> {
        find("output", &self.signature.outputs, said, usual)
    }
}

/// The port that is named, the one usual name there is, or the only port.
fn find<'a>(side: &'static str, ports: &'a [Port], said: Option<&str>, usual: &[&str]) -> Result<&'a Port, TaskError> {
    let known = || ports.iter().take(16).map(|port| clip(&port.name)).collect();
    let by_name = |name: &str| ports.iter().find(|port| port.name == name);
    match said {
        Some(name) => by_name(name).ok_or_else(|| TaskError::NoPort { side, name: clip(name), known: known() }),
        None => match (usual.iter().find_map(|name| by_name(name)), ports) {
            (Some(port), _) => Ok(port),
            (None, [only]) => Ok(only),
            _ => Err(TaskError::Unsaid { side, known: known() }),
        },
    }
}

fn typed(port: &Port, allowed: &'static [DataType]) -> Result<(), TaskError> {
    if allowed.contains(&port.datatype) {
        return Ok(());
    }
    Err(TaskError::Datatype { name: clip(&port.name), datatype: port.datatype, allowed })
}

/// As many axes, and each of them open or of this size.
fn fits(port: &Port, needed: &[Option<u64>]) -> Result<(), TaskError> {
    let axis = |(given, needed): (&Option<u64>, &Option<u64>)| match (given, needed) {
        (Some(given), Some(needed)) => given == needed,
        _ => true,
    };
    if port.shape.len() == needed.len() && port.shape.iter().zip(needed).all(axis) {
        return Ok(());
    }
    let (given, needed) = (port.shape.clone(), needed.to_vec());
    Err(TaskError::Shape { name: clip(&port.name), given, needed })
}

fn rows(port: &Port) -> Result<(), TaskError> {
    match port.shape.first() {
        Some(Some(size)) if *size != 1 => Err(TaskError::Rows { name: clip(&port.name), size: *size }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Card;

    type Ports<'a> = &'a [(&'a str, DataType, &'a [i64])];

    fn fit(task: &str, inputs: Ports<'_>, outputs: Ports<'_>, labels: &[&str]) -> Result<Task, String> {
        let card = Card::parse(&format!("---\nmodelhub:\n  task: {{ {task} }}\n---\n")).unwrap();
        let port = |(name, datatype, shape): &(&str, DataType, &[i64])| Port {
            name: (*name).to_owned(),
            datatype: *datatype,
            shape: shape.iter().map(|size| u64::try_from(*size).ok()).collect(),
        };
        let ports = |ports: Ports<'_>| ports.iter().map(port).collect::<Vec<_>>();
        let signature = Signature { inputs: ports(inputs), outputs: ports(outputs) };
        let labels = labels.iter().map(|name| ((*name).to_owned(), vec!["a".to_owned(), "b".to_owned()])).collect();
        card.hub.unwrap().task.unwrap().fit(&signature, &labels, Output::All).map_err(|error| error.to_string())
    }

    use DataType::{Bytes as Word, Fp32, Int32, Int64};

    #[test]
    fn ports_are_found_by_their_usual_names_or_are_the_only_ones() {
        let magika = fit(
            "type: file-type, begin: 4, end: 4",
            &[("bytes", Int32, &[-1, 8])],
            &[("target_label", Fp32, &[-1, 2])],
            &["target_label"],
        );
        assert_eq!(magika.unwrap().inputs(), ["bytes"]);
        let bert = &[("input_ids", Int64, &[-1, -1][..]), ("attention_mask", Int64, &[-1, -1])];
        let task = fit("type: feature-extraction, max_length: 9", bert, &[("h", Fp32, &[-1, -1, 3])], &[]).unwrap();
        let Kind::FeatureExtraction { vector, .. } = &task.kind else { panic!("{task:?}") };
        assert_eq!((vector.pooling, task.inputs()), (Pooling::Mean, vec!["input_ids", "attention_mask"]));
        let image = fit("type: image-classification", &[("x", Fp32, &[-1, 3, 8, 9])], &[("y", Fp32, &[-1, 2])], &["y"]);
        let Kind::ImageClassification { picture, .. } = image.unwrap().kind else { panic!("a picture") };
        assert_eq!((picture.width, picture.height, picture.layout), (9, 8, Layout::Nchw));
    }

    #[test]
    fn columns_go_to_the_input_of_their_name_or_side_by_side_to_the_one_that_is_left() {
        let inputs = &[("port", Word, &[-1, 1][..]), ("rest", Fp32, &[-1, 2])];
        let outputs = &[("variable", Fp32, &[-1, 1][..])];
        let task = fit(
            "type: tabular-regression, columns: { age: number, port: [cork, dover], fare: number }",
            inputs,
            outputs,
            &[],
        );
        let Kind::TabularRegression { columns, .. } = task.unwrap().kind else { panic!("a table") };
        let places: Vec<_> = columns.iter().map(|column| (column.input.as_str(), column.place)).collect();
        assert_eq!(places, [("rest", 0), ("port", 0), ("rest", 1)]);
        let missing =
            fit("type: tabular-regression, columns: { age: number }", &inputs[1..], outputs, &[]).unwrap_err();
        assert_eq!(missing, "\"rest\" has the shape [any, 2], the task needs [any, 1]");
        let words = fit("type: tabular-regression, columns: { port: number }", &inputs[..1], outputs, &[]).unwrap_err();
        assert!(words.starts_with("\"port\" has the type BYTES, the task needs FP32 or"), "{words}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let y = &[("y", Fp32, &[-1, 2][..])];
        for (task, inputs, labels, reason) in [
            ("type: file-type, begin: 4", &[("x", Int32, &[-1, 8][..])][..], &["y"][..], "a file-type needs end"),
            (
                "type: file-type, begin: 4, end: 5",
                &[("x", Int32, &[-1, 8])],
                &["y"],
                "shape [any, 8], the task needs [any, 9]",
            ),
            ("type: file-type, begin: 4, end: 4", &[("x", Word, &[-1, 8])], &["y"], "has the type BYTES"),
            ("type: file-type, begin: 4, end: 4", &[("x", Int32, &[7, 8])], &["y"], "takes 7 items at once"),
            ("type: file-type, begin: 4, end: 4", &[("x", Int32, &[-1, 8])], &[], "\"y\" has no labels"),
            (
                "type: file-type, begin: 4, end: 4",
                &[("x", Int32, &[-1, 8]), ("z", Int32, &[-1, 8])],
                &["y"],
                "which input is meant is not said, the model has x, z",
            ),
            (
                "type: file-type, begin: 4, end: 4, input: x",
                &[("x", Int32, &[-1, 8]), ("z", Int32, &[-1, 8])],
                &["y"],
                "the model's input \"z\" gets nothing",
            ),
            ("type: image-classification", &[("x", Fp32, &[-1, 3, -1, -1])], &["y"], "needs width"),
            ("type: text-classification, max_length: 9", &[("input_ids", Int64, &[-1, 8])], &["y"], "needs [any, 9]"),
        ] {
            let refused = fit(task, inputs, y, labels).unwrap_err();
            assert!(refused.contains(reason), "{task}: {refused}");
        }
    }
}
