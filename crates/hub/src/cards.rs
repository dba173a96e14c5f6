//! What a model's card says, what it leaves out, and what it says of the models it was built on.
//!
//! Always: a base model that this viewer may not see is told like one that is not here.

use std::sync::Arc;

use ledger::Share;
use registry::{Card, Completeness, ModelName, ReleaseNumber, Revision, Tree};

use crate::publish::MAX_README;
use crate::{Caller, Error, Hub, Snapshot};

/// Missing parts that a publish names.
const NAMED: usize = 4;

/// A base model, as a card names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseView {
    /// As it is called now, if it is here; else as the card has it.
    pub name: String,
    /// The card names its own model.
    pub itself: bool,
    /// Of one that is here and can be called: the release that unversioned calls go to.
    pub release: Option<ReleaseNumber>,
    /// What it asks of models that build on it; none of one that is not here.
    pub royalty: Option<Share>,
    pub here: bool,
}

/// A card, looked through.
#[derive(Debug, Clone)]
pub struct CardView {
    pub snapshot: Snapshot,
    pub card: Arc<Card>,
    /// Why it cannot be taken; it says nothing then.
    pub refused: Option<String>,
    pub completeness: Completeness,
    pub bases: Vec<BaseView>,
}

impl Hub {
    /// The card of a model at a revision, for whoever sees the model.
    pub async fn card_view(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        revision: &Revision,
    ) -> Result<CardView, Error> {
        let snapshot = self.snapshot(viewer, name, revision).await?;
        self.card_view_of(viewer, snapshot).await
    }

    /// The same of a commit that was found already.
    pub async fn card_view_of(&self, viewer: Option<&Caller>, snapshot: Snapshot) -> Result<CardView, Error> {
        let card = self.card(&snapshot).await?;
        let refused = match *card == Card::default() {
            true => self.why_refused(&snapshot.tree).await?,
            false => None,
        };
        let completeness = Completeness::of(&card, &snapshot.tree);
        let mut bases = Vec::new();
        for base in &card.lineage.models {
            bases.push(self.base(viewer, &snapshot, base).await?);
        }
        bases.extend(card.lineage.others.iter().map(|name| BaseView {
            name: name.clone(),
            itself: false,
            release: None,
            royalty: None,
            here: false,
        }));
        Ok(CardView { snapshot, card, refused, completeness, bases })
    }

    async fn base(&self, viewer: Option<&Caller>, of: &Snapshot, name: &ModelName) -> Result<BaseView, Error> {
        let found = match self.repository(viewer, name).await {
            Ok(found) => found,
            Err(error) if error.is_hubs_own() => return Err(error),
            // It is not here, or not for them.
            Err(_) => {
                let name = name.to_string();
                return Ok(BaseView { name, itself: false, release: None, royalty: None, here: false });
            }
        };
        let release = self.0.catalog.release(&found.model.name, None).await?;
        Ok(BaseView {
            name: found.model.name.to_string(),
            itself: found.model.id == of.repository.model.id,
            release: release.as_ref().map(|release| release.number),
            royalty: release.map(|release| release.royalty),
            here: true,
        })
    }

    /// Whether it is no card, or one that says nothing.
    async fn why_refused(&self, tree: &Tree) -> Result<Option<String>, Error> {
        let Some(readme) = tree.get("README.md") else { return Ok(None) };
        if readme.size > MAX_README {
            return Ok(Some(format!("README.md has {} bytes, at most {MAX_README} are read", readme.size)));
        }
        let text = self.read_blob(readme.sha256, MAX_README).await?;
        Ok(Card::from_bytes(&text).err().map(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        }))
    }
}

/// What a publish says of a card.
pub(crate) fn said(card: &Card, tree: &Tree) -> String {
    let task = card.task.as_deref().unwrap_or("none");
    let license = card.license.as_deref().unwrap_or("none");
    let completeness = Completeness::of(card, tree);
    let mut said = format!("task {task}, licence {license}; it says {} of 100", completeness.score());
    let missing: Vec<_> = completeness.missing().collect();
    if !missing.is_empty() {
        let named = missing.iter().take(NAMED).map(|part| format!("{} ({})", part.word(), part.weight()));
        said += &format!(", without {}", named.collect::<Vec<_>>().join(", "));
        if missing.len() > NAMED {
            said += &format!(" and {} more", missing.len() - NAMED);
        }
        said += &format!(". Next: {}", missing[0].how());
    }
    for notice in card.notices() {
        said += &format!("; {notice}");
    }
    said
}
