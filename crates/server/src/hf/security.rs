//! What was found in files, in the words of these clients: `safe`, `caution`, `unsafe`, `queued`.
//!
//! Nothing here looks for viruses, so nothing is said of them.

use axum::Json;
use axum::extract::State;
use hub::{Danger, Hub, MAX_SUMMED, ScanImport, ScanReport, ScanVerdict, ScanView};
use serde_json::{Value, json};

use crate::extract::AnyCaller;
use crate::hf::error::Refusal;
use crate::hf::path::Place;

/// Most files that are named because something was found in them.
const MAX_ISSUES: usize = 1_000;

/// `GET /api/models/{owner}/{name}/scan`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Place { model, revision, .. }: Place,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(of_model(&hub.scan(viewer.as_ref(), &model, &revision).await?)))
}

/// Of a commit's files, those in which something was found.
pub(crate) fn of_model(view: &ScanView) -> Value {
    let files = view.snapshot.tree.files().iter().take(MAX_SUMMED);
    let issue = |file: &registry::File| {
        let verdict = view.verdicts.get(&file.sha256).filter(|verdict| **verdict != ScanVerdict::Clean)?;
        Some(json!({"path": file.path, "level": word(*verdict)}))
    };
    let issues: Vec<Value> = files.filter_map(issue).take(MAX_ISSUES).collect();
    json!({"scansDone": view.sums.waiting == 0 && view.beyond == 0, "filesWithIssues": issues})
}

/// Of one file.
pub(crate) fn of_file(report: Option<&ScanReport>) -> Value {
    let Some(report) = report else {
        return json!({"status": "queued", "avScan": null, "pickleImportScan": null});
    };
    let import = |import: &ScanImport| {
        let safety = match import.danger {
            Danger::Known => "innocuous",
            Danger::Unknown => "suspicious",
            Danger::Dangerous => "dangerous",
        };
        json!({"module": import.module, "name": import.name, "safety": safety})
    };
    let imports: Vec<Value> = report.imports.iter().map(import).collect();
    let imports = (!imports.is_empty()).then(|| json!({"status": word(report.verdict), "pickleImports": imports}));
    json!({"status": word(report.verdict), "avScan": null, "pickleImportScan": imports})
}

fn word(verdict: ScanVerdict) -> &'static str {
    match verdict {
        ScanVerdict::Clean => "safe",
        ScanVerdict::Notice => "caution",
        ScanVerdict::Dangerous => "unsafe",
    }
}
