//! Backups: a folder with one whole copy of a hub, made while the hub runs, and brought up to date by the next.
//!
//! ```text
//! backup.json           which generation is the backup, and what is in it; written last
//! generation-…/         ledger.db, hub.db, outcomes/, the hub's keys; blobs → ../blobs: laid out like a hub's folder
//! blobs/                the bytes of models; those that are there are not copied again
//! ```
//!
//! Blobs that lie in a bucket stay there: the backup says where, names each with its size, and is made only if all that
//! models need are there.
//!
//! Always: the books are copied before the catalogue and both before blobs, so that nothing names what is not there; each
//! database is copied as it was at one moment; collection is held off meanwhile; the former backup stays until the new one is complete and its books
//! were found in order, as a restore wants them; every file is checked by its digest before it is used again.
//!
//! Absent on purpose: what the copy is worth beyond its books. `audit --deep` says that, of a generation as of a hub's
//! folder.

mod disk;
mod restore;
mod sound;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucket::Keys;
use ledger::Time;
use registry::{Digest, Tree};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};

use crate::begun::{BEGUN, BegunError, shelves_of};
use crate::blobs::blob_path;
use crate::books::Seq;
use crate::collect::hold_off;
use crate::folder::{Folder, FolderError};
use crate::shelves::Shelves;
use crate::sqlite::{CATALOG, LEDGER, OpenError, Schema, has_commits, open_read_only, watermark};

use disk::{copy, create_private, digest_of, make_folder, remove_folder, remove_leftovers, sync_folder, sync_folders};
pub use restore::{Restored, restore};

/// The form of `backup.json`.
const VERSION: u32 = 2;
/// The form of those that hold their blobs themselves; the next one's lie in a bucket.
const WITH_BLOBS: u32 = 1;
const MANIFEST: &str = "backup.json";
const GENERATION: &str = "generation-";
/// Pages of a database copied in one go: a hub waits for none of them.
const PAGES: i32 = 1_024;

/// Told what is copied, how much of it is done, and how much there is.
pub type Progress<'a> = &'a dyn Fn(&'static str, u64, u64);

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// Folder of everything but blobs.
    pub generation: String,
    /// When it was begun, RFC 3339.
    pub made: String,
    /// The last row of the books in it.
    pub rows: Seq,
    files: Vec<Listed>,
    blobs: Vec<ListedBlob>,
    /// The bucket they lie in; none: they are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blobs_in: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    /// Below the generation's folder; one or two plain names.
    path: String,
    size: u64,
    sha256: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ListedBlob {
    sha256: Digest,
    size: u64,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Laid out like a hub's folder: it can be audited.
    pub generation: PathBuf,
    pub rows: Seq,
    pub files: u64,
    pub blobs: u64,
    /// The bucket they lie in and were not copied from; none: they are in the backup.
    pub blobs_in: Option<String>,
    /// Of them, those that were not there before.
    pub new_blobs: u64,
    /// Bytes that were written.
    pub bytes: u64,
}

/// Why there is no new backup. The former one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: no hub's folder, there is no ledger.db")]
    NoHub { path: PathBuf },
    #[error("{path} is a hub's own folder, not a place for backups")]
    IsHub { path: PathBuf },
    #[error("{path} holds other things than a backup: {name}")]
    Foreign { path: PathBuf, name: String },
    #[error("{path}: another backup is being made there")]
    Busy { path: PathBuf },
    #[error("{path}: no backup, there is no {MANIFEST}")]
    NoBackup { path: PathBuf },
    #[error("{path} was made by a newer modelhub (form {found}, known {VERSION})")]
    Newer { path: PathBuf, found: u32 },
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
    #[error("{path} is there already and not empty; a hub is restored into a new folder")]
    Occupied { path: PathBuf },
    /// The books, as they were copied, are not what a restore takes.
    #[error("the copy of {folder} is not in order, so it is no backup: {wrong}")]
    Unsound {
        folder: PathBuf,
        wrong: String,
        /// Where backups are made.
        to: PathBuf,
        /// When the one that lies there and was kept was begun; none: there is none.
        kept: Option<String>,
    },
    #[error("{digest} is needed and is not in {place}")]
    Lost { place: String, digest: Digest },
    #[error(transparent)]
    Begun(#[from] BegunError),
    #[error("{place}: {error}")]
    Shelves { place: String, error: io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{path}: {error}")]
    Sqlite { path: PathBuf, error: rusqlite::Error },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::Io { path, error }
}

fn sql(path: &Path) -> impl Fn(rusqlite::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::Sqlite { path: path.clone(), error }
}

/// Copies the hub in `folder`, which may be running, to `to`. `others` are files of the folder that belong to a hub and
/// are not this crate's: keys and settings; those that are not there are left out.
pub fn backup(
    folder: &Path,
    to: &Path,
    others: &[&str],
    now: Time,
    keys: Option<Keys>,
    progress: Progress<'_>,
) -> Result<Made, BackupError> {
    if !folder.join("ledger.db").is_file() {
        return Err(BackupError::NoHub { path: folder.to_owned() });
    }
    let _lock = claim(to)?;
    let shelves = shelves_of(folder, keys)?;
    // What a moment names stays until it is copied.
    let blobs = folder.join("blobs");
    let _held_off = hold_off(&blobs).map_err(at(&blobs))?;
    let name = format!("{GENERATION}{}", now.0);
    let part = to.join(format!("{name}.part"));
    remove_folder(&part)?;
    make_folder(&part)?;
    let made = Copying { folder, to, part: &part, shelves: &shelves, progress }.all(others, &name, now);
    if made.is_err() {
        // What is left of it is removed by the next one too.
        let _ = remove_folder(&part);
    }
    made
}

/// The place for backups, for us alone.
fn claim(to: &Path) -> Result<Folder, BackupError> {
    if to.join("ledger.db").exists() {
        return Err(BackupError::IsHub { path: to.to_owned() });
    }
    let ours = |name: &str| matches!(name, "lock" | "blobs" | MANIFEST) || name.starts_with(GENERATION);
    for entry in fs::read_dir(to).into_iter().flatten() {
        let name = entry.map_err(at(to))?.file_name().to_string_lossy().into_owned();
        if !ours(&name) && name != format!("{MANIFEST}.part") {
            return Err(BackupError::Foreign { path: to.to_owned(), name });
        }
    }
    Folder::open(to).map_err(|error| match error {
        FolderError::InUse { path, .. } => BackupError::Busy { path },
        FolderError::Io { path, error } => BackupError::Io { path, error },
    })
}

struct Copying<'a> {
    folder: &'a Path,
    to: &'a Path,
    part: &'a Path,
    shelves: &'a Shelves,
    progress: Progress<'a>,
}

impl Copying<'_> {
    fn all(&self, others: &[&str], name: &str, now: Time) -> Result<Made, BackupError> {
        let (ledger, catalog) = self.moments()?;
        self.database(&ledger, "ledger.db", "Copying the books")?;
        drop(ledger);
        self.database(&catalog, "hub.db", "Copying the catalogue")?;
        drop(catalog);
        let mut files = vec!["ledger.db".to_owned(), "hub.db".to_owned()];
        files.extend(self.outcomes()?);
        self.sound()?;
        for other in others.iter().chain([&BEGUN]) {
            let from = self.folder.join(other);
            if from.is_file() {
                copy(&from, &self.part.join(other), None)?;
                files.push((*other).to_owned());
            }
        }
        let (blobs, new_blobs, blob_bytes) = match self.shelves {
            Shelves::Folder(_) => {
                symlink("../blobs", self.part.join("blobs")).map_err(at(self.part))?;
                self.blobs()?
            }
            Shelves::Bucket(_) => (self.blobs_elsewhere()?, 0, 0),
        };
        let files = files.into_iter().map(|path| self.listed(path)).collect::<Result<Vec<_>, _>>()?;
        let books = self.part.join("ledger.db");
        let rows = last_row(&open_read_only(&books, &LEDGER)?).map_err(sql(&books))?;
        remove_leftovers(self.part);
        let bytes = blob_bytes + files.iter().map(|file| file.size).sum::<u64>();
        let blobs_in = matches!(self.shelves, Shelves::Bucket(_)).then(|| self.shelves.place());
        let version = if blobs_in.is_some() { VERSION } else { WITH_BLOBS };
        let (generation, made) = (name.to_owned(), now.to_string());
        let manifest = Manifest { version, generation, made, rows, files, blobs, blobs_in };
        let generation = self.publish(&manifest)?;
        let (files, blobs) = (manifest.files.len() as u64, manifest.blobs.len() as u64);
        Ok(Made { generation, rows, files, blobs, blobs_in: manifest.blobs_in, new_blobs, bytes })
    }

    /// Both databases as they are now, the books first. On a busy machine so much may lie between the two that the
    /// catalogue has carried over rows that the books of before do not have: then once more. A restore would wind it
    /// back, but an audit of the copy is to find it in order.
    fn moments(&self) -> Result<(Connection, Connection), BackupError> {
        let mut tries = 20;
        loop {
            let ledger = self.moment("ledger.db", &LEDGER)?;
            let catalog = self.moment("hub.db", &CATALOG)?;
            let rows = last_row(&ledger).map_err(sql(&self.folder.join("ledger.db")))?;
            let carried = watermark(&catalog).map_err(sql(&self.folder.join("hub.db")))?;
            tries -= 1;
            if carried <= rows || tries == 0 {
                return Ok((ledger, catalog));
            }
        }
    }

    /// A connection that sees the database as it is now, however long it looks.
    fn moment(&self, name: &str, schema: &Schema) -> Result<Connection, BackupError> {
        let path = self.folder.join(name);
        let conn = open_read_only(&path, schema)?;
        let begin = || {
            conn.execute_batch("BEGIN")?;
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        };
        begin().map_err(sql(&path))?;
        Ok(conn)
    }

    fn database(&self, from: &Connection, name: &str, what: &'static str) -> Result<(), BackupError> {
        let path = self.part.join(name);
        let failed = sql(&path);
        create_private(&path).map_err(at(&path))?;
        let mut to = Connection::open(&path).map_err(&failed)?;
        {
            let backup = Backup::new(from, &mut to).map_err(&failed)?;
            loop {
                let step = backup.step(PAGES).map_err(&failed)?;
                let seen = backup.progress();
                (self.progress)(what, (seen.pagecount - seen.remaining).max(0) as u64, seen.pagecount.max(0) as u64);
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        }
        drop(to);
        File::open(&path).and_then(|file| file.sync_all()).map_err(at(&path))
    }

    /// Large answers that lie in files. One whose day ended while we copied is gone, and its rows go too.
    fn outcomes(&self) -> Result<Vec<String>, BackupError> {
        let books = self.part.join("ledger.db");
        let failed = sql(&books);
        let conn = Connection::open(&books).map_err(&failed)?;
        let named: Vec<(i64, String)> = conn
            .prepare("SELECT seq, file FROM outcomes WHERE file IS NOT NULL")
            .and_then(|mut named| named.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
            .map_err(&failed)?;
        make_folder(&self.part.join("outcomes"))?;
        let mut files = Vec::with_capacity(named.len());
        for (seq, file) in named {
            let path = format!("outcomes/{file}");
            match copy(&self.folder.join(&path), &self.part.join(&path), None) {
                Ok(_) => files.push(path),
                Err(BackupError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                    for rows in ["DELETE FROM outcomes WHERE seq = ?1", "DELETE FROM keyed WHERE seq = ?1"] {
                        conn.execute(rows, [seq]).map_err(&failed)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// The blobs that the copied catalogue names: all of them, how many were new, and how many bytes those have.
    fn blobs(&self) -> Result<(Vec<ListedBlob>, u64, u64), BackupError> {
        let named = named_blobs(&self.part.join("hub.db"))?;
        let (from, to) = (self.folder.join("blobs"), self.to.join("blobs"));
        make_folder(&to)?;
        let (mut listed, mut new, mut bytes) = (Vec::with_capacity(named.len()), 0, 0);
        let all: u64 = named.values().map(|(size, _)| size).sum();
        let mut done = 0;
        for (sha256, (size, needed)) in named {
            (self.progress)("Copying models", done, all);
            done += size;
            let target = blob_path(&to, sha256);
            // What was copied once is not copied again, as long as it is still what it was.
            let there = fs::metadata(&target).is_ok_and(|there| there.len() == size)
                && digest_of(&target).map_err(at(&target))?.0 == sha256;
            if !there {
                make_folder(target.parent().expect("a blob lies in a folder"))?;
                match copy(&blob_path(&from, sha256), &target, Some(sha256)) {
                    Ok(_) => (new, bytes) = (new + 1, bytes + size),
                    // Handed in and never published: it may be gone.
                    Err(BackupError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound && !needed => {
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            listed.push(ListedBlob { sha256, size });
        }
        sync_folders(&to)?;
        Ok((listed, new, bytes))
    }

    /// The same where they stay in their bucket: those that are there, all that are needed among them.
    fn blobs_elsewhere(&self) -> Result<Vec<ListedBlob>, BackupError> {
        let named = named_blobs(&self.part.join("hub.db"))?;
        let missing = missing(self.shelves, named.iter().map(|(digest, (size, _))| (*digest, *size)), self.progress)?;
        if let Some(digest) = missing.iter().find(|digest| named[digest].1) {
            return Err(BackupError::Lost { place: self.shelves.place(), digest: *digest });
        }
        let there = named.into_iter().filter(|(digest, _)| !missing.contains(digest));
        Ok(there.map(|(sha256, (size, _))| ListedBlob { sha256, size }).collect())
    }

    fn listed(&self, path: String) -> Result<Listed, BackupError> {
        let file = self.part.join(&path);
        let (sha256, size) = digest_of(&file).map_err(at(&file))?;
        Ok(Listed { path, size, sha256 })
    }

    /// Makes it the backup, and takes what it replaces away.
    fn publish(&self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        sync_folders(self.part)?;
        let generation = self.to.join(&manifest.generation);
        fs::rename(self.part, &generation).map_err(at(&generation))?;
        sync_folder(self.to)?;
        let (part, path) = (self.to.join(format!("{MANIFEST}.part")), self.to.join(MANIFEST));
        let text = serde_json::to_vec_pretty(manifest).expect("plain data");
        let written = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        };
        written().map_err(at(&path))?;
        sync_folder(self.to)?;
        self.sweep(manifest);
        Ok(generation)
    }

    /// Former generations, and blobs that nothing names any more. What cannot be removed is tried again the next time.
    fn sweep(&self, manifest: &Manifest) {
        for entry in fs::read_dir(self.to).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(GENERATION) && name != manifest.generation {
                let _ = remove_folder(&entry.path());
            }
        }
        let named: std::collections::HashSet<String> =
            manifest.blobs.iter().map(|blob| blob.sha256.to_string()).collect();
        for folder in fs::read_dir(self.to.join("blobs")).into_iter().flatten().flatten() {
            for blob in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                if !named.contains(&*blob.file_name().to_string_lossy()) {
                    let _ = fs::remove_file(blob.path());
                }
            }
        }
    }
}

/// Which of these are not there with their size. They come in the order of their digests.
fn missing(
    shelves: &Shelves,
    named: impl Iterator<Item = (Digest, u64)>,
    progress: Progress<'_>,
) -> Result<BTreeSet<Digest>, BackupError> {
    let (mut there, mut shelf) = (HashMap::new(), None);
    let mut missing = BTreeSet::new();
    for (digest, size) in named {
        if shelf != Some(digest.0[0]) {
            progress("Looking at models", u64::from(digest.0[0]), 256);
            let found = shelves.shelf(digest.0[0]);
            let found = found.map_err(|error| BackupError::Shelves { place: shelves.place(), error })?;
            there = found.blobs.into_iter().map(|blob| (blob.digest, blob.size)).collect();
            shelf = Some(digest.0[0]);
        }
        if there.get(&digest) != Some(&size) {
            missing.insert(digest);
        }
    }
    Ok(missing)
}

/// Where the books of a folder lie: in the copy it holds, if it is a backup's, or in itself.
pub fn books_in(folder: &Path) -> Result<PathBuf, BackupError> {
    match manifest(folder) {
        Ok(manifest) => Ok(folder.join(manifest.generation)),
        Err(BackupError::NoBackup { .. }) => Ok(folder.to_owned()),
        Err(other) => Err(other),
    }
}

/// What `backup.json` of a folder says.
pub fn manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(MANIFEST);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(BackupError::NoBackup { path: folder.to_owned() });
        }
        Err(error) => return Err(at(&path)(error)),
    };
    #[derive(Deserialize)]
    struct Form {
        version: u32,
    }
    let unreadable =
        |error: serde_json::Error| BackupError::Unreadable { path: path.clone(), reason: error.to_string() };
    let Form { version: found } = serde_json::from_slice(&text).map_err(unreadable)?;
    if found > VERSION {
        return Err(BackupError::Newer { path, found });
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
    // Paths are joined to folders of ours: they are names, whatever the file says.
    let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    let below = |path: &str| path.strip_prefix("outcomes/").map_or_else(|| plain(path), plain);
    let names = manifest.files.iter().map(|file| &file.path).chain([&manifest.generation]);
    if let Some(wrong) = names.into_iter().find(|name| !below(name)) {
        return Err(BackupError::Unreadable { path, reason: format!("{wrong:?} is no file of a backup") });
    }
    Ok(manifest)
}

/// Blobs that a catalogue names, with their size, and whether a release or a commit needs them.
fn named_blobs(catalog: &Path) -> Result<BTreeMap<Digest, (u64, bool)>, BackupError> {
    let failed = sql(catalog);
    let conn = open_read_only(catalog, &CATALOG)?;
    let mut named = BTreeMap::new();
    let mut uploads = conn.prepare("SELECT sha256, size FROM uploads").map_err(&failed)?;
    let uploads = uploads.query_map([], |r| Ok((Digest(r.get(0)?), r.get::<_, i64>(1)?))).map_err(&failed)?;
    for upload in uploads {
        let (digest, size) = upload.map_err(&failed)?;
        named.insert(digest, (size.unsigned_abs(), false));
    }
    let mut trees = vec![("release", "SELECT tree FROM releases")];
    if has_commits(&conn).map_err(&failed)? {
        trees.push(("commit", "SELECT tree FROM trees WHERE id IN (SELECT id FROM commits)"));
    }
    for (what, trees) in trees {
        let mut trees = conn.prepare(trees).map_err(&failed)?;
        for tree in trees.query_map([], |r| r.get::<_, String>(0)).map_err(&failed)? {
            let tree: Tree = serde_json::from_str(&tree.map_err(&failed)?).map_err(|error| {
                let reason = format!("the files of a {what} cannot be read: {error}");
                BackupError::Damaged { path: catalog.to_owned(), reason }
            })?;
            named.extend(tree.files().iter().map(|file| (file.sha256, (file.size, true))));
        }
    }
    Ok(named)
}

/// The last row of any kind.
fn last_row(ledger: &Connection) -> rusqlite::Result<Seq> {
    let last: i64 = ledger.query_row(
        "SELECT ifnull(max(seq), 0) FROM (SELECT max(seq) AS seq FROM calls UNION ALL SELECT max(seq) FROM transfers
         UNION ALL SELECT max(seq) FROM holds UNION ALL SELECT max(seq) FROM ends)",
        [],
        |r| r.get(0),
    )?;
    Ok(last.unsigned_abs())
}
