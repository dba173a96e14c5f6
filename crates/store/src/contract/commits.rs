//! Steps of a model's history, their names and what is to become of them: cases of the catalogue's contract.

use std::collections::HashMap;

use ledger::Time;
use registry::{Access, CommitId, Digest, File, GitOid, RefName, Revision, Tree};

use super::catalog::Place;
use super::release::{bob, release, seal};
use super::repositories::{FIRST, SECOND, branch, change, commit, echo, found, name, rename, revision, tree};
use crate::tests::scene::{ACT, ALICE, BOB, NOON, RELEASE};
use crate::{CatalogError, CommitRecord, DraftRecord, NewCommit, NewRelease, Ref, RefKind};

pub(super) async fn commits_have_numbers_parents_and_trees(mut place: Place) {
    echo(&place).await;
    assert_eq!(found(&place, "main").await, None);
    let first = commit(&place, "one", None).await;
    let expected = CommitRecord {
        number: 1,
        id: tree("one").commit_id(),
        parent: None,
        title: "Say one".to_owned(),
        message: String::new(),
        author: bob().handle,
        at: NOON.plus_ms(1),
    };
    assert_eq!(first, expected);
    let again = NewCommit { author: ALICE, message: "Why".to_owned(), at: NOON.plus_ms(7), ..change("two", Some(1)) };
    let second = place.catalog.commit(&again).await.unwrap();
    assert_eq!((second.number, second.parent, second.author.as_str(), &*second.message), (2, Some(1), "alice", "Why"));
    place.reopen();
    let log = place.catalog.log(FIRST, 2, 9).await.unwrap();
    assert_eq!(log, [second.clone(), first.clone()]);
    for content in ["one", "two"] {
        assert_eq!(place.catalog.tree(tree(content).commit_id()).await.unwrap(), Some(tree(content)));
    }
    assert_eq!(place.catalog.tree(CommitId([9; 20])).await.unwrap(), None);
    let changed = place.catalog.repository(&name("bob/echo")).await.unwrap().unwrap().changed;
    assert_eq!(changed, NOON.plus_ms(7));
}

pub(super) async fn a_branch_moves_from_its_head_alone(mut place: Place) {
    echo(&place).await;
    let unseen = place.catalog.commit(&change("one", Some(1))).await;
    assert!(matches!(unseen, Err(CatalogError::Stale { head }) if head == "nothing"));
    commit(&place, "one", None).await;
    let two = commit(&place, "two", Some(1)).await;
    for parent in [None, Some(1), Some(3)] {
        let stale = place.catalog.commit(&change("three", parent)).await;
        assert!(matches!(stale, Err(CatalogError::Stale { head }) if head == two.id.to_string()), "{parent:?}");
    }
    place.reopen();
    assert_eq!(place.catalog.tree(tree("three").commit_id()).await.unwrap(), None, "nothing of it was kept");
    let three = commit(&place, "three", Some(2)).await;
    assert_eq!((three.number, found(&place, "main").await), (3, Some(3)), "and no number was lost");
}

pub(super) async fn the_tree_of_the_head_again_is_the_same_commit(place: Place) {
    echo(&place).await;
    let first = commit(&place, "one", None).await;
    let before = place.catalog.repository(&name("bob/echo")).await.unwrap();
    for parent in [None, Some(1), Some(7)] {
        let again = NewCommit { title: "Again".to_owned(), at: NOON.plus_ms(99), ..change("one", parent) };
        assert_eq!(place.catalog.commit(&again).await.unwrap(), first, "{parent:?}");
    }
    assert_eq!(place.catalog.repository(&name("bob/echo")).await.unwrap(), before);
}

pub(super) async fn going_back_is_a_step_of_its_own(mut place: Place) {
    echo(&place).await;
    let first = commit(&place, "one", None).await;
    commit(&place, "two", Some(1)).await;
    let back = commit(&place, "one", Some(2)).await;
    assert_eq!((back.id, back.number, back.parent), (first.id, 3, Some(2)));
    place.reopen();
    let id = first.id.to_string();
    assert_eq!((found(&place, &id).await, found(&place, &id[..9]).await), (Some(3), Some(3)), "the newest has it");
    let numbers = |log: Vec<CommitRecord>| log.into_iter().map(|commit| commit.number).collect::<Vec<_>>();
    assert_eq!(numbers(place.catalog.log(FIRST, 3, 9).await.unwrap()), [3, 2, 1]);
    let four = commit(&place, "four", Some(3)).await;
    assert_eq!((four.number, four.parent), (4, Some(3)));
}

pub(super) async fn two_at_once_make_one_step(place: Place) {
    echo(&place).await;
    commit(&place, "one", None).await;
    let (mine, theirs) = (change("mine", Some(1)), change("theirs", Some(1)));
    let (mine, theirs) = tokio::join!(place.catalog.commit(&mine), place.catalog.commit(&theirs));
    assert!(mine.is_ok() != theirs.is_ok(), "{mine:?} {theirs:?}");
    let won = if mine.is_ok() { "mine" } else { "theirs" };
    let head = place.catalog.find_commit(FIRST, &Revision::main()).await.unwrap().unwrap();
    assert_eq!((head.number, head.id), (2, tree(won).commit_id()));
    assert_eq!(place.catalog.log(FIRST, 2, 9).await.unwrap().len(), 2);
}

/// Commits 1 to 3 of main, release 1.00 at the first; `side` begins at the second and has commit 4.
async fn branched(place: &Place) -> Vec<CommitRecord> {
    let mut made = Vec::new();
    for (content, parent) in [("one", None), ("two", Some(1)), ("three", Some(2))] {
        made.push(commit(place, content, parent).await);
        if made.len() == 1 {
            let NewRelease { release, .. } = release("echo", "1.00", 9, NOON);
            let release = crate::ReleaseRecord { tree: tree("one"), commit: made[0].id, ..release };
            let sealed = NewRelease { release, latest: false, commit: false, known: Some(FIRST), by: BOB };
            place.catalog.seal(&sealed).await.unwrap();
        }
    }
    assert!(place.catalog.add_ref(FIRST, RefKind::Branch, &branch("side"), 2, ACT).await.unwrap());
    let aside = NewCommit { branch: branch("side"), ..change("aside", Some(2)) };
    made.push(place.catalog.commit(&aside).await.unwrap());
    made
}

pub(super) async fn every_kind_of_revision_is_found(mut place: Place) {
    echo(&place).await;
    let made = branched(&place).await;
    place.catalog.add_ref(FIRST, RefKind::Tag, &branch("v1"), 1, ACT).await.unwrap();
    // A name of both kinds.
    place.catalog.add_ref(FIRST, RefKind::Tag, &branch("side"), 3, ACT).await.unwrap();
    place.reopen();
    let expected = [
        ("main", Some(3)),
        ("side", Some(4)),
        ("refs/heads/side", Some(4)),
        ("refs/tags/side", Some(3)),
        ("v1", Some(1)),
        ("refs/tags/v1", Some(1)),
        ("refs/heads/v1", None),
        ("1.00", Some(1)),
        ("refs/tags/1.00", Some(1)),
        ("refs/heads/1.00", None),
        ("1.01", None),
        ("Main", None),
        ("nothing", None),
    ];
    for (text, number) in expected {
        assert_eq!(found(&place, text).await, number, "{text}");
    }
    for commit in &made {
        let id = commit.id.to_string();
        for digits in [7, 8, 39, 40] {
            assert_eq!(found(&place, &id[..digits]).await, Some(commit.number), "{digits} of {id}");
        }
        assert_eq!(found(&place, &id[..6]).await, None, "too few");
    }
    assert_eq!(place.catalog.find_commit(SECOND, &revision("1.00")).await.unwrap(), None);
    let id = Revision::Commit(made[0].id);
    assert_eq!(place.catalog.find_commit(SECOND, &id).await.unwrap(), None, "of another model");
    // What is a branch, a tag or a release is no beginning of a commit.
    let digits = made[3].id.to_string()[..7].to_owned();
    place.catalog.add_ref(FIRST, RefKind::Tag, &branch(&digits), 1, ACT).await.unwrap();
    assert_eq!(found(&place, &digits).await, Some(1));
}

/// Two trees whose commits begin with the same seven digits, found by trying: 2^28 pairs meet among some 20,000.
fn alike() -> (Tree, Tree) {
    let mut seen: HashMap<[u8; 4], u64> = HashMap::new();
    let tree = |n: u64| {
        let file = File { path: "a".parse().unwrap(), sha256: Digest([0; 32]), size: n };
        Tree::new(vec![file]).unwrap()
    };
    for n in 0.. {
        let id = tree(n).commit_id().0;
        let start = [id[0], id[1], id[2], id[3] & 0xf0];
        if let Some(other) = seen.insert(start, n) {
            return (tree(other), tree(n));
        }
    }
    unreachable!("there are only so many beginnings")
}

pub(super) async fn digits_that_several_commits_begin_with_name_none(place: Place) {
    echo(&place).await;
    let (one, other) = alike();
    let first = NewCommit { tree: one.clone(), ..change("", None) };
    let first = place.catalog.commit(&first).await.unwrap();
    let id = first.id.to_string();
    assert_eq!(found(&place, &id[..7]).await, Some(1));
    let second = NewCommit { tree: other, ..change("", Some(1)) };
    let second = place.catalog.commit(&second).await.unwrap();
    assert_eq!(found(&place, &id[..7]).await, None);
    let differ = id.bytes().zip(second.id.to_string().bytes()).position(|(one, other)| one != other).unwrap();
    assert_eq!(found(&place, &id[..=differ]).await, Some(1));
    assert_eq!(found(&place, &second.id.to_string()[..=differ]).await, Some(2));
    // Several commits of one id are one.
    place.catalog.commit(&NewCommit { tree: one, ..change("", Some(2)) }).await.unwrap();
    assert_eq!(found(&place, &id[..=differ]).await, Some(3));
}

pub(super) async fn a_log_goes_from_child_to_parent(mut place: Place) {
    echo(&place).await;
    branched(&place).await;
    place.reopen();
    let log = async |from, limit| {
        let log = place.catalog.log(FIRST, from, limit).await.unwrap();
        log.into_iter().map(|commit| commit.number).collect::<Vec<_>>()
    };
    assert_eq!(log(4, 9).await, [4, 2, 1], "what happened elsewhere is not in it");
    assert_eq!(log(3, 9).await, [3, 2, 1]);
    assert_eq!(log(3, 2).await, [3, 2]);
    assert_eq!(log(1, 9).await, [1]);
    assert_eq!(log(3, 0).await, [0; 0]);
    assert_eq!(log(9, 9).await, [0; 0]);
    assert_eq!(place.catalog.log(SECOND, 1, 9).await.unwrap(), []);
}

pub(super) async fn names_of_commits_come_and_go(mut place: Place) {
    echo(&place).await;
    let made = branched(&place).await;
    let (tag, on_branch) = (RefKind::Tag, RefKind::Branch);
    for (kind, text, number) in [(tag, "v2", 3), (tag, "v1", 1), (on_branch, "a/b", 1)] {
        assert!(place.catalog.add_ref(FIRST, kind, &branch(text), number, ACT).await.unwrap());
    }
    assert!(!place.catalog.add_ref(FIRST, tag, &branch("v1"), 2, ACT).await.unwrap(), "there is one");
    let beyond = place.catalog.add_ref(FIRST, tag, &branch("v9"), 99, ACT).await;
    assert!(matches!(beyond, Err(CatalogError::Gone { .. })), "no such commit");
    place.reopen();
    let named = |kind, text: &str, at: usize| Ref { kind, name: branch(text), commit: made[at].id };
    let all = [
        named(on_branch, "a/b", 0),
        named(on_branch, "main", 2),
        named(on_branch, "side", 3),
        named(tag, "v1", 0),
        named(tag, "v2", 2),
    ];
    assert_eq!(place.catalog.refs(FIRST).await.unwrap(), all);
    assert!(place.catalog.remove_ref(FIRST, on_branch, &branch("side"), ACT).await.unwrap());
    assert!(!place.catalog.remove_ref(FIRST, on_branch, &branch("side"), ACT).await.unwrap());
    assert!(!place.catalog.remove_ref(FIRST, on_branch, &branch("v1"), ACT).await.unwrap(), "it is a tag");
    assert_eq!(place.catalog.refs(FIRST).await.unwrap().len(), 4);
    assert_eq!(found(&place, &made[3].id.to_string()).await, Some(4), "the commit stays");
    let moved = NewCommit { branch: branch("side"), ..change("more", Some(4)) };
    let gone = place.catalog.commit(&moved).await;
    assert!(matches!(gone, Err(CatalogError::Stale { head }) if head == "nothing"));
}

pub(super) async fn what_git_calls_contents_is_noted_once(mut place: Place) {
    let [one, two, three] = [1, 2, 3].map(|byte| Digest([byte; 32]));
    let [first, second] = [1, 2].map(|byte| GitOid([byte; 20]));
    place.catalog.add_git_oids(&[]).await.unwrap();
    place.catalog.add_git_oids(&[(one, first), (two, second)]).await.unwrap();
    place.catalog.add_git_oids(&[(one, second), (one, second)]).await.unwrap();
    place.reopen();
    let known = place.catalog.git_oids(&[one, two, three, one]).await.unwrap();
    assert_eq!(known, [(one, first), (two, second)].into());
    assert!(place.catalog.git_oids(&[]).await.unwrap().is_empty());
}

pub(super) async fn a_release_of_a_folder_is_the_next_commit_of_main(mut place: Place) {
    let echo = echo(&place).await;
    commit(&place, "one", None).await;
    let seal = async |place: &Place, number: &str, id: u8, content: &str, access, commit, at: Time| {
        let NewRelease { release, .. } = release("echo", number, id, at);
        let (tree, access) = (tree(content), access);
        let release = crate::ReleaseRecord { commit: tree.commit_id(), tree, access, ..release };
        let new = NewRelease { release, latest: false, commit, known: Some(echo.model.id), by: BOB };
        place.catalog.seal(&new).await.unwrap();
    };
    seal(&place, "1.00", 11, "two", Access::Open, true, NOON.plus_ms(5)).await;
    let head = place.catalog.find_commit(FIRST, &Revision::main()).await.unwrap().unwrap();
    let told = (head.number, head.parent, &*head.title, head.author.as_str(), head.at);
    assert_eq!(told, (2, Some(1), "Release 1.00", "bob", NOON.plus_ms(5)));
    assert_eq!(place.catalog.tree(head.id).await.unwrap(), Some(tree("two")));
    let found = place.catalog.repository(&name("bob/echo")).await.unwrap().unwrap();
    assert_eq!((found.access, found.changed), (Access::Open, NOON.plus_ms(5)));
    assert_eq!(found.latest.map(|number| number.to_string()).as_deref(), Some("1.00"));

    // The same files again, and those of a commit that is there, make no step.
    seal(&place, "1.01", 12, "two", Access::Sealed, true, NOON.plus_ms(6)).await;
    seal(&place, "1.02", 13, "one", Access::Gated, false, NOON.plus_ms(7)).await;
    place.reopen();
    assert_eq!(self::found(&place, "main").await, Some(2));
    for (number, commit) in [("1.00", 2), ("1.01", 2), ("1.02", 1)] {
        assert_eq!(self::found(&place, number).await, Some(commit), "{number}");
    }
    let found = place.catalog.repository(&name("bob/echo")).await.unwrap().unwrap();
    assert_eq!((found.access, found.changed), (Access::Gated, NOON.plus_ms(5)), "the last release's word counts");
    assert_eq!(found.latest.map(|number| number.to_string()).as_deref(), Some("1.02"));
}

pub(super) async fn a_first_release_makes_model_and_commit(mut place: Place) {
    seal(&*place.catalog).await;
    place.reopen();
    let model = place.catalog.model(&name("bob/minilm")).await.unwrap().unwrap();
    let head = place.catalog.find_commit(model.id, &Revision::main()).await.unwrap().unwrap();
    let release = place.catalog.release_by_id(RELEASE).await.unwrap().unwrap();
    assert_eq!((head.number, head.parent, head.id), (1, None, release.commit));
    assert_eq!(place.catalog.tree(head.id).await.unwrap(), Some(release.tree));
    // A release that is refused leaves no commit behind.
    let again = crate::tests::scene::RELEASE.0[0];
    let refused = place.catalog.seal(&super::release::release("minilm", "1.00", again.wrapping_add(1), NOON)).await;
    assert!(matches!(refused, Err(CatalogError::ReleaseExists { .. })));
    assert_eq!(place.catalog.log(model.id, 9, 9).await.unwrap(), []);
    assert_eq!(place.catalog.refs(model.id).await.unwrap().len(), 1);
}

pub(super) async fn a_draft_is_of_the_newest_commit(mut place: Place) {
    let echo = echo(&place).await;
    let main = RefName::main();
    let draft = |content: &str, due: Option<i64>| DraftRecord {
        model: FIRST,
        name: echo.model.name.clone(),
        branch: RefName::main(),
        commit: tree(content).commit_id(),
        author: BOB,
        at: NOON,
        due: due.map(|ms| NOON.plus_ms(ms)),
        refused: due.is_none().then(|| "too dear".to_owned()),
        number: None,
    };
    place.catalog.set_draft(&draft("one", Some(5))).await.unwrap();
    place.catalog.set_draft(&draft("two", Some(9))).await.unwrap();
    place.reopen();
    assert_eq!(place.catalog.draft(FIRST, &main).await.unwrap(), Some(draft("two", Some(9))));
    place.catalog.remove_draft(FIRST, &main, tree("one").commit_id()).await.unwrap();
    assert_eq!(place.catalog.draft(FIRST, &main).await.unwrap(), Some(draft("two", Some(9))), "it is about another");
    place.catalog.set_draft(&draft("two", None)).await.unwrap();
    assert_eq!(place.catalog.due_drafts(9).await.unwrap(), [], "it was tried");
    assert_eq!(place.catalog.draft(FIRST, &main).await.unwrap(), Some(draft("two", None)));
    rename(&place, FIRST, "alice/echo").await.unwrap();
    assert_eq!(place.catalog.draft(FIRST, &main).await.unwrap().unwrap().name, name("alice/echo"));
    place.catalog.remove_draft(FIRST, &main, tree("two").commit_id()).await.unwrap();
    assert_eq!(place.catalog.drafts(FIRST).await.unwrap(), []);
}

pub(super) async fn each_branch_has_a_draft_of_its_own(mut place: Place) {
    let echo = echo(&place).await;
    let head = commit(&place, "one", None).await;
    let draft = |on: &str, ms: i64, number: Option<&str>| DraftRecord {
        model: FIRST,
        name: echo.model.name.clone(),
        branch: branch(on),
        commit: head.id,
        author: BOB,
        at: NOON.plus_ms(ms),
        due: Some(NOON.plus_ms(9 - ms)),
        refused: None,
        number: number.map(|number| number.parse().unwrap()),
    };
    let all = [draft("version/1.00", 3, Some("1.00")), draft("version/1.01", 2, Some("1.01")), draft("main", 1, None)];
    for draft in &all {
        place.catalog.set_draft(draft).await.unwrap();
    }
    place.reopen();
    assert_eq!(place.catalog.drafts(FIRST).await.unwrap(), all, "the newest first");
    assert_eq!(place.catalog.due_drafts(9).await.unwrap(), all, "the earliest first");
    assert_eq!(place.catalog.draft(FIRST, &branch("version/1.01")).await.unwrap().as_ref(), Some(&all[1]));
    place.catalog.remove_draft(FIRST, &branch("version/1.01"), head.id).await.unwrap();
    assert_eq!(
        place.catalog.drafts(FIRST).await.unwrap(),
        [all[0].clone(), all[2].clone()],
        "not others of its commit"
    );
    // With a branch goes what was to become of it.
    place.catalog.add_ref(FIRST, RefKind::Branch, &branch("version/1.00"), head.number, ACT).await.unwrap();
    place.catalog.add_ref(FIRST, RefKind::Tag, &branch("version/1.00"), head.number, ACT).await.unwrap();
    place.catalog.remove_ref(FIRST, RefKind::Tag, &branch("version/1.00"), ACT).await.unwrap();
    assert_eq!(place.catalog.drafts(FIRST).await.unwrap().len(), 2, "that was a tag");
    place.catalog.remove_ref(FIRST, RefKind::Branch, &branch("version/1.00"), ACT).await.unwrap();
    assert_eq!(place.catalog.drafts(FIRST).await.unwrap(), [all[2].clone()]);
}
