//! `GET /`: what there is.

use axum::extract::State;
use axum::response::Response;
use hub::{Hub, ListedModel};

use super::figures;
use crate::extract::{AnyCaller, Page};
use crate::problem::Refused;

/// The first page, or with `?cursor=` a further one of its list.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    page: Page,
) -> Result<Response, Refused> {
    let offset = page.cursor.unwrap_or(0);
    let models = hub.listing(offset, page.limit).await?;
    let totals = hub.totals().await?;
    let more = (models.len() as u64 == page.limit).then(|| {
        let limit = if page.limit == api::PAGE { String::new() } else { format!("&limit={}", page.limit) };
        format!("/?cursor={}{limit}", offset.saturating_add(page.limit))
    });
    Ok(super::html(web::home(&web::Home {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        figures: web::HomeFigures {
            models_listed: Some(totals.models),
            paid_to_creators: Some(totals.calls.creators_earned.to_string()),
            paid_calls: Some(totals.calls.paid_calls),
            paid_calls_succeeded: Some(figures::succeeded(&totals.calls)),
        },
        models: models.into_iter().map(row).collect(),
        more,
    })))
}

fn row(ListedModel { release, totals, price, .. }: ListedModel) -> web::ModelRow {
    web::ModelRow {
        owner: release.model.name.owner().to_string(),
        name: release.model.name.name().to_owned(),
        summary: release.summary,
        task: release.task,
        price: figures::price(&price),
        paid_calls: totals.paid_calls,
        creators_earned: totals.creators_earned.to_string(),
    }
}
