//! A release, ready to be called: looked up once, kept in memory until its model changes.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use registry::{ModelName, ReleaseNumber};
use store::ReleaseRecord;

use crate::{Error, Hub};

/// A release with everything a call needs.
#[derive(Debug)]
pub struct Callable {
    pub release: ReleaseRecord,
    /// What the engine is given.
    pub model: engine::Model,
    pub number: String,
}

impl Callable {
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

    /// A release was sealed: what is called by `model` may be another one now.
    pub(crate) fn forget(&self, model: &ModelName) {
        let gone = model.folded();
        let mut known = self.0.write().expect("nothing panics while it holds the releases");
        known.callables.retain(|(name, _), _| *name != gone);
        known.age += 1;
    }
}

impl Hub {
    /// The asked release of a model, or the one that unversioned calls go to.
    pub async fn model(&self, model: &ModelName, release: Option<ReleaseNumber>) -> Result<Arc<Callable>, Error> {
        let name = (model.folded(), release);
        let age = match self.0.callables.get(&name) {
            Ok(known) => return Ok(known),
            Err(age) => age,
        };
        let Some(found) = self.0.catalog.release(model, release).await? else {
            return Err(match release {
                Some(release) if self.0.catalog.model(model).await?.is_some() => {
                    Error::NoRelease { model: model.clone(), release }
                }
                _ => Error::NoModel { model: model.clone() },
            });
        };
        let weights = self.0.blobs.path(found.weights);
        let model = engine::Model { digest: found.digest.0, weights, batch_rows: found.contract.batch_rows };
        let callable = Arc::new(Callable { number: found.number.to_string(), release: found, model });
        self.0.callables.put(name, callable.clone(), age);
        Ok(callable)
    }
}
