//! The hub with its own runners beside MLServer with the ten lines that have it run ONNX: the same models, the same
//! bodies, the same load.
//!
//! MLServer runs without workers of its own: with them each call makes one more hop there.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::call::{Target, body_of, load};
use crate::hub::{self, Hub, Running};
use crate::load::{Came, once, request};
use crate::{Figure, median};

/// What is raced, and against what.
pub(crate) struct Race<'a> {
    pub(crate) modelhub: &'a Path,
    pub(crate) library: &'a Path,
    /// The 3 µs model.
    pub(crate) scaler: &'a Path,
    pub(crate) minilm: &'a Path,
    /// MLServer, and the folder with its `runtime.py`.
    pub(crate) opponent: Option<(&'a Path, &'a Path)>,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
}

/// A model, and by how much the hub has to be faster.
struct Case {
    name: &'static str,
    word: &'static str,
    body: String,
    connections: usize,
    bar: f64,
}

/// How long MLServer may take to start.
const START: Duration = Duration::from_secs(60);

pub(crate) async fn race(race: &Race<'_>) -> anyhow::Result<Vec<Figure>> {
    let tokens = |name: &str, number: u64| json!({ "name": name, "shape": [1, 8], "datatype": "INT64", "data": vec![number; 8] });
    let inputs = [tokens("input_ids", 2_023), tokens("attention_mask", 1), tokens("token_type_ids", 0)];
    let cases = [
        Case {
            name: "MiniLM, 8 tokens, 32 connections",
            word: "minilm",
            body: json!({ "inputs": inputs }).to_string(),
            connections: 32,
            bar: 1.2,
        },
        Case {
            name: "3 µs model, 32 connections",
            word: "scaler",
            body: body_of("features"),
            connections: 32,
            bar: 5.0,
        },
    ];
    let ratio = |case: &Case| format!("{}: paid by the hub / mlserver", case.name);
    let missing = match race.opponent {
        None => "there is no mlserver".to_owned(),
        Some((program, runtime)) => match sides(race, &cases, program, runtime).await {
            Ok(figures) => return Ok(figures),
            Err(error) => format!("{error:#}"),
        },
    };
    eprintln!("mlserver could not run: {missing}");
    let lost = |case: &Case| Figure {
        holds: Some(false),
        note: Some(format!("mlserver could not run: {missing}")),
        ..Figure::ratio(ratio(case), f64::NAN, case.bar)
    };
    Ok(cases.iter().map(lost).collect())
}

async fn sides(race: &Race<'_>, cases: &[Case], program: &Path, runtime: &Path) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let weights = |word: &str| if word == "minilm" { race.minilm } else { race.scaler };
    let hub = Hub::start(race.modelhub, race.library, folder.path())?;
    let (_mlserver, address) = mlserver(program, runtime, folder.path(), cases, &weights).await?;
    let mut figures = Vec::new();
    for case in cases {
        let Case { name, word, connections, .. } = case;
        let body = folder.path().join(format!("{word}.json"));
        fs::write(&body, &case.body)?;
        publish(&hub, weights(word), folder.path(), word)?;
        let ours = Target {
            address: hub.address().to_owned(),
            path: hub::path(word),
            body: body.clone(),
            key: Some(hub.bob.clone()),
        };
        let theirs = Target { address: address.clone(), path: format!("/v2/models/{word}/infer"), body, key: None };
        // Once over both, so that no side pays for being first.
        for side in [&ours, &theirs] {
            load(race.seconds.min(1.0), side, *connections)?;
        }
        let mut came: Vec<[Came; 2]> = Vec::new();
        for round in 0..race.rounds {
            eprintln!("{name}, beside mlserver: round {} of {}", round + 1, race.rounds);
            let one = load(race.seconds, &ours, *connections)?;
            came.push([one, load(race.seconds, &theirs, *connections)?]);
        }
        let of = |take: &dyn Fn(&[Came; 2]) -> f64| median(came.iter().map(take).collect());
        figures.push(Figure::context(format!("{name}: paid by the hub"), of(&|c| c[0].per_second), "calls/s"));
        figures.push(Figure::context(format!("{name}: mlserver"), of(&|c| c[1].per_second), "calls/s"));
        let ratio = of(&|c| c[0].per_second / c[1].per_second);
        figures.push(Figure::ratio(format!("{name}: paid by the hub / mlserver"), ratio, case.bar));
    }
    Ok(figures)
}

/// Calls of both models may share runs on the hub: that is what it has over a loop around a session.
fn publish(hub: &Hub, weights: &Path, folder: &Path, word: &str) -> anyhow::Result<()> {
    let folder = folder.join(word);
    fs::create_dir(&folder)?;
    fs::copy(weights, folder.join("model.onnx"))?;
    fs::write(folder.join("README.md"), "---\nmodelhub: { batch: 32 }\n---\n")?;
    hub.publish(&folder, word)
}

/// Starts MLServer with all models, and waits until it answers.
async fn mlserver<'a>(
    program: &Path,
    runtime: &Path,
    folder: &Path,
    cases: &[Case],
    weights: &impl Fn(&str) -> &'a Path,
) -> anyhow::Result<(Running, String)> {
    let folder = folder.join("mlserver");
    let [http, grpc, metrics] = free_ports()?;
    for case in cases {
        let model = folder.join(case.word);
        fs::create_dir_all(&model)?;
        let uri: PathBuf = fs::canonicalize(weights(case.word))?;
        let settings =
            json!({ "name": case.word, "implementation": "runtime.OnnxRuntime", "parameters": { "uri": uri } });
        fs::write(model.join("model-settings.json"), settings.to_string())?;
    }
    let settings = json!({
        "host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0,
        "debug": false,
    });
    fs::write(folder.join("settings.json"), settings.to_string())?;
    let mut command = Command::new(program);
    command.arg("start").arg(&folder).env("PYTHONPATH", runtime).env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running::of(command.spawn().with_context(|| program.display().to_string())?);
    let address = format!("127.0.0.1:{http}");
    let since = Instant::now();
    for case in cases {
        let asked = request(&address, &format!("/v2/models/{}/infer", case.word), None, case.body.as_bytes());
        while let Err(error) = once(&address, &asked).await {
            if since.elapsed() > START {
                bail!("{}: no answer within {START:?}: {error:#}", case.word);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok((running, address))
}

/// Ports that nobody listens at now.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let listening = [listen()?, listen()?, listen()?];
    let port = |listener: &TcpListener| anyhow::Ok(listener.local_addr()?.port());
    Ok([port(&listening[0])?, port(&listening[1])?, port(&listening[2])?])
}
