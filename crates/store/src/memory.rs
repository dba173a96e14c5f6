//! Books without a disk: for tests of what stands above them. They pass the same contract as the real ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use ledger::{AccountId, Amount, Balance, Call, Keyed, Transfer};
use tokio::sync::watch;

use crate::books::{Books, Denied, Held, Looked, Row, Seq, Shared, Stored, assert_costs_nothing};
use crate::clock::{Clock, System};
use crate::window::Window;

#[derive(Debug)]
pub struct MemoryBooks {
    book: Shared,
    rows: Mutex<Rows>,
    last: watch::Sender<Seq>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    window: Window,
    outcomes: HashMap<Seq, Vec<u8>>,
    closed: bool,
}

impl Rows {
    fn check(&self) -> Result<(), Denied> {
        if self.closed {
            return Err(Denied::Broken { reason: "the hub is stopping".to_owned() });
        }
        Ok(())
    }
}

impl Default for MemoryBooks {
    fn default() -> Self {
        MemoryBooks::new(Arc::new(System))
    }
}

impl MemoryBooks {
    /// Books by this clock: it says when the day of an outcome is over.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryBooks {
        MemoryBooks { book: Shared::default(), rows: Mutex::default(), last: watch::Sender::new(0), clock }
    }

    /// The rows, without outcomes whose day is over.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        let mut rows = self.rows.lock().expect("nothing panics while it holds the rows");
        while let Some(seq) = rows.window.forget(self.clock.now()) {
            rows.outcomes.remove(&seq);
        }
        rows
    }

    fn push(&self, rows: &mut Rows, row: Row) -> Seq {
        rows.rows.push(row);
        let seq = rows.rows.len() as Seq;
        self.last.send_replace(seq);
        seq
    }
}

#[async_trait]
impl Books for MemoryBooks {
    async fn hold(&self, payer: AccountId, amount: Amount) -> Result<Held, Denied> {
        Ok(self.book.hold(payer, amount)?)
    }

    async fn capture(&self, held: Held, call: Call, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
        let mut rows = self.rows();
        rows.check()?;
        if let Some(keyed) = &call.keyed {
            rows.window.admit(keyed, self.clock.now())?;
        }
        held.capture(&mut self.book.lock(), &call)?;
        let keyed = call.keyed;
        let expires = Window::expiry(call.finished);
        let seq = self.push(&mut rows, Row::Call(Box::new(call)));
        if let Some(keyed) = keyed {
            rows.window.remember(&keyed, seq, expires);
            rows.outcomes.extend(outcome.map(|outcome| (seq, outcome)));
        }
        Ok(seq)
    }

    fn note(&self, call: Call) {
        assert_costs_nothing(&call);
        let mut rows = self.rows();
        if !rows.closed {
            self.push(&mut rows, Row::Call(Box::new(call)));
        }
    }

    async fn post(&self, transfer: Transfer) -> Result<Seq, Denied> {
        let mut rows = self.rows();
        rows.check()?;
        let earlier = rows.rows.iter().zip(1..).find_map(|(row, seq)| match row {
            Row::Transfer(t) if t.id == transfer.id => Some((t, seq)),
            _ => None,
        });
        match earlier {
            Some((same, seq)) if same.same_content(&transfer) => return Ok(seq),
            Some(_) => return Err(ledger::Refusal::IdReused { id: transfer.id }.into()),
            None => {}
        }
        self.book.lock().post(&transfer)?;
        Ok(self.push(&mut rows, Row::Transfer(Box::new(transfer))))
    }

    fn balance(&self, account: AccountId) -> Balance {
        self.book.lock().balance(account)
    }

    fn look(&self, keyed: &Keyed) -> Looked {
        self.rows().window.look(keyed, self.clock.now())
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        let rows = self.rows();
        let row = usize::try_from(seq).ok().and_then(|seq| rows.rows.get(seq.checked_sub(1)?));
        Ok(match row {
            Some(Row::Call(call)) => Some(Stored { call: call.clone(), outcome: rows.outcomes.get(&seq).cloned() }),
            _ => None,
        })
    }

    fn last(&self) -> Seq {
        *self.last.borrow()
    }

    async fn grown(&self, seq: Seq) {
        // The sender lives in self, so it cannot be gone.
        let _ = self.last.subscribe().wait_for(|last| *last > seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        Ok(self
            .rows()
            .rows
            .iter()
            .cloned()
            .zip(1..)
            .map(|(row, seq)| (seq, row))
            .skip(after as usize)
            .take(limit)
            .collect())
    }

    async fn close(&self) {
        self.rows().closed = true;
    }
}
