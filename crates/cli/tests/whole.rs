//! The binary from the outside: a hub is started, used and stopped by nothing but commands.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_modelhub");

/// A hub on a folder of its own; dropped, it stops.
struct Hub {
    folder: TempDir,
    child: Child,
    url: String,
}

impl Hub {
    fn start() -> Hub {
        let folder = tempfile::tempdir().unwrap();
        let (child, url) = serve(&folder.path().join("hub"));
        Hub { folder, child, url }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    /// `modelhub` with nothing of this machine's user around it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("XDG_CONFIG_HOME", self.folder.path()).env("MODELHUB_DATA", self.data());
        command.env_remove("MODELHUB_URL").env_remove("MODELHUB_KEY");
        command
    }

    /// Runs a command that succeeds, and reads the one JSON document it prints.
    fn json(&self, key: &str, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").env("MODELHUB_URL", &self.url).env("MODELHUB_KEY", key).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// Runs a command that fails, and gives its status and what it says.
    fn fails(&self, key: &str, args: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(args);
        if !key.is_empty() {
            command.env("MODELHUB_URL", &self.url).env("MODELHUB_KEY", key);
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(!status.success(), "{args:?} printed {}", String::from_utf8_lossy(&stdout));
        (status.code(), String::from_utf8(stderr).unwrap())
    }

    fn account(&self, handle: &str) -> String {
        self.json("", &["admin", "account", "create", handle])["key"].as_str().unwrap().to_owned()
    }

    /// Waits until the hub has checked a model by itself: until then rows of its own may come at any time.
    fn checked(&self, key: &str, model: &str) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.json(key, &["checks", model]);
            if !found["items"].as_array().unwrap().is_empty() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{model} was not checked within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the hub as a service manager does.
    fn stop(&mut self) {
        let done = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(done.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a stop is no failure: {status}");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn serve(data: &Path) -> (Child, String) {
    let mut child = Command::new(PROGRAM)
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--until-stdin-ends", "--data"])
        .arg(data)
        .env("MODELHUB_LOG", "error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).expect("the first line says where the hub is");
    (child, first["url"].as_str().unwrap().to_owned())
}

/// A folder with the scaler, which takes four numbers and gives a class and three probabilities.
fn model(folder: &Path) -> String {
    let model = folder.join("iris");
    fs::create_dir(&model).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/scaler.onnx");
    fs::copy(fixture, model.join("model.onnx")).unwrap();
    let card = "---\nlicense: mit\nmodelhub:\n  price: { per_call: \"0.001 OPG\" }\n---\n# Iris\n";
    fs::write(model.join("README.md"), card).unwrap();
    model.to_str().unwrap().to_owned()
}

/// Changes the books behind everybody's back.
fn tamper(data: &Path, sql: &str) {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
    let status = Command::new("python3").args(["-c", script]).arg(data.join("ledger.db")).arg(sql).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_model_is_published_called_paid_receipted_and_audited() {
    let mut hub = Hub::start();
    let (alice, bob) = (hub.account("alice"), hub.account("bob"));
    let published = hub.json(&alice, &["publish", &model(hub.folder.path())]);
    assert_eq!((&published["model"], &published["release"]), (&"alice/iris".into(), &"1.00".into()));
    assert!(published["verdicts"].as_array().unwrap().iter().all(|verdict| verdict["ok"] == true));

    let run = ["run", "alice/iris", "-i", "features=[5.1,3.5,1.4,0.2]"];
    let (status, said) = hub.fails(&bob, &run);
    assert_eq!(status, Some(1));
    assert!(said.starts_with("error: ") && said.contains("insufficient_funds") && said.contains("hint: "), "{said}");

    hub.json("", &["admin", "deposit", "bob", "0.0015", "--reference", "test"]);
    let first = hub.json(&bob, &[&run[..], &["--idempotency-key", "one"]].concat());
    assert_eq!(first["cost"], "0.001");
    let again = hub.json(&bob, &[&run[..], &["--idempotency-key", "one"]].concat());
    assert_eq!((&again["receipt"], &again["replayed"]), (&first["receipt"], &true.into()));
    assert_eq!(hub.json(&bob, &["balance"])["cash"], "0.0005", "paid once");
    assert_eq!(hub.json(&bob, &["calls"])["items"][0]["cost"], "0.001");

    let receipt = first["receipt"].as_str().unwrap();
    let (kept, keys) = (hub.folder.path().join("receipt.json"), hub.folder.path().join("keys.json"));
    let (kept, keys) = (kept.to_str().unwrap(), keys.to_str().unwrap());
    hub.json(&alice, &["receipt", receipt, "--save", kept, "--save-keys", keys]);
    let data = hub.data();
    hub.stop();
    assert!(!data.join("hub.json").exists(), "nobody is sent to a hub that is gone");

    assert_eq!(hub.json("", &["receipt", kept, "--verify", "--keys", keys])["verified"], true, "and needs no hub");
    let forged = fs::read_to_string(kept).unwrap().replace("\"1.00\"", "\"1.01\"");
    fs::write(kept, forged).unwrap();
    assert!(hub.fails("", &["receipt", kept, "--verify", "--keys", keys]).1.contains("not proven"));

    let audit = hub.command(&["audit"]).output().unwrap();
    assert!(audit.status.success());
    assert_eq!(String::from_utf8(audit.stdout).unwrap().lines().last(), Some("books balance: 0"));
    tamper(&data, "update calls set cost = cost + 1 where cost > 0");
    let audit = hub.command(&["audit"]).output().unwrap();
    assert_eq!(audit.status.code(), Some(1));
    assert_eq!(String::from_utf8(audit.stdout).unwrap().lines().last(), Some("out of balance by 0.000000001"));
}

#[test]
fn money_is_limited_set_aside_given_back_and_told_month_by_month() {
    let hub = Hub::start();
    let (alice, bob) = (hub.account("alice"), hub.account("bob"));
    hub.json(&alice, &["publish", &model(hub.folder.path())]);
    hub.json("", &["admin", "deposit", "bob", "1"]);
    let run = ["run", "alice/iris", "-i", "features=[5.1,3.5,1.4,0.2]"];
    let call = hub.json(&bob, &run)["receipt"].as_str().unwrap().to_owned();

    let limits = hub.json(&bob, &["limits", "--max-day", "0.0015", "--max-cost", "0.001"]);
    assert_eq!((&limits["account"]["max_day"], &limits["account"]["spent_today"]), (&"0.0015".into(), &"0.001".into()));
    assert!(hub.fails(&bob, &run).1.contains("spending_limit"));
    let limits = hub.json(&bob, &["limits", "--max-day", "none"]);
    assert_eq!((&limits["account"]["max_day"], &limits["account"]["max_cost"]), (&Value::Null, &"0.001".into()));

    let refund = hub.json(&alice, &["refund", &call, "--reason", "wrong labels"]);
    assert_eq!((&refund["amount"], &refund["owed"]), (&"0.001".into(), &"0".into()));
    assert_eq!(hub.json(&bob, &["refund", &call, "--list"])["items"][0]["reason"], "wrong labels");
    assert_eq!(hub.json(&bob, &["balance"])["cash"], "1");

    let hold = hub.json("", &["admin", "hold", "bob", "0.4", "--reference", "bank"]);
    let hold = hold["hold"].as_str().unwrap();
    assert_eq!(hub.json(&bob, &["holds"])["items"][0]["hold"], hold);
    assert_eq!(hub.json("", &["admin", "payout", "bob", "0.3", "--hold", hold])["balance"]["cash"], "0.7");
    let second = hub.json("", &["admin", "hold", "bob", "0.1"]);
    assert_eq!(hub.json("", &["admin", "release", second["hold"].as_str().unwrap()])["released"], true);
    assert!(hub.json("", &["admin", "holds"])["items"].as_array().unwrap().is_empty());
    assert!(hub.json(&bob, &["debts"])["items"].as_array().unwrap().is_empty());

    let kinds: Vec<_> =
        hub.json(&bob, &["entries"])["items"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["payout", "refund", "call", "deposit"]);
    let csv = hub.folder.path().join("month.csv");
    let statement = hub.json(&bob, &["statement", "--csv", csv.to_str().unwrap()]);
    assert_eq!((&statement["opening"]["cash"], &statement["closing"]["cash"]), (&"0".into(), &"0.7".into()));
    assert_eq!(fs::read_to_string(csv).unwrap().lines().count(), 1 + 2 + 4 + 2);

    assert_eq!(hub.json("", &["admin", "trial", "0.5"])["budget"], "0.5");
    let carol = hub.account("carol");
    let tried = hub.json(&carol, &run);
    assert_eq!(tried["paid_from"], "trial");
    let trial = hub.json(&alice, &["trial", "alice/iris", "--hub", "no"]);
    assert_eq!((&trial["allowed"], &trial["budget"]), (&false.into(), &"0".into()));
    assert!(hub.fails(&carol, &run).1.contains("insufficient_funds"));
    assert_eq!(hub.json(&alice, &["earnings", "--by", "class"])["totals"]["trial"], "0.0009");
}

#[test]
fn a_hub_is_backed_up_while_it_runs_and_restored_elsewhere() {
    let hub = Hub::start();
    let (alice, bob) = (hub.account("alice"), hub.account("bob"));
    hub.json(&alice, &["publish", &model(hub.folder.path())]);
    let checks = hub.checked(&bob, "alice/iris");
    let two_runners = &checks["items"][0]["checks"][0];
    assert_eq!((&two_runners["kind"], &two_runners["agreed"]), (&"two_runners".into(), &1.into()));
    hub.json("", &["admin", "deposit", "bob", "1"]);
    let run = ["run", "alice/iris", "-i", "features=[5.1,3.5,1.4,0.2]"];
    let call = hub.json(&bob, &run)["receipt"].as_str().unwrap().to_owned();
    hub.json(&bob, &["receipt", &call]);
    let deep = hub.json("", &["audit", "--deep"]);
    assert_eq!(
        (&deep["in_order"], &deep["deep"]["receipts"], &deep["deep"]["blobs"]),
        (&true.into(), &1.into(), &2.into())
    );

    let (copy, other) = (hub.folder.path().join("copy"), hub.folder.path().join("other"));
    let (copy, other) = (copy.to_str().unwrap(), other.to_str().unwrap());
    let made = hub.json("", &["backup", copy]);
    assert_eq!((&made["rows"], &made["new_models_files"]), (&4.into(), &2.into()), "two are the hub's checks");
    for folder in [copy, made["folder"].as_str().unwrap()] {
        assert_eq!(hub.json("", &["audit", "--deep", "--data", folder])["in_order"], true);
    }
    hub.json(&bob, &run);
    assert_eq!(hub.json("", &["backup", copy])["new_models_files"], 0);

    let restored = hub.json("", &["restore", copy, "--data", other]);
    assert_eq!((&restored["rows"], &restored["in_order"]), (&5.into(), &true.into()));
    assert!(hub.fails("", &["restore", copy, "--data", other]).1.contains("there already"));
    let (mut child, url) = serve(Path::new(other));
    let (_, said) = hub.fails("mh_none", &["balance", "--url", &url]);
    assert!(said.contains("bad_key"), "{said}");
    let balance = hub.command(&["balance", "--json"]).env("MODELHUB_URL", &url).env("MODELHUB_KEY", &bob).output();
    assert_eq!(serde_json::from_slice::<Value>(&balance.unwrap().stdout).unwrap()["cash"], "0.998");
    let mut verify = hub.command(&["receipt", &call, "--verify", "--json"]);
    let verified = verify.env("MODELHUB_URL", &url).env("MODELHUB_KEY", &bob).output().unwrap();
    assert!(verified.status.success(), "the receipt of the old hub is the new one's");
    drop(child.stdin.take());
    child.wait().unwrap();

    tamper(Path::new(other), "update calls set cost = cost + 1, fee = fee + 1 where cost > 0");
    let audit = hub.command(&["audit", "--deep", "--data", other]).output().unwrap();
    let said = String::from_utf8(audit.stdout).unwrap();
    assert!(said.contains("the receipt that was handed out does not fit"), "{said}");
}

#[test]
fn files_are_looked_at_bounded_and_collected() {
    let mut hub = Hub::start();
    let alice = hub.account("alice");
    let folder = tempfile::tempdir().unwrap();
    let iris = model(folder.path());
    hub.json(&alice, &["publish", &iris]);
    let found = hub.json("", &["fsck", "--deep"]);
    assert_eq!((&found["in_order"], &found["releases"], &found["waiting_blobs"]), (&json!(true), &json!(1), &json!(0)));
    assert!(found["named_blobs"].as_u64() >= Some(1) && found["read_bytes"] == found["named_bytes"], "{found}");

    let kept = found["named_bytes"].as_u64().unwrap();
    let quota = hub.json("", &["admin", "quota", "alice", "--gib", "0", "--models", "1"]);
    assert_eq!((quota["named_bytes"].as_u64(), &quota["own"]), (Some(kept), &json!(["max_bytes", "max_models"])));
    let quota = hub.json("", &["admin", "quota", "alice", "--commits-per-hour", "7"]);
    assert_eq!((&quota["max_models"], &quota["max_commits_per_hour"]), (&json!(1), &json!(7)), "the rest stays");
    assert_eq!(hub.json(&alice, &["quota"]), quota);
    fs::write(Path::new(&iris).join("more.bin"), "more").unwrap();
    let (status, said) = hub.fails(&alice, &["publish", &iris, "alice/iris"]);
    assert!(status == Some(1) && said.contains("may keep 0") && said.contains("hint: "), "{said}");
    assert_eq!(hub.json("", &["admin", "quota", "alice", "--usual"])["own"], json!([]));
    let collected = hub.json("", &["admin", "collect", "--dry-run"]);
    assert_eq!((&collected["blobs"], &collected["dry_run"]), (&json!(0), &json!(true)));

    let (status, said) = hub.fails("", &["fsck", "--repair"]);
    assert!(status == Some(1) && said.contains("stop the hub"), "{said}");
    hub.stop();
    assert_eq!(hub.json("", &["fsck", "--repair"])["in_order"], true);
    // A file that a release names is gone.
    let blobs = fs::read_dir(hub.data().join("blobs")).unwrap().flatten().filter(|entry| entry.file_name().len() == 2);
    let blob = blobs.flat_map(|shelf| fs::read_dir(shelf.path()).unwrap().flatten()).next().unwrap().path();
    fs::remove_file(&blob).unwrap();
    let (status, said) = hub.fails("", &["fsck"]);
    assert!(status == Some(1) && said.contains("the files are not in order: 1 differences"), "{said}");
}

#[test]
fn what_files_hold_and_what_a_card_leaves_out_is_told() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let folder = tempfile::tempdir().unwrap();
    let iris = model(folder.path());
    // A pickle that runs a program when it is opened.
    fs::write(Path::new(&iris).join("extra.pkl"), b"cos\nsystem\n(S'true'\ntR.").unwrap();
    hub.json(&alice, &["publish", &iris]);
    let begun = Instant::now();
    let found = loop {
        let found = hub.json(&alice, &["scan", "alice/iris"]);
        if found["waiting"] == 0 {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "not all was looked at within a minute: {found}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&found["verdict"], &found["dangerous"]), (&json!("dangerous"), &json!(1)), "{found}");
    let file = found["items"].as_array().unwrap().iter().find(|item| item["path"] == "extra.pkl").unwrap();
    assert_eq!(file["findings"][0]["code"], "dangerous_import");
    let card = hub.json(&alice, &["card", "alice/iris"]);
    assert!(card["score"].as_u64() < Some(100) && card["licences"][0]["licence"] == "MIT", "{card}");
    let said = |args: &[&str]| {
        let output = hub.command(args).env("MODELHUB_URL", &hub.url).env("MODELHUB_KEY", &alice).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let scan = said(&["scan", "alice/iris"]);
    assert!(scan.contains("dangerous_import: ") && scan.contains("alice/iris is dangerous: "), "{scan}");
    let words = said(&["card", "alice/iris"]);
    assert!(
        words.contains(&format!("alice/iris: {} of 100", card["score"])) && words.contains("licence MIT"),
        "{words}"
    );
    let missing = card["parts"].as_array().unwrap().iter().find(|part| part["filled"] == false).unwrap();
    assert!(words.contains(missing["how"].as_str().unwrap().split('\n').next().unwrap()), "{words}");
    for command in ["scan", "card"] {
        let (status, said) = hub.fails(&alice, &[command, "alice/iris", "--revision", "nowhere"]);
        assert!(status == Some(1) && said.contains("nowhere"), "{said}");
    }
}

#[test]
fn books_without_their_catalogue_are_no_hub() {
    let mut hub = Hub::start();
    hub.account("bob");
    hub.json("", &["admin", "deposit", "bob", "1"]);
    hub.stop();
    for file in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        let _ = fs::remove_file(hub.data().join(file));
    }
    let audit = hub.command(&["audit"]).output().unwrap();
    assert_eq!(audit.status.code(), Some(1));
    assert!(String::from_utf8(audit.stdout).unwrap().contains("hub.db is gone"));
    // Twice: the first try leaves an empty one behind.
    for _ in 0..2 {
        let (_, said) = hub.fails("", &["serve", "--listen", "127.0.0.1:0"]);
        assert!(said.contains("hub.db") && said.contains("restore a backup"), "{said}");
    }
}

#[test]
fn a_mistake_is_told_with_what_to_do() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let empty = hub.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let text = hub.folder.path().join("text.onnx");
    fs::write(&text, "no model").unwrap();
    let (empty, text) = (empty.to_str().unwrap(), text.to_str().unwrap());
    for (key, args, code, words) in [
        ("", &["balance"][..], 1, &["not logged in", "modelhub login"][..]),
        ("mh_wrong", &["balance"], 1, &["bad_key", "hint: "]),
        (&alice, &["login", "no-address"], 1, &["is not the address of a hub"]),
        (&alice, &["run", "alice/none", "-i", "x=1"], 1, &["model_not_found"]),
        (&alice, &["run", "alice/none"], 2, &["--input", "--text", "--file", "--row", "--body"]),
        (&alice, &["run", "alice", "-i", "x=1"], 2, &["one slash"]),
        (&alice, &["run", "alice/none", "-i", "x"], 2, &["NAME=VALUE"]),
        (&alice, &["publish", empty], 1, &["holds no files", "hint: "]),
        (&alice, &["publish", text], 1, &["publish_refused", "does not load"]),
        (&alice, &["publish", text, "bob/text"], 1, &["error: "]),
        (&alice, &["publish", text, "--split", "bob"], 2, &["HANDLE=SHARE"]),
        (&alice, &["publish", text, "--price", "1 EUR"], 1, &["invalid_price"]),
        (&alice, &["receipt", "nonsense", "--verify"], 1, &["receipt_not_found"]),
        (&alice, &["key", "create", "--scope", "everything"], 1, &["everything"]),
        (&alice, &["key", "create", "--scope", "admin"], 1, &["scope_missing"]),
        (&alice, &["key", "create", "--expires-in", "0"], 2, &["--expires-in", "0 is not in 1.."]),
        (&alice, &["key", "create", "--max-day", "-5"], 2, &["below zero"]),
        ("", &["admin", "deposit", "nobody", "1"], 1, &["account_not_found"]),
        ("", &["admin", "deposit", "alice", "0.0000000001"], 2, &["at most 9"]),
        ("", &["admin", "deposit", "alice", "-5"], 2, &["below zero"]),
        ("", &["admin", "payout", "alice", "1"], 1, &["insufficient_funds"]),
        ("", &["admin", "account", "create", "alice"], 1, &["handle_taken"]),
        ("", &["admin", "account", "create", "api"], 1, &["reserved"]),
        ("", &["admin", "fee", "101%"], 1, &["101%"]),
        ("", &["admin", "hold", "alice", "1"], 1, &["insufficient_funds"]),
        ("", &["admin", "hold", "alice", "1", "--days", "91"], 2, &["91"]),
        ("", &["admin", "release", "hold_1"], 1, &["hold_not_found"]),
        ("", &["admin", "trial", "lots"], 2, &["lots"]),
        (&alice, &["refund", "call_1"], 2, &["--reason"]),
        (&alice, &["refund", "call_1", "--reason", "x"], 1, &["invalid_request", "call: "]),
        (&alice, &["limits", "--max-day", "much"], 2, &["much", "or none"]),
        (&alice, &["limits", "--max-day", "-5"], 2, &["below zero", "or none"]),
        (&alice, &["limits", "--max-day", "0"], 1, &["invalid_request", "leave it out"]),
        (&alice, &["trial", "alice/none"], 1, &["model_not_found"]),
        (&alice, &["statement", "2026-13"], 2, &["2026-13"]),
        (&alice, &["webhook", "show"], 1, &["webhook_not_found", "hint: modelhub webhook set"]),
        (&alice, &["webhook", "set", "https://127.0.0.1/hook"], 1, &["not on the open internet"]),
        (&alice, &["webhook", "set", "http://example.com/"], 1, &["https is needed"]),
        ("", &["backup", empty, "--data", "/nowhere"], 1, &["/nowhere", "no ledger.db", "hint: "]),
        ("", &["restore", empty, "--data", "/nowhere/at/all"], 1, &["no backup", "hint: "]),
        ("", &["admin", "fee", "--data", "/nowhere"], 1, &["no hub runs on /nowhere", "modelhub serve"]),
        ("", &["audit", "--data", "/nowhere"], 1, &["/nowhere"]),
        ("", &["serve", "--listen", "127.0.0.1:0"], 1, &["in use by another hub", "hint: "]),
        ("", &["engine", "install", "--from", text, "--force"], 1, &["neither a wheel nor a shared library"]),
    ] {
        let (status, said) = hub.fails(key, args);
        assert_eq!(status, Some(code), "{args:?}: {said}");
        assert!(said.contains("error: ") && words.iter().all(|word| said.contains(word)), "{args:?}: {said}");
    }
}

#[test]
fn a_key_gets_another_secret_and_the_operator_says_how_often_each_may_ask() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let made = hub.json(&alice, &["key", "create", "--name", "app", "--scope", "read", "--rate", "60/min"]);
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let rotated = hub.json(&alice, &["key", "rotate", id, "--overlap-hours", "0"]);
    assert_eq!((&rotated["id"], &rotated["rate"]), (&made["id"], &"60/min".into()));
    let (status, said) = hub.fails(old, &["balance"]);
    assert!(status == Some(1) && said.contains("expired") && said.contains("hint: "), "{said}");
    hub.json(rotated["key"].as_str().unwrap(), &["balance"]);
    let (_, said) = hub.fails(&alice, &["key", "rotate", id, "--overlap-hours", "721"]);
    assert!(said.contains("0..=720"), "{said}");
    let set = hub.json("", &["admin", "request-rate", "account", "calls", "5000/h"]);
    assert_eq!((&set["account"]["calls"], &set["address"]["reads"]), (&"5000/h".into(), &"1200/min".into()));
    let set = hub.json("", &["admin", "request-rate", "address", "reads", "none"]);
    assert_eq!(set["address"]["reads"], Value::Null);
    let (status, said) = hub.fails("", &["admin", "request-rate", "key", "calls", "often"]);
    assert!(status == Some(2) && said.contains("or none"), "{said}");
    assert_eq!(hub.json("", &["admin", "settings"])["request_rates"], set);
}

#[test]
fn a_key_is_for_the_hub_that_gave_it() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    hub.json(&alice, &["login", &hub.url]);
    let balance = hub.command(&["balance"]).output().unwrap();
    assert!(balance.status.success(), "logged in");
    // The same hub under another name may be another hub.
    let elsewhere = hub.url.replace("127.0.0.1", "localhost");
    let (_, said) = hub.fails("", &["balance", "--url", &elsewhere]);
    assert!(said.contains("no_key"), "{said}");
}

#[test]
fn a_hub_without_its_receipt_key_does_not_take_a_new_one() {
    let mut hub = Hub::start();
    hub.stop();
    fs::remove_file(hub.data().join("receipt.key")).unwrap();
    let (status, said) = hub.fails("", &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("receipt.key is missing"), "{said}");
}
