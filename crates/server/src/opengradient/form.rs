//! The form that a file comes in, read at bounded memory.
//!
//! Always: `multer` gets a body in small slices and is asked after each, because it takes all that is at hand before it
//! looks at any of it; what stands around a file has a limit of its own.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hub::Hub;
use registry::{FilePath, PathError};

use crate::edge::clip;
use crate::extract::{Incoming, single};
use crate::packing::unknown;
use crate::problem::Refused;

/// So much of a body at a time.
const SLICE: usize = 64 * 1024;
/// Most bytes around a file: boundaries, and what its part says of it.
const AROUND: usize = 64 * 1024;

/// `multipart/form-data`, and what its parts are cut by.
pub(super) struct Kind {
    pub(super) boundary: String,
}

impl FromRequestParts<Hub> for Kind {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Kind, Refused> {
        if let Some(encoding) = parts.headers.get(CONTENT_ENCODING) {
            return Err(unknown(encoding.as_bytes(), "send it without Content-Encoding"));
        }
        let text = single(&parts.headers, &CONTENT_TYPE)?.unwrap_or_default();
        let boundary = multer::parse_boundary(text).map_err(|_| {
            let message = format!("Content-Type is \"{}\"; expected multipart/form-data with a boundary", clip(text));
            Problem::new(Code::UnsupportedMediaType, message)
        })?;
        let length = single(&parts.headers, &CONTENT_LENGTH)?.and_then(|text| text.parse::<u64>().ok());
        match length {
            Some(length) if length > hub.max_file().saturating_add(AROUND as u64) => {
                let message = format!("the body has {length} bytes; a file has at most {}", hub.max_file());
                Err(Problem::new(Code::BodyTooLarge, message).into())
            }
            _ => Ok(Kind { boundary }),
        }
    }
}

/// A form with one file.
pub(super) struct Form {
    form: multer::Multipart<'static>,
    around: Around,
}

/// The file.
pub(super) struct Part<C> {
    pub(super) path: FilePath,
    pub(super) content: C,
}

/// What is known on both sides of the reader: how much it may still be given without giving anything back, and why the
/// body ended early.
#[derive(Clone, Default)]
struct Around {
    left: Arc<AtomicUsize>,
    broken: Arc<Mutex<Option<Refused>>>,
}

impl Around {
    fn more(&self) {
        self.left.store(AROUND + SLICE, Ordering::Relaxed);
    }

    fn broke(&self, why: Refused) -> std::io::Error {
        *self.broken.lock().expect("nothing panics while it holds the reason") = Some(why);
        std::io::Error::other("the body ended early")
    }

    fn wrong(&self, error: &multer::Error) -> Refused {
        let broken = self.broken.lock().expect("nothing panics while it holds the reason").take();
        broken.unwrap_or_else(|| invalid(format!("the form cannot be read: {}", clip(&error.to_string()))))
    }
}

fn invalid(message: String) -> Refused {
    Problem::new(Code::InvalidRequest, message).hint("send one part \"file\" with a file name").into()
}

impl Form {
    pub(super) fn new(body: Incoming, boundary: String) -> Form {
        let around = Around::default();
        let pieces = stream::unfold(body, |mut body| async move { Some((body.next().await.transpose()?, body)) });
        let slices = Slices { pieces: Box::pin(pieces), piece: Bytes::new(), pause: false, around: around.clone() };
        Form { form: multer::Multipart::new(slices, boundary), around }
    }

    async fn next(&mut self) -> Result<Option<multer::Field<'static>>, Refused> {
        self.around.more();
        self.form.next_field().await.map_err(|error| self.around.wrong(&error))
    }

    /// The file, which is the form's first part.
    pub(super) async fn file(&mut self) -> Result<Part<impl Stream<Item = Result<Bytes, Refused>> + use<>>, Refused> {
        let field = self.next().await?.ok_or_else(|| invalid("the form has no part".to_owned()))?;
        let name = field.name().unwrap_or_default();
        if name != "file" {
            return Err(invalid(format!("the form's part \"{}\" is unknown", clip(name))));
        }
        let Some(path) = field.file_name() else { return Err(invalid("the file has no name".to_owned())) };
        let path = path.parse().map_err(|error: PathError| invalid(error.to_string()))?;
        let around = self.around.clone();
        let content = stream::unfold((field, around), |(mut field, around)| async move {
            around.more();
            let chunk = field.chunk().await.map_err(|error| around.wrong(&error)).transpose()?;
            Some((chunk, (field, around)))
        });
        Ok(Part { path, content })
    }

    /// That nothing comes after it.
    pub(super) async fn end(mut self) -> Result<(), Refused> {
        match self.next().await? {
            None => Ok(()),
            Some(_) => Err(invalid("the form has more than one part".to_owned())),
        }
    }
}

/// A body in slices, with a pause after each.
struct Slices<S> {
    pieces: Pin<Box<S>>,
    piece: Bytes,
    pause: bool,
    around: Around,
}

impl<S: Stream<Item = Result<Bytes, Refused>>> Stream for Slices<S> {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.piece.is_empty() {
            match ready!(self.pieces.as_mut().poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(refused)) => return Poll::Ready(Some(Err(self.around.broke(refused)))),
            }
        }
        let size = self.piece.len().min(SLICE);
        let left = self.around.left.load(Ordering::Relaxed);
        if left < size {
            let why = invalid(format!("what stands around the file has more than {AROUND} bytes"));
            return Poll::Ready(Some(Err(self.around.broke(why))));
        }
        self.around.left.store(left - size, Ordering::Relaxed);
        self.pause = true;
        Poll::Ready(Some(Ok(self.piece.split_to(size))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use proptest::collection::vec;
    use proptest::sample::select;
    use std::time::Duration;
    use tokio::time::timeout;

    const BOUNDARY: &str = "cut";

    fn form(body: impl Into<Vec<u8>>) -> Form {
        Form::new(Incoming::of(body.into()), BOUNDARY.to_owned())
    }

    fn wrapped(head: &str, content: &[u8], end: &str) -> Vec<u8> {
        [format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes(), content, end.as_bytes()].concat()
    }

    const HEAD: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a b.onnx\"";
    const END: &str = "\r\n--cut--\r\n";

    async fn read(body: Vec<u8>) -> Result<(String, Vec<u8>), String> {
        let said = |refused: Refused| refused.problem().message.clone();
        let mut form = form(body);
        let Part { path, content } = form.file().await.map_err(said)?;
        let content: Vec<Bytes> = Box::pin(content).try_collect().await.map_err(said)?;
        assert!(content.iter().all(|piece| piece.len() <= SLICE + AROUND), "it is never held whole");
        form.end().await.map_err(said)?;
        Ok((path.to_string(), content.concat()))
    }

    #[tokio::test]
    async fn a_file_is_read_as_it_is_whatever_its_size() {
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let tricky = b"\r\n--cu\r\n--\r\n\r\r\n-".repeat(50_000);
        for content in [&b""[..], b"x", b"\r\n", &large, &tricky] {
            assert_eq!(read(wrapped(HEAD, content, END)).await, Ok(("a b.onnx".to_owned(), content.to_vec())));
        }
    }

    #[tokio::test]
    async fn what_is_no_form_of_one_file_is_refused() {
        let other = HEAD.replace("\"file\"", "\"model\"");
        let nameless = "Content-Disposition: form-data; name=\"file\"".to_owned();
        let outside = HEAD.replace("a b.onnx", "../x");
        for (body, reason) in [
            (b"".to_vec(), "cannot be read"),
            (b"--cut--\r\n".to_vec(), "no part"),
            (wrapped(HEAD, b"abc", ""), "cannot be read"),
            (wrapped(&other, b"abc", END), "part \"model\" is unknown"),
            (wrapped(&nameless, b"abc", END), "the file has no name"),
            (wrapped(&outside, b"abc", END), "\"..\""),
            (wrapped(HEAD, b"abc", &format!("\r\n--cut\r\n{HEAD}\r\n\r\nx{END}")), "more than one part"),
            (vec![b'x'; 1_000_000], "more than 65536 bytes"),
            (wrapped(&format!("X: {}", "x".repeat(1_000_000)), b"abc", END), "more than 65536 bytes"),
        ] {
            let refused = read(body).await.unwrap_err();
            assert!(refused.contains(reason), "{refused:?} does not say {reason:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(parts in vec(select(vec!["--cut", "--cut\r\n", "\r\n", HEAD, END, "--", "x", "\r", ":"]), 0..12)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let body = parts.concat().into_bytes();
            let read = runtime.block_on(async { timeout(Duration::from_secs(20), read(body)).await });
            proptest::prop_assert!(read.is_ok(), "it was never told");
        }
    }
}
