//! Releases that another server runs: told to the engine, paid for like all others, free when the server is not there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::fake::{Behaviour, Fake};
use engine::{Absence, Away, Call, Engine, EngineInfo, Failure, Model, Ran, Remote, Trial, Unavailable};
use hub::signing::{Message, Secret};
use hub::{Error, signed_for};
use ledger::Outcome;
use testkit::{Publish, TestHub, User, fixtures, model, opg, refused};

const CARD: &str = "---
modelhub:
  remote: { url: \"https://models.example.com/a/\", model: team/echo, version: 7 }
  split: { alice: 50%, carol: 50% }
---
# An echo
";

/// A fake that remembers which servers it was told of.
#[derive(Debug)]
struct Watching {
    fake: Fake,
    told: Arc<Mutex<Vec<Remote>>>,
}

impl Watching {
    fn see(&self, model: &Model) {
        self.told.lock().unwrap().extend(model.remote.as_deref().cloned());
    }
}

#[async_trait]
impl Engine for Watching {
    fn status(&self) -> Result<EngineInfo, Unavailable> {
        self.fake.status()
    }

    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure> {
        self.see(model);
        self.fake.run(model, call).await
    }

    fn preload(&self, model: &Model) {
        self.fake.preload(model);
    }

    async fn trial(&self, model: &Model, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        self.see(model);
        self.fake.trial(model, deadline).await
    }
}

fn far(alice: &User) -> Publish {
    alice.publish("alice/far").without("model.onnx").card(CARD)
}

#[tokio::test]
async fn a_card_that_names_a_server_becomes_a_release_that_is_run_there() {
    let told = Arc::<Mutex<Vec<Remote>>>::default();
    let fake = Fake::echo(fixtures::echo_signature());
    let hub = TestHub::set().engine(Arc::new(Watching { fake, told: Arc::clone(&told) })).start().await;
    let (alice, carol) = (hub.user("alice").await, hub.user("carol").await);
    let (published, verdicts) = far(&alice).told().await;
    published.unwrap();
    let dry_run = verdicts.iter().find(|verdict| verdict.step == "dry run").unwrap();
    assert!(dry_run.detail.starts_with("team/echo on models.example.com, version 7 answers in "), "{}", dry_run.detail);
    let batch = verdicts.iter().find(|verdict| verdict.step == "batch").unwrap();
    assert_eq!(batch.detail, "calls go to the owner's server one by one");

    let bob = hub.user("bob").await.funded("1").await;
    let answer = bob.infer("alice/far").await.unwrap();
    assert_eq!(answer.outputs, fixtures::echoed(&[1.0, 2.0]));
    assert_eq!((hub.fees(), alice.cash(), carol.cash()), ("0.0002".into(), "0.0009".into(), "0.0009".into()));
    let known = Remote {
        url: "https://models.example.com/a".to_owned(),
        host: "models.example.com".to_owned(),
        model: "team/echo".to_owned(),
        version: Some("7".to_owned()),
        owner: alice.account.id.0,
        signature: fixtures::echo_signature(),
    };
    let unknown = Remote { signature: Default::default(), ..known.clone() };
    assert_eq!(told.lock().unwrap().as_slice(), [unknown, known], "a trial finds out what calls are held to");

    hub.restart().await;
    let alice = alice.again().await.unwrap();
    let same = far(&alice).await.unwrap();
    assert_eq!((same.change.as_str(), same.sealed), ("same", false), "it was kept as it was");
    let moved = far(&alice).card(&CARD.replace("models.", "other.")).await.unwrap();
    assert_eq!(
        (moved.release.to_string(), &moved.reasons[0][..]),
        (
            "1.01".to_owned(),
            "It runs as team/echo on other.example.com, version 7 instead of team/echo on models.example.com, version 7."
        )
    );
    hub.finish().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_costs_nobody_anything() {
    let hub = TestHub::start().await;
    let (alice, _carol) = (hub.user("alice").await, hub.user("carol").await);
    let published = far(&alice).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let away = |how| {
        let retry_after = Some(Duration::from_secs(3));
        Behaviour::Fail(Failure::Away(Away { host: "models.example.com".to_owned(), how, retry_after }))
    };
    let broken = Failure::Protocol { host: "models.example.com".to_owned(), reason: "no".to_owned() };
    let cases = [
        (away(Absence::Unreachable { reason: "refused".to_owned() }), "gave no answer: refused; nothing was charged"),
        (away(Absence::Status(503)), "answered 503; nothing was charged"),
        (away(Absence::LeftAlone { failures: 5 }), "failed 5 times in a row and is left alone for now; nothing"),
        (Behaviour::Fail(broken), "models.example.com, where this model runs, broke the protocol: no; nothing"),
    ];
    for (behaviour, reason) in cases {
        hub.script(&published, [behaviour]);
        let error = bob.infer("alice/far").await.unwrap_err();
        assert!(matches!(error, Error::Away(_) | Error::Engine(_)) && error.to_string().contains(reason), "{error}");
        let call = hub.last_call().await;
        assert_eq!((call.outcome, call.cost), (Outcome::EngineFailed, opg("0")));
        assert_eq!((bob.cash(), bob.balance().cash_held), ("1".into(), 0));
    }
    hub.script(&published, [Behaviour::Echo]);
    bob.infer("alice/far").await.unwrap();
    assert_eq!(bob.cash(), "0.998");
    hub.finish().await;
}

#[tokio::test]
async fn a_model_file_or_a_server_and_not_both() {
    let hub = TestHub::start().await;
    let (alice, _carol) = (hub.user("alice").await, hub.user("carol").await);
    let both = alice.publish("alice/far").card(CARD).await;
    let reason = refused!(both, Error::Unfit { step: "dry run", reason, .. } => reason);
    assert_eq!(reason, "there is model.onnx, and the card says that models.example.com runs the model");
    let neither = far(&alice).card("# Nothing\n").await;
    let hint = refused!(neither, Error::Unfit { step: "dry run", hint: Some(hint), .. } => hint);
    assert!(hint.contains("modelhub.remote"), "{hint}");
    let card = CARD.replace("https://", "https://me:secret@");
    refused!(far(&alice).card(&card).await, Error::Card(_));

    alice.publish("alice/far").without_price().price("0.002 OPG").await.unwrap();
    let next = far(&alice).card(&CARD.replace("  split: { alice: 50%, carol: 50% }\n", "")).await.unwrap();
    assert_eq!((next.release.to_string().as_str(), next.change.as_str()), ("2.00", "major"));
    assert_eq!(next.reasons, ["It runs on models.example.com instead of the hub."]);
    let still = hub.hub().model(&model("alice/far"), None).await.unwrap();
    assert!(still.model.remote.is_none(), "nobody's inputs leave the hub unasked");
    hub.finish().await;
}

#[tokio::test]
async fn requests_to_an_owners_server_are_signed_with_the_secret_of_the_webhook() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let catalog = hub.catalog();
    let signed = async |body: &[u8]| signed_for(&*catalog, hub.now(), alice.account.id, body).await.unwrap();
    assert!(signed(b"body").await.is_empty(), "nothing to sign with");
    let secret: Secret = alice.listen(None).await.unwrap().fresh_secret.unwrap();
    let (one, other) = (signed(b"body").await, signed(b"body").await);
    let header = |headers: &[(&'static str, String)], name| {
        headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap()
    };
    let (id, timestamp) = (header(&one, "webhook-id"), header(&one, "webhook-timestamp").parse().unwrap());
    assert_ne!(id, header(&other, "webhook-id"));
    let message = Message { id: &id, timestamp, body: b"body" };
    message.verify(&secret, &header(&one, "webhook-signature"), hub.now()).unwrap();
    let changed = Message { body: b"another", ..message };
    assert!(changed.verify(&secret, &header(&one, "webhook-signature"), hub.now()).is_err());
    hub.finish().await;
}
