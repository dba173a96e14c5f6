//! The index of models: how long searches with two facets take, how long it takes to open, and what one publish costs in
//! a full one beside an empty one.
//!
//! Absent on purpose: the store and HTTP. A publish does not wait for the index, so what is raced is when it is found.

use std::path::Path;
use std::time::Instant;

use search::generated::{self, Chance};
use search::{Change, Filters, Index, Kind, Query, Sort, State};

use crate::{Figure, median, scratch};

/// Models that are written in one go.
const STRETCH: u64 = 5_000;
/// Publishes that are timed.
const PUBLISHES: u64 = 40;

#[derive(Debug, clap::Args)]
pub(crate) struct Race {
    /// Models in the full index.
    #[arg(long, default_value_t = 20_000)]
    models: u64,
    #[arg(long, default_value_t = 2_000)]
    searches: u64,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let scratch = scratch()?;
    let (full, empty) = (scratch.path().join("full"), scratch.path().join("empty"));
    let begun = Instant::now();
    fill(&full, race.models)?;
    let (models, json) = (race.models, race.json);
    let print = |figure: Figure| figure.print(json);
    print(Figure::context(format!("{models} models are written"), begun.elapsed().as_secs_f64(), "s"));
    print(Figure::context("the index lies in", megabytes(&full)?, "MB"));

    let begun = Instant::now();
    let index = Index::open(&full)?;
    let count = index.count();
    anyhow::ensure!(count == models, "{count} models are in the index");
    print(Figure::most("the index is open", begun.elapsed().as_secs_f64(), "s", 5.0));

    for (name, words, bar) in [
        ("two facets alone", Words::None, true),
        ("two facets and a word", Words::One, true),
        ("two facets and a word with a typo", Words::Typo, true),
        ("two facets, a word and a beginning", Words::Two, true),
        ("two facets, cheapest first", Words::Cheap, true),
        ("a word alone", Words::Alone, false),
        ("all models with their facets", Words::All, false),
    ] {
        let searches = if bar { race.searches } else { race.searches / 10 };
        let mut times = timed(&index, searches.max(20), &words)?;
        times.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
        print(Figure::context(format!("{name}, p50"), at(0.50), "ms"));
        let p99 = format!("{name}, p99");
        print(if bar { Figure::most(p99, at(0.99), "ms", 20.0) } else { Figure::context(p99, at(0.99), "ms") });
    }

    let alone = Index::open(&empty)?;
    alone.write(&[], State { complete: true, ..State::default() })?;
    let (mut in_full, mut in_empty) = (Vec::new(), Vec::new());
    // In turn, so that both have the same disk.
    for number in 0..PUBLISHES {
        in_empty.push(publish(&alone, models + number)?);
        in_full.push(publish(&index, models + number)?);
    }
    let [in_full, in_empty] = [in_full, in_empty].map(median);
    print(Figure::context("a publish is found in an empty index after", in_empty, "ms"));
    print(Figure::context("a publish is found in the full one after", in_full, "ms"));
    print(Figure::ratio("empty to full", in_empty / in_full, 0.5));
    Ok(())
}

fn fill(folder: &Path, models: u64) -> anyhow::Result<()> {
    let index = Index::open(folder)?;
    let mut done = 0;
    while done < models {
        let more = STRETCH.min(models - done);
        let changes: Vec<Change> =
            (done..done + more).map(|number| Change::Put(Box::new(generated::model(number)))).collect();
        done += more;
        index.write(&changes, State { seq: done, at: None, reading: false, complete: true })?;
        if done % 100_000 == 0 {
            eprintln!("{done} of {models} models");
        }
    }
    Ok(index.gather()?)
}

fn megabytes(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64 / 1e6)
}

enum Words {
    None,
    One,
    Typo,
    Two,
    Cheap,
    Alone,
    All,
}

/// Milliseconds of each search.
fn timed(index: &Index, searches: u64, words: &Words) -> anyhow::Result<Vec<f64>> {
    let mut chance = Chance(42);
    let mut times = Vec::new();
    for number in 0..searches {
        let text = match words {
            Words::None | Words::Cheap | Words::All => String::new(),
            Words::One | Words::Alone => generated::word(chance.skewed(1_000)),
            Words::Typo => typo(&generated::word(chance.skewed(1_000)), &mut chance),
            Words::Two => {
                let beginning: String = generated::word(chance.skewed(1_000)).chars().take(3).collect();
                format!("{} {beginning}", generated::word(chance.skewed(200)))
            }
        };
        let of = match words {
            Words::Alone | Words::All => Vec::new(),
            _ => vec![
                (Kind::Task, generated::task(chance.below(12)).to_owned()),
                (Kind::Licence, generated::licence(chance.below(8)).to_owned()),
            ],
        };
        let sort = if matches!(words, Words::Cheap) { Sort::Price } else { Sort::Relevance };
        // Each is another search: nothing is answered from what was found before.
        let max_price = Some(u64::MAX - 1 - number);
        let filters = Filters { of, max_price, released: true, ..Filters::default() };
        let query = Query { text, filters, sort, limit: 20, facets: true, ..Query::default() };
        let begun = Instant::now();
        let found = index.find(&query)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(found.ids.len() <= 20, "a page is longer than was asked for");
    }
    Ok(times)
}

/// The same word with a letter changed behind the first.
fn typo(word: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = 1 + chance.below(letters.len().saturating_sub(1));
    if let Some(letter) = letters.get_mut(at) {
        *letter = 'z';
    }
    letters.into_iter().collect()
}

/// Milliseconds until one more model is found.
fn publish(index: &Index, number: u64) -> anyhow::Result<f64> {
    let change = Change::Put(Box::new(generated::model(number)));
    let state = State { seq: number, ..index.state() };
    let begun = Instant::now();
    index.write(&[change], state)?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
