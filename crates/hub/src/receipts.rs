//! Receipts: made when they are first asked for, a pure function of the call's row and the hub's key.

use ledger::{AccountId, Call, CallId, Outcome};
use receipt::{Part, Receipt, Signed};

use crate::{Action, Caller, Error, Hub, Object};

impl Hub {
    /// The receipt of an answered call, for those it names and the operator. Only the payer gets the salt that
    /// opens the commitments to what went in and out.
    pub async fn receipt(&self, caller: &Caller, id: CallId) -> Result<Signed, Error> {
        caller.may(Action::Read, Object::Hub)?;
        let missing = || Error::NoReceipt { call: id };
        let call = self.find_call(id).await?.filter(|call| call.outcome == Outcome::Ok).ok_or_else(missing)?;
        let paid = caller.belongs_to(call.payer);
        let named = paid || call.parts.iter().any(|part| caller.belongs_to(part.to)) || caller.is_operator();
        if !named {
            return Err(missing());
        }
        Ok(Signed::new(&self.0.hub_id, &self.0.signer, &written(&call), paid.then_some(call.salt)))
    }
}

/// What the receipt of a row says. The hub's fee stands first, where there is one.
fn written(call: &Call) -> Receipt {
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
