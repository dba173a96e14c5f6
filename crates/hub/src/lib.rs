//! The use cases of the hub, one file each. Start with `infer.rs`: it reads like the sentence "quote, hold, run,
//! capture, receipt".
//!
//! Always: nothing is charged unless the engine answered; nobody is answered before the charge is on the disk; an
//! engine never runs inside a database transaction; every right is asked through [`Caller::may`].
//!
//! Absent on purpose: HTTP, SQL, settings. Parts are chosen by whoever starts the hub.
//!
//! To add a use case: a file with the verb's name, an `impl Hub` in it, its errors in `error.rs`.

mod account;
mod callable;
mod caller;
mod error;
mod ids;
pub mod infer;
mod listing;
mod money;
mod outcome;
mod project;
pub mod publish;
mod quote;
mod receipts;
mod turn;

use std::sync::Arc;

use engine::{Engine, EngineInfo, Unavailable};
use receipt::{Address, HubId, Signer};
use store::{Blobs, Books, Catalog, Clock};

pub use account::{FreshKey, KeyWish, new_secret};
pub use callable::Callable;
pub use caller::{Action, Caller, Object};
pub use error::Error;
pub use listing::{ListedModel, ModelView};
pub use money::{CallLine, EarningsView, Posted};
pub use quote::{NamedPart, Quote};
pub use store::{Account, AccountKind, Earning, KeyRecord, ModelTotals, ReleaseRecord, Scope, Seq, Settings, Totals};

/// What a hub is made of.
#[derive(Debug)]
pub struct Parts {
    pub books: Arc<dyn Books>,
    pub catalog: Arc<dyn Catalog>,
    pub blobs: Blobs,
    pub engine: Arc<dyn Engine>,
    pub clock: Arc<dyn Clock>,
    pub signer: Signer,
    pub hub_id: HubId,
    pub options: Options,
}

/// Does a change to its end, even if whoever asked for it hangs up: what is on the disk and what is in memory must
/// not part in the middle.
pub(crate) async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change).await.unwrap_or_else(|crash| Err(Error::Internal { reason: crash.to_string() }))
}

/// What its operator chose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Every new account gets play money, and every page says so.
    pub dev: bool,
    /// Where people reach the hub, without a slash at the end.
    pub public_url: String,
    pub name: String,
}

/// A running hub. Cheap to clone; all clones are the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    books: Arc<dyn Books>,
    catalog: Arc<dyn Catalog>,
    blobs: Blobs,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    signer: Signer,
    hub_id: HubId,
    options: Options,
    ids: ids::Ids,
    keys: caller::Keys,
    callables: callable::Callables,
    settings: money::CachedSettings,
    turns: Arc<turn::Turns>,
    projector: project::Projector,
    running: Arc<tokio::sync::RwLock<()>>,
    /// How many files may come in at the same moment: each takes a thread of its own for its disk.
    uploads: Arc<tokio::sync::Semaphore>,
}

impl Hub {
    /// Starts a hub and the task that carries its books over to the catalogue.
    pub async fn start(parts: Parts) -> Result<Hub, Error> {
        let settings = parts.catalog.settings().await?;
        let hub = Hub(Arc::new(Inner {
            ids: ids::Ids::new(parts.clock.clone()),
            keys: caller::Keys::default(),
            callables: callable::Callables::default(),
            settings: money::CachedSettings::new(settings),
            turns: Arc::default(),
            projector: project::Projector::default(),
            running: Arc::default(),
            uploads: Arc::new(tokio::sync::Semaphore::new(publish::MAX_UPLOADS)),
            books: parts.books,
            catalog: parts.catalog,
            blobs: parts.blobs,
            engine: parts.engine,
            clock: parts.clock,
            signer: parts.signer,
            hub_id: parts.hub_id,
            options: parts.options,
        }));
        // Keys whose day is over are known to the catalogue alone: it has to know all of them before the first call.
        hub.project().await?;
        hub.start_projector();
        Ok(hub)
    }

    /// Waits for calls that are running, then writes what is left and closes the books.
    pub async fn stop(&self) {
        // Calls hold it for reading; whoever gets it for writing is alone.
        let _alone = self.0.running.write().await;
        // Closed first: what was noted last is a row then, and is carried over with the rest.
        self.0.books.close().await;
        self.stop_projector().await;
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub fn hub_id(&self) -> HubId {
        self.0.hub_id
    }

    /// The addresses whose signature makes a receipt this hub's.
    pub fn signing_keys(&self) -> Vec<Address> {
        vec![self.0.signer.address()]
    }

    pub fn engine_status(&self) -> Result<EngineInfo, Unavailable> {
        self.0.engine.status()
    }

    /// Whether a paid call could be made now.
    pub async fn ready(&self) -> Result<(), Error> {
        let nothing = self.0.books.hold(ledger::AccountId::HUB_FEE, ledger::Amount::ZERO).await?;
        drop(nothing);
        self.0.catalog.watermark().await?;
        // Asking may start a process and wait for it.
        let hub = self.clone();
        let status = tokio::task::spawn_blocking(move || hub.engine_status()).await;
        status.map_err(|crash| Error::Internal { reason: crash.to_string() })?.map_err(Error::EngineUnavailable)?;
        Ok(())
    }
}
