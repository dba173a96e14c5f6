//! Models in an order: what is asked for, and the answer in JSON or as CSV. The page asks the same (`pages/rankings.rs`).

use api::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hub::{By, Hub, Ranked, RankingWish};

use crate::edge::clip;
use crate::extract::Page;
use crate::hf::query::Fields;
use crate::problem::Refused;

/// `GET /api/v1/rankings?task=&by=&format=&cursor=&limit=`
pub(crate) async fn list(State(hub): State<Hub>, page: Page, fields: Fields) -> Result<Response, Refused> {
    let wish = wish(&page, &fields)?;
    let as_csv = match fields.last("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => {
            let message = format!("format is \"{}\"; expected json or csv", clip(other));
            return Err(Problem::new(Code::InvalidRequest, message).into());
        }
    };
    let (ranked, next) = hub.ranking(&wish).await?;
    let items: Vec<api::RankedModel> = ranked.into_iter().map(told).collect();
    if as_csv {
        let csv = [
            (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
            (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"rankings.csv\"")),
        ];
        return Ok((csv, written(&items)).into_response());
    }
    let next = next.map(|next| next.to_string());
    Ok(Json(api::Rankings { by: wish.by.word().to_owned(), task: wish.task, items, next }).into_response())
}

/// What is asked for. Fields without a value ask for nothing, as forms send them.
pub(crate) fn wish(page: &Page, fields: &Fields) -> Result<RankingWish, Refused> {
    let unknown = |word: &str| {
        let words: Vec<&str> = By::ALL.iter().map(|by| by.word()).collect();
        let message = format!("by is \"{}\"; expected one of {}", clip(word), words.join(", "));
        Refused::from(Problem::new(Code::InvalidRequest, message))
    };
    let by = fields.last("by").map(|word| By::from_word(word).ok_or_else(|| unknown(word))).transpose()?;
    let task = fields.last("task").map(str::trim).filter(|task| !task.is_empty());
    Ok(RankingWish {
        by: by.unwrap_or(By::Payers),
        task: task.map(str::to_owned),
        after: page.cursor.unwrap_or(0),
        limit: page.limit,
    })
}

fn told(Ranked { place, shown, price, cost, standing }: Ranked) -> api::RankedModel {
    api::RankedModel {
        place,
        model: shown.repository.model.name.to_string(),
        task: shown.release.as_ref().and_then(|release| release.task.clone()),
        price: price.to_string(),
        cost: cost.map(|cost| cost.to_string()),
        payers: standing.payers,
        paid: standing.paid,
        trial: standing.trial,
        own: standing.own,
        free: standing.free,
        tried: standing.tried,
        spent: standing.spent.to_string(),
        earned: standing.earned.to_string(),
        week: standing.week,
        week_payers: standing.payers_week,
        week_before: standing.week_before,
        p95_us: standing.p95_us,
    }
}

const COLUMNS: &str = "place,model,task,price,cost_opg,payers,paid,trial,own,free,tried,spent_opg,earned_opg,week,week_payers,week_before,p95_us\r\n";

fn written(items: &[api::RankedModel]) -> String {
    let mut csv = COLUMNS.to_owned();
    for item in items {
        let text = |text: &Option<String>| text.as_deref().map(field).unwrap_or_default();
        let p95 = item.p95_us.map(|us| us.to_string()).unwrap_or_default();
        let fields = [
            item.place.to_string(),
            field(&item.model),
            text(&item.task),
            field(&item.price),
            text(&item.cost),
            item.payers.to_string(),
            item.paid.to_string(),
            item.trial.to_string(),
            item.own.to_string(),
            item.free.to_string(),
            item.tried.to_string(),
            item.spent.clone(),
            item.earned.clone(),
            item.week.to_string(),
            item.week_payers.to_string(),
            item.week_before.to_string(),
            p95,
        ];
        csv.push_str(&fields.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// A stranger's text as a field (RFC 4180). What a spreadsheet would run is text to it.
fn field(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if runs { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_or_split_is_one_text() {
        for (text, written) in [
            ("text-classification", "text-classification"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("two\nlines", "\"two\nlines\""),
            ("-1", "'-1"),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
