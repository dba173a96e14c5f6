//! How the picture of one line becomes numbers, and an output its text.

use serde::{Deserialize, Serialize};

use crate::task::fit::{FLOATS, Fitting, TaskError, fits, typed};
use crate::task::{Activation, Channels, Layout, Real};

/// A picture of one height, as wide as its line is long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub input: String,
    pub height: u32,
    /// The most; what is longer is squeezed.
    pub width: u32,
    /// What is shorter is filled up to this, and to the longest of its call.
    pub least_width: u32,
    /// The value of what fills it, from 0 to 255.
    pub pad: Real,
    pub mean: [Real; 3],
    pub std: [Real; 3],
    pub layout: Layout,
    pub channels: Channels,
}

/// Connectionist temporal classification: the best class of each step, repeats once, blanks left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// `[n, steps, classes]`.
    pub output: String,
    pub activation: Activation,
    /// What the classes stand for, the blank left out.
    pub characters: Vec<String>,
    /// The class that stands for nothing.
    pub blank: u32,
}

impl Reading {
    pub fn classes(&self) -> usize {
        self.characters.len() + 1
    }

    /// What a class stands for.
    pub fn character(&self, class: usize) -> Option<&str> {
        let blank = self.blank as usize;
        let at = if class == blank { None } else { Some(class - usize::from(class > blank)) };
        at.and_then(|at| self.characters.get(at)).map(String::as_str)
    }
}

impl Fitting<'_> {
    pub(super) fn line(&self) -> Result<Line, TaskError> {
        let missing = |field| TaskError::Missing { task: self.card.word, field };
        let channels = self.card.channels.unwrap_or_default();
        let (port, layout, [tall, wide]) = self.pixels(channels)?;
        let small = |size: u64| size.min(4_096) as u32;
        let height = self.card.height.or(tall.map(small)).ok_or(missing("height"))?;
        let width = self.card.width.or(wide.map(small)).ok_or(missing("width, the most a line may have"))?;
        fits(port, &layout.shape(channels, Some(u64::from(height)), wide.map(|_| u64::from(width))))?;
        let least = if wide.is_some() { width } else { self.card.least_width.unwrap_or(height).min(width) };
        Ok(Line {
            input: port.name.clone(),
            height,
            width,
            least_width: least,
            // The middle: after the shift that most such models have, nothing.
            pad: self.card.pad.unwrap_or(Real(127.5)),
            mean: self.card.mean.unwrap_or([Real(0.0); 3]),
            std: self.card.std.unwrap_or([Real(1.0); 3]),
            layout,
            channels,
        })
    }

    pub(super) fn reading(&self) -> Result<Reading, TaskError> {
        let missing = |field| TaskError::Missing { task: self.card.word, field };
        if self.names.is_empty() {
            return Err(missing("characters"));
        }
        let blank = self.card.blank.ok_or(missing("blank"))?;
        let count = self.names.len() + 1;
        if blank as usize >= count {
            return Err(TaskError::Class { field: "blank", class: blank, count });
        }
        let port = self.output(self.card.output.as_deref(), &["logits"])?;
        typed(port, FLOATS)?;
        fits(port, &[None, None, Some(count as u64)])?;
        Ok(Reading {
            output: port.name.clone(),
            activation: self.card.activation.unwrap_or(Activation::None),
            characters: self.names.to_vec(),
            blank,
        })
    }
}
