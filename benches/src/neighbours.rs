//! What hostile models cost their neighbours, beside what as many honest busy ones cost them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Call, Engine, Model, Runners};
use tensor::{DataType, Tensor};

use crate::engine_race::{Race, features, model, runners};
use crate::{Figure, median};

/// Models that are called at a quiet rate, and measured.
const QUIET: u64 = 8;
/// Calls of all of them together in a second.
const RATE: f64 = 200.0;
/// Models beside them, each with so many callers that never pause.
const BUSY: u64 = 4;
const CALLERS: u8 = 2;
/// What the hub gives a call at most is longer; a short one ends more runners in a second, which is worse for the others.
const DEADLINE: Duration = Duration::from_secs(1);

/// Who is beside the quiet ones.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Nobody,
    /// Models that compute a millisecond for each call.
    Honest,
    /// Half of them never end, half take all the memory they can get.
    Hostile,
}

/// Models with what each of their calls is given.
type Calls = Vec<(Model, Vec<Tensor>)>;

pub(crate) async fn race(race: &Race) -> anyhow::Result<Vec<Figure>> {
    let engine = runners(race);
    let scaler = race.fixtures.join("scaler.onnx");
    let quiet: Arc<Calls> = Arc::new((0..QUIET).map(|n| (model(n, &scaler, 1), features())).collect());
    let mut came: Vec<[f64; 3]> = Vec::new();
    let mut died = 0;
    for round in 0..race.rounds {
        eprintln!("hostile neighbours: round {} of {}", round + 1, race.rounds);
        let mut p99 = [0.0; 3];
        for (at, beside) in [Beside::Nobody, Beside::Honest, Beside::Hostile].into_iter().enumerate() {
            let busy = neighbours(&race.fixtures, beside)?;
            let (took, ended) = side(&engine, &quiet, busy, race.seconds.max(3.0)).await?;
            p99[at] = took;
            if matches!(beside, Beside::Hostile) {
                died += ended;
            }
        }
        came.push(p99);
    }
    let of = |take: &dyn Fn(&[f64; 3]) -> f64| median(came.iter().map(take).collect());
    let name = |what: &str| format!("{QUIET} quiet models at {RATE} calls/s: p99 {what}");
    let ratio = of(&|p99| p99[2] / p99[1]);
    Ok(vec![
        Figure::context(name("alone"), of(&|p99| p99[0]), "ms"),
        Figure::context(name(&format!("beside {BUSY} honest busy models")), of(&|p99| p99[1]), "ms"),
        Figure::context(name(&format!("beside {BUSY} hostile models")), of(&|p99| p99[2]), "ms"),
        Figure {
            bar: Some(2.0),
            // A neighbour that did no harm to anything is not what this is about.
            holds: Some(ratio <= 2.0 && died > 0),
            ..Figure::context(name("hostile / honest (at most)"), ratio, "ratio")
        },
        Figure::context("hostile calls that were ended".to_owned(), f64::from(died), "calls"),
    ])
}

fn neighbours(fixtures: &Path, beside: Beside) -> anyhow::Result<Calls> {
    let whole = |name: &str, number: i64| Tensor::int64(name, &[1], &[number]);
    (0..BUSY)
        .filter(|_| !matches!(beside, Beside::Nobody))
        .map(|n| {
            Ok(match (beside, n % 2) {
                (Beside::Hostile, 0) => {
                    (model(200 + n, &fixtures.join("loop.onnx"), 1), vec![whole("count", i64::MAX)?])
                }
                (Beside::Hostile, _) => {
                    (model(200 + n, &fixtures.join("grow.onnx"), 1), vec![whole("sizes", 10_000_000_000)?])
                }
                _ => {
                    let x = Tensor::new("x", DataType::Fp32, vec![1, 4], vec![0; 16])?;
                    (model(100 + n, &fixtures.join("slow1ms.onnx"), 1), vec![x])
                }
            })
        })
        .collect()
}

/// The 99th percentile of the quiet models' calls in milliseconds, and how many calls of the others failed.
async fn side(engine: &Arc<Runners>, quiet: &Arc<Calls>, busy: Calls, seconds: f64) -> anyhow::Result<(f64, u32)> {
    for (model, inputs) in quiet.iter().chain(&busy) {
        // Loaded before anything is measured; what is hostile fails here already.
        let _ = call(engine, model, inputs, 0).await;
    }
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(seconds);
    let mut others = Vec::new();
    for (n, (model, inputs)) in busy.into_iter().enumerate() {
        for caller in 0..CALLERS {
            let (engine, model, inputs) = (engine.clone(), model.clone(), inputs.clone());
            others.push(tokio::spawn(async move {
                let mut failed = 0;
                while Instant::now() < until {
                    failed += u32::from(!call(&engine, &model, &inputs, 100 + n as u8 * CALLERS + caller).await);
                }
                failed
            }));
        }
    }
    let mut asked = Vec::new();
    for n in 0_usize.. {
        let due = Duration::from_secs_f64(n as f64 / RATE);
        if due.as_secs_f64() >= seconds {
            break;
        }
        tokio::time::sleep_until((start + due).into()).await;
        let (engine, quiet) = (engine.clone(), quiet.clone());
        asked.push(tokio::spawn(async move {
            let (model, inputs) = &quiet[n % quiet.len()];
            let began = Instant::now();
            let answered = call(&engine, model, inputs, 1).await;
            (answered, began.elapsed())
        }));
    }
    let mut times = Vec::with_capacity(asked.len());
    for one in asked {
        let (answered, took) = one.await?;
        anyhow::ensure!(answered, "a quiet model's call failed");
        times.push(took);
    }
    let mut failed = 0;
    for other in others {
        failed += other.await?;
    }
    times.sort_unstable();
    let place = (times.len() * 99 / 100).min(times.len().saturating_sub(1));
    Ok((times.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0), failed))
}

async fn call(engine: &Runners, model: &Model, inputs: &[Tensor], caller: u8) -> bool {
    let call = Call { inputs: inputs.to_vec(), deadline: Instant::now() + DEADLINE, caller: [caller; 16] };
    engine.run(model, call).await.is_ok()
}
