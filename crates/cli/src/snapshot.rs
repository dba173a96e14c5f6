//! The files of a model at one commit, read the way clients of Hugging Face's interface read them.
//!
//! Always: what a hub names is hostile. A path is a [`FilePath`] or it is no path; nothing is written outside the
//! folder, through links neither; a file has its name once its digest was checked; sizes and numbers are bounded. Half
//! a file lies in `.modelhub` inside the folder, under the digest that it will have, and goes on from there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use indicatif::ProgressBar;
use registry::{Digest, FilePath, GitOid, MAX_FILES};
use rustix::fs::OFlags;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::client::{Client, Fetched, segment};
use crate::library::hex;
use crate::patience::Patience;
use crate::screen::one_line;

/// Where halves lie, inside the folder.
const HALVES: &str = ".modelhub";
/// The largest file whose name in git is computed: from some ten megabytes on files have a SHA-256.
const MAX_SMALL: u64 = 64 * 1024 * 1024;

/// What a commit has.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) commit: String,
    pub(crate) files: Vec<Listed>,
}

/// One file, as the hub names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: FilePath,
    pub(crate) size: u64,
    pub(crate) name: Name,
}

/// What its bytes are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Sha256(Digest),
    /// What git calls it.
    Git([u8; 20]),
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Fetched,
    /// It was there before.
    There,
    /// The hub does not give it to us.
    Kept(String),
    Failed(String),
}

#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    sha256: String,
    size: u64,
}

impl Snapshot {
    /// Asks what a revision has.
    pub(crate) fn of(client: &Client, repository: &str, revision: &str) -> anyhow::Result<Snapshot> {
        let path = format!("/api/models/{repository}/revision/{}?blobs=true", segment(revision));
        Snapshot::read(client.get(&path)?)
    }

    fn read(Info { sha, siblings }: Info) -> anyhow::Result<Snapshot> {
        if sha.len() != 40 || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("the hub calls the commit \"{}\", expected 40 hex digits", one_line(&sha));
        }
        if siblings.len() > MAX_FILES {
            bail!("the model has {} files, at most {MAX_FILES} are taken", siblings.len());
        }
        let files = siblings.into_iter().map(listed).collect::<anyhow::Result<Vec<_>>>()?;
        let mut paths: Vec<&FilePath> = files.iter().map(|file| &file.path).collect();
        paths.sort_unstable();
        if let Some(twice) = paths.windows(2).find(|two| two[0] == two[1]) {
            bail!("the hub names {} twice", twice[0]);
        }
        Ok(Snapshot { commit: sha, files })
    }
}

fn listed(sibling: Sibling) -> anyhow::Result<Listed> {
    let path: FilePath = sibling.rfilename.parse()?;
    if path.segments().next() == Some(HALVES) {
        bail!("{path} has the name of the folder where we keep halves");
    }
    let (name, size) = match (sibling.lfs, sibling.blob_id, sibling.size) {
        (Some(Large { sha256, size }), ..) => (Name::Sha256(sha256.parse().context(path.to_string())?), size),
        (None, Some(oid), Some(size)) if size <= MAX_SMALL => {
            (Name::Git(git_oid(&oid).with_context(|| path.to_string())?), size)
        }
        _ => bail!("the hub names neither digest nor size of {path}, so that it could not be checked"),
    };
    Ok(Listed { path, size, name })
}

fn git_oid(text: &str) -> anyhow::Result<[u8; 20]> {
    let digit = |at: usize| text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let mut oid = [0; 20];
    for (at, byte) in oid.iter_mut().enumerate() {
        *byte =
            digit(at).filter(|_| text.len() == 40).with_context(|| format!("\"{}\" is no SHA-1", one_line(text)))?;
    }
    Ok(oid)
}

impl Name {
    fn text(self) -> String {
        match self {
            Name::Sha256(digest) => digest.to_string(),
            Name::Git(oid) => hex(&oid),
        }
    }

    /// Whether the file has these bytes.
    fn is_of(self, mut file: impl Read) -> io::Result<bool> {
        match self {
            Name::Git(oid) => {
                let mut bytes = Vec::new();
                file.take(MAX_SMALL + 1).read_to_end(&mut bytes)?;
                Ok(GitOid::of_blob(&bytes).0 == oid)
            }
            Name::Sha256(digest) => {
                let (mut hash, mut piece) = (Sha256::new(), vec![0; 256 * 1024]);
                loop {
                    match file.read(&mut piece)? {
                        0 => return Ok(Digest(hash.finalize().into()) == digest),
                        size => hash.update(&piece[..size]),
                    }
                }
            }
        }
    }
}

/// A folder that is filled from a hub.
pub(crate) struct Filling<'a> {
    pub(crate) client: &'a Client,
    /// `owner/name` there.
    pub(crate) repository: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) bar: &'a ProgressBar,
}

impl Filling<'_> {
    /// Makes the file be there, and says what became of it.
    pub(crate) fn fetch(&self, file: &Listed) -> State {
        match self.try_fetch(file) {
            Ok(state) => state,
            Err(error) => State::Failed(one_line(&format!("{error:#}"))),
        }
    }

    fn try_fetch(&self, file: &Listed) -> anyhow::Result<State> {
        let target = self.target(&file.path)?;
        if is_there(&target, file)? {
            self.bar.inc(file.size);
            return Ok(State::There);
        }
        let half = make_folder(self.folder, HALVES)?.join(half_name(file));
        let mut patience = Patience::default();
        let (mut best, mut shown) = (0, 0);
        loop {
            let got = half_size(&half, file.size)?;
            self.show(&mut shown, got);
            if got == file.size && got > 0 {
                break;
            }
            let why = match self.client.fetch(&self.path_of(file), got)? {
                Fetched::Kept(why) => return Ok(State::Kept(why)),
                Fetched::Cut(why) => why,
                Fetched::Short => {
                    fs::remove_file(&half)?;
                    anyhow!("the file ends before byte {got}")
                }
                Fetched::From(begins, bytes) if begins == got || begins == 0 => {
                    let part = open_half(&half)?;
                    part.set_len(begins)?;
                    self.show(&mut shown, begins);
                    match self.pour(bytes, part, file.size, &mut shown) {
                        Ok(()) => break,
                        Err(error) => error,
                    }
                }
                Fetched::From(begins, _) => bail!("byte {got} was asked for and byte {begins} came"),
            };
            if shown > best {
                best = shown;
                patience.renew();
            }
            patience.again(why)?;
        }
        if !file.name.is_of(File::open(&half)?)? {
            fs::remove_file(&half)?;
            bail!("what came is not what the hub announced ({})", file.name.text());
        }
        fs::rename(&half, &target).with_context(|| target.display().to_string())?;
        Ok(State::Fetched)
    }

    /// Writes what comes, up to the file's size.
    fn pour(&self, mut bytes: Box<dyn Read>, mut part: File, size: u64, shown: &mut u64) -> anyhow::Result<()> {
        let mut piece = vec![0; 256 * 1024];
        loop {
            let got = bytes.read(&mut piece).context("the answer broke off")?;
            if got == 0 {
                if *shown == size {
                    return Ok(());
                }
                bail!("the answer ended after {shown} of {size} bytes");
            }
            if got as u64 > size - *shown {
                part.set_len(0)?;
                self.show(shown, 0);
                bail!("more than the {size} bytes came that the hub announced");
            }
            part.write_all(&piece[..got])?;
            *shown += got as u64;
            self.bar.inc(got as u64);
        }
    }

    fn show(&self, shown: &mut u64, now: u64) {
        if now >= *shown {
            self.bar.inc(now - *shown);
        } else {
            self.bar.dec(*shown - now);
        }
        *shown = now;
    }

    fn path_of(&self, file: &Listed) -> String {
        let path = file.path.segments().map(segment).collect::<Vec<_>>().join("/");
        format!("/{}/resolve/{}/{path}", self.repository, self.commit)
    }

    /// Where the file will lie; the folders above it are made.
    fn target(&self, path: &FilePath) -> anyhow::Result<PathBuf> {
        let mut folder = self.folder.to_owned();
        let mut segments = path.segments().peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                return Ok(folder.join(segment));
            }
            folder = make_folder(&folder, segment)?;
        }
        bail!("a path has segments")
    }
}

/// Takes the folder for halves away, if nothing waits in it.
pub(crate) fn tidy(folder: &Path) {
    // What waits there makes it stay.
    let _ = fs::remove_dir(folder.join(HALVES));
}

/// A folder in a folder, which is no link to another place.
fn make_folder(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    match fs::create_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.with_context(|| path.display().to_string())?,
    }
    if !fs::symlink_metadata(&path)?.is_dir() {
        bail!("{} is no folder; nothing is written through it", path.display());
    }
    Ok(path)
}

/// Of its own for each path: the same bytes may lie in two places, and both be on their way.
fn half_name(file: &Listed) -> String {
    let path = Digest::of(file.path.as_str().as_bytes()).to_string();
    format!("{}-{}.part", file.name.text(), &path[..8])
}

/// How much of it is there. What is longer than the whole is something else.
fn half_size(half: &Path, size: u64) -> io::Result<u64> {
    match fs::symlink_metadata(half) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Ok(found) if found.len() > size => fs::remove_file(half).map(|()| 0),
        found => Ok(found?.len()),
    }
}

fn is_there(path: &Path, file: &Listed) -> anyhow::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
        Ok(found) if found.is_dir() => bail!("{} is a folder", path.display()),
        Ok(found) => Ok(found.is_file() && found.len() == file.size && file.name.is_of(File::open(path)?)?),
    }
}

/// What is there of a file; what comes is written behind it.
fn open_half(path: &Path) -> anyhow::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
    let opened = OpenOptions::new().append(true).create(true).custom_flags(flags).open(path);
    opened.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(siblings: &str) -> anyhow::Result<Snapshot> {
        let text = format!(r#"{{"sha": "{}", "siblings": {siblings}}}"#, "0a".repeat(20));
        Snapshot::read(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn files_are_known_by_their_sha256_or_by_their_name_in_git() {
        let sha256 = Digest::of(b"abc");
        let git = GitOid::of_blob(b"abc");
        let found = info(&format!(
            r#"[{{"rfilename": "a/model.onnx", "size": 3, "blobId": "x", "lfs": {{"sha256": "{sha256}", "size": 3}}}},
                {{"rfilename": "README.md", "size": 3, "blobId": "{git}"}}]"#
        ));
        let names: Vec<_> = found.unwrap().files.iter().map(|file| file.name).collect();
        assert_eq!(names, [Name::Sha256(sha256), Name::Git(git.0)]);
        for name in names {
            assert!(name.is_of(&b"abc"[..]).unwrap() && !name.is_of(&b"abd"[..]).unwrap());
        }
    }

    #[test]
    fn what_could_not_be_checked_or_would_leave_the_folder_is_refused() {
        let git = GitOid::of_blob(b"");
        for path in ["../x", "/etc/passwd", "a/../../x", ".modelhub/x", "a//b", ".git/config", ""] {
            assert!(info(&format!(r#"[{{"rfilename": "{path}", "size": 0, "blobId": "{git}"}}]"#)).is_err(), "{path}");
        }
        for rest in [
            String::new(),
            r#", "size": 3"#.to_owned(),
            format!(r#", "blobId": "{git}""#),
            r#", "size": 3, "blobId": "main""#.to_owned(),
            format!(r#", "size": 99999999999, "blobId": "{git}""#),
            r#", "lfs": {"sha256": "../../x", "size": 3}"#.to_owned(),
        ] {
            assert!(info(&format!(r#"[{{"rfilename": "a"{rest}}}]"#)).is_err(), "{rest}");
        }
        let twice = format!(r#"{{"rfilename": "a", "size": 0, "blobId": "{git}"}}"#);
        assert!(info(&format!("[{twice}, {twice}]")).is_err());
        assert!(Snapshot::read(Info { sha: "../x".to_owned(), siblings: Vec::new() }).is_err());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("sub")).unwrap();
        assert!(make_folder(folder.path(), "sub").is_err());
        assert!(make_folder(folder.path(), "other").is_ok());
        std::os::unix::fs::symlink(elsewhere.path().join("x"), folder.path().join("x.part")).unwrap();
        assert!(open_half(&folder.path().join("x.part")).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
