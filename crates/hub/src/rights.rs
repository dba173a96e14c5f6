//! A right to upload that travels in a URL: clients of Git LFS send their bytes without a key.
//!
//! Always: a right names one account, one digest, one size and an end, and is signed by the hub; it is good for handing
//! in those bytes and nothing else, so whoever reads it in a log can do no harm with it.

use hmac::{Hmac, KeyInit, Mac};
use ledger::{AccountId, Time};
use registry::{Digest, ModelName};
use sha2::Sha256;

use crate::publish::Receiving;
use crate::{Caller, Error, Hub};

/// How long an upload may wait before it begins.
const VALID_MS: i64 = 60 * 60 * 1_000;

/// One file that may be handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    pub account: AccountId,
    pub digest: Digest,
    pub size: u64,
    pub until: Time,
    pub signature: [u8; 32],
}

impl Hub {
    /// The right to hand in these bytes for a model; none if they are here already.
    pub async fn right_to_upload(
        &self,
        caller: &Caller,
        model: &ModelName,
        digest: Digest,
        size: u64,
    ) -> Result<Option<Right>, Error> {
        let owner = self.own(caller, model).await?.model.owner;
        let account = owner.id;
        self.check_size(size)?;
        if self.handed_in_by(account, digest).await? == Some(size) {
            return Ok(None);
        }
        // Whoever is over the quota hears of it before the bytes are sent.
        drop(self.room(&owner, Some(digest), size, 0).await?);
        let until = self.0.clock.now().plus_ms(VALID_MS);
        let unsigned = Right { account, digest, size, until, signature: [0; 32] };
        let signature = self.right_mac(&unsigned).finalize().into_bytes().into();
        Ok(Some(Right { signature, ..unsigned }))
    }

    /// Begins to take in what a right is for.
    pub async fn upload_by(&self, right: &Right) -> Result<Receiving, Error> {
        let good = self.right_mac(right).verify_slice(&right.signature).is_ok();
        if !good || right.until <= self.0.clock.now() {
            return Err(Error::NoRight);
        }
        let owner = self.0.catalog.account_by_id(right.account).await?.ok_or(Error::LostAccount(right.account))?;
        let room = self.room(&owner, Some(right.digest), right.size, 0).await?;
        self.receive(None, owner, room, |blobs| blobs.receive(right.digest, right.size))
    }

    /// How many bytes an owner's account has handed in under this digest.
    pub async fn handed_in(&self, caller: &Caller, model: &ModelName, digest: Digest) -> Result<Option<u64>, Error> {
        let owner = self.own(caller, model).await?.model.owner.id;
        self.handed_in_by(owner, digest).await
    }

    fn right_mac(&self, right: &Right) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.upload_key).expect("HMAC takes keys of any length");
        mac.update(&right.account.0);
        mac.update(&right.digest.0);
        mac.update(&right.size.to_be_bytes());
        mac.update(&right.until.0.to_be_bytes());
        mac
    }
}

/// The key of these rights, from the hub's signing key: the same after every start, and of no use for signing.
pub(crate) fn upload_key(signer: &receipt::Signer) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&signer.expose_secret()).expect("HMAC takes keys of any length");
    mac.update(b"modelhub rights to upload, version 1");
    mac.finalize().into_bytes().into()
}
