//! The books: where money is held, captured, moved and given back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, Balance, Book, Call, Debt, Ended, Hold, HoldId, Keyed, Pending, Purse, Refund, Refusal, Time,
    Transfer,
};

use crate::vitals::Vitals;

/// The place of a row in the books: dense, given at commit, the same for every kind of row.
pub type Seq = u64;

/// How long the outcome of a keyed call is kept.
pub const OUTCOME_WINDOW_MS: i64 = 24 * 3_600_000;

/// How many keyed calls the window holds.
pub const KEYED_LIMIT: usize = 1_000_000;

/// The most transfers that are posted as one.
pub const CHAIN_LIMIT: usize = 1_000;

/// One row of the books. Cheap to clone: rows never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Call(Arc<Call>),
    Transfer(Arc<Transfer>),
    /// A durable hold was made.
    Pending(Arc<Pending>),
    /// A durable hold ended without a capture.
    Ended(Ended),
}

/// Why the books did not do it. Nothing was written, or, for `Broken`, nothing is known to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The same keyed call is in the books already, as row `seq`.
    #[error("this idempotency key was captured before, as row {seq}")]
    AlreadyCaptured { seq: Seq },
    #[error("the window of idempotency keys is full: {limit} keyed calls in 24 hours")]
    KeyedFull { limit: usize },
    #[error("row {seq} is no call")]
    NoCall { seq: Seq },
    #[error("{count} transfers are too many to be posted as one, at most {CHAIN_LIMIT} are")]
    LongChain { count: usize },
    /// The disk failed. The books take nothing more until the hub is started again.
    #[error("the books cannot be written: {reason}")]
    Broken { reason: String },
}

/// What the books know of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// Not seen in the window.
    New,
    /// Captured before with the same content.
    Same { seq: Seq },
    /// Captured before with other content.
    Other { seq: Seq },
    /// Not seen, and there is no room to remember one more.
    Full { limit: usize },
}

/// An outcome kept for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub call: Arc<Call>,
    /// The answer's bytes; none when they are no longer kept.
    pub outcome: Option<Vec<u8>>,
}

/// A durable hold that is to be made.
#[derive(Debug, Clone)]
pub struct NewPending {
    pub id: HoldId,
    pub at: Time,
    pub account: AccountId,
    /// None: whichever covers it whole, promo first.
    pub purse: Option<Purse>,
    pub amount: Amount,
    pub expires: Time,
    pub reference: String,
    pub actor: Option<AccountId>,
}

impl NewPending {
    /// Makes the hold in memory. Writers alone call this.
    pub(crate) fn apply(&self, book: &mut Book) -> Result<Pending, Refusal> {
        book.pend(self.wish(self.purse.unwrap_or(Purse::Cash)), self.purse.is_none())
    }

    fn wish(&self, purse: Purse) -> Pending {
        let Self { id, at, account, amount, expires, reference, actor, .. } = self.clone();
        Pending { id, at, account, purse, amount, expires, reference, actor }
    }

    /// Whether this is what was asked for when `pending` was made.
    pub(crate) fn same_content(&self, pending: &Pending) -> bool {
        pending.same_content(&self.wish(self.purse.unwrap_or(pending.purse)))
    }
}

/// Durable double-entry books. One writer; many callers.
///
/// What answers `Ok` is on the disk, but for holds of running calls, which live in memory.
#[async_trait]
pub trait Books: Send + Sync + fmt::Debug {
    /// Sets money aside for a call. In memory: a crash gives it back.
    async fn hold(&self, account: AccountId, amount: Amount) -> Result<Held, Denied>;

    /// Charges a call, and passes on what its receivers owe others. When this answers, the row, and the outcome of a
    /// keyed call, are on the disk. Whatever it answers, the hold has ended; a durable one that was not captured is
    /// open again.
    async fn capture(&self, held: Held, call: Arc<Call>, outcome: Option<Vec<u8>>) -> Result<Seq, Denied>;

    /// Notes a call that cost nothing because it failed. Does not wait for the disk. Panics if the call has a cost:
    /// money moves by capture alone.
    fn note(&self, call: Call);

    /// Posts transfers as one: all of them or none. The same ids with the same content are the same transfers.
    /// Refunds have a method of their own.
    async fn post(&self, chain: Vec<Transfer>) -> Result<Vec<Seq>, Denied>;

    /// Gives back what the call of row `call` cost, or a part of it. The same id again is the same refund.
    async fn refund(&self, refund: Refund, call: Seq) -> Result<(Seq, Arc<Transfer>), Denied>;

    /// All refunds of the call of a row, the oldest first.
    async fn refunds(&self, call: Seq) -> Result<Vec<Arc<Transfer>>, Denied>;

    /// Sets money aside durably. The same id with the same content is the same hold.
    async fn pend(&self, wish: NewPending) -> Result<(Seq, Arc<Pending>), Denied>;

    /// Takes the money of a durable hold for a call. Dropped, that hold is open again.
    async fn take(&self, hold: HoldId) -> Result<Held, Denied>;

    /// Gives the money of a durable hold back.
    async fn void(&self, hold: HoldId, at: Time) -> Result<Seq, Denied>;

    /// Durable holds that are open, the oldest first: of one account, or all.
    async fn pending(&self, account: Option<AccountId>) -> Result<Vec<Pending>, Denied>;

    /// What an account owes for refunds: of each purse the oldest first, at most `limit`.
    async fn debts(&self, account: AccountId, limit: usize) -> Result<Vec<Debt>, Denied>;

    /// All that an account owes for refunds.
    async fn owed(&self, account: AccountId) -> Result<Amount, Denied>;

    async fn balance(&self, account: AccountId) -> Result<Balance, Denied>;

    /// What is known of an idempotency key.
    async fn look(&self, keyed: &Keyed) -> Result<Looked, Denied>;

    /// The row and the kept answer of a keyed call. `look` knows a key a moment before its row is on the disk; this
    /// waits for that moment.
    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied>;

    /// The last row that is on the disk; 0 when there is none.
    async fn last(&self) -> Result<Seq, Denied>;

    /// Waits until there is a row after `seq`, or, in some backends, until the books have closed.
    async fn grown(&self, seq: Seq);

    /// Rows after `seq`, in order, at most `limit`.
    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied>;

    /// Holds of running calls.
    fn running(&self) -> usize;

    /// How the writer fares.
    fn vitals(&self) -> Arc<Vitals>;

    /// Writes what was noted and a snapshot, and takes nothing more.
    async fn close(&self);
}

/// A noted call moves no money: the row would say what no balance knows.
pub(crate) fn assert_costs_nothing(call: &Call) {
    assert!(call.legs().next().is_none(), "a noted call costs nothing, {} costs {}", call.id, call.cost);
}

/// Refunds need the call they are of, and recoveries are the books' own.
pub(crate) fn check_chain(chain: &[Transfer]) -> Result<(), Denied> {
    if chain.len() > CHAIN_LIMIT {
        return Err(Denied::LongChain { count: chain.len() });
    }
    let plain = |transfer: &Transfer| !matches!(transfer.kind, ledger::Kind::Refund(_) | ledger::Kind::Recovery(_));
    assert!(chain.iter().all(plain), "refunds are posted by refund()");
    let first = chain.first().map(|first| first.id).filter(|_| chain.len() > 1);
    assert!(chain.iter().all(|transfer| transfer.linked == first), "a chain is made by Transfer::link");
    Ok(())
}

/// The book that holds and writer share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Book>>);

impl Shared {
    pub(crate) fn new(book: Book) -> Shared {
        Shared(Arc::new(Mutex::new(book)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nothing panics while it holds the book")
    }

    pub(crate) fn hold(&self, account: AccountId, amount: Amount) -> Result<Held, Refusal> {
        let hold = self.lock().hold(account, amount)?;
        Ok(Held { hold: Some(hold), book: self.clone() })
    }

    pub(crate) fn take(&self, hold: HoldId) -> Result<Held, Refusal> {
        let hold = self.lock().take(hold)?;
        Ok(Held { hold: Some(hold), book: self.clone() })
    }

    /// Durable holds, the oldest first.
    pub(crate) fn pending(&self, account: Option<AccountId>) -> Vec<Pending> {
        let book = self.lock();
        let mut pending: Vec<_> = book.pending().filter(|p| account.is_none_or(|a| p.account == a)).cloned().collect();
        pending.sort_by_key(|pending| (pending.at, pending.id));
        pending
    }

    pub(crate) fn debts(&self, account: AccountId, limit: usize) -> Vec<Debt> {
        self.lock().debts_of(account).take(limit).cloned().collect()
    }

    pub(crate) fn owed(&self, account: AccountId) -> Amount {
        let book = self.lock();
        // More than there can be of the token is as much as can be said of it.
        book.debts_of(account).try_fold(Amount::ZERO, |sum, debt| sum.checked_add(debt.left)).unwrap_or(Amount::MAX)
    }
}

/// Money set aside for a running call. Capture takes it; dropped, it gives itself back.
#[must_use = "dropping it gives the money back"]
#[derive(Debug)]
pub struct Held {
    hold: Option<Hold>,
    book: Shared,
}

impl Held {
    fn hold(&self) -> &Hold {
        self.hold.as_ref().expect("only capture takes the hold out")
    }

    /// Whose money it is.
    pub fn account(&self) -> AccountId {
        self.hold().account()
    }

    pub fn purse(&self) -> Purse {
        self.hold().purse()
    }

    pub fn amount(&self) -> Amount {
        self.hold().amount()
    }

    /// The durable hold whose money it is.
    pub fn durable(&self) -> Option<HoldId> {
        self.hold().durable()
    }

    /// Charges `call` in memory and ends the hold, whatever comes of it. Writers alone call this.
    pub(crate) fn capture(mut self, book: &mut Book, call: &Call) -> Result<(), Refusal> {
        let hold = self.hold.take().expect("only capture takes the hold out");
        book.capture(hold, call)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.book.lock().void(hold);
        }
    }
}
