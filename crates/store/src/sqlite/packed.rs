//! The bytes of a call's row that only code reads: packed behind one version byte, in one column.
//!
//! Always: the same call gives the same bytes; bytes of a version that is not known are refused, and so are bytes that
//! end early or go on.

use ledger::{Call, KeyId, Keyed, Rate, Share, Surface, Time, Usage};

const VERSION: u8 = 1;

/// What stands in those bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) accepted: Time,
    pub(super) key: KeyId,
    pub(super) release_number: String,
    pub(super) model_digest: [u8; 32],
    pub(super) surface: Surface,
    pub(super) usage: Usage,
    pub(super) fee_share: Share,
    pub(super) rate: Option<Rate>,
    pub(super) queue_us: u64,
    pub(super) engine_us: u64,
    pub(super) cold: bool,
    pub(super) input_hash: [u8; 32],
    pub(super) output_hash: [u8; 32],
    pub(super) salt: [u8; 32],
    pub(super) keyed: Option<Keyed>,
}

/// A number in groups of seven bits, the lowest first.
fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

const COLD: u8 = 1;
const HAS_RATE: u8 = 2;
const HAS_KEYED: u8 = 4;

pub(super) fn pack(call: &Call, to: &mut Vec<u8>) {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = flag(call.cold, COLD) | flag(call.rate.is_some(), HAS_RATE) | flag(call.keyed.is_some(), HAS_KEYED);
    let surface = Surface::ALL.iter().position(|known| *known == call.surface).expect("all are listed") as u8;
    to.extend_from_slice(&[VERSION, flags, surface]);
    to.extend_from_slice(&call.accepted.0.to_le_bytes());
    to.extend_from_slice(&call.key.0);
    put_number(to, call.release_number.len() as u64);
    to.extend_from_slice(call.release_number.as_bytes());
    to.extend_from_slice(&call.model_digest);
    for number in [
        call.usage.items,
        call.usage.tokens_in,
        call.usage.tokens_out,
        call.fee_share.points().into(),
        call.queue_us,
        call.engine_us,
    ] {
        put_number(to, number);
    }
    if let Some(rate) = call.rate {
        put_number(to, rate.nano().unsigned_abs());
    }
    for hash in [&call.input_hash, &call.output_hash, &call.salt] {
        to.extend_from_slice(hash);
    }
    if let Some(keyed) = &call.keyed {
        to.extend_from_slice(&keyed.hash);
        to.extend_from_slice(&keyed.content);
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for group in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits.checked_shl(7 * group).filter(|shifted| shifted >> (7 * group) == bits)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

/// None for bytes that [`pack`] did not write.
pub(super) fn unpack(bytes: &[u8]) -> Option<Packed> {
    let mut from = Bytes(bytes);
    let [version, flags, surface] = from.array()?;
    if version != VERSION || flags > (COLD | HAS_RATE | HAS_KEYED) {
        return None;
    }
    let accepted = Time(i64::from_le_bytes(from.array()?));
    let key = KeyId(from.array()?);
    let length = usize::try_from(from.number()?).ok()?;
    let release_number = String::from_utf8(from.take(length)?.to_vec()).ok()?;
    let model_digest = from.array()?;
    let usage = Usage { items: from.number()?, tokens_in: from.number()?, tokens_out: from.number()? };
    let fee_share = Share::from_points(u16::try_from(from.number()?).ok()?).ok()?;
    let (queue_us, engine_us) = (from.number()?, from.number()?);
    let rate = match flags & HAS_RATE {
        0 => None,
        _ => Some(Rate::from_nano(i64::try_from(from.number()?).ok()?)?),
    };
    let (input_hash, output_hash, salt) = (from.array()?, from.array()?, from.array()?);
    let keyed = match flags & HAS_KEYED {
        0 => None,
        _ => Some(Keyed { hash: from.array()?, content: from.array()? }),
    };
    let surface = *Surface::ALL.get(usize::from(surface))?;
    let cold = flags & COLD != 0;
    let packed = Packed {
        accepted,
        key,
        release_number,
        model_digest,
        surface,
        usage,
        fee_share,
        rate,
        queue_us,
        engine_us,
        cold,
        input_hash,
        output_hash,
        salt,
        keyed,
    };
    from.0.is_empty().then_some(packed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::scene::{call, key};

    fn packed(call: &Call) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(call, &mut bytes);
        bytes
    }

    fn unlike_any_default(n: u64) -> Call {
        Call {
            accepted: Time(-5),
            release_number: "12.34".to_owned(),
            surface: Surface::Grpc,
            usage: Usage { items: n, tokens_in: 1, tokens_out: u64::MAX },
            fee_share: Share::WHOLE,
            rate: Rate::from_nano(i64::MAX),
            queue_us: 127,
            engine_us: 128,
            cold: true,
            keyed: Some(key(4, 5)),
            ..call(n, 1)
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for call in [call(0, 0), call(7, 1_000), unlike_any_default(1 << 63)] {
            let read = unpack(&packed(&call)).expect("bytes of ours");
            assert_eq!(read.release_number, call.release_number);
            assert_eq!((read.accepted, read.key, read.surface), (call.accepted, call.key, call.surface));
            assert_eq!((read.usage, read.fee_share, read.rate), (call.usage, call.fee_share, call.rate));
            assert_eq!((read.queue_us, read.engine_us, read.cold), (call.queue_us, call.engine_us, call.cold));
            assert_eq!((read.input_hash, read.output_hash), (call.input_hash, call.output_hash));
            assert_eq!((read.salt, read.keyed, read.model_digest), (call.salt, call.keyed, call.model_digest));
        }
    }

    #[test]
    fn bytes_that_end_early_or_go_on_are_refused() {
        let bytes = packed(&unlike_any_default(300));
        for length in 0..bytes.len() {
            assert_eq!(unpack(&bytes[..length]), None, "{length} of {} bytes", bytes.len());
        }
        assert_eq!(unpack(&[&bytes[..], &[0]].concat()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = unpack(&bytes);
        }

        #[test]
        fn changed_bytes_are_taken_or_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = packed(&unlike_any_default(300));
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = unpack(&bytes);
        }
    }
}
