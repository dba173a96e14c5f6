//! Books without a disk: for tests of what stands above them. They pass the same contract as the real ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use ledger::{
    AccountId, Amount, Balance, Call, Debt, Ended, Ending, HoldId, Keyed, Kind, Pending, Refund, Refunded, Refusal,
    Time, Transfer, TransferId,
};
use tokio::sync::watch;

use crate::books::{
    Books, Denied, Held, Looked, NewPending, Row, Seq, Shared, Stored, assert_costs_nothing, check_chain,
};
use crate::clock::{Clock, System};
use crate::vitals::Vitals;
use crate::window::Window;

#[derive(Debug)]
pub struct MemoryBooks {
    book: Shared,
    rows: Mutex<Rows>,
    last: watch::Sender<Seq>,
    clock: Arc<dyn Clock>,
    vitals: Arc<Vitals>,
}

#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    window: Window,
    outcomes: HashMap<Seq, Vec<u8>>,
    closed: bool,
    /// Names for transfers of the books' own making.
    named: u64,
}

impl Rows {
    fn check(&self) -> Result<(), Denied> {
        if self.closed {
            return Err(Denied::Broken { reason: "the hub is stopping".to_owned() });
        }
        Ok(())
    }

    fn transfers(&self) -> impl Iterator<Item = (Seq, &Arc<Transfer>)> {
        (1..).zip(&self.rows).filter_map(|(seq, row)| match row {
            Row::Transfer(transfer) => Some((seq, transfer)),
            _ => None,
        })
    }

    fn find_transfer(&self, id: TransferId) -> Option<(Seq, &Arc<Transfer>)> {
        self.transfers().find(|(_, transfer)| transfer.id == id)
    }

    fn call(&self, seq: Seq) -> Result<Arc<Call>, Denied> {
        match usize::try_from(seq).ok().and_then(|seq| self.rows.get(seq.checked_sub(1)?)) {
            Some(Row::Call(call)) => Ok(call.clone()),
            _ => Err(Denied::NoCall { seq }),
        }
    }

    fn refunds(&self, call: &Call) -> Vec<Arc<Transfer>> {
        let of = |t: &&Arc<Transfer>| matches!(&t.kind, Kind::Refund(refunded) if refunded.call == call.id);
        self.transfers().map(|(_, transfer)| transfer).filter(of).cloned().collect()
    }

    /// How a hold that is not there has ended, if it ever was.
    fn explain(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::NoHold { hold } => {
                let how = self.rows.iter().find_map(|row| match row {
                    Row::Ended(ended) if ended.hold == hold => Some(ended.how),
                    Row::Call(call) if call.hold == Some(hold) => Some(Ending::Captured),
                    Row::Transfer(transfer) if transfer.hold == Some(hold) => Some(Ending::Captured),
                    _ => None,
                });
                how.map_or(Refusal::NoHold { hold }, |how| Refusal::HoldEnded { hold, how })
            }
            Refusal::Linked { place, count, refusal } => {
                Refusal::Linked { place, count, refusal: Box::new(self.explain(*refusal)) }
            }
            other => other,
        }
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
        let (book, rows, last) = (Shared::default(), Mutex::default(), watch::Sender::new(0));
        MemoryBooks { book, rows, last, clock, vitals: Arc::default() }
    }

    /// The rows, after what time alone has brought about.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        let mut rows = self.rows.lock().expect("nothing panics while it holds the rows");
        let now = self.clock.now();
        while let Some(seq) = rows.window.forget(now) {
            rows.outcomes.remove(&seq);
        }
        loop {
            let due = self.book.lock().due(now).filter(|_| !rows.closed);
            let Some(hold) = due else { break };
            let ended = Ended { hold, at: now, how: Ending::Expired };
            self.book.lock().end(&ended).expect("a hold that is due can end");
            self.push(&mut rows, Row::Ended(ended));
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
    async fn hold(&self, account: AccountId, amount: Amount) -> Result<Held, Denied> {
        drop(self.rows());
        Ok(self.book.hold(account, amount)?)
    }

    async fn capture(&self, held: Held, call: Arc<Call>, outcome: Option<Vec<u8>>) -> Result<Seq, Denied> {
        let mut rows = self.rows();
        rows.check()?;
        if let Some(keyed) = &call.keyed {
            rows.window.admit(keyed, self.clock.now())?;
        }
        let recovered = {
            let mut book = self.book.lock();
            held.capture(&mut book, &call)?;
            book.recover(&call, call.finished, |_| {
                rows.named += 1;
                TransferId((u128::from(rows.named) | 0xe << 124).to_be_bytes())
            })
        };
        let keyed = call.keyed;
        let expires = Window::expiry(call.finished);
        let seq = self.push(&mut rows, Row::Call(call));
        if let Some(keyed) = keyed {
            rows.window.remember(&keyed, seq, expires);
            rows.outcomes.extend(outcome.map(|outcome| (seq, outcome)));
        }
        for transfer in recovered {
            self.push(&mut rows, Row::Transfer(Arc::new(transfer)));
        }
        Ok(seq)
    }

    fn note(&self, call: Call) {
        assert_costs_nothing(&call);
        let mut rows = self.rows();
        if !rows.closed {
            self.push(&mut rows, Row::Call(Arc::new(call)));
        }
    }

    async fn post(&self, chain: Vec<Transfer>) -> Result<Vec<Seq>, Denied> {
        check_chain(&chain)?;
        let mut rows = self.rows();
        rows.check()?;
        let reused = |transfer: &Transfer| Err(Refusal::IdReused { id: transfer.id }.into());
        let mut earlier = Vec::new();
        let mut new = None;
        for (place, transfer) in chain.iter().enumerate() {
            let twin = chain[..place].iter().any(|before| before.id == transfer.id);
            match rows.find_transfer(transfer.id) {
                Some((seq, same)) if same.same_content(transfer) => earlier.push(seq),
                Some(_) => return reused(transfer),
                None if twin => return reused(transfer),
                None => new = new.or(Some(transfer)),
            }
        }
        match new {
            None => return Ok(earlier),
            Some(transfer) if !earlier.is_empty() => return reused(transfer),
            Some(_) => {}
        }
        let posted = self.book.lock().post_all(&chain);
        posted.map_err(|refusal| rows.explain(refusal))?;
        Ok(chain.into_iter().map(|transfer| self.push(&mut rows, Row::Transfer(Arc::new(transfer)))).collect())
    }

    async fn refund(&self, refund: Refund, call: Seq) -> Result<(Seq, Arc<Transfer>), Denied> {
        let mut rows = self.rows();
        rows.check()?;
        let call = rows.call(call)?;
        if let Some((seq, same)) = rows.find_transfer(refund.id) {
            let answers = refund.is_answered_by(same, &call);
            return if answers { Ok((seq, same.clone())) } else { Err(Refusal::IdReused { id: refund.id }.into()) };
        }
        let refunded = |transfer: Arc<Transfer>| match &transfer.kind {
            Kind::Refund(refunded) => Some((**refunded).clone()),
            _ => None,
        };
        let earlier: Vec<Refunded> = rows.refunds(&call).into_iter().filter_map(refunded).collect();
        let transfer = Arc::new(self.book.lock().refund(&refund, &call, &earlier)?);
        Ok((self.push(&mut rows, Row::Transfer(transfer.clone())), transfer))
    }

    async fn refunds(&self, call: Seq) -> Result<Vec<Arc<Transfer>>, Denied> {
        let rows = self.rows();
        Ok(rows.refunds(&*rows.call(call)?))
    }

    async fn pend(&self, wish: NewPending) -> Result<(Seq, Arc<Pending>), Denied> {
        let mut rows = self.rows();
        rows.check()?;
        let earlier = (1..).zip(&rows.rows).find_map(|(seq, row)| match row {
            Row::Pending(pending) if pending.id == wish.id => Some((seq, pending.clone())),
            _ => None,
        });
        if let Some((seq, pending)) = earlier {
            let same = wish.same_content(&pending);
            return if same { Ok((seq, pending)) } else { Err(Refusal::HoldReused { hold: wish.id }.into()) };
        }
        let pending = Arc::new(wish.apply(&mut self.book.lock())?);
        Ok((self.push(&mut rows, Row::Pending(pending.clone())), pending))
    }

    async fn take(&self, hold: HoldId) -> Result<Held, Denied> {
        let rows = self.rows();
        Ok(self.book.take(hold).map_err(|refusal| rows.explain(refusal))?)
    }

    async fn void(&self, hold: HoldId, at: Time) -> Result<Seq, Denied> {
        let mut rows = self.rows();
        rows.check()?;
        let ended = Ended { hold, at, how: Ending::Voided };
        let done = self.book.lock().end(&ended);
        done.map_err(|refusal| rows.explain(refusal))?;
        Ok(self.push(&mut rows, Row::Ended(ended)))
    }

    async fn pending(&self, account: Option<AccountId>) -> Result<Vec<Pending>, Denied> {
        drop(self.rows());
        Ok(self.book.pending(account))
    }

    async fn debts(&self, account: AccountId, limit: usize) -> Result<Vec<Debt>, Denied> {
        Ok(self.book.debts(account, limit))
    }

    async fn owed(&self, account: AccountId) -> Result<Amount, Denied> {
        Ok(self.book.owed(account))
    }

    async fn balance(&self, account: AccountId) -> Result<Balance, Denied> {
        drop(self.rows());
        Ok(self.book.lock().balance(account))
    }

    async fn look(&self, keyed: &Keyed) -> Result<Looked, Denied> {
        Ok(self.rows().window.look(keyed, self.clock.now()))
    }

    async fn stored(&self, seq: Seq) -> Result<Option<Stored>, Denied> {
        let rows = self.rows();
        Ok(rows.call(seq).ok().map(|call| Stored { call, outcome: rows.outcomes.get(&seq).cloned() }))
    }

    async fn last(&self) -> Result<Seq, Denied> {
        Ok(*self.last.borrow())
    }

    async fn grown(&self, seq: Seq) {
        // The sender lives in self, so it cannot be gone.
        let _ = self.last.subscribe().wait_for(|last| *last > seq).await;
    }

    async fn rows(&self, after: Seq, limit: usize) -> Result<Vec<(Seq, Row)>, Denied> {
        let rows = self.rows();
        let numbered = (1..).zip(rows.rows.iter().cloned());
        Ok(numbered.skip(after as usize).take(limit).collect())
    }

    fn running(&self) -> usize {
        self.book.lock().open_holds()
    }

    fn vitals(&self) -> Arc<Vitals> {
        self.vitals.clone()
    }

    async fn close(&self) {
        self.rows().closed = true;
    }
}

impl MemoryBooks {
    /// When nothing else is asked, time alone ends what is due.
    pub fn tick(&self) -> Time {
        drop(self.rows());
        self.clock.now()
    }
}
