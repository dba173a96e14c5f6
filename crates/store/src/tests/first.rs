//! A folder that a hub of the first schema left is taken over without loss.
//!
//! `fixtures/schema-1` is what the last hub of that schema (commit 02fe845) had when it was killed: all it could hold,
//! its snapshot at row 22, nine rows behind that. What is expected of it here is what that hub showed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ledger::{AccountId, Call, Keyed, Outcome, Rate, Time, Transfer, TransferId};
use registry::ModelName;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::cuts::{Files, Kept, cut_everywhere, folder_of, left_by};
use super::disk::{Act, Disk, Fault};
use super::scene::{assert_in_order, call_id, charge, nano, options, post_one};
use crate::sqlite::{CATALOG, LEDGER, Schema, open_through, version};
use crate::{Books, Catalog, Denied, Looked, Manual, OUTCOME_WINDOW_MS, Row, Seq, SqliteBooks, SqliteCatalog};

const LEDGER_SQL: &str = include_str!("../../fixtures/schema-1/ledger.sql");
const HUB_SQL: &str = include_str!("../../fixtures/schema-1/hub.sql");

/// When the hub was killed, all its kept answers within their day.
const KILLED: Time = Time(1_795_646_316_000);
const ROWS: usize = 31;
/// The call whose answer was too large for the row: its file lay beside the books.
const LARGE: Seq = 16;
/// Answers had no sum then, and began with their head.
const LARGE_ANSWER: &[u8] = b"{} a large answer";
const LARGE_FILE: &str = "call_01m8adrpnjertv340sr9a9gs8p";

fn made_from(sql: &str, conn: Connection) -> Connection {
    conn.execute_batch(sql).unwrap();
    assert_eq!(version(&conn).unwrap(), 1);
    conn
}

/// The folder as the killed hub left it, but for the bytes of models.
fn left() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, sql) in [("ledger.db", LEDGER_SQL), ("hub.db", HUB_SQL)] {
        made_from(sql, Connection::open(folder.path().join(file)).unwrap());
    }
    fs::create_dir(folder.path().join("outcomes")).unwrap();
    fs::write(folder.path().join("outcomes").join(LARGE_FILE), LARGE_ANSWER).unwrap();
    folder
}

fn open(folder: &Path) -> (SqliteBooks, Arc<Manual>) {
    let clock = Arc::new(Manual::at(KILLED));
    (SqliteBooks::open(folder, clock.clone(), &options(1_000)).unwrap(), clock)
}

async fn names(catalog: &SqliteCatalog) -> BTreeMap<AccountId, String> {
    let mut names = BTreeMap::new();
    for handle in ["alice", "bob", "carol", "dave", "acme", "robot", "frank", "operator"] {
        let account = catalog.account(&handle.parse().unwrap()).await.unwrap().unwrap();
        names.insert(account.id, handle.to_owned());
    }
    for id in [AccountId::PROMO_OPERATOR, AccountId::RAIL_MANUAL, AccountId::RAIL_DEV] {
        names.insert(id, id.system_name().unwrap().to_owned());
    }
    names
}

/// What moved, in words.
fn line(names: &BTreeMap<AccountId, String>, seq: Seq, row: &Row) -> String {
    let mut line = String::new();
    match row {
        Row::Call(call) => {
            let Call { release_number, class, surface, purse, outcome, cost, fee, .. } = &**call;
            let payer = &names[&call.payer];
            write!(line, "{seq} {payer} {release_number} {class} {surface} {purse} {outcome} {}", cost.nano()).unwrap();
            write!(line, " = {}", fee.nano()).unwrap();
            for part in &call.parts {
                write!(line, " + {} {} {}", names[&part.to], part.role.word(), part.amount.nano()).unwrap();
            }
            line += if call.keyed.is_some() { ", keyed" } else { "" };
        }
        Row::Transfer(transfer) => {
            write!(line, "{seq} {} {}:", transfer.kind.word(), transfer.reference).unwrap();
            for leg in &transfer.legs {
                write!(line, " {} {} {}", names[&leg.account], leg.purse, leg.nano).unwrap();
            }
        }
        other => panic!("a hub of the first schema wrote no {other:?}"),
    }
    line
}

const LINES: &str = "
    1 deposit invoice 17: rail:manual cash -10000000000 bob cash 10000000000
    2 deposit Grüße, 'bank': rail:manual cash -1000000000 carol cash 1000000000
    3 grant welcome: promo:operator promo -7000000 dave promo 7000000
    4 bob 1.00 paid api cash ok 2000001 = 200000 + alice creator 1200061 + carol creator 599940
    5 bob 1.00 paid api cash ok 2000001 = 200000 + alice creator 1200061 + carol creator 599940, keyed
    6 dave 1.00 trial api promo ok 2000001 = 200000 + alice creator 1200061 + carol creator 599940
    7 dave 1.00 trial api promo ok 2000001 = 200000 + alice creator 1200061 + carol creator 599940, keyed
    8 robot 1.00 free api cash ok 0 = 0
    9 robot 1.00 free api cash ok 0 = 0, keyed
    10 robot 1.00 paid api cash refused 0 = 0
    11 bob 1.00 paid api cash invalid_input 0 = 0
    12 bob 1.00 paid api cash timed_out 0 = 0, keyed
    13 bob 1.00 paid api cash refused 0 = 0
    14 bob 1.00 paid api cash refused 0 = 0
    15 bob 1.00 paid api cash ok 500000 = 50000 + acme creator 450000
    16 bob 1.00 paid api cash ok 1000000 = 100000 + acme creator 900000, keyed
    17 bob 1.01 paid api cash ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    18 bob 1.00 paid api cash ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    19 alice 1.01 own api promo ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    20 payout bank 2026-11-23: alice cash -1000000 rail:manual cash 1000000
    21 carol 1.01 paid api cash ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    22 bob 1.01 paid cli cash ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    23 grant --dev: promo:operator promo -100000000000 frank promo 100000000000
    24 deposit --dev: rail:dev cash -100000000000 frank cash 100000000000
    25 frank 1.01 trial api promo ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    26 bob 1.01 paid api cash ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275, keyed
    27 dave 1.01 trial api promo ok 2000001 = 250000 + alice creator 1166726 + carol creator 583275
    28 dave 1.01 paid api cash refused 0 = 0
    29 operator 1.00 free api promo ok 0 = 0
    30 grant second: promo:operator promo -10000000 robot promo 10000000
    31 robot 1.00 trial api promo ok 500000 = 62500 + acme creator 437500
";

/// In nano-OPG: cash, promo.
const BALANCES: [(&str, i64, i64); 11] = [
    ("alice", 7_233_752, 3_900_299),
    ("bob", 9_986_499_994, 0),
    ("carol", 1_002_116_254, 2_949_705),
    ("dave", 0, 999_997),
    ("acme", 1_350_000, 437_500),
    ("robot", 0, 9_500_000),
    ("frank", 100_000_000_000, 99_997_999_999),
    ("operator", 1_800_000, 1_212_500),
    ("promo:operator", 0, -100_017_000_000),
    ("rail:manual", -10_999_000_000, 0),
    ("rail:dev", -100_000_000_000, 0),
];

async fn assert_balances(books: &SqliteBooks, names: &BTreeMap<AccountId, String>) {
    for (id, name) in names {
        let balance = books.balance(*id).await.unwrap();
        let (_, cash, promo) = BALANCES.iter().find(|(known, ..)| known == name).unwrap();
        assert_eq!((balance.cash, balance.promo, balance.held()), (*cash, *promo, nano(0)), "{name}");
    }
}

#[tokio::test]
async fn every_row_and_every_balance_is_what_the_old_hub_showed() {
    let folder = left();
    // Twice: brought over, and found so.
    for _ in 0..2 {
        let (books, _) = open(folder.path());
        let catalog = SqliteCatalog::open(folder.path()).unwrap();
        let names = names(&catalog).await;
        let rows = books.rows(0, 1_000).await.unwrap();
        let lines: Vec<_> = rows.iter().map(|(seq, row)| line(&names, *seq, row)).collect();
        assert_eq!(lines, LINES.trim().lines().map(str::trim).collect::<Vec<_>>());
        assert_balances(&books, &names).await;
        assert_eq!((books.last().await.unwrap(), books.running()), (ROWS as Seq, 0));
    }
    assert_copied(folder.path(), "ledger.before-schema-4.db", LEDGER_SQL, "the ledger");
}

/// The copy of the catalogue, whichever step is the newest.
fn before_newest() -> String {
    format!("hub.before-schema-{}.db", CATALOG.steps.len())
}

/// The copy that was made before is whole, and nothing of its making is left.
fn assert_copied(folder: &Path, copy: &str, sql: &str, what: &str) {
    let old = made_from(sql, Connection::open_in_memory().unwrap());
    let copied = Connection::open(folder.join(copy)).unwrap();
    assert_eq!(version(&copied).unwrap(), 1, "{what}");
    let tables = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    assert_eq!(values(&copied, tables), values(&old, tables), "{what}");
    for table in values(&old, tables) {
        let Value::Text(table) = &table[0] else { panic!("a table has a name") };
        let all = format!("SELECT * FROM {table}");
        assert_eq!(values(&copied, &all), values(&old, &all), "{what}: {table}");
    }
    let journal = folder.join(format!("{copy}-journal"));
    assert!(!journal.exists(), "{what}: {journal:?}");
}

fn values(conn: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// A call as the hub of the first schema wrote it.
fn first_call(seq: Seq, call: &Call) -> Vec<Value> {
    let number = |number: u64| Value::Integer(number.try_into().unwrap());
    let (blob, text) = (|bytes: &[u8]| Value::Blob(bytes.to_vec()), |text: &str| Value::Text(text.to_owned()));
    let parts: Vec<_> = call.parts.iter().map(|part| (part.to, part.role, part.amount.nano())).collect();
    vec![
        number(seq),
        blob(&call.id.0),
        Value::Integer(call.accepted.0),
        Value::Integer(call.finished.0),
        blob(&call.payer.0),
        blob(&call.key.0),
        blob(&call.release.0),
        text(&call.release_number),
        blob(&call.model_digest),
        text(call.class.word()),
        text(call.surface.word()),
        text(call.purse.word()),
        text(call.outcome.word()),
        text(&serde_json::to_string(&call.usage).unwrap()),
        Value::Integer(call.cost.nano()),
        number(call.fee_share.points().into()),
        Value::Integer(call.fee.nano()),
        text(&serde_json::to_string(&parts).unwrap()),
        call.rate.map(Rate::nano).into(),
        number(call.queue_us),
        number(call.engine_us),
        call.cold.into(),
        blob(&call.input_hash),
        blob(&call.output_hash),
        blob(&call.salt),
        call.keyed.map(|keyed| keyed.hash.to_vec()).into(),
        call.keyed.map(|keyed| keyed.content.to_vec()).into(),
    ]
}

/// A transfer as the hub of the first schema wrote it.
fn first_transfer(seq: Seq, transfer: &Transfer) -> Vec<Value> {
    let legs: Vec<_> = transfer.legs.iter().map(|leg| (leg.account, leg.purse, leg.nano)).collect();
    vec![
        Value::Integer(seq.try_into().unwrap()),
        Value::Blob(transfer.id.0.to_vec()),
        Value::Integer(transfer.at.0),
        Value::Text(transfer.kind.word().to_owned()),
        Value::Text(serde_json::to_string(&legs).unwrap()),
        Value::Text(transfer.reference.clone()),
    ]
}

#[tokio::test]
async fn no_column_of_any_row_is_lost() {
    let folder = left();
    let (books, _) = open(folder.path());
    let (mut calls, mut transfers) = (Vec::new(), Vec::new());
    for (seq, row) in books.rows(0, 1_000).await.unwrap() {
        match row {
            Row::Call(call) => {
                assert_eq!((call.sponsor, call.hold), (None, None), "row {seq}: there were none");
                calls.push(first_call(seq, &call));
            }
            Row::Transfer(transfer) => {
                let new = (transfer.actor, transfer.linked, transfer.hold);
                assert_eq!(new, (None, None, None), "row {seq}: there were none");
                transfers.push(first_transfer(seq, &transfer));
            }
            other => panic!("row {seq}: {other:?}"),
        }
    }
    let old = made_from(LEDGER_SQL, Connection::open_in_memory().unwrap());
    assert_eq!(calls, values(&old, "SELECT * FROM calls ORDER BY seq"));
    assert_eq!(transfers, values(&old, "SELECT * FROM transfers ORDER BY seq"));
    let new = Connection::open(folder.path().join("ledger.db")).unwrap();
    let keyed = "SELECT seq, expires, keyed_hash, keyed_content FROM outcomes JOIN calls USING (seq) ORDER BY seq";
    assert_eq!(values(&new, "SELECT * FROM keyed ORDER BY seq"), values(&old, keyed));
    let outcomes = "SELECT seq, file, body FROM outcomes ORDER BY seq";
    assert_eq!(values(&new, outcomes), values(&old, outcomes));
}

/// The marks of all keyed calls, by row, and the answers that were kept.
fn keyed() -> BTreeMap<Seq, (Keyed, Outcome, Option<Vec<u8>>)> {
    let old = made_from(LEDGER_SQL, Connection::open_in_memory().unwrap());
    let sql = "SELECT c.seq, c.keyed_hash, c.keyed_content, c.outcome, o.body FROM calls c
               LEFT JOIN outcomes o ON o.seq = c.seq WHERE c.keyed_hash NOT NULL";
    let mut statement = old.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let keyed = Keyed { hash: row.get(1)?, content: row.get(2)? };
        let seq = row.get::<_, i64>(0)?.unsigned_abs();
        let body = if seq == LARGE { Some(LARGE_ANSWER.to_vec()) } else { row.get(4)? };
        Ok((seq, (keyed, row.get::<_, String>(3)?.parse().unwrap(), body)))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn kept_answers_are_found_until_their_day_is_over() {
    let folder = left();
    let (books, clock) = open(folder.path());
    let keyed = keyed();
    assert_eq!(keyed.keys().copied().collect::<Vec<_>>(), [5, 7, 9, 12, LARGE, 26]);
    for (seq, (mark, outcome, body)) in &keyed {
        if *outcome != Outcome::Ok {
            assert_eq!(books.look(mark).await.unwrap(), Looked::New, "a failed call may be tried again");
            continue;
        }
        assert_eq!(books.look(mark).await.unwrap(), Looked::Same { seq: *seq });
        let other = Keyed { content: [0; 32], ..*mark };
        assert_eq!(books.look(&other).await.unwrap(), Looked::Other { seq: *seq });
        let stored = books.stored(*seq).await.unwrap().unwrap();
        assert_eq!((stored.outcome.as_ref(), stored.call.keyed), (body.as_ref(), Some(*mark)), "row {seq}");
    }
    let Row::Call(first) = books.rows(4, 1).await.unwrap().remove(0).1 else { panic!("row 5 is a call") };
    let again = Call { id: call_id(7), ..(*first).clone() };
    assert_eq!(charge(&books, again).await, Err(Denied::AlreadyCaptured { seq: 5 }), "nobody is charged twice");

    clock.advance_ms(OUTCOME_WINDOW_MS);
    for (seq, (mark, ..)) in &keyed {
        assert_eq!(books.look(mark).await.unwrap(), Looked::New, "row {seq}");
    }
    assert_eq!(books.stored(5).await.unwrap().unwrap().outcome, None);
}

#[tokio::test]
async fn answers_whose_day_was_over_before_the_start_are_let_go() {
    let folder = left();
    let later = KILLED.plus_ms(OUTCOME_WINDOW_MS);
    let books = SqliteBooks::open(folder.path(), Arc::new(Manual::at(later)), &options(1_000)).unwrap();
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    let rows = books.rows(0, 1_000).await.unwrap();
    catalog.project(rows.clone(), true).await.unwrap();
    for (seq, (mark, outcome, _)) in keyed() {
        assert_eq!(books.look(&mark).await.unwrap(), Looked::New, "row {seq}");
        let known = catalog.keyed_seq(&mark.hash).await.unwrap();
        assert_eq!(known, (outcome == Outcome::Ok).then_some(seq), "it has a receipt, if no answer any more");
    }
    let Row::Call(first) = &rows[4].1 else { panic!("row 5 is a call") };
    let again = Call { id: call_id(7), finished: later, ..(**first).clone() };
    assert_eq!(charge(&books, again).await, Ok(32), "a key may be used again after its day");
    drop(books);
    // All were swept by that capture, but for its own.
    assert_eq!(assert_in_order(folder.path()).outcomes, 1);
    assert!(!folder.path().join("outcomes").join(LARGE_FILE).exists());
}

/// What an account earned, as the old hub showed it: model, class, calls, nano-OPG.
async fn earned(catalog: &SqliteCatalog, handle: &str) -> Vec<(String, &'static str, u64, i64)> {
    let account = catalog.account(&handle.parse().unwrap()).await.unwrap().unwrap();
    let mut sums = BTreeMap::new();
    for earning in catalog.earnings(account.id).await.unwrap() {
        let sum: &mut (u64, i64) = sums.entry((earning.model.to_string(), earning.class.word())).or_default();
        *sum = (sum.0 + earning.calls, sum.1 + earning.nano);
    }
    sums.into_iter().map(|((model, class), (calls, nano))| (model, class, calls, nano)).collect()
}

#[tokio::test]
async fn the_catalogue_is_whole_and_its_sums_are_made_again() {
    let folder = left();
    let (books, _) = open(folder.path());
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    assert_eq!(catalog.watermark().await.unwrap(), 0, "the old one was at row {ROWS}, in tables that are gone");
    assert_eq!(catalog.project(books.rows(0, 1_000).await.unwrap(), true).await.unwrap(), ROWS as Seq);

    let iris = |class, calls, nano| ("alice/iris".to_owned(), class, calls, nano);
    let usd = |class, calls, nano| ("acme/usd".to_owned(), class, calls, nano);
    let alice = [iris("own", 1, 1_166_726), iris("paid", 7, 8_233_752), iris("trial", 4, 4_733_574)];
    assert_eq!(earned(&catalog, "alice").await, alice);
    let carol = [iris("own", 1, 583_275), iris("paid", 7, 4_116_255), iris("trial", 4, 2_366_430)];
    assert_eq!(earned(&catalog, "carol").await, carol);
    assert_eq!(earned(&catalog, "acme").await, [usd("paid", 2, 1_350_000), usd("trial", 1, 437_500)]);
    assert_eq!(earned(&catalog, "bob").await, []);

    let name: ModelName = "alice/iris".parse().unwrap();
    let releases = catalog.releases(&name, 10).await.unwrap();
    assert_eq!(releases.iter().map(|r| r.number.to_string()).collect::<Vec<_>>(), ["1.01", "1.00"]);
    assert!(
        releases.iter().all(|r| r.lineage.is_empty() && r.royalty.points() == 0 && r.terms.split().shares().len() == 2)
    );
    let settings = catalog.settings().await.unwrap();
    assert_eq!((settings.fee.points(), settings.rate.map(Rate::nano)), (1_250, Some(100_000_000)));
    let bob = catalog.account(&"bob".parse().unwrap()).await.unwrap().unwrap();
    let keys = catalog.keys(bob.id).await.unwrap();
    let key = |name: &str| keys.iter().find(|key| key.name == name).unwrap();
    assert_eq!(keys.len(), 3);
    let app = key("my app");
    assert_eq!((app.limits.call, app.limits.day, app.limits.month), (Some(nano(1_000_000)), None, None));
    assert_eq!(app.models.as_ref().map(Vec::len), Some(2));
    assert!(app.expires.is_some() && app.revoked.is_none() && key("old laptop").revoked.is_some());

    let report = assert_in_order(folder.path());
    assert_eq!((report.rows, report.calls, report.transfers, report.accounts), (31, 24, 7, 11));
    assert_eq!((report.charged, report.cuts, report.outcomes, report.snapshots), (15, 15, 5, 0));
    assert!(report.rollups > 40, "{report:?}");
    let copy = Connection::open(folder.path().join(before_newest())).unwrap();
    assert_eq!(values(&copy, "SELECT seq FROM watermark"), [[Value::Integer(ROWS as i64)]]);
}

#[tokio::test]
async fn the_books_go_on_where_the_old_ones_ended() {
    let folder = left();
    let (books, _) = open(folder.path());
    let catalog = SqliteCatalog::open(folder.path()).unwrap();
    let rows = books.rows(0, 1_000).await.unwrap();
    let Row::Transfer(deposit) = &rows[0].1 else { panic!("row 1 is a transfer") };
    let by_operator = Transfer { at: KILLED, ..(**deposit).clone() }.by(AccountId::HUB_FEE);
    assert_eq!(post_one(&books, by_operator.clone()).await, Ok(1), "the same id is the same transfer");
    let other = Transfer { reference: "another".to_owned(), ..by_operator.clone() };
    assert!(matches!(post_one(&books, other).await, Err(Denied::Refused(ledger::Refusal::IdReused { .. }))));

    let Row::Call(paid) = &rows[3].1 else { panic!("row 4 is a call") };
    let new = |n| Call { id: call_id(n), accepted: KILLED, finished: KILLED, ..(**paid).clone() };
    assert_eq!(charge(&books, new(1)).await, Ok(32));
    let refund = ledger::Refund {
        id: TransferId([0xf0; 16]),
        at: KILLED,
        amount: None,
        reason: "an old call".to_owned(),
        actor: AccountId::HUB_FEE,
        window_ms: Some(ledger::REFUND_WINDOW_MS),
    };
    assert_eq!(books.refund(refund, 4).await.unwrap().0, 33);
    books.close().await;
    drop(books);

    let (books, _) = open(folder.path());
    let names = names(&catalog).await;
    // One call like row 4 more, and row 4 given back.
    assert_balances(&books, &names).await;
    assert_eq!(charge(&books, new(2)).await, Ok(34));
    assert_eq!(catalog.project(books.rows(0, 1_000).await.unwrap(), true).await.unwrap(), 34);
    drop(books);
    let report = assert_in_order(folder.path());
    assert_eq!((report.rows, report.refunds, report.snapshots), (34, 1, 1));
}

/// A killed hub's file on a disk of ours: all rows in its log. The connection is the hub's, which keeps that log.
fn killed_on(disk: &Disk, folder: &Path, file: &str, sql: &str) -> Connection {
    let conn = Connection::open_with_flags_and_vfs(folder.join(file), OpenFlags::default(), disk.name()).unwrap();
    made_from(sql, conn)
}

/// The books of a folder that was cut off anywhere: today's, with all that the old ones had, and a copy of the old ones.
async fn taken_over(folder: &Path, rows: &[(Seq, Row)], what: &str) {
    let books = SqliteBooks::open(folder, Arc::new(Manual::at(KILLED)), &options(1_000));
    let books = books.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(books.rows(0, 1_000).await.unwrap(), rows, "{what}");
    drop(books);
    assert_in_order(folder);
    assert_copied(folder, "ledger.before-schema-4.db", LEDGER_SQL, what);
}

async fn rows() -> Vec<(Seq, Row)> {
    let folder = left();
    open(folder.path()).0.rows(0, 1_000).await.unwrap()
}

const WAYS: [Kept; 4] = [Kept::All, Kept::Synced, Kept::Torn, Kept::Some(1)];

#[tokio::test]
async fn books_cut_off_anywhere_on_the_way_are_taken_over_at_the_next_start() {
    let (disk, folder) = (Disk::new("first-ledger"), tempfile::tempdir().unwrap());
    let hub = killed_on(disk, folder.path(), "ledger.db", LEDGER_SQL);
    let killed_at = disk.log().len();
    let through = Some(disk.through(folder.path()));
    drop(SqliteBooks::open_through(through, folder.path(), Arc::new(Manual::at(KILLED)), &options(1_000)).unwrap());
    drop(hub);
    let rows = rows().await;
    let look = async |files: &Files, _: &_, what: &str| taken_over(folder_of(files).path(), &rows, what).await;
    let looked_at = cut_everywhere(&disk.log(), killed_at, &WAYS, look).await;
    assert!(looked_at > 100, "{looked_at} different disks");
}

#[tokio::test]
async fn a_catalogue_cut_off_anywhere_on_the_way_is_taken_over_at_the_next_start() {
    let (disk, folder) = (Disk::new("first-catalogue"), tempfile::tempdir().unwrap());
    let hub = killed_on(disk, folder.path(), "hub.db", HUB_SQL);
    let killed_at = disk.log().len();
    drop(open_through(Some(disk.name()), &folder.path().join("hub.db"), &CATALOG).unwrap());
    drop(hub);
    let rows = rows().await;
    let look = async |files: &Files, _: &_, what: &str| {
        let folder = folder_of(files);
        let catalog = SqliteCatalog::open(folder.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(names(&catalog).await.len(), BALANCES.len(), "{what}");
        assert_eq!(catalog.project(rows.clone(), true).await.unwrap(), ROWS as Seq, "{what}");
        assert_eq!(earned(&catalog, "acme").await.len(), 2, "{what}");
        drop(catalog);
        assert_copied(folder.path(), &before_newest(), HUB_SQL, what);
    };
    let looked_at = cut_everywhere(&disk.log(), killed_at, &WAYS, look).await;
    assert!(looked_at > 100, "{looked_at} different disks");
}

/// Opens a file on a thread that the disk knows, and says whether it opened.
fn opens(disk: &'static Disk, path: &Path, schema: &'static Schema) -> bool {
    let path = path.to_owned();
    let thread = std::thread::Builder::new().name("opens".to_owned());
    let open = move || open_through(Some(disk.name()), &path, schema).is_ok();
    thread.spawn(open).unwrap().join().unwrap()
}

#[tokio::test]
async fn a_disk_that_fails_on_the_way_costs_nothing() {
    let (disk, live) = (Disk::new("first-failing"), tempfile::tempdir().unwrap());
    let _hub = killed_on(disk, live.path(), "ledger.db", LEDGER_SQL);
    let killed = left_by(&disk.log(), Kept::All);
    let rows = rows().await;
    let mut refused = 0;
    for act in [Act::Write, Act::Full, Act::Sync] {
        for file in ["ledger.db", "ledger.db-wal", "ledger.before-schema-4.db", "ledger.before-schema-4.db-journal"] {
            for nth in 1.. {
                let (folder, before) = (folder_of(&killed), disk.failed());
                disk.fail(Fault { act, thread: "opens", file, nth });
                let opened = opens(disk, &folder.path().join("ledger.db"), &LEDGER);
                refused += u32::from(!opened);
                taken_over(folder.path(), &rows, &format!("{act:?} {nth} of {file}")).await;
                if disk.failed() == before {
                    break;
                }
            }
        }
    }
    assert!(refused > 50, "{refused} times it did not open");
}
