//! Commitments to what went in and came out of a call.

use sha2::{Digest as _, Sha256};

/// `SHA-256(salt ‖ bytes)`, where `feed` hands over the bytes piece by piece: how they are cut makes no difference.
///
/// Inputs are never stored, and a bare hash of a small input (a yes or no, a year) could be guessed by trying all of
/// them. Whoever was given the 32 secret bytes of the salt and has the tensors can prove what ran; nobody else learns
/// anything.
pub fn commitment(salt: &[u8; 32], feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(salt);
    feed(&mut |bytes| hash.update(bytes));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_the_hash_of_salt_and_bytes_however_they_are_cut() {
        let whole = commitment(&[7; 32], |sink| sink(b"canonical tensors"));
        let cut = commitment(&[7; 32], |sink| {
            sink(b"canonical ");
            sink(b"");
            sink(b"tensors");
        });
        assert_eq!(whole, cut);
        let expected: [u8; 32] = Sha256::digest([&[7_u8; 32][..], b"canonical tensors"].concat()).into();
        assert_eq!(whole, expected);
        assert_ne!(whole, commitment(&[8; 32], |sink| sink(b"canonical tensors")), "another salt hides it anew");
    }
}
