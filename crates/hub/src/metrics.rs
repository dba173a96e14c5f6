//! How the hub fares, for the operator's monitoring.

use std::sync::Arc;

use ledger::{Amount, Class};
use store::vitals::Vitals;
use store::{CheckCounts, CheckKind, Collection, Seq, Totals};

use crate::{Action, Caller, Error, Hub, Object};

/// Figures of this moment.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub books: Arc<Vitals>,
    /// The last row that is on the disk.
    pub last: Seq,
    /// The last row that was carried over to the catalogue.
    pub carried: Seq,
    /// Holds of running calls.
    pub running_holds: u64,
    /// Durable holds that are open.
    pub durable_holds: u64,
    pub totals: Totals,
    /// Answered calls and what they cost, by class.
    pub classes: Vec<(Class, u64, Amount)>,
    /// What the engine holds and what waits for it.
    pub engine: Option<engine::Load>,
    /// What the hub has compared by itself, over all releases.
    pub checks: Vec<(CheckKind, CheckCounts)>,
    /// Calls that wait to be run again, and those that found no place since the start.
    pub waiting_calls: u64,
    pub dropped_calls: u64,
    /// Bytes that nobody named and that were taken away, and whether the last round was held off by a backup.
    pub collection: Collection,
    pub collection_held_off: bool,
}

impl Hub {
    pub async fn metrics(&self, caller: &Caller) -> Result<Metrics, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        Ok(Metrics {
            books: self.0.books.vitals(),
            last: self.0.books.last().await?,
            carried: self.0.catalog.watermark().await?,
            running_holds: self.0.books.running() as u64,
            durable_holds: self.0.books.pending(None).await?.len() as u64,
            totals: self.0.catalog.totals().await?,
            classes: self.0.catalog.class_totals().await?,
            engine: self.0.engine.load(),
            checks: self.0.catalog.check_totals().await?,
            waiting_calls: self.0.checks.waiting(),
            dropped_calls: self.0.checks.dropped(),
            collection: self.0.catalog.collection().await?,
            collection_held_off: self.0.collecting.held_off(),
        })
    }
}
