//! A card's task and a model's signature, put together: a task that names every port, or what does not fit.

use std::collections::BTreeMap;

use tensor::{DataType, Port, Signature};

use crate::section::Output;
use crate::task::card::ColumnCard;
use crate::task::characters::Characters;
use crate::task::{Activation, Bytes, Column, ColumnKind, Kind, Pooling, Scores, Task, TaskCard, Text, Vector};
use crate::text::clip;

/// How many labels are told if the card does not say.
pub(super) const TOP: u32 = 5;
pub(super) const FLOATS: &[DataType] = &[DataType::Fp32];
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
    #[error("answers show {output}, and a {task} is read from all numbers")]
    Whole { output: Output, task: &'static str },
    #[error("{field} is {class}, and the {count} classes are counted from 0")]
    Class { field: &'static str, class: u32, count: usize },
    #[error("{steps} steps of {columns} columns are too many, expected at most {limit} numbers")]
    Window { steps: u32, columns: u64, limit: u64 },
    #[error("{field} has {given} numbers, the columns need {needed}")]
    Numbers { field: &'static str, given: usize, needed: u64 },
    #[error("targets names \"{name}\", the columns are {}", listed_names(known))]
    NoTarget { name: String, known: Vec<String> },
}

impl TaskError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TaskError::Missing { field, .. } if field.starts_with("labels") => {
                "name them in the card: modelhub.labels, a list or a file"
            }
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
            TaskError::Whole { .. } => "leave `output` out of the modelhub section, or write output: rounded",
            TaskError::Class { .. } => "give the place of the class, from 0 on",
            TaskError::Window { .. } => "export the model with a shorter window, or leave the task out",
            TaskError::Numbers { .. } => {
                "write mean and std with one number for each column, or scaling: instance without them"
            }
            TaskError::NoTarget { .. } => "name columns that stand under columns",
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
    /// Whether it answers with the labels itself: its classes need not be an output's last axis.
    pub fn keeps_labels(&self) -> bool {
        self.word == "object-detection"
    }

    /// What its classes stand for, where that is no label.
    pub fn characters(&self) -> Option<&Characters> {
        self.characters.as_ref()
    }

    /// The task, with every port named. `names` are the labels it keeps, or its characters.
    pub fn fit(
        &self,
        signature: &Signature,
        labels: &Labels,
        names: &[String],
        shown: Output,
    ) -> Result<Task, TaskError> {
        let fitting = Fitting { card: self, signature, labels, names };
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
            "token-classification" => {
                Kind::TokenClassification { text: fitting.text()?, entities: fitting.entities()? }
            }
            "object-detection" => Kind::ObjectDetection { picture: fitting.picture()?, objects: fitting.objects()? },
            "image-to-text" => Kind::ImageToText { line: fitting.line()?, reading: fitting.reading()? },
            "audio-classification" => {
                Kind::AudioClassification { sound: fitting.sound()?, hearing: fitting.hearing()? }
            }
            "time-series-forecasting" => {
                let series = fitting.series()?;
                Kind::TimeSeriesForecasting { forecast: fitting.forecast(&series)?, series }
            }
            _ => Kind::TabularRegression { columns: fitting.columns()?, output: fitting.regression()? },
        };
        let task = Task { version: Task::VERSION, kind };
        let fed = task.inputs();
        if let Some(port) = signature.inputs.iter().find(|port| !fed.contains(&port.name.as_str())) {
            return Err(TaskError::Unfed { name: clip(&port.name) });
        }
        let whole = matches!(shown, Output::All | Output::Rounded);
        if task.reads_all() && !whole {
            return Err(TaskError::Whole { output: shown, task: self.word });
        }
        match task.scores() {
            Some(Scores { activation, .. }) if *activation != Activation::None && !whole => {
                Err(TaskError::Shown { output: shown, activation: *activation })
            }
            _ => Ok(task),
        }
    }
}

pub(super) struct Fitting<'a> {
    pub(super) card: &'a TaskCard,
    pub(super) signature: &'a Signature,
    pub(super) labels: &'a Labels,
    pub(super) names: &'a [String],
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
        let port = self.labelled(2)?;
        Ok(Scores {
            output: port.name.clone(),
            activation: self.card.activation.unwrap_or(usual),
            top: self.card.top.unwrap_or(TOP),
        })
    }

    /// The output of scores that the labels name, with so many axes.
    pub(super) fn labelled(&self, axes: usize) -> Result<&Port, TaskError> {
        let port = self.scored(self.card.output.as_deref())?;
        typed(port, FLOATS)?;
        fits(port, &vec![None; axes])?;
        Ok(port)
    }

    /// The output that is named, or has labels.
    pub(super) fn scored(&self, said: Option<&str>) -> Result<&Port, TaskError> {
        let labelled = |port: &&Port| self.labels.contains_key(&port.name);
        let port = match (said, self.signature.outputs.iter().find(labelled)) {
            (None, Some(port)) => port,
            (said, _) => self.output(said, &["logits"])?,
        };
        if !self.labels.contains_key(&port.name) {
            return Err(TaskError::NoLabels { name: clip(&port.name) });
        }
        Ok(port)
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

    pub(super) fn input(&self, said: Option<&str>, usual: &[&str]) -> Result<&Port, TaskError> {
        find("input", &self.signature.inputs, said, usual)
    }

    pub(super) fn output(&self, said: Option<&str>, usual: &[&str]) -> Result<&Port, TaskError> {
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

pub(super) fn typed(port: &Port, allowed: &'static [DataType]) -> Result<(), TaskError> {
    if allowed.contains(&port.datatype) {
        return Ok(());
    }
    Err(TaskError::Datatype { name: clip(&port.name), datatype: port.datatype, allowed })
}

/// As many axes, and each of them open or of this size.
pub(super) fn fits(port: &Port, needed: &[Option<u64>]) -> Result<(), TaskError> {
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

pub(super) fn rows(port: &Port) -> Result<(), TaskError> {
    match port.shape.first() {
        Some(Some(size)) if *size != 1 => Err(TaskError::Rows { name: clip(&port.name), size: *size }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Card;
    use crate::task::{Aggregation, Form, Layout, Order};

    type Ports<'a> = &'a [(&'a str, DataType, &'a [i64])];

    fn fit(task: &str, inputs: Ports<'_>, outputs: Ports<'_>, labels: &[&str]) -> Result<Task, String> {
        fit_named(task, inputs, outputs, labels, &[])
    }

    fn fit_named(
        task: &str,
        inputs: Ports<'_>,
        outputs: Ports<'_>,
        labels: &[&str],
        names: &[&str],
    ) -> Result<Task, String> {
        let card = Card::parse(&format!("---\nmodelhub:\n  task: {{ {task} }}\n---\n")).unwrap();
        let port = |(name, datatype, shape): &(&str, DataType, &[i64])| Port {
            name: (*name).to_owned(),
            datatype: *datatype,
            shape: shape.iter().map(|size| u64::try_from(*size).ok()).collect(),
        };
        let ports = |ports: Ports<'_>| ports.iter().map(port).collect::<Vec<_>>();
        let signature = Signature { inputs: ports(inputs), outputs: ports(outputs) };
        let labels = labels.iter().map(|name| ((*name).to_owned(), vec!["a".to_owned(), "b".to_owned()])).collect();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let task = card.hub.unwrap().task.unwrap();
        task.fit(&signature, &labels, &names, Output::All).map_err(|error| error.to_string())
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

    #[test]
    fn boxes_are_found_in_either_orientation_and_apart() {
        let inputs = &[("images", Fp32, &[-1, 3, 64, 96][..])];
        let fit = |task: &str, outputs: Ports<'_>| {
            let task = format!("type: object-detection, coordinates: xywh, {task}");
            fit_named(&task, inputs, outputs, &[], &["cat", "dog", "eel"]).map(|task| match task.kind {
                Kind::ObjectDetection { objects, .. } => objects,
                other => panic!("{other:?}"),
            })
        };
        let one = |boxes_axis, objectness| Form::One { output: "output0".to_owned(), boxes_axis, objectness };
        for (task, shape, form) in [
            ("", &[-1, 7, 126][..], one(2, false)),
            ("", &[-1, 126, 7], one(1, false)),
            ("objectness: true", &[1, 126, 8], one(1, true)),
            ("boxes_axis: 2", &[-1, -1, -1], one(2, false)),
            ("boxes_axis: 2, background: 3", &[-1, 8, -1], one(2, false)),
        ] {
            assert_eq!(fit(task, &[("output0", Fp32, shape)]).unwrap().form, form, "{task} {shape:?}");
        }
        let apart = |classes: Option<&str>| Form::Apart {
            boxes: "boxes".to_owned(),
            scores: "scores".to_owned(),
            classes: classes.map(str::to_owned),
        };
        let boxes = ("boxes", Fp32, &[-1, -1, 4][..]);
        assert_eq!(fit("", &[boxes, ("scores", Fp32, &[-1, -1, 3])]).unwrap().form, apart(None));
        let classes = [boxes, ("scores", Fp32, &[-1, -1]), ("labels", Int64, &[-1, -1])];
        assert_eq!(fit("", &classes).unwrap().form, apart(Some("labels")));
        let single = [("boxes", Fp32, &[-1, 4][..]), ("scores", Fp32, &[-1]), ("labels", Int64, &[-1])];
        assert_eq!(fit("", &single).unwrap().form, apart(Some("labels")));
        for (task, outputs, reason) in [
            ("", &[("output0", Fp32, &[-1, -1, -1][..])][..], "needs boxes_axis"),
            ("", &[("output0", Fp32, &[-1, 9, 126])], "shape [any, 9, 126], the task needs [any, any, 7]"),
            ("", &[("output0", Int64, &[-1, 7, 126])], "has the type INT64"),
            ("background: 4", &[("output0", Fp32, &[-1, 7, 126])], "background is 4, and the 4 classes are counted"),
            ("", &[boxes, ("scores", Fp32, &[-1, -1, 9])], "\"scores\" has the shape [any, any, 9]"),
            ("classes: kinds", &[boxes, ("scores", Fp32, &[-1, -1, 3])], "there is no output \"kinds\""),
        ] {
            let refused = fit(task, outputs).unwrap_err();
            assert!(refused.contains(reason), "{task}: {refused}");
        }
        let none = fit_named("type: object-detection, coordinates: xywh", inputs, &[boxes], &[], &[]).unwrap_err();
        assert!(none.contains("needs labels"), "{none}");
    }

    #[test]
    fn lines_sounds_and_histories_are_fitted() {
        let line = |task: &str, input: &[i64], output: &[i64]| {
            let task = format!("type: image-to-text, {task}");
            fit_named(&task, &[("x", Fp32, input)], &[("y", Fp32, output)], &[], &["a", "b"])
        };
        let told = line("width: 640, blank: 0", &[-1, 3, 48, -1], &[-1, -1, 3]).unwrap();
        let Kind::ImageToText { line: how, reading } = told.kind else { panic!("a line") };
        assert_eq!((how.height, how.width, how.least_width, reading.blank), (48, 640, 48, 0));
        assert_eq!((reading.character(0), reading.character(1), reading.character(2)), (None, Some("a"), Some("b")));
        for (task, output, reason) in [
            ("width: 640", &[-1, -1, 3], "needs blank"),
            ("blank: 0", &[-1, -1, 3], "needs width"),
            ("width: 640, blank: 3", &[-1, -1, 3], "blank is 3, and the 3 classes"),
            ("width: 640, blank: 0", &[-1, -1, 4], "the task needs [any, any, 3]"),
        ] {
            let refused = line(task, &[-1, 3, 48, -1], output).unwrap_err();
            assert!(refused.contains(reason), "{task}: {refused}");
        }

        let sound = |task: &str, input: &[i64], output: &[i64]| {
            let task = format!("type: audio-classification, {task}");
            fit(&task, &[("x", Fp32, input)], &[("y", Fp32, output)], &["y"]).map(|task| match task.kind {
                Kind::AudioClassification { sound, .. } => (sound.window, sound.hop),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(sound("rate: 16000", &[-1, 800], &[-1, 2]), Ok((Some(800), 800)));
        assert_eq!(sound("rate: 16000, hop: 400", &[-1, 1, 800], &[-1, -1, 2]), Ok((Some(800), 400)));
        assert_eq!(sound("rate: 16000", &[-1], &[-1, 2]), Ok((None, 1)), "a waveform in, rows of classes out");
        for (task, input, reason) in [
            ("window: 800", &[-1, 800][..], "needs rate"),
            ("rate: 16000, window: 9", &[-1, 800], "the task needs [any, 9]"),
            ("rate: 16000", &[4, 800], "takes 4 items at once"),
            ("rate: 16000", &[-1, 2, 800], "has the shape [any, 2, 800]"),
        ] {
            let refused = sound(task, input, &[-1, 2]).unwrap_err();
            assert!(refused.contains(reason), "{task}: {refused}");
        }

        let series = |task: &str, input: &[i64], output: &[i64]| {
            let task = format!("type: time-series-forecasting, {task}");
            fit(&task, &[("x", Fp32, input)], &[("y", Fp32, output)], &[]).map(|task| match task.kind {
                Kind::TimeSeriesForecasting { series, forecast } => {
                    (series.window, series.order, forecast.horizon, forecast.targets)
                }
                other => panic!("{other:?}"),
            })
        };
        let (steps, columns) = (Order::StepsColumns, Order::ColumnsSteps);
        assert_eq!(series("horizon: 4", &[-1, 8], &[-1, -1]), Ok((8, steps, 4, vec![0])));
        assert_eq!(series("quantiles: [0.1, 0.9]", &[-1, 8, 1], &[-1, 4, 2]), Ok((8, steps, 4, vec![0])));
        assert_eq!(series("columns: [a, b]", &[-1, 2, 8], &[-1, 2, 4]), Ok((8, columns, 4, vec![0, 1])));
        assert_eq!(series("columns: [a, b], targets: [b]", &[-1, 8, 2], &[-1, 4]), Ok((8, steps, 4, vec![1])));
        for (task, input, output, reason) in [
            ("", &[-1, -1][..], &[-1, 4][..], "needs window"),
            ("", &[-1, 8], &[-1, -1], "needs horizon"),
            ("columns: [a, b]", &[-1, 8, 2], &[-1, 4], "needs targets"),
            ("columns: [a, b], targets: [c]", &[-1, 8, 2], &[-1, 4], "targets names \"c\", the columns are a, b"),
            ("columns: [a, b]", &[-1, 8], &[-1, 4], "the task needs [any, 8, 2]"),
            ("quantiles: [0.5]", &[-1, 8], &[-1, 4, 3], "the task needs [any, 4, 1]"),
            ("scaling: fixed, mean: [1, 2], std: 1", &[-1, 8], &[-1, 4], "mean has 2 numbers, the columns need 1"),
            ("scaling: instance, mean: 1", &[-1, 8], &[-1, 4], "mean and std has 1 numbers"),
        ] {
            let refused = series(task, input, output).unwrap_err();
            assert!(refused.contains(reason), "{task}: {refused}");
        }
    }

    #[test]
    fn what_reads_all_numbers_has_to_be_shown_them() {
        let card = Card::parse("---\nmodelhub:\n  task: { type: token-classification, max_length: 9 }\n---\n").unwrap();
        let port = |name: &str, shape: &[Option<u64>], datatype| Port {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
        };
        let signature = Signature {
            inputs: vec![port("input_ids", &[None, None], Int64)],
            outputs: vec![port("logits", &[None, None, Some(2)], Fp32)],
        };
        let labels = BTreeMap::from([("logits".to_owned(), vec!["O".to_owned(), "B-PER".to_owned()])]);
        let task = card.hub.unwrap().task.unwrap();
        let fit = |shown| task.fit(&signature, &labels, &[], shown).map_err(|error| error.to_string());
        let Kind::TokenClassification { entities, .. } = fit(Output::All).unwrap().kind else { panic!("tokens") };
        assert_eq!((entities.activation, entities.aggregation), (Activation::Softmax, Aggregation::Simple));
        assert!(fit(Output::Rounded).is_ok());
        let refused = fit(Output::TopK).unwrap_err();
        assert_eq!(refused, "answers show top_k, and a token-classification is read from all numbers");
    }
}
