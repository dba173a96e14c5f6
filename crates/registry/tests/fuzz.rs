//! READMEs, names, paths and files of whoever publishes.

use fuzz::{Random, Target, holding, shown};
use registry::{Card, CommitId, Digest, Example, FilePath, Handle, Labels, ModelName, ReleaseNumber};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

const YAML: &[&[u8]] = &[
    b"---\n",
    b"...\n",
    b"\n",
    b"\r\n",
    b"\n  ",
    b": ",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!str ",
    b"!!binary ",
    b"|\n  ",
    b">-\n  ",
    b"[",
    b"]",
    b"{",
    b"}",
    b", ",
    b"\"",
    b"'",
    b"#",
    b"\\x1b",
    b"~",
    b"null",
    b".inf",
    b".nan",
    b"0x1f",
    b"%YAML 1.2\n",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"modelhub:\n  ",
    b"price: ",
    b"{ per_call: \"0.002 OPG\" }",
    b"per_item",
    b"per_1k_in",
    b" OPG",
    b" USD",
    b"split: ",
    b"bob: 70%",
    b"100%",
    b"output: top_k",
    b"labels: ",
    b"deadline: 5s",
    b"ms",
    b"batch: 8",
    b"royalty: 5%",
    b"task: ",
    b"type: ",
    b"text-classification",
    b"tabular-regression",
    b"columns: ",
    b"number",
    b"mean: [0, 0, 0]",
    b"tokenizer: tokenizer.json",
    b"top: 3",
    b"license: mit",
    b"tags: ",
    b"base_model: ",
    b"title: ",
    b"summary: ",
    b"# ",
    b"```\n",
    b"[a](b)",
    b"<p>",
    b"**",
];

const CARDS: [&str; 4] = [
    "---\nlicense: apache-2.0\npipeline_tag: text-classification\nbase_model: alice/minilm\ntags: [onnx, 1.10, no]\n\
     modelhub:\n  access: sealed\n  price: { per_call: \"0.0002 USD\" }\n  split: { bob: 70%, carol: 29.5%, alice: 0.5% }\n  \
     output: top_k\n  labels: [no, yes, 1.0]\n  deadline: 5s\n---\n# Sentiment of **reviews**\n\nTells `it` [so](x).\n",
    "---\nmodelhub:\n  price: { per_item: \"0.001 OPG\", per_call: 1 OPG }\n  labels: { probabilities: [a, b] }\n  batch: 32\n  \
     royalty: 5%\n  task:\n    type: tabular-classification\n    columns: { age: number, port: [cork, dover] }\n---\n",
    "---\nmodelhub:\n  labels: labels.json\n  task:\n    type: image-classification\n    mean: [0.5, 0.5, 0.5]\n    \
     std: [1, 1, 1]\n    layout: nchw\n    activation: softmax\n    top: 5\n---\nText.\n",
    "---\na: &a [1, 2]\nb: [*a, *a, {c: *a}]\nlanguage:\n- en\nmodel-index:\n- name: x\n  results:\n  - {type: accuracy, \
     value: 0.91}\n---\n# T\n```\ncode\n```\n",
];

#[test]
fn a_card_is_taken_or_refused_on_one_line_within_its_own_size() {
    let make = |random: &mut Random| random.pick(&CARDS).as_bytes().to_vec();
    Target::new("card", YAML).cases(6_000).run(make, |input| {
        // The parser's budget bounds what aliases make of front matter; the text below it is copied.
        match holding(8 * input.len() + MOST_OF_FRONT_MATTER, || Card::from_bytes(input)) {
            Ok(card) => {
                assert!(input.ends_with(card.body.as_bytes()));
                for text in [&card.title, &card.summary, &card.task].into_iter().flatten() {
                    assert!((1..=200).contains(&text.chars().count()) && !text.contains(['\n', '\r']), "{text:?}");
                }
                assert!(card.hub.is_some() || !card.data.contains_key("modelhub"));
                if let Some(split) = card.hub.and_then(|section| section.split) {
                    assert_eq!(split.iter().map(|(_, points)| u32::from(*points)).sum::<u32>(), 10_000);
                }
                "taken".to_owned()
            }
            Err(error) => {
                shown(&error.to_string(), 600);
                error.to_string()
            }
        }
    });
}

/// What reading 64 KiB of front matter may hold: 20,000 values and what aliases repeat.
const MOST_OF_FRONT_MATTER: usize = 24 * 1024 * 1024;

#[test]
fn names_that_are_refused_are_shown_on_one_line() {
    let make = |random: &mut Random| {
        let good = ["alice", "alice/minilm", "onnx/model.onnx", "1.00", "12.07", "a/B_c.d-e", "docs", "alice/run"];
        random.pick(&good).as_bytes().to_vec()
    };
    let words: &[&[u8]] = &[
        b"/",
        b"..",
        b".",
        b"--",
        b"-",
        b".git",
        b"\\",
        b"\0",
        b"\n",
        b"\x1b[31m",
        b"\xe2\x80\xae",
        b"\xe2\x80\x8b",
        b"\xc3\xbc",
        b" ",
        b"\"",
        b"api",
        b"infer",
    ];
    Target::new("names", words).most(4_096).run(make, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return "no text".to_owned() };
        let refusals = holding(16 * 1024 + 4 * text.len(), || {
            [
                text.parse::<FilePath>().err().map(|error| error.to_string()),
                text.parse::<ModelName>().err().map(|error| error.to_string()),
                text.parse::<Handle>().err().map(|error| error.to_string()),
                text.parse::<ReleaseNumber>().err().map(|error| error.to_string()),
                text.parse::<Digest>().err().map(|error| error.to_string()),
                text.parse::<CommitId>().err().map(|error| error.to_string()),
            ]
        });
        for refusal in refusals.iter().flatten() {
            // Each of a hundred characters may be shown by its number.
            shown(refusal, 1_000);
        }
        refusals.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|")
    });
}

#[test]
fn files_of_labels_and_examples_are_read_within_their_own_size() {
    let words: &[&[u8]] = &[
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"\"",
        b"\\u0000",
        b"\\ud800",
        b"\n",
        b"id2label",
        b"\"0\"",
        b"\"inputs\":",
        b"\"outputs\":",
        b"\"name\":\"x\"",
        b"\"datatype\":\"FP32\"",
        b"\"shape\":[1]",
        b"\"data\":[1]",
        b"null",
        b"true",
        b"BYTES",
        b"INT64",
        b"\"\":0,",
        b"[],",
        b"\xef\xbb\xbf",
    ];
    let good = [
        r#"["cat", "dog"]"#,
        r#"{"x": 1, "id2label": {"0": "cat", "1": "dog"}}"#,
        r#"{"a": ["x"], "b": ["y", "z"]}"#,
        "cat\r\ndog\n",
        r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[[0.5,1]]},{"name":"y","datatype":"BYTES","shape":[],"data":"t"}],"outputs":[{"name":"z","datatype":"INT64","shape":[1],"data":[7]},{"name":"w"}]}"#,
    ];
    let make = |random: &mut Random| random.pick(&good).as_bytes().to_vec();
    let [json, text] = ["l.json", "l.txt"].map(|path| path.parse::<FilePath>().unwrap());
    Target::new("labels-and-examples", words).run(make, |input| {
        // In serde_json's tree an empty list of three characters is a value of 32 bytes, in maps one of some hundred.
        let most = 160 * input.len() + 64 * 1024;
        let mut told = Vec::new();
        for path in [&json, &text] {
            match holding(most, || Labels::from_file(path, input)) {
                Ok(Labels::List(labels)) => assert!((1..=Labels::MAX).contains(&labels.len())),
                Ok(_) => {}
                Err(error) => {
                    shown(&error.to_string(), 600);
                    told.push(error.to_string());
                }
            }
        }
        match holding(most, || Example::parse(input)) {
            Ok(example) => assert!(!example.inputs.is_empty()),
            Err(error) => {
                shown(&error.to_string(), 600);
                told.push(error.to_string());
            }
        }
        told.join("|")
    });
}
