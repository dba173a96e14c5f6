//! A model's history, in the words of these clients.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use hub::{CommitRecord, Hub, Ref, RefKind};
use serde_json::{Value, json};

use crate::extract::AnyCaller;
use crate::hf::base::Base;
use crate::hf::error::Refusal;
use crate::hf::path::{Place, next_page};
use crate::hf::query::Fields;

/// Commits of a page.
const PAGE: u64 = 100;

/// `GET /api/models/{owner}/{name}/commits/{revision}`
pub(crate) async fn log(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Base(base): Base,
    Place { model, revision, .. }: Place,
    fields: Fields,
) -> Result<(HeaderMap, Json<Vec<Value>>), Refusal> {
    let limit = fields.number("limit")?.unwrap_or(PAGE).clamp(1, PAGE);
    let commits = hub.log(viewer.as_ref(), &model, &revision, fields.number("before")?, limit).await?;
    // What comes before a commit never changes, wherever the branch is by then.
    let next = commits.last().filter(|_| commits.len() as u64 == limit).and_then(|last| {
        let (before, commit) = (last.parent?, commits.first()?.id);
        let fields = fields.with("before", &before.to_string());
        Some(format!("{base}/api/models/{model}/commits/{commit}?{fields}"))
    });
    Ok((next_page(next), Json(commits.iter().map(told).collect())))
}

fn told(commit: &CommitRecord) -> Value {
    json!({
        "id": commit.id,
        "title": commit.title,
        "message": commit.message,
        "date": commit.at.to_string(),
        "authors": [{"user": commit.author}],
    })
}

/// `GET /api/models/{owner}/{name}/refs`
pub(crate) async fn refs(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Place { model, .. }: Place,
) -> Result<Json<Value>, Refusal> {
    let refs = hub.refs(viewer.as_ref(), &model).await?;
    let yanked = hub.yanked(viewer.as_ref(), &model).await?;
    let of = |kind: RefKind, folder: &str| -> Value {
        let told = |found: &Ref| {
            let (name, commit) = (&found.name, found.commit);
            let mut told = json!({"name": name, "ref": format!("refs/{folder}/{name}"), "targetCommit": commit});
            // Clients read over what they do not know.
            let yanked =
                yanked.iter().find(|(release, _)| kind == RefKind::Tag && release.to_string() == name.as_str());
            if let Some((_, reason)) = yanked {
                told["yanked"] = reason.as_str().into();
            }
            told
        };
        refs.iter().filter(|found| found.kind == kind).map(told).collect()
    };
    let (branches, tags) = (of(RefKind::Branch, "heads"), of(RefKind::Tag, "tags"));
    Ok(Json(json!({"branches": branches, "tags": tags, "converts": [], "pullRequests": []})))
}
