//! Sign-in with an EVM wallet: the text of EIP-4361 (<https://eips.ethereum.org/EIPS/eip-4361>), read strictly, and who
//! signed it (EIP-191, `personal_sign`).
//!
//! Always: a text that is accepted has exactly one reading: every line is known, in its place, once, and ends with a
//! line feed alone. The signature is over the bytes that came, and nothing is keyed on it: it has a second valid form.

use std::fmt;
use std::time::{Duration, SystemTime};

use receipt::{Address, BadSignature, Signature};
use sha3::{Digest, Keccak256};

/// Longer texts are nobody's honest sign-in.
const MAX_TEXT: usize = 4_096;
const MAX_RESOURCES: usize = 20;
const AFTER_DOMAIN: &str = " wants you to sign in with your Ethereum account:";

/// What a wallet has signed, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `https`, if the text begins with it.
    pub scheme: Option<String>,
    /// The site that asked, with its port.
    pub domain: String,
    pub address: Address,
    pub statement: Option<String>,
    pub uri: String,
    pub chain: u64,
    pub nonce: String,
    /// UTC milliseconds, as the two below.
    pub issued: i64,
    pub expires: Option<i64>,
    pub not_before: Option<i64>,
    pub request: Option<String>,
    pub resources: Vec<String>,
}

/// Why a text is no sign-in of EIP-4361.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    #[error("the text has {bytes} bytes; at most {MAX_TEXT} are read")]
    TooLong { bytes: usize },
    #[error(
        "the text holds the character {character:?}; lines end with a line feed and hold no other control character"
    )]
    Control { character: char },
    #[error("line {line} is {found:?}; {expected} belongs there")]
    Line { line: usize, found: String, expected: &'static str },
    #[error("{what} is {value:?}; {rule}")]
    Value { what: &'static str, value: String, rule: String },
}

/// Why a sign-in that can be read is not for here and now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    #[error("the text was signed for {found}; this is {expected}")]
    Domain { found: String, expected: String },
    #[error("the text names the address {found}, which is not on {expected}")]
    Uri { found: String, expected: String },
    #[error("the text was written at {issued}, which is later than now; set the clock of your device")]
    Future { issued: String },
    #[error("the text has no \"Expiration Time\"; it has to end within ten minutes")]
    NoEnd,
    #[error("the text was good until {expired}; ask for a new one")]
    Over { expired: String },
    #[error("the text is good from {from} on")]
    NotYet { from: String },
    #[error("the signature is not one of a wallet: {0}")]
    Signature(#[from] BadSignature),
    #[error("the signature is {signer}'s, the text names {named}")]
    Other { signer: Address, named: Address },
}

/// Where a text may have been signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `http` or `https`.
    pub scheme: String,
    /// Host, and port where it is not the scheme's own.
    pub authority: String,
}

/// A clock that is a little ahead is no attack.
const AHEAD_MS: i64 = 60_000;

impl Message {
    /// Reads a text as a wallet shows it.
    pub fn read(text: &str) -> Result<Message, BadMessage> {
        if text.len() > MAX_TEXT {
            return Err(BadMessage::TooLong { bytes: text.len() });
        }
        if let Some(character) = text.chars().find(|c| c.is_control() && *c != '\n') {
            return Err(BadMessage::Control { character });
        }
        let mut lines = Lines { lines: text.split('\n').collect(), at: 0 };
        let head = lines.next("the domain and \"wants you to sign in with your Ethereum account:\"")?;
        let asked = head.strip_suffix(AFTER_DOMAIN);
        let asked = asked.ok_or_else(|| lines.wrong("the domain and what it wants"))?;
        let (scheme, domain) = match asked.split_once("://") {
            Some((scheme, domain)) => (Some(scheme.to_owned()), domain),
            None => (None, asked),
        };
        if domain.is_empty() || domain.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@')) {
            return Err(value("the domain", domain, "a host with or without a port"));
        }
        let address = lines.next("the wallet's address")?;
        let parsed: Address = address.parse().map_err(|bad| value("the address", address, bad))?;
        if parsed.to_string() != address {
            return Err(value("the address", address, format_args!("{parsed} is its checked form (EIP-55)")));
        }
        lines.empty()?;
        // With a statement: its line and an empty one. Without: an empty one, which some wallets leave out.
        let statement = match lines.peek() {
            Some("") => {
                lines.at += 1;
                None
            }
            Some(line) if !line.starts_with("URI: ") => {
                lines.at += 1;
                lines.empty()?;
                Some(line.to_owned())
            }
            _ => None,
        };
        let uri = lines.field("URI: ", "\"URI: \" and an address")?.to_owned();
        let version = lines.field("Version: ", "\"Version: 1\"")?;
        if version != "1" {
            return Err(value("the version", version, "1 is the only one there is"));
        }
        let chain = lines.field("Chain ID: ", "\"Chain ID: \" and a number")?;
        let chain = match chain.parse::<u64>() {
            Ok(number) if number.to_string() == chain => number,
            _ => return Err(value("the chain's id", chain, "a whole number without signs or leading zeros")),
        };
        let nonce = lines.field("Nonce: ", "\"Nonce: \" and the word that was given out")?.to_owned();
        if nonce.len() < 8 || !nonce.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(value("the nonce", &nonce, "at least 8 letters and digits"));
        }
        let issued = lines.field("Issued At: ", "\"Issued At: \" and a time")?;
        let issued = time("the time of issue", issued)?;
        let expires = lines.optional("Expiration Time: ").map(|at| time("the end", at)).transpose()?;
        let not_before = lines.optional("Not Before: ").map(|at| time("the beginning", at)).transpose()?;
        let request = lines.optional("Request ID: ").map(str::to_owned);
        let mut resources = Vec::new();
        if lines.peek() == Some("Resources:") {
            lines.at += 1;
            while let Some(resource) = lines.optional("- ") {
                resources.push(resource.to_owned());
            }
            if resources.len() > MAX_RESOURCES {
                let rule = format_args!("at most {MAX_RESOURCES}");
                return Err(value("the number of resources", &resources.len().to_string(), rule));
            }
        }
        if lines.peek().is_some() {
            lines.at += 1;
            return Err(lines.wrong("nothing"));
        }
        Ok(Message {
            scheme,
            domain: domain.to_owned(),
            address: parsed,
            statement,
            uri,
            chain,
            nonce,
            issued,
            expires,
            not_before,
            request,
            resources,
        })
    }

    /// Whether this is for `place` and for now. The nonce, and the chain, are for whoever gave them out to look at.
    pub fn check(&self, place: &Place, now_ms: i64) -> Result<(), NotSigned> {
        let other_scheme = self.scheme.as_ref().is_some_and(|scheme| *scheme != place.scheme);
        if self.domain != place.authority || other_scheme {
            return Err(NotSigned::Domain { found: self.domain.clone(), expected: place.authority.clone() });
        }
        let origin = format!("{}://{}", place.scheme, place.authority);
        let behind = self.uri.strip_prefix(&origin);
        if !behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
            return Err(NotSigned::Uri { found: self.uri.clone(), expected: origin });
        }
        if self.issued > now_ms + AHEAD_MS {
            return Err(NotSigned::Future { issued: shown(self.issued) });
        }
        match self.expires {
            None => return Err(NotSigned::NoEnd),
            Some(at) if at <= now_ms => return Err(NotSigned::Over { expired: shown(at) }),
            Some(_) => {}
        }
        match self.not_before {
            Some(from) if from > now_ms + AHEAD_MS => Err(NotSigned::NotYet { from: shown(from) }),
            _ => Ok(()),
        }
    }

    /// Whether this very text was signed by the wallet that it names.
    pub fn signed(&self, text: &str, signature: &Signature) -> Result<(), NotSigned> {
        let signer = signer_of(text, signature)?;
        if signer == self.address { Ok(()) } else { Err(NotSigned::Other { signer, named: self.address }) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Who signed a text with `personal_sign`. Wallets end a signature in 27 and 28, a few in 0 and 1.
pub fn signer_of(text: &str, signature: &Signature) -> Result<Address, BadSignature> {
    let mut signature = *signature;
    if signature.0[64] < 2 {
        signature.0[64] += 27;
    }
    let digest = Keccak256::new()
        .chain_update(format!("\x19Ethereum Signed Message:\n{}", text.len()))
        .chain_update(text)
        .finalize();
    receipt::recover(&digest.into(), &signature)
}

/// The lines of a text, one after the other.
struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn next(&mut self, expected: &'static str) -> Result<&'a str, BadMessage> {
        self.at += 1;
        self.lines.get(self.at - 1).copied().ok_or_else(|| self.wrong(expected))
    }

    fn empty(&mut self) -> Result<(), BadMessage> {
        match self.next("an empty line")? {
            "" => Ok(()),
            _ => Err(self.wrong("an empty line")),
        }
    }

    fn field(&mut self, name: &str, expected: &'static str) -> Result<&'a str, BadMessage> {
        let line = self.next(expected)?;
        line.strip_prefix(name).filter(|rest| !rest.is_empty()).ok_or_else(|| self.wrong(expected))
    }

    fn optional(&mut self, name: &str) -> Option<&'a str> {
        let rest = self.peek()?.strip_prefix(name)?;
        self.at += 1;
        Some(rest)
    }

    /// The line that was taken last is not what belongs there.
    fn wrong(&self, expected: &'static str) -> BadMessage {
        let found = self.lines.get(self.at - 1).map_or("", |line| *line);
        BadMessage::Line { line: self.at, found: found.chars().take(80).collect(), expected }
    }
}

fn value(what: &'static str, value: &str, rule: impl fmt::Display) -> BadMessage {
    BadMessage::Value { what, value: value.chars().take(80).collect(), rule: rule.to_string() }
}

fn time(what: &'static str, text: &str) -> Result<i64, BadMessage> {
    let rule = "a time as in 2026-11-26T09:30:00Z";
    let at = humantime::parse_rfc3339(text).map_err(|_| value(what, text, rule))?;
    let since = at.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| value(what, text, rule))?;
    i64::try_from(since.as_millis()).map_err(|_| value(what, text, rule))
}

fn shown(ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use receipt::Signer;

    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn place() -> Place {
        Place { scheme: "https".to_owned(), authority: "hub.example".to_owned() }
    }

    fn wallet() -> Signer {
        Signer::from_bytes(&[7; 32]).unwrap()
    }

    fn text() -> String {
        format!(
            "hub.example wants you to sign in with your Ethereum account:\n{}\n\nSign in to this hub.\n\n\
             URI: https://hub.example/login\nVersion: 1\nChain ID: 8453\nNonce: abcdef0123456789\n\
             Issued At: {}\nExpiration Time: {}",
            wallet().address(),
            shown(NOW),
            shown(NOW + 300_000),
        )
    }

    fn sign(text: &str) -> Signature {
        let digest = Keccak256::new()
            .chain_update(format!("\x19Ethereum Signed Message:\n{}", text.len()))
            .chain_update(text)
            .finalize();
        wallet().sign(&digest.into())
    }

    #[test]
    fn a_wallets_own_text_is_taken() {
        let message = Message::read(&text()).unwrap();
        assert_eq!(message.statement.as_deref(), Some("Sign in to this hub."));
        assert_eq!((message.chain, message.nonce.as_str()), (8453, "abcdef0123456789"));
        message.check(&place(), NOW).unwrap();
        message.signed(&text(), &sign(&text())).unwrap();
        let mut old = sign(&text());
        old.0[64] -= 27;
        message.signed(&text(), &old).unwrap();
    }

    #[test]
    fn scheme_resources_and_a_missing_statement_are_legal() {
        let full = format!(
            "https://{}\nNot Before: {}\nRequest ID: 7\nResources:\n- ipfs://a\n- ipfs://b",
            text(),
            shown(NOW)
        );
        let message = Message::read(&full).unwrap();
        message.check(&place(), NOW).unwrap();
        assert_eq!(message.scheme.as_deref(), Some("https"));
        assert_eq!(message.resources.len(), 2);
        for gap in ["\n\nURI", "\n\n\nURI"] {
            let silent = text().replace("\n\nSign in to this hub.\n\nURI", gap);
            assert_eq!(Message::read(&silent).unwrap().statement, None, "{silent}");
        }
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused_and_says_where() {
        let lower = wallet().address().to_string().to_lowercase();
        let checked = wallet().address().to_string();
        for (from, to, says) in [
            ("\n", "\r\n", "control character"),
            ("Version: 1", "Version: 2", "only one"),
            ("Chain ID: 8453", "Chain ID: 08453", "leading zeros"),
            ("Nonce: abcdef0123456789", "Nonce: abc", "at least 8"),
            ("Nonce: abcdef0123456789", "Nonce: abcdef0123456789\nNonce: abcdef0123456789", "Issued At"),
            ("URI: ", "uri: ", "URI"),
            (checked.as_str(), lower.as_str(), "EIP-55"),
            ("hub.example wants", "evil@hub.example wants", "a host"),
            ("wants you to sign in", "asks you to sign in", "line 1"),
        ] {
            let text = text().replacen(from, to, if from == "\n" { 99 } else { 1 });
            let error = Message::read(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{from:?} → {to:?}: {error}");
        }
        assert!(
            Message::read(&format!("{}\nResources:\n- a\nmore", text())).unwrap_err().to_string().contains("nothing")
        );
        assert!(Message::read(&format!("{}\n", text())).is_err(), "a line more");
        assert!(Message::read(&"a".repeat(5_000)).unwrap_err().to_string().contains("4096"));
    }

    #[test]
    fn a_text_for_another_place_or_time_is_refused() {
        let message = Message::read(&text()).unwrap();
        let elsewhere = Place { authority: "hub.example:8080".to_owned(), ..place() };
        assert!(matches!(message.check(&elsewhere, NOW), Err(NotSigned::Domain { .. })));
        let uri = Message { uri: "https://hub.example.evil/login".to_owned(), ..message.clone() };
        assert!(matches!(uri.check(&place(), NOW), Err(NotSigned::Uri { .. })));
        assert!(matches!(message.check(&place(), NOW + 300_000), Err(NotSigned::Over { .. })));
        assert!(matches!(message.check(&place(), NOW - 120_000), Err(NotSigned::Future { .. })));
        let endless = Message { expires: None, ..message.clone() };
        assert!(matches!(endless.check(&place(), NOW), Err(NotSigned::NoEnd)));
        let later = Message { not_before: Some(NOW + 100_000), ..message };
        assert!(matches!(later.check(&place(), NOW), Err(NotSigned::NotYet { .. })));
    }

    #[test]
    fn a_changed_text_is_somebody_elses() {
        let message = Message::read(&text()).unwrap();
        let changed = text().replace("8453", "8454");
        assert!(matches!(
            message.signed(&changed, &sign(&text())),
            Err(NotSigned::Other { .. } | NotSigned::Signature(_))
        ));
    }

    #[test]
    fn the_reference_vector_of_personal_sign_recovers_its_signer() {
        // From the documentation of web3.js, `eth.accounts.sign("Some data", …)`.
        let signature = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";
        let signer = signer_of("Some data", &signature.parse().unwrap()).unwrap();
        assert_eq!(signer.to_string(), "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23");
    }
}
