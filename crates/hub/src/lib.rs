//! The use cases of the hub, one file each. Start with `infer.rs`: it reads like the sentence "quote, hold, run,
//! capture, receipt".
//!
//! Always: nothing is charged unless the engine answered; nobody is answered before the charge is on the disk; an
//! engine never runs inside a database transaction; every right is asked through [`Caller::may`].
//!
//! Absent on purpose: HTTP, SQL, settings. Parts are chosen by whoever starts the hub.
//!
//! To add a use case: a file with the verb's name, an `impl Hub` in it, its errors in `error.rs`.

mod access;
mod account;
mod address;
mod alerts;
mod attempts;
mod batching;
mod browse;
mod budgets;
mod callable;
mod caller;
mod cards;
mod checks;
mod collect;
mod commit;
mod deposits;
mod devices;
mod diff;
mod earnings;
mod entries;
mod error;
mod events;
mod files;
mod finding;
mod funds;
mod holds;
mod hooks;
mod ids;
pub mod infer;
mod kept;
mod life;
mod limits;
mod listing;
mod meters;
mod metrics;
mod moderation;
mod money;
mod numbering;
mod offer;
mod organisations;
mod outcome;
mod own;
mod owner;
mod post;
mod preview;
mod project;
pub mod publish;
mod quota;
mod quote;
mod ranking;
mod rates;
mod receipts;
mod refund;
mod release;
mod reports;
mod repositories;
mod rights;
mod rotate;
mod scanning;
mod sessions;
mod signin;
pub mod signing;
mod task;
mod trials;
mod trying;
mod turn;
mod upload;
mod versions;
mod volume;
mod webhook;

use std::sync::{Arc, Mutex};

use engine::{Engine, EngineInfo, Unavailable};
use moderation::Stands;
pub use receipt::{Address, Signature};
use receipt::{HubId, Signer};
use store::{Blobs, Books, Catalog, Clock};
use tokio::task::JoinHandle;

pub use access::Asker;
pub use account::{FreshKey, KeyWish, new_secret};
pub use address::{BadSubnet, Network, Subnet};
pub use attempts::Attempt;
pub use browse::{Described, Sought, card_words, task_of};
pub use budgets::Over;
pub use callable::Callable;
pub use caller::{Action, Caller, Object};
pub use cards::{BaseView, CardView};
pub use checks::Checking;
pub use collect::Collected;
pub use commit::Change;
pub use deposits::NewDeposit;
pub use devices::{ASK_EVERY_S, DeviceCodes, DeviceState};
pub use diff::{ReleaseDiff, TextDifference};
pub use earnings::{EarningsView, PayerLine};
pub use entries::{CallLine, EntryLine, Statement, Sums};
pub use error::Error;
pub use events::{EventView, Follow, MAX_WAIT};
pub use files::{Opened, Snapshot};
pub use finding::{FoundModel, SearchWish, Searched, WANTED_DAYS, WANTED_LEAST};
pub use holds::{HoldView, HoldWish};
pub use hooks::{DeliveryView, HookChange, HookView, HookWish};
pub use life::PricesView;
pub use limits::LimitsView;
pub use listing::{ListedModel, ModelView};
pub use metrics::Metrics;
pub use moderation::{Case, DecisionView, MAX_NOTE, MAX_PUBLIC_TEXT, Measure, ModerationView};
pub use money::{BalanceView, Movement, Posted};
pub use owner::OwnerPage;
pub use quota::{Bounds, QuotaView, Storing};
pub use quote::{NamedPart, Quote};
pub use ranking::{By, LEAST_BEFORE, MIN_TRIED, MIN_WEEK, MIN_WEEK_PAYERS, Ranked, RankingWish, lower_bound};
pub use rates::{Asking, RateLeft};
pub use receipts::receipt_of;
pub use refund::{RefundView, RefundWish};
pub use release::Releasing;
pub use reports::{MAX_REPORT_TEXT, ReportWish};
pub use repositories::MAX_LISTED;
pub use rights::Right;
pub use rotate::{MAX_OVERLAP_HOURS, OVERLAP_HOURS};
pub use scan::{
    Code as ScanCode, Danger, Finding, Format, Import as ScanImport, Report as ScanReport, Verdict as ScanVerdict,
};
pub use scanning::{MAX_SUMMED, ScanSums, ScanView};
pub use search::{Cursor, Error as SearchError, Facet, Filters, Kind, Query, Sort};
pub use sessions::SESSION_DAYS;
pub use signin::{Ceremony, FreshInvitation, Registration, SignedText, Ways};
pub use store::{
    AccessRequest, AccessStatus, Account, AccountKind, Alert, CheckCounts, CheckKind, CheckOutcome, CheckSum,
    CommitRecord, Compared, DaySum, Decision, DecisionKind, Delivery, DraftRecord, Earning, Event, EventKind, Hook,
    KeyRecord, Limits, Member, MemberRole, Membership, ModelTotals, Order, RateSettings, Ref, RefKind, ReleaseRecord,
    Report, ReportState, Repository, RequestKind, RequestRate, RequestRates, Scope, Seq, Settings, Spent, Totals,
    Trial, Verified, Wanted, Webhook,
};
pub use task::Performed;
pub use trials::TrialView;
pub use trying::PaidBy;
pub use upload::HandedIn;
pub use versions::Incoming;
pub use webhook::{Outbound, WebhookView, signed_for};

/// How many files of commits are kept in memory, at some hundred bytes each.
const MAX_KEPT_FILES: usize = 200_000;
/// How many bytes the READMEs have whose front matter is kept in memory.
const MAX_KEPT_CARD_BYTES: usize = 16 * 1024 * 1024;

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
    /// What the operator's own tools sign deposits with.
    pub deposit_secret: signing::Secret,
    /// The way to strangers' addresses.
    pub outbound: Arc<dyn Outbound>,
    /// What models are found in; made anew from the catalogue whenever it is not that.
    pub index: search::Index,
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
    pub checking: Checking,
    pub storing: Storing,
    pub registration: Registration,
    /// Whose word on where a request comes from counts.
    pub trusted_proxies: Vec<Subnet>,
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
    deposit_secret: signing::Secret,
    pseudonym_key: [u8; 32],
    upload_key: [u8; 32],
    outbound: Arc<dyn Outbound>,
    options: Options,
    ids: ids::Ids,
    keys: caller::Keys,
    used: sessions::Used,
    /// Its ceremonies, or why browsers make no passkeys for it.
    passkeys: Result<identity::Passkeys, identity::NoPasskeys>,
    callables: callable::Callables,
    trees: kept::Kept<registry::Tree>,
    cards: kept::Kept<registry::Card>,
    settings: money::CachedSettings,
    turns: Arc<turn::Turns>,
    /// Who asked how often.
    meters: meters::Meters,
    budgets: Arc<budgets::Budgets>,
    watch: alerts::Watch,
    versions: versions::Versions,
    volumes: volume::Volumes,
    checks: checks::Checks,
    scans: scanning::Scans,
    searching: finding::Searching,
    ranking: ranking::Ranking,
    /// Wakes whoever publishes what was committed.
    drafts: tokio::sync::Notify,
    /// How many requests may wait for something to happen.
    followers: Arc<tokio::sync::Semaphore>,
    /// How many differences of texts may be looked for at the same time.
    diffing: Arc<tokio::sync::Semaphore>,
    /// Wakes whoever tells webhooks.
    post: tokio::sync::Notify,
    projector: project::Projector,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    running: Arc<tokio::sync::RwLock<()>>,
    /// How many files may come in at the same moment: each takes a thread of its own for its disk.
    uploads: Arc<tokio::sync::Semaphore>,
    /// What accounts are about to hand in.
    rooms: Arc<quota::Rooms>,
    /// Held by whoever counts an account's models and then adds one.
    growing: tokio::sync::Mutex<()>,
    collecting: collect::Collecting,
    tokenizers: task::Tokenizers,
    /// How many calls' texts, files and pictures may be read at the same moment.
    reading: Arc<tokio::sync::Semaphore>,
}

impl Hub {
    /// Starts a hub and the task that carries its books over to the catalogue.
    pub async fn start(parts: Parts) -> Result<Hub, Error> {
        let (carried, last) = (parts.catalog.watermark().await?, parts.books.last().await?);
        if carried > last {
            return Err(Error::RowsMissing { carried, last });
        }
        if carried == 0 && last > 0 && parts.catalog.account(&"operator".parse()?).await?.is_none() {
            return Err(Error::CatalogLost { last });
        }
        let settings = parts.catalog.settings().await?;
        let (checks, to_check) = checks::Checks::new(parts.options.checking);
        let (scans, to_scan) = scanning::Scans::new();
        let (searching, searched) = finding::Searching::new(parts.index);
        let hub = Hub(Arc::new(Inner {
            ids: ids::Ids::new(parts.clock.clone()),
            keys: caller::Keys::default(),
            used: sessions::Used::default(),
            passkeys: signin::passkeys_of(&parts.options.public_url),
            callables: callable::Callables::default(),
            trees: kept::Kept::new(MAX_KEPT_FILES),
            cards: kept::Kept::new(MAX_KEPT_CARD_BYTES),
            settings: money::CachedSettings::new(settings),
            turns: Arc::default(),
            meters: meters::Meters::default(),
            budgets: Arc::default(),
            watch: alerts::Watch::default(),
            versions: versions::Versions::default(),
            volumes: volume::Volumes::default(),
            checks,
            scans,
            searching,
            ranking: ranking::Ranking::default(),
            drafts: tokio::sync::Notify::new(),
            followers: Arc::new(tokio::sync::Semaphore::new(events::MAX_WAITING)),
            diffing: Arc::new(tokio::sync::Semaphore::new(diff::MAX_DIFFING)),
            post: tokio::sync::Notify::new(),
            tasks: Mutex::default(),
            projector: project::Projector::default(),
            running: Arc::default(),
            uploads: Arc::new(tokio::sync::Semaphore::new(upload::MAX_UPLOADS)),
            rooms: Arc::default(),
            growing: tokio::sync::Mutex::default(),
            collecting: collect::Collecting::new(parts.blobs.clone()),
            tokenizers: task::Tokenizers::default(),
            reading: Arc::new(tokio::sync::Semaphore::new(task::MAX_READING)),
            books: parts.books,
            catalog: parts.catalog,
            blobs: parts.blobs,
            engine: parts.engine,
            clock: parts.clock,
            pseudonym_key: earnings::pseudonym_key(&parts.signer),
            upload_key: rights::upload_key(&parts.signer),
            signer: parts.signer,
            hub_id: parts.hub_id,
            deposit_secret: parts.deposit_secret,
            outbound: parts.outbound,
            options: parts.options,
        }));
        // Keys whose day is over are known to the catalogue alone: it has to know all of them before the first call.
        hub.project().await?;
        hub.watch_all().await?;
        hub.start_task(async |hub| hub.keep_projecting().await);
        hub.start_task(async |hub| hub.keep_watch().await);
        hub.start_task(async |hub| hub.deliver().await);
        hub.start_task(async |hub| hub.keep_releasing().await);
        hub.start_task(async |hub| hub.keep_halves().await);
        hub.start_task(async |hub| hub.keep_collecting().await);
        hub.start_task(async |hub| hub.keep_checking(to_check).await);
        hub.start_task(async |hub| hub.keep_scanning(to_scan).await);
        hub.start_task(async |hub| hub.keep_index().await);
        hub.start_task(async |hub| hub.keep_ranking().await);
        hub.start_task(async |hub| hub.keep_log(searched).await);
        hub.start_task(async |hub| hub.keep_used().await);
        Ok(hub)
    }

    /// Waits for calls that are running, then writes what is left and closes the books.
    pub async fn stop(&self) {
        // Calls hold it for reading; whoever gets it for writing is alone.
        let _alone = self.0.running.write().await;
        // Closed first: what was noted last is a row then, and is carried over with the rest.
        self.0.books.close().await;
        self.stop_tasks().await;
        self.close_index().await;
        if let Err(error) = self.project().await {
            tracing::warn!("The catalogue will catch up at the next start: {error:?}");
        }
    }

    fn start_task<F: Future<Output = ()> + Send + 'static>(&self, run: impl FnOnce(Hub) -> F) {
        let task = tokio::spawn(run(self.clone()));
        self.0.tasks.lock().expect("nothing panics while it holds the tasks").push(task);
    }

    async fn stop_tasks(&self) {
        let tasks = std::mem::take(&mut *self.0.tasks.lock().expect("nothing panics while it holds the tasks"));
        for task in tasks {
            task.abort();
            // An abort is how it ends.
            let _ = task.await;
        }
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

    /// Whether the next call of a model finds it loaded, where that is known.
    pub fn loaded(&self, callable: &Callable) -> Option<bool> {
        self.0.engine.loaded(&callable.model)
    }

    pub fn engine_status(&self) -> Result<EngineInfo, Unavailable> {
        self.0.engine.status()
    }

    /// Whether a paid call could be made now, of a model that runs here.
    pub async fn ready(&self) -> Result<(), Error> {
        self.ready_to(|hub| Ok(hub.engine_status().map(drop)?)).await
    }

    /// Whether a paid call of this release could be made now.
    pub async fn ready_for(&self, callable: &Callable) -> Result<(), Error> {
        callable.release.model.stands()?;
        let model = callable.model.clone();
        self.ready_to(move |hub| hub.0.engine.ready(&model)).await
    }

    async fn ready_to(
        &self,
        run: impl FnOnce(&Hub) -> Result<(), engine::Failure> + Send + 'static,
    ) -> Result<(), Error> {
        let nothing = self.0.books.hold(ledger::AccountId::HUB_FEE, ledger::Amount::ZERO).await?;
        drop(nothing);
        self.0.catalog.watermark().await?;
        // Asking may start a process and wait for it.
        let hub = self.clone();
        let status = tokio::task::spawn_blocking(move || run(&hub)).await;
        Ok(status.map_err(|crash| Error::Internal { reason: crash.to_string() })??)
    }
}
