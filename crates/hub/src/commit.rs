//! From what somebody hands in to the next commit of a branch.
//!
//! Always: a commit names bytes that are on the disk and that its owner's account has handed in; a branch moves only
//! from the commit that whoever moves it has seen; the same change again is the same commit.

use registry::{Edit, ModelName, RefName, Revision, Tree};
use store::{CommitRecord, NewCommit, Repository};

use crate::repositories::gone;
use crate::{Caller, Error, Hub, whole};

/// Longest title and message, in bytes.
const MAX_TITLE: usize = 500;
pub(crate) const MAX_MESSAGE: usize = 20_000;
/// What a file of a tree takes of the catalogue at most, in bytes.
const FILE_ROW: u64 = 2_048;

/// A change that somebody wants made.
#[derive(Debug, Clone)]
pub struct Change {
    pub model: ModelName,
    pub branch: RefName,
    /// The commit it is made from. Without one, whatever the head is.
    pub parent: Option<Revision>,
    pub edits: Vec<Edit>,
    pub title: String,
    pub message: String,
}

impl Hub {
    /// Whether this caller may commit to the model.
    pub async fn may_commit(&self, caller: &Caller, model: &ModelName) -> Result<(), Error> {
        self.own(caller, model).await.map(drop)
    }

    /// Makes the change and gives the commit the branch stands at then.
    pub async fn commit(&self, caller: &Caller, change: Change) -> Result<CommitRecord, Error> {
        // What is committed may have come for long.
        let caller = &self.again(caller).await?;
        let repository = self.own(caller, &change.model).await?;
        for (what, text, limit) in [("title", &change.title, MAX_TITLE), ("message", &change.message, MAX_MESSAGE)] {
            if text.len() > limit {
                let rule = format!("it has at most {limit} bytes");
                return Err(Error::Invalid { what, value: format!("{} bytes", text.len()), rule });
            }
        }
        let head = self.0.catalog.find_commit(repository.model.id, &Revision::Branch(change.branch.clone())).await?;
        if head.is_none() && !change.branch.is_main() {
            let revision = change.branch.to_string();
            return Err(Error::NoRevision { model: repository.model.name, revision });
        }
        let seen = match &change.parent {
            Some(parent) => self.commit_at(&repository, parent).await?,
            None => head.clone(),
        };
        let tree = self.tree_at(seen.as_ref()).await?.edit(&change.edits)?;
        if let Some(seen) = seen.filter(|seen| head.as_ref().map(|head| head.id) != Some(seen.id)) {
            // A client that lost our answer asks again: the head is what it wanted then.
            let done = head.as_ref().filter(|head| head.parent == Some(seen.number) && head.id == tree.commit_id());
            return done.cloned().ok_or_else(|| Error::BranchMoved {
                branch: change.branch,
                head: head.map(|head| head.id),
                seen: seen.id,
            });
        }
        self.check_handed_in(&repository, &change.edits).await?;
        if head.as_ref().is_none_or(|head| head.id != tree.commit_id()) {
            self.may_change(&repository).await?;
        }
        self.0.blobs.leave_room(tree.files().len() as u64 * FILE_ROW)?;
        let new = NewCommit {
            model: repository.model.id,
            branch: change.branch,
            parent: head.map(|head| head.number),
            tree,
            title: if change.title.trim().is_empty() { "Change files".to_owned() } else { change.title },
            message: change.message,
            author: caller.account().id,
            at: self.0.clock.now(),
        };
        let (hub, caller) = (self.clone(), caller.clone());
        whole(async move {
            let commit = hub.0.catalog.commit(&new).await.map_err(gone(&repository.model.name))?;
            if new.branch.is_main() {
                hub.consider(&caller, &repository, &commit).await;
            }
            Ok(commit)
        })
        .await
    }

    /// The files of a commit; before the first one there are none.
    async fn tree_at(&self, commit: Option<&CommitRecord>) -> Result<Tree, Error> {
        let Some(commit) = commit else { return Ok(Tree::default()) };
        let tree = self.0.catalog.tree(commit.id).await?;
        tree.ok_or_else(|| Error::Internal { reason: format!("the tree of {} is missing", commit.id) })
    }

    /// Nobody can name bytes that their account has not handed in, and none that are not there.
    async fn check_handed_in(&self, repository: &Repository, edits: &[Edit]) -> Result<(), Error> {
        for edit in edits {
            let Edit::Put(file) = edit else { continue };
            if self.handed_in_by(repository.model.owner.id, file.sha256).await? != Some(file.size) {
                return Err(Error::NotHandedIn { path: file.path.clone(), sha256: file.sha256 });
            }
        }
        Ok(())
    }
}
