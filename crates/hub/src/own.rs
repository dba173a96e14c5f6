//! What belongs to whoever looks.

use store::{Shown, Wanted};

use crate::{Action, Caller, Error, Hub, Object};

/// How many of an account's models its page shows.
const SHOWN: u64 = 50;

impl Hub {
    /// Models of the caller's account and of its organisations, the last changed first, and whether there are more.
    pub async fn own_models(&self, caller: &Caller) -> Result<(Vec<Shown>, bool), Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        let mut owners = vec![caller.account().handle.clone()];
        owners.extend(self.memberships(caller).await?.into_iter().map(|of| of.organisation.handle));
        let mut found = Vec::new();
        for owner in owners {
            let wanted = Wanted { groups: caller.groups(), owner: Some(owner), limit: SHOWN + 1, ..Wanted::default() };
            found.extend(self.0.catalog.repositories(&wanted).await?);
        }
        found.sort_by_key(|repository| std::cmp::Reverse(repository.changed));
        let more = found.len() as u64 > SHOWN;
        found.truncate(SHOWN as usize);
        let ids: Vec<_> = found.iter().map(|repository| repository.model.id).collect();
        Ok((self.0.catalog.shown(&ids).await?, more))
    }
}
