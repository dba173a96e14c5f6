//! Publishing: from files to a release, or to a clear no that leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use engine::fake::{Behaviour, Fake};
use engine::{Death, Failure};
use hub::Error;
use hub::publish::Published;
use ledger::{PriceError, SplitError};
use registry::{Access, CardError, Digest, File, Tree, TreeError};
use store::{AccountKind, BlobError};
use tensor::{DataType, Signature, Tensor};
use testkit::{Publish, TestHub, User, fixtures, handle, model, opg, refused, until};

fn told(published: &Published) -> (String, &str, bool) {
    (published.release.to_string(), &published.change, published.sealed)
}

/// Takes and gives another type than the echo.
pub(crate) fn other_signature() -> Signature {
    let side = |name| vec![fixtures::port(name, DataType::Int64, &[None])];
    Signature { inputs: side("x"), outputs: side("y") }
}

fn example(expected: &str) -> String {
    let x = r#"{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}"#;
    format!(
        r#"{{"inputs": [{x}], "outputs": [{{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": {expected}}}]}}"#
    )
}

async fn latest(hub: &TestHub, name: &str) -> String {
    hub.hub().model(&model(name), None).await.unwrap().number.clone()
}

#[tokio::test]
async fn a_publish_says_each_check_and_seals_the_first_release() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let card = "---\npipeline_tag: echo\nmodelhub:\n  price: { per_call: \"0.002 OPG\" }\n---\n# Echo\n";
    let draft = alice.publish("alice/echo").without_price().card(card).file("examples/one.json", example("[1, 2]"));
    let (published, verdicts) = draft.clone().told().await;
    let published = published.unwrap();
    assert_eq!(told(&published), ("1.00".into(), "first", true));
    let steps: Vec<_> = verdicts.iter().map(|verdict| (verdict.step, verdict.ok)).collect();
    let all = ["files", "card", "scan", "dry run", "contract", "examples", "batch", "price", "release"];
    assert_eq!(steps, all.map(|step| (step, true)));
    assert_eq!(verdicts[4].detail, "x FP32[?,?] → y FP32[?,?]");
    assert_eq!(verdicts[5].detail, "1 example ran twice with the same answer");

    let callable = hub.hub().model(&model("alice/echo"), None).await.unwrap();
    assert_eq!(hub.fake().preloaded(), [callable.model.digest], "nobody has to wait for its load");
    let release = &callable.release;
    assert_eq!(
        (release.digest, release.commit, release.tree.files()),
        (published.digest, published.commit, &draft.files()[..])
    );
    assert_eq!((release.contract.examples, release.access, release.task.as_deref()), (1, Access::Sealed, Some("echo")));
    assert_eq!(release.terms.split().shares(), [(alice.account.id, 10_000)]);
    assert_eq!(std::fs::read(&callable.model.weights).unwrap(), fixtures::ECHO);
    hub.finish().await;
}

#[tokio::test]
async fn releases_are_numbered_by_what_changed_for_callers() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    let first = alice.publish("alice/echo");
    assert_eq!(told(&first.clone().await.unwrap()), ("1.00".into(), "first", true));
    assert_eq!(told(&first.clone().await.unwrap()), ("1.00".into(), "same", false));
    assert_eq!(told(&first.clone().number("1.00").await.unwrap()), ("1.00".into(), "same", false));

    let second = first.clone().file("notes.txt", "better");
    assert_eq!(told(&second.clone().await.unwrap()), ("1.01".into(), "minor", true));
    assert_eq!(told(&second.clone().price("0.001 OPG").await.unwrap()), ("1.02".into(), "minor", true));
    assert_eq!(
        told(&second.clone().price("0.001 OPG").access(Access::Open).await.unwrap()),
        ("1.03".into(), "minor", true)
    );
    assert_eq!(latest(&hub, "alice/echo").await, "1.03");

    let third = first.clone().file("model.onnx", fixtures::STRINGS);
    hub.fake().script(third.digest(), other_signature(), [Behaviour::Echo]);
    let major = third.clone().await.unwrap();
    assert_eq!(told(&major), ("2.00".into(), "major", true));
    assert!(major.reasons.iter().any(|reason| reason.contains("INT64 instead of FP32")), "{:?}", major.reasons);
    // Callers who named no release stay with the contract they know.
    assert_eq!(bob.infer("alice/echo").await.unwrap().release.to_string(), "1.03");
    let inputs = vec![Tensor::int64("x", &[1], &[7]).unwrap()];
    let two = bob.infer("alice/echo").release("2.00").inputs(inputs.clone()).await.unwrap();
    assert_eq!(two.outputs, [Tensor::int64("y", &[1], &[7]).unwrap()]);

    // The owner moves them, with the files as they are or with new ones.
    let moved = third.clone().latest().await.unwrap();
    assert_eq!(told(&moved), ("2.00".into(), "same", false));
    assert_eq!(bob.infer("alice/echo").inputs(inputs.clone()).await.unwrap().release.to_string(), "2.00");
    let fourth = third.clone().file("notes.txt", "moved").latest();
    hub.fake().script(fourth.digest(), other_signature(), [Behaviour::Echo]);
    assert_eq!(told(&fourth.await.unwrap()), ("2.01".into(), "minor", true));
    assert_eq!(bob.infer("alice/echo").inputs(inputs).await.unwrap().release.to_string(), "2.01");
    refused!(bob.infer("alice/echo").await, Error::Input(_));
    let numbers: Vec<_> =
        hub.hub().view(&model("alice/echo")).await.unwrap().releases.iter().map(|r| r.number.to_string()).collect();
    assert_eq!(numbers, ["2.01", "2.00", "1.03", "1.02", "1.01", "1.00"]);
    hub.restart().await;
    assert_eq!(latest(&hub, "alice/echo").await, "2.01");
    hub.finish().await;
}

#[tokio::test]
async fn a_number_that_is_not_due_is_refused() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    refused!(alice.publish("alice/echo").number("1.01").await, Error::Unfit { step: "release", .. });
    nothing_there(&hub).await;
    alice.publish("alice/echo").number("1.00").await.unwrap();
    let reason = refused!(
        alice.publish("alice/echo").file("new", "1").number("2.00").await,
        Error::Unfit { step: "release", reason, .. } => reason
    );
    assert_eq!(reason, "2.00 was asked for, but this is 1.01 (minor release)");
    alice.publish("alice/echo").file("new", "1").number("1.01").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_dry_run_checks_all_and_seals_nothing() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (published, verdicts) = alice.publish("alice/echo").dry_run().told().await;
    assert_eq!((told(&published.unwrap()), verdicts.len()), (("1.00".into(), "first", false), 9));
    nothing_there(&hub).await;
    hub.finish().await;
}

#[tokio::test]
async fn names_that_differ_in_case_are_one_model() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/Echo").await.unwrap();
    let next = alice.publish("alice/eCHO").file("new", "1").await.unwrap();
    assert_eq!((next.model.to_string().as_str(), told(&next)), ("alice/Echo", ("1.01".into(), "minor", true)));
    assert_eq!(hub.hub().listing(0, 10).await.unwrap().len(), 1);
    assert_eq!((latest(&hub, "alice/echo").await, latest(&hub, "alice/Echo").await), ("1.01".into(), "1.01".into()));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_publishes_at_one_moment_none_is_lost_and_none_is_half_there() {
    let slow = Behaviour::After(Duration::from_millis(20), Box::new(Behaviour::Echo));
    let hub = TestHub::set().fake(Fake::new(fixtures::echo_signature(), slow)).start().await;
    let alice = hub.user("alice").await;
    for round in 0..5_u32 {
        let publish =
            |who: u32| tokio::spawn(alice.publish("alice/echo").file("who", format!("{round} {who}")).into_future());
        let (one, two) = (publish(1), publish(2));
        let mut sealed = Vec::new();
        for done in [one.await.unwrap(), two.await.unwrap()] {
            match done {
                Ok(published) => sealed.push(published),
                Err(Error::ReleaseConflict { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(!sealed.is_empty(), "one of them wins");
        assert!(sealed.len() == 1 || sealed[0].release != sealed[1].release);
        for published in sealed {
            let callable = hub.hub().model(&model("alice/echo"), Some(published.release)).await.unwrap();
            assert_eq!((callable.release.digest, callable.release.commit), (published.digest, published.commit));
        }
        let releases = hub.hub().view(&model("alice/echo")).await.unwrap().releases;
        assert_eq!(latest(&hub, "alice/echo").await, releases[0].number.to_string(), "what is called is the newest");
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_release_counts_even_if_whoever_published_hangs_up() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    assert_eq!(latest(&hub, "alice/echo").await, "1.00");
    let next = alice.publish("alice/echo").file("new", "1");
    next.hand_in().await.unwrap();
    let (core, (to, verdicts)) = (hub.hub(), tokio::sync::mpsc::channel(64));
    // Once the last check is told, nothing is left but to seal it.
    let publishing = core.publish(alice.caller(), next.draft().unwrap(), to);
    assert!(testkit::hung_up(publishing, || verdicts.len() == 9).await, "the disk takes longer");
    let sealed =
        async || Some(core.view(&model("alice/echo")).await.unwrap().releases.len()).filter(|count| *count == 2);
    until("the release is sealed", sealed).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(latest(&hub, "alice/echo").await, "1.01");
    hub.finish().await;
}

/// No model, no release, nothing on a list.
async fn nothing_there(hub: &TestHub) {
    let core = hub.hub();
    assert!(core.listing(0, 10).await.unwrap().is_empty());
    assert_eq!(core.totals().await.unwrap().models, 0);
    refused!(core.model(&model("alice/echo"), None).await, Error::NoModel { .. });
    assert!(hub.catalog().releases(&model("alice/echo"), 9).await.unwrap().is_empty());
}

/// What a wrong publish answers, once it is sure that it left nothing and that the last verdict says no.
async fn wrong(hub: &TestHub, draft: Publish) -> Error {
    let (done, verdicts) = draft.told().await;
    nothing_there(hub).await;
    let said: Vec<_> = verdicts.iter().map(|verdict| verdict.ok).collect();
    if let Some((last, before)) = said.split_last() {
        assert!(!last && before.iter().all(|ok| *ok), "{verdicts:?}");
    }
    match done {
        Err(error) => error,
        Ok(published) => panic!("{published:?}"),
    }
}

macro_rules! wrong {
    ($hub:expr, $draft:expr, $pattern:pat $(if $guard:expr)? $(=> $value:expr)?) => {
        refused!(Err::<(), _>(wrong(&$hub, $draft).await), $pattern $(if $guard)? $(=> $value)?)
    };
}

#[tokio::test]
async fn files_that_are_not_what_was_announced_are_refused() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = || alice.publish("alice/echo");
    let reason = wrong!(hub, echo().without("model.onnx").file("a.txt", "a"), Error::Unfit { step: "dry run", reason, .. } => reason);
    assert_eq!(reason, "there is no .onnx file among the files");
    wrong!(hub, echo().without("model.onnx"), Error::Unfit { step: "dry run", .. });
    let two = echo().without("model.onnx").file("a.onnx", "a").file("b.onnx", "b");
    wrong!(hub, two, Error::Unfit { step: "dry run", .. });
    wrong!(hub, echo().file("readme.md", "a").file("README.md", "b"), Error::Tree(TreeError::CaseTwins { .. }));

    wrong!(hub, echo().file("never", "seen").without_upload(), Error::Unfit { step: "files", .. });
    let reason = wrong!(hub, echo().announcing("model.onnx", 5), Error::Unfit { step: "files", reason, .. } => reason);
    assert_eq!(reason, "model.onnx is announced with 5 bytes, its content has 104");
    hub.finish().await;
}

#[tokio::test]
async fn nobody_publishes_bytes_they_have_not_handed_in_themselves() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    bob.publish("bob/echo").hand_in().await.unwrap();
    let core = hub.hub();
    let digest = Digest::of(fixtures::ECHO);
    assert!(core.has_upload(bob.caller(), &handle("bob"), digest).await.unwrap());
    assert!(!core.has_upload(alice.caller(), &handle("alice"), digest).await.unwrap(), "nor learns that others have");
    wrong!(hub, alice.publish("alice/echo").without_upload(), Error::Unfit { step: "files", .. });
    refused!(core.has_upload(alice.caller(), &handle("bob"), digest).await, Error::NotInGroup { .. });
    alice.publish("alice/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn an_upload_is_kept_only_when_size_and_digest_are_right() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let (core, owner) = (hub.hub(), handle("alice"));
    let begin = |digest, size| core.upload(alice.caller(), &owner, digest, size);
    let digest = Digest::of(b"hello");
    let mut short = begin(digest, 5).await.unwrap();
    short.write(b"hell").unwrap();
    refused!(short.finish().await, Error::Blob(BlobError::Size { expected: 5, got: 4 }));
    let mut long = begin(digest, 5).await.unwrap();
    refused!(long.write(b"hello!"), Error::Blob(BlobError::Size { .. }));
    let mut other = begin(digest, 5).await.unwrap();
    other.write(b"jello").unwrap();
    refused!(other.finish().await, Error::Blob(BlobError::Digest { .. }));
    refused!(begin(digest, core.max_file() + 1).await, Error::Invalid { what: "size", .. });
    drop(begin(digest, 5).await.unwrap());
    assert!(!core.has_upload(alice.caller(), &owner, digest).await.unwrap());
    let mut good = begin(digest, 5).await.unwrap();
    good.write(b"hel").unwrap();
    good.write(b"lo").unwrap();
    good.finish().await.unwrap();
    assert!(core.has_upload(alice.caller(), &owner, digest).await.unwrap());
    hub.restart().await;
    assert!(hub.hub().has_upload(alice.caller(), &owner, digest).await.unwrap());
    hub.finish().await;
}

#[tokio::test]
async fn a_model_that_does_not_load_is_refused() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let draft = alice.publish("alice/echo").file("model.onnx", "no model at all");
    let failures = [
        Failure::Load { reason: "protobuf parsing failed".into() },
        Failure::TimedOut { limit_ms: 60_000 },
        Failure::Died { how: Death::Signalled(9) },
    ];
    for failure in failures {
        hub.fake().refuse_load(draft.digest(), failure);
        let reason = wrong!(hub, draft.clone(), Error::Unfit { step: "dry run", reason, .. } => reason);
        assert!(reason.contains("model.onnx"), "{reason}");
    }
    hub.fake().refuse_load(draft.digest(), Failure::Busy { waiting: 1, limit: 1 });
    wrong!(hub, draft, Error::Busy { .. });
    hub.fake().set_unavailable(Some(engine::Unavailable { reason: "gone".into(), hint: "bring it back" }));
    wrong!(hub, alice.publish("alice/echo"), Error::EngineUnavailable(_));
    hub.finish().await;
}

#[tokio::test]
async fn examples_have_to_come_true_twice() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = || alice.publish("alice/echo");
    let reason = |error| match error {
        Error::Unfit { step: "examples", reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let expects_other = echo().file("examples/one.json", example("[1, 3]"));
    let said = reason(wrong(&hub, expects_other).await);
    assert_eq!(said, "examples/one.json: not what it expects: \"y\" has 2 as element 1, expected 3");
    let broken = echo().file("examples/one.json", "{");
    assert!(reason(wrong(&hub, broken).await).starts_with("examples/one.json: line 1"));
    let misfit = example("[1, 2]").replace("\"x\"", "\"z\"");
    assert!(reason(wrong(&hub, echo().file("examples/one.json", misfit)).await).contains("input \"z\""));
    let many = (0..51).fold(echo(), |draft, n| draft.file(&format!("examples/{n}.json"), example("[1, 2]")));
    assert!(reason(wrong(&hub, many).await).contains("at most 50"));

    // Without examples the hub makes an input up.
    let count = AtomicU32::new(0);
    let unsteady = Behaviour::Map(Arc::new(move |_| {
        let next = count.fetch_add(1, Ordering::Relaxed) as f32;
        Ok(vec![Tensor::fp32("y", &[1, 1], &[next]).unwrap()])
    }));
    let draft = echo().file("model.onnx", fixtures::UNSTEADY);
    hub.fake().script(draft.digest(), fixtures::echo_signature(), [unsteady]);
    let said = reason(wrong(&hub, draft.clone()).await);
    assert!(said.starts_with("a generated input"), "{said}");
    for failure in [Failure::Run { reason: "no".into() }, Failure::TimedOut { limit_ms: 1 }] {
        hub.fake().script(draft.digest(), fixtures::echo_signature(), [Behaviour::Fail(failure)]);
        reason(wrong(&hub, draft.clone()).await);
    }
    assert_eq!(hub.calls().await.len(), 0, "a dry run is no call");
    hub.finish().await;
}

#[tokio::test]
async fn prices_and_splits_have_to_make_sense() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.user("bob").await;
    let echo = || alice.publish("alice/echo").without_price();
    let card = |section: &str| echo().card(&format!("---\nmodelhub: {{ {section} }}\n---\n"));
    wrong!(hub, echo(), Error::Unfit { step: "price", .. });
    wrong!(hub, card("access: sealed"), Error::Unfit { step: "price", .. });
    wrong!(hub, card("price: {}"), Error::Card(CardError::EmptyPrice { .. }));
    let number = |text: &str| card(&format!("price: {{ per_call: \"{text}\" }}"));
    wrong!(hub, number("-1 OPG"), Error::Card(CardError::Price { error: PriceError::Number { .. }, .. }));
    wrong!(hub, number("0.0000000001 OPG"), Error::Card(CardError::Price { error: PriceError::Number { .. }, .. }));
    wrong!(hub, number("2000000 OPG"), Error::Card(CardError::Price { error: PriceError::Absurd { .. }, .. }));
    wrong!(hub, number("1"), Error::Card(CardError::Price { error: PriceError::Currency { .. }, .. }));
    wrong!(
        hub,
        card("price: { per_call: \"1 OPG\", per_item: \"1 USD\" }"),
        Error::Card(CardError::Price { error: PriceError::Mixed { .. }, .. })
    );
    wrong!(hub, card("price: { per_1k_in: \"1 OPG\" }"), Error::Unfit { step: "price", .. });
    wrong!(hub, card("prize: { per_call: \"1 OPG\" }"), Error::Card(CardError::UnknownField { .. }));

    let split = |shares: &[(&str, u16)]| echo().price("1 OPG").split(shares);
    wrong!(hub, split(&[("alice", 5_000), ("nobody", 5_000)]), Error::NoAccount { handle } if handle.as_str() == "nobody");
    wrong!(hub, split(&[("alice", 5_000), ("bob", 4_999)]), Error::Split(SplitError::Sum { sum: 9_999 }));
    wrong!(hub, split(&[("alice", 5_000), ("bob", 5_001)]), Error::Split(SplitError::Sum { sum: 10_001 }));
    wrong!(hub, split(&[("alice", 10_000), ("bob", 0)]), Error::Split(SplitError::Nothing { .. }));
    wrong!(hub, split(&[("alice", 5_000), ("alice", 5_000)]), Error::Split(SplitError::Twice { .. }));
    wrong!(hub, split(&[("operator", 10_000)]), Error::Split(SplitError::System { .. }));
    wrong!(hub, split(&[]), Error::Split(SplitError::Empty));
    wrong!(hub, split(&[("alice", 1); 21]), Error::Split(SplitError::TooMany { count: 21, .. }));
    let priced = |split: &str| card(&format!("price: {{ per_call: \"1 OPG\" }}, split: {{ {split} }}"));
    wrong!(hub, priced("alice: 50%, bob: 49.99%"), Error::Card(CardError::SplitSum { sum_points: 9_999, .. }));
    wrong!(hub, priced("alice: 50%, nobody: 50%"), Error::NoAccount { .. });
    hub.finish().await;
}

#[tokio::test]
async fn cards_and_labels_have_to_be_readable_and_fit() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let card = |text: &str| alice.publish("alice/echo").card(text);
    wrong!(hub, card("---\nlicense: mit\n"), Error::Card(CardError::Unclosed));
    wrong!(hub, card("---\na: [\n---\n"), Error::Card(CardError::Yaml { .. }));
    wrong!(hub, card("---\nmodelhub: { access: secret }\n---\n"), Error::Card(CardError::Choice { .. }));
    wrong!(hub, card("---\nmodelhub: { deadline: 11m }\n---\n"), Error::Card(CardError::Deadline { .. }));
    wrong!(hub, alice.publish("alice/echo").file("README.md", &b"\xff"[..]), Error::Card(CardError::NotText { .. }));
    let long = "x".repeat(600_000);
    wrong!(hub, card(&long), Error::Blob(BlobError::TooLarge { .. }));
    wrong!(hub, card("---\nmodelhub: { output: labels }\n---\n"), Error::Unfit { step: "contract", .. });

    let two = |draft: &Publish| {
        let outputs = vec![fixtures::port("y", DataType::Fp32, &[None, Some(2)])];
        let inputs = vec![fixtures::port("x", DataType::Fp32, &[None, Some(2)])];
        hub.fake().script(draft.digest(), Signature { inputs, outputs }, [Behaviour::Echo]);
    };
    let labels = |labels: &str| card(&format!("---\nmodelhub: {{ labels: {labels} }}\n---\n"));
    for misfit in ["[cat, dog, eel]", "{ z: [cat, dog] }", "{ y: [cat] }", "labels.txt"] {
        let draft = labels(misfit);
        two(&draft);
        wrong!(hub, draft, Error::Unfit { step: "contract", .. });
    }
    wrong!(hub, labels("[]"), Error::Card(CardError::Labels { .. }));
    let draft = labels("labels.txt").file("labels.txt", "cat\ndog\neel\n");
    two(&draft);
    wrong!(hub, draft, Error::Unfit { step: "contract", .. });

    let draft = labels("labels.txt").file("labels.txt", "cat\ndog\n");
    two(&draft);
    draft.await.unwrap();
    let contract = hub.hub().model(&model("alice/echo"), None).await.unwrap().release.contract.clone();
    assert_eq!(contract.labels["y"], ["cat", "dog"]);
    hub.finish().await;
}

#[tokio::test]
async fn people_publish_under_their_own_names() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    let lab = hub.account("lab", AccountKind::Org).await;
    wrong!(hub, bob.publish("alice/echo"), Error::NotInGroup { handle, owner } if (handle.as_str(), owner.as_str()) == ("bob", "alice"));
    wrong!(hub, alice.publish("lab/echo"), Error::NotInGroup { .. });
    wrong!(hub, alice.publish("nobody/echo"), Error::NoAccount { .. });
    for name in ["infer", "Versions", "ready"] {
        wrong!(hub, alice.publish(&format!("alice/{name}")), Error::Name(_));
    }
    hub.join(&alice, &lab).await;
    hub.restart().await;
    let alice = alice.again().await.unwrap();
    alice.publish("lab/echo").await.unwrap();
    let carol = hub.user("carol").await.funded("1").await;
    carol.infer("lab/echo").await.unwrap();
    assert_eq!((lab.cash(), alice.cash()), ("0.0018".into(), "0".into()));
    hub.finish().await;
}

/// A model of the operator's would give the hub's own account a part of the cost, which no split may.
#[tokio::test]
async fn the_hubs_own_account_owns_no_models() {
    let hub = TestHub::start().await;
    let operator: User = operator(&hub).await;
    wrong!(hub, operator.publish("operator/echo"), Error::Invalid { what: "owner", .. });
    hub.finish().await;
}

async fn operator(hub: &TestHub) -> User {
    hub.user("alice").await.as_operator().await
}

#[tokio::test]
async fn the_same_files_are_the_same_commit_whoever_publishes_them() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    let one = alice.publish("alice/echo").await.unwrap();
    let two = bob.publish("bob/copy").price("0.5 OPG").await.unwrap();
    assert_eq!((one.commit, one.digest), (two.commit, two.digest));
    let carol = hub.user("carol").await.funded("1").await;
    assert_eq!(carol.infer("bob/copy").await.unwrap().cost, opg("0.5"));
    assert_eq!((alice.cash(), bob.cash()), ("0".into(), "0.45".into()));
    let lines: String = alice
        .publish("alice/echo")
        .files()
        .iter()
        .map(|f: &File| format!("{} {} {}\n", f.sha256, f.size, f.path))
        .collect();
    assert_eq!(one.digest, Digest::of(lines.as_bytes()));
    assert_eq!(one.digest, Tree::new(alice.publish("alice/echo").files()).unwrap().digest());
    hub.finish().await;
}

/// Gives each row the sum of what is in the run, its own rows or all.
fn sums(inputs: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
    let x = &inputs[0];
    let sum: f32 = x.bytes().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).sum();
    let shape = [x.shape()[0], 1];
    Ok(vec![Tensor::fp32("y", &shape, &vec![sum; shape[0] as usize]).unwrap()])
}

fn batching(alice: &User, name: &str) -> Publish {
    let card = "---\nmodelhub:\n  price: { per_call: \"0.002 OPG\" }\n  batch: 16\n---\n# Echo\n";
    alice.publish(name).without_price().card(card)
}

#[tokio::test]
async fn calls_share_a_run_where_the_author_says_so_and_the_model_keeps_rows_apart() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/alone").await.unwrap();
    let (_, verdicts) = batching(&alice, "alice/shared").told().await;
    assert!(verdicts[6].detail.contains("up to 16 rows share a run"), "{verdicts:?}");
    let rows = async |name: &str| hub.hub().model(&model(name), None).await.unwrap().model.batch_rows;
    assert_eq!((rows("alice/alone").await, rows("alice/shared").await), (1, 16));
    hub.finish().await;
}

#[tokio::test]
async fn a_model_whose_rows_see_each_other_is_refused_as_one_that_shares_runs() {
    let hub = TestHub::set().fake(Fake::new(fixtures::echo_signature(), Behaviour::Map(Arc::new(sums)))).start().await;
    let alice = hub.user("alice").await;
    let refused = wrong(&hub, batching(&alice, "alice/echo")).await;
    let told = refused!(Err::<(), _>(refused), Error::Unfit { step: "batch", reason, .. } => reason);
    assert!(told.contains("differently in a shared run"), "{told}");
    hub.finish().await;
}

#[tokio::test]
async fn a_closed_first_axis_is_named_where_calls_are_to_share_runs() {
    let port = |name| vec![fixtures::port(name, DataType::Fp32, &[Some(1), None])];
    let signature = Signature { inputs: port("x"), outputs: port("y") };
    let hub = TestHub::set().fake(Fake::new(signature, Behaviour::Echo)).start().await;
    let alice = hub.user("alice").await;
    let refused = wrong(&hub, batching(&alice, "alice/echo")).await;
    let told = refused!(Err::<(), _>(refused), Error::Unfit { step: "batch", reason, .. } => reason);
    assert!(told.contains("the first axis of \"x\" is not open"), "{told}");
    hub.finish().await;
}

#[tokio::test]
async fn an_answer_shows_no_more_than_its_owner_wants_it_to_and_the_receipt_proves_that() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let card =
        "---\nmodelhub:\n  price: { per_call: \"0.002 OPG\" }\n  output: labels\n  labels: [a, b, c]\n---\n# Echo\n";
    let labels = Signature {
        outputs: vec![fixtures::port("y", DataType::Fp32, &[None, Some(3)])],
        ..fixtures::echo_signature()
    };
    let draft = alice.publish("alice/echo").without_price().card(card).file("examples/one.json", example3());
    hub.fake().script(draft.digest(), labels, [Behaviour::Echo]);
    draft.await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let answer = bob.infer("alice/echo").inputs(fixtures::row(&[0.25, 0.5, 0.125])).key("once").await.unwrap();
    assert_eq!(answer.outputs, fixtures::echoed(&[0.0, 1.0, 0.0]));
    let again = bob.infer("alice/echo").inputs(fixtures::row(&[0.25, 0.5, 0.125])).key("once").await.unwrap();
    assert_eq!((again.outputs.clone(), again.replayed), (answer.outputs.clone(), true));
    let receipt = hub.hub().receipt(bob.caller(), answer.call).await.unwrap();
    assert_eq!(receipt.proves_outputs(|sink| tensor::canonical(&answer.outputs, sink)), Some(true));
    hub.finish().await;
}

fn example3() -> String {
    r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}"#.to_owned()
}
