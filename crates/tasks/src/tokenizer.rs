//! A stranger's `tokenizer.json`, looked through before it is read.
//!
//! Always: only parts of kinds that are known here, in lists that do not nest; no part makes a text more than
//! [`MAX_GROWTH`] times as long; nothing is drawn by lot. What the library panics about is a refusal.
//!
//! The library was made for files that one trusts: a chain of replacements doubles a text with each link, and lists in
//! lists take twice as long to read with each level.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use tokenizers::{Encoding, PostProcessor, Token};

use crate::refusal::clip;

/// The most bytes of a `tokenizer.json`.
pub const MAX_TOKENIZER_BYTES: u64 = 32 * 1024 * 1024;
/// How much longer its parts together may make a text.
const MAX_GROWTH: u64 = 512;
/// The most parts of a list.
const MAX_PARTS: usize = 16;
/// The longest pattern, and the longest text that is put in the place of another.
const MAX_PATTERN: usize = 4_096;
/// The one thing of patterns that takes more than linear time and that tokenizers cannot do without: white space but
/// for the last of it.
const BUT_THE_LAST: &str = r"\s+(?!\S)";
/// The longest token. Looking for one takes as long as it is, at each place of a text.
const MAX_TOKEN: usize = 512;
/// The longest word that may be cut into pieces: each of its letters is looked at from each other one.
const MAX_WORD: u64 = 1_000;
/// The most tokens that may be put around a text.
const MAX_AROUND: usize = 64;
/// The most tokens beside the vocabulary's.
const MAX_ADDED_TOKENS: usize = 4_096;

const NORMALIZERS: &[&str] = &[
    "BertNormalizer",
    "ByteLevel",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Precompiled",
    "Prepend",
    "Replace",
    "Strip",
    "StripAccents",
];
const PRE_TOKENIZERS: &[&str] = &[
    "BertPreTokenizer",
    "ByteLevel",
    "Digits",
    "Metaspace",
    "Punctuation",
    "Split",
    "UnicodeScripts",
    "Whitespace",
    "WhitespaceSplit",
];
const POST_PROCESSORS: &[&str] = &["BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"];
const MODELS: &[&str] = &["BPE", "Unigram", "WordLevel", "WordPiece"];

/// Why a `tokenizer.json` is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    #[error("it has {bytes} bytes; expected at most {MAX_TOKENIZER_BYTES}")]
    Large { bytes: usize },
    #[error("it is not JSON: line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("its {part} is of the type \"{given}\"; expected one of {}", known.join(", "))]
    Part { part: &'static str, given: String, known: &'static [&'static str] },
    #[error("its {part} has {count} parts; expected at most {MAX_PARTS}, and no lists in lists")]
    Parts { part: &'static str, count: usize },
    #[error("its normalizer can make a text {growth} times as long; expected at most {MAX_GROWTH} times")]
    Growth { growth: u64 },
    #[error("its {part} has a text of {bytes} bytes; expected at most {limit}")]
    Long { part: &'static str, bytes: usize, limit: usize },
    #[error("its {part} has the pattern \"{pattern}\", which can take for ever; expected one without looking around")]
    Pattern { part: &'static str, pattern: String },
    #[error("its {part} cannot be read by its own rules")]
    Damaged { part: &'static str },
    #[error("its words may have {most} letters (max_input_chars_per_word); expected at most {MAX_WORD}")]
    Word { most: u64 },
    #[error("its model draws by lot (dropout); the same text has to give the same tokens")]
    Dropout,
    #[error("its {part} are {count}; expected at most {limit}")]
    Added { part: &'static str, count: usize, limit: usize },
    /// The reason is the library's.
    #[error("it is not read: {reason}")]
    Unread { reason: String },
}

/// Texts to tokens.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What stands where a shorter text of a call has nothing. The mask tells it from tokens.
    pad: u32,
    added: usize,
}

/// One text's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    pub(crate) types: Vec<u32>,
}

/// One text's tokens, and which characters of the text each stands for; none for those around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spelled {
    pub(crate) tokens: Tokens,
    pub(crate) spans: Vec<Option<(usize, usize)>>,
    /// Whether the text goes on behind them.
    pub(crate) cut: bool,
}

impl Tokenizer {
    pub fn read(bytes: &[u8]) -> Result<Tokenizer, TokenizerError> {
        if bytes.len() as u64 > MAX_TOKENIZER_BYTES {
            return Err(TokenizerError::Large { bytes: bytes.len() });
        }
        let json = |error: serde_json::Error| TokenizerError::Json { line: error.line(), column: error.column() };
        let mut file: Json = serde_json::from_slice(bytes).map_err(json)?;
        look(&file)?;
        let pad = file["padding"]["pad_id"].as_u64().and_then(|id| u32::try_from(id).ok());
        // How a text is cut and padded is the task's; tokens are never texts again.
        for unused in ["truncation", "padding", "decoder"] {
            file[unused] = Json::Null;
        }
        let unread = |reason: String| TokenizerError::Unread { reason: clip(&reason) };
        let text = file.to_string();
        drop(file);
        let read = catch_unwind(AssertUnwindSafe(|| tokenizers::Tokenizer::from_bytes(text.as_bytes())));
        let inner = read.map_err(|_| unread("its reader failed".to_owned()))?.map_err(|e| unread(e.to_string()))?;
        let pad = pad.or_else(|| ["[PAD]", "<pad>"].iter().find_map(|token| inner.token_to_id(token))).unwrap_or(0);
        let added = inner.get_post_processor().map_or(0, |post| post.added_tokens(false));
        if added > MAX_AROUND {
            return Err(TokenizerError::Added { part: "tokens around a text", count: added, limit: MAX_AROUND });
        }
        Ok(Tokenizer { inner, pad, added })
    }

    pub(crate) fn pad(&self) -> u32 {
        self.pad
    }

    /// The tokens of a text, at most `most` with those around it. None where the library gives none.
    pub(crate) fn tokens(&self, text: &str, most: usize) -> Option<Tokens> {
        let room = most.checked_sub(self.added)?;
        let read = catch_unwind(AssertUnwindSafe(|| self.encode(text, room)));
        let tokens = read.ok()??;
        (tokens.ids.len() == tokens.types.len() && tokens.ids.len() <= most).then_some(tokens)
    }

    /// The same with the places of the tokens, counted in the characters of the text as it was given.
    pub(crate) fn spelled(&self, text: &str, most: usize) -> Option<Spelled> {
        let room = most.checked_sub(self.added)?;
        let read = catch_unwind(AssertUnwindSafe(|| self.spell(text, room)));
        let spelled = read.ok()??;
        let Tokens { ids, types } = &spelled.tokens;
        (ids.len() == types.len() && ids.len() == spelled.spans.len() && ids.len() <= most).then_some(spelled)
    }

    fn spell(&self, text: &str, room: usize) -> Option<Spelled> {
        let whole = self.inner.encode_char_offsets(text, false).ok()?;
        let spans = whole.get_ids().iter().zip(whole.get_offsets()).take(room);
        // Without their words: white space around them is taken off already, and would be once more.
        let tokens = spans.map(|(id, span)| Token::new(*id, String::new(), *span)).collect();
        let done = self.inner.post_process(Encoding::from_tokens(tokens, 0), None, true).ok()?;
        let own = done.get_special_tokens_mask().iter().zip(done.get_offsets());
        let spans = own.map(|(around, span)| (*around == 0).then_some(*span)).collect();
        let tokens = Tokens { ids: done.get_ids().to_vec(), types: done.get_type_ids().to_vec() };
        Some(Spelled { tokens, spans, cut: whole.len() > room })
    }

    /// Cut by hand: the library keeps what it cuts off, too.
    fn encode(&self, text: &str, room: usize) -> Option<Tokens> {
        let whole = self.inner.encode_fast(text, false).ok()?;
        let ids = whole.get_ids().iter().take(room);
        let tokens = ids.map(|id| Token::new(*id, String::new(), (0, 0))).collect();
        let cut = Encoding::from_tokens(tokens, 0);
        let done = self.inner.post_process(cut, None, true).ok()?;
        Some(Tokens { ids: done.get_ids().to_vec(), types: done.get_type_ids().to_vec() })
    }
}

/// Whether the file has only parts that are known to be harmless.
fn look(file: &Json) -> Result<(), TokenizerError> {
    let mut growth: u64 = 1;
    for part in parts(file, "normalizer", "normalizers", NORMALIZERS)? {
        growth = growth.saturating_mul(grows(part)?);
    }
    if growth > MAX_GROWTH {
        return Err(TokenizerError::Growth { growth });
    }
    for part in parts(file, "pre_tokenizer", "pretokenizers", PRE_TOKENIZERS)? {
        short("pre_tokenizer", part, MAX_PATTERN)?;
        quick("pre_tokenizer", part)?;
    }
    parts(file, "post_processor", "processors", POST_PROCESSORS)?;
    let added = file["added_tokens"].as_array().map_or(0, Vec::len);
    if added > MAX_ADDED_TOKENS {
        return Err(TokenizerError::Added { part: "added_tokens", count: added, limit: MAX_ADDED_TOKENS });
    }
    short("added_tokens", &file["added_tokens"], MAX_TOKEN)?;
    model(&file["model"])
}

/// The parts under a name: one, or a list of them.
fn parts<'a>(
    file: &'a Json,
    part: &'static str,
    list: &str,
    known: &'static [&'static str],
) -> Result<Vec<&'a Json>, TokenizerError> {
    let whole = &file[part];
    let parts: Vec<&Json> = match (whole, whole["type"].as_str()) {
        (Json::Null, _) => Vec::new(),
        (_, Some("Sequence")) => whole[list].as_array().ok_or(TokenizerError::Damaged { part })?.iter().collect(),
        _ => vec![whole],
    };
    if parts.len() > MAX_PARTS {
        return Err(TokenizerError::Parts { part, count: parts.len() });
    }
    for one in &parts {
        let given = one["type"].as_str().unwrap_or_default();
        if !known.contains(&given) {
            return Err(TokenizerError::Part { part, given: clip(given), known });
        }
    }
    Ok(parts)
}

/// How many times as long a normalizer can make a text.
fn grows(part: &Json) -> Result<u64, TokenizerError> {
    const PART: &str = "normalizer";
    let length = |text: &Json| text.as_str().unwrap_or_default().len() as u64;
    Ok(match part["type"].as_str().unwrap_or_default() {
        "Replace" => {
            short(PART, part, MAX_PATTERN)?;
            quick(PART, part)?;
            // A pattern may match nothing, between all letters.
            match length(&part["pattern"]["String"]) {
                0 => length(&part["content"]) + 1,
                found => length(&part["content"]).div_ceil(found).max(1),
            }
        }
        // Once, and not each letter; a text may be one letter.
        "Prepend" => {
            short(PART, part, 64)?;
            2
        }
        "Precompiled" => precompiled(part)?,
        // The longest that Unicode has, in bytes.
        "NFKC" | "NFKD" => 11,
        "NFC" | "NFD" | "BertNormalizer" | "Lowercase" => 3,
        "ByteLevel" => 2,
        _ => 1,
    })
}

/// SentencePiece's table: the length of an index, the index, and then the texts that others are replaced by, each with
/// a zero at its end.
fn precompiled(part: &Json) -> Result<u64, TokenizerError> {
    let damaged = TokenizerError::Damaged { part: "normalizer" };
    let Some(base64) = part["precompiled_charsmap"].as_str() else { return Err(damaged) };
    let table = STANDARD.decode(base64).map_err(|_| damaged.clone())?;
    let (length, rest) = table.split_first_chunk::<4>().ok_or(damaged.clone())?;
    let texts = rest.get(u32::from_le_bytes(*length) as usize..).ok_or(damaged)?;
    Ok(texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0).max(1) as u64)
}

/// A pattern that an engine without backtracking takes, too: the library's tries on for as long as there is a way.
fn quick(part: &'static str, json: &Json) -> Result<(), TokenizerError> {
    let Some(pattern) = json["pattern"]["Regex"].as_str() else { return Ok(()) };
    // What stands inside of something makes that unbalanced, and no pattern.
    let mut pieces = pattern.split(BUT_THE_LAST);
    if pattern.matches(BUT_THE_LAST).count() <= 2 && pieces.all(|piece| regex::Regex::new(piece).is_ok()) {
        return Ok(());
    }
    Err(TokenizerError::Pattern { part, pattern: clip(pattern) })
}

/// No text in the part is longer than `limit`.
fn short(part: &'static str, json: &Json, limit: usize) -> Result<(), TokenizerError> {
    match json {
        Json::String(text) if text.len() > limit => Err(TokenizerError::Long { part, bytes: text.len(), limit }),
        Json::Array(items) => items.iter().try_for_each(|item| short(part, item, limit)),
        Json::Object(fields) => fields.values().try_for_each(|field| short(part, field, limit)),
        _ => Ok(()),
    }
}

fn model(model: &Json) -> Result<(), TokenizerError> {
    const PART: &str = "model";
    let given = model["type"].as_str().unwrap_or_default();
    if !MODELS.contains(&given) {
        return Err(TokenizerError::Part { part: PART, given: clip(given), known: MODELS });
    }
    if !matches!(&model["dropout"], Json::Null) && model["dropout"].as_f64() != Some(0.0) {
        return Err(TokenizerError::Dropout);
    }
    match model["max_input_chars_per_word"].as_u64() {
        Some(most) if most > MAX_WORD => return Err(TokenizerError::Word { most }),
        _ => {}
    }
    let longest = match &model["vocab"] {
        Json::Object(tokens) => tokens.keys().map(String::len).max(),
        Json::Array(tokens) => tokens.iter().map(|token| token[0].as_str().unwrap_or_default().len()).max(),
        _ => return Err(TokenizerError::Damaged { part: "vocab" }),
    };
    match longest {
        Some(bytes) if bytes > MAX_TOKEN => Err(TokenizerError::Long { part: "vocab", bytes, limit: MAX_TOKEN }),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A small BERT: lower case, words cut into pieces, [CLS] and [SEP] around them.
    pub(crate) fn bert() -> Json {
        let tokens =
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "##s", "un", "##aff", "##able", "!", "cafe"];
        let vocab: serde_json::Map<_, _> =
            tokens.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), Json::from(id))).collect();
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
            "padding": null,
            "added_tokens": [],
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                                   "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab}
        })
    }

    fn read(file: &Json) -> Result<Tokenizer, TokenizerError> {
        Tokenizer::read(file.to_string().as_bytes())
    }

    /// Golden values: `tokenizers` 0.22 for Python on the same file, with `enable_truncation(max_length=5)`.
    #[test]
    fn tokens_are_those_of_the_library_in_python() {
        let tokenizer = read(&bert()).unwrap();
        let ids = |text: &str| tokenizer.tokens(text, 5).unwrap().ids;
        assert_eq!(ids("Hello Worlds!"), [2, 4, 5, 6, 3], "cut, and what stands around it stays");
        assert_eq!(ids("unaffable"), [2, 7, 8, 9, 3]);
        assert_eq!(ids("CAFÉ ¿?"), [2, 11, 1, 1, 3]);
        assert_eq!(ids(""), [2, 3]);
        assert_eq!(tokenizer.tokens("hello", 1), None, "no room for what stands around it");
    }

    #[test]
    fn what_could_hurt_is_refused_before_it_is_read() {
        let edited = |edit: &dyn Fn(&mut Json)| {
            let mut file = bert();
            edit(&mut file);
            read(&file).unwrap_err().to_string()
        };
        let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let bomb = json!({"type": "Sequence", "normalizers": vec![double.clone(); 16]});
        assert!(edited(&|file| file["normalizer"] = bomb.clone()).contains("65536 times as long"));
        let many = json!({"type": "Sequence", "normalizers": vec![double.clone(); 40]});
        assert!(edited(&|file| file["normalizer"] = many.clone()).contains("40 parts"));
        let nested = json!({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]});
        assert!(edited(&|file| file["normalizer"] = nested.clone()).contains("\"Sequence\"; expected one of"));
        assert!(edited(&|file| file["pre_tokenizer"] = json!({"type": "Lua"})).contains("\"Lua\""));
        let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        for pattern in ["(a|a)*(?=b)", r"(\s+(?!\S)|a+)*b", r"(a)\1", "("] {
            assert!(
                edited(&|file| file["pre_tokenizer"] = split(pattern)).contains("which can take for ever"),
                "{pattern}"
            );
        }
        let mut known = bert();
        // Llama 3's.
        known["pre_tokenizer"] = split(concat!(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
            r"|\s+(?!\S)|\s+"
        ));
        assert!(read(&known).is_ok());
        assert!(edited(&|file| file["model"]["type"] = json!("Oracle")).contains("\"Oracle\""));
        assert!(edited(&|file| file["model"]["dropout"] = json!(0.1)).contains("by lot"));
        assert!(edited(&|file| file["model"]["max_input_chars_per_word"] = json!(100_000)).contains("100000 letters"));
        assert!(edited(&|file| file["model"]["vocab"]["x".repeat(600)] = json!(99)).contains("600 bytes"));
        assert!(edited(&|file| file["model"]["vocab"] = json!(null)).contains("vocab"));
        let around = vec![json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}}); 100];
        assert!(
            edited(&|file| file["post_processor"]["single"] = json!(around)).contains("tokens around a text are 100")
        );
        assert!(Tokenizer::read(b"{").unwrap_err().to_string().contains("line 1"));
        assert!(Tokenizer::read(b"[]").is_err() && Tokenizer::read(b"{}").is_err());
        let huge = vec![b' '; MAX_TOKENIZER_BYTES as usize + 1];
        assert!(matches!(Tokenizer::read(&huge), Err(TokenizerError::Large { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn no_file_and_no_text_make_it_panic(at in 0usize..4_000, with in "[\\[\\]{}\",:0-9a-zA-Z#]{0,4}", text in "\\PC{0,40}") {
            let mut file = bert().to_string();
            let at = at.min(file.len());
            if file.is_char_boundary(at) {
                file.insert_str(at, &with);
            }
            if let Ok(tokenizer) = Tokenizer::read(file.as_bytes()) {
                let _ = tokenizer.tokens(&text, 16);
            }
        }
    }
}
