//! Ways to call a model, each ready to be pasted.
//!
//! Always: what is shown fits the contract. Names come from strangers and end up in a shell and in Python, so they are
//! written as JSON strings in which nothing but letters, digits and a few harmless characters stand for themselves.

use std::fmt::Write;

use registry::task::{Column, ColumnKind, Kind};
use registry::{ModelName, Task, sample_inputs};
use tensor::{DataType, Signature, Tensor};
use web::Code;

/// A body with more characters is made by a line of Python instead of being shown.
const SHOWN: usize = 1_500;

/// None where the contract cannot be met with JSON: half-precision inputs have no JSON form.
pub(super) fn examples(url: &str, model: &ModelName, signature: &Signature) -> Vec<Code> {
    let has_json = |datatype| !matches!(datatype, DataType::Fp16 | DataType::Bf16);
    let Ok(inputs) = sample_inputs(signature) else { return Vec::new() };
    if !inputs.iter().all(|input| has_json(input.datatype())) {
        return Vec::new();
    }
    let url = format!("{url}/v2/models/{model}/infer");
    let size: usize = inputs.iter().map(|input| input.element_count() * 4).sum();
    let shown = (size <= SHOWN).then(|| (body(&inputs, json), body(&inputs, python)));
    match shown.filter(|(json, _)| json.len() <= SHOWN) {
        Some((json, python)) => vec![
            code("curl", "sh", format!("curl {url} \\\n{HEADERS} \\\n  --data '{json}'")),
            code("Python", "python", script(&url, &python)),
        ],
        None => {
            let made = body(&inputs, repeated);
            let line = format!("python3 -c 'import json; print(json.dumps({made}))' |\n");
            let numbers: usize = inputs.iter().map(Tensor::element_count).sum();
            vec![
                code(
                    &format!("curl (python3 writes the sample input, {numbers} values)"),
                    "sh",
                    format!("{line}curl {url} \\\n{HEADERS} \\\n  --data @-"),
                ),
                code("Python", "python", script(&url, &made)),
            ]
        }
    }
}

/// A body that fits this contract, where it is short.
pub(super) fn inputs(signature: &Signature) -> Option<String> {
    let has_json = |datatype| !matches!(datatype, DataType::Fp16 | DataType::Bf16);
    let inputs =
        sample_inputs(signature).ok().filter(|inputs| inputs.iter().all(|input| has_json(input.datatype())))?;
    Some(body(&inputs, json)).filter(|json| json.len() <= SHOWN)
}

/// The call in what people have, where the release has a task.
pub(super) fn of_task(url: &str, model: &ModelName, task: &Task) -> Code {
    let (title, data) = match &task.kind {
        Kind::FileType { .. }
        | Kind::ImageClassification { .. }
        | Kind::ObjectDetection { .. }
        | Kind::ImageToText { .. }
        | Kind::AudioClassification { .. } => ("curl, with a file", "-F file=@FILE".to_owned()),
        Kind::FeatureExtraction { .. } | Kind::TextClassification { .. } | Kind::TokenClassification { .. } => {
            ("curl, with a text", "--data '{\"input\": \"A text.\"}'".to_owned())
        }
        // A window is too long to be shown.
        Kind::TimeSeriesForecasting { .. } => ("curl, with a CSV file", "-F file=@FILE".to_owned()),
        Kind::TabularClassification { columns, .. } | Kind::TabularRegression { columns, .. } => {
            let cell = |column: &Column| match column.kind {
                ColumnKind::Number => format!("{}: 1", quoted(&column.name)),
                ColumnKind::Category => {
                    let value = column.categories.first().map_or("a", String::as_str);
                    format!("{}: {}", quoted(&column.name), quoted(value))
                }
            };
            let cells: Vec<_> = columns.iter().map(cell).collect();
            ("curl, with a row", format!("--data '{{\"input\": {{{}}}}}'", cells.join(", ")))
        }
    };
    let to = format!("curl {url}/api/v1/run/{model} \\\n  -H \"Authorization: Bearer $MODELHUB_KEY\"");
    code(title, "sh", format!("{to} \\\n  {data}"))
}

const HEADERS: &str = "  -H \"Authorization: Bearer $MODELHUB_KEY\" \\\n  -H \"Content-Type: application/json\"";

fn code(title: &str, language: &str, text: String) -> Code {
    Code { title: title.to_owned(), language: language.to_owned(), text }
}

fn script(url: &str, body: &str) -> String {
    format!(
        r#"import json, os, urllib.request

body = {body}
request = urllib.request.Request(
    "{url}",
    data=json.dumps(body).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ["MODELHUB_KEY"],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request) as answer:
    for output in json.load(answer)["outputs"]:
        print(output["name"], output["shape"], output["data"])
    print("cost:", answer.headers["X-Cost"], "OPG, receipt:", answer.headers["X-Receipt-Id"])"#
    )
}

fn body(inputs: &[Tensor], data: fn(&Tensor) -> String) -> String {
    let mut text = "{\"inputs\": [".to_owned();
    for (place, input) in inputs.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let (name, shape, datatype, data) = (quoted(input.name()), input.shape(), input.datatype(), data(input));
        write!(
            text,
            "{comma}{{\"name\": {name}, \"shape\": {shape:?}, \"datatype\": \"{datatype}\", \"data\": {data}}}"
        )
        .expect("a String takes all that is written to it");
    }
    text + "]}"
}

fn json(input: &Tensor) -> String {
    let mut data = Vec::new();
    input.write_json(&mut data);
    String::from_utf8(data).expect("JSON is text")
}

/// The same as a Python literal: only truth is written in another way.
fn python(input: &Tensor) -> String {
    match input.datatype() {
        DataType::Bool => {
            let words: Vec<_> = input.bytes().iter().map(|byte| if *byte == 1 { "True" } else { "False" }).collect();
            format!("[{}]", words.join(", "))
        }
        _ => json(input),
    }
}

/// One value over and over: as good a sample, and short in Python.
fn repeated(input: &Tensor) -> String {
    let one = match input.datatype() {
        DataType::Bool => "True",
        DataType::Bytes => "\"sample\"",
        DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => "0.5",
        _ => "1",
    };
    format!("[{one}] * {}", input.element_count())
}

/// A string in JSON, in Python, and between single quotes in a shell.
fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(plain) if plain.is_ascii_alphanumeric() || " ._-:/,+()[]{}=@#*".contains(plain) => out.push(plain),
            _ => write!(out, "\\u{unit:04x}").expect("a String takes all that is written to it"),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensor::Port;

    fn port(name: &str, datatype: DataType, shape: &[Option<u64>]) -> Port {
        Port { name: name.to_owned(), datatype, shape: shape.to_vec() }
    }

    fn of(inputs: Vec<Port>) -> Vec<Code> {
        let signature = Signature { inputs, outputs: vec![] };
        examples("http://127.0.0.1:8080", &"alice/iris".parse().unwrap(), &signature)
    }

    #[test]
    fn a_small_input_is_shown_in_full() {
        let codes = of(vec![port("x", DataType::Fp32, &[None, Some(2)]), port("mask", DataType::Bool, &[Some(1)])]);
        assert_eq!(
            codes[0].text,
            "curl http://127.0.0.1:8080/v2/models/alice/iris/infer \\\n  \
             -H \"Authorization: Bearer $MODELHUB_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  \
             --data '{\"inputs\": [{\"name\": \"x\", \"shape\": [1, 2], \"datatype\": \"FP32\", \"data\": [0.125,0.25]}, \
             {\"name\": \"mask\", \"shape\": [1], \"datatype\": \"BOOL\", \"data\": [true]}]}'"
        );
        assert!(codes[1].text.contains("\"data\": [True]}]}\nrequest"), "{}", codes[1].text);
    }

    #[test]
    fn a_large_input_is_made_by_python_and_the_title_says_so() {
        let codes = of(vec![port("image", DataType::Fp32, &[Some(1), Some(3), Some(224), Some(224)])]);
        assert!(codes[0].title.contains("python3 writes the sample input, 150528 values"));
        assert!(
            codes[0].text.starts_with("python3 -c 'import json; print(json.dumps({\"inputs\": [{\"name\": \"image\"")
        );
        assert!(
            codes[0].text.contains("\"data\": [0.5] * 150528}]}))' |\ncurl ") && codes[0].text.ends_with("--data @-")
        );
        assert!(codes.iter().all(|code| code.text.len() < 1_000));
    }

    #[test]
    fn names_cannot_leave_their_string() {
        let codes = of(vec![port("'; rm -rf ~ #\"\\\n$(x)`é😀", DataType::Int64, &[])]);
        let name = r#""\u0027\u003b rm -rf \u007e #\u0022\u005c\u000a\u0024(x)\u0060\u00e9\ud83d\ude00""#;
        assert!(codes[0].text.contains(name), "{}", codes[0].text);
    }

    #[test]
    fn a_contract_that_json_cannot_meet_has_no_examples() {
        assert!(of(vec![port("x", DataType::Fp16, &[Some(1)])]).is_empty());
    }
}
