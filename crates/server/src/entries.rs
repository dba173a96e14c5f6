//! What moved an account's money: one by one, and month by month.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hub::{DaySum, EntryLine, Hub, Statement, Sums};
use ledger::{Class, Month, Time};

use crate::extract::{Caller, Page, parameter};
use crate::problem::Refused;
use crate::words;

/// `GET /api/v1/entries?cursor=&limit=`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Entries>, Refused> {
    let lines = hub.entries(&caller, cursor, limit).await?;
    let mut rows: Vec<_> = lines.iter().map(|line| line.seq).collect();
    rows.dedup();
    // The limit counts rows of the books, so that no row is cut in two.
    let next = rows.last().filter(|_| rows.len() as u64 == limit).map(ToString::to_string);
    Ok(Json(api::Entries { items: lines.into_iter().map(entry).collect(), next }))
}

fn entry(line: EntryLine) -> api::Entry {
    let (model, release) = line.release.unzip();
    api::Entry {
        seq: line.seq,
        time: line.at.to_string(),
        kind: line.entry.kind.to_string(),
        purse: line.entry.purse.to_string(),
        amount: words::signed(line.entry.nano),
        class: line.entry.class.map(|class| class.to_string()),
        model: model.map(|model| model.to_string()),
        release: release.map(|release| release.to_string()),
        call: line.call.map(|call| call.to_string()),
        transfer: line.transfer.map(|transfer| transfer.to_string()),
        reference: line.reference,
    }
}

/// `{month}`, and whether as CSV.
pub(crate) struct MonthPath {
    month: Month,
    csv: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for MonthPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<MonthPath, Refused> {
        let text: String = parameter(parts, "month", Code::NotFound).await?;
        let (month, csv) = text.strip_suffix(".csv").map_or((text.as_str(), false), |month| (month, true));
        let month = month.parse().map_err(|error: ledger::MonthError| {
            Problem::new(Code::InvalidRequest, error.to_string()).hint("the month of a statement stands in its path")
        })?;
        Ok(MonthPath { month, csv })
    }
}

/// `GET /api/v1/statements/{month}[.csv]`
pub(crate) async fn statement(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    MonthPath { month, csv }: MonthPath,
) -> Result<Response, Refused> {
    let statement = hub.statement(&caller, month).await?;
    let handle = caller.handle().to_string();
    if !csv {
        return Ok(Json(written(&statement, handle)).into_response());
    }
    let name = format!("attachment; filename=\"{handle}-{month}.csv\"");
    let name = HeaderValue::try_from(name).expect("handles and months are plain letters and digits");
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")), (CONTENT_DISPOSITION, name)];
    Ok((headers, table(&statement)).into_response())
}

fn written(statement: &Statement, account: String) -> api::Statement {
    let purses = |sums: Sums| api::Purses { cash: words::signed(sums.cash), promo: words::signed(sums.promo) };
    let total = |((kind, purse), (count, nano)): (&(ledger::EntryKind, ledger::Purse), &(u64, i64))| {
        let (kind, purse) = (kind.to_string(), purse.to_string());
        api::StatementTotal { kind, purse, count: *count, amount: words::signed(*nano) }
    };
    let item = |item: &DaySum| {
        let (model, release) = item.release.clone().unzip();
        api::StatementItem {
            day: Time::date(item.day),
            kind: item.kind.to_string(),
            purse: item.purse.to_string(),
            class: item.class.map(|class| class.to_string()),
            model: model.map(|model| model.to_string()),
            release: release.map(|release| release.to_string()),
            count: item.count,
            amount: words::signed(item.nano),
        }
    };
    api::Statement {
        account,
        month: statement.month.to_string(),
        complete: statement.complete,
        opening: purses(statement.opening),
        closing: purses(statement.closing),
        totals: statement.totals.iter().map(total).collect(),
        items: statement.items.iter().map(item).collect(),
    }
}

/// RFC 4180, with a line for what the month began with and one for what it ended with, of each purse. No field of ours
/// needs quotes: they are dates, words, names and numbers.
fn table(statement: &Statement) -> String {
    let mut table = "day,kind,purse,class,model,release,count,amount_opg\r\n".to_owned();
    let first = Time::date(statement.month.first_day());
    let last = Time::date(statement.month.next().first_day() - 1);
    let edge = |day: &str, kind: &str, sums: Sums| {
        let rows = [("cash", sums.cash), ("promo", sums.promo)];
        rows.map(|(purse, nano)| format!("{day},{kind},{purse},,,,,{}\r\n", words::signed(nano))).concat()
    };
    table += &edge(&first, "opening", statement.opening);
    for item in &statement.items {
        let (day, kind, purse) = (Time::date(item.day), item.kind, item.purse);
        let class = item.class.map_or("", Class::word);
        let (model, release) = item.release.clone().unzip();
        let (model, release) = (model.map(|m| m.to_string()), release.map(|r| r.to_string()));
        let (model, release) = (model.unwrap_or_default(), release.unwrap_or_default());
        let (count, amount) = (item.count, words::signed(item.nano));
        table += &format!("{day},{kind},{purse},{class},{model},{release},{count},{amount}\r\n");
    }
    table + &edge(&last, "closing", statement.closing)
}
