//! Callers on the books alone: hold, capture, again. Beside them the same callers on a bare journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{
    AccountId, Amount, Call, CallId, Class, KeyId, Outcome, ReleaseId, Share, Split, Surface, Terms, Time, Transfer,
    TransferId, Usage,
};
use serde::{Deserialize, Serialize};
use store::{Books, Options, SqliteBooks, System};

use crate::journal::Journal;
use crate::load::Came;

/// What one side came to, and how many bytes it wrote for a call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Books256 {
    #[serde(flatten)]
    pub(crate) came: Came,
    pub(crate) bytes_per_call: usize,
}

const PAYERS: u64 = 1_000;
const UPLOADERS: u64 = 100;

pub(crate) fn run(callers: usize, lasting: Duration, journal: Option<usize>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let came = runtime.block_on(async {
        match journal {
            Some(bytes) => journal_side(folder.path(), bytes, callers, lasting).await,
            None => books_side(folder.path(), callers, lasting).await,
        }
    })?;
    println!("{}", serde_json::to_string(&came)?);
    Ok(())
}

async fn journal_side(
    folder: &std::path::Path,
    bytes: usize,
    callers: usize,
    lasting: Duration,
) -> anyhow::Result<Books256> {
    let journal = Journal::open(folder, bytes)?;
    let start = Instant::now();
    let until = start + lasting;
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let asked = Instant::now();
                    journal.append().await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    finish(tasks, start, bytes).await
}

async fn books_side(folder: &std::path::Path, callers: usize, lasting: Duration) -> anyhow::Result<Books256> {
    let books: Arc<SqliteBooks> = Arc::new(SqliteBooks::open(folder, Arc::new(System), &Options::default())?);
    let million: Amount = "1000000".parse()?;
    for payer in 0..PAYERS {
        let id = TransferId(numbered(9, payer));
        books
            .post(Transfer::deposit(id, Time(0), AccountId::RAIL_MANUAL, account(1, payer), million, String::new()))
            .await?;
    }
    let start = Instant::now();
    let until = start + lasting;
    let tasks: Vec<_> = (0..callers as u64)
        .map(|caller| {
            let books = books.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut n = caller * 1_000_003;
                while Instant::now() < until {
                    n += 1;
                    let asked = Instant::now();
                    let call = call(n);
                    let held = books.hold(call.payer, call.cost).await?;
                    books.capture(held, call, None).await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut came = finish(tasks, start, 0).await?;
    books.close().await;
    drop(books);
    // The last connection to go carries the write-ahead log into the file and removes it.
    for _ in 0..100 {
        if !folder.join("ledger.db-wal").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let written = std::fs::metadata(folder.join("ledger.db"))?.len();
    came.bytes_per_call = (written / came.came.calls.max(1)) as usize;
    Ok(came)
}

type Times = tokio::task::JoinHandle<anyhow::Result<Vec<Duration>>>;

async fn finish(tasks: Vec<Times>, start: Instant, bytes_per_call: usize) -> anyhow::Result<Books256> {
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Books256 { came: Came::of(times, start.elapsed()), bytes_per_call })
}

fn numbered(kind: u8, n: u64) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn account(kind: u8, n: u64) -> AccountId {
    AccountId(numbered(kind, n))
}

/// A paid call as the hub would write it: three receivers, all columns.
fn call(n: u64) -> Call {
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let split = Split::new(vec![(account(2, n % UPLOADERS), 7_000), (account(2, (n + 1) % UPLOADERS), 3_000)]);
    let terms = Terms::new(Vec::new(), split.expect("a split")).expect("terms");
    let cost: Amount = Amount::from_nano(2_000_000_i64).expect("an amount");
    let cut = terms.cut(cost, fee_share);
    let mut hash = [0x3c; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    Call {
        id: CallId(numbered(3, n)),
        accepted: Time(1_790_000_000_000),
        finished: Time(1_790_000_000_001),
        payer: account(1, n % PAYERS),
        key: KeyId(numbered(4, n % PAYERS)),
        release: ReleaseId(numbered(5, n % UPLOADERS)),
        release_number: "1.00".to_owned(),
        model_digest: hash,
        class: Class::Paid,
        surface: Surface::Api,
        purse: ledger::Purse::Cash,
        outcome: Outcome::Ok,
        usage: Usage::ONE_CALL,
        cost,
        fee_share,
        fee: cut.fee,
        parts: cut.parts,
        rate: None,
        queue_us: 12,
        engine_us: 34,
        cold: false,
        input_hash: hash,
        output_hash: hash,
        salt: hash,
        keyed: None,
    }
}
