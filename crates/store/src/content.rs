//! A blob that is read: a file, or an object of which a window is in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use bucket::Bucket;

/// How much of an object is asked for at first; whoever reads on gets twice as much each time, up to the second.
const FIRST: u64 = 64 * 1024;
const MOST: u64 = bucket::PART / 2;

/// A blob, at its beginning. Reading may wait for a disk or for a network.
#[derive(Debug)]
pub struct Content(From);

#[derive(Debug)]
enum From {
    File(File),
    Object(Object),
}

#[derive(Debug)]
struct Object {
    bucket: Bucket,
    name: String,
    size: u64,
    /// Where [`Read`] is.
    at: u64,
    window: Mutex<Window>,
}

/// The part of an object that is in memory.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: bytes::Bytes,
    /// How much is asked for next.
    ahead: u64,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Content {
    pub(crate) fn file(file: File) -> Content {
        Content(From::File(file))
    }

    pub(crate) fn object(bucket: Bucket, name: String, size: u64) -> Content {
        Content(From::Object(Object { bucket, name, size, at: 0, window: Mutex::default() }))
    }

    pub fn size(&self) -> io::Result<u64> {
        match &self.0 {
            From::File(file) => Ok(file.metadata()?.len()),
            From::Object(object) => Ok(object.size),
        }
    }

    /// Fills all of `buffer` from a byte on.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        match &self.0 {
            From::File(file) => file.read_exact_at(buffer, at),
            From::Object(object) => {
                while !buffer.is_empty() {
                    let size = object.read_at(buffer, at)?;
                    if size == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    buffer = &mut buffer[size..];
                    at += size as u64;
                }
                Ok(())
            }
        }
    }
}

impl Object {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.size.saturating_sub(at);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let mut window = self.window.lock().expect("nothing panics while it holds a window");
        if !(window.start..window.end()).contains(&at) {
            // Whoever jumps about gets little each time, whoever reads on gets more and more.
            let on = at == window.end() && !window.bytes.is_empty();
            let ahead = if on { (window.ahead * 2).min(MOST) } else { FIRST };
            let length = ahead.max(buffer.len() as u64).min(left).min(MOST);
            let gone = || io::Error::new(io::ErrorKind::NotFound, format!("{} is gone", self.name));
            let bytes = self.bucket.read(&self.name, at, length)?.ok_or_else(gone)?;
            *window = Window { start: at, bytes, ahead };
        }
        let from = &window.bytes[(at - window.start) as usize..];
        let size = from.len().min(buffer.len());
        buffer[..size].copy_from_slice(&from[..size]);
        Ok(size)
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            From::File(file) => file.read(buffer),
            From::Object(object) => {
                let size = object.read_at(buffer, object.at)?;
                object.at += size as u64;
                Ok(size)
            }
        }
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            From::File(file) => file.seek(to),
            From::Object(object) => {
                let at = match to {
                    SeekFrom::Start(at) => Some(at),
                    SeekFrom::End(by) => object.size.checked_add_signed(by),
                    SeekFrom::Current(by) => object.at.checked_add_signed(by),
                };
                object.at = at.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(object.at)
            }
        }
    }
}
