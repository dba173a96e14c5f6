//! `modelhub engine install`: gets what runs the models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::library::{self, Accept, State};
use crate::screen::{Screen, hinted};

/// What runs the models on this machine.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  modelhub engine install")]
pub(crate) enum Engine {
    Install(Install),
}

/// Installs ONNX Runtime into your cache.
///
/// Fetches the pinned version with pip, checks its SHA-256 and puts the library, its licence and its notices in place.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub engine install
  modelhub engine install --from onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl
  modelhub engine install --from /opt/ort/libonnxruntime.so --allow-other-version")]
pub(crate) struct Install {
    /// Take it from this wheel or shared library instead of fetching it
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Take the file of --from whatever its digest
    #[arg(long, requires = "from")]
    allow_other_version: bool,
    /// Replace a library that is there already
    #[arg(long)]
    force: bool,
}

impl Engine {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        match self {
            Engine::Install(install) => install.run(screen),
        }
    }
}

impl Install {
    fn run(self, screen: Screen) -> anyhow::Result<()> {
        let target = library::path()?;
        if !self.force {
            match State::of(&target)? {
                State::Missing => {}
                State::Pinned => return shown(screen, &target, "already there"),
                State::Other(_) if self.from.is_none() || !self.allow_other_version => {
                    let message =
                        format!("{} is another library than ONNX Runtime {}", target.display(), library::VERSION);
                    return Err(hinted(message, "modelhub engine install --force replaces it"));
                }
                State::Other(_) => {}
            }
        }
        let accept = if self.allow_other_version { Accept::Any } else { Accept::Pinned };
        match &self.from {
            Some(from) => {
                let spinner = screen.spinner(&format!("Installing {}", from.display()));
                library::install(from, &target, accept)?;
                spinner.finish_and_clear();
            }
            None => {
                let folder = tempfile::tempdir()?;
                let spinner = screen.spinner(&format!("Fetching ONNX Runtime {} (28 MB) with pip", library::VERSION));
                let wheel = library::fetch(folder.path())?;
                spinner.set_message("Checking and unpacking it");
                library::install(&wheel, &target, accept)?;
                spinner.finish_and_clear();
            }
        }
        shown(screen, &target, "installed")
    }
}

fn shown(screen: Screen, path: &std::path::Path, state: &str) -> anyhow::Result<()> {
    let pinned = State::of(path)? == State::Pinned;
    let version = pinned.then_some(library::VERSION);
    let document = json!({ "engine": "onnxruntime", "version": version, "path": path, "state": state });
    screen.show(&document, || {
        let version = version.unwrap_or("of another version");
        format!("ONNX Runtime {version} {state}: {}", path.display())
    })
}
