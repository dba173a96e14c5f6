//! `/metrics`: figures for the operator's monitoring, as OpenMetrics text.

use std::fmt;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hub::{Hub, Metrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use store::vitals::Counted;

use crate::extract::Caller;
use crate::problem::Refused;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`, with the operator's key.
pub(crate) async fn show(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Response, Refused> {
    let mut registry = Registry::with_prefix("modelhub");
    registry.register_collector(Box::new(Figures(hub.metrics(&caller).await?)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string grows");
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

#[derive(Debug)]
struct Figures(Metrics);

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Metrics { books, last, carried, running_holds, durable_holds, totals, classes, .. } = &self.0;
        let batch = books.batch.counted();
        histogram(&mut to, "books_batch_size", "Calls, transfers and holds that shared a commit", None, &batch)?;
        let help = "From taking a batch off the queue to telling its callers";
        histogram(&mut to, "books_commit", help, Some(&Unit::Seconds), &books.commit.counted())?;
        let help = "How long the disk took to say that a batch is safe";
        histogram(&mut to, "books_sync", help, Some(&Unit::Seconds), &books.sync.counted())?;

        let help = "Of the last syncs, the median and the 99th percentile";
        let mut family = to.encode_descriptor("books_recent_sync", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        if let Some((median, p99)) = books.recent_syncs() {
            family.encode_family(&[("quantile", "0.5")])?.encode_gauge(&median)?;
            family.encode_family(&[("quantile", "0.99")])?.encode_gauge(&p99)?;
        }
        let help = "1 if syncs seem to wait for a core and not for the disk";
        gauge(&mut to, "books_starved", help, u64::from(books.starved()))?;
        let help = "1 if the writer runs in the real-time class it asked for";
        gauge(&mut to, "books_real_time", help, u64::from(books.real_time()))?;
        gauge(&mut to, "books_queue", "What waits for the writer", books.queue())?;
        gauge(&mut to, "books_last_row", "The last row that is on the disk", *last)?;
        let help = "Rows that are not in the lists and sums yet";
        gauge(&mut to, "catalog_behind_rows", help, last.saturating_sub(*carried))?;

        let help = "Money that is set aside: by running calls, and durably";
        let mut family = to.encode_descriptor("holds_open", help, None, MetricType::Gauge)?;
        family.encode_family(&[("kind", "running")])?.encode_gauge(running_holds)?;
        family.encode_family(&[("kind", "durable")])?.encode_gauge(durable_holds)?;

        gauge(&mut to, "models", "Models with a release", totals.models)?;
        let mut family = to.encode_descriptor("calls", "Answered calls, by who paid", None, MetricType::Counter)?;
        for (class, calls, _) in classes {
            family.encode_family(&[("class", class.word())])?.encode_counter::<NoLabelSet, _, u64>(calls, None)?;
        }
        let help = "What answered calls cost, by who paid, in nano-OPG";
        let mut family = to.encode_descriptor("cost_nano_opg", help, None, MetricType::Counter)?;
        for (class, _, cost) in classes {
            let nano = cost.nano().unsigned_abs();
            family.encode_family(&[("class", class.word())])?.encode_counter::<NoLabelSet, _, u64>(&nano, None)?;
        }
        engine(&mut to, &self.0)?;
        checks(&mut to, &self.0)?;
        collection(&mut to, &self.0)
    }
}

fn engine(to: &mut DescriptorEncoder<'_>, Metrics { engine, .. }: &Metrics) -> fmt::Result {
    let Some(load) = engine else { return Ok(()) };
    gauge(to, "engine_models", "Models that are loaded", load.models)?;
    gauge(to, "engine_models_limit", "How many may be", load.max_models)?;
    gauge(to, "engine_memory_bytes", "What loaded models hold of memory", load.memory_bytes)?;
    let help = "What they may hold while they are idle";
    gauge(to, "engine_memory_limit_bytes", help, load.max_memory_bytes)?;
    gauge(to, "engine_waiting_calls", "Calls that wait for their model", load.waiting)
}

fn checks(
    to: &mut DescriptorEncoder<'_>,
    Metrics { checks, waiting_calls, dropped_calls, .. }: &Metrics,
) -> fmt::Result {
    let help = "What the hub compared by itself, by kind and by how it ended";
    let mut family = to.encode_descriptor("checks", help, None, MetricType::Counter)?;
    for (kind, counts) in checks {
        for (outcome, count) in [("agreed", counts.agreed), ("differed", counts.differed), ("failed", counts.failed)] {
            let labels = [("kind", kind.word()), ("outcome", outcome)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    gauge(to, "re_executions_waiting", "Calls that wait to be run again", *waiting_calls)?;
    let help = "Calls that were to be run again and found no place";
    to.encode_descriptor("re_executions_dropped", help, None, MetricType::Counter)?
        .encode_counter::<NoLabelSet, _, u64>(dropped_calls, None)
}

fn collection(
    to: &mut DescriptorEncoder<'_>,
    Metrics { collection, collection_held_off, .. }: &Metrics,
) -> fmt::Result {
    let sums = [
        ("collected_blobs", "Contents that nobody named and that were taken away", collection.blobs),
        ("collected_bytes", "Their bytes", collection.bytes),
    ];
    for (name, help, count) in sums {
        to.encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    gauge(to, "collection_waiting_blobs", "Contents that are about to be taken away", collection.waiting_blobs)?;
    gauge(to, "collection_waiting_bytes", "Their bytes", collection.waiting_bytes)?;
    let help = "1 if a backup or a look at the folder kept the last round from taking anything away";
    gauge(to, "collection_held_off", help, u64::from(*collection_held_off))
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

fn histogram(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    Counted { buckets, count, sum }: &Counted,
) -> fmt::Result {
    // Ours say how many lie at or below each edge, the encoder adds that up itself.
    let mut before = 0;
    let mut between: Vec<_> = buckets
        .iter()
        .map(|(edge, below)| {
            let more = below - before;
            before = *below;
            (*edge, more)
        })
        .collect();
    between.push((f64::INFINITY, count - before));
    to.encode_descriptor(name, help, unit, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(*sum, *count, &between, None)
}
