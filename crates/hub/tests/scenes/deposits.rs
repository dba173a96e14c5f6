//! Deposits that the operator's own tools announce with a signature.

use hub::signing::{Message, Secret, Unsigned};
use hub::{Error, NewDeposit};
use ledger::{AccountId, Amount, Refusal};
use store::Row;
use testkit::{DEPOSIT_SECRET, MORNING, TestHub, User, handle, moved, opg, refused};

fn deposit(to: &str, amount: &str, reference: &str) -> NewDeposit {
    NewDeposit { handle: handle(to), amount: opg(amount), reference: reference.to_owned() }
}

async fn scene() -> (TestHub, User, User) {
    let hub = TestHub::start().await;
    let [bob, carol] = [hub.user("bob").await, hub.user("carol").await];
    (hub, bob, carol)
}

#[tokio::test]
async fn a_message_is_believed_when_it_is_signed_and_of_now() {
    let (hub, ..) = scene().await;
    let core = hub.hub();
    let secret: Secret = DEPOSIT_SECRET.parse().unwrap();
    let message = Message { id: "msg_1", timestamp: MORNING.0 / 1_000, body: b"{}" };
    let signature = message.sign(&secret);
    core.check_deposit_message(&message, &signature).unwrap();
    core.check_deposit_message(&message, &format!("v1,AAAA {signature}")).unwrap();
    let strangers = message.sign(&Secret::generate());
    for (message, signature) in [
        (message, strangers.as_str()),
        (message, ""),
        (Message { body: b"{ }", ..message }, signature.as_str()),
        (Message { id: "msg_2", ..message }, signature.as_str()),
    ] {
        refused!(core.check_deposit_message(&message, signature), Error::Unsigned(Unsigned::Wrong));
    }
    hub.clock().advance_ms(300_000);
    core.check_deposit_message(&message, &signature).unwrap();
    hub.clock().advance_ms(1_000);
    refused!(core.check_deposit_message(&message, &signature), Error::Unsigned(Unsigned::NotNow { .. }));
    hub.finish().await;
}

#[tokio::test]
async fn the_deposits_of_a_message_are_posted_as_one() {
    let (hub, bob, carol) = scene().await;
    let deposits = vec![deposit("bob", "1", "card 17"), deposit("carol", "2", "card 18"), deposit("bob", "3", "")];
    let credited = hub.hub().credit("msg_1", deposits).await.unwrap();
    assert_eq!((bob.cash(), carol.cash()), ("4".into(), "2".into()));
    let rows = hub.rows().await;
    for ((id, seq), (row_seq, row)) in credited.iter().zip(&rows) {
        let Row::Transfer(transfer) = row else { panic!("{row:?}") };
        assert_eq!((id, seq, transfer.linked), (&transfer.id, row_seq, Some(credited[0].0)));
        assert_eq!((transfer.legs[0].account, transfer.actor), (AccountId::RAIL_MANUAL, None));
    }
    assert_eq!(rows.len(), 3);
    hub.finish().await;
}

#[tokio::test]
async fn the_same_message_again_credits_nothing_twice() {
    let (hub, bob, carol) = scene().await;
    let deposits = || vec![deposit("bob", "1", "card 17"), deposit("carol", "2", "card 18")];
    let first = hub.hub().credit("msg_1", deposits()).await.unwrap();
    hub.hours_pass(1);
    hub.restart().await;
    assert_eq!(hub.hub().credit("msg_1", deposits()).await.unwrap(), first);
    assert_eq!((bob.cash(), carol.cash()), ("1".into(), "2".into()));
    hub.hub().credit("msg_2", deposits()).await.unwrap();
    assert_eq!((bob.cash(), carol.cash()), ("2".into(), "4".into()));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_message_at_the_same_moment_credits_nothing_twice() {
    let (hub, bob, _) = scene().await;
    let credits: Vec<_> = (0..10)
        .map(|_| {
            let core = hub.hub();
            tokio::spawn(async move { core.credit("msg_1", vec![deposit("bob", "1", "card 17")]).await })
        })
        .collect();
    for credit in credits {
        credit.await.unwrap().unwrap();
    }
    assert_eq!(bob.cash(), "1");
    hub.finish().await;
}

#[tokio::test]
async fn other_content_under_the_same_id_is_refused() {
    let (hub, bob, carol) = scene().await;
    let core = hub.hub();
    let [one, two] = [deposit("bob", "1", "card 17"), deposit("carol", "2", "card 18")];
    core.credit("msg_1", vec![one.clone(), two.clone()]).await.unwrap();
    for other in [
        vec![deposit("bob", "1.5", "card 17"), two.clone()],
        vec![deposit("bob", "1", "card 19"), two.clone()],
        vec![deposit("carol", "1", "card 17"), two.clone()],
        vec![two.clone(), one.clone()],
        vec![one.clone()],
        vec![one.clone(), two.clone(), deposit("bob", "1", "card 19")],
    ] {
        refused!(core.credit("msg_1", other).await, Error::Refused(Refusal::IdReused { .. }));
    }
    assert_eq!((bob.cash(), carol.cash()), ("1".into(), "2".into()));
    hub.finish().await;
}

#[tokio::test]
async fn one_unknown_account_keeps_the_whole_message_out() {
    let (hub, bob, carol) = scene().await;
    let deposits = vec![deposit("bob", "1", ""), deposit("nobody", "1", ""), deposit("carol", "1", "")];
    let unknown = refused!(hub.hub().credit("msg_1", deposits.clone()).await, Error::NoAccount { handle } => handle);
    assert_eq!((unknown.as_str(), bob.cash(), carol.cash()), ("nobody", "0".into(), "0".into()));
    // The message may come again when there is one.
    hub.user("nobody").await;
    hub.hub().credit("msg_1", deposits).await.unwrap();
    assert_eq!((bob.cash(), carol.cash()), ("1".into(), "1".into()));
    hub.finish().await;
}

#[tokio::test]
async fn one_deposit_without_room_keeps_the_whole_message_out() {
    let hub = TestHub::set().dev().start().await;
    let [bob, carol] = [hub.user("bob").await, hub.user("carol").await];
    // Of what she has already, 100 OPG are play money: the rail has room for this, she has not.
    let much = Amount::MAX.checked_sub(opg("50")).unwrap().to_string();
    let deposits = vec![deposit("bob", "1", ""), deposit("carol", &much, "")];
    let refusal = refused!(
        hub.hub().credit("msg_1", deposits).await,
        Error::Refused(Refusal::Linked { place: 2, count: 2, refusal }) => refusal
    );
    assert!(matches!(*refusal, Refusal::TooLarge { account } if account == carol.account.id));
    assert_eq!((bob.cash(), carol.cash()), ("100".into(), "100".into()));
    hub.finish().await;
}

#[tokio::test]
async fn messages_that_make_no_sense_are_refused_by_name() {
    let (hub, bob, _) = scene().await;
    let core = hub.hub();
    let bobs = |amount: &str| deposit("bob", amount, "");
    refused!(core.credit("msg_1", Vec::new()).await, Error::Invalid { what: "deposits", .. });
    refused!(core.credit("msg_1", vec![bobs("1"), bobs("0")]).await, Error::Invalid { what: "amount", .. });
    let torn = deposit("bob", "1", "two\nlines");
    refused!(core.credit("msg_1", vec![torn]).await, Error::Invalid { what: "reference", .. });
    refused!(core.credit("msg_1", vec![bobs("1"); 1_001]).await, Error::Invalid { what: "transfers", .. });
    assert_eq!(bob.cash(), "0");
    core.credit("msg_1", vec![bobs("0.001"); 1_000]).await.unwrap();
    assert_eq!(bob.cash(), "1");
    hub.finish().await;
}

#[tokio::test]
async fn a_deposit_by_hand_and_one_by_message_are_two() {
    let (hub, bob, _) = scene().await;
    hub.hub().credit("card 17", vec![deposit("bob", "1", "card 17")]).await.unwrap();
    hub.hub().deposit(&hub.operator().await, moved("bob", "1")).await.unwrap();
    assert_eq!(bob.cash(), "2");
    hub.finish().await;
}
