//! A runner and nothing else, for the tests beside it: `onnx-runner --library PATH`, the socket as standard input.

use std::path::PathBuf;
use std::process::ExitCode;

use engine_onnx::Onnx;

fn main() -> ExitCode {
    let library = std::env::args_os().skip_while(|arg| arg != "--library").nth(1).map(PathBuf::from);
    engine::runner::serve_stdin(|| {
        let library = library.ok_or("--library is missing")?;
        Ok(Box::new(Onnx::open(&library)?))
    })
}
