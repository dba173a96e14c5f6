//! Files without a mark: text, pickles of protocol 0, and what is not known.

use crate::report::{Code, Format, Found};
use crate::source::{Source, Walk};
use crate::{pickle, search};

/// How much of a text is read; of what is longer, this much.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

pub(crate) fn walk(source: &mut dyn Source, size: u64, found: &mut Found) -> Walk<Format> {
    let mut text = vec![0; size.min(MAX_TEXT) as usize];
    source.read(&mut text)?;
    if pickle::attempt(&mut Whole { text: &text, at: 0, source }, "", found) {
        return Ok(Format::Pickle);
    }
    if !is_text(&text) {
        found.add(Code::UnknownFormat, "its format is not known here, so nothing was looked for".to_owned(), "");
        return Ok(Format::Unknown);
    }
    let mut marks = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let json = match marks.next() {
        Some(b'{') => matches!(marks.next(), Some(b'"' | b'}')),
        first => first == Some(&b'['),
    };
    if json {
        of_json(&text, found);
    } else if search::reaches_inside(&text) && is_template(&text) {
        say_template(found);
    }
    Ok(if json { Format::Json } else { Format::Text })
}

/// What was read already, and then nothing: a pickle of protocol 0 that is longer has a mark of other formats.
struct Whole<'a> {
    text: &'a [u8],
    at: usize,
    source: &'a dyn Source,
}

impl Source for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> Walk<()> {
        let from = self.text.get(self.at..self.at + into.len()).ok_or(crate::source::Stop::End)?;
        into.copy_from_slice(from);
        self.at += into.len();
        Ok(())
    }

    fn up_to(&mut self, into: &mut [u8]) -> Walk<usize> {
        let count = (self.text.len() - self.at).min(into.len());
        self.read(&mut into[..count])?;
        Ok(count)
    }

    fn skip(&mut self, count: u64) -> Walk<()> {
        let left = (self.text.len() - self.at) as u64;
        if count > left {
            return Err(crate::source::Stop::End);
        }
        self.at += count as usize;
        Ok(())
    }

    fn at(&self) -> u64 {
        self.at as u64
    }

    fn step(&self) -> Walk<()> {
        self.source.step()
    }
}

/// UTF-8 without what texts have no use for; a character that was cut at the end is one.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && bytes.len() as u64 == MAX_TEXT => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1b}' | '\u{85}'))
}

/// A file of Jinja begins with one of its marks; a page about Jinja does not.
fn is_template(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"{%") || text.starts_with(b"{{") || text.starts_with(b"{#")
}

fn of_json(text: &[u8], found: &mut Found) {
    if contains(text, b"\"chat_template\"") && search::reaches_inside(text) {
        say_template(found);
    }
    if search::has_lambda(text) {
        search::say_lambda("", found);
    }
    if contains(text, b"\"auto_map\"") {
        let text = "its auto_map names code of this folder, which transformers runs if it is told to trust it";
        found.add(Code::Program, text.to_owned(), "");
    }
}

pub(crate) fn say_template(found: &mut Found) {
    let text = "its template reaches for the inside of Python: a reader without a sandbox runs what it finds there";
    found.add(Code::Template, text.to_owned(), "");
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
