//! What accounts see of their money and calls, and pages of models.

use engine::Failure;
use engine::fake::Behaviour;
use hub::Error;
use ledger::{Class, Difference, EntryKind, Outcome, Purse};
use testkit::{MORNING, TestHub, model, opg, refused};

#[tokio::test]
async fn earnings_are_told_by_model_release_day_and_class() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("1").await;
    alice.publish("alice/echo").await.unwrap();
    alice.publish("alice/dear").price("0.02 OPG").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    let carol = hub.user("carol").await.granted("1").await;
    for _ in 0..2 {
        bob.infer("alice/echo").await.unwrap();
    }
    carol.infer("alice/echo").await.unwrap();
    alice.infer("alice/dear").await.unwrap();
    hub.hours_pass(24);
    alice.publish("alice/echo").file("new", "1").await.unwrap();
    bob.infer("alice/echo").await.unwrap();

    let earnings = hub.hub().earnings(alice.caller()).await.unwrap();
    let lines: Vec<_> = earnings
        .items
        .iter()
        .map(|line| {
            assert_eq!(line.kind, EntryKind::Creator);
            let release = format!("{}@{}", line.model, line.release);
            (line.day - MORNING.day(), release, line.class, line.purse, line.calls, Difference(line.nano).to_string())
        })
        .collect();
    let line = |day, release: &str, class, purse, calls, amount: &str| {
        (day, release.to_owned(), class, purse, calls, amount.to_owned())
    };
    assert_eq!(
        lines,
        [
            line(1, "alice/echo@1.01", Class::Paid, Purse::Cash, 1, "0.0018"),
            line(0, "alice/dear@1.00", Class::Own, Purse::Cash, 1, "0.018"),
            line(0, "alice/echo@1.00", Class::Paid, Purse::Cash, 2, "0.0036"),
            line(0, "alice/echo@1.00", Class::Trial, Purse::Promo, 1, "0.0018"),
        ]
    );
    assert_eq!((earnings.paid, earnings.trial, earnings.own), (5_400_000, 1_800_000, 18_000_000));
    assert!(hub.hub().earnings(bob.caller()).await.unwrap().items.is_empty());
    hub.finish().await;
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_page_by_page() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let echo = alice.publish("alice/echo").await.unwrap();
    let [bob, carol] = [hub.user("bob").await.funded("1").await, hub.user("carol").await.funded("1").await];
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(bob.infer("alice/echo").await.unwrap().call);
        carol.infer("alice/echo").await.unwrap();
    }
    hub.script(&echo, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    refused!(bob.infer("alice/echo").await, Error::Engine(_));
    let failed = hub.last_call().await;

    let core = hub.hub();
    let page = core.calls(bob.caller(), None, 2).await.unwrap();
    assert_eq!(page.iter().map(|line| line.call.id).collect::<Vec<_>>(), [failed.id, made[2]]);
    assert_eq!((page[0].call.outcome, page[0].model.to_string().as_str()), (Outcome::EngineFailed, "alice/echo"));
    let rest = core.calls(bob.caller(), Some(page[1].seq), 10).await.unwrap();
    assert_eq!(rest.iter().map(|line| line.call.id).collect::<Vec<_>>(), [made[1], made[0]]);
    assert!(core.calls(bob.caller(), Some(rest[1].seq), 10).await.unwrap().is_empty());
    assert!(core.calls(alice.caller(), None, 10).await.unwrap().is_empty(), "those who earn did not call");
    hub.finish().await;
}

#[tokio::test]
async fn models_are_listed_newest_first_with_what_they_came_to() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await.funded("1").await;
    alice
        .publish("alice/echo")
        .card("---\nlicense: mit\npipeline_tag: echo\n---\n# Echo\n\nSays it again.\n")
        .await
        .unwrap();
    hub.hours_pass(1);
    let gift = alice.publish("alice/gift").price("0 OPG").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    for _ in 0..3 {
        bob.infer("alice/echo").await.unwrap();
    }
    bob.infer("alice/gift").await.unwrap();
    alice.infer("alice/echo").await.unwrap();
    hub.script(&gift, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    refused!(bob.infer("alice/gift").await, Error::Engine(_));
    hub.rows().await;
    let core = hub.hub();
    core.earnings(alice.caller()).await.unwrap();

    let listing = core.listing(0, 10).await.unwrap();
    let names: Vec<_> = listing.iter().map(|listed| listed.release.model.name.to_string()).collect();
    assert_eq!(names, ["alice/gift", "alice/echo"]);
    let echo = &listing[1];
    assert_eq!((echo.release.summary.as_str(), echo.release.task.as_deref()), ("Says it again.", Some("echo")));
    assert_eq!((echo.release.license.as_deref(), echo.cost), (Some("mit"), Some(opg("0.002"))));
    assert_eq!((echo.totals.paid_calls, echo.totals.creators_earned), (3, opg("0.0054")), "her own call is not income");
    assert_eq!((listing[0].totals.paid_calls, listing[0].totals.paid_tried), (0, 0), "free calls are not paid ones");
    assert_eq!(core.listing(1, 1).await.unwrap()[0].release.model.name, model("alice/echo"));
    assert!(core.listing(2, 10).await.unwrap().is_empty());
    let totals = core.totals().await.unwrap();
    assert_eq!((totals.models, totals.calls.paid_calls, totals.calls.creators_earned), (2, 3, opg("0.0054")));

    let view = core.view(&model("alice/ECHO")).await.unwrap();
    assert_eq!((view.releases.len(), view.totals, view.latest.number.as_str()), (1, echo.totals, "1.00"));
    refused!(core.view(&model("alice/none")).await, Error::NoModel { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_hub_is_ready_when_its_engine_is() {
    let hub = TestHub::start().await;
    hub.hub().ready().await.unwrap();
    hub.fake().set_unavailable(Some(engine::Unavailable { reason: "gone".into(), hint: "bring it back" }));
    refused!(hub.hub().ready().await, Error::EngineUnavailable(_));
    assert!(hub.hub().engine_status().is_err());
    hub.fake().set_unavailable(None);
    hub.hub().ready().await.unwrap();
    hub.finish().await;
}
