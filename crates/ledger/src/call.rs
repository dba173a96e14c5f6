//! One call as the books remember it: the row behind a receipt.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::transfer::exchange;
use crate::{AccountId, Amount, CallId, HoldId, KeyId, Leg, Part, Purse, Rate, ReleaseId, Share, Time, Usage};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|known| known.word() == word).ok_or(())
            }
        }
    };
}

words!(
    /// Who paid, first match from the top. Shown apart everywhere; only `paid` is income.
    Class {
        /// The hub's own tests.
        Check = "check",
        /// The caller belongs to the owner's group.
        Own = "own",
        /// The price is zero.
        Free = "free",
        /// Promotional money or a trial budget.
        Trial = "trial",
        /// Another account's cash.
        Paid = "paid",
    }
);

words!(
    /// Which door the call came through.
    Surface {
        Api = "api",
        Cli = "cli",
        Web = "web",
        Mcp = "mcp",
        Grpc = "grpc",
        /// None: the hub's own checks.
        Hub = "hub",
    }
);

words!(
    /// How the call ended. Everything but `ok` costs nothing.
    Outcome {
        Ok = "ok",
        /// The input did not fit the contract.
        InvalidInput = "invalid_input",
        /// No money, or above the caller's limit.
        Refused = "refused",
        /// The model's queue was full.
        Busy = "busy",
        /// The engine could not run it, or the model failed on it.
        EngineFailed = "engine_failed",
        /// It ran past its deadline.
        TimedOut = "timed_out",
        /// Output was produced, but the books refused the capture.
        NotCaptured = "not_captured",
    }
);

/// The mark of an `Idempotency-Key`: which key of whom, and what it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed {
    /// SHA-256 of account, key and the header's value.
    pub hash: [u8; 32],
    /// SHA-256 of route, release and body.
    pub content: [u8; 32],
}

/// Who pays a trial call in its caller's stead, and from which purse. Whatever it is, what receivers get is promo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sponsor {
    pub account: AccountId,
    pub purse: Purse,
}

/// One call. Written once, at its end; never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub id: CallId,
    pub accepted: Time,
    pub finished: Time,
    pub payer: AccountId,
    pub key: KeyId,
    pub release: ReleaseId,
    /// `1.00`; with `model_digest`, what a receipt says was run.
    pub release_number: String,
    pub model_digest: [u8; 32],
    pub class: Class,
    pub surface: Surface,
    pub purse: Purse,
    pub outcome: Outcome,
    pub usage: Usage,
    pub cost: Amount,
    /// The hub's share as it was at the quote.
    pub fee_share: Share,
    pub fee: Amount,
    pub parts: Vec<Part>,
    /// The rate that turned a USD price into OPG.
    pub rate: Option<Rate>,
    pub queue_us: u64,
    pub engine_us: u64,
    pub cold: bool,
    /// Commitments to what went in and came out; the salt makes them say nothing to a stranger.
    pub input_hash: [u8; 32],
    pub output_hash: [u8; 32],
    pub salt: [u8; 32],
    pub keyed: Option<Keyed>,
    /// Who paid, if not the payer: a trial.
    pub sponsor: Option<Sponsor>,
    /// The durable hold it captured, if that is where its money came from.
    pub hold: Option<HoldId>,
}

impl Call {
    /// Where the money comes from: the sponsor's purse, or the payer's.
    pub fn source(&self) -> (AccountId, Purse) {
        self.sponsor.map_or((self.payer, self.purse), |sponsor| (sponsor.account, sponsor.purse))
    }

    /// The movements of money this call is; none for one that cost nothing. A sponsor's cash is exchanged for promo on
    /// the way, so that the legs add up to zero in each purse.
    pub fn legs(&self) -> impl Iterator<Item = Leg> + Clone {
        let leg = |account, nano| Leg { account, purse: self.purse, nano };
        let (account, purse) = self.source();
        let debit = Leg { account, purse, nano: -self.cost.nano() };
        let exchanged = exchange(purse, self.purse, self.cost);
        let fee = leg(AccountId::HUB_FEE, self.fee.nano());
        let parts = self.parts.iter().map(move |part| leg(part.to, part.amount.nano()));
        [debit].into_iter().chain(exchanged).chain([fee]).chain(parts).filter(|leg| leg.nano != 0)
    }
}
