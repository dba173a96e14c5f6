//! Carries rows of the books over to the catalogue: what pages and lists show is a moment behind, never wrong.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ledger::{AccountId, Call, CallId};
use store::{Row, Seq};

use crate::volume::Much;
use crate::{Error, Hub};

/// Rows taken from the books in one go.
const STRETCH: usize = 16_384;
/// Rows gather this long, so that a busy hub writes its sums a few times a second and not for every call.
const GATHER: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(crate) struct Projector(tokio::sync::Mutex<Carried>);

/// How far the one who carries has come: the task, or a reader who does not want to wait for it.
#[derive(Debug, Default)]
struct Carried {
    /// The last row taken. None when that is not known: after a start or an error.
    taken: Option<Seq>,
    /// Who has to be looked at, and who asked much, in rows that are taken and not written yet.
    moved: HashSet<AccountId>,
    much: Vec<Much>,
}

impl Hub {
    /// The task that carries.
    pub(crate) async fn keep_projecting(&self) {
        loop {
            let carried = match self.project().await {
                Ok(seq) => self.gather(seq).await,
                Err(error) => Err(error),
            };
            if let Err(error) = carried {
                tracing::error!("The catalogue is falling behind the books: {error:?}");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }

    /// Waits until there is something to write and it is time. Meanwhile takes what comes in long stretches, so that it
    /// is still in the books' memory.
    async fn gather(&self, mut seen: Seq) -> Result<(), Error> {
        self.0.books.grown(seen).await;
        let due = tokio::time::Instant::now() + GATHER;
        while tokio::time::timeout_at(due, self.0.books.grown(seen + STRETCH as Seq)).await.is_ok() {
            let mut carried = self.0.projector.0.lock().await;
            seen = self.take(&mut carried, false).await?.0;
        }
        Ok(())
    }

    /// Carries over everything that is in the books now. Gives the last row it reached.
    pub(crate) async fn project(&self) -> Result<Seq, Error> {
        let mut carried = self.0.projector.0.lock().await;
        loop {
            // Where there is more, it gathers: what many rows have in common is written once.
            let (seen, written) = self.take(&mut carried, true).await?;
            if written {
                let (moved, much) = (std::mem::take(&mut carried.moved), std::mem::take(&mut carried.much));
                drop(carried);
                self.0.watch.touch(moved);
                self.0.ranking.carried.notify_one();
                for much in much {
                    if let Err(error) = self.alert_of_volume(much).await {
                        tracing::error!("An owner could not be told who asks much: {error:?}");
                    }
                }
                return Ok(seen);
            }
        }
    }

    /// Takes a stretch of rows; what was taken is written at the end of the books, if that is wanted. Gives the last
    /// row taken and whether that was done.
    async fn take(&self, carried: &mut Carried, write: bool) -> Result<(Seq, bool), Error> {
        // Taken out, so that an error begins again at the watermark.
        let seen = match carried.taken.take() {
            Some(seen) => seen,
            None => self.0.catalog.watermark().await?,
        };
        let rows = self.0.books.rows(seen, STRETCH).await?;
        carried.moved.extend(self.0.watch.moved_by(&rows));
        carried.much.extend(self.0.volumes.count(&rows));
        self.0.searching.count(&rows);
        let write = write && rows.len() < STRETCH;
        let seen = self.0.catalog.project(rows, write).await?;
        carried.taken = Some(seen);
        Ok((seen, write))
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
