//! How a sound becomes numbers, and scores what was heard.

use serde::{Deserialize, Serialize};

use crate::task::fit::{FLOATS, Fitting, TaskError, rows, typed};
use crate::task::{Activation, Real};

/// One channel at one rate, cut into windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    pub input: String,
    /// Samples a second.
    pub rate: u32,
    /// Samples of a window; none: the whole sound is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// From the beginning of a window to that of the next.
    pub hop: u32,
    pub padding: Padding,
    pub scale: Scale,
    /// Each window to the mean 0 and the deviation 1.
    pub normalize: bool,
    /// The most seconds.
    pub longest: u32,
}

words! {
    /// What becomes of the last window where the sound ends before it does.
    Padding, "zeros, repeat or drop", {
        /// Silence fills it.
        Zeros => "zeros",
        /// The sound fills it, from its beginning, as often as it takes.
        Repeat => "repeat",
        /// It is left out.
        Drop => "drop",
    }
}

words! {
    /// What the loudest sample is.
    Scale, "unit or int16", {
        /// 1.
        Unit => "unit",
        /// 32768.
        Int16 => "int16",
    }
}

/// What is told of the scores; the labels are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearing {
    /// A row of scores for each window, or one for each of its frames.
    pub output: String,
    pub activation: Activation,
    pub aggregation: Gathering,
    /// Of `mean` and `max`: so many of the best are told.
    pub top: u32,
    /// Of `frames`: where a score is at least this, its label is heard.
    pub threshold: Real,
    /// So many events are told.
    pub most: u32,
    /// Samples from one frame of a window to the next; none: the frames part the window evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
}

words! {
    /// How the scores of all windows become an answer.
    Gathering, "mean, max or frames", {
        Mean => "mean",
        Max => "max",
        /// What is heard when.
        Frames => "frames",
    }
}

impl Fitting<'_> {
    pub(super) fn sound(&self) -> Result<Sound, TaskError> {
        let port = self.input(self.card.input.as_deref(), &["waveform", "input_values", "audio"])?;
        typed(port, FLOATS)?;
        // [samples], [n, samples], [n, 1, samples] or [n, samples, 1].
        let fixed = match port.shape[..] {
            [samples] => samples,
            [_, samples] | [_, Some(1), samples] | [_, samples, Some(1)] => samples,
            _ => {
                let (name, given) = (port.name.clone(), port.shape.clone());
                return Err(TaskError::Shape { name, given, needed: vec![None, None] });
            }
        };
        if port.shape.len() > 1 {
            rows(port)?;
        }
        let window = match (self.card.window, fixed) {
            (Some(said), Some(fixed)) if u64::from(said) != fixed => {
                let (name, given) = (port.name.clone(), port.shape.clone());
                let window = |axis: &Option<u64>| if *axis == Some(fixed) { Some(u64::from(said)) } else { *axis };
                let needed = given.iter().map(window).collect();
                return Err(TaskError::Shape { name, given, needed });
            }
            (Some(said), _) => Some(said),
            (None, fixed) => fixed.and_then(|fixed| u32::try_from(fixed).ok()).filter(|fixed| *fixed > 0),
        };
        Ok(Sound {
            input: port.name.clone(),
            rate: self.card.rate.ok_or(TaskError::Missing { task: self.card.word, field: "rate" })?,
            window,
            hop: self.card.hop.or(window).unwrap_or(1),
            padding: self.card.padding_by.unwrap_or(Padding::Zeros),
            scale: self.card.scale.unwrap_or(Scale::Unit),
            normalize: self.card.normalize.unwrap_or(false),
            longest: self.card.longest.unwrap_or(60),
        })
    }

    pub(super) fn hearing(&self) -> Result<Hearing, TaskError> {
        let port = self.scored(self.card.output.as_deref())?;
        typed(port, FLOATS)?;
        let labels = self.labels.get(&port.name).map_or(0, Vec::len) as u64;
        let last = port.shape.last().copied().flatten();
        let fitting = labels == 1 || last.is_none_or(|last| last == labels);
        if !(1..=3).contains(&port.shape.len()) || !fitting {
            let (name, given) = (port.name.clone(), port.shape.clone());
            return Err(TaskError::Shape { name, given, needed: vec![None, None, Some(labels)] });
        }
        Ok(Hearing {
            output: port.name.clone(),
            activation: self.card.activation.unwrap_or(Activation::None),
            aggregation: self.card.gathering.unwrap_or(Gathering::Mean),
            top: self.card.top.unwrap_or(super::fit::TOP),
            threshold: self.card.threshold.unwrap_or(Real(0.5)),
            most: self.card.most.unwrap_or(100),
            frame: self.card.frame,
        })
    }
}
