//! One model's line: the requests that wait, those its runner has been sent, and the task that keeps the runner.
//!
//! Always: every request is answered once, by its deadline at the latest. The runner answers in the order of sending, so
//! the oldest unanswered request is the one that runs; if it overruns it is to blame, and the others are sent again. If
//! the runner dies, an answer may have died with it: all that were on their way are suspects, and each is sent again with
//! nothing beside it, so that who dies then is the one to blame. A line lives as long as its keeper: when the keeper ends, the line is
//! closed and the next call opens another, so that a failed load is tried again.
//!
//! The way of a call with few tasks and system calls: the caller writes its frame itself if the runner has nothing to
//! do; otherwise the keeper writes what has gathered once the tasks that are ready have had their turn; the keeper
//! reads and wakes the callers.
//!
//! Calls of a model that allows it share a run (`batch.rs`): those that wait when a run can be sent, and no others.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tensor::Signature;
use tokio::io::AsyncReadExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::frame::{self, Frame, Inbox, Kind, TooLong, Violation};
use crate::pool::Pool;
use crate::process::{Process, Started, start};
use crate::queue::Queue;
use crate::request::{Apart, Request, Sent};
use crate::worth::{Cost, Usage, worth};
use crate::{Death, Failure, Model};

/// Requests a runner is sent before it has answered. Enough to share system calls, few enough that a death disturbs
/// little and that what waits can still be chosen from.
const WINDOW: usize = 32;

/// And runs that calls share: one that runs and one that is at hand when it ends.
const BATCH_WINDOW: usize = 2;

/// Bytes that are encoded ahead of the socket.
const AHEAD_BYTES: usize = 1024 * 1024;

/// How long after its deadline an unfinished run is killed. The caller has been told at the deadline; a run that ends
/// within this keeps the model loaded for the others.
const GRACE: Duration = Duration::from_millis(300);

/// The line has ended; here is the request again.
#[derive(Debug)]
pub(crate) struct Closed(pub(crate) Request);

#[derive(Debug)]
pub(crate) struct Line {
    model: Model,
    queue_limit: usize,
    state: Mutex<State>,
    /// There is something to write that the caller has not written.
    flush: Notify,
    /// A deadline comes sooner than the one the keeper sleeps for.
    sooner: Notify,
    /// Someone else needs this line's place.
    stop: Notify,
    keeper: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct State {
    closed: bool,
    /// Has been asked for its place, and gives it up when it is idle.
    stopping: bool,
    waiting: Queue,
    /// In the order of sending, which is that of the answers.
    sent: VecDeque<Sent>,
    /// How many rows calls may share a run with; 1 once the model has shown that it does not keep rows apart.
    batch_rows: u64,
    next_id: u64,
    /// Frames the socket has not taken yet, from `written` on.
    out: Vec<u8>,
    written: usize,
    link: Option<Link>,
    /// When the keeper looks at the deadlines next.
    wake_at: Option<Instant>,
    usage: Usage,
    cost: Cost,
}

/// A runner that has loaded the model.
#[derive(Debug)]
struct Link {
    writer: OwnedWriteHalf,
    signature: Arc<Signature>,
    process: Arc<Process>,
}

/// How a runner's time ended.
#[derive(Debug)]
enum Ended {
    /// It did not start, or did not load the model.
    Unstarted(Failure),
    Died(Death),
    /// It ended after an answer that left it spoilt.
    Left,
    /// The oldest request was not done soon after its deadline.
    Overran,
    /// It was idle and its place was needed; the line is closed.
    Retired,
}

impl Line {
    /// Opens a line with its first request, or for those to come.
    pub(crate) fn open(pool: Arc<Pool>, model: Model, first: Option<Request>) -> Arc<Line> {
        let usage = Usage::first(first.as_ref().map_or_else(Instant::now, Request::accepted));
        let mut waiting = Queue::default();
        if let Some(mut first) = first {
            first.cold = true;
            waiting.push_back(first);
        }
        let state = State {
            closed: false,
            stopping: false,
            usage,
            cost: Cost::default(),
            waiting,
            sent: VecDeque::new(),
            batch_rows: model.batch_rows,
            next_id: 0,
            out: Vec::new(),
            written: 0,
            link: None,
            wake_at: None,
        };
        let line = Arc::new(Line {
            model,
            queue_limit: pool.config.queue_limit,
            state: Mutex::new(state),
            flush: Notify::new(),
            sooner: Notify::new(),
            stop: Notify::new(),
            keeper: OnceLock::new(),
        });
        let keeper = tokio::spawn(Arc::clone(&line).keep(pool));
        line.keeper.set(keeper.abort_handle()).expect("a line has one keeper");
        line
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Takes a request in and, if the runner is free, sends it at once.
    pub(crate) fn submit(&self, mut request: Request) -> Result<Result<(), Failure>, Closed> {
        let mut state = self.state();
        if state.closed {
            return Err(Closed(request));
        }
        if state.waiting.len() >= self.queue_limit {
            state.waiting.retain(Request::is_awaited);
            let busy = Failure::Busy { waiting: state.waiting.len(), limit: self.queue_limit };
            if state.waiting.len() >= self.queue_limit {
                match state.waiting.give_way_to(&request.caller()) {
                    Some(mut other) => other.answer(Err(busy)),
                    None => return Ok(Err(busy)),
                }
            }
        }
        request.cold = state.link.is_none();
        state.usage.count(request.accepted());
        let deadline = request.deadline();
        if state.wake_at.is_none_or(|wake_at| deadline < wake_at) {
            state.wake_at = Some(deadline);
            self.sooner.notify_one();
        }
        let runner_is_free = state.sent.is_empty();
        state.waiting.push_back(request);
        state.pump();
        let all_written = state.out.is_empty() || runner_is_free && state.write();
        if !all_written {
            self.flush.notify_one();
        }
        Ok(Ok(()))
    }

    /// What it is worth to keep the model; none if it is at work or about to stop.
    pub(crate) fn worth(&self, now: Instant) -> Option<f64> {
        let state = self.state();
        let idle = state.is_idle() && !state.closed && !state.stopping;
        idle.then(|| worth(state.usage, state.cost, now))
    }

    /// What the model holds of memory, as it was when it was loaded; 0 if it is not.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let state = self.state();
        if state.link.is_some() && !state.stopping { state.cost.memory_bytes } else { 0 }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    pub(crate) fn ask_to_stop(&self) {
        self.state().stopping = true;
        self.stop.notify_one();
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.state().link.as_ref().map(|link| link.process.pid())
    }

    /// Ends the runner and drops every request, which tells the callers.
    pub(crate) fn abort(&self) {
        let mut state = self.state();
        state.closed = true;
        if let Some(link) = state.link.take() {
            link.process.kill();
        }
        state.waiting = Queue::default();
        state.sent.clear();
        drop(state);
        if let Some(keeper) = self.keeper.get() {
            keeper.abort();
        }
    }

    /// Keeps a runner for this line until nothing is left to do with it.
    async fn keep(self: Arc<Self>, pool: Arc<Pool>) {
        loop {
            let ended = tokio::select! {
                ended = self.run_one(&pool) => ended,
                () = self.watch_deadlines() => Ended::Overran,
            };
            let model = Hex(&self.model.digest);
            tracing::debug!(%model, ?ended, "The runner of {model} ended");
            if self.state().settle(ended) {
                pool.forget(&self);
                return;
            }
        }
    }

    /// The time of one runner: a place, its start, the calls, its end. Dropped, it kills the runner.
    async fn run_one(&self, pool: &Pool) -> Ended {
        let place = pool.place().await;
        let started = match start(&pool.spares, &pool.config, &self.model.weights, place).await {
            Ok(started) => started,
            Err(failure) => return Ended::Unstarted(failure),
        };
        let Started { process, reader, writer, inbox, info, signature, load_ms, memory_bytes } = started;
        let model = Hex(&self.model.digest);
        tracing::debug!(%model, engine = %info.version, load_ms, memory_bytes, pid = process.pid(), "Loaded {model}");
        let process = Arc::new(process);
        {
            let mut state = self.state();
            state.link = Some(Link { writer, signature: Arc::clone(&signature), process: Arc::clone(&process) });
            state.cost = Cost { load_ms, memory_bytes };
            state.pump();
            state.write();
        }
        pool.make_room();
        self.flush.notify_one();
        tokio::select! {
            ended = self.read(pool, reader, inbox, &signature) => match ended {
                Cut::Closed => Ended::Died(process.death().await),
                Cut::Violation(what) => Ended::Died(Death::Violation(what)),
                Cut::Retired => Ended::Retired,
                Cut::Left => Ended::Left,
            },
            never = self.write() => match never {},
            () = self.retire_when_asked() => Ended::Retired,
        }
    }

    /// Hands answers to their callers until the socket closes.
    async fn read(&self, pool: &Pool, mut reader: OwnedReadHalf, mut inbox: Inbox, signature: &Signature) -> Cut {
        loop {
            match inbox.next() {
                Err(violation) => return Cut::Violation(violation),
                Ok(Some(frame)) if frame.kind == Kind::Leaving => return Cut::Left,
                Ok(Some(frame)) => {
                    if let Err(violation) = self.take_answer(&frame, signature) {
                        return Cut::Violation(violation);
                    }
                    continue;
                }
                Ok(None) => {}
            }
            // All that has arrived is read: the runner has room again, and may have nothing to do.
            {
                let mut state = self.state();
                state.pump();
                if !state.out.is_empty() && !state.write() {
                    self.flush.notify_one();
                }
                if (state.stopping || pool.wants_places()) && state.retire() {
                    return Cut::Retired;
                }
            }
            match reader.read_buf(inbox.room()).await {
                Ok(0) | Err(_) => return Cut::Closed,
                Ok(_) => {}
            }
        }
    }

    /// Gives one answer to the caller it belongs to.
    fn take_answer(&self, frame: &Frame<'_>, signature: &Signature) -> Result<(), Violation> {
        // Read before the request is taken: who breaks the protocol with an answer has not given it.
        let result = match frame.kind {
            Kind::Answer => Ok(frame::read_call(frame.body)?),
            Kind::Failed => Err(Failure::Run { reason: frame::read_text(frame.body) }),
            Kind::Expired => Err(Failure::TimedOut { limit_ms: 0 }),
            _ => return Err("an answer of an unknown kind"),
        };
        let mut state = self.state();
        match state.sent.front() {
            None => return Err("an answer to nothing"),
            Some(sent) if sent.id != frame.id => return Err("an answer out of order"),
            Some(_) => {}
        }
        let sent = state.sent.pop_front().expect("it was looked at");
        let result = result.and_then(|(engine_us, outputs)| {
            signature.check_outputs(&outputs).map_err(Failure::Answer)?;
            Ok((engine_us, outputs))
        });
        if let Err(apart) = sent.answer(result) {
            state.take_apart(apart);
        }
        Ok(())
    }

    /// Writes what callers have left to be written.
    async fn write(&self) -> std::convert::Infallible {
        loop {
            self.flush.notified().await;
            // Lets every task that is ready go first, so that its request shares the system call.
            tokio::task::yield_now().await;
            loop {
                let done = {
                    let mut state = self.state();
                    let done = state.write();
                    if done {
                        state.pump();
                    }
                    done && state.out.is_empty()
                };
                if done {
                    break;
                }
                self.writable().await;
            }
        }
    }

    /// Waits until the socket takes more. Only the keeper waits so, as the socket wakes one task for writing.
    async fn writable(&self) {
        std::future::poll_fn(|context| match &self.state().link {
            Some(link) => link.writer.as_ref().poll_write_ready(context).map(drop),
            None => Poll::Pending,
        })
        .await;
    }

    async fn retire_when_asked(&self) {
        loop {
            self.stop.notified().await;
            // If there is something to do again, the place is given up after it.
            if self.state().retire() {
                return;
            }
        }
    }

    /// Tells the callers whose deadline has come; ends when the oldest request overruns.
    async fn watch_deadlines(&self) {
        loop {
            let next = match self.state().expire(Instant::now()) {
                Expiry::Overrun => return,
                Expiry::Next(next) => next,
            };
            match next {
                None => self.sooner.notified().await,
                Some(next) => {
                    let _ = tokio::time::timeout_at(next.into(), self.sooner.notified()).await;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why no more answers come.
enum Cut {
    Closed,
    Violation(Violation),
    Retired,
    Left,
}

/// What the deadlines say.
enum Expiry {
    Overrun,
    Next(Option<Instant>),
}

impl State {
    /// Sends requests on while the window and the socket's buffer have room. Those that may share a run gather while two
    /// runs are on their way; nobody waits for others to come.
    fn pump(&mut self) {
        let now = Instant::now();
        let window = if self.batch_rows > 1 { BATCH_WINDOW } else { WINDOW };
        while self.link.is_some() && self.sent.len() < window && self.out.len() < AHEAD_BYTES {
            if self.sent.front().is_some_and(Sent::is_suspect) {
                break;
            }
            let Some(request) = self.next(now) else { break };
            if request.suspect && !self.sent.is_empty() {
                self.waiting.push_front(request);
                break;
            }
            self.next_id += 1;
            let mut sent = Sent::of(self.next_id, request);
            while sent.rows_left(self.batch_rows) > 0 {
                let Some(other) = self.next(now) else { break };
                if let Err(other) = sent.share(other, self.batch_rows) {
                    self.waiting.push_front(other);
                    break;
                }
            }
            match sent.write(&mut self.out) {
                Ok(()) => self.sent.push_back(sent),
                Err(TooLong { bytes }) => {
                    let failure = Failure::TooLarge { bytes, limit: frame::MAX_CALL };
                    if let Err(apart) = sent.answer(Err(failure)) {
                        self.take_apart(apart);
                    }
                }
            }
        }
    }

    /// The next request that is still worth running.
    fn next(&mut self, now: Instant) -> Option<Request> {
        let signature = &self.link.as_ref()?.signature;
        loop {
            let mut request = self.waiting.pop()?;
            if !request.is_awaited() {
                continue;
            }
            if request.deadline() <= now {
                request.time_out();
            } else if let Err(mismatch) = signature.check_inputs(request.inputs()) {
                request.answer(Err(Failure::Input(mismatch)));
            } else {
                return Some(request);
            }
        }
    }

    /// Calls that shared a run and got nothing of it go each alone, before all others.
    fn take_apart(&mut self, Apart { requests, mixes_rows }: Apart) {
        if mixes_rows {
            self.batch_rows = 1;
        }
        for request in requests.into_iter().rev() {
            self.waiting.push_front(request);
        }
    }

    /// Writes as much as the socket takes and says whether that was all.
    fn write(&mut self) -> bool {
        let Some(link) = &self.link else { return true };
        while self.written < self.out.len() {
            match link.writer.try_write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The runner is gone; reading tells how.
                Err(_) => break,
            }
        }
        self.out.clear();
        self.out.shrink_to(AHEAD_BYTES);
        self.written = 0;
        true
    }

    fn is_idle(&self) -> bool {
        self.link.is_some() && self.waiting.is_empty() && self.sent.is_empty()
    }

    /// Closes the line if there is nothing to do.
    fn retire(&mut self) -> bool {
        if !self.is_idle() {
            return false;
        }
        self.closed = true;
        true
    }

    /// Answers everyone whose deadline has come and finds the next moment to look. A request that has been sent stays
    /// in its place, so that its late answer finds it, and who is to blame for a late runner is known.
    fn expire(&mut self, now: Instant) -> Expiry {
        let sent = self.sent.iter_mut().flat_map(|sent| &mut sent.requests);
        for request in self.waiting.iter_mut().chain(sent).filter(|request| request.deadline() <= now) {
            request.time_out();
        }
        self.waiting.retain(Request::is_awaited);
        let overrun = self.sent.front().map(|oldest| oldest.deadline() + GRACE);
        if overrun.is_some_and(|at| at <= now) {
            return Expiry::Overrun;
        }
        let sent = self.sent.iter_mut().flat_map(|sent| &mut sent.requests);
        let deadlines = self.waiting.iter_mut().chain(sent).map(|request| request.deadline());
        self.wake_at = deadlines.filter(|at| *at > now).chain(overrun).min();
        Expiry::Next(self.wake_at)
    }

    /// What was on its way was lost with its runner: the only run there is told so if it is `guilty`; otherwise all of
    /// them are suspects.
    fn lose(&mut self, how: Death, guilty: impl Fn(&Sent) -> bool) {
        match self.sent.make_contiguous() {
            [only] if guilty(only) => {
                only.requests.iter_mut().for_each(|request| request.answer(Err(Failure::Died { how })));
                self.sent.clear();
            }
            all => all.iter_mut().flat_map(|sent| &mut sent.requests).for_each(|request| request.suspect = true),
        }
    }

    /// After a runner's end: who was to blame is told, the others go back to the queue. Says whether the line is closed.
    fn settle(&mut self, ended: Ended) -> bool {
        self.link = None;
        self.out = Vec::new();
        self.written = 0;
        self.stopping = false;
        match ended {
            Ended::Retired => {}
            Ended::Unstarted(failure) => {
                for mut request in self.waiting.drain() {
                    request.answer(Err(failure.clone()));
                }
            }
            // Nobody else can be to blame.
            Ended::Died(how) => self.lose(how, |only| only.requests.len() == 1),
            // It leaves after an answer; a suspect has had nobody before it who could have been answered.
            Ended::Left => self.lose(Death::Violation("left without an answer"), Sent::is_suspect),
            Ended::Overran => {
                // It has been told at its deadline.
                self.sent.pop_front();
            }
        }
        while let Some(sent) = self.sent.pop_back() {
            for request in sent.requests.into_iter().rev() {
                self.waiting.push_front(request);
            }
        }
        self.waiting.retain(Request::is_awaited);
        // They wait for a load now.
        self.waiting.iter_mut().for_each(|request| request.cold = true);
        self.closed |= self.waiting.is_empty();
        self.closed
    }
}

/// The start of a digest, for the log.
struct Hex<'a>(&'a [u8; 32]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
