//! Files and their history, in `hub.db`.

use std::collections::HashMap;

use async_trait::async_trait;
use ledger::{AccountId, ModelId, Time};
use registry::{Access, CommitId, Digest, GitOid, ModelName, RefName, ReleaseNumber, Revision, Tree};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql, Transaction, params, params_from_iter};
use serde_json::json;

use super::catalog::{ACCOUNT, SqliteCatalog, account, json, text, to_json, wrong};
use super::moderation::{LISTED, restriction};
use super::{events, models, storage};
use crate::catalog::{CatalogError, ModelRecord, NewRelease};
use crate::events::{Act, EventKind};
use crate::repositories::{
    CommitRecord, DraftRecord, NewCommit, Order, Ref, RefKind, Repositories, Repository, Wanted,
};

/// A model, and the release that unversioned calls go to.
pub(super) const REPOSITORY: &str = "m.id, m.name, m.created, m.private, m.access, m.changed, m.automatic,
    (SELECT x.restriction FROM restrictions x WHERE x.model = m.id),
    (SELECT r.major || '.' || printf('%02d', r.minor) FROM releases r WHERE r.model = m.id
     ORDER BY r.major = m.latest_major DESC, r.id IN (SELECT release FROM yanks), r.major DESC, r.minor DESC LIMIT 1)";

pub(super) fn repository(row: &SqlRow<'_>) -> rusqlite::Result<Repository> {
    let owner = account(row, 9)?;
    let name = ModelName::new(owner.handle.clone(), row.get_ref(1)?.as_str()?).map_err(|e| wrong(1, e))?;
    let latest: Option<String> = row.get(8)?;
    Ok(Repository {
        model: ModelRecord {
            id: ModelId(row.get(0)?),
            owner,
            name,
            created: Time(row.get(2)?),
            private: row.get(3)?,
            restriction: restriction(row, 7)?,
        },
        access: Access::from_word(row.get_ref(4)?.as_str()?).ok_or_else(|| wrong(4, "no access"))?,
        changed: Time(row.get(5)?),
        automatic: row.get(6)?,
        latest: latest.map(|number| number.parse::<ReleaseNumber>()).transpose().map_err(|e| wrong(8, e))?,
    })
}

const COMMIT: &str = "SELECT c.number, c.id, c.parent, c.title, c.message, a.handle, c.at
    FROM commits c JOIN accounts a ON a.id = c.author";

fn commit(row: &SqlRow<'_>) -> rusqlite::Result<CommitRecord> {
    Ok(CommitRecord {
        number: number(row, 0)?,
        id: CommitId(row.get(1)?),
        parent: row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs),
        title: row.get(3)?,
        message: row.get(4)?,
        author: text(row, 5)?,
        at: Time(row.get(6)?),
    })
}

const DRAFT: &str =
    "SELECT d.model, d.commit_id, d.author, d.at, d.due, d.refused, m.name, a.handle, d.branch, d.number
    FROM drafts d JOIN models m ON m.id = d.model JOIN accounts a ON a.id = m.owner";

fn draft(row: &SqlRow<'_>) -> rusqlite::Result<DraftRecord> {
    let number: Option<String> = row.get(9)?;
    Ok(DraftRecord {
        model: ModelId(row.get(0)?),
        name: ModelName::new(text(row, 7)?, row.get_ref(6)?.as_str()?).map_err(|e| wrong(6, e))?,
        branch: text(row, 8)?,
        commit: CommitId(row.get(1)?),
        author: AccountId(row.get(2)?),
        at: Time(row.get(3)?),
        due: row.get::<_, Option<i64>>(4)?.map(Time),
        refused: row.get(5)?,
        number: number.map(|number| number.parse::<ReleaseNumber>()).transpose().map_err(|e| wrong(9, e))?,
    })
}

fn number(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

/// The commit a name stands for.
fn named(conn: &Connection, model: ModelId, kind: RefKind, name: &str) -> rusqlite::Result<Option<CommitRecord>> {
    let sql = format!(
        "{COMMIT} JOIN refs f ON f.model = c.model AND f.number = c.number WHERE f.model = ?1 AND f.kind = ?2 AND f.name = ?3"
    );
    conn.prepare_cached(&sql)?.query_row(params![&model.0[..], kind.word(), name], commit).optional()
}

/// The newest commit with this id.
fn by_id(conn: &Connection, model: ModelId, id: CommitId) -> rusqlite::Result<Option<CommitRecord>> {
    let sql = format!("{COMMIT} WHERE c.model = ?1 AND c.id = ?2 ORDER BY c.number DESC LIMIT 1");
    conn.prepare_cached(&sql)?.query_row(params![&model.0[..], &id.0[..]], commit).optional()
}

/// The commit with the id that begins with these digits; none if there are several.
fn by_prefix(conn: &Connection, model: ModelId, digits: &str) -> rusqlite::Result<Option<CommitRecord>> {
    let mut find =
        conn.prepare_cached("SELECT DISTINCT id FROM commits WHERE model = ?1 AND id BETWEEN ?2 AND ?3 LIMIT 2")?;
    let end = |digit: &str| -> Option<CommitId> { format!("{digits}{}", digit.repeat(40 - digits.len())).parse().ok() };
    let (Some(first), Some(last)) = (end("0"), end("f")) else { return Ok(None) };
    let ids = find.query_map(params![&model.0[..], &first.0[..], &last.0[..]], |r| r.get(0))?;
    let ids: Vec<[u8; 20]> = ids.collect::<rusqlite::Result<_>>()?;
    match ids[..] {
        [id] => by_id(conn, model, CommitId(id)),
        _ => Ok(None),
    }
}

/// The commit of a release by its number.
fn released(conn: &Connection, model: ModelId, release: ReleaseNumber) -> rusqlite::Result<Option<CommitRecord>> {
    let mut find =
        conn.prepare_cached("SELECT commit_id FROM releases WHERE model = ?1 AND major = ?2 AND minor = ?3")?;
    let id: Option<[u8; 20]> =
        find.query_row(params![&model.0[..], release.major(), release.minor()], |r| r.get(0)).optional()?;
    id.map_or(Ok(None), |id| by_id(conn, model, CommitId(id)))
}

fn find(conn: &Connection, model: ModelId, revision: &Revision) -> rusqlite::Result<Option<CommitRecord>> {
    match revision {
        Revision::Branch(name) => named(conn, model, RefKind::Branch, name.as_str()),
        Revision::Tag(name) => match named(conn, model, RefKind::Tag, name.as_str())? {
            Some(found) => Ok(Some(found)),
            None => name.as_str().parse().map_or(Ok(None), |release| released(conn, model, release)),
        },
        Revision::Commit(id) => by_id(conn, model, *id),
        Revision::Named(name) => {
            for kind in [RefKind::Branch, RefKind::Tag] {
                if let Some(found) = named(conn, model, kind, name.as_str())? {
                    return Ok(Some(found));
                }
            }
            if let Ok(release) = name.as_str().parse() {
                return released(conn, model, release);
            }
            revision.prefix().map_or(Ok(None), |digits| by_prefix(conn, model, digits))
        }
    }
}

/// Adds a commit to a branch of which nobody has moved the head meanwhile.
fn add(tx: &Transaction<'_>, new: &NewCommit) -> Result<CommitRecord, CatalogError> {
    let head = named(tx, new.model, RefKind::Branch, new.branch.as_str())?;
    let id = new.tree.commit_id();
    if let Some(head) = head.as_ref().filter(|head| head.id == id) {
        return Ok(head.clone());
    }
    if head.as_ref().map(|head| head.number) != new.parent {
        return Err(CatalogError::Stale {
            head: head.map_or_else(|| "nothing".to_owned(), |head| head.id.to_string()),
        });
    }
    let number: Option<i64> = tx
        .query_row(
            "UPDATE models SET commits = commits + 1, changed = max(changed, ?2) WHERE id = ?1 RETURNING commits",
            params![&new.model.0[..], new.at.0],
            |r| r.get(0),
        )
        .optional()?;
    let number = number.ok_or(CatalogError::Gone { model: new.model })?;
    storage::name(tx, new.model, &new.tree, new.at)?;
    tx.prepare_cached("INSERT INTO trees VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![&id.0[..], to_json(&new.tree)])?;
    tx.prepare_cached("INSERT INTO commits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(params![
        &new.model.0[..],
        number,
        &id.0[..],
        new.parent.map(|parent| parent as i64),
        new.title,
        new.message,
        &new.author.0[..],
        new.at.0,
    ])?;
    tx.prepare_cached("INSERT OR REPLACE INTO refs VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        &new.model.0[..],
        RefKind::Branch.word(),
        new.branch.as_str(),
        number
    ])?;
    let detail = json!({
        "commit": id.to_string(), "number": number, "branch": new.branch.as_str(), "title": new.title,
    });
    events::about(tx, new.model, EventKind::CommitAdded, Some(new.author), new.at, detail)?;
    let made = named(tx, new.model, RefKind::Branch, new.branch.as_str())?;
    made.ok_or_else(|| CatalogError::Failed { reason: "the author of a commit is no account".to_owned() })
}

/// What a release that is sealed does to its model: its word on the weights is the last one, and files from a folder are
/// the next commit of main.
pub(super) fn sealed(tx: &Transaction<'_>, model: ModelId, new: &NewRelease) -> Result<(), CatalogError> {
    let release = &new.release;
    tx.prepare_cached("UPDATE models SET access = ?2 WHERE id = ?1")?
        .execute(params![&model.0[..], release.access.word()])?;
    storage::name(tx, model, &release.tree, release.created)?;
    if !new.commit {
        return Ok(());
    }
    let branch = RefName::main();
    let parent = named(tx, model, RefKind::Branch, branch.as_str())?.map(|head| head.number);
    let new = NewCommit {
        model,
        branch,
        parent,
        tree: release.tree.clone(),
        title: format!("Release {}", release.number),
        message: String::new(),
        author: release.model.owner.id,
        at: release.created,
    };
    add(tx, &new).map(drop)
}

/// Releases of a hub that had no history: each is a commit of its model, in the order they were made.
pub(super) fn bring_over(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut find = tx.prepare(
        "SELECT r.model, r.commit_id, r.tree, r.major, r.minor, r.created, r.access, m.owner
         FROM releases r JOIN models m ON m.id = r.model ORDER BY r.model, r.created, r.major, r.minor",
    )?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (model, id): ([u8; 16], [u8; 20]) = (row.get(0)?, row.get(1)?);
        let release = ReleaseNumber::new(row.get(3)?, row.get(4)?).ok_or_else(|| wrong(3, "no release number"))?;
        let (at, access, owner): (i64, String, [u8; 16]) = (row.get(5)?, row.get(6)?, row.get(7)?);
        tx.execute("UPDATE models SET access = ?2, changed = ?3 WHERE id = ?1", params![&model[..], access, at])?;
        // A release with the files of the one before is no step; one that goes back to earlier files is.
        let same: bool = tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM models m JOIN commits c ON c.model = m.id AND c.number = m.commits
             WHERE m.id = ?1 AND c.id = ?2)",
            params![&model[..], &id[..]],
            |r| r.get(0),
        )?;
        if same {
            continue;
        }
        tx.execute(
            "INSERT INTO trees VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![&id[..], row.get_ref(2)?.as_str()?],
        )?;
        let number: i64 = tx.query_row(
            "UPDATE models SET commits = commits + 1 WHERE id = ?1 RETURNING commits",
            [&model[..]],
            |r| r.get(0),
        )?;
        tx.execute(
            "INSERT INTO commits VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, ?7)",
            params![
                &model[..],
                number,
                &id[..],
                Some(number - 1).filter(|parent| *parent > 0),
                format!("Release {release}"),
                &owner[..],
                at
            ],
        )?;
        tx.execute("INSERT OR REPLACE INTO refs VALUES (?1, 'branch', 'main', ?2)", params![&model[..], number])?;
    }
    Ok(())
}

/// Whether a catalogue has a history: one of an older hub, looked at as it is, has none.
pub(crate) fn has_commits(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'commits')", [], |r| r.get(0))
}

fn by_name(conn: &Connection, name: &ModelName) -> rusqlite::Result<Option<Repository>> {
    let from = "FROM models m JOIN accounts a ON a.id = m.owner";
    let sql = format!("SELECT {REPOSITORY}, {ACCOUNT} {from} WHERE a.handle = ?1 AND m.folded = ?2");
    let here =
        conn.prepare_cached(&sql)?.query_row(params![name.owner().as_str(), name.folded()], repository).optional()?;
    if here.is_some() {
        return Ok(here);
    }
    let sql = format!("SELECT {REPOSITORY}, {ACCOUNT} {from} JOIN moved v ON v.model = m.id WHERE v.name = ?1");
    conn.prepare_cached(&sql)?.query_row([name.folded()], repository).optional()
}

fn list(conn: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<Repository>> {
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut value = |value: Box<dyn ToSql>| {
        values.push(value);
        format!("?{}", values.len())
    };
    let groups: Vec<_> = wanted.groups.iter().map(|group| value(Box::new(group.0.to_vec()))).collect();
    let mut theirs = format!("m.owner IN ({})", groups.join(", "));
    if let Some(only) = &wanted.only {
        let only: Vec<_> = only.iter().map(|name| value(Box::new(name.folded()))).collect();
        theirs += &format!(" AND m.folded IN ({})", only.join(", "));
    }
    let mut sql = format!(
        "SELECT {REPOSITORY}, {ACCOUNT} FROM models m JOIN accounts a ON a.id = m.owner
         WHERE ((m.private = 0 AND {LISTED}) OR ({theirs}))"
    );
    if let Some(owner) = &wanted.owner {
        let handle = value(Box::new(owner.as_str().to_owned()));
        sql += &format!(" AND m.owner = (SELECT id FROM accounts WHERE handle = {handle})");
    }
    if let Some(search) = &wanted.search {
        sql += &format!(" AND instr(m.folded, {}) > 0", value(Box::new(search.to_ascii_lowercase())));
    }
    let order = match wanted.order {
        Order::Changed => "m.changed",
        Order::Created => "m.created",
    };
    let (limit, offset) = (value(Box::new(wanted.limit as i64)), value(Box::new(wanted.offset as i64)));
    sql += &format!(" ORDER BY {order} DESC, m.id DESC LIMIT {limit} OFFSET {offset}");
    conn.prepare_cached(&sql)?.query_map(params_from_iter(&values), repository)?.collect()
}

#[async_trait]
impl Repositories for SqliteCatalog {
    async fn add_repository(&self, new: &Repository, by: AccountId) -> Result<(), CatalogError> {
        let new = new.clone();
        self.change(move |conn| models::whole(conn, |tx| models::add(tx, &new, by))).await
    }

    async fn repository(&self, name: &ModelName) -> Result<Option<Repository>, CatalogError> {
        let name = name.clone();
        self.ask(move |conn| Ok(by_name(conn, &name)?)).await
    }

    async fn repositories(&self, wanted: &Wanted) -> Result<Vec<Repository>, CatalogError> {
        let wanted = wanted.clone();
        self.ask(move |conn| Ok(list(conn, &wanted)?)).await
    }

    async fn set_private(&self, model: ModelId, private: bool, act: Act) -> Result<(), CatalogError> {
        self.change(move |conn| models::whole(conn, |tx| models::set_private(tx, model, private, act))).await
    }

    async fn set_access(&self, model: ModelId, access: Access, act: Act) -> Result<(), CatalogError> {
        self.change(move |conn| models::whole(conn, |tx| models::set_access(tx, model, access, act))).await
    }

    async fn rename(&self, model: ModelId, owner: AccountId, name: &ModelName, act: Act) -> Result<(), CatalogError> {
        let name = name.clone();
        self.change(move |conn| models::whole(conn, |tx| models::rename(tx, model, owner, &name, act))).await
    }

    async fn remove_repository(&self, model: ModelId, act: Act) -> Result<(), CatalogError> {
        self.change(move |conn| models::whole(conn, |tx| models::remove(tx, model, act))).await
    }

    async fn commit(&self, commit: &NewCommit) -> Result<CommitRecord, CatalogError> {
        let commit = commit.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let made = add(&tx, &commit)?;
            tx.commit()?;
            Ok(made)
        })
        .await
    }

    async fn find_commit(&self, model: ModelId, revision: &Revision) -> Result<Option<CommitRecord>, CatalogError> {
        let revision = revision.clone();
        self.ask(move |conn| Ok(find(conn, model, &revision)?)).await
    }

    async fn tree(&self, commit: CommitId) -> Result<Option<Tree>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT tree FROM trees WHERE id = ?1")?;
            Ok(find.query_row([&commit.0[..]], |r| json(r, 0)).optional()?)
        })
        .await
    }

    async fn log(&self, model: ModelId, from: u64, limit: u64) -> Result<Vec<CommitRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("{COMMIT} WHERE c.model = ?1 AND c.number = ?2");
            let mut find = conn.prepare_cached(&sql)?;
            let (mut log, mut next) = (Vec::new(), Some(from));
            // A parent's number is below its child's, so this ends.
            while let Some(number) = next.filter(|_| (log.len() as u64) < limit) {
                let Some(found) = find.query_row(params![&model.0[..], number as i64], commit).optional()? else {
                    break;
                };
                next = found.parent;
                log.push(found);
            }
            Ok(log)
        })
        .await
    }

    async fn refs(&self, model: ModelId) -> Result<Vec<Ref>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT f.kind, f.name, c.id FROM refs f JOIN commits c ON c.model = f.model AND c.number = f.number
                 WHERE f.model = ?1 ORDER BY f.kind, f.name",
            )?;
            let refs = find.query_map([&model.0[..]], |r| {
                let kind = if r.get_ref(0)?.as_str()? == RefKind::Tag.word() { RefKind::Tag } else { RefKind::Branch };
                Ok(Ref { kind, name: text(r, 1)?, commit: CommitId(r.get(2)?) })
            })?;
            Ok(refs.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn released(&self, model: ModelId) -> Result<Vec<(ReleaseNumber, CommitId)>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT major, minor, commit_id FROM releases WHERE model = ?1 ORDER BY major DESC, minor DESC LIMIT 1000",
            )?;
            let releases = find.query_map([&model.0[..]], |r| {
                let number = ReleaseNumber::new(r.get(0)?, r.get(1)?).ok_or_else(|| wrong(0, "no release number"))?;
                Ok((number, CommitId(r.get(2)?)))
            })?;
            Ok(releases.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn add_ref(
        &self,
        model: ModelId,
        kind: RefKind,
        name: &RefName,
        commit: u64,
        act: Act,
    ) -> Result<bool, CatalogError> {
        let name = name.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let there = tx
                .query_row(
                    "SELECT id FROM commits WHERE model = ?1 AND number = ?2",
                    params![&model.0[..], commit as i64],
                    |r| r.get(0).map(CommitId),
                )
                .optional()?;
            let Some(id) = there else { return Err(CatalogError::Gone { model }) };
            let added = tx
                .prepare_cached("INSERT INTO refs VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
                .execute(params![&model.0[..], kind.word(), name.as_str(), commit as i64])?;
            if added == 1 {
                let detail = json!({ "kind": kind.word(), "name": name.as_str(), "commit": id.to_string() });
                events::about(&tx, model, EventKind::RefAdded, Some(act.by), act.at, detail)?;
            }
            tx.commit()?;
            Ok(added == 1)
        })
        .await
    }

    async fn remove_ref(&self, model: ModelId, kind: RefKind, name: &RefName, act: Act) -> Result<bool, CatalogError> {
        let name = name.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let removed = tx
                .prepare_cached("DELETE FROM refs WHERE model = ?1 AND kind = ?2 AND name = ?3")?
                .execute(params![&model.0[..], kind.word(), name.as_str()])?;
            if kind == RefKind::Branch {
                tx.prepare_cached("DELETE FROM drafts WHERE model = ?1 AND branch = ?2")?
                    .execute(params![&model.0[..], name.as_str()])?;
            }
            if removed == 1 {
                let detail = json!({ "kind": kind.word(), "name": name.as_str() });
                events::about(&tx, model, EventKind::RefRemoved, Some(act.by), act.at, detail)?;
            }
            tx.commit()?;
            Ok(removed == 1)
        })
        .await
    }

    async fn set_draft(&self, draft: &DraftRecord) -> Result<(), CatalogError> {
        let draft = draft.clone();
        self.change(move |conn| {
            let mut set =
                conn.prepare_cached("INSERT OR REPLACE INTO drafts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
            set.execute(params![
                &draft.model.0[..],
                draft.branch.as_str(),
                &draft.commit.0[..],
                &draft.author.0[..],
                draft.at.0,
                draft.due.map(|due| due.0),
                draft.refused,
                draft.number.map(|number| number.to_string()),
            ])?;
            Ok(())
        })
        .await
    }

    async fn remove_draft(&self, model: ModelId, branch: &RefName, commit: CommitId) -> Result<(), CatalogError> {
        let branch = branch.clone();
        self.change(move |conn| {
            let mut remove =
                conn.prepare_cached("DELETE FROM drafts WHERE model = ?1 AND branch = ?2 AND commit_id = ?3")?;
            remove.execute(params![&model.0[..], branch.as_str(), &commit.0[..]])?;
            Ok(())
        })
        .await
    }

    async fn draft(&self, model: ModelId, branch: &RefName) -> Result<Option<DraftRecord>, CatalogError> {
        let branch = branch.clone();
        self.ask(move |conn| {
            let sql = format!("{DRAFT} WHERE d.model = ?1 AND d.branch = ?2");
            Ok(conn.prepare_cached(&sql)?.query_row(params![&model.0[..], branch.as_str()], draft).optional()?)
        })
        .await
    }

    async fn drafts(&self, model: ModelId) -> Result<Vec<DraftRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("{DRAFT} WHERE d.model = ?1 ORDER BY d.at DESC, d.branch DESC");
            let mut find = conn.prepare_cached(&sql)?;
            Ok(find.query_map([&model.0[..]], draft)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn due_drafts(&self, limit: u64) -> Result<Vec<DraftRecord>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("{DRAFT} WHERE d.due IS NOT NULL ORDER BY d.due LIMIT ?1");
            let mut find = conn.prepare_cached(&sql)?;
            Ok(find.query_map([limit as i64], draft)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn git_oids(&self, blobs: &[Digest]) -> Result<HashMap<Digest, GitOid>, CatalogError> {
        let blobs = blobs.to_vec();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT sha1 FROM git_oids WHERE sha256 = ?1")?;
            let mut known = HashMap::new();
            for blob in blobs {
                if let Some(oid) = find.query_row([&blob.0[..]], |r| r.get(0)).optional()? {
                    known.insert(blob, GitOid(oid));
                }
            }
            Ok(known)
        })
        .await
    }

    async fn add_git_oids(&self, oids: &[(Digest, GitOid)]) -> Result<(), CatalogError> {
        let oids = oids.to_vec();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            for (blob, oid) in oids {
                tx.prepare_cached("INSERT INTO git_oids VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                    .execute(params![&blob.0[..], &oid.0[..]])?;
            }
            Ok(tx.commit()?)
        })
        .await
    }
}
