//! Whether calls of a model may share a run, as its author says: tried before it is believed.
//!
//! Always: what a call is answered in a shared run is what it is answered alone, within the tolerance of two runs; a
//! model for which that is not so is refused, and says why.

use std::time::{Duration, Instant};

use engine::{Trial, batch};
use registry::{Contract, Tolerance, agree};
use tensor::{Port, Tensor};

use crate::Error;
use crate::publish::unfit;

/// An input that the model has answered, alone, and its answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) outputs: Vec<Tensor>,
}

/// Runs what was answered alone once more as one run, in both orders.
pub(crate) async fn try_batch(
    contract: &Contract,
    answered: &[Answered],
    until: Instant,
    trial: &mut dyn Trial,
) -> Result<String, Error> {
    if contract.remote.is_some() {
        return Ok("calls go to the owner's server one by one".to_owned());
    }
    if contract.batch_rows <= 1 {
        return Ok("calls run one by one; `batch: 32` lets them share runs".to_owned());
    }
    let closed = |ports: &[Port]| {
        ports.iter().find(|port| !matches!(port.shape.first(), Some(None))).map(|port| port.name.clone())
    };
    let signature = &contract.signature;
    if let Some(name) = closed(&signature.inputs).or_else(|| closed(&signature.outputs)) {
        let reason =
            format!("the first axis of \"{name}\" is not open, so rows of several calls cannot be put together");
        return Err(unfit("batch", reason, "export the model with a dynamic first axis, or leave `batch` out"));
    }
    let Some(first) = answered.first() else { return Ok("nothing to try it with".to_owned()) };
    // The same input twice at the least: rows must not see each other.
    let other = answered.iter().skip(1).find(|other| batch::fit(&first.inputs, &other.inputs)).unwrap_or(first);
    for pair in [[first, other], [other, first]] {
        run_together(contract, pair, until, trial).await?;
    }
    Ok(format!("up to {} rows share a run; tried, the answers are those of each alone", contract.batch_rows))
}

async fn run_together(
    contract: &Contract,
    pair: [&Answered; 2],
    until: Instant,
    trial: &mut dyn Trial,
) -> Result<(), Error> {
    const HINT: &str = "leave `batch` out: this model does not answer row by row";
    let [Some(one), Some(two)] = pair.map(|call| batch::rows(&call.inputs)) else {
        return Err(unfit("batch", "the inputs of an example do not have the same number of rows", HINT));
    };
    let joined = batch::join(&pair.map(|call| &call.inputs[..]));
    let joined = joined.ok_or_else(|| unfit("batch", "two examples together are more than a call may bring", HINT))?;
    let deadline = until.min(Instant::now() + Duration::from_millis(contract.deadline_ms));
    let ran = trial.run(joined, deadline).await;
    let ran = ran.map_err(|failure| unfit("batch", format!("two examples in one run: {failure}"), HINT))?;
    let Some(apart) = batch::split(&ran.outputs, &[one, two]) else {
        return Err(unfit("batch", format!("{} rows went in, and another number came out", one + two), HINT));
    };
    for (call, outputs) in pair.iter().zip(&apart) {
        agree(&call.outputs, outputs, Tolerance::REPEATED).map_err(|difference| {
            unfit("batch", format!("an example is answered differently in a shared run: {difference}"), HINT)
        })?;
    }
    Ok(())
}
