//! Rows of the books, written and read: the only code that writer and audit share.

use ledger::{
    AccountId, Amount, Call, CallId, KeyId, Keyed, Kind, Leg, Part, Purse, Rate, ReleaseId, Role, Share, Time,
    Transfer, TransferId, Usage,
};
use rusqlite::types::Type;
use rusqlite::{Connection, Row as SqlRow};

use crate::books::Seq;

pub(crate) const INSERT_CALL: &str = "INSERT INTO calls VALUES
    (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27)";
pub(crate) const INSERT_TRANSFER: &str = "INSERT INTO transfers VALUES (?1,?2,?3,?4,?5,?6)";

fn purse_word(purse: Purse) -> &'static str {
    match purse {
        Purse::Cash => "cash",
        Purse::Promo => "promo",
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Deposit => "deposit",
        Kind::Grant => "grant",
        Kind::Payout => "payout",
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Royalty => "royalty",
        Role::Creator => "creator",
    }
}

fn purse(word: &str) -> Option<Purse> {
    [Purse::Cash, Purse::Promo].into_iter().find(|p| purse_word(*p) == word)
}

/// Parts as JSON text that a person reads and plain SQL takes apart: `[["acct_…","creator",1800000]]`.
fn write_parts(parts: &[Part]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + parts.len() * 56);
    text.push('[');
    for (at, part) in parts.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(text, "{comma}[\"{}\",\"{}\",{}]", part.to, role_word(part.role), part.amount.nano())
            .expect("a string grows");
    }
    text.push(']');
    text
}

fn write_legs(legs: &[Leg]) -> String {
    let legs: Vec<_> = legs.iter().map(|leg| (leg.account, leg.purse, leg.nano)).collect();
    serde_json::to_string(&legs).expect("plain data")
}

pub(crate) fn insert_call(conn: &Connection, seq: Seq, call: &Call) -> rusqlite::Result<()> {
    let usage = serde_json::to_string(&call.usage).expect("plain data");
    conn.prepare_cached(INSERT_CALL)?.execute(rusqlite::params![
        seq as i64,
        &call.id.0[..],
        call.accepted.0,
        call.finished.0,
        &call.payer.0[..],
        &call.key.0[..],
        &call.release.0[..],
        call.release_number,
        &call.model_digest[..],
        call.class.word(),
        call.surface.word(),
        purse_word(call.purse),
        call.outcome.word(),
        usage,
        call.cost.nano(),
        call.fee_share.points(),
        call.fee.nano(),
        write_parts(&call.parts),
        call.rate.map(Rate::nano),
        i64::try_from(call.queue_us).unwrap_or(i64::MAX),
        i64::try_from(call.engine_us).unwrap_or(i64::MAX),
        call.cold,
        &call.input_hash[..],
        &call.output_hash[..],
        &call.salt[..],
        call.keyed.as_ref().map(|k| &k.hash[..]),
        call.keyed.as_ref().map(|k| &k.content[..]),
    ])?;
    Ok(())
}

pub(crate) fn insert_transfer(conn: &Connection, seq: Seq, transfer: &Transfer) -> rusqlite::Result<()> {
    conn.prepare_cached(INSERT_TRANSFER)?.execute(rusqlite::params![
        seq as i64,
        &transfer.id.0[..],
        transfer.at.0,
        kind_word(transfer.kind),
        write_legs(&transfer.legs),
        transfer.reference,
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

pub(crate) fn read_call(row: &SqlRow<'_>) -> rusqlite::Result<(Seq, Call)> {
    let parts: Vec<(AccountId, Role, i64)> =
        serde_json::from_str(row.get_ref(17)?.as_str()?).map_err(|e| wrong(17, &e.to_string()))?;
    let parts = parts
        .into_iter()
        .map(|(to, role, nano)| {
            Ok(Part { to, role, amount: Amount::from_nano(nano).map_err(|e| wrong(17, &e.to_string()))? })
        })
        .collect::<rusqlite::Result<_>>()?;
    let usage: Usage = serde_json::from_str(row.get_ref(13)?.as_str()?).map_err(|e| wrong(13, &e.to_string()))?;
    let keyed = match (row.get::<_, Option<[u8; 32]>>(25)?, row.get::<_, Option<[u8; 32]>>(26)?) {
        (Some(hash), Some(content)) => Some(Keyed { hash, content }),
        _ => None,
    };
    let call = Call {
        id: CallId(row.get(1)?),
        accepted: Time(row.get(2)?),
        finished: Time(row.get(3)?),
        payer: AccountId(row.get(4)?),
        key: KeyId(row.get(5)?),
        release: ReleaseId(row.get(6)?),
        release_number: row.get(7)?,
        model_digest: row.get(8)?,
        class: word(row, 9)?,
        surface: word(row, 10)?,
        purse: purse(row.get_ref(11)?.as_str()?).ok_or_else(|| wrong(11, "no purse"))?,
        outcome: word(row, 12)?,
        usage,
        cost: amount(row, 14)?,
        fee_share: Share::from_points(row.get(15)?).map_err(|e| wrong(15, &e.to_string()))?,
        fee: amount(row, 16)?,
        parts,
        rate: row.get::<_, Option<i64>>(18)?.and_then(Rate::from_nano),
        queue_us: count(row, 19)?,
        engine_us: count(row, 20)?,
        cold: row.get(21)?,
        input_hash: row.get(22)?,
        output_hash: row.get(23)?,
        salt: row.get(24)?,
        keyed,
    };
    Ok((count(row, 0)?, call))
}

pub(crate) fn read_transfer(row: &SqlRow<'_>) -> rusqlite::Result<(Seq, Transfer)> {
    let legs: Vec<(AccountId, Purse, i64)> =
        serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|e| wrong(4, &e.to_string()))?;
    let text = row.get_ref(3)?.as_str()?;
    let kind = [Kind::Deposit, Kind::Grant, Kind::Payout].into_iter().find(|k| kind_word(*k) == text);
    let transfer = Transfer {
        id: TransferId(row.get(1)?),
        at: Time(row.get(2)?),
        kind: kind.ok_or_else(|| wrong(3, "no kind of transfer"))?,
        legs: legs.into_iter().map(|(account, purse, nano)| Leg { account, purse, nano }).collect(),
        reference: row.get(5)?,
    };
    Ok((count(row, 0)?, transfer))
}
