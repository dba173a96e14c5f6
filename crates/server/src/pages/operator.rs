//! `/operator` and `/status`: how the hub fares.

use axum::extract::State;
use axum::response::Response;
use hub::Hub;

use super::account::Viewer;
use crate::extract::AnyCaller;
use crate::problem::Refused;

/// `GET /operator`
pub(crate) async fn operator(State(hub): State<Hub>, Viewer(caller): Viewer) -> Result<Response, Refused> {
    let figures = hub.metrics(&caller).await?;
    let open = hub.open_reports(&caller).await?;
    let settings = hub.settings();
    let number = |value: u64| value.to_string();
    let ms = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |s| format!("{:.2}", s * 1_000.0));
    let syncs = figures.books.recent_syncs();
    let (p50, p99) = (syncs.map(|(p50, _)| p50), syncs.map(|(_, p99)| p99));
    let (collected, bytes) = (figures.collection.blobs, figures.collection.bytes);
    let mut topics = vec![
        web::Topic {
            title: "Models",
            lines: vec![
                ("Listed", number(figures.totals.models), None, "Models with a release that everybody may see."),
                ("Paid calls", number(figures.totals.calls.paid_calls), None, "Answered, of class paid."),
                (
                    "Creators earned",
                    figures.totals.calls.creators_earned.to_string(),
                    Some("OPG"),
                    "From paid calls, since the hub began.",
                ),
            ],
        },
        web::Topic {
            title: "Books",
            lines: vec![
                ("Rows", number(figures.last), None, "Calls and movements that are on the disk."),
                (
                    "Behind",
                    number(figures.last.saturating_sub(figures.carried)),
                    Some("rows"),
                    "Not yet in statements and on pages.",
                ),
                ("Sync, p50", ms(p50), Some("ms"), "Of the last thousand: what every paid call waits for."),
                ("Sync, p99", ms(p99), Some("ms"), "A slow disk, or one that is shared, shows here first."),
                ("Running", number(figures.running_holds), Some("holds"), "Calls that run now."),
                ("Set aside", number(figures.durable_holds), Some("holds"), "Payouts on their way."),
            ],
        },
        web::Topic {
            title: "Checks and storage",
            lines: vec![
                ("Waiting", number(figures.waiting_calls), Some("calls"), "To be run again and compared."),
                ("Dropped", number(figures.dropped_calls), Some("calls"), "That found no place since the start."),
                ("Collected", number(collected), Some("blobs"), "Bytes that nobody named, taken away."),
                ("Collected bytes", number(bytes), Some("B"), "Room that came back."),
            ],
        },
    ];
    if let Some(load) = figures.engine {
        topics.insert(1, engine(load));
    }
    let missed = hub.missed_searches(&caller).await?;
    let classes = figures.classes.iter().map(|(class, calls, cost)| (class.to_string(), *calls, cost.to_string()));
    Ok(super::html(web::operator(&web::Operator {
        chrome: super::chrome_for(&hub, Some(&caller)),
        health: health(&hub).await,
        open_reports: open,
        topics,
        fee: settings.fee.to_string(),
        rate: settings.rate.map(|rate| rate.to_string()),
        missed: missed.into_iter().map(|missed| (missed.words, missed.times, missed.last.to_string())).collect(),
        classes: classes.collect(),
    })))
}

fn engine(load: engine::Load) -> web::Topic {
    let mib = |bytes: u64| (bytes >> 20).to_string();
    web::Topic {
        title: "Runners",
        lines: vec![
            ("Loaded", load.models.to_string(), Some("models"), "Each in a process of its own."),
            ("At most", load.max_models.to_string(), Some("models"), "Then the idle one that is worth least goes."),
            ("Memory", mib(load.memory_bytes), Some("MiB"), "What loaded models hold, as it was measured."),
            ("Kept idle", mib(load.max_memory_bytes), Some("MiB"), "More than that is let go of when idle."),
            ("Queue", load.waiting.to_string(), Some("calls"), "That wait for a model to be free."),
        ],
    }
}

/// `GET /status`
pub(crate) async fn status(State(hub): State<Hub>, AnyCaller(viewer): AnyCaller) -> Response {
    super::html(web::status(&web::Status {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        health: health(&hub).await,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hub: hub.hub_id().to_string(),
        keys: hub.signing_keys().iter().map(ToString::to_string).collect(),
    }))
}

async fn health(hub: &Hub) -> Vec<web::Health> {
    let engine = match hub.engine_status() {
        Ok(info) => web::Health { what: "Engine", says: format!("{} {}", info.name, info.version), good: true },
        Err(why) => web::Health { what: "Engine", says: why.to_string(), good: false },
    };
    let books = match hub.ready().await {
        Ok(()) => {
            web::Health { what: "Paid calls", says: "a call could be made and charged now".to_owned(), good: true }
        }
        Err(error) => {
            web::Health { what: "Paid calls", says: Refused::from(error).into_problem().message, good: false }
        }
    };
    vec![books, engine]
}
