//! `modelhub backup`, `restore`: a whole copy of a hub, and a hub from it.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use ledger::Time;
use serde_json::json;
use store::Clock;
use store::backup::{self, BackupError};

use crate::audit;
use crate::bucket;
use crate::place::DataFolder;
use crate::screen::{Screen, bytes, hinted};

/// What belongs to a hub beside its databases and models.
const OTHERS: [&str; 4] = ["receipt.key", "deposit.secret", "operator.key", "modelhub.toml"];

/// Copies a hub whole, while it runs: books, catalogue, models, keys.
///
/// The folder holds one backup; the next one replaces it and copies only the models that are new. Keep it as safe as the
/// hub's own: the keys are in it. Models in a bucket stay there: the backup names them and is made only if they are
/// there, and keeping them is the bucket's part.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub backup /srv/backup
  modelhub backup /mnt/usb/hub --data /srv/hub --json")]
pub(crate) struct Backup {
    /// Where to, a folder of its own
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    data: DataFolder,
}

/// Makes a hub's folder from a backup, after checking every file and auditing the books.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  modelhub restore /srv/backup --data /srv/hub")]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    data: DataFolder,
}

impl Backup {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let folder = self.data.path()?;
        let bar = Bar::new(screen);
        let now: Time = store::System.now();
        let made = backup::backup(&folder, &self.to, &OTHERS, now, bucket::keys(), &|what, done, all| {
            bar.show(what, done, all)
        });
        bar.clear();
        let made = made.map_err(explained)?;
        let document = json!({
            "backup": self.to, "folder": made.generation, "rows": made.rows, "files": made.files, "models_files": made.blobs,
            "models_in": made.blobs_in, "new_models_files": made.new_blobs, "bytes": made.bytes,
        });
        screen.show(&document, || {
            let models = match &made.blobs_in {
                None => format!("{} files of models ({} new)", made.blobs, made.new_blobs),
                Some(place) => {
                    format!("{} files of models, all of them in {place} and none of them copied", made.blobs)
                }
            };
            format!(
                "{} rows, {} files, {models}, {} written\n\
                 modelhub audit --deep --data {}        checks it",
                made.rows,
                made.files,
                bytes(made.bytes),
                self.to.display()
            )
        })
    }
}

impl Restore {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let to = self.data.path()?;
        let bar = Bar::new(screen);
        let restored = backup::restore(&self.from, &to, bucket::keys(), &|what, done, all| bar.show(what, done, all));
        bar.clear();
        let restored = restored.map_err(explained)?;
        let report = audit::look(restored.folder(), false, screen)?;
        let document = json!({
            "data": to, "made": restored.made, "rows": restored.rows, "files": restored.files,
            "models_files": restored.blobs, "models_in": restored.blobs_in, "missing_models_files": restored.missing_blobs, "bytes": restored.bytes, "in_order": report.in_order(), "audit": &report,
        });
        if !report.in_order() {
            screen.show(&document, || audit::words(&report))?;
            let message = format!("the books of this backup are not in order: {} differences", report.differences);
            return Err(hinted(
                message,
                "nothing was restored; take an older backup, and keep this one to be looked at",
            ));
        }
        let (models, blobs) = match &restored.blobs_in {
            None => (String::new(), String::new()),
            Some(place) => {
                let (all, missing) = (restored.blobs, restored.missing_blobs);
                let models = format!(
                    "models stay in {place}: of {all} files {missing} are gone; no other hub may run on that place\n"
                );
                let endpoint =
                    store::begun(restored.folder()).map_err(bucket::explained)?.and_then(|begun| begun.endpoint);
                let endpoint = endpoint.map(|url| format!(" --s3-endpoint {url}")).unwrap_or_default();
                (models, format!(" --blobs {place}{endpoint}"))
            }
        };
        let words = format!(
            "{}\nrestored {} rows of {} to {}: every call after that is not in it\n{models}modelhub serve --data {}{blobs}",
            audit::words(&report),
            restored.rows,
            restored.made,
            to.display(),
            to.display()
        );
        restored.place().map_err(explained)?;
        screen.show(&document, || words)
    }
}

/// An error with what to do about it.
pub(crate) fn explained(error: BackupError) -> anyhow::Error {
    let error = match error {
        BackupError::Begun(error) => return bucket::explained(error),
        error => error,
    };
    let hint = match &error {
        BackupError::Unsound { folder, to, kept, .. } => {
            return hinted(error.to_string(), unsound(folder, to, kept.as_deref()));
        }
        BackupError::NoHub { .. } => "--data names the hub's folder",
        BackupError::IsHub { .. } | BackupError::Foreign { .. } => "name an empty folder, or one that holds a backup",
        BackupError::Busy { .. } => "wait for it, or name another folder",
        BackupError::NoBackup { .. } => "name the folder that modelhub backup wrote to",
        BackupError::Newer { .. } => "take the modelhub that made it, or a newer one",
        BackupError::Occupied { .. } => "move it aside first, or name another folder with --data",
        BackupError::Damaged { .. } | BackupError::Unreadable { .. } => {
            "nothing was restored; if it was a backup that failed, the hub's own folder is damaged: modelhub audit --deep"
        }
        BackupError::Sqlite { .. } => {
            "nothing was replaced or restored; if it was a backup that failed: modelhub audit --deep looks at the hub's own folder"
        }
        BackupError::Lost { .. } => "modelhub fsck says what else is lost; the former backup is as it was",
        _ => return error.into(),
    };
    hinted(error.to_string(), hint)
}

/// What to do where the hub's own books are damaged.
fn unsound(folder: &Path, to: &Path, kept: Option<&str>) -> String {
    let (folder, to) = (folder.display(), to.display());
    let former = match kept {
        Some(made) => format!("the backup of {made} was kept, modelhub restore {to} makes a hub's folder from it"),
        None => "no older backup is there: keep a copy of the hub's folder as it is".to_owned(),
    };
    format!("{former}; modelhub audit --deep --data {folder} says what is wrong")
}

/// How far a copy is, hidden where there is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(screen: Screen) -> Bar {
        Bar(screen.steps())
    }

    fn show(&self, what: &'static str, done: u64, all: u64) {
        self.0.set_message(what);
        self.0.set_length(all);
        self.0.set_position(done);
    }

    fn clear(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_hub_is_told_of_the_backup_that_was_kept() {
        let hint = |kept| unsound(Path::new("/srv/hub"), Path::new("/srv/backup"), kept);
        let kept = hint(Some("2026-11-26T14:00:00Z"));
        let told = ["2026-11-26T14:00:00Z was kept", "modelhub restore /srv/backup", "audit --deep --data /srv/hub"];
        assert!(told.iter().all(|part| kept.contains(part)), "{kept}");
        assert!(hint(None).contains("no older backup"), "{}", hint(None));
    }
}
