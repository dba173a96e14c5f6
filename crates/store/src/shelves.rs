//! Where blobs lie once they are whole: in a folder, or in a bucket, each under its digest and on the shelf of its first
//! byte.
//!
//! Always: what is there is whole, and its content is its name's; both places are walked in the same way.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bucket::{Bucket, Place};
use ledger::Time;
use registry::Digest;

use crate::blobs::{BlobError, blob_name, blob_path};
use crate::collect::{OnShelf, written};
use crate::content::Content;

/// A place for blobs.
#[derive(Debug, Clone)]
pub enum Shelves {
    Folder(PathBuf),
    Bucket(Bucket),
}

/// What a shelf holds.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) blobs: Vec<OnShelf>,
    /// How much else is there: it is not ours, and is left alone.
    pub(crate) foreign: u64,
}

/// The object that says which hub a bucket's blobs are of.
pub const CLAIM: &str = "hub";

/// Why a hub may not keep its blobs in a bucket.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("{place} holds the models of another hub ({hub})")]
    Taken { place: Place, hub: String },
    #[error(transparent)]
    Bucket(#[from] bucket::Failed),
}

/// Two hubs in one place would collect each other's blobs: a bucket's place is one hub's, and says whose.
pub fn claim(bucket: &Bucket, hub: &str) -> Result<(), ClaimError> {
    // Somebody may be faster between the two: then they are there at the second look.
    for _ in 0..2 {
        if let Some(claim) = bucket.find(CLAIM)? {
            let said = bucket.read(CLAIM, 0, claim.size.min(256))?.unwrap_or_default();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            return match said == hub {
                true => Ok(()),
                false => Err(ClaimError::Taken { place: bucket.place().clone(), hub: said }),
            };
        }
        if bucket.put_new(CLAIM, hub.as_bytes().to_vec())? {
            return Ok(());
        }
    }
    Err(ClaimError::Taken { place: bucket.place().clone(), hub: "it does not say which".to_owned() })
}

impl Shelves {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self {
            Shelves::Folder(folder) => folder.display().to_string(),
            Shelves::Bucket(bucket) => bucket.place().to_string(),
        }
    }

    /// How many bytes a blob has; none: it is not there.
    pub(crate) fn size(&self, digest: Digest) -> io::Result<Option<u64>> {
        match self {
            Shelves::Folder(folder) => match fs::metadata(blob_path(folder, digest)) {
                Ok(found) => Ok(found.is_file().then_some(found.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Shelves::Bucket(bucket) => Ok(bucket.find(&blob_name(digest))?.map(|found| found.size)),
        }
    }

    /// A blob, at its beginning.
    pub(crate) fn content(&self, digest: Digest) -> Result<Content, BlobError> {
        match self {
            Shelves::Folder(folder) => match File::open(blob_path(folder, digest)) {
                Ok(file) => Ok(Content::file(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing { digest }),
                Err(error) => Err(error.into()),
            },
            Shelves::Bucket(bucket) => {
                let size = self.size(digest)?.ok_or(BlobError::Missing { digest })?;
                Ok(Content::object(bucket.clone(), blob_name(digest), size))
            }
        }
    }

    /// The blobs whose digests begin with this byte.
    pub(crate) fn shelf(&self, shelf: u8) -> io::Result<Shelf> {
        match self {
            Shelves::Folder(folder) => files_on(&folder.join(format!("{shelf:02x}"))),
            Shelves::Bucket(bucket) => {
                let mut found = Shelf::default();
                for object in bucket.list(&format!("{shelf:02x}"))? {
                    let digest = object.name.rsplit('/').next().and_then(|name| name.parse::<Digest>().ok());
                    match digest.filter(|digest| blob_name(*digest) == object.name) {
                        Some(digest) => {
                            let written = Time(object.written_ms);
                            found.blobs.push(OnShelf { digest, size: object.size, written });
                        }
                        None => found.foreign += 1,
                    }
                }
                Ok(found)
            }
        }
    }

    /// Takes a blob away; one that is gone already is no error.
    pub(crate) fn remove(&self, digest: Digest) -> io::Result<()> {
        match self {
            Shelves::Folder(folder) => match fs::remove_file(blob_path(folder, digest)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Shelves::Bucket(bucket) => Ok(bucket.remove(&blob_name(digest))?),
        }
    }

    /// What a blob is, and how long, read whole.
    pub(crate) fn hash(&self, digest: Digest) -> Result<(Digest, u64), BlobError> {
        let mut content = self.content(digest)?;
        Ok(hash(&mut content)?)
    }
}

/// What something is, and how long.
fn hash(from: &mut dyn Read) -> io::Result<(Digest, u64)> {
    use sha2::Digest as _;
    let (mut hash, mut bytes) = (sha2::Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok((Digest(hash.finalize().into()), bytes)),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn files_on(folder: &Path) -> io::Result<Shelf> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Shelf::default()),
        entries => entries?,
    };
    let mut found = Shelf::default();
    for entry in entries {
        let entry = entry?;
        let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) else {
            found.foreign += 1;
            continue;
        };
        match entry.metadata() {
            Ok(file) => found.blobs.push(OnShelf { digest, size: file.len(), written: written(&file) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
