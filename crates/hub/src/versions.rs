//! Versions as the `opengradient` SDK makes them: first a number, then files one by one, and a release by itself.
//!
//! Always: until it is a release a version is a branch of its own, and then nobody changes it; it is tried once its files
//! have been at rest for a while or somebody wants to call it, never while one of them comes in, and once for what lies
//! there; versions of a model become releases in the order of their numbers, one at a time; what could not become one
//! says why, where its author looks.
//!
//! Absent on purpose: a price of its own. Without one in its card it costs what the release before it costs, and the
//! first costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ledger::{ModelId, Price, Time};
use registry::{Digest, Edit, File, FilePath, ModelName, RefName, ReleaseNumber, Revision, Tree};
use store::{DraftRecord, NewCommit, RefKind, Repository};
use tokio::sync::{OwnedMutexGuard, mpsc};

use crate::commit::MAX_MESSAGE;
use crate::publish::{Draft, MAX_README, Published, Receiving, Version};
use crate::repositories::MAX_REFS;
use crate::{Action, Caller, Change, Error, Hub, Object, whole};

/// How long the files of a version are at rest before it is a release.
const REST_MS: i64 = 30_000;
/// And before somebody else's call makes it one: what its owner is still uploading is not for others to close.
const REST_OF_OTHERS_MS: i64 = 10_000;
/// What the branches of versions begin with. Nobody makes such a branch by hand.
pub(crate) const BRANCHES: &str = "version/";

fn branch_of(version: ReleaseNumber) -> RefName {
    format!("{BRANCHES}{version}").parse().expect("a word, a slash and a number are a name")
}

/// What goes on with versions at this moment.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    incoming: Mutex<HashMap<(ModelId, ReleaseNumber), Files>>,
    turns: Mutex<HashMap<ModelId, Arc<tokio::sync::Mutex<()>>>>,
}

/// Files of a version that come in.
#[derive(Debug)]
struct Files {
    count: usize,
    /// When the last one ended, well or not.
    ended: Time,
}

/// A file of a version on its way in. Dropped without [`Incoming::add`], it leaves the version as it was.
#[derive(Debug)]
pub struct Incoming {
    hub: Hub,
    caller: Caller,
    repository: Repository,
    version: ReleaseNumber,
}

impl Versions {
    /// Changes of a model's versions wait for each other.
    async fn turn(&self, model: ModelId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().expect("nothing panics while it holds the turns");
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(model).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn begin(&self, version: (ModelId, ReleaseNumber), now: Time) {
        let mut incoming = self.incoming.lock().expect("nothing panics while it holds the files");
        incoming.retain(|_, files| files.count > 0 || files.ended.plus_ms(REST_MS) > now);
        incoming.entry(version).or_insert(Files { count: 0, ended: now }).count += 1;
    }

    fn end(&self, version: (ModelId, ReleaseNumber), now: Time) {
        let mut incoming = self.incoming.lock().expect("nothing panics while it holds the files");
        if let Some(files) = incoming.get_mut(&version) {
            files.count = files.count.saturating_sub(1);
            files.ended = now;
        }
    }

    /// Until when it has to rest, as far as that is known here.
    fn rests_until(&self, version: (ModelId, ReleaseNumber), now: Time) -> Option<Time> {
        let incoming = self.incoming.lock().expect("nothing panics while it holds the files");
        let files = incoming.get(&version)?;
        let since = if files.count > 0 { now } else { files.ended };
        Some(since.plus_ms(REST_MS)).filter(|until| *until > now)
    }

    /// Whether one of its files comes in.
    fn receives(&self, version: (ModelId, ReleaseNumber)) -> bool {
        let incoming = self.incoming.lock().expect("nothing panics while it holds the files");
        incoming.get(&version).is_some_and(|files| files.count > 0)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.hub.0.versions.end((self.repository.model.id, self.version), self.hub.0.clock.now());
    }
}

impl Incoming {
    /// Puts a file that was received into the version, in place of one of the same path.
    pub async fn add(self, path: FilePath, sha256: Digest, size: u64) -> Result<(), Error> {
        whole(async move {
            let (hub, model) = (&self.hub, &self.repository.model);
            let _turn = hub.0.versions.turn(model.id).await;
            hub.unreleased(&model.name, self.version).await?;
            let change = Change {
                model: model.name.clone(),
                branch: branch_of(self.version),
                parent: None,
                title: format!("Upload {}", path.file_name()),
                edits: vec![Edit::Put(File { path, sha256, size })],
                message: String::new(),
            };
            let branch = change.branch.clone();
            let commit = hub.commit(&self.caller, change).await?;
            let now = hub.0.clock.now();
            let draft = DraftRecord {
                model: model.id,
                name: model.name.clone(),
                branch,
                commit: commit.id,
                author: self.caller.account().id,
                at: now,
                due: Some(now.plus_ms(REST_MS)),
                refused: None,
                number: Some(self.version),
            };
            hub.0.catalog.set_draft(&draft).await?;
            hub.0.drafts.notify_one();
            Ok(())
        })
        .await
    }
}

impl Hub {
    /// Makes a model that is described in a few words; they are the beginning of its card.
    pub async fn create_described(&self, caller: &Caller, name: &ModelName, description: &str) -> Result<(), Error> {
        let card = format!("# {}\n\n{}\n", name.name(), description.trim());
        if card.len() as u64 > MAX_README {
            let rule = format!("it has at most {MAX_README} bytes with the model's name");
            return Err(Error::Invalid { what: "description", value: format!("{} bytes", description.len()), rule });
        }
        let name = &ModelName::claim(name.owner().clone(), name.name())?;
        let owner = self.publisher(caller, name.owner()).await?;
        caller.may(Action::Publish, Object::Model(name))?;
        let mut edits = Vec::new();
        if !description.trim().is_empty() {
            let mut receiving = self.receive_unknown(caller, owner, MAX_README).await?;
            receiving.write(card.as_bytes())?;
            let (sha256, size) = receiving.finish().await?;
            let path = "README.md".parse().expect("it is a path");
            edits.push(Edit::Put(File { path, sha256, size }));
        }
        self.create(caller, name, false).await?;
        if !edits.is_empty() {
            let title = "Describe the model".to_owned();
            let branch = RefName::main();
            let change = Change { model: name.clone(), branch, parent: None, edits, title, message: String::new() };
            self.commit(caller, change).await?;
        }
        Ok(())
    }

    /// Gives the number of the next version and makes room for its files. A number that has no files, or whose files
    /// could not become a release, is given again, without files.
    pub async fn create_version(
        &self,
        caller: &Caller,
        name: &ModelName,
        notes: &str,
        major: bool,
    ) -> Result<ReleaseNumber, Error> {
        if notes.len() > MAX_MESSAGE {
            let rule = format!("they have at most {MAX_MESSAGE} bytes");
            return Err(Error::Invalid { what: "notes", value: format!("{} bytes", notes.len()), rule });
        }
        let repository = self.own(caller, name).await?;
        let (hub, author, notes) = (self.clone(), caller.account().id, notes.to_owned());
        whole(async move {
            let _turn = hub.0.versions.turn(repository.model.id).await;
            let id = repository.model.id;
            let (refs, drafts) = (hub.0.catalog.refs(id).await?, hub.0.catalog.drafts(id).await?);
            let mut last = hub.0.catalog.releases(&repository.model.name, 1).await?.first().map(|last| last.number);
            for branch in refs.iter().filter(|found| found.kind == RefKind::Branch) {
                let Some(version) = version_of(&branch.name) else { continue };
                let refused = drafts.iter().any(|draft| draft.branch == branch.name && draft.refused.is_some());
                if !refused && branch.commit != Tree::default().commit_id() {
                    last = last.max(Some(version));
                }
            }
            let next = match last {
                None => Some(ReleaseNumber::FIRST),
                Some(last) if major => last.next_major(),
                Some(last) => last.next_minor(),
            };
            let Some(next) = next else {
                let rule = "the model has as many versions as numbers allow".to_owned();
                return Err(Error::Invalid { what: "version", value: "another one".to_owned(), rule });
            };
            let branch = branch_of(next);
            let head = hub.0.catalog.find_commit(id, &Revision::Branch(branch.clone())).await?;
            if head.is_none() && refs.len() >= MAX_REFS {
                let rule = format!("a model has at most {MAX_REFS} versions, branches and tags");
                return Err(Error::Invalid { what: "version", value: next.to_string(), rule });
            }
            let begin = NewCommit {
                model: id,
                branch: branch.clone(),
                parent: head.map(|head| head.number),
                tree: Tree::default(),
                title: format!("Version {next}"),
                message: notes,
                author,
                at: hub.0.clock.now(),
            };
            hub.0.catalog.commit(&begin).await?;
            if let Some(draft) = drafts.iter().find(|draft| draft.branch == branch) {
                hub.0.catalog.remove_draft(id, &branch, draft.commit).await?;
            }
            Ok(next)
        })
        .await
    }

    /// Begins to take in a file of a version that is there and no release yet.
    pub async fn upload_to_version(
        &self,
        caller: &Caller,
        name: &ModelName,
        version: ReleaseNumber,
    ) -> Result<(Incoming, Receiving), Error> {
        let repository = self.own(caller, name).await?;
        self.unreleased(&repository.model.name, version).await?;
        let (id, branch) = (repository.model.id, Revision::Branch(branch_of(version)));
        if self.0.catalog.find_commit(id, &branch).await?.is_none() {
            return Err(Error::NoRelease { model: repository.model.name, release: version });
        }
        let receiving = self.receive_unknown(caller, repository.model.owner.clone(), self.max_file()).await?;
        self.0.versions.begin((id, version), self.0.clock.now());
        Ok((Incoming { hub: self.clone(), caller: caller.clone(), repository, version }, receiving))
    }

    /// The files of a version, whether it is a release or not.
    pub async fn version_files(
        &self,
        caller: &Caller,
        name: &ModelName,
        version: ReleaseNumber,
    ) -> Result<Arc<Tree>, Error> {
        let repository = self.repository(Some(caller), name).await?;
        caller.may(Action::Read, Object::Model(&repository.model.name))?;
        let release = Revision::Tag(version.to_string().parse().expect("a number is a name"));
        for revision in [release, Revision::Branch(branch_of(version))] {
            match self.snapshot_of(repository.clone(), &revision).await {
                Ok(found) => return Ok(found.tree),
                Err(Error::NoRevision { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::NoRelease { model: repository.model.name, release: version })
    }

    async fn unreleased(&self, name: &ModelName, version: ReleaseNumber) -> Result<(), Error> {
        match self.0.catalog.release(name, Some(version)).await? {
            None => Ok(()),
            Some(_) => Err(Error::Released { model: name.clone(), release: version }),
        }
    }

    /// What somebody wants to call is no release. If it is a version that waits to be one, it becomes one now. Whoever
    /// belongs to the owner is told why it did not.
    pub(crate) async fn release_for(
        &self,
        caller: &Caller,
        name: &ModelName,
        release: Option<ReleaseNumber>,
    ) -> Result<(), Error> {
        let repository = self.seen(Some(caller), name).await?;
        let of_theirs = caller.belongs_to(repository.model.owner.id);
        let versions = |drafts: Vec<DraftRecord>| {
            // Without a number: where nothing was released, the first is what is meant.
            let asked = drafts.into_iter().filter(move |draft| release.is_none() || draft.number == release);
            asked.filter(|draft| draft.number.is_some()).min_by_key(|draft| draft.number)
        };
        let Some(waiting) = versions(self.0.catalog.drafts(repository.model.id).await?) else { return Ok(()) };
        let rested = waiting.at.plus_ms(REST_OF_OTHERS_MS) <= self.0.clock.now();
        if waiting.due.is_some() && (of_theirs || rested) {
            self.release_version(&waiting, true).await?;
        }
        let refused = self.0.catalog.draft(waiting.model, &waiting.branch).await?.and_then(|draft| draft.refused);
        match (refused, waiting.number) {
            (Some(reason), Some(release)) if of_theirs => {
                Err(Error::NotReleased { model: repository.model.name, release, reason })
            }
            _ => Ok(()),
        }
    }

    /// Tries a version whose time has come, or which somebody wants to `call`, and those before it that wait as well.
    pub(crate) async fn release_version(&self, waiting: &DraftRecord, call: bool) -> Result<(), Error> {
        let (hub, waiting) = (self.clone(), waiting.clone());
        whole(async move {
            let _turn = hub.0.versions.turn(waiting.model).await;
            let mut drafts = hub.0.catalog.drafts(waiting.model).await?;
            let now = hub.0.clock.now();
            // It may have been released, refused or changed while others had their turn.
            let is_due = |draft: &&DraftRecord| draft.due.is_some_and(|due| call || due <= now);
            let same = drafts.iter().find(|draft| draft.branch == waiting.branch);
            let Some(waiting) = same.filter(is_due).cloned() else { return Ok(()) };
            drafts.retain(|draft| draft.number.is_some() && draft.number <= waiting.number && draft.due.is_some());
            drafts.sort_by_key(|draft| draft.number);
            if let Some(until) = drafts.iter().filter_map(|draft| hub.rests_until(draft, now, call)).max() {
                let late = DraftRecord { due: Some(until), ..waiting };
                return Ok(hub.0.catalog.set_draft(&late).await?);
            }
            for draft in drafts {
                hub.try_version(draft).await?;
            }
            Ok(())
        })
        .await
    }

    /// Until when a version has to rest. What is wanted for a call waits for files that come in, and for nothing else.
    fn rests_until(&self, draft: &DraftRecord, now: Time, call: bool) -> Option<Time> {
        let version = (draft.model, draft.number?);
        if call && !self.0.versions.receives(version) {
            return None;
        }
        let due = draft.due.filter(|due| *due > now && !call);
        self.0.versions.rests_until(version, now).max(due)
    }

    async fn try_version(&self, draft: DraftRecord) -> Result<(), Error> {
        let tried = self.publish_version(&draft).await;
        self.settle(draft, tried).await
    }

    async fn publish_version(&self, draft: &DraftRecord) -> Result<Published, Error> {
        let repository = self.0.catalog.repository(&draft.name).await?;
        let repository = repository.ok_or_else(|| Error::NoModel { model: draft.name.clone() })?;
        let caller = self.author(draft.author, repository.model.owner.id).await?;
        let latest = self.0.catalog.releases(&draft.name, 1).await?.into_iter().next();
        let mut files = self.0.catalog.tree(draft.commit).await?.unwrap_or_default().files().to_vec();
        if !files.iter().any(|file| file.path.as_str().eq_ignore_ascii_case("README.md")) {
            // What the model is and costs stays as it was said last.
            let main = self.snapshot_of(repository, &Revision::main()).await?;
            let card = main.tree.get("README.md").or_else(|| latest.as_ref()?.tree.get("README.md"));
            files.extend(card.cloned());
        }
        let price = latest.map_or_else(free, |latest| latest.price_at(self.0.clock.now()));
        let publish = Draft {
            model: draft.name.clone(),
            files,
            price: None,
            split: None,
            access: None,
            number: None,
            latest: false,
            dry_run: false,
            commit: true,
            version: draft.number.map(|number| Version { number, price }),
        };
        // Verdicts go with the reason of a refusal; nobody watches.
        let (verdicts, mut unread) = mpsc::channel(16);
        let watching = tokio::spawn(async move { while unread.recv().await.is_some() {} });
        let published = self.publish(&caller, publish, verdicts).await;
        watching.abort();
        published
    }
}

fn free() -> Price {
    Price::per_call("0 OPG".parse().expect("it is an amount of money"))
}

fn version_of(branch: &RefName) -> Option<ReleaseNumber> {
    branch.as_str().strip_prefix(BRANCHES)?.parse().ok()
}
