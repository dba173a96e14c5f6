//! How long books take to open after `kill -9`: with a day of calls, and with ten times as many over a month.
//!
//! Every call has an idempotency key, as an SDK would send it, and an answer that is kept for its day: what has to be
//! read again at a start is the worst there is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use anyhow::Context;
use futures_util::future::join_all;
use ledger::{Call, Keyed, Terms, Time};
use serde::{Deserialize, Serialize};
use store::{Books, Clock, Options, SqliteBooks, System};

use crate::ledger_race::{UPLOADERS, call, deposits, terms};
use crate::{Figure, child, scratch, this};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Calls that wait for one commit.
const TOGETHER: u64 = 2_048;

#[derive(Debug, clap::Args)]
pub(crate) struct Fill {
    #[arg(long)]
    calls: u64,
    /// Spread over so many days, the last of them ends now.
    #[arg(long)]
    days: i64,
    folder: PathBuf,
}

/// A clock that is set.
#[derive(Debug)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

/// Writes calls and ends without closing anything.
pub(crate) fn fill(fill: &Fill) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let now = System.now().0;
        let begin = now - fill.days * DAY_MS + 60_000;
        let clock = Arc::new(Set(AtomicI64::new(begin)));
        let books = SqliteBooks::open(&fill.folder, clock.clone(), &Options::default())?;
        deposits(&books).await?;
        let terms: Vec<Terms> = (0..UPLOADERS).map(terms).collect();
        let mut done = 0;
        while done < fill.calls {
            let more = TOGETHER.min(fill.calls - done);
            let at = begin + ((now - begin) as i128 * i128::from(done) / i128::from(fill.calls)) as i64;
            clock.0.store(at, Ordering::Relaxed);
            let captures = (done..done + more).map(|n| capture(&books, keyed(n, at, &terms)));
            for captured in join_all(captures).await {
                captured?;
            }
            done += more;
            if done % (TOGETHER * 256) == 0 {
                eprintln!("{done} of {} calls", fill.calls);
            }
        }
        // As `kill -9` would: no thread is joined, no connection is closed.
        std::process::abort();
    })
}

fn keyed(n: u64, at: i64, terms: &[Terms]) -> Call {
    let mut call = call(n, &terms[(n % UPLOADERS) as usize]);
    (call.accepted, call.finished) = (Time(at), Time(at + 1));
    call.keyed = Some(Keyed { hash: call.input_hash, content: call.input_hash });
    call
}

async fn capture(books: &SqliteBooks, call: Call) -> anyhow::Result<()> {
    let held = books.hold(call.payer, call.cost).await?;
    books.capture(held, Arc::new(call), Some(ANSWER.to_vec())).await?;
    Ok(())
}

/// As long as the answer of a small model.
const ANSWER: &[u8] =
    br#"{"model_name":"alice/iris","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[0]}]}"#;

#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    seconds: f64,
    rows: u64,
}

pub(crate) fn open(folder: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let start = Instant::now();
    let books = SqliteBooks::open(folder, Arc::new(System), &Options::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let rows = runtime.block_on(books.last())?;
    println!("{}", serde_json::to_string(&Opened { seconds, rows })?);
    // Nothing is closed: that is not what is timed.
    std::process::exit(0);
}

/// Books of one day, and beside them those of 30 days where there are many.
pub(crate) fn race(calls: u64, many: Option<u64>) -> anyhow::Result<Vec<Figure>> {
    let day = opened(calls, 1)?;
    let mut figures = vec![Figure {
        bar: Some(2.0),
        holds: Some(day <= 2.0),
        ..Figure::context(format!("opening {calls} calls of one day after a kill (at most)"), day, "s")
    }];
    if let Some(many) = many {
        let month = opened(many, 30)?;
        figures.push(Figure::context(format!("opening {many} calls of 30 days after a kill"), month, "s"));
        figures.push(Figure {
            bar: Some(1.5),
            holds: Some(month <= 1.5 * day),
            ..Figure::context("30 days / one day (at most)", month / day, "ratio")
        });
    }
    Ok(figures)
}

/// Seconds to open such books: the first start after the kill.
fn opened(calls: u64, days: i64) -> anyhow::Result<f64> {
    let folder = scratch()?;
    let (calls_word, days_word) = (calls.to_string(), days.to_string());
    let mut fill = Command::new(this()?);
    fill.args(["fill", "--calls", &calls_word, "--days", &days_word]).arg(folder.path());
    // It ends by a signal, as it should.
    fill.status().context("the filler does not start")?;
    let mut open = Command::new(this()?);
    open.arg("open").arg(folder.path());
    let opened: Opened = child(open)?;
    anyhow::ensure!(opened.rows >= calls, "{} of {calls} calls are there", opened.rows);
    Ok(opened.seconds)
}
