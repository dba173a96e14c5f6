//! What an account sees of itself.

use std::collections::BTreeMap;

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use hub::Hub;
use ledger::Amount;
use serde::Deserialize;
use store::Earning;

use crate::edge::clip;
use crate::extract::{Caller, Query};
use crate::problem::Refused;
use crate::words;

/// `GET /api/v1/account`
pub(crate) async fn show(Caller(caller): Caller) -> Json<api::Account> {
    let account = caller.account();
    Json(api::Account {
        handle: account.handle.to_string(),
        account: account.id.to_string(),
        kind: account.kind.to_string(),
        scopes: caller.scopes().iter().map(ToString::to_string).collect(),
        key: caller.key().to_string(),
    })
}

/// `GET /api/v1/balance`
pub(crate) async fn balance(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Json<api::Balance>, Refused> {
    Ok(Json(words::balance(&hub.balance(&caller)?)))
}

#[derive(Deserialize)]
pub(crate) struct Grouping {
    by: Option<String>,
}

/// `GET /api/v1/earnings?by=model|release|day`
pub(crate) async fn earnings(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Query(Grouping { by }): Query<Grouping>,
) -> Result<Json<api::Earnings>, Refused> {
    let by = By::read(by.as_deref())?;
    let earned = hub.earnings(&caller).await?;
    let [paid, trial, own] = [earned.paid, earned.trial, earned.own].map(|amount| amount.to_string());
    Ok(Json(api::Earnings { items: by.sum(&earned.items), totals: api::EarningSums { paid, trial, own }, next: None }))
}

/// What the lines of earnings stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Model,
    Release,
    Day,
}

impl By {
    fn read(text: Option<&str>) -> Result<By, Refused> {
        match text {
            None | Some("model") => Ok(By::Model),
            Some("release") => Ok(By::Release),
            Some("day") => Ok(By::Day),
            Some(other) => {
                let message = format!("by is \"{}\"; expected model, release or day", clip(other));
                Err(Problem::new(Code::InvalidRequest, message).into())
            }
        }
    }

    /// One line for each model (and release, and day) of each class, purse and role: kinds of money never mix.
    fn sum(self, earnings: &[Earning]) -> Vec<api::Earning> {
        let mut sums: BTreeMap<_, (u64, Amount)> = BTreeMap::new();
        for earning in earnings {
            let release = (self != By::Model).then_some(earning.release);
            // Newest first, for those who look at days.
            let day = (self == By::Day).then_some(std::cmp::Reverse(earning.day));
            let kind = (earning.class, words::purse(earning.purse), words::role(earning.role));
            let line = sums.entry((day, &earning.model, release, kind)).or_default();
            line.0 = line.0.saturating_add(earning.calls);
            line.1 = line.1.checked_add(earning.amount).unwrap_or(Amount::MAX);
        }
        let item = |((day, model, release, (class, purse, role)), (calls, amount)): (_, (u64, Amount))| {
            let (day, model, release): (Option<std::cmp::Reverse<i64>>, &registry::ModelName, Option<_>) =
                (day, model, release);
            let (class, purse, role): (ledger::Class, &str, &str) = (class, purse, role);
            api::Earning {
                model: model.to_string(),
                release: release.map(|release: registry::ReleaseNumber| release.to_string()),
                day: day.map(|day| words::day(day.0)),
                class: class.to_string(),
                purse: purse.to_owned(),
                role: role.to_owned(),
                calls,
                amount: amount.to_string(),
            }
        };
        sums.into_iter().map(item).collect()
    }
}
