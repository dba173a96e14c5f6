//! The index in its folder: opened, written, asked, thrown away.
//!
//! Always: what is committed is there with how far it goes, in one step; a folder that cannot be read is emptied and
//! begun again, and says that it is not complete.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy};

use crate::collect::{Opened, Wanted, id_of};
use crate::cursor::Cursor;
use crate::document::{Change, Id, id_term};
use crate::error::Error;
use crate::fields::{FORMAT, Fields, tokenizers};
use crate::query::{Found, MAX_LIMIT, Query, Seen};

/// What may wait in memory for the next commit before it is written ahead of it.
const MEMORY: usize = 64 * 1024 * 1024;
/// From so many parts on they are made one when the index is complete.
const PARTS: usize = 3;

/// How far the index goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The last change of the store that is in it.
    pub seq: u64,
    /// While all models are read: the last one that was.
    pub at: Option<Id>,
    /// Whether all models are being read.
    pub reading: bool,
    /// Whether all models have been read since it was begun.
    pub complete: bool,
}

impl State {
    /// Of an index with nothing in it.
    const NEW: State = State { seq: 0, at: None, reading: true, complete: false };

    fn written(&self) -> String {
        let at = self.at.map_or_else(|| "-".to_owned(), |at| format!("{:032x}", u128::from_be_bytes(at)));
        format!("{FORMAT} {} {at} {} {}", self.seq, u8::from(self.reading), u8::from(self.complete))
    }

    /// None if it was written in another format.
    fn read(text: &str) -> Option<State> {
        let words: Vec<&str> = text.split(' ').collect();
        let [format, seq, at, reading, complete] = words[..] else { return None };
        if format.parse() != Ok(FORMAT) {
            return None;
        }
        let at = match at {
            "-" => None,
            id => Some(u128::from_str_radix(id, 16).ok()?.to_be_bytes()),
        };
        Some(State { seq: seq.parse().ok()?, at, reading: reading == "1", complete: complete == "1" })
    }
}

/// Cheap to clone; all clones are the same index.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    fields: Fields,
    /// None: in memory.
    folder: Option<PathBuf>,
    open: RwLock<Open>,
    /// Taken by whoever writes, before anything of `open`.
    writing: Mutex<Option<IndexWriter>>,
}

/// What is open now; another after it was begun again.
#[derive(Clone)]
struct Open {
    index: tantivy::Index,
    reader: IndexReader,
    columns: Arc<Opened>,
    /// What was found without words, while nothing changes: the first pages that everybody sees.
    first: Arc<Mutex<HashMap<First, Found>>>,
    state: State,
}

/// Whose first page, of which search.
type First = (u64, Seen, usize, bool);
/// How many of them are kept.
const MAX_FIRST: usize = 200;

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("folder", &self.0.folder).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in a folder, or begins one. What cannot be read is thrown away.
    pub fn open(folder: &Path) -> Result<Index, Error> {
        let fields = Fields::new();
        let open = match Open::there(folder, &fields) {
            Ok(Some(open)) => open,
            Ok(None) | Err(_) => Open::begin(Some(folder), &fields)?,
        };
        Ok(Index(Arc::new(Inner {
            fields,
            folder: Some(folder.to_owned()),
            open: RwLock::new(open),
            writing: Mutex::default(),
        })))
    }

    /// An index that is gone when it is dropped.
    pub fn in_memory() -> Index {
        let fields = Fields::new();
        let open = Open::begin(None, &fields).expect("memory is always there");
        Index(Arc::new(Inner { fields, folder: None, open: RwLock::new(open), writing: Mutex::default() }))
    }

    pub fn state(&self) -> State {
        self.0.open.read().unwrap_or_else(PoisonError::into_inner).state
    }

    /// How many models are in it.
    pub fn count(&self) -> u64 {
        self.now().reader.searcher().num_docs()
    }

    /// Reads all of its files and says whether they are what was written.
    pub fn check(&self) -> Result<(), Error> {
        let damaged = self.now().index.validate_checksum()?;
        match damaged.iter().next() {
            None => Ok(()),
            Some(file) => Err(Error::Damaged { reason: format!("{} is not what was written", file.display()) }),
        }
    }

    /// Lets go of the folder: another may write it now.
    pub fn close(&self) {
        drop(self.0.writing.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Throws everything away and begins again.
    pub fn begin_again(&self) -> Result<(), Error> {
        let mut writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Its threads hold the folder's lock.
        drop(writing.take());
        let open = Open::begin(self.0.folder.as_deref(), &self.0.fields)?;
        *self.0.open.write().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }

    /// Writes changes, in their order, and how far the index goes with them. They are found once this has answered.
    pub fn write(&self, changes: &[Change], state: State) -> Result<(), Error> {
        let mut writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if writing.is_none() {
            *writing = Some(now.writer()?);
        }
        let Some(writer) = writing.as_mut() else { return Ok(()) };
        let wrote = Self::commit(writer, &self.0.fields, changes, state);
        if let Err(error) = wrote {
            // A writer that failed once takes nothing any more.
            *writing = None;
            return Err(error);
        }
        now.reader.reload()?;
        let searcher = now.reader.searcher();
        now.columns.keep(searcher.segment_readers());
        let mut open = self.0.open.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever is still asking keeps what it found in the list of before.
        (open.first, open.state) = (Arc::default(), state);
        Ok(())
    }

    fn commit(writer: &mut IndexWriter, fields: &Fields, changes: &[Change], state: State) -> Result<(), Error> {
        for change in changes {
            writer.delete_term(id_term(fields, change.id()));
            if let Change::Put(document) = change {
                writer.add_document(document.written(fields))?;
            }
        }
        let mut prepared = writer.prepare_commit()?;
        prepared.set_payload(&state.written());
        prepared.commit()?;
        Ok(())
    }

    /// Makes its parts one, where there are several: once all models were read, for the questions that come.
    pub fn gather(&self) -> Result<(), Error> {
        let merged = {
            let mut writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.now();
            let parts = now.index.searchable_segment_ids()?;
            if parts.len() < PARTS {
                return Ok(());
            }
            // What merges by itself would take parts away from under this; the next writer does so again.
            if let Some(writer) = writing.take() {
                writer.set_merge_policy(Box::new(NoMergePolicy));
                writer.wait_merging_threads()?;
            }
            let mut writer = now.writer()?;
            let parts = now.index.searchable_segment_ids()?;
            writer.set_merge_policy(Box::new(NoMergePolicy));
            let merged = writer.merge(&parts).wait();
            writer.wait_merging_threads()?;
            now.reader.reload()?;
            let searcher = now.reader.searcher();
            now.columns.keep(searcher.segment_readers());
            merged
        };
        merged?;
        Ok(())
    }

    /// Asks. Takes a thread for as long as it takes.
    pub fn find(&self, query: &Query) -> Result<Found, Error> {
        let asked = query.asked()?;
        let now = self.now();
        let searcher = now.reader.searcher();
        let limit = query.limit.clamp(1, MAX_LIMIT);
        let first = (query.text.is_empty() && query.after.is_none())
            .then(|| (asked.hash, query.seen.clone(), limit, query.facets));
        if let Some(known) = first.as_ref().and_then(|first| now.first().get(first).cloned()) {
            return Ok(known);
        }
        let terms = query.in_terms(&asked, &self.0.fields, &searcher)?;
        let wanted = Query { limit, ..query.clone() };
        let wanted = Wanted::new(&wanted, !asked.words.is_empty(), now.columns.clone());
        let mut taken = searcher.search(&terms, &wanted)?;
        let more = taken.hits.len() > limit;
        taken.hits.truncate(limit);
        let before = query.after.map_or(0, |after| after.shown);
        let last = taken.hits.last().filter(|_| more);
        let shown = before.saturating_add(u32::try_from(taken.hits.len()).unwrap_or(u32::MAX));
        let found = Found {
            next: last.map(|(key, id)| Cursor { search: asked.hash, key: *key, id: *id, shown }),
            ids: taken.hits.into_iter().map(|(_, id)| id_of(id)).collect(),
            total: taken.total,
            facets: taken.facets,
        };
        if let Some(first) = first {
            let mut known = now.first();
            if known.len() >= MAX_FIRST {
                known.clear();
            }
            known.insert(first, found.clone());
        }
        Ok(found)
    }

    fn now(&self) -> Open {
        self.0.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Open {
    /// What lies in a folder; none if that is nothing, or of another format.
    fn there(folder: &Path, fields: &Fields) -> Result<Option<Open>, Error> {
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let mut index = tantivy::Index::open_in_dir(folder)?;
        index.set_tokenizers(tokenizers());
        index.set_fast_field_tokenizers(tokenizers());
        let state = index.load_metas()?.payload.and_then(|payload| State::read(&payload));
        let Some(state) = state.filter(|_| index.schema() == fields.schema) else { return Ok(None) };
        Open::reading(index, state).map(Some)
    }

    fn begin(folder: Option<&Path>, fields: &Fields) -> Result<Open, Error> {
        let builder = tantivy::Index::builder()
            .schema(fields.schema.clone())
            .tokenizers(tokenizers())
            .fast_field_tokenizers(tokenizers());
        let index = match folder {
            None => builder.create_in_ram()?,
            Some(folder) => {
                match fs::remove_dir_all(folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
                // What private models say lies in it.
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                builder.create_in_dir(folder)?
            }
        };
        Open::reading(index, State::NEW)
    }

    fn reading(index: tantivy::Index, state: State) -> Result<Open, Error> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Open { index, reader, columns: Arc::default(), first: Arc::default(), state })
    }

    fn first(&self) -> MutexGuard<'_, HashMap<First, Found>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> Result<IndexWriter, Error> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(MEMORY)
            .build();
        let writer = self.index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        // Many changes are of one model: their parts are made one by eights before anybody notices them.
        policy.set_min_num_segments(8);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    }
}
