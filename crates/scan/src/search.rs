//! Looking for words in files that are not read as what they are.

use crate::danger::SOUGHT;
use crate::report::{Code, Format, Found};
use crate::source::{Source, Stop, Walk};

/// How much is looked at together, and how much of it again with what follows.
const WINDOW: usize = 64 * 1024;
const OVERLAP: usize = 512;
/// Most hits.
const MAX_HITS: usize = 64;

/// Shows every stretch of what is left to `look`, each with a bit of what came before. Ends early if `look` says so.
fn windows(source: &mut dyn Source, mut look: impl FnMut(&[u8]) -> bool) -> Walk<()> {
    let mut window = vec![0; WINDOW + OVERLAP];
    let mut kept = 0;
    loop {
        source.step()?;
        let count = source.up_to(&mut window[kept..])?;
        let filled = kept + count;
        if count == 0 || !look(&window[..filled]) {
            return Ok(());
        }
        kept = filled.min(OVERLAP);
        window.copy_within(filled - kept..filled, 0);
    }
}

fn places<'a>(text: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let starts = move |at: &usize| text[*at..].starts_with(word);
    text.iter().enumerate().filter(move |(_, byte)| **byte == word[0]).map(|(at, _)| at).filter(starts)
}

fn has(text: &[u8], word: &[u8]) -> bool {
    places(text, word).next().is_some()
}

/// Keras in HDF5: a description of layers, in JSON, lies somewhere in it.
pub(crate) fn keras(source: &mut dyn Source, place: &str, found: &mut Found) -> Walk<Format> {
    let (mut keras, mut lambda) = (false, false);
    let looked = windows(source, |text| {
        keras |= has(text, b"keras");
        lambda |= has_lambda(text);
        !lambda
    });
    if lambda {
        say_lambda(place, found);
    }
    match looked {
        Err(stop @ Stop::Disk(_)) => return Err(stop),
        Err(stop) => found.stopped(&stop, place),
        Ok(()) => {}
    }
    Ok(if keras || lambda { Format::Keras } else { Format::Hdf5 })
}

pub(crate) fn say_lambda(place: &str, found: &mut Found) {
    let text = "it has a Lambda layer: Python that runs when the model is loaded or called";
    found.add(Code::PythonLayer, text.to_owned(), place);
}

/// Whether JSON names a layer that carries Python.
pub(crate) fn has_lambda(text: &[u8]) -> bool {
    let named = places(text, b"\"class_name\"").any(|at| {
        let mut rest = text[at + 12..].iter().copied().filter(|byte| !byte.is_ascii_whitespace());
        rest.next() == Some(b':') && rest.by_ref().take(8).eq(*b"\"Lambda\"")
    });
    named || places(text, b"\"__lambda__\"").next().is_some()
}

/// Operators of TensorFlow's graphs that reach out of the graph.
const OPERATORS: &[&str] = &["EagerPyFunc", "PyFunc", "PyFuncStateless", "ReadFile", "WriteFile"];

pub(crate) fn tensorflow(source: &mut dyn Source, found: &mut Found) -> Walk<()> {
    let mut hits: Vec<&str> = Vec::new();
    let looked = windows(source, |text| {
        for operator in OPERATORS {
            // The field `op` of a node, with its length.
            let field = [&[0x12, operator.len() as u8], operator.as_bytes()].concat();
            if !hits.contains(operator) && has(text, &field) {
                hits.push(operator);
            }
        }
        true
    });
    if !hits.is_empty() {
        found.add(Code::FileOperator, format!("its graph has the operators {}", hits.join(", ")), "");
    }
    if let Err(stop) = looked {
        found.stopped(&stop, "");
    }
    Ok(())
}

/// What templates of prompts have no use for.
const INSIDES: &[&[u8]] = &[
    b"__base__",
    b"__builtins__",
    b"__class__",
    b"__globals__",
    b"__import__",
    b"__init__",
    b"__mro__",
    b"__subclasses__",
];

/// Whether a template of Jinja in this text reaches for the inside of Python.
pub(crate) fn reaches_inside(text: &[u8]) -> bool {
    let template = [&b"{{"[..], b"{%"].iter().any(|mark| has(text, mark));
    template && INSIDES.iter().any(|word| has(text, word))
}

/// Names that a pickle may import, where it cannot be followed: those of modules nobody wants in a model.
pub(crate) fn imports(source: &mut dyn Source) -> Walk<Vec<(String, String)>> {
    let mut hits = Vec::new();
    windows(source, |text| {
        for (at, byte) in text.iter().enumerate() {
            let hit = match byte {
                b'c' | b'i' => by_lines(&text[at + 1..]),
                0x8c => by_lengths(&text[at + 1..]),
                _ => None,
            };
            if let Some(hit) = hit
                && !hits.contains(&hit)
                && hits.len() < MAX_HITS
            {
                hits.push(hit);
            }
        }
        true
    })?;
    Ok(hits)
}

fn is_name(bytes: &[u8]) -> bool {
    bytes.len() >= 3 && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn hit(module: &str, name: &[u8]) -> Option<(String, String)> {
    is_name(name).then(|| (module.to_owned(), String::from_utf8_lossy(name).into_owned()))
}

/// `cos\nsystem\n`, behind its first byte.
fn by_lines(text: &[u8]) -> Option<(String, String)> {
    let (module, rest) =
        SOUGHT.iter().find_map(|module| Some((module, text.strip_prefix(module.as_bytes())?.strip_prefix(b"\n")?)))?;
    let end = rest.iter().take(100).position(|byte| *byte == b'\n')?;
    hit(module, &rest[..end])
}

/// The texts `os` and `system` with their lengths, the first perhaps kept in the memo; behind the first byte.
fn by_lengths(text: &[u8]) -> Option<(String, String)> {
    let (length, rest) = text.split_first()?;
    let (module, rest) = rest.split_at_checked(usize::from(*length))?;
    let module = SOUGHT.iter().find(|known| known.as_bytes() == module)?;
    let rest = rest.strip_prefix(&[0x94]).unwrap_or(rest);
    let (length, rest) = rest.strip_prefix(&[0x8c])?.split_first()?;
    hit(module, rest.get(..usize::from(*length))?)
}
