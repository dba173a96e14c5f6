//! Durable holds: money the operator sets aside for a payout that is on its way. It ends once: captured by the payout,
//! released, or free again when its time is over.

use ledger::{Amount, HoldId, Pending, Purse, Time};
use registry::Handle;
use store::{NewPending, Seq};

use crate::money::{check_amount, check_reference};
use crate::{Account, Action, Caller, Error, Hub, Object, whole};

/// Money that the operator wants set aside.
#[derive(Debug, Clone)]
pub struct HoldWish {
    pub handle: Handle,
    pub amount: Amount,
    pub purse: Purse,
    /// From then on the money is free again.
    pub days: u32,
    pub reference: String,
    /// Made by who asks, so that a repeat sets nothing aside twice.
    pub id: Option<HoldId>,
}

/// A durable hold that is open, and whose money it is.
#[derive(Debug, Clone)]
pub struct HoldView {
    pub hold: Pending,
    pub account: Account,
}

impl Hub {
    /// Sets money of an account aside.
    pub async fn set_aside(&self, caller: &Caller, wish: HoldWish) -> Result<HoldView, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        check_amount(wish.amount)?;
        check_reference("reference", &wish.reference)?;
        let most = Pending::MAX_MS / Time::DAY_MS;
        if wish.days == 0 || i64::from(wish.days) > most {
            let rule = format!("1 to {most} days");
            return Err(Error::Invalid { what: "days", value: wish.days.to_string(), rule });
        }
        let account = self.find_account(&wish.handle).await?;
        let now = self.0.clock.now();
        let new = NewPending {
            id: wish.id.unwrap_or_else(|| HoldId::from_uuid(self.0.ids.next())),
            at: now,
            account: account.id,
            purse: Some(wish.purse),
            amount: wish.amount,
            expires: now.plus_ms(i64::from(wish.days) * Time::DAY_MS),
            reference: wish.reference,
            actor: Some(caller.account().id),
        };
        let hub = self.clone();
        whole(async move {
            let (_, hold) = hub.0.books.pend(new).await?;
            Ok(HoldView { hold: (*hold).clone(), account })
        })
        .await
    }

    /// All durable holds that are open, the oldest first.
    pub async fn open_holds(&self, caller: &Caller) -> Result<Vec<HoldView>, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let mut views = Vec::new();
        for hold in self.0.books.pending(None).await? {
            let account = self.0.catalog.account_by_id(hold.account).await?.ok_or(Error::LostAccount(hold.account))?;
            views.push(HoldView { hold, account });
        }
        Ok(views)
    }

    /// The caller's own that are open.
    pub async fn holds(&self, caller: &Caller) -> Result<Vec<Pending>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.books.pending(Some(caller.account().id)).await?)
    }

    /// Gives the money of a durable hold back.
    pub async fn release_hold(&self, caller: &Caller, hold: HoldId) -> Result<Seq, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let (hub, now) = (self.clone(), self.0.clock.now());
        whole(async move { Ok(hub.0.books.void(hold, now).await?) }).await
    }
}
