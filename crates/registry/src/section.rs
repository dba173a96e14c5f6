//! The `modelhub:` section of a card: what its author decided about access, price, split and answers.
//!
//! Always: unknown fields are refused, because a misspelt `price` would give a model away.

use serde::{Deserialize, Serialize};

use ledger::{MAX_ROYALTIES, Price, Share, Split};

use crate::error::{CardError, Line};
use crate::front_matter::{Field, Node, Value};
use crate::labels::Labels;
use crate::name::Handle;
use crate::remote::{Remote, RemoteError};
use crate::task::TaskCard;
use crate::text::clip;

/// How long a call may take if the card does not say.
pub const DEFAULT_DEADLINE_MS: u64 = 30_000;
/// The longest a card may ask for.
pub const MAX_DEADLINE_MS: u64 = 600_000;

/// The most rows that calls share a run with.
pub const MAX_BATCH_ROWS: u64 = 1_024;

const FIELDS: &[&str] =
    &["access", "price", "split", "output", "labels", "deadline", "batch", "royalty", "task", "remote"];
const REMOTE_FIELDS: &[&str] = &["url", "model", "version"];
const PRICE_FIELDS: &[&str] = &["per_call", "per_item", "per_1k_in", "per_1k_out"];

/// Who gets the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nobody: they run here and stay here.
    #[default]
    Sealed,
    /// Whoever the owner approves.
    Gated,
    /// Everybody.
    Open,
}

/// How much of the scores an answer shows: the less, the less there is to copy a model from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    #[default]
    All,
    /// The label alone.
    Labels,
    /// The few best.
    TopK,
    /// All, with few digits.
    Rounded,
}

macro_rules! words {
    ($name:ident { $($word:literal => $variant:ident),+ }) => {
        impl $name {
            /// The words of a card, in their order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of a card.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(Access { "sealed" => Sealed, "gated" => Gated, "open" => Open });
words!(Output { "all" => All, "labels" => Labels, "top_k" => TopK, "rounded" => Rounded });

/// What the author wrote; what is missing was not decided here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub access: Option<Access>,
    /// With one, a push becomes a release: the author has said so.
    pub price: Option<Price>,
    /// Who gets how many basis points of the creators' part, in written order: 1 to 20 receivers, each once, none with
    /// nothing, 10 000 in all.
    pub split: Option<Vec<(Handle, u16)>>,
    pub output: Option<Output>,
    pub labels: Option<Labels>,
    /// 1 to [`MAX_DEADLINE_MS`].
    pub deadline_ms: Option<u64>,
    /// How many rows of several calls may share a run: 2 to [`MAX_BATCH_ROWS`].
    pub batch: Option<u64>,
    /// What models that build on this one owe it of each call, after the fee: at most [`MAX_ROYALTIES`].
    pub royalty: Option<Share>,
    /// What it does for people, who then need not make tensors.
    pub task: Option<TaskCard>,
    /// Another server that runs it, in place of a model file.
    pub remote: Option<Remote>,
}

impl Section {
    pub(crate) fn read(node: &Node) -> Result<Section, CardError> {
        let mut section = Section::default();
        let mut batch_line = Line(None);
        for Field { name, line, node } in node.fields("modelhub", "fields like price and access")? {
            if matches!(node.value, Value::Nothing) && FIELDS.contains(&name.as_str()) {
                continue;
            }
            match name.as_str() {
                "access" => section.access = Some(choice(node, "modelhub.access", Access::WORDS, Access::from_word)?),
                "output" => section.output = Some(choice(node, "modelhub.output", Output::WORDS, Output::from_word)?),
                "price" => section.price = Some(price(node)?),
                "split" => section.split = Some(split(node)?),
                "labels" => section.labels = Some(labels(node)?),
                "deadline" => section.deadline_ms = Some(deadline(node)?),
                "batch" => {
                    section.batch = Some(batch(node)?);
                    batch_line = node.line;
                }
                "royalty" => section.royalty = Some(royalty(node)?),
                "task" => section.task = Some(TaskCard::read(node)?),
                "remote" => section.remote = Some(remote(node)?),
                _ => return Err(unknown("modelhub", name, *line, FIELDS)),
            }
        }
        if section.remote.is_some() && section.batch.is_some() {
            let expected = "left out beside modelhub.remote: calls that another server runs share no run";
            return Err(CardError::Kind { field: "modelhub.batch".to_owned(), line: batch_line, expected });
        }
        Ok(section)
    }
}

fn unknown(section: &'static str, field: &str, line: Line, allowed: &'static [&'static str]) -> CardError {
    CardError::UnknownField { section, field: clip(field), line, allowed }
}

fn choice<T>(
    node: &Node,
    field: &'static str,
    allowed: &'static [&'static str],
    read: fn(&str) -> Option<T>,
) -> Result<T, CardError> {
    let given = node.text(field)?.unwrap_or_default();
    read(given).ok_or_else(|| CardError::Choice { field, line: node.line, given: clip(given), allowed })
}

fn price(node: &Node) -> Result<Price, CardError> {
    let mut price = Price::FREE;
    let mut named = false;
    for Field { name, line, node } in node.fields("modelhub.price", "fields like per_call: \"0.002 OPG\"")? {
        let term = match name.as_str() {
            "per_call" => &mut price.per_call,
            "per_item" => &mut price.per_item,
            "per_1k_in" => &mut price.per_1k_in,
            "per_1k_out" => &mut price.per_1k_out,
            _ => return Err(unknown("modelhub.price", name, *line, PRICE_FIELDS)),
        };
        let field = format!("modelhub.price.{name}");
        let Some(text) = node.text(&field)? else { continue };
        *term = Some(text.parse().map_err(|error| CardError::Price { field, line: node.line, error })?);
        named = true;
    }
    if !named {
        return Err(CardError::EmptyPrice { line: node.line });
    }
    price.check().map_err(|error| CardError::Price { field: "modelhub.price".to_owned(), line: node.line, error })?;
    Ok(price)
}

fn split(node: &Node) -> Result<Vec<(Handle, u16)>, CardError> {
    let receivers = node.fields("modelhub.split", "handles with their shares, like bob: 70%")?;
    if !(1..=Split::MAX_RECEIVERS).contains(&receivers.len()) {
        return Err(CardError::Receivers { count: receivers.len(), line: node.line });
    }
    let mut shares: Vec<(Handle, u16)> = Vec::with_capacity(receivers.len());
    for Field { name, line, node } in receivers {
        let line = *line;
        let receiver: Handle = name.parse().map_err(|error| CardError::Receiver { line, error })?;
        let share = node.text("a share of modelhub.split")?.unwrap_or_default().parse::<Share>();
        let points = match share {
            Ok(share) => share.points(),
            Err(error) => return Err(CardError::Share { receiver, line, error }),
        };
        if points == 0 {
            return Err(CardError::EmptyShare { receiver, line });
        }
        if shares.iter().any(|(earlier, _)| *earlier == receiver) {
            return Err(CardError::ReceiverTwice { receiver, line });
        }
        shares.push((receiver, points));
    }
    let sum_points = shares.iter().map(|(_, points)| u32::from(*points)).sum();
    if sum_points != 10_000 {
        return Err(CardError::SplitSum { sum_points, line: node.line });
    }
    Ok(shares)
}

fn labels(node: &Node) -> Result<Labels, CardError> {
    let line = node.line;
    let refuse = |error| CardError::Labels { line, error };
    match &node.value {
        Value::Scalar { text, .. } => Labels::file(text).map_err(refuse),
        Value::Fields(fields) => {
            let lists =
                fields.iter().map(|field| Ok((field.name.clone(), field.node.texts("modelhub.labels", usize::MAX)?)));
            Labels::by_output(lists.collect::<Result<_, CardError>>()?).map_err(refuse)
        }
        Value::List(_) | Value::Nothing => Labels::list(node.texts("modelhub.labels", usize::MAX)?).map_err(refuse),
    }
}

fn batch(node: &Node) -> Result<u64, CardError> {
    let given = node.text("modelhub.batch")?.unwrap_or_default();
    let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
    let rows = digits.then(|| given.parse().ok()).flatten().filter(|rows| (2..=MAX_BATCH_ROWS).contains(rows));
    rows.ok_or_else(|| CardError::Batch { given: clip(given), line: node.line })
}

fn remote(node: &Node) -> Result<Remote, CardError> {
    let (mut url, mut model, mut version) = ((node.line, ""), (node.line, ""), None);
    for Field { name, line, node } in node.fields("modelhub.remote", "fields like url and model")? {
        if !REMOTE_FIELDS.contains(&name.as_str()) {
            return Err(unknown("modelhub.remote", name, *line, REMOTE_FIELDS));
        }
        let given = node.text(&format!("modelhub.remote.{name}"))?;
        let placed = (node.line, given.unwrap_or_default());
        match name.as_str() {
            "url" => url = placed,
            "model" => model = placed,
            _ => version = given.map(|_| placed),
        }
    }
    let line = |field| match field {
        "url" => url.0,
        "model" => model.0,
        _ => version.map_or(node.line, |(line, _)| line),
    };
    let remote = Remote::new(url.1, model.1, version.map(|(_, version)| version));
    remote.map_err(|error: RemoteError| CardError::Remote { line: line(error.field), error })
}

fn royalty(node: &Node) -> Result<Share, CardError> {
    let given = node.text("modelhub.royalty")?.unwrap_or_default();
    let refuse = || CardError::Royalty { given: clip(given), line: node.line };
    let share: Share = given.parse().map_err(|_| refuse())?;
    if share.points() > MAX_ROYALTIES { Err(refuse()) } else { Ok(share) }
}

/// `500ms`, `30s` or `2m`.
fn deadline(node: &Node) -> Result<u64, CardError> {
    let given = node.text("modelhub.deadline")?.unwrap_or_default();
    let (number, unit_ms) = if let Some(number) = given.strip_suffix("ms") {
        (number, 1)
    } else if let Some(number) = given.strip_suffix('s') {
        (number, 1_000)
    } else {
        (given.strip_suffix('m').unwrap_or_default(), 60_000)
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| number.parse::<u64>().ok()?.checked_mul(unit_ms))
        .flatten()
        .filter(|deadline_ms| (1..=MAX_DEADLINE_MS).contains(deadline_ms))
        .ok_or_else(|| CardError::Deadline { given: clip(given), line: node.line, limit_ms: MAX_DEADLINE_MS })
}
