//! The receipt and its EIP-712 digest.

use std::fmt;
use std::str::FromStr;

use sha2::Sha256;
use sha3::{Digest as _, Keccak256};

use crate::hex::{self, BadHex};
use crate::signature::NoRandomness;

/// The domain's name: what is signed here can't be mistaken for another program's data.
pub const DOMAIN_NAME: &str = "Model Hub";
/// The domain's version; a change of the typed data is a new one.
pub const DOMAIN_VERSION: &str = "1";

const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,bytes32 salt)";
const RECEIPT_TYPE: &str = "Receipt(bytes32 id,bytes32 payer,bytes32 model,string release,bytes32 inputHash,\
     bytes32 outputHash,uint256 amount,Part[] parts,uint256 time)Part(bytes32 account,uint256 amount)";
const PART_TYPE: &str = "Part(bytes32 account,uint256 amount)";

/// Which hub speaks: 32 random bytes drawn at its first start, the salt of the domain. Two hubs with the same key
/// (a copy for tests, say) still can't pass each other's receipts off as their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubId([u8; 32]);

impl HubId {
    pub const fn new(bytes: [u8; 32]) -> HubId {
        HubId(bytes)
    }

    /// A fresh one, from the system's randomness.
    pub fn generate() -> Result<HubId, NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        Ok(HubId(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HubId {
    type Err = BadHex;

    fn from_str(text: &str) -> Result<Self, BadHex> {
        hex::decode(text).map(HubId)
    }
}

hex::serde_as_text!(HubId);

/// One charged call, as it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The call's id as it is written, `call_…`.
    pub id: String,
    /// The paying account's id as it is written, `acct_…`, or that of which only the hash is told: [`hidden`].
    pub payer: String,
    /// SHA-256 over the sorted lines `sha256 size path\n` of the files that ran.
    pub model: [u8; 32],
    /// The release's number, `1.01`.
    pub release: String,
    /// [`commitment`](crate::commitment) to the inputs.
    pub input_hash: [u8; 32],
    /// [`commitment`](crate::commitment) to the outputs.
    pub output_hash: [u8; 32],
    /// What the payer paid, in base units of 10⁻¹⁸ OPG.
    pub amount: u128,
    /// Who got how much of it, in the order of the books. They add up to `amount`.
    pub parts: Vec<Part>,
    /// When the call finished, UTC milliseconds.
    pub time: u64,
}

/// One receiver's part of the amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The receiving account's id as it is written, `acct_…`.
    pub account: String,
    /// In base units of 10⁻¹⁸ OPG.
    pub amount: u128,
}

/// The EIP-712 digest of a receipt: what is signed.
pub fn digest(hub: &HubId, receipt: &Receipt) -> [u8; 32] {
    let domain = keccak(&[
        &keccak(&[DOMAIN_TYPE.as_bytes()]),
        &keccak(&[DOMAIN_NAME.as_bytes()]),
        &keccak(&[DOMAIN_VERSION.as_bytes()]),
        hub.as_bytes(),
    ]);
    let mut parts = Keccak256::new();
    let part_type = keccak(&[PART_TYPE.as_bytes()]);
    for part in &receipt.parts {
        parts.update(keccak(&[&part_type, &text_hash(&part.account), &uint256(part.amount)]));
    }
    let message = keccak(&[
        &keccak(&[RECEIPT_TYPE.as_bytes()]),
        &text_hash(&receipt.id),
        &payer_hash(&receipt.payer),
        &receipt.model,
        &keccak(&[receipt.release.as_bytes()]),
        &receipt.input_hash,
        &receipt.output_hash,
        &uint256(receipt.amount),
        &parts.finalize(),
        &uint256(receipt.time.into()),
    ]);
    keccak(&[b"\x19\x01", &domain, &message])
}

fn keccak(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// Before the hash of an account's id, where the id itself is not told.
const HIDDEN: &str = "sha256:";

/// A payer's id as those see it who may not know who paid: `sha256:` and the hash that is signed.
pub fn hidden(payer: &str) -> String {
    format!("{HIDDEN}{}", crate::hex::encode(&payer_hash(payer)))
}

fn payer_hash(payer: &str) -> [u8; 32] {
    let told = payer.strip_prefix(HIDDEN).and_then(|hex| crate::hex::decode(hex).ok());
    told.unwrap_or_else(|| text_hash(payer))
}

/// An id as a `bytes32`: the SHA-256 of its text, so that anybody recomputes it from the JSON.
fn text_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn uint256(value: u128) -> [u8; 32] {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}
