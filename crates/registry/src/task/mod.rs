//! Tasks: how values that people have become a release's tensors, and its outputs values again.
//!
//! Always: a task is plain data, whole and sealed with its release: every port it fills or reads is named in it, and no
//! file or default of tomorrow can change what it says. A card may leave out what the model's signature tells.
//!
//! Absent on purpose: doing it. The crate `tasks` reads texts, pictures and rows; here is only what is promised.
//!
//! To add a task: a variant of [`Kind`] and its word in [`TYPES`], its fields in `card.rs`, what it asks of a signature
//! in `fit.rs`, its two directions in the crate `tasks`, an example in `docs/publishing.md`.

/// Words of a card that are one of a few.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, { $($(#[$told:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$told])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub(crate) const EXPECTED: &'static str = $expected;

            pub(crate) fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

mod card;
mod characters;
mod entities;
mod fit;
mod line;
mod objects;
mod picture;
mod series;
mod sound;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::path::FilePath;

pub use card::TaskCard;
pub use characters::{Characters, CharactersError};
pub use entities::{Aggregation, Entities};
pub use fit::TaskError;
pub use line::{Line, Reading};
pub use objects::{Coordinates, Form, Objects, Unit};
pub use picture::{Channels, Fit, Layout, Letterbox, Picture};
pub use series::{Forecast, MAX_ANSWERS, Order, Scaling, Series};
pub use sound::{Gathering, Hearing, Padding, Scale, Sound};

/// The words of a card, in their order.
pub const TYPES: &[&str] = &[
    "file-type",
    "feature-extraction",
    "text-classification",
    "image-classification",
    "tabular-classification",
    "tabular-regression",
    "token-classification",
    "object-detection",
    "image-to-text",
    "audio-classification",
    "time-series-forecasting",
];

/// What a release does for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Of this form itself: 1.
    #[serde(deserialize_with = "known_version")]
    pub version: u32,
    #[serde(flatten)]
    pub kind: Kind,
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        Task::VERSION => Ok(Task::VERSION),
        other => Err(D::Error::custom(format!("task version {other}: this program reads version 1"))),
    }
}

/// Which task, with all there is to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Kind {
    /// Bytes of a file to a label.
    FileType { bytes: Bytes, scores: Scores },
    /// A text to numbers that lie near those of like texts.
    FeatureExtraction { text: Text, vector: Vector },
    /// A text to a label.
    TextClassification { text: Text, scores: Scores },
    /// A picture to a label.
    ImageClassification { picture: Picture, scores: Scores },
    /// A row of a table to a label.
    TabularClassification {
        columns: Vec<Column>,
        /// The output that is the label itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scores: Option<Scores>,
    },
    /// A row of a table to a number.
    TabularRegression { columns: Vec<Column>, output: String },
    /// A text to the names and other things it speaks of.
    TokenClassification { text: Text, entities: Entities },
    /// A picture to the things on it and where they are.
    ObjectDetection { picture: Picture, objects: Objects },
    /// A picture of one line to its text.
    ImageToText { line: Line, reading: Reading },
    /// A sound to a label, or to what is heard when.
    AudioClassification { sound: Sound, hearing: Hearing },
    /// A history to what comes next.
    TimeSeriesForecasting { series: Series, forecast: Forecast },
}

/// How bytes become numbers: some from the beginning of a file and some from its end, without the white space around
/// them, padded where there are too few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    pub input: String,
    /// So many numbers of the beginning, then so many of the end.
    pub begin: u32,
    pub end: u32,
    /// So far from either side a file is looked at.
    pub block: u32,
    /// The number for "nothing here".
    pub padding: u32,
    /// With fewer bytes, white space not counted, the model is not asked.
    pub least: u32,
}

/// How a text becomes tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub tokenizer: FilePath,
    /// The most tokens of a text, those the tokenizer adds included; the rest is cut off.
    pub max_length: u32,
    pub ids: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
}

/// How an output becomes a vector a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    pub output: String,
    pub pooling: Pooling,
    /// To the length 1.
    pub normalize: bool,
}

/// How the vectors of tokens become the one of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean, padding left out.
    Mean,
    /// The first one.
    Cls,
    /// The model has done it.
    None,
}

/// How an output becomes labels with scores; the labels are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    pub output: String,
    pub activation: Activation,
    /// So many of the best are told.
    pub top: u32,
}

/// What makes scores of a model's last numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// They are scores already.
    None,
    /// One label is true.
    Softmax,
    /// Each label is true or not.
    Sigmoid,
}

/// A column of a row and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: ColumnKind,
    pub input: String,
    /// Its place on the last axis of that input.
    pub place: u32,
    /// The texts it may hold; none are named: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    Number,
    /// A text, given to the model as it is.
    Category,
}

/// A finite number; equal if it is the same one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Real(pub f32);

impl Eq for Real {}

/// The same with more digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Double(pub f64);

impl Eq for Double {}

impl Task {
    pub const VERSION: u32 = 1;

    /// The word of a card.
    pub fn word(&self) -> &'static str {
        match &self.kind {
            Kind::FileType { .. } => "file-type",
            Kind::FeatureExtraction { .. } => "feature-extraction",
            Kind::TextClassification { .. } => "text-classification",
            Kind::ImageClassification { .. } => "image-classification",
            Kind::TabularClassification { .. } => "tabular-classification",
            Kind::TabularRegression { .. } => "tabular-regression",
            Kind::TokenClassification { .. } => "token-classification",
            Kind::ObjectDetection { .. } => "object-detection",
            Kind::ImageToText { .. } => "image-to-text",
            Kind::AudioClassification { .. } => "audio-classification",
            Kind::TimeSeriesForecasting { .. } => "time-series-forecasting",
        }
    }

    /// The file of the release that it reads texts with.
    pub fn tokenizer(&self) -> Option<&FilePath> {
        match &self.kind {
            Kind::FeatureExtraction { text, .. }
            | Kind::TextClassification { text, .. }
            | Kind::TokenClassification { text, .. } => Some(&text.tokenizer),
            _ => None,
        }
    }

    /// The inputs of the model that it fills.
    pub fn inputs(&self) -> Vec<&str> {
        match &self.kind {
            Kind::FileType { bytes, .. } => vec![&bytes.input],
            Kind::ImageClassification { picture, .. } | Kind::ObjectDetection { picture, .. } => vec![&picture.input],
            Kind::ImageToText { line, .. } => vec![&line.input],
            Kind::AudioClassification { sound, .. } => vec![&sound.input],
            Kind::TimeSeriesForecasting { series, .. } => vec![&series.input],
            Kind::FeatureExtraction { text, .. }
            | Kind::TextClassification { text, .. }
            | Kind::TokenClassification { text, .. } => [Some(&text.ids), text.mask.as_ref(), text.types.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect(),
            Kind::TabularClassification { columns, .. } | Kind::TabularRegression { columns, .. } => {
                let mut inputs: Vec<&str> = Vec::new();
                for column in columns.iter().filter(|column| column.place == 0) {
                    inputs.push(&column.input);
                }
                inputs
            }
        }
    }

    /// Whether its answer is made from all numbers of the outputs, and not from those of a few best labels.
    pub fn reads_all(&self) -> bool {
        matches!(
            self.kind,
            Kind::TokenClassification { .. }
                | Kind::ObjectDetection { .. }
                | Kind::ImageToText { .. }
                | Kind::AudioClassification { .. }
                | Kind::TimeSeriesForecasting { .. }
        )
    }

    /// How it makes scores of an output, if it does.
    pub fn scores(&self) -> Option<&Scores> {
        match &self.kind {
            Kind::FileType { scores, .. }
            | Kind::TextClassification { scores, .. }
            | Kind::ImageClassification { scores, .. } => Some(scores),
            Kind::TabularClassification { scores, .. } => scores.as_ref(),
            _ => None,
        }
    }
}
