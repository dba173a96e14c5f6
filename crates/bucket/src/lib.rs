//! Objects in a bucket of S3, or of a server that speaks as S3 does.
//!
//! Always: an object is there whole or not at all; of one on its way two parts are in memory, whatever its size; what a
//! request may take is bounded; no error says a key.
//!
//! Whoever calls waits, on a thread that may: the requests run on threads of this crate's own.
//!
//! Absent on purpose: what the objects are; credentials from anywhere but the caller.

mod access;
mod line;
mod place;
mod threads;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, MultipartId, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig,
};

pub use access::{Access, Keys};
pub use place::{BadPlace, Place};
use threads::{Threads, Waiting};

/// The most that is read at once, and the size of an upload's parts.
pub const PART: u64 = 8 * 1024 * 1024;
/// An upload has ten thousand parts at most.
pub const MAX_OBJECT: u64 = 10_000 * PART;

/// How long one request may take, with all its repetitions.
const LIMIT: Duration = Duration::from_secs(120);
/// S3 puts the parts of a large object together before it answers.
const COMPLETE_LIMIT: Duration = Duration::from_secs(600);
/// How often a request is repeated, and for how long.
const RETRIES: usize = 4;
const RETRY_LIMIT: Duration = Duration::from_secs(30);
/// How much of what a server says is told.
const SAID: usize = 400;

/// Why something could not be done with a bucket.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("{place}: {reason}")]
    Refused { place: Place, reason: String },
    #[error("{place}: no answer within {seconds} s")]
    TimedOut { place: Place, seconds: u64 },
    #[error("{place}: {name} has {size} bytes; an object here has {MAX_OBJECT} at most")]
    Large { place: Place, name: String, size: u64 },
    #[error("{place}: {name} has {got} bytes, {expected} were meant")]
    Size { place: Place, name: String, expected: u64, got: u64 },
    #[error("{place}: {error}")]
    Io { place: Place, error: io::Error },
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> io::Error {
        let kind = match &failed {
            Failed::TimedOut { .. } => io::ErrorKind::TimedOut,
            Failed::Io { error, .. } => error.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, failed)
    }
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Below the place.
    pub name: String,
    pub size: u64,
    /// By the server's clock, in milliseconds since 1970.
    pub written_ms: i64,
}

/// A bucket, or what of it lies below a prefix. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Bucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    s3: AmazonS3,
    access: Access,
    threads: Threads,
}

impl Bucket {
    /// Says where it is; asks nobody yet.
    pub fn open(place: &Place, access: Access) -> Result<Bucket, Failed> {
        let failed = |reason: String| Failed::Refused { place: place.clone(), reason };
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_LIMIT };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(place.bucket())
            .with_region(access.region())
            .with_access_key_id(access.keys.id())
            .with_secret_access_key(access.keys.secret())
            .with_http_connector(line::Connector)
            .with_retry(retry)
            // One request each: not every server knows the other way.
            .with_disable_bulk_delete(true);
        if let Some(token) = access.keys.token() {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = access.endpoint() {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let s3 = builder.build().map_err(|error| failed(access.hide(&error.to_string())))?;
        let threads = Threads::start().map_err(|error| Failed::Io { place: place.clone(), error })?;
        Ok(Bucket(Arc::new(Inner { place: place.clone(), s3, access, threads })))
    }

    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What is known of an object; none: it is not there.
    pub fn find(&self, name: &str) -> Result<Option<Object>, Failed> {
        let (s3, path) = (self.0.s3.clone(), self.path(name));
        let found = self.begin(LIMIT, async move { unless_missing(s3.head(&path).await) }).wait()?;
        let found = self.said(found)?;
        Ok(found.map(|found| Object { name: name.to_owned(), ..object(&found) }))
    }

    /// These bytes of an object, [`PART`] at most; none: it is not there. All of them, or an error.
    pub fn read(&self, name: &str, from: u64, length: u64) -> Result<Option<Bytes>, Failed> {
        assert!(length <= PART, "nobody reads more than a part at once");
        if length == 0 {
            return Ok(self.find(name)?.map(|_| Bytes::new()));
        }
        let (s3, path) = (self.0.s3.clone(), self.path(name));
        let range = from..from + length;
        let read = self.begin(LIMIT, async move { unless_missing(s3.get_range(&path, range).await) }).wait()?;
        let read = self.said(read)?;
        match read {
            Some(bytes) if bytes.len() as u64 != length => Err(self.other_size(name, length, bytes.len() as u64)),
            read => Ok(read),
        }
    }

    /// Brings so many bytes in under a name. They are there whole once this has answered, and not before; what went
    /// wrong leaves nothing.
    pub fn put(&self, name: &str, from: &mut dyn Read, size: u64) -> Result<(), Failed> {
        if size > MAX_OBJECT {
            return Err(Failed::Large { place: self.0.place.clone(), name: name.to_owned(), size });
        }
        let path = self.path(name);
        if size <= PART {
            let (s3, bytes) = (self.0.s3.clone(), self.part(from, size)?);
            let put = async move { s3.put(&path, PutPayload::from_bytes(bytes)).await };
            self.said(self.begin(LIMIT, put).wait()?)?;
        } else {
            self.put_large(&path, from, size)?;
        }
        match self.find(name)? {
            Some(found) if found.size == size => Ok(()),
            found => Err(self.other_size(name, size, found.map_or(0, |found| found.size))),
        }
    }

    fn put_large(&self, path: &Path, from: &mut dyn Read, size: u64) -> Result<(), Failed> {
        let (s3, to) = (self.0.s3.clone(), path.clone());
        let begun = self.begin(LIMIT, async move { s3.create_multipart(&to).await }).wait()?;
        let id = self.said(begun)?;
        let put = self.put_parts(path, &id, from, size);
        if put.is_err() {
            // What is left where this fails too, a rule of the bucket takes away.
            let (s3, to) = (self.0.s3.clone(), path.clone());
            let _ = self.begin(LIMIT, async move { s3.abort_multipart(&to, &id).await }).wait();
        }
        put
    }

    fn put_parts(&self, path: &Path, id: &MultipartId, from: &mut dyn Read, size: u64) -> Result<(), Failed> {
        let mut parts: Vec<PartId> = Vec::new();
        // One is on its way while the next is read.
        let mut sent: Option<Sent<PartId>> = None;
        let mut left = size;
        let mut number = 0;
        while left > 0 {
            let bytes = self.part(from, left.min(PART))?;
            left -= bytes.len() as u64;
            if let Some(sent) = sent.take() {
                parts.push(self.said(sent.wait()?)?);
            }
            let (s3, to, id) = (self.0.s3.clone(), path.clone(), id.clone());
            let put = async move { s3.put_part(&to, &id, number, PutPayload::from_bytes(bytes)).await };
            sent = Some(self.begin(LIMIT, put));
            number += 1;
        }
        if let Some(sent) = sent {
            parts.push(self.said(sent.wait()?)?);
        }
        let (s3, to, id) = (self.0.s3.clone(), path.clone(), id.clone());
        let whole = self.begin(COMPLETE_LIMIT, async move { s3.complete_multipart(&to, &id, parts).await });
        self.said(whole.wait()?).map(drop)
    }

    /// Writes a small object unless one of the name is there. Says whether it did.
    pub fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<bool, Failed> {
        let (s3, path) = (self.0.s3.clone(), self.path(name));
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = async move { s3.put_opts(&path, PutPayload::from(bytes), options).await };
        match self.begin(LIMIT, put).wait()? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            put => self.said(put).map(|_| true),
        }
    }

    /// All objects of a folder.
    pub fn list(&self, folder: &str) -> Result<Vec<Object>, Failed> {
        let (s3, path) = (self.0.s3.clone(), self.path(folder));
        let cut = self.0.place.prefix().len() + usize::from(!self.0.place.prefix().is_empty());
        let listed = self.begin(LIMIT, async move { s3.list(Some(&path)).try_collect::<Vec<_>>().await }).wait()?;
        let named = |found: &ObjectMeta| {
            let name = found.location.as_ref().get(cut..)?.to_owned();
            Some(Object { name, ..object(found) })
        };
        Ok(self.said(listed)?.iter().filter_map(named).collect())
    }

    /// Takes an object away; one that is gone already is no error.
    pub fn remove(&self, name: &str) -> Result<(), Failed> {
        let (s3, path) = (self.0.s3.clone(), self.path(name));
        let removed = self.begin(LIMIT, async move { unless_missing(s3.delete(&path).await) }).wait()?;
        self.said(removed).map(drop)
    }

    fn path(&self, name: &str) -> Path {
        match self.0.place.prefix() {
            "" => Path::from(name),
            prefix => Path::from(format!("{prefix}/{name}")),
        }
    }

    fn part(&self, from: &mut dyn Read, size: u64) -> Result<Bytes, Failed> {
        let mut part = vec![0; size as usize];
        from.read_exact(&mut part).map_err(|error| Failed::Io { place: self.0.place.clone(), error })?;
        Ok(part.into())
    }

    fn begin<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Sent<T> {
        let place = self.0.place.clone();
        Sent { place, seconds: limit.as_secs(), waiting: self.0.threads.begin(limit, work) }
    }

    /// What a server answered, in words that name no key.
    fn said<T>(&self, answer: Result<T, Error>) -> Result<T, Failed> {
        answer.map_err(|error| {
            let told = self.0.access.hide(&error.to_string());
            let reason = told.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
            Failed::Refused { place: self.0.place.clone(), reason }
        })
    }

    fn other_size(&self, name: &str, expected: u64, got: u64) -> Failed {
        Failed::Size { place: self.0.place.clone(), name: name.to_owned(), expected, got }
    }
}

/// A request on its way.
struct Sent<T> {
    place: Place,
    seconds: u64,
    waiting: Waiting<Result<T, Error>>,
}

impl<T> Sent<T> {
    fn wait(self) -> Result<Result<T, Error>, Failed> {
        self.waiting.wait().ok_or(Failed::TimedOut { place: self.place, seconds: self.seconds })
    }
}

fn unless_missing<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn object(found: &ObjectMeta) -> Object {
    Object { name: String::new(), size: found.size, written_ms: found.last_modified.timestamp_millis() }
}
