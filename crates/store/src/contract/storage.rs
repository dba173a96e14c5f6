//! Who handed what in, what names it, what is collected, and how much somebody may: cases of the catalogue's contract.

use ledger::{AccountId, ModelId, Time};
use registry::{Digest, Tree};

use super::catalog::Place;
use super::repositories::{FIRST, change, echo, tree};
use crate::events::Act;
use crate::tests::scene::{ALICE, BOB, NOON};
use crate::{CatalogError, Collection, Quota, Usage};

/// So late that everything is old.
const LATE: Time = Time(i64::MAX);

async fn hand_in(place: &Place, owner: AccountId, tree: &Tree, at: Time) {
    for file in tree.files() {
        place.catalog.add_upload(owner, file.sha256, file.size, at).await.unwrap();
    }
}

/// What a walk finds, in the order of the contents.
async fn unnamed(place: &Place, before: Time) -> Vec<(Digest, u64)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        // So few at a time that the walk has several steps.
        let (some, last) = place.catalog.unnamed(after, before, 1).await.unwrap();
        found.extend(some);
        if last.is_none() {
            return found;
        }
        after = last;
    }
}

pub(super) async fn what_a_model_names_is_not_collected(mut place: Place) {
    let model = echo(&place).await.model;
    let (named, waits) = (tree("one"), tree("two"));
    for tree in [&named, &waits] {
        hand_in(&place, BOB, tree, NOON).await;
    }
    hand_in(&place, ALICE, &waits, NOON.plus_ms(9)).await;
    place.catalog.commit(&change("one", None)).await.unwrap();
    place.reopen();
    let two = (Digest::of(b"two"), 3);
    assert_eq!(unnamed(&place, NOON.plus_ms(9)).await, [], "alice has handed it in later");
    assert_eq!(unnamed(&place, NOON.plus_ms(10)).await, [two]);
    let all: Vec<_> =
        [&named, &waits].iter().flat_map(|tree| tree.files()).map(|file| (file.sha256, file.size)).collect();
    assert_eq!(place.catalog.collect(&all, NOON.plus_ms(9), NOON).await.unwrap(), []);
    assert_eq!(place.catalog.collect(&all, NOON.plus_ms(10), NOON).await.unwrap(), [two]);
    assert_eq!(place.catalog.upload(ALICE, two.0).await.unwrap(), None);
    assert_eq!(place.catalog.upload(BOB, Digest::of(b"one")).await.unwrap(), Some(3));
    assert_eq!(place.catalog.named_by(model.id, Digest::of(b"one")).await.unwrap(), Some(3));
    assert_eq!(place.catalog.named_by(model.id, two.0).await.unwrap(), None);
    place.reopen();
    let refused = place.catalog.commit(&change("two", Some(1))).await;
    assert!(matches!(refused, Err(CatalogError::Collected { blob }) if blob == two.0), "{refused:?}");
    place.catalog.add_upload(BOB, two.0, two.1, NOON).await.unwrap();
    place.catalog.commit(&change("two", Some(1))).await.unwrap();
    assert_eq!(place.catalog.collect(&all, LATE, NOON).await.unwrap(), []);
}

pub(super) async fn what_is_collected_is_known_until_it_is_gone_and_counted_once(mut place: Place) {
    echo(&place).await;
    let (one, two, lost) = (Digest::of(b"one"), Digest::of(b"two"), Digest::of(b"lost"));
    for blob in [one, two] {
        place.catalog.add_upload(BOB, blob, 3, NOON).await.unwrap();
    }
    assert_eq!(place.catalog.unknown(&[one, two, lost]).await.unwrap(), [lost]);
    place.catalog.collect(&[(two, 3)], LATE, NOON.plus_ms(1)).await.unwrap();
    place.catalog.collect(&[(one, 3)], LATE, NOON).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.to_remove(9).await.unwrap(), [one, two], "the longest waiting first");
    assert_eq!(place.catalog.to_remove(1).await.unwrap(), [one]);
    assert_eq!(place.catalog.unknown(&[one, two, lost]).await.unwrap(), [lost], "it is known that they go");
    place.catalog.add_upload(ALICE, two, 3, NOON).await.unwrap();
    assert_eq!(place.catalog.still_to_remove(&[one, two, lost]).await.unwrap(), [one]);
    for _ in 0..2 {
        place.catalog.removed(&[one, two]).await.unwrap();
    }
    let sums = Collection { blobs: 1, bytes: 3, waiting_blobs: 0, waiting_bytes: 0 };
    assert_eq!(place.catalog.collection().await.unwrap(), sums);
    assert_eq!(place.catalog.to_remove(9).await.unwrap(), []);
    assert_eq!(place.catalog.unknown(&[one]).await.unwrap(), [one], "a file that comes back is nobody's");
    // A content that nobody handed in is refused as long as it is known to be gone.
    let naming = change("one", None);
    assert!(matches!(place.catalog.commit(&naming).await, Err(CatalogError::Collected { .. })));
    place.catalog.forget_removed(NOON).await.unwrap();
    assert!(matches!(place.catalog.commit(&naming).await, Err(CatalogError::Collected { .. })));
    place.catalog.forget_removed(NOON.plus_ms(1)).await.unwrap();
    place.catalog.commit(&naming).await.unwrap();
}

pub(super) async fn a_model_that_is_removed_lets_go_of_what_it_named(mut place: Place) {
    echo(&place).await;
    let (one, same) = (Digest::of(b"one"), Digest::of(b"same"));
    hand_in(&place, BOB, &tree("one"), NOON).await;
    place.catalog.commit(&change("one", None)).await.unwrap();
    assert_eq!(unnamed(&place, LATE).await, []);
    place.catalog.remove_repository(FIRST, Act { by: BOB, at: NOON.plus_ms(5) }).await.unwrap();
    place.reopen();
    assert_eq!(unnamed(&place, NOON.plus_ms(5)).await, [], "its time begins again");
    let mut both = [(one, 3), (same, 4)];
    both.sort();
    assert_eq!(unnamed(&place, NOON.plus_ms(6)).await, both);
}

pub(super) async fn whoever_asks_about_an_upload_puts_its_end_off(place: Place) {
    echo(&place).await;
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    place.catalog.add_upload(BOB, other, 5, NOON).await.unwrap();
    let ask = |since: i64, at: i64| place.catalog.touch_upload(BOB, other, NOON.plus_ms(since), NOON.plus_ms(at));
    assert_eq!(ask(0, 7).await.unwrap(), Some(5));
    assert_eq!(unnamed(&place, NOON.plus_ms(1)).await, [(other, 5)], "it was of now already");
    assert_eq!(ask(1, 7).await.unwrap(), Some(5));
    assert_eq!(unnamed(&place, NOON.plus_ms(7)).await, []);
    assert_eq!(place.catalog.touch_upload(ALICE, other, LATE, LATE).await.unwrap(), None, "it is not hers");
    assert_eq!(place.catalog.touch_upload(BOB, one, LATE, LATE).await.unwrap(), None);
}

pub(super) async fn an_account_keeps_each_content_once(place: Place) {
    let model = echo(&place).await.model;
    let usage = |account| place.catalog.usage(account);
    assert_eq!(usage(BOB).await.unwrap(), Usage { named_bytes: 0, waiting_bytes: 0, models: 1 });
    for content in ["one", "three"] {
        hand_in(&place, BOB, &tree(content), NOON).await;
    }
    assert_eq!(usage(BOB).await.unwrap().waiting_bytes, 3 + 5 + 4);
    place.catalog.commit(&change("one", None)).await.unwrap();
    place.catalog.commit(&change("three", Some(1))).await.unwrap();
    place.catalog.commit(&change("one", Some(2))).await.unwrap();
    assert_eq!(usage(BOB).await.unwrap(), Usage { named_bytes: 12, waiting_bytes: 0, models: 1 });
    place.catalog.add_upload(ALICE, Digest::of(b"one"), 3, NOON).await.unwrap();
    assert_eq!(usage(ALICE).await.unwrap(), Usage::default(), "it takes no place beside bob's");
    let to = "alice/echo".parse().unwrap();
    place.catalog.rename(model.id, ALICE, &to, Act { by: BOB, at: NOON }).await.unwrap();
    assert_eq!(usage(ALICE).await.unwrap(), Usage { named_bytes: 12, waiting_bytes: 0, models: 1 });
    assert_eq!(usage(BOB).await.unwrap(), Usage::default(), "it is hers now");
}

pub(super) async fn an_account_has_bounds_of_its_own(mut place: Place) {
    echo(&place).await;
    assert_eq!(place.catalog.quota(BOB).await.unwrap(), Quota::default());
    let quota = Quota { bytes: Some(u64::MAX), models: Some(0), commits_per_hour: None, commits_per_day: Some(7) };
    place.catalog.set_quota(BOB, quota).await.unwrap();
    place.reopen();
    let most = Quota { bytes: Some(i64::MAX as u64), ..quota };
    assert_eq!(place.catalog.quota(BOB).await.unwrap(), most);
    assert_eq!(place.catalog.quota(ALICE).await.unwrap(), Quota::default());
    place.catalog.set_quota(BOB, Quota::default()).await.unwrap();
    assert_eq!(place.catalog.quota(BOB).await.unwrap(), Quota::default());
}

pub(super) async fn commits_are_counted_from_the_newest(place: Place) {
    echo(&place).await;
    for (number, content) in ["one", "two", "three"].into_iter().enumerate() {
        let parent = Some(number as u64).filter(|number| *number > 0);
        let commit = crate::NewCommit { at: NOON.plus_ms(number as i64), ..change(content, parent) };
        place.catalog.commit(&commit).await.unwrap();
    }
    let times = |since: i64, limit| place.catalog.commit_times(FIRST, NOON.plus_ms(since), limit);
    assert_eq!(times(-1, 9).await.unwrap(), [2, 1, 0].map(|ms| NOON.plus_ms(ms)));
    assert_eq!(times(0, 9).await.unwrap(), [2, 1].map(|ms| NOON.plus_ms(ms)));
    assert_eq!(times(-1, 1).await.unwrap(), [NOON.plus_ms(2)]);
    assert_eq!(place.catalog.commit_times(ModelId([9; 16]), NOON, 9).await.unwrap(), []);
}
