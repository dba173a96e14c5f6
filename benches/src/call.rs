//! The race of the whole call.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::hub::{self, Hub};
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

const BODY: &str = r#"{"inputs":[{"name":"NAME","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}"#;

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(&race.modelhub, &race.library, folder.path())?;
    let scaler = published(&hub, race, folder.path(), "scaler", "features")?;
    let slow = published(&hub, race, folder.path(), "slow1ms", "x")?;
    let (_constant, constant) = hub::start(Command::new(this()?).arg("constant"))?;
    let constant = Target { address: constant, path: "/".to_owned(), body: scaler.body.clone(), key: None };

    // Once over everything, so that no side pays for being first.
    for target in [&scaler, &slow, &constant] {
        load(race.seconds, target, 64)?;
    }
    let slow_callers = 4;
    let mut sides: [Vec<Came>; 7] = Default::default();
    for round in 0..race.rounds {
        eprintln!("round {} of {}", round + 1, race.rounds);
        sides[0].push(session(race, "slow1ms")?);
        sides[1].push(load(race.seconds, &slow, slow_callers)?);
        sides[2].push(session(race, "scaler")?);
        sides[3].push(load(race.seconds, &scaler, 64)?);
        sides[4].push(load(race.seconds, &constant, 64)?);
        sides[5].push(load(race.seconds, &scaler, 1)?);
        sides[6].push(load(race.seconds, &constant, 1)?);
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

fn session(race: &Race, model: &str) -> anyhow::Result<Came> {
    let mut command = Command::new(this()?);
    command.arg("session").arg("--model").arg(race.fixtures.join(format!("{model}.onnx")));
    command.arg("--library").arg(&race.library).arg("--seconds").arg(race.seconds.to_string());
    child(command)
}

/// Where a load goes.
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) body: PathBuf,
    pub(crate) key: Option<String>,
}

pub(crate) fn load(seconds: f64, target: &Target, connections: usize) -> anyhow::Result<Came> {
    let mut command = Command::new(this()?);
    command.arg("load").arg("--address").arg(&target.address).arg("--path").arg(&target.path);
    command.arg("--body").arg(&target.body).arg("--connections").arg(connections.to_string());
    command.arg("--seconds").arg(seconds.to_string());
    if let Some(key) = &target.key {
        command.arg("--key").arg(key);
    }
    child(command)
}

/// Publishes a fixture and says how it is called.
fn published(hub: &Hub, race: &Race, folder: &Path, model: &str, input: &str) -> anyhow::Result<Target> {
    hub.publish(&race.fixtures.join(format!("{model}.onnx")), model)?;
    let body = folder.join(format!("{model}.json"));
    std::fs::write(&body, body_of(input))?;
    Ok(Target { address: hub.address().to_owned(), path: hub::path(model), body, key: Some(hub.bob.clone()) })
}

/// A call's body for a model whose one input has four numbers.
pub(crate) fn body_of(input: &str) -> String {
    BODY.replace("NAME", input)
}
