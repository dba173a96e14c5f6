//! Zip archives: their list, and what lies at the places it names.
//!
//! Readers disagree about archives whose list and entries do not say the same, so that is dangerous by itself. Checksums
//! and the mark of encryption on an entry that is none are read over, because readers of models do.

use std::io::{Cursor, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::report::{Code, Format, Found};
use crate::source::{Budget, Content, Part, Reading, Source, Stop, Stream, Walk};
use crate::{numpy, pickle, search, sniff};

/// The end of an archive, its comment included.
const MAX_END: u64 = 22 + 65_535;
const MAX_LIST: u64 = 64 * 1024 * 1024;
const MAX_ENTRIES: usize = 200_000;
/// Entries whose contents are looked at.
const MAX_LOOKED: usize = 20_000;
/// An archive in an archive is looked into in memory.
const MAX_NESTED: u64 = 64 * 1024 * 1024;
const MAX_CONFIG: u64 = 16 * 1024 * 1024;
/// Above both, what an archive unpacks to is a bomb.
const BOMB_BYTES: u64 = 256 * 1024 * 1024;
const BOMB_RATIO: u64 = 200;
const MAX_NAME: usize = 4_096;

struct Entry {
    name: Vec<u8>,
    encrypted: bool,
    method: u16,
    packed: u64,
    unpacked: u64,
    offset: u64,
}

/// Where the list is.
struct List {
    from: u64,
    size: u64,
    entries: u64,
    /// So much stands before the archive: readers count its places from there.
    shift: u64,
}

/// Whether a file that is something else by its beginning ends as an archive does, with no comment.
pub(crate) fn ends_like_one<R: Read + Seek>(content: &mut R, size: u64, budget: &Budget) -> Walk<bool> {
    let mut end = [0; 22];
    Ok(size >= 22 && {
        read_at(content, size - 22, &mut end, size, budget)?;
        end.starts_with(b"PK\x05\x06") && end[20..] == [0, 0]
    })
}

/// Looks at an archive and says what kind it is.
pub(crate) fn walk<R: Read + Seek>(
    content: &mut R,
    size: u64,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Walk<Format> {
    let mut kind = Format::Zip;
    if let Err(stop) = look(content, size, budget, found, depth, &mut kind) {
        found.stopped(&stop, "");
    }
    Ok(kind)
}

fn look<R: Read + Seek>(
    content: &mut R,
    size: u64,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
    kind: &mut Format,
) -> Walk<()> {
    let list = find_list(content, size, budget)?;
    let entries = read_list(content, size, &list, budget)?;
    if entries.len() as u64 != list.entries {
        let text = format!("its end counts {} entries, its list has {}", list.entries, entries.len());
        found.add(Code::Disagreement, text, "");
    }
    let unpacked = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.unpacked));
    if unpacked > BOMB_BYTES && unpacked / BOMB_RATIO > size {
        found.add(Code::SizeBomb, format!("{size} bytes unpack to {unpacked}"), "");
    }
    *kind = kind_of(&entries);
    found.summary = format!("{} entries, {unpacked} bytes unpacked", entries.len());
    let mut ranges = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        budget.step()?;
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        if leads_out(&name) {
            found.add(Code::OutsidePath, "an entry's path leads out of the folder".to_owned(), &name);
        }
        let from = match beginning(content, size, entry, budget)? {
            Ok(from) => from,
            Err(text) => {
                found.add(Code::Disagreement, text, &name);
                continue;
            }
        };
        let to = from.checked_add(entry.packed).filter(|to| *to <= size);
        let Some(to) = to else {
            found.add(Code::SizeBomb, format!("it announces {} bytes, which the archive has not", entry.packed), &name);
            continue;
        };
        ranges.push((entry.offset, to));
        if index < MAX_LOOKED {
            into(content, size, from, entry, &name, *kind, budget, found, depth)?;
        }
    }
    ranges.sort_unstable();
    if let Some(pair) = ranges.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        found.add(Code::Overlap, format!("two entries share the bytes from {}", pair[1].0), "");
    }
    if entries.len() > MAX_LOOKED {
        return Err(Stop::Spent);
    }
    Ok(())
}

fn read_at<R: Read + Seek>(content: &mut R, at: u64, into: &mut [u8], size: u64, budget: &Budget) -> Walk<()> {
    if at.checked_add(into.len() as u64).is_none_or(|to| to > size) {
        return Err(Stop::End);
    }
    budget.bytes(into.len() as u64)?;
    content.seek(SeekFrom::Start(at))?;
    Ok(content.read_exact(into)?)
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let bytes = bytes.get(at..at + size).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn find_list<R: Read + Seek>(content: &mut R, size: u64, budget: &Budget) -> Walk<List> {
    const MISSING: Stop = Stop::Broken("it begins as a zip archive and has no end of one");
    let length = size.min(MAX_END);
    let mut end = vec![0; length as usize];
    read_at(content, size - length, &mut end, size, budget)?;
    // The last mark whose comment ends with the file, or else the last one.
    let marks = || (0..end.len().saturating_sub(21)).rev().filter(|at| end[*at..].starts_with(b"PK\x05\x06"));
    let fits = |at: &usize| at + 22 + number(&end, at + 20, 2) as usize == end.len();
    let at = marks().find(fits).or_else(|| marks().next()).ok_or(MISSING)?;
    let record = &end[at..];
    let mut list =
        List { entries: number(record, 10, 2), size: number(record, 12, 4), from: number(record, 16, 4), shift: 0 };
    let ends = size - length + at as u64;
    let large = list.entries == 0xffff || list.size == 0xffff_ffff || list.from == 0xffff_ffff;
    let place = ends.checked_sub(20).filter(|_| large);
    let Some(place) = place else {
        list.shift = ends.saturating_sub(list.size).saturating_sub(list.from);
        return Ok(list);
    };
    let mut locator = [0; 20];
    read_at(content, place, &mut locator, size, budget)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(list);
    }
    let mut record = [0; 56];
    read_at(content, number(&locator, 8, 8), &mut record, size, budget)?;
    if !record.starts_with(b"PK\x06\x06") {
        return Err(Stop::Broken("its large end is not where it says"));
    }
    Ok(List { entries: number(&record, 32, 8), size: number(&record, 40, 8), from: number(&record, 48, 8), shift: 0 })
}

fn read_list<R: Read + Seek>(content: &mut R, size: u64, list: &List, budget: &Budget) -> Walk<Vec<Entry>> {
    if list.size > MAX_LIST {
        return Err(Stop::Spent);
    }
    let mut bytes = vec![0; list.size.min(size) as usize];
    read_at(content, list.from.saturating_add(list.shift), &mut bytes, size, budget)?;
    let mut rest = &bytes[..];
    let mut entries = Vec::new();
    while rest.starts_with(b"PK\x01\x02") {
        budget.step()?;
        if entries.len() == MAX_ENTRIES {
            return Err(Stop::Spent);
        }
        let (name, extra, comment) = (number(rest, 28, 2), number(rest, 30, 2), number(rest, 32, 2));
        let whole = 46 + (name + extra + comment) as usize;
        if rest.len() < whole {
            return Err(Stop::End);
        }
        let (from, to) = (46 + name as usize, 46 + (name + extra) as usize);
        let mut entry = Entry {
            name: rest[46..from].iter().copied().take(MAX_NAME).collect(),
            encrypted: number(rest, 8, 2) & 1 == 1,
            method: number(rest, 10, 2) as u16,
            packed: number(rest, 20, 4),
            unpacked: number(rest, 24, 4),
            offset: number(rest, 42, 4),
        };
        entry.enlarge(&rest[from..to]);
        entry.offset = entry.offset.saturating_add(list.shift);
        entries.push(entry);
        rest = &rest[whole..];
    }
    Ok(entries)
}

impl Entry {
    /// Sizes that do not fit four bytes lie in a field of their own, in this order.
    fn enlarge(&mut self, mut extra: &[u8]) {
        while extra.len() >= 4 {
            let (kind, length) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
            let field = extra.get(4..4 + length).unwrap_or_default();
            if kind == 1 {
                let mut at = 0;
                for size in [&mut self.unpacked, &mut self.packed, &mut self.offset] {
                    if *size == 0xffff_ffff && field.len() >= at + 8 {
                        *size = number(field, at, 8);
                        at += 8;
                    }
                }
            }
            extra = extra.get(4 + length..).unwrap_or_default();
        }
    }
}

/// Where an entry's bytes begin, or how the place it is said to be at says something else.
fn beginning<R: Read + Seek>(content: &mut R, size: u64, entry: &Entry, budget: &Budget) -> Walk<Result<u64, String>> {
    let mut head = [0; 30];
    match read_at(content, entry.offset, &mut head, size, budget) {
        Err(Stop::End) => return Ok(Err(format!("its list has it at {}, behind the end", entry.offset))),
        read => read?,
    }
    if !head.starts_with(b"PK\x03\x04") {
        return Ok(Err(format!("its list has it at {}, where no entry begins", entry.offset)));
    }
    let (length, extra) = (number(&head, 26, 2), number(&head, 28, 2));
    let mut name = vec![0; (length as usize).min(MAX_NAME)];
    read_at(content, entry.offset + 30, &mut name, size, budget)?;
    if name != entry.name {
        return Ok(Err(format!("at its place it is called {}", String::from_utf8_lossy(&name))));
    }
    if number(&head, 8, 2) as u16 != entry.method {
        return Ok(Err("at its place it is packed in another way than the list says".to_owned()));
    }
    Ok(Ok(entry.offset + 30 + length + extra))
}

fn has(entries: &[Entry], name: &str) -> bool {
    let name = name.as_bytes();
    // PyTorch puts everything in a folder of its own.
    entries
        .iter()
        .any(|entry| entry.name.strip_suffix(name).is_some_and(|folder| folder.is_empty() || folder.ends_with(b"/")))
}

fn kind_of(entries: &[Entry]) -> Format {
    if has(entries, "data.pkl") {
        Format::PyTorch
    } else if has(entries, "model.weights.h5") || (has(entries, "config.json") && has(entries, "metadata.json")) {
        Format::Keras
    } else if !entries.is_empty() && entries.iter().all(|entry| entry.name.ends_with(b".npy")) {
        Format::Npz
    } else {
        Format::Zip
    }
}

pub(crate) fn leads_out(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    path.starts_with(['/', '\\']) || drive || path.contains('\0') || path.split(['/', '\\']).any(|step| step == "..")
}

/// Ends of names of what machines and languages run.
const PROGRAMS: &[&str] =
    &[".py", ".pyc", ".pyd", ".so", ".dll", ".exe", ".dylib", ".sh", ".bat", ".ps1", ".jar", ".class", ".js"];

/// What an entry of an archive holds, said by its name.
pub(crate) fn says_program(name: &str, found: &mut Found) {
    let lower = name.to_ascii_lowercase();
    if PROGRAMS.iter().any(|end| lower.ends_with(end)) {
        found.add(Code::Program, "code lies in the archive".to_owned(), name);
    }
}

#[expect(clippy::too_many_arguments, reason = "one place looks into entries, and all it is told is of one entry")]
fn into<R: Read + Seek>(
    content: &mut R,
    size: u64,
    from: u64,
    entry: &Entry,
    name: &str,
    kind: Format,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Walk<()> {
    if name.ends_with('/') || entry.packed == 0 {
        return Ok(());
    }
    if kind != Format::PyTorch {
        says_program(name, found);
    } else if name.contains("/code/") {
        found.add(Code::Program, "it is TorchScript: a program that PyTorch runs".to_owned(), "");
    }
    if entry.encrypted && kind != Format::PyTorch {
        found.add(Code::NotLookedInto, "it is encrypted".to_owned(), name);
        return Ok(());
    }
    let mut source = Content::new(content, size, budget)?;
    source.skip(from)?;
    let mut part = Part::new(&mut source, &[], entry.packed);
    match entry.method {
        0 => inside(&mut part, entry.packed, name, budget, found, depth),
        8 => {
            let unpacked = DeflateDecoder::new(Reading(&mut part));
            inside(&mut Stream::new(unpacked, budget), entry.unpacked, name, budget, found, depth)
        }
        method => {
            let text = format!("it is packed by method {method}, which is not unpacked here");
            found.add(Code::NotLookedInto, text, name);
            Ok(())
        }
    }
}

/// Looks at what an archive holds, from its beginning; `size` is what the archive says of it.
pub(crate) fn inside(
    source: &mut dyn Source,
    size: u64,
    name: &str,
    budget: &Budget,
    found: &mut Found,
    depth: u32,
) -> Walk<()> {
    let mut head = [0; sniff::HEAD];
    let length = match source.up_to(&mut head) {
        Ok(length) => length,
        Err(stop @ (Stop::Spent | Stop::Disk(_))) => return Err(stop),
        Err(stop) => {
            found.stopped(&stop, name);
            return Ok(());
        }
    };
    let head = &head[..length];
    let lower = name.to_ascii_lowercase();
    let called_pickle = [".pkl", ".pickle", ".joblib"].iter().any(|end| lower.ends_with(end));
    let mut part = Part::new(source, head, u64::MAX);
    match sniff::sniff(head, length as u64) {
        _ if called_pickle => pickle::walk(&mut part, name, found),
        Some(Format::Pickle) => {
            pickle::attempt(&mut part, name, found);
        }
        Some(Format::Numpy) => numpy::walk(&mut part, size, name, found),
        Some(Format::Hdf5) => {
            search::keras(&mut part, name, found)?;
        }
        Some(Format::Program) => found.add(Code::Program, "a program of a machine lies in the archive".into(), name),
        Some(Format::Zip | Format::Gzip | Format::Tar | Format::Zlib) if depth + 1 >= crate::MAX_DEPTH => {
            found.add(Code::Nesting, "archives lie in archives in archives".to_owned(), name);
        }
        // Bytes of tensors may begin like zlib's by chance.
        Some(Format::Zip | Format::Gzip | Format::Tar) => nested(&mut part, size, name, budget, found, depth)?,
        Some(Format::Packed) if !lower.contains("/data/") => {
            found.add(Code::NotLookedInto, "it is packed in a way that is not unpacked here".to_owned(), name);
        }
        _ if lower.ends_with("config.json") => {
            let text = read_some(&mut part, MAX_CONFIG, name, found)?;
            if search::has_lambda(&text) {
                search::say_lambda(name, found);
            }
        }
        _ => {}
    }
    Ok(())
}

fn read_some(source: &mut dyn Source, most: u64, name: &str, found: &mut Found) -> Walk<Vec<u8>> {
    let mut text = Vec::new();
    let mut piece = [0; 8 * 1024];
    loop {
        let count = match source.up_to(&mut piece) {
            Err(stop @ Stop::Broken(_)) => {
                found.stopped(&stop, name);
                return Ok(text);
            }
            count => count?,
        };
        text.extend_from_slice(&piece[..count]);
        if count < piece.len() {
            return Ok(text);
        }
        if text.len() as u64 > most {
            found.add(Code::NotLookedInto, format!("it has more than {most} bytes"), name);
            return Ok(text);
        }
    }
}

fn nested(source: &mut dyn Source, size: u64, name: &str, budget: &Budget, found: &mut Found, depth: u32) -> Walk<()> {
    if size > MAX_NESTED {
        let text = format!("it is an archive of {size} bytes in an archive; those are looked into up to {MAX_NESTED}");
        found.add(Code::NotLookedInto, text, name);
        return Ok(());
    }
    let bytes = read_some(source, MAX_NESTED, name, found)?;
    let length = bytes.len() as u64;
    let summary = std::mem::take(&mut found.summary);
    crate::look(&mut Cursor::new(bytes), length, budget, found, depth + 1)?;
    found.summary = summary;
    Ok(())
}
