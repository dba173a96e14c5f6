//! One call of a model on its server.

use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{Absence, Away, Call, Failure, MAX_CALL, Ran, Remote, Unavailable, clean, timed_out};
use outbound::{Answer, Failed, Request};
use tensor::Tensor;

use crate::place::{Place, Probe};
use crate::{Remotes, wire};

/// Most bytes of an answer.
pub(crate) const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Most bytes of what a server says of itself and its models.
const MAX_METADATA: usize = 1024 * 1024;
/// How long a server may take to say whether it is ready.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// Before a server that could not serve is asked again.
const SECOND_TRY: Duration = Duration::from_millis(100);
/// From this size on, writing, signing and reading take long, and are done beside the threads that answer everybody.
const LARGE: usize = 256 * 1024;

/// Why a try gave no answer, and whether another makes sense.
struct Missed {
    failure: Failure,
    again: Option<Duration>,
}

impl Remotes {
    pub(crate) async fn run(&self, remote: &Remote, call: Call) -> Result<Ran, Failure> {
        let accepted = Instant::now();
        let deadline = call.deadline;
        // What is late is not sent: an answer of the next moment would be too.
        if deadline <= accepted {
            return Err(timed_out(accepted, deadline));
        }
        let place = self.places.of(remote);
        place.look(remote, accepted)?;
        let ran = self.through(remote, &place, accepted, call);
        tokio::time::timeout_at(deadline.into(), ran).await.unwrap_or_else(|_| Err(timed_out(accepted, deadline)))
    }

    /// Turn, breaker, exchange.
    async fn through(&self, remote: &Remote, place: &Place, accepted: Instant, call: Call) -> Result<Ran, Failure> {
        let _turn = place.turn().await?;
        if let Some(probe) = place.admit(remote)? {
            self.probe(remote, probe, call.deadline).await?;
        }
        self.exchange(remote, place, accepted, call.inputs, call.deadline).await
    }

    /// Asks whether the model is ready there.
    async fn probe(&self, remote: &Remote, probe: Probe<'_>, deadline: Instant) -> Result<(), Failure> {
        let deadline = deadline.min(Instant::now() + PROBE_LIMIT);
        match self.get(remote, &format!("{}/ready", path(remote)), deadline).await {
            Ok(answer) if answer.status == 200 => {
                probe.back();
                Ok(())
            }
            Ok(answer) => Err(away(remote, Absence::Status(answer.status))),
            Err(missed) => Err(missed.failure),
        }
    }

    /// Inputs there and outputs back, in two tries at most.
    pub(crate) async fn exchange(
        &self,
        remote: &Remote,
        place: &Place,
        accepted: Instant,
        inputs: Vec<Tensor>,
        deadline: Instant,
    ) -> Result<Ran, Failure> {
        remote.signature.check_inputs(&inputs).map_err(Failure::Input)?;
        let size: usize = inputs.iter().map(|input| input.bytes().len()).sum();
        if size > MAX_CALL {
            return Err(Failure::TooLarge { bytes: size, limit: MAX_CALL });
        }
        let mut heard = Heard { place, news: None };
        let (binary, cold) = match place.binary() {
            Some(binary) => (binary, false),
            None => (heard.of(self.ask_binary(remote, place, deadline)).await?, true),
        };
        heard.news = None;
        let wire::Body { bytes, head } = {
            let remote = remote.clone();
            beside(size, move || wire::request(&remote, &inputs, binary)).await?
        };
        let mut headers = self.signed(remote, &bytes).await?;
        headers.push(("accept-encoding", "identity".to_owned()));
        match head {
            Some(head) => {
                headers.push(("content-type", "application/octet-stream".to_owned()));
                headers.push((wire::HEAD, head.to_string()));
            }
            None => headers.push(("content-type", "application/json".to_owned())),
        }
        let url = format!("{}{}/infer", remote.url, path(remote));
        let asked = Instant::now();
        let request =
            Request { url: &url, headers: &headers, body: Some(bytes), deadline, limit: MAX_ANSWER, fresh: false };
        let answer = heard.of(self.twice(remote, accepted, request)).await?;
        let engine_us = asked.elapsed().as_micros() as u64;
        let outputs = {
            let remote = remote.clone();
            heard.of(beside(answer.body.len(), move || outputs(&remote, &answer))).await?
        };
        let queue_us = (accepted.elapsed().as_micros() as u64).saturating_sub(engine_us);
        Ok(Ran { outputs, queue_us, engine_us, cold })
    }

    /// Sends a request, and once more if nothing of an answer came.
    async fn twice(&self, remote: &Remote, accepted: Instant, request: Request<'_>) -> Result<Answer, Failure> {
        let missed = match self.once(remote, accepted, request.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(missed) => missed,
        };
        let Some(pause) = missed.again.filter(|pause| Instant::now() + *pause < request.deadline) else {
            return Err(missed.failure);
        };
        tokio::time::sleep(pause).await;
        self.once(remote, accepted, Request { fresh: true, ..request }).await.map_err(|missed| missed.failure)
    }

    async fn once(&self, remote: &Remote, accepted: Instant, request: Request<'_>) -> Result<Answer, Missed> {
        let deadline = request.deadline;
        match self.client.ask(request).await {
            Ok(answer) if answer.status == 503 => {
                Err(Missed { failure: away(remote, Absence::Status(503)), again: Some(SECOND_TRY) })
            }
            Ok(answer) => Ok(answer),
            Err(failed) => Err(missed(remote, failed, timed_out(accepted, deadline))),
        }
    }

    /// Whether the server takes tensors as they lie in memory.
    async fn ask_binary(&self, remote: &Remote, place: &Place, deadline: Instant) -> Result<bool, Failure> {
        let answer = self.get(remote, "/v2", deadline).await.map_err(|missed| missed.failure)?;
        if matches!(answer.status, 502..=504) {
            return Err(away(remote, Absence::Status(answer.status)));
        }
        // A server that says nothing of itself may still run models.
        let binary = answer.status == 200 && wire::takes_binary(&answer.body);
        place.understands(Some(binary));
        Ok(binary)
    }

    /// Something small that the server says.
    async fn get(&self, remote: &Remote, path: &str, deadline: Instant) -> Result<Answer, Missed> {
        let accepted = Instant::now();
        let mut headers =
            self.signed(remote, &Bytes::new()).await.map_err(|failure| Missed { failure, again: None })?;
        headers.push(("accept-encoding", "identity".to_owned()));
        let url = format!("{}{path}", remote.url);
        let (headers, limit) = (&headers[..], MAX_METADATA);
        let request = Request { url: &url, headers, body: None, deadline, limit, fresh: true };
        let answer = self.client.ask(request).await;
        answer.map_err(|failed| missed(remote, failed, timed_out(accepted, deadline)))
    }

    /// What a server says of a model: [`Remotes::get`] of its metadata, in two tries at most.
    pub(crate) async fn metadata(&self, remote: &Remote, deadline: Instant) -> Result<Answer, Failure> {
        match self.get(remote, &path(remote), deadline).await {
            Err(Missed { again: Some(pause), .. }) => {
                tokio::time::sleep(pause).await;
                self.get(remote, &path(remote), deadline).await.map_err(|missed| missed.failure)
            }
            answer => answer.map_err(|missed| missed.failure),
        }
    }

    async fn signed(&self, remote: &Remote, body: &Bytes) -> Result<Vec<(&'static str, String)>, Failure> {
        let Some(sign) = &self.sign else { return Ok(Vec::new()) };
        sign.sign(remote.owner, body).await.map_err(|reason| {
            tracing::error!("A request to {} cannot be signed: {reason}", remote.host);
            let reason = "the secret that requests are signed with cannot be read".to_owned();
            Failure::Unavailable(Unavailable { reason, hint: "the hub's log says why" })
        })
    }
}

/// Tells the breaker what was heard of a server, also when a call is given up.
struct Heard<'a> {
    place: &'a Place,
    /// Whether it answered; none: it was not asked.
    news: Option<bool>,
}

impl Heard<'_> {
    async fn of<T>(&mut self, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        // Whoever gives up while this waits has heard nothing.
        self.news = Some(false);
        let heard = asked.await;
        self.news = heard.as_ref().map_or_else(news, |_| Some(true));
        heard
    }
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        match self.news {
            Some(true) => self.place.answered(),
            Some(false) => self.place.failed(),
            None => {}
        }
    }
}

/// Whether a failure says that the server is there.
fn news(failure: &Failure) -> Option<bool> {
    match failure {
        Failure::Unavailable(_) => None,
        Failure::Away(Away { how: Absence::Status(429), .. }) => Some(true),
        Failure::Away(_) | Failure::TimedOut { .. } | Failure::Protocol { .. } => Some(false),
        _ => Some(true),
    }
}

/// `/v2/models/{model}[/versions/{version}]`
pub(crate) fn path(remote: &Remote) -> String {
    let version = remote.version.as_ref().map(|version| format!("/versions/{version}")).unwrap_or_default();
    format!("/v2/models/{}{version}", remote.model)
}

/// The outputs of an answer that has come whole.
fn outputs(remote: &Remote, answer: &Answer) -> Result<Vec<Tensor>, Failure> {
    readable(remote, answer)?;
    wire::answer(remote, &answer.body, answer.header(wire::HEAD))
}

/// Whether an answer is one to a question, and in a form that is read here.
pub(crate) fn readable(remote: &Remote, answer: &Answer) -> Result<(), Failure> {
    let broken = |reason: String| Failure::Protocol { host: remote.host.clone(), reason };
    match answer.status {
        200 => match answer.header("content-encoding") {
            None | Some("identity") => Ok(()),
            Some(_) => Err(broken("its answer is packed, which was not asked for".to_owned())),
        },
        status @ (429 | 502..=504) => Err(away(remote, Absence::Status(status))),
        status @ 400.. => Err(Failure::Run { reason: wire::said(&remote.host, status, &answer.body) }),
        status @ 300..400 => Err(broken(format!("it answered {status}; redirects are not followed"))),
        status => Err(broken(format!("it answered {status}, not 200"))),
    }
}

fn away(remote: &Remote, how: Absence) -> Failure {
    Failure::Away(Away { host: remote.host.clone(), how, retry_after: None })
}

fn missed(remote: &Remote, failed: Failed, late: Failure) -> Missed {
    let unreachable = |reason: &str| away(remote, Absence::Unreachable { reason: clean(reason) });
    let (failure, again) = match &failed {
        Failed::NoAnswer { reason } => (unreachable(reason), Some(SECOND_TRY)),
        Failed::TimedOut => (late, None),
        Failed::NotHttp { .. } | Failed::TooLarge { .. } => {
            (Failure::Protocol { host: remote.host.clone(), reason: clean(&failed.to_string()) }, None)
        }
        Failed::Full => {
            let reason = "the hub is reading as many answers as it can".to_owned();
            (Failure::Unavailable(Unavailable { reason, hint: "try again in a moment" }), None)
        }
        Failed::Cut { .. } | Failed::NoAddress | Failed::NotHttps { .. } | Failed::Login | Failed::Private { .. } => {
            (unreachable(&failed.to_string()), None)
        }
    };
    Missed { failure, again }
}

/// Does what takes long for this size on a thread of its own kind.
async fn beside<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if size < LARGE {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|crash| {
        tracing::error!("Reading or writing tensors panicked: {crash}");
        Err(Failure::Run { reason: "the hub failed".to_owned() })
    })
}
