//! Files on their way to the hub: several at once, each from the byte where it was cut off.
//!
//! Always: what the hub has is not sent again; a file counts as sent once the hub has checked the SHA-256 of all of it;
//! a cut is no failure as long as trying again gets somewhere.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Mutex;

use anyhow::{Context, anyhow};
use indicatif::ProgressBar;
use registry::Handle;

use crate::client::{Arrived, Client, Sent};
use crate::crew::side_by_side;
use crate::folder::Local;
use crate::patience::Patience;
use crate::screen::{Screen, bytes, hinted};

/// Reads the files and sends those that the hub has not got. Gives their digests, in their order.
pub(crate) fn send_all(
    screen: Screen,
    client: &Client,
    owner: &Handle,
    files: &[Local],
) -> anyhow::Result<Vec<String>> {
    let bars = screen.bars();
    let reading = bars.bytes("Reading", files.iter().map(Local::size_bytes).sum());
    let sending = bars.bytes("Sending", 0);
    // The same bytes under two names travel once.
    let begun = Mutex::new(HashSet::new());
    let digests = side_by_side(files, |local| {
        let digest = local.digest(|size| reading.inc(size))?;
        if begun.lock().expect("nothing else is done under it").insert(digest.clone()) {
            let path = format!("/api/v1/uploads/{owner}/{digest}");
            let way = Way { client, owner, local, path, bar: &sending };
            way.send().with_context(|| format!("{} ({})", local.path, bytes(local.size_bytes())))?;
        }
        Ok(digest)
    });
    bars.clear();
    digests
}

/// One file's way.
struct Way<'a> {
    client: &'a Client,
    owner: &'a Handle,
    local: &'a Local,
    path: String,
    bar: &'a ProgressBar,
}

impl Way<'_> {
    fn send(&self) -> anyhow::Result<()> {
        let size = self.local.size_bytes();
        let mut patience = Patience::default();
        let mut arrived = self.client.arrived(self.owner, &self.path)?;
        if let Arrived::Part { .. } = arrived {
            self.bar.inc_length(size);
        }
        let (mut best, mut shown) = (0, 0);
        loop {
            let offset = match arrived {
                Arrived::Whole => return Ok(()),
                // What is as long as the whole and not the whole is something else.
                Arrived::Part { bytes, .. } => Some(bytes).filter(|bytes| *bytes < size).unwrap_or(0),
            };
            if offset > best {
                best = offset;
                patience.renew();
            }
            self.show(&mut shown, offset);
            let mut body = Counted { from: self.local.open_at(offset)?, bar: self.bar, shown: &mut shown };
            match self.client.upload(&self.path, offset, size, &mut body)? {
                Sent::Whole => return Ok(()),
                Sent::GoesOn(bytes) => {
                    patience.again(anyhow!("the hub goes on from byte {bytes}, not from {offset}"))?;
                    arrived = Arrived::Part { bytes, coming: false };
                }
                // The part that was there may have been the wrong one.
                Sent::Spoiled(why) if offset > 0 => {
                    patience.again(why)?;
                    arrived = Arrived::Part { bytes: 0, coming: false };
                }
                Sent::Spoiled(why) => {
                    return Err(hinted(why.to_string(), "the file changed; publish again when nothing writes to it"));
                }
                Sent::Cut(why) => arrived = self.look_again(&mut patience, why)?,
            }
        }
    }

    /// Asks until the hub answers and has noticed that the last try ended.
    fn look_again(&self, patience: &mut Patience, mut why: anyhow::Error) -> anyhow::Result<Arrived> {
        loop {
            patience.again(why)?;
            why = match self.client.arrived(self.owner, &self.path) {
                Ok(Arrived::Part { coming: true, .. }) => anyhow!("this file is being sent by somebody else"),
                Ok(arrived) => return Ok(arrived),
                Err(error) => error,
            };
        }
    }

    fn show(&self, shown: &mut u64, now: u64) {
        if now >= *shown {
            self.bar.inc(now - *shown);
        } else {
            self.bar.dec(*shown - now);
        }
        *shown = now;
    }
}

/// Tells the bar what was read.
struct Counted<'a, R> {
    from: R,
    bar: &'a ProgressBar,
    shown: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.from.read(buffer)?;
        self.bar.inc(size as u64);
        *self.shown += size as u64;
        Ok(size)
    }
}
