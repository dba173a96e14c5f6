//! Scenes: a whole hub in one process, with the few verbs a test's story needs.
//!
//! ```no_run
//! # async fn story() {
//! let hub = testkit::TestHub::start().await;
//! let alice = hub.user("alice").await;
//! alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
//! let bob = hub.user("bob").await.funded("1").await;
//! bob.infer("alice/echo").await.unwrap();
//! assert_eq!(alice.cash(), "0.0018");
//! hub.finish().await;
//! # }
//! ```
//!
//! Always: the clock stands still until it is moved; the signing key and the hub's id are fixed; a scene ends with
//! [`TestHub::finish`], which stops the hub and audits its books: sums are zero, nothing is held, every row has been
//! carried over, the file's own audit is in order. A scene that ends without it panics, so that no test passes unaudited.
//!
//! Absent on purpose: HTTP, real engines, assertions about one test's story. Fakes live in the crate that owns the
//! trait; here are only those that no crate could want for itself.
//!
//! To add a verb: a method of [`User`] or [`TestHub`] that reads like a word of the story.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod audit;
mod call;
mod faulty;
pub mod fixtures;
mod outbox;
mod publish;
mod user;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::task::Poll;
use std::time::Duration;

use engine::fake::{Behaviour, Fake};
use engine::{Engine, Failure};
use futures_util::FutureExt;
use hub::{Caller, Checking, FreshKey, HoldWish, Hub, Limits, Movement, Options, Parts, Storing};
use ledger::{Amount, Call, Difference, HoldId, Purse, Time};
use receipt::{HubId, Signer};
use registry::{Handle, ModelName};
use store::{
    AccountKind, Blobs, Books, Catalog, Clock, Manual, MemberRole, MemoryBooks, Row, Seq, SqliteBooks, SqliteCatalog,
};
use tensor::Signature;

pub use call::Infer;
pub use faulty::{Death, Faulty};
pub use outbox::{Outbox, Sent};
pub use publish::Publish;
pub use user::User;

/// The morning every scene begins on: 2026-01-02T10:00:00Z.
pub const MORNING: Time = Time(1_767_348_000_000);

/// What deposits of a scene are signed with.
pub const DEPOSIT_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Takes an error apart, or shows what came instead: `refused!(result, Error::NoModel { .. })`; with `=> value` it
/// gives what the pattern bound.
#[macro_export]
macro_rules! refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        $crate::refused!($result, $pattern $(if $guard)? => ())
    };
    ($result:expr, $pattern:pat $(if $guard:expr)? => $value:expr) => {
        match $result {
            Err($pattern) $(if $guard)? => $value,
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

/// An amount from its text.
pub fn opg(text: &str) -> Amount {
    text.parse().unwrap()
}

/// Money that the operator moves by hand, without more to say of it.
pub fn moved(to: &str, amount: &str) -> Movement {
    Movement { handle: handle(to), amount: opg(amount), reference: String::new(), id: None }
}

/// Cash that the operator sets aside for a day.
pub fn aside(of: &str, amount: &str) -> HoldWish {
    let (handle, amount, reference) = (handle(of), opg(amount), "a payout".to_owned());
    HoldWish { handle, amount, purse: Purse::Cash, days: 1, reference, id: None }
}

/// At most this by one call.
pub fn per_call(amount: &str) -> Limits {
    Limits { call: Some(opg(amount)), ..Limits::default() }
}

/// At most this in a day.
pub fn per_day(amount: &str) -> Limits {
    Limits { day: Some(opg(amount)), ..Limits::default() }
}

/// At most this in a month.
pub fn per_month(amount: &str) -> Limits {
    Limits { month: Some(opg(amount)), ..Limits::default() }
}

/// A model's name from its text.
pub fn model(text: &str) -> ModelName {
    text.parse().unwrap()
}

/// A handle from its text.
pub fn handle(text: &str) -> Handle {
    text.parse().unwrap()
}

/// Waits for what the hub does by itself, some seconds at most; `what` says what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap_or_else(|_| panic!("it never came: {what}"))
}

/// A run that fails once the gate is dropped. Until then it takes a thread, so its scene needs several.
pub fn failing_behind_a_gate() -> (mpsc::Sender<()>, Behaviour) {
    let (gate, shut) = mpsc::channel::<()>();
    let shut = Mutex::new(shut);
    let fails = move |_: &[tensor::Tensor]| {
        // An error is the gate's end.
        let _ = shut.lock().unwrap().recv();
        Err(Failure::Run { reason: "told to fail".into() })
    };
    (gate, Behaviour::Map(Arc::new(fails)))
}

/// Drops a future the first time it waits while `now` says so, as an edge does with whoever hangs up. True if it was
/// dropped, false if it ended before.
pub async fn hung_up<T>(future: impl Future<Output = T>, mut now: impl FnMut() -> bool) -> bool {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(false),
        Poll::Pending if now() => Poll::Ready(true),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Nano-OPG as people write them.
fn shown(nano: i64) -> String {
    Difference(nano).to_string()
}

/// How the scene is set: [`TestHub::set`] begins, [`Setting::start`] ends it.
#[derive(Debug)]
pub struct Setting {
    memory_books: bool,
    memory_catalog: bool,
    index_on_disk: bool,
    engine: Option<Arc<dyn Engine>>,
    fake: Fake,
    options: Options,
}

impl Setting {
    /// Books without a disk.
    #[must_use]
    pub fn memory_books(mut self) -> Setting {
        self.memory_books = true;
        self
    }

    /// A catalogue without a disk.
    #[must_use]
    pub fn memory_catalog(mut self) -> Setting {
        self.memory_catalog = true;
        self
    }

    /// An index of models that a restart finds again.
    #[must_use]
    pub fn index_on_disk(mut self) -> Setting {
        self.index_on_disk = true;
        self
    }

    /// A fake that does something else than echo.
    #[must_use]
    pub fn fake(mut self, fake: Fake) -> Setting {
        self.fake = fake;
        self
    }

    /// An engine of the test's own.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Setting {
        self.engine = Some(engine);
        self
    }

    /// A hub started with `--dev`.
    #[must_use]
    pub fn dev(mut self) -> Setting {
        self.options.dev = true;
        self
    }

    /// What the hub keeps, and how much of it.
    #[must_use]
    pub fn storing(mut self, storing: Storing) -> Setting {
        self.options.storing = storing;
        self
    }

    /// A hub that checks by itself.
    #[must_use]
    pub fn checking(mut self, checking: Checking) -> Setting {
        self.options.checking = checking;
        self
    }

    /// Accounts are made by invitation.
    #[must_use]
    pub fn by_invitation(mut self) -> Setting {
        self.options.registration = hub::Registration::Invitation;
        self
    }

    /// Where people reach the hub.
    #[must_use]
    pub fn public_url(mut self, url: &str) -> Setting {
        self.options.public_url = url.to_owned();
        self
    }

    /// Starts the hub and makes its operator.
    pub async fn start(self) -> TestHub {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Manual::at(MORNING));
        let books = open_books(&self, folder.path(), &clock);
        let catalog = open_catalog(&self, folder.path());
        let scene = Arc::new(Scene {
            folder: folder.path().to_owned(),
            clock,
            setting: self,
            running: RwLock::new(None),
            operator_secret: Mutex::default(),
            outbox: Arc::default(),
            users: Mutex::default(),
        });
        scene.run(books, catalog).await;
        let operator = scene.hub().create_operator().await.unwrap().expect("the folder is new");
        *scene.operator_secret.lock().unwrap() = operator.secret;
        TestHub { scene, _folder: folder, finished: false }
    }
}

fn open_books(setting: &Setting, folder: &Path, clock: &Arc<Manual>) -> Arc<dyn Books> {
    if setting.memory_books {
        return Arc::new(MemoryBooks::new(clock.clone()));
    }
    Arc::new(SqliteBooks::open(folder, clock.clone(), &store::Options::default()).unwrap())
}

fn open_catalog(setting: &Setting, folder: &Path) -> Arc<dyn Catalog> {
    let catalog = if setting.memory_catalog { SqliteCatalog::in_memory() } else { SqliteCatalog::open(folder) };
    Arc::new(catalog.unwrap())
}

/// What is running now; a restart replaces it.
#[derive(Debug, Clone)]
struct Running {
    hub: Hub,
    books: Arc<Faulty>,
    catalog: Arc<dyn Catalog>,
}

/// What users and the scene share.
#[derive(Debug)]
struct Scene {
    folder: PathBuf,
    clock: Arc<Manual>,
    setting: Setting,
    running: RwLock<Option<Running>>,
    operator_secret: Mutex<String>,
    outbox: Arc<Outbox>,
    /// Every account of the scene, for the audit.
    users: Mutex<HashMap<String, ledger::AccountId>>,
}

impl Scene {
    async fn run(&self, books: Arc<dyn Books>, catalog: Arc<dyn Catalog>) {
        let books = Arc::new(Faulty::over(books));
        let engine = self.setting.engine.clone().unwrap_or_else(|| Arc::new(self.setting.fake.clone()));
        let hub = Hub::start(Parts {
            books: books.clone(),
            catalog: catalog.clone(),
            blobs: Blobs::open(&self.folder.join("blobs")).unwrap(),
            engine,
            clock: self.clock.clone(),
            signer: Signer::from_bytes(&[7; 32]).unwrap(),
            hub_id: HubId::new([9; 32]),
            deposit_secret: DEPOSIT_SECRET.parse().unwrap(),
            outbound: self.outbox.clone(),
            index: match self.setting.index_on_disk {
                true => search::Index::open(&self.folder.join("search")).unwrap(),
                false => search::Index::in_memory(),
            },
            options: self.setting.options.clone(),
        })
        .await
        .unwrap();
        *self.running.write().unwrap() = Some(Running { hub, books, catalog });
    }

    fn running(&self) -> Running {
        self.running.read().unwrap().clone().expect("a restart is over when it has answered")
    }

    fn hub(&self) -> Hub {
        self.running().hub
    }

    async fn operator(&self) -> Caller {
        let secret = self.operator_secret.lock().unwrap().clone();
        self.hub().authenticate(&secret).await.unwrap()
    }
}

/// A hub in this process, on a folder of its own.
#[derive(Debug)]
pub struct TestHub {
    scene: Arc<Scene>,
    _folder: tempfile::TempDir,
    finished: bool,
}

impl TestHub {
    /// Sets a scene other than the usual one.
    pub fn set() -> Setting {
        Setting {
            memory_books: false,
            memory_catalog: false,
            index_on_disk: false,
            engine: None,
            fake: Fake::new(fixtures::echo_signature(), Behaviour::Echo),
            options: Options {
                dev: false,
                public_url: "http://hub.test".to_owned(),
                name: "A hub of a test".to_owned(),
                // What is checked in the background takes from a fake's script when it likes.
                checking: Checking::NOTHING,
                storing: Storing::default(),
                registration: hub::Registration::Open,
                trusted_proxies: Vec::new(),
            },
        }
    }

    /// The usual scene: books and catalogue on the disk, an engine that echoes.
    pub async fn start() -> TestHub {
        TestHub::set().start().await
    }

    /// The hub itself, for what has no verb here.
    pub fn hub(&self) -> Hub {
        self.scene.hub()
    }

    /// The catalogue itself.
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        self.scene.running().catalog
    }

    /// The books; they can be told to refuse captures.
    pub fn books(&self) -> Arc<Faulty> {
        self.scene.running().books
    }

    /// What went out to webhooks.
    pub fn outbox(&self) -> &Outbox {
        &self.scene.outbox
    }

    /// The engine of the scene, unless it was given one of the test's own.
    pub fn fake(&self) -> &Fake {
        &self.scene.setting.fake
    }

    /// Where the hub keeps its files.
    pub fn folder(&self) -> &Path {
        &self.scene.folder
    }

    /// The scene's clock; [`Manual::advance_ms`] moves it.
    pub fn clock(&self) -> &Manual {
        &self.scene.clock
    }

    /// What the clock says.
    pub fn now(&self) -> Time {
        self.scene.clock.now()
    }

    /// Moves the clock.
    pub fn hours_pass(&self, hours: i64) {
        self.scene.clock.advance_ms(hours * 3_600_000);
    }

    /// The operator, with a key for everything.
    pub async fn operator(&self) -> Caller {
        self.scene.operator().await
    }

    /// The secret of the operator's key.
    pub fn operator_secret(&self) -> String {
        self.scene.operator_secret.lock().unwrap().clone()
    }

    /// Makes a person's account with its first key.
    pub async fn user(&self, handle: &str) -> User {
        self.account(handle, AccountKind::User).await
    }

    /// Makes an account of this kind.
    pub async fn account(&self, handle: &str, kind: AccountKind) -> User {
        let (account, FreshKey { record, secret }) =
            self.hub().create_account(&self.operator().await, handle, kind).await.unwrap();
        self.scene.users.lock().unwrap().insert(handle.to_owned(), account.id);
        User::new(self.scene.clone(), account, record, secret).await
    }

    /// Makes one account a member of another, an organisation, in this role.
    pub async fn join_as(&self, member: &User, of: &User, role: MemberRole) {
        self.hub().set_member(of.caller(), &of.account.handle, &member.account.handle, role).await.unwrap();
    }

    /// The same as an admin.
    pub async fn join(&self, member: &User, of: &User) {
        self.join_as(member, of, MemberRole::Admin).await;
    }

    /// Sets what accounts that are made from now on may try at the hub's expense.
    pub async fn set_trial_budget(&self, amount: &str) {
        self.hub().set_trial_budget(&self.operator().await, opg(amount)).await.unwrap();
    }

    /// The operator gives the money of a durable hold back.
    pub async fn release_hold(&self, hold: HoldId) -> Result<Seq, hub::Error> {
        self.hub().release_hold(&self.operator().await, hold).await
    }

    /// Gives a model that was published a signature and behaviours of its own from now on.
    pub fn script(&self, published: &hub::publish::Published, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.script_as(published, fixtures::echo_signature(), behaviours);
    }

    /// The same, with another signature.
    pub fn script_as(
        &self,
        published: &hub::publish::Published,
        signature: Signature,
        behaviours: impl IntoIterator<Item = Behaviour>,
    ) {
        self.fake().script(published.digest.0, signature, behaviours);
    }

    /// What the fees came to, as people write it.
    pub fn fees(&self) -> String {
        let books = self.books();
        let balance = books.balance(ledger::AccountId::HUB_FEE).now_or_never();
        shown(balance.expect("balances lie in memory").unwrap().cash)
    }

    /// Every row of the books, once those that were noted are written.
    pub async fn rows(&self) -> Vec<(Seq, Row)> {
        let books = self.books();
        // Notes are written without waiting, in the order of the queue: whatever is posted after them comes later.
        books.settle().await;
        books.rows(0, usize::MAX >> 1).await.unwrap()
    }

    /// The calls among the rows, oldest first.
    pub async fn calls(&self) -> Vec<Call> {
        let call = |(_, row)| match row {
            Row::Call(call) => Some((*call).clone()),
            _ => None,
        };
        self.rows().await.into_iter().filter_map(call).collect()
    }

    /// The last call.
    pub async fn last_call(&self) -> Call {
        self.calls().await.pop().expect("there was a call")
    }

    /// Stops the hub and starts it on the same folder. What lies in memory alone stays as it is.
    pub async fn restart(&self) {
        let running = self.scene.running.write().unwrap().take().expect("a hub runs");
        running.hub.stop().await;
        let setting = &self.scene.setting;
        let books = match setting.memory_books {
            true => running.books.below(),
            false => open_books(setting, self.folder(), &self.scene.clock),
        };
        let catalog = match setting.memory_catalog {
            true => running.catalog,
            false => open_catalog(setting, self.folder()),
        };
        self.scene.run(books, catalog).await;
    }

    /// Ends the scene: stops the hub and audits its books.
    pub async fn finish(mut self) {
        self.finished = true;
        let running = self.scene.running();
        running.hub.stop().await;
        let mut accounts: Vec<_> = self.scene.users.lock().unwrap().values().copied().collect();
        accounts.push(ledger::AccountId::HUB_FEE);
        audit::in_order(&running, accounts).await;
        let setting = &self.scene.setting;
        if !setting.memory_books && !setting.memory_catalog {
            audit::file_in_order(self.folder());
        }
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        assert!(
            self.finished || std::thread::panicking(),
            "a scene ends with finish().await: its books were not audited"
        );
    }
}
