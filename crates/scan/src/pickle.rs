//! Pickles, instruction by instruction. Nothing is made of them but the names that they import.
//!
//! Readers of pickles run what was imported up to the instruction that fails, so what is found before a pickle breaks
//! counts.

use std::collections::HashMap;
use std::rc::Rc;

use crate::danger::{Danger, danger};
use crate::report::{Code, Found, Import};
use crate::search;
use crate::source::{Source, Stop, Walk};

/// Names are at most so long; a longer text is no name.
const MAX_NAME: usize = 200;
/// As they are told.
const MAX_SHOWN: usize = 100;
/// Values on the stack, and in the memo.
const MAX_VALUES: usize = 1 << 20;
/// Texts that are kept because they may be names, in bytes.
const MAX_TEXTS: usize = 16 * 1024 * 1024;
/// A line of protocol 0.
const MAX_LINE: usize = 1024 * 1024;
/// Older files of PyTorch hold five pickles, one after another.
const MAX_PICKLES: usize = 16;
/// Names that a finding lists.
const LISTED: usize = 8;

/// What is known of a value.
#[derive(Debug, Clone)]
enum Value {
    Mark,
    Text(Rc<str>),
    /// An import by its place.
    Import(usize),
    /// What joblib puts the bytes of an array behind.
    Array,
    Other,
}

/// How far a pickle was read.
struct Walked {
    /// To its last instruction.
    whole: bool,
    stop: Option<Stop>,
}

#[derive(Default)]
struct Pickle {
    stack: Vec<Value>,
    memo: HashMap<u64, Value>,
    texts: usize,
    imports: Vec<(Rc<str>, Rc<str>)>,
    /// Names made at run time.
    hidden: u64,
    /// Numbers of a registry that each program fills itself.
    extensions: u64,
    /// Something that was imported was called.
    called: bool,
    /// The bytes of an array come next.
    array: bool,
}

/// Walks a file of pickles.
pub(crate) fn walk(source: &mut dyn Source, place: &str, found: &mut Found) {
    look(source, place, found, true);
}

/// Walks what may be no pickle at all, and says nothing if it is none. Whether it was one.
pub(crate) fn attempt(source: &mut dyn Source, place: &str, found: &mut Found) -> bool {
    look(source, place, found, false)
}

fn look(source: &mut dyn Source, place: &str, found: &mut Found, certain: bool) -> bool {
    let mut seen = Vec::new();
    let (mut calls_hidden, mut extensions) = (0, 0);
    let mut any = false;
    for index in 0..MAX_PICKLES {
        let mut pickle = Pickle::default();
        let Walked { whole, stop } = pickle.walk(source);
        let dangerous = pickle.imports.iter().any(|(module, name)| danger(module, name) == Danger::Dangerous);
        // What has no pickle's mark is one if it ends as one does, or if what it imports would have run by then.
        let counts = match certain || any {
            true => whole || index == 0 || dangerous,
            false => {
                let whole = whole && matches!(source.byte(), Err(Stop::End));
                pickle.called && (whole || dangerous)
            }
        };
        if counts {
            any = true;
            calls_hidden += pickle.hidden;
            extensions += pickle.extensions;
            for import in pickle.imports {
                if !seen.contains(&import) && seen.len() < 4_096 {
                    seen.push(import);
                }
            }
        }
        if pickle.array {
            found.add(
                Code::Unfinished,
                "arrays lie between its instructions: from the first one on it was searched for names, not read".into(),
                place,
            );
            match search::imports(source) {
                Ok(hits) => seen.extend(hits.into_iter().map(|(module, name)| (module.into(), name.into()))),
                Err(stop) => found.stopped(&stop, place),
            }
            break;
        }
        match stop {
            // Behind the first come others, or bytes of tensors.
            Some(Stop::Disk(error)) => found.stopped(&Stop::Disk(error), place),
            Some(stop) if counts && (index == 0 || dangerous) => found.stopped(&stop, place),
            Some(Stop::Spent) if any => found.stopped(&Stop::Spent, place),
            _ => {}
        }
        if !whole {
            break;
        }
    }
    if !any {
        return false;
    }
    say(&seen, calls_hidden, extensions, place, found);
    true
}

fn say(seen: &[(Rc<str>, Rc<str>)], hidden: u64, extensions: u64, place: &str, found: &mut Found) {
    let (mut dangerous, mut unknown, mut known) = (Vec::new(), Vec::new(), 0);
    for (module, name) in seen {
        let danger = danger(module, name);
        match danger {
            Danger::Dangerous => dangerous.push(format!("{module}.{name}")),
            Danger::Unknown => unknown.push(format!("{module}.{name}")),
            Danger::Known => known += 1,
        }
        let short = |text: &str| crate::report::shown(text, MAX_SHOWN);
        found.import(Import { module: short(module), name: short(name), danger });
    }
    if !dangerous.is_empty() {
        found.add(Code::DangerousImport, format!("reading it runs {}", listed(&dangerous)), place);
    }
    if hidden > 0 {
        found.add(Code::HiddenImport, "it makes the name of what it imports while it is read".to_owned(), place);
    }
    if extensions > 0 {
        found.add(Code::Imports, format!("it imports by {extensions} numbers that only its makers know"), place);
    }
    if !unknown.is_empty() {
        found.add(Code::Imports, format!("reading it runs {}", listed(&unknown)), place);
    } else if known > 0 && dangerous.is_empty() {
        let text = "it is a pickle, which can run anything; this one imports only what rebuilds data";
        found.add(Code::Imports, text.to_owned(), place);
    }
}

fn listed(names: &[String]) -> String {
    let mut listed = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        listed += &format!(" and {} more", names.len() - LISTED);
    }
    listed
}

impl Pickle {
    fn walk(&mut self, source: &mut dyn Source) -> Walked {
        loop {
            match self.step(source) {
                Ok(true) => {}
                Ok(false) => return Walked { whole: true, stop: None },
                Err(stop) => return Walked { whole: false, stop: Some(stop) },
            }
            if self.array {
                return Walked { whole: false, stop: None };
            }
        }
    }

    /// One instruction; false for the last.
    fn step(&mut self, source: &mut dyn Source) -> Walk<bool> {
        source.step()?;
        match source.byte()? {
            b'.' => {
                self.pop()?;
                return Ok(false);
            }
            b'(' => self.push(Value::Mark)?,
            b'0' => drop(self.pop()?),
            b'1' => self.pop_mark()?,
            b'2' => {
                let top = self.stack.last().cloned().ok_or(EMPTY)?;
                self.push(top)?;
            }
            // Numbers.
            b'I' | b'F' | b'L' => {
                line(source)?;
                self.push(Value::Other)?;
            }
            b'J' => self.skipped(source, 4)?,
            b'K' => self.skipped(source, 1)?,
            b'M' => self.skipped(source, 2)?,
            b'G' => self.skipped(source, 8)?,
            0x8a => {
                let length = source.byte()?.into();
                self.skipped(source, length)?;
            }
            0x8b => {
                let length = source.u32()?.into();
                self.skipped(source, length)?;
            }
            b'N' | 0x88 | 0x89 | b'}' | b']' | b')' | 0x8f | 0x97 => self.push(Value::Other)?,
            0x98 => {}
            // Texts.
            b'S' | b'V' => {
                let text = line(source)?;
                let quoted = |mark: char| text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
                let text = quoted('\'').or_else(|| quoted('"')).unwrap_or(&text);
                self.text(text.as_bytes())?;
            }
            b'T' | b'X' => {
                let length = source.u32()?.into();
                self.read_text(source, length)?;
            }
            b'U' | 0x8c => {
                let length = source.byte()?.into();
                self.read_text(source, length)?;
            }
            0x8d => {
                let length = source.u64()?;
                self.read_text(source, length)?;
            }
            // Bytes are no names, but texts of protocols before 3 are read as such.
            b'B' => {
                let length = source.u32()?.into();
                self.read_text(source, length)?;
            }
            b'C' => {
                let length = source.byte()?.into();
                self.read_text(source, length)?;
            }
            0x8e | 0x96 => {
                let length = source.u64()?;
                self.skipped(source, length)?;
            }
            // Lists, sets and dictionaries, filled.
            b'a' => drop(self.pop()?),
            b's' => {
                self.pop()?;
                self.pop()?;
            }
            b'e' | b'u' | 0x90 => self.pop_mark()?,
            b'l' | b't' | b'd' | 0x91 => {
                self.pop_mark()?;
                self.push(Value::Other)?;
            }
            0x85 => self.made_of(1)?,
            0x86 => self.made_of(2)?,
            0x87 => self.made_of(3)?,
            // The memo.
            b'p' => {
                let key = number(&line(source)?)?;
                self.remember(key)?;
            }
            b'q' => {
                let key = source.byte()?.into();
                self.remember(key)?;
            }
            b'r' => {
                let key = source.u32()?.into();
                self.remember(key)?;
            }
            0x94 => {
                let key = self.memo.len() as u64;
                self.remember(key)?;
            }
            b'g' => {
                let key = number(&line(source)?)?;
                self.recall(key)?;
            }
            b'h' => {
                let key = source.byte()?.into();
                self.recall(key)?;
            }
            b'j' => {
                let key = source.u32()?.into();
                self.recall(key)?;
            }
            // Things that somebody else keeps.
            b'P' => {
                line(source)?;
                self.push(Value::Other)?;
            }
            b'Q' => self.made_of(1)?,
            // Imports.
            b'c' => {
                let (module, name) = (line(source)?, line(source)?);
                self.import(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (module, name) {
                    (Value::Text(module), Value::Text(name)) => self.import(&module, &name)?,
                    _ => {
                        self.hidden += 1;
                        self.push(Value::Other)?;
                    }
                }
            }
            0x82 => self.extension(source, 1)?,
            0x83 => self.extension(source, 2)?,
            0x84 => self.extension(source, 4)?,
            // Calls.
            b'i' => {
                let (module, name) = (line(source)?, line(source)?);
                self.pop_mark()?;
                self.import(&module, &name)?;
                self.called = true;
            }
            b'o' => {
                self.pop_mark()?;
                self.called |= !self.imports.is_empty();
                self.push(Value::Other)?;
            }
            b'R' | 0x81 => {
                self.pop()?;
                let called = self.pop()?;
                let made = self.made_by(&called);
                self.push(made)?;
            }
            0x92 => {
                self.pop()?;
                self.pop()?;
                let called = self.pop()?;
                let made = self.made_by(&called);
                self.push(made)?;
            }
            b'b' => {
                self.pop()?;
                self.array = matches!(self.stack.last().ok_or(EMPTY)?, Value::Array);
            }
            // Which protocol, and where it may be cut.
            0x80 => source.skip(1)?,
            0x95 => source.skip(8)?,
            _ => return Err(Stop::Broken("it has an instruction that pickles do not have")),
        }
        Ok(true)
    }

    fn push(&mut self, value: Value) -> Walk<()> {
        if self.stack.len() == MAX_VALUES {
            return Err(Stop::Spent);
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Walk<Value> {
        self.stack.pop().ok_or(EMPTY)
    }

    fn pop_mark(&mut self) -> Walk<()> {
        while !matches!(self.pop()?, Value::Mark) {}
        Ok(())
    }

    /// A value of so many others.
    fn made_of(&mut self, count: usize) -> Walk<()> {
        for _ in 0..count {
            self.pop()?;
        }
        self.push(Value::Other)
    }

    fn made_by(&mut self, called: &Value) -> Value {
        let Value::Import(place) = called else { return Value::Other };
        self.called = true;
        let (module, name) = &self.imports[*place];
        let array = &**module == "joblib.numpy_pickle" && &**name == "NumpyArrayWrapper";
        if array { Value::Array } else { Value::Other }
    }

    fn skipped(&mut self, source: &mut dyn Source, count: u64) -> Walk<()> {
        source.skip(count)?;
        self.push(Value::Other)
    }

    fn read_text(&mut self, source: &mut dyn Source, length: u64) -> Walk<()> {
        if length > MAX_NAME as u64 {
            return self.skipped(source, length);
        }
        let text = source.some(length, MAX_NAME)?;
        self.text(&text)
    }

    fn text(&mut self, bytes: &[u8]) -> Walk<()> {
        let value = match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= MAX_NAME => {
                self.texts += text.len();
                if self.texts > MAX_TEXTS {
                    return Err(Stop::Spent);
                }
                Value::Text(text.into())
            }
            _ => Value::Other,
        };
        self.push(value)
    }

    fn import(&mut self, module: &str, name: &str) -> Walk<()> {
        let import: (Rc<str>, Rc<str>) = (module.into(), name.into());
        // Many of the same are common; they are looked for among the last.
        let recent = self.imports.len().saturating_sub(64);
        let known = self.imports[recent..].iter().position(|known| *known == import).map(|at| at + recent);
        let place = known.unwrap_or(self.imports.len());
        if known.is_none() {
            self.texts += module.len() + name.len() + 64;
            if self.texts > MAX_TEXTS {
                return Err(Stop::Spent);
            }
            self.imports.push(import);
        }
        self.push(Value::Import(place))
    }

    fn extension(&mut self, source: &mut dyn Source, size: u64) -> Walk<()> {
        self.extensions += 1;
        self.skipped(source, size)
    }

    fn remember(&mut self, key: u64) -> Walk<()> {
        let top = self.stack.last().cloned().ok_or(EMPTY)?;
        if self.memo.len() == MAX_VALUES {
            return Err(Stop::Spent);
        }
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Walk<()> {
        let value = self.memo.get(&key).cloned().ok_or(Stop::Broken("it asks for what it has not kept"))?;
        self.push(value)
    }
}

const EMPTY: Stop = Stop::Broken("it takes more values than it has made");

fn number(line: &str) -> Walk<u64> {
    line.trim().parse().map_err(|_| Stop::Broken("it counts with what is no number"))
}

/// To the end of the line. Only its beginning is kept: a longer one is no name.
fn line(source: &mut dyn Source) -> Walk<String> {
    let mut line = Vec::new();
    for _ in 0..MAX_LINE {
        match source.byte()? {
            b'\n' => return Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()),
            byte if line.len() <= 4 * MAX_NAME => line.push(byte),
            _ => {}
        }
    }
    Err(Stop::Broken("it has a line without an end"))
}
