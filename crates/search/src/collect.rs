//! Takes what fits the question: the best of it in order, how much of it there is, and of which kinds.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Cardinality, Column, ColumnValues, StrColumn};
use tantivy::index::SegmentId;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use crate::document::Id;
use crate::fields::Kind;
use crate::query::{Facet, MAX_FACET, Query, Sort};

const KINDS: usize = Kind::ALL.len();
/// A facet with at most so many values in a part of the index is counted in a list of all of them.
const DENSE: usize = 65_536;
/// And with at most so many, their texts are kept in memory.
const KEPT: usize = 4_096;
/// Most values of a facet that one part of the index tells the others of.
const TOLD: usize = 200;

/// The columns of a part of the index, opened once.
pub(crate) struct Columns {
    id_high: Arc<dyn ColumnValues<u64>>,
    id_low: Arc<dyn ColumnValues<u64>>,
    price: Arc<dyn ColumnValues<u64>>,
    created: Arc<dyn ColumnValues<u64>>,
    updated: Arc<dyn ColumnValues<u64>>,
    calls: Arc<dyn ColumnValues<u64>>,
    kinds: [Option<Values>; KINDS],
}

/// The values of a facet.
struct Values {
    ords: Column<u64>,
    /// Each model has exactly one.
    single: bool,
    texts: StrColumn,
    kept: Option<Vec<Arc<str>>>,
}

impl Values {
    fn open(segment: &SegmentReader, kind: Kind) -> tantivy::Result<Option<Values>> {
        let Some(texts) = segment.fast_fields().str(kind.word())? else { return Ok(None) };
        let ords = texts.ords().clone();
        let single = ords.get_cardinality() == Cardinality::Full;
        let mut values = Values { ords, single, texts, kept: None };
        if values.texts.num_terms() <= KEPT {
            let all: Option<Vec<_>> = (0..values.texts.num_terms() as u64).map(|ord| values.text(ord)).collect();
            values.kept = all;
        }
        Ok(Some(values))
    }

    fn text(&self, ord: u64) -> Option<Arc<str>> {
        if let Some(kept) = &self.kept {
            return kept.get(usize::try_from(ord).ok()?).cloned();
        }
        let mut text = String::new();
        self.texts.ord_to_str(ord, &mut text).ok()?.then(|| text.into())
    }
}

impl Columns {
    fn open(segment: &SegmentReader) -> tantivy::Result<Columns> {
        let number = |name: &str| segment.fast_fields().column_first_or_default::<u64>(name);
        let mut kinds = [const { None }; KINDS];
        for kind in Kind::ALL {
            kinds[kind as usize] = Values::open(segment, kind)?;
        }
        Ok(Columns {
            id_high: number("id_high")?,
            id_low: number("id_low")?,
            price: number("price")?,
            created: number("created")?,
            updated: number("updated")?,
            calls: number("calls")?,
            kinds,
        })
    }
}

/// Columns of the parts of an index. A part is never changed, so what is kept of it stays true.
#[derive(Default)]
pub(crate) struct Opened(Mutex<HashMap<SegmentId, Arc<Columns>>>);

impl Opened {
    fn get(&self, segment: &SegmentReader) -> tantivy::Result<Arc<Columns>> {
        let id = segment.segment_id();
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(known.clone());
        }
        let columns = Arc::new(Columns::open(segment)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, columns.clone());
        Ok(columns)
    }

    /// Forgets parts that are gone.
    pub(crate) fn keep(&self, there: &[SegmentReader]) {
        let there: Vec<SegmentId> = there.iter().map(SegmentReader::segment_id).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| there.contains(id));
    }
}

/// What is to be taken.
pub(crate) struct Wanted {
    opened: Arc<Opened>,
    sort: Sort,
    scored: bool,
    after: Option<(u64, u128)>,
    limit: usize,
    prices: Option<(u64, u64)>,
    facets: bool,
}

impl Wanted {
    pub(crate) fn new(query: &Query, scored: bool, opened: Arc<Opened>) -> Wanted {
        let prices = match (query.filters.min_price, query.filters.max_price) {
            (None, None) => None,
            // What has no price is neither dear nor cheap.
            (from, to) => Some((from.unwrap_or(0), to.unwrap_or(u64::MAX - 1).min(u64::MAX - 1))),
        };
        Wanted {
            opened,
            sort: query.sort,
            scored: scored && query.sort == Sort::Relevance,
            after: query.after.map(|after| (after.key, after.id)),
            limit: query.limit,
            prices,
            facets: query.facets,
        }
    }
}

/// What was taken of all parts.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) total: u64,
    /// The first ones in order, one more than was wanted if there is one.
    pub(crate) hits: Vec<(u64, u128)>,
    pub(crate) facets: Vec<(Kind, Vec<Facet>)>,
}

/// A value of a facet, and how often it was seen.
type Counted = (Arc<str>, u64);

/// What was taken of one.
#[derive(Debug, Default)]
pub(crate) struct Part {
    total: u64,
    hits: Vec<(u64, u128)>,
    facets: Vec<(Kind, Vec<Counted>)>,
}

pub(crate) fn id_of(id: u128) -> Id {
    id.to_be_bytes()
}

impl Collector for Wanted {
    type Fruit = Taken;
    type Child = Taking;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Taking> {
        let columns = self.opened.get(segment)?;
        let counts = match self.facets {
            true => columns.kinds.iter().map(|values| values.as_ref().map(Counts::new)).collect(),
            false => Vec::new(),
        };
        let (sort, scored, after, prices) = (self.sort, self.scored, self.after, self.prices);
        let limit = self.limit + 1;
        let (docs, scores) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        let best = BinaryHeap::new();
        Ok(Taking { columns, sort, scored, after, prices, limit, total: 0, best, counts, docs, scores })
    }

    fn requires_scoring(&self) -> bool {
        self.scored
    }

    fn merge_fruits(&self, parts: Vec<Part>) -> tantivy::Result<Taken> {
        let mut taken = Taken::default();
        let mut counts: HashMap<(Kind, Arc<str>), u64> = HashMap::new();
        for part in parts {
            taken.total += part.total;
            taken.hits.extend(part.hits);
            for (kind, values) in part.facets {
                for (value, count) in values {
                    *counts.entry((kind, value)).or_default() += count;
                }
            }
        }
        taken.hits.sort_unstable_by_key(|hit| Reverse(*hit));
        taken.hits.truncate(self.limit + 1);
        if self.facets {
            let mut facets: HashMap<Kind, Vec<Counted>> = HashMap::new();
            for ((kind, value), count) in counts {
                facets.entry(kind).or_default().push((value, count));
            }
            for kind in Kind::ALL {
                let mut values = facets.remove(&kind).unwrap_or_default();
                values.sort_unstable_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
                values.truncate(MAX_FACET);
                let facet = |(value, count): Counted| Facet { value: value.to_string(), count };
                taken.facets.push((kind, values.into_iter().map(facet).collect()));
            }
        }
        Ok(taken)
    }
}

/// How often each value of a facet was seen.
enum Counts {
    Dense(Vec<u32>),
    Sparse(HashMap<u64, u32>),
}

impl Counts {
    fn new(values: &Values) -> Counts {
        match values.texts.num_terms() {
            few if few <= DENSE => Counts::Dense(vec![0; few]),
            _ => Counts::Sparse(HashMap::new()),
        }
    }

    fn add(&mut self, ord: u64) {
        match self {
            Counts::Dense(counts) => {
                if let Some(count) = counts.get_mut(ord as usize) {
                    *count += 1;
                }
            }
            Counts::Sparse(counts) => *counts.entry(ord).or_default() += 1,
        }
    }

    /// The most frequent ones.
    fn most(self) -> Vec<(u64, u32)> {
        let mut seen: Vec<(u64, u32)> = match self {
            Counts::Dense(counts) => (0..).zip(counts).filter(|(_, count)| *count > 0).collect(),
            Counts::Sparse(counts) => counts.into_iter().collect(),
        };
        if seen.len() > TOLD {
            seen.select_nth_unstable_by_key(TOLD, |(ord, count)| (Reverse(*count), *ord));
            seen.truncate(TOLD);
        }
        seen
    }
}

/// How many models are looked at together: columns are read much faster so.
const BLOCK: usize = 64;

/// Takes of one part of the index.
pub(crate) struct Taking {
    columns: Arc<Columns>,
    sort: Sort,
    scored: bool,
    after: Option<(u64, u128)>,
    prices: Option<(u64, u64)>,
    limit: usize,
    total: u64,
    /// The worst of the best is on top.
    best: BinaryHeap<Reverse<(u64, u128)>>,
    counts: Vec<Option<Counts>>,
    /// What waits to be looked at.
    docs: Vec<DocId>,
    scores: Vec<Score>,
}

/// The values of a column for some models.
fn values<'a>(column: &dyn ColumnValues<u64>, docs: &[DocId], room: &'a mut [u64; BLOCK]) -> &'a [u64] {
    let room = &mut room[..docs.len()];
    column.get_vals(docs, room);
    room
}

impl Taking {
    fn look(&mut self) {
        let mut room = [0; BLOCK];
        if let Some((from, to)) = self.prices {
            let prices = values(&*self.columns.price, &self.docs, &mut room);
            let fits: Vec<bool> = prices.iter().map(|price| (from..=to).contains(price)).collect();
            let mut at = fits.iter();
            self.docs.retain(|_| *at.next().unwrap_or(&false));
            let mut at = fits.iter();
            self.scores.retain(|_| *at.next().unwrap_or(&false));
        }
        self.total += self.docs.len() as u64;
        self.count(&mut room);
        self.take(&mut room);
        self.docs.clear();
        self.scores.clear();
    }

    fn count(&mut self, room: &mut [u64; BLOCK]) {
        let Taking { columns, counts, docs, .. } = self;
        for (of, counts) in columns.kinds.iter().zip(counts) {
            let (Some(of), Some(counts)) = (of, counts) else { continue };
            if of.single {
                values(&*of.ords.values, docs, room).iter().for_each(|ord| counts.add(*ord));
            } else {
                docs.iter().for_each(|doc| of.ords.values_for_doc(*doc).for_each(|ord| counts.add(ord)));
            }
        }
    }

    fn take(&mut self, room: &mut [u64; BLOCK]) {
        let Columns { price, created, updated, calls, .. } = &*self.columns;
        let column = match self.sort {
            Sort::Relevance | Sort::Used => calls,
            Sort::New => created,
            Sort::Updated => updated,
            Sort::Price => price,
        };
        let values = values(&**column, &self.docs, room);
        for (at, value) in values.iter().copied().enumerate() {
            let key = match self.sort {
                // Scores are small whole numbers. Among those that fit alike, use counts by its magnitude.
                Sort::Relevance => {
                    let score = if self.scored { self.scores[at] as u64 } else { 0 };
                    (score << 8) | u64::from(64 - value.leading_zeros())
                }
                Sort::Price => u64::MAX - value,
                Sort::New | Sort::Updated | Sort::Used => value,
            };
            let full = self.best.len() == self.limit;
            if self.after.is_some_and(|(after, _)| key > after)
                || (full && self.best.peek().is_some_and(|Reverse((worst, _))| key < *worst))
            {
                continue;
            }
            let doc = self.docs[at];
            let id = u128::from(self.columns.id_high.get_val(doc)) << 64 | u128::from(self.columns.id_low.get_val(doc));
            if self.after.is_some_and(|after| (key, id) >= after) {
                continue;
            }
            self.best.push(Reverse((key, id)));
            if self.best.len() > self.limit {
                self.best.pop();
            }
        }
    }
}

impl SegmentCollector for Taking {
    type Fruit = Part;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.docs.push(doc);
        self.scores.push(score);
        if self.docs.len() == BLOCK {
            self.look();
        }
    }

    fn harvest(mut self) -> Part {
        self.look();
        let hits = self.best.into_iter().map(|Reverse(hit)| hit).collect();
        let mut facets = Vec::new();
        for ((kind, values), counts) in Kind::ALL.into_iter().zip(&self.columns.kinds).zip(self.counts) {
            let (Some(values), Some(counts)) = (values, counts) else { continue };
            let told = |(ord, count)| Some((values.text(ord)?, u64::from(count)));
            facets.push((kind, counts.most().into_iter().filter_map(told).collect()));
        }
        Part { total: self.total, hits, facets }
    }
}
