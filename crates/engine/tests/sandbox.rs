//! What a model does inside a real runner that it may not: with the locks on it comes to nothing, with them off the very
//! same deed succeeds, so that it is the locks that stop it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Call, Engine, Failure, Model, Runners, RunnersConfig, Sandbox};
use tensor::Tensor;

const MEMORY: u64 = 1024 * 1024 * 1024;

fn runners(folder: &Path, sandbox: Sandbox) -> Runners {
    std::fs::write(folder.join("library"), "1.0").unwrap();
    std::fs::write(folder.join("canary"), "nobody's business").unwrap();
    std::fs::write(folder.join("model"), "").unwrap();
    let mut config = RunnersConfig::new(env!("CARGO_BIN_EXE_toy-runner"), Vec::new(), folder.join("library"));
    (config.sandbox, config.memory_bytes) = (sandbox, MEMORY);
    Runners::new(config)
}

async fn run(runners: &Runners, folder: &Path, numbers: &[i64]) -> Result<Vec<Tensor>, Failure> {
    let model = Model { digest: [1; 32], weights: folder.join("model"), batch_rows: 1, remote: None };
    let x = Tensor::int64("x", &[numbers.len() as u64], numbers).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let ran = runners.run(&model, Call { inputs: vec![x], deadline, caller: [0; 16] }).await;
    ran.map(|ran| ran.outputs)
}

/// Whether a deed came through.
async fn comes_through(runners: &Runners, folder: &Path, deed: i64, number: i64) -> bool {
    let outputs = run(runners, folder, &[deed, number]).await.unwrap();
    outputs[0].bytes()[0] == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_through_that_comes_through_without_the_locks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = i64::from(listener.local_addr().unwrap().port());
    let (locked, open) = (runners(folder, Sandbox::Required), runners(folder, Sandbox::Off));
    let hub = i64::from(std::process::id());
    let deeds = [
        ("reading a file", -20, 0),
        ("writing a file", -21, 0),
        ("listing a folder", -22, 0),
        ("reading the hub's environment", -23, 0),
        ("connecting to a server", -24, port),
        ("making sockets", -25, 0),
        ("starting a program", -26, 0),
        ("making a process", -27, 0),
        ("signalling the hub", -28, hub),
        ("making memory executable", -29, 0),
        ("changing a limit", -30, 0),
        ("taking 2 GiB of the 1 GiB there is", -31, 2 * MEMORY as i64),
    ];
    for (deed, code, number) in deeds {
        assert!(!comes_through(&locked, folder, code, number).await, "{deed} came through");
        assert!(comes_through(&open, folder, code, number).await, "{deed} does not come through anyway");
    }
    assert!(comes_through(&locked, folder, -31, MEMORY as i64 / 2).await, "what it may have it gets");
    let answer = run(&locked, folder, &[1, 2]).await.unwrap();
    assert_eq!(answer, [Tensor::int64("y", &[2], &[1, 2]).unwrap()], "and it still answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_tells_which_locks_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (_, protections) = runners(folder.path(), Sandbox::Required).probe().unwrap();
    assert!(protections.hold(), "{:?}", protections.missing());
    let (_, none) = runners(folder.path(), Sandbox::Off).probe().unwrap();
    assert_eq!(none.missing().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_runner_that_dies_hangs_or_panics_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let runners = runners(folder.path(), Sandbox::Required);
    for (deed, says) in [(-2, "signal 6"), (-3, "panicked"), (-8, "code 0")] {
        let failure = run(&runners, folder.path(), &[deed]).await.unwrap_err();
        assert!(failure.to_string().contains(says), "{failure}");
        assert!(run(&runners, folder.path(), &[5]).await.is_ok(), "after {deed}");
    }
}
