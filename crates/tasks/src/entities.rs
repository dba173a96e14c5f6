//! The things a text speaks of, from the scores of its tokens.
//!
//! Always: a place is counted in the Unicode characters (code points) of the text as it was given, and `text` is what
//! stands there. Which tokens are one thing is told as `simple` of Hugging Face's token-classification pipeline does it.

use std::sync::Arc;

use registry::task::{Aggregation, Entities, Text};
use serde::Serialize;
use tensor::{Signature, Tensor};

use crate::MAX_CALL_TOKENS;
use crate::given::Given;
use crate::refusal::Refusal;
use crate::rows;
use crate::scores::{Outcome, activate, highest};
use crate::text;
use crate::tokenizer::Tokenizer;

/// A thing and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    pub label: String,
    /// The mean of its tokens'.
    pub score: f32,
    /// The first of its characters, counted from 0, and the one behind its last.
    pub start: usize,
    pub end: usize,
    pub text: String,
}

/// A text and where its tokens stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    text: String,
    spans: Vec<Option<(usize, usize)>>,
    cut: bool,
}

type Encoded = (Vec<Tensor>, Vec<usize>, Arc<[Placed]>);

pub(crate) fn encode(
    text: &Text,
    signature: &Signature,
    tokenizer: &Tokenizer,
    given: &[Given],
) -> Result<Encoded, Refusal> {
    let mut placed = Vec::with_capacity(given.len());
    let (inputs, lengths) = text::encode(text, signature, tokenizer, given, |value| {
        let spelled = tokenizer.spelled(value, text.max_length as usize)?;
        placed.push(Placed { text: value.to_owned(), spans: spelled.spans, cut: spelled.cut });
        Some(spelled.tokens)
    })?;
    let tokens: usize = lengths.iter().sum();
    if tokens > MAX_CALL_TOKENS {
        return Err(Refusal::Together { what: "tokens", count: tokens as u64, limit: MAX_CALL_TOKENS as u64 });
    }
    Ok((inputs, lengths, placed.into()))
}

/// Whether an output of this shape has a row of scores for each token.
pub(crate) fn fits(shape: &[u64], texts: &[Placed], labels: usize) -> bool {
    let longest = texts.iter().map(|text| text.spans.len()).max().unwrap_or(0) as u64;
    let [count, tokens, scores] = shape else { return false };
    *count == texts.len() as u64 && *tokens >= longest && labels > 0 && *scores == labels as u64
}

pub(crate) fn decode(
    entities: &Entities,
    labels: &[String],
    texts: &[Placed],
    output: &Tensor,
) -> Result<Vec<Outcome>, Refusal> {
    let wrong = Refusal::Answer { reason: "expected a score for each label and token" };
    let mut values = rows::floats(output).filter(|_| fits(output.shape(), texts, labels.len())).ok_or(wrong)?;
    let size = (output.shape()[1] * output.shape()[2]) as usize;
    let outcomes = texts.iter().zip(values.chunks_exact_mut(size)).map(|(text, scores)| {
        let mut pieces = Vec::with_capacity(text.spans.len());
        for (span, row) in text.spans.iter().zip(scores.chunks_exact_mut(labels.len())) {
            let Some(span) = span else { continue };
            activate(entities.activation, row);
            if let Some((label, score)) = highest(row.iter().copied().enumerate()) {
                pieces.push(Piece { label: &labels[label], score, start: span.0, end: span.1 });
            }
        }
        let read = text.cut.then(|| text.spans.iter().flatten().map(|span| span.1).max().unwrap_or(0));
        Outcome::Entities { entities: told(entities.aggregation, &pieces, &text.text), read }
    });
    Ok(outcomes.collect())
}

/// A token with its best label.
struct Piece<'a> {
    label: &'a str,
    score: f32,
    start: usize,
    end: usize,
}

/// Whether a label begins a thing, and which kind of thing it is.
fn tag(label: &str) -> (bool, &str) {
    match (label.strip_prefix("B-"), label.strip_prefix("I-")) {
        (Some(kind), _) => (true, kind),
        (_, Some(kind)) => (false, kind),
        _ => (false, label),
    }
}

fn told(aggregation: Aggregation, pieces: &[Piece<'_>], text: &str) -> Vec<Entity> {
    let together = |one: &Piece<'_>, next: &Piece<'_>| {
        let (begins, kind) = tag(next.label);
        aggregation == Aggregation::Simple && !begins && tag(one.label).1 == kind
    };
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut found = Vec::new();
    for group in pieces.chunk_by(together) {
        let label = if aggregation == Aggregation::Simple { tag(group[0].label).1 } else { group[0].label };
        // Outside of everything.
        if label == "O" {
            continue;
        }
        let last = places.len() - 1;
        let (start, end) = (group[0].start.min(last), group[group.len() - 1].end.min(last));
        let Some(piece) = text.get(places[start]..places[end.max(start)]) else { continue };
        // Some tokenizers count the space before a word to it.
        let bare = piece.trim_start();
        let start = start + piece[..piece.len() - bare.len()].chars().count();
        let bare = bare.trim_end();
        if bare.is_empty() {
            continue;
        }
        let sum: f64 = group.iter().map(|piece| f64::from(piece.score)).sum();
        found.push(Entity {
            label: label.to_owned(),
            score: (sum / group.len() as f64) as f32,
            start,
            end: start + bare.chars().count(),
            text: bare.to_owned(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use registry::task::Activation;
    use serde_json::json;
    use tensor::{DataType, Port};

    use super::*;
    use crate::tokenizer::tests::bert;

    const LABELS: [&str; 5] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];

    fn read(max_length: u32, text: &str) -> (Vec<Tensor>, Arc<[Placed]>) {
        let tokenizer = Tokenizer::read(bert().to_string().as_bytes()).unwrap();
        let tokenizer_path = "tokenizer.json".parse().unwrap();
        let how = Text { tokenizer: tokenizer_path, max_length, ids: "ids".to_owned(), mask: None, types: None };
        let port = Port { name: "ids".to_owned(), datatype: DataType::Int64, shape: vec![None, None] };
        let signature = Signature { inputs: vec![port], outputs: Vec::new() };
        let (inputs, lengths, placed) = encode(&how, &signature, &tokenizer, &[Given::text(text)]).unwrap();
        assert_eq!(lengths, [placed[0].spans.len()]);
        (inputs, placed)
    }

    /// What is told where these are the best labels of the tokens, those around the text included, each with 0.5.
    fn found(aggregation: Aggregation, placed: &[Placed], best: &[usize]) -> Vec<(String, usize, usize, String)> {
        let row = |label: &usize| (0..5).map(|at| if at == *label { 0.5 } else { 0.125 }).collect::<Vec<f32>>();
        let scores: Vec<f32> = best.iter().flat_map(row).collect();
        let output = Tensor::fp32("y", &[1, best.len() as u64, 5], &scores).unwrap();
        let entities = Entities { output: "y".to_owned(), activation: Activation::None, aggregation };
        let outcomes = decode(&entities, &LABELS.map(str::to_owned), placed, &output).unwrap();
        let [Outcome::Entities { entities, .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert!(entities.iter().all(|entity| entity.score == 0.5));
        entities.iter().map(|one| (one.label.clone(), one.start, one.end, one.text.clone())).collect()
    }

    /// An emoji, letters of two code points each, words in pieces.
    const TEXT: &str = "🙂 Hello e\u{301}x CAFE\u{301} worlds!";

    /// Golden values: `tokenizers` 0.23 for Python on the same file gives these ids and, counted in code points, these
    /// offsets.
    #[test]
    fn places_are_counted_in_the_characters_of_the_callers_text() {
        let (inputs, placed) = read(16, TEXT);
        assert_eq!(inputs[0], Tensor::int64("ids", &[1, 9], &[2, 1, 4, 1, 11, 5, 6, 10, 3]).unwrap());
        let spans = [(0, 1), (2, 7), (8, 11), (12, 16), (18, 23), (23, 24), (24, 25)].map(Some);
        assert_eq!(placed[0].spans, [&[None], &spans[..], &[None]].concat());
        let told = found(Aggregation::Simple, &placed, &[1, 0, 1, 2, 0, 3, 4, 0, 1]);
        let expected = [("PER", 2, 11, "Hello e\u{301}x"), ("LOC", 18, 24, "worlds")];
        assert_eq!(told, expected.map(|(label, start, end, text)| (label.to_owned(), start, end, text.to_owned())));
        for (_, start, end, text) in told {
            assert_eq!(TEXT.chars().skip(start).take(end - start).collect::<String>(), text);
        }
    }

    #[test]
    fn neighbours_of_a_kind_are_one_thing_until_another_begins() {
        let (_, placed) = read(16, "hello world hello world");
        let told = |aggregation, best: &[usize]| {
            let found = found(aggregation, &placed, &[&[0], best, &[0]].concat());
            found.into_iter().map(|(label, start, end, _)| format!("{label} {start}-{end}")).collect::<Vec<_>>()
        };
        let simple = Aggregation::Simple;
        assert_eq!(told(simple, &[1, 2, 1, 2]), ["PER 0-11", "PER 12-23"]);
        assert_eq!(told(simple, &[2, 2, 2, 2]), ["PER 0-23"], "without a beginning");
        assert_eq!(told(simple, &[1, 4, 4, 1]), ["PER 0-5", "LOC 6-17", "PER 18-23"]);
        assert_eq!(told(simple, &[1, 0, 2, 0]), ["PER 0-5", "PER 12-17"], "nothing between them parts them");
        assert_eq!(told(Aggregation::None, &[1, 2, 0, 0]), ["B-PER 0-5", "I-PER 6-11"]);
        assert!(told(simple, &[0; 4]).is_empty());
    }

    #[test]
    fn a_long_text_says_how_far_it_was_read() {
        let (_, placed) = read(4, "hello world hello");
        let output = Tensor::fp32("y", &[1, 6, 5], &[0.0; 30]).unwrap();
        let entities =
            Entities { output: "y".to_owned(), activation: Activation::Softmax, aggregation: Aggregation::Simple };
        let outcomes = decode(&entities, &LABELS.map(str::to_owned), &placed, &output).unwrap();
        assert_eq!(serde_json::to_value(&outcomes).unwrap(), json!([{"entities": [], "read": 11}]));
        // What no model should give, and no answer should break at.
        let nan = Tensor::fp32("y", &[1, 4, 5], &[f32::NAN; 20]).unwrap();
        assert!(decode(&entities, &LABELS.map(str::to_owned), &placed, &nan).is_ok());
        for shape in [&[1u64, 3, 5][..], &[1, 4, 4], &[2, 4, 5], &[1, 20], &[20]] {
            let output = Tensor::fp32("y", shape, &vec![0.0; shape.iter().product::<u64>() as usize]).unwrap();
            assert!(decode(&entities, &LABELS.map(str::to_owned), &placed, &output).is_err(), "{shape:?}");
        }
    }

    /// Golden values: `tokenizers` 0.23 for Python. Its last token has the space before it, and what is told has not.
    #[test]
    fn spaces_that_a_tokenizer_counts_to_a_word_are_left_out() {
        let mut file = bert();
        file["normalizer"] = json!(null);
        file["pre_tokenizer"] =
            json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
        file["post_processor"] = json!({"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
                                        "trim_offsets": true, "add_prefix_space": true});
        let vocab = json!({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "Ġhello": 4, "ĠðŁĻĤ": 5});
        file["model"] = json!({"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"});
        let tokenizer = Tokenizer::read(file.to_string().as_bytes()).unwrap();
        let text = "hello 🙂  hello é";
        let spelled = tokenizer.spelled(text, 16).unwrap();
        assert_eq!(spelled.tokens.ids, [2, 4, 5, 1, 4, 1, 3]);
        let spans = [(0, 5), (6, 7), (7, 8), (9, 14), (14, 16)].map(Some);
        assert_eq!(spelled.spans, [&[None], &spans[..], &[None]].concat());
        let placed = [Placed { text: text.to_owned(), spans: spelled.spans, cut: false }];
        let told = found(Aggregation::None, &placed, &[0, 1, 3, 3, 0, 3, 0]);
        let expected = [("B-PER", 0, 5, "hello"), ("B-LOC", 6, 7, "🙂"), ("B-LOC", 15, 16, "é")];
        assert_eq!(told, expected.map(|(label, start, end, text)| (label.to_owned(), start, end, text.to_owned())));
    }
}
