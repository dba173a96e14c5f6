//! Real models in real runners on the real ONNX Runtime. What the models are: `testkit/fixtures/make.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Call, Death, Engine, Failure, Model, Ran, Runners, RunnersConfig, Trial};
use tensor::{DataType, Mismatch, Tensor};

/// The library: where the environment says, else where `modelhub engine install` puts it.
fn library() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).unwrap_or_default();
    let library = std::env::var_os("MODELHUB_ONNXRUNTIME")
        .map_or_else(|| cache.join("modelhub/onnxruntime/1.32.0/libonnxruntime.so"), PathBuf::from);
    assert!(
        library.exists(),
        "{} is missing: run `modelhub engine install` (cargo xtask setup does), or set MODELHUB_ONNXRUNTIME",
        library.display()
    );
    library
}

fn runners() -> Arc<Runners> {
    Arc::new(Runners::new(RunnersConfig::new(env!("CARGO_BIN_EXE_onnx-runner"), Vec::new(), library())))
}

fn model(name: &str) -> Model {
    let weights = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/fixtures")).join(name);
    assert!(weights.exists(), "{}", weights.display());
    let mut digest = [0; 32];
    digest[..name.len()].copy_from_slice(name.as_bytes());
    Model { digest, weights, batch_rows: 1, remote: None }
}

fn call(inputs: Vec<Tensor>, limit_ms: u64) -> Call {
    Call { inputs, deadline: after(limit_ms), caller: [0; 16] }
}

fn after(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

async fn run(runners: &Runners, name: &str, inputs: Vec<Tensor>) -> Result<Ran, Failure> {
    runners.run(&model(name), call(inputs, 30_000)).await
}

async fn trial(name: &str) -> Result<Box<dyn Trial>, Failure> {
    runners().trial(&model(name), after(30_000)).await
}

fn features() -> Tensor {
    Tensor::fp32("features", &[3, 4], &[5.1, 3.5, 1.4, 0.2, 6.0, 1.0, 4.5, 1.5, 4.0, 5.0, 3.0, -2.0]).unwrap()
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.bytes().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_names_itself() {
    let info = runners().status().unwrap();
    assert_eq!(info.name, "onnxruntime");
    assert!(info.version.starts_with("1."), "{info:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_is_none_is_named_as_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let runners = Runners::new(RunnersConfig::new(env!("CARGO_BIN_EXE_onnx-runner"), Vec::new(), file.path()));
    let unavailable = runners.status().unwrap_err();
    assert!(unavailable.reason.starts_with("ONNX Runtime cannot be opened: "), "{unavailable:?}");
    let failure = run(&runners, "echo.onnx", vec![]).await.unwrap_err();
    assert_eq!(failure, Failure::Unavailable(unavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classifier_answers_as_the_reference_does() {
    let ran = run(&runners(), "scaler.onnx", vec![features()]).await.unwrap();
    let expected = Tensor::int64("label", &[3], &[0, 2, 0]).unwrap();
    assert_eq!(ran.outputs[0], expected);
    assert_eq!((ran.outputs[1].name(), ran.outputs[1].shape()), ("probabilities", &[3, 3][..]));
    // Printed by make.py.
    let reference: [[f64; 3]; 3] = [
        [0.9994800686836243, 0.000519949768204242, 1.0831953389800475e-10],
        [3.458633202058081e-08, 0.0018423234578222036, 0.9981576800346375],
        [0.9998520612716675, 0.00014797218318562955, 1.5774260370138293e-11],
    ];
    for (got, expected) in floats(&ran.outputs[1]).into_iter().zip(reference.as_flattened()) {
        assert!((f64::from(got) - expected).abs() <= 1e-6_f64.max(expected * 1e-4), "{got} {expected}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_tells_signature_time_and_memory() {
    let mut trial = trial("scaler.onnx").await.unwrap();
    let line = line(trial.signature());
    assert_eq!(line, "features FP32 [None, Some(4)] -> label INT64 [None], probabilities FP32 [None, Some(3)]");
    assert!(trial.memory_bytes() > 5_000_000 && trial.load_ms() < 10_000, "{trial:?}");
    assert_eq!(trial.run(vec![features()], after(5000)).await.unwrap().outputs.len(), 2);
}

/// A signature on one line.
fn line(signature: &tensor::Signature) -> String {
    let side = |ports: &[tensor::Port]| {
        let ports: Vec<_> =
            ports.iter().map(|port| format!("{} {} {:?}", port.name, port.datatype, port.shape)).collect();
        ports.join(", ")
    };
    format!("{} -> {}", side(&signature.inputs), side(&signature.outputs))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strings_go_in_and_out() {
    let runners = runners();
    let text = |values: &[&[u8]]| vec![Tensor::strings("text", &[values.len() as u64], values).unwrap()];
    let ran = run(&runners, "strings.onnx", text(&[b"cat", "Grüße".as_bytes(), b"", b"rose"])).await.unwrap();
    let expected = Tensor::strings("kind", &[4], &["animal", "greeting", "unknown", "plant"]).unwrap();
    assert_eq!(ran.outputs, [expected]);

    let ran = run(&runners, "strings.onnx", text(&[])).await.unwrap();
    assert_eq!(ran.outputs, [Tensor::strings::<&str>("kind", &[0], &[]).unwrap()]);

    for (index, bad) in [(0, &[&b"\xff"[..]][..]), (1, &[b"a", b"b\0c"])] {
        let failure = run(&runners, "strings.onnx", text(bad)).await.unwrap_err();
        let reason = format!("element {index} of \"text\" is not UTF-8 text without NUL");
        assert_eq!(failure, Failure::Run { reason });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_data_type_awkward_names_scalars_and_empty_axes_work() {
    let mut trial = trial("types.onnx").await.unwrap();
    for columns in [3u64, 0] {
        let mut inputs = vec![Tensor::fp32("scalar", &[], &[2.5]).unwrap()];
        for datatype in DataType::ALL {
            let count = 2 * columns as usize;
            let bytes: Vec<u8> = match datatype {
                DataType::Bool => [0, 1].into_iter().cycle().take(count).collect(),
                DataType::Bytes => (0..count).flat_map(|n| [1, 0, 0, 0, b'a' + n as u8]).collect(),
                _ => (0..count * datatype.size_bytes().unwrap()).map(|n| n as u8 + 1).collect(),
            };
            inputs.push(Tensor::new(format!("in {datatype}:0"), datatype, vec![2, columns], bytes).unwrap());
        }
        let ran = trial.run(inputs.clone(), after(5000)).await.unwrap();
        assert_eq!(ran.outputs.len(), inputs.len());
        for input in inputs {
            let name = input.name().trim_start_matches("in ").trim_end_matches(":0");
            let name = format!("out/{name}");
            let output = ran.outputs.iter().find(|output| output.name() == name).expect(&name);
            assert_eq!(*output, input.with_name(name.clone()).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_of_maps_is_two_tensors() {
    let mut zipmap = trial("zipmap.onnx").await.unwrap();
    assert_eq!(
        line(zipmap.signature()),
        "features FP32 [None, Some(4)] -> output_label INT64 [None], \
         output_probability FP32 [None, None], output_probability.keys INT64 [Some(1), None]"
    );
    let told = zipmap.run(vec![features()], after(5000)).await.unwrap().outputs;
    let [label, probabilities] = &run(&runners(), "scaler.onnx", vec![features()]).await.unwrap().outputs[..] else {
        panic!("two outputs")
    };
    assert_eq!(told[0].bytes(), label.bytes());
    assert_eq!(told[1], probabilities.clone().with_name("output_probability").unwrap(), "bit by bit");
    assert_eq!(told[2], Tensor::int64("output_probability.keys", &[1, 3], &[0, 1, 2]).unwrap());

    let none = zipmap.run(vec![Tensor::fp32("features", &[0, 4], &[]).unwrap()], after(5000)).await;
    let none = none.unwrap().outputs;
    assert_eq!((none[1].shape(), none[2].shape()), (&[0, 0][..], &[1, 0][..]));

    // Columns are sorted with their keys, whatever order the model has them in.
    let x = Tensor::fp32("x", &[2, 3], &[1., 2., 3., 4., 5., 6.]).unwrap();
    let words = run(&runners(), "zipmap_words.onnx", vec![x]).await.unwrap().outputs;
    assert_eq!(words[0], Tensor::fp32("y", &[2, 3], &[3., 1., 2., 6., 4., 5.]).unwrap());
    assert_eq!(words[1], Tensor::strings("y.keys", &[1, 3], &["pears", "plums", "Äpfel"]).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_model_is_stopped_and_the_next_call_works() {
    let runners = runners();
    let count = |count| vec![Tensor::int64("count", &[1], &[count]).unwrap()];
    assert_eq!(run(&runners, "loop.onnx", count(5)).await.unwrap().outputs[0].bytes()[0], 5);
    let pid = runners.runner_pid(&model("loop.onnx")).unwrap();

    let started = Instant::now();
    let failure = runners.run(&model("loop.onnx"), call(count(i64::MAX), 500)).await.unwrap_err();
    assert!(matches!(failure, Failure::TimedOut { limit_ms: 450..=500 }), "{failure:?}");
    while alive(pid) {
        assert!(started.elapsed() < Duration::from_millis(1500), "still alive a second after the deadline");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ran = run(&runners, "loop.onnx", count(7)).await.unwrap();
    assert_eq!((ran.outputs[0].bytes()[0], ran.cold), (7, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_is_killed_in_the_middle_of_a_call_fails_that_call_only() {
    let runners = runners();
    let count = |count| vec![Tensor::int64("count", &[1], &[count]).unwrap()];
    run(&runners, "loop.onnx", count(1)).await.unwrap();
    let pid = runners.runner_pid(&model("loop.onnx")).unwrap();
    let call = {
        let runners = Arc::clone(&runners);
        tokio::spawn(async move { run(&runners, "loop.onnx", count(i64::MAX)).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let kill = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(call.await.unwrap(), Err(Failure::Died { how: Death::Signalled(9) }));
    assert!(run(&runners, "loop.onnx", vec![Tensor::int64("count", &[1], &[3]).unwrap()]).await.is_ok());
}

async fn load_failure(name: &str) -> String {
    match trial(name).await {
        Err(Failure::Load { reason }) => reason,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_cannot_be_served_are_refused_at_load_with_the_reason() {
    let sequence = load_failure("sequence.onnx").await;
    assert!(sequence.starts_with("output \"all\" is Sequence<"), "{sequence}");
    let taken = load_failure("keys_taken.onnx").await;
    assert!(taken.starts_with("two outputs are called \"y.keys\"; the keys of a sequence of maps"), "{taken}");
    // A script is no model, and neither is a model that is cut off.
    let garbage = load_failure("make.py").await;
    assert!(garbage.contains("protobuf parsing failed"), "{garbage}");
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.onnx");
    let whole = std::fs::read(model("scaler.onnx").weights).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let cut = Model { digest: [9; 32], weights: cut, batch_rows: 1, remote: None };
    assert!(matches!(runners().trial(&cut, after(30_000)).await, Err(Failure::Load { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_reads_no_file_of_the_machine() {
    let reason = load_failure("external.onnx").await;
    assert!(reason.contains("External data path"), "{reason}");
    assert!(!reason.contains("root:"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_a_model_may_not_have_fails_its_call_and_nothing_else() {
    let runners = runners();
    let sizes = |sizes: &[i64]| vec![Tensor::int64("sizes", &[sizes.len() as u64], sizes).unwrap()];
    // 40 GB and 4 TB: more than a runner may have, and more than there is.
    for hostile in [&[10_000_000_000][..], &[1_000_000, 1_000_000]] {
        let failure = run(&runners, "grow.onnx", sizes(hostile)).await.unwrap_err();
        assert!(matches!(failure, Failure::Run { .. } | Failure::Died { .. }), "{failure:?}");
        let ran = run(&runners, "grow.onnx", sizes(&[30, 10])).await.unwrap();
        assert_eq!(floats(&ran.outputs[0]), [300.0], "after {hostile:?}");
    }
}

/// Damaged models: every one is refused or loads, within its time, and no runner's end reaches anybody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_graphs_are_refused_or_load_and_end_no_hub() {
    let folder = tempfile::tempdir().unwrap();
    // `cargo xtask soak` sets it, and takes another seed each time.
    let soak = std::env::var("MODELHUB_MUTANTS").ok().and_then(|count| count.parse().ok());
    let seed = if soak.is_some() { u64::from(std::process::id()) } else { 0x9e37_79b9_7f4a_7c15 };
    eprintln!("seed {seed:#x}");
    let mut random = Random(seed);
    let runners = runners();
    for (number, name) in
        ["scaler.onnx", "types.onnx", "strings.onnx", "loop.onnx"].iter().cycle().take(soak.unwrap_or(60)).enumerate()
    {
        let mut bytes = std::fs::read(model(name).weights).unwrap();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        let weights = folder.path().join(number.to_string());
        std::fs::write(&weights, bytes).unwrap();
        let mutant = Model { digest: [number as u8; 32], weights: weights.clone(), batch_rows: 1, remote: None };
        match runners.trial(&mutant, after(10_000)).await {
            Ok(trial) => assert!(!trial.signature().outputs.is_empty()),
            Err(Failure::Load { .. } | Failure::Died { .. } | Failure::TimedOut { .. }) => {}
            Err(other) => panic!("mutant {number} of {name}: {other:?}"),
        }
        std::fs::remove_file(weights).unwrap();
    }
    assert!(run(&runners, "scaler.onnx", vec![features()]).await.is_ok());
}

/// Numbers that look random and are the same in every run: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % limit as u64) as usize
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_itself_refuses_is_told() {
    let runners = runners();
    let wide = Tensor::fp32("features", &[1, 5], &[0.0; 5]).unwrap();
    let failure = run(&runners, "scaler.onnx", vec![wide]).await.unwrap_err();
    assert!(matches!(failure, Failure::Input(Mismatch::Axis { axis: 1, given: 5, expected: 4, .. })), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_differs_from_run_to_run_and_work_does_not() {
    let runners = runners();
    let noise = || run(&runners, "unsteady.onnx", vec![Tensor::fp32("x", &[4], &[0.0; 4]).unwrap()]);
    assert_ne!(noise().await.unwrap().outputs, noise().await.unwrap().outputs);
    let work = || run(&runners, "slow1ms.onnx", vec![Tensor::fp32("x", &[1, 4], &[1.0, 2.0, 3.0, 4.0]).unwrap()]);
    let ran = work().await.unwrap();
    assert_eq!(ran.outputs, work().await.unwrap().outputs);
    assert!(ran.engine_us > 200, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_get_each_their_own_answer() {
    let runners = runners();
    let callers: Vec<_> = (0..64u32)
        .map(|caller| {
            let runners = Arc::clone(&runners);
            tokio::spawn(async move {
                for round in 0..50 {
                    let rows = 1 + (caller + round) % 5;
                    let values: Vec<f32> = (0..rows * 2).map(|n| (caller * 1000 + round * 10 + n) as f32).collect();
                    let x = Tensor::fp32("x", &[rows.into(), 2], &values).unwrap();
                    let ran = run(&runners, "echo.onnx", vec![x.clone()]).await.unwrap();
                    assert_eq!(ran.outputs, [x.with_name("y").unwrap()]);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_calls_load_once() {
    let runners = runners();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let runners = Arc::clone(&runners);
            tokio::spawn(async move { run(&runners, "scaler.onnx", vec![features()]).await.map(|ran| ran.cold) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(true));
    }
    assert!(!run(&runners, "scaler.onnx", vec![features()]).await.unwrap().cold);
}
