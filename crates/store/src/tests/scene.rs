//! Who and what the tests of this crate are about: alice pays, bob and carol made the model, dave its base.

use std::path::Path;
use std::sync::Arc;

use ledger::{
    AccountId, Amount, Call, CallId, Class, KeyId, Keyed, Outcome, Purse, ReleaseId, Share, Split, Surface, Terms,
    Time, Transfer, TransferId, Usage,
};
use tempfile::TempDir;

use crate::audit::{Report, audit};
use crate::{Act, Books, Denied, Manual, MemoryBooks, Options, Seq, SqliteBooks};

pub(crate) const ALICE: AccountId = AccountId([0xa1; 16]);
pub(crate) const BOB: AccountId = AccountId([0xb0; 16]);
pub(crate) const CAROL: AccountId = AccountId([0xca; 16]);
pub(crate) const DAVE: AccountId = AccountId([0xda; 16]);
pub(crate) const EVERYBODY: [AccountId; 4] = [ALICE, BOB, CAROL, DAVE];

pub(crate) const RELEASE: ReleaseId = ReleaseId([0x4e; 16]);
pub(crate) const NOON: Time = Time(1_780_000_000_000);
/// Bob does it, at noon.
pub(crate) const ACT: Act = Act { by: BOB, at: NOON };

fn number(n: u64) -> [u8; 16] {
    (u128::from(n) | 0x0198 << 112).to_be_bytes()
}

pub(crate) fn call_id(n: u64) -> CallId {
    CallId(number(n))
}

pub(crate) fn nano(amount: i64) -> Amount {
    Amount::from_nano(amount).unwrap()
}

/// 15 % to dave, of the rest 70 % to bob and 30 % to carol.
pub(crate) fn terms() -> Terms {
    Terms::new(vec![(DAVE, 1_500)], Split::new(vec![(BOB, 7_000), (CAROL, 3_000)]).unwrap()).unwrap()
}

pub(crate) fn key(hash: u8, content: u8) -> Keyed {
    Keyed { hash: [hash; 32], content: [content; 32] }
}

/// A call of alice's that was answered, paid from cash.
pub(crate) fn call(n: u64, cost: i64) -> Call {
    call_of(ALICE, Purse::Cash, n, cost)
}

pub(crate) fn call_of(payer: AccountId, purse: Purse, n: u64, cost: i64) -> Call {
    let fee_share = Share::from_points(1_000).unwrap();
    let cut = terms().cut(nano(cost), fee_share);
    Call {
        id: call_id(n),
        accepted: NOON,
        finished: NOON.plus_ms(3),
        payer,
        key: KeyId([7; 16]),
        release: RELEASE,
        release_number: "1.00".to_owned(),
        model_digest: [0x0d; 32],
        class: if purse == Purse::Promo { Class::Trial } else { Class::Paid },
        surface: Surface::Api,
        purse,
        outcome: Outcome::Ok,
        usage: Usage::ONE_CALL,
        cost: nano(cost),
        fee_share,
        fee: cut.fee,
        parts: cut.parts,
        rate: None,
        queue_us: 11,
        engine_us: 2_200,
        cold: n == 0,
        input_hash: [1; 32],
        output_hash: [2; 32],
        salt: [3; 32],
        keyed: None,
        sponsor: None,
        hold: None,
    }
}

pub(crate) fn failed_call(n: u64) -> Call {
    Call { outcome: Outcome::EngineFailed, ..call(n, 0) }
}

pub(crate) fn deposit(n: u64, to: AccountId, amount: i64) -> Transfer {
    Transfer::deposit(TransferId(number(n)), NOON, AccountId::RAIL_MANUAL, to, nano(amount), format!("bank {n}"))
}

pub(crate) fn grant(n: u64, to: AccountId, amount: i64) -> Transfer {
    Transfer::grant(TransferId(number(n)), NOON, to, nano(amount), format!("welcome {n}"))
}

pub(crate) fn payout(n: u64, from: AccountId, amount: i64) -> Transfer {
    Transfer::payout(TransferId(number(n)), NOON, AccountId::RAIL_MANUAL, from, nano(amount), format!("bank {n}"))
}

/// Holds what the call costs, then captures it.
pub(crate) async fn charge(books: &dyn Books, call: Call) -> Result<Seq, Denied> {
    let held = books.hold(call.payer, call.cost).await?;
    books.capture(held, Arc::new(call), None).await
}

/// Posts one transfer.
pub(crate) async fn post_one(books: &dyn Books, transfer: Transfer) -> Result<Seq, Denied> {
    Ok(books.post(vec![transfer]).await?[0])
}

/// Books of a test write a short log: laying one out takes longer than most tests.
pub(crate) fn options(snapshot_every: u64) -> Options {
    Options { snapshot_every, log_bytes: 0 }
}

/// Books of one kind, and where they lie. Dropped, a folder is audited.
pub(crate) struct Place {
    pub(crate) books: Box<dyn Books>,
    pub(crate) clock: Arc<Manual>,
    folder: Option<TempDir>,
    options: Options,
}

impl Place {
    pub(crate) fn memory() -> Place {
        let clock = Arc::new(Manual::at(NOON));
        Place { books: Box::new(MemoryBooks::new(clock.clone())), clock, folder: None, options: options(1) }
    }

    pub(crate) fn sqlite(snapshot_every: u64) -> Place {
        let clock = Arc::new(Manual::at(NOON));
        let folder = tempfile::tempdir().unwrap();
        let options = options(snapshot_every);
        let books = Box::new(SqliteBooks::open(folder.path(), clock.clone(), &options).unwrap());
        Place { books, clock, folder: Some(folder), options }
    }

    /// Books without a disk have nothing to be opened from.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }

    pub(crate) async fn close_and_reopen(&mut self) {
        if self.folder.is_some() {
            self.books.close().await;
            self.drop_and_reopen();
        }
    }

    pub(crate) fn drop_and_reopen(&mut self) {
        if let Some(folder) = &self.folder {
            self.books = Box::new(MemoryBooks::default());
            self.books = Box::new(SqliteBooks::open(folder.path(), self.clock.clone(), &self.options).unwrap());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.books = Box::new(MemoryBooks::default());
        if let Some(folder) = &self.folder
            && !std::thread::panicking()
        {
            assert_in_order(folder.path());
        }
    }
}

pub(crate) fn assert_in_order(folder: &Path) -> Report {
    let report = audit(folder).unwrap();
    assert!(report.in_order(), "{report:#?}");
    report
}
