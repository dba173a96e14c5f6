//! Tar archives, from one header to the next.

use crate::report::{Code, Found};
use crate::source::{Budget, Part, Source, Stop, Walk};
use crate::zip::{inside, leads_out, says_program};

const BLOCK: u64 = 512;
const MAX_ENTRIES: u64 = 200_000;
const MAX_PATH: usize = 4_096;

pub(crate) fn walk(source: &mut dyn Source, budget: &Budget, found: &mut Found, depth: u32) {
    if let Err(stop) = look(source, budget, found, depth) {
        found.stopped(&stop, "");
    }
}

fn look(source: &mut dyn Source, budget: &Budget, found: &mut Found, depth: u32) -> Walk<()> {
    let (mut entries, mut empty) = (0, 0);
    // A name that is too long for a header comes in an entry before it.
    let mut long: Option<String> = None;
    loop {
        source.step()?;
        let mut header = [0; BLOCK as usize];
        match source.up_to(&mut header)? {
            0 => break,
            count if count < header.len() => return Err(Stop::End),
            _ => {}
        }
        if header.iter().all(|byte| *byte == 0) {
            empty += 1;
            if empty == 2 {
                break;
            }
            continue;
        }
        empty = 0;
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(Stop::Spent);
        }
        let size = number(&header[124..136]).ok_or(Stop::Broken("an entry's size is no number"))?;
        let kind = header[156];
        let padded = size.checked_next_multiple_of(BLOCK).ok_or(Stop::Broken("an entry's size is no number"))?;
        if matches!(kind, b'L' | b'x' | b'K' | b'g') {
            let text = source.some(padded, MAX_PATH)?;
            let text = &text[..text.len().min(usize::try_from(size).unwrap_or(usize::MAX))];
            match kind {
                b'L' => long = Some(words(text)),
                b'K' => say_link(&words(text), "", found),
                _ => long = path_of(text).or(long),
            }
            continue;
        }
        let short = [words(&header[345..500]), words(&header[..100])];
        let short = short.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/");
        let name = long.take().unwrap_or(short);
        if leads_out(&name) {
            found.add(Code::OutsidePath, "an entry's path leads out of the folder".to_owned(), &name);
        }
        if matches!(kind, b'1' | b'2') {
            say_link(&words(&header[157..257]), &name, found);
        }
        says_program(&name, found);
        let before = source.at();
        if matches!(kind, 0 | b'0' | b'7') && size > 0 {
            let mut part = Part::new(source, &[], size);
            inside(&mut part, size, &name, budget, found, depth)?;
        }
        let read = source.at() - before;
        source.skip(padded.checked_sub(read).ok_or(Stop::Broken("an entry was read beyond its end"))?)?;
    }
    found.summary = format!("{entries} entries");
    Ok(())
}

fn say_link(target: &str, name: &str, found: &mut Found) {
    if leads_out(target) {
        found.add(Code::OutsidePath, format!("a link leads to {target}"), name);
    }
}

/// To the first zero.
fn words(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// `25 path=a/b\n` among other records.
fn path_of(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().find_map(|line| Some(line.split_once(' ')?.1.strip_prefix("path=")?.to_owned()))
}

/// In octal digits, or in binary where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let plain = high[0] == 0x80 && high[1..].iter().all(|byte| *byte == 0);
        return low.try_into().ok().map(u64::from_be_bytes).filter(|_| plain);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}
