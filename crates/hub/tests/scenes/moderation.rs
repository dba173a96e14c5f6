//! Moderation: reports, hidden and taken down, verified; and money, which stays.

use std::sync::Arc;

use engine::fake::Behaviour;
use hub::{DecisionKind, Error, EventKind, Follow, Measure, Query, ReportState, ReportWish, SearchWish};
use ledger::{Class, Outcome};
use registry::{Access, Reason, Revision};
use store::{Repository, Wanted};
use testkit::{TestHub, User, fixtures, model, opg, refused, until};

/// alice has published an echo for 0.002 OPG, bob has 1 OPG.
async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").file("w.bin", "weights").file("notes.txt", "notes").access(Access::Open).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, alice, bob)
}

fn wish(reason: Reason, text: &str) -> ReportWish {
    ReportWish { release: None, reason, text: text.to_owned() }
}

async fn moderate(hub: &TestHub, name: &str, measure: Measure, text: &str) -> Result<Repository, Error> {
    hub.hub().moderate(&hub.operator().await, &model(name), measure, text, "a note").await
}

async fn take_down(hub: &TestHub, name: &str, reason: Reason) {
    moderate(hub, name, Measure::TakeDown(reason), "it is not theirs").await.unwrap();
}

async fn restore(hub: &TestHub, name: &str) {
    moderate(hub, name, Measure::Restore, "").await.unwrap();
}

/// Whether this viewer opens a file of the model.
async fn opens(hub: &TestHub, viewer: Option<&User>, path: &str) -> Result<(), Error> {
    let viewer = viewer.map(User::caller);
    let snapshot = hub.hub().snapshot(viewer, &model("alice/echo"), &Revision::main()).await?;
    hub.hub().open(viewer, &snapshot, path).await.map(drop)
}

async fn found(hub: &TestHub, viewer: Option<&User>) -> usize {
    let query = Query { text: "echo".to_owned(), limit: 9, ..Query::default() };
    let wish = SearchWish { query, surface: "api", current: true };
    hub.hub().search(viewer.map(User::caller), wish).await.unwrap().items.len()
}

#[tokio::test]
async fn money_that_was_earned_stays_and_is_paid_out() {
    let (hub, alice, bob) = scene().await;
    let call = bob.infer("alice/echo").key("once").await.unwrap();
    assert_eq!((alice.cash(), bob.cash()), ("0.0018".to_owned(), "0.998".to_owned()));
    take_down(&hub, "alice/echo", Reason::Malware).await;
    let taken_down = bob.infer("alice/echo").await;
    refused!(taken_down, Error::TakenDown { ref restriction, .. } if restriction.text == "it is not theirs");
    refused!(bob.infer("alice/echo").release("1.00").await, Error::TakenDown { .. });
    refused!(alice.infer("alice/echo").await, Error::TakenDown { .. });
    assert_eq!((alice.cash(), bob.cash()), ("0.0018".to_owned(), "0.998".to_owned()), "a refused call costs nothing");
    assert_eq!(hub.last_call().await.outcome, Outcome::Refused);
    // What was paid for is still its caller's, with its receipt.
    assert!(bob.infer("alice/echo").key("once").await.unwrap().replayed);
    let receipt = hub.hub().receipt(bob.caller(), call.call).await.unwrap();
    receipt.verify(&hub.hub().signing_keys()).unwrap();
    let earnings = hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!(earnings.paid, 1_800_000);
    // It is paid out, and what the uploader gives back is given back.
    alice.payout("0.0009").await.unwrap();
    alice.refund_part(call.call, "0.001").await.unwrap();
    assert_eq!((alice.cash(), bob.cash()), ("0".to_owned(), "0.999".to_owned()));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_was_accepted_ends() {
    let (open, shut) = std::sync::mpsc::channel::<()>();
    let shut = std::sync::Mutex::new(shut);
    let waits = Behaviour::Map(Arc::new(move |_: &[tensor::Tensor]| {
        // An error is the gate's end: it is open then.
        let _ = shut.lock().unwrap().recv();
        Ok(fixtures::echoed(&[1.0, 2.0]))
    }));
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    hub.script(&echo, [waits, Behaviour::Echo]);
    let calling = tokio::spawn(bob.infer("alice/echo").into_future());
    until("the call runs", async || (bob.balance().cash_held > 0).then_some(())).await;
    take_down(&hub, "alice/echo", Reason::Illegal).await;
    refused!(bob.infer("alice/echo").await, Error::TakenDown { .. });
    drop(open);
    let answer = calling.await.unwrap().unwrap();
    assert_eq!((answer.cost, alice.cash()), (opg("0.002"), "0.0018".to_owned()), "it was accepted, so it is paid");
    hub.finish().await;
}

#[tokio::test]
async fn what_builds_on_it_goes_on_and_pays_its_royalties() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    alice.publish("alice/base").card("---\nmodelhub: { royalty: 5% }\n---\n# Base\n").await.unwrap();
    bob.publish("bob/tuned").card("---\nbase_model: alice/base\n---\n# Tuned\n").await.unwrap();
    take_down(&hub, "alice/base", Reason::Copyright).await;
    let carol = hub.user("carol").await.funded("1").await;
    carol.infer("bob/tuned").await.unwrap();
    assert_eq!((alice.cash(), bob.cash()), ("0.00009".to_owned(), "0.00171".to_owned()));
    bob.publish("bob/tuned").card("---\nbase_model: alice/base\n---\n# Tuned again\n").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn what_is_taken_down_is_read_by_its_owner_unless_reading_does_harm() {
    let (hub, alice, bob) = scene().await;
    let core = hub.hub();
    let name = model("alice/echo");
    opens(&hub, None, "w.bin").await.unwrap();
    take_down(&hub, "alice/echo", Reason::Copyright).await;
    for viewer in [None, Some(&bob)] {
        refused!(opens(&hub, viewer, "w.bin").await, Error::TakenDown { .. });
        refused!(opens(&hub, viewer, "notes.txt").await, Error::TakenDown { .. });
        let viewer = viewer.map(User::caller);
        refused!(core.view_for(viewer, &name).await, Error::TakenDown { .. });
        refused!(core.quote(viewer, &name, None).await, Error::TakenDown { .. });
        refused!(core.refs(viewer, &name).await, Error::TakenDown { .. });
        refused!(
            core.diff(viewer, &name, "1.00".parse().unwrap(), "1.00".parse().unwrap()).await,
            Error::TakenDown { .. }
        );
        refused!(core.checks(viewer, &name).await, Error::TakenDown { .. });
    }
    opens(&hub, Some(&alice), "w.bin").await.unwrap();
    core.view_for(Some(alice.caller()), &name).await.unwrap();
    refused!(core.quote(Some(alice.caller()), &name, None).await, Error::TakenDown { .. });
    // For another reason nobody reads it.
    for reason in [Reason::Malware, Reason::Illegal] {
        take_down(&hub, "alice/echo", reason).await;
        refused!(opens(&hub, Some(&alice), "w.bin").await, Error::TakenDown { .. });
    }
    // Nor is it put away: what stands on its page stays there.
    refused!(core.set_private(alice.caller(), &name, true).await, Error::TakenDown { .. });
    refused!(core.rename(alice.caller(), &name, &model("alice/other")).await, Error::TakenDown { .. });
    refused!(core.remove(alice.caller(), &name).await, Error::TakenDown { .. });
    refused!(alice.publish("alice/echo").card("# More\n").await, Error::TakenDown { .. });
    restore(&hub, "alice/echo").await;
    opens(&hub, None, "w.bin").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    alice.publish("alice/echo").card("# More\n").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn what_is_hidden_leaves_lists_and_search_and_is_called() {
    let (hub, alice, bob) = scene().await;
    let core = hub.hub();
    until("it is found", async || (found(&hub, None).await == 1).then_some(())).await;
    for measure in [Measure::Hide(Reason::Spam), Measure::TakeDown(Reason::Spam)] {
        moderate(&hub, "alice/echo", measure, "the same again and again").await.unwrap();
        // The store has the last word, also before the index has heard of it.
        for viewer in [None, Some(&bob), Some(&alice)] {
            assert_eq!(found(&hub, viewer).await, 0);
        }
        assert!(core.listing(0, 9).await.unwrap().is_empty());
        assert_eq!(core.totals().await.unwrap().models, 0);
        let wanted = Wanted { limit: 9, ..Wanted::default() };
        assert!(core.repositories(Some(bob.caller()), wanted.clone()).await.unwrap().is_empty());
        // Its owner and the operator find it in lists of their own, and see what it is.
        let own = core.repositories(Some(alice.caller()), wanted).await.unwrap();
        let (listed, _) = core.own_models(alice.caller()).await.unwrap();
        let restricted = core.restricted(&hub.operator().await, 0, 9).await.unwrap();
        for found in [&own[0], &listed[0].repository, &restricted[0]] {
            assert_eq!(found.model.restriction.as_ref().unwrap().reason, Reason::Spam);
        }
        if measure == Measure::Hide(Reason::Spam) {
            assert_eq!(bob.infer("alice/echo").await.unwrap().cost, opg("0.002"));
            core.view_for(None, &model("alice/echo")).await.unwrap();
        }
    }
    refused!(core.restricted(bob.caller(), 0, 9).await, Error::ScopeMissing { .. });
    restore(&hub, "alice/echo").await;
    until("it is found again", async || (found(&hub, None).await == 1).then_some(())).await;
    assert_eq!(core.listing(0, 9).await.unwrap().len(), 1);
    hub.finish().await;
}

#[tokio::test]
async fn a_report_is_answered_and_its_sender_is_told_to_nobody_else() {
    let (hub, alice, bob) = scene().await;
    let core = hub.hub();
    let (name, operator) = (model("alice/echo"), hub.operator().await);
    let sent = core.report(bob.caller(), &name, wish(Reason::Spam, " says the same \r\n twice ")).await.unwrap();
    assert_eq!((sent.state, sent.text.as_str()), (ReportState::Open, "says the same \n twice"));
    let again = core.report(bob.caller(), &name, wish(Reason::Copyright, "it is mine")).await.unwrap();
    assert_eq!((again.id, again.reason), (sent.id, Reason::Copyright), "one that is open is changed");
    let waiting = core.all_reports(&operator, Some(ReportState::Open), None, 9).await.unwrap();
    assert_eq!(waiting, std::slice::from_ref(&again));
    refused!(core.all_reports(alice.caller(), None, None, 9).await, Error::ScopeMissing { .. });
    refused!(core.dismiss_report(&operator, sent.id, "", "").await, Error::Invalid { what: "text", .. });
    let dismissed = core.dismiss_report(&operator, sent.id, "it says so itself", "asked alice").await.unwrap();
    assert_eq!(dismissed.answer.as_deref(), Some("it says so itself"));
    refused!(core.dismiss_report(&operator, sent.id, "twice", "").await, Error::ReportAnswered { .. });
    refused!(core.dismiss_report(&operator, 99, "which?", "").await, Error::NoReport { report: 99 });
    let next = core.report(bob.caller(), &name, wish(Reason::Malware, "")).await.unwrap();
    take_down(&hub, "alice/echo", Reason::Malware).await;
    let own = core.own_reports(bob.caller(), None, 9).await.unwrap();
    let states: Vec<_> = own.iter().map(|report| (report.id, report.state)).collect();
    assert_eq!(states, [(next.id, ReportState::TakenDown), (sent.id, ReportState::Dismissed)]);
    assert!(core.own_reports(alice.caller(), None, 9).await.unwrap().is_empty());
    refused!(core.report(bob.caller(), &name, wish(Reason::Spam, "")).await, Error::TakenDown { .. });
    // What everybody reads of it names nobody who reported, and no note.
    let public = core.moderation(Some(alice.caller()), &name).await.unwrap().decisions;
    let kinds: Vec<_> = public.iter().map(|line| line.decision.kind).collect();
    assert_eq!(kinds, [DecisionKind::TakenDown]);
    let (events, _) = core.events(None, &Follow { limit: 99, model: Some(name), ..Follow::default() }).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.event.kind, EventKind::ModelTakenDown);
    assert!(events.iter().all(|view| !view.event.detail.contains("bob") && !view.event.detail.contains("a note")));
    let alerts = alice.alerts("model.taken_down").await;
    assert_eq!(alerts.len(), 1);
    assert!(!alerts[0].what.data.contains("bob") && alerts[0].what.data.contains("it is not theirs"));
    let whole: Vec<_> = core.decisions(&operator, None, 9).await.unwrap();
    assert_eq!((whole[0].decision.note.as_str(), whole[1].decision.note.as_str()), ("a note", "asked alice"));
    hub.finish().await;
}

#[tokio::test]
async fn an_owner_who_listens_hears_of_it() {
    let (hub, alice, _) = scene().await;
    alice.listen(None).await.unwrap();
    take_down(&hub, "alice/echo", Reason::Copyright).await;
    let heard = until("the message", async || alice.heard().first().map(|sent| sent.json())).await;
    assert_eq!((&heard["type"], &heard["data"]["model"]), (&"model.taken_down".into(), &"alice/echo".into()));
    assert_eq!((&heard["data"]["reason"], &heard["data"]["text"]), (&"copyright".into(), &"it is not theirs".into()));
    hub.finish().await;
}

#[tokio::test]
async fn reports_are_well_formed_and_bounded() {
    let (hub, alice, bob) = scene().await;
    let core = hub.hub();
    let name = model("alice/echo");
    let report = async |wish: ReportWish| core.report(bob.caller(), &name, wish).await;
    refused!(report(wish(Reason::Other, " ")).await, Error::Invalid { what: "text", .. });
    refused!(report(wish(Reason::Spam, &"x".repeat(2_001))).await, Error::Invalid { what: "text", .. });
    refused!(report(wish(Reason::Spam, "\u{7}")).await, Error::Invalid { what: "text", .. });
    let of = |release: &str| ReportWish { release: Some(release.parse().unwrap()), ..wish(Reason::Spam, "") };
    refused!(report(of("7.00")).await, Error::NoRelease { .. });
    report(of("1.00")).await.unwrap();
    for _ in 1..store::MAX_REPORTS {
        report(wish(Reason::Spam, &"ä".repeat(2_000))).await.unwrap();
    }
    refused!(report(wish(Reason::Spam, "")).await, Error::ManyReports { wait_s: 86_400, .. });
    hub.hours_pass(24);
    report(wish(Reason::Spam, "")).await.unwrap();
    // A private model is not there to be reported, but for its group.
    core.set_private(alice.caller(), &name, true).await.unwrap();
    refused!(report(wish(Reason::Spam, "")).await, Error::NoModel { .. });
    refused!(core.moderation(Some(bob.caller()), &name).await, Error::NoModel { .. });
    refused!(core.reportable(None, &name).await, Error::NoModel { .. });
    core.report(alice.caller(), &name, wish(Reason::Spam, "mine")).await.unwrap();
    take_down(&hub, "alice/echo", Reason::Malware).await;
    refused!(bob.infer("alice/echo").await, Error::NoModel { .. });
    refused!(core.view_for(None, &name).await, Error::NoModel { .. });
    refused!(core.view_for(Some(alice.caller()), &name).await, Error::TakenDown { .. });
    let (events, _) = core.events(None, &Follow { limit: 99, ..Follow::default() }).await.unwrap();
    assert!(events.is_empty(), "of a private model nobody is told: {events:?}");
    hub.finish().await;
}

#[tokio::test]
async fn only_the_operator_decides_and_says_why() {
    let (hub, alice, _) = scene().await;
    let (core, name) = (hub.hub(), model("alice/echo"));
    let down = Measure::TakeDown(Reason::Spam);
    refused!(core.moderate(alice.caller(), &name, down, "mine", "").await, Error::ScopeMissing { .. });
    refused!(core.verify(alice.caller(), &alice.account.handle, "me").await, Error::ScopeMissing { .. });
    for text in ["", " ", "two\nlines", &"x".repeat(501)] {
        refused!(moderate(&hub, "alice/echo", down, text).await, Error::Invalid { what: "text", .. });
    }
    refused!(moderate(&hub, "alice/none", down, "x").await, Error::NoModel { .. });
    assert_eq!(moderate(&hub, "alice/echo", Measure::Restore, "").await.unwrap().model.restriction, None);
    assert!(core.moderation(None, &name).await.unwrap().decisions.is_empty(), "what changes nothing is no decision");
    hub.finish().await;
}

#[tokio::test]
async fn whom_the_operator_knows_is_marked_wherever_models_stand() {
    let (hub, alice, _) = scene().await;
    let (core, name, operator) = (hub.hub(), model("alice/echo"), hub.operator().await);
    refused!(core.unverify(&operator, &alice.account.handle).await, Error::NotVerified { .. });
    let (_, known) = core.verify(&operator, &alice.account.handle, " alice.example ").await.unwrap();
    assert_eq!(known.note, "alice.example");
    assert!(core.listing(0, 9).await.unwrap()[0].verified);
    assert_eq!(core.view_for(None, &name).await.unwrap().verified, Some(known));
    let query = Query { text: "echo".to_owned(), limit: 9, ..Query::default() };
    let search = SearchWish { query, surface: "api", current: true };
    let shown = until("it is found", async || core.search(None, search.clone()).await.unwrap().items.pop()).await;
    assert!(shown.shown.verified);
    let kind = Some(EventKind::AccountVerified);
    let (events, _) = core.events(None, &Follow { limit: 9, kind, ..Follow::default() }).await.unwrap();
    assert_eq!(events[0].account.as_ref(), Some(&alice.account.handle), "everybody is told");
    core.unverify(&operator, &alice.account.handle).await.unwrap();
    assert!(!core.listing(0, 9).await.unwrap()[0].verified);
    hub.finish().await;
}

/// However publishes and a decision race, no release comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_release_is_sealed_after_its_model_was_taken_down() {
    let (hub, alice, bob) = scene().await;
    for round in 0..6 {
        let publish = alice.publish("alice/echo").card(&format!("# Round {round}\n"));
        let (published, ()) = tokio::join!(publish.into_future(), take_down(&hub, "alice/echo", Reason::Spam));
        refused!(bob.infer("alice/echo").await, Error::TakenDown { .. });
        if let Err(error) = published {
            assert!(matches!(error, Error::TakenDown { .. }), "{error:?}");
        }
        restore(&hub, "alice/echo").await;
    }
    let name = Some(model("alice/echo"));
    let (events, _) = hub.hub().events(None, &Follow { limit: 999, model: name, ..Follow::default() }).await.unwrap();
    let mut down = false;
    for view in events {
        match view.event.kind {
            EventKind::ModelTakenDown => down = true,
            EventKind::ModelRestored => down = false,
            EventKind::ReleaseSealed => assert!(!down, "{view:?}"),
            _ => {}
        }
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let (hub, _, bob) = scene().await;
    bob.infer("alice/echo").await.unwrap();
    take_down(&hub, "alice/echo", Reason::Spam).await;
    hub.restart().await;
    let carol = hub.user("carol").await.funded("1").await;
    refused!(carol.infer("alice/echo").await, Error::TakenDown { .. });
    assert_eq!(hub.last_call().await.class, Class::Paid);
    hub.finish().await;
}
