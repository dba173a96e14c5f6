//! A question, and how it becomes one of the index.
//!
//! All words have to be there, each as it is written, as the beginning of a word if it is the last one, or nearly as it
//! is written. What is found counts by where it stands and how near it is, and by nothing else: no statistics of the
//! index are in it.

use tantivy::query::{BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use crate::cursor::Cursor;
use crate::document::{Id, PUBLIC, group};
use crate::error::Error;
use crate::expand::{Near, near};
use crate::fields::{Fields, Kind, clipped, folded, words_of};

/// Most characters of a question.
pub const MAX_CHARACTERS: usize = 200;
/// Most of its words.
pub const MAX_WORDS: usize = 12;
/// Most models of a page.
pub const MAX_LIMIT: usize = 1_000;
/// Most values of a facet that are told.
pub(crate) const MAX_FACET: usize = 20;
/// Beginnings shorter than this are looked for in names and titles alone.
const SHORT: usize = 4;
/// Most values of one filter.
const MAX_VALUES: usize = 50;

/// In which order. Where two models are alike in it, the one that was made later comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sort {
    /// What fits best; without words, what is used most.
    #[default]
    Relevance,
    /// Made last.
    New,
    /// Changed last.
    Updated,
    /// Cheapest first; those without a price at the end.
    Price,
    Used,
}

impl Sort {
    pub const ALL: [Sort; 5] = [Self::Relevance, Self::New, Self::Updated, Self::Price, Self::Used];

    pub const fn word(self) -> &'static str {
        match self {
            Sort::Relevance => "relevance",
            Sort::New => "new",
            Sort::Updated => "updated",
            Sort::Price => "price",
            Sort::Used => "used",
        }
    }
}

/// Which models are found at all. Of several values each has to be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Values of facets.
    pub of: Vec<(Kind, String)>,
    /// Words of cards, whole.
    pub words: Vec<String>,
    pub owner: Option<String>,
    /// Part of `owner/name`.
    pub part: Option<String>,
    /// In nano-OPG a call.
    pub min_price: Option<u64>,
    pub max_price: Option<u64>,
    /// Those that can be called alone.
    pub released: bool,
    /// Those that are not open alone.
    pub closed: bool,
}

/// What whoever asks may see besides what everybody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Private models of these accounts.
    pub groups: Vec<Id>,
    /// And of those these alone, by `owner/name`.
    pub only: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default)]
pub struct Query {
    pub text: String,
    pub filters: Filters,
    pub seen: Seen,
    pub sort: Sort,
    pub limit: usize,
    pub after: Option<Cursor>,
    /// Whether facets are counted.
    pub facets: bool,
}

/// One value, and how many of what was found have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    pub value: String,
    pub count: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In order.
    pub ids: Vec<Id>,
    /// How many there are, on all pages.
    pub total: u64,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// The most frequent values of each kind, if they were wanted.
    pub facets: Vec<(Kind, Vec<Facet>)>,
}

type Clause = (Occur, Box<dyn tantivy::query::Query>);

/// A question that was looked through and may be asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) words: Vec<String>,
    pub(crate) whole: String,
    /// Says which search this is, whichever page.
    pub(crate) hash: u64,
}

impl Query {
    pub(crate) fn asked(&self) -> Result<Asked, Error> {
        let characters = self.text.chars().take(MAX_CHARACTERS + 1).count();
        if characters > MAX_CHARACTERS {
            return Err(Error::TooLong { characters: self.text.chars().count() });
        }
        let words = words_of(&self.text);
        if words.len() > MAX_WORDS {
            return Err(Error::TooManyWords { words: words.len() });
        }
        let hash = self.hash();
        if self.after.is_some_and(|after| after.search != hash) {
            return Err(Error::OtherSearch);
        }
        Ok(Asked { words, whole: folded(self.text.trim()), hash })
    }

    /// FNV-1a over all that decides what is found and in which order.
    fn hash(&self) -> u64 {
        let Filters { of, words, owner, part, min_price, max_price, released, closed } = &self.filters;
        let told = format!(
            "{:?} {:?} {of:?} {words:?} {owner:?} {part:?} {min_price:?} {max_price:?} {released} {closed}",
            self.text,
            self.sort.word(),
        );
        told.bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The same in terms of the index.
    pub(crate) fn in_terms(
        &self,
        asked: &Asked,
        fields: &Fields,
        searcher: &Searcher,
    ) -> Result<Box<dyn tantivy::query::Query>, Error> {
        let mut clauses: Vec<Clause> = Vec::new();
        for (at, word) in asked.words.iter().enumerate() {
            let last = at + 1 == asked.words.len();
            clauses.push((Occur::Must, one_word(word, near(searcher, fields, word, last)?, fields)));
        }
        if !asked.words.is_empty() {
            for (mark, score) in [(format!("full:{}", asked.whole), 1_000.0), (format!("base:{}", asked.whole), 500.0)]
            {
                clauses.push((Occur::Should, Box::new(ConstScoreQuery::new(term(fields.marks, &mark), score))));
            }
        } else if !self.text.trim().is_empty() {
            // Signs alone are in no word.
            return Ok(Box::new(EmptyQuery));
        }
        let filters = self.filtered(fields).into_iter().map(|(occur, query)| match occur {
            Occur::Must => (occur, Box::new(ConstScoreQuery::new(query, 0.0)) as Box<dyn tantivy::query::Query>),
            _ => (occur, query),
        });
        clauses.extend(filters);
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    fn filtered(&self, fields: &Fields) -> Vec<Clause> {
        let Filters { of, words, owner, part, released, closed, .. } = &self.filters;
        let mut clauses: Vec<Clause> = vec![(Occur::Must, self.seen.query(fields))];
        let mut mark = |mark: &str| clauses.push((Occur::Must, term(fields.marks, mark)));
        for (kind, value) in of.iter().take(MAX_VALUES) {
            mark(&kind.mark(value));
        }
        for word in words.iter().take(MAX_VALUES) {
            mark(&format!("word:{}", clipped(word)));
        }
        if let Some(owner) = owner {
            mark(&format!("owner:{}", folded(owner)));
        }
        if *released {
            mark("released");
        }
        if *closed {
            clauses.push((Occur::MustNot, term(fields.marks, &Kind::Access.mark("open"))));
        }
        if let Some(part) = part {
            clauses.extend(pieces(part).iter().map(|piece| (Occur::Must, term(fields.grams, piece))));
        }
        clauses
    }
}

/// Pieces that a name has if this is a part of it. One character alone is in too many names to be looked for.
fn pieces(part: &str) -> Vec<String> {
    let characters: Vec<char> = clipped(part).to_lowercase().chars().collect();
    let mut pieces: Vec<String> = match characters.len() {
        0 | 1 => Vec::new(),
        2 => vec![characters.iter().collect()],
        _ => characters.windows(3).map(|piece| piece.iter().collect()).collect(),
    };
    pieces.sort_unstable();
    pieces.dedup();
    pieces.truncate(MAX_VALUES);
    pieces
}

impl Seen {
    fn query(&self, fields: &Fields) -> Box<dyn tantivy::query::Query> {
        let all = term(fields.marks, PUBLIC);
        if self.groups.is_empty() {
            return all;
        }
        let marks = self.groups.iter().take(MAX_LIMIT).map(|owner| Term::from_field_text(fields.marks, &group(*owner)));
        let mut theirs: Vec<Clause> = vec![(Occur::Must, Box::new(TermSetQuery::new(marks)))];
        if let Some(only) = &self.only {
            let names = only.iter().map(|name| Term::from_field_text(fields.marks, &format!("full:{}", folded(name))));
            theirs.push((Occur::Must, Box::new(TermSetQuery::new(names))));
        }
        Box::new(BooleanQuery::new(vec![(Occur::Should, all), (Occur::Should, Box::new(BooleanQuery::new(theirs)))]))
    }
}

fn term(field: Field, text: &str) -> Box<dyn tantivy::query::Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

/// A model has a word where it counts most and as near as it can be.
fn one_word(word: &str, near: Near, fields: &Fields) -> Box<dyn tantivy::query::Query> {
    let places = [(fields.name, 6.0), (fields.title, 3.0), (fields.all, 1.0)];
    let exact = vec![word.to_owned()];
    let mut ways: Vec<Box<dyn tantivy::query::Query>> = Vec::new();
    for (words, nearness) in [(&exact, 16.0), (&near.longer, 8.0), (&near.one, 4.0), (&near.two, 2.0)] {
        if words.is_empty() {
            continue;
        }
        // What begins so in all the texts of a hub is too much to look at, and says little.
        let short = std::ptr::eq(words, &near.longer) && word.chars().count() < SHORT;
        let places = if short { &places[..2] } else { &places[..] };
        for (field, weight) in places.iter().copied() {
            let terms = words.iter().map(|word| Term::from_field_text(field, word));
            let found: Box<dyn tantivy::query::Query> = match &words[..] {
                [word] => term(field, word),
                _ => Box::new(TermSetQuery::new(terms)),
            };
            ways.push(Box::new(ConstScoreQuery::new(found, nearness * weight)));
        }
    }
    Box::new(DisjunctionMaxQuery::new(ways))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_questions_are_refused_before_they_cost_anything() {
        let asked = |text: &str| Query { text: text.to_owned(), ..Query::default() }.asked();
        assert!(matches!(asked(&"x".repeat(201)), Err(Error::TooLong { characters: 201 })));
        let words: Vec<String> = (0..13).map(|word| format!("w{word}")).collect();
        assert!(matches!(asked(&words.join(" ")), Err(Error::TooManyWords { words: 13 })));
        assert_eq!(asked(&"same ".repeat(40)).unwrap().words, ["same"]);
    }

    #[test]
    fn a_cursor_leads_on_in_its_own_search_alone() {
        let mut query = Query { text: "iris".to_owned(), ..Query::default() };
        let search = query.asked().unwrap().hash;
        query.after = Some(Cursor { search, key: 1, id: 1, shown: 1 });
        query.asked().unwrap();
        query.filters.of.push((Kind::Task, "x".to_owned()));
        assert!(matches!(query.asked(), Err(Error::OtherSearch)));
    }

    #[test]
    fn parts_of_names_fall_into_pieces() {
        assert_eq!(pieces("FLOW"), ["flo", "low"]);
        assert_eq!(pieces("é/"), ["é/"]);
        assert_eq!(pieces("x"), [""; 0]);
    }
}
