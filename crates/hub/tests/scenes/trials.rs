//! Trials: calls of those who have no money, paid by the model's owner or by the hub.

use std::collections::HashMap;

use engine::Failure;
use engine::fake::Behaviour;
use hub::{Error, HoldWish, KeyWish, Scope, Trial};
use ledger::{AccountId, Class, Purse, Role, Sponsor};
use store::AccountKind;
use testkit::{TestHub, User, aside, model, opg, per_day, refused};

/// The hub gives each new account so much to try. alice has published an echo for 0.002 OPG, bob has nothing.
async fn scene(budget: &str) -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    hub.set_trial_budget(budget).await;
    let alice = hub.user("alice").await;
    alice.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await;
    (hub, alice, bob)
}

/// Who paid the last call, if not its caller.
async fn sponsor(hub: &TestHub) -> Option<AccountId> {
    hub.last_call().await.sponsor.map(|sponsor| sponsor.account)
}

const THE_HUB: Option<AccountId> = Some(AccountId::PROMO_OPERATOR);

/// Trials of all of them at once; gives how many of each were answered.
async fn at_once(users: &[User], count: usize) -> HashMap<AccountId, usize> {
    let call = |user: User| tokio::spawn(async move { (user.account.id, user.infer("alice/echo").await) });
    let calls: Vec<_> = users.iter().cycle().take(count).cloned().map(call).collect();
    let mut answered = HashMap::new();
    for call in calls {
        match call.await.unwrap() {
            (user, Ok(_)) => *answered.entry(user).or_default() += 1,
            (_, Err(Error::Insufficient { .. })) => {}
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
    answered
}

#[tokio::test]
async fn a_new_account_may_try_at_the_hubs_expense() {
    let (hub, alice, bob) = scene("0.005").await;
    for _ in 0..2 {
        bob.infer("alice/echo").await.unwrap();
    }
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    let call = &hub.calls().await[1];
    assert_eq!((call.class, call.purse, call.payer), (Class::Trial, Purse::Promo, bob.account.id));
    assert_eq!(call.sponsor, Some(Sponsor { account: AccountId::PROMO_OPERATOR, purse: Purse::Promo }));
    assert_eq!((alice.promo(), alice.cash(), hub.fees()), ("0.0036".into(), "0".into(), "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn the_hubs_budget_is_for_accounts_that_are_made_after_it() {
    let (hub, _, bob) = scene("0.002").await;
    hub.set_trial_budget("1").await;
    bob.infer("alice/echo").await.unwrap();
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    let carol = hub.user("carol").await;
    hub.set_trial_budget("0").await;
    hub.restart().await;
    for _ in 0..3 {
        carol.infer("alice/echo").await.unwrap();
    }
    refused!(hub.user("dave").await.infer("alice/echo").await, Error::Insufficient { .. });
    hub.finish().await;
}

#[tokio::test]
async fn an_owner_pays_trials_of_a_model_with_cash_that_becomes_promo() {
    let (hub, alice, bob) = scene("0").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.01", "0.01").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    let call = hub.last_call().await;
    assert_eq!((call.class, call.purse), (Class::Trial, Purse::Promo));
    assert_eq!(call.sponsor, Some(Sponsor { account: alice.account.id, purse: Purse::Cash }));
    assert_eq!((alice.cash(), alice.promo(), hub.fees()), ("0.998".into(), "0.0018".into(), "0".into()));
    assert_eq!((bob.cash(), bob.promo()), ("0".into(), "0".into()));
    let earnings = hub.hub().earnings(alice.caller()).await.unwrap();
    assert_eq!((earnings.paid, earnings.trial), (0, 1_800_000));
    hub.finish().await;
}

#[tokio::test]
async fn an_owners_promotional_money_pays_trials_first() {
    let (hub, alice, bob) = scene("0").await;
    let alice = alice.funded("1").await.granted("0.002").await;
    alice.pay_trials("alice/echo", "0.01", "0.01").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(hub.last_call().await.sponsor, Some(Sponsor { account: alice.account.id, purse: Purse::Promo }));
    assert_eq!((alice.cash(), alice.promo()), ("1".into(), "0.0018".into()));
    hub.finish().await;
}

#[tokio::test]
async fn an_owner_caps_what_all_try_and_what_one_account_tries() {
    let (hub, alice, bob) = scene("0").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.006", "0.004").await.unwrap();
    let carol = hub.user("carol").await;
    for user in [&bob, &bob, &carol] {
        user.infer("alice/echo").await.unwrap();
    }
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    refused!(carol.infer("alice/echo").await, Error::Insufficient { .. });
    let view = hub.hub().trial(alice.caller(), &model("alice/echo")).await.unwrap();
    assert_eq!(view.used, opg("0.006"));
    hub.finish().await;
}

#[tokio::test]
async fn a_key_with_limits_has_nobody_spend_in_its_stead() {
    let (hub, alice, _) = scene("0").await;
    let scopes = vec![Scope::Money, Scope::Read];
    let key = alice.with_key(KeyWish { scopes, limits: per_day("0.1"), ..KeyWish::default() }).await.unwrap();
    refused!(key.pay_trials("alice/echo", "1", "1").await, Error::Invalid { what: "key", .. });
    alice.pay_trials("alice/echo", "1", "1").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn the_owner_pays_before_the_hub() {
    let (hub, alice, bob) = scene("0.002").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.002", "0.002").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(sponsor(&hub).await, Some(alice.account.id));
    bob.infer("alice/echo").await.unwrap();
    assert_eq!(sponsor(&hub).await, THE_HUB);
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    hub.finish().await;
}

#[tokio::test]
async fn where_the_owners_money_is_used_up_the_hub_pays() {
    let (hub, alice, bob) = scene("0.002").await;
    let alice = alice.funded("0.001").await;
    alice.pay_trials("alice/echo", "1", "1").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((sponsor(&hub).await, alice.cash()), (THE_HUB, "0.001".into()));
    hub.finish().await;
}

#[tokio::test]
async fn an_owner_may_keep_the_hubs_trials_away() {
    let (hub, alice, bob) = scene("1").await;
    let alice = alice.funded("0.002").await;
    let trial = Trial { allowed: false, budget: opg("0.002"), per_account: opg("0.002") };
    hub.hub().set_trial(alice.caller(), &model("alice/echo"), trial).await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    assert_eq!((sponsor(&hub).await, alice.cash()), (None, "0".into()));
    hub.finish().await;
}

#[tokio::test]
async fn the_owners_group_never_tries_its_own_models() {
    let hub = TestHub::start().await;
    hub.set_trial_budget("1").await;
    let alice = hub.user("alice").await;
    let lab = hub.account("lab", AccountKind::Org).await.granted("1").await;
    hub.join(&alice, &lab).await;
    hub.restart().await;
    let alice = alice.again().await.unwrap();
    lab.publish("lab/echo").await.unwrap();
    lab.pay_trials("lab/echo", "1", "1").await.unwrap();
    refused!(alice.infer("lab/echo").await, Error::Insufficient { .. });
    alice.publish("alice/echo").await.unwrap();
    refused!(alice.infer("alice/echo").await, Error::Insufficient { .. });
    hub.user("bob").await.infer("lab/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn who_has_money_pays_with_it() {
    let (hub, _, bob) = scene("1").await;
    let bob = bob.funded("0.003").await;
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((sponsor(&hub).await, bob.cash()), (None, "0.001".into()));
    bob.infer("alice/echo").await.unwrap();
    assert_eq!((sponsor(&hub).await, bob.cash()), (THE_HUB, "0.001".into()));
    hub.finish().await;
}

#[tokio::test]
async fn money_that_is_only_held_is_money() {
    let (hub, _, bob) = scene("1").await;
    let operator = hub.operator().await;
    let bob = bob.funded("0.002").await;
    let hold = bob.set_aside("0.001").await.unwrap().hold.id;
    refused!(bob.infer("alice/echo").await, Error::Insufficient { held, .. } if held == opg("0.001"));
    bob.payout_from(hold, "0.001").await.unwrap();
    bob.infer("alice/echo").await.unwrap();

    let carol = hub.user("carol").await.granted("0.002").await;
    let promo = HoldWish { purse: Purse::Promo, ..aside("carol", "0.001") };
    hub.hub().set_aside(&operator, promo).await.unwrap();
    refused!(carol.infer("alice/echo").await, Error::Insufficient { held, .. } if held == opg("0.001"));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_trials_at_once_none_goes_past_a_budget() {
    let (hub, alice, bob) = scene("0.02").await;
    assert_eq!(at_once(std::slice::from_ref(&bob), 40).await[&bob.account.id], 10);

    hub.set_trial_budget("0").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.02", "0.006").await.unwrap();
    let mut users = Vec::new();
    for handle in ["carol", "dave", "erin", "frank"] {
        users.push(hub.user(handle).await);
    }
    let answered = at_once(&users, 80).await;
    assert_eq!((answered.values().sum::<usize>(), answered.values().max()), (10, Some(&3)));
    let view = hub.hub().trial(alice.caller(), &model("alice/echo")).await.unwrap();
    assert_eq!(view.used, opg("0.02"));
    hub.finish().await;
}

#[tokio::test]
async fn what_was_tried_counts_after_a_restart() {
    let (hub, alice, bob) = scene("0.004").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.008", "0.004").await.unwrap();
    for _ in 0..3 {
        bob.infer("alice/echo").await.unwrap();
    }
    hub.restart().await;
    bob.infer("alice/echo").await.unwrap();
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    let carol = hub.user("carol").await;
    for paid in [Some(alice.account.id), Some(alice.account.id), THE_HUB] {
        carol.infer("alice/echo").await.unwrap();
        assert_eq!(sponsor(&hub).await, paid);
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_larger_budget_counts_what_was_paid_before() {
    let (hub, alice, bob) = scene("0").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.002", "0.002").await.unwrap();
    bob.infer("alice/echo").await.unwrap();
    let view = alice.pay_trials("alice/echo", "0.004", "0.004").await.unwrap();
    assert_eq!(view.used, opg("0.002"));
    bob.infer("alice/echo").await.unwrap();
    refused!(bob.infer("alice/echo").await, Error::Insufficient { .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_refund_of_a_trial_goes_to_who_paid_it() {
    let (hub, alice, bob) = scene("0.002").await;
    let alice = alice.funded("1").await;
    alice.pay_trials("alice/echo", "0.002", "0.002").await.unwrap();
    for whose in ["the owner's", "the hub's"] {
        let call = bob.infer("alice/echo").await.unwrap().call;
        let refunded = alice.refund(call).await.unwrap().refunded;
        assert_eq!((refunded.owed(), refunded.class), (opg("0"), Class::Trial), "{whose}");
        assert_eq!((alice.cash(), alice.promo()), ("1".into(), "0".into()), "{whose}");
        assert_eq!((bob.cash(), bob.promo()), ("0".into(), "0".into()), "{whose}");
    }
    hub.finish().await;
}

#[tokio::test]
async fn every_part_of_a_trial_is_promo() {
    let (hub, alice, bob) = scene("0").await;
    let carol = hub.user("carol").await;
    let alice = alice.funded("1").await;
    alice.publish("alice/team").split(&[("alice", 5_000), ("carol", 5_000)]).await.unwrap();
    alice.pay_trials("alice/team", "1", "1").await.unwrap();
    bob.infer("alice/team").await.unwrap();
    assert_eq!((carol.promo(), carol.cash()), ("0.0009".into(), "0".into()));
    refused!(carol.payout("0.0009").await, Error::Insufficient { .. });
    let roles: Vec<_> = hub.last_call().await.parts.iter().map(|part| part.role).collect();
    assert_eq!(roles, [Role::Creator, Role::Creator]);
    hub.finish().await;
}

#[tokio::test]
async fn a_trial_that_fails_uses_nothing_up() {
    let hub = TestHub::start().await;
    hub.set_trial_budget("0.002").await;
    let echo = hub.user("alice").await.publish("alice/echo").await.unwrap();
    let bob = hub.user("bob").await;
    hub.script(&echo, [Behaviour::Fail(Failure::Run { reason: "no".into() }), Behaviour::Echo]);
    refused!(bob.infer("alice/echo").await, Error::Engine(_));
    let failed = hub.last_call().await;
    assert_eq!((failed.class, failed.purse, failed.sponsor), (Class::Trial, Purse::Promo, None));
    bob.infer("alice/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn what_others_pay_counts_in_no_limit() {
    let (hub, _, bob) = scene("0.006").await;
    let bob = bob.limited(per_day("0.002")).await;
    for _ in 0..3 {
        bob.infer("alice/echo").await.unwrap();
    }
    let (account, key) = hub.hub().limits(bob.caller()).await.unwrap();
    assert_eq!((account.spent.day, key.spent.day), (opg("0"), opg("0")));
    bob.funded("0.002").await.infer("alice/echo").await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn budgets_that_make_no_sense_are_refused_by_name() {
    let (hub, alice, bob) = scene("0").await;
    for (budget, per_account) in [("1", "1.000000001"), ("1", "0"), ("0", "1")] {
        refused!(alice.pay_trials("alice/echo", budget, per_account).await, Error::Invalid { what: "per_account", .. });
    }
    refused!(alice.pay_trials("alice/none", "1", "1").await, Error::NoModel { .. });
    refused!(bob.pay_trials("alice/echo", "1", "1").await, Error::NotInGroup { .. });
    refused!(hub.hub().trial(bob.caller(), &model("alice/echo")).await, Error::NotInGroup { .. });
    hub.finish().await;
}
