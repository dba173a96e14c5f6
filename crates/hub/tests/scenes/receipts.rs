//! Receipts: what they prove, and to whom.

use engine::Failure;
use engine::fake::Behaviour;
use hub::Error;
use ledger::CallId;
use receipt::{BaseUnits, Signed, Unproven};
use testkit::{TestHub, User, fixtures, model, refused};

async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.user("carol").await;
    alice.publish("alice/echo").split(&[("alice", 5_000), ("carol", 5_000)]).await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    (hub, alice, bob)
}

#[tokio::test]
async fn a_receipt_verifies_against_the_hubs_keys() {
    let (hub, alice, bob) = scene().await;
    let answer = bob.infer("alice/echo").await.unwrap();
    let core = hub.hub();
    let receipt = core.receipt(bob.caller(), answer.call).await.unwrap();
    receipt.verify(&core.signing_keys()).unwrap();
    assert_eq!((&receipt.id, &receipt.payer), (&answer.call.to_string(), &bob.account.id.to_string()));
    assert_eq!((receipt.model.0, receipt.release.as_str()), (answer.digest.0, "1.00"));
    assert_eq!((receipt.amount.to_string().as_str(), receipt.time.as_str()), ("0.002", "2026-01-02T10:00:00.000Z"));
    assert_eq!(receipt.domain.salt, core.hub_id());
    let parts: Vec<_> = receipt.parts.iter().map(|part| (part.account.clone(), part.amount.to_string())).collect();
    let part = |account: ledger::AccountId, amount: &str| (account.to_string(), amount.to_owned());
    let carol = hub.catalog().account(&testkit::handle("carol")).await.unwrap().unwrap();
    let due = [part(ledger::AccountId::HUB_FEE, "0.0002"), part(alice.account.id, "0.0009"), part(carol.id, "0.0009")];
    assert_eq!(parts, due);
    let sum: u128 = receipt.parts.iter().map(|part| part.amount.0).sum();
    assert_eq!(BaseUnits(sum), receipt.amount);

    let mut forged = receipt.clone();
    forged.amount = BaseUnits(1);
    assert!(matches!(forged.verify(&core.signing_keys()), Err(Unproven::Parts { .. })));
    forged = Signed { payer: alice.account.id.to_string(), ..receipt };
    assert!(matches!(forged.verify(&core.signing_keys()), Err(Unproven::TypedData { .. })));
    hub.finish().await;
}

#[tokio::test]
async fn the_salt_opens_what_went_in_and_out_and_only_the_payer_has_it() {
    let (hub, alice, bob) = scene().await;
    let inputs = fixtures::row(&[0.25, -3.0]);
    let answer = bob.infer("alice/echo").inputs(inputs.clone()).await.unwrap();
    let core = hub.hub();
    let receipt = core.receipt(bob.caller(), answer.call).await.unwrap();
    assert_eq!(receipt.proves_inputs(|sink| tensor::canonical(&inputs, sink)), Some(true));
    assert_eq!(receipt.proves_inputs(|sink| tensor::canonical(&fixtures::row(&[0.25, 3.0]), sink)), Some(false));
    assert_eq!(receipt.proves_outputs(|sink| tensor::canonical(&answer.outputs, sink)), Some(true));

    let operator = hub.operator().await;
    let without = Signed { salt: None, ..receipt };
    assert_eq!(core.receipt(&operator, answer.call).await.unwrap(), without);
    assert_eq!(core.receipt(alice.caller(), answer.call).await.unwrap(), without.without_payer());
    hub.finish().await;
}

#[tokio::test]
async fn who_is_paid_sees_the_hash_of_who_paid_and_can_prove_it_all_the_same() {
    let (hub, alice, bob) = scene().await;
    let answer = bob.infer("alice/echo").await.unwrap();
    let core = hub.hub();
    let seen = core.receipt(alice.caller(), answer.call).await.unwrap();
    seen.verify(&core.signing_keys()).unwrap();
    assert_eq!(seen.payer, receipt::hidden(&bob.account.id.to_string()));
    assert!(!serde_json::to_string(&seen).unwrap().contains(&bob.account.id.to_string()));
    let full = core.receipt(bob.caller(), answer.call).await.unwrap();
    assert_eq!((seen.typed_data, seen.signature), (full.typed_data, full.signature), "it is the same receipt");
    assert_eq!(core.receipt(&hub.operator().await, answer.call).await.unwrap().payer, full.payer);
    hub.finish().await;
}

#[tokio::test]
async fn strangers_see_no_receipt_and_learn_nothing() {
    let (hub, _, bob) = scene().await;
    let answer = bob.infer("alice/echo").await.unwrap();
    let eve = hub.user("eve").await;
    for id in [answer.call, CallId([1; 16])] {
        refused!(hub.hub().receipt(eve.caller(), id).await, Error::NoReceipt { call } if call == id);
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_failed_call_has_no_receipt_and_a_free_one_has_one_over_nothing() {
    let (hub, alice, bob) = scene().await;
    let gift = alice.publish("alice/gift").price("0 OPG").await.unwrap();
    let free = bob.infer("alice/gift").await.unwrap();
    let receipt = hub.hub().receipt(bob.caller(), free.call).await.unwrap();
    receipt.verify(&hub.hub().signing_keys()).unwrap();
    assert_eq!((receipt.amount, receipt.parts.len()), (BaseUnits(0), 0));
    // Nobody got anything, so nobody but the payer and the operator is named.
    refused!(hub.hub().receipt(alice.caller(), free.call).await, Error::NoReceipt { .. });

    hub.script(&gift, [Behaviour::Fail(Failure::Run { reason: "no".into() })]);
    refused!(bob.infer("alice/gift").await, Error::Engine(_));
    let failed = hub.last_call().await.id;
    refused!(hub.hub().receipt(bob.caller(), failed).await, Error::NoReceipt { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_receipt_is_the_same_each_time_and_survives_whatever_changes() {
    let (hub, alice, bob) = scene().await;
    let answer = bob.infer("alice/echo").await.unwrap();
    let first = hub.hub().receipt(bob.caller(), answer.call).await.unwrap();
    hub.hub().set_fee(&hub.operator().await, ledger::Share::WHOLE).await.unwrap();
    alice.publish("alice/echo").file("new", "1").price("9 OPG").await.unwrap();
    hub.hours_pass(1_000);
    hub.restart().await;
    assert_eq!(hub.hub().model(&model("alice/echo"), None).await.unwrap().number, "1.01");
    assert_eq!(hub.hub().receipt(bob.caller(), answer.call).await.unwrap(), first);
    hub.finish().await;
}
