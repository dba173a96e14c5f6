//! The hub over HTTP, with books and catalogue in memory and an engine that does as it is told.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod document;
#[cfg(test)]
mod events;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod hf;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod life;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod moderation;
#[cfg(test)]
mod money;
#[cfg(test)]
mod opengradient;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod playground;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod routes;
mod run;
#[cfg(test)]
mod scans;
#[cfg(test)]
mod search;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod storage;
