//! Tasks that read more than a label: names in texts, boxes, lines, sounds, histories. One scene each, through the whole
//! hub: published, called, paid, told.

use std::sync::Arc;

use engine::fake::{Behaviour, Fake};
use hub::{Error, Performed};
use serde_json::{Value, json};
use tasks::{Given, Refusal};
use tensor::{DataType, Port, Signature, Tensor};
use testkit::{Publish, TestHub, User, fixtures, refused};

const MODEL: &str = "alice/senses";

fn card(modelhub: &str) -> String {
    format!("---\nmodelhub:\n  price: {{ per_item: \"0.001 OPG\" }}\n{modelhub}---\n# Senses\n")
}

fn fp32(name: &str, shape: &[Option<u64>]) -> Vec<Port> {
    vec![fixtures::port(name, DataType::Fp32, shape)]
}

/// A model that answers each row of its input with these numbers.
async fn scene(inputs: Vec<Port>, outputs: Vec<Port>, row: &'static [u64], numbers: &'static [f32]) -> TestHub {
    let name = outputs[0].name.clone();
    let behaviour = Behaviour::Map(Arc::new(move |inputs| {
        let rows = inputs[0].shape()[0];
        let shape = [&[rows], row].concat();
        Ok(vec![Tensor::fp32(&name, &shape, &numbers.repeat(rows as usize)).unwrap()])
    }));
    TestHub::set().fake(Fake::new(Signature { inputs, outputs }, behaviour)).start().await
}

fn draft(alice: &User, modelhub: &str) -> Publish {
    alice.publish(MODEL).without_price().card(&card(modelhub))
}

async fn perform(bob: &User, hub: &TestHub, values: Vec<Given>) -> Result<Performed, Error> {
    hub.hub().perform(bob.infer(MODEL).inputs(Vec::new()).request(), values).await
}

fn told(performed: &Performed) -> Value {
    serde_json::to_value(&performed.outcomes).unwrap()
}

fn sealed(hub: &TestHub) -> impl Future<Output = Value> {
    let hub = hub.hub().clone();
    async move { serde_json::to_value(&hub.model(&testkit::model(MODEL), None).await.unwrap().release.contract).unwrap() }
}

/// Six by four pixels.
const PNG: &str = concat!(
    "data:image/png;base64,",
    "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAIAAAAiZtkUAAAAGklEQVR4nGNkYGDQYJBERiwMNpIMDCiIOCEAntcDydjG5eoAAAAASUVORK5C",
    "YII="
);

#[tokio::test]
async fn names_in_texts_are_told_with_their_places() {
    let words = json!({"[UNK]": 0, "ada": 1, "in": 2, "paris": 3});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    });
    let inputs = vec![fixtures::port("input_ids", DataType::Int64, &[None, None])];
    let outputs = fp32("logits", &[None, None, Some(3)]);
    // Three tokens: a person, nothing, a place.
    let numbers = &[0.0, 8.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 8.0];
    let hub = scene(inputs, outputs, &[3, 3], numbers).await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    let task = "  labels: [O, B-PER, B-LOC]\n  task: { type: token-classification, max_length: 3 }\n";
    // The made-up value has seven tokens, cut to three.
    draft(&alice, task).file("tokenizer.json", tokenizer.to_string()).await.unwrap();
    let performed =
        perform(&bob, &hub, vec![Given::text("Ada in Paris"), Given::text("🙂 in Paris, too")]).await.unwrap();
    let outcomes = told(&performed);
    assert_eq!(outcomes[0]["entities"][1]["text"], "Paris");
    assert_eq!((&outcomes[1]["entities"][1]["start"], &outcomes[1]["entities"][1]["end"]), (&json!(5), &json!(10)));
    assert_eq!((outcomes[0].get("read"), &outcomes[1]["read"]), (None, &json!(10)));
    assert_eq!((performed.answer.cost, performed.tokens), (testkit::opg("0.002"), 6));
    let kept = sealed(&hub).await;
    assert_eq!(kept["task"]["entities"], json!({"output": "logits", "activation": "softmax", "aggregation": "simple"}));
    hub.finish().await;
}

#[tokio::test]
async fn boxes_are_told_on_the_callers_picture_and_labels_need_no_axis() {
    // [n, 4 + 2, boxes] of two boxes: the second is not sure enough.
    let numbers = &[6.0, 6.0, 6.0, 6.0, 4.0, 4.0, 2.0, 2.0, 0.0, 0.0, 0.75, 0.125];
    let hub = scene(
        fp32("images", &[None, Some(3), Some(12), Some(12)]),
        fp32("y", &[None, Some(6), None]),
        &[6, 2],
        numbers,
    );
    let hub = hub.await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    let task = "  task: { type: object-detection, fit: letterbox, coordinates: xywh, boxes_axis: 2 }\n";
    let told_why = refused!(draft(&alice, task).await, Error::Unfit { step: "task", reason, .. } => reason);
    assert!(told_why.contains("needs labels"), "{told_why}");
    draft(&alice, &format!("  labels: labels.txt\n{task}")).file("labels.txt", "cat\ndog\n").await.unwrap();
    let performed = perform(&bob, &hub, vec![Given::text(PNG), Given::text(PNG)]).await.unwrap();
    // 12 by 8 pixels of the sheet, two from above: half of that on the picture.
    let edges = json!({"xmin": 2.0, "ymin": 1.5, "xmax": 4.0, "ymax": 2.5});
    let objects = json!({"objects": [{"label": "dog", "score": 0.75, "box": edges}]});
    assert_eq!(told(&performed), json!([objects, objects]));
    assert_eq!(bob.cash(), "0.998");
    let kept = sealed(&hub).await;
    assert_eq!((&kept["task"]["objects"]["labels"], kept.get("labels")), (&json!(["cat", "dog"]), None));
    hub.finish().await;
}

#[tokio::test]
async fn a_line_is_read_with_the_characters_of_a_file() {
    let numbers = &[0.1, 0.9, 0.0, 0.1, 0.9, 0.0, 0.8, 0.1, 0.1, 0.0, 0.2, 0.8];
    let hub =
        scene(fp32("x", &[None, Some(3), Some(8), None]), fp32("y", &[None, None, Some(3)]), &[4, 3], numbers).await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    let task = "  task: { type: image-to-text, width: 64, characters: letters.txt, blank: 0 }\n";
    let missing = refused!(draft(&alice, task).await, Error::Unfit { step: "task", reason, .. } => reason);
    assert_eq!(missing, "characters: letters.txt is not among the files");
    let many =
        refused!(draft(&alice, task).file("letters.txt", "a\nb\nc\n").await, Error::Unfit { reason, .. } => reason);
    assert!(many.contains("the task needs [any, any, 4]"), "{many}");
    draft(&alice, task).file("letters.txt", "a\n \n").await.unwrap();
    let performed = perform(&bob, &hub, vec![Given::text(PNG)]).await.unwrap();
    let outcomes = told(&performed);
    assert_eq!(outcomes[0]["text"], "a ");
    assert!((outcomes[0]["score"].as_f64().unwrap() - 0.85).abs() < 1e-6, "{outcomes}");
    let not = perform(&bob, &hub, vec![Given::text("data:;base64,R0lGODlh")]).await;
    refused!(not, Error::Task(Refusal::Picture { at: 0, .. }));
    assert_eq!(bob.cash(), "0.999");
    hub.finish().await;
}

/// A WAV file of 8,000 samples a second.
fn wav(samples: usize) -> Given {
    let size = 2 * samples as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    file.extend(size.to_le_bytes());
    file.resize(44 + size as usize, 0);
    Given::File(file)
}

#[tokio::test]
async fn a_sound_is_paid_by_its_windows() {
    let hub = scene(fp32("x", &[None, Some(800)]), fp32("y", &[None, Some(2)]), &[2], &[0.25, 0.75]).await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    let task = "  labels: [rain, wind]\n  task: { type: audio-classification, rate: 8000, aggregation: frames }\n";
    draft(&alice, task).await.unwrap();
    let performed = perform(&bob, &hub, vec![wav(2_000), wav(400)]).await.unwrap();
    let event = |end: f64| json!({"events": [{"label": "wind", "score": 0.75, "start": 0.0, "end": end}]});
    assert_eq!(told(&performed), json!([event(0.25), event(0.05)]));
    // Three windows and one.
    assert_eq!((performed.answer.cost, bob.cash()), (testkit::opg("0.004"), "0.996".to_owned()));
    refused!(perform(&bob, &hub, vec![Given::File(b"RIFF".to_vec())]).await, Error::Task(Refusal::Sound { at: 0, .. }));
    assert_eq!(bob.cash(), "0.996");
    hub.finish().await;
}

#[tokio::test]
async fn a_waveform_is_one_item_however_long_it_is() {
    // The first axis is that of samples.
    let behaviour =
        Behaviour::Map(Arc::new(|_| Ok(vec![Tensor::fp32("y", &[3, 2], &[0.0, 1.0, 0.5, 0.5, 0.25, 0.75]).unwrap()])));
    let signature = Signature { inputs: fp32("x", &[None]), outputs: fp32("y", &[None, Some(2)]) };
    let hub = TestHub::set().fake(Fake::new(signature, behaviour)).start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    draft(&alice, "  labels: [rain, wind]\n  task: { type: audio-classification, rate: 8000 }\n").await.unwrap();
    let performed = perform(&bob, &hub, vec![wav(2_000)]).await.unwrap();
    assert_eq!((&told(&performed)[0]["label"], &told(&performed)[0]["score"]), (&json!("wind"), &json!(0.75)));
    assert_eq!((performed.answer.cost, bob.cash()), (testkit::opg("0.001"), "0.999".to_owned()));
    refused!(perform(&bob, &hub, vec![wav(9), wav(9)]).await, Error::Task(Refusal::OneAtATime { count: 2 }));
    hub.finish().await;
}

#[tokio::test]
async fn what_comes_next_is_told_in_the_units_of_the_history() {
    let hub = scene(fp32("x", &[None, Some(3)]), fp32("y", &[None, Some(2)]), &[2], &[1.0, -1.0]).await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    draft(&alice, "  task: { type: time-series-forecasting, mean: 10, std: 4 }\n").await.unwrap();
    let history = Given::File(br#"{"history": [9, 8, 10, 12], "start": "2026-01-31", "step": "1d"}"#.to_vec());
    let performed = perform(&bob, &hub, vec![history]).await.unwrap();
    let steps = json!([
        {"step": 1, "time": "2026-02-04T00:00:00Z", "value": 14.0}, {"step": 2, "time": "2026-02-05T00:00:00Z", "value": 6.0},
    ]);
    assert_eq!(told(&performed), json!([{"forecast": steps}]));
    let short = perform(&bob, &hub, vec![Given::File(b"[1, 2]".to_vec())]).await;
    refused!(short, Error::Task(Refusal::ShortHistory { at: 0, given: 2, needed: 3, .. }));
    assert_eq!(bob.cash(), "0.999");
    hub.finish().await;
}

#[tokio::test]
async fn an_answer_of_another_form_is_not_charged() {
    let fine = Tensor::fp32("y", &[1, 2], &[0.5, 0.5]).unwrap();
    let wrong = Tensor::fp32("y", &[2, 1], &[0.5, 0.5]).unwrap();
    let behaviour = Behaviour::Map(Arc::new(move |inputs| {
        // A hundred in the history makes the model err.
        let bad = inputs[0].bytes().as_chunks::<4>().0.iter().any(|bytes| f32::from_le_bytes(*bytes) == 100.0);
        Ok(vec![if bad { wrong.clone() } else { fine.clone() }])
    }));
    let signature = Signature { inputs: fp32("x", &[None, Some(3)]), outputs: fp32("y", &[None, None]) };
    let hub = TestHub::set().fake(Fake::new(signature, behaviour)).start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    draft(&alice, "  task: { type: time-series-forecasting, horizon: 2 }\n").await.unwrap();
    let bad = perform(&bob, &hub, vec![Given::File(b"[1, 2, 100]".to_vec())]).await;
    refused!(bad, Error::Task(Refusal::Answer { .. }));
    assert_eq!(bob.cash(), "1");
    hub.finish().await;
}
