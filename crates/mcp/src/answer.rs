//! What the hub said, as an agent reads it: the JSON itself, and for a paid call what it cost.

use std::fmt;

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use crate::Answer;

/// Why a tool has nothing to tell. An agent sees all of it.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The arguments are not the tool's.
    Arguments(String),
    /// The hub could not be asked, and why.
    Unasked(String),
    /// The hub refused.
    Refused { code: String, message: String, hint: Option<String> },
    /// The answer is nothing that a hub says.
    Unread(String),
}

impl Failed {
    pub(crate) fn argument(name: &str, given: &str, rule: &str) -> Failed {
        let given: String = given.chars().take(200).collect();
        Failed::Arguments(format!("{name} is {given:?}; expected {rule}"))
    }

    fn code(&self) -> &str {
        match self {
            Failed::Arguments(_) => "invalid_arguments",
            Failed::Unasked(_) => "unreachable",
            Failed::Refused { code, .. } => code,
            Failed::Unread(_) => "unreadable",
        }
    }

    /// The result of a tool that failed: words for the model, and the code for a program.
    pub(crate) fn told(&self) -> CallToolResult {
        let hint = match self {
            Failed::Refused { hint, .. } => hint.as_deref(),
            _ => None,
        };
        let mut result = CallToolResult::structured_error(json!({
            "error": { "code": self.code(), "message": self.to_string(), "hint": hint }
        }));
        result.content = vec![rmcp::model::ContentBlock::text(match hint {
            Some(hint) => format!("{self} ({}). {hint}", self.code()),
            None => format!("{self} ({})", self.code()),
        })];
        result
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Arguments(what) => f.write_str(what),
            Failed::Unasked(why) => write!(f, "the hub cannot be asked: {why}"),
            Failed::Refused { message, .. } => f.write_str(message),
            Failed::Unread(what) => write!(f, "the hub's answer cannot be read: {what}"),
        }
    }
}

/// An answer's JSON, or what the hub refused with.
pub(crate) fn read(answer: &Answer) -> Result<Map<String, Value>, Failed> {
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| Failed::Unread(error.to_string()))?;
    if answer.status.is_success() {
        return match value {
            Value::Object(map) => Ok(map),
            other => Ok(object(json!({ "items": other }))),
        };
    }
    // Under `/api/v1` an object stands at `error`, under `/v2` a text with the rest beside it.
    let problem = if value["error"].is_object() { &value["error"] } else { &value };
    let text = |name: &str| problem[name].as_str().map(str::to_owned);
    Err(Failed::Refused {
        code: text("code").unwrap_or_else(|| answer.status.as_u16().to_string()),
        message: text("message").or_else(|| text("error")).unwrap_or_else(|| "it refused".to_owned()),
        hint: text("hint"),
    })
}

/// The answer to a call, with what its headers say of money.
pub(crate) fn paid(answer: Answer) -> Result<Map<String, Value>, Failed> {
    let mut told = read(&answer)?;
    let beside = [
        ("x-cost", "cost"),
        ("x-paid-from", "paid_from"),
        ("x-receipt-id", "receipt"),
        ("x-model-release", "release"),
        ("x-cold-start", "cold_start"),
        ("x-release-yanked", "yanked"),
        ("idempotent-replayed", "replayed"),
    ];
    for (header, name) in beside {
        if let Some(value) = answer.headers.get(header).and_then(|value| value.to_str().ok()) {
            told.insert(name.to_owned(), json!(value));
        }
    }
    Ok(told)
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
