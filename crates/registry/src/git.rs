//! The names that git and clients of Hugging Face's interface give to contents: SHA-1 over a header and the bytes.
//! They compare them with their own to see what has changed; nothing here is trusted for it.
//!
//! Sources: git's object format (`blob LENGTH\0` before the bytes); the pointer file of Git LFS, version 1.

use std::fmt;

use sha1::{Digest as _, Sha1};

use crate::tree::Digest;

/// A SHA-1, written as 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GitOid(pub [u8; 20]);

impl GitOid {
    /// Of a file's bytes.
    pub fn of_blob(bytes: &[u8]) -> GitOid {
        let head = format!("blob {}\0", bytes.len());
        GitOid(Sha1::new().chain_update(head).chain_update(bytes).finalize().into())
    }

    /// Of the pointer that stands in git for a large file.
    pub fn of_pointer(sha256: Digest, size: u64) -> GitOid {
        GitOid::of_blob(pointer(sha256, size).as_bytes())
    }

    /// Of a folder: no tree of git's, but the same for the same content and no other.
    pub fn of_folder(lines: &[u8]) -> GitOid {
        let head = format!("tree {}\0", lines.len());
        GitOid(Sha1::new().chain_update(head).chain_update(lines).finalize().into())
    }
}

/// The text of a pointer.
fn pointer(sha256: Digest, size: u64) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")
}

/// How many bytes the pointer of such a file has.
pub fn pointer_size(sha256: Digest, size: u64) -> u64 {
    pointer(sha256, size).len() as u64
}

impl fmt::Display for GitOid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_git_computes() {
        // git hash-object, of an empty file and of "hello\n".
        assert_eq!(GitOid::of_blob(b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(GitOid::of_blob(b"hello\n").to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        let text = pointer(Digest::of(b"x"), 1);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(pointer_size(Digest::of(b"x"), 1), text.len() as u64);
        assert_eq!(GitOid::of_pointer(Digest::of(b"x"), 1), GitOid::of_blob(text.as_bytes()));
    }
}
