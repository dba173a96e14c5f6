//! Versions with their files one by one, as the `opengradient` SDK makes them.

use engine::Unavailable;
use hub::publish::Receiving;
use hub::{DraftRecord, Error, Hub, Incoming};
use registry::{Access, Digest, FilePath, ReleaseNumber};
use testkit::{TestHub, User, fixtures, model, opg, refused, until};

const PRICED: &str = "---\nmodelhub: { price: { per_call: \"0.002 OPG\" } }\n---\n";

fn number(text: &str) -> ReleaseNumber {
    text.parse().unwrap()
}

async fn create(hub: &TestHub, owner: &User, name: &str) {
    hub.hub().create_described(owner.caller(), &model(name), "Says what it hears.").await.unwrap();
    assert_eq!(next(hub, owner, name, false).await, "1.00");
}

async fn next(hub: &TestHub, owner: &User, name: &str, major: bool) -> String {
    hub.hub().create_version(owner.caller(), &model(name), "notes", major).await.unwrap().to_string()
}

async fn begin(hub: &TestHub, by: &User, name: &str, version: &str) -> Result<(Incoming, Receiving), Error> {
    hub.hub().upload_to_version(by.caller(), &model(name), number(version)).await
}

async fn end((incoming, mut receiving): (Incoming, Receiving), path: &str, bytes: &[u8]) -> Result<(), Error> {
    receiving.write(bytes)?;
    let (digest, size) = receiving.finish().await?;
    let path: FilePath = path.parse().unwrap();
    incoming.add(path, digest, size).await
}

async fn upload(hub: &TestHub, by: &User, name: &str, version: &str, path: &str, bytes: &[u8]) -> Result<(), Error> {
    end(begin(hub, by, name, version).await?, path, bytes).await
}

async fn files(hub: &TestHub, by: &User, name: &str, version: &str) -> Vec<String> {
    let tree = hub.hub().version_files(by.caller(), &model(name), number(version)).await.unwrap();
    tree.files().iter().map(|file| file.path.to_string()).collect()
}

async fn draft(hub: &TestHub, by: &User, name: &str) -> Option<DraftRecord> {
    hub.hub().drafts(by.caller(), &model(name)).await.unwrap().into_iter().next()
}

async fn is_released(hub: &Hub, name: &str, version: &str) -> bool {
    hub.model(&model(name), Some(number(version))).await.is_ok()
}

async fn until_released(hub: &TestHub, name: &str, version: &str) {
    let hub = hub.hub();
    until(&format!("{name} {version}"), async || is_released(&hub, name, version).await.then_some(())).await;
}

async fn until_refused(hub: &TestHub, by: &User, name: &str) -> String {
    until(&format!("a refusal of {name}"), async || draft(hub, by, name).await?.refused).await
}

#[tokio::test]
async fn a_version_is_a_release_once_its_files_have_rested() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    create(&hub, &alice, "alice/early").await;
    create(&hub, &alice, "alice/late").await;
    assert_eq!(files(&hub, &alice, "alice/early", "1.00").await, [""; 0]);
    upload(&hub, &alice, "alice/early", "1.00", "model.onnx", b"early").await.unwrap();
    upload(&hub, &alice, "alice/late", "1.00", "model.onnx", b"late").await.unwrap();
    hub.clock().advance_ms(10_000);
    upload(&hub, &alice, "alice/late", "1.00", "notes.txt", b"more").await.unwrap();
    hub.clock().advance_ms(20_000);
    until_released(&hub, "alice/early", "1.00").await;
    assert!(!is_released(&hub.hub(), "alice/late", "1.00").await, "its last file came 20 s ago");
    hub.clock().advance_ms(10_000);
    until_released(&hub, "alice/late", "1.00").await;
    assert_eq!(files(&hub, &alice, "alice/late", "1.00").await, ["README.md", "model.onnx", "notes.txt"]);
    until("the draft is done", async || draft(&hub, &alice, "alice/late").await.is_none().then_some(())).await;

    let release = hub.hub().model(&model("alice/late"), None).await.unwrap();
    assert_eq!(release.release.price.to_string(), "0 OPG per call");
    assert_eq!(release.release.access, Access::Sealed);
    assert_eq!(release.release.readme.trim(), "# late\n\nSays what it hears.");
    let kept = upload(&hub, &alice, "alice/late", "1.00", "model.onnx", b"other").await;
    refused!(kept, Error::Released { release, .. } if release == number("1.00"));
    hub.finish().await;
}

#[tokio::test]
async fn the_owners_first_call_makes_a_version_a_release_at_once() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    create(&hub, &alice, "alice/echo").await;
    refused!(alice.infer("alice/echo").await, Error::NeverReleased { .. });
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    let answer = alice.infer("alice/echo").release("1.00").await.unwrap();
    assert_eq!((answer.release, answer.cost), (number("1.00"), opg("0")), "nobody has priced it");
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(draft(&hub, &alice, "alice/echo").await, None);

    // Without a number the first one is meant, until there is a release.
    assert_eq!(next(&hub, &alice, "alice/echo", false).await, "1.01");
    upload(&hub, &alice, "alice/echo", "1.01", "model.onnx", fixtures::SCALER).await.unwrap();
    assert_eq!(alice.infer("alice/echo").await.unwrap().release, number("1.00"));
    let all = [1, 2, 3].map(|_| alice.infer("alice/echo").release("1.01"));
    let [one, two, three] = all;
    let (one, two, three) = tokio::join!(one.into_future(), two.into_future(), three.into_future());
    for answer in [one, two, three] {
        assert_eq!(answer.unwrap().release, number("1.01"));
    }
    assert_eq!(hub.catalog().releases(&model("alice/echo"), 9).await.unwrap().len(), 2);
    assert_eq!(hub.fake().trials(), 2, "those that come together wait for one look at it");
    hub.finish().await;
}

#[tokio::test]
async fn others_calls_make_no_release_of_what_its_owner_still_uploads() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    create(&hub, &alice, "alice/echo").await;
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    hub.clock().advance_ms(9_999);
    refused!(bob.infer("alice/echo").await, Error::NeverReleased { .. });
    hub.clock().advance_ms(1);
    assert_eq!(bob.infer("alice/echo").await.unwrap().release, number("1.00"));

    create(&hub, &alice, "alice/secret").await;
    hub.hub().set_private(alice.caller(), &model("alice/secret"), true).await.unwrap();
    upload(&hub, &alice, "alice/secret", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    hub.clock().advance_ms(20_000);
    refused!(bob.infer("alice/secret").release("1.00").await, Error::NoModel { .. });
    assert!(draft(&hub, &alice, "alice/secret").await.unwrap().due.is_some(), "it still waits");
    assert_eq!(alice.infer("alice/secret").await.unwrap().release, number("1.00"));
    hub.finish().await;
}

#[tokio::test]
async fn what_cannot_be_a_release_says_why_and_is_tried_again_with_other_files() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    create(&hub, &alice, "alice/echo").await;
    upload(&hub, &alice, "alice/echo", "1.00", "notes.txt", b"no model").await.unwrap();
    hub.clock().advance_ms(30_000);
    let why = until_refused(&hub, &alice, "alice/echo").await;
    assert!(why.starts_with("dry run: there is no .onnx file among the files; export"), "{why}");
    hub.restart().await;
    let (alice, bob) = (alice.again().await.unwrap(), bob.again().await.unwrap());
    let known = draft(&hub, &alice, "alice/echo").await.unwrap();
    assert_eq!((known.refused, known.due, known.number), (Some(why.clone()), None, Some(number("1.00"))));
    let told = refused!(alice.infer("alice/echo").await, Error::NotReleased { reason, .. } => reason);
    assert_eq!(told, why);
    refused!(bob.infer("alice/echo").await, Error::NeverReleased { .. });

    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    assert_eq!(alice.infer("alice/echo").await.unwrap().release, number("1.00"));
    assert_eq!(files(&hub, &alice, "alice/echo", "1.00").await, ["README.md", "model.onnx", "notes.txt"]);
    hub.finish().await;
}

#[tokio::test]
async fn what_the_hub_itself_could_not_do_is_tried_again() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    create(&hub, &alice, "alice/echo").await;
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    let gone = Unavailable { reason: "gone".into(), hint: "bring it back" };
    hub.fake().set_unavailable(Some(gone));
    hub.clock().advance_ms(5_000);
    refused!(alice.infer("alice/echo").await, Error::EngineUnavailable(_));
    let waits = draft(&hub, &alice, "alice/echo").await.unwrap();
    assert_eq!((waits.due, waits.refused), (Some(hub.now().plus_ms(30_000)), None));
    hub.fake().set_unavailable(None);
    assert_eq!(alice.infer("alice/echo").await.unwrap().release, number("1.00"));
    hub.finish().await;
}

#[tokio::test]
async fn what_rests_when_the_hub_stops_is_a_release_after_the_start() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    create(&hub, &alice, "alice/echo").await;
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", b"one").await.unwrap();
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    hub.restart().await;
    hub.clock().advance_ms(30_000);
    until_released(&hub, "alice/echo", "1.00").await;
    let release = hub.hub().model(&model("alice/echo"), None).await.unwrap();
    assert_eq!(release.release.weights, Digest::of(fixtures::ECHO), "the later one stands in its place");
    hub.finish().await;
}

#[tokio::test]
async fn a_file_on_its_way_holds_its_version_back() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    create(&hub, &alice, "alice/echo").await;
    create(&hub, &alice, "alice/other").await;
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    let large = begin(&hub, &alice, "alice/echo", "1.00").await.unwrap();
    let given_up = begin(&hub, &alice, "alice/echo", "1.00").await.unwrap();
    hub.clock().advance_ms(1_000);
    upload(&hub, &alice, "alice/other", "1.00", "model.onnx", b"other").await.unwrap();
    hub.clock().advance_ms(60_000);
    until_released(&hub, "alice/other", "1.00").await;
    assert!(!is_released(&hub.hub(), "alice/echo", "1.00").await);
    refused!(alice.infer("alice/echo").await, Error::NeverReleased { .. });
    end(large, "table.bin", b"large").await.unwrap();
    drop(given_up);
    assert_eq!(alice.infer("alice/echo").await.unwrap().release, number("1.00"));
    assert_eq!(files(&hub, &alice, "alice/echo", "1.00").await, ["README.md", "model.onnx", "table.bin"]);
    hub.finish().await;
}

#[tokio::test]
async fn numbers_without_a_release_are_given_again_and_the_first_release_is_1_00() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let name = "alice/echo";
    create(&hub, &alice, name).await;
    assert_eq!(next(&hub, &alice, name, true).await, "1.00", "it has no files");
    upload(&hub, &alice, name, "1.00", "notes.txt", b"no model").await.unwrap();
    assert_eq!(next(&hub, &alice, name, false).await, "1.01");
    assert_eq!(next(&hub, &alice, name, true).await, "2.00");
    upload(&hub, &alice, name, "1.01", "model.onnx", fixtures::ECHO).await.unwrap();
    // The first is tried first, whichever is asked for.
    let why = refused!(alice.infer(name).release("1.01").await, Error::NotReleased { reason, .. } => reason);
    assert!(why.contains("1.01 cannot be the first release; upload these files to 1.00"), "{why}");
    assert_eq!(next(&hub, &alice, name, false).await, "1.00");
    assert_eq!(files(&hub, &alice, name, "1.00").await, [""; 0], "it begins anew");
    upload(&hub, &alice, name, "1.00", "model.onnx", fixtures::ECHO).await.unwrap();
    assert_eq!(alice.infer(name).await.unwrap().release, number("1.00"));
    assert_eq!(next(&hub, &alice, name, false).await, "1.01");
    assert_eq!(next(&hub, &alice, name, true).await, "2.00");
    upload(&hub, &alice, name, "2.00", "model.onnx", fixtures::ECHO).await.unwrap();
    assert_eq!(alice.infer(name).release("2.00").await.unwrap().release, number("2.00"), "its author says it is major");
    assert_eq!(next(&hub, &alice, name, false).await, "2.01");
    let missing = begin(&hub, &alice, name, "7.00").await.map(drop);
    refused!(missing, Error::NoRelease { release, .. } if release == number("7.00"));
    hub.finish().await;
}

#[tokio::test]
async fn a_version_costs_what_its_card_says_or_the_release_before_it() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    create(&hub, &alice, "alice/echo").await;
    upload(&hub, &alice, "alice/echo", "1.00", "model.onnx", b"one").await.unwrap();
    upload(&hub, &alice, "alice/echo", "1.00", "README.md", PRICED.as_bytes()).await.unwrap();
    hub.clock().advance_ms(30_000);
    until_released(&hub, "alice/echo", "1.00").await;
    assert_eq!(next(&hub, &alice, "alice/echo", false).await, "1.01");
    upload(&hub, &alice, "alice/echo", "1.01", "model.onnx", b"two").await.unwrap();
    hub.clock().advance_ms(30_000);
    until_released(&hub, "alice/echo", "1.01").await;
    for version in ["1.00", "1.01"] {
        assert_eq!(bob.infer("alice/echo").release(version).await.unwrap().cost, opg("0.002"), "{version}");
    }
    assert_eq!(files(&hub, &alice, "alice/echo", "1.01").await, ["README.md", "model.onnx"]);
    hub.finish().await;
}

#[tokio::test]
async fn versions_are_made_by_their_models_owner_alone() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    create(&hub, &alice, "alice/echo").await;
    create(&hub, &bob, "bob/echo").await;
    // The name leads to somebody else by now.
    let found = hub.hub().repository(None, &model("bob/echo")).await.unwrap();
    let act = store::Act { by: alice.account.id, at: hub.now() };
    hub.catalog().rename(found.model.id, alice.account.id, &model("alice/gift"), act).await.unwrap();
    for name in ["alice/echo", "bob/echo"] {
        refused!(begin(&hub, &bob, name, "1.00").await.map(drop), Error::NotInGroup { .. });
        let made = hub.hub().create_version(bob.caller(), &model(name), "", false).await;
        refused!(made, Error::NotInGroup { .. });
    }
    refused!(begin(&hub, &bob, "bob/none", "1.00").await.map(drop), Error::NoModel { .. });
    let taken = hub.hub().create_described(alice.caller(), &model("alice/ECHO"), "").await;
    refused!(taken, Error::ModelTaken { .. });
    let branch = "version/1.07".parse().unwrap();
    let by_hand = hub.hub().add_ref(alice.caller(), &model("alice/echo"), hub::RefKind::Branch, &branch, None).await;
    refused!(by_hand, Error::Invalid { what: "branch", .. });
    hub.finish().await;
}
