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
    /// How many items these inputs are: the size of the first axis where the contract leaves it open, else one.
    pub(crate) fn items(&self, inputs: &[tensor::Tensor]) -> u64 {
        let ports = &self.release.contract.signature.inputs;
        let open = ports.iter().find(|port| port.shape.first() == Some(&None));
        open.and_then(|port| inputs.iter().find(|input| input.name() == port.name))
            .and_then(|input| input.shape().first().copied())
            .unwrap_or(1)
    }
}

type Name = (String, Option<ReleaseNumber>);

#[derive(Debug, Default)]
pub(crate) struct Callables(RwLock<HashMap<Name, Arc<Callable>>>);

impl Callables {
    const LIMIT: usize = 20_000;

    fn get(&self, name: &Name) -> Option<Arc<Callable>> {
        self.0.read().expect("nothing panics while it holds the releases").get(name).cloned()
    }

    fn put(&self, name: Name, callable: Arc<Callable>) {
        let mut callables = self.0.write().expect("nothing panics while it holds the releases");
        if callables.len() >= Self::LIMIT {
            callables.clear();
        }
        callables.insert(name, callable);
    }

    /// A release was sealed: what is called by `model` may be another one now.
    pub(crate) fn forget(&self, model: &ModelName) {
        let gone = key(model);
        self.0.write().expect("nothing panics while it holds the releases").retain(|(name, _), _| *name != gone);
    }
}

fn key(model: &ModelName) -> String {
    format!("{}/{}", model.owner(), model.folded())
}

impl Hub {
    /// The asked release of a model, or the one that unversioned calls go to.
    pub async fn model(&self, model: &ModelName, release: Option<ReleaseNumber>) -> Result<Arc<Callable>, Error> {
        let name = (key(model), release);
        if let Some(known) = self.0.callables.get(&name) {
            return Ok(known);
        }
        let Some(found) = self.0.catalog.release(model, release).await? else {
            return Err(match release {
                Some(release) if self.0.catalog.model(model).await?.is_some() => {
                    Error::NoRelease { model: model.clone(), release }
                }
                _ => Error::NoModel { model: model.clone() },
            });
        };
        let weights = self.0.blobs.path(found.weights);
        let model = engine::Model { digest: found.digest.0, weights };
        let callable = Arc::new(Callable { number: found.number.to_string(), release: found, model });
        self.0.callables.put(name, callable.clone());
        Ok(callable)
    }
}
