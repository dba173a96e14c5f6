//! The process dies in a capture: before the commit the call never was, after it the same key gets the answer that
//! nobody was told, and pays once.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a test that is its own harness")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use engine::fake::Fake;
use hub::{Checking, Hub, Options, Parts};
use ledger::Surface;
use store::{Blobs, Clock, Manual, SqliteBooks, SqliteCatalog};
use testkit::fixtures::{echo_signature, echoed, row};
use testkit::{Death, MORNING, TestHub, model};

const KEY: &str = "once";
const CONTENT: [u8; 32] = [3; 32];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("die-before-commit") => runtime.block_on(die(Death::BeforeCommit)),
        Some("die-after-commit") => runtime.block_on(die(Death::AfterCommit)),
        // What a list of tests is asked for by the tools that run them one by one.
        Some("--list") => println!("killed: test"),
        _ => {
            runtime.block_on(killed("die-before-commit", false));
            runtime.block_on(killed("die-after-commit", true));
            println!("test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        }
    }
}

/// A hub whose process ends in the middle of bob's call.
async fn die(at: Death) {
    let hub = TestHub::start().await;
    let alice = hub.user("alice").await;
    let bob = hub.user("bob").await.funded("1").await;
    alice.publish("alice/echo").price("0.002 OPG").await.unwrap();
    println!("{}\n{}", hub.folder().display(), bob.secret);
    hub.books().die(at);
    let mut request = bob.infer("alice/echo").inputs(row(&[1.0, 2.0])).key(KEY).request();
    request.content = CONTENT;
    let _never = hub.hub().infer(request).await;
    unreachable!("the process has died");
}

async fn killed(how: &str, charged: bool) {
    let child = Command::new(std::env::current_exe().unwrap()).arg(how).output().unwrap();
    assert!(!child.status.success(), "{how}: the process lives");
    let said = String::from_utf8(child.stdout).unwrap();
    let mut lines = said.lines();
    let folder =
        PathBuf::from(lines.next().unwrap_or_else(|| panic!("{how}: {}", String::from_utf8_lossy(&child.stderr))));
    let secret = lines.next().unwrap();

    let hub = open(&folder).await;
    let bob = hub.authenticate(secret).await.unwrap();
    let before = if charged { 998_000_000 } else { 1_000_000_000 };
    assert_eq!(hub.balance(&bob).await.unwrap().balance.cash, before, "{how}: what the crash cost");
    assert_eq!(hub.balance(&bob).await.unwrap().balance.cash_held, 0, "{how}: what the crash left held");
    let request = || hub::infer::Request {
        caller: bob.clone(),
        surface: Surface::Api,
        model: model("alice/echo"),
        release: None,
        inputs: row(&[1.0, 2.0]),
        items: None,
        max_cost: None,
        idempotency_key: Some(KEY.to_owned()),
        content: CONTENT,
    };
    let answer = hub.infer(request()).await.unwrap();
    assert_eq!(answer.replayed, charged, "{how}: whether the answer was there already");
    assert_eq!(answer.outputs, echoed(&[1.0, 2.0]), "{how}");
    assert_eq!(hub.infer(request()).await.unwrap().call, answer.call, "{how}: one key, one call");
    assert_eq!(hub.balance(&bob).await.unwrap().balance.cash, 998_000_000, "{how}: charged once");
    hub.stop().await;
    let report = store::audit::audit(&folder).unwrap();
    assert!(report.in_order(), "{how}: {report:?}");
    std::fs::remove_dir_all(folder).unwrap();
    println!("test {how} ... ok");
}

async fn open(folder: &Path) -> Hub {
    let clock: Arc<dyn Clock> = Arc::new(Manual::at(MORNING));
    let parts = Parts {
        books: Arc::new(SqliteBooks::open(folder, clock.clone(), &store::Options::default()).unwrap()),
        catalog: Arc::new(SqliteCatalog::open(folder).unwrap()),
        blobs: Blobs::open(&folder.join("blobs")).unwrap(),
        engine: Arc::new(Fake::echo(echo_signature())),
        clock,
        signer: receipt::Signer::from_bytes(&[7; 32]).unwrap(),
        hub_id: receipt::HubId::new([9; 32]),
        deposit_secret: testkit::DEPOSIT_SECRET.parse().unwrap(),
        outbound: Arc::new(testkit::Outbox::default()),
        index: search::Index::in_memory(),
        options: Options {
            dev: false,
            public_url: "http://localhost".to_owned(),
            name: "test".to_owned(),
            checking: Checking::NOTHING,
            storing: hub::Storing::default(),
            registration: hub::Registration::Open,
            trusted_proxies: Vec::new(),
        },
    };
    Hub::start(parts).await.unwrap()
}
