//! Models as places for files: cases of the catalogue's contract.

use ledger::{AccountId, ModelId};
use registry::{Access, Digest, File, ModelName, RefName, Revision, Tree};

use super::catalog::Place;
use super::release::{account, bob, release, seal};
use crate::tests::scene::{ACT, ALICE, BOB, CAROL, NOON, RELEASE, nano};
use crate::{
    Account, CatalogError, CommitRecord, DraftRecord, ModelRecord, NewCommit, NewRelease, Order, RefKind, Repository,
    Trial, Wanted,
};

pub(super) const FIRST: ModelId = ModelId([1; 16]);
pub(super) const SECOND: ModelId = ModelId([2; 16]);
const NOBODYS: ModelId = ModelId([0xee; 16]);

pub(super) fn name(text: &str) -> ModelName {
    text.parse().unwrap()
}

pub(super) fn branch(text: &str) -> RefName {
    text.parse().unwrap()
}

pub(super) fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

fn alice() -> Account {
    account(ALICE, "alice")
}

/// A model of this owner without commits, made so many milliseconds after noon.
pub(super) fn repository(id: ModelId, owner: &Account, text: &str, ms: i64) -> Repository {
    let (name, created) = (ModelName::new(owner.handle.clone(), text).unwrap(), NOON.plus_ms(ms));
    Repository {
        model: ModelRecord { id, owner: owner.clone(), name, created, private: false, restriction: None },
        access: Access::Sealed,
        automatic: false,
        changed: created,
        latest: None,
    }
}

async fn people(place: &Place) {
    for account in [alice(), bob(), account(CAROL, "carol")] {
        place.catalog.add_account(&account, None).await.unwrap();
    }
}

/// Bob's model `echo`.
pub(super) async fn echo(place: &Place) -> Repository {
    people(place).await;
    let echo = repository(FIRST, &bob(), "echo", 0);
    place.catalog.add_repository(&echo, BOB).await.unwrap();
    echo
}

pub(super) fn tree(content: &str) -> Tree {
    let file = |path: &str, content: &str| File {
        path: path.parse().unwrap(),
        sha256: Digest::of(content.as_bytes()),
        size: content.len() as u64,
    };
    Tree::new(vec![file("README.md", content), file("data/same", "same")]).unwrap()
}

pub(super) fn change(content: &str, parent: Option<u64>) -> NewCommit {
    NewCommit {
        model: FIRST,
        branch: RefName::main(),
        parent,
        tree: tree(content),
        title: format!("Say {content}"),
        message: String::new(),
        author: BOB,
        at: NOON.plus_ms(1),
    }
}

pub(super) async fn commit(place: &Place, content: &str, parent: Option<u64>) -> CommitRecord {
    place.catalog.commit(&change(content, parent)).await.unwrap()
}

pub(super) async fn found(place: &Place, text: &str) -> Option<u64> {
    let found = place.catalog.find_commit(FIRST, &revision(text)).await.unwrap();
    found.map(|commit| commit.number)
}

/// Where a name leads.
async fn leads_to(place: &Place, text: &str) -> Option<ModelId> {
    place.catalog.repository(&name(text)).await.unwrap().map(|found| found.model.id)
}

pub(super) async fn rename(place: &Place, model: ModelId, to: &str) -> Result<(), CatalogError> {
    let to = name(to);
    let owner = place.catalog.account(to.owner()).await.unwrap().unwrap().id;
    place.catalog.rename(model, owner, &to, ACT).await
}

pub(super) async fn a_model_is_made_once_whatever_its_case(mut place: Place) {
    let echo = echo(&place).await;
    place.reopen();
    for text in ["bob/echo", "bob/Echo"] {
        assert_eq!(place.catalog.repository(&name(text)).await.unwrap().as_ref(), Some(&echo), "{text}");
    }
    let twin = repository(SECOND, &bob(), "ECHO", 0);
    let taken = place.catalog.add_repository(&twin, BOB).await;
    assert!(matches!(taken, Err(CatalogError::ModelTaken { model }) if model == twin.model.name));
    place.catalog.add_repository(&repository(SECOND, &alice(), "echo", 0), BOB).await.unwrap();
    assert_eq!(leads_to(&place, "alice/echo").await, Some(SECOND), "another owner's is another");
    assert_eq!(leads_to(&place, "carol/echo").await, None);
    let loud = Repository { access: Access::Open, ..repository(ModelId([3; 16]), &bob(), "Loud", 0) };
    let loud = Repository { model: ModelRecord { private: true, ..loud.model.clone() }, ..loud };
    place.catalog.add_repository(&loud, BOB).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.repository(&name("bob/loud")).await.unwrap(), Some(loud), "its own case is kept");
}

pub(super) async fn a_name_that_was_given_up_leads_to_its_model_until_it_is_taken(mut place: Place) {
    echo(&place).await;
    for to in ["bob/second", "alice/third", "alice/fourth"] {
        rename(&place, FIRST, to).await.unwrap();
    }
    place.reopen();
    for text in ["bob/echo", "bob/Second", "alice/third", "alice/fourth"] {
        let found = place.catalog.repository(&name(text)).await.unwrap().unwrap();
        assert_eq!((found.model.id, found.model.name, found.model.owner), (FIRST, name("alice/fourth"), alice()));
    }
    place.catalog.add_repository(&repository(SECOND, &bob(), "second", 0), BOB).await.unwrap();
    assert_eq!(leads_to(&place, "bob/second").await, Some(SECOND));
    assert_eq!(leads_to(&place, "bob/echo").await, Some(FIRST), "the others lead on");
    // Whoever took it gives it up: it leads to them, and the one before is forgotten.
    rename(&place, SECOND, "bob/fifth").await.unwrap();
    assert_eq!(leads_to(&place, "bob/second").await, Some(SECOND));
    // A name is taken by a rename, too.
    rename(&place, SECOND, "bob/echo").await.unwrap();
    place.reopen();
    assert_eq!(leads_to(&place, "bob/echo").await, Some(SECOND));
    assert_eq!(leads_to(&place, "alice/third").await, Some(FIRST));
}

pub(super) async fn a_model_can_have_its_name_back(mut place: Place) {
    echo(&place).await;
    for to in ["alice/echo", "bob/echo", "bob/Echo", "bob/ECHO", "bob/ECHO"] {
        rename(&place, FIRST, to).await.unwrap();
        let found = place.catalog.repository(&name(to)).await.unwrap().unwrap();
        assert_eq!((found.model.id, found.model.name), (FIRST, name(to)));
    }
    place.reopen();
    assert_eq!(leads_to(&place, "alice/echo").await, Some(FIRST));
    // Nothing of the way there stands in the way of the next one.
    rename(&place, FIRST, "alice/echo").await.unwrap();
    place.catalog.add_repository(&repository(SECOND, &bob(), "echo", 0), BOB).await.unwrap();
    assert_eq!((leads_to(&place, "bob/echo").await, leads_to(&place, "alice/echo").await), (Some(SECOND), Some(FIRST)));
}

pub(super) async fn a_rename_takes_nobodys_name(place: Place) {
    echo(&place).await;
    place.catalog.add_repository(&repository(SECOND, &bob(), "other", 0), BOB).await.unwrap();
    let taken = rename(&place, FIRST, "bob/Other").await;
    assert!(matches!(taken, Err(CatalogError::ModelTaken { model }) if model == name("bob/Other")));
    assert_eq!((leads_to(&place, "bob/echo").await, leads_to(&place, "bob/other").await), (Some(FIRST), Some(SECOND)));
    assert!(matches!(rename(&place, NOBODYS, "bob/new").await, Err(CatalogError::Gone { model: NOBODYS })));
    assert_eq!(leads_to(&place, "bob/new").await, None);
}

pub(super) async fn trials_that_an_owner_pays_end_with_the_ownership(mut place: Place) {
    echo(&place).await;
    let trial = Trial { allowed: false, budget: nano(100), per_account: nano(10) };
    place.catalog.set_trial(FIRST, trial).await.unwrap();
    rename(&place, FIRST, "bob/second").await.unwrap();
    assert_eq!(place.catalog.trial(FIRST).await.unwrap(), trial);
    rename(&place, FIRST, "alice/second").await.unwrap();
    place.reopen();
    let nothing = Trial { allowed: false, budget: nano(0), per_account: nano(0) };
    assert_eq!(place.catalog.trial(FIRST).await.unwrap(), nothing);
}

pub(super) async fn a_renamed_model_keeps_its_releases(mut place: Place) {
    seal(&*place.catalog).await;
    place.catalog.add_account(&alice(), None).await.unwrap();
    let id = place.catalog.model(&name("bob/minilm")).await.unwrap().unwrap().id;
    rename(&place, id, "alice/mini").await.unwrap();
    place.reopen();
    let release = place.catalog.release_by_id(RELEASE).await.unwrap().unwrap();
    assert_eq!((release.model.name, release.model.owner), (name("alice/mini"), alice()));
    assert_eq!(place.catalog.release(&name("alice/mini"), None).await.unwrap().unwrap().id, RELEASE);
    assert_eq!(place.catalog.release(&name("bob/minilm"), None).await.unwrap(), None, "names of now alone");
    let found = place.catalog.repository(&name("bob/minilm")).await.unwrap().unwrap();
    assert_eq!(found.latest.map(|number| number.to_string()).as_deref(), Some("1.00"));
}

pub(super) async fn private_models_are_listed_for_their_group_alone(mut place: Place) {
    people(&place).await;
    let made = [("one", &alice(), true), ("two", &bob(), true), ("three", &bob(), false), ("four", &bob(), true)];
    for (at, (text, owner, private)) in (1..).zip(made) {
        let new = repository(ModelId([at; 16]), owner, text, i64::from(at));
        let model = ModelRecord { private, ..new.model };
        place.catalog.add_repository(&Repository { model, ..new }, BOB).await.unwrap();
    }
    place.reopen();
    let listed = async |wanted: Wanted| {
        let listed = place.catalog.repositories(&Wanted { limit: 9, ..wanted }).await.unwrap();
        listed.into_iter().map(|found| found.model.name.to_string()).collect::<Vec<_>>()
    };
    let of = |groups: &[AccountId]| Wanted { groups: groups.to_vec(), ..Wanted::default() };
    assert_eq!(listed(Wanted::default()).await, ["bob/three"]);
    assert_eq!(listed(of(&[CAROL])).await, ["bob/three"]);
    assert_eq!(listed(of(&[ALICE])).await, ["bob/three", "alice/one"]);
    assert_eq!(listed(of(&[CAROL, BOB])).await, ["bob/four", "bob/three", "bob/two"]);
    let only = |only: &[&str]| Wanted { only: Some(only.iter().map(|o| name(o)).collect()), ..of(&[BOB, ALICE]) };
    assert_eq!(listed(only(&["bob/Two"])).await, ["bob/three", "bob/two"]);
    assert_eq!(listed(only(&[])).await, ["bob/three"]);
    let alices = Wanted { owner: Some(alice().handle), ..of(&[BOB]) };
    assert_eq!(listed(alices).await, [""; 0], "another filter opens nothing");
    place.catalog.set_private(ModelId([3; 16]), true, ACT).await.unwrap();
    place.catalog.set_private(ModelId([1; 16]), false, ACT).await.unwrap();
    assert_eq!(listed(Wanted::default()).await, ["alice/one"]);
}

pub(super) async fn lists_are_filtered_ordered_and_cut(place: Place) {
    seal(&*place.catalog).await;
    place.catalog.add_account(&alice(), None).await.unwrap();
    place.catalog.add_repository(&repository(FIRST, &bob(), "echo", 5), BOB).await.unwrap();
    place.catalog.add_repository(&repository(SECOND, &alice(), "Echo", 6), BOB).await.unwrap();
    let late = NewCommit { at: NOON.plus_ms(9), ..change("late", None) };
    place.catalog.commit(&late).await.unwrap();
    let listed = async |wanted: Wanted| {
        let listed = place.catalog.repositories(&wanted).await.unwrap();
        listed.into_iter().map(|found| found.model.name.to_string()).collect::<Vec<_>>()
    };
    let all = || Wanted { limit: 9, ..Wanted::default() };
    assert_eq!(listed(all()).await, ["bob/echo", "alice/Echo", "bob/minilm"]);
    assert_eq!(listed(Wanted { order: Order::Created, ..all() }).await[0], "alice/Echo");
    assert_eq!(listed(Wanted { offset: 1, limit: 1, ..all() }).await, ["alice/Echo"]);
    assert_eq!(listed(Wanted { limit: 0, ..all() }).await, [""; 0]);
    assert_eq!(listed(Wanted { owner: Some(bob().handle), ..all() }).await, ["bob/echo", "bob/minilm"]);
    assert_eq!(listed(Wanted { search: Some("ECH".to_owned()), ..all() }).await, ["bob/echo", "alice/Echo"]);
    assert_eq!(listed(Wanted { search: Some("%".to_owned()), ..all() }).await, [""; 0], "no pattern of SQL's");
    assert_eq!(listed(Wanted { search: Some("' OR 1 --".to_owned()), ..all() }).await, [""; 0]);
}

pub(super) async fn a_model_that_is_gone_takes_nothing(place: Place) {
    people(&place).await;
    let commit = place.catalog.commit(&change("one", None)).await;
    assert!(matches!(commit, Err(CatalogError::Gone { model: FIRST })));
    assert_eq!(place.catalog.tree(tree("one").commit_id()).await.unwrap(), None);
    let named = place.catalog.add_ref(FIRST, RefKind::Tag, &branch("v1"), 1, ACT).await;
    assert!(matches!(named, Err(CatalogError::Gone { model: FIRST })));
    assert_eq!(place.catalog.refs(FIRST).await.unwrap(), []);
    let sealed = NewRelease { known: Some(FIRST), ..release("echo", "1.00", 7, NOON) };
    assert!(matches!(place.catalog.seal(&sealed).await, Err(CatalogError::Gone { model: FIRST })));
    assert_eq!(leads_to(&place, "bob/echo").await, None);
    // One that has another name meanwhile is not the one that was meant.
    place.catalog.add_repository(&repository(FIRST, &bob(), "echo", 0), BOB).await.unwrap();
    rename(&place, FIRST, "bob/other").await.unwrap();
    assert!(matches!(place.catalog.seal(&sealed).await, Err(CatalogError::Gone { model: FIRST })));
    rename(&place, FIRST, "bob/Echo").await.unwrap();
    place.catalog.seal(&sealed).await.unwrap();
    assert_eq!(place.catalog.model(&name("bob/echo")).await.unwrap().unwrap().id, FIRST);
}

pub(super) async fn a_model_without_releases_is_removed_with_all_of_it(mut place: Place) {
    echo(&place).await;
    rename(&place, FIRST, "bob/second").await.unwrap();
    commit(&place, "one", None).await;
    place.catalog.add_ref(FIRST, RefKind::Tag, &branch("v1"), 1, ACT).await.unwrap();
    place.catalog.set_trial(FIRST, Trial { allowed: false, budget: nano(1), per_account: nano(1) }).await.unwrap();
    let draft = DraftRecord {
        model: FIRST,
        name: name("bob/second"),
        branch: RefName::main(),
        commit: tree("one").commit_id(),
        author: BOB,
        at: NOON,
        due: Some(NOON),
        refused: None,
        number: None,
    };
    place.catalog.set_draft(&draft).await.unwrap();
    place.catalog.remove_repository(FIRST, ACT).await.unwrap();
    place.reopen();
    for text in ["bob/echo", "bob/second"] {
        assert_eq!(leads_to(&place, text).await, None, "{text}");
    }
    assert_eq!(place.catalog.refs(FIRST).await.unwrap(), []);
    assert_eq!((found(&place, "main").await, found(&place, "v1").await), (None, None));
    assert_eq!(
        (place.catalog.drafts(FIRST).await.unwrap(), place.catalog.due_drafts(9).await.unwrap()),
        (vec![], vec![])
    );
    assert_eq!(place.catalog.trial(FIRST).await.unwrap(), Trial::default());
    // The next one of the name begins anew.
    place.catalog.add_repository(&repository(FIRST, &bob(), "second", 0), BOB).await.unwrap();
    assert_eq!(commit(&place, "two", None).await.number, 1);
    place.catalog.remove_repository(NOBODYS, ACT).await.unwrap();
}

pub(super) async fn a_released_model_stays(mut place: Place) {
    seal(&*place.catalog).await;
    place.catalog.seal(&release("minilm", "1.01", 2, NOON)).await.unwrap();
    let model = place.catalog.model(&name("bob/minilm")).await.unwrap().unwrap().id;
    let refused = place.catalog.remove_repository(model, ACT).await;
    assert!(matches!(refused, Err(CatalogError::HasReleases { count: 2 })));
    place.reopen();
    assert_eq!(leads_to(&place, "bob/minilm").await, Some(model));
    assert_eq!(place.catalog.refs(model).await.unwrap().len(), 1);
    let released = place.catalog.released(model).await.unwrap();
    let numbers: Vec<String> = released.iter().map(|(number, _)| number.to_string()).collect();
    assert_eq!(numbers, ["1.01", "1.00"]);
    for (number, id) in released {
        let found = place.catalog.find_commit(model, &number.to_string().parse().unwrap()).await.unwrap();
        assert_eq!(found.map(|found| found.id), Some(id), "{number}");
    }
    assert_eq!(place.catalog.release_by_id(RELEASE).await.unwrap().unwrap().model.id, model);
}

pub(super) async fn unversioned_calls_go_to_the_first_release_of_a_model_that_had_none(place: Place) {
    let echo = echo(&place).await;
    let models = async || place.catalog.totals().await.unwrap().models;
    assert_eq!(models().await, 0, "there is nothing to call");
    for (id, number) in [(11, "1.00"), (12, "2.00")] {
        let at = NOON.plus_ms(i64::from(id));
        let new = NewRelease { known: Some(echo.model.id), ..release("echo", number, id, at) };
        place.catalog.seal(&new).await.unwrap();
        let found = place.catalog.release(&echo.model.name, None).await.unwrap().unwrap();
        assert_eq!(found.number.to_string(), "1.00", "after {number}");
    }
    let released = place.catalog.released(FIRST).await.unwrap();
    assert_eq!(released.iter().map(|(number, _)| number.to_string()).collect::<Vec<_>>(), ["2.00", "1.00"]);
    assert_eq!(models().await, 1);
    place.catalog.set_private(FIRST, true, ACT).await.unwrap();
    assert_eq!((models().await, place.catalog.listing(0, 9).await.unwrap()), (0, vec![]));
}

pub(super) async fn a_release_under_a_name_that_was_given_up_takes_it(place: Place) {
    echo(&place).await;
    rename(&place, FIRST, "alice/echo").await.unwrap();
    place.catalog.seal(&release("echo", "1.00", 9, NOON)).await.unwrap();
    assert_eq!(leads_to(&place, "bob/echo").await, Some(ModelId([9; 16])));
    rename(&place, ModelId([9; 16]), "bob/other").await.unwrap();
    assert_eq!(leads_to(&place, "bob/echo").await, Some(ModelId([9; 16])), "it leads to whoever had it last");
    assert_eq!(leads_to(&place, "alice/echo").await, Some(FIRST));
}

pub(super) async fn unversioned_calls_stay_with_their_major_until_the_owner_moves_them(mut place: Place) {
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
        let found = place.catalog.release(&name("bob/minilm"), None).await.unwrap().unwrap();
        assert_eq!(found.number.to_string(), expected, "after {number}");
        assert_eq!(place.catalog.listing(0, 9).await.unwrap()[0].0, found);
        place.reopen();
    }
}
