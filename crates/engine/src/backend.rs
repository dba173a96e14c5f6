//! What a model format has to implement. Runs inside the runner, never in the hub.

use tensor::{Signature, Tensor};

use crate::EngineInfo;

/// A model format inside the runner. Reasons are for people: the hub bounds and cleans them.
pub trait Backend {
    /// What runs the models.
    fn info(&self) -> EngineInfo;

    /// Reads and prepares a model. The bytes come from a stranger.
    fn load(&mut self, model: Vec<u8>) -> Result<Box<dyn Session>, String>;
}

/// A loaded model.
pub trait Session {
    /// What the model takes and gives; never changes.
    fn signature(&self) -> &Signature;

    /// Runs the model once. The inputs keep to the signature; all outputs are given, in its order.
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String>;

    /// Whether the last run has left it so that later ones may fail for nothing. The runner ends then and is replaced.
    fn is_spoilt(&self) -> bool {
        false
    }
}
