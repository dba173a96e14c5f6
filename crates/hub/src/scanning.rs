//! What the files of models hold: looked at when they come in, once for each digest and version of the scanner.
//!
//! Always: nobody waits for a file to be looked at but a publish, and that for the files its release would load; what
//! waits is bounded, and what found no place, or was looked at by an older scanner, is found again; a dangerous file may
//! be kept and pushed, and no release loads one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use registry::{Digest, File, ModelName, Revision, Tree};
use scan::{Limits, Report, Verdict};
use store::{BlobError, ScanRecord};
use tokio::sync::mpsc;

use crate::publish::{find_weights, unfit};
use crate::{Caller, Error, Hub, Snapshot};

/// So many files are remembered that came in a moment ago; more are looked for.
const MAX_WAITING: usize = 1_024;
/// So many older files are looked for at once.
const STRETCH: u64 = 256;
/// When what could not be looked at is looked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// Files of a commit that are summed up.
pub const MAX_SUMMED: usize = 10_000;
/// Files that a publish names because something was found in them.
const NAMED: usize = 3;

/// What waits to be looked at, from the side of those who bring it.
#[derive(Debug)]
pub(crate) struct Scans {
    waiting: mpsc::Sender<Digest>,
    /// One found no place: all are looked through.
    missed: AtomicBool,
}

impl Scans {
    pub(crate) fn new() -> (Scans, mpsc::Receiver<Digest>) {
        let (waiting, to_scan) = mpsc::channel(MAX_WAITING);
        (Scans { waiting, missed: AtomicBool::new(false) }, to_scan)
    }

    /// A file came in; whoever brought it does not wait.
    pub(crate) fn came_in(&self, blob: Digest) {
        if self.waiting.try_send(blob).is_err() {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Files by how they came off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanSums {
    pub clean: u64,
    pub notice: u64,
    pub dangerous: u64,
    /// Not looked at yet.
    pub waiting: u64,
}

impl ScanSums {
    fn count(&mut self, verdict: Option<&Verdict>) {
        match verdict {
            None => self.waiting += 1,
            Some(Verdict::Clean) => self.clean += 1,
            Some(Verdict::Notice) => self.notice += 1,
            Some(Verdict::Dangerous) => self.dangerous += 1,
        }
    }

    /// The worst; none while nothing was looked at.
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            ScanSums { dangerous: 1.., .. } => Some(Verdict::Dangerous),
            ScanSums { notice: 1.., .. } => Some(Verdict::Notice),
            ScanSums { clean: 1.., .. } => Some(Verdict::Clean),
            _ => None,
        }
    }
}

/// What is known of the files of a commit.
#[derive(Debug, Clone)]
pub struct ScanView {
    pub snapshot: Snapshot,
    pub sums: ScanSums,
    /// By digest; those that are not there wait.
    pub verdicts: HashMap<Digest, Verdict>,
    /// Files beyond [`MAX_SUMMED`], of which nothing is said.
    pub beyond: u64,
}

impl Hub {
    /// What the files of a model hold, at a revision, for whoever sees the model.
    pub async fn scan(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        revision: &Revision,
    ) -> Result<ScanView, Error> {
        let snapshot = self.snapshot(viewer, name, revision).await?;
        self.scan_of(snapshot).await
    }

    /// The same of a commit that was found already.
    pub async fn scan_of(&self, snapshot: Snapshot) -> Result<ScanView, Error> {
        let files = snapshot.tree.files();
        let summed = &files[..files.len().min(MAX_SUMMED)];
        let verdicts = self.verdicts(summed).await?;
        let mut sums = ScanSums::default();
        summed.iter().for_each(|file| sums.count(verdicts.get(&file.sha256)));
        let beyond = (files.len() - summed.len()) as u64;
        Ok(ScanView { snapshot, sums, verdicts, beyond })
    }

    /// How these files came off, as far as they were looked at.
    async fn verdicts(&self, files: &[File]) -> Result<HashMap<Digest, Verdict>, Error> {
        let blobs: Vec<Digest> = files.iter().map(|file| file.sha256).collect();
        let known = self.0.catalog.verdicts(&blobs, scan::VERSION).await?;
        let read = |word: &str| Verdict::ALL.iter().copied().find(|verdict| verdict.word() == word);
        Ok(known.into_iter().filter_map(|(blob, word)| Some((blob, read(&word)?))).collect())
    }

    /// All that was found in these files, as far as they were looked at: for a page of them.
    pub async fn reports(&self, files: &[File]) -> Result<HashMap<Digest, Report>, Error> {
        let blobs: Vec<Digest> = files.iter().map(|file| file.sha256).collect();
        let known = self.0.catalog.scans(&blobs, scan::VERSION).await?;
        // What a later hub wrote may be beyond this one.
        let read = |(blob, known): (Digest, ScanRecord)| Some((blob, serde_json::from_str(&known.report).ok()?));
        Ok(known.into_iter().filter_map(read).collect())
    }

    /// What a file holds: as it is known, or by looking now.
    async fn scan_now(&self, blob: Digest) -> Result<Report, Error> {
        let known = self.0.catalog.scans(&[blob], scan::VERSION).await?.remove(&blob);
        if let Some(report) = known.and_then(|known| serde_json::from_str(&known.report).ok()) {
            return Ok(report);
        }
        let blobs = self.0.blobs.clone();
        let look = move || {
            let mut content = blobs.content(blob)?;
            Ok::<_, Error>(scan::scan(&mut content, Limits::USUAL).map_err(BlobError::from)?)
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let report = looked.map_err(|crash| Error::Internal { reason: format!("the scan of {blob}: {crash}") })??;
        let record = ScanRecord {
            blob,
            version: scan::VERSION,
            at: self.0.clock.now(),
            verdict: report.verdict.word().to_owned(),
            report: serde_json::to_string(&report).map_err(|error| Error::Internal { reason: error.to_string() })?,
        };
        self.0.catalog.add_scan(&record).await?;
        Ok(report)
    }

    /// The check of a publish: no release loads what is dangerous or could not be seen whole. Other files are told of.
    pub(crate) async fn scan_files(&self, tree: &Tree, elsewhere: bool) -> Result<((), String), Error> {
        let mut said = Vec::new();
        // Which file it would be, and that there is none, is the dry run's to say.
        let loaded = if elsewhere { None } else { find_weights(tree).ok() };
        if let Some(file) = loaded {
            let report = self.scan_now(file.sha256).await?;
            let path = &file.path;
            if let Some(worst) = report.findings.first().filter(|_| report.verdict == Verdict::Dangerous) {
                let hint = "the hub does not load such a file; export the model again, from a source you trust";
                return Err(unfit("scan", format!("{path} is dangerous: {}", told(worst)), hint));
            }
            if let Some(unseen) = report.unseen() {
                let hint = "the hub loads what it could look through; export the model to ONNX again, as one file";
                return Err(unfit("scan", format!("{path} could not be looked through: {}", told(unseen)), hint));
            }
            let mut line = format!("{path} is {} ({})", report.verdict, report.format);
            if !report.summary.is_empty() {
                line += &format!(": {}", report.summary);
            }
            line.extend(report.findings.first().map(|finding| format!("; {}", told(finding))));
            said.push(line);
        }
        let others = tree.files().iter().filter(|file| loaded.is_none_or(|loaded| loaded.path != file.path));
        let others: Vec<File> = others.take(MAX_SUMMED).cloned().collect();
        let verdicts = self.verdicts(&others).await?;
        let mut sums = ScanSums::default();
        others.iter().for_each(|file| sums.count(verdicts.get(&file.sha256)));
        let dangerous = |file: &&File| verdicts.get(&file.sha256) == Some(&Verdict::Dangerous);
        let named: Vec<File> = others.iter().filter(dangerous).take(NAMED).cloned().collect();
        let reports = self.reports(&named).await?;
        for file in &named {
            if let Some(finding) = reports.get(&file.sha256).and_then(|report| report.findings.first()) {
                said.push(format!("{} is dangerous and is not loaded: {}", file.path, told(finding)));
            }
        }
        for (count, what) in
            [(sums.dangerous, "dangerous"), (sums.notice, "with a notice"), (sums.waiting, "not looked at yet")]
        {
            if count > 0 {
                said.push(format!("{count} other files {what}"));
            }
        }
        if said.is_empty() {
            said.push("nothing was found".to_owned());
        }
        Ok(((), said.join("; ")))
    }

    /// The one worker: what came in, then what was there before and was not looked at by this version.
    pub(crate) async fn keep_scanning(&self, mut to_scan: mpsc::Receiver<Digest>) {
        // Where the search for older files is; none once all were found.
        let mut older = Some(None);
        let mut again: Option<Instant> = None;
        loop {
            if self.0.scans.missed.swap(false, Ordering::Relaxed) || again.is_some_and(|at| at <= Instant::now()) {
                (older, again) = (Some(None), None);
            }
            let mut blobs: Vec<Digest> = to_scan.try_recv().ok().into_iter().collect();
            if let Some(after) = older.filter(|_| blobs.is_empty()) {
                match self.0.catalog.unscanned(scan::VERSION, after, STRETCH).await {
                    Ok(found) => {
                        older = found.last().map(|last| Some(*last));
                        blobs = found;
                    }
                    Err(error) => {
                        tracing::error!("Files that were not looked at could not be looked for: {error}");
                        (older, again) = (None, Some(Instant::now() + AGAIN_AFTER));
                    }
                }
            }
            if blobs.is_empty() && older.is_none() {
                tokio::select! {
                    Some(blob) = to_scan.recv() => blobs.push(blob),
                    () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now).into()), if again.is_some() => {}
                }
            }
            for blob in blobs {
                let began = Instant::now();
                match self.scan_now(blob).await {
                    // Its bytes were collected: there is nothing to look at.
                    Ok(_) | Err(Error::Blob(BlobError::Missing { .. })) => {}
                    Err(error) => {
                        tracing::warn!("{blob} was not looked at and will be: {error:?}");
                        again.get_or_insert_with(|| Instant::now() + AGAIN_AFTER);
                    }
                }
                // Others want the disk and the cores, too.
                tokio::time::sleep(began.elapsed()).await;
            }
        }
    }
}

fn told(finding: &scan::Finding) -> String {
    if finding.place.is_empty() { finding.text.clone() } else { format!("{}: {}", finding.place, finding.text) }
}
