//! How outputs become boxes around things, and what that asks of them.

use serde::{Deserialize, Serialize};
use tensor::{DataType, Port};

use crate::task::fit::{FLOATS, Fitting, TaskError, fits, typed};
use crate::task::{Activation, Real};

/// What is read of each box. Labels stand here: the classes are on whichever axis the outputs have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    pub labels: Vec<String>,
    pub form: Form,
    pub coordinates: Coordinates,
    pub unit: Unit,
    /// Of a box's scores.
    pub activation: Activation,
    /// The class that stands for nothing, beside those of the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<u32>,
    /// Boxes whose best score is lower are left out.
    pub threshold: Real,
    /// Of two boxes of a label that share more of what they cover together, the better one is told.
    pub overlap: Real,
    /// So many of the best are told.
    pub most: u32,
}

/// In which outputs boxes and scores are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A box's four numbers, whether there is something at all, and its scores stand behind each other.
    One {
        output: String,
        /// 1: `[n, boxes, values]`, 2: `[n, values, boxes]`.
        boxes_axis: u32,
        objectness: bool,
    },
    /// Boxes `[n, boxes, 4]` and scores `[n, boxes, classes]`, or scores `[n, boxes]` and classes `[n, boxes]`; without
    /// the first axis where the model takes one picture.
    Apart {
        boxes: String,
        scores: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<String>,
    },
}

words! {
    /// What a box's four numbers are.
    Coordinates, "xyxy, yxyx or xywh", {
        /// Left, upper, right and lower edge.
        Xyxy => "xyxy",
        /// Upper, left, lower and right edge.
        Yxyx => "yxyx",
        /// The middle, the width and the height.
        Xywh => "xywh",
    }
}

words! {
    /// What they are measured in.
    Unit, "pixel or relative", {
        /// Pixels of the model's input.
        Pixel => "pixel",
        /// Shares of its sides.
        Relative => "relative",
    }
}

const CLASSES: &[DataType] = &[DataType::Fp32, DataType::Int64, DataType::Int32];

impl Objects {
    /// All classes that have a score.
    pub fn classes(&self) -> usize {
        self.labels.len() + usize::from(self.background.is_some())
    }

    /// What a class is called; none for the one that stands for nothing, and for those that the labels do not know.
    pub fn label(&self, class: usize) -> Option<&str> {
        let at = match self.background.map(|background| background as usize) {
            Some(background) if background == class => return None,
            Some(background) if background < class => class - 1,
            _ => class,
        };
        self.labels.get(at).map(String::as_str)
    }
}

impl Form {
    /// The outputs that are read.
    pub fn outputs(&self) -> Vec<&str> {
        match self {
            Form::One { output, .. } => vec![output],
            Form::Apart { boxes, scores, classes } => {
                [Some(boxes), Some(scores), classes.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
        }
    }
}

impl Fitting<'_> {
    pub(super) fn objects(&self) -> Result<Objects, TaskError> {
        let card = self.card;
        if self.names.is_empty() {
            return Err(TaskError::Missing { task: card.word, field: "labels: a list or a file beside the task" });
        }
        let mut objects = Objects {
            labels: self.names.to_vec(),
            form: Form::Apart { boxes: String::new(), scores: String::new(), classes: None },
            coordinates: card.coordinates.ok_or(TaskError::Missing { task: card.word, field: "coordinates" })?,
            unit: card.unit.unwrap_or(Unit::Pixel),
            activation: card.activation.unwrap_or(Activation::None),
            background: card.background,
            threshold: card.threshold.unwrap_or(Real(0.25)),
            overlap: card.overlap.unwrap_or(Real(0.45)),
            most: card.most.unwrap_or(100),
        };
        if objects.background.is_some_and(|background| background as usize > objects.labels.len()) {
            let (class, count) = (objects.background.unwrap_or(0), objects.labels.len() + 1);
            return Err(TaskError::Class { field: "background", class, count });
        }
        let there = |name: &str| self.signature.outputs.iter().any(|port| port.name == name);
        let said = card.boxes.is_some() || card.scores.is_some() || card.classes.is_some();
        let usual = card.output.is_none() && (there("boxes") && there("scores") || there("pred_boxes"));
        objects.form = if said || usual { self.apart(&objects)? } else { self.one(&objects)? };
        Ok(objects)
    }

    fn one(&self, objects: &Objects) -> Result<Form, TaskError> {
        let port = self.output(self.card.output.as_deref(), &["output0", "output"])?;
        typed(port, FLOATS)?;
        let objectness = self.card.objectness.unwrap_or(false);
        let values = Some(4 + usize::from(objectness) as u64 + objects.classes() as u64);
        fits(port, &[None, None, None])?;
        let boxes_axis = match (self.card.boxes_axis, port.shape[1] == values, port.shape[2] == values) {
            (Some(said), ..) => said,
            (None, true, false) => 2,
            (None, false, true) => 1,
            // Neither size is known, or both are the same.
            (None, ..) if port.shape[1].is_none() || port.shape[2].is_none() || port.shape[1] == port.shape[2] => {
                return Err(TaskError::Missing { task: self.card.word, field: "boxes_axis" });
            }
            (None, ..) => 1,
        };
        fits(port, &if boxes_axis == 1 { [None, None, values] } else { [None, values, None] })?;
        Ok(Form::One { output: port.name.clone(), boxes_axis, objectness })
    }

    fn apart(&self, objects: &Objects) -> Result<Form, TaskError> {
        let boxes = self.output(self.card.boxes.as_deref(), &["boxes", "pred_boxes"])?;
        let scores = self.output(self.card.scores.as_deref(), &["scores", "logits"])?;
        let usual = || self.signature.outputs.iter().find(|port| port.name == "classes" || port.name == "labels");
        let classes = match &self.card.classes {
            Some(name) => Some(self.output(Some(name), &[])?),
            None if scores.shape.len() < boxes.shape.len() => usual(),
            None => None,
        };
        typed(boxes, FLOATS)?;
        typed(scores, FLOATS)?;
        // A model that takes one picture may have no axis for many.
        let of = |port: &Port, rest: &[Option<u64>]| {
            let needed = if boxes.shape.len() == 2 { rest.to_vec() } else { [&[None], rest].concat() };
            fits(port, &needed)
        };
        of(boxes, &[None, Some(4)])?;
        match classes {
            Some(classes) => {
                typed(classes, CLASSES)?;
                of(scores, &[None])?;
                of(classes, &[None])?;
            }
            None => of(scores, &[None, Some(objects.classes() as u64)])?,
        }
        let name = |port: &Port| port.name.clone();
        Ok(Form::Apart { boxes: name(boxes), scores: name(scores), classes: classes.map(name) })
    }
}
