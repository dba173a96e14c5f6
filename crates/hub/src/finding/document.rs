//! What the index gets to know of a model.

use std::sync::Arc;

use registry::{Revision, Tree};
use search::{Change, Document};
use store::Shown;

use crate::browse::{card_words, task_of};
use crate::{Error, Hub};

/// Endings of files that say in which format the weights are.
const FORMATS: &[(&str, &str)] = &[
    (".onnx", "onnx"),
    (".safetensors", "safetensors"),
    (".gguf", "gguf"),
    (".pt", "pytorch"),
    (".pth", "pytorch"),
    (".ckpt", "pytorch"),
    (".h5", "keras"),
    (".keras", "keras"),
    (".tflite", "tflite"),
    (".ort", "ort"),
    (".mlmodel", "coreml"),
];

/// What lies elsewhere has no format here.
const REMOTE: &str = "remote";

impl Hub {
    /// The change, and whether its card was read: where files are out of reach, a model is found by the rest.
    pub(super) async fn change_of(&self, shown: Shown) -> Result<(Change, bool), Error> {
        let Shown { repository, release, totals, .. } = shown;
        let snapshot = self.snapshot_of(repository.clone(), &Revision::main()).await?;
        let (card, read) = match self.card(&snapshot).await {
            Err(error) if error.is_hubs_own() => (Arc::default(), false),
            card => (card?, true),
        };
        let (now, rate) = (self.0.clock.now(), self.settings().rate);
        let price = release.as_ref().and_then(|release| {
            release.price_at(now).cost(&ledger::Usage::ONE_CALL, rate).ok().map(|cost| cost.nano().unsigned_abs())
        });
        let remote = release.as_ref().is_some_and(|release| release.contract.remote.is_some());
        let licence = release.as_ref().and_then(|release| release.license.clone()).or_else(|| card.license.clone());
        let words = |text: Option<String>| -> Vec<String> {
            text.iter().flat_map(|text| text.split(',')).map(|one| one.trim().to_owned()).collect()
        };
        let ms = |time: ledger::Time| time.0.max(0).unsigned_abs();
        let summary = release.as_ref().map(|release| release.summary.clone()).or_else(|| card.summary.clone());
        let document = Document {
            id: repository.model.id.0,
            owner: repository.model.owner.id.0,
            private: repository.model.private,
            released: release.is_some(),
            handle: repository.model.name.owner().to_string(),
            name: repository.model.name.name().to_owned(),
            title: card.title.clone().unwrap_or_default(),
            summary: summary.unwrap_or_default(),
            text: release.as_ref().map(|release| release.readme.clone()).unwrap_or_default(),
            task: release.as_ref().and_then(|release| release.task.clone()).or_else(|| task_of(&card)),
            licences: words(licence),
            formats: if remote { vec![REMOTE.to_owned()] } else { formats(&snapshot.tree) },
            tags: card.tags.clone(),
            words: card_words(&card),
            price,
            // There is one tier as yet: listed.
            tier: 0,
            access: repository.access.word().to_owned(),
            created: ms(repository.model.created),
            updated: ms(repository.changed),
            calls: totals.paid_calls,
            earned: totals.creators_earned.nano().unsigned_abs(),
        };
        Ok((Change::Put(Box::new(document)), read))
    }
}

fn formats(tree: &Tree) -> Vec<String> {
    let mut formats = Vec::new();
    for file in tree.files() {
        let name = file.path.file_name().to_ascii_lowercase();
        let format = FORMATS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, format)| (*format).to_owned());
        formats.extend(format.filter(|format| !formats.contains(format)));
    }
    formats
}
