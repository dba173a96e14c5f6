//! A runner for tests, whose models and calls do as they are told.
//!
//! The file of a model is text: `slow MILLISECONDS`, `refuse`, `die`, `panic`, anything else loads; `count` answers for
//! each row how many there were, `mix` with their sum, `unlucky` fails and `mortal` dies of a 13. Its input is `x`,
//! INT64 of one axis, its output `y` the same: `x` again, unless the first number is one of those below; from -20 on it is
//! a deed that the sandbox is there to stop. The library is
//! a text file with the version; each opening and each load leaves a file beside it.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use engine::runner::Locks;
use engine::{Backend, EngineInfo, Session};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use tensor::{DataType, Port, Signature, Tensor};

fn main() -> ExitCode {
    let given = |name: &str| std::env::args_os().skip_while(|arg| arg != name).nth(1);
    let memory = given("--memory").and_then(|bytes| bytes.to_str()?.parse().ok());
    let locks = Locks { memory_bytes: memory.unwrap_or(0), on: !std::env::args_os().any(|arg| arg == "--open") };
    engine::runner::serve_stdin(locks, || {
        let library = given("--library").ok_or("--library is missing")?;
        match std::fs::read_to_string(&library) {
            Ok(version) if version != "broken" => {
                let library = PathBuf::from(library);
                let trace = library.with_extension(format!("opened-by-{}", std::process::id()));
                std::fs::write(trace, "").map_err(|error| error.to_string())?;
                Ok(Box::new(Toy { version, library }))
            }
            _ => Err("the library is broken".into()),
        }
    })
}

struct Toy {
    version: String,
    library: PathBuf,
}

impl Backend for Toy {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "toy".into(), version: self.version.clone() }
    }

    fn load(&mut self, model: Vec<u8>) -> Result<Box<dyn Session>, String> {
        let trace = self.library.with_extension(format!("loaded-by-{}", std::process::id()));
        // Locked in, it leaves none.
        let _ = std::fs::write(trace, &model);
        let text = String::from_utf8(model).map_err(|_| "not text")?;
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("slow", time) => std::thread::sleep(Duration::from_millis(time.parse().map_err(|_| "no time")?)),
            ("refuse", _) => return Err("refused,\nas told".into()),
            ("die", _) => std::process::abort(),
            ("panic", _) => panic!("at load, as told"),
            _ => {}
        }
        let port = |name: &str| Port { name: name.into(), datatype: DataType::Int64, shape: vec![None] };
        let folder = self.library.parent().ok_or("the library lies nowhere")?.to_owned();
        Ok(Box::new(Told { text, folder, signature: Signature { inputs: vec![port("x")], outputs: vec![port("y")] } }))
    }
}

struct Told {
    /// Where the library lies, and what is not the model's business.
    folder: PathBuf,
    signature: Signature,
    text: String,
}

fn y(numbers: &[i64]) -> Tensor {
    Tensor::int64("y", &[numbers.len() as u64], numbers).expect("a good tensor")
}

impl Session for Told {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let numbers: Vec<i64> =
            inputs[0].bytes().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        match &*self.text {
            "count" => return Ok(vec![y(&vec![numbers.len() as i64; numbers.len()])]),
            "mix" => return Ok(vec![y(&[numbers.iter().sum()])]),
            "unlucky" if numbers.contains(&13) => return Err("13".into()),
            "mortal" if numbers.contains(&13) => std::process::abort(),
            _ => {}
        }
        let second = numbers.get(1).copied().unwrap_or(0);
        match numbers.first() {
            Some(-1) => loop {
                std::hint::spin_loop();
            },
            Some(-2) => std::process::abort(),
            Some(-3) => panic!("at run, as told"),
            Some(-4) => std::thread::sleep(Duration::from_millis(second as u64)),
            Some(-5) => {
                let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("descriptors are left");
                std::fs::File::from(socket).write_all(&[0xff; 64]).expect("the hub reads");
                std::thread::sleep(Duration::from_secs(60));
            }
            Some(-9) => {
                // A frame that says `Leaving`, before any answer.
                let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("descriptors are left");
                let frame = [&9_u32.to_le_bytes()[..], &[10], &[0; 8]].concat();
                std::fs::File::from(socket).write_all(&frame).expect("the hub reads");
                std::process::exit(0);
            }
            Some(-6) => return Ok(vec![inputs[0].clone()]),
            Some(-7) => return Err("failed,\u{7} as told".into()),
            Some(-8) => std::process::exit(second as i32),
            Some(deed @ ..=-20) => return Ok(vec![done(*deed, second, &self.folder)]),
            _ => {}
        }
        Ok(vec![inputs[0].clone().with_name("y").expect("a good name")])
    }
}

/// Does what no model may: `y` is 1 if it came through, and 0 if not.
fn done(deed: i64, number: i64, folder: &Path) -> Tensor {
    let came_through = match deed {
        READ => std::fs::read(folder.join("canary")).is_ok(),
        WRITE => std::fs::write(folder.join("written"), "x").is_ok(),
        LIST => std::fs::read_dir("/").is_ok(),
        ENVIRONMENT => std::fs::read(format!("/proc/{}/environ", std::os::unix::process::parent_id())).is_ok(),
        CONNECT => TcpStream::connect(("127.0.0.1", number as u16)).is_ok(),
        SOCKETS => UnixStream::pair().is_ok(),
        PROGRAM => Command::new("/bin/true").status().is_ok(),
        PROCESS => fork(),
        SIGNAL => rustix::process::test_kill_process(Pid::from_raw(number as i32).expect("a process id")).is_ok(),
        EXECUTABLE => executable(),
        LIMIT => change_limit(),
        MEMORY => Vec::<u8>::new().try_reserve_exact(number as usize).is_ok(),
        _ => panic!("no deed has the number {deed}"),
    };
    Tensor::int64("y", &[1], &[i64::from(came_through)]).expect("a good tensor")
}

const READ: i64 = -20;
const WRITE: i64 = -21;
const LIST: i64 = -22;
const ENVIRONMENT: i64 = -23;
const CONNECT: i64 = -24;
const SOCKETS: i64 = -25;
const PROGRAM: i64 = -26;
const PROCESS: i64 = -27;
const SIGNAL: i64 = -28;
const EXECUTABLE: i64 = -29;
const LIMIT: i64 = -30;
const MEMORY: i64 = -31;

#[expect(unsafe_code, reason = "a child that ends at once touches nothing that threads share")]
fn fork() -> bool {
    // SAFETY: the child calls nothing but `_exit`; the parent waits for it.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(0),
            -1 => false,
            child => libc::waitpid(child, std::ptr::null_mut(), 0) == child,
        }
    }
}

#[expect(unsafe_code, reason = "memory that nobody reads, writes or runs")]
fn executable() -> bool {
    let protection = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
    // SAFETY: a fresh mapping at no particular address is nobody else's.
    unsafe { mmap_anonymous(std::ptr::null_mut(), 4096, protection, MapFlags::PRIVATE) }.is_ok()
}

/// Another limit on open files than there was.
fn change_limit() -> bool {
    let now = getrlimit(Resource::Nofile);
    let other = now.current.map(|most| most - 1);
    setrlimit(Resource::Nofile, Rlimit { current: other, maximum: now.maximum }).is_ok()
}
