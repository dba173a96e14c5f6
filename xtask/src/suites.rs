//! `cargo xtask test`: every test, with what they need in place first.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::{program, say};

/// Runs the tests: those of the crates, then those of the whole product.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only tests whose name has this in it
    filter: Option<String>,
}

/// One kind of tests.
struct Suite {
    name: &'static str,
    run: fn(&Prepared, Option<&str>) -> anyhow::Result<()>,
}

/// In the order they run: what is quick to fail first. The suites of clients and browsers find their place here.
const SUITES: &[Suite] = &[Suite { name: "crates", run: crates }];

/// A program the tests start, and the Debian package it comes in.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("python3", &["--version"], "python3"),
    ("python3", &["-m", "pip", "--version"], "python3-pip"),
    ("git", &["--version"], "git"),
    ("cc", &["--version"], "gcc"),
];

/// What is in place.
struct Prepared {
    /// ONNX Runtime's library.
    library: String,
}

impl Test {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        programs()?;
        let prepared = prepare()?;
        for suite in SUITES {
            say(&format!("suite {}", suite.name));
            (suite.run)(&prepared, self.filter.as_deref()).with_context(|| format!("suite {}", suite.name))?;
        }
        Ok(())
    }
}

/// Installs what is missing, or names the command that does.
fn programs() -> anyhow::Result<()> {
    let there = |(program, args, _): &&(&str, &[&str], &str)| {
        let mut command = Command::new(program);
        let status = command.args(*args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let missing: Vec<&str> = PROGRAMS.iter().filter(|row| !there(row)).map(|(_, _, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let root = program::output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim_ascii() == b"0");
    if !root {
        bail!("the tests need {}: sudo {install}", missing.join(", "));
    }
    say(&install);
    program::run(Command::new("apt-get").args(["update", "-q"]))?;
    program::run(Command::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(&missing))
}

fn prepare() -> anyhow::Result<Prepared> {
    let binary = program::build()?;
    let installed: Value = program::json(Command::new(binary).args(["engine", "install", "--json"]))?;
    let library = installed["path"].as_str().context("engine install names the path")?.to_owned();
    Ok(Prepared { library })
}

fn crates(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let mut test = program::cargo();
    test.args(["test", "--locked", "--profile", "ci", "--workspace"]).args(filter);
    test.env("MODELHUB_ONNXRUNTIME", &prepared.library);
    // Nobody's login or hub gets in the way.
    for name in ["MODELHUB_URL", "MODELHUB_KEY", "MODELHUB_DATA", "MODELHUB_LISTEN"] {
        test.env_remove(name);
    }
    program::run(&mut test)
}
