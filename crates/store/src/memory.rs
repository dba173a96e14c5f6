//! Books without a disk: for tests of what stands above them. They pass the same contract as the real ones.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use ledger::{AccountId, Amount, Balance, Call, Keyed, Transfer};
use tokio::sync::watch;

use crate::books::{Books, Denied, Held, KEYED_LIMIT, Looked, Row, Seq, Shared, Stored};

#[derive(Debug)]
pub struct MemoryBooks {
    book: Shared,
    rows: Mutex<Rows>,
    last: watch::Sender<Seq>,
}

#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    keyed: HashMap<[u8; 32], ([u8; 32], Seq)>,
    outcomes: HashMap<Seq, Vec<u8>>,
}

impl Default for MemoryBooks {
    fn default() -> Self {
        MemoryBooks { book: Shared::default(), rows: Mutex::default(), last: watch::Sender::new(0) }
    }
}

impl MemoryBooks {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("nothing panics while it holds the rows")
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
        let mut book = self.book.lock();
        if let Some((_, seq)) = call.keyed.and_then(|keyed| rows.keyed.get(&keyed.hash).copied()) {
            held.void(&mut book);
            return Err(Denied::AlreadyCaptured { seq });
        }
        held.capture(&mut book, &call)?;
        let keyed = call.keyed;
        let seq = self.push(&mut rows, Row::Call(Box::new(call)));
        if let Some(keyed) = keyed {
            rows.keyed.insert(keyed.hash, (keyed.content, seq));
            rows.outcomes.extend(outcome.map(|outcome| (seq, outcome)));
        }
        Ok(seq)
    }

    fn note(&self, call: Call) {
        let mut rows = self.rows();
        self.push(&mut rows, Row::Call(Box::new(call)));
    }

    async fn post(&self, transfer: Transfer) -> Result<Seq, Denied> {
        let mut rows = self.rows();
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
        let rows = self.rows();
        match rows.keyed.get(&keyed.hash) {
            Some((content, seq)) if *content == keyed.content => Looked::Same { seq: *seq },
            Some((_, seq)) => Looked::Other { seq: *seq },
            None if rows.keyed.len() >= KEYED_LIMIT => Looked::Full { limit: KEYED_LIMIT },
            None => Looked::New,
        }
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
        Ok(self.rows().rows.iter().cloned().zip(1..).map(|(row, seq)| (seq, row)).skip(after as usize).take(limit).collect())
    }

    async fn close(&self) {}
}
