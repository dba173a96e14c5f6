//! Texts as tokens, and the vectors of tokens as the one of their text.

use registry::task::{Pooling, Text, Vector};
use tensor::{Port, Signature, Tensor};

use crate::given::Given;
use crate::refusal::Refusal;
use crate::rows;
use crate::tokenizer::{Tokenizer, Tokens};
use crate::{MAX_TEXT_BYTES, scores::Outcome};

/// The inputs, and how many tokens each text has. `read` makes tokens of a text.
pub(crate) fn encode(
    text: &Text,
    signature: &Signature,
    tokenizer: &Tokenizer,
    given: &[Given],
    mut read: impl FnMut(&str) -> Option<Tokens>,
) -> Result<(Vec<Tensor>, Vec<usize>), Refusal> {
    let mut texts: Vec<Tokens> = Vec::with_capacity(given.len());
    for (at, given) in given.iter().enumerate() {
        let given = given.as_text(at)?;
        if given.len() > MAX_TEXT_BYTES {
            return Err(Refusal::LongText { at, bytes: given.len() });
        }
        texts.push(read(&given).filter(|tokens| !tokens.ids.is_empty()).ok_or(Refusal::Tokens { at })?);
    }
    let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.ids.len()).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let port = |name: &String| signature.inputs.iter().find(|port| port.name == *name);
    let fixed = port(&text.ids).and_then(|port| port.shape.get(1).copied().flatten());
    let width = fixed.map_or(longest, |fixed| fixed as usize);
    rows::bounded(texts.len(), width)?;
    let tensor = |name: &String, of: &dyn Fn(&Tokens, usize) -> u32| -> Option<Result<Tensor, Refusal>> {
        let port: &Port = port(name)?;
        let values = texts.iter().flat_map(|tokens| (0..width).map(|at| f64::from(of(tokens, at))));
        let shape = vec![texts.len() as u64, width as u64];
        Some(rows::numbers(port, shape, values).map_err(Refusal::Tensor))
    };
    let ids = |tokens: &Tokens, at: usize| tokens.ids.get(at).copied().unwrap_or(tokenizer.pad());
    let mask = |tokens: &Tokens, at: usize| u32::from(at < tokens.ids.len());
    let types = |tokens: &Tokens, at: usize| tokens.types.get(at).copied().unwrap_or(0);
    let inputs = [
        tensor(&text.ids, &ids),
        text.mask.as_ref().and_then(|name| tensor(name, &mask)),
        text.types.as_ref().and_then(|name| tensor(name, &types)),
    ];
    Ok((inputs.into_iter().flatten().collect::<Result<_, _>>()?, lengths))
}

/// One vector for each text.
pub(crate) fn vectors(vector: &Vector, output: &Tensor, lengths: &[usize]) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected a vector for each input, or one for each of its tokens" };
    let values = rows::floats(output).ok_or(wrong.clone())?;
    let count = lengths.len();
    let (tokens, size) = match (output.shape(), vector.pooling) {
        ([_, size], Pooling::None) => (1, *size as usize),
        ([_, tokens, size], Pooling::Mean | Pooling::Cls) => (*tokens as usize, *size as usize),
        _ => return Err(wrong),
    };
    if size == 0 || tokens == 0 || output.shape()[0] as usize != count || lengths.contains(&0) {
        return Err(wrong);
    }
    let one = |(text, length): (&[f32], &usize)| {
        let pooled = match vector.pooling {
            Pooling::Mean => mean(text, size, (*length).min(tokens)),
            Pooling::Cls | Pooling::None => text[..size].to_vec(),
        };
        Outcome::Vector(if vector.normalize { normalized(pooled) } else { pooled })
    };
    Ok(values.chunks_exact(tokens * size).zip(lengths).map(one).collect())
}

/// Summed in double precision, padding left out.
fn mean(text: &[f32], size: usize, length: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; size];
    for token in text.chunks_exact(size).take(length) {
        for (sum, value) in sums.iter_mut().zip(token) {
            *sum += f64::from(*value);
        }
    }
    sums.into_iter().map(|sum| (sum / length as f64) as f32).collect()
}

fn normalized(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    // A vector of zeros has no direction and stays one.
    if length == 0.0 { vector } else { vector.into_iter().map(|value| (f64::from(value) / length) as f32).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(pooling: Pooling, normalize: bool, shape: &[u64], values: &[f32]) -> Result<Vec<Outcome>, Refusal> {
        let vector = Vector { output: "y".to_owned(), pooling, normalize };
        vectors(&vector, &Tensor::fp32("y", shape, values).unwrap(), &[1, 2])
    }

    /// Golden values: numpy float64, `(h * m).sum(1) / m.sum(1)`, then divided by `numpy.linalg.norm`.
    #[test]
    fn vectors_are_pooled_without_what_pads_them() {
        let hidden = [3.0, 4.0, 9.0, 9.0, 1.0, 2.0, 5.0, 6.0];
        let vectors = |found: Result<Vec<Outcome>, Refusal>| -> Vec<Vec<f32>> {
            let vector = |outcome| match outcome {
                Outcome::Vector(vector) => vector,
                other => panic!("{other:?}"),
            };
            found.unwrap().into_iter().map(vector).collect()
        };
        assert_eq!(vectors(pooled(Pooling::Mean, false, &[2, 2, 2], &hidden)), [[3.0, 4.0], [3.0, 4.0]]);
        assert_eq!(vectors(pooled(Pooling::Mean, true, &[2, 2, 2], &hidden)), [[0.6, 0.8], [0.6, 0.8]]);
        assert_eq!(vectors(pooled(Pooling::Cls, false, &[2, 2, 2], &hidden)), [[3.0, 4.0], [1.0, 2.0]]);
        assert_eq!(vectors(pooled(Pooling::None, true, &[2, 2], &[3.0, 4.0, 0.0, 0.0])), [[0.6, 0.8], [0.0, 0.0]]);
        for (pooling, shape) in [(Pooling::None, &[2, 2, 2][..]), (Pooling::Mean, &[2, 4]), (Pooling::Cls, &[1, 4, 2])]
        {
            assert!(pooled(pooling, false, shape, &hidden).is_err(), "{shape:?}");
        }
    }
}
