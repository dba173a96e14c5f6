//! How the scores of tokens become the things a text speaks of.

use serde::{Deserialize, Serialize};

use crate::task::Activation;
use crate::task::fit::{Fitting, TaskError};

/// What is read from the scores of each token; the labels are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entities {
    pub output: String,
    pub activation: Activation,
    pub aggregation: Aggregation,
}

words! {
    /// Which tokens are one thing.
    Aggregation, "simple or none", {
        /// Each by itself.
        None => "none",
        /// Neighbours of the same label, where none but the first has the prefix B-: `simple` of Hugging Face's pipeline.
        Simple => "simple",
    }
}

impl Fitting<'_> {
    pub(super) fn entities(&self) -> Result<Entities, TaskError> {
        let port = self.labelled(3)?;
        Ok(Entities {
            output: port.name.clone(),
            activation: self.card.activation.unwrap_or(Activation::Softmax),
            aggregation: self.card.aggregation.unwrap_or(Aggregation::Simple),
        })
    }
}
