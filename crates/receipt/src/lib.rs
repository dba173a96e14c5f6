//! Signed receipts: what hub and command line both need to agree on.
//!
//! A receipt says who paid how much for which run of which model, and who got which part of it. It is EIP-712 typed
//! data signed with a secp256k1 key, so that any wallet library can check it without code of ours:
//!
//! ```text
//! domain    EIP712Domain(string name,string version,bytes32 salt)   "Model Hub", "1", the hub's id
//! message   Receipt(bytes32 id,bytes32 payer,bytes32 model,string release,bytes32 inputHash,bytes32 outputHash,
//!                   uint256 amount,Part[] parts,uint256 time)
//!           Part(bytes32 account,uint256 amount)
//!
//! id        SHA-256 of the call's id as it is written: the ASCII text "call_…"
//! payer     SHA-256 of the account's id as it is written: the ASCII text "acct_…"; a part's account likewise
//! model     SHA-256 over the sorted lines "sha256 size path\n" of the files that ran
//! *Hash     SHA-256(salt ‖ canonical tensors), see [`commitment`]
//! amount    base units, 10⁻¹⁸ OPG
//! time      UTC milliseconds
//! ```
//!
//! Always: the digest is a pure function of the fields, and the signature of digest and key (RFC 6979), so a receipt
//! that is signed twice is the same receipt; signatures have a low `s`, so there is exactly one; everything
//! [`Signed::verify`] needs stands in the document and in the hub's published list of keys; the parts make the whole.
//!
//! Absent on purpose: clock, network, storage, the hub's domain types. Ids and releases are the texts people see.
//!
//! `tests/reference.py` computes the same digests with an independent implementation; the vectors in
//! `tests/vectors.rs` come from it. Whoever changes a field of the typed data changes the domain's version, runs the
//! script, and keeps the old form readable: receipts outlive releases of this program.

mod address;
mod amount;
mod commitment;
mod digest;
mod document;
mod hex;
mod signature;
mod time;

pub use address::{Address, BadAddress};
pub use amount::{BadBaseUnits, BaseUnits};
pub use commitment::commitment;
pub use digest::{DOMAIN_NAME, DOMAIN_VERSION, HubId, Part, Receipt, digest, hidden};
pub use document::{Domain, PartLine, Signed, Unproven};
pub use hex::{BadHex, Bytes32};
pub use signature::{BadKey, BadSignature, NoRandomness, Signature, Signer, recover};
