//! The tables that projectors write: sums and lists of the books, made again from there at any time.

/// What projectors carry over from the books: made again from there whenever this runs.
pub(crate) const PROJECTED: &str = "
    DROP TABLE IF EXISTS watermark;
    DROP TABLE IF EXISTS call_seqs;
    DROP TABLE IF EXISTS payer_calls;
    DROP TABLE IF EXISTS keyed_seqs;
    DROP TABLE IF EXISTS earnings;
    DROP TABLE IF EXISTS release_days;
    DROP TABLE IF EXISTS account_rows;
    DROP TABLE IF EXISTS account_days;
    DROP TABLE IF EXISTS payers;
    DROP TABLE IF EXISTS key_days;
    DROP TABLE IF EXISTS trial_sums;
    DROP TABLE IF EXISTS hub_days;
    DROP TABLE IF EXISTS model_payers;
    DROP TABLE IF EXISTS release_times;
    DROP TABLE IF EXISTS unranked;
    DROP TABLE IF EXISTS standings;
    CREATE TABLE watermark (only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL) STRICT;
    INSERT INTO watermark VALUES (1, 0);
    CREATE TABLE call_seqs (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE keyed_seqs (hash BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    -- Rows of an account: the calls it made, and all that moved its money. One stretch of the projector gives one row
    -- with both lists of places, packed as differences.
    CREATE TABLE account_rows (
        account BLOB NOT NULL,
        first INTEGER NOT NULL,
        calls BLOB NOT NULL,
        entries BLOB NOT NULL,
        PRIMARY KEY (account, first)
    ) STRICT, WITHOUT ROWID;
    -- Sums of entries, above zero received. Over all days they are an account's balance.
    CREATE TABLE account_days (
        account BLOB NOT NULL,
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        class TEXT NOT NULL,
        purse TEXT NOT NULL,
        release BLOB NOT NULL,
        count INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (account, day, kind, class, purse, release)
    ) STRICT, WITHOUT ROWID;
    -- Who paid whom for which release.
    CREATE TABLE payers (
        account BLOB NOT NULL,
        release BLOB NOT NULL,
        payer BLOB NOT NULL,
        class TEXT NOT NULL,
        purse TEXT NOT NULL,
        role TEXT NOT NULL,
        calls INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (account, release, payer, class, purse, role)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE key_days (
        key BLOB NOT NULL,
        day INTEGER NOT NULL,
        account BLOB NOT NULL,
        calls INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        PRIMARY KEY (key, day)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX key_days_of ON key_days (day);
    CREATE TABLE trial_sums (
        release BLOB NOT NULL,
        caller BLOB NOT NULL,
        sponsor BLOB NOT NULL,
        calls INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (release, caller, sponsor)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE release_days (
        release BLOB NOT NULL,
        day INTEGER NOT NULL,
        class TEXT NOT NULL,
        outcome TEXT NOT NULL,
        calls INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        -- What of it went to creators and base models.
        creators INTEGER NOT NULL,
        PRIMARY KEY (release, day, class, outcome)
    ) STRICT, WITHOUT ROWID;
    -- The same over all releases: what the hub as a whole came to is asked with every view of its first page.
    CREATE TABLE hub_days (
        day INTEGER NOT NULL,
        class TEXT NOT NULL,
        outcome TEXT NOT NULL,
        calls INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        creators INTEGER NOT NULL,
        PRIMARY KEY (day, class, outcome)
    ) STRICT, WITHOUT ROWID;
    -- Who paid for a release from cash of their own, and on which day last.
    CREATE TABLE model_payers (
        release BLOB NOT NULL,
        payer BLOB NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (release, payer)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX model_payers_by_day ON model_payers (release, last);
    -- How long paid calls took that were answered: how many of each length, in steps of an eighth of a doubling.
    CREATE TABLE release_times (
        release BLOB NOT NULL,
        day INTEGER NOT NULL,
        step INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        PRIMARY KEY (release, day, step)
    ) STRICT, WITHOUT ROWID;
    -- Models with rows that their standing does not know of yet.
    CREATE TABLE unranked (model BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    -- What a model came to in the 30 days that end with this one; of models without calls in them, nothing.
    CREATE TABLE standings (
        model BLOB PRIMARY KEY,
        day INTEGER NOT NULL,
        task TEXT,
        payers INTEGER NOT NULL,
        paid INTEGER NOT NULL,
        tried INTEGER NOT NULL,
        trial INTEGER NOT NULL,
        own INTEGER NOT NULL,
        free INTEGER NOT NULL,
        spent INTEGER NOT NULL,
        earned INTEGER NOT NULL,
        payers_week INTEGER NOT NULL,
        week INTEGER NOT NULL,
        week_before INTEGER NOT NULL,
        p95_us INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX standings_by_day ON standings (day);
";
