//! Refusals as gRPC tells them: a status in place of an answer.

use api::{Code, Problem};
use axum::body::Body;
use axum::http::HeaderName;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::Response;
use tonic::Status;

use crate::edge::clip;
use crate::problem::Refused;

const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

/// The whole response of a request that is refused.
pub(crate) fn refused(problem: &Problem) -> Response {
    status(problem).into_http::<Body>()
}

/// A text for people, and our own word for programs.
pub(super) fn status(problem: &Problem) -> Status {
    let mut status = Status::new(code(problem.code), problem.advised());
    let metadata = status.metadata_mut().as_mut();
    metadata.insert(X_ERROR_CODE, HeaderValue::from_static(problem.code.word()));
    if let Some(seconds) = problem.retry_after_s() {
        metadata.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    status
}

pub(super) fn no_method(path: &str) -> Refused {
    Problem::new(Code::MethodNotAllowed, format!("{} is not a method of this hub", clip(path)))
        .hint("it has ServerLive, ServerReady, ServerMetadata, ModelReady, ModelMetadata and ModelInfer")
        .into()
}

/// Gives what tonic refused itself, a message it could not take from its frame, a word of ours, too.
pub(super) fn named(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if let Some(status) = headers.get(Status::GRPC_STATUS)
        && !headers.contains_key(X_ERROR_CODE)
    {
        let word = match tonic::Code::from_bytes(status.as_bytes()) {
            tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => Code::BodyTooLarge,
            tonic::Code::Unimplemented => Code::UnsupportedMediaType,
            _ => Code::InvalidRequest,
        };
        headers.insert(X_ERROR_CODE, HeaderValue::from_static(word.word()));
    }
    response
}

/// What gRPC has for the same as the status of HTTP.
fn code(code: Code) -> tonic::Code {
    match code.status() {
        400 | 411 | 415 => tonic::Code::InvalidArgument,
        401 => tonic::Code::Unauthenticated,
        // No money, over a limit, too large, too many at once: something is used up.
        402 | 413 | 429 => tonic::Code::ResourceExhausted,
        403 => tonic::Code::PermissionDenied,
        404 => tonic::Code::NotFound,
        405 | 501 => tonic::Code::Unimplemented,
        409 => tonic::Code::AlreadyExists,
        416 => tonic::Code::OutOfRange,
        410 | 412 | 422 | 451 => tonic::Code::FailedPrecondition,
        // The model failed on these inputs: the same call again fails again.
        500 | 502 => tonic::Code::Internal,
        503 => tonic::Code::Unavailable,
        504 => tonic::Code::DeadlineExceeded,
        _ => tonic::Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_ours_has_one_of_grpc() {
        for known in Code::ALL {
            assert_ne!(code(*known), tonic::Code::Unknown, "{}", known.word());
        }
    }

    #[test]
    fn a_status_has_text_advice_and_our_word() {
        let status = status(&Problem::new(Code::Busy, "9 calls wait").hint("try again"));
        assert_eq!((status.code(), status.message()), (tonic::Code::ResourceExhausted, "9 calls wait; try again"));
        let metadata = status.metadata();
        assert_eq!(metadata.get("x-error-code").unwrap(), "busy");
        assert_eq!(metadata.get("retry-after").unwrap(), "1");
    }
}
