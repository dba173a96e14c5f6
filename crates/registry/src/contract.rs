//! Contracts: what a release promises its callers, and what a change of it means for them.
//!
//! Always: a minor change leaves every request that worked working and every answer readable by who read it before;
//! anything else is major, with a sentence for each reason.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tensor::{Port, Signature};

use crate::remote::Remote;
use crate::section::Output;
use crate::task::Task;
use crate::text::clip;

/// What a release promises. Frozen with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Of this form itself: 1.
    #[serde(deserialize_with = "known_version")]
    pub version: u32,
    pub signature: Signature,
    /// What the values on the last axis of an output are called, by the output's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub output: Output,
    /// How many examples the dry run could repeat.
    #[serde(default)]
    pub examples: u32,
    /// How long a call may take.
    pub deadline_ms: u64,
    /// Calls share a run as long as their rows, the first axis, come to no more than this; 1: each has its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch_rows: u64,
    /// What it does for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The server that runs it; none: the hub does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
}

fn one() -> u64 {
    1
}

fn is_one(rows: &u64) -> bool {
    *rows == 1
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        Contract::VERSION => Ok(Contract::VERSION),
        other => Err(D::Error::custom(format!("contract version {other}: this program reads version 1"))),
    }
}

/// What the step from one contract to the next means for callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Nothing changed.
    Same,
    /// Nothing a caller relies on changed; sentences say what did.
    Minor { what: Vec<String> },
    /// Callers may have to change; sentences say why.
    Major { why: Vec<String> },
}

impl Contract {
    pub const VERSION: u32 = 1;

    /// What the step from this contract to `next` means for callers.
    pub fn change(&self, next: &Contract) -> Change {
        let mut steps = Steps::default();
        ports(&mut steps, Side::Input, &self.signature.inputs, &next.signature.inputs);
        ports(&mut steps, Side::Output, &self.signature.outputs, &next.signature.outputs);
        labels(&mut steps, &self.labels, &next.labels);
        if self.output != next.output {
            steps.major(format!("Answers show \"{}\" instead of \"{}\".", next.output, self.output));
        }
        if self.examples != next.examples {
            steps.minor(format!("There are {} examples instead of {}.", next.examples, self.examples));
        }
        if self.deadline_ms != next.deadline_ms {
            let (old, new) = (self.deadline_ms, next.deadline_ms);
            steps.minor(format!("A call may take {new} ms instead of {old} ms."));
        }
        if self.batch_rows != next.batch_rows {
            steps.minor(format!("Up to {} rows share a run instead of {}.", next.batch_rows, self.batch_rows));
        }
        task(&mut steps, self.task.as_ref(), next.task.as_ref());
        remote(&mut steps, self.remote.as_ref(), next.remote.as_ref());
        match steps {
            Steps { why, .. } if !why.is_empty() => Change::Major { why },
            Steps { what, .. } if !what.is_empty() => Change::Minor { what },
            _ => Change::Same,
        }
    }
}

#[derive(Default)]
struct Steps {
    what: Vec<String>,
    why: Vec<String>,
}

impl Steps {
    fn minor(&mut self, what: String) {
        self.what.push(what);
    }

    fn major(&mut self, why: String) {
        self.why.push(why);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Input,
    Output,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Side::Input => "input",
            Side::Output => "output",
        }
    }
}

/// Ports are known by name, so their order is nobody's concern but the page's.
fn ports(steps: &mut Steps, side: Side, old: &[Port], new: &[Port]) {
    let word = side.word();
    let by_name = |ports: &[Port]| -> BTreeMap<String, Port> {
        ports.iter().map(|port| (port.name.clone(), port.clone())).collect()
    };
    let (old_by_name, new_by_name) = (by_name(old), by_name(new));
    for (name, port) in &old_by_name {
        match new_by_name.get(name) {
            Some(next) => one_port(steps, side, port, next),
            None => steps.major(format!("The {word} \"{}\" is gone.", clip(name))),
        }
    }
    for name in new_by_name.keys().filter(|name| !old_by_name.contains_key(*name)) {
        steps.major(format!("The {word} \"{}\" is new.", clip(name)));
    }
    let order = |ports: &[Port]| ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>();
    if old_by_name.len() == new_by_name.len() && old_by_name.keys().eq(new_by_name.keys()) && order(old) != order(new) {
        steps.minor(format!("The {word}s stand in another order."));
    }
}

fn one_port(steps: &mut Steps, side: Side, old: &Port, new: &Port) {
    let what = format!("The {} \"{}\"", side.word(), clip(&old.name));
    if old.datatype != new.datatype {
        steps.major(format!("{what} has the type {} instead of {}.", new.datatype, old.datatype));
    }
    if old.shape.len() != new.shape.len() {
        steps.major(format!("{what} has {} axes instead of {}.", new.shape.len(), old.shape.len()));
        return;
    }
    for (axis, (old, new)) in old.shape.iter().zip(&new.shape).enumerate() {
        match (old, new) {
            _ if old == new => {}
            // What fitted still fits.
            (Some(old), None) if side == Side::Input => {
                steps.minor(format!("{what} takes any size on axis {axis}, not only {old}."));
            }
            _ => steps.major(format!("{what} has size {} instead of {} on axis {axis}.", size(*new), size(*old))),
        }
    }
}

/// Answers for people are read by people's programs: any other task is major.
fn task(steps: &mut Steps, old: Option<&Task>, new: Option<&Task>) {
    match (old, new) {
        (None, None) => {}
        // Whoever sends tensors notices nothing.
        (None, Some(new)) => steps.minor(format!("There is a task now: {}.", new.word())),
        (Some(old), None) => steps.major(format!("The task {} is gone.", old.word())),
        (Some(old), Some(new)) if old == new => {}
        (Some(old), Some(new)) if old.word() == new.word() => {
            steps.major(format!("The task {} reads or answers otherwise.", new.word()));
        }
        (Some(old), Some(new)) => steps.major(format!("The task is {} instead of {}.", new.word(), old.word())),
    }
}

/// Where a model runs is where its inputs go: they do not leave the hub without a major release.
fn remote(steps: &mut Steps, old: Option<&Remote>, new: Option<&Remote>) {
    match (old, new) {
        (None, Some(new)) => steps.major(format!("It runs on {} instead of the hub.", new.host())),
        (Some(old), None) => steps.minor(format!("It runs on the hub instead of {}.", old.host())),
        (Some(old), Some(new)) if old != new => steps.minor(format!("It runs as {new} instead of {old}.")),
        _ => {}
    }
}

fn size(axis: Option<u64>) -> String {
    axis.map_or_else(|| "any".to_owned(), |size| size.to_string())
}

fn labels(steps: &mut Steps, old: &BTreeMap<String, Vec<String>>, new: &BTreeMap<String, Vec<String>>) {
    for (output, old) in old {
        let what = format!("The output \"{}\"", clip(output));
        match new.get(output) {
            None => steps.major(format!("{what} has no labels any more.")),
            Some(new) if old.len() != new.len() => {
                steps.major(format!("{what} has {} labels instead of {}.", new.len(), old.len()));
            }
            Some(new) => {
                if let Some(index) = (0..old.len()).find(|index| old[*index] != new[*index]) {
                    let (old, new) = (clip(&old[index]), clip(&new[index]));
                    steps.major(format!("{what} has the label \"{new}\" instead of \"{old}\" at place {index}."));
                }
            }
        }
    }
    for output in new.keys().filter(|output| !old.contains_key(*output)) {
        // Where numbers were answered, texts may be now.
        steps.major(format!("The output \"{}\" has labels now.", clip(output)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Activation, Bytes, Kind, Scores};
    use tensor::DataType;

    /// An edit of the contract below and the sentence that tells of it.
    type Case = (fn(&mut Contract), &'static str);

    fn contract() -> Contract {
        let port = |name: &str, datatype, shape: &[Option<u64>]| Port {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
        };
        Contract {
            version: 1,
            signature: Signature {
                inputs: vec![port("x", DataType::Fp32, &[None, Some(4)]), port("mask", DataType::Int64, &[None])],
                outputs: vec![port("scores", DataType::Fp32, &[None, Some(2)])],
            },
            labels: BTreeMap::from([("scores".to_owned(), vec!["cat".to_owned(), "dog".to_owned()])]),
            output: Output::All,
            examples: 2,
            deadline_ms: 30_000,
            batch_rows: 1,
            task: None,
            remote: None,
        }
    }

    #[test]
    fn a_contract_reads_back_from_its_json() {
        let json = serde_json::to_value(contract()).unwrap();
        assert_eq!(json["signature"]["inputs"][0]["shape"], serde_json::json!([-1, 4]));
        assert_eq!(serde_json::from_value::<Contract>(json.clone()).unwrap(), contract());
        let later = serde_json::from_str::<Contract>(&json.to_string().replace("\"version\":1", "\"version\":2"));
        assert!(later.unwrap_err().to_string().contains("contract version 2"));
    }

    #[test]
    fn what_callers_never_notice_is_minor() {
        assert_eq!(contract().change(&contract()), Change::Same);
        let cases: [Case; 4] = [
            (|c| c.examples = 3, "There are 3 examples instead of 2."),
            (|c| c.deadline_ms = 1, "A call may take 1 ms instead of 30000 ms."),
            (|c| c.signature.inputs[0].shape[1] = None, "The input \"x\" takes any size on axis 1, not only 4."),
            (|c| c.signature.inputs.reverse(), "The inputs stand in another order."),
        ];
        for (edit, sentence) in cases {
            let mut next = contract();
            edit(&mut next);
            assert_eq!(contract().change(&next), Change::Minor { what: vec![sentence.to_owned()] });
        }
    }

    #[test]
    fn another_task_is_another_promise() {
        let task = |top| {
            let (begin, end, block, padding, least) = (1, 1, 1, 0, 0);
            let bytes = Bytes { input: "x".to_owned(), begin, end, block, padding, least };
            let scores = Scores { output: "scores".to_owned(), activation: Activation::None, top };
            Some(Task { version: 1, kind: Kind::FileType { bytes, scores } })
        };
        let with = |task| Contract { task, ..contract() };
        let what = vec!["There is a task now: file-type.".to_owned()];
        assert_eq!(contract().change(&with(task(1))), Change::Minor { what });
        assert_eq!(with(task(1)).change(&with(task(1))), Change::Same);
        for (next, sentence) in [(None, "is gone."), (task(2), "reads or answers otherwise.")] {
            let Change::Major { why } = with(task(1)).change(&with(next)) else { panic!("{sentence} was not noticed") };
            assert_eq!(why, [format!("The task file-type {sentence}")]);
        }
        let json = serde_json::to_string(&with(task(1))).unwrap();
        assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), with(task(1)));
        let later = json.replace("\"task\":{\"version\":1", "\"task\":{\"version\":2");
        assert!(serde_json::from_str::<Contract>(&later).unwrap_err().to_string().contains("task version 2"));
    }

    #[test]
    fn inputs_leave_the_hub_only_with_a_major_release() {
        let at = |host: &str| {
            let remote = Remote::new(&format!("https://{host}"), "net", None).unwrap();
            Contract { remote: Some(remote), ..contract() }
        };
        let (one, other) = (at("one.example"), at("other.example"));
        let why = vec!["It runs on one.example instead of the hub.".to_owned()];
        assert_eq!(contract().change(&one), Change::Major { why });
        assert_eq!(one.change(&one), Change::Same);
        let what = vec!["It runs as net on other.example instead of net on one.example.".to_owned()];
        assert_eq!(one.change(&other), Change::Minor { what });
        let what = vec!["It runs on the hub instead of one.example.".to_owned()];
        assert_eq!(one.change(&contract()), Change::Minor { what });
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), one);
        assert!(!serde_json::to_string(&contract()).unwrap().contains("remote"), "older releases read as they did");
    }

    #[test]
    fn what_can_break_a_caller_is_major_and_says_why() {
        let cases: [Case; 15] = [
            (|c| drop(c.signature.inputs.pop()), "The input \"mask\" is gone."),
            (
                |c| {
                    let mut port = c.signature.inputs[0].clone();
                    port.name = "y".to_owned();
                    c.signature.inputs.push(port);
                },
                "The input \"y\" is new.",
            ),
            (|c| c.signature.inputs[1].name = "m".to_owned(), "The input \"mask\" is gone."),
            (|c| c.signature.outputs[0].name = "s".to_owned(), "The output \"s\" is new."),
            (|c| c.signature.inputs[0].datatype = DataType::Fp64, "has the type FP64 instead of FP32."),
            (|c| c.signature.inputs[0].shape.push(None), "The input \"x\" has 3 axes instead of 2."),
            (|c| c.signature.inputs[0].shape[0] = Some(1), "has size 1 instead of any on axis 0."),
            (|c| c.signature.inputs[0].shape[1] = Some(5), "has size 5 instead of 4 on axis 1."),
            (|c| c.signature.outputs[0].shape[1] = None, "The output \"scores\" has size any instead of 2 on axis 1."),
            (|c| c.signature.outputs[0].shape[0] = Some(1), "has size 1 instead of any on axis 0."),
            (|c| c.labels.clear(), "The output \"scores\" has no labels any more."),
            (|c| c.labels.get_mut("scores").unwrap().reverse(), "the label \"dog\" instead of \"cat\" at place 0."),
            (|c| c.labels.get_mut("scores").unwrap().push("eel".to_owned()), "has 3 labels instead of 2."),
            (|c| drop(c.labels.insert("more".to_owned(), vec![])), "The output \"more\" has labels now."),
            (|c| c.output = Output::TopK, "Answers show \"top_k\" instead of \"all\"."),
        ];
        for (edit, sentence) in cases {
            let mut next = contract();
            edit(&mut next);
            next.examples = 9;
            let Change::Major { why } = contract().change(&next) else { panic!("{sentence} was not noticed") };
            assert!(why.iter().any(|reason| reason.ends_with(sentence)), "{why:?}");
        }
    }
}
