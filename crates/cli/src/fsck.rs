//! `modelhub fsck`: whether every file is there that something names, and whether something names every file.

use clap::Args;
use ledger::Time;
use serde::Serialize;
use store::Clock;
use store::backup;
use store::fsck::{Found, Look, fsck};

use crate::audit;
use crate::backup::explained;
use crate::bucket;
use crate::place::DataFolder;
use crate::screen::{Align, Screen, Table, bytes, hinted, one_line};

/// Checks a hub's files: every content that a commit, a release or a kept answer names is there with its size, every
/// branch, tag and release names a commit, and every file is named by something.
///
/// Models in a bucket are looked at there, with the keys of the environment. A hub may be running, and a backup is looked at like a hub's own folder. Ends with status 1 and the first differences
/// if something is lost. What is merely left over is no difference; the hub collects it by itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub fsck
  modelhub fsck --deep --data /srv/hub
  modelhub fsck --repair            removes what is left over; the hub has to be stopped")]
pub(crate) struct Fsck {
    /// Also read every byte, and compare it with its SHA-256
    #[arg(long)]
    deep: bool,
    /// Remove what is left over: files and temporary files that nothing names and that are older than a day
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    data: DataFolder,
}

/// What was found, for programs.
#[derive(Debug, Serialize)]
struct Told<'a> {
    in_order: bool,
    #[serde(flatten)]
    found: &'a Found,
}

impl Fsck {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let data = self.data.path()?;
        let folder = backup::books_in(&data).map_err(explained)?;
        let _alone = match self.repair {
            false => None,
            true if folder != data => {
                return Err(hinted("a backup is not repaired", "make it again: modelhub backup"));
            }
            // Not made where there is none.
            true if !folder.is_dir() => None,
            true => Some(store::Folder::open(&folder).map_err(|error| {
                hinted(error.to_string(), "stop the hub first; a running one collects what is left over by itself")
            })?),
        };
        let spinner = screen.spinner("Looking at the files");
        let progress = |blobs: u64| spinner.set_message(format!("Looking at the files: {blobs} contents"));
        let before = store::System.now().plus_ms(-Time::DAY_MS);
        let look =
            Look { deep: self.deep, repair: self.repair, before, keys: bucket::keys(), progress: Some(&progress) };
        let found = fsck(&folder, &look).map_err(|error| audit::explained(error, &folder))?;
        spinner.finish_and_clear();
        screen.show(&Told { in_order: found.in_order(), found: &found }, || words(&found, self.repair))?;
        if found.in_order() {
            return Ok(());
        }
        let message = format!("the files are not in order: {} differences", found.differences);
        Err(hinted(message, "keep a copy of the folder; a backup has the files that are lost: modelhub restore"))
    }
}

fn words(found: &Found, repair: bool) -> String {
    let mut table = Table::new([("", Align::Right), ("", Align::Left)]);
    let left = &found.left_over;
    let read = found.read_bytes.map(|read| format!(", {} of them read and compared", bytes(read)));
    let lines = [
        (found.models, "models".to_owned()),
        (found.commits, "commits of different files, all of them listed as named".to_owned()),
        (found.refs, "branches and tags followed to their commits".to_owned()),
        (found.releases, "releases followed to their commits".to_owned()),
        (
            found.named_blobs,
            format!("contents that these name, {}{}", bytes(found.named_bytes), read.unwrap_or_default()),
        ),
        (found.waiting_blobs, format!("contents that wait to be named, {}", bytes(found.waiting_bytes))),
        (found.going_blobs, format!("contents that the hub is about to take away, {}", bytes(found.going_bytes))),
        (found.halves, "uploads that were cut off and may go on".to_owned()),
        (found.outcome_files, "kept answers in files".to_owned()),
    ];
    for (count, what) in lines {
        table.row([count.to_string(), what]);
    }
    if found.lost_uploads > 0 {
        let what = "contents were handed in, never named, and are gone: they are handed in again when they are wanted";
        table.row([found.lost_uploads.to_string(), what.to_owned()]);
    }
    if left.foreign > 0 {
        table.row([left.foreign.to_string(), "files among the blobs that are not a hub's, left alone".to_owned()]);
    }
    let mut text = table.to_string();
    let over = left.blobs + left.temporary + left.outcomes;
    text += &match (over, repair) {
        (0, _) => "nothing is left over\n".to_owned(),
        (_, true) => format!("left over: {over} files, {}; {} removed\n", bytes(left.bytes), left.removed),
        (_, false) => format!(
            "left over: {over} files, {} ({} contents, {} temporary, {} answers); the hub takes them away, or --repair\n",
            bytes(left.bytes),
            left.blobs,
            left.temporary,
            left.outcomes
        ),
    };
    for difference in &found.first {
        text += &format!("differs  {}\n", one_line(difference));
    }
    if found.differences > found.first.len() as u64 {
        text += &format!("differs  … {} in all\n", found.differences);
    }
    text + if found.in_order() { "files are in order" } else { "files are not in order" }
}
