//! Looks at a hub's files and at what the catalogue says of them, and says in numbers what it looked at.
//!
//! Always: it tells what is lost from what is merely left over. Lost is what a commit, a release or a kept answer names
//! and is not there as it was: that is a difference. Left over is what nothing is about any more; it can be removed, and
//! only that is. Collection is held off meanwhile, so that a hub may run beside it.
//!
//! Absent on purpose: money. `audit` is about that. Memory does not grow with the number of blobs: they are looked at
//! folder by folder, in the order of their digests.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bucket::Keys;
use ledger::{ModelId, Time};
use registry::{CommitId, Digest, Tree};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use crate::audit::{AuditError, open, open_catalog};
use crate::begun::shelves_of;
use crate::collect::{hold_off, written};
use crate::halves;
use crate::shelves::Shelves;
use crate::sqlite::LEDGER;

/// How many differences are told in full.
const SHOWN: usize = 20;

/// What to look at.
#[derive(Default)]
pub struct Look<'a> {
    /// Read every byte too.
    pub deep: bool,
    /// Remove what is left over. Nobody else may use the folder then.
    pub repair: bool,
    /// What was written before is old enough to be left over.
    pub before: Time,
    /// For blobs that lie in a bucket.
    pub keys: Option<Keys>,
    /// Told how many blobs have been looked at, now and then.
    pub progress: Option<&'a dyn Fn(u64)>,
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Look { deep, repair, before, .. } = self;
        f.debug_struct("Look")
            .field("deep", deep)
            .field("repair", repair)
            .field("before", before)
            .finish_non_exhaustive()
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    pub models: u64,
    /// Of different files: one that was made again counts once.
    pub commits: u64,
    pub refs: u64,
    pub releases: u64,
    /// Contents that commits and releases name.
    pub named_blobs: u64,
    pub named_bytes: u64,
    /// Contents that were handed in and nothing names.
    pub waiting_blobs: u64,
    pub waiting_bytes: u64,
    /// Of all these, bytes that were read and had their digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Handed in and not there any more. Nobody can name them; they are handed in again.
    pub lost_uploads: u64,
    /// Collected, and still to be taken away by the hub.
    pub going_blobs: u64,
    pub going_bytes: u64,
    /// Uploads that were cut off.
    pub halves: u64,
    pub outcome_files: u64,
    pub left_over: LeftOver,
    pub differences: u64,
    /// The first of them, as sentences.
    pub first: Vec<String>,
}

/// What nothing is about any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOver {
    /// Files under a digest that nothing names and nobody has handed in.
    pub blobs: u64,
    /// Temporary files, and halves that nobody went on with.
    pub temporary: u64,
    /// Kept answers whose time is over.
    pub outcomes: u64,
    pub bytes: u64,
    /// How many of these files were removed.
    pub removed: u64,
    /// Files among the blobs that are not a hub's; they are left alone.
    pub foreign: u64,
}

impl Found {
    pub fn in_order(&self) -> bool {
        self.differences == 0
    }

    fn differ(&mut self, what: String) {
        self.differences += 1;
        if self.first.len() < SHOWN {
            self.first.push(what);
        }
    }
}

/// Looks at a data folder. A hub may be running on it, unless something is to be removed.
pub fn fsck(folder: &Path, look: &Look<'_>) -> Result<Found, AuditError> {
    let path = folder.join("ledger.db");
    if !path.is_file() {
        return Err(AuditError::Missing { path });
    }
    let shelves = shelves_of(folder, look.keys.clone())?;
    let blobs = folder.join("blobs");
    let _held_off = hold_off(&blobs).map_err(failed(&blobs))?;
    let mut found = Found::default();
    outcomes(folder, look, &mut found)?;
    if let Some(catalog) = open_catalog(folder)? {
        // What is seen is one moment, from here on; what comes later is too young to be left over.
        history(&catalog, &mut found)?;
        let mut looking = Looking { shelves: &shelves, catalog: &catalog, look, found };
        for shelf in 0..=u8::MAX {
            looking.shelf(shelf)?;
        }
        found = looking.found;
    }
    temporary(&blobs, look, &mut found)?;
    Ok(found)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    let path = path.to_owned();
    move |error| AuditError::Io { path, error }
}

/// Every commit has its files, which are those its id stands for, and all that they are is known to be named: what is not
/// would be collected. Every ref and every release names a commit.
fn history(catalog: &Connection, found: &mut Found) -> Result<(), AuditError> {
    let count = |table: &str| -> rusqlite::Result<u64> {
        catalog.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| Ok(r.get::<_, i64>(0)?.unsigned_abs()))
    };
    (found.models, found.refs, found.releases) = (count("models")?, count("refs")?, count("releases")?);
    let mut known = catalog.prepare("SELECT size FROM model_blobs WHERE model = ?1 AND sha256 = ?2")?;
    let mut trees = catalog.prepare(
        "SELECT c.model, c.id, t.tree FROM (SELECT DISTINCT model, id FROM commits) c LEFT JOIN trees t ON t.id = c.id",
    )?;
    let mut rows = trees.query([])?;
    while let Some(row) = rows.next()? {
        let (model, commit): (ModelId, CommitId) = (ModelId(row.get(0)?), CommitId(row.get(1)?));
        found.commits += 1;
        let tree = match row.get::<_, Option<String>>(2)?.map(|text| serde_json::from_str::<Tree>(&text)) {
            None => {
                found.differ(format!("{model}: the files of commit {commit} are gone"));
                continue;
            }
            Some(Err(error)) => {
                found.differ(format!("{model}: the files of commit {commit} cannot be read: {error}"));
                continue;
            }
            Some(Ok(tree)) => tree,
        };
        if tree.commit_id() != commit {
            found.differ(format!("{model}: the files of commit {commit} are those of {}", tree.commit_id()));
        }
        for file in tree.files() {
            let size = known.query_row(params![&model.0[..], &file.sha256.0[..]], |r| r.get::<_, i64>(0)).optional()?;
            if size.map(i64::unsigned_abs) != Some(file.size) {
                let what = format!("{} of commit {commit} ({}, {} bytes)", file.path, file.sha256, file.size);
                found.differ(format!("{model}: {what} is not listed as named, and might be collected"));
            }
        }
    }
    let mut torn = catalog.prepare(
        "SELECT m.name, f.kind || ' ' || f.name || ' names commit ' || f.number || ', which is gone'
         FROM refs f JOIN models m ON m.id = f.model LEFT JOIN commits c ON c.model = f.model AND c.number = f.number
         WHERE c.number IS NULL
         UNION ALL
         SELECT m.name, 'release ' || r.major || '.' || printf('%02d', r.minor) || ' names commit ' || lower(hex(r.commit_id))
             || ', which is gone'
         FROM releases r JOIN models m ON m.id = r.model
         WHERE NOT EXISTS (SELECT 1 FROM commits c WHERE c.model = r.model AND c.id = r.commit_id)",
    )?;
    for torn in torn.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))? {
        let (model, what) = torn?;
        found.differ(format!("model {model}: {what}"));
    }
    let mut named =
        catalog.prepare("SELECT DISTINCT c.sha256 FROM collected c JOIN model_blobs b ON b.sha256 = c.sha256")?;
    for blob in named.query_map([], |r| Ok(Digest(r.get(0)?)))? {
        found.differ(format!("blob {} is named, and was decided to go", blob?));
    }
    Ok(())
}

struct Looking<'a> {
    shelves: &'a Shelves,
    catalog: &'a Connection,
    look: &'a Look<'a>,
    found: Found,
}

/// What the catalogue says of a content.
enum About {
    Named(u64),
    HandedIn(u64),
    Going,
}

/// Of a content with so many bytes.
type Word = fn(u64) -> About;

impl Looking<'_> {
    /// Blobs whose digest begins with this byte: those that are named are there, and those that are there are named.
    fn shelf(&mut self, shelf: u8) -> Result<(), AuditError> {
        let about = self.about(shelf)?;
        let shelf = self.shelves.shelf(shelf);
        let there = shelf.map_err(|error| AuditError::Shelves { place: self.shelves.place(), error })?;
        self.found.left_over.foreign += there.foreign;
        for file in &there.blobs {
            if about.contains_key(&file.digest) || file.written >= self.look.before {
                continue;
            }
            self.found.left_over.blobs += 1;
            let what = || format!("blob {} of {}", file.digest, self.shelves.place());
            left_over(file.size, self.look, &mut self.found, what, || self.shelves.remove(file.digest));
        }
        let there: HashMap<Digest, u64> = there.blobs.iter().map(|file| (file.digest, file.size)).collect();
        for (digest, about) in about {
            self.one(digest, about, there.get(&digest).copied());
        }
        if let Some(progress) = self.look.progress {
            progress(self.found.named_blobs);
        }
        Ok(())
    }

    fn about(&self, shelf: u8) -> rusqlite::Result<HashMap<Digest, About>> {
        let (from, to) = ([shelf], shelf.checked_add(1).map_or_else(|| vec![u8::MAX; 33], |next| vec![next]));
        let mut about = HashMap::new();
        // What is named is also handed in: the later word is the one that counts.
        let collected = "SELECT sha256, size FROM collected WHERE waits AND sha256 >= ?1 AND sha256 < ?2";
        let handed_in = "SELECT sha256, size FROM uploads WHERE sha256 >= ?1 AND sha256 < ?2";
        let named = "SELECT sha256, size FROM model_blobs WHERE sha256 >= ?1 AND sha256 < ?2";
        let going = |_| About::Going;
        let words: [(&str, Word); 3] = [(collected, going), (handed_in, About::HandedIn), (named, About::Named)];
        for (rows, word) in words {
            let mut find = self.catalog.prepare_cached(rows)?;
            let rows = find.query_map(params![&from[..], to], |r| Ok((Digest(r.get(0)?), r.get::<_, i64>(1)?)))?;
            for row in rows {
                let (digest, size) = row?;
                about.insert(digest, word(size.unsigned_abs()));
            }
        }
        Ok(about)
    }

    fn one(&mut self, digest: Digest, about: About, there: Option<u64>) {
        match (about, there) {
            (About::Named(size), None) => {
                self.found.named_blobs += 1;
                self.found.differ(format!("blob {digest} of {size} bytes is named and not there"));
            }
            (About::Named(size), Some(bytes)) => {
                self.found.named_blobs += 1;
                self.found.named_bytes += bytes;
                self.same(digest, size, bytes);
            }
            (About::HandedIn(_), None) => self.found.lost_uploads += 1,
            (About::HandedIn(size), Some(bytes)) => {
                self.found.waiting_blobs += 1;
                self.found.waiting_bytes += bytes;
                self.same(digest, size, bytes);
            }
            (About::Going, None) => {}
            (About::Going, Some(bytes)) => {
                self.found.going_blobs += 1;
                self.found.going_bytes += bytes;
            }
        }
    }

    fn same(&mut self, digest: Digest, size: u64, bytes: u64) {
        if bytes != size {
            return self.found.differ(format!("blob {digest} of {size} bytes has {bytes}"));
        }
        if !self.look.deep {
            return;
        }
        match self.shelves.hash(digest) {
            Ok((read, bytes)) if read == digest => *self.found.read_bytes.get_or_insert_default() += bytes,
            Ok((read, _)) => self.found.differ(format!("blob {digest} has the content of {read}")),
            Err(error) => self.found.differ(format!("blob {digest} cannot be read: {error}")),
        }
    }
}

/// Removes a file that nothing is about, if that is asked for.
fn left_over(
    size: u64,
    look: &Look<'_>,
    found: &mut Found,
    what: impl FnOnce() -> String,
    remove: impl FnOnce() -> io::Result<()>,
) {
    found.left_over.bytes += size;
    if !look.repair {
        return;
    }
    match remove() {
        Ok(()) => found.left_over.removed += 1,
        Err(error) => found.differ(format!("{} cannot be removed: {error}", what())),
    }
}

fn left_over_file(path: &Path, size: u64, look: &Look<'_>, found: &mut Found) {
    left_over(size, look, found, || path.display().to_string(), || fs::remove_file(path));
}

/// Temporary files: halves wait for a day, all else is of an upload that runs, or of one that was killed.
fn temporary(blobs: &Path, look: &Look<'_>, found: &mut Found) -> Result<(), AuditError> {
    let folder = blobs.join("tmp");
    for (name, path, size, at) in files_in(&folder).map_err(failed(&folder))? {
        let half = halves::parse(&name).is_some();
        if half && at >= look.before {
            found.halves += 1;
        } else if half || look.repair || at < look.before {
            found.left_over.temporary += 1;
            left_over_file(&path, size, look, found);
        }
    }
    Ok(())
}

/// Large answers lie in files; each row's is there, and each file has a row.
fn outcomes(folder: &Path, look: &Look<'_>, found: &mut Found) -> Result<(), AuditError> {
    let books = folder.join("ledger.db");
    let folder = folder.join("outcomes");
    let named = |file: &str| -> Result<bool, AuditError> {
        let ledger = open(&books, &LEDGER)?;
        let sql = "SELECT EXISTS (SELECT 1 FROM outcomes WHERE file = ?1)";
        Ok(ledger.query_row(sql, [file], |r| r.get(0))?)
    };
    let ledger = open(&books, &LEDGER)?;
    let mut rows = ledger.prepare("SELECT seq, file FROM outcomes WHERE file IS NOT NULL")?;
    let mut known = std::collections::HashSet::new();
    for row in rows.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)))? {
        let (seq, file) = row?;
        found.outcome_files += 1;
        // Its day may have ended just now.
        if !folder.join(&file).is_file() && named(&file)? {
            found.differ(format!("row {seq}: the file of its outcome, {file}, is gone"));
        }
        known.insert(file);
    }
    for (name, path, size, at) in files_in(&folder).map_err(failed(&folder))? {
        if !known.contains(&name) && at < look.before && !named(&name)? {
            found.left_over.outcomes += 1;
            left_over_file(&path, size, look, found);
        }
    }
    Ok(())
}

/// Name, path, size and age of the files of a folder; one that is not there has none.
fn files_in(folder: &Path) -> io::Result<Vec<(String, PathBuf, u64, Time)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(found) if found.is_file() => {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push((name, entry.path(), found.len(), written(&found)));
            }
            // Gone meanwhile, or none of ours.
            _ => {}
        }
    }
    Ok(files)
}
