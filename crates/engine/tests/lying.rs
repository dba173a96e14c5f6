//! Real processes of which one side lies: runners that answer as an attacker would, and a hub that asks so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine::{Call, Death, Engine, Failure, Model, Ran, Runners, RunnersConfig, Sandbox};
use fuzz::{Random, Target, shown};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tensor::{DataType, Signature, Tensor};

// The protocol, written out a second time: this side of it is an attacker's.
const LOAD: u8 = 0;
const RUN: u8 = 1;
const HELLO: u8 = 2;
const LOADING: u8 = 4;
const LOADED: u8 = 5;
const ANSWER: u8 = 7;
const KINDS: usize = 11;

fn frame(kind: u8, id: u64, body: &[u8]) -> Vec<u8> {
    [&(9 + body.len() as u32).to_le_bytes()[..], &[kind], &id.to_le_bytes(), body].concat()
}

/// A number and one tensor of INT64.
fn call(number: u64, name: &str, values: &[i64]) -> Vec<u8> {
    let mut body = [&number.to_le_bytes()[..], &[1, 0], &(name.len() as u16).to_le_bytes(), name.as_bytes()].concat();
    let int64 = DataType::ALL.iter().position(|datatype| *datatype == DataType::Int64).unwrap();
    body.extend([int64 as u8, 1]);
    body.extend((values.len() as u64).to_le_bytes());
    body.extend((8 * values.len() as u32).to_le_bytes());
    body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    body
}

const GREETING: &str = r#"{"info":{"name":"liar","version":"1"},"protections":{"files":true,"calls":true,"limits":true,"privileges":true}}"#;
const SIGNATURE: &str = r#"{"signature":{"inputs":[{"name":"x","datatype":"INT64","shape":[-1]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1]}]},"load_ms":1,"memory_bytes":2}"#;

const WORDS: &[&[u8]] = &[
    &[9, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0, 0, 0x10, 4],
    &[1, 0, 0, 0, 0, 0, 0, 0],
    &[2, 0, 0, 0, 0, 0, 0, 0],
    b"\"y\"",
    b"\"x\"",
    b"[-1]",
    b"[]",
    b"INT64",
    b"BYTES",
    b"18446744073709551615",
    b"}",
    b"[[[[",
    b"\x1b[31m",
    b"\0",
];

/// What an honest runner says: first, and once it has its model.
fn honest() -> [Vec<u8>; 2] {
    let loaded = [frame(LOADING, 0, b""), frame(LOADED, 0, SIGNATURE.as_bytes())].concat();
    [frame(HELLO, 0, GREETING.as_bytes()), loaded]
}

/// A conversation of three calls at most, in pieces behind how much of its beginning is honest, whatever becomes of the
/// rest: lies are to reach those who are to believe them.
fn make(random: &mut Random) -> Vec<u8> {
    let mut pieces = honest().to_vec();
    for id in 1..=3 {
        pieces.push(match random.below(6) {
            0 => frame(random.below(KINDS) as u8, id, b"so it is"),
            1 => frame(ANSWER, random.edge(), &call(7, "y", &[1])),
            2 => [frame(ANSWER, id, &call(7, "y", &[1])), frame(ANSWER, id + 1, &call(7, "y", &[2]))].concat(),
            _ => frame(ANSWER, id, &call(random.word(), "y", &[1, 2, 3])),
        });
    }
    pieces.truncate(2 + random.below(4));
    if random.one_in(20) {
        pieces.push(b"stay".to_vec());
    }
    let kept = *random.pick(&[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
    [vec![kept as u8], packed(&pieces[kept..])].concat()
}

/// The pieces again: the greeting, and what follows.
fn conversation(input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let [greeting, loaded] = honest();
    let (kept, pieces) = input.split_first().unwrap_or((&2, &[]));
    match kept {
        0 => {
            let (length, rest) = pieces.split_first_chunk::<2>().unwrap_or((&[0, 0], &[]));
            let (greeting, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
            (greeting.to_vec(), rest.to_vec())
        }
        1 => (greeting, pieces.to_vec()),
        _ => (greeting, [packed(&[loaded]), pieces.to_vec()].concat()),
    }
}

fn packed(pieces: &[Vec<u8>]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| [&(piece.len() as u16).to_le_bytes()[..], piece].concat()).collect()
}

fn deadline(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

/// Inputs that a signature takes, if it takes few.
fn inputs(signature: &Signature) -> Option<Vec<Tensor>> {
    let input = |port: &tensor::Port| {
        let shape: Vec<u64> = port.shape.iter().map(|axis| axis.unwrap_or(1)).collect();
        let count = shape.iter().try_fold(1_u64, |product, axis| product.checked_mul(*axis))?;
        let count = usize::try_from(count).ok().filter(|count| *count <= 1_000)?;
        let bytes = vec![0; count * port.datatype.size_bytes().unwrap_or(4)];
        Tensor::new(port.name.clone(), port.datatype, shape, bytes).ok()
    };
    signature.inputs.iter().map(input).collect()
}

#[test]
fn a_runner_that_lies_fails_its_own_calls_and_nothing_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    Target::new("lying-runner", WORDS).cases(150).run(make, |input| {
        let (greeting, script) = conversation(input);
        runtime.block_on(hear(folder.path(), &greeting, &script, 100))
    });
    // And the machine is as it was: an honest one answers.
    let [greeting, loaded] = honest();
    let script = packed(&[loaded, frame(ANSWER, 1, &call(0, "y", &[5])), b"stay".to_vec()]);
    let told = runtime.block_on(hear(folder.path(), &greeting, &script, 10_000));
    assert_eq!(told, "called: answered|tried: answered");
}

/// Calls such a model, in a line and in a trial, and says what came of it. One that stays and says nothing is waited for
/// so long.
async fn hear(folder: &Path, greeting: &[u8], script: &[u8], limit_ms: u64) -> String {
    let [library, weights] = ["library", "weights"].map(|name| folder.join(name));
    std::fs::write(&library, greeting).unwrap();
    std::fs::write(&weights, script).unwrap();
    let mut config = RunnersConfig::new(env!("CARGO_BIN_EXE_lying-runner"), Vec::new(), library);
    config.load_limit_ms = limit_ms;
    config.spare_runners = 0;
    config.sandbox = Sandbox::Off;
    let runners = Runners::new(config);
    let model = Model { digest: [0; 32], weights, batch_rows: 1, remote: None };

    let x = Tensor::int64("x", &[1], &[1]).unwrap();
    let called = runners.run(&model, Call { inputs: vec![x], deadline: deadline(limit_ms), caller: [0; 16] }).await;
    let called = came(&called);

    let tried = match runners.trial(&model, deadline(limit_ms)).await {
        Ok(mut trial) => match inputs(trial.signature()) {
            Some(inputs) => {
                let ran = trial.run(inputs, deadline(limit_ms)).await;
                if let Ok(ran) = &ran {
                    trial.signature().check_outputs(&ran.outputs).unwrap();
                }
                came(&ran)
            }
            None => "large".to_owned(),
        },
        Err(failure) => came(&Err(failure)),
    };
    format!("called: {called}|tried: {tried}")
}

fn came(ran: &Result<Ran, Failure>) -> String {
    match ran {
        Ok(ran) => {
            assert!(ran.engine_us <= 10_000_000, "a run is no longer than its call: {ran:?}");
            "answered".to_owned()
        }
        Err(Failure::Died { how: Death::Stopped }) => panic!("the task that keeps the runner has ended"),
        Err(failure) => {
            shown(&failure.to_string(), 1_000);
            failure.to_string()
        }
    }
}

#[test]
fn a_hub_that_lies_ends_its_runner_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library");
    std::fs::write(&library, "1.0").unwrap();
    let weights = folder.path().join("model");
    // What it is called with tells this toy nothing.
    std::fs::write(&weights, "count").unwrap();
    let make = |random: &mut Random| {
        let mut bytes = frame(LOAD, 0, b"");
        for id in 1..=random.below(4) as u64 {
            // Far in the future, or long ago.
            let deadline = *random.pick(&[u64::MAX, u64::MAX, 1]);
            bytes.extend(match random.below(8) {
                0 => frame(random.below(KINDS) as u8, id, b""),
                1 => frame(RUN, id, &call(deadline, "y", &[1])),
                _ => frame(RUN, id, &call(deadline, "x", &[1, 2, 3])),
            });
        }
        bytes
    };
    Target::new("lying-hub", WORDS).cases(60).run(make, |input| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut runner = Command::new(env!("CARGO_BIN_EXE_toy-runner"));
        runner.arg("--library").arg(&library).args(["--memory", "0", "--open"]);
        runner.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        let mut runner = runner.spawn().unwrap();
        let answers = converse(ours, &weights, input);
        let status = runner.wait().unwrap();
        // It leaves by itself, or dies with the hub that hangs up; it neither panics nor breaks its memory.
        let left = matches!(status.code(), Some(0 | 1)) || status.signal() == Some(9);
        assert!(left, "{status:?}");
        answers
    });
}

/// Sends all of it, with the model's descriptor beside the first bytes, and hears what comes until nothing does.
fn converse(mut runner: UnixStream, weights: &Path, input: &[u8]) -> String {
    let weights = File::open(weights).unwrap();
    let descriptors = [weights.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let mut piece = [0; 4096];
    // The greeting; from then on it reads.
    runner.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let greeted = runner.read(&mut piece).unwrap();
    let mut heard = piece[..greeted].to_vec();
    if !input.is_empty() {
        // One that has left by then misses nothing.
        let _ = sendmsg(&runner, &[IoSlice::new(input)], &mut control, SendFlags::NOSIGNAL);
    }
    runner.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    while let Ok(count @ 1..) = runner.read(&mut piece) {
        heard.extend_from_slice(&piece[..count]);
    }
    let mut kinds = String::new();
    let mut rest = &heard[..];
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        // The last may be cut off with its runner.
        let Some((frame, after)) = after.split_at_checked(u32::from_le_bytes(*size) as usize) else { break };
        assert!(frame.len() >= 9 && usize::from(frame[0]) < KINDS, "{frame:?}");
        kinds.push((b'a' + frame[0]) as char);
        rest = after;
    }
    kinds
}
