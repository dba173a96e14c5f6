//! Signed messages between the hub and its neighbours, as Standard Webhooks 1.0 has them
//! (<https://www.standardwebhooks.com>): HMAC-SHA256 over `id.timestamp.body`.
//!
//! Always: a signature is compared in constant time; a message that is not of now is refused, so that nobody can play
//! an old one again; secrets never print.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ledger::Time;
use sha2::Sha256;

use crate::ids::random;

/// How far a message's time may be from ours.
pub const TOLERANCE_S: i64 = 300;

const PREFIX: &str = "whsec_";

/// A secret that two parties share: 24 to 64 bytes, written `whsec_` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no such secret. The text is not shown: what is wrong with it may be one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and 24 to 64 bytes in base64")]
pub struct BadSecret;

impl Secret {
    /// A fresh one, from the system's randomness.
    pub fn generate() -> Secret {
        Secret(random::<32>().to_vec())
    }

    /// The secret as its keeper writes it down.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(BadSecret)?).map_err(|_| BadSecret)?;
        if (24..=64).contains(&bytes.len()) { Ok(Secret(bytes)) } else { Err(BadSecret) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A message without its signature.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `webhook-id`: the same for every try.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970, of this try.
    pub timestamp: i64,
    pub body: &'a [u8],
}

/// Why a message was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("webhook-timestamp {timestamp} is more than {TOLERANCE_S} s away from {now}, the hub's own time")]
    NotNow { timestamp: i64, now: i64 },
    #[error("webhook-signature is none of this body, id and timestamp with the hub's deposit secret")]
    Wrong,
}

impl Message<'_> {
    fn mac(&self, secret: &Secret) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes keys of any length");
        mac.update(self.id.as_bytes());
        mac.update(b".");
        mac.update(self.timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(self.body);
        mac
    }

    /// `webhook-signature`.
    pub fn sign(&self, secret: &Secret) -> String {
        format!("v1,{}", STANDARD.encode(self.mac(secret).finalize().into_bytes()))
    }

    /// The headers that go with the message.
    pub fn headers(&self, secret: &Secret) -> [(&'static str, String); 3] {
        [
            ("webhook-signature", self.sign(secret)),
            ("webhook-timestamp", self.timestamp.to_string()),
            ("webhook-id", self.id.to_owned()),
        ]
    }

    /// Whether one of the signatures of a `webhook-signature`, parted by spaces, is of this message, and it is of now.
    pub fn verify(&self, secret: &Secret, signatures: &str, now: Time) -> Result<(), Unsigned> {
        let now = now.0.div_euclid(1_000);
        if self.timestamp.saturating_sub(now).saturating_abs() > TOLERANCE_S {
            return Err(Unsigned::NotNow { timestamp: self.timestamp, now });
        }
        let right = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,")).any(|signature| {
            STANDARD.decode(signature).is_ok_and(|signature| self.mac(secret).verify_slice(&signature).is_ok())
        });
        if right { Ok(()) } else { Err(Unsigned::Wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: Message<'static> =
        Message { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: br#"{"test": 2432232314}"# };
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const NOW: Time = Time(1_614_265_330_000);

    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let secret: Secret = SECRET.parse().unwrap();
        assert_eq!(MESSAGE.sign(&secret), SIGNATURE);
        assert_eq!(secret.expose(), SECRET);
        MESSAGE.verify(&secret, &format!("v1,bm9uZQ== {SIGNATURE} v2,other"), NOW).unwrap();
    }

    #[test]
    fn another_message_secret_or_time_is_refused() {
        let secret: Secret = SECRET.parse().unwrap();
        let other = Secret::generate();
        assert_eq!(MESSAGE.verify(&other, SIGNATURE, NOW), Err(Unsigned::Wrong));
        for message in [
            Message { body: b"{}", ..MESSAGE },
            Message { id: "msg_other", ..MESSAGE },
            Message { timestamp: 1_614_265_331, ..MESSAGE },
        ] {
            assert_eq!(message.verify(&secret, SIGNATURE, NOW), Err(Unsigned::Wrong));
        }
        for wrong in ["", "v1,", "v1,####", SIGNATURE.trim_start_matches("v1,")] {
            assert_eq!(MESSAGE.verify(&secret, wrong, NOW), Err(Unsigned::Wrong), "{wrong}");
        }
        MESSAGE.verify(&secret, SIGNATURE, NOW.plus_ms(300_000)).unwrap();
        let late = MESSAGE.verify(&secret, SIGNATURE, NOW.plus_ms(301_000));
        assert_eq!(late, Err(Unsigned::NotNow { timestamp: 1_614_265_330, now: 1_614_265_631 }));
        assert!(Message { timestamp: i64::MIN, ..MESSAGE }.verify(&secret, SIGNATURE, NOW).is_err());
    }

    #[test]
    fn secrets_have_a_form_and_never_print() {
        for text in ["", "whsec_", "whsec_AAAA", "whsec_####", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(text.parse::<Secret>(), Err(BadSecret), "{text}");
        }
        let secret = Secret::generate();
        assert_eq!(secret.expose().parse::<Secret>(), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
