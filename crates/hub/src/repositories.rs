//! Models as places for files: made, named, shown, removed, and the names of their commits.
//!
//! Always: a private model is not there for strangers, whichever way they come; what belongs to somebody else is refused
//! before anything is looked up in it.

use ledger::ModelId;
use registry::{Access, Handle, ModelName, RefName, Revision};
use store::{Account, CatalogError, CommitRecord, ModelRecord, Ref, RefKind, Repository, Wanted};

use crate::moderation::Stands;
use crate::versions::BRANCHES;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Most entries of one list.
pub const MAX_LISTED: u64 = 1_000;
/// Most branches and tags of a model.
pub(crate) const MAX_REFS: usize = 1_000;

impl Hub {
    /// A model whose files this viewer may look at, by its name or one it once had.
    pub async fn repository(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<Repository, Error> {
        let found = self.there(viewer, name).await?;
        found.model.open_to(viewer)?;
        Ok(found)
    }

    /// The same, whatever the operator has made of it: that it is there, and nothing of what it holds.
    pub(crate) async fn there(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<Repository, Error> {
        let found = self.seen(viewer, name).await?;
        if let Some(viewer) = viewer.filter(|_| found.model.private) {
            viewer.may(Action::Read, Object::Account(&found.model.owner))?;
        }
        Ok(found)
    }

    /// A model that is there for this viewer, whatever for.
    pub(crate) async fn seen(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<Repository, Error> {
        let found = self.0.catalog.repository(name).await?;
        found.filter(|found| sees(viewer, &found.model)).ok_or_else(|| Error::NoModel { model: name.clone() })
    }

    /// The models this viewer may see.
    pub async fn repositories(&self, viewer: Option<&Caller>, wanted: Wanted) -> Result<Vec<Repository>, Error> {
        let reader = viewer.filter(|viewer| viewer.may(Action::Read, Object::Hub).is_ok());
        let groups = reader.map(Caller::groups).unwrap_or_default();
        let only = reader.and_then(Caller::models).map(<[_]>::to_vec);
        let limit = wanted.limit.min(MAX_LISTED);
        Ok(self.0.catalog.repositories(&Wanted { groups, only, limit, ..wanted }).await?)
    }

    /// Makes a model without files.
    pub async fn create(&self, caller: &Caller, name: &ModelName, private: bool) -> Result<Repository, Error> {
        let name = ModelName::claim(name.owner().clone(), name.name())?;
        let owner = self.publisher(caller, name.owner()).await?;
        caller.may(Action::Publish, Object::Model(&name))?;
        let now = self.0.clock.now();
        let id = ModelId::from_uuid(self.0.ids.next());
        let model = ModelRecord { id, owner, name, created: now, private, restriction: None };
        let new = Repository { model, access: Access::default(), automatic: false, changed: now, latest: None };
        let (hub, by) = (self.clone(), caller.account().id);
        whole(async move {
            let _alone = hub.0.growing.lock().await;
            hub.may_have_another(&new.model.owner).await?;
            hub.0.catalog.add_repository(&new, by).await?;
            // The name may have led to another model until now.
            hub.0.callables.forget(&new.model.name);
            Ok(new)
        })
        .await
    }

    /// A model whose files this caller may change.
    pub(crate) async fn own(&self, caller: &Caller, name: &ModelName) -> Result<Repository, Error> {
        self.allowed(caller, Action::Publish, name).await
    }

    /// A model with which this caller may do this.
    pub(crate) async fn allowed(&self, caller: &Caller, action: Action, name: &ModelName) -> Result<Repository, Error> {
        let found = self.seen(Some(caller), name).await?;
        caller.may(action, Object::Account(&found.model.owner))?;
        caller.may(action, Object::Model(&found.model.name))?;
        Ok(found)
    }

    /// Removes a model that was never released.
    pub async fn remove(&self, caller: &Caller, name: &ModelName) -> Result<(), Error> {
        let found = self.allowed(caller, Action::Manage, name).await?;
        let removed = self.0.catalog.remove_repository(found.model.id, self.act(caller)).await;
        removed.map_err(gone(&found.model.name))
    }

    /// Gives a model another name, and to another account that the caller may publish for. The name before leads to it.
    pub async fn rename(&self, caller: &Caller, from: &ModelName, to: &ModelName) -> Result<ModelName, Error> {
        let found = self.allowed(caller, Action::Manage, from).await?;
        let to = ModelName::claim(to.owner().clone(), to.name())?;
        let owner = self.publisher(caller, to.owner()).await?;
        caller.may(Action::Publish, Object::Model(&to))?;
        let (hub, before, after) = (self.clone(), found.model.name.clone(), to.clone());
        let act = self.act(caller);
        whole(async move {
            let _alone = hub.0.growing.lock().await;
            if owner.id != found.model.owner.id {
                hub.may_have_another(&owner).await?;
            }
            hub.0.catalog.rename(found.model.id, owner.id, &after, act).await.map_err(gone(&before))?;
            hub.0.callables.forget(&before);
            hub.0.callables.forget(&after);
            Ok(())
        })
        .await?;
        Ok(to)
    }

    /// Shows a model to everybody, or to the owner's group alone.
    pub async fn set_private(&self, caller: &Caller, name: &ModelName, private: bool) -> Result<(), Error> {
        let found = self.allowed(caller, Action::Manage, name).await?;
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            hub.0.catalog.set_private(found.model.id, private, act).await.map_err(gone(&found.model.name))?;
            hub.0.callables.forget(&found.model.name);
            Ok(())
        })
        .await
    }

    /// Says who gets the weights. The next release says it again: this is its word where its card has none.
    pub async fn set_access(&self, caller: &Caller, name: &ModelName, access: Access) -> Result<(), Error> {
        let found = self.allowed(caller, Action::Manage, name).await?;
        Ok(self.0.catalog.set_access(found.model.id, access, self.act(caller)).await?)
    }

    /// Branches, tags, and releases, which are found like tags. A model without a commit has main all the same.
    pub async fn refs(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<Vec<Ref>, Error> {
        let found = self.repository(viewer, name).await?;
        let mut refs = self.0.catalog.refs(found.model.id).await?;
        let tag = |(number, commit): (registry::ReleaseNumber, _)| {
            let name = number.to_string().parse().expect("a release's number can name a tag");
            Ref { kind: RefKind::Tag, name, commit }
        };
        let releases: Vec<Ref> = self.0.catalog.released(found.model.id).await?.into_iter().map(tag).collect();
        refs.extend(releases);
        if refs.is_empty() {
            let commit = registry::Tree::default().commit_id();
            refs.push(Ref { kind: RefKind::Branch, name: RefName::main(), commit });
        }
        Ok(refs)
    }

    /// Names a commit; without `at`, the head of main.
    pub async fn add_ref(
        &self,
        caller: &Caller,
        name: &ModelName,
        kind: RefKind,
        new: &RefName,
        at: Option<&Revision>,
    ) -> Result<(), Error> {
        let found = self.own(caller, name).await?;
        // A branch of such a name would be found before the release.
        if new.as_str().parse::<registry::ReleaseNumber>().is_ok() {
            let rule = "names like 1.00 are those of releases, and are made by publishing one".to_owned();
            return Err(Error::Invalid { what: kind.word(), value: new.to_string(), rule });
        }
        if kind == RefKind::Branch && new.as_str().starts_with(BRANCHES) {
            let rule = format!("branches that begin with {BRANCHES} are made for versions, with a number: 1.00");
            return Err(Error::Invalid { what: "branch", value: new.to_string(), rule });
        }
        let refs = self.0.catalog.refs(found.model.id).await?;
        if refs.len() >= MAX_REFS {
            let rule = format!("a model has at most {MAX_REFS} branches and tags");
            return Err(Error::Invalid { what: kind.word(), value: new.to_string(), rule });
        }
        let main = Revision::main();
        let commit = self.find_commit(&found, at.unwrap_or(&main)).await?;
        let added = self.0.catalog.add_ref(found.model.id, kind, new, commit.number, self.act(caller)).await;
        match added.map_err(gone(&found.model.name))? {
            true => Ok(()),
            false => Err(Error::RefTaken { model: found.model.name, kind, name: new.clone() }),
        }
    }

    /// Takes a name off; the commit stays.
    pub async fn remove_ref(
        &self,
        caller: &Caller,
        name: &ModelName,
        kind: RefKind,
        gone: &RefName,
    ) -> Result<(), Error> {
        let found = self.own(caller, name).await?;
        if kind == RefKind::Branch && gone.is_main() {
            return Err(Error::MainStays { model: found.model.name });
        }
        match self.0.catalog.remove_ref(found.model.id, kind, gone, self.act(caller)).await? {
            true => Ok(()),
            false => Err(Error::NoRevision { model: found.model.name, revision: gone.to_string() }),
        }
    }

    /// A commit and those before it, newest first; those after `before` are left out.
    pub async fn log(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        revision: &Revision,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<CommitRecord>, Error> {
        let found = self.repository(viewer, name).await?;
        let Some(head) = self.commit_at(&found, revision).await? else { return Ok(Vec::new()) };
        let from = before.map_or(head.number, |before| before.min(head.number));
        Ok(self.0.catalog.log(found.model.id, from, limit.min(MAX_LISTED)).await?)
    }

    pub(crate) async fn find_commit(&self, of: &Repository, revision: &Revision) -> Result<CommitRecord, Error> {
        let found = self.0.catalog.find_commit(of.model.id, revision).await?;
        found.ok_or_else(|| Error::NoRevision { model: of.model.name.clone(), revision: revision.to_string() })
    }

    /// An account that this caller may publish for.
    pub(crate) async fn publisher(&self, caller: &Caller, owner: &Handle) -> Result<Account, Error> {
        let owner = self.find_account(owner).await?;
        caller.may(Action::Publish, Object::Account(&owner))?;
        if owner.id.system_name().is_some() {
            let rule =
                "the hub's own account takes fees and owns no models; make an account to publish with".to_owned();
            return Err(Error::Invalid { what: "owner", value: owner.handle.to_string(), rule });
        }
        Ok(owner)
    }
}

/// Whoever removed, renamed or took down a model in the meantime was first.
pub(crate) fn gone(model: &ModelName) -> impl FnOnce(CatalogError) -> Error {
    let model = model.clone();
    move |error| match error {
        CatalogError::Gone { .. } => Error::NoModel { model },
        CatalogError::TakenDown { restriction } => Error::TakenDown { model, restriction },
        other => other.into(),
    }
}

/// Whether a model stands in lists for this viewer.
pub(crate) fn lists(viewer: Option<&Caller>, model: &ModelRecord) -> bool {
    sees(viewer, model) && model.restriction.is_none()
}

/// Whether a model is there for this viewer.
pub(crate) fn sees(viewer: Option<&Caller>, model: &ModelRecord) -> bool {
    !model.private
        || viewer.is_some_and(|viewer| viewer.belongs_to(model.owner.id) && viewer.reaches(&model.name).is_ok())
}
