//! The write-ahead log of `ledger.db`, looked at before SQLite opens it.
//!
//! SQLite takes a log up to the first frame that does not check, and overwrites the rest: right for the end of a log
//! that a crash has torn, and silent about one that was damaged in the middle, whose later commits were acknowledged.
//! Only the last batch may be torn: the writer syncs each one before it begins the next. So a frame that does not check
//! and is followed by the commits of later batches is damage.
//!
//! The format is SQLite's: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME: usize = 24;
/// Both magic numbers; the odd one says that checksums read their words with the high byte first.
const MAGIC: u32 = 0x377f_0682;

/// Where a log is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("its header cannot be read, and {frames} frames follow it")]
    Header { frames: u64 },
    #[error("frame {frame} does not check, and commits that were acknowledged follow it, up to frame {commit}")]
    Frame { frame: u64, commit: u64 },
}

/// A running checksum, as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    high_first: bool,
    at: (u32, u32),
}

impl Sum {
    fn over(mut self, bytes: &[u8]) -> Sum {
        let word = |four: &[u8]| {
            let four = four.try_into().expect("four bytes");
            if self.high_first { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        let (mut one, mut two) = self.at;
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
            two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
        }
        self.at = (one, two);
        self
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// One frame as it lies there.
struct Frame {
    head: [u8; FRAME],
    page: Vec<u8>,
}

impl Frame {
    fn salts(&self) -> (u32, u32) {
        (number(&self.head, 8), number(&self.head, 12))
    }

    fn commits(&self) -> bool {
        number(&self.head, 4) != 0
    }

    fn said(&self) -> (u32, u32) {
        (number(&self.head, 16), number(&self.head, 20))
    }

    /// Whether its checksum goes on from `before`.
    fn checks(&self, before: Sum) -> bool {
        before.over(&self.head[..8]).over(&self.page).at == self.said()
    }
}

/// Looks at the log at `path`; none is a log without damage.
pub(crate) fn check(path: &Path) -> io::Result<Result<(), Damage>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::with_capacity(1024 * 1024, file);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? || header == [0; HEADER] {
        return Ok(Ok(()));
    }
    let magic = number(&header, 0);
    let fresh = Sum { high_first: magic & 1 == 1, at: (0, 0) };
    let sum = fresh.over(&header[..24]);
    let page = number(&header, 8) as usize;
    let page_fits = page.is_power_of_two() && (512..=65_536).contains(&page);
    if magic & !1 != MAGIC || sum.at != (number(&header, 24), number(&header, 28)) || !page_fits {
        return Ok(headless(&mut file)?.map_or(Ok(()), |frames| Err(Damage::Header { frames })));
    }
    frames(&mut file, page, (number(&header, 16), number(&header, 20)), sum)
}

/// Walks the frames of the log that has these salts; frames of others are left from logs before it.
fn frames(file: &mut impl Read, page: usize, salts: (u32, u32), mut sum: Sum) -> io::Result<Result<(), Damage>> {
    let mut frame = Frame { head: [0; FRAME], page: vec![0; page] };
    let mut broken: Option<u64> = None;
    // After the break: the last commit, and whether its batch was followed by another.
    let mut commit: Option<u64> = None;
    let mut damage = None;
    for at in 1.. {
        if !fill(file, &mut frame.head)? || !fill(file, &mut frame.page)? {
            break;
        }
        let ours = frame.salts() == salts;
        let checks = ours && frame.checks(sum);
        if broken.is_none() && !checks {
            broken = Some(at);
        }
        if let Some(broken) = broken {
            // One that goes on from the checksum before it is of this log, whatever lies between.
            if let Some(commit) = commit.filter(|_| checks) {
                damage = Some(Damage::Frame { frame: broken, commit });
            }
            if ours && frame.commits() {
                commit = Some(at);
            }
        }
        sum.at = frame.said();
    }
    match (damage, commit) {
        (Some(Damage::Frame { frame, .. }), Some(commit)) => Ok(Err(Damage::Frame { frame, commit })),
        _ => Ok(Ok(())),
    }
}

/// How many frames follow a header that cannot be read, if they are there. A header is written over frames whose pages
/// are in the database already, and is synced before the frames that follow it: a crash leaves the old one or the new.
fn headless(file: &mut impl Read) -> io::Result<Option<u64>> {
    // Counted in pages of ours; those of a hub of the first schema are half as large. What is not zero is something, at
    // the end of the file too.
    let most = FRAME + super::schema::LEDGER.page_bytes as usize;
    let (mut frames, mut frame) = (0, Vec::with_capacity(most));
    while file.by_ref().take(most as u64).read_to_end(&mut frame)? > 0 {
        frames += u64::from(frame.iter().any(|byte| *byte != 0));
        frame.clear();
    }
    Ok(Some(frames).filter(|frames| *frames > 0))
}

/// Reads until `bytes` is full; false at the end of the file.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rusqlite::Connection;

    use super::*;

    const PAGE: usize = 4_096;
    const SIZE: usize = FRAME + PAGE;

    /// A log of several commits of a real SQLite, as a crash leaves it. Gives it with the frames that commit.
    fn log() -> (tempfile::TempDir, PathBuf, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let (live, kept) = (folder.path().join("live.db"), folder.path().join("kept-wal"));
        let conn = Connection::open(&live).unwrap();
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        conn.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        conn.execute_batch("CREATE TABLE t (x BLOB)").unwrap();
        for _ in 0..5 {
            conn.execute_batch("BEGIN; INSERT INTO t VALUES (randomblob(9000)); COMMIT").unwrap();
        }
        fs::copy(folder.path().join("live.db-wal"), &kept).unwrap();
        let bytes = fs::read(&kept).unwrap();
        let commits = bytes[HEADER..].chunks_exact(SIZE).enumerate().filter(|(_, frame)| number(frame, 4) != 0);
        let commits = commits.map(|(at, _)| at + 1).collect();
        (folder, kept, commits)
    }

    fn changed(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Damage> {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        let other = path.with_file_name("changed-wal");
        fs::write(&other, bytes).unwrap();
        check(&other).unwrap()
    }

    fn frame(at: usize) -> usize {
        HEADER + (at - 1) * SIZE
    }

    #[test]
    fn a_log_that_is_whole_short_or_not_there_is_in_order() {
        let (_folder, path, _) = log();
        assert_eq!(check(&path).unwrap(), Ok(()));
        assert_eq!(check(&path.with_file_name("none")).unwrap(), Ok(()));
        assert_eq!(changed(&path, Vec::clear), Ok(()));
        assert_eq!(changed(&path, |bytes| bytes.fill(0)), Ok(()), "laid out and not begun");
        assert_eq!(changed(&path, |bytes| bytes.truncate(HEADER)), Ok(()));
        assert_eq!(changed(&path, |bytes| bytes.resize(bytes.len() + 9 * SIZE, 0)), Ok(()), "laid out ahead");
    }

    #[test]
    fn a_torn_last_batch_is_what_a_crash_leaves() {
        let (_folder, path, commits) = log();
        let (before, last) = (commits[commits.len() - 2], commits[commits.len() - 1]);
        for torn in before + 1..=last {
            for at in [0, 9, 17, FRAME, FRAME + PAGE - 1] {
                assert_eq!(changed(&path, |bytes| bytes[frame(torn) + at] ^= 1), Ok(()), "frame {torn} byte {at}");
            }
            let lost = |bytes: &mut Vec<u8>| bytes[frame(torn)..frame(torn) + SIZE].fill(0);
            assert_eq!(changed(&path, lost), Ok(()), "frame {torn} never came to the disk");
            assert_eq!(changed(&path, |bytes| bytes.truncate(frame(torn) + 100)), Ok(()));
        }
    }

    #[test]
    fn a_frame_that_was_damaged_under_later_commits_is_found() {
        let (_folder, path, commits) = log();
        let (before, last) = (commits[commits.len() - 2] as u64, commits[commits.len() - 1] as u64);
        for damaged in 1..before {
            for at in [0, 9, FRAME, FRAME + PAGE - 1] {
                let found = changed(&path, |bytes| bytes[frame(damaged as usize) + at] ^= 1);
                assert_eq!(found, Err(Damage::Frame { frame: damaged, commit: last }), "frame {damaged} byte {at}");
            }
        }
    }

    #[test]
    fn frames_of_the_log_before_are_not_of_this_one() {
        let (_folder, path, commits) = log();
        let old = |bytes: &mut Vec<u8>| {
            for at in commits[1]..bytes[HEADER..].len() / SIZE {
                bytes[frame(at + 1) + 8] ^= 1;
            }
        };
        assert_eq!(changed(&path, old), Ok(()));
    }

    #[test]
    fn a_header_that_cannot_be_read_over_frames_is_damage() {
        let (_folder, path, _) = log();
        for at in [0, 8, 16, 24] {
            let found = changed(&path, |bytes| bytes[at] ^= 1);
            assert!(matches!(found, Err(Damage::Header { frames: 1.. })), "byte {at}: {found:?}");
        }
        let one = changed(&path, |bytes| {
            bytes.truncate(frame(2));
            bytes[16] ^= 1;
        });
        assert_eq!(one, Err(Damage::Header { frames: 1 }), "one frame of small pages");
    }
}
