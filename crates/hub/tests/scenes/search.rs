//! Finding models: who finds what, how soon, and what is noted of it.

use std::fs;

use hub::{Filters, Kind, Query, SearchWish, Searched, Sort};
use registry::Access;
use store::{SearchRecord, Wanted};
use testkit::{TestHub, User, model, until};

fn wish(text: &str) -> SearchWish {
    let query = Query { text: text.to_owned(), limit: 20, facets: true, ..Query::default() };
    SearchWish { query, surface: "api", current: false }
}

/// The same, of a task.
fn of_task(task: &str) -> SearchWish {
    let filters = Filters { of: vec![(Kind::Task, task.to_owned())], released: true, ..Filters::default() };
    let wish = wish("");
    SearchWish { query: Query { filters, ..wish.query }, ..wish }
}

async fn search(hub: &TestHub, viewer: Option<&User>, wish: SearchWish) -> Searched {
    hub.hub().search(viewer.map(User::caller), wish).await.unwrap()
}

fn names(found: &Searched) -> Vec<String> {
    found.items.iter().map(|item| item.shown.repository.model.name.to_string()).collect()
}

/// Waits until these are found, in this order.
async fn finds(hub: &TestHub, viewer: Option<&User>, wish: SearchWish, expected: &[&str]) {
    until(&format!("{expected:?} for {:?}", wish.query.text), async || {
        let found = search(hub, viewer, wish.clone()).await;
        (found.complete && names(&found) == expected).then_some(())
    })
    .await;
}

const CARD: &str = "---\ntitle: Tells flowers apart\npipeline_tag: tabular-classification\nlicense: mit\ntags: [botany]\n---\n# Iris\n\nMeasures petals.\n";

#[tokio::test]
async fn a_model_is_found_as_soon_as_it_is_published_and_as_it_is_now() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    alice.publish("alice/iris").card(CARD).price("0.002 OPG").await.unwrap();
    for text in ["iris", "alice/iris", "flowers", "botany", "tabular classificaton", "petals", "flowrs irs"] {
        let expected: &[&str] = if text == "flowrs irs" { &[] } else { &["alice/iris"] };
        finds(&hub, None, wish(text), expected).await;
    }
    finds(&hub, Some(&bob), of_task("tabular-classification"), &["alice/iris"]).await;
    let found = search(&hub, None, wish("iris")).await;
    assert_eq!((found.total, found.items[0].position), (1, 0));
    assert_eq!(found.items[0].cost.unwrap().to_string(), "0.002");
    let values = |kind| found.facets.iter().find(|(known, _)| *known == kind).unwrap().1.clone();
    assert_eq!(values(Kind::Licence)[0].value, "mit");
    assert_eq!(values(Kind::Format)[0].value, "onnx");

    hub.hub().rename(alice.caller(), &model("alice/iris"), &model("alice/rose")).await.unwrap();
    finds(&hub, None, wish("rose"), &["alice/rose"]).await;
    let again = search(&hub, None, wish("botany")).await;
    assert_eq!(names(&again), ["alice/rose"]);
    hub.hub().set_access(alice.caller(), &model("alice/rose"), Access::Open).await.unwrap();
    let mut open = wish("");
    open.query.filters.of.push((Kind::Access, "open".to_owned()));
    finds(&hub, None, open, &["alice/rose"]).await;
    hub.finish().await;
}

#[tokio::test]
async fn what_is_private_is_found_by_its_group_alone() {
    let hub = TestHub::start().await;
    let [alice, bob] = [hub.user("alice").await, hub.user("bob").await];
    alice.publish("alice/secret").card(CARD).await.unwrap();
    finds(&hub, None, wish("secret"), &["alice/secret"]).await;
    hub.hub().set_private(alice.caller(), &model("alice/secret"), true).await.unwrap();
    // The store has the last word, also while the index has not heard of it.
    for viewer in [None, Some(&bob)] {
        assert_eq!(names(&search(&hub, viewer, wish("secret")).await), [""; 0]);
    }
    finds(&hub, Some(&alice), wish("secret"), &["alice/secret"]).await;
    until("nothing tells of it", async || {
        let found = search(&hub, Some(&bob), wish("")).await;
        (found.total == 0 && found.facets.iter().all(|(_, values)| values.is_empty())).then_some(())
    })
    .await;
    hub.finish().await;
}

#[tokio::test]
async fn a_model_that_is_removed_is_found_no_more() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    hub.hub().create(alice.caller(), &model("alice/empty"), false).await.unwrap();
    finds(&hub, None, wish("empty"), &["alice/empty"]).await;
    // One without a release cannot be called, so whoever seeks what can be called does not find it.
    let mut callable = wish("empty");
    callable.query.filters.released = true;
    finds(&hub, None, callable, &[]).await;
    hub.hub().remove(alice.caller(), &model("alice/empty")).await.unwrap();
    finds(&hub, None, wish("empty"), &[]).await;
    hub.finish().await;
}

#[tokio::test]
async fn an_index_that_is_lost_or_damaged_is_made_again_from_the_store() {
    let hub = TestHub::set().index_on_disk().start().await;
    let alice = hub.user("alice").await;
    for name in ["alice/one", "alice/two"] {
        alice.publish(name).card(CARD).await.unwrap();
        hub.clock().advance_ms(1_000);
    }
    let mut newest = wish("botany");
    newest.query.sort = Sort::New;
    let folder = hub.folder().join("search");
    finds(&hub, None, newest.clone(), &["alice/two", "alice/one"]).await;
    hub.restart().await;
    finds(&hub, None, newest.clone(), &["alice/two", "alice/one"]).await;

    fs::write(folder.join("meta.json"), "what is this").unwrap();
    hub.restart().await;
    finds(&hub, None, newest.clone(), &["alice/two", "alice/one"]).await;

    // Inside of a file, where opening it shows nothing.
    let part = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let part = part.into_iter().find(|file| file.extension().is_some_and(|end| end == "term")).unwrap();
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::remove_file(&part).unwrap();
    fs::write(&part, bytes).unwrap();
    hub.restart().await;
    finds(&hub, None, newest.clone(), &["alice/two", "alice/one"]).await;

    // The hub may be writing there.
    until("the folder is gone", async || fs::remove_dir_all(&folder).ok()).await;
    hub.restart().await;
    finds(&hub, None, newest, &["alice/two", "alice/one"]).await;
    hub.finish().await;
}

#[tokio::test]
async fn the_most_used_come_first_and_prices_are_those_that_hold() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/cheap").card(CARD).price("0.001 OPG").await.unwrap();
    alice.publish("alice/dear").card(CARD).price("0.01 OPG").await.unwrap();
    let bob = hub.user("bob").await.funded("1").await;
    bob.infer("alice/dear").await.unwrap();
    let sorted = |sort, max_price| {
        let wish = of_task("tabular-classification");
        let filters = Filters { max_price, ..wish.query.filters };
        SearchWish { query: Query { sort, filters, ..wish.query }, ..wish }
    };
    finds(&hub, None, sorted(Sort::Price, None), &["alice/cheap", "alice/dear"]).await;
    finds(&hub, None, sorted(Sort::Used, None), &["alice/dear", "alice/cheap"]).await;
    finds(&hub, None, sorted(Sort::Price, Some(1_000_000)), &["alice/cheap"]).await;
    hub.finish().await;
}

/// Waits until so many searches are noted.
async fn noted(hub: &TestHub, count: usize) -> Vec<SearchRecord> {
    until("searches are noted", async || {
        let noted = hub.hub().searches(100).await.unwrap();
        (noted.len() >= count).then_some(noted)
    })
    .await
}

async fn is_noted(hub: &TestHub, found: &Searched) -> Option<()> {
    let noted = hub.hub().searches(100).await.unwrap();
    noted.iter().any(|row| row.id == found.id).then_some(())
}

#[tokio::test]
async fn searches_are_noted_with_what_they_showed_and_what_was_chosen() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    alice.publish("alice/iris").card(CARD).await.unwrap();
    hub.hub().create(alice.caller(), &model("alice/iris-two"), false).await.unwrap();
    let models = hub.catalog().repositories(&Wanted { limit: 10, ..Wanted::default() }).await.unwrap();
    assert_eq!(models.len(), 2);
    until("both are found", async || (search(&hub, None, wish("iris")).await.total == 2).then_some(())).await;
    let found = search(&hub, Some(&alice), wish("iris")).await;
    let shown: Vec<_> = found.items.iter().map(|item| item.shown.repository.model.id).collect();
    let nothing = search(&hub, None, wish("zeppelin")).await;
    let row = |noted: &[SearchRecord], id| noted.iter().find(|row| row.id == id).cloned();
    let noted = until("both are noted", async || {
        let noted = noted(&hub, 2).await;
        row(&noted, nothing.id).and(row(&noted, found.id)).map(|_| noted)
    })
    .await;
    let first = row(&noted, found.id).unwrap();
    assert_eq!(
        (first.account, first.query.as_str(), first.surface.as_str()),
        (Some(alice.caller().account().id), "iris", "api")
    );
    assert_eq!((first.shown.as_slice(), first.total, first.chosen), (shown.as_slice(), 2, None));
    let empty = row(&noted, nothing.id).unwrap();
    assert_eq!((empty.account, empty.total, empty.shown.len()), (None, 0, 0));

    // What was not shown there is no choice.
    hub.hub().chose(found.id, 0, shown[1]);
    hub.hub().chose(found.id, 1, shown[1]);
    until("the choice is noted", async || {
        let noted = hub.hub().searches(100).await.unwrap();
        (row(&noted, found.id)?.chosen == Some(1)).then_some(())
    })
    .await;
    hub.finish().await;
}

#[tokio::test]
async fn a_key_for_single_models_finds_no_other_private_ones() {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    for name in ["alice/iris-one", "alice/iris-two"] {
        hub.hub().create(alice.caller(), &model(name), true).await.unwrap();
        hub.clock().advance_ms(1_000);
    }
    let keyed = |scopes: &[store::Scope], models: Option<Vec<registry::ModelName>>| hub::KeyWish {
        name: "another".to_owned(),
        scopes: scopes.to_vec(),
        models,
        limits: hub::Limits::default(),
        rate: None,
        expires_in_days: None,
    };
    let one = alice.with_key(keyed(&[store::Scope::Read], Some(vec![model("alice/iris-ONE")]))).await.unwrap();
    let none = alice.with_key(keyed(&[store::Scope::Call], None)).await.unwrap();
    let mut iris = wish("iris");
    iris.query.sort = Sort::Updated;
    finds(&hub, Some(&alice), iris.clone(), &["alice/iris-two", "alice/iris-one"]).await;
    finds(&hub, Some(&one), iris.clone(), &["alice/iris-one"]).await;
    finds(&hub, Some(&none), iris.clone(), &[]).await;
    hub.finish().await;
}

#[tokio::test]
async fn what_three_accounts_missed_is_wanted_until_somebody_publishes_it() {
    let hub = TestHub::start().await;
    let [alice, bob, carol] = [hub.user("alice").await, hub.user("bob").await, hub.user("carol").await];
    let board = async || {
        // The last one is a minute old by then.
        hub.clock().advance_ms(60_000);
        let wanted = hub.hub().wanted().await.unwrap();
        wanted.iter().map(|missed| (missed.words.clone(), missed.times)).collect::<Vec<_>>()
    };
    alice.publish("alice/iris").card(CARD).await.unwrap();
    finds(&hub, None, wish("iris"), &["alice/iris"]).await;
    // What was there, but not so cheap; who is nobody; one alone, often; an address.
    let mut cheap = wish("iris");
    cheap.query.filters.max_price = Some(0);
    cheap.query.filters.of.push((Kind::Licence, "apache-2.0".to_owned()));
    for viewer in [&alice, &bob, &carol] {
        assert_eq!(search(&hub, Some(viewer), cheap.clone()).await.total, 0);
        search(&hub, Some(viewer), wish("buy at evil.example")).await;
        search(&hub, None, wish("zeppelin")).await;
        search(&hub, Some(&alice), wish("airship")).await;
    }
    for (viewer, text) in [(&alice, "plum  Sorter"), (&bob, "plum sorter"), (&bob, "plum sorter")] {
        let last = search(&hub, Some(viewer), wish(text)).await;
        until("it is noted", async || is_noted(&hub, &last).await).await;
    }
    assert_eq!(board().await, []);

    let last = search(&hub, Some(&carol), wish("PLUM sorter")).await;
    until("it is noted", async || is_noted(&hub, &last).await).await;
    // Until a minute is over it is what it was.
    assert_eq!(hub.hub().wanted().await.unwrap().len(), 0);
    assert_eq!(board().await, [("plum sorter".to_owned(), 3)]);

    bob.publish("bob/plum-sorter").card(CARD).await.unwrap();
    finds(&hub, None, wish("plum sorter"), &["bob/plum-sorter"]).await;
    assert_eq!(board().await, []);
    hub.finish().await;
}
