//! Who somebody is: a passkey that answers a challenge, a wallet that signs a text.
//!
//! Always: what a browser or a wallet sends is read as if an attacker had written it; a challenge is good for the one
//! ceremony it was made for, and whoever keeps it ([`Passkeys`] gives it out as text) hands it in once.
//!
//! Absent on purpose: accounts, sessions, cookies, the clock, the database. Wallets that are contracts (EIP-1271) need
//! a chain to be asked and are not here.

mod passkey;
mod wallet;

pub use passkey::{Asked, NewPasskey, NoPasskeys, Passkeys, Rejected};
pub use wallet::{BadMessage, Message, NotSigned, Place, signer_of};
