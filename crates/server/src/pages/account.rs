//! `/account` and what lies below it.

use axum::extract::{FromRequestParts, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hub::{Caller as Who, Earning, Hub, KeyRecord, Scope};
use ledger::{Class, KeyId, Month, Purse, Time};
use store::AccountKind;

use super::login::{Origin, see_other, to_login};
use super::{figures, moderation};
use crate::earnings::By;
use crate::extract::{AnyCaller, Caller, Incoming, Page};
use crate::hf::query::Fields;
use crate::keys::{KeyPath, wish};
use crate::problem::Refused;
use crate::signin::{PasskeyPath, WalletPath};
use crate::words::signed;

/// More than any of these forms has.
const MAX_FORM: usize = 64 * 1024;
/// How many statements are linked.
const MONTHS: usize = 12;
/// How many days a chart has.
const DAYS: i64 = 30;

/// Who is signed in; whoever is not is sent to where one signs in, and back.
pub(crate) struct Viewer(pub(super) Who);

impl FromRequestParts<Hub> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Viewer, Response> {
        match AnyCaller::from_request_parts(parts, hub).await {
            Ok(AnyCaller(Some(caller))) => Ok(Viewer(caller)),
            Ok(AnyCaller(None)) => {
                let uri: Uri = parts.uri.clone();
                Err(to_login(&uri))
            }
            Err(refused) => Err(refused.into_response()),
        }
    }
}

pub(super) fn frame(hub: &Hub, caller: &Who) -> web::Account {
    web::Account {
        chrome: super::chrome_for(hub, Some(caller)),
        handle: caller.handle().to_string(),
        operator: caller.account().kind == AccountKind::Hub,
    }
}

/// `GET /account`
pub(crate) async fn overview(State(hub): State<Hub>, Viewer(caller): Viewer) -> Result<Response, Refused> {
    let balance = hub.balance(&caller).await?;
    let (rate, cash) = (hub.settings().rate, balance.balance.available(Purse::Cash));
    let now = hub.now();
    let (models, more_models) = hub.own_models(&caller).await?;
    let model = |own: store::Shown| {
        let name = &own.repository.model.name;
        let release = own.release.as_ref();
        web::OwnModel {
            owner: name.owner().to_string(),
            name: name.name().to_owned(),
            release: release.map(|release| release.number.to_string()),
            price: release.map(|release| figures::price(&release.price_at(now))),
            marks: moderation::marks(&own.repository.model),
            paid_calls: own.totals.paid_calls,
            earned: own.totals.creators_earned.to_string(),
        }
    };
    let organisations = hub.memberships(&caller).await?;
    let some = |amount: ledger::Amount| (!amount.is_zero()).then(|| amount.to_string());
    Ok(super::html(web::overview(&web::Overview {
        account: frame(&hub, &caller),
        cash: cash.to_string(),
        promo: balance.balance.available(Purse::Promo).to_string(),
        held: balance.balance.held().to_string(),
        owed: some(balance.owed),
        cash_in_usd: rate.map(|rate| rate.opg_in_usd(cash)),
        models: models.into_iter().map(model).collect(),
        more_models,
        organisations: organisations
            .into_iter()
            .map(|of| (of.organisation.handle.to_string(), of.role.to_string()))
            .collect(),
    })))
}

const SCOPES: [(Scope, &str); 4] = [
    (Scope::Call, "run models, and pay for it"),
    (Scope::Read, "see balance, calls, private models"),
    (Scope::Publish, "upload and publish"),
    (Scope::Money, "set limits, make keys, refund"),
];

fn form(fields: Option<&Fields>) -> web::KeyForm {
    let said = |name| fields.and_then(|fields| fields.last(name)).unwrap_or_default().to_owned();
    let chosen = |scope: Scope| match fields {
        Some(fields) => fields.all("scopes").any(|word| word == scope.word()),
        None => scope == Scope::Call,
    };
    web::KeyForm {
        name: said("name"),
        scopes: SCOPES.map(|(scope, what)| (scope.word(), what, chosen(scope))).into(),
        max_cost: said("max_cost"),
        max_day: said("max_day"),
        max_month: said("max_month"),
        models: said("models"),
        days: said("days"),
        rate: said("rate"),
    }
}

async fn keys_view(hub: &Hub, caller: &Who) -> Result<web::Keys, Refused> {
    hub.note_used().await;
    let now = hub.now();
    let good = |key: &KeyRecord| key.revoked.is_none() && key.expires.is_none_or(|at| at > now);
    Ok(web::Keys {
        account: frame(hub, caller),
        keys: hub.list_keys(caller).await?.iter().rev().filter(|key| good(key)).map(|key| key_row(key, now)).collect(),
        fresh: None,
        wrong: None,
        form: form(None),
        url: hub.options().public_url.clone(),
    })
}

fn key_row(key: &KeyRecord, now: Time) -> web::KeyRow {
    let limit = |amount: Option<ledger::Amount>, what: &str| amount.map(|amount| format!("{amount} OPG a {what}"));
    let limits = [limit(key.limits.call, "call"), limit(key.limits.day, "day"), limit(key.limits.month, "month")];
    let rate = key.rate.map(|rate| format!("{rate} calls"));
    let models = key.models.iter().flatten().map(ToString::to_string);
    web::KeyRow {
        id: key.id.to_string(),
        name: key.name.clone(),
        scopes: key.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(", "),
        bounds: limits.into_iter().flatten().chain(rate).chain(models).collect(),
        created: key.created.to_string(),
        used: key.used.map(|at| at.to_string()),
        expires: key.expires.map(|at| at.to_string()),
        old_until: key.old_until.filter(|at| *at > now).map(|at| at.to_string()),
    }
}

/// `GET /account/keys`
pub(crate) async fn keys(State(hub): State<Hub>, Viewer(caller): Viewer) -> Result<Response, Refused> {
    Ok(super::html(web::keys(&keys_view(&hub, &caller).await?)))
}

/// `POST /account/keys`
pub(crate) async fn make_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let some = |name: &str| fields.last(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let models: Vec<String> =
        some("models").iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    let days = some("days").map(|text| text.parse::<u32>().map_err(|_| text)).transpose();
    let made = match days {
        Err(text) => Err(Refused::from(hub::Error::Invalid {
            what: "days",
            value: text.chars().take(40).collect(),
            rule: "a whole number, or nothing".to_owned(),
        })),
        Ok(expires_in_days) => {
            let asked = api::NewKey {
                name: some("name").unwrap_or_default(),
                scopes: fields.all("scopes").map(str::to_owned).collect(),
                models: (!models.is_empty()).then_some(models),
                max_cost: some("max_cost"),
                max_day: some("max_day"),
                max_month: some("max_month"),
                rate: some("rate"),
                expires_in_days,
            };
            match wish(asked) {
                Ok(wish) => hub.create_key(&caller, wish).await.map_err(Refused::from),
                Err(refused) => Err(refused),
            }
        }
    };
    let mut view = keys_view(&hub, &caller).await?;
    match made {
        Ok(fresh) => {
            view.fresh = Some(fresh_key(&fresh, None));
            Ok(super::html(web::keys(&view)))
        }
        Err(refused) => {
            let problem = refused.into_problem();
            view.form = form(Some(&fields));
            view.wrong = Some(super::sentence(&problem));
            Ok((Refused::status(problem.code), super::html(web::keys(&view))).into_response())
        }
    }
}

/// `POST /account/keys/{key}/revoke`
pub(crate) async fn revoke_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(key): KeyPath,
) -> Result<Response, Refused> {
    hub.revoke_key(&caller, key).await?;
    Ok(see_other("/account/keys"))
}

/// `POST /account/keys/{key}/rotate`
pub(crate) async fn rotate_key(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(key): KeyPath,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let hours = fields.last("hours").unwrap_or_default();
    let rotated = match hours.parse() {
        Ok(hours) => hub.rotate_key(&caller, key, hours).await.map_err(Refused::from),
        Err(_) => Err(Refused::from(hub::Error::Invalid {
            what: "hours",
            value: hours.chars().take(40).collect(),
            rule: "a whole number".to_owned(),
        })),
    };
    let mut view = keys_view(&hub, &caller).await?;
    match rotated {
        Ok(fresh) => {
            view.fresh = Some(fresh_key(&fresh, fresh.record.old_until));
            Ok(super::html(web::keys(&view)))
        }
        Err(refused) => {
            let problem = refused.into_problem();
            view.wrong = Some(super::sentence(&problem));
            Ok((Refused::status(problem.code), super::html(web::keys(&view))).into_response())
        }
    }
}

/// A secret that is shown once, and until when the one before it is good.
fn fresh_key(fresh: &hub::FreshKey, old_until: Option<Time>) -> web::FreshKey {
    web::FreshKey {
        name: fresh.record.name.clone(),
        secret: fresh.secret.clone(),
        old_until: old_until.map(|at| at.to_string()),
    }
}

/// `GET /account/calls`
pub(crate) async fn calls(State(hub): State<Hub>, Viewer(caller): Viewer, page: Page) -> Result<Response, Refused> {
    let lines = hub.calls(&caller, page.cursor, page.limit).await?;
    let more = lines.last().filter(|_| lines.len() as u64 == page.limit);
    let more = more.map(|line| format!("/account/calls?cursor={}", line.seq));
    let row = |line: hub::CallLine| {
        let call = &line.call;
        let took = call.queue_us.saturating_add(call.engine_us);
        web::CallRow {
            id: call.id.to_string(),
            at: call.finished.to_string(),
            model: (line.model.owner().to_string(), line.model.name().to_owned()),
            release: line.release.to_string(),
            class: call.class.to_string(),
            outcome: call.outcome.to_string(),
            answered: call.outcome == ledger::Outcome::Ok,
            cost: call.cost.to_string(),
            took_ms: format!("{}.{}", took / 1_000, took % 1_000 / 100),
            cold: call.cold,
        }
    };
    let calls = lines.into_iter().map(row).collect();
    Ok(super::html(web::calls(&web::Calls { account: frame(&hub, &caller), calls, more })))
}

/// `GET /account/money`
pub(crate) async fn money(State(hub): State<Hub>, Viewer(caller): Viewer, page: Page) -> Result<Response, Refused> {
    let lines = hub.entries(&caller, page.cursor, page.limit).await?;
    let mut rows: Vec<_> = lines.iter().map(|line| line.seq).collect();
    rows.dedup();
    let more = rows.last().filter(|_| rows.len() as u64 == page.limit);
    let more = more.map(|seq| format!("/account/money?cursor={seq}"));
    let entry = |line: hub::EntryLine| web::EntryRow {
        at: line.at.to_string(),
        kind: line.entry.kind.to_string(),
        model: line
            .release
            .map(|(model, release)| (model.owner().to_string(), model.name().to_owned(), release.to_string())),
        reference: line.reference,
        purse: line.entry.purse.to_string(),
        amount: signed(line.entry.nano),
        call: line.call.map(|call| call.to_string()),
    };
    Ok(super::html(web::money(&web::MoneyPage {
        account: frame(&hub, &caller),
        entries: lines.into_iter().map(entry).collect(),
        more,
        months: months(hub.now(), caller.account().created),
    })))
}

/// The months since an account was made, newest first.
fn months(now: Time, created: Time) -> Vec<String> {
    let first = Month::of_day(created.day());
    let mut month = Month::of_day(now.day());
    let mut months = Vec::new();
    while month >= first && months.len() < MONTHS {
        months.push(month.to_string());
        // The day before its first one is of the month before.
        let before = Month::of_day(month.first_day() - 1);
        if before >= month {
            break;
        }
        month = before;
    }
    months
}

/// `GET /account/earnings?by=`
pub(crate) async fn earnings(
    State(hub): State<Hub>,
    Viewer(caller): Viewer,
    fields: Fields,
) -> Result<Response, Refused> {
    let by = By::read(fields.last("by"))?;
    let earned = hub.earnings(&caller).await?;
    let lines = match by {
        By::Payer => crate::earnings::payers(&hub, &caller).await?,
        by => by.sum(&earned.items),
    };
    let days = days(&earned.items, hub.now().day());
    let [paid, trial, own] = [earned.paid, earned.trial, earned.own].map(signed);
    Ok(super::html(web::earnings(&web::Earnings {
        account: frame(&hub, &caller),
        paid,
        trial,
        own,
        by: By::ALL.map(|(word, name, which)| (word, name, which == by)).into(),
        lines: lines.into_iter().take(1_000).map(earning_row).collect(),
        days,
    })))
}

fn earning_row(line: api::Earning) -> web::EarningRow {
    let release = line.release.map(|release| format!(" {release}")).unwrap_or_default();
    let of = line.payer.or(line.day).map(|first| format!("{first} ")).unwrap_or_default();
    let model = line.model.clone().unwrap_or_default();
    let label = format!("{of}{model}{release}");
    web::EarningRow {
        label: if label.trim().is_empty() { "all models".to_owned() } else { label.trim().to_owned() },
        model: line.model.and_then(|model| model.split_once('/').map(|(o, n)| (o.to_owned(), n.to_owned()))),
        class: line.class,
        purse: line.purse,
        kind: line.kind,
        calls: line.calls,
        amount: line.amount,
    }
}

/// What came from others' cash on each of the last days. Days on which more was given back show nothing.
fn days(earned: &[Earning], today: i64) -> Vec<web::Bar> {
    let on = |day: i64| {
        let of_day = earned.iter().filter(|item| item.day == day && item.class == Class::Paid);
        of_day.map(|item| i128::from(item.nano)).sum::<i128>().clamp(0, i64::MAX.into())
    };
    let bar = |day: i64| {
        let nano = i64::try_from(on(day)).unwrap_or(i64::MAX);
        web::Bar { label: Time::date(day), value: nano.unsigned_abs(), amount: signed(nano) }
    };
    ((today - DAYS + 1)..=today).map(bar).collect()
}

async fn ways_view(hub: &Hub, caller: &Who, origin: &str) -> Result<web::Ways, Refused> {
    hub.note_used().await;
    let ways = hub.ways(caller).await?;
    let text = |at: Option<Time>| at.map(|at| at.to_string());
    Ok(web::Ways {
        account: frame(hub, caller),
        passkeys: ways
            .passkeys
            .into_iter()
            .map(|one| (crate::signin::hex(&one.id), one.name, one.created.to_string(), text(one.used)))
            .collect(),
        wallets: ways
            .wallets
            .into_iter()
            .map(|one| (hub::Address(one.address).to_string(), one.created.to_string(), text(one.used)))
            .collect(),
        sessions: hub
            .sessions(caller)
            .await?
            .into_iter()
            .map(|one| {
                let here = one.id == caller.key();
                (one.id.to_string(), one.name, one.created.to_string(), text(one.used), here)
            })
            .collect(),
        passkeys_here: match hub.passkeys() {
            Ok(site) if site.origin() == origin => Ok(None),
            Ok(site) => Ok(Some(site.origin())),
            Err(why) => Err(why.to_string()),
        },
        wrong: None,
    })
}

/// `GET /account/signin`
pub(crate) async fn ways(
    State(hub): State<Hub>,
    Viewer(caller): Viewer,
    Origin(origin): Origin,
) -> Result<Response, Refused> {
    Ok(super::html(web::ways(&ways_view(&hub, &caller, &origin).await?)))
}

/// The page again, with what was wrong.
async fn ways_after(hub: &Hub, caller: &Who, origin: &str, done: Result<(), hub::Error>) -> Result<Response, Refused> {
    let Err(error) = done else { return Ok(see_other("/account/signin")) };
    let problem = Refused::from(error).into_problem();
    let mut view = ways_view(hub, caller, origin).await?;
    view.wrong = Some(super::sentence(&problem));
    Ok((Refused::status(problem.code), super::html(web::ways(&view))).into_response())
}

/// `POST /account/passkeys/{passkey}/remove`
pub(crate) async fn remove_passkey(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Origin(origin): Origin,
    passkey: PasskeyPath,
) -> Result<Response, Refused> {
    let done = hub.remove_passkey(&caller, passkey.id()).await;
    ways_after(&hub, &caller, &origin, done).await
}

/// `POST /account/wallets/{wallet}/remove`
pub(crate) async fn remove_wallet(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Origin(origin): Origin,
    wallet: WalletPath,
) -> Result<Response, Refused> {
    let done = hub.remove_wallet(&caller, wallet.address()).await;
    ways_after(&hub, &caller, &origin, done).await
}

/// `POST /account/sessions/{key}/end`
pub(crate) async fn end_session(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(session): KeyPath,
) -> Result<Response, Refused> {
    let own: KeyId = caller.key();
    hub.end_session(&caller, session).await?;
    Ok(see_other(if session == own { "/login" } else { "/account/signin" }))
}
