//! Bytes in their order, within a budget.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use crate::Limits;

/// Why a reader went no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There are no more bytes.
    End,
    /// They break a rule of the format.
    Broken(&'static str),
    /// The budget is used up.
    Spent,
    /// The disk failed.
    Disk(io::Error),
}

pub(crate) type Walk<T> = Result<T, Stop>;

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Stop::End,
            // What [`Reading`] makes of a budget that is used up.
            io::ErrorKind::QuotaExceeded => Stop::Spent,
            // What a decoder says of its input.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Stop::Broken("it cannot be unpacked"),
            _ => Stop::Disk(error),
        }
    }
}

/// What is left of the limits; shared by all that look at one file.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Cell<u64>,
    steps: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget { bytes: Cell::new(limits.bytes), steps: Cell::new(limits.steps) }
    }

    pub(crate) fn bytes(&self, count: u64) -> Walk<()> {
        spend(&self.bytes, count)
    }

    pub(crate) fn step(&self) -> Walk<()> {
        spend(&self.steps, 1)
    }
}

fn spend(left: &Cell<u64>, count: u64) -> Walk<()> {
    left.set(left.get().checked_sub(count).ok_or(Stop::Spent)?);
    Ok(())
}

/// Where bytes come from.
pub(crate) trait Source {
    /// Fills it whole, or there are not so many left.
    fn read(&mut self, into: &mut [u8]) -> Walk<()>;
    /// Reads on without looking.
    fn skip(&mut self, count: u64) -> Walk<()>;
    /// How many bytes came before.
    fn at(&self) -> u64;
    /// Of the file's budget.
    fn step(&self) -> Walk<()>;

    fn byte(&mut self) -> Walk<u8> {
        let mut byte = [0];
        self.read(&mut byte)?;
        Ok(byte[0])
    }

    fn u16(&mut self) -> Walk<u16> {
        let mut bytes = [0; 2];
        self.read(&mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    fn u32(&mut self) -> Walk<u32> {
        let mut bytes = [0; 4];
        self.read(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Walk<u64> {
        let mut bytes = [0; 8];
        self.read(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Some bytes, at most `keep` of them kept; the rest is skipped.
    fn some(&mut self, count: u64, keep: usize) -> Walk<Vec<u8>> {
        let kept = usize::try_from(count).unwrap_or(usize::MAX).min(keep);
        let mut bytes = vec![0; kept];
        self.read(&mut bytes)?;
        self.skip(count - kept as u64)?;
        Ok(bytes)
    }

    /// As many as there are, up to the length of `into`.
    fn up_to(&mut self, into: &mut [u8]) -> Walk<usize>;
}

/// So much is read at once: less than a page of a large file between two tensors.
const BUFFER: usize = 8 * 1024;

/// A file, from its beginning. What is skipped is not read.
pub(crate) struct Content<'a, R> {
    inner: &'a mut R,
    budget: &'a Budget,
    size: u64,
    at: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    begins: u64,
}

impl<'a, R: Read + Seek> Content<'a, R> {
    pub(crate) fn new(inner: &'a mut R, size: u64, budget: &'a Budget) -> Walk<Content<'a, R>> {
        Ok(Content { inner, budget, size, at: 0, buffer: Vec::new(), begins: 0 })
    }

    /// What lies here of the buffer.
    fn here(&self) -> &[u8] {
        let from = self.at.checked_sub(self.begins).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.buffer.get(from..)).unwrap_or_default()
    }

    fn fill(&mut self) -> Walk<()> {
        let count = (self.size - self.at).min(BUFFER as u64) as usize;
        if count == 0 {
            return Err(Stop::End);
        }
        self.budget.bytes(count as u64)?;
        self.inner.seek(SeekFrom::Start(self.at))?;
        self.buffer.resize(count, 0);
        self.inner.read_exact(&mut self.buffer)?;
        self.begins = self.at;
        Ok(())
    }
}

impl<R: Read + Seek> Source for Content<'_, R> {
    fn read(&mut self, mut into: &mut [u8]) -> Walk<()> {
        if self.size.saturating_sub(self.at) < into.len() as u64 {
            return Err(Stop::End);
        }
        while !into.is_empty() {
            if self.here().is_empty() {
                self.fill()?;
            }
            let here = self.here();
            let count = here.len().min(into.len());
            into[..count].copy_from_slice(&here[..count]);
            self.at += count as u64;
            into = &mut into[count..];
        }
        Ok(())
    }

    fn up_to(&mut self, into: &mut [u8]) -> Walk<usize> {
        let count = (self.size - self.at).min(into.len() as u64) as usize;
        self.read(&mut into[..count])?;
        Ok(count)
    }

    fn skip(&mut self, count: u64) -> Walk<()> {
        let to = self.at.checked_add(count).filter(|to| *to <= self.size).ok_or(Stop::End)?;
        self.at = to;
        Ok(())
    }

    fn at(&self) -> u64 {
        self.at
    }

    fn step(&self) -> Walk<()> {
        self.budget.step()
    }
}

/// What comes out of a decoder. It has no places to go to, so what is skipped is read.
pub(crate) struct Stream<'a, R> {
    inner: R,
    budget: &'a Budget,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a, R: Read> Stream<'a, R> {
    pub(crate) fn new(inner: R, budget: &'a Budget) -> Stream<'a, R> {
        Stream { inner, budget, at: 0, buffer: Vec::new(), used: 0 }
    }

    fn fill(&mut self) -> Walk<()> {
        self.buffer.resize(BUFFER, 0);
        self.used = 0;
        let mut count = 0;
        while count < BUFFER {
            match self.inner.read(&mut self.buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if count > 0 => break,
                Err(error) => {
                    self.buffer.clear();
                    // A decoder whose input ends too early; that it ends by itself is no error.
                    return Err(match error.kind() {
                        io::ErrorKind::UnexpectedEof => Stop::Broken("it cannot be unpacked to its end"),
                        _ => error.into(),
                    });
                }
            }
        }
        self.buffer.truncate(count);
        self.budget.bytes(count as u64)?;
        if count == 0 { Err(Stop::End) } else { Ok(()) }
    }
}

impl<R: Read> Source for Stream<'_, R> {
    fn read(&mut self, mut into: &mut [u8]) -> Walk<()> {
        while !into.is_empty() {
            if self.used >= self.buffer.len() {
                self.fill()?;
            }
            let here = &self.buffer[self.used..];
            let count = here.len().min(into.len());
            into[..count].copy_from_slice(&here[..count]);
            self.used += count;
            self.at += count as u64;
            into = &mut into[count..];
        }
        Ok(())
    }

    fn up_to(&mut self, into: &mut [u8]) -> Walk<usize> {
        let mut count = 0;
        while count < into.len() {
            if self.used >= self.buffer.len() {
                match self.fill() {
                    Err(Stop::End) => break,
                    filled => filled?,
                }
            }
            let more = (self.buffer.len() - self.used).min(into.len() - count);
            self.read(&mut into[count..count + more])?;
            count += more;
        }
        Ok(count)
    }

    fn skip(&mut self, mut count: u64) -> Walk<()> {
        while count > 0 {
            if self.used >= self.buffer.len() {
                self.fill()?;
            }
            let step = ((self.buffer.len() - self.used) as u64).min(count);
            self.used += step as usize;
            self.at += step;
            count -= step;
        }
        Ok(())
    }

    fn at(&self) -> u64 {
        self.at
    }

    fn step(&self) -> Walk<()> {
        self.budget.step()
    }
}

/// A part of a source: it ends where the part does. Bytes that were read to know what it is come first.
pub(crate) struct Part<'a> {
    inner: &'a mut dyn Source,
    head: &'a [u8],
    at: u64,
    size: u64,
}

impl<'a> Part<'a> {
    /// `head` has been read of the `size` bytes.
    pub(crate) fn new(inner: &'a mut dyn Source, head: &'a [u8], size: u64) -> Part<'a> {
        Part { inner, head, at: 0, size }
    }

    fn head_left(&self) -> usize {
        self.head.len().saturating_sub(usize::try_from(self.at).unwrap_or(usize::MAX))
    }
}

impl Source for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> Walk<()> {
        if self.size.saturating_sub(self.at) < into.len() as u64 {
            return Err(Stop::End);
        }
        let of_head = self.head_left().min(into.len());
        let from = self.head.len() - self.head_left();
        into[..of_head].copy_from_slice(&self.head[from..from + of_head]);
        self.inner.read(&mut into[of_head..])?;
        self.at += into.len() as u64;
        Ok(())
    }

    fn up_to(&mut self, into: &mut [u8]) -> Walk<usize> {
        let most = self.size.saturating_sub(self.at).min(into.len() as u64) as usize;
        let of_head = self.head_left().min(most);
        self.read(&mut into[..of_head])?;
        let rest = self.inner.up_to(&mut into[of_head..most])?;
        self.at += rest as u64;
        Ok(of_head + rest)
    }

    fn skip(&mut self, count: u64) -> Walk<()> {
        if self.size.saturating_sub(self.at) < count {
            return Err(Stop::End);
        }
        let of_head = (self.head_left() as u64).min(count);
        self.inner.skip(count - of_head)?;
        self.at += count;
        Ok(())
    }

    fn at(&self) -> u64 {
        self.at
    }

    fn step(&self) -> Walk<()> {
        self.inner.step()
    }
}

/// A source as decoders read it.
pub(crate) struct Reading<'a>(pub(crate) &'a mut dyn Source);

impl Read for Reading<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // One that ends reads as the end; decoders know whether it may.
        self.0.up_to(into).map_err(|stop| match stop {
            Stop::Spent => io::ErrorKind::QuotaExceeded.into(),
            Stop::Disk(error) => error,
            Stop::End | Stop::Broken(_) => io::ErrorKind::UnexpectedEof.into(),
        })
    }
}
