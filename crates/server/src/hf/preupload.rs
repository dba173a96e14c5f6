//! Before an upload: what is here already, which way the rest should come, and whether the card can be read.

use api::{Code, Problem};
use axum::Extension;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hub::{Error, Hub};
use registry::{Card, Digest, File, FilePath};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::Whole;
use super::path::Place;
use crate::edge::clip;
use crate::extract::{Caller, Json};
use crate::problem::Refused;

/// Most files that are asked about at once.
const MAX_ASKED: usize = 256;
/// Most bytes of a card.
const MAX_CARD: usize = 256 * 1024;
/// Up to this size a file comes within the commit where its sender speaks no LFS.
const MAX_WITHIN: u64 = 512 * 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct Asked {
    files: Vec<AskedFile>,
}

#[derive(Deserialize)]
struct AskedFile {
    path: String,
    size: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Told {
    files: Vec<ToldFile>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldFile {
    path: String,
    upload_mode: &'static str,
    should_ignore: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<String>,
}

/// Clients that send large files over Xet alone when it is installed, and cannot be told to do otherwise: Python's
/// from 1.20 on.
fn speaks_xet_alone(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let Some((_, version)) = agent.split_once("hf_hub/") else { return false };
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, 20)
}

/// `POST /api/models/{owner}/{name}/preupload/{revision}`
pub(crate) async fn ask(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, revision, .. }: Place,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Result<axum::Json<Told>, Refused> {
    hub.may_commit(&caller, &model).await?;
    if asked.files.len() > MAX_ASKED {
        let message = format!("{} files are asked about; at most {MAX_ASKED} at once", asked.files.len());
        return Err(Problem::new(Code::InvalidRequest, message).into());
    }
    // A model without commits has nothing yet, on main alone.
    let tree = match hub.snapshot(Some(&caller), &model, &revision).await {
        Ok(snapshot) => snapshot.tree,
        Err(Error::NoRevision { revision, .. }) if revision == "main" => Default::default(),
        Err(error) => return Err(error.into()),
    };
    let within = if speaks_xet_alone(&headers) { MAX_WITHIN } else { 0 };
    let mut files = Vec::with_capacity(asked.files.len());
    for AskedFile { path, size } in asked.files {
        if size > hub.max_file() {
            let message = format!("{} has {size} bytes; a file has at most {}", clip(&path), hub.max_file());
            return Err(Problem::new(Code::BodyTooLarge, message).into());
        }
        let named: FilePath =
            path.parse().map_err(|error: registry::PathError| Problem::new(Code::InvalidRequest, error.to_string()))?;
        let new = File { path: named, sha256: Digest([0; 32]), size };
        let large = new.is_large() && size > within;
        let there = tree.get(&path);
        let oid = match there {
            Some(there) if large => Some(there.sha256.to_string()),
            // The name git gives a large file's bytes is not kept: it comes again, and the commit is the same.
            Some(there) if there.is_large() => None,
            Some(there) => {
                let oids = hub.git_oids(std::slice::from_ref(there)).await?;
                oids.get(&there.sha256).map(ToString::to_string)
            }
            None => None,
        };
        files.push(ToldFile { path, upload_mode: if large { "lfs" } else { "regular" }, should_ignore: false, oid });
    }
    Ok(axum::Json(Told { files }))
}

#[derive(Deserialize)]
pub(crate) struct Yaml {
    content: String,
    #[serde(default, rename = "repoType")]
    kind: Option<String>,
}

/// `POST /api/validate-yaml`: whether a card can be read. For everybody; it changes nothing.
pub(crate) async fn validate(Json(Yaml { content, kind }): Json<Yaml>) -> Response {
    if kind.is_some_and(|kind| kind != "model") {
        return axum::Json(json!({"errors": [], "warnings": []})).into_response();
    }
    // As much as a publish would read of it.
    let read = match content.len() <= MAX_CARD {
        true => Card::from_bytes(content.as_bytes()).map(drop).map_err(|error| error.to_string()),
        false => Err(format!("the card has {} bytes; at most {MAX_CARD} are read", content.len())),
    };
    match read {
        Ok(()) => axum::Json(json!({"errors": [], "warnings": []})).into_response(),
        Err(error) => {
            let body = json!({"errors": [{"message": error}], "warnings": [], "error": error});
            (StatusCode::BAD_REQUEST, Extension(Whole), axum::Json(body)).into_response()
        }
    }
}

/// `GET …/xet-write-token/{revision}`: the protocol that this hub does not speak yet.
pub(crate) async fn no_xet() -> Refused {
    Problem::new(Code::NotImplemented, "this hub does not speak Xet, and files above 512 MiB do not fit into a commit")
        .hint("set HF_HUB_DISABLE_XET=1 and upload again, or use modelhub publish")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_clients_are_told_apart_by_their_version() {
        let speaks =
            |agent: &str| speaks_xet_alone(&HeaderMap::from_iter([(USER_AGENT, agent.parse().expect("a header"))]));
        assert!(speaks("unknown/None; hf_hub/2.4.0; python/3.11"));
        assert!(speaks("hf_hub/1.20.1") && speaks("hf_hub/1.33.0; x"));
        assert!(!speaks("hf_hub/1.19.0") && !speaks("unknown/None; hf_hub/0.36.2") && !speaks("hf-hub-rust/1.0"));
    }
}
