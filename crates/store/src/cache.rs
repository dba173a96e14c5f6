//! Files of contents that lie in a bucket, brought here for those who need a descriptor.
//!
//! Always: a file under a digest has that content, checked when it was brought; all of them together, and those on their
//! way, are no more than the limit; what was used longest ago goes first, and whoever has opened a file keeps it open.
//! Several who want the same wait for one.
//!
//! What is here is a copy: the folder may be removed while no hub runs.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard};

use registry::Digest;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use sha2::{Digest as _, Sha256};

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    limit: u64,
    state: Mutex<State>,
    /// Something came, or did not.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<Digest, Kept>,
    /// Those on their way, and the room they have taken.
    coming: HashMap<Digest, u64>,
    /// Counts uses.
    now: u64,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    size: u64,
    used: u64,
}

impl State {
    fn taken(&self) -> u64 {
        self.files.values().map(|kept| kept.size).chain(self.coming.values().copied()).sum()
    }

    fn used(&mut self, digest: Digest, size: u64) {
        self.now += 1;
        self.files.insert(digest, Kept { size, used: self.now });
    }
}

impl Cache {
    /// What is left of the last time stays, as far as the limit allows.
    pub(crate) fn open(folder: &Path, limit: u64) -> io::Result<Cache> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut left = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            match entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) {
                Some(digest) => left.push((found.modified()?, digest, found.len())),
                // Was on its way.
                None => fs::remove_file(entry.path())?,
            }
        }
        left.sort_unstable();
        let mut state = State::default();
        for (_, digest, size) in left {
            state.used(digest, size);
        }
        let cache = Cache { folder: folder.to_owned(), limit, state: Mutex::new(state), changed: Condvar::new() };
        cache.make_room(&mut cache.lock(), 0);
        Ok(cache)
    }

    /// Where the file of a content lies when it is here.
    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the cache")
    }

    /// The file of a content, opened, if it is here.
    pub(crate) fn kept(&self, digest: Digest) -> io::Result<Option<File>> {
        self.open_kept(&mut self.lock(), digest)
    }

    fn open_kept(&self, state: &mut State, digest: Digest) -> io::Result<Option<File>> {
        match File::open(self.path(digest)) {
            Ok(file) => {
                state.used(digest, file.metadata()?.len());
                // What a restart knows of its age, and no more than that.
                let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
                let _ = futimens(&file, &Timestamps { last_access: at(UTIME_OMIT), last_modification: at(UTIME_NOW) });
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                state.files.remove(&digest);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The same, and `fetch` writes its bytes where it is not here.
    pub(crate) fn file(
        &self,
        digest: Digest,
        size: u64,
        fetch: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<File> {
        let mut state = self.lock();
        loop {
            if state.coming.contains_key(&digest) {
                state = self.changed.wait(state).expect("nothing panics while it holds the cache");
                continue;
            }
            match self.open_kept(&mut state, digest)? {
                Some(file) => return Ok(file),
                None => break,
            }
        }
        if size > self.limit {
            let limit = self.limit;
            let what =
                format!("{digest} has {size} bytes, and the cache may have {limit}: --s3-cache-gib gives it more");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        state.coming.insert(digest, 0);
        let coming = Coming { cache: self, digest };
        while !self.make_room(&mut state, size) {
            // Others are on their way: once they are here, they can go.
            state = self.changed.wait(state).expect("nothing panics while it holds the cache");
        }
        state.coming.insert(digest, size);
        drop(state);
        let file = self.bring(digest, size, fetch)?;
        self.lock().used(digest, size);
        drop(coming);
        Ok(file)
    }

    /// Lets go of the copy that was used longest ago; false if there is none.
    pub(crate) fn make_way(&self) -> bool {
        self.give_up_oldest(&mut self.lock())
    }

    fn give_up_oldest(&self, state: &mut State) -> bool {
        let oldest = state.files.iter().min_by_key(|(_, kept)| kept.used).map(|(digest, _)| *digest);
        let Some(oldest) = oldest else { return false };
        state.files.remove(&oldest);
        remove(&self.path(oldest));
        true
    }

    /// Lets go of what was used longest ago until there is room. False if that is not enough.
    fn make_room(&self, state: &mut State, size: u64) -> bool {
        while state.taken().saturating_add(size) > self.limit {
            if !self.give_up_oldest(state) {
                return size == 0;
            }
        }
        true
    }

    fn bring(
        &self,
        digest: Digest,
        size: u64,
        fetch: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<File> {
        let (path, part) = (self.path(digest), self.folder.join(format!("{digest}.part")));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let mut hashed = Hashed { file, hash: Sha256::new(), got: 0 };
        let brought = fetch(&mut hashed).and_then(|()| {
            let found = Digest(hashed.hash.finalize().into());
            if found != digest || hashed.got != size {
                let what = format!("{digest} of {size} bytes came as {found} of {} bytes", hashed.got);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            // Its name is to mean its content after a power cut too.
            hashed.file.sync_data()?;
            fs::rename(&part, &path)
        });
        match brought {
            Ok(()) => File::open(&path),
            Err(error) => {
                remove(&part);
                Err(error)
            }
        }
    }

    /// Forgets a content that is taken away.
    pub(crate) fn forget(&self, digest: Digest) {
        self.lock().files.remove(&digest);
        remove(&self.path(digest));
    }
}

/// Swept at the next start if it stays.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Takes a content off those on their way, however it ended.
struct Coming<'a> {
    cache: &'a Cache,
    digest: Digest,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.cache.lock().coming.remove(&self.digest);
        self.cache.changed.notify_all();
    }
}

struct Hashed {
    file: File,
    hash: Sha256,
    got: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.file.write(bytes)?;
        self.hash.update(&bytes[..size]);
        self.got += size as u64;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn cache(limit: u64) -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache"), limit).unwrap();
        (folder, cache)
    }

    /// Asks for a content. Says whether it had to be brought.
    fn ask(cache: &Cache, content: &[u8]) -> bool {
        let mut brought = false;
        let size = content.len() as u64;
        let fetch = |to: &mut dyn Write| {
            brought = true;
            to.write_all(content)
        };
        let mut file = cache.file(Digest::of(content), size, fetch).unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
        brought
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder.join("cache")).unwrap().count()
    }

    #[test]
    fn what_was_used_longest_ago_goes_and_the_limit_holds() {
        let (folder, cache) = cache(10);
        assert!(ask(&cache, b"one.") && ask(&cache, b"two."));
        assert!(!ask(&cache, b"one."), "it is here");
        assert!(ask(&cache, b"three"), "two makes way");
        assert!(!ask(&cache, b"one.") && ask(&cache, b"two."), "and now three does");
        assert_eq!(files(folder.path()), 2);
        drop(cache);
        for (content, seconds) in [(&b"one."[..], 1), (b"two.", 2)] {
            let file = File::open(folder.path().join("cache").join(Digest::of(content).to_string())).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        }
        // Was on its way when the hub was killed.
        fs::write(folder.path().join("cache").join(format!("{}.part", Digest::of(b"x"))), "x").unwrap();
        let cache = Cache::open(&folder.path().join("cache"), 5).unwrap();
        assert_eq!(files(folder.path()), 1, "a smaller limit holds at once");
        assert!(!ask(&cache, b"two."), "the later one stayed");
        let large = cache.file(Digest::of(b"larger"), 6, |_| unreachable!("it is too large")).unwrap_err();
        assert_eq!(large.kind(), io::ErrorKind::FileTooLarge);
        cache.forget(Digest::of(b"two."));
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn copies_make_way_for_others_bytes_the_oldest_first() {
        let (folder, cache) = cache(100);
        assert!(ask(&cache, b"one.") && ask(&cache, b"two.") && !ask(&cache, b"one."));
        assert!(cache.make_way());
        assert!(!ask(&cache, b"one."), "the other one went");
        assert!(cache.make_way() && !cache.make_way());
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn what_came_wrong_is_not_kept() {
        let (folder, cache) = cache(10);
        let digest = Digest::of(b"hello");
        for wrong in [&b"jello"[..], b"hell", b"hello!"] {
            let came = cache.file(digest, 5, |to| to.write_all(wrong)).unwrap_err();
            assert_eq!(came.kind(), io::ErrorKind::InvalidData);
            assert_eq!(files(folder.path()), 0);
        }
        assert!(ask(&cache, b"hello"), "and it can be brought after that");
    }

    #[test]
    fn many_who_want_the_same_wait_for_one_and_those_with_others_for_room() {
        let (folder, cache) = cache(4);
        let (cache, brought) = (Arc::new(cache), Arc::new(AtomicUsize::new(0)));
        let contents: [&[u8]; 2] = [b"one.", b"two."];
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (cache, brought) = (cache.clone(), brought.clone());
                let content = contents[number % 2];
                std::thread::spawn(move || {
                    let fetch = |to: &mut dyn Write| {
                        brought.fetch_add(1, Ordering::SeqCst);
                        to.write_all(content)
                    };
                    let mut file = cache.file(Digest::of(content), 4, fetch).unwrap();
                    let mut read = Vec::new();
                    file.read_to_end(&mut read).unwrap();
                    assert_eq!(read, content, "opened, it stays what it is");
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!((2..=8).contains(&brought.load(Ordering::SeqCst)));
        assert_eq!(files(folder.path()), 1);
        assert!(cache.lock().coming.is_empty());
    }
}
