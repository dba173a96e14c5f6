//! A release, checked once: its examples and a made-up input in two fresh runners.

use std::sync::Arc;

use engine::Failure;
use ledger::ReleaseId;
use registry::{Example, MAX_EXAMPLE_BYTES, Tolerance, apart, sample_inputs};
use store::{CheckKind, Compared, NewCheck};
use tensor::Tensor;

use super::PutOff;
use super::run::{Compare, Given, Tally, compare, died};
use crate::{Callable, Error, Hub};

/// So much may the inputs of one check have together, and so much the answers that are kept to be compared. What is
/// beyond is not run.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Something to run.
struct Case {
    /// As people are told of it; files of a sealed model are nobody's business.
    what: String,
    inputs: Vec<Tensor>,
    expected: Vec<Tensor>,
    /// The hub made it up, and the author has given examples: the model need not answer it.
    may_fail: bool,
}

impl Hub {
    /// Checks a release, unless it was, and keeps what came of it.
    pub(super) async fn check_release(&self, release: ReleaseId) -> Result<(), PutOff> {
        let Some(record) = self.0.catalog.release_by_id(release).await? else { return Ok(()) };
        let checked = self.0.catalog.checks(release).await?;
        // Not through the releases that are kept at hand for callers: older ones would drive those out.
        let callable = self.callable(record);
        if callable.runs_elsewhere() || checked.iter().any(|check| check.kind == CheckKind::TwoRunners) {
            return Ok(());
        }
        let cases = self.cases(&callable).await?;
        let one = self.run_all(&callable, &cases).await?;
        let other = self.run_all(&callable, &cases).await?;
        let found = self.compare_all(&cases, &one, &other);
        Ok(self.keep_checks(&callable, found).await?)
    }

    async fn cases(&self, callable: &Arc<Callable>) -> Result<Vec<Case>, Error> {
        let release = &callable.release;
        let files = release.tree.files().iter().filter(|file| {
            let path = file.path.as_str();
            path.starts_with("examples/") && path.ends_with(".json")
        });
        let mut cases = Vec::new();
        let mut left = MAX_BYTES;
        for (place, file) in files.enumerate() {
            let bytes = self.read_blob(file.sha256, MAX_EXAMPLE_BYTES as u64).await?;
            // It was one when it was published.
            let Ok(Example { inputs, expected }) = Example::parse(&bytes) else { continue };
            let Some(rest) = left.checked_sub(size(&inputs) + size(&expected)) else { break };
            left = rest;
            let what = format!("example {}: ", place + 1);
            cases.push(Case { what, inputs, expected, may_fail: false });
        }
        let made_up = match release.contract.task {
            Some(_) => self.made_up(callable).await.ok(),
            None => sample_inputs(&release.contract.signature).ok(),
        };
        let may_fail = !cases.is_empty();
        let made_up = made_up.filter(|inputs| size(inputs) <= left);
        cases.extend(made_up.map(|inputs| {
            let what = "a generated input: ".to_owned();
            Case { what, inputs, expected: Vec::new(), may_fail }
        }));
        Ok(cases)
    }

    /// Every case in one fresh runner, as far as it comes: one that died or hung answers no more. A death is tried once
    /// more, in another.
    async fn run_all(&self, callable: &Callable, cases: &[Case]) -> Result<Vec<Given>, PutOff> {
        let given = self.run_in_one(callable, cases).await?;
        if given.last().is_some_and(died) { self.run_in_one(callable, cases).await } else { Ok(given) }
    }

    async fn run_in_one(&self, callable: &Callable, cases: &[Case]) -> Result<Vec<Given>, PutOff> {
        let mut runner = match self.fresh(callable).await? {
            Ok(runner) => runner,
            Err(failure) => return Ok(vec![Err(failure)]),
        };
        let (mut all, mut kept) = (Vec::with_capacity(cases.len()), 0);
        for case in cases {
            let given = runner.run(&case.inputs).await?;
            kept += given.as_ref().map_or(0, |outputs| size(outputs));
            if kept > MAX_BYTES && !all.is_empty() {
                break;
            }
            let over = matches!(given, Err(Failure::Died { .. } | Failure::TimedOut { .. }));
            all.push(given);
            if over {
                break;
            }
        }
        Ok(all)
    }

    fn compare_all(&self, cases: &[Case], one: &[Given], other: &[Given]) -> Vec<NewCheck> {
        let mut runners = Tally::new(CheckKind::TwoRunners, Compared::Digest);
        let mut examples = Tally::new(CheckKind::Examples, Compared::Tolerance);
        for (case, answers) in cases.iter().zip(one.iter().zip(other)) {
            let what = &case.what;
            let (one, other) = match answers {
                (Ok(one), Ok(other)) => (one, other),
                (Err(_), Err(_)) if case.may_fail => continue,
                (Err(failure), _) | (_, Err(failure)) => {
                    runners.failed(what, failure);
                    if !case.expected.is_empty() {
                        examples.failed(what, failure);
                    }
                    continue;
                }
            };
            match compare(one, other) {
                Compare::Same => runners.agreed(),
                Compare::Close => {
                    runners.agreed();
                    runners.compared = Compared::Tolerance;
                }
                Compare::Apart(words) => runners.differed(format!("{what}{words}")),
            }
            if !case.expected.is_empty() {
                let expected = |answer| apart(&case.expected, answer, Some(Tolerance::EXPECTED));
                match expected(one).or_else(|| expected(other)) {
                    None => examples.agreed(),
                    Some(apart) => examples.differed(format!("{what}{apart}")),
                }
            }
        }
        let now = self.0.clock.now();
        // The first is kept even if nothing could be compared: it is what says that the release was checked.
        let examples = Some(examples).filter(|examples| examples.run() > 0);
        [runners].into_iter().chain(examples).map(|tally| tally.done(now)).collect()
    }
}

fn size(tensors: &[Tensor]) -> usize {
    tensors.iter().map(|tensor| tensor.bytes().len()).sum()
}
