//! From one commit to the next.
//!
//! Always: what comes out is a tree by all of its rules, or nothing; a later edit of a path wins over an earlier one.

use std::collections::BTreeMap;

use crate::path::FilePath;
use crate::tree::{File, Tree, TreeError};

/// One change of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// There from now on with this content, whatever was there.
    Put(File),
    Remove(FilePath),
    /// With everything below it.
    RemoveFolder(FilePath),
}

/// Why a tree cannot be changed like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("there is no file \"{path}\" to delete")]
    NoFile { path: FilePath },
    #[error("there is no folder \"{path}\" to delete")]
    NoFolder { path: FilePath },
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Tree {
    /// The tree after these edits, in their order.
    pub fn edit(&self, edits: &[Edit]) -> Result<Tree, EditError> {
        let mut files: BTreeMap<&FilePath, &File> = self.files().iter().map(|file| (&file.path, file)).collect();
        for edit in edits {
            match edit {
                Edit::Put(file) => {
                    files.insert(&file.path, file);
                }
                Edit::Remove(path) => {
                    files.remove(path).ok_or_else(|| EditError::NoFile { path: path.clone() })?;
                }
                Edit::RemoveFolder(path) => {
                    let before = files.len();
                    files.retain(|file, _| !file.is_in(path.as_str()));
                    if files.len() == before {
                        return Err(EditError::NoFolder { path: path.clone() });
                    }
                }
            }
        }
        Ok(Tree::new(files.into_values().cloned().collect())?)
    }
}

impl FilePath {
    /// Whether it lies in this folder, at any depth.
    pub fn is_in(&self, folder: &str) -> bool {
        self.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    fn file(path: &str, content: &str) -> File {
        File { path: path.parse().unwrap(), sha256: Digest::of(content.as_bytes()), size: content.len() as u64 }
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::new(files.iter().map(|(path, content)| file(path, content)).collect()).unwrap()
    }

    fn path(text: &str) -> FilePath {
        text.parse().unwrap()
    }

    #[test]
    fn edits_are_made_in_their_order() {
        let before = tree(&[("README.md", "one"), ("data/a", "a"), ("data/b/c", "c"), ("database", "d")]);
        let edits = [
            Edit::Put(file("README.md", "two")),
            Edit::RemoveFolder(path("data")),
            Edit::Put(file("data/new", "n")),
            Edit::Put(file("gone", "x")),
            Edit::Remove(path("gone")),
            Edit::Put(file("README.md", "three")),
        ];
        let after = tree(&[("README.md", "three"), ("data/new", "n"), ("database", "d")]);
        assert_eq!(before.edit(&edits), Ok(after));
        assert_eq!(before.edit(&[]), Ok(before.clone()));
    }

    #[test]
    fn what_is_not_there_cannot_be_deleted_and_no_tree_breaks_its_rules() {
        let before = tree(&[("data/a", "a")]);
        assert_eq!(before.edit(&[Edit::Remove(path("data"))]), Err(EditError::NoFile { path: path("data") }));
        assert_eq!(before.edit(&[Edit::RemoveFolder(path("dat"))]), Err(EditError::NoFolder { path: path("dat") }));
        assert!(matches!(before.edit(&[Edit::Put(file("DATA/b", "b"))]), Err(EditError::Tree(_))), "case twins");
        assert!(matches!(before.edit(&[Edit::Put(file("data", "b"))]), Err(EditError::Tree(_))), "file and folder");
        let replaced = [Edit::RemoveFolder(path("data")), Edit::Put(file("data", "b"))];
        assert_eq!(before.edit(&replaced), Ok(tree(&[("data", "b")])));
    }
}
