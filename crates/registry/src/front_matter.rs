//! Front matter: the YAML between two `---` lines at the top of a README.
//!
//! Always: every scalar is kept as it is written (`no` is the label "no", `1.10` the version "1.10") beside the value
//! that JSON would have; every node knows its line in the README; fields keep their written order.
//!
//! The text comes from strangers. Its size is bounded before it is parsed, and the parser's budget bounds what aliases
//! and nesting can make of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};
use serde_saphyr::{NonFiniteFloatPolicy, Spanned};

use crate::error::{CardError, Line};
use crate::text::clip;

/// Most bytes between the two lines.
const MAX_BYTES: usize = 64 * 1024;

/// Front matter (from its first `---` on, so that lines count as the README's do) and what follows it.
pub(crate) struct Split<'a> {
    pub(crate) yaml: Option<&'a str>,
    pub(crate) body: &'a str,
}

/// Cuts a README in two. Without `---` as its first line it is all body.
pub(crate) fn split(readme: &str) -> Result<Split<'_>, CardError> {
    let readme = readme.strip_prefix('\u{feff}').unwrap_or(readme);
    let mut at = 0;
    for (index, line) in readme.split_inclusive('\n').enumerate() {
        let rule = line.trim_end() == "---";
        if index == 0 && !rule {
            return Ok(Split { yaml: None, body: readme });
        }
        if index > 0 && rule {
            if at > MAX_BYTES {
                let line = Line(Some((index as u64 + 1, 1)));
                return Err(CardError::TooLong { size_bytes: at, line, limit: MAX_BYTES });
            }
            return Ok(Split { yaml: Some(&readme[..at]), body: &readme[at + line.len()..] });
        }
        at += line.len();
    }
    if readme.is_empty() { Ok(Split { yaml: None, body: "" }) } else { Err(CardError::Unclosed) }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) line: Line,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Nothing,
    Scalar {
        /// As written, without quotes.
        text: String,
        json: Json,
    },
    List(Vec<Node>),
    Fields(Vec<Field>),
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) line: Line,
    pub(crate) node: Node,
}

/// Reads the fields of front matter. None at all is fine, anything but fields is not.
pub(crate) fn read(yaml: &str) -> Result<Vec<Field>, CardError> {
    let budget = serde_saphyr::budget! {
        max_reader_input_bytes: Some(MAX_BYTES),
        max_events: 50_000,
        max_nodes: 20_000,
        max_depth: 32,
        flow_nesting_limit: 32,
        max_documents: 1,
        max_aliases: 100,
        max_anchors: 100,
        max_recorded_anchor_events: 10_000,
        max_recorded_anchor_bytes: 4 * MAX_BYTES,
        max_total_scalar_bytes: 4 * MAX_BYTES,
        max_merge_keys: 100,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 16 },
        // "yes", "no", "on" and "off" are words.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let raw: Option<Spanned<Raw>> =
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| refusal(&error))?;
    let root = raw.map(|raw| {
        let line = place(&raw.referenced);
        raw.value.at(yaml, line)
    });
    match root {
        None | Some(Node { value: Value::Nothing, .. }) => Ok(Vec::new()),
        Some(Node { value: Value::Fields(fields), .. }) => Ok(fields),
        Some(Node { line, .. }) => Err(CardError::NotFields { line }),
    }
}

/// A place, where there is one.
fn place(location: &serde_saphyr::Location) -> Line {
    Line(Some((location.line(), location.column())).filter(|(line, _)| *line > 0))
}

fn refusal(error: &serde_saphyr::Error) -> CardError {
    use serde_saphyr::Error;

    let line = error.location().map_or(Line(None), |location| place(&location));
    let mut inner = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = inner {
        inner = error;
    }
    match inner {
        Error::DuplicateMappingKey { key: Some(key), .. } => CardError::Repeated { field: clip(key), line },
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => CardError::Excessive { line },
        _ => {
            let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            // Where it is stands in the line beside it.
            let first = text.lines().next().unwrap_or_default();
            let reason = first.rsplit_once(" at line ").map_or(first, |(reason, _)| reason);
            CardError::Yaml { line, reason: clip(reason) }
        }
    }
}

impl Node {
    /// What JSON would hold, as clients read a card's data.
    pub(crate) fn json(&self) -> Json {
        match &self.value {
            Value::Nothing => Json::Null,
            Value::Scalar { json, .. } => json.clone(),
            Value::List(nodes) => nodes.iter().map(Node::json).collect(),
            Value::Fields(fields) => Json::Object(object(fields)),
        }
    }

    /// One text; `None` where nothing was written.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>, CardError> {
        match &self.value {
            Value::Nothing => Ok(None),
            Value::Scalar { text, .. } => Ok(Some(text)),
            _ => Err(self.wrong(field, "one value")),
        }
    }

    /// A list of texts; one alone is a list of one.
    pub(crate) fn texts(&self, field: &str, limit: usize) -> Result<Vec<String>, CardError> {
        match &self.value {
            Value::Nothing => Ok(Vec::new()),
            Value::Scalar { text, .. } => Ok(vec![text.clone()]),
            Value::List(nodes) if nodes.len() > limit => {
                Err(CardError::TooMany { field: field.to_owned(), line: self.line, count: nodes.len(), limit })
            }
            Value::List(nodes) => nodes
                .iter()
                .map(|node| match &node.value {
                    Value::Scalar { text, .. } => Ok(text.clone()),
                    _ => Err(node.wrong(field, "a list of plain values")),
                })
                .collect(),
            Value::Fields(_) => Err(self.wrong(field, "one value or a list of them")),
        }
    }

    /// Fields of its own; nothing written is none.
    pub(crate) fn fields(&self, field: &str, expected: &'static str) -> Result<&[Field], CardError> {
        match &self.value {
            Value::Nothing => Ok(&[]),
            Value::Fields(fields) => Ok(fields),
            _ => Err(self.wrong(field, expected)),
        }
    }

    pub(crate) fn wrong(&self, field: &str, expected: &'static str) -> CardError {
        CardError::Kind { field: field.to_owned(), line: self.line, expected }
    }
}

pub(crate) fn object(fields: &[Field]) -> Map<String, Json> {
    fields.iter().map(|field| (field.name.clone(), field.node.json())).collect()
}

/// The tree as the parser gives it: values inferred, places apart.
enum Raw {
    Nothing,
    Value(Json),
    List(Vec<Spanned<Raw>>),
    Fields(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl Raw {
    /// Puts the written text back in the place of what was inferred from it.
    fn at(self, yaml: &str, line: Line) -> Node {
        let value = match self {
            Raw::Nothing => Value::Nothing,
            Raw::Value(json) => {
                Value::Scalar { text: json.as_str().map_or_else(|| json.to_string(), str::to_owned), json }
            }
            Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, yaml)).collect()),
            Raw::Fields(fields) => {
                let field = |(name, value): (Spanned<String>, _)| Field {
                    line: place(&name.referenced),
                    name: name.value,
                    node: node(value, yaml),
                };
                Value::Fields(fields.into_iter().map(field).collect())
            }
        };
        Node { line, value }
    }
}

fn node(spanned: Spanned<Raw>, yaml: &str) -> Node {
    let line = place(&spanned.referenced);
    let mut node = spanned.value.at(yaml, line);
    // Numbers and booleans are plain, so the place they stand at holds nothing but them.
    if let Value::Scalar { text, json: Json::Number(_) | Json::Bool(_) } = &mut node.value {
        let span = spanned.defined.span();
        let written = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
            let start = usize::try_from(offset).ok()?;
            yaml.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
        if let Some(written) = written {
            *text = written.trim().to_owned();
        }
    }
    node
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or fields")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Value(Json::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Value(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Value(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Raw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Raw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Number::from_f64(value).map_or(Raw::Nothing, |number| Raw::Value(Json::Number(number))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Value(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Raw, E> {
        Ok(Raw::Value(String::from_utf8_lossy(value).into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(Raw::Fields(fields))
    }
}
