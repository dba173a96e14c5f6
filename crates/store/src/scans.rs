//! What was found in files, by their digest: the same bytes are looked at once.
//!
//! Always: a note says which version of the scanner made it; what it says is for whoever reads it, and a text here.

use std::collections::HashMap;

use async_trait::async_trait;
use ledger::Time;
use registry::Digest;

use crate::catalog::CatalogError;

/// What a version of the scanner said of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRecord {
    pub blob: Digest,
    pub version: u32,
    pub at: Time,
    /// `clean`, `notice` or `dangerous`.
    pub verdict: String,
    /// All of it, as JSON.
    pub report: String,
}

/// The part of the catalogue that is about what files hold.
#[async_trait]
pub trait Scans {
    /// Notes it in place of what was said before, unless a later version said that.
    async fn add_scan(&self, scan: &ScanRecord) -> Result<(), CatalogError>;
    /// Those of these that were made by this version or a later one.
    async fn scans(&self, blobs: &[Digest], version: u32) -> Result<HashMap<Digest, ScanRecord>, CatalogError>;
    /// The verdicts alone: reports of thousands of files would be many bytes.
    async fn verdicts(&self, blobs: &[Digest], version: u32) -> Result<HashMap<Digest, String>, CatalogError>;
    /// Bytes that were handed in and not looked at by this version or a later one, by their digests, those after one.
    async fn unscanned(&self, version: u32, after: Option<Digest>, limit: u64) -> Result<Vec<Digest>, CatalogError>;
}
