//! How much of its scores a model shows: the less, the less there is to train a copy on.
//!
//! Always: an answer keeps names, types and shapes of its contract, whatever is shown of it; the best stays the best. A
//! receipt proves what was shown.
//!
//! | setting | a row of scores becomes |
//! |---|---|
//! | `all` | itself |
//! | `rounded` | itself with [`DIGITS`] significant digits |
//! | `top_k` | the [`TOP_K`] best; the others 0, or, where scores can be negative, the lowest number there is |
//! | `labels` | 1 for the best, the first of equals, and 0 for the others |
//!
//! Scores are floats; what is no float is an answer by itself and shown as it is.

use std::collections::BTreeMap;

use tensor::{DataType, Signature, Tensor};

use crate::{Contract, Output};

/// How many of the best `top_k` shows.
pub const TOP_K: usize = 5;
/// How many significant digits `rounded` shows.
pub const DIGITS: i32 = 3;

/// Why a model cannot show less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    #[error("output: {output} shows scores by their labels, and the output \"{name}\" has none")]
    NoLabels { output: Output, name: String },
    #[error("output: {output} is for FP32 and FP64, and the output \"{name}\" is {datatype}")]
    Datatype { output: Output, name: String, datatype: DataType },
    #[error("output: {output} changes nothing: no output has scores")]
    NoScores { output: Output },
}

/// Whether a model with these outputs can show so much.
pub fn can_show(
    output: Output,
    signature: &Signature,
    labels: &BTreeMap<String, Vec<String>>,
) -> Result<(), ShowError> {
    if output == Output::All {
        return Ok(());
    }
    let mut scores = 0;
    for port in &signature.outputs {
        let (name, datatype) = (port.name.clone(), port.datatype);
        match datatype {
            DataType::Fp32 | DataType::Fp64 => scores += 1,
            DataType::Fp16 | DataType::Bf16 => return Err(ShowError::Datatype { output, name, datatype }),
            _ => continue,
        }
        if output != Output::Rounded && !labels.contains_key(&name) {
            return Err(ShowError::NoLabels { output, name });
        }
    }
    if scores == 0 { Err(ShowError::NoScores { output }) } else { Ok(()) }
}

/// What of an answer is shown.
pub fn show(contract: &Contract, outputs: Vec<Tensor>) -> Vec<Tensor> {
    if contract.output == Output::All {
        return outputs;
    }
    outputs.into_iter().map(|tensor| shown(contract.output, tensor)).collect()
}

fn shown(output: Output, tensor: Tensor) -> Tensor {
    let mut values: Vec<f64> = match tensor.datatype() {
        DataType::Fp32 => chunks(&tensor).map(|bytes| f64::from(f32::from_le_bytes(bytes))).collect(),
        DataType::Fp64 => chunks(&tensor).map(f64::from_le_bytes).collect(),
        _ => return tensor,
    };
    let lowest = if tensor.datatype() == DataType::Fp32 { f64::from(f32::MIN) } else { f64::MIN };
    match output {
        Output::All => {}
        Output::Rounded => values.iter_mut().for_each(|value| *value = rounded(*value)),
        Output::TopK => rows(&tensor, &mut values, |row| top(row, TOP_K, lowest)),
        Output::Labels => rows(&tensor, &mut values, |row| {
            top(row, 1, lowest);
            let best = best(row);
            row.iter_mut().enumerate().for_each(|(at, value)| *value = f64::from(u8::from(best == Some(at))));
        }),
    }
    let bytes: Vec<u8> = match tensor.datatype() {
        DataType::Fp32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    let (name, datatype, shape) = (tensor.name().to_owned(), tensor.datatype(), tensor.shape().to_vec());
    Tensor::new(name, datatype, shape, bytes).expect("as many numbers of the same type as before")
}

fn chunks<const N: usize>(tensor: &Tensor) -> impl Iterator<Item = [u8; N]> {
    tensor.bytes().as_chunks::<N>().0.iter().copied()
}

/// Each stretch along the last axis.
fn rows(tensor: &Tensor, values: &mut [f64], change: impl Fn(&mut [f64])) {
    let length = tensor.shape().last().map_or(1, |last| *last as usize);
    if length > 0 {
        values.chunks_exact_mut(length).for_each(change);
    }
}

/// Keeps the best; of equals the first.
fn top(row: &mut [f64], count: usize, lowest: f64) {
    let mut order: Vec<usize> = (0..row.len()).collect();
    // NaN is no score: it stands behind all others.
    let score = |at: usize| if row[at].is_nan() { f64::NEG_INFINITY } else { row[at] };
    order.sort_by(|one, other| score(*other).total_cmp(&score(*one)));
    let rest = if row.iter().any(|value| *value < 0.0) { lowest } else { 0.0 };
    for at in order.into_iter().skip(count) {
        row[at] = rest;
    }
}

fn best(row: &[f64]) -> Option<usize> {
    let numbers = row.iter().enumerate().filter(|(_, value)| !value.is_nan());
    numbers
        .fold(None, |best: Option<(usize, f64)>, (at, value)| match best {
            Some((_, found)) if found >= *value => best,
            _ => Some((at, *value)),
        })
        .map(|(at, _)| at)
}

fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Through text: the nearest number with so many digits, and no other's last bits.
    format!("{value:.*e}", (DIGITS - 1) as usize).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use tensor::Port;

    use super::*;

    fn contract(output: Output) -> Contract {
        let port = |name: &str, datatype| Port { name: name.to_owned(), datatype, shape: vec![None, None] };
        Contract {
            version: 1,
            signature: Signature {
                inputs: Vec::new(),
                outputs: vec![port("scores", DataType::Fp32), port("label", DataType::Int64)],
            },
            labels: BTreeMap::from([("scores".to_owned(), Vec::new())]),
            output,
            examples: 0,
            deadline_ms: 1,
            batch_rows: 1,
            task: None,
            remote: None,
        }
    }

    fn shown(output: Output, rows: u64, scores: &[f32]) -> Vec<f32> {
        let width = scores.len() as u64 / rows;
        let outputs = vec![
            Tensor::fp32("scores", &[rows, width], scores).unwrap(),
            Tensor::int64("label", &[rows, 1], &vec![7; rows as usize]).unwrap(),
        ];
        let shown = show(&contract(output), outputs.clone());
        assert_eq!(shown[1], outputs[1], "what is no score is as it was");
        assert_eq!(shown[0].shape(), outputs[0].shape());
        chunks(&shown[0]).map(f32::from_le_bytes).collect()
    }

    #[test]
    fn all_is_all() {
        assert_eq!(shown(Output::All, 1, &[0.123_456, -0.5]), [0.123_456, -0.5]);
    }

    #[test]
    fn rounded_keeps_three_digits_wherever_the_point_is() {
        let scores = [0.123_456, 0.999_9, 1234.5, -0.000_123_45, 0.0, 5.0, f32::INFINITY];
        assert_eq!(shown(Output::Rounded, 1, &scores), [0.123, 1.0, 1230.0, -0.000_123, 0.0, 5.0, f32::INFINITY]);
    }

    #[test]
    fn the_few_best_of_each_row_are_shown() {
        let row = [0.1, 0.05, 0.3, 0.02, 0.2, 0.13, 0.2];
        assert_eq!(shown(Output::TopK, 1, &row), [0.1, 0.0, 0.3, 0.0, 0.2, 0.13, 0.2]);
        let logits = [-1.0, 3.0, -5.0, 2.0, 0.0, 1.0, -4.0];
        assert_eq!(shown(Output::TopK, 1, &logits), [-1.0, 3.0, f32::MIN, 2.0, 0.0, 1.0, f32::MIN]);
        let both: Vec<f32> = row.iter().chain(&logits).copied().collect();
        assert_eq!(shown(Output::TopK, 2, &both)[..7], [0.1, 0.0, 0.3, 0.0, 0.2, 0.13, 0.2]);
    }

    #[test]
    fn of_labels_only_the_best_is_told() {
        assert_eq!(shown(Output::Labels, 2, &[0.2, 0.5, 0.3, -4.0, -1.0, -1.0]), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(shown(Output::Labels, 1, &[f32::NAN, -2.0, f32::NAN]), [0.0, 1.0, 0.0]);
        assert_eq!(shown(Output::Labels, 1, &[f32::NAN]), [0.0]);
    }

    #[test]
    fn the_best_stays_the_best() {
        let row = [0.31, 0.2, 0.35, 0.05, 0.03, 0.06];
        for output in [Output::Rounded, Output::TopK, Output::Labels] {
            let shown: Vec<f64> = shown(output, 1, &row).into_iter().map(f64::from).collect();
            assert_eq!(best(&shown), Some(2), "{output}");
        }
    }

    #[test]
    fn a_model_without_labelled_scores_cannot_show_less() {
        let Contract { mut signature, labels, .. } = contract(Output::All);
        let can =
            |output, signature: &Signature, labels| can_show(output, signature, labels).map_err(|e| e.to_string());
        for output in [Output::All, Output::Rounded, Output::TopK, Output::Labels] {
            assert_eq!(can(output, &signature, &labels), Ok(()));
        }
        let none = BTreeMap::new();
        assert_eq!(can(Output::Rounded, &signature, &none), Ok(()));
        let told = "output: top_k shows scores by their labels, and the output \"scores\" has none";
        assert_eq!(can(Output::TopK, &signature, &none), Err(told.to_owned()));
        signature.outputs[0].datatype = DataType::Fp16;
        let told = "output: rounded is for FP32 and FP64, and the output \"scores\" is FP16";
        assert_eq!(can(Output::Rounded, &signature, &labels), Err(told.to_owned()));
        signature.outputs.remove(0);
        let told = "output: labels changes nothing: no output has scores";
        assert_eq!(can(Output::Labels, &signature, &labels), Err(told.to_owned()));
    }
}
