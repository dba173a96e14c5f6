//! What a model is called, whose it is and who sees it, in `hub.db`: each change with its event.

use ledger::{AccountId, ModelId};
use registry::{Access, ModelName};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::json;

use super::catalog::is_taken;
use super::{events, hooks, moderation, storage};
use crate::catalog::CatalogError;
use crate::events::{Act, EventKind};
use crate::repositories::Repository;

pub(super) fn add(tx: &Transaction<'_>, new: &Repository, by: AccountId) -> Result<(), CatalogError> {
    let Repository { model, access, changed, .. } = new;
    let added = tx.execute(
        "INSERT INTO models (id, owner, name, folded, created, latest_major, private, access, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)",
        params![
            &model.id.0[..],
            &model.owner.id.0[..],
            model.name.name(),
            model.name.folded(),
            model.created.0,
            model.private,
            access.word(),
            changed.0
        ],
    );
    match added {
        Err(error) if is_taken(&error) => return Err(CatalogError::ModelTaken { model: model.name.clone() }),
        other => other?,
    };
    tx.execute("DELETE FROM moved WHERE name = ?1", [model.name.folded()])?;
    let detail = json!({ "private": model.private });
    Ok(events::about(tx, model.id, EventKind::ModelCreated, Some(by), model.created, detail)?)
}

pub(super) fn set_private(tx: &Transaction<'_>, model: ModelId, private: bool, act: Act) -> Result<(), CatalogError> {
    moderation::stands(tx, model)?;
    let sql = "UPDATE models SET private = ?2 WHERE id = ?1 AND private != ?2";
    if tx.execute(sql, params![&model.0[..], private])? == 1 {
        let detail = json!({ "private": private });
        events::about(tx, model, EventKind::ModelVisibility, Some(act.by), act.at, detail)?;
    }
    Ok(())
}

pub(super) fn set_access(tx: &Transaction<'_>, model: ModelId, access: Access, act: Act) -> Result<(), CatalogError> {
    let sql = "UPDATE models SET access = ?2 WHERE id = ?1 AND access != ?2";
    if tx.execute(sql, params![&model.0[..], access.word()])? == 1 {
        let detail = json!({ "access": access.word() });
        events::about(tx, model, EventKind::ModelAccess, Some(act.by), act.at, detail)?;
    }
    Ok(())
}

pub(super) fn rename(
    tx: &Transaction<'_>,
    model: ModelId,
    owner: AccountId,
    name: &ModelName,
    act: Act,
) -> Result<(), CatalogError> {
    moderation::stands(tx, model)?;
    let mut find = tx.prepare_cached(
        "SELECT m.folded, m.owner, a.handle || '/' || m.name FROM models m JOIN accounts a ON a.id = m.owner
         WHERE m.id = ?1",
    )?;
    let before = find.query_row([&model.0[..]], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get::<_, String>(2)?)));
    let (before, owned, shown) = before.optional()?.ok_or(CatalogError::Gone { model })?;
    let owned = AccountId(owned);
    let renamed = tx.execute(
        "UPDATE models SET owner = ?2, name = ?3, folded = ?4 WHERE id = ?1",
        params![&model.0[..], &owner.0[..], name.name(), name.folded()],
    );
    match renamed {
        Err(error) if is_taken(&error) => return Err(CatalogError::ModelTaken { model: name.clone() }),
        other => other?,
    };
    tx.execute("DELETE FROM moved WHERE name = ?1", [name.folded()])?;
    if before != name.folded() {
        tx.execute("INSERT OR REPLACE INTO moved VALUES (?1, ?2)", params![before, &model.0[..]])?;
    }
    let kind = if owned == owner { EventKind::ModelRenamed } else { EventKind::ModelTransferred };
    if owned != owner {
        // What one owner pays of its trials is not for the next one to pay, nor who is told of it for the next to say.
        tx.execute("UPDATE trials SET budget = 0, per_account = 0 WHERE model = ?1", [&model.0[..]])?;
        hooks::remove_of_model(tx, model)?;
    }
    if shown != name.to_string() {
        events::about(tx, model, kind, Some(act.by), act.at, json!({ "before": shown }))?;
    }
    Ok(())
}

/// Removes a model and its history. One with releases stays.
pub(super) fn remove(tx: &Transaction<'_>, model: ModelId, act: Act) -> Result<(), CatalogError> {
    moderation::stands(tx, model)?;
    let count: i64 = tx.query_row("SELECT count(*) FROM releases WHERE model = ?1", [&model.0[..]], |r| r.get(0))?;
    if count > 0 {
        return Err(CatalogError::HasReleases { count: count.unsigned_abs() });
    }
    let private: Option<bool> =
        tx.query_row("SELECT private FROM models WHERE id = ?1", [&model.0[..]], |r| r.get(0)).optional()?;
    let detail = json!({ "private": private });
    events::about(tx, model, EventKind::ModelDeleted, Some(act.by), act.at, detail)?;
    // Trees stay: they are small, and another model may have the same.
    for table in ["refs", "commits", "drafts", "trials", "moved", "access_requests"] {
        tx.execute(&format!("DELETE FROM {table} WHERE model = ?1"), [&model.0[..]])?;
    }
    moderation::removed(tx, model, act.at)?;
    storage::let_go(tx, model, act.at)?;
    tx.execute("DELETE FROM models WHERE id = ?1", [&model.0[..]])?;
    Ok(())
}

/// Does a change in a transaction of its own.
pub(super) fn whole<T>(
    conn: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError>,
) -> Result<T, CatalogError> {
    let tx = conn.transaction()?;
    let done = change(&tx)?;
    tx.commit()?;
    Ok(done)
}
