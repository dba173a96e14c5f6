//! Typed arrays: what a model is called with, what it answers, and the signature both must keep to.
//!
//! Always: a [`Tensor`] that exists is well formed. Its shape has at most [`MAX_RANK`] axes, its bytes are at most
//! [`MAX_BYTES`] and are exactly as many as type and shape ask for; a BOOL is 0 or 1; the elements of BYTES end where
//! the bytes end. The bytes are the binary form of the Open Inference Protocol, so that the wire, the runner and the
//! receipt hold the same ones.
//!
//! Absent on purpose: arithmetic, views and axes of meaning (that is what engines and tasks are for), I/O, async, and
//! everything of the hub. Nothing here trusts its input: JSON, shapes and bytes may all come from an attacker.
//!
//! To add a data type: a variant of [`DataType`], its row in `datatype.rs`, its arms in `json.rs`, and a number at the
//! end of the list in `canonical.rs` (numbers there are never used again, receipts depend on them).

mod canonical;
mod datatype;
mod json;
mod mismatch;
mod signature;
mod value;

pub use canonical::canonical;
pub use datatype::{DataType, UnknownDataType};
pub use mismatch::Mismatch;
pub use signature::{Port, Signature};
pub use value::{ByteElements, Tensor};

/// Most bytes a tensor may hold, in the binary form.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Most axes a shape may have, and the deepest nesting of JSON data.
pub const MAX_RANK: usize = 16;

/// Most bytes the name of a tensor or port may have.
pub const MAX_NAME_BYTES: usize = 1024;
