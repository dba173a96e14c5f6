//! The books as hubs of the first schema wrote them: read once, when such a file is opened, and written again in
//! today's form. Nothing else knows that form.

use ledger::{
    AccountId, Amount, Call, CallId, KeyId, Keyed, Kind, Leg, Part, Purse, Rate, ReleaseId, Role, Share, Time,
    Transfer, TransferId, Usage,
};
use rusqlite::types::Type;
use rusqlite::{Row as SqlRow, Transaction, params};

use super::row::{INSERT_CALL, Written, insert_call, insert_transfer};
use crate::books::Seq;

/// Copies every row from the tables that step 2 has put aside.
pub(super) fn bring_over(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut calls = tx.prepare("SELECT * FROM first_calls ORDER BY seq")?;
    let mut insert = tx.prepare(INSERT_CALL)?;
    for call in calls.query_map([], read_call)? {
        let (seq, call) = call?;
        insert_call(&mut insert, seq, &call, Written::of(&call))?;
    }
    let mut transfers = tx.prepare("SELECT * FROM first_transfers ORDER BY seq")?;
    for transfer in transfers.query_map([], read_transfer)? {
        let (seq, transfer) = transfer?;
        insert_transfer(tx, seq, &transfer)?;
    }
    tx.execute(
        "INSERT INTO keyed SELECT o.seq, o.expires, c.keyed_hash, c.keyed_content
         FROM first_outcomes o JOIN first_calls c ON c.seq = o.seq WHERE c.keyed_hash NOT NULL",
        params![],
    )?;
    tx.execute("INSERT INTO outcomes SELECT seq, file, body FROM first_outcomes", params![])?;
    Ok(())
}

fn wrong(column: usize, what: impl ToString) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_string().into())
}

fn amount(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Amount> {
    Amount::from_nano(row.get::<_, i64>(column)?).map_err(|e| wrong(column, e))
}

fn count(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|e| wrong(column, e))
}

fn word<T: std::str::FromStr>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| wrong(column, format!("\"{text}\" is no known word")))
}

fn json<T: serde::de::DeserializeOwned>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|e| wrong(column, e))
}

fn read_call(row: &SqlRow<'_>) -> rusqlite::Result<(Seq, Call)> {
    let parts: Vec<(AccountId, Role, i64)> = json(row, 17)?;
    let part = |(to, role, nano)| Ok(Part { to, role, amount: Amount::from_nano(nano).map_err(|e| wrong(17, e))? });
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
        purse: word(row, 11)?,
        outcome: word(row, 12)?,
        usage: json::<Usage>(row, 13)?,
        cost: amount(row, 14)?,
        fee_share: Share::from_points(row.get(15)?).map_err(|e| wrong(15, e))?,
        fee: amount(row, 16)?,
        parts: parts.into_iter().map(part).collect::<rusqlite::Result<_>>()?,
        rate: row.get::<_, Option<i64>>(18)?.and_then(Rate::from_nano),
        queue_us: count(row, 19)?,
        engine_us: count(row, 20)?,
        cold: row.get(21)?,
        input_hash: row.get(22)?,
        output_hash: row.get(23)?,
        salt: row.get(24)?,
        keyed,
        sponsor: None,
        hold: None,
    };
    Ok((count(row, 0)?, call))
}

fn read_transfer(row: &SqlRow<'_>) -> rusqlite::Result<(Seq, Transfer)> {
    let legs: Vec<(AccountId, Purse, i64)> = json(row, 4)?;
    let kind = match row.get_ref(3)?.as_str()? {
        "deposit" => Kind::Deposit,
        "grant" => Kind::Grant,
        "payout" => Kind::Payout,
        other => return Err(wrong(3, format!("\"{other}\" is no kind of transfer"))),
    };
    let transfer = Transfer {
        id: TransferId(row.get(1)?),
        at: Time(row.get(2)?),
        kind,
        legs: legs.into_iter().map(|(account, purse, nano)| Leg { account, purse, nano }).collect(),
        reference: row.get(5)?,
        actor: None,
        linked: None,
        hold: None,
    };
    Ok((count(row, 0)?, transfer))
}
