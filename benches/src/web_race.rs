//! Pages of a hub with many models and calls: how long each takes, and how much of a model's page goes over the wire.
//!
//! The hub's own files are filled through `store`, as the hub would write them: every call is a row of the books, and what
//! pages show is carried over from there by the hub that is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures_util::future::join_all;
use ledger::{
    AccountId, Amount, Call, CallId, Class, KeyId, ModelId, Outcome, Purse, ReleaseId, Share, Split, Surface, Terms,
    Time, Transfer, TransferId, Usage,
};
use serde_json::Value;
use store::{
    Account, AccountKind, Books, Catalog, Clock, NewRelease, Options, ReleaseRecord, SqliteBooks, SqliteCatalog, System,
};

use crate::hub::Hub;
use crate::{Figure, scratch};

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
    #[arg(long, default_value_t = 1_000_000)]
    calls: u64,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 400)]
    views: usize,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Accounts that pay, and accounts that have models.
const PAYERS: u64 = 500;
const OWNERS: u64 = 400;
/// Calls that wait for one commit.
const TOGETHER: u64 = 2_048;
/// Days that the calls are spread over, the last of them is now.
const DAYS: i64 = 40;
/// The most of a model's page, packed.
const MOST_KB: f64 = 60.0;
/// The slowest that a page may be, half of the time.
const MOST_MS: f64 = 5.0;
/// How long the hub may take until all that was filled in is shown.
const PATIENCE: Duration = Duration::from_secs(600);
const TASKS: [&str; 6] = [
    "tabular-classification",
    "text-classification",
    "image-classification",
    "time-series-forecasting",
    "object-detection",
    "feature-extraction",
];

pub(crate) fn race(race: &Race) -> anyhow::Result<()> {
    let folder = scratch()?;
    let hub = Hub::start(&race.modelhub, &race.library, folder.path())?;
    let model = folder.path().join("model");
    std::fs::create_dir(&model)?;
    std::fs::copy(race.fixtures.join("scaler.onnx"), model.join("model.onnx"))?;
    std::fs::write(model.join("README.md"), CARD)?;
    hub.publish(&model, "base")?;
    let (alice, data) = (hub.alice().to_owned(), folder.path().join("hub"));
    drop(hub);
    let begun = Instant::now();
    fill(race, &data)?;
    let print = |figure: Figure| figure.print(race.json);
    print(Figure::context(format!("{} models and {} calls are written", race.models, race.calls), seconds(begun), "s"));
    let begun = Instant::now();
    let hub = Hub::over(&race.modelhub, &race.library, folder.path(), &alice)?;
    print(Figure::context("the hub answers after", seconds(begun), "s"));
    settled(&hub, race)?;
    print(Figure::context("all of it is carried over, found and ranked after", seconds(begun), "s"));

    let busiest = format!("/alice/{}", name(0));
    for (page, path, key) in [
        ("first page", "/", false),
        ("search, all models", "/search", false),
        ("search, a word and a task", "/search?q=model&task=text-classification", false),
        ("model with the most calls", &busiest, false),
        ("rankings", "/rankings", false),
        ("rankings of a task", "/rankings?task=text-classification&by=paid", false),
        ("wanted", "/wanted", false),
        ("owner", "/alice", false),
        ("account", "/account", true),
        ("money", "/account/money", true),
        ("calls", "/account/calls", true),
        ("earnings", "/account/earnings", true),
    ] {
        let times = timed(&hub, path, key.then_some(alice.as_str()), race.views)?;
        let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
        print(Figure::most(format!("{page}, p50"), at(0.50), "ms", MOST_MS));
        print(Figure::context(format!("{page}, p99"), at(0.99), "ms"));
    }
    let mut web = Web::open(&hub)?;
    let packed = web.get(&busiest, None)?.len();
    print(Figure::most("a model's page, packed", packed as f64 / 1e3, "kB", MOST_KB));
    Ok(())
}

fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

pub(crate) const CARD: &str = "---\nlicense: mit\npipeline_tag: tabular-classification\n---\n# Tells things apart\n\nTells three kinds \
                    of things apart by four numbers.\n\n## Intended use\n\nShowing pages with something on them.\n";

fn name(n: u64) -> String {
    format!("model-{n:06}")
}

fn id(kind: u8, n: u64) -> [u8; 16] {
    let mut id = [kind; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    id
}

/// Numbers that look like chance and are the same in every run.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn fill(race: &Race, data: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(System);
        let catalog = SqliteCatalog::open(data)?;
        let books = SqliteBooks::open(data, clock.clone(), &Options::default())?;
        let base = catalog.releases(&"alice/base".parse()?, 1).await?.pop().context("alice/base is there")?;
        let now = clock.now();
        let releases = models(race.models, &catalog, &base, now).await?;
        payers(&catalog, &books, now).await?;
        calls(race.calls, &books, &releases, now).await?;
        books.close().await;
        Ok(())
    })
}

/// Copies of one model under many names, each a model of its own.
pub(crate) async fn models(
    models: u64,
    catalog: &SqliteCatalog,
    base: &ReleaseRecord,
    now: Time,
) -> anyhow::Result<Vec<(ReleaseId, Terms)>> {
    let mut owners = vec![base.model.owner.clone()];
    for n in 1..OWNERS {
        let owner = account(7, n, &format!("owner-{n}"), now)?;
        catalog.add_account(&owner, None).await?;
        owners.push(owner);
    }
    let mut releases = Vec::new();
    for n in 0..models {
        let mut release = base.clone();
        let owner = &owners[(n % OWNERS) as usize];
        release.terms = Terms::new(Vec::new(), Split::all_to(owner.id))?;
        release.model.owner = owner.clone();
        release.id = ReleaseId(id(1, n));
        release.model.id = ModelId(id(2, n));
        release.model.name = format!("{}/{}", owner.handle, name(n)).parse()?;
        release.created = now.plus_ms(-i64::try_from(models - n)? * 60_000);
        release.model.created = release.created;
        release.task = Some(TASKS[(n % TASKS.len() as u64) as usize].to_owned());
        releases.push((release.id, release.terms.clone()));
        let by = release.model.owner.id;
        catalog.seal(&NewRelease { release, latest: false, commit: true, known: None, by }).await?;
        if (n + 1).is_multiple_of(5_000) {
            eprintln!("{} of {models} models", n + 1);
        }
    }
    Ok(releases)
}

fn account(kind: u8, n: u64, handle: &str, created: Time) -> anyhow::Result<Account> {
    let handle = handle.parse()?;
    Ok(Account { id: AccountId(id(kind, n)), handle, kind: AccountKind::User, created, trial: Amount::ZERO })
}

async fn payers(catalog: &SqliteCatalog, books: &SqliteBooks, now: Time) -> anyhow::Result<()> {
    for n in 0..PAYERS {
        let account = account(3, n, &format!("payer-{n}"), now)?;
        catalog.add_account(&account, None).await?;
        let amount = Amount::from_nano(100_000_000_000_000_i64)?;
        let deposit = Transfer::deposit(
            TransferId(id(4, n)),
            now,
            AccountId::RAIL_MANUAL,
            account.id,
            amount,
            "bench".to_owned(),
        );
        books.post(vec![deposit]).await?;
    }
    Ok(())
}

async fn calls(calls: u64, books: &SqliteBooks, releases: &[(ReleaseId, Terms)], now: Time) -> anyhow::Result<()> {
    let span = DAYS * Time::DAY_MS;
    let mut done = 0;
    while done < calls {
        let more = TOGETHER.min(calls - done);
        let captures = (done..done + more).map(|n| {
            let at = now.plus_ms(-span + (i128::from(span) * i128::from(n) / i128::from(calls)) as i64);
            capture(books, call(n, releases, at))
        });
        for captured in join_all(captures).await {
            captured?;
        }
        done += more;
        if done.is_multiple_of(TOGETHER * 128) {
            eprintln!("{done} of {calls} calls");
        }
    }
    Ok(())
}

async fn capture(books: &SqliteBooks, call: Call) -> anyhow::Result<()> {
    let held = books.hold(call.payer, call.cost).await?;
    books.capture(held, Arc::new(call), None).await?;
    Ok(())
}

/// Few models are called often, most now and then; each payer has some that it comes back to.
fn call(n: u64, releases: &[(ReleaseId, Terms)], at: Time) -> Call {
    let chance = (mixed(n) >> 11) as f64 / (1_u64 << 53) as f64;
    let which = ((chance * chance * chance) * releases.len() as f64) as usize;
    let payer = mixed(n ^ which as u64) % PAYERS;
    let fee_share = Share::from_points(1_000).expect("a tenth");
    let cost = Amount::from_nano(1_000_i64 * (1 + (which as i64 % 50))).expect("an amount");
    let (release, terms) = &releases[which.min(releases.len() - 1)];
    let cut = terms.cut(cost, fee_share);
    let mut hash = [0x3c; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    Call {
        id: CallId(id(5, n)),
        accepted: at,
        finished: at.plus_ms(3),
        payer: AccountId(id(3, payer)),
        key: KeyId(id(6, payer)),
        release: *release,
        release_number: "1.00".to_owned(),
        model_digest: hash,
        class: Class::Paid,
        surface: Surface::Api,
        purse: Purse::Cash,
        outcome: Outcome::Ok,
        usage: Usage::ONE_CALL,
        cost,
        fee_share,
        fee: cut.fee,
        parts: cut.parts,
        rate: None,
        queue_us: 12,
        engine_us: 200 + mixed(n) % 9_000,
        cold: false,
        input_hash: hash,
        output_hash: hash,
        salt: hash,
        keyed: None,
        sponsor: None,
        hold: None,
    }
}

/// Waits until every model is found, and no standing changes any more.
fn settled(hub: &Hub, race: &Race) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut before = None;
    loop {
        ensure!(begun.elapsed() < PATIENCE, "the hub does not show all of it within {PATIENCE:?}");
        let mut web = Web::plain(hub)?;
        let found: Value = serde_json::from_slice(&web.get("/api/v1/search?limit=1", None)?)?;
        let ranked = web.get("/api/v1/rankings?by=raw&limit=1000", None)?;
        let all = found["complete"] == true && found["total"].as_u64() == Some(race.models + 1);
        if all && ranked.len() > 1_000 && before.as_ref() == Some(&ranked) {
            return Ok(());
        }
        before = Some(ranked);
        std::thread::sleep(Duration::from_secs(6));
    }
}

/// Milliseconds of each view, the fastest first.
fn timed(hub: &Hub, path: &str, key: Option<&str>, views: usize) -> anyhow::Result<Vec<f64>> {
    let mut web = Web::open(hub)?;
    let mut times = Vec::with_capacity(views);
    for view in 0..views + views / 10 {
        let begun = Instant::now();
        web.get(path, key)?;
        // The first ones find nothing at hand.
        if view >= views / 10 {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times)
}

/// A connection that asks again and again, as a browser does.
pub(crate) struct Web {
    address: String,
    stream: BufReader<TcpStream>,
    packed: bool,
}

impl Web {
    fn open(hub: &Hub) -> anyhow::Result<Web> {
        let stream = TcpStream::connect(hub.address())?;
        stream.set_nodelay(true)?;
        Ok(Web {
            address: hub.address().to_owned(),
            stream: BufReader::with_capacity(256 * 1024, stream),
            packed: true,
        })
    }

    pub(crate) fn plain(hub: &Hub) -> anyhow::Result<Web> {
        Ok(Web { packed: false, ..Web::open(hub)? })
    }

    /// The body, as it came over the wire.
    pub(crate) fn get(&mut self, path: &str, key: Option<&str>) -> anyhow::Result<Vec<u8>> {
        let packed = if self.packed { "Accept-Encoding: gzip\r\n" } else { "" };
        let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n{packed}{key}\r\n", self.address);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        if !status.contains(" 200 ") {
            bail!("{path} is answered with {}", status.trim());
        }
        let (mut length, mut pieces, mut gzip) = (None, false, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.trim().split_once(':') {
                None => break,
                Some(("content-length", value)) => length = Some(value.trim().parse::<usize>()?),
                Some(("transfer-encoding", _)) => pieces = true,
                Some(("content-encoding", value)) => gzip = value.trim() == "gzip",
                Some(_) => {}
            }
        }
        ensure!(gzip == self.packed, "{path} came {}", if gzip { "packed" } else { "as it is" });
        let mut body = Vec::new();
        if !pieces {
            body.resize(length.context("an answer has a length")?, 0);
            self.stream.read_exact(&mut body)?;
            return Ok(body);
        }
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            let at = body.len();
            body.resize(at + size + 2, 0);
            self.stream.read_exact(&mut body[at..])?;
            body.truncate(at + size);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the hub hung up");
        Ok(line)
    }
}
