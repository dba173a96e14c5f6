//! Models out of a seed, for tests and races: the same number is the same model everywhere.

use crate::document::{Document, Id};

const KINDS: &[&str] = &["classifier", "detector", "encoder", "ranker", "tagger", "parser", "scorer", "generator"];
const TASKS: &[&str] = &[
    "text-classification",
    "token-classification",
    "feature-extraction",
    "image-classification",
    "object-detection",
    "tabular-regression",
    "tabular-classification",
    "time-series-forecasting",
    "audio-classification",
    "fill-mask",
    "automatic-speech-recognition",
    "sentence-similarity",
];
const LICENCES: &[&str] =
    &["apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "openrail", "gpl-3.0", "bsd-3-clause", "other"];
const TAGS: usize = 500;
const WORDS: usize = 4_000;

/// Numbers that look like chance: SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// Small numbers more often than large ones, as words and owners are.
    pub fn skewed(&mut self, end: usize) -> usize {
        let (one, two) = (self.below(end), self.below(end));
        one.min(two).min(self.below(end))
    }

    pub fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// More often the first ones.
    pub fn rather<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.skewed(list.len())]
    }
}

/// The word of a number: of syllables, so that some are a typo apart.
pub fn word(number: usize) -> String {
    const SYLLABLES: &[&str] = &[
        "ba", "con", "di", "fer", "gra", "ho", "jun", "ka", "lem", "mo", "nar", "pe", "qui", "ros", "sta", "tu", "vel",
        "wis", "xe", "yor",
    ];
    let mut text = String::new();
    let mut rest = number + SYLLABLES.len();
    while rest > 0 {
        text += SYLLABLES[rest % SYLLABLES.len()];
        rest /= SYLLABLES.len();
    }
    text
}

pub fn task(number: usize) -> &'static str {
    TASKS[number % TASKS.len()]
}

pub fn licence(number: usize) -> &'static str {
    LICENCES[number % LICENCES.len()]
}

pub fn tag(number: usize) -> String {
    format!("t-{}", word(number % TAGS))
}

pub fn id(number: u64) -> Id {
    // In their order, as the hub's own ids are.
    (u128::from(number) << 64 | u128::from(Chance(number).number())).to_be_bytes()
}

pub fn model(number: u64) -> Document {
    let mut chance = Chance(number.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ 7);
    let mut say = |words: usize| {
        let words: Vec<String> = (0..words).map(|_| word(chance.skewed(WORDS))).collect();
        words.join(" ")
    };
    let (title, summary, text) = (say(4), say(14), say(60));
    let (first, second) = (word(chance.skewed(WORDS)), chance.one_of(KINDS));
    let task = chance.rather(TASKS).to_owned();
    let licence = chance.rather(LICENCES).to_owned();
    let owner = chance.skewed(20_000);
    let tags: Vec<String> = (0..1 + chance.below(5)).map(|_| tag(chance.skewed(TAGS))).collect();
    let mut words = vec![task.clone(), format!("license:{licence}")];
    words.extend(tags.iter().cloned());
    let created = 1_700_000_000_000 + number * 60_000;
    Document {
        id: id(number),
        owner: id(owner as u64),
        private: chance.below(50) == 0,
        released: chance.below(20) > 0,
        handle: format!("{}{owner}", word(owner)),
        name: format!("{first}-{second}-{number}"),
        title,
        summary,
        text,
        task: Some(task),
        licences: vec![licence],
        formats: vec![if chance.below(10) == 0 { "remote" } else { "onnx" }.to_owned()],
        tags,
        words,
        price: (chance.below(30) > 0).then(|| chance.skewed(1_000) as u64 * 100_000),
        tier: 0,
        access: chance.rather(&["sealed", "open", "gated"]).to_owned(),
        created,
        updated: created + chance.below(1_000_000_000) as u64,
        calls: chance.skewed(10_000) as u64 / (1 + chance.below(100) as u64),
        earned: 0,
    }
}
