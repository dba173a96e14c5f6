//! Lineage: the models a model was made from.

use ledger::{AccountId, MAX_ROYALTIES, Share};
use serde::{Deserialize, Serialize};

use crate::name::ModelName;

/// What a card names under `base_model`, each once, in written order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Entries of the form of a model here. Whether it exists, and asks for royalties, is the hub's to know.
    pub models: Vec<ModelName>,
    /// All others: models of other places, named as their people do.
    pub others: Vec<String>,
}

impl Lineage {
    pub fn of(entries: &[String]) -> Lineage {
        let mut lineage = Lineage::default();
        for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
            match entry.parse::<ModelName>() {
                Ok(model) if lineage.models.iter().all(|known| known.folded() != model.folded()) => {
                    lineage.models.push(model);
                }
                Ok(_) => {}
                Err(_) if lineage.others.iter().all(|known| known != entry) => lineage.others.push(entry.to_owned()),
                Err(_) => {}
            }
        }
        lineage
    }

    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.others.is_empty()
    }
}

/// One edge of a release's lineage: a model it builds on, and what that one gets of each call. Frozen in the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// `owner/name` and the release that was built on, as they were called then.
    pub model: String,
    pub release: String,
    pub to: AccountId,
    /// What the base model asks of those that build on it.
    pub asked: Share,
    /// What it gets of what is left after the fee: less than it asked where all of them asked for too much.
    pub share: Share,
}

/// Cuts the shares of all edges in proportion where they ask for more than royalties may be together. Edges that are
/// left with nothing fall away.
pub fn within_limit(edges: &mut Vec<Edge>) {
    let asked: u32 = edges.iter().map(|edge| u32::from(edge.share.points())).sum();
    let most = u32::from(MAX_ROYALTIES);
    if asked > most {
        for edge in edges.iter_mut() {
            let points = u32::from(edge.share.points()) * most / asked;
            edge.share = Share::from_points(points as u16).expect("less than before");
        }
    }
    edges.retain(|edge| edge.share.points() > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(model: &str, points: u16) -> Edge {
        let share = Share::from_points(points).unwrap();
        Edge { model: model.to_owned(), release: "1.00".to_owned(), to: AccountId([7; 16]), asked: share, share }
    }

    #[test]
    fn royalties_that_ask_for_too_much_are_cut_in_proportion() {
        let shares = |edges: &[Edge]| edges.iter().map(|edge| edge.share.points()).collect::<Vec<_>>();
        let mut edges = vec![edge("a/a", 1_500), edge("b/b", 500)];
        within_limit(&mut edges);
        assert_eq!(shares(&edges), [1_500, 500], "together they are at the limit");
        let mut edges = vec![edge("a/a", 2_000), edge("b/b", 1_000), edge("c/c", 1), edge("d/d", 0)];
        within_limit(&mut edges);
        assert_eq!(shares(&edges), [1_332, 666], "what comes to nothing falls away");
        assert!(edges.iter().all(|edge| edge.asked.points() >= edge.share.points()));
    }

    #[test]
    fn base_models_are_names_here_or_text() {
        let entries = ["alice/minilm", "Qwen/Qwen3", "gpt2", " alice/MiniLM ", "gpt2", ""];
        let lineage = Lineage::of(&entries.map(str::to_owned));
        assert_eq!(lineage.models, ["alice/minilm".parse().unwrap()]);
        assert_eq!(lineage.others, ["Qwen/Qwen3", "gpt2"]);
        assert!(Lineage::of(&[]).is_empty());
    }
}
