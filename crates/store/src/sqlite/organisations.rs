//! Who belongs to whom, in `hub.db`.

use async_trait::async_trait;
use ledger::{AccountId, Time};
use registry::Handle;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use serde_json::json;

use super::catalog::{ACCOUNT, SqliteCatalog, account, insert_account, text};
use super::events;
use crate::catalog::{Account, CatalogError};
use crate::events::{Act, EventKind};
use crate::organisations::{
    MAX_MEMBERS, MAX_MEMBERSHIPS, MAX_ORGANISATIONS, Member, MemberRole, Membership, Organisations,
};

/// Memberships carry a time; roles that no version of ours has given become those of writers, who could publish.
pub(super) const STEP: &str = "
    ALTER TABLE memberships ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    UPDATE memberships SET role = 'writer' WHERE role NOT IN ('reader', 'writer', 'admin');
    CREATE INDEX memberships_of ON memberships (account, role);
    -- Organisations that were made by members, and by whom.
    CREATE TABLE organisations (
        account BLOB PRIMARY KEY,
        maker BLOB NOT NULL,
        created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX organisations_by ON organisations (maker);
";

const MEMBER: &str = "a.id, a.handle, a.kind, a.created, a.trial, s.role, s.since
    FROM memberships s JOIN accounts a ON a.id = s.member";

fn member(row: &SqlRow<'_>) -> rusqlite::Result<Member> {
    Ok(Member { account: account(row, 0)?, role: text(row, 5)?, since: Time(row.get(6)?) })
}

/// The groups an account belongs to, as a credential has them: itself first.
pub(super) fn groups(conn: &Connection, of: AccountId) -> rusqlite::Result<Vec<(AccountId, MemberRole)>> {
    let mut groups = vec![(of, MemberRole::Admin)];
    let mut find = conn.prepare_cached("SELECT account, role FROM memberships WHERE member = ?1 ORDER BY account")?;
    for group in find.query_map([&of.0[..]], |r| Ok((AccountId(r.get(0)?), text(r, 1)?)))? {
        groups.push(group?);
    }
    Ok(groups)
}

fn count(conn: &Connection, sql: &str, of: AccountId) -> rusqlite::Result<u64> {
    conn.prepare_cached(sql)?.query_row([&of.0[..]], |r| r.get::<_, i64>(0)).map(i64::unsigned_abs)
}

fn role_of(conn: &Connection, who: AccountId, of: AccountId) -> rusqlite::Result<Option<MemberRole>> {
    conn.prepare_cached("SELECT role FROM memberships WHERE member = ?1 AND account = ?2")?
        .query_row(params![&who.0[..], &of.0[..]], |r| text(r, 0))
        .optional()
}

/// Refuses to lose the only admin.
fn keep_an_admin(conn: &Connection, role: Option<MemberRole>, of: AccountId) -> Result<(), CatalogError> {
    let admins = "SELECT count(*) FROM memberships WHERE account = ?1 AND role = 'admin'";
    match role {
        Some(MemberRole::Admin) if count(conn, admins, of)? == 1 => Err(CatalogError::LastAdmin),
        _ => Ok(()),
    }
}

/// Notes what somebody was and is now, for the organisation's members.
fn note(
    tx: &Connection,
    who: AccountId,
    of: AccountId,
    (before, now): (Option<MemberRole>, Option<MemberRole>),
    act: Act,
) -> rusqlite::Result<()> {
    let kind = match (before, now) {
        (before, now) if before == now => return Ok(()),
        (None, _) => EventKind::MemberAdded,
        (_, None) => EventKind::MemberRemoved,
        _ => EventKind::MemberChanged,
    };
    let mut detail = json!({ "member": events::handle(tx, who)? });
    for (word, role) in [("before", before), ("role", now)] {
        if let Some(role) = role {
            detail[word] = role.word().into();
        }
    }
    events::of_account(tx, of, kind, Some(act.by), act.at, detail)
}

#[async_trait]
impl Organisations for SqliteCatalog {
    async fn add_organisation(&self, organisation: &Account, by: AccountId) -> Result<(), CatalogError> {
        let organisation = organisation.clone();
        self.change(move |conn| {
            let tx = conn.transaction()?;
            if count(&tx, "SELECT count(*) FROM organisations WHERE maker = ?1", by)? >= MAX_ORGANISATIONS {
                return Err(CatalogError::ManyOrganisations);
            }
            insert_account(&tx, &organisation)?;
            let (id, created) = (&organisation.id.0[..], organisation.created.0);
            tx.execute("INSERT INTO organisations VALUES (?1, ?2, ?3)", params![id, &by.0[..], created])?;
            tx.execute("INSERT INTO memberships VALUES (?1, ?2, 'admin', ?3)", params![&by.0[..], id, created])?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn members(&self, of: AccountId, after: Option<&Handle>, limit: u64) -> Result<Vec<Member>, CatalogError> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.ask(move |conn| {
            let sql = format!("SELECT {MEMBER} WHERE s.account = ?1 AND a.handle > ?2 ORDER BY a.handle LIMIT ?3");
            let mut find = conn.prepare_cached(&sql)?;
            Ok(find.query_map(params![&of.0[..], after, limit as i64], member)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn member(&self, who: AccountId, of: AccountId) -> Result<Option<Member>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!("SELECT {MEMBER} WHERE s.account = ?1 AND s.member = ?2");
            Ok(conn.prepare_cached(&sql)?.query_row(params![&of.0[..], &who.0[..]], member).optional()?)
        })
        .await
    }

    async fn set_member(&self, who: AccountId, of: AccountId, role: MemberRole, act: Act) -> Result<(), CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let before = role_of(&tx, who, of)?;
            if role != MemberRole::Admin {
                keep_an_admin(&tx, before, of)?;
            }
            if before.is_none() {
                if count(&tx, "SELECT count(*) FROM memberships WHERE account = ?1", of)? >= MAX_MEMBERS {
                    return Err(CatalogError::ManyMembers);
                }
                if count(&tx, "SELECT count(*) FROM memberships WHERE member = ?1", who)? >= MAX_MEMBERSHIPS {
                    return Err(CatalogError::ManyMemberships);
                }
            }
            tx.execute(
                "INSERT INTO memberships VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (member, account) DO UPDATE SET role = excluded.role",
                params![&who.0[..], &of.0[..], role.word(), act.at.0],
            )?;
            note(&tx, who, of, (before, Some(role)), act)?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn remove_member(&self, who: AccountId, of: AccountId, act: Act) -> Result<bool, CatalogError> {
        self.change(move |conn| {
            let tx = conn.transaction()?;
            let before = role_of(&tx, who, of)?;
            keep_an_admin(&tx, before, of)?;
            let sql = "DELETE FROM memberships WHERE member = ?1 AND account = ?2";
            let removed = tx.execute(sql, params![&who.0[..], &of.0[..]])?;
            note(&tx, who, of, (before, None), act)?;
            tx.commit()?;
            Ok(removed == 1)
        })
        .await
    }

    async fn memberships(&self, who: AccountId) -> Result<Vec<Membership>, CatalogError> {
        self.ask(move |conn| {
            let sql = format!(
                "SELECT {ACCOUNT}, s.role FROM memberships s JOIN accounts a ON a.id = s.account
                 WHERE s.member = ?1 ORDER BY a.handle"
            );
            let mut find = conn.prepare_cached(&sql)?;
            let found =
                find.query_map([&who.0[..]], |r| Ok(Membership { organisation: account(r, 0)?, role: text(r, 5)? }))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
