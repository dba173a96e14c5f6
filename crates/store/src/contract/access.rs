//! Requests for gated weights: cases of the catalogue's contract.

use super::catalog::Place;
use super::release::account;
use super::repositories::{FIRST, SECOND, echo};
use crate::events::Act;
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON};
use crate::{AccessRequest, AccessStatus, Account, CatalogError};

/// Somebody's request for bob's model, made so many milliseconds after noon.
fn request(id: u8, account: Account, ms: i64) -> AccessRequest {
    AccessRequest {
        id: [id; 16],
        model: FIRST,
        account,
        status: AccessStatus::Pending,
        message: format!("number {id}"),
        reason: None,
        at: NOON.plus_ms(ms),
        decided: None,
        decider: None,
    }
}

async fn ids(place: &Place, status: AccessStatus) -> Vec<u8> {
    let found = place.catalog.access_requests(FIRST, status, None, 10).await.unwrap();
    found.iter().map(|request| request.id[0]).collect()
}

pub(super) async fn an_account_asks_once_and_is_answered(mut place: Place) {
    echo(&place).await;
    let first = request(1, account(ALICE, "alice"), 0);
    assert_eq!(place.catalog.add_access_request(&first).await.unwrap(), first);
    let again = place.catalog.add_access_request(&request(2, account(ALICE, "alice"), 9)).await.unwrap();
    assert_eq!(again, first, "the earlier one stands");
    place.reopen();
    assert_eq!(place.catalog.access_request(FIRST, ALICE).await.unwrap(), Some(first.clone()));
    assert_eq!(place.catalog.access_request_by_id(FIRST, [1; 16]).await.unwrap(), Some(first.clone()));
    assert_eq!(place.catalog.access_request_by_id(SECOND, [1; 16]).await.unwrap(), None);
    assert_eq!(place.catalog.access_request(FIRST, CAROL).await.unwrap(), None);

    let decided = AccessRequest {
        status: AccessStatus::Rejected,
        reason: Some("no".to_owned()),
        decided: Some(NOON.plus_ms(5)),
        decider: Some("bob".parse().unwrap()),
        ..first
    };
    place.catalog.decide_access(&decided, Act { by: BOB, at: NOON.plus_ms(5) }).await.unwrap();
    assert_eq!(place.catalog.access_request(FIRST, ALICE).await.unwrap(), Some(decided));
    assert_eq!(ids(&place, AccessStatus::Pending).await, [] as [u8; 0]);
    assert_eq!(ids(&place, AccessStatus::Rejected).await, [1]);
    assert!(place.catalog.remove_access_request(FIRST, ALICE, ACT).await.unwrap());
    assert!(!place.catalog.remove_access_request(FIRST, ALICE, ACT).await.unwrap());
}

pub(super) async fn requests_are_listed_by_status_newest_first(place: Place) {
    echo(&place).await;
    for (id, who, handle, ms) in [(1, ALICE, "alice", 1), (2, CAROL, "carol", 2), (3, BOB, "bob", 2)] {
        place.catalog.add_access_request(&request(id, account(who, handle), ms)).await.unwrap();
    }
    assert_eq!(ids(&place, AccessStatus::Pending).await, [3, 2, 1]);
    let after = Some((NOON.plus_ms(2), [3; 16]));
    let page = place.catalog.access_requests(FIRST, AccessStatus::Pending, after, 1).await.unwrap();
    assert_eq!(page.iter().map(|request| request.id[0]).collect::<Vec<_>>(), [2]);
    let gone = AccessRequest { model: SECOND, ..request(4, account(ALICE, "alice"), 1) };
    assert!(matches!(place.catalog.add_access_request(&gone).await, Err(CatalogError::Gone { .. })));
}

pub(super) async fn a_model_says_whether_it_lets_in_whoever_asks_and_takes_its_requests_along(mut place: Place) {
    let echo = echo(&place).await;
    assert!(!place.catalog.repository(&echo.model.name).await.unwrap().unwrap().automatic);
    place.catalog.set_automatic(FIRST, true).await.unwrap();
    place.reopen();
    assert!(place.catalog.repository(&echo.model.name).await.unwrap().unwrap().automatic);
    place.catalog.add_access_request(&request(1, account(ALICE, "alice"), 1)).await.unwrap();
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    assert_eq!(place.catalog.access_request(FIRST, ALICE).await.unwrap(), None);
}
