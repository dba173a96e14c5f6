//! The values of a body: JSON, or the parts of a form.

use api::{Code, Problem, RunRequest};
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tasks::Given;

use crate::beside::beside;
use crate::edge::clip;
use crate::extract::{not_json, single};
use crate::infer::BODY_LIMIT;
use crate::packing::Packing;
use crate::problem::Refused;

/// What a part of a form may be called.
const PARTS: &[&str] = &["input", "inputs", "file", "text"];

/// The form of a body, by its `Content-Type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Multipart { boundary: String },
}

impl<S: Send + Sync> FromRequestParts<S> for Kind {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Kind, Refused> {
        let Some(text) = single(&parts.headers, &CONTENT_TYPE)? else { return Ok(Kind::Json) };
        if !text.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
            // Whatever else it is called: curl calls all it sends a form.
            return Ok(Kind::Json);
        }
        match multer::parse_boundary(text) {
            Ok(boundary) => Ok(Kind::Multipart { boundary }),
            Err(_) => {
                let message = format!("Content-Type is \"{}\"; expected a boundary in it", clip(text));
                Err(Problem::new(Code::InvalidRequest, message).into())
            }
        }
    }
}

/// What was sent, and what an idempotency key stands for.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) given: Vec<Given>,
    pub(super) content: [u8; 32],
}

impl Values {
    pub(super) async fn read(
        body: Bytes,
        kind: Kind,
        packed: Option<Packing>,
        route: String,
    ) -> Result<Values, Refused> {
        let body = match packed {
            None => body,
            Some(packing) => beside(move || packing.unpack(&body, BODY_LIMIT)).await??.into(),
        };
        match kind {
            Kind::Json => beside(move || Values::json(&body, &route)).await?,
            Kind::Multipart { boundary } => Values::multipart(body, boundary, route).await,
        }
    }

    fn json(body: &[u8], route: &str) -> Result<Values, Refused> {
        let RunRequest { input, inputs } = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        let given = match (input, inputs) {
            (Some(one), None) => vec![one],
            (None, Some(many)) => many,
            _ => {
                let problem = Problem::new(Code::InvalidRequest, "expected one of \"input\" and \"inputs\"");
                return Err(problem.hint("{\"input\": value}, or {\"inputs\": [value, …]}").into());
            }
        };
        let given = given.into_iter().map(|value| Given::Json(value.to_owned())).collect();
        Ok(Values { given, content: Sha256::new().chain_update(route).chain_update(body).finalize().into() })
    }

    async fn multipart(body: Bytes, boundary: String, route: String) -> Result<Values, Refused> {
        let wrong = |error: multer::Error| {
            let message = format!("the form cannot be read: {}", clip(&error.to_string()));
            Refused::from(Problem::new(Code::InvalidRequest, message))
        };
        let body = stream::iter([Ok::<_, std::io::Error>(body)]);
        let mut form = multer::Multipart::new(body, boundary);
        let mut content = Sha256::new().chain_update(route).chain_update("form\n");
        let mut given = Vec::new();
        while let Some(part) = form.next_field().await.map_err(wrong)? {
            let name = part.name().unwrap_or_default();
            if !PARTS.contains(&name) {
                let message = format!("the form's part \"{}\" is unknown; expected {}", clip(name), PARTS.join(", "));
                return Err(Problem::new(Code::InvalidRequest, message).into());
            }
            if given.len() == api::MAX_VALUES {
                let message = format!("the form has more than {} parts", api::MAX_VALUES);
                return Err(Problem::new(Code::InvalidInput, message).into());
            }
            let bytes = part.bytes().await.map_err(wrong)?;
            content.update((bytes.len() as u64).to_le_bytes());
            content.update(&bytes);
            given.push(Given::File(bytes.into()));
        }
        Ok(Values { given, content: content.finalize().into() })
    }
}
