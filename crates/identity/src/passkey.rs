//! Passkeys: WebAuthn credentials that a device keeps and that name their account themselves
//! (<https://www.w3.org/TR/webauthn-3/>), checked by `webauthn-rs`.
//!
//! Always: a device verifies its user (finger, face, PIN) and keeps the credential where it can be found without a name
//! being typed; nothing is asked of who made the device.

use serde_json::Value;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnError,
};

/// A larger answer is no browser's.
const MAX_ANSWER: usize = 64 * 1024;

/// The ceremonies of one site.
#[derive(Debug, Clone)]
pub struct Passkeys {
    webauthn: Webauthn,
    origin: Url,
}

/// Why a site can have no passkeys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPasskeys {
    #[error("browsers keep passkeys for names, and {url} is an address; give the hub a name with --public-url")]
    Address { url: String },
    #[error("browsers keep passkeys for https (and for localhost), and {url} is neither")]
    Plain { url: String },
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the answer is no WebAuthn credential: {reason}")]
    Form { reason: String },
    #[error("the passkey's answer does not hold: {reason}")]
    Check { reason: String },
}

/// What the browser is asked, and what has to be kept until it answers: once, and never by the browser.
#[derive(Debug, Clone)]
pub struct Asked {
    /// For `navigator.credentials`, under `publicKey`.
    pub options: Value,
    pub state: String,
}

/// A passkey as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    pub id: Vec<u8>,
    pub record: String,
}

impl Passkeys {
    /// For the site at this address. A hub on this machine alone is known to browsers as `localhost`, by whatever
    /// number it is reached.
    pub fn of(public_url: &Url) -> Result<Passkeys, NoPasskeys> {
        let url = || public_url.as_str().to_owned();
        let mut origin = public_url.clone();
        match public_url.host() {
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) if address.is_loopback() => drop(origin.set_host(Some("localhost"))),
            Some(Host::Ipv6(address)) if address.is_loopback() => drop(origin.set_host(Some("localhost"))),
            _ => return Err(NoPasskeys::Address { url: url() }),
        }
        let name = origin.host_str().unwrap_or_default().to_owned();
        let local = name == "localhost" || name.ends_with(".localhost");
        if origin.scheme() != "https" && !local {
            return Err(NoPasskeys::Plain { url: url() });
        }
        let built = WebauthnBuilder::new(&name, &origin).and_then(|site| site.rp_name(&name).build());
        let webauthn = built.map_err(|_| NoPasskeys::Address { url: url() })?;
        Ok(Passkeys { webauthn, origin })
    }

    /// Where a browser has to stand: passkeys made there are found nowhere else.
    pub fn origin(&self) -> String {
        self.origin.origin().ascii_serialization()
    }

    /// Asks for a new passkey; devices that hold one of `known` say so instead of making a second.
    pub fn ask_for_new(&self, account: Uuid, handle: &str, known: Vec<Vec<u8>>) -> Result<Asked, Rejected> {
        let (options, state) =
            self.webauthn.start_passkey_registration(account, handle, handle, Some(known)).map_err(rejected)?;
        let mut options = json(&options)?;
        // Found without a name: the device has to keep it itself.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut)
        {
            selection.insert("residentKey".to_owned(), "required".into());
            selection.insert("requireResidentKey".to_owned(), true.into());
        }
        Ok(Asked { options: options["publicKey"].take(), state: json(&state)?.to_string() })
    }

    pub fn take_new(&self, answer: &str, state: &str) -> Result<NewPasskey, Rejected> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let state: PasskeyRegistration = read(state)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &state).map_err(rejected)?;
        Ok(NewPasskey { id: passkey.cred_id().to_vec(), record: json(&passkey)?.to_string() })
    }

    /// Asks for any passkey of this site.
    pub fn ask(&self) -> Result<Asked, Rejected> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(rejected)?;
        Ok(Asked { options: json(&options)?["publicKey"].take(), state: json(&state)?.to_string() })
    }

    /// Whose passkey an answer says it is, and which. Not proven yet.
    pub fn claim(&self, answer: &str) -> Result<(Uuid, Vec<u8>), Rejected> {
        let answer: PublicKeyCredential = read(answer)?;
        let (account, id) = self.webauthn.identify_discoverable_authentication(&answer).map_err(rejected)?;
        Ok((account, id.to_vec()))
    }

    /// Checks an answer against the passkey that it names. Gives the record as it is to be kept from now on.
    pub fn check(&self, answer: &str, state: &str, record: &str) -> Result<String, Rejected> {
        let answer: PublicKeyCredential = read(answer)?;
        let state: DiscoverableAuthentication = read(state)?;
        let mut passkey: Passkey = read(record)?;
        let known = DiscoverableKey::from(&passkey);
        let result = self.webauthn.finish_discoverable_authentication_v2(&answer, state, &known).map_err(rejected)?;
        passkey.update_credential(&result);
        Ok(json(&passkey)?.to_string())
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Rejected> {
    if text.len() > MAX_ANSWER {
        return Err(Rejected::Form { reason: format!("it has {} bytes, more than {MAX_ANSWER}", text.len()) });
    }
    serde_json::from_str(text).map_err(|error| Rejected::Form { reason: error.to_string() })
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value, Rejected> {
    serde_json::to_value(value).map_err(|error| Rejected::Check { reason: error.to_string() })
}

fn rejected(error: WebauthnError) -> Rejected {
    Rejected::Check { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Passkeys, NoPasskeys> {
        Passkeys::of(&url.parse().unwrap())
    }

    #[test]
    fn a_hub_on_this_machine_is_localhost_to_browsers() {
        assert_eq!(of("http://127.0.0.1:8080/").unwrap().origin(), "http://localhost:8080");
        assert_eq!(of("http://[::1]:8080/").unwrap().origin(), "http://localhost:8080");
        assert_eq!(of("https://hub.example/").unwrap().origin(), "https://hub.example");
    }

    #[test]
    fn addresses_and_plain_http_have_no_passkeys_and_say_why() {
        assert!(matches!(of("https://192.0.2.7/"), Err(NoPasskeys::Address { .. })));
        assert!(of("http://hub.example/").unwrap_err().to_string().contains("https"));
    }

    #[test]
    fn a_device_is_asked_to_verify_its_user_and_to_keep_the_passkey() {
        let site = of("https://hub.example/").unwrap();
        let asked = site.ask_for_new(Uuid::from_bytes([7; 16]), "alice", vec![vec![1, 2, 3]]).unwrap();
        let selection = &asked.options["authenticatorSelection"];
        assert_eq!(selection["residentKey"], "required");
        assert_eq!(selection["userVerification"], "required");
        assert_eq!(asked.options["rp"]["id"], "hub.example");
        assert_eq!(asked.options["excludeCredentials"].as_array().unwrap().len(), 1);
        let asked = site.ask().unwrap();
        assert_eq!(asked.options["userVerification"], "required");
        assert!(asked.options.get("allowCredentials").is_none_or(|list| list.as_array().unwrap().is_empty()));
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        let site = of("https://hub.example/").unwrap();
        let state = site.ask().unwrap().state;
        assert!(matches!(site.claim("{}"), Err(Rejected::Form { .. })));
        assert!(matches!(site.take_new("[]", &state), Err(Rejected::Form { .. })));
        assert!(matches!(site.claim(&"x".repeat(100_000)), Err(Rejected::Form { .. })));
    }
}
