//! A server that speaks as S3 does, for as long as we live: `s3s-fs`, of the authors of the library `s3s`.
//!
//! Always: built apart from the workspace, whose rules and lock it is no part of, once for each version; it keeps its
//! objects in a folder that is emptied at each start, and ends with what holds it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::program;

const VERSION: &str = "0.14.1";
/// The one bucket that it has.
const BUCKET: &str = "hub";
const KEY: &str = "modelhub-tests";
const SECRET: &str = "modelhub-tests-secret-key";

/// A running one.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Server> {
        let home = program::target()?.join("s3s");
        let program = install(&home)?;
        let root = home.join("objects");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join(BUCKET)).with_context(|| root.display().to_string())?;
        let mut child = Command::new(&program)
            .args(["--host", "127.0.0.1", "--port", "0", "--access-key", KEY, "--secret-key", SECRET])
            .arg(&root)
            .env("RUST_LOG", "s3s_fs=info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let stdout = child.stdout.take().context("standard output was asked for")?;
        let mut server = Server { child, url: String::new() };
        let mut lines = BufReader::new(stdout).lines();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, url)) = line.split_once("server is running at ") {
                server.url = url.trim().to_owned();
                break;
            }
        }
        if server.url.is_empty() {
            bail!("{} did not say where it is", program.display());
        }
        // What it says later is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// Tells a program where it is, and the keys where a hub looks for them.
    pub(crate) fn names(&self, command: &mut Command) {
        command.env("MODELHUB_TEST_S3", &self.url);
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env_remove("AWS_SESSION_TOKEN");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already, or it cannot be helped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds it unless it is there.
fn install(home: &Path) -> anyhow::Result<PathBuf> {
    let program = home.join("bin/s3s-fs");
    let told = program::output(Command::new(&program).arg("--version")).unwrap_or_default();
    if !String::from_utf8_lossy(&told).contains(VERSION) {
        let mut install = program::cargo();
        install.args(["install", "--quiet", "--locked", "--force", "s3s-fs", "--version", VERSION]);
        install.args(["--features", "binary", "--root"]).arg(home).arg("--target-dir").arg(home.join("build"));
        program::run(&mut install)?;
    }
    Ok(program)
}
