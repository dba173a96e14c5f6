//! A runner and nothing else, for the tests beside it: `onnx-runner --library PATH --memory BYTES [--open]`, the
//! socket as standard input.

use std::path::PathBuf;
use std::process::ExitCode;

use engine::runner::Locks;
use engine_onnx::Onnx;

fn main() -> ExitCode {
    let given = |name: &str| std::env::args_os().skip_while(|arg| arg != name).nth(1);
    let memory = given("--memory").and_then(|bytes| bytes.to_str()?.parse().ok());
    let locks = Locks { memory_bytes: memory.unwrap_or(0), on: !std::env::args_os().any(|arg| arg == "--open") };
    engine::runner::serve_stdin(locks, || {
        let library = given("--library").map(PathBuf::from).ok_or("--library is missing")?;
        Ok(Box::new(Onnx::open(&library)?))
    })
}
