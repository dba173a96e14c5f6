//! Money over the wire: exact under pressure, and no way to get an answer or a charge that should not be.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use whole::{Hub, modelhub};

const BODY: &str = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;

fn with_iris() -> (Hub, String, String) {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.002 OPG\" }");
    (hub, alice, bob)
}

#[test]
fn two_hundred_calls_at_once_spend_money_for_a_hundred_and_twenty_exactly() {
    let (hub, alice, bob) = with_iris();
    hub.admin(&["deposit", "bob", "0.24", "--reference", "120 calls"]);
    let [good, poor] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                loop {
                    let answer = hub.infer(&bob, "alice/iris", BODY);
                    match answer.status {
                        200 => break good.fetch_add(1, Ordering::Relaxed),
                        // Held by a neighbour that may still fail is not spent: but all of these answer, so it stays 402.
                        402 => {
                            assert_eq!(answer.code(), "insufficient_funds");
                            break poor.fetch_add(1, Ordering::Relaxed);
                        }
                        429 => {}
                        other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
                    };
                }
            });
        }
    });
    assert_eq!((good.into_inner(), poor.into_inner()), (120, 80));
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0");
    assert_eq!(hub.get("/api/v1/balance", &alice).json()["cash"], "0.216");
    let (in_order, said) = hub.audit();
    assert!(in_order, "{said}");
}

#[test]
fn a_unit_changed_in_a_row_fails_the_audit() {
    let (mut hub, _alice, bob) = with_iris();
    hub.admin(&["deposit", "bob", "1", "--reference", "one"]);
    assert_eq!(hub.infer(&bob, "alice/iris", BODY).status, 200);
    hub.kill();
    let (in_order, said) = hub.audit();
    assert!(in_order && said.trim_end().ends_with("books balance: 0"), "{said}");
    let change = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE calls SET cost = cost + 1 WHERE cost > 0'); c.commit()";
    let changed = Command::new("python3").args(["-c", change]).arg(hub.data().join("ledger.db")).status();
    assert!(changed.expect("python3 starts").success());
    let (in_order, said) = hub.audit();
    assert!(!in_order, "{said}");
}

#[test]
fn one_folder_has_one_hub() {
    let (hub, _alice, _bob) = with_iris();
    let second = Command::new(modelhub())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(hub.data())
        .output()
        .expect("it starts");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("in use by another hub"), "{said}");
    assert_eq!(hub.get("/v2/health/live", "").status, 200);
}

#[test]
fn a_newer_database_is_refused() {
    let (mut hub, _alice, _bob) = with_iris();
    hub.kill();
    let newer =
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version = 99'); c.commit()";
    let changed = Command::new("python3").args(["-c", newer]).arg(hub.data().join("ledger.db")).status();
    assert!(changed.expect("python3 starts").success());
    let refused = Command::new(modelhub())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(hub.data())
        .output()
        .expect("it starts");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("newer hub"), "{said}");
}

#[test]
fn wrong_requests_get_clear_errors_and_cost_nothing() {
    let (hub, alice, bob) = with_iris();
    let model = "alice/iris";
    // One unit too little.
    hub.admin(&["deposit", "bob", "0.001999999", "--reference", "too little"]);
    let answer = hub.infer(&bob, model, BODY);
    assert_eq!((answer.status, answer.code().as_str()), (402, "insufficient_funds"));
    hub.admin(&["deposit", "bob", "0.000000001", "--reference", "one unit"]);

    let refused = |body: &str, status: u16, code: &str| {
        let answer = hub.infer(&bob, model, body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{body}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    };
    refused("{", 400, "invalid_request");
    refused("[]", 400, "invalid_request");
    refused(&BODY.replace("features", "featurez"), 400, "invalid_input");
    refused(&BODY.replace("FP32", "INT32"), 400, "invalid_input");
    refused(&BODY.replace("FP32", "FP33"), 400, "invalid_input");
    refused(&BODY.replace("[1,4]", "[1,5]"), 400, "invalid_input");
    refused(&BODY.replace("[1,4]", "[4]"), 400, "invalid_input");
    refused(&BODY.replace("5.1,", ""), 400, "invalid_input");
    refused(&BODY.replace("5.1", "\"x\""), 400, "invalid_input");
    refused(&format!("{{\"inputs\":[],\"x\":\"{}\"}}", "y".repeat(17 * 1024 * 1024)), 413, "body_too_large");

    let call = |model: &str, headers: &[(&str, &str)]| {
        let answer = hub.post(&format!("/v2/models/{model}/infer"), headers, BODY).expect("an answer");
        (answer.status, answer.code())
    };
    let bearer = format!("Bearer {bob}");
    let with = ("Authorization", bearer.as_str());
    assert_eq!(call("alice/nothing", &[with]), (404, "model_not_found".to_owned()));
    assert_eq!(call("alice/iris/versions/7.00", &[with]), (404, "release_not_found".to_owned()));
    assert_eq!(call(model, &[]), (402, "payment_required".to_owned()));
    assert_eq!(call(model, &[("Authorization", "Bearer mh_wrong")]), (401, "bad_key".to_owned()));
    assert_eq!(call(model, &[with, ("X-Max-Cost", "0.001")]), (402, "cost_above_limit".to_owned()));
    assert_eq!(call(model, &[with, ("X-Max-Cost", "-1")]), (400, "invalid_request".to_owned()));
    assert_eq!(call(model, &[with, ("Idempotency-Key", "")]), (400, "invalid_request".to_owned()));

    let reader = hub.cli(&bob, &["key", "create", "--scope", "read"]);
    let reader = format!("Bearer {}", reader["key"].as_str().expect("a key"));
    assert_eq!(call(model, &[("Authorization", &reader)]), (403, "scope_missing".to_owned()));
    let other = hub.cli(&bob, &["key", "create", "--scope", "call"]);
    let (id, secret) = (other["id"].as_str().expect("an id"), other["key"].as_str().expect("a key"));
    hub.cli(&bob, &["key", "revoke", id]);
    assert_eq!(call(model, &[("Authorization", &format!("Bearer {secret}"))]), (401, "bad_key".to_owned()));

    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.002");
    assert_eq!(hub.get("/api/v1/balance", &alice).json()["cash"], "0");
    assert_eq!(hub.infer(&bob, model, BODY).status, 200);
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0");
}
