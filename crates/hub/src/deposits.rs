//! Deposits that the operator's own tools announce: a card checkout, a bank import.
//!
//! Always: what counts is the signature over the very bytes of the body; the same message again credits nothing twice;
//! the deposits of one message are posted together or not at all.

use ledger::{AccountId, Amount, Transfer, TransferId};
use registry::Handle;
use sha2::{Digest, Sha256};
use store::Seq;

use crate::money::{check_amount, check_reference};
use crate::signing::Message;
use crate::{Error, Hub, whole};

/// One deposit of a message.
#[derive(Debug, Clone)]
pub struct NewDeposit {
    pub handle: Handle,
    pub amount: Amount,
    pub reference: String,
}

impl Hub {
    /// Whether a message is of somebody who knows the deposit secret, and of now.
    pub fn check_deposit_message(&self, message: &Message<'_>, signatures: &str) -> Result<(), Error> {
        Ok(message.verify(&self.0.deposit_secret, signatures, self.0.clock.now())?)
    }

    /// Credits the deposits of a message that was believed. Their ids come from the message's.
    pub async fn credit(&self, message: &str, deposits: Vec<NewDeposit>) -> Result<Vec<(TransferId, Seq)>, Error> {
        if deposits.is_empty() {
            let rule = "at least one deposit".to_owned();
            return Err(Error::Invalid { what: "deposits", value: "[]".to_owned(), rule });
        }
        let mut chain = Vec::with_capacity(deposits.len());
        for (place, deposit) in deposits.into_iter().enumerate() {
            check_amount(deposit.amount)?;
            check_reference("reference", &deposit.reference)?;
            let account = self.find_account(&deposit.handle).await?;
            let (id, now) = (deposit_id(message, place), self.0.clock.now());
            let rail = AccountId::RAIL_MANUAL;
            chain.push(Transfer::deposit(id, now, rail, account.id, deposit.amount, deposit.reference));
        }
        let (hub, chain) = (self.clone(), Transfer::link(chain));
        whole(async move {
            let ids: Vec<_> = chain.iter().map(|transfer| transfer.id).collect();
            let seqs = hub.0.books.post(chain).await?;
            Ok(ids.into_iter().zip(seqs).collect())
        })
        .await
    }
}

fn deposit_id(message: &str, place: usize) -> TransferId {
    let mut hash = Sha256::new();
    hash.update(b"modelhub deposit\n");
    hash.update((place as u64).to_be_bytes());
    hash.update(message.as_bytes());
    TransferId::derived(hash.finalize().into())
}
