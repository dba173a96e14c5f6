//! What is different between two releases of a model: files, texts, contract, price, split, royalties.
//!
//! Always: a file's text is shown to whoever may read the file and to nobody else; what is read, compared and answered
//! is bounded, in bytes and in time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ledger::Price;
use registry::diff::{Differences, FieldDifference, FileDifference, fields, files};
use registry::{File, ModelName, ReleaseNumber};
use serde_json::{Value as Json, json};
use similar::{Algorithm, TextDiff};
use store::{ReleaseRecord, Repository};

use crate::{Caller, Error, Hub};

/// Longest file whose text is compared, in bytes.
const MAX_TEXT: u64 = 256 * 1024;
/// So many files' texts are compared, the card's first.
const MAX_TEXTS: usize = 20;
/// Longest difference of one text, in bytes, and of all together.
const MAX_DIFF: usize = 64 * 1024;
const MAX_DIFFS: usize = 256 * 1024;
/// How long all texts may be compared; after that the rest is compared coarsely.
const LIMIT: Duration = Duration::from_millis(500);
/// So many differences may be looked for at the same time.
pub(crate) const MAX_DIFFING: usize = 4;

/// What is different.
#[derive(Debug, Clone)]
pub struct ReleaseDiff {
    pub model: ModelName,
    pub from: ReleaseNumber,
    pub to: ReleaseNumber,
    pub files: Differences<FileDifference>,
    pub texts: Vec<TextDifference>,
    pub contract: Differences<FieldDifference>,
    /// What their owner asks for: a price that was announced stands for the one that holds.
    pub price: (Price, Price),
    /// Split, royalties and what is asked of those that build on it.
    pub terms: Differences<FieldDifference>,
}

/// How a text changed, as `diff -u` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDifference {
    pub path: String,
    pub text: String,
    /// Whether there is more of it.
    pub cut: bool,
}

impl Hub {
    /// What is different between two releases, if this viewer may see them.
    pub async fn diff(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        from: ReleaseNumber,
        to: ReleaseNumber,
    ) -> Result<ReleaseDiff, Error> {
        let repository = self.repository(viewer, name).await?;
        let old = self.model_for(viewer, name, Some(from)).await?;
        let new = self.model_for(viewer, name, Some(to)).await?;
        let (old, new) = (&old.release, &new.release);
        let files = files(&old.tree, &new.tree);
        let texts = self.texts(viewer, &repository, &files).await?;
        let now = self.0.clock.now();
        let handles = self.handles(&[old, new]).await?;
        Ok(ReleaseDiff {
            model: new.model.name.clone(),
            from,
            to,
            files,
            texts,
            contract: fields(&plain(&old.contract), &plain(&new.contract)),
            price: (old.asked_price(now), new.asked_price(now)),
            terms: fields(&terms(old, &handles), &terms(new, &handles)),
        })
    }

    /// The differences of small texts that this viewer may read in both releases.
    async fn texts(
        &self,
        viewer: Option<&Caller>,
        of: &Repository,
        files: &Differences<FileDifference>,
    ) -> Result<Vec<TextDifference>, Error> {
        let small =
            |file: &Option<File>| file.as_ref().is_none_or(|file| file.size <= MAX_TEXT && !file.carries_weights());
        let mut wanted = Vec::new();
        for found in files.items.iter().filter(|found| small(&found.from) && small(&found.to)) {
            let mut may = true;
            for file in found.from.iter().chain(&found.to) {
                may = may && self.may_read(viewer, of, file).await.is_ok();
            }
            if may {
                wanted.push(found.clone());
            }
        }
        let path = |found: &FileDifference| found.from.as_ref().or(found.to.as_ref()).map(|file| file.path.to_string());
        wanted.sort_by_key(|found| path(found).is_none_or(|path| path != "README.md"));
        wanted.truncate(MAX_TEXTS);
        let place = self.0.diffing.clone().acquire_owned().await;
        let place = place.map_err(|_| Error::Internal { reason: "the hub compares no texts any more".to_owned() })?;
        let blobs = self.0.blobs.clone();
        let compare = move || {
            let _place = place;
            let until = Instant::now() + LIMIT;
            let (mut texts, mut bytes) = (Vec::new(), 0);
            for found in wanted {
                let read = |file: &Option<File>| -> Result<Option<String>, Error> {
                    let Some(file) = file else { return Ok(Some(String::new())) };
                    // What is no text is not compared.
                    Ok(String::from_utf8(blobs.read(file.sha256, MAX_TEXT)?).ok().filter(|text| !text.contains('\0')))
                };
                let (Some(path), Some(old), Some(new)) = (path(&found), read(&found.from)?, read(&found.to)?) else {
                    continue;
                };
                let (text, cut) = unified(&old, &new, until, MAX_DIFF.min(MAX_DIFFS - bytes));
                bytes += text.len();
                texts.push(TextDifference { path, text, cut });
                if bytes >= MAX_DIFFS {
                    break;
                }
            }
            Ok(texts)
        };
        let compared = tokio::task::spawn_blocking(compare).await;
        compared.map_err(|crash| Error::Internal { reason: crash.to_string() })?
    }

    /// What those are called who get something of these releases.
    async fn handles(&self, releases: &[&ReleaseRecord]) -> Result<HashMap<ledger::AccountId, String>, Error> {
        let mut handles = HashMap::new();
        for release in releases {
            let split = release.terms.split();
            let edges = release.lineage.iter().map(|edge| edge.to);
            for account in split.shares().iter().map(|(to, _)| *to).chain(edges) {
                if let Some(handle) = self.handle_of(account).await? {
                    handles.insert(account, handle.to_string());
                }
            }
        }
        Ok(handles)
    }
}

/// Lines that changed, with three around them, and whether that is not all.
fn unified(old: &str, new: &str, until: Instant, most: usize) -> (String, bool) {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).deadline(until).diff_lines(old, new);
    let unified = diff.unified_diff();
    let mut text = String::new();
    for hunk in unified.iter_hunks() {
        let hunk = hunk.to_string();
        if text.len() + hunk.len() > most {
            let left = most - text.len();
            let end = (0..=left.min(hunk.len())).rev().find(|at| hunk.is_char_boundary(*at)).unwrap_or(0);
            text.push_str(&hunk[..end]);
            return (text, true);
        }
        text.push_str(&hunk);
    }
    (text, false)
}

fn plain(value: &impl serde::Serialize) -> Json {
    serde_json::to_value(value).expect("plain data")
}

/// Who gets what of a call, in words.
fn terms(release: &ReleaseRecord, handles: &HashMap<ledger::AccountId, String>) -> Json {
    let name = |account: &ledger::AccountId| handles.get(account).cloned().unwrap_or_else(|| account.to_string());
    let split: serde_json::Map<String, Json> =
        release.terms.split().shares().iter().map(|(to, points)| (name(to), percent(*points).into())).collect();
    let royalties: serde_json::Map<String, Json> = release
        .lineage
        .iter()
        .map(|edge| (edge.model.clone(), json!({ "to": name(&edge.to), "share": edge.share.to_string() })))
        .collect();
    json!({ "split": split, "royalties": royalties, "asks": release.royalty.to_string() })
}

fn percent(points: u16) -> String {
    ledger::Share::from_points(points).map_or_else(|_| points.to_string(), |share| share.to_string())
}
