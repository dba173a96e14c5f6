//! Both directions of a release's task.

use std::sync::Arc;

use registry::Contract;
use registry::task::{Form, Kind, Pooling, Scores, Task};
use tensor::{DataType, Port, Tensor};

use crate::given::Given;
use crate::refusal::Refusal;
use crate::scores::{Outcome, Scored, labels, words};
use crate::tokenizer::Tokenizer;
use crate::{MAX_VALUES, bytes, entities, line, objects, picture, series, sound, table, text};

/// Translates between people and a release that has a task.
#[derive(Debug, Clone, Copy)]
pub struct Interpreter<'a> {
    task: &'a Task,
    contract: &'a Contract,
    tokenizer: Option<&'a Tokenizer>,
}

/// Values as the model takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    pub inputs: Vec<Tensor>,
    pub items: Items,
}

/// What reading an answer needs to know of the values.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    count: usize,
    /// How many tokens each text has; empty where there are no texts.
    lengths: Vec<usize>,
    beside: Beside,
}

/// What else is known of each value.
#[derive(Debug, Clone, PartialEq)]
enum Beside {
    Nothing,
    Texts(Arc<[entities::Placed]>),
    Pictures(Vec<picture::Placed>),
    Sounds(Vec<sound::Heard>),
    Pasts(Vec<series::Past>),
}

impl Items {
    /// How many there are to pay for: values, or the windows of sounds.
    pub fn paid(&self) -> u64 {
        match &self.beside {
            Beside::Sounds(heard) => sound::windows(heard),
            _ => self.count as u64,
        }
    }

    /// The tokens of all texts, those the tokenizer adds included.
    pub fn tokens(&self) -> u64 {
        self.lengths.iter().map(|length| *length as u64).sum()
    }
}

impl<'a> Interpreter<'a> {
    /// None where the release has no task. A task that reads texts needs its tokenizer.
    pub fn new(contract: &'a Contract, tokenizer: Option<&'a Tokenizer>) -> Option<Interpreter<'a>> {
        Some(Interpreter { task: contract.task.as_ref()?, contract, tokenizer })
    }

    /// The model's inputs for these values, all in one run.
    pub fn encode(&self, given: &[Given]) -> Result<Encoded, Refusal> {
        let count = given.len();
        if !(1..=MAX_VALUES).contains(&count) {
            return Err(Refusal::Count { count });
        }
        if count > 1 && !self.takes_many() {
            return Err(Refusal::OneAtATime { count });
        }
        let signature = &self.contract.signature;
        let (mut lengths, mut beside) = (Vec::new(), Beside::Nothing);
        let inputs = match &self.task.kind {
            Kind::FileType { bytes, .. } => bytes::encode(bytes, self.port(&bytes.input)?, given)?,
            Kind::FeatureExtraction { text, .. } | Kind::TextClassification { text, .. } => {
                let tokenizer = self.tokenizer.ok_or(Refusal::Tokens { at: 0 })?;
                let inputs;
                let most = text.max_length as usize;
                (inputs, lengths) =
                    text::encode(text, signature, tokenizer, given, |text| tokenizer.tokens(text, most))?;
                inputs
            }
            Kind::TokenClassification { text, .. } => {
                let tokenizer = self.tokenizer.ok_or(Refusal::Tokens { at: 0 })?;
                let (inputs, texts);
                (inputs, lengths, texts) = entities::encode(text, signature, tokenizer, given)?;
                beside = Beside::Texts(texts);
                inputs
            }
            Kind::ImageClassification { picture, .. } => picture::encode(picture, self.port(&picture.input)?, given)?.0,
            Kind::ObjectDetection { picture, .. } => {
                let (inputs, placed) = picture::encode(picture, self.port(&picture.input)?, given)?;
                beside = Beside::Pictures(placed);
                inputs
            }
            Kind::ImageToText { line, .. } => line::encode(line, self.port(&line.input)?, given)?,
            Kind::AudioClassification { sound, .. } => {
                let (inputs, heard) = sound::encode(sound, self.port(&sound.input)?, given)?;
                beside = Beside::Sounds(heard);
                inputs
            }
            Kind::TimeSeriesForecasting { series, forecast } => {
                series::bounded(forecast, count)?;
                let (inputs, pasts) = series::encode(series, self.port(&series.input)?, given)?;
                beside = Beside::Pasts(pasts);
                inputs
            }
            Kind::TabularClassification { columns, .. } | Kind::TabularRegression { columns, .. } => {
                table::encode(columns, &signature.inputs, given)?
            }
        };
        signature.check_inputs(&inputs)?;
        Ok(Encoded { inputs, items: Items { count, lengths, beside } })
    }

    /// What the model's outputs say of each value.
    pub fn decode(&self, items: &Items, outputs: &[Tensor]) -> Result<Vec<Outcome>, Refusal> {
        let output = |name: &str| {
            let wrong = Refusal::Answer { reason: "an output of the contract is not there" };
            outputs.iter().find(|output| output.name() == name).ok_or(wrong)
        };
        let names = |output: &str| self.contract.labels.get(output).map_or(&[][..], Vec::as_slice);
        let scored = |scores: &Scores| labels(scores, names(&scores.output), output(&scores.output)?, items.count);
        // Values that were read for another task.
        let strange = Refusal::Answer { reason: "the values were read otherwise" };
        match &self.task.kind {
            Kind::TokenClassification { entities, .. } => {
                let Beside::Texts(texts) = &items.beside else { return Err(strange) };
                entities::decode(entities, names(&entities.output), texts, output(&entities.output)?)
            }
            Kind::ObjectDetection { picture, objects } => {
                let Beside::Pictures(placed) = &items.beside else { return Err(strange) };
                let outputs: Vec<&Tensor> = objects.form.outputs().into_iter().map(output).collect::<Result<_, _>>()?;
                objects::decode(objects, picture, placed, &outputs)
            }
            Kind::ImageToText { reading, .. } => line::decode(reading, output(&reading.output)?, items.count),
            Kind::AudioClassification { sound, hearing } => {
                let Beside::Sounds(heard) = &items.beside else { return Err(strange) };
                let (port, output) = (self.port(&sound.input)?, output(&hearing.output)?);
                sound::decode((sound, hearing), names(&hearing.output), heard, port, output)
            }
            Kind::TimeSeriesForecasting { series, forecast } => {
                let Beside::Pasts(pasts) = &items.beside else { return Err(strange) };
                series::decode(series, forecast, pasts, output(&forecast.output)?)
            }
            Kind::FeatureExtraction { vector, .. } => text::vectors(vector, output(&vector.output)?, &items.lengths),
            Kind::FileType { scores, .. }
            | Kind::TextClassification { scores, .. }
            | Kind::ImageClassification { scores, .. } => Ok(scored(scores)?.into_iter().map(best).collect()),
            Kind::TabularClassification { label, scores, .. } => {
                let tops = scores.as_ref().map(scored).transpose()?;
                let words = label.as_ref().map(|name| words(output(name)?, items.count)).transpose()?;
                Ok(match (words, tops) {
                    (None, Some(tops)) => tops.into_iter().map(best).collect(),
                    (Some(words), None) => words.into_iter().map(bare).collect(),
                    (Some(words), Some(tops)) => words.into_iter().zip(tops).map(beside).collect(),
                    (None, None) => return Err(Refusal::Answer { reason: "the task names no output" }),
                })
            }
            Kind::TabularRegression { output: name, .. } => {
                let values = crate::rows::floats(output(name)?).filter(|values| values.len() == items.count);
                let values = values.ok_or(Refusal::Answer { reason: "expected one number for each input" })?;
                Ok(values.into_iter().map(|value| Outcome::Number { value }).collect())
            }
        }
    }

    /// Whether [`Interpreter::decode`] will read these outputs, told by their types and shapes.
    pub fn check(&self, items: &Items, outputs: &[Tensor]) -> Result<(), Refusal> {
        let whole = |name: &str, datatypes: &[DataType], fits: &dyn Fn(&[u64]) -> bool| {
            let output = outputs.iter().find(|output| output.name() == name);
            let good = output.is_some_and(|output| datatypes.contains(&output.datatype()) && fits(output.shape()));
            if good { Ok(()) } else { Err(Refusal::Answer { reason: "an output has not a row for each input" }) }
        };
        let count = items.count as u64;
        let one_each = |shape: &[u64]| shape.iter().product::<u64>() == count;
        let scored = |scores: &Scores| {
            let names = self.contract.labels.get(&scores.output).map_or(0, |names| names.len() as u64);
            whole(&scores.output, &[DataType::Fp32], &|shape| names > 0 && shape == [count, names])
        };
        let outputs = |names: &[&str]| -> Option<Vec<&Tensor>> {
            names.iter().map(|name| outputs.iter().find(|output| output.name() == *name)).collect()
        };
        let good = |good: Option<bool>| match good {
            Some(true) => Ok(()),
            _ => Err(Refusal::Answer { reason: "an output has not the form that the task reads" }),
        };
        let names = |output: &str| self.contract.labels.get(output).map_or(0, Vec::len);
        match (&self.task.kind, &items.beside) {
            (Kind::TokenClassification { entities, .. }, Beside::Texts(texts)) => {
                let fits = |output: &Tensor| {
                    output.datatype() == DataType::Fp32
                        && entities::fits(output.shape(), texts, names(&entities.output))
                };
                return good(outputs(&[&entities.output]).map(|outputs| fits(outputs[0])));
            }
            (Kind::ObjectDetection { objects, .. }, Beside::Pictures(_)) => {
                let outputs = outputs(&objects.form.outputs());
                return good(outputs.map(|outputs| objects::fits(objects, &outputs, items.count)));
            }
            (Kind::ImageToText { reading, .. }, _) => {
                return good(outputs(&[&reading.output]).map(|outputs| line::fits(reading, outputs[0], items.count)));
            }
            (Kind::AudioClassification { sound, hearing }, Beside::Sounds(heard)) => {
                let (port, labels) = (self.port(&sound.input)?, names(&hearing.output));
                let fits = |output: &Tensor| sound::frames(labels, heard, port, output).is_some();
                return good(outputs(&[&hearing.output]).map(|outputs| fits(outputs[0])));
            }
            (Kind::TimeSeriesForecasting { series, forecast }, Beside::Pasts(_)) => {
                let fits = |output: &Tensor| series::fits(series, forecast, output, items.count);
                return good(outputs(&[&forecast.output]).map(|outputs| fits(outputs[0])));
            }
            _ => {}
        }
        match &self.task.kind {
            Kind::FeatureExtraction { vector, .. } => whole(&vector.output, &[DataType::Fp32], &|shape| {
                let rank = if vector.pooling == Pooling::None { 2 } else { 3 };
                shape.len() == rank && shape[0] == count && !shape.contains(&0)
            }),
            Kind::FileType { scores, .. }
            | Kind::TextClassification { scores, .. }
            | Kind::ImageClassification { scores, .. } => scored(scores),
            Kind::TabularClassification { label, scores, .. } => {
                let words = &[DataType::Bytes, DataType::Int64, DataType::Int32];
                label.as_ref().map_or(Ok(()), |name| whole(name, words, &one_each))?;
                scores.as_ref().map_or(Ok(()), scored)
            }
            Kind::TabularRegression { output, .. } => whole(output, &[DataType::Fp32], &one_each),
            Kind::TokenClassification { .. }
            | Kind::ObjectDetection { .. }
            | Kind::ImageToText { .. }
            | Kind::AudioClassification { .. }
            | Kind::TimeSeriesForecasting { .. } => good(None),
        }
    }

    /// A value that could come, to try the model with.
    pub fn sample(&self) -> Given {
        match &self.task.kind {
            Kind::FileType { .. } => Given::File(b"# A file to try the model with.\nprint('hello, world')\n".to_vec()),
            Kind::FeatureExtraction { .. } | Kind::TextClassification { .. } | Kind::TokenClassification { .. } => {
                Given::text("A text to try the model with.")
            }
            Kind::ImageClassification { picture, .. } | Kind::ObjectDetection { picture, .. } => {
                picture::sample(picture.width, picture.height)
            }
            Kind::ImageToText { line, .. } => picture::sample(line.least_width, line.height),
            Kind::AudioClassification { sound, .. } => sound::sample(sound),
            Kind::TimeSeriesForecasting { series, .. } => series::sample(series),
            Kind::TabularClassification { columns, .. } | Kind::TabularRegression { columns, .. } => {
                table::sample(columns)
            }
        }
    }

    /// Whether many values may come at once: the first axis of all that is filled is open, and is that of values.
    pub fn takes_many(&self) -> bool {
        let signature = &self.contract.signature;
        let axes =
            |ports: &[Port], name: &str| ports.iter().find(|port| port.name == name).map_or(0, |port| port.shape.len());
        let one = match &self.task.kind {
            // Sounds of their own lengths do not stand in one tensor.
            Kind::AudioClassification { sound, .. } => {
                sound.window.is_none() || axes(&signature.inputs, &sound.input) == 1
            }
            Kind::ObjectDetection { objects, .. } => match &objects.form {
                Form::Apart { boxes, .. } => axes(&signature.outputs, boxes) == 2,
                Form::One { .. } => false,
            },
            _ => false,
        };
        if one {
            return false;
        }
        let fed = self.task.inputs();
        let ports = signature.inputs.iter().filter(|port| fed.contains(&port.name.as_str()));
        ports.map(|port| port.shape.first()).all(|axis| axis == Some(&None))
    }

    fn port(&self, name: &str) -> Result<&'a Port, Refusal> {
        let port = self.contract.signature.inputs.iter().find(|port| port.name == name);
        port.ok_or(Refusal::Answer { reason: "an input of the contract is not there" })
    }
}

fn best(top: Vec<Scored>) -> Outcome {
    let first = top.first();
    Outcome::Label {
        label: first.map(|best| best.label.clone()).unwrap_or_default(),
        score: first.map(|best| best.score),
        top,
    }
}

fn bare(label: String) -> Outcome {
    Outcome::Label { label, score: None, top: Vec::new() }
}

/// A label of the model's own, with the score of the best, which is that label's unless the author named them otherwise.
fn beside((label, top): (String, Vec<Scored>)) -> Outcome {
    let score = top.iter().find(|scored| scored.label == label).map(|scored| scored.score);
    Outcome::Label { label, score, top }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tokenizer::tests::bert;

    fn contract(task: Value, inputs: Value, outputs: Value) -> Contract {
        let contract = json!({
            "version": 1, "signature": {"inputs": inputs, "outputs": outputs}, "labels": {"y": ["a", "b"]},
            "deadline_ms": 1, "task": task,
        });
        serde_json::from_value(contract).unwrap()
    }

    fn port(name: &str, datatype: &str, shape: &[i64]) -> Value {
        json!({"name": name, "datatype": datatype, "shape": shape})
    }

    fn embedding(pooling: &str) -> Contract {
        let text = json!({"tokenizer": "tokenizer.json", "max_length": 8, "ids": "ids", "mask": "mask"});
        let vector = json!({"output": "h", "pooling": pooling, "normalize": false});
        contract(
            json!({"version": 1, "type": "feature-extraction", "text": text, "vector": vector}),
            json!([port("ids", "INT64", &[-1, -1]), port("mask", "INT64", &[-1, -1])]),
            json!([port("h", "FP32", &[-1, -1, -1])]),
        )
    }

    #[test]
    fn texts_of_several_lengths_are_padded_to_the_longest_and_masked() {
        let (contract, tokenizer) = (embedding("mean"), Tokenizer::read(bert().to_string().as_bytes()).unwrap());
        let interpreter = Interpreter::new(&contract, Some(&tokenizer)).unwrap();
        let Encoded { inputs, items } = interpreter.encode(&[Given::text("hello"), Given::text("unaffable")]).unwrap();
        let ids = [2, 4, 3, 0, 0, 2, 7, 8, 9, 3];
        assert_eq!(inputs[0], Tensor::int64("ids", &[2, 5], &ids).unwrap());
        assert_eq!(inputs[1], Tensor::int64("mask", &[2, 5], &[1, 1, 1, 0, 0, 1, 1, 1, 1, 1]).unwrap());
        assert_eq!(items.tokens(), 8);
        assert!(interpreter.encode(&[interpreter.sample()]).is_ok());
    }

    #[test]
    fn what_is_checked_is_read_and_what_is_not_is_not() {
        let tokenizer = Tokenizer::read(bert().to_string().as_bytes()).unwrap();
        for (pooling, good) in [("mean", &[1u64, 3, 2][..]), ("cls", &[1, 3, 2]), ("none", &[1, 2])] {
            let contract = embedding(pooling);
            let interpreter = Interpreter::new(&contract, Some(&tokenizer)).unwrap();
            let items = interpreter.encode(&[Given::text("hello")]).unwrap().items;
            for shape in [&[1u64, 3, 2][..], &[1, 2], &[2, 3, 2], &[2, 2], &[1, 0, 2], &[1, 3, 0], &[6]] {
                let values = vec![0.5; shape.iter().product::<u64>() as usize];
                let outputs = [Tensor::fp32("h", shape, &values).unwrap()];
                let (checked, read) = (interpreter.check(&items, &outputs), interpreter.decode(&items, &outputs));
                assert_eq!((checked.is_ok(), read.is_ok()), (shape == good, shape == good), "{pooling} {shape:?}");
            }
            assert!(interpreter.check(&items, &[]).is_err());
        }
    }

    #[test]
    fn a_model_whose_first_axis_is_fixed_takes_one_value_at_a_time() {
        let bytes = json!({"input": "x", "begin": 2, "end": 1, "block": 9, "padding": 0, "least": 0});
        let scores = json!({"output": "y", "activation": "none", "top": 1});
        let task = json!({"version": 1, "type": "file-type", "bytes": bytes, "scores": scores});
        let contract = contract(task, json!([port("x", "INT32", &[1, 3])]), json!([port("y", "FP32", &[1, 2])]));
        let interpreter = Interpreter::new(&contract, None).unwrap();
        let file = || Given::File(b"abc".to_vec());
        let Encoded { inputs, items } = interpreter.encode(&[file()]).unwrap();
        assert_eq!(inputs[0].bytes(), [97, 0, 0, 0, 98, 0, 0, 0, 99, 0, 0, 0]);
        let outcomes = interpreter.decode(&items, &[Tensor::fp32("y", &[1, 2], &[0.25, 0.75]).unwrap()]).unwrap();
        let top = vec![Scored { label: "b".to_owned(), score: 0.75 }];
        assert_eq!(outcomes, [Outcome::Label { label: "b".to_owned(), score: Some(0.75), top }]);
        assert_eq!(interpreter.encode(&[file(), file()]), Err(Refusal::OneAtATime { count: 2 }));
        assert_eq!(interpreter.encode(&[]), Err(Refusal::Count { count: 0 }));
        assert!(Interpreter::new(&Contract { task: None, ..contract.clone() }, None).is_none());
    }

    /// One contract for each task that reads all numbers, with a shape of its output for one value that is good.
    fn others() -> Vec<(Contract, &'static [u64])> {
        let made = |task: Value, input: Value, output: &[i64]| {
            contract(task, json!([input]), json!([port("y", "FP32", output)]))
        };
        let picture = json!({"input": "x", "width": 4, "height": 4, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0],
                             "layout": "nchw", "letterbox": {"pad": 114.0, "middle": true}});
        let objects = json!({"labels": ["a", "b"], "form": {"one": {"output": "y", "boxes_axis": 2, "objectness": false}},
                             "coordinates": "xywh", "unit": "pixel", "activation": "none", "threshold": 0.5,
                             "overlap": 0.5, "most": 9});
        let line = json!({"input": "x", "height": 4, "width": 8, "least_width": 4, "pad": 0.0, "mean": [0.0, 0.0, 0.0],
                          "std": [1.0, 1.0, 1.0], "layout": "nhwc", "channels": "grey"});
        let reading = json!({"output": "y", "activation": "none", "characters": ["a", "b"], "blank": 2});
        let sound = json!({"input": "x", "rate": 8000, "window": 4, "hop": 4, "padding": "zeros", "scale": "unit",
                           "normalize": false, "longest": 1});
        let hearing = json!({"output": "y", "activation": "none", "aggregation": "frames", "top": 1, "threshold": 0.5,
                             "most": 9});
        let series = json!({"input": "x", "window": 3, "order": "steps_columns", "scaling": "instance"});
        let forecast = json!({"output": "y", "horizon": 2, "targets": [0], "quantiles": ["0.5", "0.9"]});
        let text = json!({"tokenizer": "tokenizer.json", "max_length": 8, "ids": "x"});
        let entities = json!({"output": "y", "activation": "softmax", "aggregation": "simple"});
        let task = |word: &str, one: (&str, Value), other: (&str, Value)| json!({"version": 1, "type": word, one.0: one.1, other.0: other.1});
        vec![
            (
                made(
                    task("token-classification", ("text", text), ("entities", entities)),
                    port("x", "INT64", &[-1, -1]),
                    &[-1, -1, 2],
                ),
                &[1, 9, 2],
            ),
            (
                made(
                    task("object-detection", ("picture", picture), ("objects", objects)),
                    port("x", "FP32", &[-1, 3, 4, 4]),
                    &[-1, 6, -1],
                ),
                &[1, 6, 3],
            ),
            (
                made(
                    task("image-to-text", ("line", line), ("reading", reading)),
                    port("x", "FP32", &[-1, 4, -1, 1]),
                    &[-1, -1, 3],
                ),
                &[1, 6, 3],
            ),
            (
                made(
                    task("audio-classification", ("sound", sound), ("hearing", hearing)),
                    port("x", "FP32", &[-1, 4]),
                    &[-1, -1, 2],
                ),
                &[1, 9, 2],
            ),
            (
                made(
                    task("time-series-forecasting", ("series", series), ("forecast", forecast)),
                    port("x", "FP64", &[-1, 3]),
                    &[-1, 2, 2],
                ),
                &[1, 2, 2],
            ),
        ]
    }

    #[test]
    fn what_the_other_tasks_check_is_what_they_read_whatever_the_numbers_are() {
        let tokenizer = Tokenizer::read(bert().to_string().as_bytes()).unwrap();
        for (contract, good) in others() {
            let word = contract.task.as_ref().unwrap().word();
            let sealed = serde_json::to_string(&contract).unwrap();
            assert_eq!(serde_json::from_str::<Contract>(&sealed).unwrap(), contract, "{word}");
            let interpreter = Interpreter::new(&contract, Some(&tokenizer)).unwrap();
            assert!(interpreter.takes_many(), "{word}");
            let Encoded { items, .. } = interpreter.encode(&[interpreter.sample()]).unwrap();
            assert_eq!(items.paid(), 1);
            for shape in [good, &[2, 9, 2], &[1, 6, 3, 1], &[1, 5, 7], &[1], &[1, 0, 7], &[]] {
                let count = shape.iter().product::<u64>() as usize;
                for value in [0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30] {
                    let outputs = [Tensor::fp32("y", shape, &vec![value; count]).unwrap()];
                    let (checked, read) = (interpreter.check(&items, &outputs), interpreter.decode(&items, &outputs));
                    assert_eq!((checked.is_ok(), read.is_ok()), (shape == good, shape == good), "{word} {shape:?}");
                    // And it can be written.
                    assert!(read.is_err() || serde_json::to_string(&read.unwrap()).is_ok());
                }
            }
            let wrong = [Tensor::int64("y", good, &vec![0; good.iter().product::<u64>() as usize]).unwrap()];
            assert!(interpreter.check(&items, &wrong).is_err() && interpreter.check(&items, &[]).is_err(), "{word}");
            assert_eq!(interpreter.encode(&[]), Err(Refusal::Count { count: 0 }));
        }
    }
}
