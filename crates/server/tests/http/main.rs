//! The hub over HTTP, with books and catalogue in memory and an engine that does as it is told.

mod admin;
mod calls;
mod hub;
mod pages;
mod publishing;
mod routes;
mod serving;
