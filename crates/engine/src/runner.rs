//! The runner: a process that holds one model and runs it for the hub.
//!
//! Always: requests are run one after the other, in the order they came, and answered in it; one whose deadline has
//! passed is not run; an answer is held back for at most a few milliseconds while others are being computed; the
//! process ends when the hub's end of the socket closes, also in the middle of an endless run. The runner opens no
//! path of a model: its bytes come from a descriptor.
//!
//! Three threads: the main one reads, runs and writes; one waits for the hub to hang up and ends the process at once;
//! one sends answers that the main thread has left lying because a later request takes long. The last two begin inside
//! the sandbox, which comes once the runtime is open.

use std::any::Any;
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::frame::{self, Frame, Hello, Inbox, Kind, Loaded, TooLong, Violation};
use crate::sandbox::{self, Protections};
use crate::{Backend, Session};

/// Answers past this many bytes are sent without waiting for more.
const FLUSH_BYTES: usize = 64 * 1024;

/// How long an answer may lie while another request is being computed.
const FLUSH_AFTER: Duration = Duration::from_millis(1);

/// How a runner locks itself in.
#[derive(Debug, Clone, Copy)]
pub struct Locks {
    /// What it may have of memory on top of what its runtime has.
    pub memory_bytes: u64,
    /// Whether it does at all.
    pub on: bool,
}

/// [`serve`] on standard input, where the hub puts the socket.
pub fn serve_stdin(locks: Locks, open: impl FnOnce() -> Result<Box<dyn Backend>, String>) -> ExitCode {
    match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => serve(socket, locks, open),
        Err(_) => ExitCode::FAILURE,
    }
}

/// The main loop of a runner: locks itself in, says hello, loads the one model it is sent, answers calls until the hub
/// hangs up. `open` opens the backend; its reason, if it cannot, reaches whoever asks for the engine's status.
pub fn serve(socket: OwnedFd, locks: Locks, open: impl FnOnce() -> Result<Box<dyn Backend>, String>) -> ExitCode {
    let out = Arc::new(Out { socket, answers: Mutex::default(), wake: Condvar::new() });
    let runner = Runner { out, inbox: Inbox::default(), memory: File::open("/proc/self/statm").ok() };
    match runner.serve(locks, open) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn spawn(name: &str, out: &Arc<Out>, run: fn(&Out)) -> io::Result<()> {
    let out = Arc::clone(out);
    thread::Builder::new().name(name.into()).stack_size(128 * 1024).spawn(move || run(&out)).map(drop)
}

/// Why a runner stops before the hub hangs up.
#[derive(Debug)]
enum Broken {
    #[expect(dead_code, reason = "shown by Debug only")]
    Socket(io::Error),
    #[expect(dead_code, reason = "shown by Debug only")]
    Violation(Violation),
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Broken {
        Broken::Socket(errno.into())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Socket(error)
    }
}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Broken {
        Broken::Violation(violation)
    }
}

struct Runner {
    out: Arc<Out>,
    inbox: Inbox,
    /// Where the system says what this process holds; opened while it can be.
    memory: Option<File>,
}

impl Runner {
    fn serve(mut self, locks: Locks, open: impl FnOnce() -> Result<Box<dyn Backend>, String>) -> Result<(), Broken> {
        if locks.on {
            sandbox::give_way();
        }
        let mut backend = match guarded(open) {
            Ok(backend) => backend,
            Err(reason) => {
                self.out.push(false, |bytes| frame::write_text(bytes, Kind::Unavailable, 0, &reason))?;
                return Ok(());
            }
        };
        stand_nowhere();
        let protections = if locks.on { sandbox::lock_in(locks.memory_bytes) } else { Protections::default() };
        // Threads of later are inside, too.
        spawn("hang-up", &self.out, Out::die_with_hub)?;
        spawn("flush", &self.out, Out::flush_left_lying)?;
        let hello = Hello { info: backend.info(), protections };
        self.out.push(false, |bytes| {
            if frame::write_json(bytes, Kind::Hello, &hello).is_err() {
                frame::write_text(bytes, Kind::Unavailable, 0, "the engine's name is too long");
            }
        })?;

        let Some(model) = self.model()? else { return Ok(()) };
        self.out.push(false, |bytes| frame::write_text(bytes, Kind::Loading, 0, ""))?;
        let Some(mut session) = self.load(&mut *backend, model)? else { return Ok(()) };
        loop {
            while let Some(Frame { kind, id, body }) = self.inbox.next()? {
                if kind != Kind::Run {
                    return Err("something else than Run".into());
                }
                let answer = answer(&mut *session, body)?;
                let more = self.inbox.has_next();
                self.out.push(more, |bytes| answer.write(bytes, id))?;
                if session.is_spoilt() {
                    self.out.push(false, |bytes| frame::write_text(bytes, Kind::Leaving, 0, ""))?;
                    die();
                }
            }
            let room = self.inbox.room();
            match rustix::io::read(&self.out.socket, rustix::buffer::spare_capacity(room)) {
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for `Load` and the descriptor beside it; nothing if the hub hangs up first, as it does after a probe.
    fn model(&mut self) -> Result<Option<File>, Broken> {
        let mut descriptor = None;
        loop {
            if let Some(Frame { kind, .. }) = self.inbox.next()? {
                return match (kind, descriptor) {
                    (Kind::Load, Some(descriptor)) => Ok(Some(File::from(descriptor))),
                    _ => Err("no Load with a descriptor".into()),
                };
            }
            let mut bytes = [0; 1024];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let count = match recvmsg(&self.out.socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(message) => message.bytes,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    descriptor = descriptors.last().or(descriptor);
                }
            }
            if count == 0 {
                return Ok(None);
            }
            self.inbox.room().extend_from_slice(&bytes[..count]);
        }
    }

    /// Loads the model and says so, or why not.
    fn load(&mut self, backend: &mut dyn Backend, mut model: File) -> Result<Option<Box<dyn Session>>, Broken> {
        let started = Instant::now();
        let loaded = guarded(|| {
            let mut bytes = Vec::new();
            model.read_to_end(&mut bytes).map_err(|error| format!("its bytes cannot be read: {error}"))?;
            let session = backend.load(bytes)?;
            frame::check_signature(session.signature())?;
            Ok(session)
        });
        let refusal = match loaded {
            Ok(session) => {
                let loaded = Loaded {
                    signature: session.signature().clone(),
                    load_ms: started.elapsed().as_millis() as u64,
                    memory_bytes: self.resident_bytes(),
                };
                let mut told = Ok(());
                self.out.push(false, |bytes| told = frame::write_json(bytes, Kind::Loaded, &loaded))?;
                match told {
                    Ok(()) => return Ok(Some(session)),
                    Err(TooLong { bytes }) => format!("its inputs and outputs take {bytes} bytes to describe"),
                }
            }
            Err(reason) => reason,
        };
        self.out.push(false, |bytes| frame::write_text(bytes, Kind::Refused, 0, &refusal))?;
        Ok(None)
    }

    /// What this process holds in memory; 0 where the system does not say.
    fn resident_bytes(&self) -> u64 {
        let mut text = [0; 128];
        let read = self.memory.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let statm = std::str::from_utf8(&text[..read]).unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
        pages * rustix::param::page_size() as u64
    }
}

/// How a request ended.
enum Answer {
    Outputs(u64, Vec<tensor::Tensor>),
    Failed(String),
    Expired,
}

impl Answer {
    fn write(&self, bytes: &mut Vec<u8>, id: u64) {
        match self {
            Answer::Outputs(engine_us, outputs) => {
                if let Err(TooLong { bytes: size }) = frame::write_answer(bytes, id, *engine_us, outputs) {
                    let reason = format!("its outputs have {size} bytes together; at most {} may", frame::MAX_CALL);
                    frame::write_text(bytes, Kind::Failed, id, &reason);
                }
            }
            Answer::Failed(reason) => frame::write_text(bytes, Kind::Failed, id, reason),
            Answer::Expired => frame::write_text(bytes, Kind::Expired, id, ""),
        }
    }
}

fn answer(session: &mut dyn Session, body: &[u8]) -> Result<Answer, Violation> {
    let (deadline_ns, inputs) = frame::read_call(body)?;
    if frame::now_ns() >= deadline_ns {
        return Ok(Answer::Expired);
    }
    if let Err(mismatch) = session.signature().check_inputs(&inputs) {
        return Ok(Answer::Failed(mismatch.to_string()));
    }
    let started = Instant::now();
    let outputs = guarded(|| session.run(&inputs));
    let engine_us = started.elapsed().as_micros() as u64;
    Ok(match outputs {
        Ok(outputs) => Answer::Outputs(engine_us, outputs),
        Err(reason) => Answer::Failed(reason),
    })
}

/// A panic of the backend is a failure like any other; the model may be at fault.
fn guarded<T>(act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(format!("the engine panicked: {}", words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "no words",
    }
}

/// Leaves for a folder that no longer exists, so that no relative path leads anywhere; formats may name files in their
/// models, and some runtimes look for them where the process stands.
fn stand_nowhere() {
    let folder = std::env::temp_dir().join(format!("modelhub-runner-{}", std::process::id()));
    let left = std::fs::create_dir(&folder).and_then(|()| std::env::set_current_dir(&folder));
    let _ = std::fs::remove_dir(&folder);
    if left.is_err() {
        // Holds numbers about our own descriptors and nothing else.
        let _ = std::env::set_current_dir("/proc/self/fdinfo");
    }
}

/// Ends this process by a signal that cannot be caught: leaving in order would run the exit handlers of libraries, under
/// a thread that is still at work or over memory that is spoilt.
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// The answers on their way to the hub.
struct Out {
    socket: OwnedFd,
    answers: Mutex<Answers>,
    wake: Condvar,
}

#[derive(Default)]
struct Answers {
    bytes: Vec<u8>,
    /// Counts the flushes, so that the flushing thread can tell old bytes from new ones without a clock.
    flushes: u64,
    /// The flushing thread looks every millisecond.
    watched: bool,
}

impl Out {
    /// Appends a frame. With `more` requests at hand it may lie for a moment, so that several share a system call.
    fn push(&self, more: bool, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Errno> {
        let mut answers = self.lock();
        write(&mut answers.bytes);
        if !more || answers.bytes.len() >= FLUSH_BYTES {
            return self.flush(&mut answers);
        }
        if !answers.watched {
            answers.watched = true;
            self.wake.notify_one();
        }
        Ok(())
    }

    fn flush(&self, answers: &mut Answers) -> Result<(), Errno> {
        let mut rest = answers.bytes.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(&self.socket, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        answers.bytes.clear();
        answers.bytes.shrink_to(4 * FLUSH_BYTES);
        answers.flushes += 1;
        Ok(())
    }

    /// Sends what the main thread has left lying. Sleeps until there is something of the kind, and looks every
    /// millisecond for a while after.
    fn flush_left_lying(&self) {
        const CALM: u32 = 20;
        let mut answers = self.lock();
        loop {
            while !answers.watched {
                answers = self.wake.wait(answers).unwrap_or_else(PoisonError::into_inner);
            }
            let mut calm = 0;
            while calm < CALM {
                let seen = answers.flushes;
                drop(answers);
                thread::sleep(FLUSH_AFTER);
                answers = self.lock();
                if answers.bytes.is_empty() {
                    calm += 1;
                } else {
                    calm = 0;
                    // A socket that fails is the main thread's to notice.
                    if answers.flushes == seen && self.flush(&mut answers).is_err() {
                        return;
                    }
                }
            }
            answers.watched = false;
        }
    }

    /// Ends the process when the hub is gone, whatever the main thread is doing.
    fn die_with_hub(&self) {
        loop {
            let mut sockets = [PollFd::new(&self.socket, PollFlags::RDHUP)];
            let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
            match poll(&mut sockets, None) {
                Ok(_) if sockets[0].revents().intersects(gone) => {
                    die();
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
