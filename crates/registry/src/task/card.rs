//! The `task:` of a card, as its author wrote it: what is missing is told by the model's signature.

use crate::error::{CardError, Line};
use crate::front_matter::{Field, Node, Value};
use crate::path::FilePath;
use crate::task::{Activation, ColumnKind, Layout, Pooling, Real, TYPES};
use crate::text::clip;

const SCORES: [&str; 3] = ["output", "activation", "top"];
const TEXT: [&str; 5] = ["tokenizer", "max_length", "input", "mask", "types"];

/// What each type of task may say, in the order of [`TYPES`].
const FIELDS: [&[&str]; 6] = [
    &["type", "input", "begin", "end", "block", "padding", "least", SCORES[0], SCORES[1], SCORES[2]],
    &["type", TEXT[0], TEXT[1], TEXT[2], TEXT[3], TEXT[4], "output", "pooling", "normalize"],
    &["type", TEXT[0], TEXT[1], TEXT[2], TEXT[3], TEXT[4], SCORES[0], SCORES[1], SCORES[2]],
    &["type", "input", "width", "height", "resize", "mean", "std", "layout", SCORES[0], SCORES[1], SCORES[2]],
    &["type", "columns", "label", SCORES[0], SCORES[1], SCORES[2]],
    &["type", "columns", "output"],
];

/// The most columns of a row, and the most categories of a column.
const MAX_COLUMNS: usize = 512;
const MAX_CATEGORIES: usize = 1_024;

/// A task as a card says it. Which fields belong to which type was seen to when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskCard {
    /// One of [`TYPES`].
    pub(crate) word: &'static str,
    pub(crate) input: Option<String>,
    pub(crate) mask: Option<String>,
    pub(crate) types: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) begin: Option<u32>,
    pub(crate) end: Option<u32>,
    pub(crate) block: Option<u32>,
    pub(crate) padding: Option<u32>,
    pub(crate) least: Option<u32>,
    pub(crate) tokenizer: Option<FilePath>,
    pub(crate) max_length: Option<u32>,
    pub(crate) pooling: Option<Pooling>,
    pub(crate) normalize: Option<bool>,
    pub(crate) activation: Option<Activation>,
    pub(crate) top: Option<u32>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) resize: Option<u32>,
    pub(crate) mean: Option<[Real; 3]>,
    pub(crate) std: Option<[Real; 3]>,
    pub(crate) layout: Option<Layout>,
    pub(crate) columns: Vec<ColumnCard>,
}

/// A column as a card says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnCard {
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
    pub(crate) categories: Vec<String>,
}

impl TaskCard {
    pub(crate) fn read(node: &Node) -> Result<TaskCard, CardError> {
        let fields = node.fields("modelhub.task", "fields like type: text-classification")?;
        let kind = fields.iter().find(|field| field.name == "type");
        let (given, line) = match kind {
            Some(field) => (field.node.text("modelhub.task.type")?.unwrap_or_default(), field.node.line),
            None => ("", node.line),
        };
        let unknown = || CardError::Choice { field: "modelhub.task.type", line, given: clip(given), allowed: TYPES };
        let at = TYPES.iter().position(|word| *word == given).ok_or_else(unknown)?;
        let mut task = TaskCard { word: TYPES[at], ..TaskCard::default() };
        for field in fields {
            if !FIELDS[at].contains(&field.name.as_str()) {
                let (section, allowed) = ("modelhub.task", FIELDS[at]);
                return Err(CardError::UnknownField { section, field: clip(&field.name), line: field.line, allowed });
            }
            task.take(field)?;
        }
        Ok(task)
    }

    fn take(&mut self, Field { name, node, .. }: &Field) -> Result<(), CardError> {
        match name.as_str() {
            "input" => self.input = text(name, node)?,
            "mask" => self.mask = text(name, node)?,
            "types" => self.types = text(name, node)?,
            "output" => self.output = text(name, node)?,
            "label" => self.label = text(name, node)?,
            "begin" => self.begin = number(name, node, 0, 65_536, "a number of bytes from 0 to 65536")?,
            "end" => self.end = number(name, node, 0, 65_536, "a number of bytes from 0 to 65536")?,
            "block" => self.block = number(name, node, 1, 1 << 20, "a number of bytes from 1 to 1048576")?,
            "padding" => self.padding = number(name, node, 0, 65_535, "a whole number from 0 to 65535")?,
            "least" => self.least = number(name, node, 0, 65_536, "a number of bytes from 0 to 65536")?,
            "tokenizer" => self.tokenizer = path(name, node)?,
            "max_length" => self.max_length = number(name, node, 1, 8_192, "a number of tokens from 1 to 8192")?,
            "pooling" => {
                let read = |word: &str| match word {
                    "mean" => Some(Pooling::Mean),
                    "cls" => Some(Pooling::Cls),
                    "none" => Some(Pooling::None),
                    _ => None,
                };
                self.pooling = word(name, node, read, "mean, cls or none")?;
            }
            "normalize" => {
                let read = |word: &str| match word {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                };
                self.normalize = word(name, node, read, "true or false")?;
            }
            "activation" => {
                let read = |word: &str| match word {
                    "none" => Some(Activation::None),
                    "softmax" => Some(Activation::Softmax),
                    "sigmoid" => Some(Activation::Sigmoid),
                    _ => None,
                };
                self.activation = word(name, node, read, "none, softmax or sigmoid")?;
            }
            "top" => self.top = number(name, node, 1, 100, "a number of labels from 1 to 100")?,
            "width" => self.width = number(name, node, 1, 2_048, "a number of pixels from 1 to 2048")?,
            "height" => self.height = number(name, node, 1, 2_048, "a number of pixels from 1 to 2048")?,
            "resize" => self.resize = number(name, node, 1, 2_048, "a number of pixels from 1 to 2048")?,
            "mean" => self.mean = Some(three(name, node, |_| true, "three numbers, of red, green and blue")?),
            "std" => {
                let rule = "three numbers above 0, of red, green and blue";
                self.std = Some(three(name, node, |number| number > 0.0, rule)?);
            }
            "layout" => {
                let read = |word: &str| match word {
                    "nchw" => Some(Layout::Nchw),
                    "nhwc" => Some(Layout::Nhwc),
                    _ => None,
                };
                self.layout = word(name, node, read, "nchw or nhwc")?;
            }
            "columns" => self.columns = columns(node)?,
            // The type was read before.
            _ => {}
        }
        Ok(())
    }
}

fn whole(name: &str) -> String {
    format!("modelhub.task.{name}")
}

fn wrong(name: &str, line: Line, given: &str, expected: &'static str) -> CardError {
    CardError::Task { field: whole(name), line, given: clip(given), expected }
}

fn text(name: &str, node: &Node) -> Result<Option<String>, CardError> {
    Ok(node.text(&whole(name))?.map(str::to_owned))
}

fn word<T>(
    name: &str,
    node: &Node,
    read: fn(&str) -> Option<T>,
    expected: &'static str,
) -> Result<Option<T>, CardError> {
    let Some(given) = node.text(&whole(name))? else { return Ok(None) };
    read(given).map(Some).ok_or_else(|| wrong(name, node.line, given, expected))
}

fn number(name: &str, node: &Node, least: u32, most: u32, expected: &'static str) -> Result<Option<u32>, CardError> {
    let Some(given) = node.text(&whole(name))? else { return Ok(None) };
    let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| given.parse().ok()).flatten().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| wrong(name, node.line, given, expected))
}

fn path(name: &str, node: &Node) -> Result<Option<FilePath>, CardError> {
    const RULE: &str = "a .json file of the folder, like tokenizer.json";
    let Some(given) = node.text(&whole(name))? else { return Ok(None) };
    let path: Option<FilePath> = given.parse().ok().filter(|_| given.ends_with(".json"));
    path.map(Some).ok_or_else(|| wrong(name, node.line, given, RULE))
}

fn three(name: &str, node: &Node, allowed: fn(f32) -> bool, expected: &'static str) -> Result<[Real; 3], CardError> {
    let given = node.texts(&whole(name), 3)?;
    let refuse = || wrong(name, node.line, &given.join(", "), expected);
    let read = |text: &String| text.parse().ok().filter(|number: &f32| number.is_finite() && allowed(*number));
    let numbers: Option<Vec<f32>> = given.iter().map(read).collect();
    let numbers = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok()).ok_or_else(refuse)?;
    Ok(numbers.map(Real))
}

fn columns(node: &Node) -> Result<Vec<ColumnCard>, CardError> {
    const FIELD: &str = "modelhub.task.columns";
    let fields = node.fields(FIELD, "names with number, category or a list of categories, like age: number")?;
    if fields.len() > MAX_COLUMNS {
        let (field, count) = (FIELD.to_owned(), fields.len());
        return Err(CardError::TooMany { field, line: node.line, count, limit: MAX_COLUMNS });
    }
    let column = |field: &Field| {
        let name = format!("columns.{}", clip(&field.name));
        let read = |word: &str| match word {
            "number" => Some(ColumnKind::Number),
            "category" => Some(ColumnKind::Category),
            _ => None,
        };
        if matches!(field.node.value, Value::List(_)) {
            let categories = field.node.texts(&whole(&name), MAX_CATEGORIES)?;
            return Ok(ColumnCard { name: field.name.clone(), kind: ColumnKind::Category, categories });
        }
        let rule = "number, category or a list of categories";
        let kind = word(&name, &field.node, read, rule)?.ok_or_else(|| wrong(&name, field.line, "", rule))?;
        Ok(ColumnCard { name: field.name.clone(), kind, categories: Vec::new() })
    };
    fields.iter().map(column).collect()
}
