//! Runs in a runner that was started for a check, and how two answers lie to each other.

use std::time::{Duration, Instant};

use engine::{Death, Failure, Ran, Trial};
use ledger::{AccountId, Amount, Call, CallId, Class, KeyId, Outcome, Purse, Share, Surface, Time, Usage};
use registry::{Tolerance, apart, show};
use sha2::{Digest as _, Sha256};
use store::{CheckCounts, CheckKind, Compared, NewCheck};
use tensor::Tensor;

use super::PutOff;
use crate::{Callable, Hub, ids};

/// A runner that gives way to all others needs its time, to be started and to answer.
const LOAD_LIMIT: Duration = Duration::from_secs(300);
const LEAST_LIMIT: Duration = Duration::from_secs(60);
/// The most characters of a difference in words.
const MAX_WORDS: usize = 200;

/// What a run in a fresh runner gave: the answer, or why the model gave none.
pub(super) type Given = Result<Vec<Tensor>, Failure>;

/// A model in a runner that was started for this.
pub(super) struct Fresh<'a> {
    hub: &'a Hub,
    callable: &'a Callable,
    trial: Box<dyn Trial>,
}

impl Hub {
    /// A fresh runner with the model in it, or why it does not load.
    pub(super) async fn fresh<'a>(&'a self, callable: &'a Callable) -> Result<Result<Fresh<'a>, Failure>, PutOff> {
        match self.0.engine.aside(&callable.model, Instant::now() + LOAD_LIMIT).await {
            Ok(trial) => Ok(Ok(Fresh { hub: self, callable, trial })),
            // There was no place for it.
            Err(failure @ Failure::TimedOut { .. }) => Err(PutOff::Engine(failure)),
            Err(failure) => of_the_model(failure).map(Err),
        }
    }
}

impl Fresh<'_> {
    /// Runs the model once, and leaves the call's row. Gives all it answered, shown or not.
    pub(super) async fn run(&mut self, inputs: &[Tensor]) -> Result<Given, PutOff> {
        let accepted = self.hub.0.clock.now();
        let limit = Duration::from_millis(self.callable.release.contract.deadline_ms).max(LEAST_LIMIT);
        let ran = self.trial.run(inputs.to_vec(), Instant::now() + limit).await;
        self.hub.0.books.note(row(self.hub, self.callable, accepted, inputs, &ran));
        match ran {
            Ok(ran) => Ok(Ok(ran.outputs)),
            Err(failure) => of_the_model(failure).map(Err),
        }
    }
}

/// A failure that says something of the model, and not of this machine.
fn of_the_model(failure: Failure) -> Result<Failure, PutOff> {
    match failure {
        Failure::Unavailable(_)
        | Failure::Busy { .. }
        | Failure::Weights { .. }
        | Failure::Died { how: Death::Stopped } => Err(PutOff::Engine(failure)),
        failure => Ok(failure),
    }
}

/// Whether the runner died, of the model or of what else goes on here: tried once more before it is believed.
pub(super) fn died(given: &Given) -> bool {
    matches!(given, Err(Failure::Died { .. }))
}

/// The row of a call that the hub made for itself: nobody pays it.
fn row(hub: &Hub, callable: &Callable, accepted: Time, inputs: &[Tensor], ran: &Result<Ran, Failure>) -> Call {
    let (salt, release) = (ids::random(), &callable.release);
    let commitment = |tensors: &[Tensor]| receipt::commitment(&salt, |sink| tensor::canonical(tensors, sink));
    let (queue_us, engine_us, output_hash) = match ran {
        Ok(Ran { outputs, queue_us, engine_us, .. }) => {
            // As a caller's answer would be.
            (*queue_us, *engine_us, commitment(&show(&release.contract, outputs.clone())))
        }
        Err(_) => (0, 0, [0; 32]),
    };
    Call {
        id: CallId::from_uuid(hub.0.ids.next()),
        accepted,
        finished: hub.0.clock.now(),
        payer: AccountId::HUB_FEE,
        key: KeyId([0; 16]),
        release: release.id,
        release_number: callable.number.clone(),
        model_digest: release.digest.0,
        class: Class::Check,
        surface: Surface::Hub,
        purse: Purse::Cash,
        outcome: match ran {
            Ok(_) => Outcome::Ok,
            Err(Failure::Input(_) | Failure::TooLarge { .. }) => Outcome::InvalidInput,
            Err(Failure::TimedOut { .. }) => Outcome::TimedOut,
            Err(Failure::Unavailable(_) | Failure::Busy { .. }) => Outcome::Busy,
            Err(_) => Outcome::EngineFailed,
        },
        usage: Usage { items: callable.items(inputs), ..Usage::ONE_CALL },
        cost: Amount::ZERO,
        fee_share: Share::default(),
        fee: Amount::ZERO,
        parts: Vec::new(),
        rate: None,
        queue_us,
        engine_us,
        cold: true,
        input_hash: commitment(inputs),
        output_hash,
        salt,
        keyed: None,
        sponsor: None,
        hold: None,
    }
}

/// Comparisons of one kind, as they are made.
#[derive(Debug)]
pub(super) struct Tally {
    kind: CheckKind,
    counts: CheckCounts,
    pub(super) compared: Compared,
    difference: Option<String>,
}

impl Tally {
    pub(super) fn new(kind: CheckKind, compared: Compared) -> Tally {
        Tally { kind, counts: CheckCounts::default(), compared, difference: None }
    }

    pub(super) fn agreed(&mut self) {
        self.counts.agreed += 1;
    }

    pub(super) fn differed(&mut self, words: String) {
        self.counts.differed += 1;
        self.note(words);
    }

    /// There was no answer to compare. What a model says of its failure may name what it was asked, so it is not told.
    pub(super) fn failed(&mut self, what: &str, failure: &Failure) {
        self.counts.failed += 1;
        let words = match failure {
            Failure::Load { .. } => "a fresh runner could not load the model".to_owned(),
            Failure::TimedOut { limit_ms } => format!("no answer within {limit_ms} ms"),
            Failure::Died { how } => format!("the runner {how}"),
            Failure::Answer(_) => "the answer broke the model's signature".to_owned(),
            _ => "the model failed".to_owned(),
        };
        self.note(format!("{what}{words}"));
    }

    fn note(&mut self, words: String) {
        self.difference.get_or_insert_with(|| words.chars().take(MAX_WORDS).collect());
    }

    pub(super) fn run(&self) -> u64 {
        self.counts.run()
    }

    pub(super) fn done(self, at: Time) -> NewCheck {
        let Tally { kind, counts, compared, difference } = self;
        NewCheck { kind, at, counts, compared, difference }
    }
}

/// How two answers lie to each other.
pub(super) enum Compare {
    /// Their digests are the same.
    Same,
    /// They differ no more than two runs of one model may.
    Close,
    /// In words.
    Apart(String),
}

pub(super) fn compare(one: &[Tensor], other: &[Tensor]) -> Compare {
    if digest(one) == digest(other) {
        return Compare::Same;
    }
    match apart(one, other, Some(Tolerance::REPEATED)) {
        None => Compare::Close,
        Some(apart) => Compare::Apart(apart.to_string()),
    }
}

fn digest(tensors: &[Tensor]) -> [u8; 32] {
    let mut hash = Sha256::new();
    tensor::canonical(tensors, &mut |bytes| hash.update(bytes));
    hash.finalize().into()
}
