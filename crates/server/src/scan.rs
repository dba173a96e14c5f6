//! What the files of a model hold.

use axum::Json;
use axum::extract::State;
use hub::{Hub, ScanReport};
use registry::{File, Revision};

use crate::extract::{AnyCaller, ModelPath, Page};
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::words::read_some;

/// Files of a page: of each there may be much to tell.
const MAX_PAGE: u64 = 100;

/// `GET /api/v1/models/{owner}/{name}/scan?revision=&cursor=&limit=`. For everybody who sees the model.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
    Page { cursor, limit }: Page,
    fields: Fields,
) -> Result<Json<api::ModelScan>, Refused> {
    let revision = read_some("revision", fields.last("revision"))?.unwrap_or_else(Revision::main);
    let view = hub.scan(viewer.as_ref(), &model, &revision).await?;
    let skip = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
    let count = view.snapshot.tree.files().len().min(hub::MAX_SUMMED);
    let files = view.snapshot.tree.files().iter().take(count).skip(skip);
    let files: Vec<File> = files.take(limit.min(MAX_PAGE) as usize).cloned().collect();
    let reports = hub.reports(&files).await?;
    let items: Vec<_> = files.iter().map(|file| scanned(file, reports.get(&file.sha256))).collect();
    let end = skip.saturating_add(items.len());
    Ok(Json(api::ModelScan {
        model: view.snapshot.repository.model.name.to_string(),
        commit: view.snapshot.commit.id.to_string(),
        verdict: view.sums.verdict().map(|verdict| verdict.to_string()),
        clean: view.sums.clean,
        notice: view.sums.notice,
        dangerous: view.sums.dangerous,
        waiting: view.sums.waiting,
        items,
        next: (end < count).then(|| end.to_string()),
    }))
}

fn scanned(file: &File, report: Option<&ScanReport>) -> api::FileScan {
    let (path, sha256) = (file.path.to_string(), file.sha256.to_string());
    let Some(report) = report else { return api::FileScan { path, sha256, ..api::FileScan::default() } };
    let finding = |finding: &hub::Finding| api::ScanFinding {
        code: finding.code.to_string(),
        verdict: finding.code.verdict().to_string(),
        text: finding.text.clone(),
        place: finding.place.clone(),
    };
    let import = |import: &hub::ScanImport| api::ScanImport {
        module: import.module.clone(),
        name: import.name.clone(),
        danger: import.danger.word().to_owned(),
    };
    api::FileScan {
        path,
        sha256,
        format: Some(report.format.to_string()),
        verdict: Some(report.verdict.to_string()),
        summary: Some(report.summary.clone()).filter(|summary| !summary.is_empty()),
        findings: report.findings.iter().map(finding).collect(),
        more: report.more,
        imports: report.imports.iter().map(import).collect(),
    }
}
