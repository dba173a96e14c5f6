//! Organisations and who belongs to them.
//!
//! Always: what a member may do with what is the organisation's, `caller.rs` alone says; who is taken in, lowered or
//! taken out is that with all keys at once; an organisation keeps an admin; its money is its own, spent with its keys.

use ledger::{AccountId, Amount, KeyId};
use registry::Handle;
use store::{
    Account, AccountKind, CatalogError, KeyRecord, MAX_MEMBERS, MAX_MEMBERSHIPS, MAX_ORGANISATIONS, Member, MemberRole,
    Membership,
};

use crate::account::{FreshKey, KeyWish};
use crate::repositories::MAX_LISTED;
use crate::{Action, Caller, Error, Hub, Object, whole};

impl Hub {
    /// Makes an organisation; whoever makes it is its admin. It begins without keys and without trials of the hub's,
    /// which are for people.
    pub async fn create_organisation(&self, caller: &Caller, handle: &str) -> Result<Account, Error> {
        caller.may(Action::Members, Object::Account(caller.account()))?;
        if !can_be_member(caller.account()) {
            let rule = "organisations are made by people and agents".to_owned();
            return Err(Error::Invalid { what: "account", value: caller.handle().to_string(), rule });
        }
        let handle = Handle::claim(handle)?;
        let (id, created) = (AccountId::from_uuid(self.0.ids.next()), self.0.clock.now());
        let made = Account { id, handle, kind: AccountKind::Org, created, trial: Amount::ZERO };
        let (hub, by) = (self.clone(), caller.account().id);
        whole(async move {
            let added = hub.0.catalog.add_organisation(&made, by).await;
            // Also after an error: nobody knows how far it came.
            hub.0.keys.forget();
            added.map_err(|error| full(error, &made.handle))?;
            if hub.0.options.dev {
                hub.give_play_money(&made).await?;
            }
            Ok(made)
        })
        .await
    }

    /// An organisation with which this caller may do this.
    pub(crate) async fn organisation(
        &self,
        caller: &Caller,
        action: Action,
        handle: &Handle,
    ) -> Result<Account, Error> {
        let found = self.find_account(handle).await?;
        if found.kind != AccountKind::Org {
            return Err(Error::NotOrganisation { handle: found.handle });
        }
        caller.may(action, Object::Account(&found))?;
        Ok(found)
    }

    /// Its members by handle, those behind `after`, for its members.
    pub async fn members(
        &self,
        caller: &Caller,
        organisation: &Handle,
        after: Option<&Handle>,
        limit: u64,
    ) -> Result<Vec<Member>, Error> {
        let of = self.organisation(caller, Action::Read, organisation).await?;
        Ok(self.0.catalog.members(of.id, after, limit.min(MAX_LISTED)).await?)
    }

    /// One of them.
    pub async fn member(&self, caller: &Caller, organisation: &Handle, who: &Handle) -> Result<Member, Error> {
        let of = self.organisation(caller, Action::Read, organisation).await?;
        let account = self.find_account(who).await?;
        let member = self.0.catalog.member(account.id, of.id).await?;
        member.ok_or(Error::NoMember { handle: account.handle, organisation: of.handle })
    }

    /// Takes somebody in, or gives a member another role.
    pub async fn set_member(
        &self,
        caller: &Caller,
        organisation: &Handle,
        who: &Handle,
        role: MemberRole,
    ) -> Result<Member, Error> {
        let of = self.organisation(caller, Action::Members, organisation).await?;
        let account = self.find_account(who).await?;
        if !can_be_member(&account) {
            let rule = "members are people and agents".to_owned();
            return Err(Error::Invalid { what: "member", value: account.handle.to_string(), rule });
        }
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            let set = hub.0.catalog.set_member(account.id, of.id, role, act).await;
            hub.0.keys.forget();
            set.map_err(|error| about(error, &account.handle, &of.handle))?;
            let member = hub.0.catalog.member(account.id, of.id).await?;
            // Somebody may have taken the member out again already.
            member.ok_or(Error::NoMember { handle: account.handle, organisation: of.handle })
        })
        .await
    }

    /// Takes a member out, at once for all its keys. Everybody may leave.
    pub async fn remove_member(&self, caller: &Caller, organisation: &Handle, who: &Handle) -> Result<(), Error> {
        let leaves = who == caller.handle();
        let action = if leaves { Action::Read } else { Action::Members };
        let of = self.organisation(caller, action, organisation).await?;
        if leaves {
            caller.may(Action::Members, Object::Account(caller.account()))?;
        }
        let account = self.find_account(who).await?;
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            let removed = hub.0.catalog.remove_member(account.id, of.id, act).await;
            hub.0.keys.forget();
            match removed.map_err(|error| about(error, &account.handle, &of.handle))? {
                true => Ok(()),
                false => Err(Error::NoMember { handle: account.handle, organisation: of.handle }),
            }
        })
        .await
    }

    /// The organisations that the caller is a member of, by handle.
    pub async fn memberships(&self, caller: &Caller) -> Result<Vec<Membership>, Error> {
        Ok(self.0.catalog.memberships(caller.account().id).await?)
    }

    /// The organisation's own keys, for its admins.
    pub async fn organisation_keys(&self, caller: &Caller, organisation: &Handle) -> Result<Vec<KeyRecord>, Error> {
        let of = self.organisation(caller, Action::Members, organisation).await?;
        Ok(self.0.catalog.keys(of.id).await?)
    }

    /// Makes a key of the organisation, which spends its money. It can do nothing that the caller's own key cannot.
    pub async fn create_organisation_key(
        &self,
        caller: &Caller,
        organisation: &Handle,
        wish: KeyWish,
    ) -> Result<FreshKey, Error> {
        let of = self.organisation(caller, Action::Members, organisation).await?;
        self.make_key_of(caller, of.id, wish).await
    }

    /// Ends a key of the organisation, at once.
    pub async fn revoke_organisation_key(
        &self,
        caller: &Caller,
        organisation: &Handle,
        key: KeyId,
    ) -> Result<(), Error> {
        let of = self.organisation(caller, Action::Members, organisation).await?;
        self.revoke_key_of(of.id, key).await
    }
}

fn can_be_member(account: &Account) -> bool {
    matches!(account.kind, AccountKind::User | AccountKind::Agent)
}

fn about(error: CatalogError, handle: &Handle, organisation: &Handle) -> Error {
    match error {
        CatalogError::LastAdmin => Error::LastAdmin { handle: handle.clone(), organisation: organisation.clone() },
        other => full(other, handle),
    }
}

/// What there is enough of.
fn full(error: CatalogError, handle: &Handle) -> Error {
    let full = |what, rule| Error::Invalid { what, value: handle.to_string(), rule };
    match error {
        CatalogError::ManyMembers => full("member", format!("an organisation has at most {MAX_MEMBERS} members")),
        CatalogError::ManyMemberships => {
            full("member", format!("an account is a member of at most {MAX_MEMBERSHIPS} organisations"))
        }
        CatalogError::ManyOrganisations => {
            full("organisation", format!("an account makes at most {MAX_ORGANISATIONS} of them"))
        }
        other => other.into(),
    }
}
