//! `modelhub serve`: the hub. Chooses its parts, opens them, and takes them down in order.
//!
//! Always: one hub to a folder; what makes receipts provable (the hub's id and signing key) is on the disk before the
//! books are; a stop lets running calls end and closes the books.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use clap::Args;
use engine::{Runners, RunnersConfig};
use engine_remote::{Anywhere, Remotes, Sign};
use hub::{Checking, Hub, Options, Outbound, Parts};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use store::{Folder, SqliteBooks, SqliteCatalog};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::bucket;
use crate::identity::{self, Identity};
use crate::place::{self, DataFolder, Running};
use crate::runners;
use crate::screen::{Screen, hinted};
use crate::settings::Settings;

/// Runs a hub on this machine.
///
/// The first start makes the data folder, with the operator's key in it. Stop it with Ctrl-C or SIGTERM: running calls
/// end first. MODELHUB_LOG sets what is logged (info, debug, hub=trace, …).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub serve
  modelhub serve --data /srv/hub --listen 0.0.0.0:8080 --public-url https://hub.example
  modelhub serve --blobs s3://models/hub --s3-endpoint https://s3.example
  modelhub serve --dev --listen 127.0.0.1:0 --json        the first line says where it is")]
pub(crate) struct Serve {
    #[command(flatten)]
    data: DataFolder,
    #[command(flatten)]
    settings: Settings,
    /// Play: every new account gets 100 OPG promo and 100 OPG cash, and every page says so
    #[arg(long)]
    dev: bool,
    /// Stop when standard input ends: for programs that start a hub and must not leave it behind
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl Serve {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let filter = EnvFilter::try_from_env("MODELHUB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
        let path = self.data.path()?;
        let settings = self.settings.clone().over_file(&path)?;
        let folder = open_folder(&path)?;
        let (hub_id, signer) = Identity::open(&folder)?;
        let deposit_secret = identity::deposit_secret(folder.path())?;
        let reach = match settings.allow_private_addresses {
            Some(true) => outbound::Reach::Anywhere,
            _ => outbound::Reach::Public,
        };
        let usual = Checking::default();
        let checking = Checking { one_call_in: settings.re_execute_one_in.unwrap_or(usual.one_call_in), ..usual };
        let storing = settings.storing();
        let clock: Arc<dyn store::Clock> = Arc::new(store::System);
        let blobs = bucket::open_blobs(&folder, &settings, &hub_id.to_string())?;
        let books = SqliteBooks::open(folder.path(), Arc::clone(&clock), &store::Options::default())?;
        let catalog = SqliteCatalog::open(folder.path())?;
        let catalog: Arc<dyn store::Catalog> = Arc::new(catalog);
        let index = ::search::Index::open(&folder.search()).with_context(|| folder.search().display().to_string())?;
        let client = outbound::Client::new(reach);
        let owners = Arc::new(OwnersSecret { catalog: Arc::clone(&catalog), clock: Arc::clone(&clock) });
        let weights = Arc::new(bucket::Weights(blobs.clone()));
        let here = Arc::new(Runners::new(RunnersConfig { weights, ..runners::config(&settings)? }));
        let engine = Anywhere::new(here, Remotes::new(client.clone(), Some(owners)));
        more_descriptors();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let listen = settings.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
            let listener = listen_on(listen).await?;
            let local = listener.local_addr()?;
            let url = address(local);
            let options = Options {
                dev: self.dev,
                public_url: settings.public_url.clone().unwrap_or_else(|| url.clone()).trim_end_matches('/').to_owned(),
                name: settings.name.clone().unwrap_or_else(|| "Model Hub".to_owned()),
                checking,
                storing,
                registration: settings.registration(local),
                trusted_proxies: settings.trusted_proxy.clone().unwrap_or_default(),
            };
            let hub = Hub::start(Parts {
                books: Arc::new(books),
                catalog,
                blobs,
                engine: Arc::new(engine),
                clock,
                signer,
                hub_id,
                deposit_secret,
                outbound: Arc::new(Webhooks(client)),
                index,
                options,
            })
            .await?;
            let key = operator_key(&hub, folder.path()).await?;
            let (stop, stopped) = oneshot::channel();
            let signals = wait_for_the_end(self.until_stdin_ends)?;
            let serving = tokio::spawn(server::serve(listener, hub.clone(), async {
                // An error here is the sender gone, which is a reason to stop as well.
                let _ = stopped.await;
            }));
            let running = Running { url: url.clone(), pid: std::process::id() };
            place::write_private(&Running::path(folder.path()), &serde_json::to_vec(&running)?)?;
            screen.document(&json!({ "url": url }))?;
            screen.line(&format!("modelhub {} at {url}", env!("CARGO_PKG_VERSION")))?;
            screen.line(&format!("data            {}", folder.path().display()))?;
            screen.line(&format!("operator's key  {}", key.display()))?;
            if let Some(place) = &settings.blobs {
                screen.line(&format!("models          {place}"))?;
            }
            if self.dev {
                screen.line("play money      every new account gets 100 OPG promo and 100 OPG cash")?;
            }
            say_engine(screen, hub.clone());
            signals.await;
            tracing::info!("Stopping: running calls end first");
            // Nobody listens any more only if serving has ended by itself.
            let _ = stop.send(());
            let served = serving.await.context("the server broke down")?;
            hub.stop().await;
            // Whoever looks finds no hub, or a file that names nobody: both are the truth.
            let _ = fs::remove_file(Running::path(folder.path()));
            Ok(served?)
        })
    }
}

/// The way to webhooks.
#[derive(Debug)]
struct Webhooks(outbound::Client);

#[async_trait]
impl Outbound for Webhooks {
    fn check(&self, url: &str) -> Result<(), String> {
        self.0.check(url).map_err(|failed| failed.to_string())
    }

    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, String> {
        self.0.post(url, headers, body).await.map_err(|failed| failed.to_string())
    }
}

/// What requests to owners' servers are signed with.
#[derive(Debug)]
struct OwnersSecret {
    catalog: Arc<dyn store::Catalog>,
    clock: Arc<dyn store::Clock>,
}

#[async_trait]
impl Sign for OwnersSecret {
    async fn sign(&self, owner: [u8; 16], body: &[u8]) -> Result<Vec<(&'static str, String)>, String> {
        let signed = hub::signed_for(&*self.catalog, self.clock.now(), ledger::AccountId(owner), body).await;
        signed.map_err(|error| format!("{error:?}"))
    }
}

fn open_folder(path: &Path) -> anyhow::Result<Folder> {
    Folder::open(path).map_err(|error| match error {
        error @ store::FolderError::InUse { .. } => {
            hinted(error.to_string(), "stop the other one, or give this one a folder of its own with --data")
        }
        error => error.into(),
    })
}

async fn listen_on(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there: --listen 127.0.0.1:0 takes a free port",
            io::ErrorKind::PermissionDenied => "ports below 1024 are for root: take a higher one",
            _ => "--listen takes an address of this machine and a port",
        };
        hinted(format!("cannot listen on {address}: {error}"), hint)
    })
}

/// Where programs on this machine reach the hub.
fn address(bound: SocketAddr) -> String {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

/// The operator's key file. Written before the hub knows the key, so that a crash between the two costs nothing; a
/// file that was lost is made anew, with a new key.
async fn operator_key(hub: &Hub, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = place::operator_key(folder);
    if !path.exists() {
        place::write_private(&path, format!("{}\n", hub::new_secret()).as_bytes())?;
    }
    let secret = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    hub.admit_operator(secret.trim())
        .await
        .with_context(|| format!("{}: remove the file, and the next start makes a new key", path.display()))?;
    Ok(path)
}

/// Ready when the hub should stop: SIGINT, SIGTERM, or the end of standard input. The second signal ends it at once.
fn wait_for_the_end(until_stdin_ends: bool) -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (ended, stdin) = oneshot::channel();
    if until_stdin_ends {
        // Not on tokio's threads: a read that nobody ends would hold up the stop.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            let _ = ended.send(());
        })?;
    } else {
        // Held by the future below, so that it never comes.
        std::mem::forget(ended);
    }
    let mut signalled = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        let by_stdin = tokio::select! {
            () = signalled() => false,
            _ = stdin => true,
        };
        tokio::spawn(async move {
            if by_stdin {
                // Who closes standard input may well ask by signal too.
                signalled().await;
            }
            signalled().await;
            tracing::warn!("Stopping at once: calls that run are not charged");
            std::process::exit(1);
        });
    })
}

/// Says what runs the models, once a runner has told.
fn say_engine(screen: Screen, hub: Hub) {
    tokio::task::spawn_blocking(move || match hub.engine_status() {
        Ok(engine) => {
            // A reader that is gone does not stop a hub.
            let _ = screen.line(&format!("engine          {} {}", engine.name, engine.version));
        }
        Err(unavailable) => {
            tracing::warn!("No engine, so calls are answered with 503: {}. {}", unavailable.reason, unavailable.hint);
        }
    });
}

/// Connections, runners and files each take one.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let more = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, more) {
        tracing::warn!("The limit of open files stays where it was: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_can_be_asked() {
        for (bound, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(address(bound.parse().unwrap()), url);
        }
    }
}
