//! `modelhub publish`: a folder becomes a release that can be called.
//!
//! The hub does the judging; this side finds the files, sends those the hub has not got, and shows the verdicts as
//! they come.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use registry::{Handle, ModelName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Client, problem_of};
use crate::folder::{self, Found, Local};
use crate::place::Connection;
use crate::screen::{Screen, bytes, hinted, one_line};

/// Publishes a model: a folder with its files, or one .onnx file.
///
/// The hub loads it in a runner of its own, reads its contract, runs its examples twice and seals the release. Price,
/// split and access come from the `modelhub:` section of the folder's README.md; flags go over it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub publish ./magika
  modelhub publish ./magika alice/magika --price \"0.002 OPG\"
  modelhub publish iris.onnx --price \"0.0002 USD\" --split \"bob=70%,carol=30%\"
  modelhub publish ./magika --dry-run          judges it and publishes nothing")]
pub(crate) struct Publish {
    /// The folder, or one .onnx file
    path: PathBuf,
    /// Its name on the hub [default: your handle and the folder's name]
    #[arg(value_name = "OWNER/NAME")]
    model: Option<ModelName>,
    /// What a call costs, like "0.002 OPG" or "0.0002 USD"
    #[arg(long)]
    price: Option<String>,
    /// Who gets how much of the creators' part, like "bob=70%,carol=30%"
    #[arg(long, value_parser = Split::parse)]
    split: Option<Split>,
    /// Who gets the weights
    #[arg(long)]
    access: Option<Access>,
    /// The release's number, where it should not be the next one
    #[arg(long, value_name = "RELEASE")]
    release: Option<registry::ReleaseNumber>,
    /// Let calls that name no release get this one, even if callers have to change something
    #[arg(long)]
    latest: bool,
    /// Judge it and publish nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Access {
    Sealed,
    Gated,
    Open,
}

/// Receivers and their shares, in the order they were written: odd units go to the first ones.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Split(Vec<(String, String)>);

impl Split {
    fn parse(text: &str) -> Result<Split, String> {
        let part = |part: &str| {
            let (handle, share) = part.split_once('=').ok_or("expected HANDLE=SHARE, like bob=70%")?;
            let handle: Handle = handle.trim().parse().map_err(|error: registry::NameError| error.to_string())?;
            Ok((handle.to_string(), share.trim().to_owned()))
        };
        text.split(',').map(part).collect::<Result<_, String>>().map(Split)
    }
}

/// One line of the hub's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Verdict(api::Verdict),
    Published(api::Published),
    Error(Value),
}

/// The result for programs: what there is now, and why.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    published: api::Published,
    verdicts: Vec<api::Verdict>,
}

/// Longest line of the answer that is read.
const LINE_LIMIT: u64 = 1024 * 1024;

impl Publish {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let model = self.name(&client)?;
        let found = folder::look(&self.path)?;
        for skipped in &found.skipped {
            screen.note(&format!("skipped  {} ({})", one_line(&skipped.path), skipped.why));
        }
        let digests = digests(screen, &found)?;
        for (local, digest) in found.files.iter().zip(&digests) {
            send(screen, &client, &model, local, digest)?;
        }
        self.ask(screen, &client, &model, &found.files, &digests)
    }

    /// The model's name: as given, or the account's handle and what the path is called.
    fn name(&self, client: &Client) -> anyhow::Result<ModelName> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let account: api::Account = client.get("/api/v1/account")?;
        let handle: Handle = account.handle.parse()?;
        let path = std::path::absolute(&self.path)?;
        let name = if path.is_file() { path.file_stem() } else { path.file_name() };
        let name = name.and_then(|name| name.to_str()).unwrap_or_default();
        ModelName::claim(handle.clone(), name).map_err(|error| {
            hinted(error.to_string(), format!("name it: modelhub publish {} {handle}/NAME", self.path.display()))
        })
    }

    fn ask(
        &self,
        screen: Screen,
        client: &Client,
        model: &ModelName,
        files: &[Local],
        digests: &[String],
    ) -> anyhow::Result<()> {
        let file = |(local, digest): (&Local, &String)| api::DraftFile {
            path: local.path.to_string(),
            sha256: digest.clone(),
            size: local.size_bytes(),
        };
        let draft = api::Publish {
            model: model.to_string(),
            files: files.iter().zip(digests).map(file).collect(),
            price: self.price.clone().map(|price| api::PriceTerms { per_call: Some(price), ..Default::default() }),
            split: self.split.clone().map(|Split(parts)| parts),
            access: self
                .access
                .and_then(|access| access.to_possible_value())
                .map(|access| access.get_name().to_owned()),
            release: self.release.map(|release| release.to_string()),
            latest: self.latest,
            dry_run: self.dry_run,
        };
        let response = client.send_json("POST", "/api/v1/publish", &draft)?;
        let mut lines = BufReader::new(response.into_body().into_with_config().limit(64 * LINE_LIMIT).reader());
        let spinner = screen.spinner("The hub looks at it");
        let mut verdicts = Vec::new();
        while let Some(line) = next_line(&mut lines)? {
            match serde_json::from_str(&line).context("the hub's answer has a line we cannot read")? {
                Line::Verdict(verdict) => {
                    spinner.suspend(|| screen.line(&words(&verdict)))?;
                    verdicts.push(verdict);
                }
                Line::Error(error) => return Err(problem_of(error)),
                Line::Published(published) => {
                    spinner.finish_and_clear();
                    let told = Told { published, verdicts };
                    return screen.show(&told, || ending(&told.published, self.dry_run));
                }
            }
        }
        bail!("the hub hung up before it said whether {model} is published")
    }
}

/// A verdict as a line.
fn words(verdict: &api::Verdict) -> String {
    let api::Verdict { step, ok, detail, ms } = verdict;
    let ok = if *ok { "ok  " } else { "fail" };
    format!("{ok}  {:<10}  {} ({ms} ms)", one_line(step), one_line(detail))
}

/// The last lines: what there is now.
fn ending(published: &api::Published, dry_run: bool) -> String {
    let api::Published { model, release, price, url, change, reasons, sealed, .. } = published;
    let reasons: String = reasons.iter().map(|reason| format!("{change}: {}\n", one_line(reason))).collect();
    if dry_run {
        return format!("{reasons}{model} would become {release} ({change}); nothing was published");
    }
    let done = if *sealed { "published" } else { "nothing new: these files are" };
    format!("{reasons}{done} {model} {release}, {}\n{}", one_line(price), one_line(url))
}

fn next_line(lines: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    lines.by_ref().take(LINE_LIMIT).read_line(&mut line).context("the hub's answer broke off")?;
    if line.len() as u64 >= LINE_LIMIT {
        bail!("the hub's answer has a line of more than {LINE_LIMIT} bytes");
    }
    Ok(Some(line.trim_end().to_owned()).filter(|line| !line.is_empty()))
}

fn digests(screen: Screen, found: &Found) -> anyhow::Result<Vec<String>> {
    let total = found.files.iter().map(Local::size_bytes).sum();
    let bar = screen.bytes("Reading", total);
    let digests = found.files.iter().map(|local| local.digest(|size| bar.inc(size))).collect();
    bar.finish_and_clear();
    digests
}

/// Sends a file unless the hub has it.
fn send(screen: Screen, client: &Client, model: &ModelName, local: &Local, digest: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/uploads/{}/{digest}", model.owner());
    if client.has(&path)? {
        return Ok(());
    }
    let bar = screen.bytes(&format!("Sending {}", local.path), local.size_bytes());
    let mut reader = Counted { from: local.open()?.expecting(digest), bar: &bar };
    client
        .upload(&path, local.size_bytes(), &mut reader)
        .with_context(|| format!("{} ({})", local.path, bytes(local.size_bytes())))?;
    bar.finish_and_clear();
    Ok(())
}

/// Tells the bar what was read.
struct Counted<'a, R> {
    from: R,
    bar: &'a ProgressBar,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.from.read(buffer)?;
        self.bar.inc(size as u64);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_keeps_its_order() {
        let Split(parts) = Split::parse("zoe=70%, bob = 30%").unwrap();
        assert_eq!(
            parts.iter().map(|(handle, share)| format!("{handle} {share}")).collect::<Vec<_>>(),
            ["zoe 70%", "bob 30%"]
        );
        for text in ["", "bob", "Bob=70%", "bob=70%,"] {
            assert!(Split::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn verdicts_are_one_line_each() {
        let line = r#"{"verdict": {"step": "dry run", "ok": true, "detail": "loads, 1 input,\n1 output", "ms": 38}}"#;
        let Line::Verdict(verdict) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        assert_eq!(words(&verdict), "ok    dry run     loads, 1 input, 1 output (38 ms)");
    }

    #[test]
    fn an_answer_is_read_line_by_line_up_to_a_limit() {
        let mut lines = BufReader::new("{\"a\":1}\n{\"b\":2}\n".as_bytes());
        assert_eq!(next_line(&mut lines).unwrap().as_deref(), Some("{\"a\":1}"));
        assert_eq!(next_line(&mut lines).unwrap().as_deref(), Some("{\"b\":2}"));
        assert_eq!(next_line(&mut lines).unwrap(), None);
        let mut endless = BufReader::new(std::io::repeat(b'a'));
        assert!(next_line(&mut endless).is_err());
    }
}
