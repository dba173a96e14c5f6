//! The contract of [`Catalog`]. To add a case: a function, and its name in the list at the end.

use ledger::{AccountId, Class, KeyId, Outcome, Purse, Rate, Role, Share, Time};
use registry::{Digest, Handle, ModelName};
use tempfile::TempDir;

use super::release::{account, bob, release, seal};
use crate::tests::scene::{
    ALICE, BOB, CAROL, DAVE, NOON, RELEASE, call, call_id, call_of, deposit, failed_call, key, nano,
};
use crate::{
    Catalog, CatalogError, Credential, Earning, KeyRecord, ModelTotals, NewKey, NewRelease, Row, Scope, Seq, Settings,
    SqliteCatalog, Totals,
};

/// A catalogue of one kind, and where it lies.
struct Place {
    catalog: Box<dyn Catalog>,
    folder: Option<TempDir>,
}

impl Place {
    fn memory() -> Place {
        Place { catalog: Box::new(SqliteCatalog::in_memory().unwrap()), folder: None }
    }

    fn file() -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place { catalog: Box::new(SqliteCatalog::open(folder.path()).unwrap()), folder: Some(folder) }
    }

    /// A catalogue without a file has nothing to be opened from.
    fn reopen(&mut self) {
        if let Some(folder) = &self.folder {
            self.catalog = Box::new(SqliteCatalog::in_memory().unwrap());
            self.catalog = Box::new(SqliteCatalog::open(folder.path()).unwrap());
        }
    }
}

fn handle(text: &str) -> Handle {
    text.parse().unwrap()
}

fn model(text: &str) -> ModelName {
    text.parse().unwrap()
}

fn new_key(id: u8, account: AccountId) -> NewKey {
    let record = KeyRecord {
        id: KeyId([id; 16]),
        account,
        name: format!("key {id}"),
        scopes: vec![Scope::Read, Scope::Call],
        models: Some(vec![model("bob/minilm")]),
        max_cost: Some(nano(500)),
        created: NOON.plus_ms(i64::from(id)),
        expires: Some(NOON.plus_ms(1_000)),
        revoked: None,
    };
    NewKey { record, hash: [id; 32] }
}

fn numbers(releases: &[crate::ReleaseRecord]) -> Vec<String> {
    releases.iter().map(|r| format!("{} {}", r.model.name, r.number)).collect()
}

async fn an_account_is_found_by_handle_and_id(mut place: Place) {
    place.catalog.add_account(&bob(), Some(&new_key(1, BOB))).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.account(&handle("bob")).await.unwrap(), Some(bob()));
    assert_eq!(place.catalog.account_by_id(BOB).await.unwrap(), Some(bob()));
    assert_eq!(place.catalog.account(&handle("bobby")).await.unwrap(), None);
    assert_eq!(place.catalog.account_by_id(ALICE).await.unwrap(), None);
}

async fn a_taken_handle_is_refused_with_its_key(place: Place) {
    place.catalog.add_account(&bob(), None).await.unwrap();
    let other = account(ALICE, "bob");
    let refused = place.catalog.add_account(&other, Some(&new_key(1, ALICE))).await;
    assert!(matches!(refused, Err(CatalogError::HandleTaken { handle }) if handle.as_str() == "bob"));
    assert_eq!(place.catalog.keys(ALICE).await.unwrap(), []);
    assert_eq!(place.catalog.account_by_id(ALICE).await.unwrap(), None);
}

async fn an_account_whose_key_cannot_be_kept_is_not_kept(place: Place) {
    place.catalog.add_account(&bob(), Some(&new_key(1, BOB))).await.unwrap();
    let same_secret = place.catalog.add_account(&account(ALICE, "alice"), Some(&new_key(1, ALICE))).await;
    assert!(matches!(same_secret, Err(CatalogError::Failed { .. })));
    assert_eq!(place.catalog.account_by_id(ALICE).await.unwrap(), None);
}

async fn a_key_opens_until_it_is_revoked_once(mut place: Place) {
    place.catalog.add_account(&bob(), Some(&new_key(1, BOB))).await.unwrap();
    place.catalog.add_account(&account(ALICE, "alice"), None).await.unwrap();
    let plain = NewKey {
        record: KeyRecord { models: None, max_cost: None, expires: None, ..new_key(2, BOB).record },
        hash: [2; 32],
    };
    place.catalog.add_key(&plain).await.unwrap();
    place.catalog.add_member(BOB, CAROL, "writer").await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.keys(BOB).await.unwrap(), [new_key(1, BOB).record, plain.record.clone()]);
    let credential = Credential { key: plain.record.clone(), account: bob(), groups: vec![BOB, CAROL] };
    assert_eq!(place.catalog.credential(&[2; 32]).await.unwrap(), Some(credential));
    assert_eq!(place.catalog.credential(&[3; 32]).await.unwrap(), None);
    assert!(!place.catalog.revoke_key(ALICE, plain.record.id, NOON).await.unwrap(), "it is not alice's");
    assert!(place.catalog.revoke_key(BOB, plain.record.id, NOON).await.unwrap());
    assert!(!place.catalog.revoke_key(BOB, plain.record.id, NOON.plus_ms(1)).await.unwrap());
    assert_eq!(place.catalog.credential(&[2; 32]).await.unwrap().unwrap().key.revoked, Some(NOON));
}

async fn settings_have_defaults_and_are_remembered(mut place: Place) {
    let tenth = Share::from_points(1_000).unwrap();
    assert_eq!(place.catalog.settings().await.unwrap(), Settings { fee: tenth, rate: None });
    let (fee, rate) = (Share::from_points(275).unwrap(), Rate::from_nano(123_456_789).unwrap());
    place.catalog.set_fee(tenth).await.unwrap();
    place.catalog.set_fee(fee).await.unwrap();
    place.catalog.set_rate(rate).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.settings().await.unwrap(), Settings { fee, rate: Some(rate) });
}

async fn an_upload_belongs_to_who_made_it(mut place: Place) {
    let blob = Digest([5; 32]);
    for _ in 0..2 {
        place.catalog.add_upload(BOB, blob, 17, NOON).await.unwrap();
    }
    place.reopen();
    assert_eq!(place.catalog.upload(BOB, blob).await.unwrap(), Some(17));
    assert_eq!(place.catalog.upload(ALICE, blob).await.unwrap(), None);
}

async fn a_release_comes_back_as_it_was_sealed(mut place: Place) {
    seal(&*place.catalog).await;
    place.reopen();
    let sealed = release("minilm", "1.00", RELEASE.0[0], NOON).release;
    assert_eq!(place.catalog.release(&model("bob/minilm"), None).await.unwrap().as_ref(), Some(&sealed));
    assert_eq!(
        place.catalog.release(&model("bob/MiniLM"), Some("1.00".parse().unwrap())).await.unwrap().as_ref(),
        Some(&sealed)
    );
    assert_eq!(place.catalog.release_by_id(RELEASE).await.unwrap().as_ref(), Some(&sealed));
    assert_eq!(place.catalog.model(&model("bob/minilm")).await.unwrap(), Some(sealed.model));
    assert_eq!(place.catalog.release(&model("bob/minilm"), Some("1.01".parse().unwrap())).await.unwrap(), None);
    assert_eq!(place.catalog.model(&model("alice/minilm")).await.unwrap(), None);
}

async fn a_release_is_sealed_once(place: Place) {
    seal(&*place.catalog).await;
    let again = place.catalog.seal(&release("MINILM", "1.00", 9, NOON)).await;
    assert!(matches!(again, Err(CatalogError::ReleaseExists { number, .. }) if number.to_string() == "1.00"));
    assert_eq!(place.catalog.release_by_id(ledger::ReleaseId([9; 16])).await.unwrap(), None);
}

async fn a_later_release_joins_its_model(place: Place) {
    seal(&*place.catalog).await;
    // Each publish brings a model id of its own; the one that came first names the model.
    for (id, number) in [(2, "1.99"), (3, "2.00"), (4, "1.100")] {
        place.catalog.seal(&release("minilm", number, id, NOON.plus_ms(i64::from(id)))).await.unwrap();
    }
    let releases = place.catalog.releases(&model("bob/minilm"), 9).await.unwrap();
    assert_eq!(numbers(&releases), ["bob/minilm 2.00", "bob/minilm 1.100", "bob/minilm 1.99", "bob/minilm 1.00"]);
    assert!(releases.iter().all(|r| r.model.id.0 == RELEASE.0));
}

async fn unversioned_calls_stay_with_their_major_until_the_owner_moves_them(mut place: Place) {
    seal(&*place.catalog).await;
    let steps = [
        ("2.00", false, "1.00"),
        ("1.01", false, "1.01"),
        ("2.01", true, "2.01"),
        ("1.02", false, "2.01"),
        ("2.02", false, "2.02"),
    ];
    for (id, (number, latest, expected)) in (2..).zip(steps) {
        let new = NewRelease { latest, ..release("minilm", number, id, NOON.plus_ms(i64::from(id))) };
        place.catalog.seal(&new).await.unwrap();
        let found = place.catalog.release(&model("bob/minilm"), None).await.unwrap().unwrap();
        assert_eq!(found.number.to_string(), expected, "after {number}");
        assert_eq!(place.catalog.listing(0, 9).await.unwrap()[0].0, found);
        place.reopen();
    }
}

async fn the_listing_begins_with_what_was_published_last(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("other", "1.00", 2, NOON.plus_ms(2))).await.unwrap();
    place.catalog.seal(&release("third", "1.00", 3, NOON.plus_ms(3))).await.unwrap();
    place.catalog.seal(&release("minilm", "1.01", 4, NOON.plus_ms(4))).await.unwrap();
    let listed = async |offset, limit| {
        let listing = place.catalog.listing(offset, limit).await.unwrap();
        numbers(&listing.into_iter().map(|(release, _)| release).collect::<Vec<_>>())
    };
    assert_eq!(listed(0, 9).await, ["bob/minilm 1.01", "bob/third 1.00", "bob/other 1.00"]);
    assert_eq!(listed(1, 1).await, ["bob/third 1.00"]);
    assert_eq!(listed(3, 9).await, [""; 0]);
}

/// Paid, trial, keyed and failed calls over two days, and a transfer.
fn rows() -> Vec<(Seq, Row)> {
    let next_day = NOON.plus_ms(Time::DAY_MS);
    let keyed = ledger::Call { keyed: Some(key(1, 1)), finished: next_day, ..call(4, 1_000) };
    let calls = [
        Row::Transfer(Box::new(deposit(1, ALICE, 10_000))),
        Row::Call(Box::new(call(1, 1_000))),
        Row::Call(Box::new(ledger::Call { keyed: Some(key(2, 1)), ..failed_call(2) })),
        Row::Call(Box::new(call_of(CAROL, Purse::Promo, 3, 1_000))),
        Row::Call(Box::new(keyed)),
        Row::Call(Box::new(ledger::Call { outcome: Outcome::Refused, ..failed_call(5) })),
    ];
    (1..).zip(calls).collect()
}

async fn rows_are_carried_over_once_and_in_order(mut place: Place) {
    seal(&*place.catalog).await;
    let rows = rows();
    assert_eq!(place.catalog.watermark().await.unwrap(), 0);
    assert!(matches!(place.catalog.project(&rows[1..]).await, Err(CatalogError::Failed { .. })), "row 1 is missing");
    let gap = [rows[0].clone(), rows[1].clone(), rows[3].clone()];
    assert!(matches!(place.catalog.project(&gap).await, Err(CatalogError::Failed { .. })), "row 3 is missing");
    assert_eq!(
        (place.catalog.watermark().await.unwrap(), place.catalog.call_seq(call_id(1)).await.unwrap()),
        (0, None)
    );
    assert_eq!(place.catalog.project(&rows[..2]).await.unwrap(), 2);
    let before = place.catalog.earnings(BOB).await.unwrap();
    assert_eq!(place.catalog.project(&rows[..2]).await.unwrap(), 2);
    assert_eq!(place.catalog.earnings(BOB).await.unwrap(), before);
    place.reopen();
    assert_eq!(place.catalog.project(&rows).await.unwrap(), 6);
    assert_eq!(place.catalog.project(&[]).await.unwrap(), 6);
}

async fn calls_are_found_by_id_key_and_payer(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.project(&rows()).await.unwrap();
    assert_eq!(place.catalog.call_seq(call_id(3)).await.unwrap(), Some(4));
    assert_eq!(place.catalog.call_seq(call_id(99)).await.unwrap(), None);
    assert_eq!(place.catalog.keyed_seq(&[1; 32]).await.unwrap(), Some(5));
    assert_eq!(place.catalog.keyed_seq(&[2; 32]).await.unwrap(), None, "a failed call uses up no key");
    assert_eq!(place.catalog.payer_seqs(ALICE, None, 100).await.unwrap(), [6, 5, 3, 2]);
    assert_eq!(place.catalog.payer_seqs(ALICE, Some(5), 1).await.unwrap(), [3]);
    assert_eq!(place.catalog.payer_seqs(CAROL, None, 100).await.unwrap(), [4]);
    assert_eq!(place.catalog.payer_seqs(BOB, None, 100).await.unwrap(), [0; 0]);
}

async fn earnings_stand_by_day_class_purse_and_role(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.project(&rows()).await.unwrap();
    let day = NOON.day();
    let earned = |day, class, purse, role, amount| Earning {
        model: model("bob/minilm"),
        release: "1.00".parse().unwrap(),
        day,
        class,
        purse,
        role,
        calls: 1,
        amount: nano(amount),
    };
    // Of 1000: 100 fee, 135 royalty, 765 split 70:30, the odd unit to the first.
    let expected = [
        earned(day + 1, Class::Paid, Purse::Cash, Role::Creator, 536),
        earned(day, Class::Paid, Purse::Cash, Role::Creator, 536),
        earned(day, Class::Trial, Purse::Promo, Role::Creator, 536),
    ];
    assert_eq!(place.catalog.earnings(BOB).await.unwrap(), expected);
    let royalties = place.catalog.earnings(DAVE).await.unwrap();
    assert!(royalties.iter().all(|e| e.role == Role::Royalty && e.amount == nano(135)) && royalties.len() == 3);
    assert_eq!(place.catalog.earnings(ALICE).await.unwrap(), []);
}

async fn totals_count_other_peoples_cash_alone(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("other", "1.00", 2, NOON)).await.unwrap();
    place.catalog.project(&rows()).await.unwrap();
    // A refused call was never tried; the failed one was.
    let totals = ModelTotals { paid_calls: 2, paid_tried: 3, creators_earned: nano(1_800) };
    let listing = place.catalog.listing(0, 9).await.unwrap();
    let minilm = listing.iter().find(|(release, _)| release.id == RELEASE).unwrap();
    assert_eq!(minilm.1, totals);
    assert_eq!(place.catalog.model_totals(minilm.0.model.id).await.unwrap(), totals);
    assert_eq!(place.catalog.model_totals(ledger::ModelId([2; 16])).await.unwrap(), ModelTotals::default());
    assert_eq!(place.catalog.totals().await.unwrap(), Totals { models: 2, calls: totals });
    let outcomes = [
        (Class::Paid, Outcome::EngineFailed, 1),
        (Class::Paid, Outcome::Ok, 2),
        (Class::Paid, Outcome::Refused, 1),
        (Class::Trial, Outcome::Ok, 1),
    ];
    assert_eq!(place.catalog.outcomes(RELEASE).await.unwrap(), outcomes);
}

macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        contract!(@memory Place::memory(); $($case),*);
        contract!(@file Place::file(); $($case),*);
    };
    (@$backend:ident $place:expr; $($case:ident),*) => {
        mod $backend {
            use super::Place;
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case($place).await;
                }
            )*
        }
    };
}

contract![
    an_account_is_found_by_handle_and_id,
    a_taken_handle_is_refused_with_its_key,
    an_account_whose_key_cannot_be_kept_is_not_kept,
    a_key_opens_until_it_is_revoked_once,
    settings_have_defaults_and_are_remembered,
    an_upload_belongs_to_who_made_it,
    a_release_comes_back_as_it_was_sealed,
    a_release_is_sealed_once,
    a_later_release_joins_its_model,
    unversioned_calls_stay_with_their_major_until_the_owner_moves_them,
    the_listing_begins_with_what_was_published_last,
    rows_are_carried_over_once_and_in_order,
    calls_are_found_by_id_key_and_payer,
    earnings_stand_by_day_class_purse_and_role,
    totals_count_other_peoples_cash_alone,
];
