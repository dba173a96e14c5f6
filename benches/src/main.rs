//! Races: the hub beside the simplest thing that could do the same.
//!
//! Always: both sides run in this one run, in turn, on the same machine and in the same scheduling class, each in a
//! process of its own with the load generator in a third; what is printed was measured. A race whose opponent could
//! not run says so, and its bar does not hold.
//!
//! Absent on purpose: criterion. It times functions; these are processes that talk to each other.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod call;
mod engine_race;
mod hub;
mod idle;
mod journal;
mod ledger_race;
mod load;
mod mlserver;
mod neighbours;
mod normalised;
mod opponents;
mod registry_race;
mod reopen;
mod search_race;
mod store_race;
mod web_race;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The one of the binary that is raced.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Races the hub against the simplest thing that could do the same")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A paid call over HTTP against a bare session loop and a constant answer.
    Call {
        /// The binary under test.
        #[arg(long)]
        modelhub: PathBuf,
        /// The folder with scaler.onnx and slow1ms.onnx.
        #[arg(long)]
        fixtures: PathBuf,
        /// The ONNX Runtime library.
        #[arg(long)]
        library: PathBuf,
        /// Seconds each side runs in each round.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// The engine alone: calls that share runs against calls that do not; many models on one machine.
    Engine(engine_race::Race),
    /// The ledger alone, its projector running, against a bare journal and against a normalised schema; and opening it
    /// again.
    Ledger {
        /// Seconds each side runs in each round.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Calls in the books that are opened again, all of one day.
        #[arg(long, default_value_t = 1_000_000)]
        calls: u64,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// A large file published against `cp` and `sha256sum`, and downloaded against nginx.
    Registry(registry_race::Race),
    /// The index of models: searches with two facets, opening it, one publish in a full one beside an empty one.
    Search(search_race::Race),
    /// A hub with many models in its store: its start, and one more publish.
    Store(store_race::Race),
    /// Pages of a hub with many models and calls.
    Web(web_race::Race),
    /// Ten times the calls, spread over 30 days, opened again beside those of one day.
    Reopen {
        #[arg(long, default_value_t = 1_000_000)]
        calls: u64,
        #[arg(long, default_value_t = 10_000_000)]
        many: u64,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// An HTTP server that answers every POST with the same bytes.
    #[command(hide = true)]
    Constant,
    /// A bare session loop.
    #[command(hide = true)]
    Session {
        #[arg(long)]
        model: PathBuf,
        #[arg(long)]
        library: PathBuf,
        #[arg(long)]
        seconds: f64,
        /// For a sentence encoder: how many tokens a sentence has.
        #[arg(long)]
        tokens: Option<u64>,
        /// How many sentences it is given in one run.
        #[arg(long, default_value_t = 1)]
        rows: u64,
    },
    /// Load on one address.
    #[command(hide = true)]
    Load(load::Load),
    /// Callers on the books, or on one of their opponents.
    #[command(hide = true)]
    Books(ledger_race::Run),
    /// Books with many calls, left as `kill -9` leaves them.
    #[command(hide = true)]
    Fill(reopen::Fill),
    /// Opens books and says how long that took.
    #[command(hide = true)]
    Open { folder: PathBuf },
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What it has to reach; none for context.
    bar: Option<f64>,
    holds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Figure {
    fn context(name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
        Figure { name: name.into(), value, unit, bar: None, holds: None, note: None }
    }

    fn ratio(name: impl Into<String>, value: f64, bar: f64) -> Figure {
        Figure { name: name.into(), value, unit: "ratio", bar: Some(bar), holds: Some(value >= bar), note: None }
    }

    fn most(name: impl Into<String>, value: f64, unit: &'static str, bar: f64) -> Figure {
        Figure { name: name.into(), value, unit, bar: Some(bar), holds: Some(value <= bar), note: None }
    }

    fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string(self).expect("plain data"));
            return;
        }
        let bar = match (self.bar, self.holds) {
            (Some(bar), Some(true)) => format!("  bar {bar}: holds"),
            (Some(bar), _) => format!("  bar {bar}: does not hold"),
            _ => String::new(),
        };
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        println!("{:<64} {:>14.3} {:<8}{bar}{note}", self.name, self.value, self.unit);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn this() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("where this program lies")
}

/// A folder that is gone when it is dropped. Beside this program, because a temporary folder may lie in memory.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    let this = this()?;
    Ok(tempfile::tempdir_in(this.parent().context("a program lies in a folder")?)?)
}

/// Runs a program that prints one JSON document.
fn child<T: DeserializeOwned>(mut command: Command) -> anyhow::Result<T> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{command:?} printed {}", String::from_utf8_lossy(&output.stdout)))
}

fn main() -> anyhow::Result<()> {
    match Args::parse().what {
        What::Call { modelhub, fixtures, library, seconds, rounds, json } => {
            call::race(&call::Race { modelhub, fixtures, library, seconds, rounds, json })
        }
        What::Constant => opponents::constant(),
        What::Session { model, library, seconds, tokens, rows } => {
            opponents::session(&model, &library, Duration::from_secs_f64(seconds), tokens.map(|tokens| (rows, tokens)))
        }
        What::Load(load) => load::run(&load),
        What::Engine(race) => engine_race::race(&race),
        What::Registry(race) => {
            registry_race::race(&race)?.iter().for_each(|figure| figure.print(race.json));
            Ok(())
        }
        What::Ledger { seconds, rounds, calls, json } => {
            ledger_race::race(seconds, rounds)?.iter().for_each(|figure| figure.print(json));
            reopen::race(calls, None)?.iter().for_each(|figure| figure.print(json));
            Ok(())
        }
        What::Store(race) => store_race::race(&race),
        What::Search(race) => search_race::race(&race),
        What::Web(race) => web_race::race(&race),
        What::Reopen { calls, many, json } => {
            reopen::race(calls, Some(many))?.iter().for_each(|figure| figure.print(json));
            Ok(())
        }
        What::Books(run) => ledger_race::run(&run),
        What::Fill(fill) => reopen::fill(&fill),
        What::Open { folder } => reopen::open(&folder),
    }
}
