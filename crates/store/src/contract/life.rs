//! What becomes of releases: cases of the catalogue's contract.

use ledger::{Price, ReleaseId, Time};

use super::catalog::Place;
use super::release::{release, seal};
use crate::tests::scene::{ACT, ALICE, NOON, RELEASE};
use crate::{Act, CatalogError, EventKind, NewPrice, NewRelease};

const NOTICE: i64 = 14 * Time::DAY_MS;

fn price(text: &str) -> Price {
    Price::per_call(text.parse().unwrap())
}

fn days(days: i64) -> Time {
    NOON.plus_ms(days * Time::DAY_MS)
}

/// Gives the first release another price on that day.
async fn set(place: &Place, day: i64, text: &str, from: Option<i64>) -> Result<Option<Time>, CatalogError> {
    let new = NewPrice { release: RELEASE, price: price(text), from: from.map(days), notice_ms: NOTICE };
    let act = Act { by: ALICE, at: days(day) };
    Ok(place.catalog.set_price(&new, act).await?.map(|step| step.from))
}

/// What the first release costs on these days, as a reader of the first of them sees it.
async fn costs(place: &Place, on: &[i64]) -> Vec<String> {
    let found = place.catalog.release_by_id(RELEASE).await.unwrap().unwrap();
    on.iter().map(|day| found.price_at(days(*day)).to_string()).collect()
}

pub(super) async fn a_price_holds_from_its_moment_on(mut place: Place) {
    seal(&*place.catalog).await;
    let sealed = "0.0002 USD per call";
    assert_eq!(set(&place, 1, "0.0001 USD", None).await.unwrap(), Some(days(1)));
    assert_eq!(set(&place, 1, "0.0001 USD", None).await.unwrap(), None, "nothing changes");
    assert_eq!(set(&place, 2, "0.0003 USD", None).await.unwrap(), Some(days(16)));
    place.reopen();
    let found = place.catalog.release_by_id(RELEASE).await.unwrap().unwrap();
    assert_eq!((found.price, found.prices.len()), (price("0.0002 USD"), 2), "what was sealed stays");
    assert_eq!(found.coming_price(days(2)).map(|step| step.from), Some(days(16)));
    assert_eq!(
        costs(&place, &[0, 1, 15, 16]).await,
        [sealed, "0.0001 USD per call", "0.0001 USD per call", "0.0003 USD per call"]
    );
    // The announcement is taken back, then made again for later, and comes about.
    assert_eq!(set(&place, 3, "0.0001 USD", None).await.unwrap(), Some(days(3)));
    assert_eq!(costs(&place, &[3, 16]).await, ["0.0001 USD per call"; 2]);
    set(&place, 4, "0.0003 USD", Some(20)).await.unwrap();
    set(&place, 21, "0.00005 USD", None).await.unwrap();
    assert_eq!(costs(&place, &[21, 99]).await, ["0.00005 USD per call"; 2]);
    let all: Vec<_> = place.catalog.prices(RELEASE).await.unwrap().iter().map(|step| step.from).collect();
    assert_eq!(all, [days(1), days(3), days(20), days(21)]);
    let events = place.catalog.events_after(0, 99).await.unwrap();
    let told: Vec<_> = events.iter().filter(|event| event.kind == EventKind::ReleasePrice).collect();
    assert_eq!(told.len(), 5);
    let detail: serde_json::Value = serde_json::from_str(&told[1].detail).unwrap();
    let from = days(16).to_string();
    let expected = serde_json::json!({
        "v": 1, "model": "bob/minilm", "release": "1.00", "price": {"per_call": "0.0003 USD"},
        "before": {"per_call": "0.0001 USD"}, "from": from,
    });
    assert_eq!((told[1].actor, told[1].at, detail), (Some(ALICE), days(2), expected));
}

pub(super) async fn a_price_that_was_refused_leaves_nothing(place: Place) {
    seal(&*place.catalog).await;
    let before = place.catalog.last_event().await.unwrap();
    for (text, from) in [("0.0003 USD", Some(13)), ("0.0001 OPG", Some(1)), ("0.0001 USD", Some(-1))] {
        let refused = set(&place, 0, text, from).await;
        assert!(matches!(refused, Err(CatalogError::Tariff(_))), "{text}: {refused:?}");
    }
    assert_eq!(place.catalog.prices(RELEASE).await.unwrap(), []);
    assert_eq!(place.catalog.last_event().await.unwrap(), before);
    let nobodys = NewPrice { release: ReleaseId([0xee; 16]), price: price("0 OPG"), from: None, notice_ms: 0 };
    assert_eq!(place.catalog.set_price(&nobodys, ACT).await.unwrap(), None);
}

pub(super) async fn what_is_yanked_comes_after_the_rest_of_its_major(mut place: Place) {
    seal(&*place.catalog).await;
    let second = ReleaseId([2; 16]);
    for (number, id) in [("1.01", 2), ("2.00", 3)] {
        place.catalog.seal(&NewRelease { ..release("minilm", number, id, days(i64::from(id))) }).await.unwrap();
    }
    let name = "bob/minilm".parse().unwrap();
    let latest = async || {
        let found = place.catalog.release(&name, None).await.unwrap().unwrap();
        let listed = place.catalog.listing(0, 9).await.unwrap().remove(0).0;
        let repository = place.catalog.repository(&name).await.unwrap().unwrap();
        assert_eq!((listed.number, repository.latest), (found.number, Some(found.number)));
        (found.number.to_string(), found.yanked)
    };
    assert_eq!(latest().await, ("1.01".to_owned(), None));
    assert!(place.catalog.yank(second, Some("wrong"), NOTICE, ACT).await.unwrap());
    assert!(!place.catalog.yank(second, Some("wrong"), NOTICE, ACT).await.unwrap(), "it is");
    assert!(place.catalog.yank(second, Some("very wrong"), NOTICE, ACT).await.unwrap(), "for another reason");
    assert_eq!(latest().await, ("1.00".to_owned(), None));
    assert!(place.catalog.yank(RELEASE, Some("old"), NOTICE, ACT).await.unwrap());
    assert_eq!(latest().await, ("1.01".to_owned(), Some("very wrong".to_owned())), "no other major");
    let model = place.catalog.repository(&name).await.unwrap().unwrap().model.id;
    let yanked = [("1.00".parse().unwrap(), "old".to_owned()), ("1.01".parse().unwrap(), "very wrong".to_owned())];
    assert_eq!(place.catalog.yanked(model).await.unwrap(), yanked);
    let named = place.catalog.release(&name, Some("1.00".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(named.yanked.as_deref(), Some("old"));
    assert!(place.catalog.yank(second, None, NOTICE, ACT).await.unwrap());
    assert!(!place.catalog.yank(second, None, NOTICE, ACT).await.unwrap());
    assert!(!place.catalog.yank(ReleaseId([0xee; 16]), Some("x"), NOTICE, ACT).await.unwrap(), "there is none");
    assert_eq!(latest().await, ("1.01".to_owned(), None));
    place.reopen();
    assert_eq!(place.catalog.release_by_id(RELEASE).await.unwrap().unwrap().yanked.as_deref(), Some("old"));
}
