//! Collection beside uploads, commits, removals, backups and crashes; and a look at the files afterwards.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use ledger::{AccountId, ModelId, Time};
use proptest::prelude::*;
use registry::{Access, Digest, File, ModelName, RefName, Revision, Tree};
use tempfile::TempDir;

use super::scene::{ALICE, BOB, NOON, options};
use crate::backup::backup;
use crate::blobs::blob_path;
use crate::collect::{Going, hold_off};
use crate::contract::blobs::Shelved;
use crate::contract::release::account;
use crate::events::Act;
use crate::fsck::{Found, Look, fsck};
use crate::{
    Arriving, Blobs, Catalog, CatalogError, Collector, Manual, ModelRecord, NewCommit, Repositories, Repository,
    SqliteBooks, SqliteCatalog, Storage, Taken,
};

/// So late that everything is old.
const LATE: Time = Time(i64::MAX);

fn hand_over(blobs: &Blobs, content: &[u8]) -> (Digest, u64, Arriving) {
    let mut upload = blobs.receive(Digest::of(content), content.len() as u64).unwrap();
    upload.write(content).unwrap();
    upload.bring_in().unwrap()
}

async fn hand_in(catalog: &dyn Catalog, blobs: &Blobs, owner: AccountId, content: &[u8], at: Time) {
    let (digest, size, _arriving) = hand_over(blobs, content);
    catalog.add_upload(owner, digest, size, at).await.unwrap();
}

fn repository(id: ModelId, owner: AccountId) -> Repository {
    let owner = account(owner, if owner == ALICE { "alice" } else { "bob" });
    let name = ModelName::new(owner.handle.clone(), "echo").unwrap();
    let model = ModelRecord { id, owner, name, created: NOON, private: false, restriction: None };
    Repository { model, access: Access::Sealed, automatic: false, changed: NOON, latest: None }
}

fn tree(content: &[u8]) -> Tree {
    let (path, sha256) = ("model.onnx".parse().unwrap(), Digest::of(content));
    Tree::new(vec![File { path, sha256, size: content.len() as u64 }]).unwrap()
}

/// A commit that makes this content the model's only file.
fn commit(model: ModelId, author: AccountId, parent: Option<u64>, content: &[u8], at: Time) -> NewCommit {
    let (branch, title) = (RefName::main(), "Change".to_owned());
    NewCommit { model, branch, parent, tree: tree(content), title, message: String::new(), author, at }
}

async fn head(catalog: &dyn Catalog, model: ModelId) -> Option<u64> {
    catalog.find_commit(model, &Revision::main()).await.unwrap().map(|head| head.number)
}

/// Everything that collection does, as if all were old.
async fn collect_all(catalog: &dyn Catalog, blobs: &Blobs) -> Taken {
    let mut collector = Collector::new(blobs.clone());
    while !collector.walk(catalog, LATE, NOON).await.unwrap() {}
    while !collector.look(catalog, LATE, NOON).await.unwrap() {}
    collector.take_away(catalog, NOON).await.unwrap()
}

const CONTENTS: [&[u8]; 3] = [b"one", b"two", b"three"];

/// How far somebody is who brings bytes in or names them.
enum Doing {
    Nothing,
    /// The file is there, its row is not.
    Brought(usize, Arriving),
    Noted {
        _arriving: Arriving,
    },
    /// The content is there and its own; the commit comes.
    Looked(usize, Option<u64>),
}

struct Somebody {
    id: AccountId,
    model: ModelId,
    doing: Doing,
}

/// How far collection is.
enum Collecting {
    Walks,
    Decides(Vec<(Digest, u64)>),
    Begins,
    Asks(Going),
    Removes(Going),
    Ends(Going),
}

struct World {
    folder: TempDir,
    blobs: Blobs,
    catalog: SqliteCatalog,
    people: [Somebody; 2],
    collecting: Collecting,
    models: u8,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let catalog = SqliteCatalog::in_memory().unwrap();
        let people =
            [(ALICE, 1), (BOB, 2)].map(|(id, n)| Somebody { id, model: ModelId([n; 16]), doing: Doing::Nothing });
        for one in &people {
            let repository = repository(one.model, one.id);
            catalog.add_account(&repository.model.owner, None).await.unwrap();
            catalog.add_repository(&repository, one.id).await.unwrap();
        }
        World { folder, blobs, catalog, people, collecting: Collecting::Walks, models: 2 }
    }

    fn held(&self, digest: Digest) -> bool {
        match &self.collecting {
            Collecting::Asks(going) | Collecting::Removes(going) | Collecting::Ends(going) => going.holds(digest),
            _ => false,
        }
    }

    /// One step of one of those who use the hub.
    async fn person(&mut self, who: usize, content: usize, wish: u8) {
        let bytes = CONTENTS[content];
        let digest = Digest::of(bytes);
        let held = self.held(digest);
        let one = &mut self.people[who];
        one.doing = match std::mem::replace(&mut one.doing, Doing::Nothing) {
            // It would wait until the file is gone.
            Doing::Nothing if wish < 2 && held => Doing::Nothing,
            Doing::Nothing if wish < 2 => Doing::Brought(content, hand_over(&self.blobs, bytes).2),
            Doing::Nothing if wish == 2 => {
                self.models += 1;
                let act = Act { by: one.id, at: NOON };
                self.catalog.remove_repository(one.model, act).await.unwrap();
                one.model = ModelId([self.models; 16]);
                self.catalog.add_repository(&repository(one.model, one.id), one.id).await.unwrap();
                Doing::Nothing
            }
            Doing::Nothing => match self.catalog.touch_upload(one.id, digest, Time(0), NOON).await.unwrap() {
                Some(_) if self.blobs.has(digest).unwrap() => {
                    Doing::Looked(content, head(&self.catalog, one.model).await)
                }
                _ => Doing::Nothing,
            },
            Doing::Brought(content, arriving) => {
                let bytes = CONTENTS[content];
                let size = bytes.len() as u64;
                self.catalog.add_upload(one.id, Digest::of(bytes), size, NOON).await.unwrap();
                Doing::Noted { _arriving: arriving }
            }
            Doing::Noted { .. } => Doing::Nothing,
            Doing::Looked(content, parent) => {
                let new = commit(one.model, one.id, parent, CONTENTS[content], NOON);
                match self.catalog.commit(&new).await {
                    Ok(_) => {
                        assert!(self.blobs.has(Digest::of(CONTENTS[content])).unwrap(), "a commit names what is gone")
                    }
                    Err(CatalogError::Collected { .. } | CatalogError::Stale { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
                Doing::Nothing
            }
        };
    }

    /// One step of collection.
    async fn collection(&mut self) {
        let catalog = &self.catalog;
        self.collecting = match std::mem::replace(&mut self.collecting, Collecting::Walks) {
            Collecting::Walks => Collecting::Decides(catalog.unnamed(None, LATE, 100).await.unwrap().0),
            Collecting::Decides(found) => {
                catalog.collect(&found, LATE, NOON).await.unwrap();
                Collecting::Begins
            }
            Collecting::Begins => Collecting::Asks(Going::begin(&self.blobs, &catalog.to_remove(100).await.unwrap())),
            Collecting::Asks(mut going) => {
                going.ask(catalog).await.unwrap();
                Collecting::Removes(going)
            }
            Collecting::Removes(going) => Collecting::Ends(going.remove().unwrap()),
            Collecting::Ends(going) => {
                going.end(catalog).await.unwrap();
                Collecting::Walks
            }
        };
    }

    /// The hub is killed: what was in memory is gone.
    fn crash(&mut self) {
        self.collecting = Collecting::Walks;
        for one in &mut self.people {
            one.doing = Doing::Nothing;
        }
        self.blobs = Blobs::open(self.folder.path()).unwrap();
    }

    /// Which contents some model names.
    async fn named(&self) -> Vec<bool> {
        let mut named = Vec::new();
        for content in CONTENTS {
            let mut by_somebody = false;
            for one in &self.people {
                by_somebody |= self.catalog.named_by(one.model, Digest::of(content)).await.unwrap().is_some();
            }
            named.push(by_somebody);
        }
        named
    }

    async fn check(&self) {
        for (content, named) in CONTENTS.iter().zip(self.named().await) {
            assert!(!named || self.blobs.has(Digest::of(content)).unwrap(), "a named content is gone");
        }
    }
}

fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the order of the steps: what a model names is there at every moment, and in the end nothing else is.
    #[test]
    fn collection_takes_what_nobody_names_and_nothing_else(
        steps in prop::collection::vec((0..9_usize, 0..CONTENTS.len(), 0..5_u8), 1..90)
    ) {
        run(async {
            let mut world = World::new().await;
            for (actor, content, wish) in steps {
                match actor {
                    0..=2 => world.person(0, content, wish).await,
                    3..=4 => world.person(1, content, wish).await,
                    5..=7 => world.collection().await,
                    _ if wish == 0 => world.crash(),
                    _ => world.collection().await,
                }
                world.check().await;
            }
            world.crash();
            collect_all(&world.catalog, &world.blobs).await;
            for (content, named) in CONTENTS.iter().zip(world.named().await) {
                assert_eq!(world.blobs.has(Digest::of(content)).unwrap(), named, "what is there is what is named");
            }
        });
    }
}

/// The same with threads, where steps overlap.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_upload_and_commit_the_same_never_lose_it_to_collection() {
    race(&Shelved::folder(), 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
async fn s3_many_who_upload_and_commit_the_same_never_lose_it_to_collection() {
    race(&Shelved::bucket(), 20).await;
}

async fn race(place: &Shelved, rounds: u64) {
    let blobs = place.open();
    let catalog = Arc::new(SqliteCatalog::in_memory().unwrap());
    for (id, n) in [(ALICE, 1), (BOB, 2)] {
        let repository = repository(ModelId([n; 16]), id);
        catalog.add_account(&repository.model.owner, None).await.unwrap();
        catalog.add_repository(&repository, id).await.unwrap();
    }
    let (stop, committed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let collecting = tokio::spawn({
        let (catalog, blobs, stop) = (catalog.clone(), blobs.clone(), stop.clone());
        async move {
            let mut collector = Collector::new(blobs);
            while !stop.load(Ordering::Relaxed) {
                collector.walk(&*catalog, LATE, NOON).await.unwrap();
                collector.take_away(&*catalog, NOON).await.unwrap();
            }
        }
    });
    let ids = Arc::new(AtomicI64::new(3));
    let people = [(ALICE, 1), (BOB, 2)].map(|(id, n)| {
        let (catalog, blobs, committed, ids) = (catalog.clone(), blobs.clone(), committed.clone(), ids.clone());
        tokio::spawn(async move {
            let mut model = ModelId([n; 16]);
            for round in 0..rounds {
                let content = round.to_be_bytes();
                let bring = {
                    let blobs = blobs.clone();
                    move || hand_over(&blobs, &content)
                };
                let (digest, size, arriving) = tokio::task::spawn_blocking(bring).await.unwrap();
                catalog.add_upload(id, digest, size, NOON).await.unwrap();
                drop(arriving);
                let parent = head(&*catalog, model).await;
                match catalog.commit(&commit(model, id, parent, &content, NOON)).await {
                    Ok(_) => {
                        committed.fetch_add(1, Ordering::Relaxed);
                        assert!(blobs.has(digest).unwrap(), "round {round}: the commit names what is gone");
                    }
                    Err(CatalogError::Collected { blob }) => assert_eq!(blob, digest),
                    Err(other) => panic!("{other}"),
                }
                if round % 8 == 7 {
                    catalog.remove_repository(model, Act { by: id, at: NOON }).await.unwrap();
                    model = ModelId(i128::from(ids.fetch_add(1, Ordering::Relaxed)).to_be_bytes());
                    catalog.add_repository(&repository(model, id), id).await.unwrap();
                }
            }
            // What the last model names.
            for round in rounds - rounds % 8..rounds {
                let digest = Digest::of(&round.to_be_bytes());
                if catalog.named_by(model, digest).await.unwrap().is_some() {
                    assert!(blobs.has(digest).unwrap(), "round {round}");
                }
            }
        })
    });
    for one in people {
        one.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    collecting.await.unwrap();
    assert!(committed.load(Ordering::Relaxed) > 0, "somebody was faster than collection");
}

/// A whole folder: alice's model names one content, another waits.
struct Whole {
    folder: TempDir,
    catalog: SqliteCatalog,
    blobs: Blobs,
}

const ECHO: ModelId = ModelId([1; 16]);

impl Whole {
    async fn new() -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("hub");
        fs::create_dir(&data).unwrap();
        drop(SqliteBooks::open(&data, Arc::new(Manual::at(NOON)), &options(100)).unwrap());
        let (catalog, blobs) = (SqliteCatalog::open(&data).unwrap(), Blobs::open(&data.join("blobs")).unwrap());
        let echo = repository(ECHO, ALICE);
        catalog.add_account(&echo.model.owner, None).await.unwrap();
        catalog.add_repository(&echo, ALICE).await.unwrap();
        for content in CONTENTS {
            hand_in(&catalog, &blobs, ALICE, content, NOON).await;
        }
        catalog.commit(&commit(ECHO, ALICE, None, CONTENTS[0], NOON)).await.unwrap();
        Whole { folder, catalog, blobs }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("hub")
    }

    fn look(&self, deep: bool, repair: bool) -> Found {
        fsck(&self.data(), &Look { deep, repair, before: Time(1_000_000), ..Look::default() }).unwrap()
    }

    fn path(&self, content: &[u8]) -> std::path::PathBuf {
        blob_path(&self.data().join("blobs"), Digest::of(content))
    }
}

/// Makes a file as old as the world.
fn age(path: &Path) {
    fs::File::options().append(true).open(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
}

#[tokio::test]
async fn what_was_handed_in_or_let_go_a_moment_ago_stays_for_its_time_of_grace() {
    let Whole { catalog, blobs, folder: _folder } = Whole::new().await;
    let mut collector = Collector::new(blobs.clone());
    let mut round = async |before: i64| {
        while !collector.walk(&catalog, NOON.plus_ms(before), NOON).await.unwrap() {}
        collector.take_away(&catalog, NOON).await.unwrap();
        CONTENTS.map(|content| blobs.has(Digest::of(content)).unwrap())
    };
    assert_eq!(round(0).await, [true, true, true], "all of it is of noon");
    let two = Digest::of(CONTENTS[1]);
    assert_eq!(catalog.touch_upload(ALICE, two, NOON.plus_ms(5), NOON.plus_ms(9)).await.unwrap(), Some(3));
    assert_eq!(round(1).await, [true, true, false], "somebody has asked for the second");
    assert_eq!(catalog.upload(ALICE, Digest::of(CONTENTS[2])).await.unwrap(), None);
    assert_eq!(round(10).await, [true, false, false]);
    catalog.remove_repository(ECHO, Act { by: ALICE, at: NOON.plus_ms(20) }).await.unwrap();
    assert_eq!(round(20).await, [true, false, false], "it was named until then");
    assert_eq!(round(21).await, [false, false, false]);
    let done = catalog.collection().await.unwrap();
    assert_eq!((done.blobs, done.bytes, done.waiting_blobs), (3, 11, 0));
}

#[tokio::test]
async fn what_was_collected_cannot_be_named_until_it_is_handed_in_again() {
    let Whole { catalog, blobs, folder: _folder } = Whole::new().await;
    let two = Digest::of(CONTENTS[1]);
    let decided = catalog.collect(&[(two, 3), (Digest::of(CONTENTS[0]), 3)], LATE, NOON).await.unwrap();
    assert_eq!(decided, [(two, 3)], "what a model names is not for the taking");
    let new = commit(ECHO, ALICE, Some(1), CONTENTS[1], NOON);
    let refused = catalog.commit(&new).await;
    assert!(matches!(refused, Err(CatalogError::Collected { blob }) if blob == two), "{refused:?}");
    assert_eq!(head(&catalog, ECHO).await, Some(1), "nothing of it was written");
    // Before its file went, it comes again.
    hand_in(&catalog, &blobs, ALICE, CONTENTS[1], NOON).await;
    assert_eq!(collect_none(&catalog, &blobs).await, 0);
    catalog.commit(&new).await.unwrap();
    assert!(blobs.has(two).unwrap());
    // And the same once the file is gone.
    let three = Digest::of(CONTENTS[2]);
    assert_eq!(collect_all(&catalog, &blobs).await.blobs, 1);
    assert!(!blobs.has(three).unwrap());
    let new = commit(ECHO, ALICE, Some(2), CONTENTS[2], NOON);
    assert!(matches!(catalog.commit(&new).await, Err(CatalogError::Collected { .. })));
    hand_in(&catalog, &blobs, ALICE, CONTENTS[2], NOON).await;
    catalog.commit(&new).await.unwrap();
}

/// Takes away what was decided and no more.
async fn collect_none(catalog: &dyn Catalog, blobs: &Blobs) -> u64 {
    Collector::new(blobs.clone()).take_away(catalog, NOON).await.unwrap().blobs
}

#[tokio::test]
async fn a_hub_that_is_killed_after_deciding_finishes_at_its_next_start() {
    let whole = Whole::new().await;
    let two = Digest::of(CONTENTS[1]);
    whole.catalog.collect(&[(two, 3)], LATE, NOON).await.unwrap();
    let found = whole.look(true, false);
    assert!(found.in_order(), "{found:?}");
    assert_eq!((found.named_blobs, found.waiting_blobs, found.going_blobs, found.going_bytes), (1, 1, 1, 3));
    assert_eq!(found.read_bytes, Some(8));
    // And once more after the file went and before that was written down.
    let (data, folder) = (whole.data(), whole.folder);
    drop((whole.catalog, whole.blobs));
    let (catalog, blobs) = (SqliteCatalog::open(&data).unwrap(), Blobs::open(&data.join("blobs")).unwrap());
    let mut going = Going::begin(&blobs, &catalog.to_remove(9).await.unwrap());
    going.ask(&catalog).await.unwrap();
    drop(going.remove().unwrap());
    assert!(!blobs.has(two).unwrap() && catalog.collection().await.unwrap().waiting_blobs == 1);
    drop((catalog, blobs));
    let (catalog, blobs) = (SqliteCatalog::open(&data).unwrap(), Blobs::open(&data.join("blobs")).unwrap());
    assert_eq!(collect_none(&catalog, &blobs).await, 1);
    assert_eq!(catalog.collection().await.unwrap().waiting_blobs, 0);
    drop(folder);
}

#[tokio::test]
async fn a_file_that_was_never_noted_is_found_once_it_is_old() {
    let Whole { catalog, blobs, folder: _folder } = Whole::new().await;
    let lost = Digest::of(b"lost");
    drop(hand_over(&blobs, b"lost"));
    let mut collector = Collector::new(blobs.clone());
    let mut look = async |before: Time| {
        while !collector.look(&catalog, before, NOON).await.unwrap() {}
        collector.take_away(&catalog, NOON).await.unwrap();
        blobs.has(lost).unwrap()
    };
    assert!(look(Time(1_000_000)).await, "it is of this minute");
    age(&blobs.path(lost));
    assert!(!look(Time(1_000_000)).await);
    assert!(CONTENTS.iter().all(|content| blobs.has(Digest::of(content)).unwrap()), "and nothing else went");
}

#[tokio::test]
async fn nothing_goes_while_a_backup_is_made_and_the_backup_is_whole() {
    let whole = Whole::new().await;
    let folder = whole.data().join("blobs");
    let held = hold_off(&folder).unwrap();
    let taken = collect_all(&whole.catalog, &whole.blobs).await;
    assert_eq!((taken, whole.blobs.has(Digest::of(CONTENTS[1])).unwrap()), (Taken { blobs: 0, held_off: true }, true));
    drop(held);
    // In the middle of a backup a round comes.
    let seen = Mutex::new(Vec::new());
    let round = || run(Collector::new(whole.blobs.clone()).take_away(&whole.catalog, NOON)).unwrap();
    let progress = |_, _, _| {
        let taken = std::thread::scope(|scope| scope.spawn(round).join().unwrap());
        seen.lock().unwrap().push(taken);
    };
    let made = backup(&whole.data(), &whole.folder.path().join("backup"), &[], NOON, None, &progress).unwrap();
    assert_eq!(made.blobs, 1);
    let seen = seen.into_inner().unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|taken| *taken == Taken { blobs: 0, held_off: true }), "{seen:?}");
    let taken = Collector::new(whole.blobs.clone()).take_away(&whole.catalog, NOON).await.unwrap();
    assert_eq!(taken, Taken { blobs: 2, held_off: false }, "what was decided before");
}

#[tokio::test]
async fn a_look_at_the_files_says_what_it_saw() {
    let whole = Whole::new().await;
    let found = whole.look(false, false);
    let told = (found.models, found.commits, found.refs, found.releases, found.named_blobs, found.named_bytes);
    assert_eq!(told, (1, 1, 1, 0, 1, 3));
    assert_eq!((found.waiting_blobs, found.waiting_bytes, found.read_bytes, found.differences), (2, 8, None, 0));
    assert_eq!(whole.look(true, false).read_bytes, Some(11));
    // A content that waited and is gone is lost to nobody but its sender.
    fs::remove_file(whole.path(CONTENTS[2])).unwrap();
    let found = whole.look(true, false);
    assert!(found.in_order() && found.lost_uploads == 1, "{found:?}");
}

#[tokio::test]
async fn what_is_lost_is_a_difference() {
    let whole = Whole::new().await;
    let named = whole.path(CONTENTS[0]);
    let differs = |deep: bool, words: &str| {
        let found = whole.look(deep, false);
        assert_eq!(found.differences, 1, "{:?}", found.first);
        assert!(found.first[0].contains(words), "{words}: {:?}", found.first);
    };
    fs::write(&named, "oen").unwrap();
    assert!(whole.look(false, false).in_order(), "its size is right");
    differs(true, "has the content of");
    fs::write(&named, "ones").unwrap();
    differs(false, "of 3 bytes has 4");
    fs::remove_file(&named).unwrap();
    differs(false, "is named and not there");
    fs::write(&named, "one").unwrap();
    assert!(whole.look(true, false).in_order());

    let change = |sql: &str| rusqlite::Connection::open(whole.data().join("hub.db")).unwrap().execute(sql, []).unwrap();
    assert_eq!(change("INSERT INTO collected VALUES ((SELECT sha256 FROM model_blobs), 3, 0, 0)"), 1);
    differs(false, "was decided to go");
    change("DELETE FROM collected");
    change("INSERT INTO refs SELECT model, 'tag', 'lost', 7 FROM refs");
    differs(false, "tag lost names commit 7, which is gone");
    change("DELETE FROM refs WHERE name = 'lost'");
    change("DELETE FROM model_blobs");
    differs(false, "is not listed as named, and might be collected");
    change("DELETE FROM trees");
    differs(false, "are gone");
}

#[tokio::test]
async fn a_repair_removes_what_is_left_over_and_nothing_else() {
    let whole = Whole::new().await;
    drop(hand_over(&whole.blobs, b"lost"));
    let mut half = whole.blobs.receive_from(ALICE, Digest::of(b"half"), 4).unwrap();
    half.write(b"ha").unwrap();
    drop(half);
    let blobs = whole.data().join("blobs");
    let lost = whole.path(b"lost");
    let foreign = lost.with_file_name("README");
    for file in [&foreign, &blobs.join("tmp/4711-0"), &whole.data().join("outcomes/9")] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "left").unwrap();
    }
    let found = whole.look(false, false);
    assert_eq!((found.left_over.blobs, found.halves, found.left_over.foreign), (0, 1, 1), "it is of this minute");
    for file in fs::read_dir(blobs.join("tmp")).unwrap() {
        age(&file.unwrap().path());
    }
    for file in [&lost, &foreign, &whole.data().join("outcomes/9"), &whole.path(CONTENTS[1])] {
        age(file);
    }
    let found = whole.look(false, false);
    let left = &found.left_over;
    assert_eq!((left.blobs, left.temporary, left.outcomes, left.bytes, left.removed), (1, 2, 1, 14, 0), "{found:?}");
    assert!(found.in_order(), "nothing of it is lost");
    assert_eq!(whole.look(false, true).left_over.removed, 4);
    let found = whole.look(true, false);
    assert_eq!((found.left_over.blobs, found.left_over.temporary, found.left_over.bytes), (0, 0, 0));
    assert!(foreign.exists() && found.in_order() && found.waiting_blobs == 2, "{found:?}");
}
