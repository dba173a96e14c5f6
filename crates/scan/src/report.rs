//! What is said of a file.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::Stop;

/// Most findings of a file; what is beyond is counted.
const MAX_FINDINGS: usize = 32;
/// Most imports of pickles that are named.
const MAX_IMPORTS: usize = 32;
/// Most characters of a finding, and of its place.
const MAX_TEXT: usize = 240;
const MAX_WHERE: usize = 160;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(
    /// What a file is.
    Format {
        Empty = "empty",
        Text = "text",
        Json = "json",
        Onnx = "onnx",
        /// ONNX Runtime's own form of a model.
        Ort = "ort",
        Safetensors = "safetensors",
        Gguf = "gguf",
        Pickle = "pickle",
        /// What `torch.save` writes: pickles and tensors in a zip.
        PyTorch = "pytorch",
        Numpy = "numpy",
        /// Several of those in a zip.
        Npz = "npz",
        Hdf5 = "hdf5",
        /// Keras's own, in HDF5 or a zip.
        Keras = "keras",
        /// TensorFlow's.
        SavedModel = "savedmodel",
        TfLite = "tflite",
        Zip = "zip",
        Tar = "tar",
        Gzip = "gzip",
        Zlib = "zlib",
        /// Packed in another way: 7z, xz, bzip2, Zstandard.
        Packed = "packed",
        Image = "image",
        Sound = "sound",
        Pdf = "pdf",
        Program = "program",
        Unknown = "unknown",
    }
);

words!(
    /// How a file comes off; of several findings, the worst.
    Verdict {
        Clean = "clean",
        /// Something that whoever opens the file should know.
        Notice = "notice",
        /// It would harm whoever opens it the usual way.
        Dangerous = "dangerous",
    }
);

words!(
    /// What was found.
    Code {
        /// A pickle imports what runs programs, or reads and writes files.
        DangerousImport = "dangerous_import",
        /// A pickle makes the name of what it imports while it is read.
        HiddenImport = "hidden_import",
        /// A layer that carries Python.
        PythonLayer = "python_layer",
        /// An operator of TensorFlow that reads or writes files or calls Python.
        FileOperator = "file_operator",
        /// A template of prompts that reaches for the inside of Python.
        Template = "template",
        /// A path that leads out of the folder.
        OutsidePath = "outside_path",
        /// More is announced than there is, or unpacks from it.
        SizeBomb = "size_bomb",
        /// Entries or tensors lie over each other.
        Overlap = "overlap",
        /// Two places of the file say different things of the same.
        Disagreement = "disagreement",
        /// Deeper nested than anything that is used.
        Nesting = "nesting",
        /// A pickle imports, so that reading it runs code.
        Imports = "imports",
        /// Code for a machine or a language lies in it.
        Program = "program",
        /// The data lies in other files.
        ExternalData = "external_data",
        /// Operators beyond the standard ones.
        CustomOperator = "custom_operator",
        /// A tensor has other data than its shape says.
        SizeMismatch = "size_mismatch",
        /// Readers of two formats would take it.
        TwoFormats = "two_formats",
        /// Packed, encrypted or nested in a way that is not looked into.
        NotLookedInto = "not_looked_into",
        /// It breaks the rules of its format before its end.
        Damaged = "damaged",
        /// It is larger than is looked through.
        Unfinished = "unfinished",
        /// Its format is not known, so nothing was looked for.
        UnknownFormat = "unknown_format",
    }
);

impl Code {
    pub const fn verdict(self) -> Verdict {
        match self {
            Code::DangerousImport
            | Code::HiddenImport
            | Code::PythonLayer
            | Code::FileOperator
            | Code::Template
            | Code::OutsidePath
            | Code::SizeBomb
            | Code::Overlap
            | Code::Disagreement
            | Code::Nesting => Verdict::Dangerous,
            _ => Verdict::Notice,
        }
    }

    /// Whether something of the file was not seen.
    pub const fn unseen(self) -> bool {
        matches!(self, Code::NotLookedInto | Code::Damaged | Code::Unfinished)
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub code: Code,
    pub text: String,
    /// The entry of an archive, the node of a graph; empty for the file itself.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something that a pickle imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub module: String,
    pub name: String,
    pub danger: crate::Danger,
}

/// All that is said of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub format: Format,
    pub verdict: Verdict,
    /// What is in it, in a few words; may be empty.
    pub summary: String,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// So many were left out.
    #[serde(default)]
    pub more: u64,
    /// What its pickles import, each once.
    #[serde(default)]
    pub imports: Vec<Import>,
}

impl Report {
    /// The first finding that says that something was not seen.
    pub fn unseen(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code.unseen())
    }
}

/// What is gathered while a file is read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    findings: Vec<Finding>,
    more: u64,
    /// Of those that were left out, too.
    worst: Option<Verdict>,
    pub(crate) summary: String,
    imports: Vec<Import>,
    /// The disk failed: nothing is said of the file then.
    pub(crate) disk: Option<std::io::ErrorKind>,
}

impl Found {
    pub(crate) fn add(&mut self, code: Code, text: String, place: &str) {
        let finding = Finding { code, text: shown(&text, MAX_TEXT), place: shown(place, MAX_WHERE) };
        if self.findings.contains(&finding) {
            return;
        }
        self.worst = self.worst.max(Some(code.verdict()));
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
            return;
        }
        self.more = self.more.saturating_add(1);
        // What is dangerous is not crowded out by what is not.
        if code.verdict() == Verdict::Dangerous
            && let Some(place) = self.findings.iter().rposition(|known| known.code.verdict() != Verdict::Dangerous)
        {
            self.findings[place] = finding;
        }
    }

    /// Says why a reader went no further.
    pub(crate) fn stopped(&mut self, stop: &Stop, place: &str) {
        match stop {
            Stop::End => self.add(Code::Damaged, "it ends before its contents do".to_owned(), place),
            Stop::Broken(what) => self.add(Code::Damaged, (*what).to_owned(), place),
            Stop::Spent => self.add(Code::Unfinished, "it holds more than is looked through".to_owned(), place),
            Stop::Disk(error) => self.disk = Some(error.kind()),
        }
    }

    pub(crate) fn import(&mut self, import: Import) {
        if self.imports.len() < MAX_IMPORTS && !self.imports.contains(&import) {
            self.imports.push(import);
        }
    }

    pub(crate) fn report(mut self, format: Format) -> Report {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.code.verdict()));
        Report {
            format,
            verdict: self.worst.unwrap_or(Verdict::Clean),
            summary: shown(&self.summary, MAX_TEXT),
            findings: self.findings,
            more: self.more,
            imports: self.imports,
        }
    }
}

/// At most so many characters, none of which a terminal or a page obeys.
pub(crate) fn shown(text: &str, limit: usize) -> String {
    let mut shown: String =
        text.chars().take(limit).map(|c| if c.is_control() || is_direction(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Marks that turn the direction of what stands behind them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}
