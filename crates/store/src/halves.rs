//! Uploads that were cut off, kept for a day so that their senders can go on.
//!
//! Always: a half belongs to one account and one announced digest and size; nobody reads it before it is whole and
//! checked; whoever goes on with one has it alone, so that two senders of the same bytes cannot spoil each other. What
//! an account leaves lying is bounded, and all of it makes way when the disk is short.
//!
//! Their state is their name and their length, so a hub that was killed in the middle finds them again.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::UNIX_EPOCH;

use ledger::{AccountId, Time};
use registry::Digest;

/// How long a half waits for the rest.
const HALF_KEPT_MS: i64 = Time::DAY_MS;
/// Most halves of one account, and most bytes of them together; a single one may be larger.
const MAX_HALVES: usize = 32;
const MAX_HALF_BYTES: u64 = 8 * 1024 * 1024 * 1024;

const PREFIX: &str = "half-";

/// Whose upload of what.
pub(crate) type Key = (AccountId, Digest);

/// What is there of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrived {
    /// How many of its first bytes are here.
    pub bytes: u64,
    /// Whether somebody is sending at this moment. What they have sent counts once they have ended or were cut off.
    pub coming: bool,
}

/// One that waits.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) size: u64,
    /// When its last byte came.
    at: Time,
}

#[derive(Debug, Default)]
pub(crate) struct Halves(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Key, Half>,
    /// How many are being sent.
    coming: HashMap<Key, usize>,
}

impl Halves {
    /// Sweeps a folder for temporary files: halves stay, the rest goes. Gives the highest number among their names.
    pub(crate) fn open(tmp: &Path) -> io::Result<(Halves, u64)> {
        let halves = Halves::default();
        let mut highest = 0;
        for left in fs::read_dir(tmp)?.flatten() {
            let path = left.path();
            match left.file_name().to_str().and_then(parse) {
                Some((key, size, number)) => {
                    highest = highest.max(number);
                    halves.keep(key, &path, size);
                }
                None => fs::remove_file(path)?,
            }
        }
        Ok((halves, highest))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds the halves")
    }

    pub(crate) fn arrived(&self, key: &Key, now: Time) -> Arrived {
        self.expire(now);
        let state = self.lock();
        let bytes = state.waiting.get(key).map_or(0, |half| half.bytes);
        Arrived { bytes, coming: state.coming.contains_key(key) }
    }

    pub(crate) fn bytes_of(&self, account: AccountId) -> u64 {
        self.lock().waiting.iter().filter(|((owner, _), _)| *owner == account).map(|(_, half)| half.bytes).sum()
    }

    /// Takes the half that waits, if it has this many bytes of an upload of this size; says how many there are else.
    pub(crate) fn take(&self, key: &Key, size: u64, offset: u64) -> Result<Half, u64> {
        let mut state = self.lock();
        let there = state.waiting.get(key).filter(|half| half.size == size).map_or(0, |half| half.bytes);
        if there != offset || offset == 0 {
            return Err(there);
        }
        Ok(state.waiting.remove(key).expect("it was just looked at"))
    }

    pub(crate) fn begun(&self, key: Key) {
        *self.lock().coming.entry(key).or_default() += 1;
    }

    pub(crate) fn ended(&self, key: &Key) {
        let mut state = self.lock();
        if let Some(count) = state.coming.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                state.coming.remove(key);
            }
        }
    }

    /// Lets the file at `path` wait, unless more of the same upload waits already. What goes over an account's measure
    /// makes its oldest halves go.
    pub(crate) fn keep(&self, key: Key, path: &Path, size: u64) {
        let looked = fs::metadata(path).and_then(|found| Ok((found.len(), found.modified()?)));
        let Ok((bytes, modified)) = looked else { return remove(path) };
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let mut state = self.lock();
        let more = state.waiting.get(&key).is_some_and(|half| half.size == size && half.bytes >= bytes);
        if bytes == 0 || bytes > size || more {
            return remove(path);
        }
        let half = Half { path: path.to_owned(), bytes, size, at };
        if let Some(before) = state.waiting.insert(key, half) {
            remove(&before.path);
        }
        loop {
            let of_account = || state.waiting.iter().filter(|((account, _), _)| *account == key.0);
            let (count, sum) = of_account().fold((0, 0_u64), |(count, sum), (_, half)| (count + 1, sum + half.bytes));
            if count <= MAX_HALVES && sum <= MAX_HALF_BYTES {
                return;
            }
            let oldest = of_account().filter(|(other, _)| **other != key).min_by_key(|(_, half)| half.at);
            let Some(oldest) = oldest.map(|(key, _)| *key) else { return };
            if let Some(half) = state.waiting.remove(&oldest) {
                remove(&half.path);
            }
        }
    }

    /// Lets go of one that lacks nothing: nobody goes on with it.
    pub(crate) fn let_go(&self, key: &Key) {
        let mut state = self.lock();
        if state.waiting.get(key).is_some_and(|half| half.bytes == half.size)
            && let Some(half) = state.waiting.remove(key)
        {
            remove(&half.path);
        }
    }

    /// Lets go of the one that has waited longest; false if there is none.
    pub(crate) fn make_way(&self) -> bool {
        let mut state = self.lock();
        let oldest = state.waiting.iter().min_by_key(|(_, half)| half.at).map(|(key, _)| *key);
        let half = oldest.and_then(|key| state.waiting.remove(&key));
        half.inspect(|half| remove(&half.path)).is_some()
    }

    /// Lets go of what has waited for a day.
    pub(crate) fn expire(&self, now: Time) {
        self.lock().waiting.retain(|_, half| {
            let stays = half.at.plus_ms(HALF_KEPT_MS) > now;
            if !stays {
                remove(&half.path);
            }
            stays
        });
    }
}

/// Swept at the next start if it stays.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// The name of a temporary file that is kept when it is cut off.
pub(crate) fn name((account, digest): &Key, size: u64, number: u64) -> String {
    let account = u128::from_be_bytes(account.0);
    format!("{PREFIX}{account:032x}-{digest}-{size}-{number}")
}

/// Whose half of what, of which size, a name is of; and its number.
pub(crate) fn parse(name: &str) -> Option<(Key, u64, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let mut next = || parts.next();
    let account = u128::from_str_radix(next()?, 16).ok()?;
    let digest = next()?.parse().ok()?;
    let (size, number) = (next()?.parse().ok()?, next()?.parse().ok()?);
    next().is_none().then_some(((AccountId(account.to_be_bytes()), digest), size, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_half_of_what_it_is() {
        let key = (AccountId([7; 16]), Digest::of(b"abc"));
        assert_eq!(parse(&name(&key, 3, 12)), Some((key, 3, 12)));
        for other in ["4711-0", "half-", "half-xx-yy-1-2", &format!("{}-9", name(&key, 3, 12))] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_account_leaves_so_many_lying_and_the_oldest_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let halves = Halves::default();
        let (alice, bob) = (AccountId([1; 16]), AccountId([2; 16]));
        let key = |account: AccountId, n: usize| (account, Digest::of(&n.to_be_bytes()));
        let keep = |key: Key, seconds: u64| {
            let path = folder.path().join(name(&key, 10, seconds));
            let file = fs::File::create(&path).expect("a file");
            file.set_len(5).expect("its length");
            file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(seconds)).expect("its time");
            halves.keep(key, &path, 10);
        };
        keep(key(bob, 0), 1);
        for n in 0..=MAX_HALVES {
            keep(key(alice, n), 100 + n as u64);
        }
        let there = |key: Key| halves.arrived(&key, Time(0)).bytes == 5;
        assert!(!there(key(alice, 0)), "the oldest of alice's had to go");
        assert!(there(key(alice, 1)) && there(key(alice, MAX_HALVES)) && there(key(bob, 0)));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), MAX_HALVES + 1);
        halves.expire(Time(100_000).plus_ms(HALF_KEPT_MS));
        assert!(!there(key(bob, 0)), "a day is over");
        assert!(there(key(alice, 1)));
        assert!(halves.make_way() && !there(key(alice, 1)), "and what waits longest makes way");
    }
}
