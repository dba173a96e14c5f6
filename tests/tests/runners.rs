//! Models that hang or die: their call fails in time and costs nothing, and the next one works.

use std::time::{Duration, Instant};

use whole::{Hub, until};

fn body(count: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"count","datatype":"INT64","shape":[1],"data":[{count}]}}]}}"#)
}

fn with_loop() -> (Hub, String) {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.admin(&["deposit", "bob", "1", "--reference", "loop"]);
    hub.publish(&alice, "alice/loop", "loop.onnx", "  price: { per_call: \"0.002 OPG\" }\n  deadline: 2s");
    (hub, bob)
}

#[test]
fn an_endless_loop_is_stopped_in_time_and_costs_nothing() {
    let (hub, bob) = with_loop();
    assert_eq!(hub.infer(&bob, "alice/loop", &body("3")).status, 200);
    let asked = Instant::now();
    let answer = hub.infer(&bob, "alice/loop", &body("9223372036854775807"));
    let took = asked.elapsed();
    assert_eq!((answer.status, answer.code().as_str()), (504, "timed_out"));
    assert!(took < Duration::from_secs(3), "the error came after {took:?}; the deadline is 2 s");
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.998");
    assert_eq!(hub.infer(&bob, "alice/loop", &body("3")).status, 200);
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.996");
}

#[test]
fn memory_that_is_not_there_fails_the_call_costs_nothing_and_keeps_nobody_else_from_theirs() {
    let mut hub = Hub::start();
    let (alice, bob) = (hub.account("alice"), hub.account("bob"));
    hub.admin(&["deposit", "bob", "1", "--reference", "grow"]);
    hub.publish(&alice, "alice/grow", "grow.onnx", "  price: { per_call: \"0.002 OPG\" }");
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.001 OPG\" }");
    let sizes = |sizes: &str, count: usize| {
        format!(r#"{{"inputs":[{{"name":"sizes","datatype":"INT64","shape":[{count}],"data":[{sizes}]}}]}}"#)
    };
    let iris = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
    // 40 GB and 4 TB.
    for hostile in [sizes("10000000000", 1), sizes("1000000,1000000", 2)] {
        let (failed, others) = std::thread::scope(|scope| {
            let failed = scope.spawn(|| hub.infer(&bob, "alice/grow", &hostile));
            let others: Vec<_> = (0..20).map(|_| hub.infer(&bob, "alice/iris", iris).status).collect();
            (failed.join().expect("no panic"), others)
        });
        assert_eq!((failed.status, failed.code().as_str()), (502, "engine_failed"));
        assert!(others.iter().all(|status| *status == 200), "{others:?}");
        assert_eq!(hub.infer(&bob, "alice/grow", &sizes("30", 1)).status, 200, "and it works again");
    }
    assert!(hub.is_running());
    // Two good calls of 0.002 and forty of 0.001.
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.956");
}

#[test]
fn a_runner_killed_in_mid_call_costs_nothing_and_is_replaced() {
    let (hub, bob) = with_loop();
    assert_eq!(hub.infer(&bob, "alice/loop", &body("3")).status, 200);
    let answer = std::thread::scope(|scope| {
        let call = scope.spawn(|| hub.infer(&bob, "alice/loop", &body("9223372036854775807")));
        std::thread::sleep(Duration::from_millis(500));
        let runners = hub.runners();
        assert!(!runners.is_empty(), "no runner is there");
        for pid in runners {
            std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill starts");
        }
        call.join().expect("no panic")
    });
    // The killed call may be tried once more, on the new runner; it has to end all the same.
    assert!(matches!(answer.code().as_str(), "engine_failed" | "timed_out"), "{}", answer.code());
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.998");
    assert_eq!(hub.infer(&bob, "alice/loop", &body("3")).status, 200);
}

#[test]
fn no_runner_outlives_its_hub() {
    let (mut hub, bob) = with_loop();
    std::thread::scope(|scope| {
        let url = hub.url.clone();
        let bob = &bob;
        scope.spawn(move || {
            let bearer = format!("Bearer {bob}");
            let headers = [("Authorization", bearer.as_str())];
            // The hub dies under it.
            let _ = whole::request(
                &url,
                "POST",
                "/v2/models/alice/loop/infer",
                &headers,
                body("9223372036854775807").as_bytes(),
            );
        });
        std::thread::sleep(Duration::from_millis(500));
        let runners = hub.runners();
        assert!(!runners.is_empty(), "no runner is there");
        hub.kill();
        let alive = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| !status.contains("State:\tZ"))
        };
        until("runners end with their hub", || !runners.iter().any(alive));
    });
}
