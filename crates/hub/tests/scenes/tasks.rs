//! Tasks: calls in values that people have.

use std::sync::Arc;

use engine::fake::{Behaviour, Fake};
use hub::infer::Request;
use hub::{Error, Performed};
use registry::CardError;
use serde_json::{Value, json};
use tasks::{Given, Outcome, Refusal};
use tensor::{DataType, Signature, Tensor};
use testkit::{Publish, TestHub, User, fixtures, refused};

const CARD: &str = "---\nmodelhub:\n  price: { per_item: \"0.001 OPG\" }\n  labels: [bad, good]\n  task: { type: text-classification, max_length: 6 }\n---\n# Feelings\n";

/// Words to numbers, `good` to 3.
fn tokenizer() -> String {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[PAD]": 0, "[UNK]": 1, "day": 2, "good": 3}, "unk_token": "[UNK]"},
    })
    .to_string()
}

/// `input_ids`, `attention_mask` INT64 [n, m] → `logits` FP32 [n, 2].
fn signature() -> Signature {
    let ids = |name| fixtures::port(name, DataType::Int64, &[None, None]);
    Signature {
        inputs: vec![ids("input_ids"), ids("attention_mask")],
        outputs: vec![fixtures::port("logits", DataType::Fp32, &[None, Some(2)])],
    }
}

/// Rows that hold the word `good` are good.
fn feelings() -> Behaviour {
    Behaviour::Map(Arc::new(|inputs| {
        let ids = inputs.iter().find(|input| input.name() == "input_ids").unwrap();
        let (rows, width) = (ids.shape()[0], ids.shape()[1] as usize);
        let numbers: Vec<i64> = ids.bytes().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        let row = |row: &[i64]| if row.contains(&3) { [0.0, 2.0] } else { [1.0, 0.0] };
        let logits: Vec<f32> = numbers.chunks(width).flat_map(row).collect();
        Ok(vec![Tensor::fp32("logits", &[rows, 2], &logits).unwrap()])
    }))
}

async fn scene(behaviour: Behaviour) -> TestHub {
    TestHub::set().fake(Fake::new(signature(), behaviour)).start().await
}

fn draft(alice: &User, card: &str) -> Publish {
    alice.publish("alice/feelings").without_price().card(card).file("tokenizer.json", tokenizer())
}

/// A call of texts, as an edge would make it.
async fn perform(bob: &User, hub: &TestHub, texts: &[&str], key: Option<&str>) -> Result<Performed, Error> {
    let request = bob.infer("alice/feelings").inputs(Vec::new());
    let request = key.map_or(request.clone(), |key| request.clone().key(key)).request();
    let request = Request { content: [texts.len() as u8; 32], ..request };
    hub.hub().perform(request, texts.iter().map(|text| Given::text(text)).collect()).await
}

fn labels(performed: &Performed) -> Vec<&str> {
    let label = |outcome: &'_ Outcome| match outcome {
        Outcome::Label { label, .. } if label == "good" => "good",
        Outcome::Label { label, .. } if label == "bad" => "bad",
        other => panic!("{other:?}"),
    };
    performed.outcomes.iter().map(label).collect()
}

#[tokio::test]
async fn a_task_is_tried_before_it_is_sealed() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    let (published, verdicts) = draft(&alice, CARD).told().await;
    assert_eq!(published.unwrap().release.to_string(), "1.00");
    let task = verdicts.iter().find(|verdict| verdict.step == "task").unwrap();
    assert_eq!(task.detail, "text-classification; a made-up value was read, run and answered");
    let release = hub.hub().model(&testkit::model("alice/feelings"), None).await.unwrap();
    let sealed = serde_json::to_value(&release.release.contract).unwrap();
    assert_eq!(
        sealed["task"],
        json!({
            "version": 1, "type": "text-classification",
            "text": {"tokenizer": "tokenizer.json", "max_length": 6, "ids": "input_ids", "mask": "attention_mask"},
            "scores": {"output": "logits", "activation": "softmax", "top": 5},
        })
    );
    assert_eq!(release.release.task.as_deref(), Some("text-classification"));

    // The same again is the same; another task is another promise, and so is none.
    assert_eq!(draft(&alice, CARD).await.unwrap().change, "same");
    let sigmoid = CARD.replace("max_length: 6", "max_length: 6, activation: sigmoid");
    assert_eq!(draft(&alice, &sigmoid).await.unwrap().release.to_string(), "2.00");
    let none = CARD.replace("  task: { type: text-classification, max_length: 6 }\n", "");
    let gone = draft(&alice, &none).await.unwrap();
    assert!(gone.change == "major" && gone.reasons[0].contains("The task text-classification is gone"), "{gone:?}");
    hub.finish().await;
}

#[tokio::test]
async fn a_task_that_does_not_fit_is_refused_with_what_does_not() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    let edited = |from: &str, to: &str| draft(&alice, &CARD.replace(from, to));
    for (draft, reason) in [
        (edited(", max_length: 6", ""), "a text-classification needs max_length"),
        (
            edited("max_length: 6", "max_length: 6, input: ids"),
            "no input \"ids\", the model has input_ids, attention_mask",
        ),
        (edited("  labels: [bad, good]\n", ""), "the output \"logits\" has no labels"),
        (edited("max_length: 6", "max_length: 6, tokenizer: other.json"), "other.json is not among the files"),
        (edited("max_length: 6", "max_length: 6, mask: input_ids"), "\"attention_mask\" gets nothing"),
        (
            edited(
                "{ type: text-classification, max_length: 6 }",
                "{ type: tabular-regression, columns: { age: number } }",
            ),
            "1 of the columns have no input of their name, and of other inputs the model has input_ids, attention_mask",
        ),
        (draft(&alice, CARD).file("tokenizer.json", "{}"), "tokenizer.json: its model is of the type \"\""),
    ] {
        let told = refused!(draft.await, Error::Unfit { step: "task", reason, .. } => reason);
        assert!(told.contains(reason), "{told}");
    }
    let unknown = edited("max_length: 6", "max_lenght: 6").await;
    let told = refused!(unknown, Error::Card(error @ CardError::UnknownField { .. }) => error.to_string());
    assert!(told.contains("modelhub.task has no field \"max_lenght\" (line 5, column "), "{told}");
    hub.finish().await;
}

#[tokio::test]
async fn a_hostile_tokenizer_is_refused_and_the_hub_goes_on() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    let mut file: Value = serde_json::from_str(&tokenizer()).unwrap();
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaa"});
    file["normalizer"] = json!({"type": "Sequence", "normalizers": vec![double; 12]});
    let bomb = draft(&alice, CARD).file("tokenizer.json", file.to_string()).await;
    let told = refused!(bomb, Error::Unfit { step: "task", reason, .. } => reason);
    assert!(told.contains("times as long"), "{told}");
    assert!(draft(&alice, CARD).await.is_ok());
    hub.finish().await;
}

#[tokio::test]
async fn many_texts_are_one_run_at_the_price_of_each() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    draft(&alice, CARD).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let before = hub.fake().calls();
    let performed = perform(&bob, &hub, &["A GOOD day", "day", "good"], None).await.unwrap();
    assert_eq!((hub.fake().calls() - before, labels(&performed)), (1, vec!["good", "bad", "good"]));
    assert_eq!((performed.answer.cost, performed.tokens), (testkit::opg("0.003"), 5));
    assert_eq!(bob.cash(), "0.997");

    let one = perform(&bob, &hub, &["good"], None).await.unwrap();
    let Outcome::Label { score: Some(score), top, .. } = &one.outcomes[0] else { panic!("{one:?}") };
    assert!((score - 0.880_797_1).abs() < 1e-6 && top.len() == 2, "softmax of 0 and 2");
    hub.finish().await;
}

#[tokio::test]
async fn what_cannot_be_read_costs_nothing() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    draft(&alice, CARD).await.unwrap();
    alice.publish("alice/plain").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    refused!(perform(&bob, &hub, &[], None).await, Error::Task(Refusal::Count { count: 0 }));
    refused!(perform(&bob, &hub, &["day", ""], None).await, Error::Task(Refusal::Tokens { at: 1 }));
    let long = "day ".repeat(20_000);
    refused!(perform(&bob, &hub, &[&long], None).await, Error::Task(Refusal::LongText { at: 0, .. }));
    let plain = bob.infer("alice/plain").inputs(Vec::new()).request();
    refused!(hub.hub().perform(plain, vec![Given::text("day")]).await, Error::NoTask { .. });
    assert_eq!(bob.cash(), "1");
    hub.finish().await;
}

#[tokio::test]
async fn an_answer_that_the_task_cannot_read_is_not_charged() {
    let one_row = Behaviour::Answer(vec![Tensor::fp32("logits", &[1, 2], &[0.0, 1.0]).unwrap()]);
    let hub = scene(one_row).await;
    let alice = hub.user("alice").await;
    draft(&alice, CARD).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    assert_eq!(labels(&perform(&bob, &hub, &["day"], None).await.unwrap()), ["good"]);
    refused!(perform(&bob, &hub, &["day", "day"], None).await, Error::Task(Refusal::Answer { .. }));
    assert_eq!(bob.cash(), "0.999");
    hub.finish().await;
}

#[tokio::test]
async fn a_kept_answer_is_read_as_the_release_that_gave_it() {
    let hub = scene(feelings()).await;
    let alice = hub.user("alice").await;
    draft(&alice, CARD).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let first = perform(&bob, &hub, &["good", "day"], Some("k")).await.unwrap();
    let other = CARD.replace("[bad, good]", "[poor, fine]");
    assert_eq!(draft(&alice, &other).latest().await.unwrap().release.to_string(), "2.00");
    let again = perform(&bob, &hub, &["good", "day"], Some("k")).await.unwrap();
    assert_eq!((again.answer.replayed, again.answer.call), (true, first.answer.call));
    assert_eq!((again.answer.release.to_string(), labels(&again)), ("1.00".to_owned(), vec!["good", "bad"]));
    assert_eq!(bob.cash(), "0.998");
    let fresh = perform(&bob, &hub, &["good"], None).await.unwrap();
    assert!(matches!(&fresh.outcomes[0], Outcome::Label { label, .. } if label == "fine"));
    hub.finish().await;
}
