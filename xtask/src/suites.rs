//! `cargo xtask test`: every test, with what they need in place first.

use std::fs;
use std::path::PathBuf;
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

/// In the order they run: what is quick to fail first. The suite of browsers finds its place here.
const SUITES: &[Suite] = &[Suite { name: "crates", run: crates }, Suite { name: "clients", run: clients }];

/// A program the tests start, and the Debian package it comes in.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("python3", &["--version"], "python3"),
    ("python3", &["-m", "pip", "--version"], "python3-pip"),
    // `venv` is there without its package, but makes no environment with pip then.
    ("python3", &["-c", "import ensurepip, venv"], "python3-venv"),
    ("git", &["--version"], "git"),
    ("cc", &["--version"], "gcc"),
];

/// What is in place.
struct Prepared {
    binary: PathBuf,
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
    let installed: Value = program::json(Command::new(&binary).args(["engine", "install", "--json"]))?;
    let library = installed["path"].as_str().context("engine install names the path")?.to_owned();
    Ok(Prepared { binary, library })
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

/// What `python -m unittest` ends with since Python 3.12 when a filter left no test.
const NO_TEST: i32 = 5;

/// The hub as others' libraries see it: `tests/clients`, in Python.
fn clients(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let mut test = Command::new(environment()?);
    test.current_dir(program::root()).args(["-B", "-m", "unittest", "discover", "-s", "tests/clients", "-p", "*.py"]);
    if let Some(filter) = filter {
        test.args(["-k", filter]);
    }
    test.env("MODELHUB", &prepared.binary).env("MODELHUB_ONNXRUNTIME", &prepared.library);
    let status = test.status().context("the clients' Python cannot be started")?;
    if !status.success() && (filter.is_none() || status.code() != Some(NO_TEST)) {
        bail!("python -m unittest ended with {status}");
    }
    Ok(())
}

/// Python with exactly the libraries that the clients' tests require: made once, and anew when these change.
fn environment() -> anyhow::Result<PathBuf> {
    let requirements = program::root().join("tests/clients/requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let folder = program::target()?.join("clients");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    // The Python it was made from may be gone since.
    let starts = program::output(Command::new(&python).arg("--version")).is_ok();
    if starts && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    // Removes the stamp with all the rest, so that what is half made is made again.
    program::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:"]);
    program::run(pip.arg("--requirement").arg(&requirements))?;
    fs::write(&stamp, &wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}
