//! Rows of the books, carried over into sums and lists of `hub.db`.
//!
//! Always: a row is carried over once, in the transaction that moves the watermark past it; what stands in these
//! tables could be made again from the books alone.
//!
//! A stretch of rows is summed up in memory first and written in the order of the tables, so that a busy hub pays for
//! what differs and not for every call.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ledger::{AccountId, Call, Class, EntryKind, KeyId, Outcome, Purse, ReleaseId, Role, Transfer};
use rusqlite::{Connection, TransactionBehavior, params};

use super::rankings;
use crate::books::{Row, Seq};
use crate::catalog::{CatalogError, List};

/// The keys are ids of the hub's own making.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Count = (i64, i64);
/// Day, kind, class, purse and release of an account.
type Days = Map<(AccountId, i64, EntryKind, Option<Class>, Purse, Option<ReleaseId>), Count>;
/// Account, release, payer, class, purse, role.
type Payers = Map<(AccountId, ReleaseId, AccountId, Class, Purse, Role), Count>;

/// A call, seen as all others that move the same money between the same accounts on the same day: a busy hub has few
/// of them, so each is taken apart once for a stretch.
#[derive(Debug)]
struct Alike(Arc<Call>);

impl PartialEq for Alike {
    fn eq(&self, other: &Alike) -> bool {
        let (one, other) = (&*self.0, &*other.0);
        (one.payer, one.key, one.release, one.class, one.purse, one.outcome)
            == (other.payer, other.key, other.release, other.class, other.purse, other.outcome)
            && (one.cost, one.fee, one.sponsor, one.finished.day())
                == (other.cost, other.fee, other.sponsor, other.finished.day())
            && one.parts == other.parts
    }
}

impl Eq for Alike {}

impl Hash for Alike {
    fn hash<H: Hasher>(&self, to: &mut H) {
        (self.0.key, self.0.release, self.0.cost).hash(to);
    }
}

/// In the order of its table, so that what lies side by side is written one after the other.
fn sorted<K: Ord, V>(map: impl IntoIterator<Item = (K, V)>) -> Vec<(K, V)> {
    let mut all: Vec<_> = map.into_iter().collect();
    all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// Where an account's rows stand.
#[derive(Debug, Default)]
struct Places {
    calls: Vec<Seq>,
    entries: Vec<Seq>,
}

/// Calls, what they cost, and what of it went to the creators.
type ReleaseDay = (i64, i64, i64);

/// What a stretch of rows comes to.
#[derive(Debug, Default)]
struct Stretch {
    /// The rows after this one, up to the last.
    before: Seq,
    last: Seq,
    calls: Vec<([u8; 16], Seq)>,
    keyed: Vec<([u8; 32], Seq)>,
    /// Not taken apart yet: where they stand.
    alike: Map<Alike, Vec<Seq>>,
    rows: Map<AccountId, Places>,
    days: Days,
    payers: Payers,
    keys: Map<(KeyId, i64), (AccountId, i64, i64)>,
    trials: Map<(ReleaseId, AccountId, AccountId), Count>,
    releases: Map<(ReleaseId, i64, Class, Outcome), ReleaseDay>,
    /// How long paid calls took that were answered, by release, day and step of time.
    times: Map<(ReleaseId, i64, i64), i64>,
    /// On which day an account last paid for a release from its own cash.
    last_paid: Map<(ReleaseId, AccountId), i64>,
}

/// Carries rows over: first into memory, and from there into the tables.
#[derive(Debug, Default)]
pub(crate) struct Projector {
    stretch: Option<Stretch>,
}

impl Projector {
    /// Takes rows, in order, from the last one taken on; those taken before change nothing. Writes when it is told to,
    /// or when much has gathered. Gives the last row taken. After an error it begins again at the watermark.
    pub(crate) fn take(
        &mut self,
        conn: &mut Connection,
        rows: &[(Seq, Row)],
        write: bool,
    ) -> Result<Seq, CatalogError> {
        let mut stretch = match self.stretch.take() {
            Some(stretch) => stretch,
            None => Stretch::after(watermark(conn)?),
        };
        for (seq, row) in rows {
            stretch.row(*seq, row)?;
        }
        let last = stretch.last;
        if write || stretch.len() >= MANY {
            stretch.write(conn)?;
        } else {
            self.stretch = Some(stretch);
        }
        Ok(last)
    }
}

/// So many rows are written at the latest.
const MANY: usize = 65_536;

pub(crate) fn watermark(conn: &Connection) -> rusqlite::Result<Seq> {
    conn.query_row("SELECT seq FROM watermark", [], |r| Ok(r.get::<_, i64>(0)?.unsigned_abs()))
}

impl Stretch {
    fn after(seq: Seq) -> Stretch {
        Stretch { before: seq, last: seq, ..Stretch::default() }
    }

    fn len(&self) -> usize {
        (self.last - self.before) as usize
    }

    fn row(&mut self, seq: Seq, row: &Row) -> Result<(), CatalogError> {
        if seq <= self.last {
            return Ok(());
        }
        if seq != self.last + 1 {
            return Err(CatalogError::Failed { reason: format!("row {} is missing before {seq}", self.last + 1) });
        }
        match row {
            Row::Call(call) => self.call(seq, call),
            Row::Transfer(transfer) => self.transfer(seq, transfer),
            Row::Pending(_) | Row::Ended(_) => {}
        }
        self.last = seq;
        Ok(())
    }

    /// Counts an entry that stands at each of these places.
    fn entry(&mut self, seqs: &[Seq], day: i64, entry: &ledger::Entry) {
        let key = (entry.account, day, entry.kind, entry.class, entry.purse, entry.release);
        add(self.days.entry(key).or_default(), seqs, entry.nano);
    }

    /// Puts these places on the lists of all who have an entry there.
    fn list(&mut self, seqs: &[Seq], entries: impl IntoIterator<Item = ledger::Entry>) {
        // Several entries of one row are one place.
        let accounts: BTreeSet<AccountId> = entries.into_iter().map(|entry| entry.account).collect();
        for account in accounts {
            self.rows.entry(account).or_default().entries.extend_from_slice(seqs);
        }
    }

    fn call(&mut self, seq: Seq, call: &Arc<Call>) {
        self.calls.push((call.id.0, seq));
        if let (Some(keyed), Outcome::Ok) = (&call.keyed, call.outcome) {
            self.keyed.push((keyed.hash, seq));
        }
        if let (Class::Paid, Outcome::Ok) = (call.class, call.outcome) {
            let step = rankings::step_of(call.queue_us.saturating_add(call.engine_us));
            *self.times.entry((call.release, call.finished.day(), step)).or_default() += 1;
        }
        self.alike.entry(Alike(call.clone())).or_default().push(seq);
    }

    /// Takes calls that are alike apart.
    fn unfold(&mut self, call: &Call, seqs: &[Seq]) {
        let (day, cost) = (call.finished.day(), call.cost.nano());
        self.rows.entry(call.payer).or_default().calls.extend_from_slice(seqs);
        let sum = self.releases.entry((call.release, day, call.class, call.outcome)).or_default();
        let count = seqs.len() as i64;
        sum.0 += count;
        sum.1 += cost * count;
        sum.2 += (cost - call.fee.nano()) * count;
        if let (Class::Paid, Outcome::Ok) = (call.class, call.outcome) {
            let last = self.last_paid.entry((call.release, call.payer)).or_insert(day);
            *last = day.max(*last);
        }
        if cost == 0 {
            return;
        }
        for entry in call.entries() {
            self.entry(seqs, day, &entry);
        }
        self.list(seqs, call.entries());
        for part in &call.parts {
            let key = (part.to, call.release, call.payer, call.class, call.purse, part.role);
            add(self.payers.entry(key).or_default(), seqs, part.amount.nano());
        }
        match call.sponsor {
            Some(sponsor) => {
                let key = (call.release, call.payer, sponsor.account);
                add(self.trials.entry(key).or_default(), seqs, cost);
            }
            None => {
                let sum = self.keys.entry((call.key, day)).or_insert((call.payer, 0, 0));
                sum.1 += count;
                sum.2 += cost * count;
            }
        }
    }

    fn transfer(&mut self, seq: Seq, transfer: &Transfer) {
        let day = transfer.at.day();
        for entry in transfer.entries() {
            self.entry(&[seq], day, &entry);
        }
        self.list(&[seq], transfer.entries());
    }

    /// Writes it and moves the watermark past it. Summed up before: whoever changes something waits for this alone.
    fn write(mut self, conn: &mut Connection) -> Result<(), CatalogError> {
        let (before, last) = (self.before, self.last);
        if last == before {
            return Ok(());
        }
        for (Alike(call), seqs) in std::mem::take(&mut self.alike) {
            self.unfold(&call, &seqs);
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if watermark(&tx)? != before {
            return Err(CatalogError::Failed { reason: "somebody else carries rows over".to_owned() });
        }
        self.write_sums(&tx)?;
        tx.execute("UPDATE watermark SET seq = ?1", [last as i64])?;
        Ok(tx.commit()?)
    }

    fn write_sums(self, tx: &Connection) -> rusqlite::Result<()> {
        // Most of what is written. In order and many at a time, each is put behind the one before without a search.
        for some in sorted(self.calls).chunks(64) {
            let rows = vec!["(?, ?)"; some.len()].join(", ");
            let mut insert = tx.prepare_cached(&format!("INSERT INTO call_seqs VALUES {rows}"))?;
            for (at, (id, seq)) in some.iter().enumerate() {
                insert.raw_bind_parameter(2 * at + 1, &id[..])?;
                insert.raw_bind_parameter(2 * at + 2, *seq as i64)?;
            }
            insert.raw_execute()?;
        }
        let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO keyed_seqs VALUES (?1, ?2)")?;
        let mut keyed = self.keyed;
        // Of a key that was used twice, the later call stays.
        keyed.sort_unstable();
        for (hash, seq) in keyed {
            insert.execute(params![&hash[..], seq as i64])?;
        }
        let mut insert = tx.prepare_cached("INSERT INTO account_rows VALUES (?1, ?2, ?3, ?4)")?;
        for (account, Places { mut calls, mut entries }) in sorted(self.rows) {
            // Stretches in order, one behind the other: a sort that sees them.
            calls.sort();
            entries.sort();
            let first = [calls.first(), entries.first()].into_iter().flatten().min().copied().unwrap_or_default();
            insert.execute(params![&account.0[..], first as i64, pack(first, &calls), pack(first, &entries)])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO account_days VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, amount = amount + excluded.amount",
        )?;
        for ((account, day, kind, class, purse, release), (count, amount)) in sorted(self.days) {
            add.execute(params![
                &account.0[..],
                day,
                kind.word(),
                class.map_or("", Class::word),
                purse.word(),
                &release.map_or([0; 16], |release| release.0)[..],
                count,
                amount
            ])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO payers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, amount = amount + excluded.amount",
        )?;
        for ((account, release, payer, class, purse, role), (calls, amount)) in sorted(self.payers) {
            add.execute(params![
                &account.0[..],
                &release.0[..],
                &payer.0[..],
                class.word(),
                purse.word(),
                role.word(),
                calls,
                amount
            ])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO key_days VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, cost = cost + excluded.cost",
        )?;
        for ((key, day), (account, calls, cost)) in sorted(self.keys) {
            add.execute(params![&key.0[..], day, &account.0[..], calls, cost])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO trial_sums VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, amount = amount + excluded.amount",
        )?;
        for ((release, caller, sponsor), (calls, amount)) in sorted(self.trials) {
            add.execute(params![&release.0[..], &caller.0[..], &sponsor.0[..], calls, amount])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO release_days VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
             calls = calls + excluded.calls, cost = cost + excluded.cost, creators = creators + excluded.creators",
        )?;
        let mut unranked =
            tx.prepare_cached("INSERT OR IGNORE INTO unranked SELECT model FROM releases WHERE id = ?1")?;
        let mut all: Map<(i64, Class, Outcome), ReleaseDay> = Map::default();
        let mut before = None;
        for ((release, day, class, outcome), (calls, cost, creators)) in sorted(self.releases) {
            add.execute(params![&release.0[..], day, class.word(), outcome.word(), calls, cost, creators])?;
            if before.replace(release) != Some(release) {
                unranked.execute([&release.0[..]])?;
            }
            let sum = all.entry((day, class, outcome)).or_default();
            (sum.0, sum.1, sum.2) = (sum.0 + calls, sum.1 + cost, sum.2 + creators);
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO hub_days VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET
             calls = calls + excluded.calls, cost = cost + excluded.cost, creators = creators + excluded.creators",
        )?;
        for ((day, class, outcome), (calls, cost, creators)) in sorted(all) {
            add.execute(params![day, class.word(), outcome.word(), calls, cost, creators])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO release_times VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls",
        )?;
        for ((release, day, step), calls) in sorted(self.times) {
            add.execute(params![&release.0[..], day, step, calls])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO model_payers VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET last = excluded.last
             WHERE excluded.last > last",
        )?;
        for ((release, payer), last) in sorted(self.last_paid) {
            add.execute(params![&release.0[..], &payer.0[..], last])?;
        }
        Ok(())
    }
}

/// So many more of an amount, one at each place.
fn add(sum: &mut Count, seqs: &[Seq], nano: i64) {
    sum.0 += seqs.len() as i64;
    sum.1 += nano * seqs.len() as i64;
}

/// Places in order, as differences from the one before and the first from `first`: seven bits a byte, the lowest first.
fn pack(first: Seq, seqs: &[Seq]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(seqs.len());
    let mut before = first;
    for seq in seqs {
        let mut more = seq - before;
        while more >= 0x80 {
            packed.push(more as u8 | 0x80);
            more >>= 7;
        }
        packed.push(more as u8);
        before = *seq;
    }
    packed
}

/// The places again; none if these bytes are not a list of ours.
fn unpack(first: Seq, packed: &[u8]) -> Option<Vec<Seq>> {
    let mut seqs = Vec::with_capacity(packed.len());
    let (mut before, mut more, mut shift) = (first, 0u64, 0);
    for byte in packed {
        more |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if *byte < 0x80 {
            before = before.checked_add(more)?;
            seqs.push(before);
            (more, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(seqs)
}

/// Rows of an account before `before`, the newest first, at most `limit`.
pub(super) fn account_rows(
    conn: &Connection,
    account: AccountId,
    list: List,
    before: Option<Seq>,
    limit: usize,
) -> rusqlite::Result<Vec<Seq>> {
    let column = match list {
        List::Calls => "calls",
        List::Entries => "entries",
    };
    let mut newest = conn.prepare_cached(&format!(
        "SELECT first, {column} FROM account_rows WHERE account = ?1 AND first < ?2 ORDER BY first DESC"
    ))?;
    let before = before.unwrap_or(i64::MAX as Seq);
    let mut found = Vec::new();
    let mut stretches = newest.query(params![&account.0[..], before as i64])?;
    while found.len() < limit
        && let Some(stretch) = stretches.next()?
    {
        let (first, packed): (i64, Vec<u8>) = (stretch.get(0)?, stretch.get(1)?);
        let damaged = || rusqlite::Error::InvalidColumnType(1, column.to_owned(), rusqlite::types::Type::Blob);
        let seqs = unpack(first.unsigned_abs(), &packed).ok_or_else(damaged)?;
        let left = limit - found.len();
        found.extend(seqs.into_iter().rev().filter(|seq| *seq < before).take(left));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_places_come_back_as_they_were() {
        for seqs in [vec![], vec![1], vec![1, 2, 3], vec![5, 132, 133, 20_000, 1 << 40]] {
            assert_eq!(unpack(1, &pack(1, &seqs)), Some(seqs));
        }
        assert_eq!(unpack(1, &[0x80]), None, "a difference that is cut off");
        assert_eq!(unpack(1, &[0xff; 12]), None);
    }
}
