//! Row after row: places, checksums, costs, cuts, legs, balances.

use std::collections::{HashMap, VecDeque};

use ledger::{AccountId, Call, CallId, Class, Kind, Outcome, Purse, Role, Transfer};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Statement};

use super::{Audit, AuditError, Said};
use crate::books::OUTCOME_WINDOW_MS;
use crate::sqlite::row::{self, Read};
use crate::sqlite::snapshot::{State, Sum};

/// A row with its place; one that cannot be read has a place, too.
type Placed<T> = (u64, rusqlite::Result<Read<T>>);

/// One kind of row, in order, with the place of the next.
struct Stream<'s, T> {
    rows: rusqlite::Rows<'s>,
    read: fn(&SqlRow<'_>) -> rusqlite::Result<Read<T>>,
    next: Option<Placed<T>>,
}

impl<'s, T> Stream<'s, T> {
    fn open(
        statement: &'s mut Statement<'_>,
        read: fn(&SqlRow<'_>) -> rusqlite::Result<Read<T>>,
    ) -> rusqlite::Result<Stream<'s, T>> {
        let mut stream = Stream { rows: statement.query([])?, read, next: None };
        stream.step()?;
        Ok(stream)
    }

    fn step(&mut self) -> rusqlite::Result<()> {
        self.next = match self.rows.next()? {
            Some(row) => Some((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), (self.read)(row))),
            None => None,
        };
        Ok(())
    }

    fn place(&self) -> u64 {
        self.next.as_ref().map_or(u64::MAX, |(seq, _)| *seq)
    }

    /// The next row, which stands after row `last`.
    fn take(&mut self, last: u64) -> Result<Option<Placed<T>>, AuditError> {
        let taken = self.next.take();
        self.step().map_err(|error| AuditError::Torn { row: last, error })?;
        Ok(taken)
    }
}

/// Keys that were charged, as long as their day is not over: no more of them than the writer's own window has, however
/// long the history.
#[derive(Debug, Default)]
pub(super) struct Charged {
    /// The row, and when its call had finished.
    by: HashMap<[u8; 32], (u64, i64)>,
    /// As they came.
    leaving: VecDeque<([u8; 32], i64)>,
    latest: i64,
}

impl Charged {
    /// Notes a charge; gives the row that the same key was charged in before, within a day.
    fn note(&mut self, hash: [u8; 32], seq: u64, at: i64) -> Option<u64> {
        self.latest = self.latest.max(at);
        while let Some((hash, at)) = self.leaving.front().copied()
            && self.latest.saturating_sub(at) >= OUTCOME_WINDOW_MS
        {
            self.leaving.pop_front();
            // The key may have been used again since.
            if self.by.get(&hash).is_some_and(|(_, last)| *last == at) {
                self.by.remove(&hash);
            }
        }
        self.leaving.push_back((hash, at));
        let (earlier, before) = self.by.insert(hash, (seq, at))?;
        (at.saturating_sub(before) < OUTCOME_WINDOW_MS).then_some(earlier)
    }
}

/// A snapshot: its place and all it says.
struct Snapshot {
    seq: u64,
    said: HashMap<AccountId, [i64; 2]>,
    state: State,
    intact: bool,
}

impl Audit<'_> {
    pub(super) fn rows(&mut self, ledger: &Connection) -> Result<(), AuditError> {
        let snapshot = read_snapshot(ledger)?;
        let prepare = |sql| ledger.prepare(sql);
        let mut statements = (
            prepare("SELECT * FROM calls ORDER BY seq")?,
            prepare("SELECT * FROM transfers ORDER BY seq")?,
            prepare("SELECT * FROM holds ORDER BY seq")?,
            prepare("SELECT * FROM ends WHERE how <> 'captured' ORDER BY seq")?,
        );
        let mut calls = Stream::open(&mut statements.0, row::read_call)?;
        let mut transfers = Stream::open(&mut statements.1, row::read_transfer)?;
        let mut holds = Stream::open(&mut statements.2, row::read_pending)?;
        let mut ends = Stream::open(&mut statements.3, row::read_end)?;
        let mut last = 0u64;
        loop {
            let places = [calls.place(), transfers.place(), holds.place(), ends.place()];
            let first = places.into_iter().min().unwrap_or(u64::MAX);
            if first == u64::MAX {
                break;
            }
            let seq = if calls.place() == first {
                self.one("a call", calls.take(last)?, |audit, seq, call| audit.call(seq, &call))
            } else if transfers.place() == first {
                self.one("a transfer", transfers.take(last)?, |audit, seq, transfer| audit.transfer(seq, &transfer))
            } else if holds.place() == first {
                self.one("a hold", holds.take(last)?, |audit, seq, pending| audit.pending(seq, &pending))
            } else {
                self.one("the end of a hold", ends.take(last)?, |audit, seq, ended| audit.ended(seq, &ended))
            };
            let Some(seq) = seq else { continue };
            if seq <= last {
                self.report.differ(format!("row {seq} is there twice"));
            } else if seq != last + 1 {
                self.report.differ(format!("rows {} to {} are missing", last + 1, seq - 1));
            }
            last = seq;
            if let Some(snapshot) = snapshot.as_ref().filter(|snapshot| snapshot.seq == seq) {
                self.snapshot(snapshot);
            }
            if seq.is_multiple_of(10_000)
                && let Some(progress) = self.progress
            {
                progress(seq);
            }
        }
        if let Some(Snapshot { seq, .. }) = snapshot.filter(|snapshot| snapshot.seq > last) {
            self.report.differ(format!("a snapshot was taken at row {seq}, the rows end at {last}"));
        }
        if let Some(mark) = self.shown.watermark().filter(|mark| *mark > last) {
            self.report.differ(format!("the catalogue has carried over row {mark}, the rows end at {last}"));
        }
        Ok(())
    }

    /// Looks at one row; gives its place.
    fn one<T>(&mut self, what: &str, taken: Option<Placed<T>>, look: impl FnOnce(&mut Self, u64, T)) -> Option<u64> {
        let (seq, read) = taken?;
        match read {
            Ok(Read { row, intact, .. }) => {
                self.report.rows += 1;
                look(self, seq, row);
                if !intact {
                    self.report.differ(format!("row {seq} is not what was written: its checksum is wrong"));
                }
            }
            Err(error) => self.report.differ(format!("row {seq}, {what}, cannot be read: {error}")),
        }
        Some(seq)
    }

    /// One run, one row.
    pub(super) fn call_ids(&mut self, ledger: &Connection) -> Result<(), AuditError> {
        let mut twins = ledger.prepare("SELECT id, min(seq), max(seq) FROM calls GROUP BY id HAVING count(*) > 1")?;
        for twin in twins.query_map([], |r| Ok((CallId(r.get(0)?), r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)))? {
            let (id, first, last) = twin?;
            self.report.differ(format!("rows {first} and {last} are both {id}"));
        }
        Ok(())
    }

    fn call(&mut self, seq: u64, call: &Call) {
        self.report.calls += 1;
        let cost = i128::from(call.cost.nano());
        let fee = i128::from(call.fee.nano());
        let parts: i128 = call.parts.iter().map(|part| i128::from(part.amount.nano())).sum();
        let id = call.id;
        if fee + parts != cost {
            self.report.differ(format!("row {seq} ({id}): fee {fee} and parts {parts} do not make the cost {cost}"));
        }
        if call.outcome != Outcome::Ok && cost != 0 {
            self.report.differ(format!("row {seq} ({id}): ended {} and cost {cost}", call.outcome));
        }
        if cost > 0 {
            self.report.charged += 1;
            let due = cost * i128::from(call.fee_share.points()) / 10_000;
            if fee != due {
                self.report.differ(format!("row {seq} ({id}): fee {fee}, {} of {cost} are {due}", call.fee_share));
            }
            self.cut(seq, call, cost - fee);
        }
        self.class(seq, call);
        if let (Some(keyed), Outcome::Ok) = (&call.keyed, call.outcome)
            && let Some(earlier) = self.keyed.note(keyed.hash, seq, call.finished.0)
        {
            self.report.differ(format!("rows {earlier} and {seq}: one idempotency key was charged twice"));
        }
        let promo = call.purse == Purse::Promo;
        let (source, from_promo) = match call.sponsor {
            Some(sponsor) => (sponsor.account, sponsor.purse == Purse::Promo),
            None => (call.payer, promo),
        };
        if let Some(hold) = call.hold {
            self.captured(seq, hold, source, from_promo, cost);
        }
        self.book(source, from_promo, -cost);
        if from_promo != promo {
            self.book(AccountId::PROMO_OPERATOR, from_promo, cost);
            self.book(AccountId::PROMO_OPERATOR, promo, -cost);
        }
        self.book(AccountId::HUB_FEE, promo, fee);
        for part in &call.parts {
            self.book(part.to, promo, i128::from(part.amount.nano()));
        }
        self.below_zero(seq, source, from_promo);
        self.shown.call(seq, call);
        self.refunds.call(call);
    }

    /// Who paid, and with what, has to fit what the call counts as.
    fn class(&mut self, seq: u64, call: &Call) {
        let (id, cost, purse) = (call.id, call.cost.nano(), call.purse);
        let amiss = match call.class {
            Class::Free => cost > 0,
            Class::Paid => cost > 0 && (purse == Purse::Promo || call.sponsor.is_some()),
            Class::Trial => cost > 0 && purse == Purse::Cash,
            // Nobody pays the hub's own checks.
            Class::Check => cost > 0,
            Class::Own => false,
        };
        if amiss {
            self.report.differ(format!("row {seq} ({id}): {cost} nano-OPG {purse} count as {}", call.class));
        }
        let Some(sponsor) = call.sponsor else { return };
        self.report.trials += 1;
        if call.class != Class::Trial || purse != Purse::Promo {
            self.report.differ(format!("row {seq} ({id}): sponsored, and counts as {} in {purse}", call.class));
        }
        let owner = self.releases.as_ref().and_then(|said| said.get(&call.release.0)).map(|said| said.owner);
        if sponsor.account != AccountId::PROMO_OPERATOR && owner.is_some_and(|owner| owner != sponsor.account) {
            self.report.differ(format!("row {seq} ({id}): paid by {}, who is not the model's owner", sponsor.account));
        }
    }

    /// The cut once more, from the release's terms: royalties edge by edge, then the split, odd units first.
    fn cut(&mut self, seq: u64, call: &Call, rest: i128) {
        let Some(releases) = &self.releases else { return };
        let terms = match releases.get(&call.release.0) {
            Some(Said { terms: Some(terms), .. }) => terms,
            Some(Said { terms: None, .. }) => {
                self.report.differ(format!("row {seq} ({}): the terms of {} cannot be read", call.id, call.release));
                return;
            }
            None => {
                let (id, release) = (call.id, call.release);
                self.report.differ(format!("row {seq} ({id}): its release {release} is not in the catalogue"));
                return;
            }
        };
        self.report.cuts += 1;
        let mut due: Vec<(AccountId, Role, i128)> = Vec::new();
        for (to, points) in terms.royalties() {
            due.push((*to, Role::Royalty, rest * i128::from(*points) / 10_000));
        }
        self.report.royalties += due.len() as u64;
        let left = rest - due.iter().map(|(_, _, amount)| amount).sum::<i128>();
        if left * 10 < rest * 8 {
            self.report.differ(format!("row {seq} ({}): royalties take more than 20 % of {rest}", call.id));
        }
        let floors = terms.split().shares().iter().map(|(_, points)| left * i128::from(*points) / 10_000);
        let odd = left - floors.clone().sum::<i128>();
        for (at, ((to, _), floor)) in terms.split().shares().iter().zip(floors).enumerate() {
            due.push((*to, Role::Creator, floor + i128::from((at as i128) < odd)));
        }
        due.retain(|(_, _, amount)| *amount != 0);
        let got: Vec<_> = call.parts.iter().map(|p| (p.to, p.role, i128::from(p.amount.nano()))).collect();
        if got != due {
            self.report
                .differ(format!("row {seq} ({}): its parts are {got:?}, its release's terms give {due:?}", call.id));
        }
    }

    fn transfer(&mut self, seq: u64, transfer: &Transfer) {
        self.report.transfers += 1;
        let id = transfer.id;
        for promo in [false, true] {
            let legs = transfer.legs.iter().filter(|leg| (leg.purse == Purse::Promo) == promo);
            let sum: i128 = legs.map(|leg| i128::from(leg.nano)).sum();
            if sum != 0 {
                self.report.differ(format!("row {seq} ({id}): its legs add up to {sum} instead of 0"));
            }
        }
        if transfer.legs.iter().any(|leg| leg.purse == Purse::Promo && leg.account.is_rail()) {
            self.report.differ(format!("row {seq} ({id}): promotional money leaves by a rail"));
        }
        if let Some(hold) = transfer.hold {
            let debit = transfer.legs.iter().filter(|leg| leg.nano < 0);
            match debit.map(|leg| (leg.account, leg.purse == Purse::Promo, -i128::from(leg.nano))).next() {
                Some((account, promo, nano)) => self.captured(seq, hold, account, promo, nano),
                None => self.report.differ(format!("row {seq} ({id}): takes nothing from {hold}, which it ends")),
            }
        }
        match &transfer.kind {
            Kind::Refund(refunded) => {
                self.report.refunds += 1;
                self.refunds.refund(seq, transfer, refunded, &mut self.report);
            }
            Kind::Recovery(recovery) => {
                self.report.recoveries += 1;
                self.refunds.recovery(seq, transfer, recovery, &mut self.report);
            }
            Kind::Deposit | Kind::Grant | Kind::Payout => {}
        }
        for leg in &transfer.legs {
            self.book(leg.account, leg.purse == Purse::Promo, i128::from(leg.nano));
        }
        for leg in &transfer.legs {
            self.below_zero(seq, leg.account, leg.purse == Purse::Promo);
        }
        self.shown.transfer(seq, transfer);
        self.chain(seq, transfer);
    }

    /// Transfers that are linked stand behind one another, the one they are named after first.
    fn chain(&mut self, seq: u64, transfer: &Transfer) {
        let before = self.refunds.last_transfer.replace((seq, transfer.id, transfer.linked));
        let Some(first) = transfer.linked else { return };
        let follows = before.is_some_and(|(at, _, linked)| at + 1 == seq && linked == Some(first));
        if transfer.id != first && !follows {
            self.report.differ(format!("row {seq} ({}): is linked to {first} and does not follow on it", transfer.id));
        }
    }

    /// A snapshot has to say what the rows up to it add up to.
    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.report.snapshots += 1;
        let seq = snapshot.seq;
        if !snapshot.intact {
            self.report.differ(format!("the snapshot at row {seq} is not what was written: its checksum is wrong"));
        }
        let mut said = snapshot.said.clone();
        for ((account, promo), sum) in &self.sums {
            let claimed = said.get(account).map_or(0, |balance| i128::from(balance[usize::from(*promo)]));
            if claimed != *sum {
                let purse = if *promo { Purse::Promo } else { Purse::Cash };
                self.report.differ(format!(
                    "the snapshot at row {seq} gives {account} {claimed} nano-OPG {purse}, the rows {sum}"
                ));
            }
        }
        said.retain(|account, balance| {
            (0..2).any(|purse| balance[purse] != 0 && !self.sums.contains_key(&(*account, purse == 1)))
        });
        for account in said.keys() {
            self.report.differ(format!("the snapshot at row {seq} knows {account}, no row does"));
        }
        self.snapshot_of_holds(seq, &snapshot.state.holds);
        self.refunds.snapshot(seq, &snapshot.state.debts, &mut self.report);
    }

    /// Every kept outcome belongs to a keyed call that was charged or free, never to a failed one.
    pub(super) fn outcomes(&mut self, ledger: &Connection) -> Result<(), AuditError> {
        let mut statement = ledger.prepare(
            "SELECT k.seq, c.outcome, o.seq IS NOT NULL FROM keyed k
             LEFT JOIN calls c ON c.seq = k.seq LEFT JOIN outcomes o ON o.seq = k.seq
             UNION ALL SELECT o.seq, NULL, true FROM outcomes o WHERE o.seq NOT IN (SELECT seq FROM keyed)",
        )?;
        let rows = statement
            .query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?, r.get::<_, bool>(2)?)))?;
        for row in rows {
            let (seq, outcome, kept) = row?;
            self.report.outcomes += 1;
            if outcome.as_deref() != Some("ok") {
                self.report.differ(format!("an outcome is kept for row {seq}, which is no answered call with a key"));
            }
            if !kept {
                self.report.differ(format!("the key of row {seq} is known, its outcome is not kept"));
            }
        }
        // The window answers by these digests, so they have to be the call's own.
        let mut statement =
            ledger.prepare("SELECT c.*, k.hash, k.content FROM keyed k JOIN calls c ON c.seq = k.seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let said: ([u8; 32], [u8; 32]) = (row.get(14)?, row.get(15)?);
            // One that cannot be read has been named before.
            let Ok(read) = row::read_call(row) else { continue };
            if read.row.keyed.map(|keyed| (keyed.hash, keyed.content)) != Some(said) {
                self.report.differ(format!("the key that is kept for row {} is not the one of its call", read.seq));
            }
        }
        Ok(())
    }
}

fn read_snapshot(ledger: &Connection) -> Result<Option<Snapshot>, AuditError> {
    let found: Option<(i64, String, i64)> = ledger
        .query_row("SELECT seq, state, checksum FROM snapshot", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let mut statement = ledger.prepare("SELECT account, cash, promo FROM balances")?;
    let rows = statement.query_map([], |r| Ok((AccountId(r.get(0)?), [r.get::<_, i64>(1)?, r.get(2)?])))?;
    let said: HashMap<_, _> = rows.collect::<rusqlite::Result<_>>()?;
    let Some((seq, state, checksum)) = found else { return Ok(None) };
    let mut sum = Sum::default();
    said.iter().for_each(|(account, [cash, promo])| sum.add(&account.0, *cash, *promo));
    let seq = seq.unsigned_abs();
    let intact = sum.with(seq, &state) == checksum;
    let (state, read) = match serde_json::from_str(&state) {
        Ok(state) => (state, true),
        Err(_) => (State::default(), false),
    };
    Ok(Some(Snapshot { seq, said, state, intact: intact && read }))
}
