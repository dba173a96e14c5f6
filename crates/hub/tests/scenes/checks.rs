//! What the hub checks by itself: releases in two fresh runners, and paid calls once more.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use engine::fake::{Behaviour, Fake};
use engine::{Call, Death, Engine, EngineInfo, Failure, Model, Ran, Trial, Unavailable};
use hub::{CheckCounts, CheckKind, CheckOutcome, CheckSum, Checking, Compared};
use ledger::{AccountId, Class, Outcome, Surface};
use serde_json::{Value, json};
use tensor::Tensor;
use testkit::{TestHub, User, fixtures, model, until};
use tokio::sync::Semaphore;

/// Callers and publishes have one engine; what the hub checks by itself runs in another, once it is let in.
#[derive(Debug)]
struct Two {
    calls: Fake,
    aside: Fake,
    gate: Semaphore,
}

impl Two {
    fn aside(behaviours: impl IntoIterator<Item = Behaviour>) -> Arc<Two> {
        Two::behind(Semaphore::MAX_PERMITS, behaviours)
    }

    fn behind(open: usize, behaviours: impl IntoIterator<Item = Behaviour>) -> Arc<Two> {
        let mut behaviours = behaviours.into_iter();
        let first = behaviours.next().unwrap_or(Behaviour::Echo);
        let aside = behaviours.fold(Fake::new(fixtures::echo_signature(), first), Fake::then);
        Arc::new(Two { calls: Fake::echo(fixtures::echo_signature()), aside, gate: Semaphore::new(open) })
    }
}

#[async_trait]
impl Engine for Two {
    fn status(&self) -> Result<EngineInfo, Unavailable> {
        self.calls.status()
    }

    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure> {
        self.calls.run(model, call).await
    }

    fn preload(&self, model: &Model) {
        self.calls.preload(model);
    }

    async fn trial(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        self.calls.trial(model, deadline).await
    }

    async fn aside(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        self.gate.acquire().await.expect("the gate is never taken away").forget();
        self.aside.trial(model, deadline).await
    }
}

const EVERYTHING: Checking = Checking { releases: true, one_call_in: 1 };
const RELEASES: Checking = Checking { releases: true, one_call_in: 0 };
const CALLS: Checking = Checking { releases: false, one_call_in: 1 };

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene(engine: &Arc<Two>, checking: Checking) -> (TestHub, User, User) {
    let hub = TestHub::set().engine(engine.clone()).checking(checking).start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, alice, bob)
}

async fn sums(hub: &TestHub) -> Vec<CheckSum> {
    let (_, checks) = hub.hub().checks(None, &model("alice/echo")).await.unwrap();
    checks.into_iter().map(|(_, sum)| sum).collect()
}

/// Waits until so much of a kind was compared.
async fn compared(hub: &TestHub, kind: CheckKind, run: u64) -> CheckSum {
    let found = async || sums(hub).await.into_iter().find(|sum| sum.kind == kind && sum.counts.run() >= run);
    until(kind.word(), found).await
}

fn counts(agreed: u64, differed: u64, failed: u64) -> CheckCounts {
    CheckCounts { agreed, differed, failed }
}

/// What the echo never answers.
fn lie() -> Behaviour {
    let lie = |inputs: &[Tensor]| {
        let shape = inputs[0].shape();
        let count = shape.iter().product::<u64>() as usize;
        Ok(vec![Tensor::fp32("y", shape, &vec![99.0; count]).unwrap()])
    };
    Behaviour::Map(Arc::new(lie))
}

/// The echo, but for the last digits.
fn nearly() -> Behaviour {
    let nearly = |inputs: &[Tensor]| {
        let values = inputs[0].bytes().as_chunks::<4>().0.iter();
        let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes) * 1.000_001).collect();
        Ok(vec![Tensor::fp32("y", inputs[0].shape(), &values).unwrap()])
    };
    Behaviour::Map(Arc::new(nearly))
}

fn example(expected: &str) -> String {
    let x = r#"{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}"#;
    format!(
        r#"{{"inputs": [{x}], "outputs": [{{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": {expected}}}]}}"#
    )
}

fn data(alert: &hub::Alert) -> Value {
    serde_json::from_str(&alert.what.data).unwrap()
}

async fn words(hub: &TestHub, kind: CheckKind) -> String {
    compared(hub, kind, 1).await.difference.expect("there was a difference").0
}

#[tokio::test]
async fn an_honest_release_agrees_in_two_runners_and_nobody_pays() {
    let (hub, alice, _) = scene(&Two::aside([]), RELEASES).await;
    let sum = compared(&hub, CheckKind::TwoRunners, 1).await;
    assert_eq!((sum.counts, sum.outcome, sum.compared), (counts(1, 0, 0), CheckOutcome::Agreed, Compared::Digest));
    assert_eq!((sum.at, sum.difference), (hub.now(), None));
    let calls = hub.calls().await;
    assert_eq!(calls.len(), 2, "every call leaves a row");
    for call in &calls {
        assert_eq!((call.class, call.surface, call.outcome), (Class::Check, Surface::Hub, Outcome::Ok));
        assert_eq!((call.payer, call.cost.nano(), call.parts.len()), (AccountId::HUB_FEE, 0, 0));
    }
    hub.hub().earnings(alice.caller()).await.unwrap();
    let outcomes = hub.catalog().outcomes(calls[0].release).await.unwrap();
    assert_eq!(outcomes, [(Class::Check, Outcome::Ok, 2)]);
    let totals = hub.hub().view(&model("alice/echo")).await.unwrap().totals;
    assert_eq!(totals, hub::ModelTotals::default(), "the hub's own calls are nobody's use");
    assert_eq!((alice.cash(), alice.promo(), hub.fees()), ("0".into(), "0".into(), "0".into()));
    assert_eq!(alice.alerts("model.check").await, []);
    hub.finish().await;
}

#[tokio::test]
async fn examples_are_held_against_what_is_expected_and_large_ones_are_no_volume() {
    let hub = TestHub::set().engine(Two::aside([])).checking(RELEASES).start().await;
    let alice = hub.user("alice").await;
    let zeros = vec!["0"; 10_000].join(",");
    let many =
        format!(r#"{{"inputs": [{{"name": "x", "datatype": "FP32", "shape": [10000, 1], "data": [{zeros}]}}]}}"#);
    let draft = alice.publish("alice/echo").file("examples/a.json", example("[1, 2]")).file("examples/b.json", many);
    draft.await.unwrap();
    // The generated input is the third.
    assert_eq!(compared(&hub, CheckKind::TwoRunners, 3).await.counts, counts(3, 0, 0));
    let examples = compared(&hub, CheckKind::Examples, 1).await;
    assert_eq!((examples.counts, examples.compared), (counts(1, 0, 0), Compared::Tolerance));
    hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!(hub.calls().await.iter().map(|call| call.usage.items).sum::<u64>(), 2 * 10_002);
    assert_eq!(alice.alerts("model.volume").await, []);
    hub.finish().await;
}

#[tokio::test]
async fn a_model_that_lies_the_second_time_is_found_out_and_its_owner_is_told() {
    let (hub, alice, _) = scene(&Two::aside([Behaviour::Echo, lie()]), RELEASES).await;
    let sum = compared(&hub, CheckKind::TwoRunners, 1).await;
    assert_eq!((sum.counts, sum.outcome), (counts(0, 1, 0), CheckOutcome::Differed));
    let words = words(&hub, CheckKind::TwoRunners).await;
    assert_eq!(words, "a generated input: output \"y\" differs in 1 of 1 elements, by up to 9.9e1");
    let alerts = alice.alerts("model.check").await;
    let told = json!({
        "model": "alice/echo", "release": "1.00", "check": "two_runners", "outcome": "differed",
        "compared": "digest", "difference": words,
    });
    assert_eq!((alerts.len(), data(&alerts[0])), (1, told));
    hub.finish().await;
}

#[tokio::test]
async fn two_runners_that_tell_the_same_lie_are_found_out_by_an_example() {
    let hub = TestHub::set().engine(Two::aside([lie()])).checking(RELEASES).start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").file("examples/one.json", example("[1, 2]")).await.unwrap();
    assert_eq!(compared(&hub, CheckKind::TwoRunners, 2).await.counts, counts(2, 0, 0));
    assert_eq!(compared(&hub, CheckKind::Examples, 1).await.counts, counts(0, 1, 0));
    let words = words(&hub, CheckKind::Examples).await;
    assert_eq!(words, "example 1: output \"y\" differs in 2 of 2 elements, by up to 9.8e1");
    hub.finish().await;
}

#[tokio::test]
async fn a_paid_call_is_run_again_at_nobodys_cost() {
    let (hub, alice, bob) = scene(&Two::aside([]), EVERYTHING).await;
    compared(&hub, CheckKind::TwoRunners, 1).await;
    bob.infer("alice/echo").key("once").await.unwrap();
    assert!(bob.infer("alice/echo").key("once").await.unwrap().replayed);
    bob.infer("alice/echo").await.unwrap();
    let sum = compared(&hub, CheckKind::ReExecution, 2).await;
    assert_eq!((sum.counts, sum.compared), (counts(2, 0, 0), Compared::Digest), "a kept answer is not run again");
    assert_eq!((bob.cash(), alice.cash(), hub.fees()), ("0.996".into(), "0.0036".into(), "0.0004".into()));
    let classes: Vec<Class> = hub.calls().await.iter().map(|call| call.class).collect();
    let of = |wanted| classes.iter().filter(|class| **class == wanted).count();
    assert_eq!((of(Class::Paid), of(Class::Check), classes.len()), (2, 4, 6));
    let totals = hub.hub().view(&model("alice/echo")).await.unwrap().totals;
    assert_eq!((totals.paid_calls, totals.paid_tried), (2, 2));
    let metrics = hub.hub().metrics(&hub.operator().await).await.unwrap();
    assert_eq!(metrics.checks, [(CheckKind::ReExecution, counts(2, 0, 0)), (CheckKind::TwoRunners, counts(1, 0, 0))]);
    assert_eq!(metrics.dropped_calls, 0);
    hub.finish().await;
}

#[tokio::test]
async fn an_answer_that_a_fresh_runner_does_not_repeat_is_told_once_until_it_changes() {
    let behaviours = [Behaviour::Echo, Behaviour::Echo, lie(), lie(), Behaviour::Echo, lie()];
    let (hub, alice, bob) = scene(&Two::aside(behaviours), EVERYTHING).await;
    compared(&hub, CheckKind::TwoRunners, 1).await;
    let mut told = Vec::new();
    for run in 1..=4 {
        bob.infer("alice/echo").await.unwrap();
        compared(&hub, CheckKind::ReExecution, run).await;
        told.push(alice.alerts("model.check").await.len());
        hub.hours_pass(24);
    }
    assert_eq!(told, [1, 1, 1, 2], "it is no news that it is still so");
    let sum = compared(&hub, CheckKind::ReExecution, 4).await;
    assert_eq!((sum.counts, sum.outcome), (counts(1, 3, 0), CheckOutcome::Differed));
    let first = data(&alice.alerts("model.check").await[0]);
    assert_eq!((&first["check"], &first["outcome"]), (&json!("re_execution"), &json!("differed")));
    assert_eq!(first["difference"], "output \"y\" differs in 2 of 2 elements, by up to 9.8e1");
    assert_eq!(bob.cash(), "0.992", "what was charged stays charged");
    hub.finish().await;
}

#[tokio::test]
async fn what_a_model_says_when_it_fails_is_not_told() {
    let fails = Behaviour::Fail(Failure::Run { reason: "bob asked for 42".into() });
    let (hub, alice, bob) = scene(&Two::aside([fails]), CALLS).await;
    bob.infer("alice/echo").await.unwrap();
    let sum = compared(&hub, CheckKind::ReExecution, 1).await;
    assert_eq!((sum.counts, sum.outcome), (counts(0, 0, 1), CheckOutcome::Failed));
    assert_eq!(words(&hub, CheckKind::ReExecution).await, "the model failed");
    assert!(!alice.alerts("model.check").await[0].what.data.contains("42"));
    let failed = hub.last_call().await;
    assert_eq!((failed.class, failed.outcome), (Class::Check, Outcome::EngineFailed));
    hub.finish().await;
}

#[tokio::test]
async fn a_release_whose_last_digits_move_is_compared_within_the_tolerance() {
    let (hub, _, bob) = scene(&Two::aside([Behaviour::Echo, nearly()]), EVERYTHING).await;
    let sum = compared(&hub, CheckKind::TwoRunners, 1).await;
    assert_eq!((sum.counts, sum.compared), (counts(1, 0, 0), Compared::Tolerance));
    bob.infer("alice/echo").await.unwrap();
    let sum = compared(&hub, CheckKind::ReExecution, 1).await;
    assert_eq!((sum.counts, sum.compared), (counts(1, 0, 0), Compared::Tolerance));
    hub.finish().await;
}

#[tokio::test]
async fn a_release_that_is_exact_is_held_to_the_last_digit() {
    let (hub, _, bob) = scene(&Two::aside([Behaviour::Echo, Behaviour::Echo, nearly()]), EVERYTHING).await;
    compared(&hub, CheckKind::TwoRunners, 1).await;
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(compared(&hub, CheckKind::ReExecution, 1).await.counts, counts(0, 1, 0));
    hub.finish().await;
}

/// Rounded scores may part at an edge although the scores are near.
#[tokio::test]
async fn scores_that_are_shown_in_part_are_compared_to_the_bit_or_not_at_all() {
    let engine = Two::aside([Behaviour::Echo, nearly()]);
    let hub = TestHub::set().engine(engine.clone()).checking(EVERYTHING).start().await;
    let card = "---\nmodelhub:\n  price: { per_call: \"0 OPG\" }\n  output: rounded\n---\n# Echo\n";
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").without_price().card(card).await.unwrap();
    compared(&hub, CheckKind::TwoRunners, 1).await;
    let runs = engine.aside.calls();
    hub.user("bob").await.infer("alice/echo").await.unwrap();
    let sum = compared(&hub, CheckKind::ReExecution, 0).await;
    assert_eq!((sum.counts, sum.outcome), (counts(0, 0, 0), CheckOutcome::Skipped));
    assert_eq!((sum.compared, engine.aside.calls()), (Compared::Nothing, runs));
    hub.finish().await;
}

#[tokio::test]
async fn a_full_queue_drops_and_delays_no_call() {
    let (hub, _, bob) = scene(&Two::behind(0, []), CALLS).await;
    for _ in 0..70 {
        bob.infer("alice/echo").await.unwrap();
    }
    let metrics = hub.hub().metrics(&hub.operator().await).await.unwrap();
    // One may have been taken out of the queue already.
    assert!((5..=6).contains(&metrics.dropped_calls) && metrics.waiting_calls == 64, "{metrics:?}");
    assert_eq!((sums(&hub).await, bob.cash()), (vec![], "0.86".to_owned()));
    hub.finish().await;
}

#[tokio::test]
async fn a_large_call_is_not_held_in_memory_to_be_run_again() {
    let (hub, _, bob) = scene(&Two::behind(0, []), CALLS).await;
    let large = vec![0.0; 8 * 1024 * 1024 / 4];
    bob.infer("alice/echo").inputs(fixtures::row(&large)).await.unwrap();
    let metrics = hub.hub().metrics(&hub.operator().await).await.unwrap();
    assert_eq!((metrics.dropped_calls, metrics.waiting_calls), (1, 0));
    hub.finish().await;
}

#[tokio::test]
async fn a_restart_loses_waiting_calls_and_finds_releases_that_were_not_checked() {
    let engine = Two::behind(0, []);
    let (hub, alice, bob) = scene(&engine, EVERYTHING).await;
    alice.publish("alice/echo").file("notes.txt", "better").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(sums(&hub).await, []);
    hub.restart().await;
    engine.gate.add_permits(8);
    let both = async || Some(sums(&hub).await).filter(|sums| sums.len() == 2);
    let sums = until("both releases were checked", both).await;
    assert!(sums.iter().all(|sum| (sum.kind, sum.counts) == (CheckKind::TwoRunners, counts(1, 0, 0))), "{sums:?}");
    assert_eq!(bob.cash(), "0.998", "what was paid is paid, whether it is run again or not");
    hub.finish().await;
}

#[tokio::test]
async fn an_engine_that_is_not_there_says_nothing_of_the_model() {
    let engine = Two::behind(0, []);
    engine.aside.set_unavailable(Some(Unavailable { reason: "gone".into(), hint: "bring it back" }));
    let (hub, alice, bob) = scene(&engine, CALLS).await;
    bob.infer("alice/echo").await.unwrap();
    engine.gate.add_permits(1);
    until("the call was taken up", async || (engine.gate.available_permits() == 0).then_some(())).await;
    engine.aside.set_unavailable(None);
    engine.gate.add_permits(1);
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(compared(&hub, CheckKind::ReExecution, 1).await.counts, counts(1, 0, 0));
    assert_eq!(alice.alerts("model.check").await, []);
    hub.finish().await;
}

#[tokio::test]
async fn a_runner_that_died_is_believed_the_second_time() {
    let dies = || Behaviour::Fail(Failure::Died { how: Death::Signalled(9) });
    let engine = Two::aside([dies(), Behaviour::Echo, dies()]);
    let (hub, _, bob) = scene(&engine, CALLS).await;
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(compared(&hub, CheckKind::ReExecution, 1).await.counts, counts(1, 0, 0));
    assert_eq!((engine.aside.trials(), engine.aside.calls()), (2, 2), "in another runner");
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(compared(&hub, CheckKind::ReExecution, 2).await.counts, counts(1, 0, 1));
    assert_eq!(words(&hub, CheckKind::ReExecution).await, "the runner was killed by signal 9");
    hub.finish().await;
}

#[tokio::test]
async fn calls_that_share_runs_are_compared_within_the_tolerance() {
    let hub = TestHub::set().engine(Two::aside([Behaviour::Echo, Behaviour::Echo, nearly()])).checking(EVERYTHING);
    let hub = hub.start().await;
    let card = "---\nmodelhub:\n  price: { per_call: \"0 OPG\" }\n  batch: 8\n---\n# Echo\n";
    hub.user("alice").await.publish("alice/echo").without_price().card(card).await.unwrap();
    assert_eq!(compared(&hub, CheckKind::TwoRunners, 1).await.compared, Compared::Digest);
    hub.user("bob").await.infer("alice/echo").await.unwrap();
    let sum = compared(&hub, CheckKind::ReExecution, 1).await;
    assert_eq!((sum.counts, sum.compared), (counts(1, 0, 0), Compared::Tolerance));
    hub.finish().await;
}
