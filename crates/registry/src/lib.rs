//! The rules of models: names, commits, releases, contracts, cards, examples, lineage.
//!
//! Always: a value that exists is well formed, whoever sent it; every refusal names the value and the rule; a commit's
//! id and digest are functions of its files alone; a release number says whether callers have to change something.
//!
//! Absent on purpose: clock, I/O, async, and running anything. Bytes come in, plain values go out. Which account a
//! handle belongs to and whether a base model exists is the hub's to know.
//!
//! To add a field to the `modelhub:` section of a card: its name in `section::FIELDS`, its arm beside the others there,
//! a line in `tests/card.rs`, a line in `docs/publishing.md`.

mod agree;
mod apart;
mod card;
mod complete;
mod contract;
pub mod diff;
mod edit;
mod entries;
mod error;
mod example;
mod front_matter;
mod git;
mod kind;
mod labels;
mod licence;
mod lineage;
mod moderation;
mod name;
mod path;
mod release;
mod remote;
mod revision;
mod sample;
mod section;
mod shown;
pub mod task;
mod text;
mod tree;

pub use agree::{Disagreement, Tolerance, agree};
pub use apart::{Apart, How, apart};
pub use card::Card;
pub use complete::{Completeness, Part, Sections};
pub use contract::{Change, Contract};
pub use edit::{Edit, EditError};
pub use entries::{Entries, Entry, FolderOids};
pub use error::{CardError, Line};
pub use example::{Example, ExampleError, MAX_EXAMPLE_BYTES};
pub use git::{GitOid, pointer_size};
pub use kind::LARGE_BYTES;
pub use labels::{LabelError, Labels};
pub use licence::Licence;
pub use lineage::{Edge, Lineage, within_limit};
pub use moderation::{Reason, Restriction, RestrictionKind};
pub use name::{Handle, ModelName, NameError, NameRule, RESERVED_HANDLES, RESERVED_MODEL_NAMES};
pub use path::{FilePath, PathError};
pub use release::{BadReleaseNumber, ReleaseNumber, next_release};
pub use remote::{MAX_REMOTE_URL, Remote, RemoteError};
pub use revision::{RefError, RefName, Revision};
pub use sample::{SampleError, sample_inputs};
pub use section::{Access, DEFAULT_DEADLINE_MS, MAX_BATCH_ROWS, MAX_DEADLINE_MS, Output, Section};
pub use shown::{DIGITS, ShowError, TOP_K, can_show, show};
pub use task::{Task, TaskCard, TaskError};
pub use tree::{BadDigest, CommitId, Digest, File, MAX_FILES, Tree, TreeError};
