//! The tables, and how a file gets to them: forward only, after a copy.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};

use super::projected::PROJECTED;
use super::{
    access, checks, events, first, gather, hooks, life, moderation, organisations, rankings, repositories, scans,
    searches, secrets, signin, storage,
};

/// What a file holds and the steps that made it so. The version of a file is how many of them it has seen.
pub(crate) struct Schema {
    pub(crate) what: &'static str,
    pub(crate) page_bytes: u32,
    pub(crate) steps: &'static [Step],
}

/// One step forward.
pub(crate) enum Step {
    Sql(&'static str),
    /// What SQL cannot say: rows that are read and written again in another form.
    Move(fn(&Transaction<'_>) -> rusqlite::Result<()>),
}

/// All that money depends on. No secondary index on calls: what looks them up by anything but `seq` stands in the
/// catalogue. Transfers and durable holds are rare and their ids must be unique for ever, so those columns are; and the
/// refunds of a call have to be found before the next one.
///
/// What money depends on stands in columns of its own, for plain SQL to read. What of a call only code reads lies packed
/// in `rest`: the writer pays for every column it binds. Each row carries a checksum, `rest` of a call as its last four
/// bytes.
pub(crate) const LEDGER: Schema = Schema {
    what: "ledger",
    // Rows come in at the end, many in a commit: larger pages are fewer to write.
    page_bytes: 8_192,
    steps: &[
        Step::Sql(
            "
        CREATE TABLE calls (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            accepted INTEGER NOT NULL,
            finished INTEGER NOT NULL,
            payer BLOB NOT NULL,
            key BLOB NOT NULL,
            release BLOB NOT NULL,
            release_number TEXT NOT NULL,
            model_digest BLOB NOT NULL,
            class TEXT NOT NULL,
            surface TEXT NOT NULL,
            purse TEXT NOT NULL,
            outcome TEXT NOT NULL,
            usage TEXT NOT NULL,
            cost INTEGER NOT NULL,
            fee_share INTEGER NOT NULL,
            fee INTEGER NOT NULL,
            parts TEXT NOT NULL,
            rate INTEGER,
            queue_us INTEGER NOT NULL,
            engine_us INTEGER NOT NULL,
            cold INTEGER NOT NULL,
            input_hash BLOB NOT NULL,
            output_hash BLOB NOT NULL,
            salt BLOB NOT NULL,
            keyed_hash BLOB,
            keyed_content BLOB
        ) STRICT;
        CREATE TABLE transfers (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            legs TEXT NOT NULL,
            reference TEXT NOT NULL
        ) STRICT;
        CREATE TABLE outcomes (
            seq INTEGER PRIMARY KEY,
            expires INTEGER NOT NULL,
            file TEXT,
            body BLOB
        ) STRICT;
        CREATE TABLE snapshots (
            seq INTEGER NOT NULL,
            account BLOB NOT NULL,
            cash INTEGER NOT NULL,
            promo INTEGER NOT NULL,
            PRIMARY KEY (seq, account)
        ) STRICT, WITHOUT ROWID;
    ",
        ),
        Step::Sql(
            "
        ALTER TABLE calls RENAME TO first_calls;
        ALTER TABLE transfers RENAME TO first_transfers;
        ALTER TABLE outcomes RENAME TO first_outcomes;
        DROP TABLE snapshots;
        CREATE TABLE calls (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            finished INTEGER NOT NULL,
            payer BLOB NOT NULL,
            release BLOB NOT NULL,
            class TEXT NOT NULL,
            purse TEXT NOT NULL,
            outcome TEXT NOT NULL,
            cost INTEGER NOT NULL,
            fee INTEGER NOT NULL,
            -- [[account, role, nano-OPG], …]
            parts TEXT NOT NULL,
            -- [account, purse] of who paid in the payer's stead
            sponsor TEXT,
            -- the durable hold it captured
            hold BLOB,
            rest BLOB NOT NULL
        ) STRICT;
        CREATE TABLE transfers (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            -- [[account, purse, nano-OPG], …]
            legs TEXT NOT NULL,
            reference TEXT NOT NULL,
            -- whose decision it was
            actor BLOB,
            -- the first of the chain it was posted in
            linked BLOB,
            hold BLOB,
            -- what a refund or a recovery is about
            call BLOB,
            detail TEXT,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX transfers_of ON transfers (call) WHERE call IS NOT NULL;
        -- Durable holds, and how each ended: by itself, which is a row, or in the row of a call or a transfer.
        CREATE TABLE holds (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            account BLOB NOT NULL,
            purse TEXT NOT NULL,
            amount INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            reference TEXT NOT NULL,
            actor BLOB,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE ends (
            seq INTEGER PRIMARY KEY,
            hold BLOB NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            how TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        -- The window of idempotency keys, apart from the answers, so that a start reads it alone.
        CREATE TABLE keyed (
            seq INTEGER PRIMARY KEY,
            expires INTEGER NOT NULL,
            hash BLOB NOT NULL,
            content BLOB NOT NULL
        ) STRICT;
        CREATE TABLE outcomes (seq INTEGER PRIMARY KEY, file TEXT, body BLOB) STRICT;
        -- All balances as they were at one row, with what was held and owed then. Those that have moved since the last
        -- time are written again, so that a snapshot costs what happened and not what is there.
        CREATE TABLE balances (
            account BLOB PRIMARY KEY,
            cash INTEGER NOT NULL,
            promo INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE snapshot (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            seq INTEGER NOT NULL,
            state TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
    ",
        ),
        Step::Move(first::bring_over),
        Step::Sql(
            "
        DROP TABLE first_calls;
        DROP TABLE first_transfers;
        DROP TABLE first_outcomes;
    ",
        ),
    ],
};

/// Everything else.
pub(crate) const CATALOG: Schema = Schema {
    what: "catalogue",
    page_bytes: 4_096,
    steps: &[Step::Sql("
        CREATE TABLE accounts (
            id BLOB PRIMARY KEY,
            handle TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE memberships (
            member BLOB NOT NULL,
            account BLOB NOT NULL,
            role TEXT NOT NULL,
            PRIMARY KEY (member, account)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE keys (
            id BLOB PRIMARY KEY,
            account BLOB NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL,
            scopes TEXT NOT NULL,
            models TEXT,
            max_cost INTEGER,
            created INTEGER NOT NULL,
            expires INTEGER,
            revoked INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX keys_of ON keys (account);
        CREATE TABLE uploads (
            account BLOB NOT NULL,
            sha256 BLOB NOT NULL,
            size INTEGER NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (account, sha256)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE models (
            id BLOB PRIMARY KEY,
            owner BLOB NOT NULL,
            name TEXT NOT NULL,
            folded TEXT NOT NULL,
            created INTEGER NOT NULL,
            -- Unversioned calls go to the newest minor of this major; only the owner moves it.
            latest_major INTEGER NOT NULL,
            UNIQUE (owner, folded)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE releases (
            id BLOB PRIMARY KEY,
            model BLOB NOT NULL,
            major INTEGER NOT NULL,
            minor INTEGER NOT NULL,
            commit_id BLOB NOT NULL,
            digest BLOB NOT NULL,
            tree TEXT NOT NULL,
            weights BLOB NOT NULL,
            contract TEXT NOT NULL,
            terms TEXT NOT NULL,
            price TEXT NOT NULL,
            access TEXT NOT NULL,
            summary TEXT NOT NULL,
            task TEXT,
            license TEXT,
            readme TEXT NOT NULL,
            change TEXT NOT NULL,
            created INTEGER NOT NULL,
            UNIQUE (model, major, minor)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

        -- What projectors carry over from the books. Could be made again from there at any time.
        CREATE TABLE watermark (only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL) STRICT;
        INSERT INTO watermark VALUES (1, 0);
        CREATE TABLE call_seqs (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE payer_calls (payer BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (payer, seq)) STRICT, WITHOUT ROWID;
        CREATE TABLE keyed_seqs (hash BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE earnings (
            account BLOB NOT NULL,
            release BLOB NOT NULL,
            day INTEGER NOT NULL,
            class TEXT NOT NULL,
            purse TEXT NOT NULL,
            role TEXT NOT NULL,
            calls INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            PRIMARY KEY (account, release, day, class, purse, role)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE release_days (
            release BLOB NOT NULL,
            day INTEGER NOT NULL,
            class TEXT NOT NULL,
            outcome TEXT NOT NULL,
            calls INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            PRIMARY KEY (release, day, class, outcome)
        ) STRICT, WITHOUT ROWID;
    "), Step::Sql("
        ALTER TABLE accounts ADD COLUMN trial INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE keys ADD COLUMN max_day INTEGER;
        ALTER TABLE keys ADD COLUMN max_month INTEGER;
        CREATE TABLE limits (
            account BLOB PRIMARY KEY,
            max_call INTEGER,
            max_day INTEGER,
            max_month INTEGER
        ) STRICT, WITHOUT ROWID;
        -- What a release asks of those that build on it, in basis points, and the edges it pays itself.
        ALTER TABLE releases ADD COLUMN royalty INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE releases ADD COLUMN lineage TEXT NOT NULL DEFAULT '[]';
        -- An owner's word on trials of a model; without one, the hub's budgets may be used and there is none of its own.
        CREATE TABLE trials (
            model BLOB PRIMARY KEY,
            allowed INTEGER NOT NULL,
            budget INTEGER NOT NULL,
            per_account INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        -- Receipts that were handed out: the audit holds their signatures against the rows.
        CREATE TABLE receipts (
            call BLOB PRIMARY KEY,
            seq INTEGER NOT NULL,
            signature BLOB NOT NULL,
            at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        -- Where an account wants to be told what happens, and below which balance.
        CREATE TABLE webhooks (
            account BLOB PRIMARY KEY,
            url TEXT NOT NULL,
            secret TEXT NOT NULL,
            low_balance INTEGER,
            -- Whether it was told, and has not been above that balance since.
            low INTEGER NOT NULL DEFAULT 0,
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        -- What happened to accounts, each thing once, and how far telling it got.
        CREATE TABLE alerts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account BLOB NOT NULL,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            data TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            -- When to try next; none when it was delivered, given up, or there is nobody to tell.
            next INTEGER,
            delivered INTEGER,
            said TEXT,
            UNIQUE (account, kind, subject)
        ) STRICT;
        CREATE INDEX alerts_due ON alerts (next) WHERE next IS NOT NULL;
    "), Step::Sql(PROJECTED), Step::Sql(checks::STEP), Step::Sql(REPOSITORIES), Step::Move(repositories::bring_over),
        Step::Sql(organisations::STEP), Step::Sql(access::STEP), Step::Sql(hooks::STEP), Step::Sql(life::STEP),
        Step::Sql(storage::STORAGE), Step::Move(storage::bring_over),
        Step::Sql(searches::STEP), Step::Sql(scans::STEP), Step::Sql(signin::STEP), Step::Sql(secrets::STEP),
        // Once more, for what these tables have got since.
        Step::Sql(PROJECTED), Step::Sql(rankings::STEP),
        Step::Sql(moderation::STEP), Step::Sql(events::CONCERNS),
        Step::Sql("
            CREATE INDEX models_by_owner ON models (owner, changed);
            CREATE INDEX prices_by_time ON prices (holds);
            CREATE INDEX searches_missed_by ON searches (at) WHERE total = 0 AND account IS NOT NULL;
        ")],
};

/// Files and their history.
const REPOSITORIES: &str = "
    ALTER TABLE models ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE models ADD COLUMN access TEXT NOT NULL DEFAULT 'sealed';
    ALTER TABLE models ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
    -- How many commits there were, so that each has a number of its own.
    ALTER TABLE models ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX models_by_change ON models (changed);
    -- Trees by the id of their commits: the same files are the same tree, in whichever model.
    CREATE TABLE trees (id BLOB PRIMARY KEY, tree TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE commits (
        model BLOB NOT NULL,
        number INTEGER NOT NULL,
        id BLOB NOT NULL,
        parent INTEGER,
        title TEXT NOT NULL,
        message TEXT NOT NULL,
        author BLOB NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (model, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX commits_by_id ON commits (model, id);
    CREATE TABLE refs (
        model BLOB NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (model, kind, name)
    ) STRICT, WITHOUT ROWID;
    -- Names that were given up, and which model had them.
    CREATE TABLE moved (name TEXT PRIMARY KEY, model BLOB NOT NULL) STRICT, WITHOUT ROWID;
    -- What is to become of the newest commit of a branch.
    CREATE TABLE drafts (
        model BLOB NOT NULL,
        branch TEXT NOT NULL,
        commit_id BLOB NOT NULL,
        author BLOB NOT NULL,
        at INTEGER NOT NULL,
        due INTEGER,
        refused TEXT,
        -- The number it is to have, where that was given before there were files.
        number TEXT,
        PRIMARY KEY (model, branch)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX drafts_due ON drafts (due) WHERE due IS NOT NULL;
    CREATE TABLE git_oids (sha256 BLOB PRIMARY KEY, sha1 BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Why a database did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{path} was written by a newer hub (schema {found}, this one knows {known}): start that one, or a backup from before"
    )]
    Newer { path: PathBuf, found: usize, known: usize },
    #[error("{path} is damaged: {what}. Nothing was changed; keep a copy of the folder, then restore a backup")]
    Damaged { path: PathBuf, what: String },
    #[error("{path}: {error}")]
    Sqlite { path: PathBuf, error: rusqlite::Error },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
}

/// Opens a file with durable settings and brings it to the newest schema.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    open_through(None, path, schema)
}

/// [`open`] through a named VFS, which tests use to count syncs and to break the disk; none is the system's.
pub(crate) fn open_through(vfs: Option<&str>, path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    if vfs.is_none() {
        make_private(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    }
    open_by(vfs, path, schema)
}

/// [`open_through`], for whoever commits all the time: a commit goes to the machine in one piece.
pub(crate) fn open_gathering(vfs: Option<&str>, path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    if vfs.is_none() {
        make_private(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    }
    let gathered = gather::over(vfs).ok_or_else(|| OpenError::Sqlite {
        path: path.to_owned(),
        error: rusqlite::Error::InvalidPath(path.to_owned()),
    })?;
    open_by(Some(gathered), path, schema)
}

fn open_by(vfs: Option<&str>, path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let conn = match vfs {
        None => Connection::open(path),
        Some(vfs) => Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs),
    }
    .map_err(failed)?;
    // Money first: a commit has reached the disk when it returns, whatever the file's last user had set.
    // Counts for a file that is made now; another keeps the size it has.
    conn.pragma_update(None, "page_size", schema.page_bytes).map_err(failed)?;
    conn.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    conn.pragma_update(None, "trusted_schema", "OFF").map_err(failed)?;
    conn.busy_timeout(std::time::Duration::from_secs(10)).map_err(failed)?;
    migrate(conn, path, schema)
}

/// Answers and secrets are in it: it is nobody's but the hub's, whoever made the folder. Its log gets the same rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Opens an in-memory database with the newest schema.
pub(crate) fn open_in_memory(schema: &Schema) -> Result<Connection, OpenError> {
    let path = Path::new(":memory:");
    let conn = Connection::open_in_memory().map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })?;
    migrate(conn, path, schema)
}

/// Opens a file that somebody else may be writing, to look only.
pub(crate) fn open_read_only(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    conn.busy_timeout(std::time::Duration::from_secs(10)).map_err(failed)?;
    keep_plans(&conn).map_err(failed)?;
    let found = version(&conn).map_err(failed)?;
    if found > schema.steps.len() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: schema.steps.len() });
    }
    Ok(conn)
}

pub(crate) fn version(conn: &Connection) -> rusqlite::Result<usize> {
    conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|v| v as usize)
}

/// Has a statement keep its plan, whatever is bound to it. Otherwise a value that is compared with a partial index's, or that
/// is a limit, has SQLite parse and plan the statement anew each time: half of the time of a page with 50 models.
fn keep_plans(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(mut conn: Connection, path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    let failed = |error| OpenError::Sqlite { path: path.to_owned(), error };
    keep_plans(&conn).map_err(failed)?;
    let found = version(&conn).map_err(failed)?;
    let known = schema.steps.len();
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(conn);
    }
    if found > 0 && found < known {
        let copy = path.with_extension(format!("before-schema-{known}.db"));
        tracing::info!(
            "Copying the {} to {} before its schema moves from {found} to {known}",
            schema.what,
            copy.display()
        );
        // A copy that was cut off by a crash is made again.
        if copy.exists() {
            std::fs::remove_file(&copy).map_err(|error| OpenError::Io { path: copy.clone(), error })?;
        }
        conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(failed)?;
        let private = std::fs::set_permissions(&copy, Permissions::from_mode(0o600));
        private.map_err(|error| OpenError::Io { path: copy, error })?;
    }
    let tx = conn.transaction().map_err(failed)?;
    for step in &schema.steps[found..] {
        match step {
            Step::Sql(sql) => tx.execute_batch(sql),
            Step::Move(rows) => rows(&tx),
        }
        .map_err(failed)?;
    }
    tx.pragma_update(None, "user_version", known as u32).map_err(failed)?;
    tx.commit().map_err(failed)?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        drop(open(&path, &LEDGER).expect("opens"));
        Connection::open(&path).and_then(|c| c.pragma_update(None, "user_version", 99u32)).expect("marked as newer");
        assert!(matches!(open(&path, &LEDGER), Err(OpenError::Newer { found: 99, known: 4, .. })));
        assert_eq!(Connection::open(&path).and_then(|c| version(&c)).expect("readable"), 99);
    }

    #[test]
    fn an_older_database_is_copied_before_it_moves() {
        const OLD: Schema = Schema { what: "ledger", page_bytes: 4_096, steps: &[Step::Sql("CREATE TABLE a (x) ")] };
        const NEW: Schema = Schema {
            what: "ledger",
            page_bytes: 4_096,
            steps: &[Step::Sql("CREATE TABLE a (x) "), Step::Sql("CREATE TABLE b (x)")],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let conn = open(&path, &OLD).expect("opens");
        conn.execute("INSERT INTO a VALUES (7)", []).expect("a row");
        drop(conn);
        drop(open(&path, &NEW).expect("moves forward"));
        let copy = Connection::open(path.with_extension("before-schema-2.db")).expect("the copy");
        assert_eq!(version(&copy).expect("a version"), 1);
        assert_eq!(copy.query_row("SELECT x FROM a", [], |r| r.get::<_, i64>(0)).expect("the row"), 7);
    }

    #[test]
    fn sqlite_is_built_with_fdatasync() {
        let conn = open_in_memory(&LEDGER).expect("opens");
        let mut options = conn.prepare("PRAGMA compile_options").expect("a statement");
        let options: Vec<String> =
            options.query_map([], |r| r.get(0)).expect("options").collect::<Result<_, _>>().expect("texts");
        assert!(
            options.iter().any(|o| o == "HAVE_FDATASYNC" || o.starts_with("HAVE_FDATASYNC")) || FDATASYNC_LINKED,
            "{options:?}"
        );
    }

    /// SQLite does not list this macro among its compile options, so the build's own flags are asked instead.
    const FDATASYNC_LINKED: bool = match option_env!("LIBSQLITE3_FLAGS") {
        Some(flags) => {
            let (flags, wanted) = (flags.as_bytes(), b"HAVE_FDATASYNC");
            let mut at = 0;
            let mut found = false;
            while at + wanted.len() <= flags.len() {
                let mut same = 0;
                while same < wanted.len() && flags[at + same] == wanted[same] {
                    same += 1;
                }
                found |= same == wanted.len();
                at += 1;
            }
            found
        }
        None => false,
    };
}
