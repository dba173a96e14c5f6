//! Books that can be told to refuse captures: the one way to see what the hub says when a disk is full.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, Balance, Call, Debt, HoldId, Keyed, Pending, Refund, Refusal, Time, Transfer, TransferId,
};
use store::vitals::Vitals;
use store::{Books, Denied, Held, Looked, NewPending, Row, Seq, Stored};

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
        let answer = self.below.post(vec![nothing]).await;
        // Or the books are closed: either way nothing is waiting any more.
        assert!(matches!(answer, Err(Denied::Refused(Refusal::Insufficient { .. }) | Denied::Broken { .. })));
    }
}

#[async_trait]
impl Books for Faulty {
    async fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Denied> {
        self.below.hold(payer, amount).await
    }

    async fn capture(&self, held: Held, call: Arc<Call>, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
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

    async fn post(&self, chain: Vec<Transfer>) -> Result<Vec<Seq>, Denied> {
        self.below.post(chain).await
    }

    async fn refund(&self, refund: Refund, call: Seq) -> Result<(Seq, Arc<Transfer>), Denied> {
        self.below.refund(refund, call).await
    }

    async fn refunds(&self, call: Seq) -> Result<Vec<Arc<Transfer>>, Denied> {
        self.below.refunds(call).await
    }

    async fn pend(&self, wish: NewPending) -> Result<(Seq, Arc<Pending>), Denied> {
        self.below.pend(wish).await
    }

    async fn take(&self, hold: HoldId) -> Result<Held, Denied> {
        self.below.take(hold).await
    }

    async fn void(&self, hold: HoldId, at: Time) -> Result<Seq, Denied> {
        self.below.void(hold, at).await
    }

    async fn pending(&self, account: Option<AccountId>) -> Result<Vec<Pending>, Denied> {
        self.below.pending(account).await
    }

    async fn debts(&self, account: AccountId, limit: usize) -> Result<Vec<Debt>, Denied> {
        self.below.debts(account, limit).await
    }

    async fn owed(&self, account: AccountId) -> Result<Amount, Denied> {
        self.below.owed(account).await
    }

    async fn balance(&self, account: AccountId) -> Result<Balance, Denied> {
        self.below.balance(account).await
    }

    async fn look(&self, keyed: &Keyed) -> Result<Looked, Denied> {
        self.below.look(keyed).await
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        self.below.stored(seq).await
    }

    async fn last(&self) -> Result<Seq, Denied> {
        self.below.last().await
    }

    async fn grown(&self, seq: Seq) {
        self.below.grown(seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        self.below.rows(after, limit).await
    }

    fn running(&self) -> usize {
        self.below.running()
    }

    fn vitals(&self) -> Arc<Vitals> {
        self.below.vitals()
    }

    async fn close(&self) {
        self.below.close().await;
    }
}
