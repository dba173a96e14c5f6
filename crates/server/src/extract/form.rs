//! How a call's body is written, and how its answer is to be.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;

use crate::edge::clip;
use crate::extract::headers::single;
use crate::packing::Packing;
use crate::problem::Refused;

pub(crate) const INFERENCE_HEADER_CONTENT_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// The headers that say so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) packed: Option<Packing>,
    /// `Inference-Header-Content-Length`: so many bytes of the unpacked body are JSON, and tensors follow.
    pub(crate) head: Option<usize>,
    pub(crate) answer: Option<Packing>,
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Form, Refused> {
        let head = single(&parts.headers, &INFERENCE_HEADER_CONTENT_LENGTH)?.map(length).transpose()?;
        Ok(Form { packed: Packing::of(&parts.headers)?, head, answer: Packing::accepted(&parts.headers) })
    }
}

fn length(text: &str) -> Result<usize, Refused> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let rule = "expected how many bytes of the body are JSON";
        let message = format!("Inference-Header-Content-Length is \"{}\"; {rule}", clip(text));
        Problem::new(Code::InvalidRequest, message).into()
    })
}
