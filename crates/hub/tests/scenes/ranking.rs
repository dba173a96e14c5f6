//! Which models come first, who is shown them, and what is public of an account.

use hub::{By, Error, Ranked, RankingWish};
use store::{AccountKind, MemberRole};
use testkit::{TestHub, handle, model, until};

const CARD: &str = "---\npipeline_tag: tabular-classification\n---\n# Echo\n\nGives back what it gets.\n";

async fn ranked(hub: &TestHub, by: By, task: Option<&str>) -> Vec<Ranked> {
    let wish = RankingWish { by, task: task.map(str::to_owned), after: 0, limit: 10 };
    hub.hub().ranking(&wish).await.unwrap().0
}

fn names(ranked: &[Ranked]) -> Vec<String> {
    ranked.iter().map(|of| of.shown.repository.model.name.to_string()).collect()
}

/// Waits until so many answered calls of every class are counted.
async fn counted(hub: &TestHub, calls: u64) {
    until("the calls are counted", async || {
        hub.hub().rank().await.unwrap();
        let all = ranked(hub, By::Raw, None).await;
        (all.iter().map(|of| of.standing.answered()).sum::<u64>() == calls).then_some(())
    })
    .await;
}

#[tokio::test]
async fn payers_of_their_own_cash_decide_and_classes_stand_apart() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("1").await;
    for name in ["alice/loved", "alice/busy", "alice/own", "alice/gift"] {
        alice.publish(name).card(CARD).price("0.002 OPG").await.unwrap();
    }
    let [bob, carol] = [hub.user("bob").await.funded("1").await, hub.user("carol").await.funded("1").await];
    let dave = hub.user("dave").await.granted("1").await;
    for payer in [&bob, &carol] {
        payer.infer("alice/loved").await.unwrap();
    }
    for _ in 0..3 {
        bob.infer("alice/busy").await.unwrap();
        alice.infer("alice/own").await.unwrap();
    }
    dave.infer("alice/gift").await.unwrap();
    counted(&hub, 9).await;

    let payers = ranked(&hub, By::Payers, None).await;
    assert_eq!(names(&payers), ["alice/loved", "alice/busy"]);
    assert_eq!((payers[0].place, payers[0].standing.payers, payers[0].standing.paid), (1, 2, 2));
    assert_eq!(payers[0].cost.unwrap().to_string(), "0.002");
    assert_eq!(names(&ranked(&hub, By::Paid, None).await), ["alice/busy", "alice/loved"]);
    assert_eq!(names(&ranked(&hub, By::Earned, None).await), ["alice/busy", "alice/loved"]);
    let raw = ranked(&hub, By::Raw, None).await;
    assert_eq!(raw.len(), 4);
    let gift = raw.iter().find(|of| of.shown.repository.model.name == model("alice/gift")).unwrap();
    assert_eq!((gift.standing.trial, gift.standing.paid, gift.standing.payers), (1, 0, 0));
    // Few calls prove nothing.
    for by in [By::Success, By::Speed, By::Rising] {
        assert_eq!(names(&ranked(&hub, by, None).await), [""; 0], "{by:?}");
    }
    assert_eq!(names(&ranked(&hub, By::Payers, Some("tabular-classification")).await).len(), 2);
    assert_eq!(names(&ranked(&hub, By::Payers, Some("text-classification")).await), [""; 0]);
    assert_eq!(hub.hub().ranked_tasks(), [("tabular-classification".to_owned(), 4)]);
    let lately = hub.hub().lately().await.unwrap();
    assert_eq!((lately.paid_calls, lately.creators_earned.to_string()), (5, "0.009".to_owned()));
    hub.finish().await;
}

#[tokio::test]
async fn an_order_is_read_page_by_page_and_shows_nothing_private() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    for (name, calls) in [("alice/three", 3), ("alice/two", 2), ("alice/one", 1)] {
        // The newest is known by its time.
        hub.hours_pass(1);
        alice.publish(name).price("0.002 OPG").await.unwrap();
        for _ in 0..calls {
            bob.infer(name).await.unwrap();
        }
    }
    counted(&hub, 6).await;
    let page = async |after| {
        let wish = RankingWish { by: By::Paid, task: None, after, limit: 1 };
        let (ranked, next) = hub.hub().ranking(&wish).await.unwrap();
        (names(&ranked).concat(), ranked.first().map(|of| of.place), next)
    };
    assert_eq!(page(0).await, ("alice/three".to_owned(), Some(1), Some(1)));
    assert_eq!(page(1).await, ("alice/two".to_owned(), Some(2), Some(2)));
    assert_eq!(page(2).await, ("alice/one".to_owned(), Some(3), None));
    assert_eq!(page(u64::MAX).await, (String::new(), None, None));
    // At once, whatever was counted.
    hub.hub().set_private(alice.caller(), &model("alice/three"), true).await.unwrap();
    assert_eq!(page(0).await, ("alice/two".to_owned(), Some(1), Some(2)));
    assert_eq!(names(&hub.hub().newest(9).await.unwrap()), ["alice/one", "alice/two"]);
    hub.finish().await;
}

#[tokio::test]
async fn what_was_counted_is_there_after_a_restart() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    counted(&hub, 1).await;
    hub.restart().await;
    hub.hub().rank().await.unwrap();
    assert_eq!(names(&ranked(&hub, By::Payers, None).await), ["alice/echo"]);
    hub.hours_pass(24 * 30);
    hub.hub().rank().await.unwrap();
    assert_eq!(names(&ranked(&hub, By::Payers, None).await), [""; 0]);
    hub.finish().await;
}

#[tokio::test]
async fn an_accounts_page_shows_its_models_and_its_members_to_members() {
    let hub = TestHub::start().await;
    let acme = hub.account("acme", AccountKind::Org).await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    hub.join_as(&alice, &acme, MemberRole::Writer).await;
    let alice = alice.again().await.unwrap();
    alice.publish("acme/echo").price("0.002 OPG").await.unwrap();
    hub.hours_pass(1);
    hub.hub().create(alice.caller(), &model("acme/draft"), false).await.unwrap();
    // What changed last is known by its time.
    hub.hours_pass(1);
    alice.publish("acme/secret").price("0.002 OPG").await.unwrap();
    hub.hub().set_private(acme.caller(), &model("acme/secret"), true).await.unwrap();
    for (viewer, members, may_publish) in
        [(None, None, false), (Some(bob.caller()), None, false), (Some(alice.caller()), Some(1), true)]
    {
        let page = hub.hub().owner_page(viewer, &handle("acme"), 0, 10).await.unwrap();
        assert_eq!(names(&page.models), ["acme/echo"]);
        assert_eq!(page.members.map(|members| members.len()), members);
        assert_eq!(page.may_publish, may_publish);
    }
    let first = hub.hub().owner_page(None, &handle("acme"), 0, 1).await.unwrap();
    assert_eq!((first.models.len(), first.more), (0, Some(1)), "the one without a release changed last");
    let publishers = hub.hub().publishers(alice.caller()).await.unwrap();
    assert_eq!(publishers.iter().map(|account| account.handle.as_str()).collect::<Vec<_>>(), ["alice", "acme"]);
    let nobody = hub.hub().owner_page(None, &handle("nobody"), 0, 10).await;
    assert!(matches!(nobody, Err(Error::NoAccount { .. })));
    hub.finish().await;
}

#[tokio::test]
async fn a_dry_run_shows_what_a_publish_would_be_and_leaves_nothing() {
    let hub = TestHub::start().await;
    let [alice, carol] = [hub.user("alice").await, hub.user("carol").await];
    let (done, verdicts) = alice
        .publish("alice/echo")
        .card(CARD)
        .price("0.002 OPG")
        .split(&[("alice", 7_000), ("carol", 3_000)])
        .dry_run()
        .told()
        .await;
    let preview = done.unwrap().preview.unwrap();
    assert!(verdicts.iter().all(|verdict| verdict.ok));
    assert_eq!(preview.contract.signature.inputs.len(), preview.sample.len());
    let shares = preview.shares.unwrap();
    let parts: Vec<_> = shares.parts.iter().map(|part| (part.account.as_str(), part.amount.to_string())).collect();
    assert_eq!((shares.cost.to_string(), shares.fee.to_string()), ("0.002".to_owned(), "0.0002".to_owned()));
    assert_eq!(parts, [("alice", "0.00126".to_owned()), (carol.name(), "0.00054".to_owned())]);
    assert!(preview.completeness.score() > 0);
    let there = hub.hub().repository(Some(alice.caller()), &model("alice/echo")).await;
    assert!(matches!(there, Err(Error::NoModel { .. })));
    let published = alice.publish("alice/echo").card(CARD).price("0.002 OPG").await.unwrap();
    assert!(published.sealed && published.preview.is_none());
    hub.finish().await;
}
