//! Receipts: made when they are first asked for, a pure function of the call's row and the hub's key.

use std::sync::Arc;

use ledger::{AccountId, Call, CallId, Outcome};
use receipt::{Part, Receipt, Signed};
use store::Seq;

use crate::{Action, Caller, Error, Hub, Object};

impl Hub {
    /// The receipt of an answered call, for who paid, those it names, and the operator. Only the payer gets the salt that
    /// opens the commitments to what went in and out; who paid is told to payer and operator, and to others as a hash. That it was handed out is noted, so that an audit can tell
    /// whether its row was changed afterwards.
    pub async fn receipt(&self, caller: &Caller, id: CallId) -> Result<Signed, Error> {
        caller.may(Action::Read, Object::Hub)?;
        let (seq, call) = self.receipted(caller, id).await?;
        let paid = caller.belongs_to(call.payer);
        let signed = Signed::new(&self.0.hub_id, &self.0.signer, &receipt_of(&call), paid.then_some(call.salt));
        self.0.catalog.add_receipt(id, seq, &signed.signature.0, self.0.clock.now()).await?;
        Ok(if paid || caller.is_operator() { signed } else { signed.without_payer() })
    }

    /// A call that was answered, for those who may see its receipt. For all others it is not there.
    pub(crate) async fn receipted(&self, caller: &Caller, id: CallId) -> Result<(Seq, Arc<Call>), Error> {
        let (seq, call) = self.answered(id).await?.ok_or(Error::NoReceipt { call: id })?;
        let visible = caller.is_operator()
            || caller.belongs_to(call.payer)
            || caller.belongs_to(call.source().0)
            || call.parts.iter().any(|part| caller.belongs_to(part.to));
        if visible { Ok((seq, call)) } else { Err(Error::NoReceipt { call: id }) }
    }

    /// The handle behind an account's id, as receipts write it.
    pub async fn name_of(&self, account: &str) -> Result<Option<String>, Error> {
        let Ok(id) = account.parse::<AccountId>() else { return Ok(None) };
        Ok(self.0.catalog.account_by_id(id).await?.map(|account| account.handle.to_string()))
    }

    /// The model that a call ran, under the name that it has now.
    pub async fn model_of_call(&self, caller: &Caller, id: CallId) -> Result<Option<registry::ModelName>, Error> {
        let (_, call) = self.receipted(caller, id).await?;
        Ok(self.0.catalog.release_by_id(call.release).await?.map(|release| release.model.name))
    }

    pub(crate) async fn answered(&self, id: CallId) -> Result<Option<(Seq, Arc<Call>)>, Error> {
        Ok(self.find_call(id).await?.filter(|(_, call)| call.outcome == Outcome::Ok))
    }
}

/// What the receipt of a call's row says. The hub's fee stands first, where there is one.
pub fn receipt_of(call: &Call) -> Receipt {
    let part =
        |account: AccountId, amount: ledger::Amount| Part { account: account.to_string(), amount: amount.base_units() };
    let fee = (!call.fee.is_zero()).then(|| part(AccountId::HUB_FEE, call.fee));
    Receipt {
        id: call.id.to_string(),
        payer: call.payer.to_string(),
        model: call.model_digest,
        release: call.release_number.clone(),
        input_hash: call.input_hash,
        output_hash: call.output_hash,
        amount: call.cost.base_units(),
        parts: fee.into_iter().chain(call.parts.iter().map(|p| part(p.to, p.amount))).collect(),
        time: call.finished.0.unsigned_abs(),
    }
}
