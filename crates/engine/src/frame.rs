//! What hub and runner say to each other, as bytes.
//!
//! A frame is a length (u32, of what follows it), a kind (u8), the id of the request (u64) and a body; all numbers
//! little-endian. Bodies that are rare are JSON; those of every call are packed. The hub sends `Load` once, with the
//! model's descriptor beside it, then `Run`s; the runner first says `Hello` or `Unavailable`, then `Loaded` or
//! `Refused`, then answers each `Run` in the order they came.
//!
//! Always: nothing is believed. A length is checked before anything is reserved for it, a frame has at most
//! [`MAX_FRAME`] bytes, a tensor that leaves here is well formed. Both sides read with the same code, because to either
//! the other may be an attacker: the runner holds a stranger's model, and the hub's requests come from strangers too.
//!
//! Absent for now: tensors past 64 KiB in a memfd beside the frame, several requests in one frame.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tensor::{DataType, MAX_NAME_BYTES, MAX_RANK, Mismatch, Signature, Tensor};

use crate::EngineInfo;
use crate::sandbox::Protections;

/// Most bytes a frame may have after its length: what one call may bring or answer, and room for the words around it.
pub(crate) const MAX_FRAME: usize = MAX_CALL + 1024 * 1024;

/// Most bytes the tensors of one call may have together, as they lie in a frame.
pub const MAX_CALL: usize = 64 * 1024 * 1024;

/// Most bytes of JSON that are parsed.
const MAX_JSON: usize = 1024 * 1024;

/// Most tensors in a call, and most ports of a signature on either side.
const MAX_PORTS: usize = 1024;

/// Kind and id.
const HEAD: usize = 1 + 8;

/// How the other side broke the protocol.
pub(crate) type Violation = &'static str;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Hub: load the model whose descriptor comes along.
    Load,
    /// Hub: run the model. Body: deadline (u64, nanoseconds of the machine's monotonic clock), tensors.
    Run,
    /// Runner: the backend is open, the doors are locked. Body: [`Hello`].
    Hello,
    /// Runner: the backend cannot be opened. Body: the reason.
    Unavailable,
    /// Runner: it has the model's descriptor and begins to load: from here on the model is to blame.
    Loading,
    /// Runner: the model is loaded. Body: [`Loaded`].
    Loaded,
    /// Runner: the model does not load. Body: the reason.
    Refused,
    /// Runner: the model answered. Body: microseconds (u64), tensors.
    Answer,
    /// Runner: the model failed. Body: the reason.
    Failed,
    /// Runner: the deadline had passed before the model was run.
    Expired,
    /// Runner: what is here is spoilt, and this process ends. Nobody who still waits is to blame.
    Leaving,
}

impl Kind {
    const ALL: [Kind; 11] = [
        Kind::Load,
        Kind::Run,
        Kind::Hello,
        Kind::Unavailable,
        Kind::Loading,
        Kind::Loaded,
        Kind::Refused,
        Kind::Answer,
        Kind::Failed,
        Kind::Expired,
        Kind::Leaving,
    ];

    fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A whole frame that has arrived.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) body: &'a [u8],
}

/// The bytes that have arrived and were not read yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
}

impl Inbox {
    /// The next whole frame, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, Violation> {
        let Some(length) = self.complete()? else { return Ok(None) };
        let frame = &self.buffer[self.start + 4..][..length];
        self.start += 4 + length;
        let (head, body) = frame.split_first_chunk::<HEAD>().expect("complete() has seen to it");
        let [kind, id @ ..] = *head;
        let kind = Kind::from_byte(kind).ok_or("a frame of an unknown kind")?;
        Ok(Some(Frame { kind, id: u64::from_le_bytes(id), body }))
    }

    /// Whether `next` would give a frame or a violation.
    pub(crate) fn has_next(&self) -> bool {
        !matches!(self.complete(), Ok(None))
    }

    /// The length of the next frame, if all of it is here.
    fn complete(&self) -> Result<Option<usize>, Violation> {
        let rest = &self.buffer[self.start..];
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        match length {
            ..HEAD => Err("a frame shorter than its head"),
            _ if length > MAX_FRAME => Err("a frame longer than a frame may be"),
            _ => Ok((rest.len() >= length).then_some(length)),
        }
    }

    /// Where to append what arrives; has room for some. Grows with what has arrived, not with what was announced.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        const LEAST: usize = 16 * 1024;
        const KEPT: usize = 256 * 1024;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            if self.buffer.capacity() > KEPT {
                self.buffer.shrink_to(KEPT);
            }
        }
        if self.buffer.capacity() - self.buffer.len() < LEAST {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(LEAST);
        }
        &mut self.buffer
    }
}

/// Appends a frame to `out`; `body` appends the body. If the body fails or grows too long, `out` is as it was before.
pub(crate) fn write<E: From<TooLong>>(
    out: &mut Vec<u8>,
    kind: Kind,
    id: u64,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind as u8);
    out.extend_from_slice(&id.to_le_bytes());
    let written = body(out).and_then(|()| {
        let bytes = out.len() - start - 4;
        if bytes > MAX_FRAME { Err(TooLong { bytes }.into()) } else { Ok(bytes) }
    });
    match written {
        Ok(bytes) => {
            out[start..start + 4].copy_from_slice(&(bytes as u32).to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// A frame would be longer than one may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) bytes: usize,
}

/// Appends a frame whose body is text or nothing; text past the limit of reasons is left out.
pub(crate) fn write_text(out: &mut Vec<u8>, kind: Kind, id: u64, text: &str) {
    let end = text.char_indices().nth(500).map_or(text.len(), |(end, _)| end);
    write::<TooLong>(out, kind, id, |out| {
        out.extend_from_slice(&text.as_bytes()[..end]);
        Ok(())
    })
    .expect("500 characters fit a frame");
}

/// Appends a frame whose body is JSON.
pub(crate) fn write_json(out: &mut Vec<u8>, kind: Kind, body: &impl Serialize) -> Result<(), TooLong> {
    let json = serde_json::to_vec(body).expect("plain words and numbers have a JSON form");
    if json.len() > MAX_JSON {
        return Err(TooLong { bytes: json.len() });
    }
    write(out, kind, 0, |out| {
        out.extend_from_slice(&json);
        Ok(())
    })
}

/// The text of a body, as far as it is text.
pub(crate) fn read_text(body: &[u8]) -> String {
    crate::failure::clean(&String::from_utf8_lossy(&body[..body.len().min(4096)]))
}

/// What a runner says first, while it holds nothing of a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) info: EngineInfo,
    pub(crate) protections: Protections,
}

impl Hello {
    pub(crate) fn read(body: &[u8]) -> Result<Hello, Violation> {
        let Hello { info, protections } = read_json(body)?;
        let info =
            EngineInfo { name: crate::failure::clean(&info.name), version: crate::failure::clean(&info.version) };
        Ok(Hello { info, protections })
    }
}

/// What a runner says of the model it has loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) signature: Signature,
    pub(crate) load_ms: u64,
    pub(crate) memory_bytes: u64,
}

impl Loaded {
    pub(crate) fn read(body: &[u8]) -> Result<Loaded, Violation> {
        let loaded: Loaded = read_json(body)?;
        check_signature(&loaded.signature)?;
        Ok(loaded)
    }
}

fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Violation> {
    if body.len() > MAX_JSON {
        return Err("more JSON than is read");
    }
    serde_json::from_slice(body).map_err(|_| "JSON that does not say what it should")
}

/// Whether a signature is one that calls can keep to.
pub fn check_signature(signature: &Signature) -> Result<(), &'static str> {
    for ports in [&signature.inputs, &signature.outputs] {
        if ports.len() > MAX_PORTS {
            return Err("a signature with more than 1024 inputs or outputs");
        }
        let mut names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a signature that names two inputs or outputs the same");
        }
        if names.iter().any(|name| name.is_empty() || name.len() > MAX_NAME_BYTES) {
            return Err("a signature with a name that is empty or longer than 1024 bytes");
        }
        if ports.iter().any(|port| port.shape.len() > MAX_RANK) {
            return Err("a signature with more than 16 axes");
        }
    }
    Ok(())
}

/// Appends a `Run`.
pub(crate) fn write_run(out: &mut Vec<u8>, id: u64, deadline_ns: u64, inputs: &[Tensor]) -> Result<(), TooLong> {
    write(out, Kind::Run, id, |out| {
        out.extend_from_slice(&deadline_ns.to_le_bytes());
        write_tensors(out, inputs)
    })
}

/// Appends an `Answer`.
pub(crate) fn write_answer(out: &mut Vec<u8>, id: u64, engine_us: u64, outputs: &[Tensor]) -> Result<(), TooLong> {
    write(out, Kind::Answer, id, |out| {
        out.extend_from_slice(&engine_us.to_le_bytes());
        write_tensors(out, outputs)
    })
}

/// The number and the tensors of a `Run` or an `Answer`.
pub(crate) fn read_call(body: &[u8]) -> Result<(u64, Vec<Tensor>), Violation> {
    let mut cursor = Cursor(body);
    let number = cursor.u64()?;
    let tensors = read_tensors(&mut cursor)?;
    Ok((number, tensors))
}

/// Bytes that tensors take in a frame, near enough to judge them before they are written.
pub(crate) fn size_of(tensors: &[Tensor]) -> usize {
    tensors.iter().map(|tensor| 8 + tensor.name().len() + 8 * tensor.shape().len() + tensor.bytes().len()).sum()
}

fn write_tensors(out: &mut Vec<u8>, tensors: &[Tensor]) -> Result<(), TooLong> {
    // Judged first: nothing of what is too long is copied.
    let bytes = size_of(tensors);
    if bytes > MAX_CALL || tensors.len() > MAX_PORTS {
        return Err(TooLong { bytes });
    }
    out.reserve(bytes + 2);
    out.extend_from_slice(&(tensors.len() as u16).to_le_bytes());
    for tensor in tensors {
        out.extend_from_slice(&(tensor.name().len() as u16).to_le_bytes());
        out.extend_from_slice(tensor.name().as_bytes());
        out.push(tensor.datatype() as u8);
        out.push(tensor.shape().len() as u8);
        for axis in tensor.shape() {
            out.extend_from_slice(&axis.to_le_bytes());
        }
        out.extend_from_slice(&(tensor.bytes().len() as u32).to_le_bytes());
        out.extend_from_slice(tensor.bytes());
    }
    Ok(())
}

fn read_tensors(cursor: &mut Cursor<'_>) -> Result<Vec<Tensor>, Violation> {
    let count = usize::from(cursor.u16()?);
    if count > MAX_PORTS {
        return Err("more than 1024 tensors");
    }
    let mut tensors = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(cursor.u16()?);
        let name = std::str::from_utf8(cursor.bytes(length)?).map_err(|_| "a name that is not UTF-8")?;
        let datatype = usize::from(cursor.u8()?);
        let datatype = *DataType::ALL.get(datatype).ok_or("an unknown data type")?;
        let rank = usize::from(cursor.u8()?);
        if rank > MAX_RANK {
            return Err("a tensor with more than 16 axes");
        }
        let shape = (0..rank).map(|_| cursor.u64()).collect::<Result<_, _>>()?;
        let length = cursor.u32()? as usize;
        let bytes = cursor.bytes(length)?;
        let tensor = Tensor::new(name, datatype, shape, bytes.to_vec());
        tensors.push(tensor.map_err(|_: Mismatch| "a tensor that is not well formed")?);
    }
    if !cursor.0.is_empty() {
        return Err("bytes behind the last tensor");
    }
    Ok(tensors)
}

/// Bytes that are read from the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or("a frame that ends too early")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or("a frame that ends too early")?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn u8(&mut self) -> Result<u8, Violation> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Violation> {
        self.array().map(u64::from_le_bytes)
    }
}

/// The machine's monotonic clock, which all processes share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// `deadline` on the clock that runners can read.
pub(crate) fn deadline_ns(deadline: Instant) -> u64 {
    let left: Duration = deadline.saturating_duration_since(Instant::now());
    now_ns().saturating_add(left.as_nanos().min(u128::from(u64::MAX)) as u64)
}

#[cfg(test)]
mod tests {
    use tensor::Port;

    use super::*;

    fn tensors() -> Vec<Tensor> {
        vec![
            Tensor::fp32("a b:0/ü", &[2, 1], &[1.0, f32::NAN]).unwrap(),
            Tensor::strings("s", &[], &["é"]).unwrap(),
            Tensor::int64("empty", &[0, 3], &[]).unwrap(),
        ]
    }

    /// Feeds `bytes` in pieces of `step` and gives what comes out.
    fn feed(bytes: &[u8], step: usize) -> Result<Vec<(Kind, u64, Vec<u8>)>, Violation> {
        let mut inbox = Inbox::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(step) {
            inbox.room().extend_from_slice(piece);
            while let Some(frame) = inbox.next()? {
                frames.push((frame.kind, frame.id, frame.body.to_vec()));
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_arrive_whole_however_the_bytes_were_cut() {
        let mut bytes = Vec::new();
        write_run(&mut bytes, 7, 99, &tensors()).unwrap();
        write_text(&mut bytes, Kind::Failed, 8, "no");
        write_answer(&mut bytes, 9, 5, &[]).unwrap();
        for step in [1, 3, 16, 100_000] {
            let frames = feed(&bytes, step).unwrap();
            let heads: Vec<_> = frames.iter().map(|(kind, id, _)| (*kind, *id)).collect();
            assert_eq!(heads, [(Kind::Run, 7), (Kind::Failed, 8), (Kind::Answer, 9)]);
            let (deadline, read) = read_call(&frames[0].2).unwrap();
            assert_eq!((deadline, read.len()), (99, 3));
            assert!(read.iter().zip(tensors()).all(|(read, sent)| *read == sent));
            assert_eq!(read_text(&frames[1].2), "no");
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_anything_is_reserved() {
        for length in [0u32, 8, MAX_FRAME as u32 + 1, u32::MAX] {
            assert!(feed(&length.to_le_bytes(), 4).is_err(), "{length}");
        }
        let mut inbox = Inbox::default();
        inbox.room().extend_from_slice(&(MAX_FRAME as u32).to_le_bytes());
        assert!(inbox.next().unwrap().is_none());
        assert!(inbox.room().capacity() < 100_000);
    }

    #[test]
    fn no_damaged_call_is_believed_or_panics() {
        let mut bytes = Vec::new();
        write_run(&mut bytes, 7, 99, &tensors()).unwrap();
        let body = &bytes[4 + HEAD..];
        for end in 0..body.len() {
            assert!(read_call(&body[..end]).is_err(), "cut at {end}");
        }
        for at in 0..body.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = body.to_vec();
                damaged[at] = byte;
                let _ = read_call(&damaged);
            }
        }
        assert!(read_call(&[body, &[0]].concat()).is_err());
    }

    #[test]
    fn what_is_too_long_leaves_no_trace() {
        let large = Tensor::new("x", DataType::Uint8, vec![MAX_CALL as u64], vec![0; MAX_CALL]).unwrap();
        let mut out = vec![1, 2, 3];
        assert!(write_answer(&mut out, 1, 1, &[large]).is_err());
        assert_eq!(out, [1, 2, 3]);
        assert!(out.capacity() < 1000);
    }

    #[test]
    fn signatures_that_no_call_can_keep_to_are_refused() {
        let port = |name: &str| Port { name: name.into(), datatype: DataType::Fp32, shape: vec![None] };
        let signature = |inputs: Vec<Port>| Signature { inputs, outputs: vec![] };
        assert!(check_signature(&signature(vec![port("a"), port("b")])).is_ok());
        assert!(check_signature(&signature(vec![port("a"), port("a")])).is_err());
        assert!(check_signature(&signature(vec![port("")])).is_err());
        assert!(check_signature(&signature(vec![Port { shape: vec![None; 17], ..port("a") }])).is_err());
        assert!(Loaded::read(b"{}").is_err());
    }
}
