//! What a model costs the hub in memory while nobody calls it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Figure;
use crate::hub::{self, Hub};
use crate::load;

/// Published and called before anything is measured, so that what there is once is there.
const FIRST: usize = 64;

/// Publishers at a time.
const HANDS: usize = 2;

/// Publishes so many models, calls each once, and tells how much larger the hub has become. Models that are loaded by
/// then are loaded in runners, which are not counted.
pub(crate) async fn idle(
    program: &Path,
    library: &Path,
    weights: &Path,
    body: &str,
    models: usize,
) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(program, library, folder.path())?;
    publish(&hub, weights, 0..FIRST)?;
    call(&hub, body, 0..FIRST).await?;

    eprintln!("{models} idle models: publishing them");
    let before = hub.resident_bytes()?;
    publish(&hub, weights, FIRST..FIRST + models)?;
    let published = hub.resident_bytes()?;
    call(&hub, body, FIRST..FIRST + models).await?;
    let called = hub.resident_bytes()?;

    let each = |after: u64| (after as f64 - before as f64) / models as f64 / 1024.0;
    let name = |what: &str| format!("{models} idle models: {what}");
    let (published, called) = (each(published), each(called));
    Ok(vec![
        Figure::context(name("memory of the hub for each, published and never called"), published, "KiB"),
        Figure {
            bar: Some(64.0),
            holds: Some(published.max(called) <= 64.0),
            ..Figure::context(name("memory of the hub for each, called once (at most)"), called, "KiB")
        },
    ])
}

fn publish(hub: &Hub, weights: &Path, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let next = AtomicUsize::new(numbers.start);
    let hand = || -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return Ok(());
            }
            hub.publish(weights, &name(number))?;
        }
    };
    thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS).map(|_| scope.spawn(hand)).collect();
        hands.into_iter().try_for_each(|hand| hand.join().expect("publishing does not panic"))
    })
}

async fn call(hub: &Hub, body: &str, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    for number in numbers {
        let request = load::request(hub.address(), &hub::path(&name(number)), Some(&hub.bob), body.as_bytes());
        load::once(hub.address(), &request).await?;
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("idle-{number}")
}
