//! Carries rows of the books over to the catalogue: what pages and lists show is a moment behind, never wrong.

use std::sync::Mutex;
use std::time::Duration;

use ledger::CallId;
use store::{Row, Seq};
use tokio::task::JoinHandle;

use crate::{Error, Hub};

/// Rows carried over in one transaction of the catalogue.
const STRETCH: usize = 5_000;
/// Rows gather this long, so that a busy hub syncs its catalogue a few times a second and not for every call.
const GATHER: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Projector {
    task: Mutex<Option<JoinHandle<()>>>,
    /// One carries at a time: the task, or a reader who does not want to wait for it.
    turn: tokio::sync::Mutex<()>,
}

impl Hub {
    pub(crate) fn start_projector(&self) {
        let hub = self.clone();
        let task = tokio::spawn(async move {
            loop {
                match hub.project().await {
                    Ok(seq) => {
                        hub.0.books.grown(seq).await;
                        tokio::time::sleep(GATHER).await;
                    }
                    Err(error) => {
                        tracing::error!("The catalogue is falling behind the books: {error:?}");
                        tokio::time::sleep(Duration::from_secs(5)).await;
                    }
                }
            }
        });
        *self.0.projector.task.lock().expect("nothing panics while it holds the task") = Some(task);
    }

    pub(crate) async fn stop_projector(&self) {
        let task = self.0.projector.task.lock().expect("nothing panics while it holds the task").take();
        if let Some(task) = task {
            task.abort();
            // An abort is how it ends.
            let _ = task.await;
        }
        if let Err(error) = self.project().await {
            tracing::warn!("The catalogue will catch up at the next start: {error:?}");
        }
    }

    /// Carries over everything that is in the books now. Gives the last row it reached.
    pub(crate) async fn project(&self) -> Result<Seq, Error> {
        let _turn = self.0.projector.turn.lock().await;
        let mut seen = self.0.catalog.watermark().await?;
        loop {
            let rows = self.0.books.rows(seen, STRETCH).await?;
            if rows.is_empty() {
                return Ok(seen);
            }
            seen = self.0.catalog.project(&rows).await?;
        }
    }

    /// The row of a call, also when it was captured this moment.
    pub(crate) async fn find_call(&self, id: CallId) -> Result<Option<ledger::Call>, Error> {
        let mut seq = self.0.catalog.call_seq(id).await?;
        if seq.is_none() {
            self.project().await?;
            seq = self.0.catalog.call_seq(id).await?;
        }
        let Some(seq) = seq else { return Ok(None) };
        Ok(self.0.books.rows(seq - 1, 1).await?.into_iter().find_map(|(_, row)| match row {
            Row::Call(call) if call.id == id => Some(*call),
            _ => None,
        }))
    }
}
