//! Words of the index that a word of a question may mean.
//!
//! Always: how many are looked at and taken has a bound.

use std::cmp::Reverse;
use std::collections::HashMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::{Searcher, Term};

use crate::error::Error;
use crate::fields::Fields;

/// Most words that are looked at in one part of the index.
const MAX_LOOKED_AT: usize = 2_000;
/// Most that are taken, of each sort; those that most texts have.
const MAX_TAKEN: usize = 40;

/// What stands in so many models is no typo.
const COMMON: u64 = 1_000;

/// Words that are near one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Near {
    /// It is their beginning.
    pub(crate) longer: Vec<String>,
    /// One letter is another, missing, too much, or two are swapped.
    pub(crate) one: Vec<String>,
    pub(crate) two: Vec<String>,
}

/// How many typos are forgiven in a word: short words are near too many others, and numbers are what they are.
fn typos(word: &str) -> u8 {
    match word.chars().count() {
        _ if !word.contains(char::is_alphabetic) => 0,
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

pub(crate) fn near(searcher: &Searcher, fields: &Fields, word: &str, last: bool) -> Result<Near, Error> {
    let (mut longer, mut typed) = (HashMap::new(), HashMap::new());
    let exact = Term::from_field_text(fields.all, word);
    let typos = if searcher.doc_freq(&exact)? < COMMON { typos(word) } else { 0 };
    let automaton = match typos {
        0 => None,
        _ => Some(FuzzyTermQuery::new(exact, typos, true).automaton()?),
    };
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(fields.all)?;
        let terms = index.terms();
        if last {
            let mut range = terms.range().ge(word);
            if let Some(end) = after_all(word) {
                range = range.lt(end);
            }
            let mut stream = range.into_stream()?;
            let mut looked = 0;
            while looked < MAX_LOOKED_AT && stream.advance() {
                looked += 1;
                add(&mut longer, stream.key(), stream.value().doc_freq);
            }
        }
        let Some(automaton) = &automaton else { continue };
        let mut search = terms.search(automaton);
        // Two typos are forgiven behind the first letter: before it, half of all words would have to be looked at.
        if typos > 1 {
            let first = &word[..word.chars().next().map_or(0, char::len_utf8)];
            search = search.ge(first);
            if let Some(end) = after_all(first) {
                search = search.lt(end);
            }
        }
        let mut stream = search.into_stream()?;
        let mut looked = 0;
        while looked < MAX_LOOKED_AT && stream.advance() {
            looked += 1;
            add(&mut typed, stream.key(), stream.value().doc_freq);
        }
    }
    longer.remove(word);
    typed.retain(|near, _| near != word && !longer.contains_key(near));
    let (one, two) = typed.into_iter().partition(|(near, _)| distance(word, near) <= 1);
    Ok(Near { longer: most(longer), one: most(one), two: most(two) })
}

fn add(found: &mut HashMap<String, u64>, key: &[u8], texts: u32) {
    if let Ok(word) = std::str::from_utf8(key) {
        *found.entry(word.to_owned()).or_default() += u64::from(texts);
    }
}

fn most(found: HashMap<String, u64>) -> Vec<String> {
    let mut found: Vec<(Reverse<u64>, String)> =
        found.into_iter().map(|(word, texts)| (Reverse(texts), word)).collect();
    found.sort_unstable();
    found.truncate(MAX_TAKEN);
    found.into_iter().map(|(_, word)| word).collect()
}

/// What comes behind all words that begin so; none if nothing does.
fn after_all(beginning: &str) -> Option<Vec<u8>> {
    let mut end = beginning.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// How many typos lead from one word to the other; a swap is one.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (at, row) in rows.iter_mut().enumerate() {
        row[0] = at;
    }
    rows[0] = (0..=to.len()).collect();
    for at in 1..=from.len() {
        for to_at in 1..=to.len() {
            let other = usize::from(from[at - 1] != to[to_at - 1]);
            let mut least = (rows[at - 1][to_at] + 1).min(rows[at][to_at - 1] + 1).min(rows[at - 1][to_at - 1] + other);
            if at > 1 && to_at > 1 && from[at - 1] == to[to_at - 2] && from[at - 2] == to[to_at - 1] {
                least = least.min(rows[at - 2][to_at - 2] + 1);
            }
            rows[at][to_at] = least;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_words_forgive_more_typos_and_numbers_none() {
        let forgiven = ["gpt", "bert", "whisper", "sentiment", "20240101"].map(typos);
        assert_eq!(forgiven, [0, 1, 1, 2, 0]);
    }

    #[test]
    fn a_swap_is_one_typo() {
        for (from, to, typos) in
            [("iris", "iris", 0), ("iris", "irsi", 1), ("bert", "bart", 1), ("abc", "", 3), ("résumé", "resume", 2)]
        {
            assert_eq!(distance(from, to), typos, "{from} {to}");
        }
    }

    #[test]
    fn words_that_begin_alike_end_where_the_next_beginning_is() {
        assert_eq!(after_all("az"), Some(b"a{".to_vec()));
        assert_eq!(after_all(""), None);
    }
}
