//! How often somebody may ask: with a key, from an account, and from an address without a credential.
//!
//! Always: a request is taken of all the rates that it falls under or of none; what a key may is decided when it is made,
//! what everybody may by the operator, whose own account may as it likes.

use ledger::{AccountId, KeyId};
use store::{RateSettings, RequestKind, RequestRate, RequestRates};

use crate::address::Network;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Who asks, as far as it matters to how often.
#[derive(Debug, Clone, Copy)]
pub enum Asking<'a> {
    Caller(&'a Caller),
    /// Somebody without a good credential.
    From(Network),
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// By the key's own rate.
    Own(KeyId),
    Key(KeyId),
    Account(AccountId),
    Address(Network),
    /// Tries to get in: from an address, at an account, and both.
    Tries(Network),
    TriesAt(AccountId),
    TriesAtFrom(AccountId, Option<Network>),
}

/// How much of a rate is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLeft {
    /// `key`, `account` or `address`.
    pub whose: &'static str,
    pub kind: RequestKind,
    pub rate: RequestRate,
    pub left: u32,
    /// In so many seconds there is one more, where there is none; else there are all of them.
    pub reset_s: u32,
}

impl Hub {
    /// Takes one request. What is left of the rate that is nearest to its end, if there is any.
    pub fn pass(&self, who: Asking<'_>, kind: RequestKind) -> Result<Option<RateLeft>, Error> {
        let rates = self.0.settings.get().request_rates;
        let of = |counted, whose, rate: Option<RequestRate>| Some((counted, whose, rate?));
        let under = match who {
            Asking::Caller(caller) => {
                let own = caller.rate().filter(|_| kind == RequestKind::Calls);
                let usual = |rates: RequestRates| rates.of(kind).filter(|_| !caller.is_operator());
                [
                    of(Counted::Own(caller.key()), "key", own),
                    of(Counted::Key(caller.key()), "key", usual(rates.key)),
                    of(Counted::Account(caller.account().id), "account", usual(rates.account)),
                ]
            }
            Asking::From(network) => [of(Counted::Address(network), "address", rates.address.of(kind)), None, None],
        };
        let mut nearest: Option<RateLeft> = None;
        for (at, (counted, whose, rate)) in under.iter().flatten().copied().enumerate() {
            let told =
                |left: crate::meters::Left| RateLeft { whose, kind, rate, left: left.count, reset_s: left.reset_s };
            match self.0.meters.take(&(counted, kind), rate, self.0.clock.now()) {
                Ok(left) => nearest = Some(nearest.map_or(told(left), |other| nearer(other, told(left)))),
                Err(left) => {
                    for (counted, _, rate) in under.iter().flatten().take(at) {
                        self.0.meters.give_back(&(*counted, kind), *rate);
                    }
                    return Err(Error::RateReached(told(left)));
                }
            }
        }
        Ok(nearest)
    }

    /// Sets how often each may ask, from now on.
    pub async fn set_request_rates(&self, caller: &Caller, rates: RateSettings) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_request_rates(rates).await?;
            hub.0.settings.set(|settings| settings.request_rates = rates);
            Ok(())
        })
        .await
    }
}

/// The one of which the smaller part is left.
fn nearer(one: RateLeft, other: RateLeft) -> RateLeft {
    let part = |this: RateLeft, that: RateLeft| u64::from(this.left) * u64::from(that.rate.count());
    if part(other, one) < part(one, other) { other } else { one }
}
