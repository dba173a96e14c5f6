//! What is known of a model for finding it.

use tantivy::{TantivyDocument, Term};

use crate::fields::{Fields, Kind, clipped, folded};

/// A model's id, or an account's.
pub type Id = [u8; 16];

/// Most tags of a model that are counted.
const MAX_TAGS: usize = 20;
/// Most words of a card that are filtered by.
const MAX_WORDS: usize = 200;
/// Most bytes of the text that are looked through.
const MAX_TEXT: usize = 4_000;

/// What is known of a model for finding it. Texts are strangers' and may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    pub id: Id,
    /// The account it belongs to.
    pub owner: Id,
    /// Found by its owner's group alone.
    pub private: bool,
    /// Whether it can be called.
    pub released: bool,
    /// The owner's handle and the model's name, as they are written.
    pub handle: String,
    pub name: String,
    pub title: String,
    pub summary: String,
    pub text: String,
    pub task: Option<String>,
    pub licences: Vec<String>,
    pub formats: Vec<String>,
    pub tags: Vec<String>,
    /// What its card says of it in single words, each found whole.
    pub words: Vec<String>,
    /// What one call costs, in nano-OPG; none while that is not known.
    pub price: Option<u64>,
    pub tier: u8,
    /// Who gets the weights: `sealed`, `gated`, `open`.
    pub access: String,
    /// Milliseconds.
    pub created: u64,
    pub updated: u64,
    pub calls: u64,
    pub earned: u64,
}

/// What is to be done to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The model as it is now, in place of what was known of it.
    Put(Box<Document>),
    /// The model is gone.
    Remove(Id),
}

impl Change {
    pub(crate) fn id(&self) -> Id {
        match self {
            Change::Put(document) => document.id,
            Change::Remove(id) => *id,
        }
    }
}

/// Whoever may see a document: everybody, or its owner's group.
pub(crate) const PUBLIC: &str = "seen:all";

pub(crate) fn group(owner: Id) -> String {
    format!("seen:{:032x}", u128::from_be_bytes(owner))
}

pub(crate) fn id_term(fields: &Fields, id: Id) -> Term {
    Term::from_field_bytes(fields.id, &id)
}

impl Document {
    fn full_name(&self) -> String {
        format!("{}/{}", self.handle, self.name)
    }

    /// The values it has of a facet.
    fn values(&self, kind: Kind) -> Vec<String> {
        let word = |word: &String| clipped(word.trim());
        let mut values: Vec<String> = match kind {
            Kind::Task => self.task.iter().map(word).collect(),
            Kind::Licence => self.licences.iter().map(word).collect(),
            Kind::Format => self.formats.iter().map(word).collect(),
            Kind::Tag => self.tags.iter().take(MAX_TAGS).map(word).collect(),
            Kind::Tier => vec![self.tier.to_string()],
            Kind::Access => vec![clipped(&self.access)],
        };
        values.retain(|value| !value.is_empty());
        values.sort_unstable();
        values.dedup();
        values
    }

    pub(crate) fn written(&self, fields: &Fields) -> TantivyDocument {
        let mut written = TantivyDocument::new();
        written.add_bytes(fields.id, &self.id);
        let id = u128::from_be_bytes(self.id);
        written.add_u64(fields.id_high, (id >> 64) as u64);
        written.add_u64(fields.id_low, id as u64);

        let (full, mut all) = (self.full_name(), Vec::new());
        let text = &self.text[..self.text.floor_char_boundary(MAX_TEXT)];
        written.add_text(fields.name, &self.name);
        written.add_text(fields.title, &self.title);
        written.add_text(fields.title, &self.handle);
        all.extend([full.as_str(), &self.title, &self.summary, text]);
        let mut marks = vec![if self.private { group(self.owner) } else { PUBLIC.to_owned() }];
        let kinds: Vec<(Kind, Vec<String>)> = Kind::ALL.into_iter().map(|kind| (kind, self.values(kind))).collect();
        for (kind, values) in &kinds {
            for value in values {
                written.add_text(fields.kind(*kind), value);
                marks.push(kind.mark(value));
                if matches!(kind, Kind::Task | Kind::Tag) {
                    written.add_text(fields.title, value);
                    all.push(value);
                }
            }
        }
        for part in all {
            written.add_text(fields.all, part);
        }
        written.add_text(fields.grams, clipped(&full));
        let full = folded(&full);
        marks.push(format!("base:{}", folded(&self.name)));
        marks.push(format!("owner:{}", folded(&self.handle)));
        marks.push(format!("full:{full}"));
        marks.extend(self.released.then(|| "released".to_owned()));
        marks.extend(self.words.iter().take(MAX_WORDS).map(|word| format!("word:{}", clipped(word))));
        for mark in marks {
            written.add_text(fields.marks, &mark);
        }
        written.add_u64(fields.price, self.price.unwrap_or(u64::MAX));
        written.add_u64(fields.created, self.created);
        written.add_u64(fields.updated, self.updated);
        written.add_u64(fields.calls, self.calls);
        written.add_u64(fields.earned, self.earned);
        written
    }
}
