//! A call on its way, and the run it has or shares.
//!
//! Always: a call is answered once; what calls share and does not come out well is run again, each call alone.

use std::time::Instant;

use tensor::Tensor;
use tokio::sync::oneshot;

use crate::frame::{self, TooLong};
use crate::queue::Caller;
use crate::{Call, Failure, Ran, batch};

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Request {
    call: Call,
    accepted: Instant,
    pub(crate) cold: bool,
    /// Was lost with a runner, and may be why: it is sent with nothing before or behind it.
    pub(crate) suspect: bool,
    /// Has shared a run that did not come out well, and shares none any more.
    alone: bool,
    /// Taken by the one answer.
    answer: Option<oneshot::Sender<Result<Ran, Failure>>>,
}

impl Request {
    /// A request, and where its answer will come.
    pub(crate) fn new(call: Call, accepted: Instant) -> (Request, oneshot::Receiver<Result<Ran, Failure>>) {
        let (answer, receiver) = oneshot::channel();
        (Request { call, accepted, cold: false, suspect: false, alone: false, answer: Some(answer) }, receiver)
    }

    pub(crate) fn inputs(&self) -> &[Tensor] {
        &self.call.inputs
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.call.deadline
    }

    pub(crate) fn caller(&self) -> Caller {
        self.call.caller
    }

    pub(crate) fn accepted(&self) -> Instant {
        self.accepted
    }

    pub(crate) fn answer(&mut self, result: Result<Ran, Failure>) {
        if let Some(answer) = self.answer.take() {
            // A caller that has gone misses nothing.
            let _ = answer.send(result);
        }
    }

    pub(crate) fn time_out(&mut self) {
        self.answer(Err(timed_out(self.accepted, self.call.deadline)));
    }

    /// Whether anyone still waits for the answer.
    pub(crate) fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }

    fn finish(&mut self, engine_us: u64, outputs: Vec<Tensor>) {
        let all_us = self.accepted.elapsed().as_micros() as u64;
        let engine_us = engine_us.min(all_us);
        self.answer(Ok(Ran { outputs, queue_us: all_us - engine_us, engine_us, cold: self.cold }));
    }
}

pub fn timed_out(accepted: Instant, deadline: Instant) -> Failure {
    // Rounded up, so that the limit reads as it was set a moment before.
    Failure::TimedOut { limit_ms: deadline.saturating_duration_since(accepted).as_micros().div_ceil(1000) as u64 }
}

/// A run that has been sent, of one call or of several.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: u64,
    pub(crate) requests: Vec<Request>,
    /// The rows of each, where they can be shared.
    rows: Vec<u64>,
}

/// Calls that have to be run each alone.
#[derive(Debug)]
pub(crate) struct Apart {
    pub(crate) requests: Vec<Request>,
    /// The model does not answer row by row.
    pub(crate) mixes_rows: bool,
}

impl Sent {
    pub(crate) fn of(id: u64, request: Request) -> Sent {
        let rows = if request.alone || request.suspect { None } else { batch::rows(request.inputs()) };
        Sent { id, rows: rows.into_iter().collect(), requests: vec![request] }
    }

    /// Whether nothing may be on its way beside it.
    pub(crate) fn is_suspect(&self) -> bool {
        self.requests.iter().any(|request| request.suspect)
    }

    /// How many rows could join, if `limit` may run together.
    pub(crate) fn rows_left(&self, limit: u64) -> u64 {
        if self.rows.is_empty() { 0 } else { limit.saturating_sub(self.rows.iter().sum()) }
    }

    /// Takes another call in, or gives it back.
    pub(crate) fn share(&mut self, request: Request, limit: u64) -> Result<(), Request> {
        let rows = if request.alone || request.suspect { None } else { batch::rows(request.inputs()) };
        match rows {
            Some(rows) if rows <= self.rows_left(limit) && batch::fit(self.requests[0].inputs(), request.inputs()) => {
                self.rows.push(rows);
                self.requests.push(request);
                Ok(())
            }
            _ => Err(request),
        }
    }

    /// The last moment that anybody waits for.
    pub(crate) fn deadline(&self) -> Instant {
        self.requests.iter().map(Request::deadline).max().expect("a run is of a call")
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let deadline_ns = frame::deadline_ns(self.deadline());
        if let [request] = &self.requests[..] {
            return frame::write_run(out, self.id, deadline_ns, request.inputs());
        }
        let inputs: Vec<&[Tensor]> = self.requests.iter().map(Request::inputs).collect();
        match batch::join(&inputs) {
            Some(inputs) => frame::write_run(out, self.id, deadline_ns, &inputs),
            None => Err(TooLong { bytes: inputs.iter().map(|inputs| frame::size_of(inputs)).sum() }),
        }
    }

    /// Tells every call what came of it. What several shared and failed is given back, to be run again.
    pub(crate) fn answer(mut self, result: Result<(u64, Vec<Tensor>), Failure>) -> Result<(), Apart> {
        if let [request] = &mut self.requests[..] {
            match result {
                Ok((engine_us, outputs)) => request.finish(engine_us, outputs),
                // The runner knows that a deadline has passed, not which.
                Err(Failure::TimedOut { .. }) => request.time_out(),
                Err(failure) => request.answer(Err(failure)),
            }
            return Ok(());
        }
        let mixes_rows = match result {
            Ok((engine_us, outputs)) => match batch::split(&outputs, &self.rows) {
                Some(outputs) => {
                    for (request, outputs) in self.requests.iter_mut().zip(outputs) {
                        request.finish(engine_us, outputs);
                    }
                    return Ok(());
                }
                None => true,
            },
            Err(failure) => matches!(failure, Failure::Answer(_)),
        };
        self.requests.iter_mut().for_each(|request| request.alone = true);
        Err(Apart { requests: self.requests, mixes_rows })
    }
}
