//! What a search index is made of, and what was searched, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, ModelId, ReleaseId, Time};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::catalog::{ACCOUNT, SqliteCatalog, find_release, wrong};
use super::repositories::{REPOSITORY, repository};
use super::{moderation, sums};
use crate::catalog::CatalogError;
use crate::searches::{Choice, KEPT_SEARCHES, KEPT_SEARCHES_MS, MAX_SHOWN, SearchId, SearchRecord, Searches, Shown};

pub(super) const STEP: &str = "
    CREATE TABLE searches (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        account BLOB,
        surface TEXT NOT NULL,
        query TEXT NOT NULL,
        facets TEXT NOT NULL,
        sort TEXT NOT NULL,
        start INTEGER NOT NULL,
        -- Ids of models, one behind the other.
        shown BLOB NOT NULL,
        total INTEGER NOT NULL,
        -- From 0, among all pages; none: nothing.
        chosen INTEGER,
        -- Nothing was found.
        empty INTEGER NOT NULL GENERATED ALWAYS AS (total = 0)
    ) STRICT;
";

/// Rows that are removed at one time, so that nobody waits for many.
const REMOVED: i64 = 2_000;

fn shown(conn: &Connection, id: ModelId) -> rusqlite::Result<Option<Shown>> {
    let sql = format!("SELECT {REPOSITORY}, {ACCOUNT} FROM models m JOIN accounts a ON a.id = m.owner WHERE m.id = ?1");
    let found = conn.prepare_cached(&sql)?.query_row([&id.0[..]], repository).optional()?;
    let Some(repository) = found else { return Ok(None) };
    let release = match repository.latest {
        None => None,
        Some(_) => find_release(conn, &repository.model.name, None)?,
    };
    let totals = sums::model_totals(conn, id)?;
    let verified = moderation::is_verified(conn, repository.model.owner.id)?;
    Ok(Some(Shown { repository, release, totals, verified }))
}

fn record(row: &SqlRow<'_>) -> rusqlite::Result<SearchRecord> {
    let shown = row.get_ref(8)?.as_blob()?;
    let (ids, rest) = shown.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(wrong(8, "no list of ids"));
    }
    Ok(SearchRecord {
        id: SearchId(row.get(0)?),
        at: Time(row.get(1)?),
        account: row.get::<_, Option<_>>(2)?.map(AccountId),
        surface: row.get(3)?,
        query: row.get(4)?,
        facets: row.get(5)?,
        sort: row.get(6)?,
        start: row.get(7)?,
        shown: ids.iter().map(|id| ModelId(*id)).collect(),
        total: row.get::<_, i64>(9)?.unsigned_abs(),
        chosen: row.get(10)?,
    })
}

fn add(conn: &mut Connection, searches: &[SearchRecord], choices: &[Choice]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    {
        let mut add = tx.prepare_cached(
            "INSERT INTO searches (id, at, account, surface, query, facets, sort, start, shown, total, chosen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for search in searches {
            let shown: Vec<u8> = search.shown.iter().take(MAX_SHOWN).flat_map(|model| model.0).collect();
            add.execute(params![
                &search.id.0[..],
                search.at.0,
                search.account.as_ref().map(|account| &account.0[..]),
                search.surface,
                search.query,
                search.facets,
                search.sort,
                search.start,
                shown,
                i64::try_from(search.total).unwrap_or(i64::MAX),
                search.chosen,
            ])?;
        }
        let mut choose = tx.prepare_cached(
            "UPDATE searches SET chosen = ?2 WHERE id = ?1 AND chosen IS NULL AND ?2 >= start
             AND substr(shown, 16 * (?2 - start) + 1, 16) = ?3",
        )?;
        for Choice { search, position, model } in choices {
            choose.execute(params![&search.0[..], position, &model.0[..]])?;
        }
        let last: Option<(i64, i64)> = tx
            .prepare_cached("SELECT seq, at FROM searches ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((seq, at)) = last {
            tx.prepare_cached(
                "DELETE FROM searches WHERE seq IN (SELECT seq FROM searches ORDER BY seq LIMIT ?3)
                 AND (seq <= ?1 OR at < ?2)",
            )?
            .execute([
                seq - KEPT_SEARCHES as i64,
                at - KEPT_SEARCHES_MS,
                REMOVED + searches.len() as i64,
            ])?;
        }
    }
    tx.commit()
}

#[async_trait]
impl Searches for SqliteCatalog {
    async fn shown(&self, models: &[ModelId]) -> Result<Vec<Shown>, CatalogError> {
        let models = models.to_vec();
        self.ask(move |conn| {
            let found = models.into_iter().filter_map(|model| shown(conn, model).transpose());
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn models_after(&self, after: Option<ModelId>, limit: u64) -> Result<Vec<ModelId>, CatalogError> {
        self.ask(move |conn| {
            // A blob of nothing comes before all ids.
            let after = after.as_ref().map_or(&[][..], |after| &after.0[..]);
            let mut find = conn.prepare_cached("SELECT id FROM models WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = find.query_map(params![after, limit], |row| Ok(ModelId(row.get(0)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn models_of(&self, releases: &[ReleaseId]) -> Result<Vec<ModelId>, CatalogError> {
        let releases = releases.to_vec();
        self.ask(move |conn| {
            let mut find = conn.prepare_cached("SELECT model FROM releases WHERE id = ?1")?;
            let mut models = Vec::new();
            for release in releases {
                models.extend(find.query_row([&release.0[..]], |row| row.get(0)).optional()?.map(ModelId));
            }
            models.sort_unstable_by_key(|model| model.0);
            models.dedup();
            Ok(models)
        })
        .await
    }

    async fn repriced(&self, after: Time, until: Time) -> Result<Vec<ModelId>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                // In this order: few prices were set, and all releases would be read otherwise.
                "SELECT DISTINCT r.model FROM prices p CROSS JOIN releases r ON r.id = p.release
                 WHERE p.holds > ?1 AND p.holds <= ?2",
            )?;
            let found = find.query_map([after.0, until.0], |row| Ok(ModelId(row.get(0)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn add_searches(&self, searches: &[SearchRecord], choices: &[Choice]) -> Result<(), CatalogError> {
        let (searches, choices) = (searches.to_vec(), choices.to_vec());
        self.change(move |conn| Ok(add(conn, &searches, &choices)?)).await
    }

    async fn searches(&self, limit: u64) -> Result<Vec<SearchRecord>, CatalogError> {
        self.ask(move |conn| {
            let mut find = conn.prepare_cached(
                "SELECT id, at, account, surface, query, facets, sort, start, shown, total, chosen FROM searches
                 ORDER BY seq DESC LIMIT ?1",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            Ok(find.query_map([limit], record)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
