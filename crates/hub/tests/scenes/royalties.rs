//! Royalties: what models owe those they were made from.

use hub::Error;
use ledger::{Part, Role};
use registry::{CardError, Edge};
use testkit::{Publish, TestHub, User, model, opg, refused};

/// A model of this name with files of its own, that asks for this royalty and was made from these.
fn made(by: &User, name: &str, royalty: Option<&str>, bases: &[&str]) -> Publish {
    let royalty = royalty.map_or(String::new(), |royalty| format!("modelhub: {{ royalty: {royalty} }}\n"));
    let card = format!("---\nbase_model: [{}]\n{royalty}---\n# {name}\n", bases.join(", "));
    by.publish(name).card(&card)
}

async fn edges(hub: &TestHub, name: &str) -> Vec<Edge> {
    hub.hub().model(&model(name), None).await.unwrap().release.lineage.clone()
}

/// Model, release and share of each edge of a model's latest release.
async fn shares(hub: &TestHub, name: &str) -> Vec<String> {
    edges(hub, name).await.iter().map(|edge| format!("{}@{} {}", edge.model, edge.release, edge.share)).collect()
}

/// alice's base asks for 5 %, bob's model was made from it.
async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    made(&alice, "alice/base", Some("5%"), &[]).await.unwrap();
    made(&bob, "bob/tuned", None, &["alice/base"]).await.unwrap();
    (hub, alice, bob)
}

#[tokio::test]
async fn of_each_call_the_base_model_gets_what_it_asks() {
    let (hub, alice, bob) = scene().await;
    let carol = hub.user("carol").await.funded("1").await;
    carol.infer("bob/tuned").await.unwrap();
    assert_eq!((hub.fees(), alice.cash(), bob.cash()), ("0.0002".into(), "0.00009".into(), "0.00171".into()));
    let part = |to: &User, role, amount| Part { to: to.account.id, role, amount: opg(amount) };
    let due = [part(&alice, Role::Royalty, "0.00009"), part(&bob, Role::Creator, "0.00171")];
    assert_eq!(hub.last_call().await.parts, due);
    let earnings = hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!((earnings.paid, earnings.items[0].model.to_string().as_str()), (90_000, "bob/tuned"));
    hub.finish().await;
}

#[tokio::test]
async fn a_quote_and_a_receipt_name_who_gets_royalties() {
    let (hub, alice, bob) = scene().await;
    let quote = hub.hub().quote(None, &model("bob/tuned"), None).await.unwrap();
    let parts: Vec<_> = quote.parts.iter().map(|part| (part.account.as_str(), part.role, part.amount)).collect();
    assert_eq!(parts, [("alice", Role::Royalty, opg("0.00009")), ("bob", Role::Creator, opg("0.00171"))]);
    let carol = hub.user("carol").await.funded("1").await;
    let call = carol.infer("bob/tuned").await.unwrap().call;
    let receipt = hub.hub().receipt(alice.caller(), call).await.unwrap();
    receipt.verify(&hub.hub().signing_keys()).unwrap();
    let named: Vec<_> = receipt.parts.iter().skip(1).map(|p| (p.account.clone(), p.amount.to_string())).collect();
    let due = [(alice.account.id.to_string(), "0.00009".into()), (bob.account.id.to_string(), "0.00171".into())];
    assert_eq!(named, due);
    hub.finish().await;
}

#[tokio::test]
async fn a_base_models_own_base_is_owed_too() {
    let (hub, alice, bob) = scene().await;
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).await.unwrap();
    let carol = hub.user("carol").await;
    made(&carol, "carol/small", None, &["bob/tuned"]).await.unwrap();
    assert_eq!(shares(&hub, "carol/small").await, ["bob/tuned@1.01 3%", "alice/base@1.00 5%"]);
    hub.user("dave").await.funded("1").await.infer("carol/small").await.unwrap();
    assert_eq!((alice.cash(), bob.cash(), carol.cash()), ("0.00009".into(), "0.000054".into(), "0.001656".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_base_that_is_reached_on_two_ways_is_paid_once() {
    let (hub, _, bob) = scene().await;
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).await.unwrap();
    let carol = hub.user("carol").await;
    made(&carol, "carol/small", None, &["alice/base", "bob/tuned"]).await.unwrap();
    assert_eq!(shares(&hub, "carol/small").await, ["alice/base@1.00 5%", "bob/tuned@1.01 3%"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_base_that_asked_for_less_once_gets_what_it_asks_for_most() {
    let (hub, alice, bob) = scene().await;
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).await.unwrap();
    made(&alice, "alice/base", Some("6%"), &[]).await.unwrap();
    let carol = hub.user("carol").await;
    made(&carol, "carol/small", None, &["bob/tuned", "alice/base"]).await.unwrap();
    assert_eq!(shares(&hub, "carol/small").await, ["bob/tuned@1.01 3%", "alice/base@1.01 6%"]);
    hub.finish().await;
}

#[tokio::test]
async fn at_most_twenty_base_models_get_royalties() {
    let (hub, alice, bob) = scene().await;
    let bases: Vec<_> = (0..21).map(|n| format!("alice/base-{n}")).collect();
    for base in &bases {
        made(&alice, base, Some("1%"), &[]).await.unwrap();
    }
    let bases: Vec<_> = bases.iter().map(String::as_str).collect();
    refused!(made(&bob, "bob/mix", None, &bases).await, Error::Unfit { step: "price", .. });
    made(&bob, "bob/mix", None, &bases[..20]).await.unwrap();
    assert_eq!(edges(&hub, "bob/mix").await.len(), 20);
    hub.finish().await;
}

#[tokio::test]
async fn nobody_owes_themselves() {
    let (hub, alice, bob) = scene().await;
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).await.unwrap();
    made(&alice, "alice/next", None, &["alice/base", "bob/tuned"]).await.unwrap();
    assert_eq!(shares(&hub, "alice/next").await, ["bob/tuned@1.01 3%"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_base_that_asks_for_nothing_gets_nothing() {
    let (hub, alice, bob) = scene().await;
    made(&alice, "alice/free", None, &[]).await.unwrap();
    made(&bob, "bob/other", None, &["alice/free"]).await.unwrap();
    assert_eq!(shares(&hub, "bob/other").await, [""; 0]);
    hub.finish().await;
}

#[tokio::test]
async fn royalties_are_together_at_most_a_fifth() {
    let (hub, alice, bob) = scene().await;
    let carol = hub.user("carol").await;
    made(&alice, "alice/large", Some("15%"), &[]).await.unwrap();
    made(&bob, "bob/large", Some("10%"), &[]).await.unwrap();
    made(&carol, "carol/mix", None, &["alice/large", "bob/large"]).await.unwrap();
    assert_eq!(shares(&hub, "carol/mix").await, ["alice/large@1.00 12%", "bob/large@1.00 8%"]);
    let asked: Vec<_> = edges(&hub, "carol/mix").await.iter().map(|edge| edge.asked.to_string()).collect();
    assert_eq!(asked, ["15%", "10%"]);
    hub.user("dave").await.funded("1").await.infer("carol/mix").await.unwrap();
    assert_eq!((alice.cash(), bob.cash(), carol.cash()), ("0.000216".into(), "0.000144".into(), "0.00144".into()));
    hub.finish().await;
}

/// What carol's mix cut for its own bases is not cut a second time for what builds on it.
#[tokio::test]
async fn an_inherited_royalty_is_cut_from_what_was_asked() {
    let (hub, alice, bob) = scene().await;
    let [carol, dave] = [hub.user("carol").await, hub.user("dave").await];
    made(&alice, "alice/large", Some("20%"), &[]).await.unwrap();
    made(&bob, "bob/large", Some("20%"), &[]).await.unwrap();
    made(&carol, "carol/mix", Some("10%"), &["alice/large", "bob/large"]).await.unwrap();
    made(&dave, "dave/next", None, &["carol/mix"]).await.unwrap();
    assert_eq!(shares(&hub, "carol/mix").await, ["alice/large@1.00 10%", "bob/large@1.00 10%"]);
    assert_eq!(shares(&hub, "dave/next").await, ["carol/mix@1.00 4%", "alice/large@1.00 8%", "bob/large@1.00 8%"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_release_keeps_the_royalties_it_was_published_with() {
    let (hub, alice, bob) = scene().await;
    made(&alice, "alice/base", Some("20%"), &[]).await.unwrap();
    hub.restart().await;
    let carol = hub.user("carol").await.funded("1").await;
    carol.infer("bob/tuned").await.unwrap();
    assert_eq!(alice.cash(), "0.00009");
    let next = made(&bob, "bob/tuned", None, &["alice/base"]).file("new", "1").await.unwrap();
    assert_eq!(
        (next.release.to_string().as_str(), &shares(&hub, "bob/tuned").await[..]),
        ("1.01", &["alice/base@1.01 20%".to_owned()][..])
    );
    carol.infer("bob/tuned").release("1.00").await.unwrap();
    assert_eq!(alice.cash(), "0.00018");
    carol.infer("bob/tuned").await.unwrap();
    assert_eq!(alice.cash(), "0.00054");
    hub.finish().await;
}

#[tokio::test]
async fn what_a_publish_says_of_its_price_names_the_base_models() {
    let (hub, _, bob) = scene().await;
    let (published, verdicts) = made(&bob, "bob/other", None, &["alice/base", "alice/gone"]).told().await;
    published.unwrap();
    let price = &verdicts.iter().find(|verdict| verdict.step == "price").unwrap().detail;
    for said in ["base models 0.00009", "alice/base@1.00 gets 5%", "base model alice/gone is not on this hub"] {
        assert!(price.contains(said), "{price}");
    }
    assert_eq!(shares(&hub, "bob/other").await, ["alice/base@1.00 5%"]);
    hub.finish().await;
}

#[tokio::test]
async fn nobody_asks_for_more_than_royalties_may_be() {
    let (hub, alice, _) = scene().await;
    for royalty in ["20.01%", "5", "-1%", "lots"] {
        let draft = made(&alice, "alice/greedy", Some(royalty), &[]);
        refused!(draft.await, Error::Card(CardError::Royalty { .. }));
    }
    made(&alice, "alice/greedy", Some("20%"), &[]).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_royalty_that_was_paid_goes_back_with_a_refund() {
    let (hub, alice, bob) = scene().await;
    let carol = hub.user("carol").await.funded("1").await;
    let call = carol.infer("bob/tuned").await.unwrap().call;
    refused!(alice.refund(call).await, Error::NotInGroup { .. });
    bob.refund(call).await.unwrap();
    assert_eq!((alice.cash(), bob.cash(), carol.cash()), ("0".into(), "0".into(), "1".into()));
    hub.finish().await;
}

#[tokio::test]
async fn a_new_royalty_alone_is_a_new_release() {
    let (hub, alice, _) = scene().await;
    let again = made(&alice, "alice/base", Some("5%"), &[]).await.unwrap();
    assert_eq!((again.change.as_str(), again.sealed), ("same", false));
    let changed = made(&alice, "alice/base", Some("6%"), &[]).await.unwrap();
    assert_eq!((changed.release.to_string().as_str(), changed.sealed), ("1.01", true));
    hub.finish().await;
}

#[tokio::test]
async fn models_built_on_each_other_owe_each_other_and_nobody_owes_themselves() {
    let (hub, alice, bob) = scene().await;
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).await.unwrap();
    // The circle closes: alice's next builds on bob's, which was built on alice's first.
    made(&alice, "alice/base", Some("5%"), &["bob/tuned"]).await.unwrap();
    assert_eq!(shares(&hub, "alice/base").await, ["bob/tuned@1.01 3%"]);
    made(&bob, "bob/tuned", Some("3%"), &["alice/base"]).file("new", "1").await.unwrap();
    assert_eq!(shares(&hub, "bob/tuned").await, ["alice/base@1.01 5%"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_model_that_names_itself_keeps_what_its_bases_get_and_is_told() {
    let (hub, _, bob) = scene().await;
    let (next, verdicts) = made(&bob, "bob/tuned", None, &["bob/Tuned"]).file("new", "1").told().await;
    assert_eq!(next.unwrap().release.to_string(), "1.01");
    let price = &verdicts.iter().find(|verdict| verdict.step == "price").unwrap().detail;
    assert!(price.contains("base_model names the model itself"), "{price}");
    assert_eq!(shares(&hub, "bob/tuned").await, ["alice/base@1.00 5%"]);
    hub.finish().await;
}

#[tokio::test]
async fn a_base_that_is_not_to_be_seen_is_told_like_one_that_is_not_here() {
    let (hub, alice, bob) = scene().await;
    hub.hub().set_private(alice.caller(), &model("alice/base"), true).await.unwrap();
    let told = async |base: &str| {
        let (done, verdicts) = made(&bob, "bob/other", None, &[base]).dry_run().told().await;
        done.unwrap();
        verdicts.iter().find(|verdict| verdict.step == "price").unwrap().detail.replace(base, "BASE")
    };
    assert_eq!(told("alice/base").await, told("alice/none").await);
    let page = hub.hub().card_view(None, &model("bob/tuned"), &registry::Revision::main()).await.unwrap();
    let base = &page.bases[0];
    assert_eq!((base.here, base.release, base.royalty), (false, None, None));
    hub.finish().await;
}

#[tokio::test]
async fn a_card_says_what_its_bases_ask_as_their_owners_have_it_now() {
    let (hub, alice, bob) = scene().await;
    made(&bob, "bob/tuned", None, &["alice/base", "gpt2", "alice/none"]).file("new", "1").await.unwrap();
    made(&alice, "alice/base", Some("7%"), &[]).await.unwrap();
    let view = hub.hub().card_view(None, &model("bob/tuned"), &registry::Revision::main()).await.unwrap();
    let bases: Vec<_> =
        view.bases.iter().map(|base| (base.name.as_str(), base.royalty.map(|share| share.to_string()))).collect();
    assert_eq!(bases, [("alice/base", Some("7%".to_owned())), ("alice/none", None), ("gpt2", None)]);
    assert_eq!(shares(&hub, "bob/tuned").await, ["alice/base@1.00 5%"], "what is frozen in the release stays");
    hub.finish().await;
}
