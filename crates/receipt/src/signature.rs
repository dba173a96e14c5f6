//! Signing a digest, and finding out who signed one: ECDSA on secp256k1 in the form `r ‖ s ‖ v` of EVM chains.

use std::fmt;
use std::str::FromStr;

use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};
use sha3::{Digest as _, Keccak256};

use crate::address::Address;
use crate::hex::{self, BadHex};

/// `r ‖ s ‖ v`, with `s` in the lower half and `v` 27 or 28. Printed as `0x` and 130 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 65]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = BadHex;

    fn from_str(text: &str) -> Result<Self, BadHex> {
        hex::decode(text).map(Signature)
    }
}

hex::serde_as_text!(Signature);

/// Why no signer can be found for a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("the signature ends in {v}, not in 27 or 28")]
    Parity { v: u8 },
    #[error("r or s of the signature lies outside the group")]
    Range,
    /// A second valid form of every signature exists; it is refused, so that a receipt has exactly one.
    #[error("s of the signature lies in the upper half")]
    HighS,
    #[error("no key can have made this signature")]
    NoKey,
}

/// The 32 bytes are no secp256k1 key: zero, or not below the group's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is zero or too large for a secp256k1 key")]
pub struct BadKey;

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes: {0}")]
pub struct NoRandomness(pub(crate) getrandom::Error);

/// The hub's signing key. The secret never prints and is wiped from memory on drop.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    address: Address,
}

impl Signer {
    /// The key with this secret.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Signer, BadKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| BadKey)?;
        let address = address_of(key.verifying_key());
        Ok(Signer { key, address })
    }

    /// A fresh key, from the system's randomness.
    pub fn generate() -> Result<Signer, NoRandomness> {
        let mut secret = [0; 32];
        loop {
            getrandom::fill(&mut secret).map_err(NoRandomness)?;
            // One draw in 2¹²⁸ is no key.
            if let Ok(signer) = Signer::from_bytes(&secret) {
                return Ok(signer);
            }
        }
    }

    /// The secret itself, for the one file that keeps it.
    pub fn expose_secret(&self) -> [u8; 32] {
        self.key.to_bytes().into()
    }

    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a digest. The nonce comes from key and digest (RFC 6979): the same two always give the same signature.
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest);
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        // `v` has no room for an x above the group's order, which one signature in 2¹²⁷ has.
        bytes[64] = 27 + u8::from(recovery.is_y_odd());
        Signature(bytes)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.address).finish()
    }
}

/// Who signed this digest. Any well-formed signature has *some* signer: compare it with the one you trust.
pub fn recover(digest: &[u8; 32], signature: &Signature) -> Result<Address, BadSignature> {
    let odd = match signature.0[64] {
        27 => false,
        28 => true,
        v => return Err(BadSignature::Parity { v }),
    };
    let pair = k256::ecdsa::Signature::from_slice(&signature.0[..64]).map_err(|_| BadSignature::Range)?;
    if pair.normalize_s() != pair {
        return Err(BadSignature::HighS);
    }
    VerifyingKey::recover_from_prehash(digest, &pair, RecoveryId::new(odd, false))
        .map(|key| address_of(&key))
        .map_err(|_| BadSignature::NoKey)
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    // The first byte says "uncompressed"; the hash covers x and y alone.
    let hash = Keccak256::digest(&point.as_bytes()[1..]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    Address(address)
}
