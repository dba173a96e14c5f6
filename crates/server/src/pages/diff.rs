//! `GET /{owner}/{name}/diff/{from}/{to}`: what changed between two releases.

use axum::extract::State;
use axum::response::Response;
use hub::{Hub, ReleaseDiff};
use ledger::Price;
use registry::File;
use registry::diff::{FieldDifference, FileDifference};

use crate::extract::AnyCaller;
use crate::life::DiffPath;
use crate::problem::Refused;

/// The page.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    DiffPath { model, from, to }: DiffPath,
) -> Result<Response, Refused> {
    let diff = hub.diff(viewer.as_ref(), &model, from, to).await?;
    Ok(super::html(web::diff(&page(super::chrome_for(&hub, viewer.as_ref()), diff))))
}

fn page(chrome: web::Chrome, diff: ReleaseDiff) -> web::Diff {
    let text = |text: hub::TextDifference| web::ChangedText { path: text.path, diff: text.text, cut: text.cut };
    web::Diff {
        chrome,
        owner: diff.model.owner().to_string(),
        name: diff.model.name().to_owned(),
        from: diff.from.to_string(),
        to: diff.to.to_string(),
        left_out: diff.files.more + diff.contract.more + diff.terms.more,
        files: diff.files.items.into_iter().map(file).collect(),
        contract: diff.contract.items.into_iter().map(field).collect(),
        terms: price(diff.price).into_iter().chain(diff.terms.items.into_iter().map(field)).collect(),
        texts: diff.texts.into_iter().map(text).collect(),
    }
}

fn price((from, to): (Price, Price)) -> Option<web::ChangedField> {
    let changed =
        web::ChangedField { field: "price".to_owned(), from: Some(from.to_string()), to: Some(to.to_string()) };
    (from != to).then_some(changed)
}

fn file(FileDifference { from, to }: FileDifference) -> web::ChangedFile {
    let path = from.as_ref().or(to.as_ref()).map(|file| file.path.to_string());
    let state = |file: File| (file.size, file.sha256.to_string());
    web::ChangedFile { path: path.unwrap_or_default(), from: from.map(state), to: to.map(state) }
}

fn field(FieldDifference { field, from, to }: FieldDifference) -> web::ChangedField {
    let shown = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    web::ChangedField { field, from: from.map(shown), to: to.map(shown) }
}
