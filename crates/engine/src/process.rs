//! One runner process: started, greeted, given its model; killed when it is dropped.
//!
//! Always: a runner has an empty environment and no descriptor of the hub but its end of the socket and the model's
//! file; a process that was started is killed and waited for, whichever way the future that started it ends.

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType};
use tensor::Signature;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;

use crate::frame::{self, Frame, Hello, Inbox, Kind, Loaded, Violation};
use crate::runners::{RunnersConfig, Sandbox};
use crate::spares::Spares;
use crate::{Death, EngineInfo, Failure, Protections, Unavailable};

/// What an operator does about an engine that cannot be used.
pub(crate) const HINT: &str = "modelhub engine install";

/// How long a process that closed its socket may take to end by itself, so that its own reason is seen.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A process of ours, until it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    child: Mutex<Option<Child>>,
    /// The process's place among those that hold models; given back when it is gone.
    place: Option<OwnedSemaphorePermit>,
}

impl Process {
    /// Starts the program with one end of a socket as standard input and gives the other.
    fn spawn(config: &RunnersConfig) -> io::Result<(Process, OwnedFd)> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let stderr = if config.log { Stdio::inherit() } else { Stdio::null() };
        let child = Command::new(&config.program)
            .args(&config.args)
            .arg("--library")
            .arg(&config.library)
            .arg("--memory")
            .arg(config.memory_bytes.to_string())
            .args((config.sandbox == Sandbox::Off).then_some("--open"))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()?;
        Ok((Process { pid: child.id(), child: Mutex::new(Some(child)), place: None }, ours))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.child().as_mut().map(Child::try_wait), Some(Ok(None)))
    }

    /// Leaves the cores to whoever else wants them.
    fn give_way(&self) {
        // One that is gone says so when it is given its model.
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid as i32) {
            let _ = rustix::process::setpriority_process(Some(pid), 19);
        }
    }

    /// Ends the process at once. It is waited for when this is dropped.
    pub(crate) fn kill(&self) {
        if let Some(child) = self.child().as_mut() {
            // Refused only if it has been waited for, and then it is gone.
            let _ = child.kill();
        }
    }

    /// How the process ended, now that its socket is closed; kills it if it has not.
    pub(crate) async fn death(&self) -> Death {
        let mut pause = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while waited < LAST_WORDS {
            let status = self.child().as_mut().map(Child::try_wait);
            match status {
                Some(Ok(None)) => {}
                Some(Ok(Some(status))) => return death_of(status),
                None | Some(Err(_)) => break,
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause *= 2;
        }
        self.kill();
        Death::HungUp
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn death_of(status: ExitStatus) -> Death {
    match (status.code(), status.signal()) {
        (Some(code), _) => Death::Exited(code),
        (None, Some(signal)) => Death::Signalled(signal),
        (None, None) => Death::HungUp,
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let Some(mut child) = self.child().take() else { return };
        let place = self.place.take();
        if let Ok(None) = child.try_wait() {
            // A process with much memory takes a while to end. Without a thread to wait in, it is waited for here.
            let child = Arc::new(Mutex::new(child));
            let waiting = Arc::clone(&child);
            let wait = move || {
                let _ = waiting.lock().unwrap_or_else(PoisonError::into_inner).wait();
                drop(place);
            };
            if thread::Builder::new().name("reap".into()).stack_size(64 * 1024).spawn(wait).is_err() {
                let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
            }
        }
    }
}

/// A runner that has opened the runtime and locked itself in, and waits for a model.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) process: Process,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    inbox: Inbox,
    info: EngineInfo,
}

/// A runner that has loaded its model.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) writer: OwnedWriteHalf,
    pub(crate) inbox: Inbox,
    pub(crate) info: EngineInfo,
    pub(crate) signature: Arc<Signature>,
    pub(crate) load_ms: u64,
    pub(crate) memory_bytes: u64,
}

/// Has a runner load `weights`. Takes at most the limit for loading, once the file is open.
pub(crate) async fn start(
    spares: &Arc<Spares>,
    config: &Arc<RunnersConfig>,
    weights: &Path,
    place: OwnedSemaphorePermit,
) -> Result<Started, Failure> {
    let model = open_weights(config, weights).await?;
    within(config, async {
        let place = match spares.take() {
            None => place,
            Some(mut spare) => {
                spare.process.place = Some(place);
                match load(spare, &model).await {
                    // It had died where it lay.
                    Err(Unloaded::Gone(Some(place))) => place,
                    loaded => return loaded.map_err(Unloaded::failure),
                }
            }
        };
        let mut greeted = greet(config).await?;
        greeted.process.place = Some(place);
        load(greeted, &model).await.map_err(Unloaded::failure)
    })
    .await
}

/// The same in a process that is made for it and lets all others go before.
pub(crate) async fn start_last(
    config: &Arc<RunnersConfig>,
    weights: &Path,
    place: OwnedSemaphorePermit,
) -> Result<Started, Failure> {
    let model = open_weights(config, weights).await?;
    within(config, async {
        let mut greeted = greet(config).await?;
        greeted.process.place = Some(place);
        // Before it loads: the threads that the runtime makes then are as its first.
        greeted.process.give_way();
        load(greeted, &model).await.map_err(Unloaded::failure)
    })
    .await
}

/// Within the limit for loading.
async fn within(
    config: &RunnersConfig,
    started: impl Future<Output = Result<Started, Failure>>,
) -> Result<Started, Failure> {
    match tokio::time::timeout(Duration::from_millis(config.load_limit_ms), started).await {
        Ok(started) => started,
        Err(_) => Err(Failure::Load { reason: format!("it took longer than {} ms", config.load_limit_ms) }),
    }
}

/// What takes too long to open goes on opening: whoever comes next finds it there.
async fn open_weights(config: &RunnersConfig, weights: &Path) -> Result<File, Failure> {
    let (weights, files) = (weights.to_owned(), config.weights.clone());
    let opened = tokio::task::spawn_blocking(move || files.open(&weights)).await;
    let opened = opened.map_err(|_| Failure::Died { how: Death::Stopped })?;
    opened.map_err(|error| Failure::Weights { reason: error.to_string() })
}

/// Starts a runner and hears what it says first.
pub(crate) async fn greet(config: &Arc<RunnersConfig>) -> Result<Greeted, Failure> {
    let (process, socket) = {
        let config = Arc::clone(config);
        let spawned = tokio::task::spawn_blocking(move || {
            library_there(&config.library)?;
            Process::spawn(&config).map_err(|error| no_process(&config, &error))
        });
        spawned.await.map_err(|_| Failure::Died { how: Death::Stopped })??
    };
    let (mut reader, writer) = stream(socket).map_err(|error| unavailable(format!("no socket: {error}")))?.into_split();
    let mut inbox = Inbox::default();
    match receive(&mut reader, &mut inbox, |frame| greeting(config, &frame)).await {
        Ok(greeting) => Ok(Greeted { process, reader, writer, inbox, info: greeting?.info }),
        Err(Cut::Violation(what)) => Err(unavailable(format!("the runner broke the protocol: {what}"))),
        Err(Cut::Closed) => Err(unavailable(format!("the runner {} at its start", process.death().await))),
    }
}

/// Why a runner has no model.
enum Unloaded {
    /// It was gone before it had the model; its place is free.
    Gone(Option<OwnedSemaphorePermit>),
    Failed(Failure),
}

impl Unloaded {
    fn failure(self) -> Failure {
        match self {
            Unloaded::Gone(_) => unavailable("the runner ended before it was given a model".to_owned()),
            Unloaded::Failed(failure) => failure,
        }
    }
}

/// Has a runner load its one model.
async fn load(greeted: Greeted, model: &File) -> Result<Started, Unloaded> {
    let Greeted { mut process, mut reader, writer, mut inbox, info } = greeted;
    let refused = |reason| Unloaded::Failed(Failure::Load { reason });
    let broken = |what| refused(format!("the runner broke the protocol: {what}"));
    // What cannot be sent to it, it does not confirm.
    let _ = send_model(&writer, model);
    let begun = receive(&mut reader, &mut inbox, |Frame { kind, .. }| match kind {
        Kind::Loading => Ok(()),
        _ => Err("not Loading"),
    });
    match begun.await {
        Ok(()) => {}
        Err(Cut::Violation(what)) => return Err(broken(what)),
        Err(Cut::Closed) => return Err(Unloaded::Gone(process.place.take())),
    }
    let loaded = receive(&mut reader, &mut inbox, |Frame { kind, body, .. }| match kind {
        Kind::Loaded => Loaded::read(body).map(Ok),
        Kind::Refused => Ok(Err(Failure::Load { reason: frame::read_text(body) })),
        _ => Err("neither Loaded nor Refused"),
    });
    let loaded = match loaded.await {
        Ok(loaded) => loaded.map_err(Unloaded::Failed)?,
        Err(Cut::Violation(what)) => return Err(broken(what)),
        Err(Cut::Closed) => return Err(refused(format!("the runner {} while loading it", process.death().await))),
    };
    let Loaded { signature, load_ms, memory_bytes } = loaded;
    Ok(Started { process, reader, writer, inbox, info, signature: Arc::new(signature), load_ms, memory_bytes })
}

fn stream(socket: OwnedFd) -> io::Result<UnixStream> {
    let socket = StdStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Why no frame came.
#[derive(Debug)]
pub(crate) enum Cut {
    Closed,
    Violation(Violation),
}

impl From<Violation> for Cut {
    fn from(violation: Violation) -> Cut {
        Cut::Violation(violation)
    }
}

/// Waits for the next frame and reads it.
pub(crate) async fn receive<T>(
    reader: &mut OwnedReadHalf,
    inbox: &mut Inbox,
    read: impl FnOnce(Frame<'_>) -> Result<T, Violation>,
) -> Result<T, Cut> {
    while !inbox.has_next() {
        match reader.read_buf(inbox.room()).await {
            Ok(0) | Err(_) => return Err(Cut::Closed),
            Ok(_) => {}
        }
    }
    let frame = inbox.next()?.expect("has_next() has seen it");
    Ok(read(frame)?)
}

fn greeting(config: &RunnersConfig, frame: &Frame<'_>) -> Result<Result<Hello, Failure>, Violation> {
    match frame.kind {
        Kind::Hello => {
            let hello = Hello::read(frame.body)?;
            let missing = hello.protections.missing();
            if config.sandbox == Sandbox::Required && !missing.is_empty() {
                let reason = format!("this kernel cannot lock runners in: {} missing", missing.join(", "));
                let hint = "a newer kernel; or serve --allow-unsandboxed, if all uploaders are trusted";
                return Ok(Err(Failure::Unavailable(Unavailable { reason, hint })));
            }
            Ok(Ok(hello))
        }
        Kind::Unavailable => Ok(Err(unavailable(frame::read_text(frame.body)))),
        _ => Err("neither Hello nor Unavailable"),
    }
}

/// The first frame to a runner fits its socket, so it is not waited for.
fn send_model(writer: &OwnedWriteHalf, model: &File) -> io::Result<()> {
    let mut bytes = Vec::new();
    frame::write_text(&mut bytes, Kind::Load, 0, "");
    let descriptors = [model.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = control.push(SendAncillaryMessage::ScmRights(&descriptors));
    debug_assert!(fits, "the space is for one descriptor");
    let socket: &UnixStream = writer.as_ref();
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn library_there(library: &Path) -> Result<(), Unavailable> {
    match std::fs::metadata(library) {
        Ok(_) => Ok(()),
        Err(error) => Err(Unavailable { reason: format!("{}: {error}", library.display()), hint: HINT }),
    }
}

fn no_process(config: &RunnersConfig, error: &io::Error) -> Failure {
    unavailable(format!("{} cannot be started: {error}", config.program.display()))
}

fn unavailable(reason: String) -> Failure {
    Failure::Unavailable(Unavailable { reason, hint: HINT })
}

/// Starts a runner only to hear what it says first. Blocks for as long as that takes, ten seconds at most.
pub(crate) fn probe(config: &RunnersConfig) -> Result<(EngineInfo, Protections), Unavailable> {
    let spoken = || -> Result<Hello, Failure> {
        library_there(&config.library)?;
        let (_process, socket) = Process::spawn(config).map_err(|error| no_process(config, &error))?;
        let mut socket = StdStream::from(socket);
        let mut inbox = Inbox::default();
        let mut bytes = [0; 4096];
        let failed = |error: &str| unavailable(format!("the runner does not answer: {error}"));
        socket.set_read_timeout(Some(Duration::from_secs(10))).map_err(|error| failed(&error.to_string()))?;
        loop {
            if let Some(frame) = inbox.next().map_err(failed)? {
                return greeting(config, &frame).map_err(failed)?;
            }
            match socket.read(&mut bytes).map_err(|error| failed(&error.to_string()))? {
                0 => return Err(failed("it ended at its start")),
                count => inbox.room().extend_from_slice(&bytes[..count]),
            }
        }
    };
    let spoken = spoken().map(|hello| (hello.info, hello.protections));
    spoken.map_err(|failure| match failure {
        Failure::Unavailable(unavailable) => unavailable,
        other => Unavailable { reason: other.to_string(), hint: HINT },
    })
}
