//! A runner for tests, whose models and calls do as they are told.
//!
//! The file of a model is text: `slow MILLISECONDS`, `refuse`, `die`, `panic`, anything else loads. Its input is `x`,
//! INT64 of one axis, its output `y` the same: `x` again, unless the first number is one of those below. The library is
//! a text file with the version; each load leaves a file beside it.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use engine::{Backend, EngineInfo, Session};
use tensor::{DataType, Port, Signature, Tensor};

fn main() -> ExitCode {
    let library = std::env::args_os().skip_while(|arg| arg != "--library").nth(1);
    engine::runner::serve_stdin(|| {
        let library = library.ok_or("--library is missing")?;
        match std::fs::read_to_string(&library) {
            Ok(version) if version != "broken" => Ok(Box::new(Toy { version, library: library.into() })),
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
        std::fs::write(trace, &model).map_err(|error| error.to_string())?;
        let text = String::from_utf8(model).map_err(|_| "not text")?;
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("slow", time) => std::thread::sleep(Duration::from_millis(time.parse().map_err(|_| "no time")?)),
            ("refuse", _) => return Err("refused,\nas told".into()),
            ("die", _) => std::process::abort(),
            ("panic", _) => panic!("at load, as told"),
            _ => {}
        }
        let port = |name: &str| Port { name: name.into(), datatype: DataType::Int64, shape: vec![None] };
        Ok(Box::new(Told { signature: Signature { inputs: vec![port("x")], outputs: vec![port("y")] } }))
    }
}

struct Told {
    signature: Signature,
}

impl Session for Told {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let numbers: Vec<i64> =
            inputs[0].bytes().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
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
            Some(-6) => return Ok(vec![inputs[0].clone()]),
            Some(-7) => return Err("failed,\u{7} as told".into()),
            Some(-8) => std::process::exit(second as i32),
            _ => {}
        }
        Ok(vec![inputs[0].clone().with_name("y").expect("a good name")])
    }
}
