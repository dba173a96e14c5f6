//! The receipt as a JSON document: what `/api/v1/receipts/{id}` answers and `modelhub receipt ID --verify` reads.
//!
//! Always: every proven field stands in it in the form people read, and the digest is recomputed from those very
//! fields; nothing is believed because it is written down. Names that are not in [`Signed`] are read over, and are
//! not proven: an edge may add a link or a model's name.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::amount::BaseUnits;
use crate::commitment::commitment;
use crate::digest::{DOMAIN_NAME, DOMAIN_VERSION, HubId, Part, Receipt, digest, hidden};
use crate::hex::Bytes32;
use crate::signature::{BadSignature, Signature, Signer, recover};
use crate::time::rfc3339;

/// A signed receipt, readable and complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub id: String,
    pub payer: String,
    /// Digest of the files that ran.
    pub model: Bytes32,
    pub release: String,
    pub input_hash: Bytes32,
    pub output_hash: Bytes32,
    /// The secret of the two commitments above. For readers who may see the money but not test guesses at the data
    /// it is left out; that proves the receipt no less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Bytes32>,
    /// In OPG.
    pub amount: BaseUnits,
    pub parts: Vec<PartLine>,
    /// RFC 3339, for people.
    pub time: String,
    /// UTC milliseconds, as signed.
    pub time_ms: u64,
    pub domain: Domain,
    /// The EIP-712 digest of all of the above but the salt.
    pub typed_data: Bytes32,
    pub signer: Address,
    pub signature: Signature,
}

/// One receiver and what it got, in OPG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartLine {
    pub account: String,
    pub amount: BaseUnits,
}

/// The EIP-712 domain: which program signed, and which hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    pub name: String,
    pub version: String,
    /// The hub's id.
    pub salt: HubId,
}

/// Why a receipt proves nothing. Checked from top to bottom; the first reason wins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the domain is \"{name}\" version \"{version}\", this program reads \"Model Hub\" version \"1\"")]
    Domain { name: String, version: String },
    #[error("the time reads {shown}, but {time_ms} ms is {derived}")]
    Time { shown: String, time_ms: u64, derived: String },
    #[error("the parts add up to {sum} OPG, the amount is {amount} OPG")]
    Parts { sum: BaseUnits, amount: BaseUnits },
    #[error("the parts add up to more OPG than a receipt can hold, the amount is {amount} OPG")]
    PartsOverflow { amount: BaseUnits },
    #[error("the fields give the typed data {computed}, the receipt names {named}")]
    TypedData { computed: Bytes32, named: Bytes32 },
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error("the signature is of {recovered}, the receipt names {named}")]
    Signer { recovered: Address, named: Address },
    #[error("{signer} signed, which is none of the {published} keys this hub has published")]
    UnknownKey { signer: Address, published: usize },
}

impl Signed {
    /// Signs a receipt and writes it down, with the salt of its commitments where the reader may have it.
    pub fn new(hub: &HubId, signer: &Signer, receipt: &Receipt, salt: Option<[u8; 32]>) -> Signed {
        let typed_data = digest(hub, receipt);
        let line = |part: &Part| PartLine { account: part.account.clone(), amount: BaseUnits(part.amount) };
        Signed {
            id: receipt.id.clone(),
            payer: receipt.payer.clone(),
            model: Bytes32(receipt.model),
            release: receipt.release.clone(),
            input_hash: Bytes32(receipt.input_hash),
            output_hash: Bytes32(receipt.output_hash),
            salt: salt.map(Bytes32),
            amount: BaseUnits(receipt.amount),
            parts: receipt.parts.iter().map(line).collect(),
            time: rfc3339(receipt.time),
            time_ms: receipt.time,
            domain: Domain { name: DOMAIN_NAME.to_owned(), version: DOMAIN_VERSION.to_owned(), salt: *hub },
            typed_data: Bytes32(typed_data),
            signer: signer.address(),
            signature: signer.sign(&typed_data),
        }
    }

    /// The same, proven no less, for who may not know who paid.
    pub fn without_payer(self) -> Signed {
        Signed { payer: hidden(&self.payer), ..self }
    }

    /// The receipt inside, read back from the document's fields.
    pub fn receipt(&self) -> Receipt {
        let part = |line: &PartLine| Part { account: line.account.clone(), amount: line.amount.0 };
        Receipt {
            id: self.id.clone(),
            payer: self.payer.clone(),
            model: self.model.0,
            release: self.release.clone(),
            input_hash: self.input_hash.0,
            output_hash: self.output_hash.0,
            amount: self.amount.0,
            parts: self.parts.iter().map(part).collect(),
            time: self.time_ms,
        }
    }

    /// Recomputes everything from the document's fields and checks that one of `keys`, the hub's published ones,
    /// signed it. Take them from the hub, never from the document; whoever expects a certain hub also compares
    /// [`Domain::salt`].
    pub fn verify(&self, keys: &[Address]) -> Result<(), Unproven> {
        let Domain { name, version, salt } = &self.domain;
        if name != DOMAIN_NAME || version != DOMAIN_VERSION {
            return Err(Unproven::Domain { name: name.clone(), version: version.clone() });
        }
        let derived = rfc3339(self.time_ms);
        if self.time != derived {
            return Err(Unproven::Time { shown: self.time.clone(), time_ms: self.time_ms, derived });
        }
        self.parts_make_the_whole()?;
        let computed = digest(salt, &self.receipt());
        if computed != self.typed_data.0 {
            return Err(Unproven::TypedData { computed: Bytes32(computed), named: self.typed_data });
        }
        let recovered = recover(&computed, &self.signature)?;
        if recovered != self.signer {
            return Err(Unproven::Signer { recovered, named: self.signer });
        }
        if !keys.contains(&recovered) {
            return Err(Unproven::UnknownKey { signer: recovered, published: keys.len() });
        }
        Ok(())
    }

    fn parts_make_the_whole(&self) -> Result<(), Unproven> {
        let sum = self.parts.iter().try_fold(0_u128, |sum, part| sum.checked_add(part.amount.0));
        match sum {
            Some(sum) if sum == self.amount.0 => Ok(()),
            Some(sum) => Err(Unproven::Parts { sum: BaseUnits(sum), amount: self.amount }),
            None => Err(Unproven::PartsOverflow { amount: self.amount }),
        }
    }

    /// Whether these were the inputs, as canonical bytes. `None`: the document came without its salt.
    pub fn proves_inputs(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Option<bool> {
        self.salt.map(|salt| commitment(&salt.0, feed) == self.input_hash.0)
    }

    /// Whether these were the outputs, as canonical bytes. `None`: the document came without its salt.
    pub fn proves_outputs(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Option<bool> {
        self.salt.map(|salt| commitment(&salt.0, feed) == self.output_hash.0)
    }
}
