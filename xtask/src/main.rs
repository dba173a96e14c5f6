//! `cargo xtask`: what developers and CI run.
//!
//! Always: thin. It starts other programs and reads what they say; nothing of ours is compiled into it, so that it
//! builds in seconds and cannot disagree with the product. Progress goes to standard error, results to standard output.
//!
//! To add a suite to `cargo xtask test`: a line in `suites.rs`. To add a rule to `cargo xtask tidy`: a function there.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod bucket;
mod demo;
mod fuzz;
mod hub;
mod licences;
mod magika;
mod program;
mod suites;
mod tidy;

/// What developers and CI run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Bench),
    Demo(demo::Demo),
    Soak(bench::Soak),
    Test(suites::Test),
    Tidy(tidy::Tidy),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bench(bench) => bench.run(),
        Command::Demo(demo) => demo.run(),
        Command::Soak(soak) => soak.run(),
        Command::Test(test) => test.run(),
        Command::Tidy(tidy) => tidy.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line of progress.
fn say(line: &str) {
    // Whoever closed standard error does not want to read it.
    let _ = writeln!(io::stderr(), "{line}");
}
