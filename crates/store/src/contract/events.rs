//! What happened, and webhooks that are told of it: cases of the catalogue's contract.

use ledger::{AccountId, ReleaseId};
use registry::Access;
use serde_json::{Value, json};

use super::catalog::Place;
use super::release::{account, release};
use super::repositories::{FIRST, branch, commit, echo, name, rename};
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON};
use crate::{
    AccessRequest, AccessStatus, Account, AccountKind, Act, CheckCounts, CheckKind, Compared, Delivery, Event,
    EventKind, EventsWanted, Hook, KEPT_DELIVERIES, MAX_HOOKS, MemberRole, NewCheck, NewRelease, RefKind, Tried,
};

fn detail(event: &Event) -> Value {
    serde_json::from_str(&event.detail).unwrap()
}

async fn all(place: &Place) -> Vec<Event> {
    place.catalog.events_after(0, 999).await.unwrap()
}

/// A release of bob's echo, made by alice.
async fn seal(place: &Place, number: &str, id: u8, latest: bool) -> ReleaseId {
    let new = release("echo", number, id, NOON.plus_ms(i64::from(id)));
    let new = NewRelease { known: Some(FIRST), latest, by: ALICE, ..new };
    place.catalog.seal(&new).await.unwrap();
    new.release.id
}

pub(super) async fn every_change_has_its_event_and_what_changes_nothing_has_none(mut place: Place) {
    assert_eq!(place.catalog.last_event().await.unwrap(), 0);
    let echo = echo(&place).await;
    commit(&place, "one", None).await;
    commit(&place, "one", Some(1)).await;
    for _ in 0..2 {
        place.catalog.add_ref(FIRST, RefKind::Tag, &branch("v1"), 1, ACT).await.unwrap();
        place.catalog.set_private(FIRST, true, ACT).await.unwrap();
        place.catalog.set_access(FIRST, Access::Open, ACT).await.unwrap();
        rename(&place, FIRST, "bob/other").await.unwrap();
    }
    for _ in 0..2 {
        place.catalog.remove_ref(FIRST, RefKind::Tag, &branch("v1"), ACT).await.unwrap();
    }
    rename(&place, FIRST, "alice/other").await.unwrap();
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    place.reopen();
    let events = all(&place).await;
    let told: Vec<_> = events.iter().map(|event| (event.seq, event.kind.word())).collect();
    let expected = [
        (1, "model.created"),
        (2, "commit.added"),
        (3, "ref.added"),
        (4, "model.visibility"),
        (5, "model.access"),
        (6, "model.renamed"),
        (7, "ref.removed"),
        (8, "model.transferred"),
        (9, "model.deleted"),
    ];
    assert_eq!(told, expected);
    assert_eq!(place.catalog.last_event().await.unwrap(), 9);
    let owners: Vec<AccountId> = events.iter().map(|event| event.account).collect();
    assert_eq!(owners, [vec![BOB; 7], vec![ALICE; 2]].concat());
    assert!(events.iter().all(|event| event.actor == Some(BOB) && event.model == Some(FIRST)));
    assert_eq!(detail(&events[0]), json!({"v": 1, "model": "bob/echo", "private": false}));
    let committed = detail(&events[1]);
    assert_eq!((&committed["branch"], &committed["title"]), (&json!("main"), &json!("Say one")));
    assert_eq!(detail(&events[5]), json!({"v": 1, "model": "bob/other", "before": "bob/echo"}));
    assert_eq!(detail(&events[8])["private"], true);
    assert_eq!(place.catalog.event(3).await.unwrap().as_ref(), Some(&events[2]));
    assert_eq!(place.catalog.events_after(7, 1).await.unwrap(), [events[7].clone()]);
    assert_eq!(echo.model.name, name("bob/echo"));
}

/// What is refused after the number was given leaves no gap: the number is given again.
pub(super) async fn numbers_are_dense_whatever_is_rolled_back(place: Place) {
    echo(&place).await;
    let stale = place.catalog.commit(&super::repositories::change("two", Some(7))).await;
    stale.unwrap_err();
    seal(&place, "1.00", 7, false).await;
    let new = NewRelease { known: Some(FIRST), ..release("echo", "1.00", 8, NOON) };
    place.catalog.seal(&new).await.unwrap_err();
    commit(&place, "three", Some(1)).await;
    let seqs: Vec<u64> = all(&place).await.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

pub(super) async fn releases_say_what_unversioned_calls_get_from_then_on(place: Place) {
    echo(&place).await;
    let first = seal(&place, "1.00", 7, false).await;
    let second = seal(&place, "1.01", 8, false).await;
    seal(&place, "2.00", 9, false).await;
    place.catalog.set_latest(FIRST, 2, 0, Act { by: ALICE, at: NOON.plus_ms(20) }).await.unwrap();
    place.catalog.set_latest(FIRST, 2, 0, ACT).await.unwrap();
    place.catalog.set_latest(FIRST, 1, 0, ACT).await.unwrap();
    place.catalog.yank(second, Some("wrong"), 0, ACT).await.unwrap();
    place.catalog.yank(second, Some("wrong"), 0, ACT).await.unwrap();
    place.catalog.yank(first, Some("wrong, too"), 0, ACT).await.unwrap();
    place.catalog.yank(second, None, 0, ACT).await.unwrap();
    place.catalog.yank(second, None, 0, ACT).await.unwrap();
    let words = |event: &Event| {
        let detail = detail(event);
        format!("{} {}", event.kind, detail["release"].as_str().unwrap_or_default())
    };
    let told: Vec<String> = all(&place).await.iter().skip(1).map(words).collect();
    let expected = [
        "commit.added ",
        "release.sealed 1.00",
        "release.latest 1.00",
        "commit.added ",
        "release.sealed 1.01",
        "release.latest 1.01",
        "commit.added ",
        "release.sealed 2.00",
        "release.latest 2.00",
        "release.latest 1.01",
        "release.yanked 1.01",
        "release.latest 1.00",
        // All of the major are yanked: the newest of it is what there is to be shown.
        "release.yanked 1.00",
        "release.latest 1.01",
        "release.restored 1.01",
    ];
    assert_eq!(told, expected);
    let sealed = all(&place).await.into_iter().find(|event| event.kind == EventKind::ReleaseSealed).unwrap();
    assert_eq!((sealed.actor, detail(&sealed)["price"]["per_call"].as_str()), (Some(ALICE), Some("0.0002 USD")));
}

pub(super) async fn a_check_that_fails_is_an_event_until_it_is_better(place: Place) {
    echo(&place).await;
    let id = seal(&place, "1.00", 7, false).await;
    let before = all(&place).await.len();
    let check = |differed, at| NewCheck {
        kind: CheckKind::TwoRunners,
        at: NOON.plus_ms(at),
        counts: CheckCounts { agreed: 1, differed, failed: 0 },
        compared: Compared::Digest,
        difference: Some("output \"y\"".to_owned()),
    };
    for (at, differed) in (1..).zip([0, 1, 1, 0, 1]) {
        place.catalog.add_checks(id, &[check(differed, at)]).await.unwrap();
    }
    let told: Vec<_> = all(&place).await.split_off(before);
    assert_eq!(told.iter().map(|event| event.at.0 - NOON.0).collect::<Vec<_>>(), [2, 5]);
    let expected = json!({
        "v": 1, "model": "bob/echo", "release": "1.00", "check": "two_runners", "outcome": "differed",
        "difference": "output \"y\"",
    });
    assert_eq!((told[0].kind, told[0].actor, detail(&told[0])), (EventKind::ReleaseCheck, None, expected));
}

pub(super) async fn events_are_for_who_may_see_the_model_now(place: Place) {
    echo(&place).await;
    commit(&place, "one", None).await;
    let seen = async |wanted: EventsWanted| {
        let page = place.catalog.events(&EventsWanted { limit: 99, ..wanted }).await.unwrap();
        page.events.iter().map(|event| event.kind.word()).collect::<Vec<_>>()
    };
    let stranger = EventsWanted::default;
    let bob = || EventsWanted { groups: vec![BOB], ..EventsWanted::default() };
    assert_eq!(seen(stranger()).await, ["model.created", "commit.added"]);
    place.catalog.set_private(FIRST, true, ACT).await.unwrap();
    assert_eq!(seen(stranger()).await, [""; 0], "what happened before, too");
    assert_eq!(seen(bob()).await.len(), 3);
    let only = |text: &str| EventsWanted { only: Some(vec![name(text)]), ..bob() };
    assert_eq!((seen(only("bob/Echo")).await.len(), seen(only("bob/none")).await.len()), (3, 0));
    assert_eq!(seen(EventsWanted { kind: Some(EventKind::CommitAdded), ..bob() }).await, ["commit.added"]);
    assert_eq!(seen(EventsWanted { account: Some(CAROL), ..bob() }).await, [""; 0]);
    assert_eq!(seen(EventsWanted { model: Some(FIRST), after: 2, ..bob() }).await, ["model.visibility"]);
    let both = EventsWanted { model: Some(FIRST), kind: Some(EventKind::ModelCreated), ..bob() };
    assert_eq!(seen(both).await, ["model.created"]);
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    assert_eq!(seen(stranger()).await, [""; 0], "nobody but bob knew that it was there");
    assert_eq!(seen(bob()).await.len(), 4);
    place
        .catalog
        .add_repository(&super::repositories::repository(FIRST, &super::release::bob(), "open", 0), BOB)
        .await
        .unwrap();
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    assert_eq!(seen(stranger()).await, ["model.deleted"]);
}

pub(super) async fn access_and_membership_are_told_to_those_they_concern(mut place: Place) {
    echo(&place).await;
    let by_alice = Act { by: ALICE, at: NOON };
    let (first, refused) =
        (asks(ALICE, "alice", 1), AccessRequest { status: AccessStatus::Rejected, ..asks(ALICE, "alice", 1) });
    place.catalog.add_access_request(&first).await.unwrap();
    place.catalog.add_access_request(&first).await.unwrap();
    place.catalog.decide_access(&refused, ACT).await.unwrap();
    assert!(place.catalog.remove_access_request(FIRST, ALICE, ACT).await.unwrap());
    assert!(!place.catalog.remove_access_request(FIRST, ALICE, ACT).await.unwrap());
    let at_once = AccessRequest { status: AccessStatus::Accepted, ..asks(CAROL, "carol", 2) };
    place.catalog.add_access_request(&at_once).await.unwrap();
    place.reopen();
    let seen = async |viewer: Option<AccountId>, groups: &[AccountId]| {
        let wanted = EventsWanted { limit: 99, viewer, groups: groups.to_vec(), ..EventsWanted::default() };
        let page = place.catalog.events(&wanted).await.unwrap();
        let access = page.events.iter().filter(|event| event.kind.is_about_access());
        access.map(|event| format!("{} {}", event.kind, detail(event)["account"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let alices = ["access.asked alice", "access.refused alice", "access.removed alice"];
    let carols = ["access.asked carol", "access.admitted carol"];
    assert_eq!(seen(Some(BOB), &[BOB]).await, [&alices[..], &carols].concat());
    assert_eq!(seen(Some(ALICE), &[ALICE]).await, alices);
    assert_eq!(seen(Some(CAROL), &[CAROL]).await, carols);
    assert_eq!(seen(None, &[]).await, [""; 0], "strangers see nothing of it");
    let narrow = EventsWanted {
        limit: 99,
        viewer: Some(ALICE),
        groups: vec![ALICE],
        only: Some(vec![name("alice/other")]),
        ..EventsWanted::default()
    };
    let told = place.catalog.events(&narrow).await.unwrap().events;
    assert!(!told.iter().any(|event| event.kind.is_about_access()), "a key for other models sees nothing of it either");
    place.catalog.set_private(FIRST, true, ACT).await.unwrap();
    assert_eq!(seen(Some(ALICE), &[ALICE]).await, [""; 0], "the model is not there for her any more");
    assert_eq!(seen(Some(BOB), &[BOB]).await.len(), 5);

    let acme = Account { kind: AccountKind::Org, ..account(AccountId([9; 16]), "acme") };
    place.catalog.add_organisation(&acme, ALICE).await.unwrap();
    let before = place.catalog.last_event().await.unwrap();
    for role in [MemberRole::Reader, MemberRole::Reader, MemberRole::Admin] {
        place.catalog.set_member(CAROL, acme.id, role, by_alice).await.unwrap();
    }
    for _ in 0..2 {
        place.catalog.remove_member(CAROL, acme.id, by_alice).await.unwrap();
    }
    let told: Vec<_> = all(&place).await.into_iter().filter(|event| event.seq > before).collect();
    let told: Vec<_> = told.iter().map(|event| (event.kind, event.account, event.actor, detail(event))).collect();
    let said = |kind, detail: Value| (kind, acme.id, Some(ALICE), detail);
    let expected = [
        said(EventKind::MemberAdded, json!({ "v": 1, "member": "carol", "role": "reader" })),
        said(EventKind::MemberChanged, json!({ "v": 1, "member": "carol", "before": "reader", "role": "admin" })),
        said(EventKind::MemberRemoved, json!({ "v": 1, "member": "carol", "before": "admin" })),
    ];
    assert_eq!(told, expected);
    let members = async |groups: &[AccountId]| {
        let wanted = EventsWanted { after: before, limit: 99, groups: groups.to_vec(), ..EventsWanted::default() };
        place.catalog.events(&wanted).await.unwrap().events.len()
    };
    assert_eq!((members(&[ALICE, acme.id]).await, members(&[BOB]).await, members(&[]).await), (3, 0, 0));
}

/// A wish for the weights of bob's model.
fn asks(who: AccountId, handle: &str, id: u8) -> AccessRequest {
    AccessRequest {
        id: [id; 16],
        model: FIRST,
        account: account(who, handle),
        status: AccessStatus::Pending,
        message: "please".to_owned(),
        reason: None,
        at: NOON,
        decided: None,
        decider: None,
    }
}

pub(super) async fn a_page_of_events_ends_where_the_next_begins(place: Place) {
    echo(&place).await;
    commit(&place, "one", None).await;
    place.catalog.set_access(FIRST, Access::Open, ACT).await.unwrap();
    let page = async |after, limit, kind| {
        let wanted = EventsWanted { after, limit, kind, ..EventsWanted::default() };
        let page = place.catalog.events(&wanted).await.unwrap();
        (page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), page.next, page.more)
    };
    assert_eq!(page(0, 2, None).await, (vec![1, 2], 2, true));
    assert_eq!(page(2, 2, None).await, (vec![3], 3, false));
    assert_eq!(page(3, 2, None).await, (vec![], 3, false));
    assert_eq!(page(u64::MAX, 2, None).await, (vec![], u64::MAX, false));
    place.catalog.set_private(FIRST, true, ACT).await.unwrap();
    assert_eq!(page(0, 2, None).await, (vec![], 4, false), "it moves on over what is not for them");
}

pub(super) async fn whoever_waits_wakes_when_something_happened(place: Place) {
    let waits = place.catalog.happened(0);
    let ((), _) = tokio::join!(waits, echo(&place));
    place.catalog.happened(0).await;
    let late = tokio::time::timeout(std::time::Duration::from_millis(20), place.catalog.happened(1)).await;
    assert!(late.is_err(), "nothing happened after it");
}

fn hook(account: AccountId, kinds: &[EventKind]) -> Hook {
    Hook {
        id: 0,
        account,
        model: None,
        url: "https://bob.example/events".to_owned(),
        secret: "whsec_bob".to_owned(),
        kinds: kinds.to_vec(),
        paused: false,
        created: NOON,
    }
}

async fn add(place: &Place, hook: Hook) -> Hook {
    let id = place.catalog.add_hook(&hook).await.unwrap().unwrap();
    Hook { id, ..hook }
}

async fn told(place: &Place, hook: &Hook) -> Vec<Option<u64>> {
    let found = place.catalog.deliveries(hook.id, NOON, None, 9_999).await.unwrap();
    found.iter().rev().map(|delivery| delivery.event).collect()
}

pub(super) async fn an_event_is_told_to_whom_it_concerns(mut place: Place) {
    echo(&place).await;
    let all = add(&place, hook(BOB, &[])).await;
    let some = add(&place, hook(BOB, &[EventKind::CommitAdded, EventKind::ModelDeleted])).await;
    let of_model = add(&place, Hook { model: Some((FIRST, name("bob/echo"))), ..hook(BOB, &[]) }).await;
    let carols = add(&place, hook(CAROL, &[])).await;
    let paused = add(&place, Hook { paused: true, ..hook(BOB, &[]) }).await;
    assert!(!format!("{all:?}").contains("whsec_bob"), "secrets are not shown");
    let other = super::repositories::repository(super::repositories::SECOND, &super::release::bob(), "other", 0);
    place.catalog.add_repository(&other, BOB).await.unwrap();
    commit(&place, "one", None).await;
    place.reopen();
    assert_eq!(
        place.catalog.hooks(&[BOB]).await.unwrap(),
        [all.clone(), some.clone(), of_model.clone(), paused.clone()]
    );
    assert_eq!(place.catalog.hook(of_model.id).await.unwrap().as_ref(), Some(&of_model));
    let of = [told(&place, &all).await, told(&place, &some).await, told(&place, &of_model).await];
    assert_eq!(of, [vec![Some(2), Some(3)], vec![Some(3)], vec![Some(3)]]);
    assert_eq!((told(&place, &carols).await.len(), told(&place, &paused).await.len()), (0, 0));
    let changed = Hook { paused: true, kinds: Vec::new(), url: "https://b.example/".to_owned(), ..some };
    assert!(place.catalog.set_hook(&changed).await.unwrap());
    assert_eq!(place.catalog.hook(changed.id).await.unwrap(), Some(changed));
    rename(&place, FIRST, "alice/echo").await.unwrap();
    assert_eq!(place.catalog.hook(of_model.id).await.unwrap(), None, "it was bob's word");
    assert!(place.catalog.remove_hook(all.id).await.unwrap());
    assert!(!place.catalog.remove_hook(all.id).await.unwrap());
    assert_eq!(told(&place, &all).await, []);
}

pub(super) async fn a_delivery_is_due_until_it_is_told(mut place: Place) {
    echo(&place).await;
    let (one, two) = (add(&place, hook(BOB, &[])).await, add(&place, hook(BOB, &[])).await);
    place.catalog.set_access(FIRST, Access::Open, Act { by: BOB, at: NOON.plus_ms(1) }).await.unwrap();
    place.catalog.set_access(FIRST, Access::Sealed, Act { by: BOB, at: NOON.plus_ms(2) }).await.unwrap();
    place.reopen();
    let due = async |ms| {
        let due = place.catalog.due_deliveries(NOON.plus_ms(ms), 9).await.unwrap();
        due.into_iter().map(|(hook, delivery)| (hook.id, delivery.event.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(due(0).await, []);
    assert_eq!(due(9).await, [(one.id, 2), (two.id, 2)], "one of each at a time");
    let first = place.catalog.due_deliveries(NOON.plus_ms(9), 1).await.unwrap().remove(0).1;
    let again = Some(NOON.plus_ms(60));
    let failed = Tried { delivered: None, next: again, status: Some(503), said: "answered 503, not 2xx".to_owned() };
    place.catalog.told_delivery(first.id, &failed).await.unwrap();
    assert_eq!(due(9).await, [(two.id, 2), (one.id, 3)]);
    let expected = Delivery { attempts: 1, next: again, status: Some(503), said: Some(failed.said), ..first.clone() };
    assert_eq!(place.catalog.delivery(first.id).await.unwrap(), Some(expected));
    place.catalog.set_hook(&Hook { paused: true, ..two.clone() }).await.unwrap();
    assert_eq!(due(9).await, [(one.id, 3)], "who is paused waits");
    place.catalog.set_hook(&two).await.unwrap();
    let test = place.catalog.add_delivery(two.id, None, NOON).await.unwrap().unwrap();
    assert_eq!(place.catalog.delivery(test).await.unwrap().unwrap().event, None);
    assert_eq!(place.catalog.add_delivery(99, None, NOON).await.unwrap(), None);
    let ok = Tried { delivered: Some(NOON), next: None, status: Some(204), said: "answered 204".to_owned() };
    place.catalog.told_delivery(test, &ok).await.unwrap();
    assert_eq!(due(9).await, [(two.id, 2), (one.id, 3)]);
    place.catalog.forget_deliveries(NOON.plus_ms(2)).await.unwrap();
    assert_eq!((told(&place, &one).await, told(&place, &two).await), (vec![Some(3)], vec![Some(3)]));
}

pub(super) async fn webhooks_and_their_logs_are_bounded(place: Place) {
    echo(&place).await;
    let first = add(&place, hook(BOB, &[])).await;
    for _ in 1..MAX_HOOKS {
        add(&place, hook(BOB, &[])).await;
    }
    assert_eq!(place.catalog.add_hook(&hook(BOB, &[])).await.unwrap(), None);
    add(&place, hook(CAROL, &[])).await;
    for at in 0..KEPT_DELIVERIES as i64 + 3 {
        place.catalog.add_delivery(first.id, None, NOON.plus_ms(at)).await.unwrap();
    }
    let kept = place.catalog.deliveries(first.id, NOON, None, 9_999).await.unwrap();
    let oldest = kept.last().unwrap();
    assert_eq!((kept.len() as u64, oldest.at), (KEPT_DELIVERIES, NOON.plus_ms(3)), "the newest");
    let page = place.catalog.deliveries(first.id, NOON.plus_ms(5), Some(kept[1].id), 2).await.unwrap();
    assert_eq!(page, kept[2..4]);
    assert_eq!(place.catalog.deliveries(first.id, NOON.plus_ms(9_999), None, 9).await.unwrap(), []);
}
