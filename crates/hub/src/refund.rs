//! Refunds: an uploader gives back what a call of their model cost, or the operator does.
//!
//! Always: a refund is a transfer of its own, tied to its call; what a receiver no longer has is owed, and comes from
//! what it earns next.

use std::sync::Arc;

use ledger::{Amount, Call, CallId, Debt, Kind, REFUND_WINDOW_MS, Refund, Refunded, Time, Transfer, TransferId};
use store::Seq;

use crate::money::{check_id, check_reference};
use crate::{Action, Caller, Error, Hub, Object, whole};

/// What somebody wants given back.
#[derive(Debug, Clone)]
pub struct RefundWish {
    pub call: CallId,
    /// None: all that is left of the cost.
    pub amount: Option<Amount>,
    pub reason: String,
    /// Made by who asks, so that a repeat gives nothing back twice.
    pub id: Option<TransferId>,
}

/// A refund, as those see it whom its call concerns.
#[derive(Debug, Clone)]
pub struct RefundView {
    pub id: TransferId,
    pub seq: Option<Seq>,
    pub at: Time,
    pub reason: String,
    pub refunded: Refunded,
}

impl RefundView {
    fn of(transfer: &Transfer, seq: Option<Seq>) -> Result<RefundView, Error> {
        let Kind::Refund(refunded) = &transfer.kind else {
            return Err(Error::Internal { reason: format!("{} is no refund", transfer.id) });
        };
        let (reason, refunded) = (transfer.reference.clone(), (**refunded).clone());
        Ok(RefundView { id: transfer.id, seq, at: transfer.at, reason, refunded })
    }
}

impl Hub {
    /// Gives back what a call cost, or a part of it. The operator may at any time; the owner of the model for 30 days.
    pub async fn refund(&self, caller: &Caller, wish: RefundWish) -> Result<RefundView, Error> {
        caller.may(Action::Money, Object::Hub)?;
        check_reference("reason", &wish.reason)?;
        check_id(wish.id)?;
        if wish.reason.trim().is_empty() {
            let rule = "say in a few words why; the caller reads it".to_owned();
            return Err(Error::Invalid { what: "reason", value: wish.reason, rule });
        }
        let (seq, call) = self.refundable(caller, wish.call).await?;
        let window_ms = self.refund_window(caller, &call).await?;
        let refund = Refund {
            id: wish.id.unwrap_or_else(|| TransferId::from_uuid(self.0.ids.next())),
            at: self.0.clock.now(),
            amount: wish.amount,
            reason: wish.reason,
            actor: caller.account().id,
            window_ms,
        };
        let hub = self.clone();
        whole(async move {
            let (seq, transfer) = hub.0.books.refund(refund, seq).await?;
            RefundView::of(&transfer, Some(seq))
        })
        .await
    }

    /// For how long this caller may refund the call; none: for ever.
    async fn refund_window(&self, caller: &Caller, call: &Call) -> Result<Option<i64>, Error> {
        let lost = || Error::Internal { reason: format!("{} is not in the catalogue", call.release) };
        let model = self.0.catalog.release_by_id(call.release).await?.ok_or_else(lost)?.model;
        caller.may(Action::Money, Object::Model(&model.name))?;
        if caller.is_operator() {
            // Of anybody's calls: no less than the other acts of an operator.
            caller.may(Action::Admin, Object::Hub)?;
            return Ok(None);
        }
        caller.may(Action::Money, Object::Account(&model.owner))?;
        Ok(Some(REFUND_WINDOW_MS))
    }

    /// All refunds of a call, the oldest first, for whom it concerns.
    pub async fn refunds(&self, caller: &Caller, call: CallId) -> Result<Vec<RefundView>, Error> {
        caller.may(Action::Read, Object::Hub)?;
        let (seq, _) = self.refundable(caller, call).await?;
        let refunds = self.0.books.refunds(seq).await?;
        refunds.iter().map(|transfer| RefundView::of(transfer, None)).collect()
    }

    /// What the caller's account owes for refunds: of each purse the oldest first, at most 1,000.
    pub async fn debts(&self, caller: &Caller) -> Result<Vec<Debt>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.books.debts(caller.account().id, 1_000).await?)
    }

    /// A call whose money concerns the caller: those who may see its receipt, and the owner of its model. For all others
    /// it is not there.
    async fn refundable(&self, caller: &Caller, id: CallId) -> Result<(Seq, Arc<Call>), Error> {
        match self.receipted(caller, id).await {
            Err(Error::NoReceipt { .. }) => {}
            other => return other,
        }
        let missing = || Error::NoReceipt { call: id };
        let (seq, call) = self.answered(id).await?.ok_or_else(missing)?;
        let release = self.0.catalog.release_by_id(call.release).await?.ok_or_else(missing)?;
        if caller.belongs_to(release.model.owner.id) { Ok((seq, call)) } else { Err(missing()) }
    }
}
