//! From a backup to a hub's folder.

use std::fs;
use std::path::{Path, PathBuf};

use bucket::Keys;
use rusqlite::Connection;

use super::disk::{copy, make_folder, remove_folder, sync_folder, sync_folders};
use super::{BackupError, ListedBlob, Progress, last_row, manifest, missing, sql};
use crate::begun::shelves_of;
use crate::blobs::blob_path;
use crate::books::Seq;
use crate::sqlite::{CATALOG, LEDGER, PROJECTED, Projector, open, row, watermark};

/// Rows carried over in one go.
const STRETCH: usize = 10_000;

/// A hub's folder that is whole and not yet in its place. Dropped, nothing of it stays.
#[derive(Debug)]
pub struct Restored {
    work: PathBuf,
    to: PathBuf,
    /// The last row of its books.
    pub rows: Seq,
    pub files: u64,
    pub blobs: u64,
    /// The bucket they lie in and stay in; none: they were restored.
    pub blobs_in: Option<String>,
    /// Of these, those that are not there any more.
    pub missing_blobs: u64,
    pub bytes: u64,
    /// When the backup was begun, RFC 3339.
    pub made: String,
    placed: bool,
}

impl Restored {
    /// Where it lies, to be looked at.
    pub fn folder(&self) -> &Path {
        &self.work
    }

    /// Puts it in its place, durably.
    pub fn place(mut self) -> Result<(), BackupError> {
        let failed = |error| BackupError::Io { path: self.to.clone(), error };
        sync_folders(&self.work)?;
        // One that is there is empty, and is replaced whole.
        fs::rename(&self.work, &self.to).map_err(failed)?;
        self.placed = true;
        sync_folder(parent(&self.to))
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        if !self.placed {
            // What stays is taken away by the next restore to the same place.
            let _ = remove_folder(&self.work);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Copies a backup to beside `to`, checks every file, and brings the catalogue to where the books are.
pub fn restore(from: &Path, to: &Path, keys: Option<Keys>, progress: Progress<'_>) -> Result<Restored, BackupError> {
    let manifest = manifest(from)?;
    let occupied = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => to.exists(),
    };
    if occupied {
        return Err(BackupError::Occupied { path: to.to_owned() });
    }
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "hub".to_owned());
    let work = parent(to).join(format!(".{name}.restoring"));
    remove_folder(&work)?;
    make_folder(&work)?;
    let mut restored = Restored {
        work,
        to: to.to_owned(),
        rows: 0,
        files: manifest.files.len() as u64,
        blobs: manifest.blobs.len() as u64,
        blobs_in: manifest.blobs_in.clone(),
        missing_blobs: 0,
        bytes: 0,
        made: manifest.made.clone(),
        placed: false,
    };
    let work = restored.work.clone();
    let generation = from.join(&manifest.generation);
    make_folder(&work.join("outcomes"))?;
    let blob_bytes = |blob: &ListedBlob| if manifest.blobs_in.is_none() { blob.size } else { 0 };
    let all = manifest.files.iter().map(|file| file.size).chain(manifest.blobs.iter().map(blob_bytes)).sum();
    let mut copied = |from: &Path, to: &Path, sha256, size: u64| {
        progress("Copying and checking", restored.bytes, all);
        let (_, found) = copy(from, to, Some(sha256))?;
        restored.bytes += found;
        if found == size {
            return Ok(());
        }
        let reason = format!("{found} bytes, and {size} are listed");
        Err(BackupError::Damaged { path: from.to_owned(), reason })
    };
    for file in &manifest.files {
        copied(&generation.join(&file.path), &work.join(&file.path), file.sha256, file.size)?;
    }
    let here = if manifest.blobs_in.is_none() { &manifest.blobs[..] } else { &[] };
    for blob in here {
        let target = blob_path(&work.join("blobs"), blob.sha256);
        make_folder(target.parent().expect("a blob lies in a folder"))?;
        copied(&blob_path(&from.join("blobs"), blob.sha256), &target, blob.sha256, blob.size)?;
    }
    if manifest.blobs_in.is_some() {
        let shelves = shelves_of(&work, keys)?;
        let listed = manifest.blobs.iter().map(|blob| (blob.sha256, blob.size));
        restored.missing_blobs = missing(&shelves, listed, progress)?.len() as u64;
    }
    restored.rows = bring_together(&work, progress)?;
    Ok(restored)
}

/// The catalogue was copied after the books and may have seen rows that they do not have: what was carried over is made
/// again. Also moves both to the newest schema.
fn bring_together(folder: &Path, progress: Progress<'_>) -> Result<Seq, BackupError> {
    let (books, catalog) = (folder.join("ledger.db"), folder.join("hub.db"));
    let ledger = open(&books, &LEDGER)?;
    let mut hub = open(&catalog, &CATALOG)?;
    let last = last_row(&ledger).map_err(sql(&books))?;
    if watermark(&hub).map_err(sql(&catalog))? > last {
        rewind(&mut hub, last).map_err(sql(&catalog))?;
    }
    let mut projector = Projector::default();
    let mut seen = watermark(&hub).map_err(sql(&catalog))?;
    while seen < last {
        progress("Carrying rows over to the catalogue", seen, last);
        let rows = row::rows(&ledger, seen, STRETCH).map_err(sql(&books))?;
        let end = rows.last().is_none_or(|(seq, _)| *seq >= last);
        let taken = projector
            .take(&mut hub, &rows, end)
            .map_err(|error| BackupError::Damaged { path: catalog.clone(), reason: error.to_string() })?;
        if taken == seen {
            let reason = format!("row {} is missing", seen + 1);
            return Err(BackupError::Damaged { path: books, reason });
        }
        seen = taken;
    }
    for (path, conn) in [(&books, ledger), (&catalog, hub)] {
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(sql(path))?;
        conn.close().map_err(|(_, error)| sql(path)(error))?;
    }
    Ok(last)
}

fn rewind(hub: &mut Connection, last: Seq) -> rusqlite::Result<()> {
    let tx = hub.transaction()?;
    tx.execute_batch(PROJECTED)?;
    // Of calls that these books never had.
    tx.execute("DELETE FROM receipts WHERE seq > ?1", [last as i64])?;
    tx.commit()
}
