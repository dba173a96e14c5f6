//! `modelhub import`: a model from another hub becomes a release of this one.
//!
//! Always: the other hub's token goes to that hub and nowhere else, our own key never to it; what it names is hostile
//! (`snapshot.rs`); what its bytes are was checked before they are sent on, so that a redirection to an address of ours
//! publishes nothing that it cannot name.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;
use registry::{Card, Digest, Handle, ModelName, Revision};

use crate::client::{Client, Secret};
use crate::crew::side_by_side;
use crate::place::{Connection, cache};
use crate::publish::{Terms, publish};
use crate::screen::{Screen, bytes, hinted, one_line};
use crate::snapshot::{Filling, Listed, Snapshot, State, tidy};

/// The hub that is asked if nothing names another.
const PUBLIC: &str = "https://huggingface.co";
/// The most that is read of a card.
const MAX_CARD: u64 = 256 * 1024;

/// Publishes a model of another hub here: its files, its card and its licence.
///
/// Any hub with Hugging Face's interface will do, another modelhub too. What its card says in a `modelhub:` section
/// holds here as well; flags go over it, and without a price there --price has to name one. Whether its licence lets you
/// is yours to know: it is shown, and goes along. The token in HF_TOKEN is sent to that hub alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub import hf:someone/resnet --price \"0.002 OPG\"
  modelhub import hf:someone/resnet@v1.0 alice/resnet --only \"onnx/*\" --price \"0.002 OPG\"
  modelhub import hf:alice/iris --from https://hub.example      another modelhub")]
pub(crate) struct Import {
    /// The model there, and which of its revisions [default: main]
    #[arg(value_name = "hf:OWNER/NAME[@REVISION]")]
    source: Source,
    /// Its name here [default: your handle and its name there]
    #[arg(value_name = "OWNER/NAME")]
    model: Option<ModelName>,
    /// The other hub
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", default_value = PUBLIC)]
    from: String,
    /// Only files whose path is like this, * standing for anything; card and licence come along. May repeat
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// The most that is fetched, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16_000_000_000)]
    max_bytes: u64,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    connection: Connection,
}

/// A model of a hub whose handles and names may be others than ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    repository: String,
    revision: String,
}

impl Source {
    fn name(&self) -> &str {
        self.repository.split_once('/').map_or(&self.repository, |(_, name)| name)
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let rest = text.strip_prefix("hf:").ok_or("expected hf:OWNER/NAME, like hf:someone/resnet")?;
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && part.len() <= 96 && part.chars().all(known) && !part.starts_with('.')
        };
        let named = repository.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name));
        if !named {
            return Err(format!("\"{repository}\" is no OWNER/NAME"));
        }
        revision.parse::<Revision>().map_err(|error| error.to_string())?;
        Ok(Source { repository: repository.to_owned(), revision: revision.to_owned() })
    }
}

impl Import {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let model = self.name(&client)?;
        // Our own key is for our hub.
        let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.trim().is_empty());
        let there = Client::new(&self.from, token.as_deref().map(Secret::new))?.for_import();
        let Source { repository, revision } = &self.source;
        let snapshot = Snapshot::of(&there, repository, revision)?;
        let files = self.chosen(&snapshot)?;
        let folder = self.folder(&snapshot.commit)?;
        let bar = screen.bytes("Fetching", files.iter().map(|file| file.size).sum());
        let filling = Filling { client: &there, repository, commit: &snapshot.commit, folder: &folder, bar: &bar };
        // The card first: without a price the rest need not come.
        let (cards, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.path.as_str() == "README.md");
        for card in &cards {
            fetched(card, filling.fetch(card))?;
        }
        let card = self.card(&folder, !cards.is_empty())?;
        side_by_side(&others, |file| fetched(file, filling.fetch(file)))?;
        bar.finish_and_clear();
        tidy(&folder);
        let license = card.license.as_deref().unwrap_or("none that its card names");
        let from = format!("{} at {} of {}", repository, snapshot.commit, there.url());
        screen.note(&format!("imported {from}; licence: {}", one_line(license)));
        publish(screen, &client, &model, &folder, &self.terms)?;
        // It is on the hub, and can be fetched again.
        let _ = fs::remove_dir_all(&folder);
        Ok(())
    }

    /// The model's name here: as given, or the account's handle and its name there.
    fn name(&self, client: &Client) -> anyhow::Result<ModelName> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let account: api::Account = client.get("/api/v1/account")?;
        let handle: Handle = account.handle.parse()?;
        let name = self.source.name();
        ModelName::claim(handle.clone(), name).map_err(|error| {
            let hint = format!("name it: modelhub import hf:{} {handle}/NAME", self.source.repository);
            hinted(error.to_string(), hint)
        })
    }

    /// What is fetched of it, within bounds.
    fn chosen<'a>(&self, snapshot: &'a Snapshot) -> anyhow::Result<Vec<&'a Listed>> {
        let wanted = |file: &&Listed| {
            let path = file.path.as_str();
            // Publishing would leave what is hidden out.
            let hidden = file.path.segments().any(|segment| segment.starts_with('.'));
            let always = path == "README.md" || path.to_ascii_uppercase().starts_with("LICEN");
            !hidden && (always || self.only.is_empty() || self.only.iter().any(|pattern| is_like(path, pattern)))
        };
        let files: Vec<&Listed> = snapshot.files.iter().filter(wanted).collect();
        let sum = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        if sum > self.max_bytes {
            let message = format!("the files have {} together, above --max-bytes {}", bytes(sum), self.max_bytes);
            return Err(hinted(message, "fetch those the model needs: --only \"onnx/*\""));
        }
        if !files.iter().any(|file| file.path.as_str() != "README.md") {
            bail!("{} has no files to publish at {}", self.source.repository, self.source.revision);
        }
        Ok(files)
    }

    /// Where its files lie meanwhile: an import that was cut off goes on there.
    fn folder(&self, commit: &str) -> anyhow::Result<PathBuf> {
        // What is left out must not lie there from another time.
        let what = format!("{}\n{}\n{commit}\n{}", self.from, self.source.repository, self.only.join("\n"));
        let folder = cache()?.join("import").join(&Digest::of(what.as_bytes()).to_string()[..32]);
        crate::place::make_folder(&folder)?;
        Ok(folder)
    }

    /// What its card says; an import without a price ends here.
    fn card(&self, folder: &Path, there: bool) -> anyhow::Result<Card> {
        let card = if there {
            let path = folder.join("README.md");
            let size = fs::metadata(&path)?.len();
            if size > MAX_CARD {
                bail!("its README.md has {size} bytes, at most {MAX_CARD} are read");
            }
            Card::from_bytes(&fs::read(&path)?).context("its README.md")?
        } else {
            Card::default()
        };
        let priced = card.hub.as_ref().is_some_and(|section| section.price.is_some());
        if !priced && self.terms.price.is_none() {
            let hint = "say what a call costs: --price \"0.002 OPG\", or \"0 OPG\" for a free model";
            return Err(hinted("its card names no price", hint));
        }
        Ok(card)
    }
}

/// Of an import every file has to come.
fn fetched(file: &Listed, state: State) -> anyhow::Result<()> {
    match state {
        State::Fetched | State::There => Ok(()),
        State::Kept(why) => {
            let message = format!("{} is not given to us: {}", file.path, one_line(&why));
            Err(hinted(message, "HF_TOKEN names who you are there; --only leaves files out"))
        }
        State::Failed(why) => Err(hinted(format!("{}: {why}", file.path), "import it again to go on where it was")),
    }
}

/// Whether a path is like a pattern, in which * stands for anything, slashes too.
fn is_like(path: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_a_model_of_another_hub() {
        let source = |text: &str| text.parse::<Source>();
        let found = source("hf:Some-One/Res_Net.v2@refs/tags/v1").unwrap();
        assert_eq!((found.repository.as_str(), found.name()), ("Some-One/Res_Net.v2", "Res_Net.v2"));
        assert_eq!(found.revision, "refs/tags/v1");
        assert_eq!(source("hf:a/b").unwrap().revision, "main");
        for text in ["a/b", "hf:a", "hf:../b", "hf:a/..", "hf:a/b/c", "hf:a/b?x", "hf:a/b@", "hf:a/b@x..y", "hf:/b"] {
            assert!(source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (path, pattern, like) in [
            ("onnx/model.onnx", "onnx/*", true),
            ("onnx/model.onnx", "*.onnx", true),
            ("onnx/model.onnx", "o*/m*.onnx", true),
            ("onnx/model.onnx", "onnx/model.onnx", true),
            ("onnx/model.onnx", "onnx", false),
            ("onnx/model.onnx", "model*", false),
            ("aa", "a*aa", false),
            ("", "*", true),
        ] {
            assert_eq!(is_like(path, pattern), like, "{path} {pattern}");
        }
    }
}
