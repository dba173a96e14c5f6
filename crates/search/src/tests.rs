//! What is found, and in which order: stories over a small index, and one over 20,000 generated models.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use crate::generated::{self, Chance};
use crate::{Change, Document, Error, Facet, Filters, Found, Index, Kind, Query, Seen, Sort, State};

const DONE: State = State { seq: 1, at: None, reading: false, complete: true };

fn model(number: u8, full: &str) -> Document {
    let (handle, name) = full.split_once('/').unwrap();
    Document {
        id: [number; 16],
        owner: [handle.as_bytes()[0]; 16],
        released: true,
        handle: handle.to_owned(),
        name: name.to_owned(),
        access: "sealed".to_owned(),
        created: u64::from(number),
        updated: 100 - u64::from(number),
        ..Document::default()
    }
}

fn index_of(models: Vec<Document>) -> Index {
    let index = Index::in_memory();
    index.write(&put(models), DONE).unwrap();
    index
}

fn put(models: Vec<Document>) -> Vec<Change> {
    models.into_iter().map(|model| Change::Put(Box::new(model))).collect()
}

fn query(text: &str) -> Query {
    Query { text: text.to_owned(), limit: 20, ..Query::default() }
}

/// The numbers of what was found.
fn numbers(found: &Found) -> Vec<u8> {
    found.ids.iter().map(|id| id[0]).collect()
}

fn find(index: &Index, query: &Query) -> Vec<u8> {
    numbers(&index.find(query).unwrap())
}

fn flowers() -> Index {
    index_of(vec![
        Document { summary: "Tells iris flowers apart".to_owned(), ..model(1, "alice/Flower-Classifier") },
        Document { title: "Iris".to_owned(), ..model(2, "bob/petals") },
        model(3, "bob/iris"),
        Document { text: "An irisch sentiment".to_owned(), ..model(4, "carol/sentiment-de") },
        Document { tags: vec!["Iris".to_owned()], ..model(5, "dave/other") },
        model(6, "bob/irises-large"),
    ])
}

#[test]
fn a_name_counts_more_than_a_title_and_a_title_more_than_a_text() {
    // Behind the exact words come longer ones and those with a typo, of names first.
    assert_eq!(find(&flowers(), &query("iris")), [3, 6, 5, 2, 1, 4]);
    assert_eq!(find(&flowers(), &query("BOB/Iris"))[0], 3);
    assert_eq!(find(&flowers(), &query("iris flowers")), [1]);
    assert_eq!(find(&flowers(), &query("flower class")), [1]);
}

#[test]
fn typos_are_forgiven_by_the_length_of_the_word() {
    let index = flowers();
    for typed in ["sentimnet", "sentimemt", "sentimant", "sntimnet"] {
        assert_eq!(find(&index, &query(typed)), [4], "{typed}");
    }
    for typed in ["flowre classifier", "flwer classifyer"] {
        assert_eq!(find(&index, &query(typed)), [1], "{typed}");
    }
    // Three letters are near too many words, and three typos are too many.
    assert_eq!(find(&index, &query("iri sentiment")), [0; 0]);
    assert_eq!(find(&index, &query("sntmnt")), [0; 0]);
    assert_eq!(find(&index, &query("?!")), [0; 0]);
}

#[test]
fn facets_narrow_and_are_counted() {
    let of = |number, task: &str, access: &str, price: Option<u64>| Document {
        task: Some(task.to_owned()),
        access: access.to_owned(),
        price,
        licences: vec!["mit".to_owned()],
        ..model(number, "alice/m")
    };
    let index = index_of(vec![
        of(1, "fill-mask", "open", Some(5)),
        of(2, "fill-mask", "sealed", Some(7)),
        of(3, "ranking", "sealed", None),
        Document { released: false, ..of(4, "ranking", "open", Some(9)) },
    ]);
    let with = |filters: Filters| Query { filters, facets: true, sort: Sort::Price, ..query("") };
    let found = index.find(&with(Filters::default())).unwrap();
    assert_eq!(numbers(&found), [1, 2, 4, 3]);
    let counts: HashMap<Kind, Vec<Facet>> = found.facets.into_iter().collect();
    let facet = |value: &str, count| Facet { value: value.to_owned(), count };
    assert_eq!(counts[&Kind::Task], [facet("fill-mask", 2), facet("ranking", 2)]);
    assert_eq!(counts[&Kind::Licence], [facet("mit", 4)]);
    assert_eq!(counts[&Kind::Tier], [facet("0", 4)]);
    assert_eq!(counts[&Kind::Tag], []);

    let task = |task: &str| vec![(Kind::Task, task.to_owned())];
    assert_eq!(find(&index, &with(Filters { of: task("ranking"), ..Filters::default() })), [4, 3]);
    assert_eq!(find(&index, &with(Filters { of: task("ranking"), released: true, ..Filters::default() })), [3]);
    assert_eq!(find(&index, &with(Filters { closed: true, ..Filters::default() })), [2, 3]);
    let prices = |min_price, max_price| with(Filters { min_price, max_price, ..Filters::default() });
    assert_eq!(find(&index, &prices(None, Some(7))), [1, 2]);
    assert_eq!(find(&index, &prices(Some(7), None)), [2, 4]);
    let narrow =
        index.find(&with(Filters { of: task("fill-mask"), max_price: Some(5), ..Filters::default() })).unwrap();
    assert_eq!((narrow.total, numbers(&narrow)), (1, vec![1]));
    assert_eq!(narrow.facets[0], (Kind::Task, vec![facet("fill-mask", 1)]));
}

#[test]
fn private_models_are_found_by_their_owners_group_alone() {
    let hidden = |number, full: &str| Document { private: true, ..model(number, full) };
    let index = index_of(vec![model(1, "alice/iris"), hidden(2, "alice/iris-two"), hidden(3, "bob/iris-three")]);
    let seen = |groups: &[u8], only: Option<&[&str]>| {
        let groups = groups.iter().map(|group| [*group; 16]).collect();
        let only = only.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Query { seen: Seen { groups, only }, sort: Sort::New, facets: true, ..query("iris") }
    };
    assert_eq!(find(&index, &seen(&[], None)), [1]);
    assert_eq!(find(&index, &seen(b"a", None)), [2, 1]);
    assert_eq!(find(&index, &seen(b"ab", None)), [3, 2, 1]);
    assert_eq!(find(&index, &seen(b"ab", Some(&["Bob/iris-THREE"]))), [3, 1]);
    assert_eq!(find(&index, &seen(b"ab", Some(&[]))), [1]);
    // Neither the count nor a facet tells of what is not seen.
    let found = index.find(&seen(b"z", None)).unwrap();
    assert_eq!((found.total, &found.facets[5].1), (1, &vec![Facet { value: "sealed".to_owned(), count: 1 }]));
}

#[test]
fn what_changes_is_found_as_it_is_now() {
    let index = index_of(vec![model(1, "alice/iris"), model(2, "alice/tulip")]);
    let renamed = Document { name: "rose".to_owned(), ..model(1, "alice/iris") };
    index.write(&[Change::Put(Box::new(renamed)), Change::Remove([2; 16]), Change::Remove([9; 16])], DONE).unwrap();
    assert_eq!(find(&index, &query("rose")), [1]);
    assert_eq!(find(&index, &query("iris")), [0; 0]);
    assert_eq!(find(&index, &query("tulip")), [0; 0]);
    assert_eq!(index.count(), 1);
}

#[test]
fn parts_of_names_are_found_whole() {
    let part = |part: &str| Query {
        filters: Filters { part: Some(part.to_owned()), ..Filters::default() },
        sort: Sort::New,
        ..query("")
    };
    let index = flowers();
    assert_eq!(find(&index, &part("LOWER-c")), [1]);
    assert_eq!(find(&index, &part("b/ir")), [6, 3]);
    assert_eq!(find(&index, &part("is")), [6, 3]);
    assert_eq!(find(&index, &part("nothing")), [0; 0]);
}

#[test]
fn an_index_goes_on_where_it_was_and_a_damaged_one_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search");
    let state = State { seq: 7, at: Some([3; 16]), reading: true, complete: false };
    let open = || Index::open(&path).unwrap();
    assert_eq!(open().state(), State { seq: 0, at: None, reading: true, complete: false });
    open().write(&put(vec![model(1, "alice/iris")]), state).unwrap();
    let index = open();
    assert_eq!((index.state(), index.count()), (state, 1));
    index.check().unwrap();
    drop(index);

    // What is damaged inside of a file is found by reading it.
    let part = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let part = part.into_iter().find(|file| file.extension().is_some_and(|end| end == "idx")).unwrap();
    let mut bytes = fs::read(&part).unwrap();
    bytes[0] ^= 0xff;
    fs::remove_file(&part).unwrap();
    fs::write(&part, bytes).unwrap();
    let index = open();
    assert!(matches!(index.check(), Err(Error::Damaged { .. })));
    index.begin_again().unwrap();
    assert_eq!((index.state().complete, index.count()), (false, 0));
    index.write(&put(vec![model(1, "alice/iris")]), DONE).unwrap();
    index.check().unwrap();
    assert_eq!(find(&index, &query("iris")), [1]);
    drop(index);

    for damage in ["", "{", "null"] {
        fs::write(path.join("meta.json"), damage).unwrap();
        assert_eq!((open().state().complete, open().count()), (false, 0), "{damage:?}");
        open().write(&put(vec![model(1, "alice/iris")]), DONE).unwrap();
        assert_eq!(open().state(), DONE);
    }
}

#[test]
fn parts_become_one_and_are_written_on() {
    let index = Index::in_memory();
    for number in 1..=20 {
        index.write(&put(vec![model(number, &format!("alice/iris-{number}"))]), DONE).unwrap();
    }
    index.gather().unwrap();
    assert_eq!((index.count(), index.state()), (20, DONE));
    index.write(&[Change::Remove([1; 16])], State { seq: 2, ..DONE }).unwrap();
    assert_eq!((find(&index, &query("iris")).len(), index.state().seq), (19, 2));
}

/// All pages of a search.
fn pages(index: &Index, query: &Query) -> Vec<crate::Id> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = index.find(&Query { after, ..query.clone() }).unwrap();
        assert!(found.ids.len() <= query.limit);
        all.extend(found.ids);
        let Some(next) = found.next else { return all };
        assert_eq!(next.shown() as usize, all.len());
        after = Some(next.to_string().parse().unwrap());
    }
}

#[test]
fn twenty_thousand_models_are_found_each_once_over_all_pages() {
    const MODELS: u64 = 20_000;
    let index = Index::in_memory();
    let models: Vec<Document> = (0..MODELS).map(generated::model).collect();
    for some in models.chunks(3_000) {
        index.write(&put(some.to_vec()), DONE).unwrap();
    }
    let ids = |fits: &dyn Fn(&Document) -> bool| -> BTreeSet<crate::Id> {
        models.iter().filter(|model| !model.private && fits(model)).map(|model| model.id).collect()
    };
    for sort in Sort::ALL {
        let all = pages(&index, &Query { sort, limit: 997, ..query("") });
        assert_eq!(all.len(), ids(&|_| true).len(), "{}", sort.word());
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), ids(&|_| true), "{}", sort.word());
    }
    let mut chance = Chance(3);
    for _ in 0..20 {
        let (task, licence) = (generated::task(chance.below(12)), generated::licence(chance.below(8)));
        let of = vec![(Kind::Task, task.to_owned()), (Kind::Licence, licence.to_owned())];
        let query = Query {
            filters: Filters { of, max_price: Some(30_000_000), ..Filters::default() },
            limit: 50,
            facets: true,
            ..query("")
        };
        let fits = |model: &Document| {
            let cheap = model.price.is_some_and(|price| price <= 30_000_000);
            model.task.as_deref() == Some(task) && model.licences == [licence] && cheap
        };
        let expected = ids(&fits);
        let found = index.find(&query).unwrap();
        assert_eq!(found.total as usize, expected.len());
        let all = pages(&index, &query);
        assert_eq!(all.len(), expected.len(), "none comes twice");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
        for (kind, values) in found.facets.into_iter().filter(|(kind, _)| *kind == Kind::Access) {
            for Facet { value, count } in values {
                let has = models.iter().filter(|model| fits(model) && !model.private && model.access == value).count();
                assert_eq!(count as usize, has, "{kind:?} {value}");
            }
        }
    }
    // By a word, with models coming and going between the pages: what was there all the time comes once.
    let word = generated::word(3);
    let query = Query { limit: 40, ..query(&word) };
    let before: BTreeSet<crate::Id> = pages(&index, &Query { limit: 1_000, ..query.clone() }).into_iter().collect();
    assert!(before.len() > 200, "{}", before.len());
    let (mut all, mut after, mut number) = (Vec::new(), None, MODELS);
    loop {
        let found = index.find(&Query { after, ..query.clone() }).unwrap();
        all.extend(found.ids);
        let Some(next) = found.next else { break };
        after = Some(next);
        index.write(&put((number..number + 5).map(generated::model).collect()), DONE).unwrap();
        number += 5;
    }
    let kept: Vec<_> = all.iter().filter(|id| before.contains(*id)).collect();
    assert_eq!(kept.len(), before.len());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}
