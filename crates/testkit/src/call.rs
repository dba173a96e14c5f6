//! A call in the making.

use std::pin::Pin;

use hub::Error;
use hub::infer::{Answer, Request};
use ledger::Surface;
use sha2::{Digest as _, Sha256};
use tensor::Tensor;

use crate::{User, fixtures, model, opg};

/// A call that runs when it is awaited.
#[derive(Debug, Clone)]
#[must_use = "it runs when it is awaited"]
pub struct Infer {
    user: User,
    model: String,
    release: Option<String>,
    inputs: Vec<Tensor>,
    max_cost: Option<String>,
    key: Option<String>,
    surface: Surface,
}

impl Infer {
    pub(crate) fn new(user: User, model: &str) -> Infer {
        Infer {
            user,
            model: model.to_owned(),
            release: None,
            inputs: fixtures::row(&[1.0, 2.0]),
            max_cost: None,
            key: None,
            surface: Surface::Api,
        }
    }

    /// This release and not the latest.
    pub fn release(mut self, number: &str) -> Infer {
        self.release = Some(number.to_owned());
        self
    }

    /// These inputs and not the usual row.
    pub fn inputs(mut self, inputs: Vec<Tensor>) -> Infer {
        self.inputs = inputs;
        self
    }

    /// At most this cost.
    pub fn max_cost(mut self, amount: &str) -> Infer {
        self.max_cost = Some(amount.to_owned());
        self
    }

    /// With this idempotency key.
    pub fn key(mut self, key: &str) -> Infer {
        self.key = Some(key.to_owned());
        self
    }

    /// The request, as an edge would make it.
    pub fn request(&self) -> Request {
        let mut content = Sha256::new();
        content.update(format!("{} {:?}\n", self.model, self.release));
        tensor::canonical(&self.inputs, &mut |bytes| content.update(bytes));
        Request {
            caller: self.user.caller().clone(),
            surface: self.surface,
            model: model(&self.model),
            release: self.release.as_ref().map(|number| number.parse().unwrap()),
            inputs: self.inputs.clone(),
            items: None,
            max_cost: self.max_cost.as_deref().map(opg),
            idempotency_key: self.key.clone(),
            content: content.finalize().into(),
        }
    }
}

impl IntoFuture for Infer {
    type Output = Result<Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.user.scene.hub().infer(self.request()).await })
    }
}
