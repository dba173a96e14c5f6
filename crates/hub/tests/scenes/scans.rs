//! Files that are looked at when they come in.

use hub::{Error, Hub, ScanVerdict, ScanView};
use registry::{Digest, Revision};
use testkit::{TestHub, fixtures, model, refused, until};

/// Reading it runs `os.system("id")`.
const PICKLE: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
/// A tensor of ONNX that lies outside of the folder: `graph { initializer { external_data { location: "../w" } } }`.
const OUTSIDE: &[u8] = b"\x08\x08\x3a\x15\x2a\x13\x6a\x11\x0a\x08location\x12\x05../ww";

async fn view(hub: &Hub, name: &str) -> ScanView {
    hub.scan(None, &model(name), &Revision::main()).await.unwrap()
}

/// Once all files of a model were looked at.
async fn looked(hub: &TestHub, name: &str) -> ScanView {
    until("a scan", async || Some(view(&hub.hub(), name).await).filter(|view| view.sums.waiting == 0)).await
}

#[tokio::test]
async fn files_are_looked_at_when_they_come_in() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").file("pytorch_model.bin", PICKLE).file("notes.txt", "words").await.unwrap();
    let view = looked(&hub, "alice/echo").await;
    assert_eq!((view.sums.clean, view.sums.notice, view.sums.dangerous), (2, 0, 1));
    assert_eq!(view.sums.verdict(), Some(ScanVerdict::Dangerous));
    let reports = hub.hub().reports(view.snapshot.tree.files()).await.unwrap();
    let report = &reports[&Digest::of(PICKLE)];
    assert!(report.findings[0].text.contains("os.system"), "{report:?}");
    hub.finish().await;
}

#[tokio::test]
async fn what_a_release_would_load_is_looked_at_first_and_refused_if_it_is_dangerous() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    for (bytes, reason) in [
        (PICKLE, "model.onnx is dangerous: reading it runs os.system"),
        (OUTSIDE, "which leads out of the folder"),
        (b"\x80\x02K", "model.onnx could not be looked through"),
        (b"\x1c\0\0\0ORTM\0\0", "ONNX Runtime's own format"),
    ] {
        let refused = alice.publish("alice/echo").file("model.onnx", bytes).await;
        let told = refused!(refused, Error::Unfit { step: "scan", reason, .. } => reason);
        assert!(told.contains(reason), "{told}");
    }
    assert_eq!(hub.fake().trials(), 0, "none of them came near a runner");
    let (published, verdicts) = alice.publish("alice/echo").file("old.pkl", PICKLE).told().await;
    published.unwrap();
    let scan = verdicts.iter().find(|verdict| verdict.step == "scan").unwrap();
    assert!(scan.ok && scan.detail.starts_with("model.onnx is clean (onnx): 1 nodes"), "{}", scan.detail);
    hub.finish().await;
}

#[tokio::test]
async fn a_publish_tells_of_dangerous_files_that_it_does_not_load() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let draft = alice.publish("alice/echo").file("old.pkl", PICKLE);
    draft.clone().await.unwrap();
    looked(&hub, "alice/echo").await;
    let (again, verdicts) = draft.file("new", "1").told().await;
    assert_eq!(again.unwrap().release.to_string(), "1.01", "a file that is not loaded keeps nobody from publishing");
    let detail = &verdicts.iter().find(|verdict| verdict.step == "scan").unwrap().detail;
    assert!(detail.contains("old.pkl is dangerous and is not loaded: reading it runs os.system"), "{detail}");
    hub.finish().await;
}

#[tokio::test]
async fn a_file_is_looked_at_once_and_again_when_the_scanner_is_another() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    looked(&hub, "alice/echo").await;
    let echo = Digest::of(fixtures::ECHO);
    let of = async || hub.catalog().scans(&[echo], 0).await.unwrap().remove(&echo).unwrap();
    let first = of().await;
    hub.hours_pass(1);
    alice.publish("alice/other").await.unwrap();
    looked(&hub, "alice/other").await;
    assert_eq!(of().await, first, "the same bytes are looked at once");
    // What an older hub has said is said anew.
    let before = store::ScanRecord { version: 0, verdict: "dangerous".into(), report: "{}".into(), ..first.clone() };
    let fresh = TestHub::start().await;
    fresh.catalog().add_scan(&before).await.unwrap();
    fresh.user("alice").await.publish("alice/echo").await.unwrap();
    let view = looked(&fresh, "alice/echo").await;
    assert_eq!(view.sums.verdict(), Some(ScanVerdict::Clean));
    fresh.finish().await;
    hub.finish().await;
}

#[tokio::test]
async fn what_was_handed_in_before_there_was_a_scanner_is_found_at_the_start() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").file("old.pkl", PICKLE).await.unwrap();
    looked(&hub, "alice/echo").await;
    let pickle = Digest::of(PICKLE);
    assert_eq!(hub.catalog().unscanned(1, None, 9).await.unwrap(), []);
    assert!(hub.catalog().unscanned(u32::MAX >> 1, None, 9).await.unwrap().contains(&pickle));
    hub.restart().await;
    assert_eq!(looked(&hub, "alice/echo").await.sums.dangerous, 1);
    hub.finish().await;
}

#[tokio::test]
async fn what_files_hold_is_told_to_whoever_sees_the_model() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    hub.hub().set_private(alice.caller(), &model("alice/echo"), true).await.unwrap();
    refused!(hub.hub().scan(None, &model("alice/echo"), &Revision::main()).await, Error::NoModel { .. });
    hub.hub().scan(Some(alice.caller()), &model("alice/echo"), &Revision::main()).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_card_is_scored_and_what_it_lacks_is_told() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let card = "---\nlicense: apache2\n---\n# Echo\n\nSays what it hears.\n";
    let (published, verdicts) = alice.publish("alice/echo").card(card).told().await;
    published.unwrap();
    let detail = &verdicts.iter().find(|verdict| verdict.step == "card").unwrap().detail;
    for said in
        ["it says 5 of 100", "without purpose (20), limits (15)", "near to it are Apache-2.0", "(line 2, column 10)"]
    {
        assert!(detail.contains(said), "{said}: {detail}");
    }
    let view = hub.hub().card_view(None, &model("alice/echo"), &Revision::main()).await.unwrap();
    assert_eq!((view.completeness.score(), view.refused), (5, None));
    hub.finish().await;
}
