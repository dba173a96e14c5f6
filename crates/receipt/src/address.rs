//! The address of a signing key: the last 20 bytes of the Keccak-256 of its public point, as every EVM chain has it.

use std::fmt;
use std::str::FromStr;

use sha3::{Digest as _, Keccak256};

use crate::hex;

/// Who signed. Prints with the mixed case of EIP-55, whose capitals are a checksum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("\"{text}\" is not 0x followed by 40 hex digits")]
    Form { text: String },
    #[error("the capitals of {text} are wrong, so a digit may be: {expected} would be right")]
    Checksum { text: String, expected: Address },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = hex::encode(&self.0);
        let digits = &text[2..];
        let hash = Keccak256::digest(digits.as_bytes());
        f.write_str("0x")?;
        for (index, digit) in digits.chars().enumerate() {
            let nibble = hash[index / 2] >> (if index % 2 == 0 { 4 } else { 0 }) & 15;
            let digit = if nibble >= 8 { digit.to_ascii_uppercase() } else { digit };
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    /// Digits in one case carry no checksum and pass; mixed ones must be right.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bytes = hex::decode(text).map_err(|bad| BadAddress::Form { text: bad.text })?;
        let address = Address(bytes);
        let digits = &text[2..];
        let mixed =
            digits.contains(|c: char| c.is_ascii_uppercase()) && digits.contains(|c: char| c.is_ascii_lowercase());
        if mixed && address.to_string() != text {
            return Err(BadAddress::Checksum { text: text.to_owned(), expected: address });
        }
        Ok(address)
    }
}

hex::serde_as_text!(Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_with_the_checksum_of_eip_55() {
        // The examples of the EIP itself.
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text.to_lowercase().parse::<Address>().unwrap(), address, "one case carries no checksum");
        }
    }

    #[test]
    fn a_wrong_capital_is_refused_and_the_right_form_is_named() {
        let error = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed".parse::<Address>().unwrap_err();
        assert!(error.to_string().contains("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), "{error}");
        for text in
            ["", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5a", "0xzz08400098527886E0F7030069857D2E4169EE7é"]
        {
            assert!(matches!(text.parse::<Address>(), Err(BadAddress::Form { .. })), "{text}");
        }
    }
}
