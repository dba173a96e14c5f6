//! The fields of the index, and how texts become words.

use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, NgramTokenizer, RawTokenizer, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
    TokenizerManager,
};

/// Of what is in the index, and how. Indexes of another are made anew.
pub const FORMAT: u32 = 1;

/// Longest word that is looked for, in bytes.
const MAX_WORD: usize = 60;
/// Most bytes of a value that is filtered by.
const MAX_VALUE: usize = 200;

/// What models are sorted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Task,
    Licence,
    Format,
    Tag,
    Tier,
    Access,
}

impl Kind {
    pub const ALL: [Kind; 6] = [Self::Task, Self::Licence, Self::Format, Self::Tag, Self::Tier, Self::Access];

    pub const fn word(self) -> &'static str {
        match self {
            Kind::Task => "task",
            Kind::Licence => "licence",
            Kind::Format => "format",
            Kind::Tag => "tag",
            Kind::Tier => "tier",
            Kind::Access => "access",
        }
    }

    /// The term by which a value is filtered.
    pub(crate) fn mark(self, value: &str) -> String {
        format!("{}:{}", self.word(), clipped(value.trim()))
    }
}

/// As much of a value as is kept.
pub(crate) fn clipped(value: &str) -> String {
    value[..value.floor_char_boundary(MAX_VALUE)].to_owned()
}

/// A name without regard to case.
pub(crate) fn folded(name: &str) -> String {
    clipped(name).to_ascii_lowercase()
}

#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    pub(crate) id: Field,
    pub(crate) id_high: Field,
    pub(crate) id_low: Field,
    /// Words of the name.
    pub(crate) name: Field,
    /// Words of title, owner, task and tags.
    pub(crate) title: Field,
    /// All words there are.
    pub(crate) all: Field,
    /// Pieces of two and three characters of `owner/name`.
    pub(crate) grams: Field,
    /// What is filtered by: `task:…`, `owner:…`, `seen:…`.
    pub(crate) marks: Field,
    kinds: [Field; Kind::ALL.len()],
    pub(crate) price: Field,
    pub(crate) created: Field,
    pub(crate) updated: Field,
    pub(crate) calls: Field,
    pub(crate) earned: Field,
}

impl Fields {
    pub(crate) fn new() -> Fields {
        let mut schema = Schema::builder();
        let id = schema.add_bytes_field("id", BytesOptions::default().set_indexed());
        let mut text = |name: &str, tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            schema.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
        };
        let (name, title, all) = (text("name", "words"), text("title", "words"), text("all", "words"));
        let (grams, marks) = (text("grams", "grams"), text("marks", "whole"));
        let kinds = Kind::ALL.map(|kind| schema.add_text_field(kind.word(), TextOptions::default().set_fast("whole")));
        let mut number = |name: &str| schema.add_u64_field(name, NumericOptions::default().set_fast());
        Fields {
            id,
            id_high: number("id_high"),
            id_low: number("id_low"),
            price: number("price"),
            created: number("created"),
            updated: number("updated"),
            calls: number("calls"),
            earned: number("earned"),
            name,
            title,
            all,
            grams,
            marks,
            kinds,
            schema: schema.build(),
        }
    }

    pub(crate) fn kind(&self, kind: Kind) -> Field {
        self.kinds[kind as usize]
    }
}

/// Letters and digits, in small letters without accents.
pub(crate) fn words() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a question, as texts have them, in their order.
pub(crate) fn words_of(text: &str) -> Vec<String> {
    let mut analyzer = words();
    let mut stream = analyzer.token_stream(text);
    let mut found: Vec<String> = Vec::new();
    while let Some(token) = stream.next() {
        if !found.contains(&token.text) {
            found.push(token.text.clone());
        }
    }
    found
}

pub(crate) fn tokenizers() -> TokenizerManager {
    // With the usual ones: fields without words are given one too.
    let manager = TokenizerManager::default();
    manager.register("words", words());
    manager.register("whole", TextAnalyzer::builder(RawTokenizer::default()).build());
    let grams = NgramTokenizer::all_ngrams(2, 3).expect("two is above nothing and below three");
    manager.register("grams", TextAnalyzer::builder(grams).filter(LowerCaser).build());
    manager
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_words_of_letters_and_digits() {
        assert_eq!(words_of("Résumé-Parser_v1.5  résumé"), ["resume", "parser", "v1", "5"]);
        assert_eq!(words_of("  /*+-  "), [""; 0]);
        assert_eq!(words_of(&"x".repeat(MAX_WORD + 1)), [""; 0]);
    }

    #[test]
    fn values_are_clipped_between_characters() {
        let long = "é".repeat(MAX_VALUE);
        assert_eq!(clipped(&long).len(), MAX_VALUE);
        assert_eq!(clipped(&format!("a{long}")).len(), MAX_VALUE - 1);
    }
}
