//! Bytes as `0x` and lower-case hex, the way chains and wallets write them. Read strictly, in one spelling but for
//! the case of the digits.

use std::fmt;
use std::str::FromStr;

/// A text that is not the hex it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not 0x followed by {digits} hex digits")]
pub struct BadHex {
    /// The text, cut to 100 characters.
    pub text: String,
    pub digits: usize,
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], BadHex> {
    let bad = || BadHex { text: text.chars().take(100).collect(), digits: 2 * N };
    let digits = text.strip_prefix("0x").ok_or_else(bad)?.as_bytes();
    if digits.len() != 2 * N {
        return Err(bad());
    }
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = value(pair[0]).zip(value(pair[1])).ok_or_else(bad)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

/// 32 bytes, written as `0x` and 64 hex digits: digests, salts, ids on a chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes32(pub [u8; 32]);

impl fmt::Display for Bytes32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for Bytes32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Bytes32 {
    type Err = BadHex;

    fn from_str(text: &str) -> Result<Self, BadHex> {
        decode(text).map(Bytes32)
    }
}

/// In JSON a value is the text it prints as.
macro_rules! serde_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;

serde_as_text!(Bytes32);
