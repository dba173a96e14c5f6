//! Words of requests that several of these routes read.

use api::{Code, Problem};
use registry::{RefName, Revision};

/// A branch to write to.
pub(crate) fn branch(revision: &Revision) -> Result<RefName, Problem> {
    match revision {
        Revision::Branch(name) | Revision::Named(name) => Ok(name.clone()),
        Revision::Tag(_) | Revision::Commit(_) => {
            Err(Problem::new(Code::InvalidRequest, format!("{revision} is no branch; commits go to branches")))
        }
    }
}
