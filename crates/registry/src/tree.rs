//! Commits: immutable trees of files.
//!
//! Always: a tree's files are sorted by the bytes of their paths; no two of them meet on a file system, be it one that
//! knows no case. Its id and its digest are functions of the files alone: the same files are the same commit.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::path::FilePath;
use crate::text::{clip, serde_as_text};

/// Most files a commit may have, for now.
pub const MAX_FILES: usize = 10_000;

/// A text that is not the hex it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a {what}: expected {digits} hex digits, lower case")]
pub struct BadDigest {
    pub what: &'static str,
    pub given: String,
    pub digits: usize,
}

/// A SHA-256, written as 64 hex digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// The id of a commit, written as 40 hex digits in lower case: what clients expect of a revision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub [u8; 20]);

impl Digest {
    /// The SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

macro_rules! hex_text {
    ($($name:ident $what:literal),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadDigest;

            fn from_str(text: &str) -> Result<Self, BadDigest> {
                from_hex(text).map($name).map_err(|digits| BadDigest { what: $what, given: clip(text), digits })
            }
        }
    )+};
}

hex_text!(Digest "SHA-256", CommitId "commit");
serde_as_text!(Digest, CommitId);

/// The bytes, or how many digits there should be.
fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], usize> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return Err(2 * N);
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(2 * N),
    };
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

/// One file of a commit: where it lies and which blob it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub path: FilePath,
    pub sha256: Digest,
    pub size: u64,
}

/// The files of a commit, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<File>", into = "Vec<File>")]
pub struct Tree(Vec<File>);

/// Why files make no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("a commit of {count} files is too large, expected at most {limit}")]
    TooMany { count: usize, limit: usize },
    #[error("\"{path}\" is given twice")]
    Twice { path: FilePath },
    #[error("\"{first}\" and \"{second}\" differ in case alone, so some computers can't hold both")]
    CaseTwins { first: FilePath, second: FilePath },
    #[error("\"{file}\" is a file, but \"{inside}\" needs a folder of that name")]
    FileAndFolder { file: FilePath, inside: FilePath },
}

impl Tree {
    /// Sorts the files and checks that they can lie beside each other.
    pub fn new(mut files: Vec<File>) -> Result<Tree, TreeError> {
        if files.len() > MAX_FILES {
            return Err(TreeError::TooMany { count: files.len(), limit: MAX_FILES });
        }
        check_neighbours(&files)?;
        files.sort_unstable_by(|one, two| one.path.cmp(&two.path));
        Ok(Tree(files))
    }

    pub fn files(&self) -> &[File] {
        &self.0
    }

    /// The file at this path, in its very spelling.
    pub fn get(&self, path: &str) -> Option<&File> {
        let at = self.0.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.0[at])
    }

    /// All sizes together; never wraps.
    pub fn size_bytes(&self) -> u64 {
        self.0.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// First 20 bytes of the SHA-256 over the canonical form: the line `modelhub tree 1`, then for each file in the
    /// order of its path's bytes the line `SHA256 SIZE PATH`, each line ended by one line feed. The first line keeps
    /// a later form of trees from meeting the ids of this one.
    pub fn commit_id(&self) -> CommitId {
        let mut hash = Sha256::new_with_prefix(b"modelhub tree 1\n");
        self.lines(|line| hash.update(line));
        let mut id = [0; 20];
        id.copy_from_slice(&hash.finalize()[..20]);
        CommitId(id)
    }

    /// SHA-256 over the lines `SHA256 SIZE PATH`, sorted by path: the model's digest in receipts. Anybody computes it
    /// from a folder with `sha256sum`, sizes and a sort.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        self.lines(|line| hash.update(line));
        Digest(hash.finalize().into())
    }

    /// Paths have no line breaks, so a line has one reading.
    fn lines(&self, mut each: impl FnMut(&[u8])) {
        for File { path, sha256, size } in &self.0 {
            each(format!("{sha256} {size} {path}\n").as_bytes());
        }
    }
}

/// Sorted by folded segments, paths that meet anywhere stand next to each other: so one look at each pair is enough.
fn check_neighbours(files: &[File]) -> Result<(), TreeError> {
    let mut folded: Vec<(Vec<String>, &FilePath)> =
        files.iter().map(|file| (file.path.segments().map(fold).collect(), &file.path)).collect();
    folded.sort_unstable();
    for pair in folded.windows(2) {
        let [(one, first), (two, second)] = pair else { continue };
        let shared = one.iter().zip(two).take_while(|(one, two)| one == two).count();
        let spelled_alike = first.segments().zip(second.segments()).take(shared).all(|(one, two)| one == two);
        if !spelled_alike {
            return Err(TreeError::CaseTwins { first: (*first).clone(), second: (*second).clone() });
        }
        match (shared == one.len(), one.len().cmp(&two.len())) {
            (true, Ordering::Equal) => return Err(TreeError::Twice { path: (*first).clone() }),
            (true, _) => return Err(TreeError::FileAndFolder { file: (*first).clone(), inside: (*second).clone() }),
            (false, _) => {}
        }
    }
    Ok(())
}

fn fold(segment: &str) -> String {
    segment.chars().flat_map(char::to_lowercase).collect()
}

impl TryFrom<Vec<File>> for Tree {
    type Error = TreeError;

    fn try_from(files: Vec<File>) -> Result<Self, TreeError> {
        Tree::new(files)
    }
}

impl From<Tree> for Vec<File> {
    fn from(tree: Tree) -> Self {
        tree.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str) -> File {
        File { path: path.parse().expect("a path"), sha256: Digest::of(path.as_bytes()), size: path.len() as u64 }
    }

    fn tree(paths: &[&str]) -> Result<Tree, String> {
        Tree::new(paths.iter().map(|path| file(path)).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_same_files_are_the_same_commit_in_any_order() {
        let one = tree(&["README.md", "model.onnx", "data/a.json"]).unwrap();
        let two = tree(&["data/a.json", "model.onnx", "README.md"]).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.commit_id(), two.commit_id());
        assert_eq!(one.get("model.onnx"), Some(&file("model.onnx")));
        assert_eq!(one.get("Model.onnx"), None);
        assert_ne!(one.digest(), tree(&["README.md", "model.onnx"]).unwrap().digest());
    }

    #[test]
    fn ids_and_digests_are_what_standard_tools_compute() {
        // `printf '%s 1 a\n%s 3 b/c\n' SHA SHA | sha256sum`, with the SHA-256 of the texts "a" and "b/c".
        let tree = tree(&["b/c", "a"]).unwrap();
        assert_eq!(tree.digest().to_string(), "e79cab8a8803dfec0d2299c37b03e88a76932f5d1bafdc5ac8b40d354fdd46b9");
        assert_eq!(tree.commit_id().to_string(), "9b6a44e795afe353ece260685b415ab4262df766");
        assert_eq!(Tree::default().digest(), Digest::of(b""));
        assert_eq!(tree.size_bytes(), 4);
    }

    #[test]
    fn files_that_would_meet_on_some_computer_are_refused() {
        for (paths, reason) in [
            (&["a", "b", "a"][..], "\"a\" is given twice"),
            (&["README.md", "readme.MD"], "differ in case alone"),
            (&["Data/a", "data/b"], "differ in case alone"),
            (&["x/Ü/a", "x/ü/b"], "differ in case alone"),
            (&["a", "a/b"], "\"a\" is a file, but \"a/b\" needs a folder"),
            (&["a/b/c", "a/b", "a.b"], "\"a/b\" is a file"),
            (&["A", "a/b"], "differ in case alone"),
        ] {
            let error = tree(paths).unwrap_err();
            assert!(error.contains(reason), "{paths:?}: {error}");
        }
        tree(&["a", "a.b", "a-b", "ab/c", "b/A", "c/A"]).unwrap();
    }

    #[test]
    fn a_tree_has_at_most_ten_thousand_files() {
        let files = |count: usize| (0..count).map(|index| file(&format!("f{index}"))).collect();
        assert!(Tree::new(files(MAX_FILES)).is_ok());
        assert_eq!(Tree::new(files(MAX_FILES + 1)), Err(TreeError::TooMany { count: 10_001, limit: 10_000 }));
    }

    #[test]
    fn json_keeps_a_tree_and_its_rules() {
        let tree = tree(&["b", "a"]).unwrap();
        let json = serde_json::to_string(&tree).unwrap();
        assert!(json.starts_with(r#"[{"path":"a","sha256":"ca978112"#), "{json}");
        assert_eq!(serde_json::from_str::<Tree>(&json).unwrap(), tree);
        for (from, to) in [("\"a\"", "\"../a\""), ("\"a\"", "\"b\""), ("ca978112", "CA978112"), ("ca978112", "")] {
            assert!(serde_json::from_str::<Tree>(&json.replace(from, to)).is_err(), "{from} became {to}");
        }
    }

    proptest! {
        #[test]
        fn no_paths_make_a_tree_panic_or_lose_a_file(paths in prop::collection::vec("[aAb/.]{1,5}", 0..8)) {
            let files: Vec<File> = paths.iter().filter_map(|path| path.parse().ok())
                .map(|path| File { path, sha256: Digest([0; 32]), size: u64::MAX }).collect();
            if let Ok(tree) = Tree::new(files.clone()) {
                prop_assert_eq!(tree.files().len(), files.len());
                prop_assert!(files.iter().all(|file| tree.get(file.path.as_str()) == Some(file)));
                prop_assert!(tree.files().is_sorted_by(|one, two| one.path < two.path));
            }
        }
    }
}
