//! Backups: made beside a hub that goes on, brought up to date, refused where they are damaged, restored and audited.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use registry::{Digest, File, Tree};
use tempfile::TempDir;

use super::scene::{ALICE, BOB, NOON, RELEASE, assert_in_order, call, charge, deposit, key, nano, options, post_one};
use crate::audit::{Depth, audit_copy, audit_to};
use crate::backup::{BackupError, Made, backup, manifest, restore};
use crate::blobs::blob_path;
use crate::contract::release;
use crate::{Books, Catalog, Manual, NewRelease, ReleaseRecord, SqliteBooks, SqliteCatalog};

const WEIGHTS: &[u8] = b"seventeen weights";

/// A hub's folder with a model, and room for backups beside it.
struct Scene {
    folder: TempDir,
    books: Arc<SqliteBooks>,
    catalog: SqliteCatalog,
}

impl Scene {
    async fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("hub");
        fs::create_dir(&data).unwrap();
        let catalog = SqliteCatalog::open(&data).unwrap();
        let books = Arc::new(SqliteBooks::open(&data, Arc::new(Manual::at(NOON)), &options(100)).unwrap());
        let scene = Scene { folder, books, catalog };
        scene.catalog.add_account(&release::bob(), None).await.unwrap();
        scene.publish("minilm", RELEASE.0[0], WEIGHTS).await;
        post_one(&*scene.books, deposit(900, ALICE, 1_000_000_000)).await.unwrap();
        fs::write(scene.data().join("receipt.key"), "secret").unwrap();
        scene
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    async fn publish(&self, name: &str, id: u8, weights: &[u8]) {
        let path = blob_path(&self.data().join("blobs"), Digest::of(weights));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, weights).unwrap();
        let NewRelease { release, .. } = release::release(name, "1.00", id, NOON);
        let sha256 = Digest::of(weights);
        let file = File { path: "model.onnx".parse().unwrap(), sha256, size: weights.len() as u64 };
        let tree = Tree::new(vec![file]).unwrap();
        let release = ReleaseRecord { tree, weights: sha256, ..release };
        self.catalog.seal(&NewRelease { release, latest: false, commit: true, known: None, by: BOB }).await.unwrap();
    }

    async fn charge(&self, from: u64, to: u64) {
        for n in from..to {
            charge(&*self.books, call(n, 10)).await.unwrap();
        }
    }

    /// Carries everything over that is in the books.
    async fn project(&self) {
        let rows = self.books.rows(self.catalog.watermark().await.unwrap(), usize::MAX >> 1).await.unwrap();
        self.catalog.project(rows, true).await.unwrap();
    }

    fn backup(&self) -> Result<Made, BackupError> {
        backup(&self.data(), &self.place(), &["receipt.key", "not-there"], NOON, None, &|_, _, _| {})
    }

    /// Restores the backup to a new folder, and gives it with its last row.
    fn restore(&self, name: &str) -> Result<(PathBuf, u64), BackupError> {
        let to = self.folder.path().join(name);
        let restored = restore(&self.place(), &to, None, &|_, _, _| {})?;
        let rows = restored.rows;
        assert_in_order(restored.folder());
        restored.place()?;
        Ok((to, rows))
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_backup_holds_all_of_a_hub_and_is_restored_as_it_was() {
    let scene = Scene::new().await;
    scene.charge(1, 30).await;
    let held = scene.books.hold(ALICE, nano(10)).await.unwrap();
    let keyed = ledger::Call { keyed: Some(key(1, 1)), ..call(30, 10) };
    let answer = vec![7; 300 * 1024];
    scene.books.capture(held, Arc::new(keyed), Some(answer.clone())).await.unwrap();
    scene.project().await;
    let made = scene.backup().unwrap();
    assert_eq!((made.rows, made.blobs, made.new_blobs), (31, 1, 1));
    assert_eq!(assert_in_order(&made.generation).rows, 31, "a generation is audited like a hub's folder");
    let proof = |_: &ledger::Call, _: &[u8]| Ok(());
    let deep = audit_to(&made.generation, &Depth { deep: Some(&proof), ..Depth::default() }).unwrap();
    assert!(deep.in_order(), "{deep:#?}");
    assert_eq!(deep.deep.unwrap().blobs, 1, "blobs are found through the link");

    let (to, rows) = scene.restore("other").unwrap();
    assert_eq!(rows, 31);
    assert_eq!(fs::read(to.join("receipt.key")).unwrap(), b"secret");
    assert_eq!(fs::read(blob_path(&to.join("blobs"), Digest::of(WEIGHTS))).unwrap(), WEIGHTS);
    let books = SqliteBooks::open(&to, Arc::new(Manual::at(NOON)), &options(100)).unwrap();
    assert_eq!(books.balance(ALICE).await, scene.books.balance(ALICE).await);
    let stored = books.stored(31).await.unwrap().unwrap();
    assert_eq!(stored.outcome, Some(answer), "answers that lie in files come along");
    charge(&books, call(99, 10)).await.unwrap();
}

#[tokio::test]
async fn the_next_backup_replaces_the_one_before_and_copies_no_model_twice() {
    let scene = Scene::new().await;
    let first = scene.backup().unwrap();
    scene.publish("other", 9, b"other weights").await;
    scene.charge(1, 5).await;
    let later = NOON.plus_ms(1);
    let second = backup(&scene.data(), &scene.place(), &[], later, None, &|_, _, _| {}).unwrap();
    assert_eq!((second.rows, second.blobs, second.new_blobs), (5, 2, 1));
    assert!(!first.generation.exists() && second.generation.exists());
    let there = names(&scene.place());
    let generation = second.generation.file_name().unwrap().to_string_lossy().into_owned();
    let expected = ["backup.json", "blobs", "lock"].map(str::to_owned).into_iter().chain([generation]);
    assert_eq!(there, expected.collect());
    assert_eq!(scene.restore("restored").unwrap().1, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_beside_a_hub_that_captures_and_carries_over_are_whole() {
    let scene = Scene::new().await;
    let (stop, books) = (Arc::new(AtomicBool::new(false)), scene.books.clone());
    let (stopped, mut callers) = (stop.clone(), Vec::new());
    for caller in 0..8_u64 {
        let (books, stop) = (books.clone(), stop.clone());
        callers.push(tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                charge(&*books, call(caller * 1_000_000 + n + 1, 10)).await.unwrap();
                n += 1;
            }
            n
        }));
    }
    for round in 0..5 {
        scene.project().await;
        let made =
            backup(&scene.data(), &scene.place(), &["receipt.key"], NOON.plus_ms(round), None, &|_, _, _| {}).unwrap();
        assert_eq!(assert_in_order(&made.generation).rows, made.rows);
        let (_, rows) = scene.restore(&format!("restored-{round}")).unwrap();
        assert_eq!(rows, made.rows);
    }
    stopped.store(true, Ordering::Relaxed);
    let mut made = 0;
    for caller in callers {
        made += caller.await.unwrap();
    }
    assert!(made > 100, "{made} calls were captured meanwhile");
}

#[tokio::test]
async fn a_catalogue_that_saw_more_than_the_books_is_carried_over_anew() {
    let scene = Scene::new().await;
    scene.charge(1, 20).await;
    let made = scene.backup().unwrap();
    // As it would be if rows had come and been carried over between the two copies.
    scene.charge(20, 40).await;
    scene.project().await;
    scene.catalog.add_receipt(call(5, 10).id, 6, &[1; 65], NOON).await.unwrap();
    scene.catalog.add_receipt(call(35, 10).id, 36, &[2; 65], NOON).await.unwrap();
    let later = scene.folder.path().join("later");
    let newer = backup(&scene.data(), &later, &[], NOON, None, &|_, _, _| {}).unwrap();
    fs::copy(newer.generation.join("hub.db"), made.generation.join("hub.db")).unwrap();
    let digest = Digest::of(&fs::read(made.generation.join("hub.db")).unwrap());
    let path = scene.place().join("backup.json");
    let mut listed: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for file in listed["files"].as_array_mut().unwrap() {
        if file["path"] == "hub.db" {
            let size = fs::metadata(made.generation.join("hub.db")).unwrap().len();
            file["sha256"] = digest.to_string().into();
            file["size"] = size.into();
        }
    }
    fs::write(&path, listed.to_string()).unwrap();

    let report = audit_copy(&made.generation, 20, &|_| {}).unwrap();
    assert_eq!(report.wrong(), None, "a restore makes its sums again");
    let (to, rows) = scene.restore("restored").unwrap();
    assert_eq!(rows, 20);
    let catalog = SqliteCatalog::open(&to).unwrap();
    assert_eq!(catalog.watermark().await.unwrap(), 20);
    let receipts = rusqlite::Connection::open(to.join("hub.db")).unwrap();
    let left: Vec<i64> = receipts
        .prepare("SELECT seq FROM receipts")
        .and_then(|mut left| left.query_map([], |r| r.get(0))?.collect())
        .unwrap();
    assert_eq!(left, [6], "a receipt of a call that the books do not have is forgotten");
}

#[tokio::test]
async fn a_damaged_backup_is_refused_by_the_file_that_is_wrong() {
    let scene = Scene::new().await;
    scene.charge(1, 5).await;
    let made = scene.backup().unwrap();
    let blob = blob_path(&scene.place().join("blobs"), Digest::of(WEIGHTS));
    for path in [made.generation.join("ledger.db"), made.generation.join("receipt.key"), blob.clone()] {
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[3] ^= 1;
        fs::write(&path, damaged).unwrap();
        let Err(BackupError::Damaged { path: named, .. }) = scene.restore("restored") else { panic!("{path:?}") };
        assert_eq!(named, path);
        fs::remove_file(&path).unwrap();
        assert!(matches!(scene.restore("restored"), Err(BackupError::Io { .. })), "{path:?}");
        fs::write(&path, whole).unwrap();
        assert_eq!(names(scene.folder.path()), ["backup", "hub"].map(str::to_owned).into(), "nothing is left behind");
    }
    scene.restore("restored").unwrap();
}

#[tokio::test]
async fn a_wrong_place_is_refused() {
    let scene = Scene::new().await;
    let (data, place) = (scene.data(), scene.place());
    let to = |to: &Path| backup(&data, to, &[], NOON, None, &|_, _, _| {});
    assert!(matches!(to(&data), Err(BackupError::IsHub { .. })));
    assert!(matches!(backup(&place, &data, &[], NOON, None, &|_, _, _| {}), Err(BackupError::NoHub { .. })));
    let photos = scene.folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("cat.jpg"), "").unwrap();
    assert!(matches!(to(&photos), Err(BackupError::Foreign { name, .. }) if name == "cat.jpg"));
    assert!(matches!(restore(&photos, &place, None, &|_, _, _| {}), Err(BackupError::NoBackup { .. })));
    scene.backup().unwrap();
    assert!(matches!(restore(&place, &data, None, &|_, _, _| {}), Err(BackupError::Occupied { .. })));
    let lock = crate::Folder::open(&place).unwrap();
    assert!(matches!(scene.backup(), Err(BackupError::Busy { .. })));
    drop(lock);

    let path = place.join("backup.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in [("\"ledger.db\"", "\"../hub/ledger.db\""), ("\"generation-", "\"/generation-"), ("{", "[")] {
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert!(matches!(manifest(&place), Err(BackupError::Unreadable { .. })), "{to}");
    }
    fs::write(&path, text.replacen("\"version\": 1", "\"version\": 3", 1)).unwrap();
    assert!(matches!(manifest(&place), Err(BackupError::Newer { found: 3, .. })));
}

#[tokio::test]
async fn a_model_that_is_gone_fails_the_backup_and_leaves_the_former_one() {
    let scene = Scene::new().await;
    let first = scene.backup().unwrap();
    scene.publish("other", 9, b"other weights").await;
    fs::remove_file(blob_path(&scene.data().join("blobs"), Digest::of(b"other weights"))).unwrap();
    assert!(matches!(scene.backup(), Err(BackupError::Io { .. })));
    assert_eq!(manifest(&scene.place()).unwrap().generation, first.generation.file_name().unwrap().to_string_lossy());
    scene.restore("restored").unwrap();
}

/// Everything below a folder, but for links.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => contents.extend(self::contents(&entry.path())),
            kind if kind.is_file() => drop(contents.insert(entry.path(), fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    contents
}

#[tokio::test]
async fn books_with_a_damaged_row_are_no_backup_and_leave_the_former_one() {
    let mut scene = Scene::new().await;
    scene.charge(1, 9).await;
    let first = scene.backup().unwrap();
    scene.charge(9, 20).await;
    // A hub that has stopped: all rows lie in the file.
    let books = scene.data().join("ledger.db");
    scene.books.close().await;
    let other = tempfile::tempdir().unwrap();
    scene.books = Arc::new(SqliteBooks::open(other.path(), Arc::new(Manual::at(NOON)), &options(100)).unwrap());
    let log = rusqlite::Connection::open(&books).unwrap();
    log.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(log);
    let whole = fs::read(&books).unwrap();
    let id = call(1, 10).id.0;
    let rows: Vec<usize> = (0..whole.len()).filter(|at| whole[*at..].starts_with(&id)).collect();
    let [row] = rows[..] else { panic!("row 2 lies at {rows:?}") };
    let former = contents(&scene.place());

    let told = Mutex::new(BTreeSet::new());
    let backup = || {
        let progress = |what, _, _| {
            told.lock().unwrap().insert(what);
        };
        backup(&scene.data(), &scene.place(), &["receipt.key"], NOON.plus_ms(1), None, &progress)
    };
    // In the call's id, in its payer's and in its parts.
    for at in [row, row + 24, row + 80] {
        let mut damaged = whole.clone();
        damaged[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0xff);
        fs::write(&books, damaged).unwrap();
        let Err(BackupError::Unsound { folder, wrong, to, kept }) = backup() else { panic!("byte {at}: it is taken") };
        assert!(wrong.contains("row 2 ") || wrong.contains("row 2, a call, cannot be read"), "{wrong}");
        let made = manifest(&scene.place()).unwrap().made;
        assert_eq!((folder, to, kept), (scene.data(), scene.place(), Some(made)));
        assert_eq!(contents(&scene.place()), former, "byte {at}: the former backup is as it was");
        let (to, rows) = scene.restore("restored").unwrap();
        assert_eq!(rows, first.rows);
        fs::remove_dir_all(to).unwrap();
    }
    assert!(told.lock().unwrap().contains("Checking the books"));

    fs::write(&books, whole).unwrap();
    assert_eq!(backup().unwrap().rows, 20);
    assert_eq!(scene.restore("restored").unwrap().1, 20);
}

#[tokio::test]
async fn a_damaged_hub_without_an_older_backup_gets_none() {
    let scene = Scene::new().await;
    scene.charge(1, 5).await;
    let sql = "UPDATE calls SET cost = cost + 1 WHERE seq = 3";
    assert_eq!(rusqlite::Connection::open(scene.data().join("ledger.db")).unwrap().execute(sql, []).unwrap(), 1);
    let Err(BackupError::Unsound { wrong, kept: None, .. }) = scene.backup() else { panic!("it is taken") };
    assert!(wrong.starts_with("row 3 "), "{wrong}");
    assert!(matches!(manifest(&scene.place()), Err(BackupError::NoBackup { .. })));
    let left = ["blobs", "lock"].map(str::to_owned);
    assert!(names(&scene.place()).is_subset(&left.into()), "{:?}", names(&scene.place()));
}

#[tokio::test]
async fn an_answer_whose_file_is_gone_is_left_out_with_its_key() {
    let scene = Scene::new().await;
    let held = scene.books.hold(ALICE, nano(10)).await.unwrap();
    let keyed = ledger::Call { keyed: Some(key(1, 1)), ..call(1, 10) };
    scene.books.capture(held, Arc::new(keyed), Some(vec![7; 300 * 1024])).await.unwrap();
    fs::remove_file(scene.data().join("outcomes").join(call(1, 10).id.to_string())).unwrap();
    scene.backup().unwrap();
    let (to, _) = scene.restore("restored").unwrap();
    let books = SqliteBooks::open(&to, Arc::new(Manual::at(NOON)), &options(100)).unwrap();
    assert_eq!(books.stored(2).await.unwrap().unwrap().outcome, None);
    let known = SqliteCatalog::open(&to).unwrap().keyed_seq(&key(1, 1).hash).await.unwrap();
    assert_eq!(known, Some(2), "nobody is charged again for it");
}
