//! Frames from a side that lies: everything that reads a socket, without a socket.

use std::collections::BTreeSet;

use fuzz::{Random, Target, holding, shown};
use tensor::{DataType, Port, Signature, Tensor};

use crate::frame::{self, Frame, Hello, Inbox, Kind, Loaded, TooLong};
use crate::{EngineInfo, Protections};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

const WORDS: &[&[u8]] = &[
    &[0, 0, 0, 0],
    &[9, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    // The longest frame, and one more.
    &(frame::MAX_FRAME as u32).to_le_bytes(),
    &(frame::MAX_FRAME as u32 + 1).to_le_bytes(),
    &[1, 4],
    b"{\"inputs\":[",
    b"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1,2]}",
    b"\"shape\":[",
    b"-1,",
    b"],\"outputs\":[",
    b"\"load_ms\":",
    b"\"protections\":{",
    b"null",
    b"[[[[",
    b"\xc3",
    b"\x1b[31m",
];

fn tensors(random: &mut Random) -> Vec<Tensor> {
    let count = random.below(4);
    let tensor = |number: usize, random: &mut Random| {
        let datatype = *random.pick(&DataType::ALL);
        let shape: Vec<u64> = (0..random.below(4)).map(|_| random.below(4) as u64).collect();
        let count = shape.iter().product::<u64>() as usize;
        let bytes = match (datatype, datatype.size_bytes()) {
            (DataType::Bool, _) => (0..count).map(|_| random.below(2) as u8).collect(),
            (_, Some(size)) => (0..count * size).map(|_| random.byte()).collect(),
            (_, None) => (0..count).flat_map(|_| [1, 0, 0, 0, random.byte()]).collect(),
        };
        Tensor::new(format!("t{number}"), datatype, shape, bytes).unwrap()
    };
    (0..count).map(|number| tensor(number, random)).collect()
}

fn signature(random: &mut Random) -> Signature {
    let mut ports = |side: &str| {
        let port = |number| Port {
            name: format!("{side}{number}"),
            datatype: *random.pick(&DataType::ALL),
            shape: (0..random.below(4)).map(|axis| (axis > 0).then_some(axis as u64)).collect(),
        };
        (0..3).map(port).collect()
    };
    Signature { inputs: ports("in"), outputs: ports("out") }
}

/// What either side says in a conversation, in no order.
fn make(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(4) {
        let number = random.edge();
        let fits = "a few small tensors fit a frame";
        match random.below(6) {
            0 => frame::write_run(&mut bytes, number, random.word(), &tensors(random)).expect(fits),
            1 => frame::write_answer(&mut bytes, number, random.word(), &tensors(random)).expect(fits),
            2 => {
                let loaded = Loaded { signature: signature(random), load_ms: number, memory_bytes: random.edge() };
                frame::write_json(&mut bytes, Kind::Loaded, &loaded).expect(fits);
            }
            3 => {
                let info = EngineInfo { name: "onnxruntime".into(), version: "1.32.0".into() };
                let hello = Hello { info, protections: Protections::default() };
                frame::write_json(&mut bytes, Kind::Hello, &hello).expect(fits);
            }
            4 => frame::write_text(&mut bytes, *random.pick(&[Kind::Failed, Kind::Refused]), number, "no, as\ttold"),
            _ => frame::write_text(&mut bytes, *random.pick(&[Kind::Load, Kind::Expired, Kind::Leaving]), number, ""),
        }
    }
    bytes
}

#[test]
fn whatever_arrives_is_a_frame_or_a_violation_within_its_own_size() {
    Target::new("frames", WORDS).run(make, |input| {
        let mut told = BTreeSet::new();
        // In one piece, and in many.
        for step in [input.len().max(1), 7] {
            // What has arrived is moved to a larger place while it grows, and the least there is room for is 16 KiB.
            holding(3 * input.len() + 48 * 1024, || arrived(input, step, |_| ()));
            arrived(input, step, |came| {
                told.insert(frame(came));
            });
        }
        Vec::from_iter(told).join("|")
    });
}

/// Hands on each frame, up to the first violation.
fn arrived(input: &[u8], step: usize, mut each: impl FnMut(Frame<'_>)) {
    let mut inbox = Inbox::default();
    for piece in input.chunks(step) {
        inbox.room().extend_from_slice(piece);
        loop {
            match inbox.next() {
                Ok(Some(frame)) => each(frame),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// Every reader reads every body, whatever the frame says that it is.
fn frame(Frame { kind, id, body }: Frame<'_>) -> String {
    let mut told = format!("{kind:?}");
    // Room for as many tensors as there may be is made before they are read; the rest comes with bytes.
    match holding(2 * body.len() + 128 * 1024, || frame::read_call(body)) {
        Ok((number, tensors)) => {
            told.push_str(" tensors");
            let mut again = Vec::new();
            frame::write_run(&mut again, id, number, &tensors).expect("what fitted a frame fits one");
            assert_eq!(&again[4 + 1 + 8..], body, "the same tensors are the same bytes");
        }
        Err(violation) => told.push_str(violation),
    }
    // An empty port is some forty characters and a hundred bytes, a size on an axis two characters and sixteen bytes;
    // lists double while they grow.
    match holding(32 * body.len() + 64 * 1024, || Loaded::read(body)) {
        Ok(loaded) => {
            told.push_str(" loaded");
            let mut again = Vec::new();
            match frame::write_json(&mut again, Kind::Loaded, &loaded) {
                Ok(()) => assert_eq!(Loaded::read(&again[4 + 1 + 8..]), Ok(loaded)),
                Err(TooLong { bytes }) => assert!(bytes > body.len()),
            }
        }
        Err(violation) => told.push_str(violation),
    }
    match holding(8 * body.len() + 64 * 1024, || Hello::read(body)) {
        Ok(hello) => {
            told.push_str(" hello");
            shown(&hello.info.name, 500);
            shown(&hello.info.version, 500);
        }
        Err(violation) => told.push_str(violation),
    }
    shown(&holding(64 * 1024, || frame::read_text(body)), 500);
    told
}
