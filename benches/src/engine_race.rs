//! The engine alone: calls that share runs beside calls that do not, and many models on one machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use engine::{Call, Engine, Failure, Model, Runners, RunnersConfig};
use tensor::Tensor;

use crate::load::Came;
use crate::opponents::sentence;
use crate::{Figure, call, child, idle, median, mlserver, neighbours, this};

#[derive(Debug, clap::Args)]
pub(crate) struct Race {
    /// The binary under test: its runners.
    #[arg(long)]
    modelhub: PathBuf,
    /// The ONNX Runtime library.
    #[arg(long)]
    library: PathBuf,
    /// The folder with scaler.onnx and others.
    #[arg(long)]
    pub(crate) fixtures: PathBuf,
    /// A sentence encoder: input_ids, attention_mask, token_type_ids.
    #[arg(long)]
    minilm: PathBuf,
    /// A model of a few megabytes: bytes INT32 [n, 2048].
    #[arg(long)]
    magika: PathBuf,
    /// Seconds each side runs in each round.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// How many models there are on one machine.
    #[arg(long, default_value_t = 2_000)]
    models: usize,
    /// Seconds that they are called for.
    #[arg(long, default_value_t = 120.0)]
    open: f64,
    /// How many models are published on one hub and stay idle.
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// MLServer, if there is one.
    #[arg(long, requires = "runtime")]
    mlserver: Option<PathBuf>,
    /// The folder with the runtime that has it run ONNX.
    #[arg(long)]
    runtime: Option<PathBuf>,
    /// One JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

const CALLERS: usize = 32;

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for figure in shared(race).await? {
            figure.print(race.json);
        }
        let (scaler, body) = (race.fixtures.join("scaler.onnx"), call::body_of("features"));
        let opponents = mlserver::Race {
            modelhub: &race.modelhub,
            library: &race.library,
            scaler: &scaler,
            minilm: &race.minilm,
            opponent: race.mlserver.as_deref().zip(race.runtime.as_deref()),
            seconds: race.seconds,
            rounds: race.rounds,
        };
        for figure in mlserver::race(&opponents).await? {
            figure.print(race.json);
        }
        for figure in neighbours::race(race).await? {
            figure.print(race.json);
        }
        for figure in many(race).await? {
            figure.print(race.json);
        }
        for figure in idle::idle(&race.modelhub, &race.library, &scaler, &body, race.idle).await? {
            figure.print(race.json);
        }
        Ok(())
    })
}

pub(crate) fn runners(race: &Race) -> Arc<Runners> {
    Arc::new(Runners::new(RunnersConfig::new(&race.modelhub, vec!["runner".into()], &race.library)))
}

pub(crate) fn model(number: u64, weights: &Path, batch_rows: u64) -> Model {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_le_bytes());
    Model { digest, weights: weights.to_owned(), batch_rows, remote: None }
}

pub(crate) fn features() -> Vec<Tensor> {
    vec![Tensor::fp32("features", &[1, 4], &[5.1, 3.5, 1.4, 0.2]).expect("a good tensor")]
}

async fn shared(race: &Race) -> anyhow::Result<Vec<Figure>> {
    let scaler = race.fixtures.join("scaler.onnx");
    let cases = [
        ("MiniLM, 8 tokens", &race.minilm, sentence(1, 8), Some(2.0), Some(8)),
        ("MiniLM, 30 tokens", &race.minilm, sentence(1, 30), None, Some(30)),
        ("3 µs model", &scaler, features(), None, None),
    ];
    let mut figures = Vec::new();
    for (name, weights, inputs, bar, tokens) in cases {
        let engine = runners(race);
        let [alone, together] = [model(1, weights, 1), model(2, weights, CALLERS as u64)];
        for model in [&alone, &together] {
            closed(&engine, model, &inputs, 1, 0.2).await?;
        }
        let mut came: Vec<[Came; 2]> = Vec::new();
        let mut bare = Vec::new();
        for round in 0..race.rounds {
            eprintln!("{name}: round {} of {}", round + 1, race.rounds);
            let one = closed(&engine, &alone, &inputs, CALLERS, race.seconds).await?;
            came.push([one, closed(&engine, &together, &inputs, CALLERS, race.seconds).await?]);
            if let Some(tokens) = tokens {
                let rows = CALLERS as u64;
                let many = alone_with(race, weights, rows, tokens)?.per_second * CALLERS as f64;
                bare.push(many / alone_with(race, weights, 1, tokens)?.per_second);
            }
        }
        let of = |take: &dyn Fn(&[Came; 2]) -> f64| median(came.iter().map(take).collect());
        let name = format!("{name}, {CALLERS} callers");
        figures.push(Figure::context(format!("{name}: each alone"), of(&|c| c[0].per_second), "calls/s"));
        figures.push(Figure::context(format!("{name}: sharing runs"), of(&|c| c[1].per_second), "calls/s"));
        let ratio = of(&|c| c[1].per_second / c[0].per_second);
        let name = format!("{name}: sharing runs / each alone");
        figures.push(match bar {
            Some(bar) => Figure::ratio(name, ratio, bar),
            None => Figure::context(name, ratio, "ratio"),
        });
        if let Some(tokens) = tokens {
            let (name, bare) = (format!("MiniLM, {tokens} tokens"), median(bare));
            let there = format!("{name}, the bare runtime: {CALLERS} in a run / one in a run");
            figures.push(Figure::context(there, bare, "ratio"));
            // What the runtime does not gain nobody can.
            figures.push(Figure::ratio(format!("{name}: gained by the hub / by the bare runtime"), ratio / bare, 0.9));
        }
    }
    Ok(figures)
}

/// The runtime without a hub: what sharing runs can bring at most.
fn alone_with(race: &Race, weights: &Path, rows: u64, tokens: u64) -> anyhow::Result<Came> {
    let mut command = Command::new(this()?);
    command.arg("session").arg("--model").arg(weights).arg("--library").arg(&race.library);
    command.arg("--seconds").arg(race.seconds.to_string());
    command.arg("--tokens").arg(tokens.to_string()).arg("--rows").arg(rows.to_string());
    child(command)
}

/// Callers that each ask, wait, and ask again.
async fn closed(
    engine: &Arc<Runners>,
    model: &Model,
    inputs: &[Tensor],
    callers: usize,
    seconds: f64,
) -> anyhow::Result<Came> {
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (engine, model, inputs) = (engine.clone(), model.clone(), inputs.to_vec());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let asked = Instant::now();
                    call(&engine, &model, inputs.clone(), caller as u8).await?;
                    times.push(asked.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Came::of(times, start.elapsed()))
}

async fn call(engine: &Runners, model: &Model, inputs: Vec<Tensor>, caller: u8) -> Result<bool, Failure> {
    let deadline = Instant::now() + Duration::from_secs(30);
    engine.run(model, Call { inputs, deadline, caller: [caller; 16] }).await.map(|ran| ran.cold)
}

/// Many models, called by a Zipf law of exponent 1, at half of what the machine can do, whether answers come or not.
async fn many(race: &Race) -> anyhow::Result<Vec<Figure>> {
    let scaler = race.fixtures.join("scaler.onnx");
    let bytes = vec![Tensor::new("bytes", tensor::DataType::Int32, vec![1, 2_048], vec![0; 4 * 2_048])?];
    // Nine of ten are small; the tenth has three megabytes.
    let all: Arc<Vec<(Model, Vec<Tensor>)>> = Arc::new(
        (0..race.models as u64)
            .map(|n| match n % 10 {
                9 => (model(n, &race.magika, 1), bytes.clone()),
                _ => (model(n, &scaler, 1), features()),
            })
            .collect(),
    );
    let weights: Vec<f64> = (1..=race.models).map(|rank| 1.0 / rank as f64).collect();
    let sums: Arc<Vec<f64>> = Arc::new(
        weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect(),
    );
    let engine = runners(race);
    let chance = Arc::new(AtomicU64::new(1));
    let pick = {
        let sums = sums.clone();
        move || {
            let total = sums.last().copied().unwrap_or(1.0);
            let at = random(&chance) * total;
            sums.partition_point(|sum| *sum < at).min(sums.len() - 1)
        }
    };
    eprintln!("{} models: what the machine can do", race.models);
    let capacity = {
        let until = Instant::now() + Duration::from_secs_f64(race.seconds.max(5.0) * 2.0);
        let start = Instant::now();
        let tasks: Vec<_> = (0..16_u8)
            .map(|caller| {
                let (engine, all, pick) = (engine.clone(), all.clone(), pick.clone());
                tokio::spawn(async move {
                    let mut calls = 0_u64;
                    while Instant::now() < until {
                        let (model, inputs) = &all[pick()];
                        call(&engine, model, inputs.clone(), caller).await?;
                        calls += 1;
                    }
                    anyhow::Ok(calls)
                })
            })
            .collect();
        let mut calls = 0;
        for task in tasks {
            calls += task.await??;
        }
        calls as f64 / start.elapsed().as_secs_f64()
    };
    let rate = capacity / 2.0;
    eprintln!("{} models: {rate:.0} calls/s for {} s", race.models, race.open);
    let (start, mut tasks, mut most) = (Instant::now(), Vec::new(), 0);
    for n in 0_u64.. {
        let due = Duration::from_secs_f64(n as f64 / rate);
        if due.as_secs_f64() > race.open {
            break;
        }
        tokio::time::sleep_until((start + due).into()).await;
        if n % (rate as u64).max(1) == 0 {
            most = most.max(held()?);
        }
        let (engine, all, at) = (engine.clone(), all.clone(), pick());
        tasks.push(tokio::spawn(async move {
            let (model, inputs) = &all[at];
            let asked = Instant::now();
            call(&engine, model, inputs.clone(), (n % 200) as u8).await.map(|cold| (cold, asked.elapsed()))
        }));
    }
    let (mut cold, mut warm, mut failed) = (Vec::new(), Vec::new(), 0);
    for task in tasks {
        match task.await? {
            Ok((true, took)) => cold.push(took),
            Ok((false, took)) => warm.push(took),
            Err(failure) => {
                eprintln!("a call failed: {failure}");
                failed += 1;
            }
        }
    }
    let calls = cold.len() + warm.len();
    let name = |what: &str| format!("{} models: {what}", race.models);
    let at = |times: &mut Vec<Duration>, share: f64| {
        times.sort_unstable();
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };
    let p95 = at(&mut cold, 0.95);
    Ok(vec![
        Figure::context(name("16 callers, as fast as they can"), capacity, "calls/s"),
        Figure::context(name("called at"), rate, "calls/s"),
        Figure {
            bar: Some(0.0),
            holds: Some(failed == 0),
            ..Figure::context(name("failed calls (at most)"), f64::from(failed), "calls")
        },
        Figure::context(name("cold calls"), cold.len() as f64 / calls.max(1) as f64 * 100.0, "%"),
        Figure::context(name("cold, p50"), at(&mut cold, 0.50), "ms"),
        Figure {
            bar: Some(150.0),
            holds: Some(p95 <= 150.0),
            ..Figure::context(name("cold, p95 (at most)"), p95, "ms")
        },
        Figure::context(name("warm, p50"), at(&mut warm, 0.50), "ms"),
        Figure::context(name("warm, p99"), at(&mut warm, 0.99), "ms"),
        Figure::context(name("memory of all runners together, most"), most as f64 / 1e6, "MB"),
    ])
}

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>, as a number from 0 to 1.
fn random(state: &AtomicU64) -> f64 {
    let mut word = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ (word >> 31)) as f64 / u64::MAX as f64
}

/// What this process's runners hold in memory.
fn held() -> anyhow::Result<u64> {
    let me = std::process::id().to_string();
    let mut bytes = 0;
    for process in fs::read_dir("/proc").context("/proc")?.flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The parent is the second word behind the name in brackets.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent == Some(&me) {
            let statm = fs::read_to_string(process.path().join("statm")).unwrap_or_default();
            bytes += statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096;
        }
    }
    Ok(bytes)
}
