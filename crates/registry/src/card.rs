//! Cards: a model's README.md and its front matter.
//!
//! Always: front matter of other tools is read over, not refused; what is ours is read strictly. A README without
//! front matter, or none at all, is a card that decides nothing.
//!
//! Absent on purpose: rendering. The body is Markdown from strangers, to be cleaned where it is shown.

use serde_json::{Map, Value as Json};

use crate::complete::Sections;
use crate::error::{CardError, Line};
use crate::front_matter::{self, Field};
use crate::licence::Licence;
use crate::lineage::Lineage;
use crate::section::Section;
use crate::text::clip_to;

/// Most entries of a list in front matter that we read.
const MAX_ENTRIES: usize = 100;
/// Most characters of title and summary.
const MAX_SUMMARY: usize = 200;

/// What a README says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Card {
    /// `title`, else the first heading of the text.
    pub title: Option<String>,
    /// `summary`, else the first paragraph of the text as one line of at most 200 characters.
    pub summary: Option<String>,
    /// `license`; several are joined by commas.
    pub license: Option<String>,
    /// What each of them is.
    pub licences: Vec<Licence>,
    /// Where they stand.
    pub licence_line: Line,
    /// `pipeline_tag`.
    pub task: Option<String>,
    /// `tags`.
    pub tags: Vec<String>,
    /// `base_model`.
    pub lineage: Lineage,
    /// `modelhub`: there is one as soon as the word stands there.
    pub hub: Option<Section>,
    /// Which parts of a card its text has.
    pub sections: Sections,
    /// All of the front matter, as clients read a card's data.
    pub data: Map<String, Json>,
    /// The text after the front matter, as it was written.
    pub body: String,
}

impl Card {
    /// Reads a README.
    pub fn parse(readme: &str) -> Result<Card, CardError> {
        let front_matter::Split { yaml, body } = front_matter::split(readme)?;
        let fields = yaml.map(front_matter::read).transpose()?.unwrap_or_default();
        let sections = Sections::of(body);
        let mut card = Card { data: front_matter::object(&fields), body: body.to_owned(), sections, ..Card::default() };
        for Field { name, node, .. } in &fields {
            let line = || Ok(node.text(name)?.map(one_line).filter(|text| !text.is_empty()));
            match name.as_str() {
                "title" => card.title = line()?,
                "summary" => card.summary = line()?,
                "pipeline_tag" => card.task = line()?,
                "license" => {
                    let given = node.texts(name, MAX_ENTRIES)?;
                    let more = |field| card.data.get(field).and_then(Json::as_str);
                    let licence = |given: &String| Licence::of(given, more("license_name"), more("license_link"));
                    card.licences = given.iter().filter(|given| !given.trim().is_empty()).map(licence).collect();
                    card.license = Some(given.join(", ")).filter(|text| !text.is_empty());
                    card.licence_line = node.line;
                }
                "tags" => card.tags = node.texts(name, MAX_ENTRIES)?,
                "base_model" => card.lineage = Lineage::of(&node.texts(name, MAX_ENTRIES)?),
                "modelhub" => card.hub = Some(Section::read(node)?),
                _ => {}
            }
        }
        card.title = card.title.or_else(|| heading(body));
        card.summary = card.summary.or_else(|| paragraph(body));
        Ok(card)
    }

    /// What there is to say to its author, where nothing is wrong enough to be refused.
    pub fn notices(&self) -> Vec<String> {
        let licence = |licence: &Licence| Some(format!("{}{}", licence.notice()?, self.licence_line));
        self.licences.iter().filter_map(licence).collect()
    }

    /// Reads a README as it lies in the folder.
    pub fn from_bytes(readme: &[u8]) -> Result<Card, CardError> {
        Card::parse(std::str::from_utf8(readme).map_err(|error| {
            let read = std::str::from_utf8(&readme[..error.valid_up_to()]).unwrap_or_default();
            let column = read.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            CardError::NotText { line: Line(Some((read.matches('\n').count() as u64 + 1, column as u64))) }
        })?)
    }
}

fn one_line(text: &str) -> String {
    clip_to(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_SUMMARY)
}

/// The text of the first `# ` line outside of code.
fn heading(body: &str) -> Option<String> {
    prose(body)
        .find_map(|line| line.strip_prefix("# "))
        .map(|text| one_line(&plain(text)))
        .filter(|text| !text.is_empty())
}

/// The first lines that stand together and are sentences: no headings, pictures, badges, tables, lists, quotes, HTML.
fn paragraph(body: &str) -> Option<String> {
    let sentence = |line: &str| {
        !line.is_empty()
            && !line.starts_with(['#', '<', '!', '|', '>', '-', '*', '+', '=', ':'])
            && !line.starts_with("[!")
            || line.starts_with("**")
    };
    let lines: Vec<&str> = prose(body).skip_while(|line| !sentence(line)).take_while(|line| sentence(line)).collect();
    let text = one_line(&plain(&lines.join(" ")));
    (!text.is_empty()).then_some(text)
}

/// Lines outside of fenced code, trimmed. Ours is a summary's idea of Markdown, no more.
fn prose(body: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    body.lines().map(str::trim).filter(move |line| {
        let fence = line.starts_with("```") || line.starts_with("~~~");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Markdown without its marks: `[text](address)` is text; stars, back-ticks and HTML tags are dropped.
///
/// Looking for the end of a mark takes time by the length of the text, so a longer one than any summary is cut first.
fn plain(text: &str) -> String {
    let text = clip_to(text, 10 * MAX_SUMMARY);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['[', '*', '`', '<']) {
        plain.push_str(&rest[..at]);
        let mark = &rest[at..];
        rest = match mark.as_bytes()[0] {
            b'[' => match mark[1..].split_once("](").and_then(|(text, rest)| Some((text, rest.split_once(')')?))) {
                Some((text, (_, after))) if !text.contains(['[', ']']) => {
                    plain.push_str(text);
                    after
                }
                _ => keep(&mut plain, mark),
            },
            b'<' => match mark[1..].split_once('>') {
                Some((tag, after)) if tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') => {
                    after
                }
                _ => keep(&mut plain, mark),
            },
            _ => &mark[1..],
        };
    }
    plain.push_str(rest);
    plain
}

/// Takes the first character, a mark that marks nothing, as it is.
fn keep<'a>(plain: &mut String, mark: &'a str) -> &'a str {
    plain.push_str(&mark[..1]);
    &mark[1..]
}
