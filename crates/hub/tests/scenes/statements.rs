//! What an account sees of its own money: entries, statements, payers, and earnings after refunds.

use std::collections::HashSet;

use hub::{EntryLine, Statement};
use ledger::{Difference, EntryKind, Month, Purse, Time};
use testkit::{MORNING, TestHub, User};

use EntryKind::{Call, Creator, Deposit, Grant, Payout, Recovery, Refund, Refunded};

/// alice has published an echo for 0.002 OPG.
async fn scene() -> (TestHub, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    (hub, alice)
}

async fn entries(hub: &TestHub, user: &User) -> Vec<EntryLine> {
    hub.hub().entries(user.caller(), None, 100).await.unwrap()
}

fn told(lines: &[EntryLine]) -> Vec<(EntryKind, Purse, String)> {
    lines.iter().map(|line| (line.entry.kind, line.entry.purse, Difference(line.entry.nano).to_string())).collect()
}

fn line(kind: EntryKind, purse: Purse, amount: &str) -> (EntryKind, Purse, String) {
    (kind, purse, amount.to_owned())
}

async fn statement(hub: &TestHub, user: &User, month: &str) -> Statement {
    let statement = hub.hub().statement(user.caller(), month.parse().unwrap()).await.unwrap();
    for (purse, opening, closing) in [
        (Purse::Cash, statement.opening.cash, statement.closing.cash),
        (Purse::Promo, statement.opening.promo, statement.closing.promo),
    ] {
        let items: i64 = statement.items.iter().filter(|item| item.purse == purse).map(|item| item.nano).sum();
        let totals: i64 = statement.totals.iter().filter(|((_, p), _)| *p == purse).map(|(_, (_, nano))| nano).sum();
        assert_eq!((items, totals), (closing - opening, closing - opening), "{purse} of {month}");
    }
    statement
}

#[tokio::test]
async fn entries_tell_all_that_moved_an_accounts_money() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await.granted("0.003").await;
    let promo = bob.infer("alice/echo").await.unwrap().call;
    let cash = bob.infer("alice/echo").await.unwrap().call;
    alice.refund_part(cash, "0.001").await.unwrap();
    bob.payout("0.5").await.unwrap();
    let lines = entries(&hub, &bob).await;
    assert_eq!(
        told(&lines),
        [
            line(Payout, Purse::Cash, "-0.5"),
            line(Refund, Purse::Cash, "0.001"),
            line(Call, Purse::Cash, "-0.002"),
            line(Call, Purse::Promo, "-0.002"),
            line(Grant, Purse::Promo, "0.003"),
            line(Deposit, Purse::Cash, "1"),
        ]
    );
    let calls: Vec<_> = lines.iter().map(|line| line.call).collect();
    assert_eq!(calls, [None, Some(cash), Some(cash), Some(promo), None, None]);
    let models: Vec<_> = lines.iter().map(|line| line.release.as_ref().map(|(model, _)| model.to_string())).collect();
    assert_eq!(models.iter().flatten().collect::<Vec<_>>(), ["alice/echo"; 3]);
    assert_eq!((lines[1].reference.as_str(), lines[1].transfer.is_some()), ("a wrong answer", true));

    let lines = entries(&hub, &alice).await;
    let due = [
        line(Refunded, Purse::Cash, "-0.0009"),
        line(Creator, Purse::Cash, "0.0018"),
        line(Creator, Purse::Promo, "0.0018"),
    ];
    assert_eq!(told(&lines), due);
    hub.finish().await;
}

#[tokio::test]
async fn entries_come_page_by_page_and_none_twice() {
    let (hub, alice) = scene().await;
    let alice = alice.funded("1").await;
    for _ in 0..4 {
        alice.infer("alice/echo").await.unwrap();
    }
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let page = hub.hub().entries(alice.caller(), before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        pages.push(page);
    }
    // A call of one's own model is one row and two entries.
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1]);
    let seqs: Vec<_> = pages.iter().flatten().map(|line| line.seq).collect();
    assert!(seqs.is_sorted_by(|one, next| one >= next), "{seqs:?}");
    let sum: i64 = pages.iter().flatten().map(|line| line.entry.nano).sum();
    assert_eq!((sum, seqs.iter().collect::<HashSet<_>>().len()), (alice.balance().cash, 5));
    hub.finish().await;
}

#[tokio::test]
async fn a_statement_leads_from_its_opening_to_its_closing() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await.granted("0.002").await;
    for _ in 0..3 {
        bob.infer("alice/echo").await.unwrap();
    }
    let january = statement(&hub, &bob, "2026-01").await;
    assert_eq!((january.opening.cash, january.opening.promo, january.complete), (0, 0, false));
    assert_eq!((january.closing.cash, january.closing.promo), (bob.balance().cash, bob.balance().promo));
    assert_eq!(january.totals[&(Call, Purse::Cash)], (2, -4_000_000));
    assert_eq!(january.totals[&(Call, Purse::Promo)], (1, -2_000_000));
    let operator = alice.as_operator().await;
    for user in [&alice, &operator] {
        let closing = statement(&hub, user, "2026-01").await.closing;
        assert_eq!((closing.cash, closing.promo), (user.balance().cash, user.balance().promo));
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_month_ends_with_its_last_millisecond() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let february: Month = "2026-02".parse().unwrap();
    hub.clock().advance_ms(february.first_day() * Time::DAY_MS - MORNING.0 - 1);
    let last = bob.infer("alice/echo").await.unwrap().call;
    assert!(!statement(&hub, &bob, "2026-01").await.complete);
    hub.clock().advance_ms(1);
    bob.infer("alice/echo").await.unwrap();
    alice.refund(last).await.unwrap();

    let [december, january, february, march] = [
        statement(&hub, &bob, "2025-12").await,
        statement(&hub, &bob, "2026-01").await,
        statement(&hub, &bob, "2026-02").await,
        statement(&hub, &bob, "2026-03").await,
    ];
    assert_eq!((december.closing.cash, january.opening.cash), (0, 0));
    assert_eq!((january.complete, january.closing.cash), (true, 998_000_000));
    assert_eq!((february.complete, february.opening.cash, february.closing.cash), (false, 998_000_000, 998_000_000));
    assert_eq!(february.totals.keys().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Call, Refund]);
    assert_eq!((march.opening, march.items.len()), (february.closing, 0));
    hub.finish().await;
}

#[tokio::test]
async fn a_statement_tells_each_day_and_model() {
    let (hub, alice) = scene().await;
    alice.publish("alice/dear").price("0.02 OPG").file("d", "d").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    for model in ["alice/echo", "alice/dear", "alice/echo"] {
        bob.infer(model).await.unwrap();
    }
    hub.hours_pass(24);
    bob.infer("alice/echo").await.unwrap();
    let items: Vec<_> = statement(&hub, &bob, "2026-01")
        .await
        .items
        .into_iter()
        .map(|item| (item.day - MORNING.day(), item.release.map(|(model, _)| model.to_string()), item.count, item.nano))
        .collect();
    let echo = || Some("alice/echo".to_owned());
    let due = [
        (0, Some("alice/dear".to_owned()), 1, -20_000_000),
        (0, echo(), 2, -4_000_000),
        (0, None, 1, 1_000_000_000),
        (1, echo(), 1, -2_000_000),
    ];
    assert_eq!(items, due);
    hub.finish().await;
}

#[tokio::test]
async fn payers_have_names_that_say_nothing_and_differ_by_receiver() {
    let (hub, alice) = scene().await;
    let dave = hub.user("dave").await;
    dave.publish("dave/echo").file("d", "d").await.unwrap();
    let [bob, carol] = [hub.user("bob").await.funded("1").await, hub.user("carol").await.funded("1").await];
    for (user, model) in [(&bob, "alice/echo"), (&bob, "alice/echo"), (&carol, "alice/echo"), (&bob, "dave/echo")] {
        user.infer(model).await.unwrap();
    }
    let of = async |user: &User| hub.hub().payers(user.caller()).await.unwrap();
    let (alices, daves) = (of(&alice).await, of(&dave).await);
    let lines: Vec<_> = alices.iter().map(|line| (line.calls, line.amount.to_string())).collect();
    assert_eq!(lines, [(2, "0.0036".to_owned()), (1, "0.0018".to_owned())]);
    let names: HashSet<_> = alices.iter().chain(&daves).map(|line| line.payer.as_str()).collect();
    assert_eq!(names.len(), 3);
    for name in names {
        assert!(name.starts_with("payer_") && name.len() == 26, "{name}");
    }
    hub.hours_pass(24);
    bob.infer("alice/echo").await.unwrap();
    hub.restart().await;
    let later = of(&alice).await;
    assert_eq!((&later[0].payer, later[0].calls, later.len()), (&alices[0].payer, 3, 2));
    hub.finish().await;
}

#[tokio::test]
async fn what_was_given_back_is_taken_off_the_earnings() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let carol = hub.user("carol").await.granted("1").await;
    let paid = bob.infer("alice/echo").await.unwrap().call;
    let trial = carol.infer("alice/echo").await.unwrap().call;
    bob.infer("alice/echo").await.unwrap();
    alice.refund(paid).await.unwrap();
    alice.refund_part(trial, "0.001").await.unwrap();
    let earnings = hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!((earnings.paid, earnings.trial, earnings.own), (1_800_000, 900_000, 0));
    let kinds: Vec<_> = earnings.items.iter().map(|line| (line.kind, line.calls, line.nano)).collect();
    let due = [(Creator, 2, 3_600_000), (Refunded, 1, -1_800_000), (Creator, 1, 1_800_000), (Refunded, 1, -900_000)];
    assert_eq!(kinds, due);
    // Who paid is told as it was paid.
    assert_eq!(hub.hub().payers(alice.caller()).await.unwrap()[0].amount.to_string(), "0.0036");
    hub.finish().await;
}

#[tokio::test]
async fn what_was_owed_for_a_refund_is_taken_off_when_it_is_paid() {
    let (hub, alice) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    let call = bob.infer("alice/echo").await.unwrap().call;
    alice.payout("0.0018").await.unwrap();
    alice.refund(call).await.unwrap();
    assert_eq!(hub.hub().earnings(alice.caller()).await.unwrap().paid, 1_800_000);
    hub.user("carol").await.funded("1").await.infer("alice/echo").await.unwrap();
    assert_eq!(hub.hub().earnings(alice.caller()).await.unwrap().paid, 1_800_000);
    let lines = entries(&hub, &alice).await;
    let due = [
        line(Recovery, Purse::Cash, "-0.0018"),
        line(Creator, Purse::Cash, "0.0018"),
        line(Payout, Purse::Cash, "-0.0018"),
        line(Creator, Purse::Cash, "0.0018"),
    ];
    assert_eq!(told(&lines), due);
    assert_eq!((lines[0].call, bob.cash()), (Some(call), "1".into()));
    statement(&hub, &alice, "2026-01").await;
    hub.finish().await;
}

#[tokio::test]
async fn nobody_reads_anothers_money() {
    let (hub, _) = scene().await;
    let bob = hub.user("bob").await.funded("1").await;
    bob.infer("alice/echo").await.unwrap();
    let eve = hub.user("eve").await;
    assert!(entries(&hub, &eve).await.is_empty());
    assert!(statement(&hub, &eve, "2026-01").await.items.is_empty());
    assert!(hub.hub().payers(eve.caller()).await.unwrap().is_empty());
    assert!(hub.hub().calls(eve.caller(), None, 10).await.unwrap().is_empty());
    hub.finish().await;
}
