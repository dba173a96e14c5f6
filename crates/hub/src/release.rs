//! From a commit to a release: when its author asks, or by itself when the card of main names a price.
//!
//! Always: what is published by itself was priced by its author, in the card of that very commit; a commit that is
//! overtaken within the quiet time is not published; what could not be published says why, where its author looks.

use std::time::Duration;

use ledger::{AccountId, Price};
use registry::{Card, ModelName, RefName, ReleaseNumber, Revision};
use store::{DraftRecord, MemberRole, Repository};
use tokio::sync::mpsc;

use crate::publish::{Draft, MAX_README, Published, Verdict};
use crate::{Caller, Error, Hub};

/// Nothing may have been committed for so long before main is published: tools push a model in several commits.
const QUIET_MS: i64 = 10_000;
/// When a draft is tried again that failed for the hub's own reasons.
const AGAIN_MS: i64 = 30_000;
/// How many drafts are looked at together.
const DRAFTS: u64 = 64;

/// What the author wants of a release.
#[derive(Debug, Clone, Default)]
pub struct Releasing {
    /// Without one, the head of main.
    pub revision: Option<Revision>,
    /// These two stand above the card.
    pub price: Option<Price>,
    pub number: Option<ReleaseNumber>,
    pub latest: bool,
    pub dry_run: bool,
}

impl Hub {
    /// Publishes a commit that is there.
    pub async fn release(
        &self,
        caller: &Caller,
        name: &ModelName,
        wish: Releasing,
        verdicts: mpsc::Sender<Verdict>,
    ) -> Result<Published, Error> {
        let repository = self.own(caller, name).await?;
        let revision = wish.revision.unwrap_or_else(Revision::main);
        let snapshot = self.snapshot_of(repository.clone(), &revision).await?;
        let draft = Draft {
            model: repository.model.name,
            files: snapshot.tree.files().to_vec(),
            price: wish.price,
            split: None,
            access: None,
            number: wish.number,
            latest: wish.latest,
            dry_run: wish.dry_run,
            commit: false,
            version: None,
        };
        let published = self.publish(caller, draft, verdicts).await?;
        if !wish.dry_run {
            for draft in self.0.catalog.drafts(repository.model.id).await? {
                let done = draft.number.is_none_or(|number| number == published.release);
                if done && draft.commit == snapshot.commit.id {
                    self.0.catalog.remove_draft(draft.model, &draft.branch, draft.commit).await?;
                }
            }
        }
        Ok(published)
    }

    /// What is to become of the newest commit of main, and of versions, or why it is no release; the newest first.
    pub async fn drafts(&self, caller: &Caller, name: &ModelName) -> Result<Vec<DraftRecord>, Error> {
        let repository = self.own(caller, name).await?;
        Ok(self.0.catalog.drafts(repository.model.id).await?)
    }

    /// Looks at a commit that main has now: one whose card names a price is a release once main has been quiet.
    pub(crate) async fn consider(&self, caller: &Caller, repository: &Repository, commit: &store::CommitRecord) {
        if let Err(error) = self.try_consider(caller, repository, commit).await {
            // The commit stands; its author publishes it by hand.
            tracing::error!("A commit of {} was not looked at: {error:?}", repository.model.name);
        }
    }

    async fn try_consider(
        &self,
        caller: &Caller,
        repository: &Repository,
        commit: &store::CommitRecord,
    ) -> Result<(), Error> {
        // What was to become of the commit before is overtaken, whatever this one says.
        for draft in self.0.catalog.drafts(repository.model.id).await? {
            if draft.branch.is_main() && draft.commit != commit.id {
                self.0.catalog.remove_draft(draft.model, &draft.branch, draft.commit).await?;
            }
        }
        let tree = self.0.catalog.tree(commit.id).await?.unwrap_or_default();
        let Some(readme) = tree.get("README.md") else { return Ok(()) };
        let now = self.0.clock.now();
        let read = self.read_blob(readme.sha256, MAX_README).await;
        let (due, refused) = match read.map(|text| Card::from_bytes(&text)) {
            Ok(Ok(card)) if card.hub.as_ref().is_some_and(|section| section.price.is_some()) => {
                (Some(now.plus_ms(QUIET_MS)), None)
            }
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => (None, Some(error.to_string())),
            // Read again when it is due.
            Err(error) if error.is_hubs_own() => (Some(now.plus_ms(AGAIN_MS)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if self.only_the_card_changed(repository, &tree).await? {
            return Ok(());
        }
        let draft = DraftRecord {
            model: repository.model.id,
            name: repository.model.name.clone(),
            branch: RefName::main(),
            commit: commit.id,
            author: caller.account().id,
            at: now,
            due,
            refused,
            number: None,
        };
        self.0.catalog.set_draft(&draft).await?;
        self.0.drafts.notify_one();
        Ok(())
    }

    /// A change of README.md alone makes no release by itself.
    async fn only_the_card_changed(&self, repository: &Repository, tree: &registry::Tree) -> Result<bool, Error> {
        let Some(latest) = self.0.catalog.releases(&repository.model.name, 1).await?.into_iter().next() else {
            return Ok(false);
        };
        let others = |tree: &registry::Tree| -> Vec<_> {
            tree.files().iter().filter(|file| file.path.as_str() != "README.md").cloned().collect()
        };
        Ok(others(tree) == others(&latest.tree))
    }

    /// The task that publishes what has been quiet for long enough. What waited when the hub was stopped waits on.
    pub(crate) async fn keep_releasing(&self) {
        loop {
            let wait = match self.release_due().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!("Drafts were not looked at: {error:?}");
                    Duration::from_secs(5)
                }
            };
            let _ = tokio::time::timeout(wait, self.0.drafts.notified()).await;
        }
    }

    /// Publishes what is due; gives how long nothing will be.
    async fn release_due(&self) -> Result<Duration, Error> {
        let mut tried = false;
        for draft in self.0.catalog.due_drafts(DRAFTS).await? {
            let left = draft.due.map_or(0, |due| due.0 - self.0.clock.now().0);
            if left > 0 {
                return Ok(Duration::from_millis(left.unsigned_abs()).min(Duration::from_secs(1)));
            }
            tried = true;
            match draft.number {
                None => self.release_draft(draft).await?,
                Some(_) => self.release_version(&draft, false).await?,
            }
        }
        Ok(if tried { Duration::from_millis(10) } else { Duration::from_secs(60) })
    }

    async fn release_draft(&self, draft: DraftRecord) -> Result<(), Error> {
        let tried = self.try_release(&draft).await;
        self.settle(draft, tried).await
    }

    /// What becomes of a draft that was tried: it is done, it is tried again, or it says why it is no release.
    pub(crate) async fn settle(&self, draft: DraftRecord, tried: Result<Published, Error>) -> Result<(), Error> {
        let (later, failed) = match tried {
            Ok(published) => {
                tracing::info!("Published {} {} from {}", published.model, published.release, draft.branch);
                return Ok(self.0.catalog.remove_draft(draft.model, &draft.branch, draft.commit).await?);
            }
            Err(error) if error.is_hubs_own() => {
                // Others do not wait for it.
                let due = Some(self.0.clock.now().plus_ms(AGAIN_MS));
                (DraftRecord { due, ..draft }, Err(error))
            }
            Err(error) => (DraftRecord { due: None, refused: Some(error.advised()), ..draft }, Ok(())),
        };
        // Somebody may have committed meanwhile, and then that is what its author wants to know of.
        let now = self.0.catalog.draft(later.model, &later.branch).await?;
        if now.is_some_and(|now| now.commit == later.commit) {
            self.0.catalog.set_draft(&later).await?;
        }
        failed
    }

    async fn try_release(&self, draft: &DraftRecord) -> Result<Published, Error> {
        let repository = self.0.catalog.repository(&draft.name).await?;
        let owner = repository.ok_or_else(|| Error::NoModel { model: draft.name.clone() })?.model.owner.id;
        let caller = self.author(draft.author, owner).await?;
        let wish = Releasing { revision: Some(Revision::Commit(draft.commit)), ..Releasing::default() };
        // Verdicts go with the reason of a refusal; nobody watches.
        let (verdicts, mut unread) = mpsc::channel(16);
        let watching = tokio::spawn(async move { while unread.recv().await.is_some() {} });
        let published = self.release(&caller, &draft.name, wish, verdicts).await;
        watching.abort();
        published
    }
}

impl Hub {
    /// Whoever committed, as of now: nobody publishes what belongs to an organisation and has left it meanwhile.
    pub(crate) async fn author(&self, author: AccountId, owner: AccountId) -> Result<Caller, Error> {
        let account = self.0.catalog.account_by_id(author).await?.ok_or(Error::LostAccount(author))?;
        let mut groups = vec![(author, MemberRole::Admin)];
        groups.extend(self.0.catalog.member(author, owner).await?.map(|member| (owner, member.role)));
        Ok(Caller::acting(account, groups))
    }
}
