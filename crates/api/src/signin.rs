//! Signing in: passkeys, wallets, sessions, programs without a browser, invitations.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::text::{AccountId, Address, Handle, KeyId, Time};

/// What a browser is asked. `options` goes to `navigator.credentials` under `publicKey`, read with
/// `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ceremony {
    /// Goes back with the answer, once, within ten minutes.
    pub word: String,
    pub options: Value,
}

/// `POST /api/v1/signin/join/ask`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJoin {
    #[schema(value_type = Handle)]
    pub handle: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// `POST /api/v1/signin/join`, `/api/v1/signin/passkey`, `/api/v1/ways/passkeys`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAnswer {
    pub word: String,
    /// The credential's `toJSON()`.
    pub answer: Value,
    /// What its owner calls a new one.
    #[serde(default)]
    pub name: String,
}

/// Who is signed in now; the session came as a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    #[schema(value_type = Handle)]
    pub handle: String,
    /// `acct_…`
    #[schema(value_type = AccountId)]
    pub account: String,
}

/// `POST /api/v1/signin/wallet/ask`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskWallet {
    #[schema(value_type = Address)]
    pub address: String,
    /// The chain that the wallet is set to; nothing is sent there.
    pub chain: u64,
    /// Where the browser is; the hub's own address if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// What a wallet is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletAsk {
    /// Of EIP-4361: good once, for ten minutes.
    pub text: String,
}

/// `POST /api/v1/signin/wallet`, `/api/v1/ways/wallets`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletAnswer {
    /// The text of EIP-4361, as it was signed.
    pub text: String,
    /// `0x` and 130 hexadecimal digits.
    pub signature: String,
    /// For a new account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub handle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// `GET /api/v1/ways`: how the account is signed in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ways {
    pub passkeys: Vec<Passkey>,
    pub wallets: Vec<Wallet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passkey {
    /// Hexadecimal.
    pub id: String,
    pub name: String,
    #[schema(value_type = Time)]
    pub created: String,
    #[schema(value_type = Option<Time>)]
    pub used: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wallet {
    /// In the form of EIP-55.
    #[schema(value_type = Address)]
    pub address: String,
    #[schema(value_type = Time)]
    pub created: String,
    #[schema(value_type = Option<Time>)]
    pub used: Option<String>,
}

/// What was removed, by its id or address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    pub id: String,
    pub removed: bool,
}

/// `GET /api/v1/sessions`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    pub items: Vec<Session>,
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// `key_…`
    #[schema(value_type = KeyId)]
    pub id: String,
    /// What the browser says it is.
    pub agent: String,
    #[schema(value_type = Time)]
    pub created: String,
    #[schema(value_type = Option<Time>)]
    pub expires: Option<String>,
    #[schema(value_type = Option<Time>)]
    pub used: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `POST /api/v1/devices`: a program without a browser asks for a key (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// What the program calls itself, for its user to recognise.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// The program's own: shown to nobody.
    pub device_code: String,
    /// For the program's user to type, or to compare.
    pub user_code: String,
    pub verification_uri: String,
    pub verification_uri_complete: String,
    /// Seconds.
    pub expires_in: u32,
    /// How many seconds to wait between two questions.
    pub interval: u32,
}

/// `POST /api/v1/devices/token`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceToken {
    pub device_code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceAnswer {
    /// `pending`, `denied` or `approved`.
    pub status: String,
    /// Once it is approved, this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// `POST /api/v1/admin/invitations`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Whom it is for, in the operator's words.
    #[serde(default)]
    pub note: String,
    /// How long it is good; 14 if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeInvitation {
    /// Shown this once.
    pub code: String,
    /// Where it is used.
    pub url: String,
    #[serde(flatten)]
    pub invitation: Invitation,
}

/// `GET /api/v1/admin/invitations`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitations {
    pub items: Vec<Invitation>,
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Hexadecimal.
    pub id: String,
    pub note: String,
    #[schema(value_type = Time)]
    pub created: String,
    #[schema(value_type = Time)]
    pub expires: String,
    /// `acct_…` of the account that was made with it.
    #[schema(value_type = Option<AccountId>)]
    pub account: Option<String>,
    #[schema(value_type = Option<Time>)]
    pub used: Option<String>,
}
