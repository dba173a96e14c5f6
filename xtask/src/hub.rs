//! A hub of our own, for as long as we live.
//!
//! Always: the hub ends with this program, however it ends: dropped, the hub is stopped, and killed if it does not; it
//! also watches its standard input, whose other end only we hold.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::program;

/// How long a stop may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running hub.
#[derive(Debug)]
pub(crate) struct Hub {
    program: PathBuf,
    data: PathBuf,
    pub(crate) url: String,
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Who speaks to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As<'a> {
    Key(&'a str),
    /// With the key in the data folder.
    Operator,
}

impl Hub {
    /// Starts `program` as a hub on a fresh folder and waits until it answers. Its log lies beside the folder.
    pub(crate) fn start(program: &Path, folder: &Path, listen: &str) -> anyhow::Result<Hub> {
        let data = folder.join("hub");
        let log = folder.join("hub.log");
        let mut child = Command::new(program)
            .args(["serve", "--json", "--until-stdin-ends", "--listen", listen, "--data"])
            .arg(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context("the hub cannot be started")?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("standard output was asked for")?;
        // From here on the hub ends when this value does.
        let mut hub = Hub { program: program.to_owned(), data, url: String::new(), child, stdin };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let first: Option<Value> = serde_json::from_str(&line).ok();
        let Some(url) = first.as_ref().and_then(|first| first["url"].as_str()) else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("the hub did not start:\n{said}");
        };
        hub.url = url.to_owned();
        Ok(hub)
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// `modelhub` with these arguments, as someone, with JSON to come.
    pub(crate) fn ask(&self, who: As<'_>, args: &[&str]) -> anyhow::Result<Value> {
        program::json(self.command(who)?.arg("--json").args(args))
    }

    /// The same for people: what it prints goes to standard error.
    pub(crate) fn show(&self, who: As<'_>, args: &[&str]) -> anyhow::Result<()> {
        program::run(self.command(who)?.args(args))
    }

    fn command(&self, who: As<'_>) -> anyhow::Result<Command> {
        let key = match who {
            As::Key(key) => key.to_owned(),
            As::Operator => fs::read_to_string(self.data.join("operator.key"))?.trim().to_owned(),
        };
        let mut command = Command::new(&self.program);
        // Keys in the environment stand in no list of processes.
        command.env("MODELHUB_URL", &self.url).env("MODELHUB_KEY", key).env("MODELHUB_DATA", &self.data);
        // Nobody's own login is read or replaced.
        command.env("XDG_CONFIG_HOME", self.data.with_file_name("config"));
        Ok(command)
    }

    /// Waits until somebody stops the hub.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the hub ended with {status}");
        }
        Ok(())
    }

    /// Stops the hub and waits for its end, so that its books are closed.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let Some(status) = self.end()? else { bail!("the hub did not stop within {} s", PATIENCE.as_secs()) };
        if !status.success() {
            bail!("the hub ended with {status}");
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        drop(self.stdin.take());
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !matches!(self.end(), Ok(Some(_))) {
            // It is gone already, or it cannot be helped.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
