//! Syncs what was committed, and tells those who wait.
//!
//! Always: nobody is told anything good before the sync that covers their row has returned; rows are shown to others
//! at that moment and not before; after a failed sync nobody is told anything good again.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use crate::books::{Denied, Row, Seq};
use crate::tail::Tail;
use crate::vitals::Vitals;

/// Why the books take nothing more, if they do not. The first reason stays: what fails later fails for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Broken(Arc<OnceLock<String>>);

impl Broken {
    pub(super) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    pub(super) fn reason(&self) -> &str {
        self.0.get().map(String::as_str).unwrap_or_default()
    }

    fn set(&self, reason: &str) {
        // Set already: then that was the first.
        let _ = self.0.set(reason.to_owned());
    }

    /// Asked by every call: costs no lock.
    pub(super) fn check(&self) -> Result<(), Denied> {
        self.0.get().map_or(Ok(()), |reason| Err(Denied::Broken { reason: reason.clone() }))
    }
}

/// Who waits for a capture, and what they are told: small, because there are many.
pub(super) type Captured = Result<Seq, Box<Denied>>;

/// Tells one who waits, of what broke, if something did.
type Tell = Box<dyn FnOnce(Option<&Denied>) + Send>;

/// What somebody waits to be told.
pub(super) enum Reply {
    /// The way of every call, so without a box.
    Seq(oneshot::Sender<Captured>, Captured),
    /// All others: told what broke, if something did.
    Other(Tell),
}

impl Reply {
    pub(super) fn other<T: Send + 'static>(to: oneshot::Sender<Result<T, Denied>>, answer: Result<T, Denied>) -> Reply {
        Reply::Other(Box::new(move |broken| {
            let _ = to.send(broken.map_or(answer, |denied| Err(denied.clone())));
        }))
    }

    fn tell(self, broken: Option<&Denied>) {
        // Whoever asked may be gone; what was written stands all the same.
        match (self, broken) {
            (Reply::Seq(to, answer), None) => drop(to.send(answer)),
            (Reply::Seq(to, _), Some(denied)) => drop(to.send(Err(Box::new(denied.clone())))),
            (Reply::Other(tell), broken) => tell(broken),
        }
    }
}

/// A batch that was committed and is not on the disk yet.
pub(super) struct Batch {
    pub(super) began: Instant,
    pub(super) rows: Vec<Row>,
    pub(super) replies: Vec<Reply>,
    pub(super) close: Option<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn new(size: usize) -> Batch {
        Batch { began: Instant::now(), rows: Vec::with_capacity(size), replies: Vec::with_capacity(size), close: None }
    }
}

/// Carries what was written to the disk; a test's disk does it its own way.
pub(super) type Sync = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Syncs the write-ahead log through a descriptor of our own.
pub(super) fn sync_of(log: &Path) -> io::Result<Sync> {
    let log = File::options().read(true).write(true).open(log)?;
    Ok(Box::new(move || log.sync_data()))
}

pub(super) struct Herald {
    pub(super) sync: Sync,
    pub(super) tail: Arc<Tail>,
    pub(super) last: watch::Sender<Seq>,
    pub(super) broken: Broken,
    pub(super) vitals: Arc<Vitals>,
}

impl Herald {
    /// Syncs a batch and tells its callers. Gives the sender to tell when the batch held the order to close.
    pub(super) fn finish(&mut self, batch: Batch) -> Option<oneshot::Sender<()>> {
        let Batch { began, rows, replies, close } = batch;
        if !rows.is_empty() && !self.broken.is_set() {
            let asked = Instant::now();
            match (self.sync)() {
                Ok(()) => {
                    self.vitals.synced(asked.elapsed());
                    self.show(rows);
                }
                Err(error) => self.fail(&error.to_string()),
            }
        }
        let size = replies.len();
        let broken = self.broken.check().err();
        for reply in replies {
            reply.tell(broken.as_ref());
        }
        if size > 0 {
            self.vitals.committed(size, began.elapsed());
        }
        close
    }

    fn show(&self, rows: Vec<Row>) {
        let grown = rows.len() as Seq;
        self.tail.extend(rows);
        self.last.send_modify(|last| *last += grown);
    }

    /// The disk failed: nothing good is said again.
    pub(super) fn fail(&self, reason: &str) {
        tracing::error!("The books cannot be written, nothing more is taken until a restart: {reason}");
        self.broken.set(reason);
        // Whoever waits for a row that will not come looks again, and sees why.
        self.last.send_modify(|_| {});
    }
}
