//! The dry run of a publish: asks the server what the model is, and runs it.

use std::time::Instant;

use async_trait::async_trait;
use engine::{Failure, Ran, Remote, Trial, timed_out};
use tensor::{Signature, Tensor};

use crate::call::readable;
use crate::place::Place;
use crate::{Remotes, wire};

/// A model on its server, of which nothing was known before.
#[derive(Debug)]
struct Visit {
    remotes: Remotes,
    /// Of its own: what a publish meets is no news for those who call.
    place: Place,
    remote: Remote,
    load_ms: u64,
}

impl Remotes {
    pub(crate) async fn trial(&self, remote: &Remote, deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        let accepted = Instant::now();
        let answer = self.metadata(remote, deadline).await?;
        readable(remote, &answer).map_err(|failure| match failure {
            Failure::Run { reason } => Failure::Load { reason },
            other => other,
        })?;
        let signature = wire::signature(&remote.host, &answer.body)?;
        let remote = Remote { signature, ..remote.clone() };
        let load_ms = accepted.elapsed().as_millis() as u64;
        Ok(Box::new(Visit { remotes: self.clone(), place: Place::default(), remote, load_ms }))
    }
}

#[async_trait]
impl Trial for Visit {
    fn signature(&self) -> &Signature {
        &self.remote.signature
    }

    /// How long it took to ask: what the server loaded, and when, is its own affair.
    fn load_ms(&self) -> u64 {
        self.load_ms
    }

    fn memory_bytes(&self) -> u64 {
        0
    }

    async fn run(&mut self, inputs: Vec<Tensor>, deadline: Instant) -> Result<Ran, Failure> {
        let accepted = Instant::now();
        let Visit { remotes, place, remote, .. } = self;
        let ran = remotes.exchange(remote, place, accepted, inputs, deadline);
        tokio::time::timeout_at(deadline.into(), ran).await.unwrap_or_else(|_| Err(timed_out(accepted, deadline)))
    }
}
