//! The hidden subcommand that makes this program a runner: one process, one model, started by the hub alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use engine_onnx::Onnx;

/// Runs one model for a hub that is at the other end of standard input.
#[derive(Debug, Args)]
pub(crate) struct Runner {
    /// ONNX Runtime's shared library
    #[arg(long)]
    library: PathBuf,
}

impl Runner {
    pub(crate) fn run(&self) -> ExitCode {
        engine::runner::serve_stdin(|| Ok(Box::new(Onnx::open(&self.library)?)))
    }
}
