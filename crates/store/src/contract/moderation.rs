//! Reports, what the operator decides, and whom the operator knows: cases of the catalogue's contract.

use ledger::{AccountId, ModelId, Time};
use registry::{Reason, RestrictionKind};

use super::catalog::Place;
use super::release::{account, release, seal};
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON, RELEASE};
use crate::{
    Act, CatalogError, DecisionKind, DecisionsWanted, EventKind, EventsWanted, MAX_REPORTS, NewDecision, NewReport,
    ReportState, ReportsWanted, Wanted,
};

/// bob's model, and carol who reports it.
async fn scene(place: &Place) -> ModelId {
    seal(&*place.catalog).await;
    place.catalog.add_account(&account(CAROL, "carol"), None).await.unwrap();
    place.catalog.release_by_id(RELEASE).await.unwrap().unwrap().model.id
}

fn new(model: ModelId, reason: Reason, at: Time) -> NewReport {
    NewReport { model, by: CAROL, release: None, reason, text: "look".to_owned(), at }
}

fn take_down(text: &str) -> NewDecision {
    NewDecision::TakeDown { reason: Reason::Malware, text: text.to_owned(), note: "of the scanner".to_owned() }
}

fn hide(text: &str) -> NewDecision {
    NewDecision::Hide { reason: Reason::Spam, text: text.to_owned(), note: String::new() }
}

fn restore() -> NewDecision {
    NewDecision::Restore { text: String::new(), note: String::new() }
}

fn hours(hours: i64) -> Time {
    NOON.plus_ms(hours * 3_600_000)
}

pub(super) async fn an_account_has_one_open_report_of_a_model(mut place: Place) {
    let model = scene(&place).await;
    let first = place.catalog.add_report(&new(model, Reason::Spam, NOON)).await.unwrap();
    assert_eq!(
        (first.state, first.name.as_str(), first.by.handle.as_str()),
        (ReportState::Open, "bob/minilm", "carol")
    );
    let again = NewReport { release: Some("1.00".parse().unwrap()), ..new(model, Reason::Malware, hours(1)) };
    let again = place.catalog.add_report(&again).await.unwrap();
    assert_eq!((again.id, again.reason, again.at, again.changed), (first.id, Reason::Malware, NOON, hours(1)));
    place.reopen();
    assert_eq!(place.catalog.report(first.id).await.unwrap(), Some(again.clone()));
    assert_eq!(place.catalog.open_reports().await.unwrap(), 1);
    let act = Act { by: ALICE, at: hours(2) };
    let done = place.catalog.dismiss(first.id, "it is none", "looked twice", act).await.unwrap().unwrap();
    assert_eq!((done.kind, done.report, done.note.as_str()), (DecisionKind::Dismissed, Some(first.id), "looked twice"));
    assert_eq!(place.catalog.dismiss(first.id, "it is none", "", act).await.unwrap(), None, "it was answered");
    assert_eq!(place.catalog.dismiss(99, "", "", act).await.unwrap(), None, "there is none");
    let told = place.catalog.report(first.id).await.unwrap().unwrap();
    assert_eq!((told.state, told.answer.as_deref()), (ReportState::Dismissed, Some("it is none")));
    // What was answered stays, and the next report is another one.
    let next = place.catalog.add_report(&new(model, Reason::Spam, hours(3))).await.unwrap();
    assert_ne!(next.id, first.id);
    let by = |by: AccountId| ReportsWanted { by: Some(by), limit: 9, ..ReportsWanted::default() };
    let own: Vec<_> = place.catalog.reports(&by(CAROL)).await.unwrap().iter().map(|report| report.id).collect();
    assert_eq!(own, [next.id, first.id]);
    assert_eq!(place.catalog.reports(&by(BOB)).await.unwrap(), []);
    let before = ReportsWanted { before: Some(next.id), state: Some(ReportState::Dismissed), ..by(CAROL) };
    assert_eq!(place.catalog.reports(&before).await.unwrap().len(), 1);
    let gone = place.catalog.add_report(&new(ModelId([0xee; 16]), Reason::Spam, NOON)).await;
    assert!(matches!(gone, Err(CatalogError::Gone { .. })));
}

pub(super) async fn reports_of_an_account_are_bounded_by_the_day(place: Place) {
    let model = scene(&place).await;
    for _ in 0..MAX_REPORTS {
        place.catalog.add_report(&new(model, Reason::Spam, NOON)).await.unwrap();
    }
    let many = place.catalog.add_report(&new(model, Reason::Spam, hours(1))).await;
    assert_eq!(many, Err(CatalogError::ManyReports { until: hours(24) }));
    let others = NewReport { by: ALICE, ..new(model, Reason::Spam, hours(1)) };
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    place.catalog.add_report(&others).await.unwrap();
    place.catalog.add_report(&new(model, Reason::Spam, hours(24))).await.unwrap();
}

pub(super) async fn a_decision_answers_reports_and_stands_with_event_and_alert(mut place: Place) {
    let model = scene(&place).await;
    let report = place.catalog.add_report(&new(model, Reason::Malware, NOON)).await.unwrap();
    let act = Act { by: ALICE, at: hours(1) };
    let done = place.catalog.decide(model, &take_down("it calls home"), act).await.unwrap().unwrap();
    assert_eq!(
        (done.kind, done.text.as_str(), done.note.as_str()),
        (DecisionKind::TakenDown, "it calls home", "of the scanner")
    );
    let last = place.catalog.last_event().await.unwrap();
    assert_eq!(place.catalog.decide(model, &take_down("it calls home"), act).await.unwrap(), None, "it is so");
    assert_eq!(place.catalog.last_event().await.unwrap(), last, "what changes nothing has no event");
    assert_eq!(place.catalog.decide(ModelId([0xee; 16]), &hide("x"), act).await.unwrap(), None);
    place.reopen();
    let told = place.catalog.report(report.id).await.unwrap().unwrap();
    assert_eq!(
        (told.state, told.answer.as_deref(), told.decided),
        (ReportState::TakenDown, Some("it calls home"), Some(hours(1)))
    );
    let name = "bob/minilm".parse().unwrap();
    let found = place.catalog.repository(&name).await.unwrap().unwrap().model;
    let released = place.catalog.release(&name, None).await.unwrap().unwrap().model;
    assert_eq!(found.restriction, released.restriction);
    let restriction = found.restriction.unwrap();
    assert_eq!((restriction.kind, restriction.at), (RestrictionKind::TakenDown, hours(1)));
    let event = place.catalog.event(last).await.unwrap().unwrap();
    let detail: serde_json::Value = serde_json::from_str(&event.detail).unwrap();
    let expected = serde_json::json!({"v": 1, "model": "bob/minilm", "reason": "malware", "text": "it calls home"});
    assert_eq!((event.kind, event.actor, detail), (EventKind::ModelTakenDown, Some(ALICE), expected));
    let alerts = place.catalog.alerts(BOB, None, 9).await.unwrap();
    assert_eq!(alerts[0].what.kind, "model.taken_down");
    assert!(!alerts[0].what.data.contains("scanner"), "the note is the operator's: {}", alerts[0].what.data);
    // Hidden is less, and another decision.
    place.catalog.decide(model, &hide("while it is looked at"), act).await.unwrap().unwrap();
    place.catalog.decide(model, &restore(), act).await.unwrap().unwrap();
    assert_eq!(place.catalog.decide(model, &restore(), act).await.unwrap(), None);
    assert_eq!(place.catalog.repository(&name).await.unwrap().unwrap().model.restriction, None);
    let wanted = DecisionsWanted { model: Some(model), public: true, before: None, limit: 9 };
    let trail: Vec<_> = place.catalog.decisions(wanted).await.unwrap().iter().map(|line| line.kind).collect();
    assert_eq!(trail, [DecisionKind::Restored, DecisionKind::Hidden, DecisionKind::TakenDown]);
    assert_eq!(place.catalog.decisions(DecisionsWanted { before: Some(2), ..wanted }).await.unwrap().len(), 1);
}

pub(super) async fn what_is_restricted_stands_in_its_owners_lists_alone(place: Place) {
    let model = scene(&place).await;
    let everybody = Wanted { limit: 9, ..Wanted::default() };
    let owners = Wanted { groups: vec![BOB], ..everybody.clone() };
    let count = async |wanted: &Wanted| place.catalog.repositories(wanted).await.unwrap().len();
    let listed =
        async || (place.catalog.listing(0, 9).await.unwrap().len(), place.catalog.totals().await.unwrap().models);
    let before = (count(&everybody).await, listed().await);
    for decision in [hide("spam"), take_down("it calls home")] {
        place.catalog.decide(model, &decision, ACT).await.unwrap().unwrap();
        assert_eq!(count(&everybody).await, before.0 - 1);
        assert_eq!(count(&owners).await, before.0);
        assert_eq!(listed().await, (before.1.0 - 1, before.1.1 - 1));
        assert_eq!(place.catalog.restricted(0, 9).await.unwrap()[0].model.id, model);
    }
    place.catalog.decide(model, &restore(), ACT).await.unwrap().unwrap();
    assert_eq!((count(&everybody).await, listed().await), before);
    assert_eq!(place.catalog.restricted(0, 9).await.unwrap(), []);
}

pub(super) async fn what_was_taken_down_stays_as_it_is(place: Place) {
    let model = scene(&place).await;
    let next = release("minilm", "1.01", 7, hours(1));
    place.catalog.decide(model, &hide("spam"), ACT).await.unwrap().unwrap();
    place.catalog.seal(&next).await.unwrap();
    place.catalog.decide(model, &take_down("it calls home"), ACT).await.unwrap().unwrap();
    let last = place.catalog.last_event().await.unwrap();
    let refused = [
        place.catalog.seal(&release("minilm", "1.02", 8, hours(2))).await,
        place.catalog.set_private(model, true, ACT).await,
        place.catalog.rename(model, BOB, &"bob/other".parse().unwrap(), ACT).await,
        place.catalog.remove_repository(model, ACT).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(CatalogError::TakenDown { .. })), "{refused:?}");
    }
    assert_eq!(place.catalog.last_event().await.unwrap(), last);
    place.catalog.decide(model, &restore(), ACT).await.unwrap().unwrap();
    place.catalog.seal(&release("minilm", "1.02", 8, hours(2))).await.unwrap();
}

pub(super) async fn whom_the_operator_knows_is_told_to_everybody(mut place: Place) {
    let catalog = || &place.catalog;
    catalog().add_account(&account(CAROL, "carol"), None).await.unwrap();
    assert!(catalog().verify(CAROL, "carol.example", ACT).await.unwrap());
    assert!(!catalog().verify(CAROL, "carol.example", ACT).await.unwrap(), "it is so");
    assert!(catalog().verify(CAROL, "carol.test", ACT).await.unwrap(), "with other words");
    assert!(!catalog().verify(ALICE, "nobody", ACT).await.unwrap(), "there is no such account");
    place.reopen();
    let known = place.catalog.verified(&[CAROL, BOB, CAROL]).await.unwrap();
    assert_eq!((known.len(), known[&CAROL].note.as_str()), (1, "carol.test"));
    let all = place.catalog.all_verified(None, 9).await.unwrap();
    assert_eq!((all[0].0.handle.as_str(), all.len()), ("carol", 1));
    assert!(place.catalog.all_verified(Some(&"carol".parse().unwrap()), 9).await.unwrap().is_empty());
    assert!(place.catalog.unverify(CAROL, ACT).await.unwrap());
    assert!(!place.catalog.unverify(CAROL, ACT).await.unwrap());
    assert!(place.catalog.verified(&[CAROL]).await.unwrap().is_empty());
    let seen = place.catalog.events(&EventsWanted { limit: 9, ..EventsWanted::default() }).await.unwrap();
    let told: Vec<_> = seen.events.iter().map(|event| (event.kind, event.account)).collect();
    let verified = (EventKind::AccountVerified, CAROL);
    assert_eq!(told, [verified, verified, (EventKind::AccountUnverified, CAROL)]);
    let trail = place.catalog.decisions(DecisionsWanted { limit: 9, ..DecisionsWanted::default() }).await.unwrap();
    assert_eq!((trail.len(), trail[0].name.as_str(), trail[0].model), (3, "carol", None));
}
