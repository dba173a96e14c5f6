//! Takes away bytes that nobody names any more: a little at a time, beside everything else.
//!
//! Always: what goes was decided by the catalogue before, in one transaction, and nobody brings it in while it goes; why
//! that is enough stands in `storage.rs`. Nothing goes while a backup or a look at the folder holds it off.
//!
//! Absent on purpose: a clock. Whoever calls says what is too old.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ledger::Time;
use registry::Digest;
use rustix::fs::{FlockOperation, flock};

use crate::blobs::Blobs;
use crate::catalog::{Catalog, CatalogError};
use crate::doors::Leaving;

/// Rows that are looked at in one go.
const WALKED: usize = 1_000;
/// Files that are taken away in one go.
const REMOVED: u64 = 64;
/// How long it is known that something was taken away: no commit is under way for so long.
const KNOWN_MS: i64 = 30 * Time::DAY_MS;
/// Whoever holds it keeps collection off, in whichever process.
const LOCK: &str = "lock";

/// Why collection did not get on. Nothing is half done: the next round goes on there.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("blob storage failed: {0}")]
    Io(#[from] io::Error),
    #[error("a part of collection broke down: {0}")]
    Crash(#[from] tokio::task::JoinError),
}

/// What came of taking away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    pub blobs: u64,
    /// Whether somebody keeps collection off.
    pub held_off: bool,
}

/// How far the walks are that find what goes.
#[derive(Debug)]
pub struct Collector {
    blobs: Blobs,
    /// The last upload that was looked at.
    after: Option<Digest>,
    /// The next of the 256 shelves of blobs.
    shelf: u8,
}

impl Collector {
    pub fn new(blobs: Blobs) -> Collector {
        Collector { blobs, after: None, shelf: 0 }
    }

    /// Walks on a little through what was handed in, and decides what of it goes: what nobody has handed in since
    /// `before`. True at the end, after which it begins again.
    pub async fn walk(&mut self, catalog: &dyn Catalog, before: Time, now: Time) -> Result<bool, CollectError> {
        let (found, last) = catalog.unnamed(self.after, before, WALKED as u64).await?;
        if !found.is_empty() {
            catalog.collect(&found, before, now).await?;
        }
        self.after = last;
        Ok(last.is_none())
    }

    /// Looks at the next shelf for files that no row is about, written before `before`: of uploads that were killed
    /// before they were noted. True at the last one.
    pub async fn look(&mut self, catalog: &dyn Catalog, before: Time, now: Time) -> Result<bool, CollectError> {
        let (blobs, shelf) = (self.blobs.clone(), self.shelf);
        let found = tokio::task::spawn_blocking(move || blobs.shelves().shelf(shelf)).await??;
        let old: Vec<_> = found.blobs.into_iter().filter(|file| file.written < before).collect();
        for files in old.chunks(WALKED) {
            let digests: Vec<_> = files.iter().map(|file| file.digest).collect();
            let unknown = catalog.unknown(&digests).await?;
            let lost = files.iter().filter(|file| unknown.contains(&file.digest));
            let lost: Vec<_> = lost.map(|file| (file.digest, file.size)).collect();
            if !lost.is_empty() {
                catalog.collect(&lost, before, now).await?;
            }
        }
        self.shelf = shelf.wrapping_add(1);
        Ok(self.shelf == 0)
    }

    /// Takes away what was decided, and forgets what was long ago.
    pub async fn take_away(&self, catalog: &dyn Catalog, now: Time) -> Result<Taken, CollectError> {
        let mut taken = Taken::default();
        loop {
            let Some(_alone) = alone(self.blobs.folder())? else { return Ok(Taken { held_off: true, ..taken }) };
            let decided = catalog.to_remove(REMOVED).await?;
            let mut going = Going::begin(&self.blobs, &decided);
            going.ask(catalog).await?;
            let going = tokio::task::spawn_blocking(move || going.remove()).await??;
            let gone = going.end(catalog).await?;
            taken.blobs += gone;
            if (decided.len() as u64) < REMOVED || gone == 0 {
                catalog.forget_removed(now.plus_ms(-KNOWN_MS)).await?;
                return Ok(taken);
            }
        }
    }
}

/// Files on their way out, step by step. Dropped at any step, it is as if they had not begun: the row that says so stays.
#[derive(Debug)]
pub(crate) struct Going {
    blobs: Blobs,
    /// From here on nobody brings them in.
    leaving: Vec<Leaving>,
    still: Vec<Digest>,
}

impl Going {
    /// Those that nobody brings in at present.
    pub(crate) fn begin(blobs: &Blobs, decided: &[Digest]) -> Going {
        let leaving = decided.iter().filter_map(|digest| blobs.leave(*digest)).collect();
        Going { blobs: blobs.clone(), leaving, still: Vec::new() }
    }

    /// Those that nobody has brought in since it was decided.
    pub(crate) async fn ask(&mut self, catalog: &dyn Catalog) -> Result<(), CatalogError> {
        let digests: Vec<Digest> = self.leaving.iter().map(Leaving::digest).collect();
        self.still = catalog.still_to_remove(&digests).await?;
        Ok(())
    }

    pub(crate) fn remove(self) -> io::Result<Going> {
        // One that is gone already was taken away by a hub that was killed before it could say so. A removal that a power
        // cut undoes leaves a file without a row, which is found again.
        for digest in &self.still {
            self.blobs.remove(*digest)?;
        }
        Ok(self)
    }

    /// Says that they are gone, and lets them be brought in again. Gives how many.
    pub(crate) async fn end(self, catalog: &dyn Catalog) -> Result<u64, CatalogError> {
        catalog.removed(&self.still).await?;
        Ok(self.still.len() as u64)
    }

    #[cfg(test)]
    pub(crate) fn holds(&self, digest: Digest) -> bool {
        self.leaving.iter().any(|leaving| leaving.digest() == digest)
    }
}

/// A blob where blobs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnShelf {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) written: Time,
}

/// When a file was written; what does not say so is new.
pub(crate) fn written(found: &fs::Metadata) -> Time {
    let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Time(since.map_or(i64::MAX, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

fn lock_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(LOCK))
}

/// The right to take files away; none while somebody holds collection off.
fn alone(folder: &Path) -> io::Result<Option<File>> {
    let file = lock_file(folder)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps collection off a folder of blobs, in whichever process it runs, until this is dropped. None where nothing can
/// be written, for there nothing is taken away either.
pub(crate) fn hold_off(folder: &Path) -> io::Result<Option<File>> {
    let file = match lock_file(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound) => {
            return Ok(None);
        }
        file => file?,
    };
    flock(&file, FlockOperation::LockShared)?;
    Ok(Some(file))
}
