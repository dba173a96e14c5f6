//! `GET /`: what there is.

use axum::extract::State;
use axum::response::Response;
use hub::{By, Hub, Ranked, RankingWish};

use super::figures;
use crate::extract::AnyCaller;
use crate::problem::Refused;

/// Models of each list.
const SHOWN: u64 = 6;
/// Tasks that are linked.
const TASKS: usize = 12;

pub(crate) async fn show(State(hub): State<Hub>, AnyCaller(viewer): AnyCaller) -> Result<Response, Refused> {
    let (totals, lately) = (hub.totals().await?, hub.lately().await?);
    let shelves = vec![
        shelf(&hub, web::ShelfKind::New, hub.newest(SHOWN).await?),
        shelf(&hub, web::ShelfKind::Used, first(&hub, By::Payers).await?),
        shelf(&hub, web::ShelfKind::Earning, first(&hub, By::Earned).await?),
        shelf(&hub, web::ShelfKind::Rising, first(&hub, By::Rising).await?),
    ];
    let tasks = hub.tasks().await?;
    let task = |facet: &hub::Facet| web::TaskCount {
        task: facet.value.clone(),
        models: facet.count,
        link: format!("/search?task={}", web::segment(&facet.value)),
    };
    Ok(super::html(web::home(&web::Home {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        figures: web::HomeFigures {
            models_listed: Some(totals.models),
            paid_to_creators: Some(lately.creators_earned.to_string()),
            paid_calls: Some(lately.paid_calls),
            paid_calls_succeeded: Some(figures::succeeded(&lately)),
        },
        tasks: tasks.iter().take(TASKS).map(task).collect(),
        shelves,
    })))
}

async fn first(hub: &Hub, by: By) -> Result<Vec<Ranked>, Refused> {
    let wish = RankingWish { by, task: None, after: 0, limit: SHOWN };
    Ok(hub.ranking(&wish).await?.0)
}

fn shelf(hub: &Hub, kind: web::ShelfKind, ranked: Vec<Ranked>) -> web::Shelf {
    let rate = hub.settings().rate;
    let lately = |ranked: Ranked| {
        Some(web::Lately {
            model: figures::model_row(&ranked, rate)?,
            created: ranked.shown.repository.model.created.to_string(),
            payers: ranked.standing.payers,
            paid: ranked.standing.paid,
            earned: ranked.standing.earned.to_string(),
            week: ranked.standing.week,
            week_before: ranked.standing.week_before,
        })
    };
    web::Shelf { kind, models: ranked.into_iter().filter_map(lately).collect() }
}
