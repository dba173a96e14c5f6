//! Ids: one type per noun, 16 bytes in tables, `prefix_` and 26 characters of Crockford's base32 on the wire
//! (the TypeID form: <https://github.com/jetify-com/typeid/tree/main/spec>). They are UUIDs of version 7, so they sort by time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Purse;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an id: expected {prefix}_ and 26 characters of 0-9 a-z without i l o u")]
pub struct IdError {
    pub text: String,
    pub prefix: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(bytes: [u8; 16]) -> [u8; 26] {
    let number = u128::from_be_bytes(bytes);
    let mut text = [0u8; 26];
    for (place, slot) in text.iter_mut().enumerate() {
        *slot = ALPHABET[(number >> (5 * (25 - place)) & 31) as usize];
    }
    text
}

fn decode(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    // 26 characters carry 130 bits; the first one may only use three of its five.
    if text.len() != 26 || text[0] > b'7' {
        return None;
    }
    let mut number = 0u128;
    for c in text {
        let digit = ALPHABET.iter().position(|a| a == c)?;
        number = number << 5 | digit as u128;
    }
    Some(number.to_be_bytes())
}

/// What was given, for a message: 64 characters at most, and none that a terminal would obey.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(64).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn from_uuid(uuid: uuid::Uuid) -> Self {
                $name(uuid.into_bytes())
            }

            /// Appends what [`Display`](fmt::Display) writes, without its machinery: for rows that are written often.
            pub fn write_to(&self, text: &mut Vec<u8>) {
                text.extend_from_slice(concat!($prefix, "_").as_bytes());
                text.extend_from_slice(&encode(self.0));
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&encode(self.0)).expect("the alphabet is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map($name)
                    .ok_or_else(|| IdError { text: shorten(text), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Somebody, or something, that owns money.
    AccountId,
    "acct"
);
id!(
    /// One run of a model; its receipt has the same id.
    CallId,
    "call"
);
id!(
    /// One movement of money that is not a call.
    TransferId,
    "tr"
);
id!(
    /// A credential; the secret itself is never an id.
    KeyId,
    "key"
);
id!(
    /// A model, whatever it is called today.
    ModelId,
    "mod"
);
id!(
    /// A release of a model.
    ReleaseId,
    "rel"
);

id!(
    /// Money set aside durably, until it is captured, voided or its time is over.
    HoldId,
    "hold"
);

impl TransferId {
    /// An id made of what it is for, so that the same again has the same id: a UUID of version 8 (RFC 9562). Nobody may
    /// choose one of these, so none can be taken before the hub comes to need it.
    pub fn derived(hash: [u8; 32]) -> TransferId {
        let mut id = *hash.first_chunk::<16>().expect("32 bytes");
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        TransferId(id)
    }

    pub fn is_derived(&self) -> bool {
        self.0[6] & 0xf0 == 0x80 && self.0[8] & 0xc0 == 0x80
    }
}

impl AccountId {
    /// Where the hub's own part of every cost goes.
    pub const HUB_FEE: AccountId = AccountId::system(1);
    /// What the operator gives away: every grant debits it, so its balance is minus all promotion ever given.
    pub const PROMO_OPERATOR: AccountId = AccountId::system(2);
    /// The world outside, reached by hand: bank transfer, card checkout, a word between operator and user.
    pub const RAIL_MANUAL: AccountId = AccountId::system(3);
    /// The play money of a hub started with `--dev`.
    pub const RAIL_DEV: AccountId = AccountId::system(4);

    const SYSTEM: [(AccountId, &'static str); 4] = [
        (Self::HUB_FEE, "hub:fee"),
        (Self::PROMO_OPERATOR, "promo:operator"),
        (Self::RAIL_MANUAL, "rail:manual"),
        (Self::RAIL_DEV, "rail:dev"),
    ];

    const fn system(number: u8) -> AccountId {
        let mut bytes = [0; 16];
        bytes[15] = number;
        AccountId(bytes)
    }

    /// The name of an account of the books' own, none for a user's.
    pub fn system_name(&self) -> Option<&'static str> {
        Self::SYSTEM.iter().find(|(id, _)| id == self).map(|(_, name)| *name)
    }

    pub fn is_rail(&self) -> bool {
        matches!(*self, Self::RAIL_MANUAL | Self::RAIL_DEV)
    }

    /// Rails and the operator's promotion stand for the world outside the books: their balance is minus what came in,
    /// of the one kind of money that comes in by them.
    pub fn may_go_below_zero(&self, purse: Purse) -> bool {
        match purse {
            Purse::Cash => self.is_rail(),
            Purse::Promo => *self == Self::PROMO_OPERATOR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        // The specification's own example.
        let id = AccountId::from_uuid("01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUID"));
        assert_eq!(id.to_string(), "acct_01h455vb4pex5vsknk084sn02q");
        assert_eq!("acct_01h455vb4pex5vsknk084sn02q".parse(), Ok(id));
    }

    #[test]
    fn a_derived_id_is_never_one_that_somebody_may_choose() {
        for byte in 0..=u8::MAX {
            assert!(TransferId::derived([byte; 32]).is_derived());
        }
        let chosen = uuid::Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").expect("a UUID of version 7");
        assert!(!TransferId::from_uuid(chosen).is_derived());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "acct_",
            "call_01h455vb4pex5vsknk084sn02q",
            "acct_81h455vb4pex5vsknk084sn02q",
            "acct_01H455VB4PEX5VSKNK084SN02Q",
        ] {
            assert!(text.parse::<AccountId>().is_err(), "{text} was taken");
        }
    }
}
