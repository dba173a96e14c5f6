//! The contract of [`Catalog`]. To add a case: a function, here or in a file beside, and its name in the list at the end.

use std::sync::Arc;

use ledger::{
    AccountId, Amount, Class, EntryKind, KeyId, Outcome, Purse, Rate, Role, Share, Sponsor, Time, Transfer, TransferId,
};
use registry::{Digest, Handle, ModelName};
use tempfile::TempDir;

use super::access::*;
use super::alerts::{a_webhook_is_one_of_its_account, an_alert_is_noted_once_and_told_until_it_is_delivered};
use super::checks::{
    checks_of_a_model_begin_with_its_newest_release, checks_of_a_release_add_up,
    releases_that_were_not_checked_are_found,
};
use super::commits::*;
use super::events::*;
use super::keys::*;
use super::life::*;
use super::moderation::*;
use super::organisations::*;
use super::rankings::*;
use super::release::{account, bob, release, seal};
use super::repositories::*;
use super::scans::*;
use super::searches::*;
use super::signin::*;
use super::storage::*;
use crate::tests::scene::{
    ALICE, BOB, CAROL, DAVE, NOON, RELEASE, call, call_id, call_of, deposit, failed_call, key, nano,
};
use crate::{
    Catalog, CatalogError, DaySum, Earning, Limits, List, ModelTotals, PayerSum, RateSettings, RequestRate, Row, Seq,
    Settings, Spender, Spent, SqliteCatalog, Totals, Trial, TrialUse,
};

/// A catalogue of one kind, and where it lies.
pub(super) struct Place {
    pub(super) catalog: Box<dyn Catalog>,
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
    pub(super) fn reopen(&mut self) {
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

/// Carries these rows over, at once.
async fn project(place: &Place, rows: &[(Seq, Row)]) -> Result<Seq, CatalogError> {
    place.catalog.project(rows.to_vec(), true).await
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

async fn settings_have_defaults_and_are_remembered(mut place: Place) {
    let tenth = Share::from_points(1_000).unwrap();
    assert_eq!(
        place.catalog.settings().await.unwrap(),
        Settings { fee: tenth, rate: None, trial: nano(0), notice_days: 14, request_rates: RateSettings::USUAL }
    );
    place.catalog.set_notice(30).await.unwrap();
    let (fee, rate) = (Share::from_points(275).unwrap(), Rate::from_nano(123_456_789).unwrap());
    place.catalog.set_fee(tenth).await.unwrap();
    place.catalog.set_fee(fee).await.unwrap();
    place.catalog.set_rate(rate).await.unwrap();
    place.catalog.set_trial_budget(nano(7)).await.unwrap();
    let mut request_rates = RateSettings::USUAL;
    request_rates.key.calls = RequestRate::new(60, 60);
    request_rates.address.reads = None;
    place.catalog.set_request_rates(request_rates).await.unwrap();
    place.reopen();
    assert_eq!(
        place.catalog.settings().await.unwrap(),
        Settings { fee, rate: Some(rate), trial: nano(7), notice_days: 30, request_rates }
    );
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
        Row::Transfer(Arc::new(deposit(1, ALICE, 10_000))),
        Row::Call(Arc::new(call(1, 1_000))),
        Row::Call(Arc::new(ledger::Call { keyed: Some(key(2, 1)), ..failed_call(2) })),
        Row::Call(Arc::new(call_of(CAROL, Purse::Promo, 3, 1_000))),
        Row::Call(Arc::new(keyed)),
        Row::Call(Arc::new(ledger::Call { outcome: Outcome::Refused, ..failed_call(5) })),
    ];
    (1..).zip(calls).collect()
}

async fn rows_are_carried_over_once_and_in_order(mut place: Place) {
    seal(&*place.catalog).await;
    let rows = rows();
    assert_eq!(place.catalog.watermark().await.unwrap(), 0);
    assert!(matches!(project(&place, &rows[1..]).await, Err(CatalogError::Failed { .. })), "row 1 is missing");
    let gap = [rows[0].clone(), rows[1].clone(), rows[3].clone()];
    assert!(matches!(project(&place, &gap).await, Err(CatalogError::Failed { .. })), "row 3 is missing");
    assert_eq!(
        (place.catalog.watermark().await.unwrap(), place.catalog.call_seq(call_id(1)).await.unwrap()),
        (0, None)
    );
    assert_eq!(project(&place, &rows[..2]).await.unwrap(), 2);
    let before = place.catalog.earnings(BOB).await.unwrap();
    assert_eq!(project(&place, &rows[..2]).await.unwrap(), 2);
    assert_eq!(place.catalog.earnings(BOB).await.unwrap(), before);
    place.reopen();
    assert_eq!(project(&place, &rows).await.unwrap(), 6);
    assert_eq!(project(&place, &[]).await.unwrap(), 6);
}

async fn calls_are_found_by_id_key_and_payer(place: Place) {
    seal(&*place.catalog).await;
    project(&place, &rows()).await.unwrap();
    assert_eq!(place.catalog.call_seq(call_id(3)).await.unwrap(), Some(4));
    assert_eq!(place.catalog.call_seq(call_id(99)).await.unwrap(), None);
    assert_eq!(place.catalog.keyed_seq(&[1; 32]).await.unwrap(), Some(5));
    assert_eq!(place.catalog.keyed_seq(&[2; 32]).await.unwrap(), None, "a failed call uses up no key");
    assert_eq!(place.catalog.account_rows(ALICE, List::Calls, None, 100).await.unwrap(), [6, 5, 3, 2]);
    assert_eq!(place.catalog.account_rows(ALICE, List::Calls, Some(5), 1).await.unwrap(), [3]);
    assert_eq!(place.catalog.account_rows(CAROL, List::Calls, None, 100).await.unwrap(), [4]);
    assert_eq!(place.catalog.account_rows(BOB, List::Calls, None, 100).await.unwrap(), [0; 0]);
}

async fn earnings_stand_by_day_class_purse_and_role(place: Place) {
    seal(&*place.catalog).await;
    project(&place, &rows()).await.unwrap();
    let day = NOON.day();
    let earned = |day, class, purse, kind, nano| Earning {
        model: model("bob/minilm"),
        release: "1.00".parse().unwrap(),
        day,
        class,
        purse,
        kind,
        calls: 1,
        nano,
    };
    // Of 1000: 100 fee, 135 royalty, 765 split 70:30, the odd unit to the first.
    let expected = [
        earned(day + 1, Class::Paid, Purse::Cash, EntryKind::Creator, 536),
        earned(day, Class::Paid, Purse::Cash, EntryKind::Creator, 536),
        earned(day, Class::Trial, Purse::Promo, EntryKind::Creator, 536),
    ];
    assert_eq!(place.catalog.earnings(BOB).await.unwrap(), expected);
    let royalties = place.catalog.earnings(DAVE).await.unwrap();
    assert!(royalties.iter().all(|e| e.kind == EntryKind::Royalty && e.nano == 135) && royalties.len() == 3);
    assert_eq!(place.catalog.earnings(ALICE).await.unwrap(), []);
}

async fn payers_stand_beside_what_they_paid(place: Place) {
    seal(&*place.catalog).await;
    project(&place, &rows()).await.unwrap();
    let paid = |payer, class, purse, calls, amount| PayerSum {
        payer,
        model: model("bob/minilm"),
        release: "1.00".parse().unwrap(),
        class,
        purse,
        role: Role::Creator,
        calls,
        amount: nano(amount),
    };
    let expected = [paid(ALICE, Class::Paid, Purse::Cash, 2, 1_072), paid(CAROL, Class::Trial, Purse::Promo, 1, 536)];
    assert_eq!(place.catalog.payers(BOB).await.unwrap(), expected);
    assert_eq!(place.catalog.payers(ALICE).await.unwrap(), []);
}

/// Rows in two stretches, the second with a refund and a trial that bob pays.
async fn statements(place: &Place) {
    seal(&*place.catalog).await;
    project(place, &rows()).await.unwrap();
    let sponsor = Some(Sponsor { account: BOB, purse: Purse::Cash });
    let trial = ledger::Call { sponsor, ..call_of(ALICE, Purse::Promo, 7, 1_000) };
    let paid = call(1, 1_000);
    let mut book = ledger::Book::default();
    for to in [ALICE, BOB] {
        book.post(&deposit(1, to, 5_000)).unwrap();
    }
    let hold = book.hold(ALICE, nano(1_000)).unwrap();
    book.capture(hold, &paid).unwrap();
    let asked = ledger::Refund {
        id: TransferId([8; 16]),
        at: NOON.plus_ms(2 * Time::DAY_MS),
        amount: Some(nano(500)),
        reason: "broken".to_owned(),
        actor: BOB,
        window_ms: None,
    };
    let refund: Transfer = book.refund(&asked, &paid, &[]).unwrap();
    project(place, &[(7, Row::Call(Arc::new(trial))), (8, Row::Transfer(Arc::new(refund)))]).await.unwrap();
}

async fn day_sums_are_the_balance_from_day_to_day(place: Place) {
    statements(&place).await;
    let day = NOON.day();
    let sum = |day, kind, class, purse, nano| DaySum {
        day,
        kind,
        class,
        purse,
        release: class.map(|_| (model("bob/minilm"), "1.00".parse().unwrap())),
        count: 1,
        nano,
    };
    let expected = [
        sum(day, EntryKind::Call, Some(Class::Paid), Purse::Cash, -1_000),
        sum(day, EntryKind::Deposit, None, Purse::Cash, 10_000),
        sum(day + 1, EntryKind::Call, Some(Class::Paid), Purse::Cash, -1_000),
        sum(day + 2, EntryKind::Refund, Some(Class::Paid), Purse::Cash, 500),
    ];
    assert_eq!(place.catalog.day_sums(ALICE, day, day + 3).await.unwrap(), expected);
    assert_eq!(place.catalog.day_sums(ALICE, day + 1, day + 2).await.unwrap(), expected[2..3]);
    assert_eq!(place.catalog.sums_before(ALICE, day).await.unwrap(), (0, 0));
    assert_eq!(place.catalog.sums_before(ALICE, day + 2).await.unwrap(), (8_000, 0));
    assert_eq!(place.catalog.sums_before(ALICE, day + 3).await.unwrap(), (8_500, 0));
    // Two paid calls, a granted one and the trial he paid himself; half of the first went back.
    assert_eq!(place.catalog.sums_before(BOB, day + 3).await.unwrap(), (536 * 2 - 1_000 - 268, 536 * 2));
    let operator = place.catalog.day_sums(AccountId::PROMO_OPERATOR, day, day + 3).await.unwrap();
    let exchange = |purse, nano| sum(day, EntryKind::Exchange, Some(Class::Trial), purse, nano);
    assert_eq!(operator, [exchange(Purse::Cash, 1_000), exchange(Purse::Promo, -1_000)]);
}

async fn what_moved_an_accounts_money_is_listed(place: Place) {
    statements(&place).await;
    let entries =
        async |account, before, limit| place.catalog.account_rows(account, List::Entries, before, limit).await.unwrap();
    // Failed calls, and one that somebody else paid, moved nothing of hers.
    assert_eq!(entries(ALICE, None, 100).await, [8, 5, 2, 1]);
    assert_eq!(entries(ALICE, Some(8), 2).await, [5, 2]);
    assert_eq!(entries(ALICE, Some(2), 100).await, [1]);
    assert_eq!(entries(BOB, None, 100).await, [8, 7, 5, 4, 2]);
    assert_eq!(place.catalog.account_rows(ALICE, List::Calls, None, 2).await.unwrap(), [7, 6]);
}

async fn spending_is_known_by_key_and_by_account(place: Place) {
    statements(&place).await;
    let today = NOON.day() + 1;
    let spent = async |who, month, today| place.catalog.spent(who, month, today).await.unwrap();
    let both = Spent { day: nano(1_000), month: nano(2_000) };
    assert_eq!(spent(Spender::Account(ALICE), today - 1, today).await, both);
    assert_eq!(spent(Spender::Account(ALICE), today, today).await, Spent { day: nano(1_000), month: nano(1_000) });
    // All calls of these tests come with one key; carol's was paid from what she was granted.
    let key = Spender::Key(KeyId([7; 16]));
    assert_eq!(spent(key, today - 1, today).await, Spent { day: nano(1_000), month: nano(3_000) });
    assert_eq!(spent(key, today + 5, today + 5).await, Spent::default());
}

async fn trials_are_counted_by_who_paid_them(place: Place) {
    statements(&place).await;
    let minilm = place.catalog.release_by_id(RELEASE).await.unwrap().unwrap().model.id;
    let by_bob = TrialUse { hub: nano(0), model: nano(1_000), model_account: nano(1_000) };
    assert_eq!(place.catalog.trial_use(minilm, ALICE).await.unwrap(), by_bob);
    let sponsor = Some(Sponsor { account: AccountId::PROMO_OPERATOR, purse: Purse::Promo });
    let by_hub = ledger::Call { sponsor, ..call_of(CAROL, Purse::Promo, 9, 600) };
    project(&place, &[(9, Row::Call(Arc::new(by_hub)))]).await.unwrap();
    let carol = TrialUse { hub: nano(600), model: nano(1_000), model_account: nano(0) };
    assert_eq!(place.catalog.trial_use(minilm, CAROL).await.unwrap(), carol);
    assert_eq!(place.catalog.trial_use(ledger::ModelId([9; 16]), DAVE).await.unwrap(), TrialUse::default());
}

async fn an_owners_word_on_trials_is_kept(mut place: Place) {
    let id = ledger::ModelId([3; 16]);
    assert_eq!(place.catalog.trial(id).await.unwrap(), Trial { allowed: true, ..Trial::default() });
    let trial = Trial { allowed: false, budget: nano(100), per_account: nano(10) };
    place.catalog.set_trial(id, trial).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.trial(id).await.unwrap(), trial);
}

async fn limits_are_kept_and_found_with_the_key(mut place: Place) {
    place.catalog.add_account(&bob(), Some(&new_key(1, BOB))).await.unwrap();
    assert_eq!(place.catalog.limits(BOB).await.unwrap(), Limits::default());
    assert_eq!(place.catalog.limited().await.unwrap(), [BOB], "a key of his has a limit over a time");
    let limits = Limits { call: None, day: Some(nano(5)), month: Some(nano(50)) };
    for account in [BOB, CAROL] {
        place.catalog.set_limits(account, limits).await.unwrap();
    }
    place.reopen();
    assert_eq!(place.catalog.credential(&[1; 32]).await.unwrap().unwrap().limits, limits);
    assert_eq!(place.catalog.limited().await.unwrap(), [BOB, CAROL]);
    place.catalog.set_limits(CAROL, Limits { call: Some(nano(1)), ..Limits::default() }).await.unwrap();
    assert_eq!(place.catalog.limited().await.unwrap(), [BOB]);
}

async fn a_receipt_is_noted_with_its_first_signature(place: Place) {
    for signature in [[1; 65], [2; 65]] {
        place.catalog.add_receipt(call_id(1), 2, &signature, NOON).await.unwrap();
    }
}

async fn what_has_gathered_is_seen_when_it_is_written(place: Place) {
    seal(&*place.catalog).await;
    let rows = rows();
    assert_eq!(place.catalog.project(rows[..3].to_vec(), false).await.unwrap(), 3);
    assert_eq!(place.catalog.watermark().await.unwrap(), 0);
    assert_eq!(place.catalog.call_seq(call_id(1)).await.unwrap(), None);
    assert_eq!(place.catalog.project(rows[2..4].to_vec(), false).await.unwrap(), 4);
    assert_eq!(place.catalog.project(Vec::new(), true).await.unwrap(), 4);
    assert_eq!(place.catalog.watermark().await.unwrap(), 4);
    assert_eq!(place.catalog.call_seq(call_id(1)).await.unwrap(), Some(2));
    // A gap throws away what has gathered: whoever carries over begins again at the watermark.
    assert_eq!(place.catalog.project(rows[4..5].to_vec(), false).await.unwrap(), 5);
    let gap = vec![(9, Row::Call(Arc::new(call(9, 0))))];
    assert!(matches!(place.catalog.project(gap, true).await, Err(CatalogError::Failed { .. })));
    assert_eq!(place.catalog.watermark().await.unwrap(), 4);
    assert_eq!(place.catalog.project(rows[4..].to_vec(), true).await.unwrap(), 6);
}

async fn calls_and_costs_are_summed_by_class(place: Place) {
    statements(&place).await;
    let totals: Vec<(Class, u64, Amount)> = place.catalog.class_totals().await.unwrap();
    assert_eq!(totals, [(Class::Paid, 2, nano(2_000)), (Class::Trial, 2, nano(2_000))]);
}

async fn totals_count_other_peoples_cash_alone(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("other", "1.00", 2, NOON)).await.unwrap();
    project(&place, &rows()).await.unwrap();
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
    payers_stand_beside_what_they_paid,
    day_sums_are_the_balance_from_day_to_day,
    what_moved_an_accounts_money_is_listed,
    spending_is_known_by_key_and_by_account,
    trials_are_counted_by_who_paid_them,
    an_owners_word_on_trials_is_kept,
    limits_are_kept_and_found_with_the_key,
    a_receipt_is_noted_with_its_first_signature,
    a_webhook_is_one_of_its_account,
    an_alert_is_noted_once_and_told_until_it_is_delivered,
    what_has_gathered_is_seen_when_it_is_written,
    calls_and_costs_are_summed_by_class,
    totals_count_other_peoples_cash_alone,
    checks_of_a_release_add_up,
    checks_of_a_model_begin_with_its_newest_release,
    releases_that_were_not_checked_are_found,
    models_are_shown_with_their_latest_release,
    searches_are_kept_with_the_first_choice,
    old_searches_are_forgotten,
    a_model_is_made_once_whatever_its_case,
    a_name_that_was_given_up_leads_to_its_model_until_it_is_taken,
    a_model_can_have_its_name_back,
    a_rename_takes_nobodys_name,
    trials_that_an_owner_pays_end_with_the_ownership,
    a_renamed_model_keeps_its_releases,
    private_models_are_listed_for_their_group_alone,
    lists_are_filtered_ordered_and_cut,
    commits_have_numbers_parents_and_trees,
    a_branch_moves_from_its_head_alone,
    the_tree_of_the_head_again_is_the_same_commit,
    going_back_is_a_step_of_its_own,
    two_at_once_make_one_step,
    a_model_that_is_gone_takes_nothing,
    every_kind_of_revision_is_found,
    digits_that_several_commits_begin_with_name_none,
    a_log_goes_from_child_to_parent,
    names_of_commits_come_and_go,
    a_model_without_releases_is_removed_with_all_of_it,
    a_released_model_stays,
    what_git_calls_contents_is_noted_once,
    a_release_of_a_folder_is_the_next_commit_of_main,
    a_first_release_makes_model_and_commit,
    a_draft_is_of_the_newest_commit,
    unversioned_calls_go_to_the_first_release_of_a_model_that_had_none,
    a_release_under_a_name_that_was_given_up_takes_it,
    each_branch_has_a_draft_of_its_own,
    every_change_has_its_event_and_what_changes_nothing_has_none,
    numbers_are_dense_whatever_is_rolled_back,
    releases_say_what_unversioned_calls_get_from_then_on,
    a_check_that_fails_is_an_event_until_it_is_better,
    events_are_for_who_may_see_the_model_now,
    a_page_of_events_ends_where_the_next_begins,
    access_and_membership_are_told_to_those_they_concern,
    whoever_waits_wakes_when_something_happened,
    an_event_is_told_to_whom_it_concerns,
    a_delivery_is_due_until_it_is_told,
    webhooks_and_their_logs_are_bounded,
    a_price_holds_from_its_moment_on,
    a_price_that_was_refused_leaves_nothing,
    what_is_yanked_comes_after_the_rest_of_its_major,
    whoever_makes_an_organisation_is_its_first_admin,
    members_have_one_role_each_and_keep_their_time,
    the_last_admin_stays,
    an_account_makes_so_many_organisations,
    an_account_asks_once_and_is_answered,
    requests_are_listed_by_status_newest_first,
    a_model_says_whether_it_lets_in_whoever_asks_and_takes_its_requests_along,
    a_scan_is_kept_until_a_later_version_looks,
    what_was_not_scanned_is_found,
    a_dangerous_file_is_an_event_of_each_model_that_names_it_once,
    an_account_comes_with_its_way_in_or_not_at_all,
    the_last_way_in_stays,
    what_a_way_was_used_for_is_kept,
    a_challenge_is_taken_once_for_what_it_was_made_for,
    a_device_gets_one_answer_once,
    sessions_are_listed_apart_from_keys,
    what_a_model_names_is_not_collected,
    what_is_collected_is_known_until_it_is_gone_and_counted_once,
    a_model_that_is_removed_lets_go_of_what_it_named,
    whoever_asks_about_an_upload_puts_its_end_off,
    an_account_keeps_each_content_once,
    an_account_has_bounds_of_its_own,
    commits_are_counted_from_the_newest,
    a_standing_is_of_thirty_days_with_classes_apart,
    so_many_models_are_ranked_at_a_time,
    the_hubs_totals_begin_with_a_day,
    the_newest_models_begin_the_list,
    what_was_searched_in_vain_is_counted_by_its_words,
    a_key_stays_itself_under_another_secret,
    what_is_over_gets_no_other_secret,
    a_key_gets_so_many_secrets_in_a_year,
    an_account_has_one_open_report_of_a_model,
    reports_of_an_account_are_bounded_by_the_day,
    a_decision_answers_reports_and_stands_with_event_and_alert,
    what_is_restricted_stands_in_its_owners_lists_alone,
    what_was_taken_down_stays_as_it_is,
    whom_the_operator_knows_is_told_to_everybody,
];
