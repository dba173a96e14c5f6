//! Rows of the books, written and read: the only code that writer and audit share.
//!
//! Always: a row carries a CRC-32 over all its columns, its place included, so that what the disk has changed is not
//! taken for what was written. (Against those who can write the file, receipts and the audit stand.)

use std::sync::Arc;

use ledger::{
    AccountId, Amount, Call, CallId, Ended, HoldId, Kind, Leg, Part, Pending, Purse, ReleaseId, Role, Sponsor, Time,
    Transfer, TransferId,
};
use rusqlite::types::Type;
use rusqlite::{Connection, Row as SqlRow, Statement, params};

use super::packed::{Packed, pack, unpack};
use crate::books::{Row, Seq};

pub(crate) const INSERT_CALL: &str =
    "INSERT INTO calls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const INSERT_TRANSFER: &str = "INSERT INTO transfers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const INSERT_PENDING: &str = "INSERT INTO holds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const INSERT_END: &str = "INSERT INTO ends VALUES (?1, ?2, ?3, ?4, ?5)";

/// What a sum is made over: columns, each with its length, so that nothing can move from one to the next.
struct Sum(Vec<u8>);

impl Sum {
    fn new() -> Sum {
        Sum(Vec::with_capacity(640))
    }

    fn bytes(mut self, bytes: &[u8]) -> Sum {
        self.0.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(mut self, number: i64) -> Sum {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn optional(self, bytes: Option<&[u8]>) -> Sum {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    fn end(self) -> u32 {
        crc32fast::hash(&self.0)
    }
}

/// A call's columns that take work to write, made by whoever asks and not by the one thread that writes.
#[derive(Debug)]
pub(crate) struct Written {
    /// The packed part, with room for the sum, which needs the row's place; behind it the parts as text.
    bytes: Vec<u8>,
    rest: usize,
    sponsor: Option<String>,
    sum: u32,
}

impl Written {
    pub(crate) fn of(call: &Call) -> Written {
        let mut bytes = Vec::with_capacity(320 + call.parts.len() * 64);
        pack(call, &mut bytes);
        let packed = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        let rest = bytes.len();
        write_parts(&call.parts, &mut bytes);
        let sponsor = call.sponsor.map(write_sponsor);
        let sum = call_sum(call, &bytes[rest..], &bytes[..packed]);
        Written { bytes, rest, sponsor, sum }
    }
}

/// Over everything but the place. What has a length of its own stands at fixed places, so that nothing can move from one
/// column to the next.
fn call_sum(call: &Call, parts: &[u8], rest: &[u8]) -> u32 {
    let mut fixed = [0; 128];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        fixed[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let sponsor = call.sponsor.map(|sponsor| (sponsor.account.0, sponsor.purse as u8));
    put(&call.id.0);
    put(&call.finished.0.to_le_bytes());
    put(&call.payer.0);
    put(&call.release.0);
    put(&[call.class as u8, call.purse as u8, call.outcome as u8]);
    put(&call.cost.nano().to_le_bytes());
    put(&call.fee.nano().to_le_bytes());
    put(&[u8::from(call.sponsor.is_some()), u8::from(call.hold.is_some())]);
    put(&sponsor.map_or([0; 16], |(account, _)| account));
    put(&[sponsor.map_or(0, |(_, purse)| purse)]);
    put(&call.hold.map_or([0; 16], |hold| hold.0));
    put(&(parts.len() as u32).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&fixed);
    hasher.update(parts);
    hasher.update(rest);
    hasher.finalize()
}

/// The sum of a row at its place.
fn placed(sum: u32, seq: Seq) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(sum);
    hasher.update(&seq.to_le_bytes());
    hasher.finalize()
}

/// Parts as JSON text that a person reads and plain SQL takes apart: `[["acct_…","creator",1800000]]`.
fn write_parts(parts: &[Part], to: &mut Vec<u8>) {
    to.push(b'[');
    for (at, part) in parts.iter().enumerate() {
        to.extend_from_slice(if at == 0 { b"[\"" } else { b",[\"" });
        part.to.write_to(to);
        to.extend_from_slice(b"\",\"");
        to.extend_from_slice(part.role.word().as_bytes());
        to.extend_from_slice(b"\",");
        write_number(part.amount.nano().unsigned_abs(), to);
        to.push(b']');
    }
    to.push(b']');
}

fn write_number(mut number: u64, to: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return to.extend_from_slice(&digits[at..]);
        }
    }
}

/// `["acct_…","cash"]`
fn write_sponsor(sponsor: Sponsor) -> String {
    format!("[\"{}\",\"{}\"]", sponsor.account, sponsor.purse)
}

fn write_legs(legs: &[Leg]) -> String {
    let legs: Vec<_> = legs.iter().map(|leg| (leg.account, leg.purse, leg.nano)).collect();
    serde_json::to_string(&legs).expect("plain data")
}

/// Writes a call through a prepared [`INSERT_CALL`].
pub(crate) fn insert_call(to: &mut Statement<'_>, seq: Seq, call: &Call, written: Written) -> rusqlite::Result<()> {
    let Written { mut bytes, rest, sponsor, sum } = written;
    bytes[rest - 4..rest].copy_from_slice(&placed(sum, seq).to_le_bytes());
    let (rest, parts) = bytes.split_at(rest);
    let parts = std::str::from_utf8(parts).expect("numbers and ids are ASCII");
    to.execute(params![
        seq as i64,
        &call.id.0[..],
        call.finished.0,
        &call.payer.0[..],
        &call.release.0[..],
        call.class.word(),
        call.purse.word(),
        call.outcome.word(),
        call.cost.nano(),
        call.fee.nano(),
        parts,
        sponsor,
        call.hold.as_ref().map(|hold| &hold.0[..]),
        rest,
    ])?;
    Ok(())
}

fn transfer_sum(seq: Seq, transfer: &Transfer, legs: &str, detail: Option<&str>) -> u32 {
    Sum::new()
        .number(seq as i64)
        .bytes(&transfer.id.0)
        .number(transfer.at.0)
        .bytes(transfer.kind.word().as_bytes())
        .bytes(legs.as_bytes())
        .bytes(transfer.reference.as_bytes())
        .optional(transfer.actor.as_ref().map(|id| &id.0[..]))
        .optional(transfer.linked.as_ref().map(|id| &id.0[..]))
        .optional(transfer.hold.as_ref().map(|id| &id.0[..]))
        .optional(call_of(transfer).as_ref().map(|id| &id.0[..]))
        .optional(detail.map(str::as_bytes))
        .end()
}

/// The call that a refund or a recovery is about.
fn call_of(transfer: &Transfer) -> Option<CallId> {
    match &transfer.kind {
        Kind::Refund(refunded) => Some(refunded.call),
        Kind::Recovery(recovery) => Some(recovery.call),
        Kind::Deposit | Kind::Grant | Kind::Payout => None,
    }
}

pub(crate) fn insert_transfer(conn: &Connection, seq: Seq, transfer: &Transfer) -> rusqlite::Result<()> {
    let legs = write_legs(&transfer.legs);
    let detail = match &transfer.kind {
        Kind::Refund(refunded) => Some(serde_json::to_string(refunded).expect("plain data")),
        Kind::Recovery(recovery) => Some(serde_json::to_string(recovery).expect("plain data")),
        Kind::Deposit | Kind::Grant | Kind::Payout => None,
    };
    let sum = transfer_sum(seq, transfer, &legs, detail.as_deref());
    conn.prepare_cached(INSERT_TRANSFER)?.execute(params![
        seq as i64,
        &transfer.id.0[..],
        transfer.at.0,
        transfer.kind.word(),
        legs,
        transfer.reference,
        transfer.actor.as_ref().map(|id| &id.0[..]),
        transfer.linked.as_ref().map(|id| &id.0[..]),
        transfer.hold.as_ref().map(|id| &id.0[..]),
        call_of(transfer).as_ref().map(|id| &id.0[..]),
        detail,
        sum,
    ])?;
    Ok(())
}

fn pending_sum(seq: Seq, pending: &Pending) -> u32 {
    Sum::new()
        .number(seq as i64)
        .bytes(&pending.id.0)
        .number(pending.at.0)
        .bytes(&pending.account.0)
        .bytes(pending.purse.word().as_bytes())
        .number(pending.amount.nano())
        .number(pending.expires.0)
        .bytes(pending.reference.as_bytes())
        .optional(pending.actor.as_ref().map(|id| &id.0[..]))
        .end()
}

pub(crate) fn insert_pending(conn: &Connection, seq: Seq, pending: &Pending) -> rusqlite::Result<()> {
    conn.prepare_cached(INSERT_PENDING)?.execute(params![
        seq as i64,
        &pending.id.0[..],
        pending.at.0,
        &pending.account.0[..],
        pending.purse.word(),
        pending.amount.nano(),
        pending.expires.0,
        pending.reference,
        pending.actor.as_ref().map(|id| &id.0[..]),
        pending_sum(seq, pending),
    ])?;
    Ok(())
}

fn end_sum(seq: Seq, ended: &Ended) -> u32 {
    let how = ended.how.word().as_bytes();
    Sum::new().number(seq as i64).bytes(&ended.hold.0).number(ended.at.0).bytes(how).end()
}

/// Notes how a durable hold ended. Captured ones end in the row of their call or transfer; the others are rows.
pub(crate) fn insert_end(conn: &Connection, seq: Seq, ended: &Ended) -> rusqlite::Result<()> {
    conn.prepare_cached(INSERT_END)?.execute(params![
        seq as i64,
        &ended.hold.0[..],
        ended.at.0,
        ended.how.word(),
        end_sum(seq, ended),
    ])?;
    Ok(())
}

/// A column that does not hold what the writer puts there.
fn wrong(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_owned().into())
}

pub(crate) fn amount(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Amount> {
    Amount::from_nano(row.get::<_, i64>(column)?).map_err(|e| wrong(column, &e.to_string()))
}

fn count(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| wrong(column, "a count below zero"))
}

fn word<T: std::str::FromStr>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| wrong(column, &format!("\"{text}\" is no known word")))
}

fn json<T: serde::de::DeserializeOwned>(text: &str, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|e| wrong(column, &e.to_string()))
}

fn account(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<AccountId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(AccountId))
}

/// A row as it was read, and whether it is what was written.
#[derive(Debug, Clone)]
pub(crate) struct Read<T> {
    pub(crate) seq: Seq,
    pub(crate) row: T,
    pub(crate) intact: bool,
}

impl<T> Read<T> {
    /// The row, if the disk has not changed it.
    pub(crate) fn intact(self) -> rusqlite::Result<(Seq, T)> {
        match self.intact {
            true => Ok((self.seq, self.row)),
            false => Err(wrong(0, &format!("row {} is not what was written: its checksum is wrong", self.seq))),
        }
    }
}

pub(crate) fn read_call(row: &SqlRow<'_>) -> rusqlite::Result<Read<Call>> {
    let parts_text = row.get_ref(10)?.as_str()?;
    let parts: Vec<(AccountId, Role, i64)> = json(parts_text, 10)?;
    let part = |(to, role, nano)| {
        Ok(Part { to, role, amount: Amount::from_nano(nano).map_err(|e| wrong(10, &e.to_string()))? })
    };
    let parts = parts.into_iter().map(part).collect::<rusqlite::Result<_>>()?;
    let sponsor_text = row.get_ref(11)?.as_str_or_null()?;
    let sponsor = sponsor_text.map(|text| json::<(AccountId, Purse)>(text, 11)).transpose()?;
    let bytes = row.get_ref(13)?.as_blob()?;
    let (rest, sum) = bytes.split_last_chunk::<4>().ok_or_else(|| wrong(13, "a row without its sum"))?;
    let packed = unpack(rest).ok_or_else(|| wrong(13, "the packed part of a call cannot be read"))?;
    let Packed { accepted, key, release_number, model_digest, surface, usage, fee_share, rate, .. } = packed;
    let Packed { queue_us, engine_us, cold, input_hash, output_hash, salt, keyed, .. } = packed;
    let call = Call {
        id: CallId(row.get(1)?),
        accepted,
        finished: Time(row.get(2)?),
        payer: AccountId(row.get(3)?),
        key,
        release: ReleaseId(row.get(4)?),
        release_number,
        model_digest,
        class: word(row, 5)?,
        surface,
        purse: word(row, 6)?,
        outcome: word(row, 7)?,
        usage,
        cost: amount(row, 8)?,
        fee_share,
        fee: amount(row, 9)?,
        parts,
        rate,
        queue_us,
        engine_us,
        cold,
        input_hash,
        output_hash,
        salt,
        keyed,
        sponsor: sponsor.map(|(account, purse)| Sponsor { account, purse }),
        hold: row.get::<_, Option<[u8; 16]>>(12)?.map(HoldId),
    };
    let seq = count(row, 0)?;
    let intact = placed(call_sum(&call, parts_text.as_bytes(), rest), seq).to_le_bytes() == *sum;
    Ok(Read { seq, row: call, intact })
}

pub(crate) fn read_transfer(row: &SqlRow<'_>) -> rusqlite::Result<Read<Transfer>> {
    let legs_text = row.get_ref(4)?.as_str()?;
    let legs: Vec<(AccountId, Purse, i64)> = json(legs_text, 4)?;
    let detail_text = row.get_ref(10)?.as_str_or_null()?;
    let detail = || detail_text.ok_or_else(|| wrong(10, "a refund that does not say of what"));
    let kind = match row.get_ref(3)?.as_str()? {
        "deposit" => Kind::Deposit,
        "grant" => Kind::Grant,
        "payout" => Kind::Payout,
        "refund" => Kind::Refund(Box::new(json(detail()?, 10)?)),
        "recovery" => Kind::Recovery(json(detail()?, 10)?),
        other => return Err(wrong(3, &format!("\"{other}\" is no kind of transfer"))),
    };
    let transfer = Transfer {
        id: TransferId(row.get(1)?),
        at: Time(row.get(2)?),
        kind,
        legs: legs.into_iter().map(|(account, purse, nano)| Leg { account, purse, nano }).collect(),
        reference: row.get(5)?,
        actor: account(row, 6)?,
        linked: row.get::<_, Option<[u8; 16]>>(7)?.map(TransferId),
        hold: row.get::<_, Option<[u8; 16]>>(8)?.map(HoldId),
    };
    let seq = count(row, 0)?;
    let named = row.get::<_, Option<[u8; 16]>>(9)?.map(CallId) == call_of(&transfer);
    let intact = named && transfer_sum(seq, &transfer, legs_text, detail_text) == row.get::<_, u32>(11)?;
    Ok(Read { seq, row: transfer, intact })
}

pub(crate) fn read_pending(row: &SqlRow<'_>) -> rusqlite::Result<Read<Pending>> {
    let pending = Pending {
        id: HoldId(row.get(1)?),
        at: Time(row.get(2)?),
        account: AccountId(row.get(3)?),
        purse: word(row, 4)?,
        amount: amount(row, 5)?,
        expires: Time(row.get(6)?),
        reference: row.get(7)?,
        actor: account(row, 8)?,
    };
    let seq = count(row, 0)?;
    let intact = pending_sum(seq, &pending) == row.get::<_, u32>(9)?;
    Ok(Read { seq, row: pending, intact })
}

pub(crate) fn read_end(row: &SqlRow<'_>) -> rusqlite::Result<Read<Ended>> {
    let ended = Ended { hold: HoldId(row.get(1)?), at: Time(row.get(2)?), how: word(row, 3)? };
    let seq = count(row, 0)?;
    let intact = end_sum(seq, &ended) == row.get::<_, u32>(4)?;
    Ok(Read { seq, row: ended, intact })
}

type Reads = fn(&SqlRow<'_>) -> rusqlite::Result<(Seq, Row)>;

/// Each kind of row: how its rows are asked for, and how one is read.
const KINDS: [(&str, Reads); 4] = [
    ("SELECT * FROM calls WHERE seq > ?1 ORDER BY seq LIMIT ?2", |row| {
        let (seq, call) = read_call(row)?.intact()?;
        Ok((seq, Row::Call(Arc::new(call))))
    }),
    ("SELECT * FROM transfers WHERE seq > ?1 ORDER BY seq LIMIT ?2", |row| {
        let (seq, transfer) = read_transfer(row)?.intact()?;
        Ok((seq, Row::Transfer(Arc::new(transfer))))
    }),
    ("SELECT * FROM holds WHERE seq > ?1 ORDER BY seq LIMIT ?2", |row| {
        let (seq, pending) = read_pending(row)?.intact()?;
        Ok((seq, Row::Pending(Arc::new(pending))))
    }),
    ("SELECT * FROM ends WHERE seq > ?1 AND how <> 'captured' ORDER BY seq LIMIT ?2", |row| {
        let (seq, ended) = read_end(row)?.intact()?;
        Ok((seq, Row::Ended(ended)))
    }),
];

/// Rows after `after`, at most `limit`, in order.
pub(crate) fn rows(conn: &Connection, after: Seq, limit: usize) -> rusqlite::Result<Vec<(Seq, Row)>> {
    let mut rows = Vec::new();
    for (sql, read) in KINDS {
        let mut statement = conn.prepare_cached(sql)?;
        for row in statement.query_map([after as i64, limit as i64], read)? {
            rows.push(row?);
        }
    }
    rows.sort_by_key(|(seq, _)| *seq);
    rows.truncate(limit);
    Ok(rows)
}
