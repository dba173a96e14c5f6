//! Files and folders of a copy: its owner's alone, on the disk when they are said to be, named by what is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use registry::Digest;
use sha2::{Digest as _, Sha256};

use super::{BackupError, at};

/// Copies a file, durably, and checks its digest where it has one. Gives digest and size.
pub(super) fn copy(from: &Path, to: &Path, expected: Option<Digest>) -> Result<(Digest, u64), BackupError> {
    let part = to.with_extension("part");
    let mut source = File::open(from).map_err(at(from))?;
    let mut write = || -> io::Result<(Digest, u64)> {
        let mut target = create_private(&part)?;
        let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1024 * 1024]);
        loop {
            let read = source.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            target.write_all(&buffer[..read])?;
            size += read as u64;
        }
        target.sync_all()?;
        Ok((Digest(hash.finalize().into()), size))
    };
    let checked = write().map_err(at(to)).and_then(|(digest, size)| match expected {
        Some(expected) if expected != digest => {
            let reason = format!("its SHA-256 is {digest} and should be {expected}");
            Err(BackupError::Damaged { path: from.to_owned(), reason })
        }
        _ => Ok((digest, size)),
    });
    match checked {
        Ok(found) => fs::rename(&part, to).map(|()| found).map_err(at(to)),
        Err(error) => {
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

pub(super) fn digest_of(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let size = io::copy(&mut file, &mut HashWriter(&mut hash))?;
    Ok((Digest(hash.finalize().into()), size))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A new file that its owner alone can read; one of the name is begun again.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

pub(super) fn remove_folder(path: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// What looking at a copied database leaves beside it.
pub(super) fn remove_leftovers(folder: &Path) {
    for name in ["ledger.db-wal", "ledger.db-shm", "hub.db-wal", "hub.db-shm"] {
        let _ = fs::remove_file(folder.join(name));
    }
}

pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path))
}

/// A folder and those in it, not what links lead to.
pub(super) fn sync_folders(path: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(path).map_err(at(path))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(path)
}
