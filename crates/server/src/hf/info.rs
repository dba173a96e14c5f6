//! What a model is, in the words of these clients.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use hub::{Described, Hub, card_words, task_of};
use registry::{Access, Digest, File, GitOid, RestrictionKind, pointer_size};
use serde_json::{Map, Value, json};

use crate::extract::AnyCaller;
use crate::hf::error::Refusal;
use crate::hf::path::Place;
use crate::hf::query::Fields;
use crate::hf::security;

/// Small files of a commit that together have more bytes are told without their names in git, which may have to be
/// computed first.
const MAX_NAMED_BYTES: u64 = 1024 * 1024 * 1024;

/// What was found in a model's files.
const SECURITY: &str = "securityRepoStatus";

/// `GET /api/models/{owner}/{name}[/revision/{revision}]`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Place { model, revision, .. }: Place,
    fields: Fields,
) -> Result<Json<Value>, Refusal> {
    let snapshot = hub.snapshot(viewer.as_ref(), &model, &revision).await?;
    let card = hub.card(&snapshot).await?;
    let files = snapshot.tree.files();
    let oids = match fields.is("blobs") {
        true if small_bytes(files) <= MAX_NAMED_BYTES => Some(hub.git_oids(files).await?),
        true => Some(HashMap::new()),
        false => None,
    };
    let described = Described { snapshot, card };
    let mut told = told(&described, true);
    told.insert("siblings".to_owned(), siblings(described.snapshot.tree.files(), oids.as_ref()));
    if fields.is("securityStatus") || fields.all("expand").any(|field| field == SECURITY) {
        let view = hub.scan_of(described.snapshot).await?;
        told.insert(SECURITY.to_owned(), security::of_model(&view));
    }
    Ok(Json(chosen(told, &fields)))
}

/// How much would have to be read to name all of these as git does.
pub(crate) fn small_bytes(files: &[File]) -> u64 {
    files.iter().filter(|file| !file.is_large()).fold(0, |sum, file| sum.saturating_add(file.size))
}

/// A model without its files.
pub(crate) fn told(Described { snapshot, card }: &Described, card_data: bool) -> Map<String, Value> {
    let repository = &snapshot.repository;
    let gated = match repository.access {
        Access::Open => Value::Bool(false),
        Access::Gated if repository.automatic => "auto".into(),
        // Sealed weights are let out by nobody; these clients have no other word for that.
        Access::Sealed | Access::Gated => "manual".into(),
    };
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    let name = repository.model.name.to_string();
    tell("id", name.clone().into());
    tell("modelId", name.into());
    tell("author", repository.model.name.owner().to_string().into());
    tell("sha", snapshot.commit.id.to_string().into());
    tell("private", repository.model.private.into());
    tell("gated", gated);
    let disabled = repository.model.restriction.as_ref().is_some_and(|found| found.kind == RestrictionKind::TakenDown);
    tell("disabled", disabled.into());
    tell("createdAt", repository.model.created.to_string().into());
    tell("lastModified", repository.changed.to_string().into());
    tell("tags", card_words(card).into());
    if let Some(task) = task_of(card) {
        tell("pipeline_tag", task.into());
    }
    if let Some(library) = card.data.get("library_name").and_then(Value::as_str) {
        tell("library_name", library.into());
    }
    if card_data && !card.data.is_empty() {
        tell("cardData", card.data.clone().into());
    }
    told
}

pub(crate) fn siblings(files: &[File], oids: Option<&HashMap<Digest, GitOid>>) -> Value {
    let told = |file: &File| {
        let mut told = json!({"rfilename": file.path});
        let Some(oids) = oids else { return told };
        told["size"] = file.size.into();
        if let Some(oid) = oids.get(&file.sha256) {
            told["blobId"] = oid.to_string().into();
        }
        if file.is_large() {
            let pointer = pointer_size(file.sha256, file.size);
            told["lfs"] = json!({"sha256": file.sha256, "size": file.size, "pointerSize": pointer});
        }
        told
    };
    files.iter().map(told).collect()
}

/// With `expand`, which may repeat: its id and those fields alone.
pub(crate) fn chosen(mut told: Map<String, Value>, fields: &Fields) -> Value {
    let wanted: Vec<&str> = fields.all("expand").collect();
    if !wanted.is_empty() {
        told.retain(|name, _| name == "id" || name == "modelId" || wanted.contains(&name.as_str()));
    }
    told.into()
}
