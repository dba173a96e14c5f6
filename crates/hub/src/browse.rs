//! Models by what their names and cards say.

use std::sync::Arc;

use registry::{Access, Card, Handle, Revision};
use serde_json::Value as Json;
use store::{Order, Wanted};

use crate::{Caller, Error, Filters, Hub, Kind, Query, SearchWish, Snapshot, Sort};

/// Most models that are looked at for one page: the rest of a list is its next page.
const MAX_LOOKED_AT: u64 = 1_000;
/// Most values of a card's field that are taken as words.
const MAX_VALUES: usize = 100;

/// A model at the head of main, with what its card says.
#[derive(Debug, Clone)]
pub struct Described {
    pub snapshot: Snapshot,
    pub card: Arc<Card>,
}

/// Which models are sought.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    pub owner: Option<Handle>,
    /// Part of the name.
    pub search: Option<String>,
    /// Each of them is one of the model's words.
    pub words: Vec<String>,
    /// Whether the weights are open to everybody.
    pub open: Option<bool>,
    pub order: Order,
    /// Where the page before ended.
    pub cursor: Option<String>,
    pub limit: u64,
}

impl Hub {
    /// A page of the models this viewer may see, and where the next one begins.
    pub async fn browse(
        &self,
        viewer: Option<&Caller>,
        sought: &Sought,
    ) -> Result<(Vec<Described>, Option<String>), Error> {
        let offset = match &sought.cursor {
            None => Some(0),
            Some(cursor) => cursor.parse::<u64>().ok().map(|offset| offset.min(i64::MAX as u64)),
        };
        match offset {
            // A list that was begun by counting goes on so.
            Some(offset) if sought.cursor.is_some() || !self.is_found(sought) => {
                self.looked_at(viewer, sought, offset).await
            }
            _ => self.found(viewer, sought).await,
        }
    }

    /// Whether the index answers this: what a list of all models in their order would not.
    fn is_found(&self, sought: &Sought) -> bool {
        let part = sought.search.as_ref().is_some_and(|part| part.chars().count() > 1);
        (part || !sought.words.is_empty() || sought.open.is_some()) && self.search_complete()
    }

    /// A page from the index.
    async fn found(&self, viewer: Option<&Caller>, sought: &Sought) -> Result<(Vec<Described>, Option<String>), Error> {
        let Sought { owner, search, words, open, order, cursor, limit } = sought;
        let sort = match order {
            Order::Changed => Sort::Updated,
            Order::Created => Sort::New,
        };
        let filters = Filters {
            of: open.filter(|open| *open).map(|_| (Kind::Access, Access::Open.word().to_owned())).into_iter().collect(),
            closed: *open == Some(false),
            words: words.clone(),
            owner: owner.as_ref().map(ToString::to_string),
            part: search.clone(),
            ..Filters::default()
        };
        let after = cursor.as_ref().map(|cursor| cursor.parse()).transpose()?;
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        let query = Query { filters, sort, limit, after, ..Query::default() };
        let found = self.search(viewer, SearchWish { query, surface: "hf", current: true }).await?;
        let mut page = Vec::with_capacity(found.items.len());
        for item in found.items {
            let snapshot = self.snapshot_of(item.shown.repository, &Revision::main()).await?;
            let card = self.card(&snapshot).await?;
            page.push(Described { snapshot, card });
        }
        Ok((page, found.next.map(|next| next.to_string())))
    }

    /// A page of those among all models, in their order, that fit.
    async fn looked_at(
        &self,
        viewer: Option<&Caller>,
        sought: &Sought,
        offset: u64,
    ) -> Result<(Vec<Described>, Option<String>), Error> {
        let Sought { owner, search, words, open, order, limit, .. } = sought;
        let limit = (*limit).clamp(1, MAX_LOOKED_AT);
        let all = words.is_empty() && open.is_none();
        let look = if all { limit } else { MAX_LOOKED_AT };
        let (owner, search, order) = (owner.clone(), search.clone(), *order);
        let wanted = Wanted { owner, search, order, offset, limit: look, ..Wanted::default() };
        let models = self.repositories(viewer, wanted).await?;
        let more = models.len() as u64 == look;
        let (mut page, mut looked) = (Vec::new(), 0);
        for model in models {
            looked += 1;
            let snapshot = self.snapshot_of(model, &Revision::main()).await?;
            let card = self.card(&snapshot).await?;
            let own = card_words(&card);
            let access = snapshot.repository.access;
            if open.is_some_and(|open| open != (access == Access::Open)) || !words.iter().all(|word| own.contains(word))
            {
                continue;
            }
            page.push(Described { snapshot, card });
            if page.len() as u64 == limit && !all {
                return Ok((page, Some(offset.saturating_add(looked).to_string())));
            }
        }
        Ok((page, more.then(|| offset.saturating_add(looked).to_string())))
    }
}

/// The words by which a card is found: its task, library and tags, and what it names of licence, languages, data sets and
/// base models, each with what it is.
pub fn card_words(card: &Card) -> Vec<String> {
    let data = |field: &str| match card.data.get(field) {
        Some(Json::String(one)) => vec![one.clone()],
        Some(Json::Array(several)) => {
            several.iter().take(MAX_VALUES).filter_map(|one| one.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let mut words: Vec<String> = task_of(card).into_iter().chain(data("library_name")).collect();
    words.extend(card.tags.iter().cloned().chain(data("language")));
    for (field, prefix) in [("license", "license"), ("datasets", "dataset"), ("base_model", "base_model")] {
        words.extend(data(field).into_iter().map(|one| format!("{prefix}:{one}")));
    }
    let mut seen = std::collections::HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

/// The kind of work a card names, for people or for the hub.
pub fn task_of(card: &Card) -> Option<String> {
    let ours = || {
        let task = card.data.get("modelhub")?.get("task")?;
        task.get("type").unwrap_or(task).as_str().map(str::to_owned)
    };
    card.task.clone().or_else(ours)
}
