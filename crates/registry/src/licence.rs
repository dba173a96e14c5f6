//! What a card says of its licence: an identifier or expression of SPDX, or a word that Hugging Face's hub knows.
//!
//! Always: nothing is refused here; what is on no list is kept as it was written, with what it may have meant.
//!
//! The list of SPDX is the one in the crate `spdx`; the words are those that
//! <https://huggingface.co/docs/hub/repositories-licenses> takes in a card and SPDX does not have.

use spdx::{Expression, LicenseItem, ParseMode};

use crate::text::clip;

/// Words of Hugging Face's hub for licences that SPDX has no identifier of.
const HUGGING_FACE: &[&str] = &[
    "apple-amlr",
    "apple-ascl",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "bsd",
    "cc",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "fair-noncommercial-research-license",
    "gemma",
    "gfdl",
    "gpl",
    "grok2-community",
    "h-research",
    "intel-research",
    "lgpl",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "openmdw-1.0",
    "openrail",
    "openrail++",
];

/// Words of theirs, in the words of SPDX.
const MEANT: &[(&str, &str)] = &[
    ("bsl-1.0", "BSL-1.0"),
    ("c-uda", "C-UDA-1.0"),
    ("lgpl-lr", "LGPLLR"),
    ("odbl", "ODbL-1.0"),
    ("odc-by", "ODC-By-1.0"),
    ("pddl", "PDDL-1.0"),
];

/// How far a word may be from one of the lists to be taken for a slip.
const MAX_DISTANCE: usize = 4;
const NEAREST: usize = 3;
/// A longer text is no identifier, and is not compared with all of them.
const MAX_COMPARED: usize = 60;

/// What one `license` of a card is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// As SPDX writes it.
    Spdx(String),
    /// A word of Hugging Face's hub.
    Known(String),
    /// The author's own, which `license_name` and `license_link` say more of.
    Own { name: Option<String>, link: Option<String> },
    /// On no list. With those of a list that are nearest.
    Unknown { given: String, nearest: Vec<String> },
}

impl Licence {
    /// What `license: …` says; the other two are `license_name` and `license_link`.
    pub fn of(given: &str, name: Option<&str>, link: Option<&str>) -> Licence {
        let given = given.trim();
        let lower = given.to_ascii_lowercase();
        if matches!(lower.as_str(), "other" | "unknown" | "proprietary") {
            let own = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(clip);
            return Licence::Own { name: own(name), link: own(link) };
        }
        if let Some(id) = identifier(&lower) {
            return Licence::Spdx(id.to_owned());
        }
        if HUGGING_FACE.contains(&lower.as_str()) {
            return Licence::Known(lower);
        }
        match expression(given) {
            Some(expression) => Licence::Spdx(expression),
            None => Licence::Unknown { given: clip(given), nearest: nearest(&lower) },
        }
    }

    /// What there is to say of it to its author, if anything.
    pub fn notice(&self) -> Option<String> {
        match self {
            Licence::Spdx(_) | Licence::Known(_) => None,
            Licence::Own { name: Some(_), link: Some(_) } => None,
            Licence::Own { .. } => Some(
                "the licence is one of its own: add license_name and license_link, so that people can read it".into(),
            ),
            Licence::Unknown { given, nearest } if nearest.is_empty() => Some(format!(
                "the licence \"{given}\" is no identifier or expression of SPDX: see https://spdx.org/licenses, or write \
                 license: other with license_name and license_link"
            )),
            Licence::Unknown { given, nearest } => Some(format!(
                "the licence \"{given}\" is no identifier or expression of SPDX; near to it are {}",
                nearest.join(", ")
            )),
        }
    }

    /// Whether people can find out what it allows.
    pub fn is_known(&self) -> bool {
        self.notice().is_none()
    }
}

/// SPDX's own spelling of an identifier, whatever its case.
fn identifier(lower: &str) -> Option<&'static str> {
    if let Some((_, id)) = MEANT.iter().find(|(word, _)| *word == lower) {
        return Some(id);
    }
    spdx::identifiers::LICENSES.iter().map(|licence| licence.name).find(|name| name.eq_ignore_ascii_case(lower))
}

/// `MIT OR Apache-2.0`: identifiers in any case, operators too; none if any of them is on no list.
fn expression(given: &str) -> Option<String> {
    if given.len() > 500 {
        return None;
    }
    let spelled = |word: &str| {
        let (open, rest) = word.split_at(word.len() - word.trim_start_matches('(').len());
        let (bare, close) = rest.split_at(rest.trim_end_matches(')').len());
        let upper = bare.to_ascii_uppercase();
        let bare = match upper.as_str() {
            "AND" | "OR" | "WITH" => upper,
            _ => identifier(&bare.to_ascii_lowercase()).map_or_else(|| bare.to_owned(), str::to_owned),
        };
        format!("{open}{bare}{close}")
    };
    let spelled = given.split_whitespace().map(spelled).collect::<Vec<_>>().join(" ");
    let parsed = Expression::parse_mode(&spelled, ParseMode::STRICT).ok()?;
    // References to a document are no licences that anybody can look up.
    let listed = parsed.requirements().all(|required| matches!(required.req.license, LicenseItem::Spdx { .. }));
    listed.then_some(spelled)
}

fn nearest(lower: &str) -> Vec<String> {
    if lower.is_empty() || lower.chars().count() > MAX_COMPARED {
        return Vec::new();
    }
    let bare = |word: &str| word.to_ascii_lowercase().replace(['-', '_', ' ', '.'], "");
    let given = bare(lower);
    let words = spdx::identifiers::LICENSES.iter().map(|licence| licence.name).chain(HUGGING_FACE.iter().copied());
    // As far off as a third of the word: `mti` is near to `MIT`, and not to everything of three letters.
    let most = (given.chars().count() / 3).clamp(1, MAX_DISTANCE);
    let mut near: Vec<(usize, &str)> =
        words.filter_map(|word| Some((distance(&given, &bare(word)), word)).filter(|(far, _)| *far <= most)).collect();
    near.sort_by_key(|(far, word)| (*far, word.len(), *word));
    near.into_iter().take(NEAREST).map(|(_, word)| word.to_owned()).collect()
}

/// How many letters have to be put in, left out, replaced, or swapped with the next one.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = [vec![0; other.len() + 1], (0..=other.len()).collect::<Vec<_>>(), vec![0; other.len() + 1]];
    for i in 1..=one.len() {
        rows[2][0] = i;
        for j in 1..=other.len() {
            let same = usize::from(one[i - 1] != other[j - 1]);
            let mut least = (rows[1][j] + 1).min(rows[2][j - 1] + 1).min(rows[1][j - 1] + same);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &str) -> Licence {
        Licence::of(given, None, None)
    }

    fn spdx(text: &str) -> Licence {
        Licence::Spdx(text.to_owned())
    }

    #[test]
    fn identifiers_and_expressions_of_spdx_are_known_in_any_case() {
        for (given, expected) in [
            ("apache-2.0", "Apache-2.0"),
            ("MIT", "MIT"),
            (" mit ", "MIT"),
            ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
            ("gpl-3.0", "GPL-3.0"),
            ("odbl", "ODbL-1.0"),
            ("mit OR apache-2.0", "MIT OR Apache-2.0"),
            ("(MIT and BSD-3-Clause) or GPL-2.0-or-later", "(MIT AND BSD-3-Clause) OR GPL-2.0-or-later"),
            ("Apache-2.0 with LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ] {
            assert_eq!(of(given), spdx(expected), "{given}");
        }
    }

    #[test]
    fn words_of_hugging_face_are_known_and_their_own_ones_are_asked_for_more() {
        assert_eq!(of("openrail"), Licence::Known("openrail".to_owned()));
        assert_eq!(of("Llama3.1"), Licence::Known("llama3.1".to_owned()));
        assert!(of("other").notice().unwrap().contains("license_link"));
        let own = Licence::of("other", Some("Our terms"), Some("LICENSE.md"));
        assert_eq!((own.notice(), own.is_known()), (None, true));
    }

    #[test]
    fn slips_are_told_with_what_is_near() {
        for (given, near) in [
            ("apache2", "Apache-2.0"),
            ("apache 2.0", "Apache-2.0"),
            ("mti", "MIT"),
            ("Apach-2.0", "Apache-2.0"),
            ("gpl3", "GPL-3.0"),
            ("llama 3", "llama3"),
        ] {
            let Licence::Unknown { nearest, .. } = of(given) else { panic!("{given}: {:?}", of(given)) };
            assert!(nearest.iter().any(|word| word == near), "{given}: {nearest:?}");
        }
        for given in ["ask me", "LicenseRef-mine", "MIT OR nothing", "x", ""] {
            let licence = of(given);
            assert!(matches!(licence, Licence::Unknown { .. }) && licence.notice().is_some(), "{given}: {licence:?}");
        }
        let long = "x".repeat(100_000);
        assert!(
            matches!(of(&long), Licence::Unknown { given, nearest } if given.chars().count() == 100 && nearest.is_empty())
        );
    }
}
