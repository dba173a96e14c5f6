//! Keys and their secrets: cases of the catalogue's contract.

use ledger::{AccountId, KeyId, Time};

use super::catalog::Place;
use super::release::{account, bob};
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON, nano};
use crate::{CatalogError, Credential, KeyRecord, Limits, MAX_SECRETS, MemberRole, NewKey, RequestRate, Scope};

pub(super) fn new_key(id: u8, account: AccountId) -> NewKey {
    let record = KeyRecord {
        id: KeyId([id; 16]),
        account,
        name: format!("key {id}"),
        scopes: vec![Scope::Read, Scope::Call],
        models: Some(vec!["bob/minilm".parse().unwrap()]),
        limits: Limits { call: Some(nano(500)), day: Some(nano(600)), month: None },
        created: NOON.plus_ms(i64::from(id)),
        expires: Some(NOON.plus_ms(1_000)),
        revoked: None,
        session: false,
        used: None,
        rate: None,
        rotated: None,
        old_until: None,
    };
    NewKey { record, hash: [id; 32] }
}

fn later(ms: i64) -> Time {
    NOON.plus_ms(ms)
}

/// A key of bob's that does not end.
fn endless(id: u8) -> NewKey {
    let key = new_key(id, BOB);
    let rate = RequestRate::new(60, 60);
    NewKey { record: KeyRecord { expires: None, rate, ..key.record }, ..key }
}

pub(super) async fn a_key_opens_until_it_is_revoked_once(mut place: Place) {
    place.catalog.add_account(&bob(), Some(&new_key(1, BOB))).await.unwrap();
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    let plain = NewKey {
        record: KeyRecord { models: None, limits: Limits::default(), expires: None, ..new_key(2, BOB).record },
        hash: [2; 32],
    };
    place.catalog.add_key(&plain).await.unwrap();
    place.catalog.set_member(BOB, CAROL, MemberRole::Writer, ACT).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.keys(BOB).await.unwrap(), [new_key(1, BOB).record, plain.record.clone()]);
    let groups = vec![(BOB, MemberRole::Admin), (CAROL, MemberRole::Writer)];
    let (key, limits) = (plain.record.clone(), Limits::default());
    let credential = Credential { key, account: bob(), groups, limits, ends: None };
    assert_eq!(place.catalog.credential(&[2; 32]).await.unwrap(), Some(credential));
    assert_eq!(place.catalog.credential(&[3; 32]).await.unwrap(), None);
    assert!(!place.catalog.revoke_key(ALICE, plain.record.id, NOON).await.unwrap(), "it is not alice's");
    assert!(place.catalog.revoke_key(BOB, plain.record.id, NOON).await.unwrap());
    assert!(!place.catalog.revoke_key(BOB, plain.record.id, NOON.plus_ms(1)).await.unwrap());
    assert_eq!(place.catalog.credential(&[2; 32]).await.unwrap().unwrap().key.revoked, Some(NOON));
}

pub(super) async fn a_key_stays_itself_under_another_secret(mut place: Place) {
    let key = endless(1);
    place.catalog.add_account(&bob(), Some(&key)).await.unwrap();
    let second = place.catalog.rotate_key(BOB, key.record.id, [11; 32], later(5_000), later(1)).await.unwrap().unwrap();
    let expected = KeyRecord { rotated: Some(later(1)), old_until: Some(later(5_000)), ..key.record.clone() };
    assert_eq!(second, expected);
    place.reopen();
    assert_eq!(place.catalog.keys(BOB).await.unwrap(), std::slice::from_ref(&expected));
    let found = async |hash: u8| {
        let found = place.catalog.credential(&[hash; 32]).await.unwrap();
        found.map(|found| (found.key.id, found.account.id, found.ends))
    };
    assert_eq!(found(1).await, Some((key.record.id, BOB, Some(later(5_000)))), "the one before ends");
    assert_eq!(found(11).await, Some((key.record.id, BOB, None)));
    // Whoever rotates in a hurry ends all that were before, at once; a longer overlap wakes none of them.
    place.catalog.rotate_key(BOB, key.record.id, [12; 32], later(2_000), later(2_000)).await.unwrap().unwrap();
    place.catalog.rotate_key(BOB, key.record.id, [13; 32], later(9_000), later(3_000)).await.unwrap().unwrap();
    assert_eq!(found(1).await.unwrap().2, Some(later(2_000)));
    assert_eq!(found(11).await.unwrap().2, Some(later(2_000)));
    assert_eq!(found(12).await.unwrap().2, Some(later(9_000)));
    assert_eq!(found(13).await.unwrap().2, None);
    assert!(place.catalog.revoke_key(BOB, key.record.id, later(4_000)).await.unwrap());
    for hash in [1, 11, 12, 13] {
        assert_eq!(place.catalog.credential(&[hash; 32]).await.unwrap().unwrap().key.revoked, Some(later(4_000)));
    }
}

pub(super) async fn what_is_over_gets_no_other_secret(place: Place) {
    let mut session = endless(2);
    session.record.session = true;
    place.catalog.add_account(&bob(), Some(&endless(1))).await.unwrap();
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    place.catalog.add_key(&session).await.unwrap();
    place.catalog.add_key(&new_key(3, BOB)).await.unwrap();
    let rotate = async |of, id, at| {
        place.catalog.rotate_key(of, new_key(id, BOB).record.id, [99; 32], later(9_999), at).await.unwrap()
    };
    assert_eq!(rotate(ALICE, 1, NOON).await, None, "it is bob's");
    assert_eq!(rotate(BOB, 2, NOON).await, None, "a session");
    assert_eq!(rotate(BOB, 3, later(1_000)).await, None, "it is over");
    assert_eq!(rotate(BOB, 4, NOON).await, None, "there is none");
    place.catalog.revoke_key(BOB, endless(1).record.id, NOON).await.unwrap();
    assert_eq!(rotate(BOB, 1, NOON).await, None, "it was revoked");
    assert_eq!(place.catalog.credential(&[99; 32]).await.unwrap(), None);
}

pub(super) async fn a_key_gets_so_many_secrets_in_a_year(place: Place) {
    let key = endless(1);
    place.catalog.add_account(&bob(), Some(&key)).await.unwrap();
    let hash = |number: u64| {
        let mut hash = [0xaa; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    };
    for number in 0..MAX_SECRETS {
        place.catalog.rotate_key(BOB, key.record.id, hash(number), NOON, NOON).await.unwrap().unwrap();
    }
    let again = async |at| place.catalog.rotate_key(BOB, key.record.id, hash(9_999), at, at).await;
    assert_eq!(again(later(1)).await, Err(CatalogError::ManySecrets));
    assert_eq!(place.catalog.credential(&hash(MAX_SECRETS - 1)).await.unwrap().unwrap().ends, None);
    let year = 365 * Time::DAY_MS;
    assert!(again(later(year)).await.unwrap().is_some());
    assert_eq!(place.catalog.credential(&[1; 32]).await.unwrap(), None, "it is forgotten");
}
