//! What is different between two releases: files, and what is written in their contracts.
//!
//! Always: a list of differences is bounded, and says how many it left out; what is equal is not in it.

use serde_json::Value as Json;

use crate::tree::{File, Tree};

/// Most differences of one list.
pub const MAX_DIFFERENCES: usize = 500;
/// Most of a value that is shown, in bytes of its JSON.
const MAX_VALUE_BYTES: usize = 2_000;

/// A file that is not the same in both. One that is in both has both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDifference {
    pub from: Option<File>,
    pub to: Option<File>,
}

/// A value that is not the same in both, by the way to it: `signature.inputs[0].shape[1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    pub field: String,
    pub from: Option<Json>,
    pub to: Option<Json>,
}

/// Differences, and how many there are besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences<T> {
    pub items: Vec<T>,
    pub more: usize,
}

impl<T> Default for Differences<T> {
    fn default() -> Self {
        Differences { items: Vec::new(), more: 0 }
    }
}

impl<T> Differences<T> {
    fn add(&mut self, item: T) {
        if self.items.len() < MAX_DIFFERENCES {
            self.items.push(item);
        } else {
            self.more += 1;
        }
    }
}

/// The files that two trees do not share, in the order of their paths.
pub fn files(from: &Tree, to: &Tree) -> Differences<FileDifference> {
    let mut found = Differences::default();
    let mut old = from.files().iter().peekable();
    let mut new = to.files().iter().peekable();
    loop {
        // Both stand in the order of their paths.
        let (a, b) = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (Some(a), Some(b)) if a.path == b.path => (old.next(), new.next()),
            (Some(a), Some(b)) if a.path < b.path => (old.next(), None),
            (Some(_), Some(_)) => (None, new.next()),
        };
        let same = a.zip(b).is_some_and(|(a, b)| a.sha256 == b.sha256 && a.size == b.size);
        if !same {
            found.add(FileDifference { from: a.cloned(), to: b.cloned() });
        }
    }
}

/// The values in which two documents differ.
pub fn fields(from: &Json, to: &Json) -> Differences<FieldDifference> {
    let mut found = Differences::default();
    compare("", Some(from), Some(to), &mut found);
    found
}

fn compare(field: &str, from: Option<&Json>, to: Option<&Json>, found: &mut Differences<FieldDifference>) {
    match (from, to) {
        (Some(a), Some(b)) if a == b => {}
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            let join = |key: &str| if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") };
            for (key, value) in a {
                compare(&join(key), Some(value), b.get(key), found);
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                compare(&join(key), None, Some(value), found);
            }
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) => {
            for at in 0..a.len().max(b.len()) {
                compare(&format!("{field}[{at}]"), a.get(at), b.get(at), found);
            }
        }
        (a, b) => {
            let shown = |value: Option<&Json>| value.map(clipped);
            found.add(FieldDifference { field: field.to_owned(), from: shown(a), to: shown(b) });
        }
    }
}

/// A value, or its beginning as text if it is long.
fn clipped(value: &Json) -> Json {
    let mut text = value.to_string();
    if text.len() <= MAX_VALUE_BYTES {
        return value.clone();
    }
    let end = (0..=MAX_VALUE_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    Json::String(text + "…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tree::Digest;

    fn tree(files: &[(&str, u8)]) -> Tree {
        let file = |(path, content): &(&str, u8)| File {
            path: path.parse().expect("a path"),
            sha256: Digest([*content; 32]),
            size: 7,
        };
        Tree::new(files.iter().map(file).collect()).expect("a tree")
    }

    #[test]
    fn files_are_added_removed_or_changed() {
        let (from, to) = (tree(&[("a", 1), ("b", 2), ("d/x", 4)]), tree(&[("b", 3), ("c", 1), ("d/x", 4)]));
        let found = files(&from, &to);
        let words: Vec<_> = found
            .items
            .iter()
            .map(|found| match (&found.from, &found.to) {
                (Some(from), None) => format!("- {}", from.path),
                (None, Some(to)) => format!("+ {}", to.path),
                (Some(_), Some(to)) => format!("! {}", to.path),
                (None, None) => "nothing".to_owned(),
            })
            .collect();
        assert_eq!((words, found.more), (vec!["- a".to_owned(), "! b".to_owned(), "+ c".to_owned()], 0));
        assert_eq!(files(&from, &from), Differences::default());
    }

    #[test]
    fn fields_are_named_by_the_way_to_them() {
        let from = json!({"deadline_ms": 1, "inputs": [{"shape": [null, 3]}, {"shape": []}], "labels": {"y": ["a"]}});
        let to = json!({"deadline_ms": 2, "inputs": [{"shape": [null, 4]}], "task": "x", "labels": {"y": ["a"]}});
        let found: Vec<_> =
            fields(&from, &to).items.into_iter().map(|found| (found.field, found.from, found.to)).collect();
        let expected = [
            ("deadline_ms", Some(json!(1)), Some(json!(2))),
            ("inputs[0].shape[1]", Some(json!(3)), Some(json!(4))),
            ("inputs[1]", Some(json!({"shape": []})), None),
            ("task", None, Some(json!("x"))),
        ];
        assert_eq!(found, expected.map(|(field, from, to)| (field.to_owned(), from, to)));
    }

    #[test]
    fn what_is_many_or_long_is_cut_and_said() {
        let many = |value: u32| json!((0..900).map(|n| n + value).collect::<Vec<_>>());
        let found = fields(&many(0), &many(1));
        assert_eq!((found.items.len(), found.more), (MAX_DIFFERENCES, 400));
        let long = fields(&json!({ "a": "ä".repeat(5_000) }), &json!({}));
        let shown = long.items[0].from.as_ref().and_then(Json::as_str).expect("a text").len();
        assert!(shown <= MAX_VALUE_BYTES + "…".len(), "{shown}");
    }
}
