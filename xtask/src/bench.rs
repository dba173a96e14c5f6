//! `cargo xtask bench`: builds the races optimised and runs them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{program, say};

/// Measures: ratios in one run, beside the simplest thing that could do the same.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    race: Race,
}

#[derive(Debug, Subcommand)]
enum Race {
    /// A paid call over HTTP beside a bare session loop and a constant answer; the ledger beside a bare journal
    Call {
        /// One JSON object per line: name, value, unit, bar, holds
        #[arg(long)]
        json: bool,
        /// Seconds that each side runs in each round
        #[arg(long, default_value = "2")]
        seconds: String,
        #[arg(long, default_value = "5")]
        rounds: String,
    },
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Race::Call { json, seconds, rounds } = self.race;
        say("building in the release profile");
        let modelhub = release("modelhub", "modelhub")?;
        let race = release("benches", "race")?;
        let installed: Value = program::json(Command::new(&modelhub).args(["engine", "install", "--json"]))?;
        let library = installed["path"].as_str().context("engine install names the path")?;
        let mut command = Command::new(race);
        command.arg("call").arg("--modelhub").arg(modelhub).arg("--library").arg(library);
        command.arg("--fixtures").arg(program::root().join("crates/testkit/fixtures"));
        command.args(["--seconds", &seconds, "--rounds", &rounds]).args(json.then_some("--json"));
        // The figures are the result: they go to standard output.
        let status = command.stdout(Stdio::inherit()).status().context("the race does not start")?;
        if !status.success() {
            bail!("the race ended with {status}");
        }
        Ok(())
    }
}

/// Builds a program optimised and gives its path.
fn release(package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let mut build = program::cargo();
    build.args(["build", "--locked", "--release", "--package", package, "--bin", name]);
    build.arg("--message-format=json-render-diagnostics");
    let printed = program::output(&mut build)?;
    let executable = String::from_utf8_lossy(&printed)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.with_context(|| format!("cargo built no {name}"))
}
