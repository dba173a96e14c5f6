//! Bytes that nobody names are taken away, a little at a time; why that cannot race anybody stands in `store::Storage`.
//!
//! Always: what was handed in, or let go by its model, within the time of grace stays; nothing goes while a backup is
//! made; what one round could not do, the next one does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::Time;
use store::{CollectError, Collection, Collector, Taken};
use tokio::sync::Mutex;

use crate::{Action, Caller, Error, Hub, Object};

/// How often a round is made, and how long one rests between two steps.
const ROUND: Duration = Duration::from_secs(600);
const REST: Duration = Duration::from_millis(50);
/// Of the 256 folders of blobs, so many are looked through in a round: all of them within a day.
const SHELVES: usize = 2;
/// Uploads are walked through in so many steps a round at most.
const STEPS: usize = 100;

/// What collects, and whether it was held off the last time.
#[derive(Debug)]
pub(crate) struct Collecting {
    collector: Mutex<Collector>,
    held_off: AtomicBool,
}

/// What came of the operator's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// What nobody names and has waited for long enough; of a real run, what was taken away.
    pub blobs: u64,
    pub bytes: u64,
    pub dry_run: bool,
    /// Whether a backup kept it from taking away what was decided.
    pub held_off: bool,
}

impl Collecting {
    pub(crate) fn new(blobs: store::Blobs) -> Collecting {
        Collecting { collector: Mutex::new(Collector::new(blobs)), held_off: AtomicBool::new(false) }
    }

    pub(crate) fn held_off(&self) -> bool {
        self.held_off.load(Ordering::Relaxed)
    }
}

impl From<CollectError> for Error {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Catalog(error) => error.into(),
            CollectError::Io(error) => Error::Internal { reason: format!("files cannot be taken away: {error}") },
            CollectError::Crash(crash) => Error::Internal { reason: crash.to_string() },
        }
    }
}

impl Hub {
    /// The task that collects.
    pub(crate) async fn keep_collecting(&self) {
        let Some(grace) = self.options().storing.grace_ms else { return };
        loop {
            if let Err(error) = self.collect_some(grace).await {
                tracing::error!("Collection did not get on: {error:?}");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// One round.
    async fn collect_some(&self, grace_ms: i64) -> Result<(), Error> {
        let catalog = &*self.0.catalog;
        let now = self.0.clock.now();
        let before = now.plus_ms(-grace_ms);
        // What was decided before the hub was stopped comes first.
        self.take_away(now).await?;
        let mut collector = self.0.collecting.collector.lock().await;
        for _ in 0..STEPS {
            if collector.walk(catalog, before, now).await? {
                break;
            }
            tokio::time::sleep(REST).await;
        }
        for _ in 0..SHELVES {
            collector.look(catalog, before, now).await?;
            tokio::time::sleep(REST).await;
        }
        drop(collector);
        self.take_away(now).await.map(drop)
    }

    async fn take_away(&self, now: Time) -> Result<Taken, Error> {
        let taken = self.0.collecting.collector.lock().await.take_away(&*self.0.catalog, now).await?;
        self.0.collecting.held_off.store(taken.held_off, Ordering::Relaxed);
        if taken.blobs > 0 {
            tracing::info!("Collected {} files that nobody names", taken.blobs);
        }
        Ok(taken)
    }

    /// Collects all that can be collected now, or says how much that would be.
    pub async fn collect(&self, caller: &Caller, dry_run: bool) -> Result<Collected, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let now = self.0.clock.now();
        let before = now.plus_ms(-self.options().storing.grace_ms.unwrap_or(Time::DAY_MS));
        if dry_run {
            return self.collectable(before).await;
        }
        let catalog = &*self.0.catalog;
        let sums_before = catalog.collection().await?;
        {
            // From its beginning to its end, wherever the rounds are.
            let mut collector = Collector::new(self.0.blobs.clone());
            while !collector.walk(catalog, before, now).await? {}
            while !collector.look(catalog, before, now).await? {}
        }
        let Taken { held_off, .. } = self.take_away(now).await?;
        let Collection { blobs, bytes, .. } = catalog.collection().await?;
        Ok(Collected {
            blobs: blobs - sums_before.blobs.min(blobs),
            bytes: bytes - sums_before.bytes.min(bytes),
            dry_run,
            held_off,
        })
    }

    async fn collectable(&self, before: Time) -> Result<Collected, Error> {
        let Collection { waiting_blobs, waiting_bytes, .. } = self.0.catalog.collection().await?;
        let mut told = Collected { blobs: waiting_blobs, bytes: waiting_bytes, dry_run: true, held_off: false };
        let mut after = None;
        loop {
            let (found, last) = self.0.catalog.unnamed(after, before, 1_000).await?;
            told.blobs += found.len() as u64;
            told.bytes += found.iter().map(|(_, size)| size).sum::<u64>();
            if last.is_none() {
                return Ok(told);
            }
            after = last;
        }
    }
}
