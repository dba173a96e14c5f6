//! Tries to get in: with a passkey, a wallet, a key typed into a page, a program's code, an invitation.
//!
//! Always: a try counts from the moment it begins, and no more once it was none that failed, so that many at once do not
//! slip through. Ten failures in ten minutes are an address's; after ten at one account, from wherever, each address has
//! one a minute at that account. So whoever tries at somebody else's account makes its owner wait only after a failure of
//! the owner's own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::AccountId;
use store::RequestRate;

use crate::address::Network;
use crate::rates::Counted;
use crate::{Error, Hub};

/// Of one address, and at one account.
const TRIES: RequestRate = RequestRate::new(10, 600).expect("a rate");
/// Of one address at one account that many have failed at.
const THEN: RequestRate = RequestRate::new(1, 60).expect("a rate");

/// One try. Dropped without a word of how it ended, it is one that failed.
#[derive(Debug)]
pub struct Attempt {
    hub: Hub,
    from: Option<Network>,
    taken: Mutex<Vec<(Counted, RequestRate)>>,
}

impl Hub {
    /// Begins a try, if its address may have one more. None: from this machine, which is not counted.
    pub fn attempt(&self, from: Option<Network>) -> Result<Attempt, Error> {
        let attempt = Attempt { hub: self.clone(), from, taken: Mutex::default() };
        match from {
            Some(network) => match attempt.take(Counted::Tries(network), TRIES) {
                Ok(()) => Ok(attempt),
                Err(wait_s) => Err(Error::ManyAttempts { wait_s }),
            },
            None => Ok(attempt),
        }
    }
}

impl Attempt {
    /// It is at this account.
    pub fn at(&self, account: AccountId) -> Result<(), Error> {
        let at = self.take(Counted::TriesAt(account), TRIES);
        let from_here = self.take(Counted::TriesAtFrom(account, self.from), THEN);
        match (at, from_here) {
            (Err(_), Err(wait_s)) => Err(Error::ManyAttempts { wait_s }),
            _ => Ok(()),
        }
    }

    /// Ends it: it counts if it failed, and not if something else was wrong.
    pub fn judge<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        if !result.as_ref().is_err_and(failed) {
            self.was_none();
        }
        result
    }

    /// Ends it where nothing was tried.
    pub fn was_none(self) {
        for (counted, rate) in self.taken().drain(..) {
            self.hub.0.meters.give_back(&counted, rate);
        }
    }

    fn take(&self, counted: Counted, rate: RequestRate) -> Result<(), u32> {
        self.hub.0.meters.take(&counted, rate, self.hub.0.clock.now()).map_err(|left| left.reset_s)?;
        self.taken().push((counted, rate));
        Ok(())
    }

    fn taken(&self) -> MutexGuard<'_, Vec<(Counted, RequestRate)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is what somebody gets who does not know what is asked for.
fn failed(error: &Error) -> bool {
    matches!(
        error,
        Error::UnknownKey
            | Error::KeyRevoked
            | Error::KeyExpired { .. }
            | Error::NoInvitation
            | Error::NotAsked
            | Error::Passkey(_)
            | Error::UnknownPasskey
            | Error::Wallet(_)
            | Error::UnknownWallet { .. }
            | Error::NoDevice { .. }
    )
}
