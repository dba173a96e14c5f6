//! The write-ahead log of `ledger.db` while the hub runs: laid out ahead, carried over into the file beside the commits,
//! begun again.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::herald::Broken;
use crate::books::Seq;

/// Past this many pages (64 MiB) the write-ahead log is made to begin again.
const LOG_PAGES: i64 = 8_192;

/// Lays zeros out in a log that is empty: SQLite takes them for no frames. A disk without room for that has none, and
/// neither has a log that somebody still reads.
pub(super) fn lay_out(log: &Path, bytes: u64) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(log)?;
    if file.metadata()?.len() > 0 {
        return Ok(());
    }
    let left = rustix::fs::fstatvfs(&file).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))?;
    if bytes == 0 || left / 4 < bytes {
        return Ok(());
    }
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..bytes.div_ceil(zeros.len() as u64) {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

/// Carries what the last hub left in its write-ahead log into the file. After a sync that failed, pages of that log
/// may look written and not be on the disk: no new row may stand behind them. False if somebody reads in that log, a
/// backup or an audit, so that it cannot begin again.
pub(super) fn begin_again(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(Duration::from_millis(500))?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, bool>(0))?;
    conn.busy_timeout(Duration::from_secs(10))?;
    Ok(!busy)
}

/// Writes the bytes of a log once more, as they are, and syncs them: whatever became of them before, they are on the disk
/// then. Who reads in it sees the same bytes.
pub(super) fn write_again(log: &Path) -> io::Result<()> {
    let file = fs::File::options().read(true).write(true).open(log)?;
    let (mut at, mut some) = (0, vec![0; 1024 * 1024]);
    loop {
        let read = file.read_at(&mut some, at)?;
        if read == 0 {
            return file.sync_all();
        }
        file.write_all_at(&some[..read], at)?;
        at += read as u64;
    }
}

/// Carries the write-ahead log into the file, beside the commits and never inside one.
pub(super) fn checkpoint(
    conn: &Connection,
    last: &watch::Receiver<Seq>,
    broken: &Broken,
    long_log: &AtomicBool,
    stopped: &Receiver<()>,
) {
    let mut done = 0;
    while stopped.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout) {
        let now = *last.borrow();
        // Where the disk failed, nothing is touched any more.
        if now == done || broken.is_set() {
            continue;
        }
        match carry_over(conn, long_log) {
            Ok(()) => done = now,
            Err(error) => tracing::warn!("A checkpoint of the books failed and will be tried again: {error}"),
        }
    }
}

/// Beside steady commits this never finds the log at rest, and the log would grow for ever. So when it is long, the
/// writer carries the last few pages over between two of its batches; each time there is less that came in meanwhile.
fn carry_over(conn: &Connection, long_log: &AtomicBool) -> rusqlite::Result<()> {
    let passive = || conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| r.get::<_, i64>(1));
    if passive()? > LOG_PAGES {
        passive()?;
        passive()?;
        long_log.store(true, Ordering::Relaxed);
    }
    Ok(())
}
