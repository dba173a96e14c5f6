//! Files of a version.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use registry::Digest;
use serde::Serialize;

use super::cid::cid;
use super::form::{Form, Kind, Part};
use super::path::OwnVersion;
use crate::extract::Incoming;
use crate::problem::Refused;
use crate::uploads::pour_pieces;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    name: String,
    size: u64,
    ipfs_cid: String,
}

impl File {
    fn new(name: &str, sha256: Digest, size: u64) -> File {
        File { name: name.to_owned(), size, ipfs_cid: cid(sha256) }
    }
}

/// `GET /api/v0/models/{name}/versions/{version}/files`
pub(super) async fn list(
    State(hub): State<Hub>,
    OwnVersion { caller, model, version }: OwnVersion,
) -> Result<Json<Vec<File>>, Refused> {
    let tree = hub.version_files(&caller, &model, version).await?;
    Ok(Json(tree.files().iter().map(|file| File::new(file.path.as_str(), file.sha256, file.size)).collect()))
}

/// `POST` the same: one file, of whatever size, written to the disk as it comes.
pub(super) async fn upload(
    State(hub): State<Hub>,
    OwnVersion { caller, model, version }: OwnVersion,
    Kind { boundary }: Kind,
    body: Incoming,
) -> Result<(StatusCode, Json<File>), Refused> {
    let (incoming, receiving) = match hub.upload_to_version(&caller, &model, version).await {
        Ok(begun) => begun,
        Err(error) => {
            body.read_over().await;
            return Err(error.into());
        }
    };
    let mut form = Form::new(body, boundary);
    let Part { path, content } = form.file().await?;
    let receiving = pour_pieces(content, receiving).await?;
    form.end().await?;
    let (sha256, size) = receiving.finish().await?;
    let name = path.to_string();
    incoming.add(path, sha256, size).await?;
    Ok((StatusCode::CREATED, Json(File::new(&name, sha256, size))))
}
