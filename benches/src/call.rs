//! The race of the whole call.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::load::Came;
use crate::{Figure, child, median, this};

pub(crate) struct Race {
    pub(crate) modelhub: PathBuf,
    pub(crate) fixtures: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) json: bool,
}

/// A process that ends with this one.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const BODY: &str = r#"{"inputs":[{"name":"NAME","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}"#;

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(race, folder.path())?;
    let scaler = hub.publish(race, folder.path(), "scaler", "features")?;
    let slow = hub.publish(race, folder.path(), "slow1ms", "x")?;
    let (_constant, constant) = start(Command::new(this()?).arg("constant"))?;
    let constant = Target { address: constant, path: "/".to_owned(), body: scaler.body.clone(), key: None };

    // Once over everything, so that no side pays for being first.
    for target in [&scaler, &slow, &constant] {
        load(race, target, 64)?;
    }
    let slow_callers = 4;
    let mut sides: [Vec<Came>; 7] = Default::default();
    for round in 0..race.rounds {
        eprintln!("round {} of {}", round + 1, race.rounds);
        sides[0].push(session(race, "slow1ms")?);
        sides[1].push(load(race, &slow, slow_callers)?);
        sides[2].push(session(race, "scaler")?);
        sides[3].push(load(race, &scaler, 64)?);
        sides[4].push(load(race, &constant, 64)?);
        sides[5].push(load(race, &scaler, 1)?);
        sides[6].push(load(race, &constant, 1)?);
    }

    let speed = |side: usize| median(sides[side].iter().map(|c| c.per_second).collect());
    let ratio =
        |a: usize, b: usize| median(sides[a].iter().zip(&sides[b]).map(|(a, b)| a.per_second / b.per_second).collect());
    let p50 = |side: usize| median(sides[side].iter().map(|c| c.p50_us).collect());
    let p99 = |side: usize| median(sides[side].iter().map(|c| c.p99_us).collect());
    let mut figures = vec![
        Figure::context("1 ms model, bare session loop", speed(0), "calls/s"),
        Figure::context(format!("1 ms model, paid over HTTP, {slow_callers} connections"), speed(1), "calls/s"),
        Figure::context(format!("1 ms model, paid over HTTP, {slow_callers} connections, p99"), p99(1), "µs"),
        Figure::ratio("1 ms model: paid over HTTP / bare session loop", ratio(1, 0), 0.80),
        Figure::context("3 µs model, bare session loop", speed(2), "calls/s"),
        Figure::context("3 µs model, paid over HTTP, 64 connections", speed(3), "calls/s"),
        Figure::context("3 µs model: paid over HTTP / bare session loop", ratio(3, 2), "ratio"),
        Figure::context("constant axum answer, 64 connections", speed(4), "calls/s"),
        Figure::ratio("3 µs model, 64 connections: paid / constant answer", ratio(3, 4), 0.20),
        Figure::context("3 µs model, paid over HTTP, 1 connection, p50", p50(5), "µs"),
        Figure::context("constant axum answer, 1 connection, p50", p50(6), "µs"),
    ];
    let extra = p50(5) - p50(6);
    figures.push(Figure {
        bar: Some(1_000.0),
        holds: Some(extra <= 1_000.0),
        ..Figure::context("3 µs model, 1 connection: p50 above the constant answer (at most)", extra, "µs")
    });
    figures.iter().for_each(|figure| figure.print(race.json));
    drop(hub);
    Ok(())
}

/// Starts a server that prints its address as its first line.
fn start(command: &mut Command) -> anyhow::Result<(Running, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{command:?}"))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
    let running = Running(child);
    if line.trim().is_empty() {
        bail!("{command:?} ended before it answered");
    }
    Ok((running, line.trim().to_owned()))
}

fn session(race: &Race, model: &str) -> anyhow::Result<Came> {
    let mut command = Command::new(this()?);
    command.arg("session").arg("--model").arg(race.fixtures.join(format!("{model}.onnx")));
    command.arg("--library").arg(&race.library).arg("--seconds").arg(race.seconds.to_string());
    child(command)
}

struct Target {
    address: String,
    path: String,
    body: PathBuf,
    key: Option<String>,
}

fn load(race: &Race, target: &Target, connections: usize) -> anyhow::Result<Came> {
    let mut command = Command::new(this()?);
    command.arg("load").arg("--address").arg(&target.address).arg("--path").arg(&target.path);
    command.arg("--body").arg(&target.body).arg("--connections").arg(connections.to_string());
    command.arg("--seconds").arg(race.seconds.to_string());
    if let Some(key) = &target.key {
        command.arg("--key").arg(key);
    }
    child(command)
}

/// The hub under test, with an uploader and a caller who has money.
struct Hub {
    _running: Running,
    url: String,
    alice: String,
    bob: String,
}

impl Hub {
    fn start(race: &Race, folder: &Path) -> anyhow::Result<Hub> {
        let data = folder.join("hub");
        let mut serve = Command::new(&race.modelhub);
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let (running, line) = start(serve.env("MODELHUB_ONNXRUNTIME", &race.library).stderr(Stdio::null()))?;
        let url = text(&serde_json::from_str(&line)?, "url")?;
        let admin = |args: &[&str]| -> anyhow::Result<Value> {
            let mut command = Command::new(&race.modelhub);
            command.arg("admin").args(args).arg("--json").arg("--data").arg(&data);
            child(command)
        };
        let alice = text(&admin(&["account", "create", "alice"])?, "key")?;
        let bob = text(&admin(&["account", "create", "bob"])?, "key")?;
        admin(&["deposit", "bob", "1000000", "--reference", "bench"])?;
        Ok(Hub { _running: running, url, alice, bob })
    }

    fn publish(&self, race: &Race, folder: &Path, model: &str, input: &str) -> anyhow::Result<Target> {
        let mut command = Command::new(&race.modelhub);
        command.arg("publish").arg(race.fixtures.join(format!("{model}.onnx"))).arg(format!("alice/{model}"));
        command
            .args(["--price", "0.000001 OPG", "--json"])
            .env("MODELHUB_URL", &self.url)
            .env("MODELHUB_KEY", &self.alice);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("{model} was not published: {}", String::from_utf8_lossy(&output.stdout));
        }
        let body = folder.join(format!("{model}.json"));
        std::fs::write(&body, BODY.replace("NAME", input))?;
        let address = self.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Target { address, path: format!("/v2/models/alice/{model}/infer"), body, key: Some(self.bob.clone()) })
    }
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no \"{field}\" in {value}"))
}
