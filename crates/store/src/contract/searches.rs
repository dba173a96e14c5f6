//! What a search index is made of, and what was searched: cases of the catalogue's contract.

use ledger::{AccountId, ModelId, ReleaseId, Time};

use super::catalog::Place;
use super::release::seal;
use crate::tests::scene::{NOON, RELEASE};
use crate::{Choice, KEPT_SEARCHES_MS, SearchId, SearchRecord};

fn search(number: u8, at: Time, shown: &[ModelId]) -> SearchRecord {
    SearchRecord {
        id: SearchId([number; 16]),
        at,
        account: (number == 1).then_some(AccountId([7; 16])),
        surface: "api".to_owned(),
        query: format!("query {number}"),
        facets: "{}".to_owned(),
        sort: "relevance".to_owned(),
        start: 20,
        shown: shown.to_vec(),
        total: shown.len() as u64,
        chosen: None,
    }
}

pub(super) async fn models_are_shown_with_their_latest_release(place: Place) {
    let catalog = &*place.catalog;
    seal(catalog).await;
    let id = ModelId([RELEASE.0[0]; 16]);
    let nobody = ModelId([0xee; 16]);
    let shown = catalog.shown(&[nobody, id]).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].repository.model.id, id);
    assert_eq!(shown[0].release.as_ref().map(|release| release.id), Some(RELEASE));
    assert_eq!(catalog.models_after(None, 10).await.unwrap(), [id]);
    assert_eq!(catalog.models_after(Some(id), 10).await.unwrap(), []);
    assert_eq!(catalog.models_of(&[RELEASE, RELEASE]).await.unwrap(), [id]);
    let names = catalog.release_names(&[RELEASE, RELEASE, ReleaseId([0xee; 16])]).await.unwrap();
    let latest = shown[0].release.as_ref().unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [(RELEASE, (latest.model.name.clone(), latest.number))]);
    assert_eq!(catalog.repriced(Time(0), NOON).await.unwrap(), []);
}

pub(super) async fn searches_are_kept_with_the_first_choice(mut place: Place) {
    let [one, two] = [ModelId([1; 16]), ModelId([2; 16])];
    let searches = [search(1, NOON, &[one, two]), search(2, NOON.plus_ms(1), &[])];
    place.catalog.add_searches(&searches, &[]).await.unwrap();
    let choose = |search, position, model| Choice { search: SearchId([search; 16]), position, model };
    // What was not shown there, or not at all, or by no search, is no choice.
    let wrong = [choose(1, 20, two), choose(1, 0, one), choose(1, 22, one), choose(2, 20, one), choose(9, 20, one)];
    place.catalog.add_searches(&[], &wrong).await.unwrap();
    assert_eq!(place.catalog.searches(10).await.unwrap(), [searches[1].clone(), searches[0].clone()]);
    place.catalog.add_searches(&[], &[choose(1, 21, two), choose(1, 20, one)]).await.unwrap();
    place.reopen();
    let chosen = SearchRecord { chosen: Some(21), ..searches[0].clone() };
    assert_eq!(place.catalog.searches(1).await.unwrap(), [searches[1].clone()]);
    assert_eq!(place.catalog.searches(10).await.unwrap()[1], chosen);
}

pub(super) async fn old_searches_are_forgotten(place: Place) {
    place.catalog.add_searches(&[search(1, NOON, &[]), search(2, NOON.plus_ms(9), &[])], &[]).await.unwrap();
    place.catalog.add_searches(&[search(3, NOON.plus_ms(KEPT_SEARCHES_MS + 1), &[])], &[]).await.unwrap();
    let kept: Vec<_> = place.catalog.searches(10).await.unwrap().into_iter().map(|search| search.query).collect();
    assert_eq!(kept, ["query 3", "query 2"]);
}
