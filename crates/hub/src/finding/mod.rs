//! Finding models.
//!
//! Always: the index says which ids fit, and the store what they are and who sees them: what is shown is never what an
//! index remembers. A private model is found by those alone for whom it is there. Nobody waits for the log.
//!
//! Absent on purpose: how an index is made (`search`), words on the wire.

mod document;
mod indexer;
mod log;
mod wanted;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::{Amount, Class, ModelId, Outcome, Price, ReleaseId};
use search::{Cursor, Facet, Filters, Found, Index, Kind, Query, Seen, State};
use store::{Row, SearchId, Seq, Shown};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

pub use wanted::{WANTED_DAYS, WANTED_LEAST};

use crate::repositories::lists;
use crate::{Action, Caller, Error, Hub, Object};

/// How many searches may take a thread at the same moment.
const MAX_SEARCHING: usize = 8;
/// How long whoever wants to find what was just changed waits for that.
const MAX_BEHIND: Duration = Duration::from_millis(1_500);
/// Most releases whose calls wait to be counted; those beyond are counted with their next call.
const MAX_CALLED: usize = 100_000;

/// What finding needs in memory.
#[derive(Debug)]
pub(crate) struct Searching {
    index: Index,
    at_once: Semaphore,
    state: watch::Sender<State>,
    /// Wakes the indexer for what no event tells of.
    wake: Notify,
    damaged: AtomicBool,
    /// All models are to be read again, while the index goes on answering.
    again: AtomicBool,
    called: Mutex<HashSet<ReleaseId>>,
    log: mpsc::Sender<log::Entry>,
    /// How many models have which task, as of a state of the index.
    tasks: Mutex<Option<(State, Arc<Vec<Facet>>)>>,
    board: tokio::sync::Mutex<Option<wanted::Board>>,
}

impl Searching {
    pub(crate) fn new(index: Index) -> (Searching, log::Entries) {
        let (log, entries) = mpsc::channel(log::MAX_WAITING);
        let (state, _) = watch::channel(index.state());
        let searching = Searching {
            index,
            at_once: Semaphore::new(MAX_SEARCHING),
            state,
            wake: Notify::new(),
            damaged: AtomicBool::new(false),
            again: AtomicBool::new(false),
            called: Mutex::default(),
            log,
            tasks: Mutex::default(),
            board: tokio::sync::Mutex::default(),
        };
        (searching, entries)
    }

    /// Notes which releases were called, in rows on their way to the catalogue.
    pub(crate) fn count(&self, rows: &[(Seq, Row)]) {
        let mut called = self.called.lock().expect("nothing panics while it counts");
        for (_, row) in rows {
            let Row::Call(call) = row else { continue };
            if call.outcome == Outcome::Ok && call.class == Class::Paid && called.len() < MAX_CALLED {
                called.insert(call.release);
            }
        }
    }

    /// Prices are others now, of any model.
    pub(crate) fn read_again(&self) {
        self.again.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    fn is_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

/// What somebody searches, and where.
#[derive(Debug, Clone, Default)]
pub struct SearchWish {
    /// What it sees is the hub's to say.
    pub query: Query,
    /// `api`, `page`, `hf`.
    pub surface: &'static str,
    /// What was changed just now has to be in it: waits a moment for that.
    pub current: bool,
}

/// One model that was found.
#[derive(Debug, Clone)]
pub struct FoundModel {
    pub shown: Shown,
    /// The price that holds.
    pub price: Option<Price>,
    /// What one call with one item costs now; none while a USD price has no rate.
    pub cost: Option<Amount>,
    /// Its place among all that was found, from 0.
    pub position: u32,
}

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct Searched {
    /// Names this search.
    pub id: SearchId,
    pub items: Vec<FoundModel>,
    /// How many there are on all pages.
    pub total: u64,
    pub next: Option<Cursor>,
    pub facets: Vec<(Kind, Vec<Facet>)>,
    /// Whether every model was looked at: an index that is being made has not all of them yet.
    pub complete: bool,
}

impl Hub {
    /// Models that fit what is searched, as this viewer sees them.
    pub async fn search(&self, viewer: Option<&Caller>, wish: SearchWish) -> Result<Searched, Error> {
        let SearchWish { mut query, surface, current } = wish;
        query.seen = seen_by(viewer);
        if current {
            self.catch_up().await?;
        }
        let (found, complete) = self.find(&query).await?;
        let ids: Vec<ModelId> = found.ids.iter().map(|id| ModelId(*id)).collect();
        let start = query.after.map_or(0, |after| after.shown());
        let (now, rate) = (self.0.clock.now(), self.settings().rate);
        let mut items = Vec::with_capacity(ids.len());
        // The store has the last word: an index may be a moment behind.
        for (position, shown) in (start..).zip(self.0.catalog.shown(&ids).await?) {
            if !fits(viewer, &query, &shown) {
                continue;
            }
            let price = shown.release.as_ref().map(|release| release.price_at(now));
            let cost = price.as_ref().and_then(|price| price.cost(&ledger::Usage::ONE_CALL, rate).ok());
            items.push(FoundModel { shown, price, cost, position });
        }
        // Places are those of what is shown.
        for (position, item) in (start..).zip(&mut items) {
            item.position = position;
        }
        let id = SearchId(self.0.ids.next().into_bytes());
        self.note_search(log::record(id, now, viewer, surface, &query, start, &items, found.total));
        Ok(Searched { id, items, total: found.total, next: found.next, facets: found.facets, complete })
    }

    /// Tasks of models that everybody sees and can call, and how many there are of each, the most frequent first.
    pub async fn tasks(&self) -> Result<Arc<Vec<Facet>>, Error> {
        let searching = &self.0.searching;
        let state = searching.index.state();
        let kept = || searching.tasks.lock().expect("nothing panics while it counts");
        if let Some((of, tasks)) = &*kept()
            && *of == state
        {
            return Ok(tasks.clone());
        }
        let filters = Filters { released: true, ..Filters::default() };
        let query = Query { filters, limit: 1, facets: true, seen: seen_by(None), ..Query::default() };
        let (found, _) = self.find(&query).await?;
        let tasks = found.facets.into_iter().find(|(kind, _)| *kind == Kind::Task).map(|(_, values)| values);
        let tasks = Arc::new(tasks.unwrap_or_default());
        *kept() = Some((state, tasks.clone()));
        Ok(tasks)
    }

    /// Whether there is an index of all models now.
    pub(crate) fn search_complete(&self) -> bool {
        self.0.searching.index.state().complete
    }

    async fn find(&self, query: &Query) -> Result<(Found, bool), Error> {
        let searching = &self.0.searching;
        let _turn = searching.at_once.acquire().await.expect("nobody closes it");
        let (index, asked) = (searching.index.clone(), query.clone());
        let found = tokio::task::spawn_blocking(move || (index.find(&asked), index.state().complete)).await;
        match found {
            Ok((Ok(found), complete)) => Ok((found, complete)),
            Ok((Err(search::Error::Damaged { reason }), _)) => {
                tracing::error!("The search index is damaged and is made anew: {reason}");
                searching.is_damaged();
                Ok((Found::default(), false))
            }
            Ok((Err(refused), _)) => Err(refused.into()),
            Err(crash) => {
                tracing::error!("The search index is damaged and is made anew: {crash}");
                searching.is_damaged();
                Ok((Found::default(), false))
            }
        }
    }

    /// Waits until the index has what has happened until now, a moment at most.
    async fn catch_up(&self) -> Result<(), Error> {
        let last = self.0.catalog.last_event().await?;
        let mut state = self.0.searching.state.subscribe();
        // Whoever asks gets what is there then.
        let _ = tokio::time::timeout(MAX_BEHIND, state.wait_for(|state| state.complete && state.seq >= last)).await;
        Ok(())
    }
}

/// What a viewer may find besides what everybody finds: what lists show them.
fn seen_by(viewer: Option<&Caller>) -> Seen {
    let reader = viewer.filter(|viewer| viewer.may(Action::Read, Object::Hub).is_ok());
    let Some(reader) = reader else { return Seen::default() };
    Seen {
        groups: reader.groups().into_iter().map(|owner| owner.0).collect(),
        only: reader.models().map(|models| models.iter().map(|model| model.folded()).collect()),
    }
}

/// Whether a model, as it is now, may be shown for this.
fn fits(viewer: Option<&Caller>, query: &Query, shown: &Shown) -> bool {
    let model = &shown.repository.model;
    let reader = viewer.filter(|viewer| viewer.may(Action::Read, Object::Hub).is_ok());
    let filters = &query.filters;
    lists(reader, model)
        && (!filters.released || shown.release.is_some())
        && filters.part.as_ref().is_none_or(|part| model.name.folded().contains(&part.to_ascii_lowercase()))
}
