//! Commits in whole folders: made from the releases of a hub that had none, backed up with their files, audited.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use ledger::{AccountId, ModelId, ReleaseId};
use registry::{Access, Digest, File, ModelName, RefName, Revision, Tree};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::scene::{ACT, ALICE, BOB, NOON, call, options};
use crate::audit::{Depth, Report, audit_to};
use crate::backup::{BackupError, backup, restore};
use crate::blobs::blob_path;
use crate::contract::release;
use crate::sqlite::{CATALOG, Schema, open, version};
use crate::{
    Catalog, CommitRecord, Manual, ModelRecord, NewCommit, RefKind, ReleaseRecord, Repositories, Repository, Row,
    SqliteBooks, SqliteCatalog,
};

/// The catalogue of the hub before the one that keeps commits.
const BEFORE: Schema = Schema { what: "catalogue", page_bytes: 4_096, steps: CATALOG.steps.split_at(4).0 };

fn tree(content: &str) -> Tree {
    let (path, sha256) = ("model.onnx".parse().unwrap(), Digest::of(content.as_bytes()));
    Tree::new(vec![File { path, sha256, size: content.len() as u64 }]).unwrap()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Writes a release as that hub did.
fn write(conn: &Connection, model: u8, number: &str, content: &str, access: Access, ms: i64) {
    let release = release::release("any", number, 0, NOON.plus_ms(ms)).release;
    let release = ReleaseRecord { tree: tree(content), access, ..release };
    let id = ReleaseId([model.wrapping_mul(16).wrapping_add(ms as u8); 16]);
    conn.execute(
        "INSERT INTO releases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
         ?19, ?20)",
        params![
            &id.0[..],
            &[model; 16][..],
            release.number.major(),
            release.number.minor(),
            &release.tree.commit_id().0[..],
            &release.tree.digest().0[..],
            json(&release.tree),
            &release.weights.0[..],
            json(&release.contract),
            json(&release.terms),
            json(&release.price),
            release.access.word(),
            release.summary,
            release.task,
            release.license,
            release.readme,
            release.change,
            release.created.0,
            release.royalty.points(),
            json(&release.lineage),
        ],
    )
    .unwrap();
}

fn write_model(conn: &Connection, id: u8, owner: AccountId, name: &str) {
    let folded = ModelName::to_string(&name.parse().unwrap()).to_ascii_lowercase();
    conn.execute(
        "INSERT INTO models VALUES (?1, ?2, ?3, ?4, ?5, 1)",
        params![&[id; 16][..], &owner.0[..], name.split_once('/').unwrap().1, folded, NOON.0],
    )
    .unwrap();
}

/// What a hub of the schema before left: two models of bob's, the second with alice's very files.
fn left() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let conn = open(&folder.path().join("hub.db"), &BEFORE).unwrap();
    for (id, handle) in [(BOB, "bob"), (ALICE, "alice")] {
        let account = params![&id.0[..], handle, "user", NOON.0, 0];
        conn.execute("INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5)", account).unwrap();
    }
    write_model(&conn, 1, BOB, "bob/MiniLM");
    write_model(&conn, 2, BOB, "bob/other");
    write_model(&conn, 3, ALICE, "alice/mini");
    // Not in the order they were made in.
    write(&conn, 1, "2.01", "one", Access::Open, 4);
    write(&conn, 1, "2.00", "two", Access::Sealed, 3);
    write(&conn, 1, "1.00", "one", Access::Sealed, 1);
    write(&conn, 1, "1.01", "two", Access::Gated, 2);
    write(&conn, 2, "1.00", "three", Access::Gated, 9);
    write(&conn, 3, "1.00", "three", Access::Sealed, 5);
    folder
}

async fn history(catalog: &SqliteCatalog, model: ModelId) -> Vec<(u64, String, String, String)> {
    let head = catalog.find_commit(model, &Revision::main()).await.unwrap().unwrap();
    let told = |commit: CommitRecord| {
        let parent = commit.parent.map_or_else(|| "none".to_owned(), |parent| parent.to_string());
        (commit.number, commit.title, format!("{} at {}", commit.author, commit.at.0 - NOON.0), parent)
    };
    catalog.log(model, head.number, 9).await.unwrap().into_iter().map(told).collect()
}

#[tokio::test]
async fn releases_of_a_hub_without_commits_become_their_models_history() {
    let folder = left();
    // Twice: brought over, and found so.
    for _ in 0..2 {
        let catalog = SqliteCatalog::open(folder.path()).unwrap();
        let line = |number: u64, title: &str, by: &str, parent: &str| {
            (number, title.to_owned(), by.to_owned(), parent.to_owned())
        };
        let [first, second, third] = [1, 2, 3].map(|id| ModelId([id; 16]));
        let expected = [
            line(3, "Release 2.01", "bob at 4", "2"),
            // 2.00 had the same files, so it was no step.
            line(2, "Release 1.01", "bob at 2", "1"),
            line(1, "Release 1.00", "bob at 1", "none"),
        ];
        assert_eq!(history(&catalog, first).await, expected);
        assert_eq!(history(&catalog, second).await, [line(1, "Release 1.00", "bob at 9", "none")]);
        assert_eq!(history(&catalog, third).await, [line(1, "Release 1.00", "alice at 5", "none")]);

        let found = async |revision: &str| {
            let found = catalog.find_commit(first, &revision.parse().unwrap()).await.unwrap();
            found.map(|commit| commit.number)
        };
        for (revision, number) in [("main", 3), ("1.00", 3), ("1.01", 2), ("2.00", 2), ("2.01", 3)] {
            assert_eq!(found(revision).await, Some(number), "{revision}");
        }
        let id = tree("two").commit_id();
        assert_eq!(catalog.tree(id).await.unwrap(), Some(tree("two")));
        let told = async |name: &str| {
            let found = catalog.repository(&name.parse().unwrap()).await.unwrap().unwrap();
            let latest = found.latest.unwrap().to_string();
            (found.model.name.to_string(), found.access, found.changed.0 - NOON.0, latest, found.model.private)
        };
        assert_eq!(told("bob/minilm").await, ("bob/MiniLM".into(), Access::Open, 4, "1.01".into(), false));
        assert_eq!(told("bob/other").await, ("bob/other".into(), Access::Gated, 9, "1.00".into(), false));
        assert_eq!(catalog.refs(first).await.unwrap().len(), 1);
        assert_eq!(catalog.due_drafts(9).await.unwrap(), [], "nothing is published again");
    }
    let copy = format!("hub.before-schema-{}.db", CATALOG.steps.len());
    let copy = Connection::open(folder.path().join(copy)).unwrap();
    assert_eq!(version(&copy).unwrap(), 4);

    // And it goes on from there.
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    let next = catalog.commit(&change("four", Some(3))).await.unwrap();
    assert_eq!((next.number, next.parent), (4, Some(3)));
}

fn change(content: &str, parent: Option<u64>) -> NewCommit {
    NewCommit {
        model: ModelId([1; 16]),
        branch: RefName::main(),
        parent,
        tree: tree(content),
        title: content.to_owned(),
        message: String::new(),
        author: BOB,
        at: NOON,
    }
}

fn keep(folder: &Path, content: &str) {
    let path = blob_path(&folder.join("blobs"), Digest::of(content.as_bytes()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A hub's folder with a model of two commits and no release.
async fn hub() -> (TempDir, SqliteCatalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    drop(SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options(100)).unwrap());
    catalog.add_account(&release::bob(), None).await.unwrap();
    catalog.add_repository(&repository(1, "echo"), BOB).await.unwrap();
    for (content, parent) in [("one", None), ("two", Some(1))] {
        keep(folder.path(), content);
        catalog.commit(&change(content, parent)).await.unwrap();
    }
    (folder, catalog)
}

fn repository(id: u8, name: &str) -> Repository {
    let name = ModelName::new(release::bob().handle, name).unwrap();
    let model = ModelRecord {
        id: ModelId([id; 16]),
        owner: release::bob(),
        name,
        created: NOON,
        private: true,
        restriction: None,
    };
    Repository { model, access: Access::Sealed, automatic: false, changed: NOON, latest: None }
}

#[tokio::test]
async fn files_that_commits_alone_name_are_backed_up() {
    let (folder, catalog) = hub().await;
    // Nobody needs the files of a model that was removed.
    catalog.add_repository(&repository(2, "gone"), BOB).await.unwrap();
    catalog.commit(&NewCommit { model: ModelId([2; 16]), ..change("gone", None) }).await.unwrap();
    catalog.remove_repository(ModelId([2; 16]), ACT).await.unwrap();
    let beside = tempfile::tempdir().unwrap();
    let place = beside.path().join("backup");
    let copy = || backup(folder.path(), &place, &[], NOON, None, &|_, _, _| {});
    assert_eq!(copy().unwrap().blobs, 2);

    let to = beside.path().join("restored");
    let restored = restore(&place, &to, None, &|_, _, _| {}).unwrap();
    let report = deep(restored.folder());
    assert!(report.in_order(), "{report:#?}");
    assert_eq!(report.deep.unwrap().blobs, 2);
    restored.place().unwrap();
    for content in ["one", "two"] {
        let path = blob_path(&to.join("blobs"), Digest::of(content.as_bytes()));
        assert_eq!(fs::read(path).unwrap(), content.as_bytes());
    }
    let again = SqliteCatalog::open(&to).unwrap();
    assert_eq!(history(&again, ModelId([1; 16])).await, history(&catalog, ModelId([1; 16])).await);

    fs::remove_file(blob_path(&folder.path().join("blobs"), Digest::of(b"one"))).unwrap();
    fs::remove_dir_all(&place).unwrap();
    assert!(matches!(copy(), Err(BackupError::Io { .. })), "a commit from before needs it, too");
}

#[tokio::test]
async fn a_hub_that_has_no_commits_yet_is_backed_up_as_it_is() {
    let folder = left();
    drop(SqliteBooks::open(folder.path(), Arc::new(Manual::at(NOON)), &options(100)).unwrap());
    for content in ["one", "two", "three"] {
        keep(folder.path(), content);
    }
    let place = tempfile::tempdir().unwrap();
    let made = backup(folder.path(), &place.path().join("backup"), &[], NOON, None, &|_, _, _| {}).unwrap();
    assert_eq!(made.blobs, 3);
    assert_eq!(version(&Connection::open(made.generation.join("hub.db")).unwrap()).unwrap(), 4);
    let to = place.path().join("restored");
    let restored = restore(&place.path().join("backup"), &to, None, &|_, _, _| {}).unwrap();
    let report = deep(restored.folder());
    assert!(report.in_order(), "{report:#?}");
    restored.place().unwrap();
    let catalog = SqliteCatalog::open(&to).unwrap();
    assert_eq!(history(&catalog, ModelId([1; 16])).await.len(), 3);
}

fn deep(folder: &Path) -> Report {
    let proof = |_: &ledger::Call, _: &[u8]| Ok(());
    audit_to(folder, &Depth { deep: Some(&proof), ..Depth::default() }).unwrap()
}

#[tokio::test]
async fn a_deep_audit_follows_the_history_to_its_files() {
    let (folder, catalog) = hub().await;
    catalog.add_ref(ModelId([1; 16]), RefKind::Tag, &"v1".parse().unwrap(), 1, ACT).await.unwrap();
    drop(catalog);
    let report = deep(folder.path());
    assert!(report.in_order(), "{report:#?}");
    assert_eq!(report.deep.unwrap().blobs, 2);
    let (one, two) = (tree("one").commit_id(), tree("two").commit_id());
    let damages = [
        (format!("DELETE FROM trees WHERE id = x'{one}'"), format!("the files of commit {one} are gone")),
        (
            format!("UPDATE trees SET tree = (SELECT tree FROM trees WHERE id = x'{two}') WHERE id = x'{one}'"),
            format!("the files of commit {one} are those of {two}"),
        ),
        (
            format!("UPDATE trees SET tree = '[' WHERE id = x'{one}'"),
            format!("the files of commit {one} cannot be read"),
        ),
        ("UPDATE commits SET parent = 7 WHERE number = 2".to_owned(), "commit 2 comes after commit 7".to_owned()),
        ("UPDATE commits SET parent = 1 WHERE number = 1".to_owned(), "commit 1 comes after commit 1".to_owned()),
        ("UPDATE refs SET number = 9 WHERE name = 'main'".to_owned(), "branch main names commit 9".to_owned()),
        ("UPDATE refs SET number = 0 WHERE name = 'v1'".to_owned(), "tag v1 names commit 0".to_owned()),
    ];
    for (sql, expected) in damages {
        let other = tempfile::tempdir().unwrap();
        for file in ["ledger.db", "hub.db"] {
            fs::copy(folder.path().join(file), other.path().join(file)).unwrap();
        }
        symlink(folder.path().join("blobs"), other.path().join("blobs")).unwrap();
        let changed = Connection::open(other.path().join("hub.db")).unwrap().execute(&sql, []).unwrap();
        assert_ne!(changed, 0, "{sql} changed nothing");
        let report = deep(other.path());
        assert_eq!(report.differences, 1, "{sql}: {report:#?}");
        assert!(report.first[0].contains(&expected), "{sql}: {:?}", report.first);
    }
    fs::remove_file(blob_path(&folder.path().join("blobs"), Digest::of(b"one"))).unwrap();
    assert_eq!(deep(folder.path()).differences, 1);
}

/// What a hub does all the time: it commits files while it carries over what was paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_made_while_rows_of_the_books_are_carried_over() {
    const MANY: u64 = 300;
    let (_folder, catalog) = hub().await;
    let catalog = Arc::new(catalog);
    let model = repository(7, "busy");
    catalog.add_repository(&model, BOB).await.unwrap();
    let carrying = {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            let from = catalog.watermark().await.unwrap();
            for n in 1..=MANY {
                let row = Row::Call(Arc::new(call(from + n, 0)));
                catalog.project(vec![(from + n, row)], true).await.unwrap();
            }
        })
    };
    let mut parent = None;
    for n in 0..MANY {
        let new = NewCommit {
            model: model.model.id,
            branch: RefName::main(),
            parent,
            tree: tree(&n.to_string()),
            title: n.to_string(),
            message: String::new(),
            author: BOB,
            at: NOON,
        };
        parent = Some(catalog.commit(&new).await.unwrap().number);
    }
    carrying.await.unwrap();
    assert_eq!(catalog.log(model.model.id, MANY, 1_000).await.unwrap().len(), MANY as usize);
}
