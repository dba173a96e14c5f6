//! Lineage: the models a model was made from.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_models_are_names_here_or_text() {
        let entries = ["alice/minilm", "Qwen/Qwen3", "gpt2", " alice/MiniLM ", "gpt2", ""];
        let lineage = Lineage::of(&entries.map(str::to_owned));
        assert_eq!(lineage.models, ["alice/minilm".parse().unwrap()]);
        assert_eq!(lineage.others, ["Qwen/Qwen3", "gpt2"]);
        assert!(Lineage::of(&[]).is_empty());
    }
}
