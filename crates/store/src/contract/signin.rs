//! How accounts are signed in to: cases of the catalogue's contract.

use ledger::{AccountId, KeyId};

use super::catalog::Place;
use super::release::account;
use crate::tests::scene::{ALICE, BOB, NOON};
use crate::{
    CatalogError, Challenge, Device, DeviceAnswer, Invitation, KeyRecord, Limits, NewKey, Passkey, Scope, Wallet, Way,
};

fn passkey(id: u8, account: AccountId) -> Passkey {
    Passkey {
        id: vec![id; 40],
        account,
        name: format!("device {id}"),
        record: "{}".to_owned(),
        created: NOON.plus_ms(i64::from(id)),
        used: None,
    }
}

fn wallet(id: u8, account: AccountId) -> Wallet {
    Wallet { address: [id; 20], account, created: NOON, used: None }
}

fn session(id: u8, account: AccountId) -> NewKey {
    let record = KeyRecord {
        id: KeyId([id; 16]),
        account,
        name: "Firefox on Linux".to_owned(),
        scopes: vec![Scope::Read, Scope::Call],
        models: None,
        limits: Limits::default(),
        created: NOON.plus_ms(i64::from(id)),
        expires: Some(NOON.plus_ms(10_000)),
        revoked: None,
        session: true,
        used: None,
        rate: None,
        rotated: None,
        old_until: None,
    };
    NewKey { record, hash: [id; 32] }
}

fn invitation(id: u8, end_ms: i64) -> Invitation {
    Invitation { id: [id; 32], note: "for bob".to_owned(), created: NOON, expires: NOON.plus_ms(end_ms), used: None }
}

pub(super) async fn an_account_comes_with_its_way_in_or_not_at_all(mut place: Place) {
    place.catalog.add_invitation(&invitation(1, 60_000), NOON).await.unwrap();
    place.catalog.add_invitation(&invitation(2, 0), NOON).await.unwrap();
    let join = async |place: &Place, who, handle: &str, way: Way, code: Option<u8>| {
        place.catalog.join(&account(who, handle), &way, &session(who.0[0], who), code.map(|c| [c; 32])).await
    };
    join(&place, ALICE, "alice", Way::Passkey(passkey(1, ALICE)), Some(1)).await.unwrap();
    for (code, why) in [(1, "used"), (2, "over"), (9, "unknown")] {
        let refused = join(&place, BOB, "bob", Way::Wallet(wallet(7, BOB)), Some(code)).await;
        assert_eq!(refused, Err(CatalogError::NoInvitation), "{why}");
    }
    let taken = join(&place, BOB, "bob", Way::Passkey(passkey(1, BOB)), None).await;
    assert_eq!(taken, Err(CatalogError::WayTaken));
    let named = join(&place, BOB, "alice", Way::Wallet(wallet(7, BOB)), None).await;
    assert!(matches!(named, Err(CatalogError::HandleTaken { .. })), "{named:?}");
    place.reopen();
    assert_eq!(place.catalog.account_by_id(BOB).await.unwrap(), None, "nothing is left of what was refused");
    assert_eq!(place.catalog.wallet([7; 20]).await.unwrap(), None);
    assert_eq!(place.catalog.passkey(&[1; 40]).await.unwrap(), Some(passkey(1, ALICE)));
    let used = place.catalog.invitation([1; 32]).await.unwrap().unwrap();
    assert_eq!(used.used.map(|(who, _)| who), Some(ALICE));
    assert!(!place.catalog.remove_invitation([1; 32]).await.unwrap(), "what was used stays on the list");
    assert!(place.catalog.remove_invitation([2; 32]).await.unwrap());
    let found = place.catalog.credential(&[ALICE.0[0]; 32]).await.unwrap().unwrap();
    assert!(found.key.session);
}

pub(super) async fn the_last_way_in_stays(mut place: Place) {
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    place.catalog.add_way(&Way::Passkey(passkey(1, ALICE))).await.unwrap();
    place.catalog.add_way(&Way::Wallet(wallet(2, ALICE))).await.unwrap();
    assert_eq!(place.catalog.add_way(&Way::Wallet(wallet(2, BOB))).await, Err(CatalogError::WayTaken));
    assert!(!place.catalog.remove_passkey(BOB, &[1; 40]).await.unwrap(), "it is not bob's");
    assert!(place.catalog.remove_passkey(ALICE, &[1; 40]).await.unwrap());
    assert_eq!(place.catalog.remove_wallet(ALICE, [2; 20]).await, Err(CatalogError::LastWay));
    place.reopen();
    assert_eq!(place.catalog.wallets(ALICE).await.unwrap(), [wallet(2, ALICE)]);
    // A session alone is no way in; a key without an end is one.
    place.catalog.add_key(&session(3, ALICE)).await.unwrap();
    assert_eq!(place.catalog.remove_wallet(ALICE, [2; 20]).await, Err(CatalogError::LastWay));
    let mut key = session(4, ALICE);
    (key.record.session, key.record.expires) = (false, None);
    place.catalog.add_key(&key).await.unwrap();
    assert!(place.catalog.remove_wallet(ALICE, [2; 20]).await.unwrap());
}

pub(super) async fn what_a_way_was_used_for_is_kept(mut place: Place) {
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    place.catalog.add_way(&Way::Passkey(passkey(1, ALICE))).await.unwrap();
    place.catalog.add_way(&Way::Wallet(wallet(2, ALICE))).await.unwrap();
    place.catalog.passkey_used(&[1; 40], "{\"counter\":7}", NOON.plus_ms(9)).await.unwrap();
    place.catalog.wallet_used([2; 20], NOON.plus_ms(8)).await.unwrap();
    place.reopen();
    let [passkey] = &place.catalog.passkeys(ALICE).await.unwrap()[..] else { panic!("one passkey") };
    assert_eq!((passkey.record.as_str(), passkey.used), ("{\"counter\":7}", Some(NOON.plus_ms(9))));
    assert_eq!(place.catalog.wallet([2; 20]).await.unwrap().unwrap().used, Some(NOON.plus_ms(8)));
}

pub(super) async fn a_challenge_is_taken_once_for_what_it_was_made_for(place: Place) {
    let ask = async |id: u8, purpose: &str| {
        let challenge = Challenge {
            id: [id; 32],
            purpose: purpose.to_owned(),
            state: format!("state {id}"),
            expires: NOON.plus_ms(1_000),
        };
        place.catalog.ask_challenge(&challenge, NOON).await.unwrap();
    };
    let take = async |id: u8, purpose: &str, ms: i64| {
        place.catalog.take_challenge([id; 32], purpose, NOON.plus_ms(ms)).await.unwrap()
    };
    ask(1, "sign in").await;
    assert_eq!(take(1, "sign in", 0).await.as_deref(), Some("state 1"));
    assert_eq!(take(1, "sign in", 0).await, None, "once");
    ask(2, "sign in").await;
    assert_eq!(take(2, "join", 0).await, None, "another ceremony's");
    assert_eq!(take(2, "sign in", 0).await, None, "and gone with that");
    ask(3, "sign in").await;
    assert_eq!(take(3, "sign in", 1_000).await, None, "over");
}

pub(super) async fn a_device_gets_one_answer_once(mut place: Place) {
    let device = |id: u8| Device {
        id: [id; 32],
        code: format!("CODE-{id}"),
        name: "modelhub on laptop".to_owned(),
        created: NOON,
        expires: NOON.plus_ms(1_000),
        answer: None,
    };
    for id in [1, 2] {
        place.catalog.add_device(&device(id), NOON).await.unwrap();
    }
    place.reopen();
    let late = NOON.plus_ms(1_000);
    assert_eq!(place.catalog.device("CODE-1", NOON).await.unwrap(), Some(device(1)));
    assert_eq!(place.catalog.device("CODE-1", late).await.unwrap(), None);
    assert_eq!(place.catalog.take_device([1; 32], NOON).await.unwrap(), Some(device(1)), "not answered yet");
    let yes = DeviceAnswer::Approved(ALICE, KeyId([9; 16]));
    assert!(!place.catalog.answer_device("CODE-1", yes, late).await.unwrap());
    assert!(place.catalog.answer_device("CODE-1", yes, NOON).await.unwrap());
    assert!(!place.catalog.answer_device("CODE-1", DeviceAnswer::Denied, NOON).await.unwrap(), "it was answered");
    assert_eq!(place.catalog.device("CODE-1", NOON).await.unwrap(), None);
    let taken = place.catalog.take_device([1; 32], NOON).await.unwrap().unwrap();
    assert_eq!(taken.answer, Some(yes));
    assert_eq!(place.catalog.take_device([1; 32], NOON).await.unwrap(), None, "once");
    assert!(place.catalog.answer_device("CODE-2", DeviceAnswer::Denied, NOON).await.unwrap());
    assert_eq!(place.catalog.take_device([2; 32], NOON).await.unwrap().unwrap().answer, Some(DeviceAnswer::Denied));
}

pub(super) async fn sessions_are_listed_apart_from_keys(mut place: Place) {
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    for id in [1, 2] {
        place.catalog.add_key(&session(id, ALICE)).await.unwrap();
    }
    assert_eq!(place.catalog.keys(ALICE).await.unwrap(), []);
    let ids = |keys: Vec<KeyRecord>| keys.iter().map(|key| key.id.0[0]).collect::<Vec<_>>();
    assert_eq!(ids(place.catalog.sessions(ALICE, NOON).await.unwrap()), [2, 1], "the newest first");
    place.catalog.keys_used(vec![(KeyId([1; 16]), NOON.plus_ms(5)), (KeyId([1; 16]), NOON)]).await.unwrap();
    place.reopen();
    let listed = place.catalog.sessions(ALICE, NOON).await.unwrap();
    assert_eq!(listed[1].used, Some(NOON.plus_ms(5)), "the latest of both");
    assert!(place.catalog.revoke_key(ALICE, KeyId([2; 16]), NOON).await.unwrap());
    assert_eq!(ids(place.catalog.sessions(ALICE, NOON).await.unwrap()), [1]);
    assert_eq!(ids(place.catalog.sessions(ALICE, NOON.plus_ms(10_000)).await.unwrap()), [] as [u8; 0]);
    place.catalog.forget_sessions(NOON).await.unwrap();
    assert_eq!(place.catalog.credential(&[2; 32]).await.unwrap(), None);
    assert!(place.catalog.credential(&[1; 32]).await.unwrap().is_some());
}
