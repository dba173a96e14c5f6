//! The document of this hub's interface: OpenAPI 3.1, from the words of `api` and the tables of `chapters/`.
//!
//! Always: every route is in it but pages, files of pages, and the protocols of others that have documents of their own
//! (Hugging Face's, OpenGradient's, gRPC); a test compares it with the routes, both ways. `docs/openapi.json` is what it
//! was when somebody looked; a test compares that too. It says the same on every hub: what differs is on pages.
//!
//! To add a route: a line in the table of its chapter. What it may be refused for follows from who may ask, from its path
//! and its body (`operation.rs`); what else it may be refused for stands in the line.

mod assembled;
mod chapters;
mod operation;
mod written;

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::packing::Packing;

pub(crate) use assembled::problem_of;
pub(crate) use chapters::{Chapter, chapters};
pub(crate) use operation::{Operation, Shape, Who};

/// The document, made once.
struct Document {
    value: Value,
    bytes: Vec<u8>,
    packed: Vec<u8>,
    tag: HeaderValue,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let value = assembled::document();
    let mut bytes = serde_json::to_vec_pretty(&value).expect("plain values are JSON");
    bytes.push(b'\n');
    let digest: String = Sha256::digest(&bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    // Weak: it is the same document, however it is packed.
    let tag = HeaderValue::try_from(format!("W/\"{digest}\"")).expect("digits are ASCII");
    Document { value, packed: Packing::Gzip.pack(&bytes), bytes, tag }
});

/// The schemas that the document names, by their names.
pub(crate) fn schemas() -> &'static Value {
    &DOCUMENT.value["components"]["schemas"]
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn show(headers: HeaderMap) -> Response {
    let Document { bytes, packed, tag, .. } = &*DOCUMENT;
    let kept = [
        (ETAG, tag.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("public, no-cache")),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    if known.any(|known| known == "*" || known.trim_start_matches("W/") == plain(tag)) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let json = [(CONTENT_TYPE, "application/json")];
    match Packing::accepted(&headers) {
        Some(Packing::Gzip) => {
            (kept, json, [(CONTENT_ENCODING, Packing::Gzip.header())], packed.as_slice()).into_response()
        }
        _ => (kept, json, bytes.as_slice()).into_response(),
    }
}

/// A tag without its `W/`: weakly compared, the rest is what counts.
fn plain(tag: &HeaderValue) -> &str {
    tag.to_str().unwrap_or_default().trim_start_matches("W/")
}
