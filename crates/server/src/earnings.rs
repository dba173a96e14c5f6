//! What an account earned.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use hub::{Caller as Who, Earning, Hub, PayerLine};
use ledger::{Class, EntryKind, Purse, Time};
use registry::{ModelName, ReleaseNumber};
use serde::Deserialize;

use crate::edge::clip;
use crate::extract::{Caller, Page, Query};
use crate::problem::Refused;
use crate::words;

#[derive(Deserialize)]
pub(crate) struct Grouping {
    by: Option<String>,
}

/// `GET /api/v1/earnings?by=model|release|day|class|payer&cursor=&limit=`
pub(crate) async fn show(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Query(Grouping { by }): Query<Grouping>,
    Page { cursor, limit }: Page,
) -> Result<Json<api::Earnings>, Refused> {
    let by = By::read(by.as_deref())?;
    let earned = hub.earnings(&caller).await?;
    let [paid, trial, own] = [earned.paid, earned.trial, earned.own].map(words::signed);
    let items = match by {
        By::Payer => payers(&hub, &caller).await?,
        by => by.sum(&earned.items),
    };
    // A cursor counts the lines before it: there are few, and what they come to changes with every call anyway.
    let offset = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
    let end = offset.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = (end < items.len()).then(|| end.to_string());
    let items = items.into_iter().skip(offset).take(end - offset).collect();
    Ok(Json(api::Earnings { items, totals: api::EarningSums { paid, trial, own }, next }))
}

pub(crate) async fn payers(hub: &Hub, caller: &Who) -> Result<Vec<api::Earning>, Refused> {
    let line = |line: PayerLine| api::Earning {
        model: Some(line.model.to_string()),
        release: Some(line.release.to_string()),
        day: None,
        payer: Some(line.payer),
        class: line.class.to_string(),
        purse: line.purse.to_string(),
        kind: EntryKind::from(line.role).to_string(),
        calls: line.calls,
        amount: line.amount.to_string(),
    };
    Ok(hub.payers(caller).await?.into_iter().map(line).collect())
}

/// What the lines of earnings stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Model,
    Release,
    Day,
    Class,
    Payer,
}

/// One line: the day newest first, for those who look at days. Kinds of money never mix.
type Line<'a> = (Option<Reverse<i64>>, Option<&'a ModelName>, Option<ReleaseNumber>, (Class, Purse, EntryKind));

impl By {
    /// The words, and what they are called.
    pub(crate) const ALL: [(&str, &str, By); 5] = [
        ("model", "Model", By::Model),
        ("release", "Release", By::Release),
        ("day", "Day", By::Day),
        ("class", "Class", By::Class),
        ("payer", "Payer", By::Payer),
    ];

    pub(crate) fn read(text: Option<&str>) -> Result<By, Refused> {
        match text {
            None | Some("model") => Ok(By::Model),
            Some("release") => Ok(By::Release),
            Some("day") => Ok(By::Day),
            Some("class") => Ok(By::Class),
            Some("payer") => Ok(By::Payer),
            Some(other) => {
                let message = format!("by is \"{}\"; expected model, release, day, class or payer", clip(other));
                Err(Problem::new(Code::InvalidRequest, message).into())
            }
        }
    }

    /// One line for each model (and release, and day) of each class, purse and kind.
    pub(crate) fn sum(self, earnings: &[Earning]) -> Vec<api::Earning> {
        let mut sums: BTreeMap<Line<'_>, (u64, i64)> = BTreeMap::new();
        for earning in earnings {
            let day = (self == By::Day).then_some(Reverse(earning.day));
            let model = (self != By::Class).then_some(&earning.model);
            let release = matches!(self, By::Release | By::Day).then_some(earning.release);
            let kind = (earning.class, earning.purse, earning.kind);
            let line = sums.entry((day, model, release, kind)).or_default();
            line.0 = line.0.saturating_add(earning.calls);
            line.1 = line.1.saturating_add(earning.nano);
        }
        let item =
            |((day, model, release, (class, purse, kind)), (calls, nano)): (Line<'_>, (u64, i64))| api::Earning {
                model: model.map(ToString::to_string),
                release: release.map(|release| release.to_string()),
                day: day.map(|day| Time::date(day.0)),
                payer: None,
                class: class.to_string(),
                purse: purse.to_string(),
                kind: kind.to_string(),
                calls,
                amount: words::signed(nano),
            };
        sums.into_iter().map(item).collect()
    }
}
