//! `modelhub publish`: a folder becomes a release that can be called.
//!
//! The hub does the judging; this side finds the files, sends those the hub has not got, and shows the verdicts as
//! they come.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use registry::{Handle, ModelName};

use crate::client::Client;
use crate::folder::{self, Local};
use crate::place::Connection;
use crate::screen::{Screen, hinted, one_line};
use crate::{upload, verdicts};

/// Publishes a model: a folder with its files, or one .onnx file.
///
/// The hub loads it in a runner of its own, reads its contract, runs its examples twice and seals the release. Price,
/// split and access come from the `modelhub:` section of the folder's README.md; flags go over it.
///
/// Several files travel at once, those that the hub has do not; one that was cut off goes on where it was, within a day
/// also when you publish again.
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
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    connection: Connection,
}

/// What the release is to be, above its card.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// What a call costs, like "0.002 OPG" or "0.0002 USD"
    #[arg(long)]
    pub(crate) price: Option<String>,
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

impl Publish {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let model = self.name(&client)?;
        publish(screen, &client, &model, &self.path, &self.terms)
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
}

/// Sends what is at `path` and has it published.
pub(crate) fn publish(
    screen: Screen,
    client: &Client,
    model: &ModelName,
    path: &Path,
    terms: &Terms,
) -> anyhow::Result<()> {
    let found = folder::look(path)?;
    for skipped in &found.skipped {
        screen.note(&format!("skipped  {} ({})", one_line(&skipped.path), skipped.why));
    }
    let digests = upload::send_all(screen, client, model.owner(), &found.files)?;
    let response = client.send_json("POST", "/api/v1/publish", &terms.draft(model, &found.files, digests))?;
    verdicts::show(screen, response, terms.dry_run)
}

impl Terms {
    fn draft(&self, model: &ModelName, files: &[Local], digests: Vec<String>) -> api::Publish {
        let file = |(local, sha256): (&Local, String)| api::DraftFile {
            path: local.path.to_string(),
            sha256,
            size: local.size_bytes(),
        };
        api::Publish {
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
        }
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
}
