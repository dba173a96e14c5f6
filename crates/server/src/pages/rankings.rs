//! `GET /rankings`: models in an order. All of its state stands in the address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hub::{By, Hub, MIN_TRIED, Ranked, RankingWish, lower_bound};
use ledger::Amount;

use super::figures;
use crate::extract::{AnyCaller, Page};
use crate::hf::error::Whole;
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::rankings::wish;

/// Models of a page.
const SHOWN: u64 = 50;

pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    page: Page,
    fields: Fields,
) -> Result<Response, Refused> {
    let chrome = super::chrome_for(&hub, viewer.as_ref());
    let asked = wish(&Page { limit: page.limit.min(SHOWN), ..page }, &fields);
    let (asked, wrong) = match asked {
        Ok(asked) => (asked, None),
        // What is wrong is said where it can be put right.
        Err(refused) => {
            let wish = RankingWish { by: By::Payers, task: None, after: 0, limit: 0 };
            (wish, Some(refused.problem().message.clone()))
        }
    };
    let refused = wrong.is_some();
    let (ranked, next) = hub.ranking(&asked).await?;
    let rate = hub.settings().rate;
    let link = |by: By, cursor: Option<u64>| address("/rankings", by, asked.task.as_deref(), cursor, &[]);
    let raw = asked.by == By::Raw;
    let download = |format: &str| {
        let more = [("format", format), ("limit", "1000")];
        address("/api/v1/rankings", asked.by, asked.task.as_deref(), None, &more)
    };
    let view = web::Rankings {
        chrome,
        tasks: tasks(&hub, asked.task.as_deref()),
        orders: By::ALL
            .iter()
            .map(|by| web::Choice {
                value: by.word().to_owned(),
                label: words(*by).to_owned(),
                chosen: *by == asked.by,
            })
            .collect(),
        classes: [
            web::OrderLink { label: "Paid calls", link: link(By::Payers, None), chosen: !raw },
            web::OrderLink { label: "All classes", link: link(By::Raw, None), chosen: raw },
        ],
        by: words(asked.by),
        wrong,
        models: ranked.into_iter().filter_map(|ranked| row(ranked, rate)).collect(),
        raw,
        rising: asked.by == By::Rising,
        csv: download("csv"),
        json: download("json"),
        more: next.map(|next| link(asked.by, Some(next))),
        task: asked.task,
    };
    let mut response = super::html(web::rankings(&view));
    if refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Whole);
    }
    Ok(response)
}

fn words(by: By) -> &'static str {
    match by {
        By::Payers => "By paying accounts",
        By::Paid => "By paid calls",
        By::Raw => "By all calls, whoever paid",
        By::Earned => "By what creators earned",
        By::Success => "By how surely they answer",
        By::Speed => "By how fast they answer",
        By::Price => "By price, the cheapest paid first",
        By::Rising => "By how fast they rise",
    }
}

/// All tasks, then those that models have which were called; the chosen one in any case.
fn tasks(hub: &Hub, chosen: Option<&str>) -> Vec<web::Choice> {
    let mut known: Vec<String> = hub.ranked_tasks().into_iter().map(|(task, _)| task).collect();
    if let Some(task) = chosen.filter(|task| !known.iter().any(|known| known == task)) {
        known.push(task.to_owned());
    }
    let all = web::Choice { value: String::new(), label: "All".to_owned(), chosen: chosen.is_none() };
    let choice = |task: String| web::Choice { chosen: chosen == Some(&task), label: task.clone(), value: task };
    std::iter::once(all).chain(known.into_iter().map(choice)).collect()
}

fn address(path: &str, by: By, task: Option<&str>, cursor: Option<u64>, more: &[(&str, &str)]) -> String {
    let cursor = cursor.map(|cursor| cursor.to_string());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(task.map(|task| ("task", task)));
    query.extend_pairs((by != By::Payers).then(|| ("by", by.word())));
    query.extend_pairs(cursor.as_ref().map(|cursor| ("cursor", cursor.as_str())));
    let query = query.extend_pairs(more).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn row(ranked: Ranked, rate: Option<ledger::Rate>) -> Option<web::RankedRow> {
    let standing = ranked.standing.clone();
    let tenths = lower_bound(standing.paid, standing.tried) / 1_000;
    let average = standing.spent.nano().checked_div(i64::try_from(standing.paid).ok()?).filter(|_| standing.paid > 0);
    Some(web::RankedRow {
        place: ranked.place,
        model: figures::model_row(&ranked, rate)?,
        payers: standing.payers,
        paid: standing.paid,
        trial: standing.trial,
        own: standing.own,
        free: standing.free,
        succeeded: web::Ratio { part: standing.paid.min(standing.tried), whole: standing.tried },
        at_least: (standing.tried >= MIN_TRIED).then(|| format!("{}.{}", tenths / 10, tenths % 10)),
        p95: standing.p95_us.map(figures::duration),
        average: average.and_then(|nano| Amount::from_nano(nano).ok()).map(|average| average.to_string()),
        earned: standing.earned.to_string(),
        week: standing.week,
        week_before: standing.week_before,
    })
}
