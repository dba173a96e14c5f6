//! The list of models.

use axum::Json;
use axum::extract::State;
use hub::{Hub, ListedModel};

use crate::extract::Page;
use crate::problem::Refused;

/// `GET /api/v1/models?cursor=&limit=`
pub(crate) async fn list(
    State(hub): State<Hub>,
    Page { cursor, limit }: Page,
) -> Result<Json<api::ListedModels>, Refused> {
    let offset = cursor.unwrap_or(0);
    let models = hub.listing(offset, limit).await?;
    let next = (models.len() as u64 == limit).then(|| offset.saturating_add(limit).to_string());
    Ok(Json(api::ListedModels { items: models.into_iter().map(listed).collect(), next }))
}

fn listed(ListedModel { release, totals, price, cost, verified }: ListedModel) -> api::ListedModel {
    api::ListedModel {
        model: release.model.name.to_string(),
        summary: release.summary,
        verified,
        task: release.task,
        price: price.to_string(),
        cost: cost.map(|cost| cost.to_string()),
        paid_calls: totals.paid_calls,
        creators_earned: totals.creators_earned.to_string(),
        latest: release.number.to_string(),
        yanked: release.yanked,
    }
}
