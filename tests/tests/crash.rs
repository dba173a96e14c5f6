//! The hub is killed in the middle of things, and copied meanwhile; nothing acknowledged is lost, nothing is charged twice.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use whole::{Hub, modelhub, request};

const BODY: &str = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
const CALLS: usize = 500;
const ROUNDS: usize = 20;

/// One keyed call on its own thread; gives the receipt's id when it was acknowledged.
fn call(url: &str, key: &str, idempotency_key: &str) -> Option<String> {
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", idempotency_key)];
    let answer = request(url, "POST", "/v2/models/alice/iris/infer", &headers, BODY.as_bytes()).ok()?;
    assert!(matches!(answer.status, 200 | 429 | 503), "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    (answer.status == 200).then(|| answer.header("X-Receipt-Id").expect("a receipt").to_owned())
}

/// Fires all keys at once and calls `meanwhile` when some have been acknowledged.
fn storm(
    url: &str,
    key: &str,
    keys: &[String],
    acknowledged: &Mutex<HashMap<String, String>>,
    meanwhile: impl FnOnce(),
) {
    let done = AtomicUsize::new(0);
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for name in keys {
            let thread = std::thread::Builder::new().stack_size(128 * 1024);
            let (done, ended) = (&done, &ended);
            thread
                .spawn_scoped(scope, move || {
                    if let Some(receipt) = call(url, key, name) {
                        let before = acknowledged.lock().expect("no panic").insert(name.clone(), receipt.clone());
                        assert!(before.is_none_or(|b| b == receipt), "{name} was answered with two receipts");
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                })
                .expect("a thread");
        }
        while done.load(Ordering::Relaxed) < keys.len() / 4 && ended.load(Ordering::Relaxed) < keys.len() {
            std::thread::sleep(Duration::from_millis(1));
        }
        meanwhile();
    });
}

/// Makes a backup and audits it; gives the receipts that were acknowledged before it began.
fn back_up(data: &Path, to: &Path, acknowledged: &Mutex<HashMap<String, String>>) -> HashMap<String, String> {
    let before = acknowledged.lock().expect("no panic").clone();
    let made = Command::new(modelhub()).arg("backup").arg(to).arg("--data").arg(data).arg("--json").output();
    let made = made.expect("it starts");
    assert!(made.status.success(), "backup: {}", String::from_utf8_lossy(&made.stderr));
    let audit = Command::new(modelhub()).args(["audit", "--json", "--data"]).arg(to).output().expect("it starts");
    let said = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.status.success(), "audit of a backup: {said}{}", String::from_utf8_lossy(&audit.stderr));
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let charged = report["charged"].as_u64().expect("a number");
    assert!(charged >= before.len() as u64, "{} were acknowledged before, {charged} are in it", before.len());
    before
}

#[test]
fn killed_under_load_beside_backups_it_loses_nothing_acknowledged_and_charges_nothing_twice() {
    let mut hub = Hub::start();
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.002 OPG\" }");
    hub.admin(&["deposit", "bob", "1000", "--reference", "crash"]);
    let copy = tempfile::tempdir().expect("a folder");
    let acknowledged = Mutex::new(HashMap::new());
    let (data, over) = (hub.data(), AtomicBool::new(false));
    // However it ends, the backups end with it.
    let ended = Ended(&over);
    let (kept, all_keys) = std::thread::scope(|scope| {
        let backups = scope.spawn(|| {
            let mut made = 0;
            while !over.load(Ordering::Relaxed) {
                back_up(&data, copy.path(), &acknowledged);
                made += 1;
            }
            made
        });
        let keys = rounds(&mut hub, &bob, &acknowledged);
        drop(ended);
        let made = backups.join().expect("every backup is whole");
        assert!(made >= ROUNDS / 2, "only {made} backups beside {ROUNDS} rounds");
        (back_up(&hub.data(), copy.path(), &acknowledged), keys)
    });
    // 429 and 503 charge nothing and may be asked again for as long as it takes.
    for _ in 0..20 {
        for stretch in missing(&all_keys, &acknowledged).chunks(100) {
            storm(&hub.url, &bob, stretch, &acknowledged, || {});
        }
    }
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert_eq!(acknowledged.len(), ROUNDS * CALLS, "every key got its answer in the end");
    let receipts: HashSet<_> = acknowledged.values().collect();
    assert_eq!(receipts.len(), ROUNDS * CALLS, "every key has a receipt of its own");
    for receipt in receipts.iter().step_by(97) {
        assert_eq!(hub.get(&format!("/api/v1/receipts/{receipt}"), &bob).status, 200, "{receipt} is not in the books");
    }
    // 10,000 calls at 0.002 OPG: 20 OPG, no matter how often anybody asked.
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "980");
    assert_eq!(hub.get("/api/v1/balance", &alice).json()["cash"], "18");
    drop(hub);
    // What was acknowledged before the backup began is in it, answers too.
    let restored = Hub::restored(copy.path());
    let cash = restored.get("/api/v1/balance", &bob).json()["cash"].clone();
    for (key, receipt) in kept.iter().step_by(97) {
        assert_eq!(restored.get(&format!("/api/v1/receipts/{receipt}"), &bob).status, 200, "{receipt} is not restored");
        assert_eq!(call(&restored.url, &bob, key).as_ref(), Some(receipt), "{key} is answered as before");
    }
    assert_eq!(restored.get("/api/v1/balance", &bob).json()["cash"], cash, "nothing was charged again");
}

/// Says that the rounds are over, also when one of them fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The keys that got no answer yet.
fn missing(keys: &[String], acknowledged: &Mutex<HashMap<String, String>>) -> Vec<String> {
    let acknowledged = acknowledged.lock().expect("no panic");
    keys.iter().filter(|key| !acknowledged.contains_key(*key)).cloned().collect()
}

/// Calls, killed in the middle, audited, started again and asked again: all rounds. Gives the keys that were used.
fn rounds(hub: &mut Hub, bob: &str, acknowledged: &Mutex<HashMap<String, String>>) -> Vec<String> {
    let mut all_keys = Vec::new();
    let mut hit = 0;
    for round in 0..ROUNDS {
        let keys: Vec<String> = (0..CALLS).map(|n| format!("round-{round}-{n}")).collect();
        let (url, pid) = (hub.url.clone(), hub.pid());
        storm(&url, bob, &keys, acknowledged, || {
            let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(killed.expect("kill starts").success());
        });
        hub.kill();
        let (in_order, said) = hub.audit();
        assert!(in_order, "round {round}, before the restart: {said}");
        hub.start_again();
        all_keys.extend(keys);
        // Whoever got no answer asks again with the same key.
        let missing = missing(&all_keys, acknowledged);
        hit += usize::from(!missing.is_empty());
        for stretch in missing.chunks(200) {
            storm(&hub.url, bob, stretch, acknowledged, || {});
        }
        let (in_order, said) = hub.audit();
        assert!(in_order && said.trim_end().ends_with("books balance: 0"), "round {round}: {said}");
    }
    assert!(hit >= ROUNDS / 2, "{hit} of {ROUNDS} kills hit anything");
    all_keys
}
