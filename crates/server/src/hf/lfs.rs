//! Large files: the batch of Git LFS, and the bytes that follow it.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use hub::{Hub, Right};
use ledger::{AccountId, Time};
use registry::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::base::Base;
use super::path::Place;
use crate::edge::clip;
use crate::extract::{Caller, Incoming, not_json};
use crate::problem::Refused;
use crate::uploads::{Length, pour};

/// Most objects of one batch, and most bytes of its body.
const MAX_OBJECTS: usize = 1_000;
const MAX_BATCH: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Batch {
    operation: String,
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    oid: String,
    size: u64,
}

/// `POST /{owner}/{name}.git/info/lfs/objects/batch`
pub(crate) async fn batch(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Base(base): Base,
    Place { model, .. }: Place,
    body: Incoming,
) -> Result<Response, Refused> {
    let body = body.read(MAX_BATCH).await?;
    let Batch { operation, objects } = serde_json::from_slice(&body).map_err(|error| not_json(&error))?;
    if operation != "upload" {
        let message = format!("the operation \"{}\" is not taken here", clip(&operation));
        let hint = format!("download files from {base}/{model}/resolve/main/…");
        return Err(Problem::new(Code::InvalidRequest, message).hint(hint).into());
    }
    if objects.len() > MAX_OBJECTS {
        let message = format!("{} objects are asked about; at most {MAX_OBJECTS} at once", objects.len());
        return Err(Problem::new(Code::InvalidRequest, message).into());
    }
    hub.may_commit(&caller, &model).await?;
    let mut told = Vec::with_capacity(objects.len());
    for Object { oid, size } in objects {
        let right = match oid.parse::<Digest>() {
            Ok(digest) => hub.right_to_upload(&caller, &model, digest, size).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        told.push(match right {
            Ok(None) => json!({"oid": oid, "size": size}),
            Ok(Some(right)) => {
                let href = format!("{base}/{model}.git/info/lfs/objects/{}?{}", right.digest, query(&right));
                json!({"oid": oid, "size": size, "authenticated": true, "actions": {"upload": {"href": href}}})
            }
            Err(message) => json!({"oid": clip(&oid), "size": size, "error": {"code": 422, "message": message}}),
        });
    }
    let mut response = Json(json!({"transfer": "basic", "objects": told})).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.git-lfs+json"));
    Ok(response)
}

fn query(right: &Right) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let Right { account, size, until, signature, .. } = right;
    format!("account={account}&size={size}&until={}&signature={}", until.0, hex(signature))
}

/// What the query of such an address says; none if it is not of our making.
fn right(digest: Digest, query: &str) -> Option<Right> {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let account: AccountId = value("account")?.parse().ok()?;
    // A signature has as many digits as a digest, and the same form.
    let signature: Digest = value("signature")?.parse().ok()?;
    Some(Right {
        account,
        digest,
        size: value("size")?.parse().ok()?,
        until: Time(value("until")?.parse().ok()?),
        signature: signature.0,
    })
}

/// `PUT /{owner}/{name}.git/info/lfs/objects/{sha256}`: the address is the right.
pub(crate) async fn receive(
    State(hub): State<Hub>,
    crate::uploads::DigestPath(digest): crate::uploads::DigestPath,
    RawQuery(query): RawQuery,
    Length(size): Length,
    body: Incoming,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let right = query.as_deref().and_then(|query| right(digest, query)).ok_or(hub::Error::NoRight)?;
    if right.size != size {
        let message = format!("{size} bytes are sent, and {} were announced", right.size);
        return Err(Problem::new(Code::UploadMismatch, message).into());
    }
    let receiving = hub.upload_by(&right).await?;
    pour(body, receiving).await?.finish().await?;
    Ok((StatusCode::OK, Json(json!({}))))
}
