//! Bytes by their SHA-256, in a folder.
//!
//! Always: a file under its digest is whole and on the disk, name included, before anybody hears of it; what was
//! cut off lies in `tmp` and is swept at the next start.
//!
//! Absent on purpose: the object store of many machines. Its trait promises no sync, and engines want descriptors
//! of local files; it joins behind this type when blobs move to S3.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use registry::Digest;
use sha2::{Digest as _, Sha256};

/// Why bytes were not kept or not found. Nothing is kept then.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("{got} bytes arrived, {expected} were announced")]
    Size { expected: u64, got: u64 },
    #[error("the bytes have SHA-256 {got}, {expected} was announced")]
    Digest { expected: Digest, got: Digest },
    #[error("no blob {digest} is kept here")]
    Missing { digest: Digest },
    #[error("{digest} is {size} bytes, at most {limit} are read at once")]
    TooLarge { digest: Digest, size: u64, limit: u64 },
    #[error("{left} bytes are left on the disk; an upload has to leave {RESERVE_BYTES} for the books")]
    Full { left: u64 },
    #[error("blob storage failed: {0}")]
    Io(#[from] io::Error),
}

/// What uploads leave of the disk: books that cannot be written stop the whole hub.
const RESERVE_BYTES: u64 = 512 * 1024 * 1024;

/// Where a digest's bytes lie in a folder of blobs.
pub(crate) fn blob_path(folder: &Path, digest: Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(&name[..2]).join(name)
}

#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    next: Arc<AtomicU64>,
}

impl Blobs {
    pub fn open(folder: &Path) -> io::Result<Blobs> {
        let tmp = folder.join("tmp");
        fs::create_dir_all(&tmp)?;
        for left in fs::read_dir(&tmp)?.flatten() {
            fs::remove_file(left.path())?;
        }
        Ok(Blobs { folder: folder.to_owned(), next: Arc::default() })
    }

    /// Where a digest's bytes lie. The name is made of the digest alone, never of input.
    pub fn path(&self, digest: Digest) -> PathBuf {
        blob_path(&self.folder, digest)
    }

    pub fn has(&self, digest: Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Reads a blob whole, at most `limit` bytes.
    pub fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let file = match File::open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BlobError::Missing { digest }),
            Err(error) => return Err(error.into()),
        };
        let size = file.metadata()?.len();
        if size > limit {
            return Err(BlobError::TooLarge { digest, size, limit });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Begins to take in bytes that will have this digest and size.
    pub fn receive(&self, digest: Digest, size: u64) -> Result<Upload, BlobError> {
        let disk = rustix::fs::statvfs(&self.folder).map_err(io::Error::from)?;
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        if left < size.saturating_add(RESERVE_BYTES) {
            return Err(BlobError::Full { left });
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join("tmp").join(format!("{}-{number}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Upload {
            file,
            temporary,
            target: self.path(digest),
            hasher: Sha256::new(),
            got: 0,
            digest,
            size,
            kept: false,
        })
    }
}

/// Bytes on their way in. Dropped before [`Upload::finish`], nothing of them stays.
#[derive(Debug)]
pub struct Upload {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    hasher: Sha256,
    got: u64,
    digest: Digest,
    size: u64,
    kept: bool,
}

impl Upload {
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.got = self.got.saturating_add(bytes.len() as u64);
        if self.got > self.size {
            return Err(BlobError::Size { expected: self.size, got: self.got });
        }
        self.hasher.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// Checks size and digest, then makes the bytes durable under their name.
    pub fn finish(mut self) -> Result<(), BlobError> {
        if self.got != self.size {
            return Err(BlobError::Size { expected: self.size, got: self.got });
        }
        let got = Digest(std::mem::take(&mut self.hasher).finalize().into());
        if got != self.digest {
            return Err(BlobError::Digest { expected: self.digest, got });
        }
        self.file.sync_data()?;
        let folder = self.target.parent().expect("a blob lies in a folder").to_owned();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            File::open(folder.parent().expect("which lies in another"))?.sync_all()?;
        }
        fs::rename(&self.temporary, &self.target)?;
        self.kept = true;
        Ok(File::open(folder)?.sync_all()?)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            // Swept at the next start if it stays.
            let _ = fs::remove_file(&self.temporary);
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
        assert!(!blobs.has(digest));
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
}
