//! One value, as a caller gives it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refusal::{Refusal, clip};

/// One value: JSON, or the bytes of a file.
#[derive(Debug, Clone)]
pub enum Given {
    Json(Box<RawValue>),
    File(Vec<u8>),
}

/// `{"text": "…"}`, where bytes are meant and a text is at hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl Given {
    /// A text, from any code that has one.
    pub fn text(text: &str) -> Given {
        Given::Json(serde_json::value::to_raw_value(text).expect("a text is JSON"))
    }

    pub(crate) fn as_text(&self, at: usize) -> Result<Cow<'_, str>, Refusal> {
        const EXPECTED: &str = "a text";
        match self {
            Given::File(bytes) => {
                let refuse = |_| Refusal::Kind { at, given: "a file that is not UTF-8".to_owned(), expected: EXPECTED };
                std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(refuse)
            }
            Given::Json(json) => string(json).ok_or_else(|| shown(json, at, EXPECTED)),
        }
    }

    /// A file: bytes, a data URL, or a text that stands for its bytes.
    pub(crate) fn as_bytes(&self, at: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        const EXPECTED: &str = "a data URL (data:;base64,…), {\"text\": \"…\"}, or a file in a multipart body";
        let json = match self {
            Given::File(bytes) => return Ok(Cow::Borrowed(bytes)),
            Given::Json(json) => json,
        };
        if let Ok(Wrapped { text }) = serde_json::from_str(json.get()) {
            return Ok(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            });
        }
        let url = string(json).ok_or_else(|| shown(json, at, EXPECTED))?;
        let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        let base64 = data.and_then(|(kind, data)| kind.ends_with(";base64").then_some(data));
        let bytes = base64.and_then(|base64| STANDARD.decode(base64).ok());
        bytes.map(Cow::Owned).ok_or_else(|| shown(json, at, EXPECTED))
    }

    /// JSON of its own form.
    pub(crate) fn as_json(&self, at: usize, expected: &'static str) -> Result<&str, Refusal> {
        match self {
            Given::Json(json) => Ok(json.get()),
            Given::File(bytes) => {
                let refuse = |_| Refusal::Kind { at, given: "a file that is not UTF-8".to_owned(), expected };
                std::str::from_utf8(bytes).map_err(refuse)
            }
        }
    }
}

fn string(json: &RawValue) -> Option<Cow<'_, str>> {
    // A Cow by itself is read as an owned one.
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(json.get()).ok().map(|text| text.0)
}

fn shown(json: &RawValue, at: usize, expected: &'static str) -> Refusal {
    Refusal::Kind { at, given: clip(json.get()), expected }
}
