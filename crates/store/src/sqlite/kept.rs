//! Answers as they are kept for their idempotency keys, in a row or in a file: a version byte, a CRC-32, the answer.
//!
//! Always: what is read is what was kept for that call, or it is an error; the sum is over the call's id too, so that no
//! answer is taken for another call's. Answers that were kept before there was a sum begin with the brace of their head,
//! are read as they are, and are gone after a day.

use std::io::{self, Read, Write};

use ledger::CallId;

const VERSION: u8 = 1;
const WITHOUT_SUM: u8 = b'{';

/// What stands before an answer.
pub(super) fn head(call: CallId, answer: &[u8]) -> [u8; 5] {
    let mut sum = begun(call);
    sum.update(answer);
    let [a, b, c, d] = sum.finalize().to_le_bytes();
    [VERSION, a, b, c, d]
}

fn begun(call: CallId) -> crc32fast::Hasher {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&call.0);
    sum
}

/// The answer that was kept for a call.
pub(super) fn whole(call: CallId, from: impl Read) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    read(call, from, &mut answer).map(|()| answer)
}

/// Hands on the answer that was kept for a call, piece by piece. What was handed on is worth nothing if this fails.
pub(crate) fn read(call: CallId, mut from: impl Read, to: impl Write) -> io::Result<()> {
    let mut to = Summed { sum: begun(call), to };
    let [version] = take(&mut from)?;
    if version == WITHOUT_SUM {
        to.write_all(&[version])?;
        return io::copy(&mut from, &mut to).map(drop);
    }
    if version != VERSION {
        return Err(damaged("its first byte is wrong"));
    }
    let sum: [u8; 4] = take(&mut from)?;
    io::copy(&mut from, &mut to)?;
    match to.sum.finalize().to_le_bytes() == sum {
        true => Ok(()),
        false => Err(damaged("its checksum is wrong")),
    }
}

fn take<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut taken = [0; N];
    from.read_exact(&mut taken).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is cut off"),
        _ => error,
    })?;
    Ok(taken)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is not what was kept: {what}"))
}

/// Sums what goes through.
struct Summed<W> {
    sum: crc32fast::Hasher,
    to: W,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::scene::call_id;

    fn read_back(n: u64, kept: &[u8]) -> Option<Vec<u8>> {
        whole(call_id(n), kept).ok()
    }

    #[test]
    fn an_answer_is_read_back_or_not_at_all() {
        for answer in [&b""[..], b"{\"v\":1}\n1234", b"seven", &[7; 100_000]] {
            let kept = [&head(call_id(1), answer)[..], answer].concat();
            assert_eq!(read_back(1, &kept).as_deref(), Some(answer));
            assert_eq!(read_back(2, &kept), None, "it is another call's");
            assert_eq!(read_back(1, &[&kept[..], b"0"].concat()), None);
            for at in (0..kept.len()).step_by(1 + kept.len() / 50) {
                assert_eq!(read_back(1, &kept[..at]), None, "cut off at byte {at}");
                let mut changed = kept.clone();
                changed[at] ^= 0x20;
                assert_eq!(read_back(1, &changed), None, "byte {at}");
            }
        }
    }

    #[test]
    fn answers_from_before_the_sum_are_read_as_they_are() {
        let answer = b"{\"v\":1,\"tensors\":[]}\n";
        assert_eq!(read_back(1, answer).as_deref(), Some(&answer[..]));
    }
}
