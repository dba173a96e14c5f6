//! The data folder: its layout, and the lock that keeps a second hub out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data folder that this process owns until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path} is in use by another hub (process {pid}): one hub, one folder")]
    InUse { path: PathBuf, pid: String },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

impl Folder {
    /// Opens or makes the folder, readable by its owner alone, and locks it.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let failed = |error| FolderError::Io { path: path.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed)?;
        if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            // Only for the message: who it is does not change that it is taken.
            let _ = lock.read_to_string(&mut pid);
            return Err(FolderError::InUse { path: path.to_owned(), pid: pid.trim().to_owned() });
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(failed)?;
        Ok(Folder { path: path.to_owned(), _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.db")
    }

    pub fn catalog(&self) -> PathBuf {
        self.path.join("hub.db")
    }

    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Copies of what lies in a bucket: it may be removed while no hub runs.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// The index that models are found in: made from the catalogue, so that it may be removed.
    pub fn search(&self) -> PathBuf {
        self.path.join("search")
    }
}
