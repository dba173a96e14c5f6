//! The books: where money is held, captured and moved.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use ledger::{AccountId, Amount, Balance, Book, Call, Hold, Keyed, Purse, Refusal, Transfer};

/// The place of a row in the books: dense, given at commit, the same for calls and transfers.
pub type Seq = u64;

/// How long the outcome of a keyed call is kept.
pub const OUTCOME_WINDOW_MS: i64 = 24 * 3_600_000;

/// How many keyed calls the window holds.
pub const KEYED_LIMIT: usize = 1_000_000;

/// One row of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Call(Box<Call>),
    Transfer(Box<Transfer>),
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
    pub call: Box<Call>,
    /// The answer's bytes; none when they are no longer kept.
    pub outcome: Option<Vec<u8>>,
}

/// Durable double-entry books. One writer; many callers.
#[async_trait]
pub trait Books: Send + Sync + fmt::Debug {
    /// Sets money aside for a call. In memory: a crash gives it back.
    async fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Denied>;

    /// Charges a call. When this answers, the row, and the outcome of a keyed call, are on the disk. Whatever it
    /// answers, the hold has ended.
    async fn capture(&self, held: Held, call: Call, outcome: Option<Vec<u8>>) -> Result<Seq, Denied>;

    /// Notes a call that cost nothing because it failed. Does not wait for the disk. Panics if the call has a cost:
    /// money moves by capture alone.
    fn note(&self, call: Call);

    /// Posts a transfer. The same id with the same content is the same transfer.
    async fn post(&self, transfer: Transfer) -> Result<Seq, Denied>;

    fn balance(&self, account: AccountId) -> Balance;

    /// What is known of an idempotency key.
    fn look(&self, keyed: &Keyed) -> Looked;

    /// The row and the kept answer of a keyed call. `look` knows a key a moment before its row is on the disk; this
    /// waits for that moment.
    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied>;

    /// The last row that is on the disk; 0 when there is none.
    fn last(&self) -> Seq;

    /// Waits until there is a row after `seq`, or, in some backends, until the books have closed.
    async fn grown(&self, seq: Seq);

    /// Rows after `seq`, in order, at most `limit`.
    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied>;

    /// Writes what was noted and a snapshot, and takes nothing more.
    async fn close(&self);
}

/// A noted call moves no money: the row would say what no balance knows.
pub(crate) fn assert_costs_nothing(call: &Call) {
    assert!(call.legs().next().is_none(), "a noted call costs nothing, {} costs {}", call.id, call.cost);
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

    pub(crate) fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Refusal> {
        let hold = self.lock().hold(payer, amount)?;
        Ok(Held { hold: Some(hold), book: self.clone() })
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
    pub fn purse(&self) -> Purse {
        self.hold.as_ref().expect("only capture takes the hold out").purse()
    }

    pub fn amount(&self) -> Amount {
        self.hold.as_ref().expect("only capture takes the hold out").amount()
    }

    /// Charges `call` in memory and ends the hold, whatever comes of it. Writers alone call this.
    pub(crate) fn capture(mut self, book: &mut Book, call: &Call) -> Result<(), Refusal> {
        let hold = self.hold.take().expect("only capture takes the hold out");
        let done = book.capture(&hold, call);
        if done.is_err() {
            let _ = book.void(&hold);
        }
        done
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            // An open hold can always be voided.
            let _ = self.book.lock().void(&hold);
        }
    }
}
