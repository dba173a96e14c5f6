//! What is public of an account, and what of it is for its members.
//!
//! Always: earnings and balances are nobody's but the account's, and stand on no page of this kind; members are shown to
//! members; a private model is there for whom it is there.

use registry::Handle;
use store::{Account, AccountKind, Member, Verified, Wanted};

use crate::ranking::Ranked;
use crate::repositories::MAX_LISTED;
use crate::{Action, Caller, Error, Hub, Object};

/// An account as its page shows it.
#[derive(Debug, Clone)]
pub struct OwnerPage {
    pub account: Account,
    /// Whether the operator has checked who it is.
    pub verified: Option<Verified>,
    /// Models that can be called, the last changed first.
    pub models: Vec<Ranked>,
    /// How many come before the next page.
    pub more: Option<u64>,
    /// Of an organisation, for whoever belongs to it.
    pub members: Option<Vec<Member>>,
    pub may_publish: bool,
}

impl Hub {
    pub async fn owner_page(
        &self,
        viewer: Option<&Caller>,
        handle: &Handle,
        offset: u64,
        limit: u64,
    ) -> Result<OwnerPage, Error> {
        let account = self.find_account(handle).await?;
        let wanted = Wanted { owner: Some(handle.clone()), offset, limit, ..Wanted::default() };
        // Without a viewer: what is private has no page either.
        let found = self.repositories(None, wanted).await?;
        let more = (found.len() as u64 == limit).then(|| offset.saturating_add(limit));
        let ids: Vec<_> = found.iter().map(|repository| repository.model.id).collect();
        let models = self.listed(&ids).await?;
        let may = |action| viewer.is_some_and(|viewer| viewer.may(action, Object::Account(&account)).is_ok());
        let members = match account.kind {
            AccountKind::Org if may(Action::Read) => Some(self.0.catalog.members(account.id, None, MAX_LISTED).await?),
            _ => None,
        };
        let may_publish = may(Action::Publish);
        let verified = self.verified_of(account.id).await?;
        Ok(OwnerPage { verified, models, more, members, may_publish, account })
    }

    /// Accounts that this caller may publish for: its own first.
    pub async fn publishers(&self, caller: &Caller) -> Result<Vec<Account>, Error> {
        let mut accounts = vec![caller.account().clone()];
        accounts.extend(self.memberships(caller).await?.into_iter().map(|of| of.organisation));
        accounts.retain(|account| caller.may(Action::Publish, Object::Account(account)).is_ok());
        Ok(accounts)
    }
}
