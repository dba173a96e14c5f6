//! The files of a commit, and who may read them.
//!
//! Always: what carries weights is read by those alone who may write where it lies, until the owner says otherwise,
//! whichever revision, range or form is asked for; that a file is there, its size and its digest are no secret of a model that is seen.

use std::collections::HashMap;
use std::sync::Arc;

use registry::{Access, Card, Digest, File, GitOid, LARGE_BYTES, ModelName, RefName, Revision, Tree};
use store::{AccessStatus, CommitRecord, Repository};

use crate::publish::MAX_README;
use crate::upload::beside;
use crate::{Action, Caller, Error, Hub, Object};

/// The files of a model at one commit.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub repository: Repository,
    /// Of a model without any, the one that stands for no files; its number is 0.
    pub commit: CommitRecord,
    pub tree: Arc<Tree>,
}

/// A file to be read.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    /// At its beginning.
    pub content: store::Content,
}

impl Hub {
    /// The files at a revision.
    pub async fn snapshot(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        revision: &Revision,
    ) -> Result<Snapshot, Error> {
        self.snapshot_of(self.repository(viewer, name).await?, revision).await
    }

    /// The same of a model that was found already.
    pub(crate) async fn snapshot_of(&self, repository: Repository, revision: &Revision) -> Result<Snapshot, Error> {
        let Some(commit) = self.commit_at(&repository, revision).await? else {
            let commit = beginning(&repository);
            return Ok(Snapshot { repository, commit, tree: Arc::default() });
        };
        if let Some(tree) = self.0.trees.get(commit.id) {
            return Ok(Snapshot { repository, commit, tree });
        }
        let tree = self.0.catalog.tree(commit.id).await?;
        let tree = tree.ok_or_else(|| Error::Internal { reason: format!("the tree of {} is missing", commit.id) })?;
        let tree = Arc::new(tree);
        self.0.trees.put(commit.id, &tree, tree.files().len() + 1);
        Ok(Snapshot { repository, commit, tree })
    }

    /// The commit a revision stands for. None where a model without any is asked for its beginning: that it has no
    /// files is no error.
    pub(crate) async fn commit_at(&self, of: &Repository, revision: &Revision) -> Result<Option<CommitRecord>, Error> {
        let found = self.find_commit(of, revision).await;
        let begins = match revision {
            Revision::Branch(name) | Revision::Named(name) => name.is_main(),
            Revision::Commit(id) => *id == Tree::default().commit_id(),
            Revision::Tag(_) => false,
        };
        if begins && matches!(found, Err(Error::NoRevision { .. })) {
            let main = Revision::Branch(RefName::main());
            if self.0.catalog.find_commit(of.model.id, &main).await?.is_none() {
                return Ok(None);
            }
        }
        found.map(Some)
    }

    /// What the README of a commit says. One that is missing, too long or not well formed says nothing.
    pub async fn card(&self, of: &Snapshot) -> Result<Arc<Card>, Error> {
        if let Some(card) = self.0.cards.get(of.commit.id) {
            return Ok(card);
        }
        let readme = of.tree.get("README.md").filter(|file| file.size <= MAX_README);
        let (card, bytes) = match readme.cloned() {
            None => (Card::default(), 0),
            Some(readme) => {
                let blobs = self.0.blobs.clone();
                let read = move || {
                    let text = blobs.read(readme.sha256, MAX_README)?;
                    // The body is shown by other means, and would fill the memory.
                    let card = Card { body: String::new(), ..Card::from_bytes(&text).unwrap_or_default() };
                    Ok::<_, Error>((card, text.len()))
                };
                let read = tokio::task::spawn_blocking(read).await;
                read.map_err(|crash| Error::Internal { reason: crash.to_string() })??
            }
        };
        let card = Arc::new(card);
        self.0.cards.put(of.commit.id, &card, bytes + 256);
        Ok(card)
    }

    /// A file of it that this viewer may read.
    pub async fn file<'a>(&self, viewer: Option<&Caller>, of: &'a Snapshot, path: &str) -> Result<&'a File, Error> {
        let model = &of.repository.model.name;
        let Some(file) = of.tree.get(path) else {
            return Err(Error::NoFile { model: model.clone(), path: path.to_owned(), commit: of.commit.id });
        };
        self.may_read(viewer, &of.repository, file).await?;
        Ok(file)
    }

    /// Reads a blob whole, at most `limit` bytes.
    pub(crate) async fn read_blob(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let blobs = self.0.blobs.clone();
        beside(move || blobs.read(digest, limit)).await
    }

    /// Opens a file of it.
    pub async fn open(&self, viewer: Option<&Caller>, snapshot: &Snapshot, path: &str) -> Result<Opened, Error> {
        let file = self.file(viewer, snapshot, path).await?;
        let (blobs, digest) = (self.0.blobs.clone(), file.sha256);
        let content = beside(move || blobs.content(digest)).await?;
        Ok(Opened { file: file.clone(), content })
    }

    /// Whether the content of a file is for this viewer: the one place that says so, for every surface. What carries
    /// weights is for those who may write where it lies, for everybody if it is open, and for those whom its owner has
    /// let in if it is gated; sealed, it is for nobody else.
    pub async fn may_read(&self, viewer: Option<&Caller>, of: &Repository, file: &File) -> Result<(), Error> {
        if !file.carries_weights() || of.access == Access::Open {
            return Ok(());
        }
        let (model, path) = (&of.model, file.path.clone());
        let owns = |viewer: &Caller| {
            viewer.may(Action::ReadWeights, Object::Account(&model.owner))?;
            viewer.may(Action::ReadWeights, Object::Model(&model.name))
        };
        if viewer.is_some_and(|viewer| owns(viewer).is_ok()) {
            return Ok(());
        }
        if of.access == Access::Sealed {
            return Err(Error::Sealed { model: model.name.clone(), path, access: of.access });
        }
        let status = match viewer {
            Some(viewer) if viewer.may(Action::Read, Object::Model(&model.name)).is_ok() => {
                self.0.catalog.access_request(model.id, viewer.account().id).await?.map(|request| request.status)
            }
            _ => None,
        };
        match status {
            Some(AccessStatus::Accepted) => Ok(()),
            status => Err(Error::NotAdmitted { model: model.name.clone(), path, status }),
        }
    }

    /// What git calls the contents of these files: of large ones the name of their pointer.
    pub async fn git_oids(&self, files: &[File]) -> Result<HashMap<Digest, GitOid>, Error> {
        let small: Vec<Digest> = files.iter().filter(|file| !file.is_large()).map(|file| file.sha256).collect();
        let mut oids = self.0.catalog.git_oids(&small).await?;
        let missing: Vec<Digest> = small.into_iter().filter(|digest| !oids.contains_key(digest)).collect();
        if !missing.is_empty() {
            let blobs = self.0.blobs.clone();
            let read = move || {
                let oid = |digest: Digest| Ok((digest, GitOid::of_blob(&blobs.read(digest, LARGE_BYTES)?)));
                missing.into_iter().map(oid).collect::<Result<Vec<_>, Error>>()
            };
            let found = tokio::task::spawn_blocking(read).await;
            let found = found.map_err(|crash| Error::Internal { reason: crash.to_string() })??;
            self.0.catalog.add_git_oids(&found).await?;
            oids.extend(found);
        }
        oids.extend(
            files
                .iter()
                .filter(|file| file.is_large())
                .map(|file| (file.sha256, GitOid::of_pointer(file.sha256, file.size))),
        );
        Ok(oids)
    }
}

/// What stands for the files of a model that has none.
fn beginning(of: &Repository) -> CommitRecord {
    CommitRecord {
        number: 0,
        id: Tree::default().commit_id(),
        parent: None,
        title: String::new(),
        message: String::new(),
        author: of.model.owner.handle.clone(),
        at: of.model.created,
    }
}
