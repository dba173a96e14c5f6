//! The edges, HTTP and gRPC on one port: requests become use cases, use cases become answers.
//!
//! All paths stand on one page, `routes.rs`. A handler translates, calls one use case of the hub, and translates back;
//! what it needs of a request is an extractor's business (`extract/`), what can go wrong is one table's (`problem.rs`),
//! and what every answer has in common is the edge's (`edge.rs`).
//!
//! Always: nobody without a credential makes us read a body that costs more than a quote; every body has a limit and
//! has to keep coming; every refusal has the form its prefix's clients expect, whoever made it; a cause is logged once,
//! here, and never sent.
//!
//! Absent on purpose: rules, SQL, settings, cookies.
//!
//! To add an endpoint: a file with its noun, a line in `routes.rs`, and a line in `tests/http/callers.txt` for each kind of
//! thing it is asked about: the one table of who is answered how. One of the hub's own interface has a line in
//! `document/chapters` too.

mod access;
mod account;
mod admin;
mod assets;
mod beside;
mod calls;
mod cards;
mod checks;
mod deposits;
mod document;
mod earnings;
mod edge;
mod embeddings;
mod entries;
mod events;
mod extract;
mod grpc;
mod health;
mod hf;
mod infer;
mod keys;
mod life;
mod limits;
mod mcp;
mod metadata;
mod metrics;
mod models;
mod moderation;
mod opengradient;
mod organisations;
mod packing;
mod pages;
mod problem;
mod publish;
mod quote;
mod rankings;
mod rates;
mod receipts;
mod refunds;
mod routes;
mod run;
mod scan;
mod search;
mod serve;
mod signin;
mod storage;
mod uploads;
mod wanted;
mod words;

pub use routes::router;
pub use serve::serve;
