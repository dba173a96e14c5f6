//! What was searched, shown and chosen: noted behind the answers, in a list that drops what it cannot hold.

use std::time::Duration;

use ledger::{ModelId, Time};
use search::{Filters, Query};
use serde_json::{Map, Value, json};
use store::{Choice, MAX_SHOWN, MissedSearch, SearchId, SearchRecord, Searchers};
use tokio::sync::mpsc;

use super::FoundModel;
use crate::{Action, Caller, Hub, Object};

/// How many entries wait at most; those beyond are not noted.
pub(super) const MAX_WAITING: usize = 10_000;
/// Entries gather this long.
const GATHER: Duration = Duration::from_millis(500);
/// Most entries of one change to the store.
const MAX_ENTRIES: usize = 1_000;

/// What is told of searches in vain: those of so long ago, asked so often, the most frequent.
pub(super) const MISSED_MS: i64 = super::WANTED_DAYS.cast_signed() * Time::DAY_MS;
const MISSED_LEAST: u64 = 3;
const MISSED_SHOWN: u64 = 100;

#[derive(Debug)]
pub(crate) enum Entry {
    Search(SearchRecord),
    Choice(Choice),
}

/// Where they come out.
pub(crate) type Entries = mpsc::Receiver<Entry>;

#[expect(clippy::too_many_arguments, reason = "a row has its columns")]
pub(super) fn record(
    id: SearchId,
    at: Time,
    viewer: Option<&Caller>,
    surface: &str,
    query: &Query,
    start: u32,
    items: &[FoundModel],
    total: u64,
) -> SearchRecord {
    SearchRecord {
        id,
        at,
        account: viewer.map(|viewer| viewer.account().id),
        surface: surface.to_owned(),
        query: query.text.clone(),
        facets: facets(&query.filters).to_string(),
        sort: query.sort.word().to_owned(),
        start,
        shown: items.iter().take(MAX_SHOWN).map(|item| item.shown.repository.model.id).collect(),
        total,
        chosen: None,
    }
}

/// The filters that were set, by their names on the wire.
fn facets(filters: &Filters) -> Value {
    let Filters { of, words, owner, part, min_price, max_price, closed, .. } = filters;
    let mut told = Map::new();
    for (kind, value) in of {
        let values = told.entry(kind.word()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(value));
        }
    }
    let mut tell = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            told.insert(name.to_owned(), value);
        }
    };
    tell("filter", (!words.is_empty()).then(|| json!(words)));
    tell("owner", owner.as_ref().map(|owner| json!(owner)));
    tell("name", part.as_ref().map(|part| json!(part)));
    tell("min_price_nano", min_price.map(|price| json!(price)));
    tell("max_price_nano", max_price.map(|price| json!(price)));
    tell("closed", closed.then(|| json!(true)));
    told.into()
}

impl Hub {
    pub(super) fn note_search(&self, record: SearchRecord) {
        // A list that is full loses what comes: whoever searches does not wait for it.
        let _ = self.0.searching.log.try_send(Entry::Search(record));
    }

    /// Notes that somebody looked at what a search showed.
    pub fn chose(&self, search: SearchId, position: u32, model: ModelId) {
        let _ = self.0.searching.log.try_send(Entry::Choice(Choice { search, position, model }));
    }

    /// The newest searches, for the hub's own use.
    pub async fn searches(&self, limit: u64) -> Result<Vec<SearchRecord>, crate::Error> {
        Ok(self.0.catalog.searches(limit).await?)
    }

    /// What was searched in vain lately, by its words, for the operator.
    pub async fn missed_searches(&self, caller: &Caller) -> Result<Vec<MissedSearch>, crate::Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let since = self.0.clock.now().plus_ms(-MISSED_MS);
        Ok(self.0.catalog.missed_searches(Searchers::Anybody, since, MISSED_LEAST, MISSED_SHOWN).await?)
    }

    /// The task that writes them.
    pub(crate) async fn keep_log(&self, mut entries: Entries) {
        let mut taken = Vec::new();
        while entries.recv_many(&mut taken, MAX_ENTRIES).await > 0 {
            tokio::time::sleep(GATHER).await;
            while taken.len() < MAX_ENTRIES
                && let Ok(entry) = entries.try_recv()
            {
                taken.push(entry);
            }
            let (mut searches, mut choices) = (Vec::new(), Vec::new());
            for entry in taken.drain(..) {
                match entry {
                    Entry::Search(search) => searches.push(search),
                    Entry::Choice(choice) => choices.push(choice),
                }
            }
            if let Err(error) = self.0.catalog.add_searches(&searches, &choices).await {
                tracing::error!("{} searches could not be noted: {error}", searches.len());
            }
        }
    }
}
