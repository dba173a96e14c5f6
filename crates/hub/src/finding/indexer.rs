//! Keeps the index what the store is: reads all models once, then follows the events.
//!
//! Always: a change is made of the model as it is when it is read, never of what an event says, so that the same change
//! twice, or two in another order, end alike; how far the index goes is written with it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ledger::{ModelId, Time};
use search::{Change, State};
use store::EventKind;
use tokio::time::Instant;

use crate::{Error, Hub};

/// Models that are read for one commit while all are read.
const STRETCH: u64 = 2_000;
/// And for one question to the store, whose thread answers others too.
const AT_ONCE: usize = 50;
/// Events that are taken for one commit.
const MAX_EVENTS: u64 = 1_000;
/// Between two commits, so that a busy hub writes a few times a second.
const GAP: Duration = Duration::from_millis(200);
/// How often it is looked whether calls were counted, or prices began to hold.
const LOOK: Duration = Duration::from_secs(2);
/// Where calls of many models were counted, they are written this often.
const MANY: usize = 50;
const RANKS: Duration = Duration::from_secs(60);
/// Cards that were out of reach are asked for again this often.
const UNREAD: Duration = Duration::from_secs(30);
/// After an error.
const PAUSE: Duration = Duration::from_secs(5);

/// What the indexer remembers.
struct Pace {
    wrote: Option<Instant>,
    ranked: Instant,
    /// Prices that began to hold until then are in the index.
    priced: Time,
    /// Whose cards could not be read, and when that was tried last.
    unread: HashSet<ModelId>,
    tried: Instant,
}

impl Hub {
    /// The task that keeps the index.
    pub(crate) async fn keep_index(&self) {
        self.check_index().await;
        let now = Instant::now();
        let mut pace = Pace { wrote: None, ranked: now, priced: Time(0), unread: HashSet::new(), tried: now };
        loop {
            if self.0.searching.damaged.swap(false, Ordering::Relaxed) {
                self.begin_index_again().await;
            }
            match self.index_more(&mut pace).await {
                Ok(true) => {}
                Ok(false) => self.index_rests().await,
                Err(Error::Search(search::Error::Damaged { reason })) => {
                    tracing::error!("The search index cannot be written and is made anew: {reason}");
                    tokio::time::sleep(PAUSE).await;
                    self.begin_index_again().await;
                }
                Err(error) => {
                    tracing::error!("The search index is falling behind: {error:?}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reads the files of an index that was there, once: what an unclean end has damaged is not seen by asking.
    async fn check_index(&self) {
        let index = self.0.searching.index.clone();
        let checked = tokio::task::spawn_blocking(move || index.check()).await;
        let reason = match checked {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(crash) => crash.to_string(),
        };
        tracing::error!("The search index is made anew: {reason}");
        self.begin_index_again().await;
    }

    async fn begin_index_again(&self) {
        let index = self.0.searching.index.clone();
        let begun = tokio::task::spawn_blocking(move || index.begin_again()).await;
        if !matches!(begun, Ok(Ok(()))) {
            tracing::error!("The search index cannot be made anew: {begun:?}");
        }
        self.tell_state();
    }

    /// Lets go of the folder. What a thread is writing is written first.
    pub(crate) async fn close_index(&self) {
        let index = self.0.searching.index.clone();
        if let Err(crash) = tokio::task::spawn_blocking(move || index.close()).await {
            tracing::warn!("The search index was not closed: {crash}");
        }
    }

    fn tell_state(&self) {
        let state = self.0.searching.index.state();
        self.0.searching.state.send_replace(state);
    }

    /// Waits until there may be something to do.
    async fn index_rests(&self) {
        let searching = &self.0.searching;
        let seq = searching.index.state().seq;
        tokio::select! {
            () = self.0.catalog.happened(seq) => {}
            () = searching.wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    /// Does what there is to do, up to one commit. False if there was nothing.
    async fn index_more(&self, pace: &mut Pace) -> Result<bool, Error> {
        let (catalog, searching) = (&self.0.catalog, &self.0.searching);
        let before = searching.index.state();
        let last = catalog.last_event().await?;
        if before.seq > last {
            // The store is not the one this was made of.
            self.begin_index_again().await;
            return Ok(true);
        }
        let mut state = before;
        if state.reading && state.at.is_none() && !state.complete {
            // What happened before is read with the models themselves.
            state.seq = last;
        }
        if searching.again.swap(false, Ordering::Relaxed) {
            (state.reading, state.at) = (true, None);
        }
        let mut models: Vec<ModelId> = Vec::new();
        if state.reading {
            let page = catalog.models_after(state.at.map(ModelId), STRETCH).await?;
            match page.last() {
                Some(last) => state.at = Some(last.0),
                None => state = State { reading: false, at: None, complete: true, ..state },
            }
            models.extend(page);
        }
        for event in catalog.events_after(state.seq, MAX_EVENTS).await? {
            state.seq = event.seq;
            let told = !matches!(event.kind, EventKind::RefAdded | EventKind::RefRemoved | EventKind::ReleaseCheck);
            models.extend(event.model.filter(|_| told));
        }
        models.extend(self.repriced(pace).await?);
        models.extend(self.ranked(pace).await?);
        if !pace.unread.is_empty() && pace.tried.elapsed() >= UNREAD {
            models.extend(pace.unread.iter().take(STRETCH as usize));
            pace.tried = Instant::now();
        }
        models.sort_unstable_by_key(|model| model.0);
        models.dedup();
        if models.is_empty() && state == before {
            return Ok(false);
        }
        let unread = pace.unread.len();
        let changes = self.changes_of(&models, &mut pace.unread).await?;
        if pace.unread.len() > unread {
            tracing::warn!("The cards of {} models are out of reach and not in the search index", pace.unread.len());
        }
        if let Some(wrote) = pace.wrote.filter(|_| !state.reading) {
            tokio::time::sleep_until(wrote + GAP).await;
        }
        self.write_index(changes, state).await?;
        pace.wrote = Some(Instant::now());
        if before.reading && !state.reading {
            self.gather_index().await?;
        }
        Ok(true)
    }

    /// Models whose announced price began to hold.
    async fn repriced(&self, pace: &mut Pace) -> Result<Vec<ModelId>, Error> {
        let now = self.0.clock.now();
        if now <= pace.priced {
            return Ok(Vec::new());
        }
        // After a start all of them: they are few, and when the index was written is not known.
        let models = self.0.catalog.repriced(pace.priced, now).await?;
        pace.priced = now;
        Ok(models)
    }

    /// Models that were called.
    async fn ranked(&self, pace: &mut Pace) -> Result<Vec<ModelId>, Error> {
        let releases = {
            let mut called = self.0.searching.called.lock().expect("nothing panics while it counts");
            let wait = if called.len() <= MANY { LOOK } else { RANKS };
            // What is counted is in the catalogue a moment later.
            if called.is_empty() || pace.ranked.elapsed() < wait {
                return Ok(Vec::new());
            }
            std::mem::take(&mut *called)
        };
        pace.ranked = Instant::now();
        self.project().await?;
        Ok(self.0.catalog.models_of(&releases.into_iter().collect::<Vec<_>>()).await?)
    }

    /// What these models are now; those that are gone are removed, and those whose card is out of reach are noted.
    async fn changes_of(&self, models: &[ModelId], unread: &mut HashSet<ModelId>) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::with_capacity(models.len());
        for some in models.chunks(AT_ONCE) {
            let mut gone: HashSet<ModelId> = some.iter().copied().collect();
            for shown in self.0.catalog.shown(some).await? {
                let id = shown.repository.model.id;
                gone.remove(&id);
                let name = shown.repository.model.name.clone();
                if shown.repository.model.restriction.is_some() {
                    changes.push(Change::Remove(id.0));
                    continue;
                }
                match self.change_of(shown).await {
                    Ok((change, read)) => {
                        changes.push(change);
                        let _ = if read { unread.remove(&id) } else { unread.insert(id) };
                    }
                    // One that cannot be read is not found, and keeps nobody from finding the others.
                    Err(error) => {
                        tracing::warn!("{name} cannot be read for the search index: {error}");
                        changes.push(Change::Remove(id.0));
                    }
                }
            }
            unread.retain(|id| !gone.contains(id));
            changes.extend(gone.into_iter().map(|id| Change::Remove(id.0)));
        }
        Ok(changes)
    }

    async fn write_index(&self, changes: Vec<Change>, state: State) -> Result<(), Error> {
        let index = self.0.searching.index.clone();
        let written = tokio::task::spawn_blocking(move || index.write(&changes, state)).await;
        written.map_err(|crash| search::Error::Damaged { reason: crash.to_string() })??;
        self.tell_state();
        Ok(())
    }

    async fn gather_index(&self) -> Result<(), Error> {
        let index = self.0.searching.index.clone();
        let gathered = tokio::task::spawn_blocking(move || index.gather()).await;
        gathered.map_err(|crash| search::Error::Damaged { reason: crash.to_string() })??;
        Ok(())
    }
}
