//! What handlers need of a request, read and checked.
//!
//! Always: a credential is looked at before any body; a header that decides about money stands there once or not at
//! all; what is refused is named.

mod address;
mod body;
mod caller;
mod form;
mod headers;
mod model_path;
mod origin;
mod query;

pub(crate) use address::{Trying, network};
pub(crate) use body::{Incoming, Json, not_json};
pub(crate) use caller::{AnyCaller, Caller, Known, SESSION};
pub(crate) use form::{Form, INFERENCE_HEADER_CONTENT_LENGTH};
pub(crate) use headers::{IdempotencyKey, MaxCost, Surface, single};
pub(crate) use model_path::{AccountPath, ModelPath, parameter};
pub(crate) use origin::SameOrigin;
pub(crate) use query::{Page, Query};
