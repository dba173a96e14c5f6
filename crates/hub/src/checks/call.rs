//! A paid call, run again: the digest its capture recorded, beside that of a fresh runner's answer.

use registry::{Output, apart, show};
use store::{CheckKind, CheckOutcome, Compared};

use super::run::{Compare, Given, Tally, compare, died};
use super::{Again, PutOff};
use crate::{Callable, Error, Hub};

impl Hub {
    pub(super) async fn check_call(&self, again: Again) -> Result<(), PutOff> {
        let Again { callable, call, inputs, outputs, _room } = again;
        let Some((_, row)) = self.find_call(call).await? else { return Ok(()) };
        let compared = self.comparable(&callable).await?;
        let mut tally = Tally::new(CheckKind::ReExecution, compared);
        if compared != Compared::Nothing {
            match self.run_once_more(&callable, &inputs).await? {
                Err(failure) => tally.failed("", &failure),
                Ok(answer) => {
                    // What was shown is what the receipt proves.
                    let answer = show(&callable.release.contract, answer);
                    let recorded = receipt::commitment(&row.salt, |sink| tensor::canonical(&answer, sink));
                    match (compared, compare(&outputs, &answer)) {
                        _ if recorded == row.output_hash => tally.agreed(),
                        (Compared::Tolerance, Compare::Close) => tally.agreed(),
                        (_, Compare::Apart(words)) => tally.differed(words),
                        (_, Compare::Close) => {
                            let apart = apart(&outputs, &answer, None).map(|apart| apart.to_string());
                            tally.differed(apart.unwrap_or_default());
                        }
                        (_, Compare::Same) => {
                            tally.differed("the recorded digest is not that of the answer".to_owned());
                        }
                    }
                }
            }
        }
        Ok(self.keep_checks(&callable, vec![tally.done(self.0.clock.now())]).await?)
    }

    /// In a fresh runner; where that dies, in another.
    async fn run_once_more(&self, callable: &Callable, inputs: &[tensor::Tensor]) -> Result<Given, PutOff> {
        let mut given = Ok(Vec::new());
        for _ in 0..2 {
            given = match self.fresh(callable).await? {
                Ok(mut runner) => runner.run(inputs).await?,
                Err(failure) => Err(failure),
            };
            if !died(&given) {
                break;
            }
        }
        Ok(given)
    }

    /// How a call's answer can be held against another. Bit by bit only where two runners agreed so, and where no call
    /// shares a run with others, whose company moves last digits. Scores that are shown in part may part at a threshold,
    /// so they are compared bit by bit or not at all.
    async fn comparable(&self, callable: &Callable) -> Result<Compared, Error> {
        let contract = &callable.release.contract;
        let checks = self.0.catalog.checks(callable.release.id).await?;
        let exact = checks.iter().any(|check| {
            check.kind == CheckKind::TwoRunners
                && check.outcome == CheckOutcome::Agreed
                && check.compared == Compared::Digest
        });
        Ok(match contract.output {
            _ if exact && contract.batch_rows <= 1 => Compared::Digest,
            Output::All => Compared::Tolerance,
            _ => Compared::Nothing,
        })
    }
}
