//! Commits of main that become releases by themselves.

use engine::Unavailable;
use hub::{Change, DraftRecord};
use registry::{Digest, Edit, File, RefName, Revision, Tree};
use testkit::{TestHub, User, fixtures, handle, model, opg, refused, until};

const PRICED: &[u8] = b"---\nmodelhub: { price: { per_call: \"0.002 OPG\" } }\n---\n# Echo\n";
const UNPRICED: &[u8] = b"# Echo\n";

/// What a client's push does: hands the files in and commits them to main.
async fn push(hub: &TestHub, user: &User, name: &str, files: &[(&str, &[u8])]) {
    let mut edits = Vec::new();
    for (path, bytes) in files {
        let owner = handle(model(name).owner().as_str());
        let size = bytes.len() as u64;
        let mut receiving = hub.hub().upload(user.caller(), &owner, Digest::of(bytes), size).await.unwrap();
        receiving.write(bytes).unwrap();
        receiving.finish().await.unwrap();
        edits.push(Edit::Put(File { path: path.parse().unwrap(), sha256: Digest::of(bytes), size }));
    }
    let (title, message) = ("Push".to_owned(), String::new());
    let change = Change { model: model(name), branch: RefName::main(), parent: None, edits, title, message };
    hub.hub().commit(user.caller(), change).await.unwrap();
}

async fn draft(hub: &TestHub, user: &User, name: &str) -> Option<DraftRecord> {
    hub.hub().drafts(user.caller(), &model(name)).await.unwrap().into_iter().next()
}

async fn releases(hub: &TestHub, name: &str) -> usize {
    hub.catalog().releases(&model(name), 9).await.unwrap().len()
}

async fn until_released(hub: &TestHub, name: &str, count: usize) {
    until("a release", async || (releases(hub, name).await == count).then_some(())).await;
}

#[tokio::test]
async fn a_push_whose_card_names_a_price_is_a_release_after_ten_seconds_of_quiet() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await.funded("1").await);
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    push(&hub, &alice, "alice/echo", &[("README.md", PRICED)]).await;
    hub.clock().advance_ms(9_999);
    // The tool goes on with the next of its commits, and the quiet begins again.
    push(&hub, &alice, "alice/echo", &[("model.onnx", fixtures::ECHO)]).await;
    hub.clock().advance_ms(9_999);
    assert!(draft(&hub, &alice, "alice/echo").await.unwrap().due.is_some());
    assert_eq!(releases(&hub, "alice/echo").await, 0);
    hub.clock().advance_ms(1);
    until_released(&hub, "alice/echo", 1).await;
    let answer = bob.infer("alice/echo").await.unwrap();
    assert_eq!((answer.release.to_string(), answer.cost), ("1.00".to_owned(), opg("0.002")));
    until("the draft is done", async || draft(&hub, &alice, "alice/echo").await.is_none().then_some(())).await;
    assert_eq!(hub.fake().trials(), 1, "the first commit alone was never tried");
    hub.finish().await;
}

#[tokio::test]
async fn what_a_later_commit_overtakes_is_not_published() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    push(&hub, &alice, "alice/echo", &[("README.md", PRICED), ("model.onnx", fixtures::ECHO)]).await;
    assert!(draft(&hub, &alice, "alice/echo").await.is_some());
    push(&hub, &alice, "alice/echo", &[("README.md", UNPRICED)]).await;
    assert_eq!(draft(&hub, &alice, "alice/echo").await, None, "its author has taken the price back");
    hub.finish().await;
}

#[tokio::test]
async fn a_change_of_the_card_alone_makes_no_release_and_a_bad_one_is_told() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    push(&hub, &alice, "alice/echo", &[("README.md", PRICED), ("model.onnx", fixtures::ECHO)]).await;
    hub.clock().advance_ms(10_000);
    until_released(&hub, "alice/echo", 1).await;
    let longer = [PRICED, b"More words.\n"].concat();
    push(&hub, &alice, "alice/echo", &[("README.md", &longer)]).await;
    assert_eq!(draft(&hub, &alice, "alice/echo").await, None);
    let bad = b"---\nmodelhub: { price: { per_call: cheap } }\n---\n";
    push(&hub, &alice, "alice/echo", &[("README.md", bad), ("model.onnx", fixtures::SCALER)]).await;
    let refused = draft(&hub, &alice, "alice/echo").await.unwrap();
    assert_eq!(refused.due, None);
    assert!(refused.refused.unwrap().contains("cheap"));
    assert_eq!(releases(&hub, "alice/echo").await, 1);
    hub.finish().await;
}

#[tokio::test]
async fn what_cannot_be_published_says_why_and_a_stranger_is_not_told() {
    let hub = TestHub::start().await;
    let (alice, bob) = (hub.user("alice").await, hub.user("bob").await);
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    push(&hub, &alice, "alice/echo", &[("README.md", PRICED)]).await;
    hub.clock().advance_ms(10_000);
    let why = until("a refusal", async || draft(&hub, &alice, "alice/echo").await?.refused).await;
    assert!(why.contains("onnx"), "{why}");
    refused!(hub.hub().drafts(bob.caller(), &model("alice/echo")).await, hub::Error::NotInGroup { .. });
    hub.finish().await;
}

#[tokio::test]
async fn what_the_hub_itself_could_not_do_is_tried_again() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    let none = Unavailable { reason: "no library".to_owned(), hint: "install it" };
    hub.fake().set_unavailable(Some(none));
    push(&hub, &alice, "alice/echo", &[("README.md", PRICED), ("model.onnx", fixtures::ECHO)]).await;
    let first = draft(&hub, &alice, "alice/echo").await.unwrap().due.unwrap();
    hub.clock().advance_ms(10_000);
    let put_off = async || draft(&hub, &alice, "alice/echo").await?.due.filter(|due| *due > first);
    until("it is put off", put_off).await;
    assert_eq!(draft(&hub, &alice, "alice/echo").await.unwrap().refused, None);
    hub.fake().set_unavailable(None);
    hub.clock().advance_ms(30_000);
    until_released(&hub, "alice/echo", 1).await;
    hub.finish().await;
}

#[tokio::test]
async fn the_first_commit_may_name_the_beginning_as_its_parent() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/echo"), false).await.unwrap();
    let beginning = hub.hub().snapshot(None, &model("alice/echo"), &Revision::main()).await.unwrap().commit.id;
    assert_eq!(beginning, Tree::default().commit_id());
    let mut receiving = hub.hub().upload_to(alice.caller(), &model("alice/echo")).await.unwrap();
    receiving.write(UNPRICED).unwrap();
    let (sha256, size) = receiving.finish().await.unwrap();
    let change = Change {
        model: model("alice/echo"),
        branch: RefName::main(),
        parent: Some(Revision::Commit(beginning)),
        edits: vec![Edit::Put(File { path: "README.md".parse().unwrap(), sha256, size })],
        title: "First".to_owned(),
        message: String::new(),
    };
    let made = hub.hub().commit(alice.caller(), change.clone()).await.unwrap();
    assert_eq!((made.number, made.parent), (1, None));
    let again = hub.hub().commit(alice.caller(), change).await;
    refused!(again, hub::Error::NoRevision { .. });
    hub.finish().await;
}
