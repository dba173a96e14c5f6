//! Another secret for a key, while the one before is good for a while longer.
//!
//! Always: it stays the same key, so budgets, rates and idempotency keys are used up together; whoever rotates a key could
//! have done what it can; a secret that was replaced makes no newer one.

use ledger::{AccountId, KeyId};
use registry::Handle;
use store::{CatalogError, KeyRecord, Limits, MAX_SECRETS};

use crate::caller::hash;
use crate::{Action, Caller, Error, FreshKey, Hub, Object, new_secret, whole};

/// How long the secret before is good, unless it is said.
pub const OVERLAP_HOURS: u32 = 24;
/// And at most: 30 days.
pub const MAX_OVERLAP_HOURS: u32 = 720;
const HOUR_MS: i64 = 3_600_000;

impl Hub {
    /// Gives a key of the caller's account another secret; those it had are good for `overlap_hours` more.
    pub async fn rotate_key(&self, caller: &Caller, key: KeyId, overlap_hours: u32) -> Result<FreshKey, Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        self.rotate_key_of(caller, caller.account().id, key, overlap_hours).await
    }

    /// The same of an organisation, for its admins.
    pub async fn rotate_organisation_key(
        &self,
        caller: &Caller,
        organisation: &Handle,
        key: KeyId,
        overlap_hours: u32,
    ) -> Result<FreshKey, Error> {
        let of = self.organisation(caller, Action::Members, organisation).await?;
        self.rotate_key_of(caller, of.id, key, overlap_hours).await
    }

    async fn rotate_key_of(
        &self,
        caller: &Caller,
        account: AccountId,
        key: KeyId,
        overlap_hours: u32,
    ) -> Result<FreshKey, Error> {
        if overlap_hours > MAX_OVERLAP_HOURS {
            let rule = format!("0 to {MAX_OVERLAP_HOURS} hours");
            return Err(Error::Invalid { what: "overlap_hours", value: overlap_hours.to_string(), rule });
        }
        let keys = self.0.catalog.keys(account).await?;
        let known = keys.into_iter().find(|known| known.id == key && known.revoked.is_none());
        let known = known.ok_or(Error::NoSuchKey { key })?;
        let refused = |rule: &str| Error::Invalid { what: "key", value: key.to_string(), rule: rule.to_owned() };
        let now = self.0.clock.now();
        if known.expires.is_some_and(|at| at <= now) {
            return Err(refused("it is over; make another"));
        }
        may_have(caller, &known).map_err(|why| why.map_or_else(|scope| scope, refused))?;
        let secret = new_secret();
        let (hub, until) = (self.clone(), now.plus_ms(i64::from(overlap_hours) * HOUR_MS));
        whole(async move {
            let rotated = hub.0.catalog.rotate_key(account, key, hash(&secret), until, now).await;
            // Also after an error: nobody knows how far it came.
            hub.0.keys.forget();
            match rotated {
                Ok(Some(record)) => Ok(FreshKey { record, secret }),
                Ok(None) => Err(Error::NoSuchKey { key }),
                Err(CatalogError::ManySecrets) => {
                    let rule = format!("a key gets at most {MAX_SECRETS} secrets in a year; make another key");
                    Err(Error::Invalid { what: "key", value: key.to_string(), rule })
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}

/// Whether whoever asks may have a secret of this key: it could have made one like it. Else what it lacks, or the rule.
fn may_have(caller: &Caller, key: &KeyRecord) -> Result<(), Result<&'static str, Error>> {
    if let Some(needed) = key.scopes.iter().copied().find(|scope| !caller.scopes().contains(scope)) {
        let has = caller.scopes().iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ");
        return Err(Err(Error::ScopeMissing { needed, has }));
    }
    if caller.is_replaced() {
        return Err(Ok("the secret that asks was replaced itself; use the newer one"));
    }
    let bounded = caller.models().is_some()
        || caller.limits() != Limits::default()
        || caller.rate().is_some()
        || (caller.expires().is_some() && !caller.is_session());
    match bounded && caller.key() != key.id {
        true => Err(Ok("a key that is for single models, has limits or ends gives no other key a secret")),
        false => Ok(()),
    }
}
