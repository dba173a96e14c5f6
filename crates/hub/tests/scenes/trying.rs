//! What stands beside a form: what the next call would be paid from, and inputs to begin with.

use hub::PaidBy;
use ledger::{Amount, Purse};
use registry::Revision;
use tensor::Tensor;
use testkit::{TestHub, User, model, opg};

/// What bob's next call of alice's echo, for 0.002 OPG, would be paid from.
async fn paid_by(hub: &TestHub, user: &User) -> PaidBy {
    let callable = hub.hub().model(&model("alice/echo"), None).await.unwrap();
    hub.hub().paid_by(user.caller(), &callable, opg("0.002")).await.unwrap()
}

#[tokio::test]
async fn what_is_told_is_what_the_call_is_paid_from() {
    let hub = TestHub::start().await;
    hub.set_trial_budget("0.003").await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await;
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Trial { left: opg("0.003") });
    bob.infer("alice/echo").await.unwrap();
    let nothing = PaidBy::Short { cash: Amount::ZERO, promo: Amount::ZERO };
    assert_eq!(paid_by(&hub, &bob).await, nothing, "what is left covers no call");
    let bob = bob.funded("0.005").await;
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Purse { purse: Purse::Cash, left: opg("0.005") });
    let bob = bob.granted("0.002").await;
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Purse { purse: Purse::Promo, left: opg("0.002") });
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(hub.last_call().await.purse, Purse::Promo);
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Purse { purse: Purse::Cash, left: opg("0.005") });
    hub.finish().await;
}

#[tokio::test]
async fn an_owners_trial_comes_before_the_hubs_and_is_not_for_the_owner() {
    let hub = TestHub::start().await;
    hub.set_trial_budget("1").await;
    let alice = hub.user("alice").await.funded("0.004").await;
    alice.publish("alice/echo").await.unwrap();
    alice.pay_trials("alice/echo", "0.004", "0.003").await.unwrap();
    let bob = hub.user("bob").await;
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Trial { left: opg("0.003") });
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(paid_by(&hub, &bob).await, PaidBy::Trial { left: opg("1") });
    alice.payout("0.002").await.unwrap();
    let own = paid_by(&hub, &alice).await;
    assert!(matches!(own, PaidBy::Short { cash: Amount::ZERO, .. }), "{own:?}");
    hub.finish().await;
}

#[tokio::test]
async fn a_small_example_is_what_a_form_begins_with() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let example = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1]}]}"#;
    let padded = format!("{example}{}", " ".repeat(20_000));
    alice.publish("alice/echo").file("examples/one.json", example).await.unwrap();
    alice.publish("alice/large").file("examples/one.json", padded).await.unwrap();
    alice.publish("alice/none").await.unwrap();
    for (name, shown) in [("alice/echo", true), ("alice/large", false), ("alice/none", false)] {
        let name = model(name);
        let callable = hub.hub().model(&name, None).await.unwrap();
        let snapshot = hub.hub().snapshot(None, &name, &Revision::main()).await.unwrap();
        let inputs = hub.hub().example_inputs(None, &snapshot.repository, &callable).await.unwrap();
        let expected = shown.then(|| vec![Tensor::fp32("x", &[1, 2], &[0.5, 1.0]).unwrap()]);
        assert_eq!(inputs, expected, "{name}");
    }
    hub.finish().await;
}
