//! Who belongs to whom: cases of the catalogue's contract.

use ledger::AccountId;

use super::catalog::Place;
use super::release::{account, bob};
use crate::events::Act;
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON};
use crate::{Account, AccountKind, CatalogError, MAX_ORGANISATIONS, MemberRole, Membership};

const ACME: AccountId = AccountId([0xac; 16]);

fn organisation(id: AccountId, handle: &str) -> Account {
    Account { kind: AccountKind::Org, ..account(id, handle) }
}

/// Alice, bob and carol; bob has made acme.
async fn acme(place: &Place) -> Account {
    for account in [account(ALICE, "alice"), bob(), account(CAROL, "carol")] {
        place.catalog.add_account(&account, None).await.unwrap();
    }
    let acme = organisation(ACME, "acme");
    place.catalog.add_organisation(&acme, BOB).await.unwrap();
    acme
}

async fn roles(place: &Place) -> Vec<(String, MemberRole)> {
    let members = place.catalog.members(ACME, None, 10).await.unwrap();
    members.into_iter().map(|member| (member.account.handle.to_string(), member.role)).collect()
}

pub(super) async fn whoever_makes_an_organisation_is_its_first_admin(mut place: Place) {
    let acme = acme(&place).await;
    place.reopen();
    assert_eq!(place.catalog.account(&acme.handle).await.unwrap().as_ref(), Some(&acme));
    assert_eq!(roles(&place).await, [("bob".to_owned(), MemberRole::Admin)]);
    let membership = Membership { organisation: acme, role: MemberRole::Admin };
    assert_eq!(place.catalog.memberships(BOB).await.unwrap(), [membership]);
    assert_eq!(place.catalog.memberships(ALICE).await.unwrap(), []);
    let twin = place.catalog.add_organisation(&organisation(AccountId([0xad; 16]), "acme"), ALICE).await;
    assert!(matches!(twin, Err(CatalogError::HandleTaken { .. })));
    assert_eq!(place.catalog.memberships(ALICE).await.unwrap(), [], "it is not half made");
}

pub(super) async fn members_have_one_role_each_and_keep_their_time(mut place: Place) {
    acme(&place).await;
    place.catalog.set_member(CAROL, ACME, MemberRole::Reader, Act { by: BOB, at: NOON.plus_ms(5) }).await.unwrap();
    place.catalog.set_member(ALICE, ACME, MemberRole::Writer, Act { by: BOB, at: NOON.plus_ms(6) }).await.unwrap();
    place.catalog.set_member(CAROL, ACME, MemberRole::Writer, Act { by: BOB, at: NOON.plus_ms(7) }).await.unwrap();
    place.reopen();
    let all = [("alice", MemberRole::Writer), ("bob", MemberRole::Admin), ("carol", MemberRole::Writer)];
    assert_eq!(roles(&place).await, all.map(|(name, role)| (name.to_owned(), role)));
    let carol = place.catalog.member(CAROL, ACME).await.unwrap().unwrap();
    assert_eq!((carol.role, carol.since), (MemberRole::Writer, NOON.plus_ms(5)));
    let behind = place.catalog.members(ACME, Some(&"alice".parse().unwrap()), 1).await.unwrap();
    assert_eq!(behind.iter().map(|member| member.account.handle.as_str()).collect::<Vec<_>>(), ["bob"]);
    assert!(place.catalog.remove_member(CAROL, ACME, ACT).await.unwrap());
    assert!(!place.catalog.remove_member(CAROL, ACME, ACT).await.unwrap());
    assert_eq!(place.catalog.member(CAROL, ACME).await.unwrap(), None);
}

pub(super) async fn the_last_admin_stays(place: Place) {
    acme(&place).await;
    let lower = place.catalog.set_member(BOB, ACME, MemberRole::Writer, Act { by: BOB, at: NOON }).await;
    assert!(matches!(lower, Err(CatalogError::LastAdmin)));
    assert!(matches!(place.catalog.remove_member(BOB, ACME, ACT).await, Err(CatalogError::LastAdmin)));
    place.catalog.set_member(BOB, ACME, MemberRole::Admin, Act { by: BOB, at: NOON }).await.unwrap();
    place.catalog.set_member(CAROL, ACME, MemberRole::Admin, Act { by: BOB, at: NOON }).await.unwrap();
    // Of two who remove each other at once, one stays.
    let (one, other) =
        tokio::join!(place.catalog.remove_member(BOB, ACME, ACT), place.catalog.remove_member(CAROL, ACME, ACT));
    assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
    assert_eq!(roles(&place).await.len(), 1);
}

pub(super) async fn an_account_makes_so_many_organisations(place: Place) {
    acme(&place).await;
    for n in 1..MAX_ORGANISATIONS {
        let next = organisation(AccountId([n as u8; 16]), &format!("acme-{n}"));
        place.catalog.add_organisation(&next, BOB).await.unwrap();
    }
    let more = organisation(AccountId([0xfe; 16]), "more");
    assert!(matches!(place.catalog.add_organisation(&more, BOB).await, Err(CatalogError::ManyOrganisations)));
    assert_eq!(place.catalog.account(&more.handle).await.unwrap(), None);
    place.catalog.add_organisation(&more, ALICE).await.unwrap();
}
