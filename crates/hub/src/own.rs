//! What belongs to whoever looks.

use store::{Repository, Wanted};

use crate::{Action, Caller, Error, Hub, ModelView, Object};

/// How many of an account's models its page shows.
const SHOWN: u64 = 200;

/// A model of the caller's group, with its releases if it has any.
#[derive(Debug, Clone)]
pub struct OwnModel {
    pub repository: Repository,
    pub view: Option<ModelView>,
}

impl Hub {
    /// Models of the caller's account and of its organisations, the last changed first.
    pub async fn own_models(&self, caller: &Caller) -> Result<Vec<OwnModel>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        let mut owners = vec![caller.account().handle.clone()];
        owners.extend(self.memberships(caller).await?.into_iter().map(|of| of.organisation.handle));
        let mut found = Vec::new();
        for owner in owners {
            let wanted = Wanted { groups: caller.groups(), owner: Some(owner), limit: SHOWN, ..Wanted::default() };
            found.extend(self.0.catalog.repositories(&wanted).await?);
        }
        found.sort_by_key(|repository| std::cmp::Reverse(repository.changed));
        found.truncate(SHOWN as usize);
        let mut models = Vec::with_capacity(found.len());
        for repository in found {
            let view = match self.view(&repository.model.name).await {
                Ok(view) => Some(view),
                Err(Error::NeverReleased { .. } | Error::NoModel { .. }) => None,
                Err(error) => return Err(error),
            };
            models.push(OwnModel { repository, view });
        }
        Ok(models)
    }
}
