//! The `task:` of a card, as its author wrote it: what is missing is told by the model's signature.

use crate::error::{CardError, Line};
use crate::front_matter::{Field, Node, Value};
use crate::path::FilePath;
use crate::task::characters::{self, Characters};
use crate::task::{
    Activation, Aggregation, Channels, ColumnKind, Coordinates, Double, Fit, Gathering, Layout, Order, Padding,
    Pooling, Real, Scale, TYPES, Unit,
};
use crate::text::clip;

const SCORES: [&str; 3] = ["output", "activation", "top"];
const TEXT: [&str; 5] = ["tokenizer", "max_length", "input", "mask", "types"];

/// What each type of task may say, in the order of [`TYPES`].
const FIELDS: [&[&str]; 11] = [
    &["type", "input", "begin", "end", "block", "padding", "least", SCORES[0], SCORES[1], SCORES[2]],
    &["type", TEXT[0], TEXT[1], TEXT[2], TEXT[3], TEXT[4], "output", "pooling", "normalize"],
    &["type", TEXT[0], TEXT[1], TEXT[2], TEXT[3], TEXT[4], SCORES[0], SCORES[1], SCORES[2]],
    &[
        "type", "input", "width", "height", "resize", "channels", "mean", "std", "layout", SCORES[0], SCORES[1],
        SCORES[2],
    ],
    &["type", "columns", "label", SCORES[0], SCORES[1], SCORES[2]],
    &["type", "columns", "output"],
    &["type", TEXT[0], TEXT[1], TEXT[2], TEXT[3], TEXT[4], "output", "activation", "aggregation"],
    &[
        "type",
        "input",
        "width",
        "height",
        "fit",
        "pad",
        "channels",
        "mean",
        "std",
        "layout",
        "output",
        "boxes_axis",
        "objectness",
        "boxes",
        "scores",
        "classes",
        "coordinates",
        "unit",
        "activation",
        "background",
        "threshold",
        "overlap",
        "most",
    ],
    &[
        "type",
        "input",
        "height",
        "width",
        "least_width",
        "pad",
        "channels",
        "mean",
        "std",
        "layout",
        "output",
        "activation",
        "characters",
        "blank",
    ],
    &[
        "type",
        "input",
        "rate",
        "window",
        "hop",
        "padding",
        "scale",
        "normalize",
        "longest",
        "output",
        "activation",
        "aggregation",
        "top",
        "frame",
        "threshold",
        "most",
    ],
    &[
        "type",
        "input",
        "columns",
        "window",
        "order",
        "scaling",
        "mean",
        "std",
        "output",
        "horizon",
        "targets",
        "quantiles",
    ],
];

/// The most columns of a row, and the most categories of a column.
const MAX_COLUMNS: usize = 512;
const MAX_CATEGORIES: usize = 1_024;
/// The most quantiles of a forecast.
const MAX_QUANTILES: usize = 99;
/// What a history may have beside its columns.
const HISTORY: [&str; 4] = ["history", "start", "step", "time"];

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
    pub(crate) aggregation: Option<Aggregation>,
    pub(crate) channels: Option<Channels>,
    pub(crate) fit: Option<Fit>,
    pub(crate) pad: Option<Real>,
    pub(crate) boxes_axis: Option<u32>,
    pub(crate) objectness: Option<bool>,
    pub(crate) boxes: Option<String>,
    pub(crate) scores: Option<String>,
    pub(crate) classes: Option<String>,
    pub(crate) coordinates: Option<Coordinates>,
    pub(crate) unit: Option<Unit>,
    pub(crate) background: Option<u32>,
    pub(crate) threshold: Option<Real>,
    pub(crate) overlap: Option<Real>,
    pub(crate) most: Option<u32>,
    pub(crate) least_width: Option<u32>,
    pub(crate) characters: Option<Characters>,
    pub(crate) blank: Option<u32>,
    pub(crate) rate: Option<u32>,
    pub(crate) window: Option<u32>,
    pub(crate) hop: Option<u32>,
    pub(crate) padding_by: Option<Padding>,
    pub(crate) scale: Option<Scale>,
    pub(crate) longest: Option<u32>,
    pub(crate) gathering: Option<Gathering>,
    pub(crate) frame: Option<u32>,
    /// Of a history; those of a table are `columns`.
    pub(crate) series: Vec<String>,
    pub(crate) order: Option<Order>,
    pub(crate) scaling: Option<ScalingCard>,
    pub(crate) means: Vec<Double>,
    pub(crate) stds: Vec<Double>,
    pub(crate) horizon: Option<u32>,
    pub(crate) targets: Vec<String>,
    pub(crate) quantiles: Vec<String>,
}

/// How a history is scaled; with which numbers stands in `mean` and `std`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalingCard {
    None,
    Fixed,
    Instance,
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
            "mean" | "std" if self.word == SERIES => {
                let numbers = doubles(name, node)?;
                if name == "mean" { self.means = numbers } else { self.stds = numbers }
            }
            "columns" if self.word == SERIES => self.series = names(name, node)?,
            "padding" if self.word == SOUND => {
                self.padding_by = word(name, node, Padding::from_word, Padding::EXPECTED)?;
            }
            "aggregation" if self.word == SOUND => {
                self.gathering = word(name, node, Gathering::from_word, Gathering::EXPECTED)?;
            }
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
            "normalize" => self.normalize = truth(name, node)?,
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
            "mean" => {
                self.mean = Some(three(name, node, |_| true, "three numbers, of red, green and blue, or one for all")?)
            }
            "std" => {
                let rule = "three numbers above 0, of red, green and blue, or one for all";
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
            _ => return self.take_more(name, node),
        }
        Ok(())
    }

    /// The fields of tasks of tokens, boxes, lines, sounds and histories.
    fn take_more(&mut self, name: &str, node: &Node) -> Result<(), CardError> {
        const SAMPLES: &str = "a number of samples from 1 to 16777216";
        const MOST_SAMPLES: u32 = 1 << 24;
        match name {
            "aggregation" => self.aggregation = word(name, node, Aggregation::from_word, Aggregation::EXPECTED)?,
            "channels" => self.channels = word(name, node, Channels::from_word, Channels::EXPECTED)?,
            "fit" => self.fit = word(name, node, Fit::from_word, Fit::EXPECTED)?,
            "pad" => self.pad = real(name, node, 0.0, 255.0, "the value of a pixel, a number from 0 to 255")?,
            "boxes_axis" => {
                self.boxes_axis = number(name, node, 1, 2, "1 for [n, boxes, values], 2 for [n, values, boxes]")?
            }
            "objectness" => self.objectness = truth(name, node)?,
            "boxes" => self.boxes = text(name, node)?,
            "scores" => self.scores = text(name, node)?,
            "classes" => self.classes = text(name, node)?,
            "coordinates" => self.coordinates = word(name, node, Coordinates::from_word, Coordinates::EXPECTED)?,
            "unit" => self.unit = word(name, node, Unit::from_word, Unit::EXPECTED)?,
            "background" => self.background = number(name, node, 0, 100_000, "the place of a class, from 0 to 100000")?,
            "threshold" => self.threshold = real(name, node, 0.0, 1.0, "a score from 0 to 1")?,
            "overlap" => self.overlap = real(name, node, 0.0, 1.0, "a share from 0 to 1")?,
            "most" => self.most = number(name, node, 1, 300, "a whole number from 1 to 300")?,
            "least_width" => self.least_width = number(name, node, 1, 4_096, "a number of pixels from 1 to 4096")?,
            "characters" => self.characters = characters::read(node)?,
            "blank" => self.blank = number(name, node, 0, 100_000, "the place of a class, from 0 to 100000")?,
            "rate" => self.rate = number(name, node, 1_000, 192_000, "samples a second, from 1000 to 192000")?,
            "window" if self.word == SERIES => {
                self.window = number(name, node, 1, 65_536, "a number of steps from 1 to 65536")?;
            }
            "window" => self.window = number(name, node, 1, MOST_SAMPLES, SAMPLES)?,
            "hop" => self.hop = number(name, node, 1, MOST_SAMPLES, SAMPLES)?,
            "frame" => self.frame = number(name, node, 1, MOST_SAMPLES, SAMPLES)?,
            "scale" => self.scale = word(name, node, Scale::from_word, Scale::EXPECTED)?,
            "longest" => self.longest = number(name, node, 1, 600, "a number of seconds from 1 to 600")?,
            "order" => self.order = word(name, node, Order::from_word, Order::EXPECTED)?,
            "scaling" => {
                let read = |word: &str| match word {
                    "none" => Some(ScalingCard::None),
                    "fixed" => Some(ScalingCard::Fixed),
                    "instance" => Some(ScalingCard::Instance),
                    _ => None,
                };
                self.scaling = self::word(name, node, read, "none, fixed or instance")?;
            }
            "horizon" => self.horizon = number(name, node, 1, 16_384, "a number of steps from 1 to 16384")?,
            "targets" => self.targets = names(name, node)?,
            "quantiles" => self.quantiles = quantiles(name, node)?,
            // The type was read before.
            _ => {}
        }
        Ok(())
    }
}

const SOUND: &str = "audio-classification";
const SERIES: &str = "time-series-forecasting";

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

fn truth(name: &str, node: &Node) -> Result<Option<bool>, CardError> {
    let read = |word: &str| match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    word(name, node, read, "true or false")
}

fn real(name: &str, node: &Node, least: f32, most: f32, expected: &'static str) -> Result<Option<Real>, CardError> {
    let Some(given) = node.text(&whole(name))? else { return Ok(None) };
    let number = given.parse().ok().filter(|number: &f32| (least..=most).contains(number));
    number.map(|number| Some(Real(number))).ok_or_else(|| wrong(name, node.line, given, expected))
}

/// One for each column of a history.
fn doubles(name: &str, node: &Node) -> Result<Vec<Double>, CardError> {
    const RULE: &str = "a number for each column, in their order; those of std above 0";
    let given = node.texts(&whole(name), MAX_COLUMNS)?;
    let allowed = |number: &f64| number.is_finite() && (name == "mean" || *number > 0.0);
    let read = |text: &String| text.parse().ok().filter(allowed).map(Double);
    let numbers: Option<Vec<Double>> = given.iter().map(read).collect();
    numbers.ok_or_else(|| wrong(name, node.line, &given.join(", "), RULE))
}

/// Names of a history's columns.
fn names(name: &str, node: &Node) -> Result<Vec<String>, CardError> {
    const RULE: &str = "names that differ, none of them history, start, step or time";
    let names = node.texts(&whole(name), MAX_COLUMNS)?;
    let twice = |at: usize| names[..at].contains(&names[at]);
    let bad = (0..names.len()).find(|at| {
        let name = names[*at].as_str();
        name.trim().is_empty() || HISTORY.contains(&name) || twice(*at)
    });
    bad.map_or(Ok(()), |at| Err(wrong(name, node.line, &names[at], RULE)))?;
    Ok(names)
}

fn quantiles(name: &str, node: &Node) -> Result<Vec<String>, CardError> {
    const RULE: &str = "numbers between 0 and 1 that rise, like [0.1, 0.5, 0.9]";
    let given = node.texts(&whole(name), MAX_QUANTILES)?;
    let read = |text: &String| text.parse().ok().filter(|number: &f64| *number > 0.0 && *number < 1.0);
    let numbers: Option<Vec<f64>> = given.iter().map(read).collect();
    let rise = numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[0] < pair[1]));
    if rise { Ok(given) } else { Err(wrong(name, node.line, &given.join(", "), RULE)) }
}

fn three(name: &str, node: &Node, allowed: fn(f32) -> bool, expected: &'static str) -> Result<[Real; 3], CardError> {
    let mut given = node.texts(&whole(name), 3)?;
    if given.len() == 1 {
        given = vec![given.swap_remove(0); 3];
    }
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
