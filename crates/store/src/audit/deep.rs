//! What a quick look leaves out: every page of both databases, every file they name, every kept answer, every
//! signature that was given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use ledger::CallId;
use registry::{CommitId, Digest, Tree};
use rusqlite::{Connection, OptionalExtension};

use super::{AuditError, Deep, Proof, Report};
use crate::shelves::Shelves;
use crate::sqlite::{kept, row};

pub(super) fn look(
    folder: &Path,
    ledger: &Connection,
    catalog: Option<&Connection>,
    proof: Proof<'_>,
    shelves: &Shelves,
    report: &mut Report,
) -> Result<Deep, AuditError> {
    let mut deep = Deep::default();
    pages("ledger.db", ledger, &mut deep, report)?;
    outcomes(folder, ledger, &mut deep, report)?;
    if let Some(catalog) = catalog {
        pages("hub.db", catalog, &mut deep, report)?;
        receipts(ledger, catalog, proof, &mut deep, report)?;
        let mut named = BTreeMap::new();
        releases(catalog, &mut named, report)?;
        history(catalog, &mut named, report)?;
        blobs(shelves, &named, &mut deep, report);
    }
    Ok(deep)
}

/// SQLite's own look at every page, index and row.
fn pages(file: &str, conn: &Connection, deep: &mut Deep, report: &mut Report) -> Result<(), AuditError> {
    deep.pages += conn.pragma_query_value(None, "page_count", |r| r.get::<_, i64>(0))?.unsigned_abs();
    let mut check = conn.prepare("PRAGMA integrity_check(20)")?;
    for said in check.query_map([], |r| r.get::<_, String>(0))? {
        let said = said?;
        if said != "ok" {
            report.differ(format!("{file}: {said}"));
        }
    }
    Ok(())
}

/// Every receipt that was handed out is still what its row says.
fn receipts(
    ledger: &Connection,
    catalog: &Connection,
    proof: Proof<'_>,
    deep: &mut Deep,
    report: &mut Report,
) -> Result<(), AuditError> {
    let mut find = ledger.prepare("SELECT * FROM calls WHERE seq = ?1")?;
    let mut handed = catalog.prepare("SELECT call, seq, signature FROM receipts")?;
    let mut rows = handed.query([])?;
    while let Some(handed) = rows.next()? {
        let (id, seq) = (CallId(handed.get(0)?), handed.get::<_, i64>(1)?);
        let signature: Vec<u8> = handed.get(2)?;
        deep.receipts += 1;
        match find.query_row([seq], row::read_call).optional() {
            Ok(Some(read)) if read.row.id == id => {
                if let Err(why) = proof(&read.row, &signature) {
                    report.differ(format!("row {seq} ({id}): the receipt that was handed out does not fit: {why}"));
                }
            }
            _ => report.differ(format!("a receipt of {id} was handed out, and row {seq} is not that call")),
        }
    }
    Ok(())
}

/// Every kept answer is what was kept, those in files and those in rows.
fn outcomes(folder: &Path, ledger: &Connection, deep: &mut Deep, report: &mut Report) -> Result<(), AuditError> {
    let mut outcomes =
        ledger.prepare("SELECT o.seq, o.file, o.body, c.id FROM outcomes o JOIN calls c ON c.seq = o.seq")?;
    let mut rows = outcomes.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, file, call) = (row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?, CallId(row.get(3)?));
        let read = match (&file, row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?) {
            (_, Some(body)) => kept::read(call, body, io::sink()),
            (Some(file), None) => {
                deep.outcome_files += 1;
                let from = File::open(folder.join("outcomes").join(file));
                from.and_then(|from| kept::read(call, from, io::sink()))
            }
            (None, None) => Ok(()),
        };
        match (read, file) {
            (Ok(()), _) => {}
            (Err(error), Some(file)) if error.kind() == io::ErrorKind::NotFound => {
                report.differ(format!("row {seq}: the file of its outcome, {file}, is gone"));
            }
            (Err(error), _) => report.differ(format!("row {seq}: the answer kept for its key: {error}")),
        }
    }
    Ok(())
}

/// Blobs and the sizes that were named with them.
type Named = BTreeMap<Digest, u64>;

/// The blobs that releases name.
fn releases(catalog: &Connection, named: &mut Named, report: &mut Report) -> Result<(), AuditError> {
    let mut trees = catalog.prepare("SELECT id, tree FROM releases")?;
    for tree in trees.query_map([], |r| Ok((ledger::ReleaseId(r.get(0)?), r.get::<_, String>(1)?)))? {
        let (release, text) = tree?;
        match serde_json::from_str::<Tree>(&text) {
            Ok(tree) => named.extend(tree.files().iter().map(|file| (file.sha256, file.size))),
            Err(error) => report.differ(format!("the files of {release} cannot be read: {error}")),
        }
    }
    Ok(())
}

/// The blobs that commits name. Every commit has its files, which are those its id stands for, and comes after its
/// parent; every branch and tag names a commit.
fn history(catalog: &Connection, named: &mut Named, report: &mut Report) -> Result<(), AuditError> {
    let mut trees = catalog
        .prepare("SELECT c.id, t.tree FROM (SELECT DISTINCT id FROM commits) c LEFT JOIN trees t ON t.id = c.id")?;
    for tree in trees.query_map([], |r| Ok((CommitId(r.get(0)?), r.get::<_, Option<String>>(1)?)))? {
        let (commit, text) = tree?;
        match text.map(|text| serde_json::from_str::<Tree>(&text)) {
            Some(Ok(tree)) if tree.commit_id() == commit => {
                named.extend(tree.files().iter().map(|file| (file.sha256, file.size)));
            }
            Some(Ok(tree)) => report.differ(format!("the files of commit {commit} are those of {}", tree.commit_id())),
            Some(Err(error)) => report.differ(format!("the files of commit {commit} cannot be read: {error}")),
            None => report.differ(format!("the files of commit {commit} are gone")),
        }
    }
    let mut torn = catalog.prepare(
        "SELECT m.name, 'commit ' || c.number || ' comes after commit ' || c.parent || ', which is not before it'
         FROM commits c JOIN models m ON m.id = c.model LEFT JOIN commits p ON p.model = c.model AND p.number = c.parent
         WHERE c.parent IS NOT NULL AND (p.number IS NULL OR p.number >= c.number)
         UNION ALL
         SELECT m.name, f.kind || ' ' || f.name || ' names commit ' || f.number || ', which is gone'
         FROM refs f JOIN models m ON m.id = f.model LEFT JOIN commits c ON c.model = f.model AND c.number = f.number
         WHERE c.number IS NULL",
    )?;
    for found in torn.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))? {
        let (model, what) = found?;
        report.differ(format!("model {model}: {what}"));
    }
    Ok(())
}

/// Every blob that is named is there, with its size and its digest.
fn blobs(shelves: &Shelves, named: &Named, deep: &mut Deep, report: &mut Report) {
    for (digest, size) in named {
        deep.blobs += 1;
        match shelves.hash(*digest) {
            Ok((found, bytes)) => {
                deep.blob_bytes += bytes;
                if found != *digest || bytes != *size {
                    report.differ(format!("blob {digest} of {size} bytes is {found} of {bytes} bytes"));
                }
            }
            Err(error) => report.differ(format!("blob {digest}: {error}")),
        }
    }
}
