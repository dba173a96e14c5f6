//! Where a hub's blobs were begun: a data folder keeps to the place it began with.
//!
//! Always: a folder without a word of its own keeps its blobs in itself; the word is written before the first blob
//! leaves, and copied with every backup.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bucket::{Access, BadPlace, Bucket, Keys, Place};
use serde::{Deserialize, Serialize};

use crate::shelves::Shelves;

/// The file of a data folder that says it.
pub const BEGUN: &str = "blobs.json";

/// A bucket that a hub's blobs lie in. Without keys: those are the environment's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// `s3://BUCKET/PREFIX`.
    pub blobs: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Why the blobs of a data folder are out of reach.
#[derive(Debug, thiserror::Error)]
pub enum BegunError {
    #[error("{folder} was begun with its models in {begun}, and {wanted} is asked for")]
    Other { folder: PathBuf, begun: String, wanted: String },
    #[error(transparent)]
    Place(#[from] BadPlace),
    #[error("the models lie in {place}, and there are no keys for it")]
    NoKeys { place: Place },
    #[error(transparent)]
    Bucket(#[from] bucket::Failed),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} cannot be read: {error}")]
    Unreadable { path: PathBuf, error: serde_json::Error },
}

/// The bucket that a data folder's blobs lie in; none: they lie in the folder.
pub fn begun(folder: &Path) -> Result<Option<Begun>, BegunError> {
    let path = folder.join(BEGUN);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| BegunError::Unreadable { path, error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BegunError::Io { path, error }),
    }
}

/// Whether a hub may start on this folder with its blobs there; none: in the folder.
pub fn keeps_to(folder: &Path, wanted: Option<&Place>) -> Result<(), BegunError> {
    // Where nothing was kept yet, nothing is lost.
    if !folder.join("hub.db").exists() {
        return Ok(());
    }
    let named = |place: Option<String>| place.unwrap_or_else(|| folder.join("blobs").display().to_string());
    let begun = begun(folder)?.map(|begun| begun.blobs);
    let wanted = wanted.map(Place::to_string);
    if begun == wanted {
        return Ok(());
    }
    Err(BegunError::Other { folder: folder.to_owned(), begun: named(begun), wanted: named(wanted) })
}

impl Begun {
    /// The bucket, with these keys.
    pub fn open(&self, keys: Option<Keys>) -> Result<Bucket, BegunError> {
        let place: Place = self.blobs.parse()?;
        let keys = keys.ok_or_else(|| BegunError::NoKeys { place: place.clone() })?;
        Ok(Bucket::open(&place, Access::new(self.endpoint.clone(), self.region.clone(), keys))?)
    }

    /// Notes that a data folder's blobs lie here.
    pub fn note(&self, folder: &Path) -> Result<(), BegunError> {
        let path = folder.join(BEGUN);
        let part = folder.join(format!("{BEGUN}.part"));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|error| BegunError::Io { path, error })
    }
}

/// Where the blobs of a data folder, or of a backup's copy of one, lie.
pub fn shelves_of(folder: &Path, keys: Option<Keys>) -> Result<Shelves, BegunError> {
    match begun(folder)? {
        None => Ok(Shelves::Folder(folder.join("blobs"))),
        Some(begun) => Ok(Shelves::Bucket(begun.open(keys)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_to_the_place_it_began_with() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let (one, other): (Place, Place) = ("s3://models/one".parse().unwrap(), "s3://models/other".parse().unwrap());
        for wanted in [None, Some(&one)] {
            keeps_to(folder, wanted).unwrap();
        }
        fs::write(folder.join("hub.db"), "").unwrap();
        keeps_to(folder, None).unwrap();
        let refused = keeps_to(folder, Some(&one)).unwrap_err().to_string();
        assert!(refused.contains("blobs, and s3://models/one is asked for"), "{refused}");
        Begun { blobs: one.to_string(), endpoint: None, region: None }.note(folder).unwrap();
        keeps_to(folder, Some(&one)).unwrap();
        for wanted in [None, Some(&other)] {
            assert!(matches!(keeps_to(folder, wanted), Err(BegunError::Other { .. })), "{wanted:?}");
        }
        assert!(matches!(shelves_of(folder, None), Err(BegunError::NoKeys { .. })));
        let shelves = shelves_of(folder, Some(Keys::new("a", "b", None))).unwrap();
        assert_eq!(shelves.place(), "s3://models/one");
        fs::write(folder.join(BEGUN), "{}").unwrap();
        assert!(matches!(begun(folder), Err(BegunError::Unreadable { .. })));
    }
}
