//! Values that people have, to tensors and back: texts, files, pictures, sounds, histories and rows of a table go in;
//! labels, vectors, boxes, texts and numbers come out. What is done is data, a [`registry::Task`] sealed in a release's contract.
//!
//! Always: the same values give the same tensors; what comes in is bounded before it is unfolded, and so is what a
//! stranger's `tokenizer.json` can make of a text; a refusal names which value, the rule, and what was given; nothing
//! that others' libraries panic about leaves here as a panic.
//!
//! Absent on purpose: clock, I/O, async, money, running models. Tensors and bytes come in, tensors and values go out.
//!
//! To add a task: `registry/src/task/mod.rs` says what belongs to it; here its file with both directions, and its arms
//! in `interpreter.rs`.

mod bytes;
mod entities;
mod given;
mod history;
mod interpreter;
mod line;
mod objects;
mod picture;
mod rate;
mod refusal;
mod resample;
mod rows;
mod scores;
mod series;
mod sound;
mod table;
mod text;
mod tokenizer;

pub use entities::Entity;
pub use given::Given;
pub use interpreter::{Encoded, Interpreter, Items};
pub use objects::{Edges, Object};
pub use refusal::Refusal;
pub use scores::{Outcome, Scored};
pub use series::{Ahead, Quantiles};
pub use sound::Event;
pub use tokenizer::{MAX_TOKENIZER_BYTES, Tokenizer, TokenizerError};

/// The most values of a call.
pub const MAX_VALUES: usize = 1_024;
/// The most bytes of a text.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The most pixels of a picture, as it comes and as it is resized.
pub const MAX_PIXELS: u64 = 25_000_000;
/// The most pixels of all pictures of a call, as they come.
pub const MAX_CALL_PIXELS: u64 = 10 * MAX_PIXELS;
/// The most tokens of a call whose answer may have a thing for each.
pub const MAX_CALL_TOKENS: usize = 1 << 18;
