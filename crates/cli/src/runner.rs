//! The hidden subcommand that makes this program a runner: one process, one model, started by the hub alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use engine::runner::Locks;
use engine_onnx::Onnx;

/// Runs one model for a hub that is at the other end of standard input.
#[derive(Debug, Args)]
pub(crate) struct Runner {
    /// ONNX Runtime's shared library
    #[arg(long)]
    library: PathBuf,
    /// What it may have of memory on top of what the library has, in bytes
    #[arg(long)]
    memory: u64,
    /// Not locked in
    #[arg(long)]
    open: bool,
}

impl Runner {
    pub(crate) fn run(&self) -> ExitCode {
        let locks = Locks { memory_bytes: self.memory, on: !self.open };
        engine::runner::serve_stdin(locks, || Ok(Box::new(Onnx::open(&self.library)?)))
    }
}
