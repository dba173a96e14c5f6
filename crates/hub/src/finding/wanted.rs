//! What is wanted: words that several accounts searched in vain, and that nothing answers by now either.
//!
//! Always: only accounts count, each once, so that nobody fills the board alone; words that look like an address or are a
//! text of their own stay off it, and so does what a search finds now.

use std::sync::Arc;

use ledger::Time;
use search::{Filters, Query};
use store::{MissedSearch, Searchers};

use super::{log::MISSED_MS, seen_by};
use crate::{Error, Hub};

/// How far back searches count.
pub const WANTED_DAYS: u64 = 30;
/// How many accounts have to have searched for it.
pub const WANTED_LEAST: u64 = 3;
/// How many are looked at, and how many of them are shown.
const LOOKED_AT: u64 = 100;
const SHOWN: usize = 50;
/// The longest words that are shown, in characters.
const MAX_WORDS: usize = 60;
/// A board is kept so long.
const KEPT_MS: i64 = 60_000;

/// The board, and when it was made.
pub(super) type Board = (Time, Arc<Vec<MissedSearch>>);

impl Hub {
    /// What several accounts searched in 30 days and did not find, the most wanted first; at most a minute old.
    pub async fn wanted(&self) -> Result<Arc<Vec<MissedSearch>>, Error> {
        // One makes it, the others wait for that.
        let mut board = self.0.searching.board.lock().await;
        let now = self.0.clock.now();
        if let Some((made, wanted)) = &*board
            && (made.0..made.plus_ms(KEPT_MS).0).contains(&now.0)
        {
            return Ok(Arc::clone(wanted));
        }
        let since = now.plus_ms(-MISSED_MS);
        let missed = self.0.catalog.missed_searches(Searchers::Accounts, since, WANTED_LEAST, LOOKED_AT).await?;
        let mut wanted = Vec::new();
        for missed in missed.into_iter().filter(|missed| fit_to_show(&missed.words)) {
            if wanted.len() == SHOWN {
                break;
            }
            if !self.finds_something(&missed.words).await? {
                wanted.push(missed);
            }
        }
        let wanted = Arc::new(wanted);
        *board = Some((now, Arc::clone(&wanted)));
        Ok(wanted)
    }

    /// Whether everybody finds something for these words. It may have been published since, or was kept out by a filter.
    async fn finds_something(&self, words: &str) -> Result<bool, Error> {
        let filters = Filters { released: true, ..Filters::default() };
        let query = Query { text: words.to_owned(), filters, limit: 1, seen: seen_by(None), ..Query::default() };
        let (found, complete) = self.find(&query).await?;
        // Of an index that is being made nobody can say what is missing.
        Ok(found.total > 0 || !complete)
    }
}

/// Whether strangers' words may stand on a page that everybody sees.
fn fit_to_show(words: &str) -> bool {
    let plain = |char: char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '+' | '\'' | '’' | ',');
    words.chars().count() <= MAX_WORDS && words.chars().all(plain) && words.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::fit_to_show;

    #[test]
    fn addresses_and_texts_stay_off_the_board() {
        let long = "a".repeat(61);
        for (words, shown) in [
            ("plum sorter", true),
            ("ocr 日本語", true),
            ("text-to-speech, c++", true),
            ("visit evil.example", false),
            ("https://evil.example", false),
            ("<b>bold</b>", false),
            ("me@mail", false),
            ("0123 456", false),
            (&long, false),
            ("", false),
        ] {
            assert_eq!(fit_to_show(words), shown, "{words}");
        }
    }
}
