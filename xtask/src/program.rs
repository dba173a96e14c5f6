//! Starting other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, bail};
use serde_json::Value;

/// The workspace's folder: the one cargo runs us from. What was compiled in may be another clone's, where two of them
/// share a build folder.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&here).parent().expect("xtask lies in the workspace").to_owned()
    });
    &ROOT
}

/// Cargo, the one that started us where that is known.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    // What cargo told us about ourselves is not true for what we start.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a program to its end; what it prints for people goes to standard error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(Stdio::from(std::io::stderr())).status().with_context(|| name(command))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs a program and gives what it prints.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| name(command))?;
    if !output.status.success() {
        bail!("{} ended with {}", name(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a program and reads the one JSON document it prints.
pub(crate) fn json(command: &mut Command) -> anyhow::Result<Value> {
    let printed = output(command)?;
    serde_json::from_slice(&printed).with_context(|| format!("{} printed no JSON document", name(command)))
}

/// A program and its first words, for messages. What follows may be a key.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = command.get_args().take(2).map(OsStr::to_string_lossy);
    [program.to_string_lossy()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Builds the product and gives its path, in the profile that tests use, so that the tree compiles once.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--profile", "ci", "--package", "modelhub"]);
    build.arg("--message-format=json-render-diagnostics");
    let printed = output(&mut build)?;
    let executable = String::from_utf8_lossy(&printed)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "modelhub")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.context("cargo built no modelhub")
}

/// The folder of all that is built.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let metadata = json(cargo().args(["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names the target folder")?;
    Ok(target.into())
}

/// `modelhub` in the user's cache.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = given.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    Ok(cache.context("there is no home folder: set HOME or XDG_CACHE_HOME")?.join("modelhub"))
}
