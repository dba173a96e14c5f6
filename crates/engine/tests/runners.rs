//! Runner processes: deadlines, deaths, queues and places. The models are toys, the processes real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Call, Death, Engine, Failure, Model, Ran, Runners, RunnersConfig, Sandbox, Weights};
use tempfile::TempDir;
use tensor::{Mismatch, Tensor};

/// A folder with a "library" and models, and runners over it.
struct Toys {
    folder: TempDir,
    runners: Arc<Runners>,
    made: AtomicU8,
}

impl Toys {
    fn new(set: impl FnOnce(&mut RunnersConfig)) -> Toys {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("library"), "1.0").unwrap();
        let mut config =
            RunnersConfig::new(env!("CARGO_BIN_EXE_toy-runner"), Vec::new(), folder.path().join("library"));
        config.load_limit_ms = 10_000;
        config.sandbox = Sandbox::Off;
        set(&mut config);
        Toys { folder, runners: Arc::new(Runners::new(config)), made: AtomicU8::new(0) }
    }

    /// A model whose calls share runs.
    fn shared(&self, text: &str) -> Model {
        Model { batch_rows: 8, ..self.model(text) }
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn model(&self, text: &str) -> Model {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let weights = self.folder.path().join(format!("model{number}"));
        std::fs::write(&weights, text).unwrap();
        Model { digest: [number; 32], weights, batch_rows: 1, remote: None }
    }

    /// The processes that have opened the library so far.
    fn opened(&self) -> Vec<u32> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.rsplit_once("opened-by-")?.1.parse().ok()).collect()
    }

    async fn spare_is_ready(&self) {
        while self.runners.spares() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn run(&self, model: &Model, numbers: &[i64], limit_ms: u64) -> Result<Ran, Failure> {
        run(&self.runners, model, numbers, limit_ms).await
    }

    /// A run that goes on beside the test.
    fn start(&self, model: &Model, numbers: &[i64], limit_ms: u64) -> tokio::task::JoinHandle<Result<Ran, Failure>> {
        let (runners, model, numbers) = (Arc::clone(&self.runners), model.clone(), numbers.to_vec());
        tokio::spawn(async move { run(&runners, &model, &numbers, limit_ms).await })
    }
}

async fn run(runners: &Runners, model: &Model, numbers: &[i64], limit_ms: u64) -> Result<Ran, Failure> {
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    runners.run(model, Call { inputs: vec![x(numbers)], deadline, caller: [0; 16] }).await
}

async fn run_all(runners: &Runners, model: &Model, inputs: Vec<Tensor>) -> Result<Ran, Failure> {
    let deadline = Instant::now() + Duration::from_secs(5);
    runners.run(model, Call { inputs, deadline, caller: [0; 16] }).await
}

fn x(numbers: &[i64]) -> Tensor {
    Tensor::int64("x", &[numbers.len() as u64], numbers).unwrap()
}

fn y(numbers: &[i64]) -> Vec<Tensor> {
    vec![x(numbers).with_name("y").unwrap()]
}

fn alive(pid: u32) -> bool {
    // A zombie is dead; its state is the word behind the name in brackets.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

async fn gone(pid: u32) -> bool {
    for _ in 0..100 {
        if !alive(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

const LOOP: &[i64] = &[-1];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_answered_and_only_the_first_is_cold() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    let first = toys.run(&model, &[1, 2, 3], 5000).await.unwrap();
    let second = toys.run(&model, &[4], 5000).await.unwrap();
    assert_eq!((first.outputs, first.cold), (y(&[1, 2, 3]), true));
    assert_eq!((second.outputs, second.cold), (y(&[4]), false));
    let slow = toys.run(&model, &[-4, 50], 5000).await.unwrap();
    assert!((50_000..1_000_000).contains(&slow.engine_us), "{slow:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_loaded_before_it_is_called_if_there_is_room_for_it() {
    let toys = Toys::new(|config| config.max_runners = 1);
    let [model, other] = [(); 2].map(|()| toys.model(""));
    toys.runners.preload(&model);
    while toys.runners.runner_pid(&model).is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!toys.run(&model, &[1], 5000).await.unwrap().cold);
    toys.runners.preload(&other);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(toys.runners.runner_pid(&other).is_none() && toys.runners.runner_pid(&model).is_some(), "nobody had to go");
    let broken = toys.model("refuse");
    toys.runners.preload(&broken);
    assert!(matches!(toys.run(&broken, &[1], 5000).await, Err(Failure::Load { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_calls_load_once() {
    let toys = Toys::new(|_| ());
    let model = toys.model("slow 200");
    let calls: Vec<_> = (0..20).map(|number| toys.start(&model, &[number], 5000)).collect();
    for (number, call) in calls.into_iter().enumerate() {
        let ran = call.await.unwrap().unwrap();
        assert_eq!((ran.outputs, ran.cold), (y(&[number as i64]), true));
    }
    let files = std::fs::read_dir(toys.folder.path()).unwrap();
    let loads = files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("loaded-by"));
    assert_eq!(loads.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_share_a_run_and_nobody_waits_for_others() {
    let toys = Toys::new(|_| ());
    let model = toys.shared("count");
    assert_eq!(toys.run(&model, &[1], 5000).await.unwrap().outputs, y(&[1]), "alone, it runs alone");
    let calls: Vec<_> = (0..64).map(|_| toys.start(&model, &[1, 2], 5000)).collect();
    let mut shared = 0;
    for call in calls {
        let outputs = call.await.unwrap().unwrap().outputs;
        assert_eq!(outputs[0].shape(), [2], "each its own rows");
        let rows = outputs[0].bytes()[0];
        assert!((2..=8).contains(&rows) && rows % 2 == 0, "{rows}");
        shared += u32::from(rows > 2);
    }
    assert!(shared > 0);
    let alone = Model { batch_rows: 1, ..toys.model("count") };
    for call in (0..64).map(|_| toys.start(&alone, &[1, 2], 5000)).collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap().outputs, y(&[2, 2]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_a_run_with_a_bad_call_is_answered_all_the_same() {
    let toys = Toys::new(|_| ());
    for (text, says) in [("unlucky", "13"), ("mortal", "signal 6")] {
        let model = toys.shared(text);
        let calls: Vec<_> =
            (0..40).map(|n| (n, toys.start(&model, &[if n == 20 { 13 } else { n + 100 }], 10_000))).collect();
        for (n, call) in calls {
            match call.await.unwrap() {
                Ok(ran) => assert_eq!(ran.outputs, y(&[n + 100])),
                Err(failure) => assert!(n == 20 && failure.to_string().contains(says), "{n}: {failure}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_mixes_rows_is_found_out_and_its_calls_run_alone() {
    let toys = Toys::new(|_| ());
    let model = toys.shared("mix");
    for call in (0..40).map(|n| (n, toys.start(&model, &[n, 1], 5000))).collect::<Vec<_>>() {
        let (n, call) = call;
        assert_eq!(call.await.unwrap().unwrap().outputs, y(&[n + 1]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_once_does_not_wait_behind_who_calls_often() {
    let toys = Toys::new(|config| config.queue_limit = 64);
    let model = toys.model("");
    let call = |caller: u8, numbers: &[i64]| {
        let (runners, model) = (Arc::clone(&toys.runners), model.clone());
        let deadline = Instant::now() + Duration::from_secs(20);
        let call = Call { inputs: vec![x(numbers)], deadline, caller: [caller; 16] };
        tokio::spawn(async move { runners.run(&model, call).await.map(|_| Instant::now()) })
    };
    call(1, &[1]).await.unwrap().unwrap();
    // Each takes 20 ms; 32 of them are with the runner, the others fill the queue.
    let hog: Vec<_> = (0..96).map(|_| call(1, &[-4, 20])).collect();
    while toys.runners.waiting(&model) < 64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let once = call(2, &[-4, 20]).await.unwrap().unwrap();
    let (mut later, mut refused) = (0, 0);
    for call in hog {
        match call.await.unwrap() {
            Ok(done) => later += u32::from(done > once),
            Err(Failure::Busy { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused == 1 && later >= 50, "{refused} gave way, {later} came later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_get_each_their_own_answer() {
    let toys = Toys::new(|config| config.queue_limit = 1000);
    let model = toys.model("");
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let (runners, model) = (Arc::clone(&toys.runners), model.clone());
            tokio::spawn(async move {
                for round in 0..200 {
                    let numbers = [caller, round];
                    assert_eq!(run(&runners, &model, &numbers, 10_000).await.unwrap().outputs, y(&numbers));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_tensors_pass_in_both_directions_at_once() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    let large: Vec<i64> = (0..1_000_000).collect();
    let calls: Vec<_> = (0..6).map(|_| toys.start(&model, &large, 60_000)).collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap().outputs == y(&large));
    }
    let half = vec![x(&vec![0; 5_000_000]), x(&vec![0; 5_000_000])];
    let refused = run_all(&toys.runners, &model, half).await;
    assert!(matches!(refused, Err(Failure::TooLarge { bytes: 80_000_000.., .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_run_is_killed_soon_after_its_deadline_and_the_next_call_works() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[1], 5000).await.unwrap();
    let pid = toys.runners.runner_pid(&model).unwrap();
    let started = Instant::now();
    let failure = toys.run(&model, LOOP, 300).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { limit_ms: 250..=300 }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_millis(600), "{:?}", started.elapsed());
    while alive(pid) {
        assert!(started.elapsed() < Duration::from_millis(1300), "still alive a second after the deadline");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let next = toys.run(&model, &[2], 5000).await.unwrap();
    assert_eq!((next.outputs, next.cold), (y(&[2]), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_behind_an_endless_run_is_answered_by_a_replacement() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[0], 5000).await.unwrap();
    let endless = toys.start(&model, LOOP, 300);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let behind: Vec<_> = (1..40).map(|number| toys.start(&model, &[number], 5000)).collect();
    let hurried = toys.start(&model, &[99], 100);
    assert!(matches!(hurried.await.unwrap(), Err(Failure::TimedOut { .. })));
    assert!(matches!(endless.await.unwrap(), Err(Failure::TimedOut { .. })));
    for (number, call) in (1..40).zip(behind) {
        let ran = call.await.unwrap().unwrap();
        assert_eq!((ran.outputs, ran.cold), (y(&[number]), true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_run_does_not_withhold_the_answers_before_it() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[0], 5000).await.unwrap();
    // While the first sleeps the others gather in the runner's buffer, so that their answers would share a write.
    let first = toys.start(&model, &[-4, 100], 5000);
    tokio::time::sleep(Duration::from_millis(30)).await;
    let second = toys.start(&model, &[2], 5000);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let endless = toys.start(&model, LOOP, 3000);
    let started = Instant::now();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(second.await.unwrap().unwrap().outputs, y(&[2]));
    assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    endless.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_is_told_to_the_call_that_ran_and_the_others_are_sent_again() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[0], 5000).await.unwrap();
    let sleeping = toys.start(&model, &[-4, 100], 5000);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let deadly = toys.start(&model, &[-2], 5000);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let behind = toys.start(&model, &[7], 5000);
    assert!(sleeping.await.unwrap().is_ok());
    assert_eq!(deadly.await.unwrap(), Err(Failure::Died { how: Death::Signalled(6) }));
    assert_eq!(behind.await.unwrap().unwrap().outputs, y(&[7]));
    let exit = toys.run(&model, &[-8, 3], 5000).await;
    assert_eq!(exit, Err(Failure::Died { how: Death::Exited(3) }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_on_their_way_only_the_deadly_ones_fail() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[0], 5000).await.unwrap();
    let calls: Vec<_> =
        (0..60).map(|n| (n, toys.start(&model, &[if n % 20 == 10 { -2 } else { n }], 20_000))).collect();
    for (n, call) in calls {
        let answer = call.await.unwrap();
        match n % 20 {
            10 => assert_eq!(answer, Err(Failure::Died { how: Death::Signalled(6) })),
            _ => assert_eq!(answer.unwrap().outputs, y(&[n])),
        }
    }
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_breaks_the_protocol_is_killed() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    let failure = toys.run(&model, &[-5], 5000).await.unwrap_err();
    assert!(matches!(failure, Failure::Died { how: Death::Violation(_) }), "{failure:?}");
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_leaves_before_it_has_answered_is_not_started_again_and_again() {
    let toys = Toys::new(|config| config.spare_runners = 0);
    let model = toys.model("");
    let failure = toys.run(&model, &[-9], 20_000).await.unwrap_err();
    assert_eq!(failure, Failure::Died { how: Death::Violation("left without an answer") });
    assert_eq!(toys.opened().len(), 2, "once it may have been somebody else's doing");
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_and_panics_of_a_model_are_told_and_the_runner_lives_on() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    let failure = toys.run(&model, &[-7], 5000).await.unwrap_err();
    assert_eq!(failure, Failure::Run { reason: "failed,  as told".into() });
    let pid = toys.runners.runner_pid(&model);
    let failure = toys.run(&model, &[-3], 5000).await.unwrap_err();
    assert_eq!(failure, Failure::Run { reason: "the engine panicked: at run, as told".into() });
    let failure = toys.run(&model, &[-6], 5000).await.unwrap_err();
    assert!(matches!(failure, Failure::Answer(Mismatch::Unknown { .. })), "{failure:?}");
    assert_eq!(toys.runners.runner_pid(&model), pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_that_break_the_signature_never_reach_the_runner() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    let wrong = vec![Tensor::int64("z", &[], &[1]).unwrap()];
    for _ in 0..2 {
        let failure = run_all(&toys.runners, &model, wrong.clone()).await;
        assert!(matches!(failure, Err(Failure::Input(Mismatch::Unknown { .. }))), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_load_is_told_to_all_who_wait_and_is_tried_again() {
    let toys = Toys::new(|config| config.load_limit_ms = 1000);
    for (text, reason) in [
        ("refuse", "refused, as told"),
        ("panic", "the engine panicked: at load, as told"),
        ("die", "the runner was killed by signal 6 while loading it"),
        ("slow 60000", "it took longer than 1000 ms"),
    ] {
        let model = toys.model(text);
        let calls: Vec<_> = (0..3).map(|number| toys.start(&model, &[number], 5000)).collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), Err(Failure::Load { reason: reason.into() }), "{text}");
        }
        std::fs::write(&model.weights, "").unwrap();
        assert!(toys.run(&model, &[1], 5000).await.is_ok(), "{text}");
    }
    let missing = Model { digest: [200; 32], weights: toys.folder.path().join("nothing"), batch_rows: 1, remote: None };
    assert!(matches!(toys.run(&missing, &[1], 5000).await, Err(Failure::Weights { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_comes_while_the_model_loads_is_kept() {
    let toys = Toys::new(|_| ());
    let model = toys.model("slow 1000");
    let started = Instant::now();
    assert!(matches!(toys.run(&model, &[1], 100).await, Err(Failure::TimedOut { limit_ms: 50..=100 })));
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
}

/// Files that are not where they say, and are brought when somebody lets them.
#[derive(Debug)]
struct Elsewhere {
    folder: PathBuf,
    brought: Mutex<Receiver<()>>,
}

impl Weights for Elsewhere {
    fn open(&self, path: &Path) -> io::Result<File> {
        self.brought.lock().unwrap().recv().map_err(io::Error::other)?;
        File::open(self.folder.join(path.file_name().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_has_to_be_brought_costs_its_caller_the_wait_and_the_model_none_of_its_limit() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (bring, brought) = channel();
    let toys = Toys::new(|config| {
        config.load_limit_ms = 2_000;
        config.weights = Arc::new(Elsewhere { folder: elsewhere.path().to_owned(), brought: Mutex::new(brought) });
    });
    let model = toys.model("count");
    std::fs::rename(&model.weights, elsewhere.path().join(model.weights.file_name().unwrap())).unwrap();
    assert!(matches!(toys.run(&model, &[1], 100).await, Err(Failure::TimedOut { .. })));
    // One for what was given up above, which goes on, and one for whoever comes next.
    for _ in 0..2 {
        bring.send(()).unwrap();
    }
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
    drop(bring);
    let gone = toys.model("count");
    assert!(matches!(toys.run(&gone, &[1], 5000).await, Err(Failure::Weights { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_its_calls_are_still_answered() {
    let toys = Toys::new(|config| config.queue_limit = 5);
    let model = toys.model("slow 300");
    let waiting: Vec<_> = (0..5).map(|number| toys.start(&model, &[number], 5000)).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(toys.run(&model, &[9], 5000).await, Err(Failure::Busy { waiting: 5, limit: 5 }));
    for call in waiting {
        assert!(call.await.unwrap().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_make_room_and_wedge_nothing() {
    let toys = Toys::new(|config| config.queue_limit = 5);
    let model = toys.model("slow 300");
    for _ in 0..10 {
        let leaving: Vec<_> = (0..5).map(|number| toys.start(&model, &[number], 5000)).collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        for call in leaving {
            call.abort();
            let _ = call.await;
        }
    }
    assert_eq!(toys.run(&model, &[1], 5000).await.unwrap().outputs, y(&[1]));
    let leaving = toys.start(&model, &[-4, 100], 5000);
    tokio::time::sleep(Duration::from_millis(20)).await;
    leaving.abort();
    assert_eq!(toys.run(&model, &[2], 5000).await.unwrap().outputs, y(&[2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_left_is_still_killed_at_its_deadline() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    toys.run(&model, &[1], 5000).await.unwrap();
    let pid = toys.runners.runner_pid(&model).unwrap();
    let leaving = toys.start(&model, LOOP, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    leaving.abort();
    assert!(gone(pid).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runner_that_was_idle_longest_gives_up_its_place() {
    let toys = Toys::new(|config| config.max_runners = 2);
    let [a, b, c] = [(); 3].map(|()| toys.model(""));
    toys.run(&a, &[1], 5000).await.unwrap();
    toys.run(&b, &[1], 5000).await.unwrap();
    toys.run(&a, &[1], 5000).await.unwrap();
    toys.run(&c, &[1], 5000).await.unwrap();
    assert!(toys.runners.runner_pid(&a).is_some());
    assert!(toys.runners.runner_pid(&b).is_none());
    assert!(toys.run(&b, &[1], 5000).await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_idle_goes_when_more_is_held_than_may_be() {
    let toys = Toys::new(|config| config.resident_bytes = 1);
    let [a, b] = [(); 2].map(|()| toys.model(""));
    toys.run(&a, &[1], 5000).await.unwrap();
    let pid = toys.runners.runner_pid(&a).unwrap();
    toys.run(&b, &[1], 5000).await.unwrap();
    assert!(gone(pid).await);
    assert!(toys.run(&a, &[1], 5000).await.unwrap().cold, "and comes back when it is called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_idle_models_the_one_that_is_used_less_goes() {
    let toys = Toys::new(|config| config.max_runners = 2);
    let [often, seldom, new] = [(); 3].map(|()| toys.model(""));
    for _ in 0..20 {
        toys.run(&often, &[1], 5000).await.unwrap();
    }
    toys.run(&seldom, &[1], 5000).await.unwrap();
    toys.run(&new, &[1], 5000).await.unwrap();
    assert!(toys.runners.runner_pid(&often).is_some());
    assert!(toys.runners.runner_pid(&seldom).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_call_takes_a_runner_that_was_opened_before() {
    let toys = Toys::new(|config| config.spare_runners = 1);
    let [a, b] = [(); 2].map(|()| toys.model(""));
    toys.run(&a, &[1], 5000).await.unwrap();
    let first = toys.runners.runner_pid(&a).unwrap();
    toys.spare_is_ready().await;
    let spare = toys.opened().into_iter().find(|pid| *pid != first).unwrap();
    assert!(toys.run(&b, &[1], 5000).await.unwrap().cold);
    assert_eq!(toys.runners.runner_pid(&b), Some(spare));
    drop(toys);
    assert!(gone(spare).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_of_a_library_that_was_replaced_or_that_died_is_not_taken() {
    let toys = Toys::new(|config| config.spare_runners = 1);
    let [a, b, c] = [(); 3].map(|()| toys.model(""));
    toys.run(&a, &[1], 5000).await.unwrap();
    toys.spare_is_ready().await;
    std::fs::write(toys.library(), "2.0.0").unwrap();
    let before = toys.opened();
    assert!(toys.run(&b, &[1], 5000).await.unwrap().cold);
    assert!(!before.contains(&toys.runners.runner_pid(&b).unwrap()), "opened with the library of before");
    let others =
        || toys.opened().into_iter().filter(|pid| Some(*pid) != toys.runners.runner_pid(&b)).collect::<Vec<_>>();
    for pid in others().into_iter().filter(|pid| Some(*pid) != toys.runners.runner_pid(&a)) {
        // Some of them are gone already.
        let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(gone(pid).await);
    }
    assert!(toys.run(&c, &[1], 5000).await.unwrap().cold);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_runner_gives_up_its_place_once_it_is_idle() {
    let toys = Toys::new(|config| config.max_runners = 1);
    let models: Vec<_> = (0..4).map(|_| toys.model("")).collect();
    let mut calls = Vec::new();
    for round in 0..5 {
        for model in &models {
            calls.push((round, toys.start(model, &[round], 20_000)));
        }
    }
    let busy = toys.start(&models[0], &[-4, 200], 20_000);
    for (round, call) in calls {
        assert_eq!(call.await.unwrap().unwrap().outputs, y(&[round]));
    }
    assert!(busy.await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_engine_kills_every_runner_and_answers_every_call() {
    let toys = Toys::new(|_| ());
    let models: Vec<_> = (0..3).map(|_| toys.model("")).collect();
    let mut pids = Vec::new();
    for model in &models {
        toys.run(model, &[1], 5000).await.unwrap();
        pids.push(toys.runners.runner_pid(model).unwrap());
    }
    let trial = toys.runners.trial(&models[0], Instant::now() + Duration::from_secs(5)).await.unwrap();
    drop(trial);
    drop(toys);
    for pid in pids {
        assert!(gone(pid).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_follows_the_library_without_a_restart() {
    let toys = Toys::new(|_| ());
    let model = toys.model("");
    std::fs::remove_file(toys.library()).unwrap();
    let unavailable = toys.runners.status().unwrap_err();
    assert!(unavailable.reason.contains("No such file"), "{unavailable:?}");
    assert_eq!(unavailable.hint, "modelhub engine install");
    assert!(matches!(toys.run(&model, &[1], 5000).await, Err(Failure::Unavailable(_))));

    std::fs::write(toys.library(), "broken").unwrap();
    assert_eq!(toys.runners.status().unwrap_err().reason, "the library is broken");
    assert!(matches!(toys.run(&model, &[1], 5000).await, Err(Failure::Unavailable(_))));

    std::fs::write(toys.library(), "2.0").unwrap();
    assert_eq!(toys.runners.status().unwrap().version, "2.0");
    assert!(toys.run(&model, &[1], 5000).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_has_a_runner_of_its_own() {
    let toys = Toys::new(|_| ());
    let model = toys.model("slow 50");
    let soon = || Instant::now() + Duration::from_secs(5);
    let mut trial = toys.runners.trial(&model, soon()).await.unwrap();
    assert_eq!(trial.signature().inputs[0].name, "x");
    assert!(trial.load_ms() >= 50 && trial.memory_bytes() > 100_000, "{trial:?}");
    assert_eq!(trial.run(vec![x(&[1])], soon()).await.unwrap().outputs, y(&[1]));
    assert!(matches!(trial.run(vec![x(&[-7])], soon()).await, Err(Failure::Run { .. })));
    assert!(matches!(trial.run(vec![], soon()).await, Err(Failure::Input(_))));
    assert_eq!(trial.run(vec![x(&[2])], soon()).await.unwrap().outputs, y(&[2]));
    assert!(toys.runners.runner_pid(&model).is_none());

    let late = Instant::now() + Duration::from_millis(100);
    assert!(matches!(trial.run(vec![x(LOOP)], late).await, Err(Failure::TimedOut { .. })));
    assert!(matches!(trial.run(vec![x(&[1])], soon()).await, Err(Failure::Died { .. })));
    drop(trial);

    let mut trial = toys.runners.trial(&model, soon()).await.unwrap();
    assert_eq!(trial.run(vec![x(&[-2])], soon()).await, Err(Failure::Died { how: Death::Signalled(6) }));
    let refused = toys.model("refuse");
    assert!(matches!(toys.runners.trial(&refused, soon()).await, Err(Failure::Load { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_has_a_new_runner_that_gives_way_and_takes_no_place_of_a_trial() {
    let toys = Toys::new(|config| (config.max_trials, config.spare_runners) = (1, 1));
    let model = toys.model("");
    let soon = || Instant::now() + Duration::from_secs(5);
    let trial = toys.runners.trial(&model, soon()).await.unwrap();
    toys.spare_is_ready().await;
    let before = toys.opened();
    let mut aside = toys.runners.aside(&model, soon()).await.unwrap();
    assert_eq!(aside.run(vec![x(&[1])], soon()).await.unwrap().outputs, y(&[1]));
    let new: Vec<_> = toys.opened().into_iter().filter(|pid| !before.contains(pid)).collect();
    assert_eq!((new.len(), toys.runners.spares()), (1, 1), "the spare one waits for a caller");
    let status = std::fs::read_to_string(format!("/proc/{}/stat", new[0])).unwrap();
    // Behind the name, which may hold anything, niceness is the seventeenth.
    let nice = status.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap();
    assert_eq!(nice, "19");
    let late = Instant::now() + Duration::from_millis(50);
    assert!(matches!(toys.runners.aside(&model, late).await, Err(Failure::TimedOut { .. })), "one at a time");
    drop((trial, aside));
    assert!(toys.runners.aside(&model, soon()).await.is_ok());
}
