//! The files of a model on the publisher's disk.
//!
//! Always: nothing outside the folder is read, because symbolic links are not followed; what is left out is told;
//! a file that changes while it is read is an error, so that what was hashed is what is sent.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use registry::{FilePath, MAX_FILES};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::library::hex;
use crate::screen::{Hinted, hinted};

/// How deep folders are walked.
const DEPTH_LIMIT: usize = 16;

/// Names that hold what can be made again, or what only this machine needs.
const JUNK: &[&str] = &["target", "node_modules", "__pycache__", "venv", "Thumbs.db", "desktop.ini"];
const JUNK_ENDS: &[&str] = &[".pyc", ".pyo", ".swp", ".tmp", "~"];

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their paths.
    pub(crate) files: Vec<Local>,
    pub(crate) skipped: Vec<Skipped>,
}

/// A file that will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) path: FilePath,
    pub(crate) at: PathBuf,
    stamp: Stamp,
}

/// What tells that a file was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    changed: (i64, i64),
}

/// Something that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) why: &'static str,
}

/// The files at `path`: those of a folder, or one.
pub(crate) fn look(path: &Path) -> anyhow::Result<Found> {
    let named = || path.display().to_string();
    // The path itself may be a link: the user named it.
    let metadata = fs::metadata(path).with_context(named)?;
    let mut found = Found::default();
    if metadata.is_file() {
        let name = path.file_name().and_then(|name| name.to_str()).with_context(named)?;
        let at = fs::canonicalize(path).with_context(named)?;
        found.files.push(Local { path: name.parse()?, at, stamp: Stamp::of(&metadata) });
    } else if metadata.is_dir() {
        walk(path, "", 0, &mut found)?;
    } else {
        bail!("{} is neither a file nor a folder", named());
    }
    found.files.sort_by(|one, two| one.path.cmp(&two.path));
    if found.files.is_empty() {
        return Err(hinted(format!("{} holds no files", named()), "a model is at least one .onnx file"));
    }
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Found) -> anyhow::Result<()> {
    if depth > DEPTH_LIMIT {
        bail!("{} lies more than {DEPTH_LIMIT} folders deep", folder.display());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry.with_context(|| folder.display().to_string())?;
        let at = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else { bail!("the name of {} is not UTF-8", at.display()) };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(|| at.display().to_string())?;
        if let Some(why) = why_skipped(name, kind) {
            found.skipped.push(Skipped { path, why });
        } else if kind.is_dir() {
            walk(&at, &format!("{path}/"), depth + 1, found)?;
        } else {
            if found.files.len() == MAX_FILES {
                bail!("{} holds more than {MAX_FILES} files", folder.display());
            }
            let stamp = Stamp::of(&entry.metadata().with_context(|| at.display().to_string())?);
            found.files.push(Local { path: path.parse()?, at, stamp });
        }
    }
    Ok(())
}

fn why_skipped(name: &str, kind: fs::FileType) -> Option<&'static str> {
    if kind.is_symlink() {
        Some("a symbolic link")
    } else if name.starts_with('.') {
        Some("hidden")
    } else if JUNK.contains(&name) || JUNK_ENDS.iter().any(|end| name.ends_with(end)) {
        Some("can be made again")
    } else if !kind.is_dir() && !kind.is_file() {
        Some("not a plain file")
    } else {
        None
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Local {
    pub(crate) fn size_bytes(&self) -> u64 {
        self.stamp.size_bytes
    }

    /// Opens the file for one pass from a byte to its end. The digest of all of it is checked where it arrives.
    pub(crate) fn open_at(&self, offset: u64) -> anyhow::Result<Pass> {
        let mut pass = self.open()?;
        pass.file.seek(SeekFrom::Start(offset)).with_context(|| self.at.display().to_string())?;
        pass.left = pass.left.checked_sub(offset).ok_or_else(|| pass.changed())?;
        Ok(pass)
    }

    fn open(&self) -> anyhow::Result<Pass> {
        // A link or a pipe that took the file's place must not be followed or waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.cast_signed())
            .open(&self.at)
            .with_context(|| self.at.display().to_string())?;
        let pass = Pass { file, local: self.clone(), left: self.stamp.size_bytes };
        pass.unchanged()?;
        Ok(pass)
    }

    /// The SHA-256 of the whole file, telling `progress` how many bytes were read.
    pub(crate) fn digest(&self, mut progress: impl FnMut(u64)) -> anyhow::Result<String> {
        let (mut pass, mut hash) = (self.open()?, Sha256::new());
        let mut piece = vec![0; 256 * 1024];
        loop {
            match pass.read(&mut piece)? {
                0 => return Ok(hex(&hash.finalize())),
                size => {
                    hash.update(&piece[..size]);
                    progress(size as u64);
                }
            }
        }
    }
}

/// One reading of a file, which ends with an error if the file is not what it was.
#[derive(Debug)]
pub(crate) struct Pass {
    file: File,
    local: Local,
    left: u64,
}

impl Pass {
    fn unchanged(&self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        if metadata.is_file() && Stamp::of(&metadata) == self.local.stamp { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> io::Error {
        io::Error::other(Hinted {
            message: format!("{} changed while it was read", self.local.at.display()),
            hint: "publish again when nothing writes to it".to_owned(),
        })
    }
}

impl Read for Pass {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.file.read(buffer)?;
        if size == 0 && !buffer.is_empty() {
            // The end of the file: it is the one that was looked at, or nobody gets to see its end.
            self.unchanged()?;
            if self.left > 0 {
                return Err(self.changed());
            }
            return Ok(0);
        }
        self.left = self.left.checked_sub(size as u64).ok_or_else(|| self.changed())?;
        // Whoever knows the size does not read on to the end, so the last byte is where to look.
        if self.left == 0 {
            self.unchanged()?;
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(folder: &Path, path: &str, bytes: &[u8]) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_folder_is_walked_and_what_is_left_out_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in
            ["README.md", "model.onnx", "examples/one.json", ".git/config", "target/debug/x", "a/b.pyc", "note~"]
        {
            write(root, path, b"x");
        }
        symlink("/etc/passwd", root.join("passwd")).unwrap();
        symlink("/", root.join("everything")).unwrap();
        let found = look(root).unwrap();
        let paths: Vec<_> = found.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["README.md", "examples/one.json", "model.onnx"]);
        let mut skipped: Vec<_> = found.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.why)).collect();
        skipped.sort_unstable();
        assert_eq!(
            skipped,
            [
                (".git", "hidden"),
                ("a/b.pyc", "can be made again"),
                ("everything", "a symbolic link"),
                ("note~", "can be made again"),
                ("passwd", "a symbolic link"),
                ("target", "can be made again"),
            ]
        );
    }

    #[test]
    fn one_file_is_a_model_too() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "iris.onnx", b"abc");
        let found = look(&folder.path().join("iris.onnx")).unwrap();
        assert_eq!(found.files[0].path.as_str(), "iris.onnx");
        let digest = found.files[0].digest(|_| ()).unwrap();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(look(&folder.path().join("nothing")).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(look(empty.path()).unwrap_err().to_string().contains("holds no files"));
    }

    #[test]
    fn a_file_that_changes_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let at = |bytes: &[u8]| {
            write(folder.path(), "m.onnx", bytes);
            look(folder.path()).unwrap().files.remove(0)
        };
        let read = |pass: Pass| io::read_to_string(pass).map_err(|error| error.to_string());

        let local = at(b"abc");
        assert_eq!(read(local.open().unwrap()).unwrap(), "abc");
        assert_eq!(read(local.open_at(1).unwrap()).unwrap(), "bc");
        assert!(local.open_at(4).is_err(), "behind its end");

        let pass = local.open().unwrap();
        write(folder.path(), "m.onnx", b"abcdef");
        assert!(read(pass).unwrap_err().contains("changed"), "longer, in the middle of a pass");
        assert!(local.open().is_err(), "and before one");

        let local = at(b"abcdef");
        let pass = local.open().unwrap();
        write(folder.path(), "m.onnx", b"a");
        assert!(read(pass).unwrap_err().contains("changed"), "shorter");

        let local = at(b"abc");
        fs::remove_file(folder.path().join("m.onnx")).unwrap();
        symlink("/etc/hostname", folder.path().join("m.onnx")).unwrap();
        assert!(local.open().is_err(), "a link in its place");
    }
}
