//! ONNX, as the fields of its Protocol Buffers: what its nodes ask for, where its numbers lie, how much it announces.
//!
//! Field numbers are those of `onnx.proto`; a message that is there twice is looked at twice, for readers join both.

use std::collections::{BTreeMap, HashSet};

use crate::proto::{Value, field, skip_to, text, varint};
use crate::report::{Code, Found};
use crate::source::{Source, Stop, Walk};
use crate::zip::leads_out;

/// Graphs in nodes in graphs.
const MAX_DEPTH: u32 = 32;
/// More nodes, or initialisers, than any model has.
const MAX_COUNT: u64 = 2_000_000;
/// Operators of others and functions that are told apart.
const MAX_NAMES: usize = 4_096;
const MAX_NAME: usize = 200;
const LISTED: usize = 6;

/// Domains whose operators ONNX Runtime has.
const DOMAINS: &[&str] = &[
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.preview",
    "ai.onnx.preview.training",
    "ai.onnx.training",
    "com.microsoft",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
];

/// What the outermost fields look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Of a model: there is a graph.
    Model,
    /// Of a model that TensorFlow has saved.
    TensorFlow,
    Other,
}

/// Whether a file can be read as a message at all, to its very end, and as which.
pub(crate) fn shape(source: &mut dyn Source, size: u64) -> Shape {
    let (mut graph, mut saved) = (false, [false; 2]);
    let mut only_saved = true;
    loop {
        let (number, value) = match field(source, size) {
            Ok(Some(field)) => field,
            Ok(None) if graph => return Shape::Model,
            Ok(None) if only_saved && saved == [true; 2] => return Shape::TensorFlow,
            _ => return Shape::Other,
        };
        match (number, value) {
            (1, Value::Number(1)) => saved[0] = true,
            (2, Value::Bytes { .. }) => saved[1] = true,
            _ => only_saved = false,
        }
        graph |= number == 7 && matches!(value, Value::Bytes { .. });
        if let Value::Bytes { end } = value
            && skip_to(source, end).is_err()
        {
            return Shape::Other;
        }
    }
}

pub(crate) fn walk(source: &mut dyn Source, size: u64, found: &mut Found) {
    let mut model = Model { size, ..Model::default() };
    let looked = model.look(source, size, found);
    model.say(found);
    if let Err(stop) = looked {
        found.stopped(&stop, "");
    }
}

#[derive(Default)]
struct Model {
    size: u64,
    nodes: u64,
    tensors: u64,
    external: u64,
    opset: Option<u64>,
    /// What nodes ask for beyond the known domains.
    operators: BTreeMap<(String, String), u64>,
    /// What the file brings along itself.
    functions: HashSet<(String, String)>,
    /// Names of files that tensors lie in.
    files: Vec<String>,
}

impl Model {
    fn look(&mut self, source: &mut dyn Source, end: u64, found: &mut Found) -> Walk<()> {
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            match number {
                7 => self.graph(source, end, 0, found)?,
                8 => self.opset(source, end)?,
                20 => self.training(source, end, found)?,
                25 => self.function(source, end, found)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        Ok(())
    }

    fn opset(&mut self, source: &mut dyn Source, end: u64) -> Walk<()> {
        let (mut domain, mut version) = (String::new(), None);
        while let Some((number, value)) = field(source, end)? {
            match (number, value) {
                (1, Value::Bytes { end }) => domain = text(source, end, MAX_NAME)?,
                (2, Value::Number(number)) => version = Some(number),
                (_, Value::Bytes { end }) => skip_to(source, end)?,
                _ => {}
            }
        }
        if domain.is_empty() || domain == "ai.onnx" {
            self.opset = version.or(self.opset);
        }
        Ok(())
    }

    /// Graphs that belong to training.
    fn training(&mut self, source: &mut dyn Source, end: u64, found: &mut Found) -> Walk<()> {
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            if matches!(number, 1 | 2) {
                self.graph(source, end, 0, found)?;
            }
            skip_to(source, end)?;
        }
        Ok(())
    }

    fn function(&mut self, source: &mut dyn Source, end: u64, found: &mut Found) -> Walk<()> {
        let (mut name, mut domain) = (String::new(), String::new());
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            match number {
                1 => name = text(source, end, MAX_NAME)?,
                10 => domain = text(source, end, MAX_NAME)?,
                7 => self.node(source, end, 0, found)?,
                11 => self.attribute(source, end, 0, found)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        if self.functions.len() < MAX_NAMES {
            self.functions.insert((domain, name));
        }
        Ok(())
    }

    fn graph(&mut self, source: &mut dyn Source, end: u64, depth: u32, found: &mut Found) -> Walk<()> {
        if depth > MAX_DEPTH {
            found.add(Code::Nesting, format!("graphs lie more than {MAX_DEPTH} deep in nodes"), "");
            return Ok(());
        }
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            match number {
                1 => self.node(source, end, depth, found)?,
                5 => self.tensor(source, end, found)?,
                15 => self.sparse(source, end, found)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        Ok(())
    }

    fn node(&mut self, source: &mut dyn Source, end: u64, depth: u32, found: &mut Found) -> Walk<()> {
        self.nodes += 1;
        if self.nodes > MAX_COUNT {
            return Err(Stop::Spent);
        }
        let (mut operator, mut domain) = (String::new(), String::new());
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            match number {
                4 => operator = text(source, end, MAX_NAME)?,
                5 => self.attribute(source, end, depth, found)?,
                7 => domain = text(source, end, MAX_NAME)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        if !DOMAINS.contains(&domain.as_str()) {
            let operator = (domain, operator);
            if self.operators.len() < MAX_NAMES || self.operators.contains_key(&operator) {
                *self.operators.entry(operator).or_default() += 1;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, source: &mut dyn Source, end: u64, depth: u32, found: &mut Found) -> Walk<()> {
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            match number {
                5 | 10 => self.tensor(source, end, found)?,
                6 | 11 => self.graph(source, end, depth + 1, found)?,
                22 | 23 => self.sparse(source, end, found)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        Ok(())
    }

    fn sparse(&mut self, source: &mut dyn Source, end: u64, found: &mut Found) -> Walk<()> {
        while let Some((number, value)) = field(source, end)? {
            let Value::Bytes { end } = value else { continue };
            if matches!(number, 1 | 2) {
                self.tensor(source, end, found)?;
            }
            skip_to(source, end)?;
        }
        Ok(())
    }

    fn tensor(&mut self, source: &mut dyn Source, end: u64, found: &mut Found) -> Walk<()> {
        self.tensors += 1;
        if self.tensors > MAX_COUNT {
            return Err(Stop::Spent);
        }
        let mut tensor = Tensor { elements: Some(1), ..Tensor::default() };
        while let Some((number, value)) = field(source, end)? {
            match (number, value) {
                (1, Value::Number(axis)) => tensor.axis(axis),
                (1, Value::Bytes { end }) => {
                    while source.at() < end {
                        source.step()?;
                        let axis = varint(source)?;
                        tensor.axis(axis);
                    }
                }
                (2, Value::Number(kind)) => tensor.kind = kind,
                (8, Value::Bytes { end }) => tensor.name = text(source, end, MAX_NAME)?,
                (9, Value::Bytes { end }) => {
                    tensor.raw = true;
                    tensor.data += end - source.at();
                }
                // Typed numbers: packed, or one by one.
                (4..=7 | 10 | 11, Value::Bytes { end }) => tensor.data += end - source.at(),
                (4..=7 | 10 | 11, _) => tensor.data += 8,
                (13, Value::Bytes { end }) => self.elsewhere(source, end, &mut tensor)?,
                (14, Value::Number(place)) => tensor.external |= place == 1,
                _ => {}
            }
            if let Value::Bytes { end } = value {
                skip_to(source, end)?;
            }
        }
        self.judge(tensor, found);
        Ok(())
    }

    /// One of the pairs that say in which file a tensor lies.
    fn elsewhere(&mut self, source: &mut dyn Source, end: u64, tensor: &mut Tensor) -> Walk<()> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some((number, pair)) = field(source, end)? {
            let Value::Bytes { end } = pair else { continue };
            match number {
                1 => key = text(source, end, MAX_NAME)?,
                2 => value = text(source, end, MAX_NAME)?,
                _ => {}
            }
            skip_to(source, end)?;
        }
        if key == "location" {
            tensor.location = Some(value);
        }
        Ok(())
    }

    fn judge(&mut self, tensor: Tensor, found: &mut Found) {
        let place = if tensor.name.is_empty() { String::new() } else { format!("tensor {}", tensor.name) };
        if tensor.external || tensor.location.is_some() {
            self.external += 1;
            let location = tensor.location.unwrap_or_default();
            if leads_out(&location) {
                let text = format!("its numbers lie in \"{location}\", which leads out of the folder");
                found.add(Code::OutsidePath, text, &place);
            }
            if self.files.len() < LISTED && !self.files.contains(&location) {
                self.files.push(location);
            }
            return;
        }
        let Some(bits) = bits(tensor.kind) else { return };
        let Some(elements) = tensor.elements else {
            found.add(Code::SizeBomb, "its shape has more elements than can be counted".to_owned(), &place);
            return;
        };
        let bytes = elements.saturating_mul(bits).div_ceil(8);
        // Typed numbers are written with a byte each at least, those below a byte two at a time.
        let least = if tensor.raw { bytes } else { elements / (8 / bits.min(8)).max(1) };
        if least <= tensor.data {
            if tensor.raw && tensor.data != bytes {
                let text = format!("its shape takes {bytes} bytes, it has {}", tensor.data);
                found.add(Code::SizeMismatch, text, &place);
            }
        } else if bytes > self.size {
            let text = format!("its shape takes {bytes} bytes, the whole file has {}", self.size);
            found.add(Code::SizeBomb, text, &place);
        } else {
            let text = format!("its shape takes {bytes} bytes, it has {}", tensor.data);
            found.add(Code::SizeMismatch, text, &place);
        }
    }

    fn say(&self, found: &mut Found) {
        let opset = self.opset.map(|opset| format!(", opset {opset}")).unwrap_or_default();
        found.summary =
            format!("{} nodes, {} tensors, {} functions{opset}", self.nodes, self.tensors, self.functions.len());
        if self.external > 0 {
            let files = self.files.iter().map(|file| format!("\"{file}\"")).collect::<Vec<_>>().join(", ");
            let text = format!("the numbers of {} tensors lie in other files: {files}", self.external);
            found.add(Code::ExternalData, text, "");
        }
        let others = self.operators.keys().filter(|operator| !self.functions.contains(operator));
        let others: Vec<String> = others.map(|(domain, operator)| format!("{domain}:{operator}")).collect();
        if !others.is_empty() {
            let mut text =
                format!("operators beyond the standard ones: {}", others[..others.len().min(LISTED)].join(", "));
            if others.len() > LISTED {
                text += &format!(" and {} more", others.len() - LISTED);
            }
            found.add(Code::CustomOperator, text, "");
        }
    }
}

#[derive(Default)]
struct Tensor {
    name: String,
    kind: u64,
    /// None when they cannot be counted.
    elements: Option<u64>,
    /// Bytes of numbers.
    data: u64,
    raw: bool,
    external: bool,
    location: Option<String>,
}

impl Tensor {
    fn axis(&mut self, axis: u64) {
        // Axes are signed: one below zero is none.
        let axis = u64::try_from(axis as i64).ok();
        self.elements = self.elements.zip(axis).and_then(|(elements, axis)| elements.checked_mul(axis));
    }
}

/// Of an element; of texts and unknown types none is said.
fn bits(kind: u64) -> Option<u64> {
    Some(match kind {
        2 | 3 | 9 | 17..=20 | 24 => 8,
        4 | 5 | 10 | 16 => 16,
        1 | 6 | 12 => 32,
        7 | 11 | 13 | 14 => 64,
        15 => 128,
        21..=23 => 4,
        25 | 26 => 2,
        _ => return None,
    })
}
