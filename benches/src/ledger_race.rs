//! Callers on the books alone: hold, capture, again. Beside them the same callers on a bare journal and on a normalised
//! schema.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::{
    AccountId, Amount, Call, CallId, Class, KeyId, Outcome, ReleaseId, Share, Split, Surface, Terms, Time, Transfer,
    TransferId, Usage,
};
use serde::{Deserialize, Serialize};
use store::{Books, Catalog, Options, SqliteBooks, SqliteCatalog, System};

use crate::journal::Journal;
use crate::load::Came;
use crate::normalised::Normalised;
use crate::{Figure, child, median, scratch, this};

/// Who takes the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    /// Ours, with the projector beside it.
    Books,
    /// A file that bytes are appended to.
    Journal,
    /// A table for every noun, in SQLite.
    Normalised,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[arg(long)]
    side: Side,
    #[arg(long)]
    callers: usize,
    #[arg(long)]
    seconds: f64,
    /// What the journal writes for a call.
    #[arg(long, default_value_t = 0)]
    bytes: usize,
}

/// What one side came to, and how many bytes it wrote for a call.
#[derive(Debug, Serialize, Deserialize)]
struct Ran {
    #[serde(flatten)]
    came: Came,
    bytes_per_call: usize,
}

const CALLERS: [usize; 3] = [1, 16, 256];

/// All three in every round. What comes after the normalised schema finds a disk that is still busy with what that one
/// left, so the books and the journal take turns in that place.
pub(crate) fn race(seconds: f64, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let side = |side: &str, callers: usize, bytes: usize| -> anyhow::Result<Ran> {
        let mut command = Command::new(this()?);
        command.args(["books", "--side", side, "--callers", &callers.to_string()]);
        command.args(["--bytes", &bytes.to_string(), "--seconds", &seconds.to_string()]);
        // What the side before has left to be written is not this one's load.
        Command::new("sync").status()?;
        child(command)
    };
    let mut came: [Vec<[Ran; 3]>; 3] = Default::default();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for (callers, came) in CALLERS.into_iter().zip(&mut came) {
            let (books, journal) = match came.last() {
                Some([books, ..]) if round % 2 == 1 => {
                    let journal = side("journal", callers, books.bytes_per_call)?;
                    (side("books", callers, 0)?, journal)
                }
                _ => {
                    let books = side("books", callers, 0)?;
                    let journal = side("journal", callers, books.bytes_per_call)?;
                    (books, journal)
                }
            };
            came.push([books, journal, side("normalised", callers, 0)?]);
        }
    }
    let mut figures = Vec::new();
    for (callers, came) in CALLERS.into_iter().zip(&came) {
        let of = |take: &dyn Fn(&[Ran; 3]) -> f64| median(came.iter().map(take).collect());
        let mut context = |what: &str, value: f64, unit: &'static str| {
            figures.push(Figure::context(format!("{callers} callers: {what}"), value, unit));
        };
        context("the books, projector running", of(&|ran| ran[0].came.per_second), "calls/s");
        context("the books, p50", of(&|ran| ran[0].came.p50_us), "µs");
        context("the books, p99", of(&|ran| ran[0].came.p99_us), "µs");
        context("the books, written for a call", of(&|ran| ran[0].bytes_per_call as f64), "bytes");
        context("a bare journal of as many bytes", of(&|ran| ran[1].came.per_second), "calls/s");
        context("a bare journal, p99", of(&|ran| ran[1].came.p99_us), "µs");
        context("a normalised schema", of(&|ran| ran[2].came.per_second), "calls/s");
        context("a normalised schema, written for a call", of(&|ran| ran[2].bytes_per_call as f64), "bytes");
        for (other, name, bar) in [(1, "a bare journal", 0.60), (2, "a normalised schema", 4.0)] {
            let ratio = of(&|ran| ran[0].came.per_second / ran[other].came.per_second);
            let name = format!("{callers} callers: the books / {name}");
            figures.push(match callers {
                256 => Figure::ratio(name, ratio, bar),
                _ => Figure::context(name, ratio, "ratio"),
            });
        }
    }
    Ok(figures)
}

const PAYERS: u64 = 1_000;
pub(crate) const UPLOADERS: u64 = 100;

pub(crate) fn run(run: &Run) -> anyhow::Result<()> {
    let folder = scratch()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let lasting = Duration::from_secs_f64(run.seconds);
    let ran = runtime.block_on(async {
        match run.side {
            Side::Books => books_side(folder.path(), run.callers, lasting).await,
            Side::Journal => {
                let journal = Journal::open(folder.path())?;
                let bytes = run.bytes;
                callers(run.callers, lasting, bytes, move |_| journal.clone().append(vec![0x5a; bytes])).await
            }
            Side::Normalised => {
                let normalised = Normalised::open(folder.path())?;
                let terms: Arc<Vec<Terms>> = Arc::new((0..UPLOADERS).map(terms).collect());
                let ours = normalised.clone();
                let mut ran = callers(run.callers, lasting, 0, move |n| {
                    ours.clone().post(Box::new(call(n, &terms[(n % UPLOADERS) as usize])))
                })
                .await?;
                normalised.close()?;
                ran.bytes_per_call = per_call(folder.path(), ran.came.calls)?;
                Ok(ran)
            }
        }
    })?;
    println!("{}", serde_json::to_string(&ran)?);
    Ok(())
}

/// The length of the database, for each call. The last connection to go carries the log over and removes it.
fn per_call(folder: &Path, calls: u64) -> anyhow::Result<usize> {
    for _ in 0..100 {
        if !folder.join("ledger.db-wal").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok((std::fs::metadata(folder.join("ledger.db"))?.len() / calls.max(1)) as usize)
}

/// Callers that each ask, wait, and ask again.
async fn callers<F: Future<Output = anyhow::Result<()>> + Send + 'static>(
    count: usize,
    lasting: Duration,
    bytes_per_call: usize,
    ask: impl Fn(u64) -> F + Clone + Send + 'static,
) -> anyhow::Result<Ran> {
    let start = Instant::now();
    let until = start + lasting;
    let tasks: Vec<_> = (0..count as u64)
        .map(|caller| {
            let ask = ask.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut n = caller * 1_000_003;
                while Instant::now() < until {
                    n += 1;
                    let asked = Instant::now();
                    ask(n).await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Ran { came: Came::of(times, start.elapsed()), bytes_per_call })
}

/// Money for everybody who pays.
pub(crate) async fn deposits(books: &SqliteBooks) -> anyhow::Result<()> {
    let million: Amount = "1000000".parse()?;
    for payer in 0..PAYERS {
        let (id, to) = (TransferId(numbered(9, payer)), account(1, payer));
        let deposit = Transfer::deposit(id, Time(0), AccountId::RAIL_MANUAL, to, million, String::new());
        books.post(vec![deposit]).await?;
    }
    Ok(())
}

async fn books_side(folder: &Path, count: usize, lasting: Duration) -> anyhow::Result<Ran> {
    let books = Arc::new(SqliteBooks::open(folder, Arc::new(System), &Options::default())?);
    deposits(&books).await?;
    let projector = tokio::spawn(project(books.clone(), SqliteCatalog::open(folder)?));
    let terms: Arc<Vec<Terms>> = Arc::new((0..UPLOADERS).map(terms).collect());
    let ours = books.clone();
    let mut ran = callers(count, lasting, 0, move |n| {
        let (books, terms) = (ours.clone(), terms.clone());
        async move {
            let call = Arc::new(call(n, &terms[(n % UPLOADERS) as usize]));
            let held = books.hold(call.payer, call.cost).await?;
            books.capture(held, call, None).await?;
            Ok(())
        }
    })
    .await?;
    projector.abort();
    // It was told to end.
    let _ = projector.await;
    books.close().await;
    drop(books);
    ran.bytes_per_call = per_call(folder, ran.came.calls)?;
    Ok(ran)
}

/// What the hub does beside the books: sums and lists, a moment behind.
async fn project(books: Arc<SqliteBooks>, catalog: SqliteCatalog) -> anyhow::Result<()> {
    const MANY: usize = 16_384;
    const GATHER: Duration = Duration::from_millis(250);
    let mut seen = catalog.watermark().await?;
    loop {
        books.grown(seen).await;
        let due = tokio::time::Instant::now() + GATHER;
        // Taken while the books still have them in memory, and written once it is time.
        while tokio::time::timeout_at(due, books.grown(seen + MANY as u64)).await.is_ok() {
            seen = catalog.project(books.rows(seen, MANY).await?, false).await?;
        }
        seen = catalog.project(books.rows(seen, MANY).await?, true).await?;
    }
}

fn numbered(kind: u8, n: u64) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn account(kind: u8, n: u64) -> AccountId {
    AccountId(numbered(kind, n))
}

/// Ids come in the order of time, as the hub's do.
fn next_id() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [3; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

/// The terms of one release, as the hub has them at hand.
pub(crate) fn terms(n: u64) -> Terms {
    let split = Split::new(vec![(account(2, n % UPLOADERS), 7_000), (account(2, (n + 1) % UPLOADERS), 3_000)]);
    Terms::new(Vec::new(), split.expect("a split")).expect("terms")
}

/// A paid call as the hub would write it: three receivers, all columns.
pub(crate) fn call(n: u64, terms: &Terms) -> Call {
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let cost: Amount = Amount::from_nano(2_000_000_i64).expect("an amount");
    let cut = terms.cut(cost, fee_share);
    let mut hash = [0x3c; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    Call {
        id: CallId(next_id()),
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
        sponsor: None,
        hold: None,
    }
}
