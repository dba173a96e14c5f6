//! What every place for blobs has to do. The folder's cases run always; those of a bucket need a server that speaks as S3
//! does: `cargo xtask test` brings one, names it in `MODELHUB_TEST_S3`, and runs what is ignored here.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use ledger::{AccountId, Time};
use registry::Digest;
use tempfile::TempDir;

use crate::fsck::{Found, Look, fsck};
use crate::tests::scene::{ALICE, BOB, NOON, options};
use crate::{
    Access, Arrived, Begun, BlobError, Blobs, Bucket, Catalog, ClaimError, Clock, Collector, Keys, Manual, Place,
    SqliteBooks, SqliteCatalog, Storage, System, Taken, claim,
};

/// A data folder, and what its blobs lie in.
pub(crate) struct Shelved {
    folder: TempDir,
    bucket: Option<Bucket>,
}

/// What the cache may have: so little that files make way.
const CACHE: u64 = 24 * 1024 * 1024;

impl Shelved {
    pub(crate) fn folder() -> Shelved {
        Shelved { folder: tempfile::tempdir().unwrap(), bucket: None }
    }

    /// A prefix of its own in the bucket of the tests' server.
    pub(crate) fn bucket() -> Shelved {
        let folder = tempfile::tempdir().unwrap();
        let begun = Begun {
            blobs: format!("s3://hub/{}", folder.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.')),
            endpoint: Some(std::env::var("MODELHUB_TEST_S3").expect("cargo xtask test names the server")),
            region: None,
        };
        begun.note(folder.path()).unwrap();
        let bucket = begun.open(keys()).unwrap();
        Shelved { folder, bucket: Some(bucket) }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn open(&self) -> Blobs {
        let (blobs, cache) = (self.data().join("blobs"), self.data().join("cache"));
        match &self.bucket {
            None => Blobs::open(&blobs).unwrap(),
            Some(bucket) => Blobs::in_bucket(&blobs, bucket.clone(), &cache, CACHE).unwrap(),
        }
    }

    fn fsck(&self, deep: bool, repair: bool, before: Time) -> Found {
        fsck(&self.data(), &Look { deep, repair, before, keys: keys(), progress: None }).unwrap()
    }
}

/// Those of the tests' server.
pub(crate) fn keys() -> Option<Keys> {
    let named = |name: &str| std::env::var(name).ok();
    Some(Keys::new(named("AWS_ACCESS_KEY_ID")?, named("AWS_SECRET_ACCESS_KEY")?, None))
}

/// Bytes that are the same nowhere near.
fn content(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(size);
    bytes
}

fn bring(blobs: &Blobs, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    let mut upload = blobs.receive(digest, content.len() as u64).unwrap();
    content.chunks(100_000).for_each(|piece| upload.write(piece).unwrap());
    assert_eq!(upload.finish().unwrap(), (digest, content.len() as u64));
    digest
}

pub(super) async fn bytes_come_back_whole_in_parts_and_as_a_file(place: Shelved) {
    let blobs = place.open();
    // In one request, in several, and at the border between the two.
    for (seed, size) in [(1, 0), (2, 5), (3, bucket::PART as usize), (4, 2 * bucket::PART as usize + 4_321)] {
        let bytes = content(size, seed);
        assert!(!blobs.has(Digest::of(&bytes)).unwrap());
        let digest = bring(&blobs, &bytes);
        assert!(blobs.has(digest).unwrap());
        assert_eq!(blobs.read(digest, size as u64).unwrap(), bytes);
        let mut read = Vec::new();
        blobs.open_file(&blobs.path(digest)).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{size} bytes as a file");
        let mut whole = blobs.content(digest).unwrap();
        assert_eq!(whole.size().unwrap(), size as u64);
        read.clear();
        whole.read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{size} bytes one after the other");
        if size > 4_321 {
            for (at, length) in [(0, 1), (size - 1, 1), (size / 2 - 70_000, 140_000), (4_320, 3), (size - 9_000, 9_000)]
            {
                let mut part = vec![0; length];
                whole.read_exact_at(&mut part, at as u64).unwrap();
                assert!(part == bytes[at..at + length], "{length} bytes from {at}");
                whole.seek(SeekFrom::End(at as i64 - size as i64)).unwrap();
                whole.read_exact(&mut part).unwrap();
                assert!(part == bytes[at..at + length], "{length} bytes from {at}, sought");
            }
            assert!(matches!(blobs.read(digest, size as u64 - 1), Err(BlobError::TooLarge { .. })));
        }
        let over = whole.read_exact_at(&mut [0; 2], (size as u64).saturating_sub(1));
        assert_eq!(over.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
    let missing = Digest::of(b"missing");
    assert!(matches!(blobs.read(missing, 5), Err(BlobError::Missing { digest }) if digest == missing));
    assert!(blobs.open_file(&blobs.path(missing)).is_err());
}

pub(super) async fn wrong_bytes_leave_nothing(place: Shelved) {
    let blobs = place.open();
    let digest = Digest::of(b"hello");
    let mut upload = blobs.receive(digest, 5).unwrap();
    upload.write(b"jello").unwrap();
    assert!(matches!(upload.finish(), Err(BlobError::Digest { .. })));
    let mut upload = blobs.receive(digest, 5).unwrap();
    upload.write(b"hell").unwrap();
    assert!(matches!(upload.finish(), Err(BlobError::Size { expected: 5, got: 4 })));
    assert!(!blobs.has(digest).unwrap() && !blobs.has(Digest::of(b"jello")).unwrap());
    assert_eq!(blobs.shelves().shelf(digest.0[0]).unwrap().blobs.len(), 0);
    assert_eq!(std::fs::read_dir(place.data().join("blobs/tmp")).unwrap().count(), 0);
}

pub(super) async fn what_was_cut_off_goes_on_after_a_restart(place: Shelved) {
    let bytes = content(bucket::PART as usize + 77, 5);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let arrived = |blobs: &Blobs, of: AccountId| blobs.arrived(of, digest, System.now()).bytes;
    let blobs = place.open();
    let mut upload = blobs.receive_from(ALICE, digest, size).unwrap();
    upload.write(&bytes[..1_000_000]).unwrap();
    drop(upload);
    assert!(!blobs.has(digest).unwrap(), "a half is nobody's blob");
    let blobs = place.open();
    assert_eq!((arrived(&blobs, ALICE), arrived(&blobs, BOB)), (1_000_000, 0));
    let mut upload = blobs.resume(ALICE, digest, size, 1_000_000).unwrap();
    upload.write(&bytes[1_000_000..]).unwrap();
    upload.finish().unwrap();
    assert!(blobs.read(digest, size).unwrap() == bytes);
    assert_eq!(blobs.arrived(ALICE, digest, System.now()), Arrived::default());
}

pub(super) async fn collection_takes_what_nobody_names_and_waits_for_whoever_brings_it(place: Shelved) {
    let (catalog, blobs) = (SqliteCatalog::open(&place.data()).unwrap(), place.open());
    let late = Time(i64::MAX);
    let collect = async || {
        let mut collector = Collector::new(blobs.clone());
        while !collector.walk(&catalog, late, NOON).await.unwrap() {}
        while !collector.look(&catalog, late, NOON).await.unwrap() {}
        collector.take_away(&catalog, NOON).await.unwrap()
    };
    let (lost, waits) = (bring(&blobs, b"lost"), bring(&blobs, b"waits"));
    catalog.add_upload(BOB, waits, 5, NOON).await.unwrap();
    blobs.open_file(&blobs.path(waits)).unwrap();
    assert_eq!(collect().await, Taken { blobs: 2, held_off: false });
    assert!(!blobs.has(lost).unwrap() && !blobs.has(waits).unwrap());
    assert!(blobs.open_file(&blobs.path(waits)).is_err(), "not as an engine's file either");
    // Decided to go, and then somebody brings it: it stays.
    bring(&blobs, b"again");
    let again = Digest::of(b"again");
    catalog.add_upload(BOB, again, 5, NOON).await.unwrap();
    assert_eq!(catalog.collect(&[(again, 5)], late, NOON).await.unwrap().len(), 1);
    let mut upload = blobs.receive(again, 5).unwrap();
    upload.write(b"again").unwrap();
    let (.., arriving) = upload.bring_in().unwrap();
    assert_eq!(Collector::new(blobs.clone()).take_away(&catalog, NOON).await.unwrap().blobs, 0);
    catalog.add_upload(BOB, again, 5, NOON).await.unwrap();
    drop(arriving);
    assert_eq!(Collector::new(blobs.clone()).take_away(&catalog, NOON).await.unwrap().blobs, 0);
    assert!(blobs.has(again).unwrap());
}

pub(super) async fn a_look_finds_what_is_lost_damaged_and_left_over(place: Shelved) {
    let data = place.data();
    let (catalog, blobs) = (SqliteCatalog::open(&data).unwrap(), place.open());
    SqliteBooks::open(&data, std::sync::Arc::new(Manual::at(NOON)), &options(100)).unwrap();
    let whole = bring(&blobs, b"whole");
    for (digest, size) in [(whole, 5), (Digest::of(b"never brought"), 13)] {
        catalog.add_upload(BOB, digest, size, NOON).await.unwrap();
    }
    let found = place.fsck(true, false, NOON);
    assert!(found.in_order(), "{found:?}");
    assert_eq!((found.waiting_blobs, found.waiting_bytes, found.read_bytes), (1, 5, Some(5)));
    assert_eq!((found.lost_uploads, found.left_over.blobs, found.left_over.foreign), (1, 0, 0));
    let left = bring(&blobs, b"left over");
    assert_eq!(place.fsck(false, true, NOON).left_over.blobs, 0, "what is of this minute is nobody's to remove");
    // By whichever clock it was written, it is older than that.
    let before = System.now().plus_ms(Time::DAY_MS);
    assert_eq!(place.fsck(false, false, before).left_over.blobs, 1);
    assert!(blobs.has(left).unwrap());
    assert_eq!(place.fsck(false, true, before).left_over.removed, 1);
    assert!(!blobs.has(left).unwrap() && blobs.has(whole).unwrap());
    damage(&place, whole);
    assert!(place.fsck(false, false, before).in_order(), "its size is right");
    let found = place.fsck(true, false, before);
    assert_eq!(found.differences, 1, "{found:?}");
    assert!(found.first[0].contains("has the content of"), "{found:?}");
}

/// Other bytes under a blob's name, as no hub writes them.
fn damage(place: &Shelved, digest: Digest) {
    match &place.bucket {
        None => {
            let path = crate::blobs::blob_path(&place.data().join("blobs"), digest);
            std::fs::File::create(path).unwrap().write_all(b"holes").unwrap();
        }
        Some(bucket) => bucket.put(&crate::blobs::blob_name(digest), &mut &b"holes"[..], 5).unwrap(),
    }
}

macro_rules! blobs_contract {
    ($($case:ident),* $(,)?) => {
        mod folder {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(super::Shelved::folder()).await;
                }
            )*
        }
        mod s3 {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
                async fn $case() {
                    super::$case(super::Shelved::bucket()).await;
                }
            )*
        }
    };
}

blobs_contract! {
    bytes_come_back_whole_in_parts_and_as_a_file,
    wrong_bytes_leave_nothing,
    what_was_cut_off_goes_on_after_a_restart,
    collection_takes_what_nobody_names_and_waits_for_whoever_brings_it,
    a_look_finds_what_is_lost_damaged_and_left_over,
}

mod s3_alone {
    use super::*;

    #[test]
    #[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
    fn s3_a_place_is_one_hubs_and_says_whose() {
        let place = Shelved::bucket();
        let bucket = place.bucket.as_ref().unwrap();
        claim(bucket, "0xaa").unwrap();
        claim(bucket, "0xaa").unwrap();
        assert!(matches!(claim(bucket, "0xbb"), Err(ClaimError::Taken { hub, .. }) if hub == "0xaa"));
    }

    #[test]
    #[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
    fn s3_engines_files_make_way_for_each_other() {
        let place = Shelved::bucket();
        let blobs = place.open();
        let size = CACHE as usize / 2;
        let large: Vec<Digest> = (1..=3).map(|seed| bring(&blobs, &content(size, seed))).collect();
        let mut first = blobs.open_file(&blobs.path(large[0])).unwrap();
        for digest in &large {
            let mut read = Vec::new();
            blobs.open_file(&blobs.path(*digest)).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(Digest::of(&read), *digest);
        }
        let there: Vec<bool> = large.iter().map(|digest| blobs.path(*digest).exists()).collect();
        assert_eq!(there, [false, true, true], "what was used longest ago went");
        let mut read = Vec::new();
        first.read_to_end(&mut read).unwrap();
        assert_eq!(Digest::of(&read), large[0], "and whoever had it open still has");
    }

    #[test]
    #[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
    fn s3_an_upload_that_breaks_off_between_its_parts_leaves_nothing() {
        let place = Shelved::bucket();
        let bucket = place.bucket.as_ref().unwrap();
        let size = 2 * bucket::PART + 1;
        let mut short = std::io::repeat(7).take(size - 1);
        assert!(matches!(bucket.put("cut", &mut short, size), Err(bucket::Failed::Io { .. })));
        assert_eq!(bucket.find("cut").unwrap(), None);
        bucket.put("cut", &mut std::io::repeat(7), size).unwrap();
        assert_eq!(bucket.find("cut").unwrap().unwrap().size, size);
        bucket.remove("cut").unwrap();
        bucket.remove("cut").unwrap();
        assert_eq!(bucket.find("cut").unwrap(), None);
    }

    #[test]
    #[ignore = "needs a server that speaks as S3 does; cargo xtask test brings one"]
    fn s3_a_wrong_key_is_told_without_it() {
        let endpoint = std::env::var("MODELHUB_TEST_S3").ok();
        let access = Access::new(endpoint, None, Keys::new("AKIDWRONG", "very secret", None));
        let place: Place = "s3://hub/wrong".parse().unwrap();
        let bucket = Bucket::open(&place, access).unwrap();
        // A refusal with a body, which repeats what was sent.
        let refused = format!("{:?}", bucket.read("x", 0, 1).unwrap_err());
        assert!(refused.contains("403") && !refused.contains("AKIDWRONG") && !refused.contains("secret"), "{refused}");
    }
}
