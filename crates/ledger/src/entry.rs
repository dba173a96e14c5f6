//! Entries: what one row of the books means on one account, as statements and sums show it.

use std::fmt;
use std::str::FromStr;

use crate::transfer::exchange;
use crate::{AccountId, Amount, Call, Class, Kind, Leg, Purse, Recovery, Refunded, ReleaseId, Role, Transfer};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// Why money came to an account or left it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EntryKind {
            $($(#[$doc])* $variant,)*
        }

        impl EntryKind {
            pub const ALL: &'static [EntryKind] = &[$(EntryKind::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $(EntryKind::$variant => $word,)* }
            }
        }
    };
}

kinds! {
    /// The account called a model and paid.
    Call = "call",
    /// The account paid somebody's trial.
    Trial = "trial",
    /// A sponsor's cash became promo.
    Exchange = "exchange",
    /// The hub's part of a call.
    Fee = "fee",
    /// A part for a base model.
    Royalty = "royalty",
    /// A part for a model.
    Creator = "creator",
    Deposit = "deposit",
    Grant = "grant",
    Payout = "payout",
    /// The account got a call's cost back.
    Refund = "refund",
    /// The account gave its part of a call back.
    Refunded = "refunded",
    /// The account paid from new earnings what it owed for a refund.
    Recovery = "recovery",
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EntryKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word).ok_or(())
    }
}

impl From<Role> for EntryKind {
    fn from(role: Role) -> Self {
        match role {
            Role::Fee => EntryKind::Fee,
            Role::Royalty => EntryKind::Royalty,
            Role::Creator => EntryKind::Creator,
        }
    }
}

/// One movement on one account. All entries of a row add up to zero in each purse, and on each account to its legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub account: AccountId,
    pub purse: Purse,
    /// Above zero is received.
    pub nano: i64,
    pub kind: EntryKind,
    /// Of the call it is about.
    pub class: Option<Class>,
    pub release: Option<ReleaseId>,
}

impl Call {
    /// What this call means on each account it touches; nothing for one that cost nothing.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let entry = move |account, purse, nano, kind| Entry {
            account,
            purse,
            nano,
            kind,
            class: Some(self.class),
            release: Some(self.release),
        };
        let (account, purse) = self.source();
        let kind = if self.sponsor.is_some() { EntryKind::Trial } else { EntryKind::Call };
        let exchanged = exchange(purse, self.purse, self.cost);
        let parts = self.parts.iter().map(|part| (part.to, part.role, part.amount));
        let received = std::iter::once((AccountId::HUB_FEE, Role::Fee, self.fee)).chain(parts);
        std::iter::once(entry(account, purse, -self.cost.nano(), kind))
            .chain(exchanged.map(move |leg| entry(leg.account, leg.purse, leg.nano, EntryKind::Exchange)))
            .chain(received.map(move |(to, role, amount)| entry(to, self.purse, amount.nano(), role.into())))
            .filter(|entry| entry.nano != 0)
    }
}

impl Transfer {
    /// What this transfer means on each account it touches.
    pub fn entries(&self) -> Vec<Entry> {
        let plain = |kind| {
            let entry = |leg: &Leg| Entry {
                account: leg.account,
                purse: leg.purse,
                nano: leg.nano,
                kind,
                class: None,
                release: None,
            };
            self.legs.iter().filter(|leg| leg.nano != 0).map(entry).collect()
        };
        match &self.kind {
            Kind::Deposit => plain(EntryKind::Deposit),
            Kind::Grant => plain(EntryKind::Grant),
            Kind::Payout => plain(EntryKind::Payout),
            Kind::Refund(refunded) => {
                let Refunded { purse, to, to_purse, class, release, .. } = **refunded;
                let given = refunded.shares.iter().map(|share| (share.from, share.at_once, EntryKind::Refunded));
                back(given, purse, to, to_purse, class, release)
            }
            Kind::Recovery(recovery) => {
                let Recovery { from, amount, purse, to, to_purse, class, release, .. } = *recovery;
                back([(from, amount, EntryKind::Recovery)].into_iter(), purse, to, to_purse, class, release)
            }
        }
    }
}

/// Money that goes back to who paid.
fn back(
    given: impl Iterator<Item = (AccountId, Amount, EntryKind)>,
    purse: Purse,
    to: AccountId,
    to_purse: Purse,
    class: Class,
    release: ReleaseId,
) -> Vec<Entry> {
    let entry =
        |account, purse, nano, kind| Entry { account, purse, nano, kind, class: Some(class), release: Some(release) };
    let mut whole = Amount::ZERO;
    let mut entries: Vec<_> = given
        .map(|(from, amount, kind)| {
            whole = whole.checked_add(amount).unwrap_or(Amount::MAX);
            entry(from, purse, -amount.nano(), kind)
        })
        .collect();
    let exchanged = exchange(purse, to_purse, whole);
    entries.extend(exchanged.map(|leg| entry(leg.account, leg.purse, leg.nano, EntryKind::Exchange)));
    entries.push(entry(to, to_purse, whole.nano(), EntryKind::Refund));
    entries.retain(|entry| entry.nano != 0);
    entries
}
