//! The hub under test, with an uploader and a caller who has money.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::child;

/// A process that ends with this one.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn of(child: Child) -> Running {
        Running(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that prints its address as its first line.
pub(crate) fn start(command: &mut Command) -> anyhow::Result<(Running, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{command:?}"))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
    let running = Running(child);
    if line.trim().is_empty() {
        bail!("{command:?} ended before it answered");
    }
    Ok((running, line.trim().to_owned()))
}

pub(crate) struct Hub {
    running: Running,
    program: PathBuf,
    url: String,
    alice: String,
    /// The caller's key.
    pub(crate) bob: String,
}

impl Hub {
    pub(crate) fn start(program: &Path, library: &Path, folder: &Path) -> anyhow::Result<Hub> {
        let data = folder.join("hub");
        let mut serve = Command::new(program);
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let (running, line) = start(serve.env("MODELHUB_ONNXRUNTIME", library).stderr(Stdio::null()))?;
        let url = text(&serde_json::from_str(&line)?, "url")?;
        let admin = |args: &[&str]| -> anyhow::Result<Value> {
            let mut command = Command::new(program);
            command.arg("admin").args(args).arg("--json").arg("--data").arg(&data);
            child(command)
        };
        let alice = text(&admin(&["account", "create", "alice"])?, "key")?;
        let bob = text(&admin(&["account", "create", "bob"])?, "key")?;
        admin(&["deposit", "bob", "1000000", "--reference", "bench"])?;
        Ok(Hub { running, program: program.to_owned(), url, alice, bob })
    }

    /// A hub over the folder of one that has ended, whose uploader has this key. Its caller has none.
    pub(crate) fn over(program: &Path, library: &Path, folder: &Path, alice: &str) -> anyhow::Result<Hub> {
        let mut serve = Command::new(program);
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("hub"));
        let (running, line) = start(serve.env("MODELHUB_ONNXRUNTIME", library).stderr(Stdio::null()))?;
        let url = text(&serde_json::from_str(&line)?, "url")?;
        Ok(Hub { running, program: program.to_owned(), url, alice: alice.to_owned(), bob: String::new() })
    }

    /// The uploader's key.
    pub(crate) fn alice(&self) -> &str {
        &self.alice
    }

    /// Publishes a file or a folder as a model of alice's.
    pub(crate) fn publish(&self, weights: &Path, model: &str) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("publish").arg(weights).arg(format!("alice/{model}"));
        command
            .args(["--price", "0.000001 OPG", "--access", "open", "--json"])
            .env("MODELHUB_URL", &self.url)
            .env("MODELHUB_KEY", &self.alice);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("{model} was not published: {}", String::from_utf8_lossy(&output.stdout));
        }
        Ok(())
    }

    /// Its address and port.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    /// What this process holds in memory; its runners are others.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.running.0.id()))?;
        let pages: u64 = statm.split(' ').nth(1).context("statm has a second word")?.parse()?;
        Ok(pages * 4_096)
    }
}

impl Hub {
    /// The most that this process held in memory so far.
    pub(crate) fn peak_resident_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("status names the peak")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1_024)
    }
}

/// Where a model of alice's is called.
pub(crate) fn path(model: &str) -> String {
    format!("/v2/models/alice/{model}/infer")
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no \"{field}\" in {value}"))
}
