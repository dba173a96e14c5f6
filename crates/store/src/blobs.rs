//! Bytes by their SHA-256, in a folder or in a bucket (`shelves.rs`).
//!
//! Always: a blob under its digest is whole and durable, name included, before anybody hears of it; what was
//! cut off lies in `tmp`, on this machine in either case, and is swept at the next start, but for halves (`halves.rs`),
//! whose senders may go on.
//!
//! A blob is taken away by collection alone (`collect.rs`), never while somebody brings the same bytes in.
//!
//! Engines want descriptors of local files. What lies in a bucket is brought here for them first (`cache.rs`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{AccountId, Time};
pub use registry::Digest;
use sha2::{Digest as _, Sha256};

use bucket::Bucket;

use crate::cache::Cache;
use crate::content::Content;
use crate::doors::{Arriving, Doors, Leaving};
use crate::halves::{self, Arrived, Halves, Key};
use crate::shelves::Shelves;

/// Why bytes were not kept or not found. Nothing is kept then.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("{got} bytes arrived, {expected} were announced")]
    Size { expected: u64, got: u64 },
    #[error("the bytes have SHA-256 {got}, {expected} was announced")]
    Digest { expected: Digest, got: Digest },
    #[error("more than {limit} bytes arrived, which is the most that is taken this way")]
    Long { limit: u64 },
    #[error("no blob {digest} is kept here")]
    Missing { digest: Digest },
    #[error("{digest} is {size} bytes, at most {limit} are read at once")]
    TooLarge { digest: Digest, size: u64, limit: u64 },
    #[error("the upload goes on from byte {there}, and byte {offset} was sent")]
    Offset { there: u64, offset: u64 },
    #[error("{left} bytes are left on the disk; an upload has to leave {RESERVE_BYTES} for the books")]
    Full { left: u64 },
    #[error("blob storage failed: {0}")]
    Io(#[from] io::Error),
}

/// What uploads leave of the disk: books that cannot be written stop the whole hub.
const RESERVE_BYTES: u64 = 512 * 1024 * 1024;

/// What a digest's bytes are called, in a folder of blobs as in a bucket. Made of the digest alone, never of input.
pub(crate) fn blob_name(digest: Digest) -> String {
    let name = digest.to_string();
    format!("{}/{name}", &name[..2])
}

/// Where a digest's bytes lie in a folder of blobs.
pub(crate) fn blob_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(blob_name(digest))
}

#[derive(Debug, Clone)]
pub struct Blobs {
    /// What is on its way, and where blobs lie unless they lie in a bucket.
    folder: PathBuf,
    shelves: Shelves,
    /// Of a bucket: what engines have open.
    cache: Option<Arc<Cache>>,
    next: Arc<AtomicU64>,
    halves: Arc<Halves>,
    doors: Arc<Doors>,
}

impl Blobs {
    pub fn open(folder: &Path) -> io::Result<Blobs> {
        Blobs::on(folder, Shelves::Folder(folder.to_owned()), None)
    }

    /// Blobs in a bucket. Uploads come in by `folder`; what engines open lies in `cache`, at most so many bytes.
    pub fn in_bucket(folder: &Path, bucket: Bucket, cache: &Path, cache_bytes: u64) -> io::Result<Blobs> {
        let cache = Cache::open(cache, cache_bytes)?;
        Blobs::on(folder, Shelves::Bucket(bucket), Some(Arc::new(cache)))
    }

    fn on(folder: &Path, shelves: Shelves, cache: Option<Arc<Cache>>) -> io::Result<Blobs> {
        let tmp = folder.join("tmp");
        fs::create_dir_all(&tmp)?;
        let (halves, highest) = Halves::open(&tmp)?;
        let next = Arc::new(AtomicU64::new(highest + 1));
        let (folder, halves) = (folder.to_owned(), Arc::new(halves));
        Ok(Blobs { folder, shelves, cache, next, halves, doors: Arc::default() })
    }

    /// Where the file of a digest lies on this machine when [`Blobs::open_file`] has opened it.
    pub fn path(&self, digest: Digest) -> PathBuf {
        match &self.cache {
            Some(cache) => cache.path(digest),
            None => blob_path(&self.folder, digest),
        }
    }

    /// Opens a file that [`Blobs::path`] names. What lies in a bucket is brought here first, which takes its time.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let name = path.file_name().and_then(|name| name.to_str());
        match (&self.cache, name.and_then(|name| name.parse::<Digest>().ok())) {
            (Some(cache), Some(digest)) => self.bring(cache, digest),
            _ => File::open(path),
        }
    }

    fn bring(&self, cache: &Cache, digest: Digest) -> io::Result<File> {
        if let Some(file) = cache.kept(digest)? {
            return Ok(file);
        }
        let mut content = self.shelves.content(digest).map_err(io::Error::other)?;
        let size = content.size()?;
        // Copies make way for a copy, and nothing that a user sent.
        self.room_for(size, || cache.make_way()).map_err(io::Error::other)?;
        cache.file(digest, size, |to| io::copy(&mut content, to).map(drop))
    }

    pub fn has(&self, digest: Digest) -> Result<bool, BlobError> {
        Ok(self.shelves.size(digest)?.is_some())
    }

    /// A blob, at its beginning.
    pub fn content(&self, digest: Digest) -> Result<Content, BlobError> {
        self.shelves.content(digest)
    }

    /// Reads a blob whole, at most `limit` bytes.
    pub fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let content = self.content(digest)?;
        let size = content.size()?;
        if size > limit {
            return Err(BlobError::TooLarge { digest, size, limit });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        content.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Begins to take in bytes that will have this digest and size.
    pub fn receive(&self, digest: Digest, size: u64) -> Result<Upload, BlobError> {
        self.leave_room(size)?;
        self.begin(Some((digest, size)), size, None)
    }

    /// The same for an account: what is cut off waits as a half, so that its sender can go on.
    pub fn receive_from(&self, owner: AccountId, digest: Digest, size: u64) -> Result<Upload, BlobError> {
        self.leave_room(size)?;
        self.begin(Some((digest, size)), size, Some((owner, digest)))
    }

    /// Goes on with an account's half, which has to end at `offset`. Reads it to its end: beside the threads that
    /// answer everybody.
    pub fn resume(&self, owner: AccountId, digest: Digest, size: u64, offset: u64) -> Result<Upload, BlobError> {
        if offset == 0 {
            return self.receive_from(owner, digest, size);
        }
        self.leave_room(size.saturating_sub(offset))?;
        let key = (owner, digest);
        let half = self.halves.take(&key, size, offset).map_err(|there| BlobError::Offset { there, offset })?;
        let mut upload = Upload::of(self, open_to_append(&half.path)?, half.path, Some((digest, size)), size);
        upload.waits_as(key);
        upload.read_again(offset)?;
        Ok(upload)
    }

    /// What is there of an account's upload that is not whole.
    pub fn arrived(&self, owner: AccountId, digest: Digest, now: Time) -> Arrived {
        self.halves.arrived(&(owner, digest), now)
    }

    /// Lets go of halves that nobody went on with.
    pub fn expire_halves(&self, now: Time) {
        self.halves.expire(now);
    }

    /// How many bytes of an account's wait as halves.
    pub fn waiting_bytes(&self, owner: AccountId) -> u64 {
        self.halves.bytes_of(owner)
    }

    /// The folder on this machine: of what is on its way, and of the lock.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where whole blobs lie.
    pub(crate) fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    /// Takes a blob away. Whoever does has the right to ([`Blobs::leave`]).
    pub(crate) fn remove(&self, digest: Digest) -> io::Result<()> {
        if let Some(cache) = &self.cache {
            cache.forget(digest);
        }
        self.shelves.remove(digest)
    }

    /// The right to take a blob away; none while somebody brings it in.
    pub(crate) fn leave(&self, digest: Digest) -> Option<Leaving> {
        self.doors.leave(digest)
    }

    /// Begins to take in bytes of which nobody knows the digest yet, at most `limit`.
    pub fn receive_unknown(&self, limit: u64) -> Result<Upload, BlobError> {
        self.leave_room(LOOK_EVERY)?;
        self.begin(None, limit, None)
    }

    /// What users hand in leaves something of the disk to the books. Copies of what lies in a bucket make way, then halves,
    /// before anything is refused.
    pub fn leave_room(&self, size: u64) -> Result<(), BlobError> {
        let copies = || self.cache.as_ref().is_some_and(|cache| cache.make_way());
        self.room_for(size, || copies() || self.halves.make_way())
    }

    fn room_for(&self, size: u64, make_way: impl Fn() -> bool) -> Result<(), BlobError> {
        loop {
            let disk = rustix::fs::statvfs(&self.folder).map_err(io::Error::from)?;
            let left = disk.f_bavail.saturating_mul(disk.f_frsize);
            if left >= size.saturating_add(RESERVE_BYTES) {
                return Ok(());
            }
            if !make_way() {
                return Err(BlobError::Full { left });
            }
        }
    }

    /// A disk that is full is no broken one: the operator makes room.
    fn full_or(&self, error: io::Error) -> BlobError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let left =
                    rustix::fs::statvfs(&self.folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
                BlobError::Full { left }
            }
            _ => error.into(),
        }
    }

    fn begin(&self, expected: Option<(Digest, u64)>, limit: u64, half: Option<Key>) -> Result<Upload, BlobError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = match (&half, expected) {
            (Some(key), Some((_, size))) => halves::name(key, size, number),
            _ => format!("{}-{number}", std::process::id()),
        };
        let temporary = self.folder.join("tmp").join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let mut upload = Upload::of(self, file, temporary, expected, limit);
        if let Some(key) = half {
            upload.waits_as(key);
        }
        Ok(upload)
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

/// Bytes on their way in. Dropped before [`Upload::finish`], nothing of them stays, but where an account's half waits
/// for the rest.
#[derive(Debug)]
pub struct Upload {
    blobs: Blobs,
    file: File,
    temporary: PathBuf,
    hasher: Sha256,
    got: u64,
    /// What was announced.
    expected: Option<(Digest, u64)>,
    limit: u64,
    kept: bool,
    /// Whose half it is if it is cut off.
    half: Option<Key>,
    /// Nobody can go on with what has wrong bytes.
    spoiled: bool,
}

/// How much of an upload of unknown size is taken before the disk is looked at again.
const LOOK_EVERY: u64 = 16 * 1024 * 1024;

impl Upload {
    fn of(blobs: &Blobs, file: File, temporary: PathBuf, expected: Option<(Digest, u64)>, limit: u64) -> Upload {
        let (blobs, hasher) = (blobs.clone(), Sha256::new());
        Upload { blobs, file, temporary, hasher, got: 0, expected, limit, kept: false, half: None, spoiled: false }
    }

    fn waits_as(&mut self, key: Key) {
        self.blobs.halves.begun(key);
        self.half = Some(key);
    }

    /// Hashes what came before.
    fn read_again(&mut self, offset: u64) -> Result<(), BlobError> {
        let mut piece = vec![0; 256 * 1024];
        loop {
            match self.file.read(&mut piece)? {
                0 if self.got == offset => return Ok(()),
                size if size > 0 && self.got + size as u64 <= offset => {
                    self.hasher.update(&piece[..size]);
                    self.got += size as u64;
                }
                // It is not what it was: nobody but us writes here.
                _ => {
                    self.spoiled = true;
                    return Err(BlobError::Offset { there: 0, offset });
                }
            }
        }
    }

    /// How many bytes are here.
    pub fn got(&self) -> u64 {
        self.got
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let taken = self.take_in(bytes);
        self.spoiled |= taken.is_err();
        taken
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let before = self.got;
        self.got = self.got.saturating_add(bytes.len() as u64);
        if self.got > self.limit {
            return Err(match self.expected {
                Some((_, expected)) => BlobError::Size { expected, got: self.got },
                None => BlobError::Long { limit: self.limit },
            });
        }
        if self.expected.is_none() && before / LOOK_EVERY != self.got / LOOK_EVERY {
            self.blobs.leave_room(LOOK_EVERY)?;
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|error| self.blobs.full_or(error))
    }

    /// [`Upload::bring_in`] for bytes that no row will name.
    pub fn finish(self) -> Result<(Digest, u64), BlobError> {
        self.bring_in().map(|(digest, size, _)| (digest, size))
    }

    /// Checks size and digest, then makes the bytes durable under their name. Gives both, and the right that keeps them
    /// from being taken away: to be held until a row names them.
    pub fn bring_in(mut self) -> Result<(Digest, u64, Arriving), BlobError> {
        self.spoiled = true;
        let digest = Digest(std::mem::take(&mut self.hasher).finalize().into());
        if let Some((expected, size)) = self.expected {
            if self.got != size {
                return Err(BlobError::Size { expected: size, got: self.got });
            }
            if digest != expected {
                return Err(BlobError::Digest { expected, got: digest });
            }
        }
        let arriving = match self.blobs.shelves.clone() {
            Shelves::Folder(folder) => self.put_down(&blob_path(&folder, digest), digest)?,
            Shelves::Bucket(bucket) => {
                let arriving = self.blobs.doors.arrive(digest);
                // It goes up once more from its beginning if this is cut off: what is no blob yet is nobody's to name.
                bucket.put(&blob_name(digest), &mut File::open(&self.temporary)?, self.got).map_err(io::Error::from)?;
                arriving
            }
        };
        // Sent from its beginning, while what came of it before a kill still waited.
        if let Some(key) = &self.half {
            self.blobs.halves.let_go(key);
        }
        Ok((digest, self.got, arriving))
    }

    /// Into its place in the folder, durably.
    fn put_down(&mut self, target: &Path, digest: Digest) -> Result<Arriving, BlobError> {
        self.file.sync_data().map_err(|error| self.blobs.full_or(error))?;
        let arriving = self.blobs.doors.arrive(digest);
        let folder = target.parent().expect("a blob lies in a folder").to_owned();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            File::open(folder.parent().expect("which lies in another"))?.sync_all()?;
        }
        fs::rename(&self.temporary, target)?;
        self.kept = true;
        File::open(folder)?.sync_all()?;
        Ok(arriving)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        match (&self.half, self.expected) {
            _ if self.kept => {}
            (Some(key), Some((_, size))) if !self.spoiled => self.blobs.halves.keep(*key, &self.temporary, size),
            // Swept at the next start if it stays.
            _ => drop(fs::remove_file(&self.temporary)),
        }
        if let Some(key) = &self.half {
            self.blobs.halves.ended(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("opens");
        (folder, blobs)
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder)
            .expect("a folder")
            .flatten()
            .map(|e| if e.path().is_dir() { files(&e.path()) } else { 1 })
            .sum()
    }

    #[test]
    fn bytes_come_back_by_their_digest() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        assert!(!blobs.has(digest).expect("the folder is there"));
        let mut upload = blobs.receive(digest, 5).expect("begins");
        upload.write(b"hel").and_then(|()| upload.write(b"lo")).expect("arrives");
        upload.finish().expect("is kept");
        assert_eq!(blobs.read(digest, 5).expect("is there"), b"hello");
        assert!(matches!(blobs.read(digest, 4), Err(BlobError::TooLarge { size: 5, .. })));
    }

    #[test]
    fn wrong_bytes_leave_nothing_behind() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        let mut upload = blobs.receive(digest, 5).expect("begins");
        upload.write(b"jello").expect("arrives");
        assert!(matches!(upload.finish(), Err(BlobError::Digest { .. })));
        let mut upload = blobs.receive(digest, 5).expect("begins");
        assert!(matches!(upload.write(b"hello!"), Err(BlobError::Size { expected: 5, got: 6 })));
        drop(upload);
        let mut upload = blobs.receive(digest, 5).expect("begins");
        upload.write(b"hell").expect("arrives");
        assert!(matches!(upload.finish(), Err(BlobError::Size { expected: 5, got: 4 })));
        assert_eq!(files(folder.path()), 0);
        assert!(matches!(blobs.read(digest, 5), Err(BlobError::Missing { .. })));
    }

    const ALICE: AccountId = AccountId([1; 16]);
    const BOB: AccountId = AccountId([2; 16]);

    /// Sends some bytes and is cut off.
    fn cut_off(mut upload: Upload, bytes: &[u8]) {
        upload.write(bytes).expect("arrives");
    }

    #[test]
    fn what_was_cut_off_goes_on_from_where_it_was_also_after_a_restart() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        let there = |blobs: &Blobs| blobs.arrived(ALICE, digest, Time(0));
        let upload = blobs.receive_from(ALICE, digest, 5).expect("begins");
        assert_eq!(there(&blobs), Arrived { bytes: 0, coming: true });
        cut_off(upload, b"he");
        assert_eq!(there(&blobs), Arrived { bytes: 2, coming: false });
        assert_eq!(blobs.arrived(BOB, digest, Time(0)).bytes, 0, "it is alice's alone");
        assert!(matches!(blobs.resume(BOB, digest, 5, 2), Err(BlobError::Offset { there: 0, offset: 2 })));
        assert!(matches!(blobs.resume(ALICE, digest, 5, 1), Err(BlobError::Offset { there: 2, offset: 1 })));
        assert!(matches!(blobs.resume(ALICE, digest, 6, 2), Err(BlobError::Offset { there: 0, .. })), "another size");
        let going_on = blobs.resume(ALICE, digest, 5, 2).expect("goes on");
        assert_eq!(going_on.got(), 2);
        // A hub that is killed lets nothing go.
        std::mem::forget(going_on);
        fs::write(folder.path().join("tmp/4711-0"), b"of no account").expect("a file");
        let blobs = Blobs::open(folder.path()).expect("opens again");
        assert_eq!(files(&folder.path().join("tmp")), 1, "halves stay, the rest is swept");
        let mut upload = blobs.resume(ALICE, digest, 5, 2).expect("goes on");
        upload.write(b"llo").expect("arrives");
        assert_eq!(upload.finish().expect("is kept"), (digest, 5));
        assert_eq!(blobs.read(digest, 5).expect("is there"), b"hello");
        assert_eq!((there(&blobs), files(&folder.path().join("tmp"))), (Arrived::default(), 0));
    }

    #[test]
    fn a_disk_that_fills_up_in_the_middle_is_told_as_full_and_leaves_nothing_behind() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        let mut upload = blobs.receive_from(ALICE, digest, 5).expect("begins");
        upload.write(b"he").expect("arrives");
        upload.file = OpenOptions::new().write(true).open("/dev/full").expect("a disk without room");
        assert!(matches!(upload.write(b"llo"), Err(BlobError::Full { .. })));
        drop(upload);
        assert_eq!((files(folder.path()), blobs.has(digest).expect("the folder is there")), (0, false));
        let mut again = blobs.receive_from(ALICE, digest, 5).expect("begins anew once there is room");
        again.write(b"hello").expect("arrives");
        again.finish().expect("is kept");
        assert_eq!(blobs.read(digest, 5).expect("is there"), b"hello");
    }

    #[test]
    fn two_that_send_the_same_at_once_do_not_spoil_each_other() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        cut_off(blobs.receive_from(ALICE, digest, 5).expect("begins"), b"he");
        let mut first = blobs.resume(ALICE, digest, 5, 2).expect("goes on");
        assert!(matches!(blobs.resume(ALICE, digest, 5, 2), Err(BlobError::Offset { there: 0, .. })), "it is taken");
        let mut second = blobs.receive_from(ALICE, digest, 5).expect("begins");
        let wrong = blobs.receive_from(ALICE, digest, 5).expect("begins");
        first.write(b"l").expect("arrives");
        second.write(b"hello").expect("arrives");
        cut_off(wrong, b"jel");
        second.finish().expect("is kept");
        first.write(b"lo").expect("arrives");
        first.finish().expect("is kept");
        assert_eq!(blobs.read(digest, 5).expect("is there"), b"hello");
        // What was wrong from its beginning shows at the end, and then it is gone.
        let mut wrong = blobs.resume(ALICE, digest, 5, 3).expect("goes on");
        wrong.write(b"lo").expect("arrives");
        assert!(matches!(wrong.finish(), Err(BlobError::Digest { .. })));
        assert_eq!(files(&folder.path().join("tmp")), 0);
    }

    #[test]
    fn of_two_halves_the_longer_one_waits() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        let (one, other) = (blobs.receive_from(ALICE, digest, 5), blobs.receive_from(ALICE, digest, 5));
        cut_off(one.expect("begins"), b"hel");
        cut_off(other.expect("begins"), b"he");
        assert_eq!(blobs.arrived(ALICE, digest, Time(0)).bytes, 3);
        assert_eq!(files(&folder.path().join("tmp")), 1);
    }

    #[test]
    fn nothing_waits_of_what_is_whole() {
        let (folder, blobs) = blobs();
        let digest = Digest::of(b"hello");
        // All of it had come, and the hub was killed before it had its place.
        cut_off(blobs.receive_from(ALICE, digest, 5).expect("begins"), b"hello");
        assert_eq!(files(&folder.path().join("tmp")), 1);
        let mut again = blobs.receive_from(ALICE, digest, 5).expect("begins");
        again.write(b"hello").expect("arrives");
        again.finish().expect("is whole");
        assert_eq!((blobs.arrived(ALICE, digest, Time(0)), files(&folder.path().join("tmp"))), (Arrived::default(), 0));
    }
}
