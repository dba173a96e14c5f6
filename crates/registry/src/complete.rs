//! How much of what people want to know a card says, and what is missing.
//!
//! Which parts a card should have is from "Model Cards for Model Reporting" (Mitchell et al. 2019, section 4); how much
//! each counts is ours and stands in [`Part`]: that anybody can count it again matters more than the numbers. A part is
//! there or not; whether what it says is true or good is nobody's to see here.

use crate::card::Card;
use crate::licence::Licence;
use crate::tree::Tree;

/// A section says something from so many characters on, without its headings.
const MIN_SECTION: usize = 40;
/// Headings of a card that are looked at.
const MAX_HEADINGS: usize = 500;

macro_rules! parts {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $weight:literal, $how:literal;)*) => {
        /// Something a card should say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Part {
            $($(#[$doc])* $variant,)*
        }

        impl Part {
            pub const ALL: &'static [Part] = &[$(Part::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $(Part::$variant => $word,)* }
            }

            /// Of a hundred.
            pub const fn weight(self) -> u32 {
                match self { $(Part::$variant => $weight,)* }
            }

            /// How to add it.
            pub const fn how(self) -> &'static str {
                match self { $(Part::$variant => $how,)* }
            }
        }
    };
}

parts! {
    /// Intended use.
    Purpose = "purpose", 20, "a section \"Intended use\": what it is for, for whom, and what it is not for";
    /// Factors, ethical considerations, caveats and recommendations.
    Limits = "limits", 15, "a section \"Limitations\": where it fails, for whom it is worse, what to look out for";
    /// Training data.
    Training = "training data", 15, "a section \"Training data\", or datasets: in the front matter";
    /// Metrics, evaluation data, quantitative analyses.
    Evaluation = "evaluation", 15, "a section \"Evaluation\" with metrics, data and method, or model-index: in the front matter";
    /// Model details: licence.
    Licence = "licence", 10, "license: in the front matter, an identifier of SPDX such as apache-2.0";
    Examples = "examples", 10, "examples/one.json with inputs and the outputs you expect";
    /// Model details: what it is.
    Details = "details", 5, "a title and a first paragraph, or title: and summary: in the front matter";
    /// Model details: the kind of model.
    Task = "task", 5, "pipeline_tag: in the front matter, such as text-classification";
    /// Model details: where to send questions.
    Contact = "contact", 5, "a section \"Contact\", \"Authors\" or \"Citation\"";
}

/// Beginnings of headings, in lower case, for the parts that are sections.
const HEADINGS: &[(Part, &[&str])] = &[
    (
        Part::Purpose,
        &[
            "intended use",
            "uses",
            "use case",
            "direct use",
            "downstream use",
            "purpose",
            "out-of-scope",
            "what it is for",
            "what it does",
            "how to use",
            "usage",
        ],
    ),
    (
        Part::Limits,
        &["limit", "bias", "risk", "ethic", "caveat", "recommendation", "factors", "known issue", "fairness", "safety"],
    ),
    (Part::Training, &["training", "data", "dataset", "pretraining", "pre-training", "fine-tuning data"]),
    (
        Part::Evaluation,
        &["evaluation", "metric", "result", "benchmark", "performance", "quantitative", "accuracy", "test"],
    ),
    (
        Part::Contact,
        &["contact", "author", "citation", "cite", "maintainer", "model card contact", "support", "questions"],
    ),
];

/// Which of the parts that are sections a card's text has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sections(Vec<Part>);

impl Sections {
    /// Headings of Markdown with what stands below them, up to the next of the same level or above.
    pub(crate) fn of(body: &str) -> Sections {
        // Level, parts and characters of those that are open.
        let mut open: Vec<(usize, Vec<Part>, usize)> = Vec::new();
        let mut found = Vec::new();
        let mut close = |open: &mut Vec<(usize, Vec<Part>, usize)>, level: usize| {
            while let Some((_, parts, characters)) = open.pop_if(|(above, ..)| *above >= level) {
                if characters >= MIN_SECTION {
                    found.extend(parts);
                }
                if let Some((_, _, outer)) = open.last_mut() {
                    *outer += characters;
                }
            }
        };
        let (mut fenced, mut headings) = (false, 0);
        for line in body.lines() {
            let text = line.trim();
            if text.starts_with("```") || text.starts_with("~~~") {
                fenced = !fenced;
            }
            let level = text.bytes().take_while(|byte| *byte == b'#').count();
            let is_heading = !fenced && (1..=6).contains(&level) && text[level..].starts_with(' ');
            if is_heading && headings < MAX_HEADINGS {
                headings += 1;
                close(&mut open, level);
                let title = text[level..].trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
                let named = |(_, starts): &&(Part, &[&str])| starts.iter().any(|start| title.starts_with(start));
                open.push((level, HEADINGS.iter().filter(named).map(|(part, _)| *part).collect(), 0));
            } else if let Some((_, _, characters)) = open.last_mut() {
                *characters += text.chars().count();
            }
        }
        close(&mut open, 0);
        found.sort_unstable();
        found.dedup();
        Sections(found)
    }

    fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }
}

/// Which parts a card has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// All of them, in their order, and whether each is there.
    pub parts: Vec<(Part, bool)>,
}

impl Completeness {
    pub fn of(card: &Card, files: &Tree) -> Completeness {
        let listed = |field: &str| match card.data.get(field) {
            Some(serde_json::Value::Array(entries)) => !entries.is_empty(),
            Some(serde_json::Value::String(entry)) => !entry.trim().is_empty(),
            _ => false,
        };
        let ours = card.hub.as_ref().is_some_and(|section| section.task.is_some());
        let example = |path: &str| path.starts_with("examples/") && (path.ends_with(".json") || path.ends_with(".npz"));
        let is_there = |part| match part {
            Part::Purpose | Part::Limits | Part::Contact => card.sections.has(part),
            Part::Training => card.sections.has(part) || listed("datasets"),
            Part::Evaluation => card.sections.has(part) || listed("model-index"),
            Part::Licence => !card.licences.is_empty() && card.licences.iter().all(Licence::is_known),
            Part::Examples => files.files().iter().any(|file| example(file.path.as_str())),
            Part::Details => card.title.is_some() && card.summary.is_some(),
            Part::Task => card.task.is_some() || ours,
        };
        Completeness { parts: Part::ALL.iter().map(|part| (*part, is_there(*part))).collect() }
    }

    /// Of a hundred: the weights of the parts that are there.
    pub fn score(&self) -> u32 {
        self.parts.iter().filter(|(_, there)| *there).map(|(part, _)| part.weight()).sum()
    }

    /// The heaviest first.
    pub fn missing(&self) -> impl Iterator<Item = Part> {
        self.parts.iter().filter(|(_, there)| !*there).map(|(part, _)| *part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, File};

    fn of(readme: &str, paths: &[&str]) -> Completeness {
        let file = |path: &&str| File { path: path.parse().unwrap(), sha256: Digest([0; 32]), size: 1 };
        let files = Tree::new(paths.iter().map(file).collect()).unwrap();
        Completeness::of(&Card::parse(readme).unwrap(), &files)
    }

    fn missing(readme: &str) -> Vec<&'static str> {
        of(readme, &[]).missing().map(Part::word).collect()
    }

    const WORDS: &str = "Here stand some words that say what there is to say of it.\n";

    #[test]
    fn the_weights_make_a_hundred_and_the_heaviest_comes_first() {
        assert_eq!(Part::ALL.iter().map(|part| part.weight()).sum::<u32>(), 100);
        assert!(Part::ALL.is_sorted_by_key(|part| std::cmp::Reverse(part.weight())));
    }

    #[test]
    fn a_card_that_says_all_has_a_hundred_and_an_empty_one_nothing() {
        let card = format!(
            "---\nlicense: mit\npipeline_tag: text-classification\n---\n# Reviews\n\n{WORDS}\n## Intended use\n{WORDS}\n\
             ## Limitations and bias\n{WORDS}\n## Training\n### Data\n{WORDS}\n## Evaluation\n{WORDS}\n## Citation\n{WORDS}"
        );
        assert_eq!(of(&card, &["examples/one.json"]).score(), 100);
        assert_eq!(of(&card, &["examples.json"]).missing().collect::<Vec<_>>(), [Part::Examples]);
        assert_eq!(of("", &[]).score(), 0);
    }

    #[test]
    fn front_matter_stands_for_sections() {
        let card =
            "---\nlicense: [mit, apache-2.0]\ndatasets: [glue]\nmodel-index:\n- name: x\ntitle: X\nsummary: Y\n---\n";
        assert_eq!(missing(card), ["purpose", "limits", "examples", "task", "contact"]);
        assert!(missing("---\nlicense: mine\ndatasets: []\n---\n").contains(&"licence"));
        assert!(missing("---\ndatasets: []\n---\n").contains(&"training data"));
    }

    #[test]
    fn a_heading_with_nothing_below_it_is_no_section() {
        assert!(missing("# X\n## Limitations\n## Evaluation\nSoon.\n").contains(&"limits"));
        assert!(missing("# X\n## Limitations\nNone.\n").contains(&"limits"));
        assert!(!missing(&format!("# X\n## ⚠️ **Limitations**\n{WORDS}")).contains(&"limits"));
        assert!(missing(&format!("# X\n```\n## Limitations\n{WORDS}```\n")).contains(&"limits"), "code is no heading");
        // What stands below a part of a section stands below the section.
        assert!(!missing(&format!("## Limitations\n### Of language\n{WORDS}\n## End\n")).contains(&"limits"));
    }

    #[test]
    fn a_hostile_text_is_read_in_the_time_of_its_length() {
        let text = "###### training\n# x\n".repeat(20_000);
        assert_eq!(Sections::of(&text), Sections::default());
    }
}
