//! Webhooks and alerts: cases of the catalogue's contract.

use ledger::{AccountId, Time};

use super::catalog::Place;
use crate::tests::scene::{BOB, CAROL, NOON, nano};
use crate::{NewAlert, Webhook};

pub(super) async fn a_webhook_is_one_of_its_account(mut place: Place) {
    let hook = Webhook {
        account: BOB,
        url: "https://bob.example/hook".to_owned(),
        secret: "whsec_bob".to_owned(),
        low_balance: Some(nano(100)),
        low: false,
        created: NOON,
    };
    assert!(!format!("{hook:?}").contains("whsec_bob"), "secrets are not shown");
    assert_eq!(place.catalog.webhook(BOB).await.unwrap(), None);
    place.catalog.set_webhook(&hook).await.unwrap();
    place.catalog.set_low(BOB, true).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.webhook(BOB).await.unwrap(), Some(Webhook { low: true, ..hook.clone() }));
    let other = Webhook { url: "https://bob.example/other".to_owned(), low_balance: None, ..hook };
    place.catalog.set_webhook(&other).await.unwrap();
    assert_eq!(place.catalog.webhooks().await.unwrap(), [other]);
    assert!(place.catalog.remove_webhook(BOB).await.unwrap());
    assert!(!place.catalog.remove_webhook(BOB).await.unwrap());
}

fn alert(account: AccountId, at: Time, subject: &str) -> NewAlert {
    let (kind, data) = ("limit.near".to_owned(), "{}".to_owned());
    NewAlert { account, at, kind, subject: subject.to_owned(), data }
}

pub(super) async fn an_alert_is_noted_once_and_told_until_it_is_delivered(mut place: Place) {
    let first = alert(BOB, NOON, "key_1 2026-11-25");
    assert!(place.catalog.add_alert(&first, true).await.unwrap());
    assert!(!place.catalog.add_alert(&first, true).await.unwrap());
    assert!(place.catalog.add_alert(&alert(BOB, NOON.plus_ms(5), "key_1 2026-11"), true).await.unwrap());
    assert!(place.catalog.add_alert(&alert(CAROL, NOON, "key_1 2026-11-25"), false).await.unwrap());
    place.reopen();
    let due = async |at, limit| {
        let due = place.catalog.due_alerts(at, limit).await.unwrap();
        due.into_iter().map(|alert| alert.what.subject).collect::<Vec<_>>()
    };
    assert_eq!(due(NOON.plus_ms(9), 9).await, ["key_1 2026-11-25"], "one of each account at a time");
    assert!(place.catalog.add_alert(&alert(CAROL, NOON.plus_ms(4), "account 2026-11"), true).await.unwrap());
    assert_eq!(due(NOON.plus_ms(9), 9).await, ["key_1 2026-11-25", "account 2026-11"]);
    assert_eq!(due(NOON.plus_ms(9), 1).await, ["key_1 2026-11-25"], "the longest waiting first");
    let carols = place.catalog.alerts(CAROL, None, 1).await.unwrap();
    place.catalog.told_alert(carols[0].id, Some(NOON.plus_ms(9)), None, "200").await.unwrap();
    let [second, first] = &place.catalog.alerts(BOB, None, 9).await.unwrap()[..] else { panic!("two of bob's") };
    place.catalog.told_alert(first.id, None, Some(NOON.plus_ms(60)), "503").await.unwrap();
    assert_eq!(due(NOON.plus_ms(9), 9).await, ["key_1 2026-11"]);
    place.catalog.told_alert(second.id, Some(NOON.plus_ms(6)), None, "200").await.unwrap();
    assert_eq!(due(NOON.plus_ms(59), 9).await, [""; 0]);
    assert_eq!(due(NOON.plus_ms(60), 9).await, ["key_1 2026-11-25"]);
    let told = &place.catalog.alerts(BOB, Some(second.id), 9).await.unwrap()[0];
    assert_eq!((told.attempts, told.delivered, told.said.as_deref()), (1, None, Some("503")));
    place.catalog.remove_webhook(BOB).await.unwrap();
    assert_eq!(due(NOON.plus_ms(60), 9).await, [""; 0], "nobody is left to be told");
    assert_eq!(place.catalog.alerts(CAROL, None, 9).await.unwrap().len(), 2);
}
