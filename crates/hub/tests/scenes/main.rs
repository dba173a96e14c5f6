//! The use cases, told as scenes: a whole hub in this process with a scripted engine. Every scene ends with an audit
//! of the books.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod access;
mod accounts;
mod alerts;
mod calls;
mod checks;
mod deposits;
mod earnings;
mod events;
mod holds;
mod idempotency;
mod life;
mod limits;
mod moderation;
mod money;
mod organisations;
mod publish;
mod pushes;
mod ranking;
mod rates;
mod receipts;
mod refunds;
mod remote;
mod repositories;
mod rotation;
mod royalties;
mod scans;
mod search;
mod senses;
mod signin;
mod statements;
mod storage;
mod tasks;
mod trials;
mod trying;
mod versions;
