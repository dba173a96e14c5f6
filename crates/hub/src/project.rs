//! Carries rows of the books over to the catalogue: what pages and lists show is a moment behind, never wrong.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Call, CallId};
use store::{Row, Seq};

use crate::{Error, Hub};

/// Rows taken from the books in one go.
const STRETCH: usize = 16_384;
/// Rows gather this long, so that a busy hub writes its sums a few times a second and not for every call.
const GATHER: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(crate) struct Projector {
    /// The last row taken, for the one who carries: the task, or a reader who does not want to wait for it. None when
    /// that is not known: after a start or an error.
    taken: tokio::sync::Mutex<Option<Seq>>,
}

impl Hub {
    /// The task that carries.
    pub(crate) async fn keep_projecting(&self) {
        loop {
            match self.project().await {
                Ok(seq) => {
                    self.0.books.grown(seq).await;
                    tokio::time::sleep(GATHER).await;
                }
                Err(error) => {
                    tracing::error!("The catalogue is falling behind the books: {error:?}");
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
            }
        }
    }

    /// Carries over everything that is in the books now. Gives the last row it reached.
    pub(crate) async fn project(&self) -> Result<Seq, Error> {
        let mut taken = self.0.projector.taken.lock().await;
        // Taken out, so that an error begins again at the watermark.
        let mut seen = match taken.take() {
            Some(seen) => seen,
            None => self.0.catalog.watermark().await?,
        };
        let (mut moved, mut much) = (HashSet::new(), Vec::new());
        loop {
            let rows = self.0.books.rows(seen, STRETCH).await?;
            moved.extend(self.0.watch.moved_by(&rows));
            much.extend(self.0.volumes.count(&rows));
            // Where there is more, it gathers: what many rows have in common is written once.
            let last = rows.len() < STRETCH;
            seen = self.0.catalog.project(rows, last).await?;
            if last {
                *taken = Some(seen);
                drop(taken);
                self.0.watch.touch(moved);
                for much in much {
                    if let Err(error) = self.alert_of_volume(much).await {
                        tracing::error!("An owner could not be told who asks much: {error:?}");
                    }
                }
                return Ok(seen);
            }
        }
    }

    /// A row of the books.
    pub(crate) async fn row(&self, seq: Seq) -> Result<Option<Row>, Error> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        let rows = self.0.books.rows(after, 1).await?;
        Ok(rows.into_iter().find(|(at, _)| *at == seq).map(|(_, row)| row))
    }

    /// A call with its row, also when it was captured this moment.
    pub(crate) async fn find_call(&self, id: CallId) -> Result<Option<(Seq, Arc<Call>)>, Error> {
        let mut seq = self.0.catalog.call_seq(id).await?;
        if seq.is_none() {
            self.project().await?;
            seq = self.0.catalog.call_seq(id).await?;
        }
        let Some(seq) = seq else { return Ok(None) };
        Ok(match self.row(seq).await? {
            Some(Row::Call(call)) if call.id == id => Some((seq, call)),
            _ => None,
        })
    }
}
