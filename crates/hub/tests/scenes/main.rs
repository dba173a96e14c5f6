//! The use cases, told as scenes: a whole hub in this process with a scripted engine. Every scene ends with an audit
//! of the books.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod accounts;
mod alerts;
mod calls;
mod checks;
mod deposits;
mod earnings;
mod holds;
mod idempotency;
mod limits;
mod money;
mod publish;
mod pushes;
mod receipts;
mod refunds;
mod remote;
mod repositories;
mod royalties;
mod senses;
mod statements;
mod tasks;
mod trials;
mod versions;
