//! The hub is killed in the middle of things; nothing acknowledged is lost, nothing is charged twice.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use whole::{Hub, request};

const BODY: &str = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
const CALLS: usize = 2_000;
const ROUNDS: usize = 5;

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

#[test]
fn killed_under_load_it_loses_nothing_acknowledged_and_charges_nothing_twice() {
    let mut hub = Hub::start();
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.002 OPG\" }");
    hub.admin(&["deposit", "bob", "1000", "--reference", "crash"]);
    let acknowledged = Mutex::new(HashMap::new());
    let mut all_keys = Vec::new();
    for round in 0..ROUNDS {
        let keys: Vec<String> = (0..CALLS).map(|n| format!("round-{round}-{n}")).collect();
        let url = hub.url.clone();
        let pid = hub.pid();
        storm(&url, &bob, &keys, &acknowledged, || {
            let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(killed.expect("kill starts").success());
        });
        hub.kill();
        let (in_order, said) = hub.audit();
        assert!(in_order, "round {round}, before the restart: {said}");
        hub.start_again();
        all_keys.extend(keys);
        // Whoever got no answer asks again with the same key.
        let missing: Vec<String> = {
            let acknowledged = acknowledged.lock().expect("no panic");
            all_keys.iter().filter(|key| !acknowledged.contains_key(*key)).cloned().collect()
        };
        assert!(!missing.is_empty() || round > 0, "the kill came too late to hit anything");
        for stretch in missing.chunks(200) {
            storm(&hub.url, &bob, stretch, &acknowledged, || {});
        }
        let (in_order, said) = hub.audit();
        assert!(in_order && said.trim_end().ends_with("books balance: 0"), "round {round}: {said}");
    }
    // 429 and 503 charge nothing and may be asked again for as long as it takes.
    for _ in 0..20 {
        let missing: Vec<String> = {
            let acknowledged = acknowledged.lock().expect("no panic");
            all_keys.iter().filter(|key| !acknowledged.contains_key(*key)).cloned().collect()
        };
        for stretch in missing.chunks(100) {
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
}
