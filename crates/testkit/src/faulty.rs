//! Books that can be told to refuse captures: the one way to see what the hub says when a disk is full.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ledger::{AccountId, Amount, Balance, Call, Keyed, Transfer, TransferId};
use store::{Books, Denied, Held, Looked, Row, Seq, Stored};

/// Passes everything on to the books below, but for captures while it is told to refuse them.
#[derive(Debug)]
pub struct Faulty {
    below: Arc<dyn Books>,
    refusing: Mutex<Option<Denied>>,
    dying: Mutex<Option<Death>>,
}

/// Where the process dies in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The engine has answered; the books know nothing.
    BeforeCommit,
    /// The books know; nobody was told.
    AfterCommit,
}

impl Faulty {
    /// Books over these.
    pub fn over(below: Arc<dyn Books>) -> Faulty {
        Faulty { below, refusing: Mutex::new(None), dying: Mutex::new(None) }
    }

    /// Refuses every capture with this from now on, or passes them on again.
    pub fn refuse_captures(&self, with: Option<Denied>) {
        *self.refusing.lock().expect("nothing panics while it holds the reason") = with;
    }

    /// Ends this process at the next capture, as a power cut would.
    pub fn die(&self, at: Death) {
        *self.dying.lock().expect("nothing panics while it holds the place") = Some(at);
    }

    fn dies(&self, at: Death) {
        if *self.dying.lock().expect("nothing panics while it holds the place") == Some(at) {
            std::process::abort();
        }
    }

    pub(crate) fn below(&self) -> Arc<dyn Books> {
        self.below.clone()
    }

    /// Waits until what was noted before is written: a transfer that cannot be posted stands behind it in the queue,
    /// and leaves no row.
    pub(crate) async fn settle(&self) {
        let nobody = AccountId([0xff; 16]);
        let nothing = Transfer::payout(
            TransferId([0xff; 16]),
            crate::MORNING,
            AccountId::RAIL_MANUAL,
            nobody,
            Amount::MAX,
            "to wait behind".to_owned(),
        );
        // Refused, or the books are closed: either way nothing is waiting any more.
        let _ = self.below.post(nothing).await;
    }
}

#[async_trait]
impl Books for Faulty {
    async fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Denied> {
        self.below.hold(payer, amount).await
    }

    async fn capture(&self, held: Held, call: Call, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
        let refusing = self.refusing.lock().expect("nothing panics while it holds the reason").clone();
        match refusing {
            Some(denied) => Err(denied),
            None => {
                self.dies(Death::BeforeCommit);
                let captured = self.below.capture(held, call, outcome).await;
                self.dies(Death::AfterCommit);
                captured
            }
        }
    }

    fn note(&self, call: Call) {
        self.below.note(call);
    }

    async fn post(&self, transfer: Transfer) -> Result<Seq, Denied> {
        self.below.post(transfer).await
    }

    fn balance(&self, account: AccountId) -> Balance {
        self.below.balance(account)
    }

    fn look(&self, keyed: &Keyed) -> Looked {
        self.below.look(keyed)
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        self.below.stored(seq).await
    }

    fn last(&self) -> Seq {
        self.below.last()
    }

    async fn grown(&self, seq: Seq) {
        self.below.grown(seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        self.below.rows(after, limit).await
    }

    async fn close(&self) {
        self.below.close().await;
    }
}
