//! `modelhub pull`: the files of a model, onto this machine.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use registry::{ModelName, Revision};
use serde::Serialize;

use crate::crew::side_by_side;
use crate::place::Connection;
use crate::screen::{Screen, bytes, one_line};
use crate::snapshot::{Filling, Listed, Snapshot, State, tidy};

/// Downloads the files of a model.
///
/// Files that are there already are not fetched again, what was cut off goes on where it was, and each file gets its
/// name once its digest was checked. What the owner keeps sealed is named and left out: call it instead. The exit status
/// is 1 if a file could not be fetched, or if none may be read at all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub pull alice/magika
  modelhub pull alice/magika@1.02 ./magika       a release, a branch, a tag or a commit
  modelhub pull alice/magika --json")]
pub(crate) struct Pull {
    /// The model, and which of its revisions [default: main]
    #[arg(value_name = "OWNER/NAME[@REVISION]")]
    model: Source,
    /// Where the files go [default: a folder with the model's name]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// `OWNER/NAME` or `OWNER/NAME@REVISION`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    model: ModelName,
    revision: String,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let (model, revision) = text.split_once('@').unwrap_or((text, "main"));
        let model = model.parse().map_err(|error: registry::NameError| error.to_string())?;
        revision.parse::<Revision>().map_err(|error| error.to_string())?;
        Ok(Source { model, revision: revision.to_owned() })
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Pulled {
    model: String,
    revision: String,
    commit: String,
    folder: PathBuf,
    files: Vec<PulledFile>,
}

#[derive(Debug, Serialize)]
struct PulledFile {
    path: String,
    size: u64,
    /// `fetched`, `there`, `sealed` or `failed`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Pull {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        let Source { model, revision } = self.model;
        let folder = self.folder.unwrap_or_else(|| model.name().into());
        let repository = model.to_string();
        let snapshot = Snapshot::of(&client, &repository, &revision)?;
        std::fs::create_dir_all(&folder)?;
        let bar = screen.bytes("Fetching", snapshot.files.iter().map(|file| file.size).sum());
        let commit = snapshot.commit.as_str();
        let filling = Filling { client: &client, repository: &repository, commit, folder: &folder, bar: &bar };
        let states = side_by_side(&snapshot.files, |file| Ok(filling.fetch(file)))?;
        bar.finish_and_clear();
        tidy(&folder);
        let files = snapshot.files.iter().zip(states).map(|(file, state)| pulled(file, state)).collect();
        let told = Pulled { model: repository, revision, commit: snapshot.commit, folder, files };
        screen.show(&told, || words(&told))?;
        told.ended()
    }
}

fn pulled(file: &Listed, state: State) -> PulledFile {
    let (state, reason) = match state {
        State::Fetched => ("fetched", None),
        State::There => ("there", None),
        State::Kept(why) => ("sealed", Some(why)),
        State::Failed(why) => ("failed", Some(why)),
    };
    PulledFile { path: file.path.to_string(), size: file.size, state, reason }
}

impl Pulled {
    fn count(&self, state: &str) -> usize {
        self.files.iter().filter(|file| file.state == state).count()
    }

    fn ended(&self) -> anyhow::Result<()> {
        match (self.count("failed"), self.count("sealed")) {
            (0, sealed) if sealed > 0 && sealed == self.files.len() => {
                bail!("nothing of {} may be read", self.model)
            }
            (0, _) => Ok(()),
            (failed, _) => bail!("{failed} of {} files could not be fetched; pull again to go on", self.files.len()),
        }
    }
}

fn words(told: &Pulled) -> String {
    let mut lines = String::new();
    for PulledFile { path, size, state, reason } in &told.files {
        let reason = reason.as_ref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        lines += &format!("{state:<7}  {path} ({}){reason}\n", bytes(*size));
    }
    let (fetched, there) = (told.count("fetched"), told.count("there"));
    let Pulled { model, commit, folder, .. } = told;
    format!("{lines}{model} at {commit}: {fetched} fetched, {there} there before, in {}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_model_and_perhaps_a_revision() {
        let source = |text: &str| text.parse::<Source>().map(|source| source.revision);
        assert_eq!(source("alice/iris").unwrap(), "main");
        assert_eq!(source("alice/iris@feat/x").unwrap(), "feat/x");
        for text in ["alice", "alice/iris@", "alice/iris@a..b", "../iris"] {
            assert!(source(text).is_err(), "{text}");
        }
    }
}
