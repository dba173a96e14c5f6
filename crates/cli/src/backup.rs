//! `modelhub backup`, `restore`: a whole copy of a hub, and a hub from it.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use ledger::Time;
use serde_json::json;
use store::Clock;
use store::backup::{self, BackupError};

use crate::audit;
use crate::place::DataFolder;
use crate::screen::{Screen, bytes, hinted};

/// What belongs to a hub beside its databases and models.
const OTHERS: [&str; 4] = ["receipt.key", "deposit.secret", "operator.key", "modelhub.toml"];

/// Copies a hub whole, while it runs: books, catalogue, models, keys.
///
/// The folder holds one backup; the next one replaces it and copies only the models that are new. Keep it as safe as the
/// hub's own: the keys are in it.
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
        let made = backup::backup(&folder, &self.to, &OTHERS, now, &|what, done, all| bar.show(what, done, all));
        bar.clear();
        let made = made.map_err(explained)?;
        let document = json!({
            "backup": self.to, "folder": made.generation, "rows": made.rows, "files": made.files, "models_files": made.blobs,
            "new_models_files": made.new_blobs, "bytes": made.bytes,
        });
        screen.show(&document, || {
            format!(
                "{} rows, {} files, {} files of models ({} new), {} written\n\
                 modelhub audit --deep --data {}        checks it",
                made.rows,
                made.files,
                made.blobs,
                made.new_blobs,
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
        let restored = backup::restore(&self.from, &to, &|what, done, all| bar.show(what, done, all));
        bar.clear();
        let restored = restored.map_err(explained)?;
        let report = audit::look(restored.folder(), false, screen)?;
        let document = json!({
            "data": to, "made": restored.made, "rows": restored.rows, "files": restored.files,
            "models_files": restored.blobs, "bytes": restored.bytes, "in_order": report.in_order(), "audit": &report,
        });
        if !report.in_order() {
            screen.show(&document, || audit::words(&report))?;
            let message = format!("the books of this backup are not in order: {} differences", report.differences);
            return Err(hinted(
                message,
                "nothing was restored; take an older backup, and keep this one to be looked at",
            ));
        }
        let words = format!(
            "{}\nrestored {} rows of {} to {}: every call after that is not in it\nmodelhub serve --data {}",
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
    let hint = match &error {
        BackupError::NoHub { .. } => "--data names the hub's folder",
        BackupError::IsHub { .. } | BackupError::Foreign { .. } => "name an empty folder, or one that holds a backup",
        BackupError::Busy { .. } => "wait for it, or name another folder",
        BackupError::NoBackup { .. } => "name the folder that modelhub backup wrote to",
        BackupError::Newer { .. } => "take the modelhub that made it, or a newer one",
        BackupError::Occupied { .. } => "move it aside first, or name another folder with --data",
        BackupError::Damaged { .. } | BackupError::Unreadable { .. } => {
            "nothing was restored; if it was a backup that failed, the hub's own folder is damaged: modelhub audit --deep"
        }
        _ => return error.into(),
    };
    hinted(error.to_string(), hint)
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
