//! A runner for one trial: one request after the other, nothing shared, nothing retried.

use std::time::Instant;

use async_trait::async_trait;
use tensor::{Signature, Tensor};
use tokio::io::AsyncWriteExt;

use crate::frame::{self, Kind, TooLong};
use crate::process::{Cut, Started, receive};
use crate::request::timed_out;
use crate::runners::check;
use crate::{Death, Failure, Ran, Trial};

#[derive(Debug)]
pub(crate) struct Alone {
    runner: Started,
    next_id: u64,
    /// Why there can be no further run.
    over: Option<Death>,
}

impl Alone {
    pub(crate) fn new(runner: Started) -> Alone {
        Alone { runner, next_id: 0, over: None }
    }

    async fn exchange(&mut self, request: &[u8], id: u64) -> Result<(u64, Vec<Tensor>), Ending> {
        let Started { reader, writer, inbox, .. } = &mut self.runner;
        let answer = async {
            let answer = receive(reader, inbox, |frame| match frame.kind {
                _ if frame.id != id => Err("an answer to another request"),
                Kind::Answer => frame::read_call(frame.body).map(Ok),
                Kind::Failed => Ok(Err(Ending::Failed(frame::read_text(frame.body)))),
                Kind::Expired => Ok(Err(Ending::Expired)),
                _ => Err("an answer of an unknown kind"),
            });
            answer.await.unwrap_or_else(|cut| Err(Ending::Cut(cut)))
        };
        // A write that fails means that the runner is gone, which reading tells.
        let (_, answer) = tokio::join!(writer.write_all(request), answer);
        answer
    }
}

/// How a run gave no outputs.
enum Ending {
    Failed(String),
    Expired,
    Cut(Cut),
}

#[async_trait]
impl Trial for Alone {
    fn signature(&self) -> &Signature {
        &self.runner.signature
    }

    fn load_ms(&self) -> u64 {
        self.runner.load_ms
    }

    fn memory_bytes(&self) -> u64 {
        self.runner.memory_bytes
    }

    async fn run(&mut self, inputs: Vec<Tensor>, deadline: Instant) -> Result<Ran, Failure> {
        let accepted = Instant::now();
        if let Some(how) = self.over {
            return Err(Failure::Died { how });
        }
        check(&inputs, accepted, deadline)?;
        self.runner.signature.check_inputs(&inputs).map_err(Failure::Input)?;
        self.next_id += 1;
        let id = self.next_id;
        let mut request = Vec::new();
        frame::write_run(&mut request, id, frame::deadline_ns(deadline), &inputs)
            .map_err(|TooLong { bytes }| Failure::TooLarge { bytes, limit: frame::MAX_CALL })?;

        // Set while the exchange is under way: if this future is dropped, the socket is in the middle of something.
        self.over = Some(Death::Stopped);
        let (engine_us, outputs) = match tokio::time::timeout_at(deadline.into(), self.exchange(&request, id)).await {
            Ok(Ok(answer)) => {
                self.over = None;
                answer
            }
            Ok(Err(Ending::Failed(reason))) => {
                self.over = None;
                return Err(Failure::Run { reason });
            }
            Ok(Err(Ending::Cut(cut))) => {
                let how = match cut {
                    Cut::Closed => self.runner.process.death().await,
                    Cut::Violation(what) => Death::Violation(what),
                };
                self.runner.process.kill();
                self.over = Some(how);
                return Err(Failure::Died { how });
            }
            Ok(Err(Ending::Expired)) | Err(_) => {
                self.runner.process.kill();
                return Err(timed_out(accepted, deadline));
            }
        };
        self.runner.signature.check_outputs(&outputs).map_err(Failure::Answer)?;
        let all_us = accepted.elapsed().as_micros() as u64;
        let engine_us = engine_us.min(all_us);
        Ok(Ran { outputs, queue_us: all_us - engine_us, engine_us, cold: false })
    }
}
