//! The body of a commit: one JSON object a line, of which some carry a whole file as base64.
//!
//! Always: of a line only so much is in memory as is not the content of a file; a content is decoded as it comes and
//! goes to the disk; what a line says is read once all of it has come.
//!
//! How it is done: bytes are looked at one by one, just closely enough to know where strings begin and end and which
//! key stands before a value. The value of the key `content` is cut out; what is left is a small object that serde reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use api::{Code, Problem};

/// Most bytes of a line beside its content.
const MAX_LINE: usize = 64 * 1024;
/// The key whose value is a file.
const CONTENT: &[u8] = b"content";

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Some of the content of this line's file.
    Bytes(Vec<u8>),
    /// The line, without the content; whether it had one.
    Line { text: Vec<u8>, content: bool },
}

/// Where in a line the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Between strings.
    Plain,
    /// In a string that stays in the line, which began here; whether a backslash stands before.
    Text { from: usize, escaped: bool },
    /// In the value that is cut out.
    Content,
}

/// Takes a body apart, piece by piece.
#[derive(Debug)]
pub(crate) struct Lines {
    line: Vec<u8>,
    at: At,
    /// Where the last string that ended lies in the line.
    last: Option<(usize, usize)>,
    /// A colon came after it and nothing since: it is the key of what comes.
    keyed: bool,
    content: bool,
    /// Of base64 what makes no whole group of four yet.
    left: Vec<u8>,
    /// Padding came: nothing may follow.
    padded: bool,
    number: usize,
}

impl Lines {
    pub(crate) fn new() -> Lines {
        Lines {
            line: Vec::new(),
            at: At::Plain,
            last: None,
            keyed: false,
            content: false,
            left: Vec::new(),
            padded: false,
            number: 1,
        }
    }

    /// Takes the next bytes of the body. What is in them is given to `came`, in order.
    pub(crate) fn take(
        &mut self,
        mut bytes: &[u8],
        mut came: impl FnMut(Came) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        while let Some(&byte) = bytes.first() {
            if self.at == At::Content {
                let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\n')).unwrap_or(bytes.len());
                let decoded = self.decode(&bytes[..end])?;
                if !decoded.is_empty() {
                    came(Came::Bytes(decoded))?;
                }
                bytes = &bytes[end..];
                match bytes.first() {
                    Some(b'"') => {
                        self.end_content()?;
                        bytes = &bytes[1..];
                    }
                    Some(_) => return Err(self.wrong("the content of a file does not end")),
                    None => {}
                }
                continue;
            }
            bytes = &bytes[1..];
            if byte == b'\n' && self.at == At::Plain {
                if let Some(line) = self.end_line() {
                    came(line)?;
                }
                continue;
            }
            self.keep(byte)?;
        }
        Ok(())
    }

    /// The last line, which need not end with a line feed.
    pub(crate) fn finish(mut self) -> Result<Option<Came>, Problem> {
        match self.at {
            At::Plain => Ok(self.end_line()),
            At::Text { .. } | At::Content => Err(self.wrong("it ends within a text")),
        }
    }

    fn keep(&mut self, byte: u8) -> Result<(), Problem> {
        if self.line.len() >= MAX_LINE {
            return Err(self.wrong(&format!("it has more than {MAX_LINE} bytes beside the content of a file")));
        }
        self.line.push(byte);
        match self.at {
            At::Text { from, escaped } => {
                self.at = match byte {
                    b'"' if !escaped => {
                        self.last = Some((from, self.line.len() - 1));
                        self.keyed = false;
                        At::Plain
                    }
                    b'\\' => At::Text { from, escaped: !escaped },
                    _ => At::Text { from, escaped: false },
                };
            }
            _ => match byte {
                b'"' if self.is_content() => {
                    if self.content {
                        return Err(self.wrong("it has two contents"));
                    }
                    // An empty text stands in its place.
                    self.line.push(b'"');
                    (self.content, self.at) = (true, At::Content);
                }
                b'"' => self.at = At::Text { from: self.line.len(), escaped: false },
                b':' => self.keyed = true,
                b' ' | b'\t' | b'\r' => {}
                _ => self.keyed = false,
            },
        }
        Ok(())
    }

    fn is_content(&self) -> bool {
        self.keyed && self.last.is_some_and(|(from, to)| &self.line[from..to] == CONTENT)
    }

    fn decode(&mut self, text: &[u8]) -> Result<Vec<u8>, Problem> {
        // Some writers escape every slash.
        let mut all = std::mem::take(&mut self.left);
        all.extend(text.iter().filter(|byte| **byte != b'\\'));
        let whole = all.len() / 4 * 4;
        self.left = all.split_off(whole);
        if all.is_empty() {
            return Ok(all);
        }
        if self.padded {
            return Err(self.wrong("its content goes on after its end"));
        }
        self.padded = all.ends_with(b"=");
        STANDARD.decode(&all).map_err(|_| self.wrong("its content is not base64"))
    }

    fn end_content(&mut self) -> Result<(), Problem> {
        if !self.left.is_empty() {
            return Err(self.wrong("its content is not base64: the last group is not whole"));
        }
        (self.at, self.keyed, self.last, self.padded) = (At::Plain, false, None, false);
        Ok(())
    }

    fn end_line(&mut self) -> Option<Came> {
        let text = std::mem::take(&mut self.line);
        let content = std::mem::take(&mut self.content);
        (self.last, self.keyed) = (None, false);
        self.number += 1;
        (!text.trim_ascii().is_empty()).then_some(Came::Line { text, content })
    }

    fn wrong(&self, what: &str) -> Problem {
        Problem::new(Code::InvalidRequest, format!("line {} of the commit: {what}", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line, and the content that was cut out of it.
    type Read = (String, Option<Vec<u8>>);

    /// What comes of a body that arrives in pieces of this size.
    fn read(body: &str, piece: usize) -> Result<Vec<Read>, String> {
        let (mut lines, mut read, mut content) = (Lines::new(), Vec::new(), Vec::new());
        let mut came = |came: Came| {
            match came {
                Came::Bytes(bytes) => content.extend(bytes),
                Came::Line { text, content: has } => {
                    let content = std::mem::take(&mut content);
                    read.push((String::from_utf8(text).unwrap(), has.then_some(content)));
                }
            }
            Ok(())
        };
        for piece in body.as_bytes().chunks(piece) {
            lines.take(piece, &mut came).map_err(|problem| problem.message)?;
        }
        if let Some(line) = lines.finish().map_err(|problem| problem.message)? {
            came(line).unwrap();
        }
        Ok(read)
    }

    #[test]
    fn contents_are_cut_out_of_lines_however_they_arrive() {
        let body = concat!(
            "{\"key\": \"header\", \"value\": {\"summary\": \"a \\\"content\\\": b\\\\\", \"description\": \"content\"}}\n",
            "\r\n",
            "{\"key\":\"file\",\"value\":{\"content\":\"aGVsbG8=\",\"path\":\"a\",\"encoding\":\"base64\"}}\n",
            "{\"key\":\"file\",\"value\":{\"path\":\"content\",\"content\" : \"\"}}\n",
            "{\"key\":\"file\",\"value\":{\"content\":\"\\/\\/\\/\\/\"}}",
        );
        for piece in [1, 2, 3, 7, 1_000] {
            let read = read(body, piece).unwrap();
            assert_eq!(read.len(), 4, "{read:?}");
            assert_eq!(read[0], (body.lines().next().unwrap().to_owned(), None));
            let cut = "{\"key\":\"file\",\"value\":{\"content\":\"\",\"path\":\"a\",\"encoding\":\"base64\"}}";
            assert_eq!(read[1], (cut.to_owned(), Some(b"hello".to_vec())));
            assert_eq!(read[2].1, Some(vec![]));
            assert_eq!(read[3].1, Some(vec![0xff; 3]));
        }
    }

    #[test]
    fn what_is_no_base64_and_what_does_not_end_is_refused_with_its_line() {
        for (body, what) in [
            ("{}\n{\"content\":\"a!bc\"}", "line 2"),
            ("{\"content\":\"abc\"}", "not whole"),
            ("{\"content\":\"aGVsbG8=aGVs\"}", "its content"),
            ("{\"content\":\"aGVs\n\"}", "does not end"),
            ("{\"content\":\"aGVs", "within a text"),
            ("{\"a\":\"b", "within a text"),
            ("{\"content\":\"\",\"content\":\"\"}", "two contents"),
        ] {
            for piece in [1, 5, 100] {
                let error = read(body, piece).unwrap_err();
                assert!(error.contains(what), "{body}: {error}");
            }
        }
        assert!(read(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LINE)), 999).unwrap_err().contains("65536"));
    }
}
