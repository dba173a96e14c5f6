//! What people are answered: labels with scores, vectors, numbers.

use registry::task::{Activation, Scores};
use serde::Serialize;
use tensor::{DataType, Tensor};

use crate::entities::Entity;
use crate::objects::Object;
use crate::refusal::Refusal;
use crate::rows;
use crate::series::Ahead;
use crate::sound::Event;

/// The answer to one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// The best label, and the best few.
    Label {
        label: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        score: Option<f32>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        top: Vec<Scored>,
    },
    Vector(Vec<f32>),
    Number {
        value: f32,
    },
    Entities {
        entities: Vec<Entity>,
        /// So many characters were read, where the text is longer than the model takes.
        #[serde(skip_serializing_if = "Option::is_none")]
        read: Option<usize>,
    },
    Objects {
        objects: Vec<Object>,
    },
    Line {
        text: String,
        score: f32,
    },
    Events {
        events: Vec<Event>,
    },
    Forecast {
        forecast: Vec<Ahead>,
    },
}

/// A label and how sure the model is of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    pub label: String,
    pub score: f32,
}

/// The labels of each row, the best first; of equals the first. NaN is no score and stands behind all others.
pub(crate) fn labels(
    scores: &Scores,
    labels: &[String],
    output: &Tensor,
    count: usize,
) -> Result<Vec<Vec<Scored>>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected as many scores as labels for each input" };
    let mut values = rows::floats(output).ok_or(wrong.clone())?;
    if labels.is_empty() || values.len() != count * labels.len() {
        return Err(wrong);
    }
    let row = |row: &mut [f32]| {
        activate(scores.activation, row);
        best(row, labels, scores.top)
    };
    Ok(values.chunks_exact_mut(labels.len()).map(row).collect())
}

/// The best labels of a row of scores.
pub(crate) fn best(row: &[f32], labels: &[String], top: u32) -> Vec<Scored> {
    let rank = |at: usize| if row[at].is_nan() { f32::NEG_INFINITY } else { row[at] };
    let mut order: Vec<usize> = (0..row.len().min(labels.len())).collect();
    order.sort_by(|one, other| rank(*other).total_cmp(&rank(*one)));
    let best = order.into_iter().take(top as usize);
    best.map(|at| Scored { label: labels[at].clone(), score: row[at] }).collect()
}

/// The place of the highest of these, the first of equals. NaN is none.
pub(crate) fn highest(scores: impl Iterator<Item = (usize, f32)>) -> Option<(usize, f32)> {
    scores.filter(|(_, score)| !score.is_nan()).fold(None, |best: Option<(usize, f32)>, (at, score)| match best {
        Some((_, found)) if found >= score => best,
        _ => Some((at, score)),
    })
}

/// In double precision, so that many labels add up to 1 all the same.
pub(crate) fn activate(activation: Activation, row: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Sigmoid => {
            row.iter_mut().for_each(|value| *value = (1.0 / (1.0 + (-f64::from(*value)).exp())) as f32);
        }
        Activation::Softmax => {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let power = |value: f32| f64::from(value - most).exp();
            let sum: f64 = row.iter().copied().map(power).sum();
            row.iter_mut().for_each(|value| *value = (power(*value) / sum) as f32);
        }
    }
}

/// The words of an output that is a label for each row.
pub(crate) fn words(output: &Tensor, count: usize) -> Result<Vec<String>, Refusal> {
    let words: Vec<String> = match output.datatype() {
        DataType::Bytes => output.byte_elements().map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
        DataType::Int64 => {
            output.bytes().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes).to_string()).collect()
        }
        DataType::Int32 => {
            output.bytes().as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes).to_string()).collect()
        }
        _ => Vec::new(),
    };
    if words.len() == count { Ok(words) } else { Err(Refusal::Answer { reason: "expected one label for each input" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(activation: Activation, values: &[f32]) -> Vec<(String, f32)> {
        let scores = Scores { output: "y".to_owned(), activation, top: 2 };
        let names = ["a", "b", "c"].map(str::to_owned);
        let output = Tensor::fp32("y", &[1, 3], values).unwrap();
        let mut rows = labels(&scores, &names, &output, 1).unwrap();
        rows.swap_remove(0).into_iter().map(|scored| (scored.label, scored.score)).collect()
    }

    /// Golden values: `scipy.special.softmax` and `expit` of numpy float64, rounded to float32.
    #[test]
    fn scores_are_those_of_python() {
        let close = |found: Vec<(String, f32)>, expected: [(&str, f32); 2]| {
            for ((label, score), (name, golden)) in found.iter().zip(expected) {
                assert!(label == name && (score - golden).abs() < 1e-7, "{found:?}");
            }
        };
        close(two(Activation::Softmax, &[1.0, 3.0, 2.0]), [("b", 0.665_240_94), ("c", 0.244_728_48)]);
        close(two(Activation::Softmax, &[1000.0, 0.0, -1000.0]), [("a", 1.0), ("b", 0.0)]);
        close(two(Activation::Sigmoid, &[1.0, 3.0, 2.0]), [("b", 0.952_574_13), ("c", 0.880_797_1)]);
        close(two(Activation::None, &[0.5, f32::NAN, 0.5]), [("a", 0.5), ("c", 0.5)]);
    }

    #[test]
    fn another_number_of_scores_is_no_answer() {
        let scores = Scores { output: "y".to_owned(), activation: Activation::None, top: 1 };
        let output = Tensor::fp32("y", &[1, 2], &[0.0, 1.0]).unwrap();
        assert!(labels(&scores, &["a".to_owned()], &output, 1).is_err());
        assert!(labels(&scores, &[], &output, 1).is_err());
        assert!(words(&output, 2).is_err());
        assert_eq!(words(&Tensor::int64("l", &[2], &[7, -1]).unwrap(), 2).unwrap(), ["7", "-1"]);
    }
}
