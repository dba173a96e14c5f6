//! A hub with many models in its store: how soon it answers after a start, and what one more publish takes beside the same
//! in an empty hub.
//!
//! The store is filled through its own interface, a transaction a model, as publishes would write it. The models share one
//! file, so that it is the rows that are many.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use store::{Catalog, Clock, SqliteCatalog, System};

use crate::hub::Hub;
use crate::web_race::{CARD, Web, models};
use crate::{Figure, median, scratch};

#[derive(Debug, clap::Args)]
pub(crate) struct Race {
    /// The binary under test.
    #[arg(long)]
    modelhub: PathBuf,
    /// The ONNX Runtime library.
    #[arg(long)]
    library: PathBuf,
    /// The folder with scaler.onnx.
    #[arg(long)]
    fixtures: PathBuf,
    #[arg(long, default_value_t = 20_000)]
    models: u64,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Publishes that are timed on each side.
const PUBLISHES: u64 = 9;
/// The slowest that a start may be.
const MOST_START_S: f64 = 5.0;
/// How much slower a publish may be than in an empty hub.
const LEAST: f64 = 0.5;
/// How long the index may take to be made anew.
const PATIENCE: Duration = Duration::from_secs(7_200);

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let print = |figure: Figure| figure.print(race.json);
    let (full, empty) = (scratch()?, scratch()?);
    let model = full.path().join("model");
    std::fs::create_dir(&model)?;
    std::fs::copy(race.fixtures.join("scaler.onnx"), model.join("model.onnx"))?;
    std::fs::write(model.join("README.md"), CARD)?;
    let hub = Hub::start(&race.modelhub, &race.library, full.path())?;
    hub.publish(&model, "base")?;
    let alice = hub.alice().to_owned();
    drop(hub);
    let begun = Instant::now();
    let data = full.path().join("hub");
    fill(race.models, &data)?;
    // They are all alice's, and she is to have one more.
    std::fs::write(data.join("modelhub.toml"), format!("quota_models = {}\n", race.models * 2))?;
    print(Figure::context(format!("{} models are written", race.models), begun.elapsed().as_secs_f64(), "s"));

    let start = || -> anyhow::Result<(Hub, f64)> {
        let begun = Instant::now();
        let hub = Hub::over(&race.modelhub, &race.library, full.path(), &alice)?;
        let mut web = Web::plain(&hub)?;
        let shown: Value = serde_json::from_slice(&web.get("/v2/models/alice/base", None)?)?;
        ensure!(shown["name"] == "alice/base", "{shown}");
        Ok((hub, begun.elapsed().as_secs_f64()))
    };
    let (hub, seconds) = start()?;
    print(Figure::most("the hub answers, its index still to be made, after", seconds, "s", MOST_START_S));
    let begun = Instant::now();
    complete(&hub, race.models + 1)?;
    print(Figure::context("all models are found after", begun.elapsed().as_secs_f64(), "s"));
    drop(hub);
    let (hub, seconds) = start()?;
    print(Figure::most("the hub answers, its index there, after", seconds, "s", MOST_START_S));

    let alone = Hub::start(&race.modelhub, &race.library, empty.path())?;
    let (mut in_full, mut in_empty) = (Vec::new(), Vec::new());
    // In turn, so that both have the same machine.
    for number in 0..PUBLISHES {
        in_empty.push(publish(&alone, &model, number)?);
        in_full.push(publish(&hub, &model, number)?);
    }
    let [in_full, in_empty] = [in_full, in_empty].map(median);
    print(Figure::context("a publish in an empty hub", in_empty, "ms"));
    print(Figure::context("a publish in the full one", in_full, "ms"));
    print(Figure::ratio("empty to full", in_empty / in_full, LEAST));
    print(Figure::context("the full hub's memory, at most", hub.peak_resident_bytes()? as f64 / 1e6, "MB"));
    Ok(())
}

fn fill(count: u64, data: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(System);
        let catalog = SqliteCatalog::open(data)?;
        let base = catalog.releases(&"alice/base".parse()?, 1).await?.pop().context("alice/base is there")?;
        models(count, &catalog, &base, clock.now()).await?;
        Ok(())
    })
}

/// Waits until every model is found.
fn complete(hub: &Hub, count: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut web = Web::plain(hub)?;
        let found: Value = serde_json::from_slice(&web.get("/api/v1/search?limit=1", None)?)?;
        if found["complete"] == true && found["total"].as_u64() == Some(count) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "the hub does not find all of it within {PATIENCE:?}: {found}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Milliseconds of one publish, command and all.
fn publish(hub: &Hub, model: &Path, number: u64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    hub.publish(model, &format!("more-{number}"))?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
