//! Races: the hub beside the simplest thing that could do the same.
//!
//! Always: both sides run in this one run, in turn, on the same machine and in the same scheduling class, each in a
//! process of its own with the load generator in a third; what is printed was measured. A race whose opponent could
//! not run says so, and its bar does not hold.
//!
//! Absent on purpose: criterion. It times functions; these are processes that talk to each other.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod call;
mod journal;
mod ledger_race;
mod load;
mod opponents;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde::Serialize;

#[derive(Parser)]
#[command(about = "Races the hub against the simplest thing that could do the same")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A paid call over HTTP against a bare session loop and a constant answer; the ledger against a bare journal.
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
    },
    /// Load on one address.
    #[command(hide = true)]
    Load(load::Load),
    /// Callers on the books, or on a bare journal.
    #[command(hide = true)]
    Books {
        #[arg(long)]
        callers: usize,
        #[arg(long)]
        seconds: f64,
        /// The bare journal, with this many bytes a call.
        #[arg(long)]
        journal: Option<usize>,
    },
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
        println!("{:<64} {:>14.3} {:<8}{bar}", self.name, self.value, self.unit);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> anyhow::Result<()> {
    match Args::parse().what {
        What::Call { modelhub, fixtures, library, seconds, rounds, json } => {
            call::race(&call::Race { modelhub, fixtures, library, seconds, rounds, json })
        }
        What::Constant => opponents::constant(),
        What::Session { model, library, seconds } => {
            opponents::session(&model, &library, Duration::from_secs_f64(seconds))
        }
        What::Load(load) => load::run(&load),
        What::Books { callers, seconds, journal } => {
            ledger_race::run(callers, Duration::from_secs_f64(seconds), journal)
        }
    }
}
