//! The whole product, from outside: real processes, a real engine, HTTP as it goes over the wire.
//!
//! Always: a hub of a test runs in a folder of its own on a port of its own and ends with the test; what a test
//! claims about money it has from the hub's answers or from `modelhub audit`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test: beside this test's own folder, where one `cargo build` put both.
pub fn modelhub() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it lies");
    let found = this.ancestors().skip(1).take(3).map(|folder| folder.join("modelhub")).find(|path| path.is_file());
    found.expect("modelhub is not built: run `cargo xtask test`, or `cargo build --profile ci -p modelhub` first")
}

/// A model of the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    // Asked when it runs: what was compiled in may be another clone's, where two of them share a build folder.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).join("../crates/testkit/fixtures").join(name)
}

/// A running hub with its data folder.
#[derive(Debug)]
pub struct Hub {
    home: TempDir,
    child: Child,
    pub url: String,
}

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// The stable code of an error, whatever form its route renders it in.
    pub fn code(&self) -> String {
        let json = self.json();
        json["code"].as_str().or_else(|| json["error"]["code"].as_str()).unwrap_or_default().to_owned()
    }
}

impl Hub {
    pub fn start() -> Hub {
        let home = tempfile::tempdir().expect("a folder");
        let (child, url) = serve(&home.path().join("hub"));
        Hub { home, child, url }
    }

    /// A hub whose folder has this `modelhub.toml`.
    pub fn with_settings(settings: &str) -> Hub {
        let home = tempfile::tempdir().expect("a folder");
        let data = home.path().join("hub");
        std::fs::create_dir(&data).expect("a folder");
        std::fs::write(data.join("modelhub.toml"), settings).expect("a file");
        let (child, url) = serve(&data);
        Hub { home, child, url }
    }

    /// A hub from a backup, on a folder and a port of its own.
    pub fn restored(backup: &Path) -> Hub {
        let home = tempfile::tempdir().expect("a folder");
        let data = home.path().join("hub");
        let output = Command::new(modelhub()).arg("restore").arg(backup).arg("--data").arg(&data).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (child, url) = serve(&data);
        Hub { home, child, url }
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("hub")
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        // A test may have killed it by its process id already.
        let _ = self.child.kill();
        self.child.wait().expect("it is ours");
    }

    pub fn start_again(&mut self) {
        let (child, url) = serve(&self.data());
        self.child = child;
        self.url = url;
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs `modelhub ARGS --json` and reads what it prints.
    pub fn cli(&self, key: &str, args: &[&str]) -> Value {
        let output = self.try_cli(key, args);
        let shown = || {
            format!("{args:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        };
        assert!(output.status.success(), "{}", shown());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {}", shown()))
    }

    pub fn try_cli(&self, key: &str, args: &[&str]) -> Output {
        Command::new(modelhub())
            .args(args)
            .arg("--json")
            .env("MODELHUB_URL", &self.url)
            .env("MODELHUB_KEY", key)
            .output()
            .expect("it starts")
    }

    pub fn admin(&self, args: &[&str]) -> Value {
        let data = self.data();
        let mut all = vec!["admin"];
        all.extend_from_slice(args);
        all.extend_from_slice(&["--data", data.to_str().expect("a plain path")]);
        self.cli("", &all)
    }

    /// Makes an account; gives its key.
    pub fn account(&self, handle: &str) -> String {
        self.admin(&["account", "create", handle])["key"].as_str().expect("a key").to_owned()
    }

    /// Publishes a fixture as `owner/name`, with these lines in its card's `modelhub:` section.
    pub fn publish(&self, key: &str, model: &str, file: &str, section: &str) {
        let folder = self.home.path().join(model.replace('/', "-"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::copy(fixture(file), folder.join("model.onnx")).expect("the fixture is there");
        let card = format!("---\nlicense: apache-2.0\nmodelhub:\n{section}\n---\n# {model}\n\nA fixture.\n");
        std::fs::write(folder.join("README.md"), card).expect("a card");
        if let Ok(example) = std::fs::read(fixture(&format!("{file}.example.json"))) {
            std::fs::create_dir_all(folder.join("examples")).expect("a folder");
            std::fs::write(folder.join("examples/one.json"), example).expect("an example");
        }
        let output = self.try_cli(key, &["publish", folder.to_str().expect("a plain path"), model]);
        let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{shown}");
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
        request(&self.url, "POST", path, headers, body.as_bytes())
    }

    pub fn get(&self, path: &str, key: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str())];
        request(&self.url, "GET", path, if key.is_empty() { &[] } else { &headers }, b"").expect("the hub answers")
    }

    /// One call; the hub has to answer something.
    pub fn infer(&self, key: &str, model: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        self.post(&format!("/v2/models/{model}/infer"), &[("Authorization", &bearer)], body).expect("the hub answers")
    }

    /// The audit's exit status and what it said.
    pub fn audit(&self) -> (bool, String) {
        let output = Command::new(modelhub()).args(["audit", "--data"]).arg(self.data()).output().expect("it starts");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }

    /// Runners of this hub, by process id.
    pub fn runners(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim).map(str::to_owned);
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let is_runner = command.split(|b| *b == 0).any(|word| word == b"runner");
            if parent.as_deref() == Some(&self.pid().to_string()) && is_runner {
                found.push(pid);
            }
        }
        found
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have been killed by its test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(data: &Path) -> (Child, String) {
    let mut child = Command::new(modelhub())
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
    let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: the hub said \"{line}\""));
    (child, said["url"].as_str().expect("its address").to_owned())
}

/// One request on a connection of its own.
pub fn request(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let cut = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the answer was cut off");
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).ok_or_else(cut)?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let body = bytes[end + 4..].to_vec();
    let answer = Answer { status, headers, body };
    match answer.header("content-length").and_then(|n| n.parse::<usize>().ok()) {
        Some(length) if answer.body.len() < length => Err(cut()),
        _ => Ok(answer),
    }
}

/// Waits until something is so, at most ten seconds.
pub fn until(what: &str, so: impl Fn() -> bool) {
    within(10, what, so);
}

/// The same of what takes its time: so many seconds at most.
pub fn within(seconds: u64, what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "not within {seconds} seconds: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
