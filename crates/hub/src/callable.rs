//! A release, ready to be called: looked up once, kept in memory until its model changes.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use ledger::AccountId;
use registry::{ModelName, ReleaseNumber};
use store::ReleaseRecord;
use tensor::Signature;

use crate::moderation::Stands;
use crate::repositories::sees;
use crate::{Action, Caller, Error, Hub, Object};

/// A release with everything a call needs.
#[derive(Debug)]
pub struct Callable {
    pub release: ReleaseRecord,
    /// What the engine is given.
    pub model: engine::Model,
    pub number: String,
}

impl Callable {
    /// Whether it may be called: one that was yanked only by who `named` it, of a model that was taken down none.
    pub(crate) fn may_run(&self, named: bool) -> Result<(), Error> {
        self.release.model.stands()?;
        match &self.release.yanked {
            Some(reason) if !named => {
                let (model, release) = (self.release.model.name.clone(), self.release.number);
                Err(Error::Yanked { model, release, reason: reason.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether its model was not taken down: asked beforehand by whoever says something of the release before the call
    /// itself is made.
    pub fn stands(&self) -> Result<(), Error> {
        self.release.model.stands()
    }

    /// How many items these inputs are: the largest first axis that the contract leaves open; one where there is none.
    pub(crate) fn items(&self, inputs: &[tensor::Tensor]) -> u64 {
        let ports = &self.release.contract.signature.inputs;
        let open = ports.iter().filter(|port| port.shape.first() == Some(&None));
        let size = |port: &tensor::Port| inputs.iter().find(|i| i.name() == port.name)?.shape().first().copied();
        open.filter_map(size).max().unwrap_or(1)
    }
}

type Name = (String, Option<ReleaseNumber>);

#[derive(Debug, Default)]
pub(crate) struct Callables(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    callables: HashMap<Name, Arc<Callable>>,
    /// How often a release was sealed.
    age: u64,
}

impl Callables {
    const LIMIT: usize = 20_000;

    /// What is known by this name, or else the age to bring along with what is found.
    fn get(&self, name: &Name) -> Result<Arc<Callable>, u64> {
        let known = self.0.read().expect("nothing panics while it holds the releases");
        known.callables.get(name).cloned().ok_or(known.age)
    }

    /// Keeps what was looked up at this age: a release that was sealed in the meantime must not be overtaken by it.
    fn put(&self, name: Name, callable: Arc<Callable>, age: u64) {
        let mut known = self.0.write().expect("nothing panics while it holds the releases");
        if known.age != age {
            return;
        }
        if known.callables.len() >= Self::LIMIT {
            known.callables.clear();
        }
        known.callables.insert(name, callable);
    }

    /// A release was sealed, or a model changed: what is called by `model` may be another one now, and so may what is
    /// called by names that this model once had.
    pub(crate) fn forget(&self, model: &ModelName) {
        let gone = model.folded();
        let mut known = self.0.write().expect("nothing panics while it holds the releases");
        known.callables.retain(|(name, _), callable| *name != gone && callable.release.model.name.folded() != gone);
        known.age += 1;
    }
}

impl Hub {
    /// The asked release of a model, or the one that unversioned calls go to, if this viewer may see it.
    pub async fn model_for(
        &self,
        viewer: Option<&Caller>,
        model: &ModelName,
        release: Option<ReleaseNumber>,
    ) -> Result<Arc<Callable>, Error> {
        let found = self.found_for(viewer, model, release).await?;
        found.release.model.open_to(viewer)?;
        Ok(found)
    }

    /// The same, also of a model that was taken down.
    async fn found_for(
        &self,
        viewer: Option<&Caller>,
        model: &ModelName,
        release: Option<ReleaseNumber>,
    ) -> Result<Arc<Callable>, Error> {
        let found = self.model(model, release).await;
        match found {
            Ok(found) if sees(viewer, &found.release.model) => Ok(found),
            // What is private is not there, and not under an older name either.
            Ok(_) => Err(Error::NoModel { model: model.clone() }),
            Err(Error::NoRelease { .. } | Error::NeverReleased { .. }) => {
                self.seen(viewer, model).await?.model.stands()?;
                found
            }
            Err(_) => found,
        }
    }

    /// The same for a call: a version that waits to be a release becomes one by it. What was taken down is refused later,
    /// for the kept answer of an earlier call is still its caller's.
    pub async fn called(
        &self,
        caller: &Caller,
        model: &ModelName,
        release: Option<ReleaseNumber>,
    ) -> Result<Arc<Callable>, Error> {
        match self.found_for(Some(caller), model, release).await {
            Err(Error::NoRelease { .. } | Error::NeverReleased { .. }) => {
                caller.may(Action::Call, Object::Model(model))?;
                self.release_for(caller, model, release).await?;
                self.found_for(Some(caller), model, release).await
            }
            found => found,
        }
    }

    /// The same for the hub itself, which sees all of them.
    pub async fn model(&self, model: &ModelName, release: Option<ReleaseNumber>) -> Result<Arc<Callable>, Error> {
        let name = (model.folded(), release);
        let age = match self.0.callables.get(&name) {
            Ok(known) => return Ok(known),
            Err(age) => age,
        };
        let mut found = self.0.catalog.release(model, release).await?;
        if found.is_none() {
            // It may have another name by now.
            let Some(moved) = self.0.catalog.repository(model).await? else {
                return Err(Error::NoModel { model: model.clone() });
            };
            found = self.0.catalog.release(&moved.model.name, release).await?;
        }
        let Some(found) = found else {
            return Err(match release {
                Some(release) => Error::NoRelease { model: model.clone(), release },
                None => Error::NeverReleased { model: model.clone() },
            });
        };
        let callable = self.callable(found);
        self.0.callables.put(name, callable.clone(), age);
        Ok(callable)
    }

    pub(crate) fn callable(&self, found: ReleaseRecord) -> Arc<Callable> {
        let weights = self.0.blobs.path(found.weights);
        let remote = found
            .contract
            .remote
            .as_ref()
            .map(|remote| Arc::new(elsewhere(remote, found.model.owner.id, found.contract.signature.clone())));
        let model = engine::Model { digest: found.digest.0, weights, batch_rows: found.contract.batch_rows, remote };
        Arc::new(Callable { number: found.number.to_string(), release: found, model })
    }
}

/// A model on its owner's server, as the engine is told of it.
pub(crate) fn elsewhere(remote: &registry::Remote, owner: AccountId, signature: Signature) -> engine::Remote {
    engine::Remote {
        url: remote.url().to_owned(),
        host: remote.host().to_owned(),
        model: remote.model().to_owned(),
        version: remote.version().map(str::to_owned),
        owner: owner.0,
        signature,
    }
}
