//! What the hub checks by itself: every release once, in two fresh runners; and a random share of the calls again, once
//! they are paid, in a runner other than the one that answered.
//!
//! Always: nobody waits for a check, and what is waiting to be checked is bounded; a check costs nobody anything and
//! leaves rows of class `check`; results name no input and no value of an answer; a release that was not checked is
//! found again at the next start.
//!
//! Absent on purpose: models that run on their owner's server. There is no second runner of those here, and asking
//! twice would send a caller's inputs away twice.
//!
//! Inputs are never stored, so a call is run again from what lies in memory, or not at all: what waits is lost in a
//! restart.

mod call;
mod release;
mod run;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::Failure;
use ledger::{CallId, ReleaseId, Time};
use registry::{ModelName, ReleaseNumber};
use serde_json::json;
use store::{CheckOutcome, CheckSum, NewCheck};
use tensor::Tensor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::infer::Answer;
use crate::{Callable, Caller, Error, Hub};

/// What a hub checks by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checking {
    /// Every release, once.
    pub releases: bool,
    /// One call of so many is run again; 0: none.
    pub one_call_in: u32,
}

impl Checking {
    pub const NOTHING: Checking = Checking { releases: false, one_call_in: 0 };
}

impl Default for Checking {
    fn default() -> Self {
        Checking { releases: true, one_call_in: 100 }
    }
}

/// So many calls wait to be run again.
const MAX_CALLS: usize = 64;
/// So much of memory what waits may hold, in KiB, and one call of it.
const MAX_WAITING_KIB: usize = 64 * 1024;
const MAX_CALL_KIB: usize = 8 * 1024;
/// So many releases are remembered that were sealed a moment ago; more are looked for.
const MAX_SEALED: usize = 256;
/// So many older releases are looked for at once.
const STRETCH: u64 = 256;
/// When what could not be done is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// After each check the worker rests so many times as long as it took.
const REST: u32 = 4;
/// How many releases of a model are shown with their checks.
const SHOWN_RELEASES: u64 = 50;

/// What waits to be checked, from the side of those who bring it.
#[derive(Debug)]
pub(crate) struct Checks {
    checking: Checking,
    sealed: mpsc::Sender<ReleaseId>,
    calls: mpsc::Sender<Again>,
    /// Of [`MAX_WAITING_KIB`].
    room: Arc<Semaphore>,
    /// A release found no place: all are looked through.
    missed: AtomicBool,
    dropped: AtomicU64,
}

/// The same from the worker's side.
#[derive(Debug)]
pub(crate) struct ToCheck {
    sealed: mpsc::Receiver<ReleaseId>,
    calls: mpsc::Receiver<Again>,
    older: Older,
    /// Whose turn it is.
    calls_first: bool,
}

/// What a call brought, held until it is known whether it was paid.
#[derive(Debug)]
pub(crate) struct Copied {
    inputs: Vec<Tensor>,
    room: OwnedSemaphorePermit,
}

/// A call that is to be run again.
#[derive(Debug)]
struct Again {
    callable: Arc<Callable>,
    call: CallId,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    _room: OwnedSemaphorePermit,
}

impl Checks {
    pub(crate) fn new(checking: Checking) -> (Checks, ToCheck) {
        let (sealed, sealed_ones) = mpsc::channel(MAX_SEALED);
        let (calls, waiting) = mpsc::channel(MAX_CALLS);
        let room = Arc::new(Semaphore::new(MAX_WAITING_KIB));
        let (missed, dropped) = (AtomicBool::new(false), AtomicU64::new(0));
        let checks = Checks { checking, sealed, calls, room, missed, dropped };
        let older = Older { done: !checking.releases, ..Older::default() };
        (checks, ToCheck { sealed: sealed_ones, calls: waiting, older, calls_first: false })
    }

    /// A release is to be checked; whoever sealed it does not wait.
    pub(crate) fn sealed(&self, release: ReleaseId) {
        if self.checking.releases && self.sealed.try_send(release).is_err() {
            self.missed.store(true, Ordering::Relaxed);
        }
    }

    /// A copy of what a call brought, of one in so many. Nobody knows a call's salt before the call, so nobody knows
    /// which one it will be.
    pub(crate) fn copy(&self, callable: &Callable, salt: &[u8; 32], inputs: &[Tensor]) -> Option<Copied> {
        let number = u64::from_le_bytes(*salt.first_chunk().expect("32 bytes"));
        let chosen = number.checked_rem(u64::from(self.checking.one_call_in)) == Some(0);
        if !chosen || callable.runs_elsewhere() {
            return None;
        }
        let room = if self.calls.capacity() > 0 { self.take_room(inputs) } else { None };
        self.or_dropped(room.map(|room| Copied { inputs: inputs.to_vec(), room }))
    }

    /// The call was paid: it is run again when its turn comes. What finds no place is dropped.
    pub(crate) fn run_again(&self, Copied { inputs, mut room }: Copied, callable: &Arc<Callable>, answer: &Answer) {
        let waiting = self.take_room(&answer.outputs).and_then(|more| {
            room.merge(more);
            let (callable, call, outputs) = (callable.clone(), answer.call, answer.outputs.clone());
            self.calls.try_send(Again { callable, call, inputs, outputs, _room: room }).ok()
        });
        self.or_dropped(waiting);
    }

    fn take_room(&self, tensors: &[Tensor]) -> Option<OwnedSemaphorePermit> {
        let kib = tensors.iter().map(|tensor| tensor.bytes().len()).sum::<usize>() / 1024 + 1;
        let kib = u32::try_from(kib).ok().filter(|kib| *kib as usize <= MAX_CALL_KIB)?;
        self.room.clone().try_acquire_many_owned(kib).ok()
    }

    fn or_dropped<T>(&self, placed: Option<T>) -> Option<T> {
        if placed.is_none() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        placed
    }

    /// Calls that were to be run again and found no place.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Calls that wait to be run again.
    pub(crate) fn waiting(&self) -> u64 {
        (MAX_CALLS - self.calls.capacity()) as u64
    }
}

impl Callable {
    /// Whether its owner's server runs it.
    fn runs_elsewhere(&self) -> bool {
        self.release.contract.remote.is_some()
    }
}

/// Why a check was not made. None says anything of the model.
#[derive(Debug, thiserror::Error)]
enum PutOff {
    #[error("{0}")]
    Engine(Failure),
    #[error(transparent)]
    Hub(#[from] Error),
}

impl From<store::CatalogError> for PutOff {
    fn from(error: store::CatalogError) -> Self {
        PutOff::Hub(error.into())
    }
}

/// Releases from before that were not checked, the newest first.
#[derive(Debug, Default)]
struct Older {
    found: VecDeque<ReleaseId>,
    before: Option<(Time, ReleaseId)>,
    /// All were looked through.
    done: bool,
    /// When those that could not be checked are tried again.
    again: Option<Instant>,
}

impl Older {
    fn put_off(&mut self) {
        self.again.get_or_insert_with(|| Instant::now() + AGAIN_AFTER);
    }
}

#[derive(Debug)]
enum Work {
    Release(ReleaseId),
    Call(Again),
}

impl Hub {
    /// What came of the checks of a model's releases, the newest release first, if this viewer may see it.
    pub async fn checks(
        &self,
        viewer: Option<&Caller>,
        model: &ModelName,
    ) -> Result<(ModelName, Vec<(ReleaseNumber, CheckSum)>), Error> {
        let model = &self.model_for(viewer, model, None).await?.release.model;
        Ok((model.name.clone(), self.0.catalog.model_checks(model.id, SHOWN_RELEASES).await?))
    }

    /// The one worker.
    pub(crate) async fn keep_checking(&self, mut to_check: ToCheck) {
        loop {
            let work = self.next_to_check(&mut to_check).await;
            let began = Instant::now();
            match work {
                Work::Release(release) => {
                    if let Err(put_off) = self.check_release(release).await {
                        tracing::warn!("{release} was not checked and will be: {put_off}");
                        to_check.older.put_off();
                    }
                }
                Work::Call(again) => {
                    let call = again.call;
                    if let Err(put_off) = self.check_call(again).await {
                        tracing::warn!("{call} was not run again: {put_off}");
                    }
                }
            }
            tokio::time::sleep(began.elapsed() * REST).await;
        }
    }

    /// Releases and calls in turn, so that neither waits for ever; then what was not checked before.
    async fn next_to_check(&self, to_check: &mut ToCheck) -> Work {
        let checks = &self.0.checks;
        loop {
            let ToCheck { sealed, calls, older, calls_first } = to_check;
            let again = older.again.is_some_and(|at| at <= Instant::now());
            if again || checks.missed.swap(false, Ordering::Relaxed) {
                *older = Older::default();
            }
            *calls_first = !*calls_first;
            if *calls_first && let Ok(call) = calls.try_recv() {
                return Work::Call(call);
            }
            if let Some(release) = sealed.try_recv().ok().or_else(|| older.found.pop_front()) {
                return Work::Release(release);
            }
            if let Ok(call) = calls.try_recv() {
                return Work::Call(call);
            }
            if self.find_older(older).await {
                continue;
            }
            let again = older.again;
            tokio::select! {
                Some(release) = sealed.recv() => return Work::Release(release),
                Some(call) = calls.recv() => return Work::Call(call),
                () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now).into()), if again.is_some() => {}
            }
        }
    }

    async fn find_older(&self, older: &mut Older) -> bool {
        if older.done {
            return false;
        }
        match self.0.catalog.unchecked(older.before, STRETCH).await {
            Ok(found) => {
                older.done = (found.len() as u64) < STRETCH;
                older.before = found.last().copied().or(older.before);
                older.found.extend(found.into_iter().map(|(_, release)| release));
            }
            Err(error) => {
                tracing::error!("Releases that were not checked could not be looked for: {error}");
                older.done = true;
                older.put_off();
            }
        }
        !older.found.is_empty()
    }

    /// Keeps what was found. An owner hears of a difference or a failure when it comes up, once a day at most.
    async fn keep_checks(&self, callable: &Callable, found: Vec<NewCheck>) -> Result<(), Error> {
        let release = &callable.release;
        // A stop waits for it: an alert and what it tells must not part in the middle.
        let _running = self.0.running.read().await;
        let before = self.0.catalog.checks(release.id).await?;
        for check in &found {
            let outcome = check.counts.outcome();
            let news = matches!(outcome, CheckOutcome::Differed | CheckOutcome::Failed);
            let known = before.iter().any(|known| known.kind == check.kind && known.outcome == outcome);
            if !news || known {
                continue;
            }
            let (model, number, kind) = (release.model.name.to_string(), release.number.to_string(), check.kind.word());
            let day = Time::date(check.at.day());
            let subject = format!("{model} {number} {kind} {outcome} {day}");
            let data = json!({
                "model": model, "release": number, "check": kind, "outcome": outcome.word(),
                "compared": check.compared.word(), "difference": check.difference,
            });
            self.alert(release.model.owner.id, "model.check", subject, &data).await?;
        }
        Ok(self.0.catalog.add_checks(release.id, &found).await?)
    }
}
