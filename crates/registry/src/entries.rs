//! What lies in a folder of a tree: files and folders, each folder before what is in it.
//!
//! Always: a page takes work by the number of files and its own length, however deep the folders of a stranger lie.

use std::ops::Range;

use crate::git::GitOid;
use crate::tree::{File, Tree};

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    File(&'a File),
    Folder {
        /// From the root.
        path: &'a str,
        /// Which files of the tree lie below it.
        files: Range<usize>,
    },
}

/// Walks a folder; see [`Tree::entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    files: &'a [File],
    recursive: bool,
    /// Length of the folder's own path, with its slash.
    base: usize,
    /// The file that comes next, and where the last file of the folder was.
    at: usize,
    end: usize,
    /// How much of that file's path names folders that were told already.
    told: usize,
}

impl Tree {
    /// What lies in a folder, or in it and below it. The empty path is the root. None where there is no such folder.
    pub fn entries(&self, folder: &str, recursive: bool) -> Option<Entries<'_>> {
        let Range { start: at, end } = self.folder(folder)?;
        let base = if folder.is_empty() { 0 } else { folder.len() + 1 };
        Some(Entries { files: self.files(), recursive, base, at, end, told: base })
    }

    /// Which files lie below a folder. None where there is no such folder.
    pub fn folder(&self, path: &str) -> Option<Range<usize>> {
        let files = self.files();
        if path.is_empty() {
            return Some(0..files.len());
        }
        let inside = format!("{path}/");
        let start = files.partition_point(|file| file.path.as_str() < inside.as_str());
        let count = below(&files[start..], &inside);
        (count > 0 && !path.ends_with('/')).then(|| start..start + count)
    }

    /// What clients are told for a folder's name in git.
    pub fn folder_oid(&self, files: Range<usize>) -> GitOid {
        FolderOids::new(self, files.clone()).of(&files)
    }
}

/// How many files from the first on lie in a folder, of which this is the path with its slash.
fn below(files: &[File], inside: &str) -> usize {
    // Sorted by bytes, they stand together.
    files.partition_point(|file| file.path.as_str().starts_with(inside))
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let file = self.files[..self.end].get(self.at)?;
        let path = file.path.as_str();
        let Some(slash) = path[self.told..].find('/') else {
            self.at += 1;
            self.told = self.files[..self.end].get(self.at).map_or(0, |next| shared(path, next.path.as_str()));
            return Some(Entry::File(file));
        };
        let slash = self.told + slash;
        let count = below(&self.files[self.at..self.end], &path[..=slash]);
        let files = self.at..self.at + count;
        if self.recursive {
            self.told = slash + 1;
        } else {
            self.at += count;
            self.told = self.base;
        }
        Some(Entry::Folder { path: &path[..slash], files })
    }
}

/// How much of two paths is the same folder, with its slash.
fn shared(one: &str, two: &str) -> usize {
    let same = one.bytes().zip(two.bytes()).take_while(|(one, two)| one == two).count();
    one.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)
}

/// Names for folders, made of one short name for each file: so that many folders around the same files stay cheap.
#[derive(Debug)]
pub struct FolderOids {
    start: usize,
    names: Vec<u8>,
}

impl FolderOids {
    /// For folders among these files of a tree.
    pub fn new(tree: &Tree, files: Range<usize>) -> FolderOids {
        let line =
            |File { path, sha256, size }: &File| GitOid::of_folder(format!("{sha256} {size} {path}\n").as_bytes());
        FolderOids { start: files.start, names: tree.files()[files].iter().flat_map(|file| line(file).0).collect() }
    }

    /// Of the folder that these files lie in.
    pub fn of(&self, files: &Range<usize>) -> GitOid {
        const NAME: usize = 20;
        GitOid::of_folder(&self.names[(files.start - self.start) * NAME..(files.end - self.start) * NAME])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    fn tree(paths: &[&str]) -> Tree {
        let file = |path: &&str| File { path: path.parse().unwrap(), sha256: Digest::of(path.as_bytes()), size: 1 };
        Tree::new(paths.iter().map(file).collect()).unwrap()
    }

    fn told(tree: &Tree, folder: &str, recursive: bool) -> Vec<String> {
        let shown = |entry: Entry<'_>| match entry {
            Entry::File(file) => file.path.to_string(),
            Entry::Folder { path, files } => format!("{path}/ {}", files.len()),
        };
        tree.entries(folder, recursive).expect(folder).map(shown).collect()
    }

    #[test]
    fn folders_are_told_once_and_before_what_is_in_them() {
        let tree = tree(&["README.md", "a-b", "a/b/c", "a/b/d", "a/e", "a.x/y", "ab/c", "z"]);
        assert_eq!(told(&tree, "", false), ["README.md", "a-b", "a.x/ 1", "a/ 3", "ab/ 1", "z"]);
        assert_eq!(
            told(&tree, "", true),
            ["README.md", "a-b", "a.x/ 1", "a.x/y", "a/ 3", "a/b/ 2", "a/b/c", "a/b/d", "a/e", "ab/ 1", "ab/c", "z"]
        );
        assert_eq!(told(&tree, "a", false), ["a/b/ 2", "a/e"]);
        assert_eq!(told(&tree, "a", true), ["a/b/ 2", "a/b/c", "a/b/d", "a/e"]);
        assert_eq!(told(&tree, "a/b", true), ["a/b/c", "a/b/d"]);
        for nothing in ["b", "a/", "/", "a/b/c", "README.md", "a/b/c/d", "A"] {
            assert!(tree.entries(nothing, true).is_none(), "{nothing}");
        }
        assert_eq!(told(&Tree::default(), "", true), [""; 0]);
    }

    #[test]
    fn a_folders_name_changes_with_what_is_in_it_alone() {
        let oid = |paths: &[&str], folder: &str| {
            let tree = tree(paths);
            tree.folder_oid(tree.folder(folder).unwrap())
        };
        let before = oid(&["a/b", "a/c", "d"], "a");
        assert_eq!(oid(&["a/b", "a/c", "x/y"], "a"), before);
        assert_ne!(oid(&["a/b", "a/c", "a/d"], "a"), before);
        let whole = tree(&["a/b", "a/c", "d"]);
        let folder = whole.folder("a").unwrap();
        assert_eq!(FolderOids::new(&whole, 0..3).of(&folder), before);
    }
}
