//! Gated weights: who asks for them, and what their owner says.
//!
//! Always: a model that is not there for somebody is not asked for either; what was said counts for one account and one
//! model; whether it opens a file, `Hub::may_read` alone says.

use ledger::ModelId;
use registry::{Access, Handle, ModelName};
use store::{AccessCursor, AccessRequest, AccessStatus, CatalogError, Repository};

use crate::ids::hex;
use crate::moderation::Stands;
use crate::repositories::{MAX_LISTED, gone};
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Longest text of a request and of a refusal, in bytes.
const MAX_TEXT: usize = 4_000;

/// Whose request is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    Account(Handle),
    Request([u8; 16]),
}

impl Hub {
    /// Asks for the weights of a gated model, in the caller's own name. Who asked before is told what came of that.
    pub async fn request_access(
        &self,
        caller: &Caller,
        name: &ModelName,
        message: &str,
    ) -> Result<AccessRequest, Error> {
        let found = self.seen(Some(caller), name).await?;
        caller.may(Action::Read, Object::Model(&found.model.name))?;
        found.model.open_to(Some(caller))?;
        gated(&found)?;
        check_text("message", message)?;
        if caller.may(Action::ReadWeights, Object::Account(&found.model.owner)).is_ok() {
            return Err(Error::AdmittedAlready { model: found.model.name, handle: caller.handle().clone() });
        }
        let now = self.0.clock.now();
        let request = AccessRequest {
            id: *self.0.ids.next().as_bytes(),
            model: found.model.id,
            account: caller.account().clone(),
            status: if found.automatic { AccessStatus::Accepted } else { AccessStatus::Pending },
            message: message.trim().to_owned(),
            reason: None,
            at: now,
            decided: found.automatic.then_some(now),
            decider: None,
        };
        let hub = self.clone();
        whole(async move {
            let added = hub.0.catalog.add_access_request(&request).await;
            added.map_err(|error| match error {
                CatalogError::ManyRequests => Error::ManyRequests { model: found.model.name.clone() },
                other => gone(&found.model.name)(other),
            })
        })
        .await
    }

    /// What came of a request: for whoever asked, and for those who decide.
    pub async fn access_of(&self, caller: &Caller, name: &ModelName, who: &Handle) -> Result<AccessRequest, Error> {
        let found = match who == caller.handle() {
            true => {
                let found = self.seen(Some(caller), name).await?;
                caller.may(Action::Read, Object::Model(&found.model.name))?;
                found
            }
            false => self.allowed(caller, Action::Admit, name).await?,
        };
        self.request_of(&found, &Asker::Account(who.clone()))
            .await?
            .ok_or_else(|| missing(&found, who.to_string(), None))
    }

    /// The requests for a model that have this status, the newest first, for those who decide.
    pub async fn access_requests(
        &self,
        caller: &Caller,
        name: &ModelName,
        status: AccessStatus,
        after: Option<AccessCursor>,
        limit: u64,
    ) -> Result<Vec<AccessRequest>, Error> {
        let found = self.allowed(caller, Action::Admit, name).await?;
        Ok(self.0.catalog.access_requests(found.model.id, status, after, limit.min(MAX_LISTED)).await?)
    }

    /// Answers a request, or changes what was answered. What is so already is no request that could be answered so.
    pub async fn decide_access(
        &self,
        caller: &Caller,
        name: &ModelName,
        asker: &Asker,
        status: AccessStatus,
        reason: Option<&str>,
    ) -> Result<AccessRequest, Error> {
        let found = self.allowed(caller, Action::Admit, name).await?;
        check_text("reason", reason.unwrap_or_default())?;
        let who = || match asker {
            Asker::Account(handle) => handle.to_string(),
            Asker::Request(id) => hex(id),
        };
        let request = self.request_of(&found, asker).await?.ok_or_else(|| missing(&found, who(), None))?;
        if request.status == status {
            return Err(missing(&found, request.account.handle.to_string(), Some(status)));
        }
        self.decide(caller, request, status, reason, &found).await
    }

    /// Lets somebody in, whether they asked or not.
    pub async fn grant_access(&self, caller: &Caller, name: &ModelName, who: &Handle) -> Result<AccessRequest, Error> {
        let found = self.allowed(caller, Action::Admit, name).await?;
        gated(&found)?;
        let account = self.find_account(who).await?;
        let request = match self.0.catalog.access_request(found.model.id, account.id).await? {
            Some(request) if request.status == AccessStatus::Accepted => {
                return Err(Error::AdmittedAlready { model: found.model.name, handle: account.handle });
            }
            Some(request) => request,
            None => AccessRequest {
                id: *self.0.ids.next().as_bytes(),
                model: found.model.id,
                account,
                status: AccessStatus::Pending,
                message: String::new(),
                reason: None,
                at: self.0.clock.now(),
                decided: None,
                decider: None,
            },
        };
        self.decide(caller, request, AccessStatus::Accepted, None, &found).await
    }

    /// Takes a request off: its own account takes it back, its owner's group ends the access that came of it. It may be
    /// made again.
    pub async fn remove_access(&self, caller: &Caller, name: &ModelName, who: &Handle) -> Result<(), Error> {
        let request = self.access_of(caller, name, who).await?;
        // Somebody who was rejected does not get rid of that.
        if who == caller.handle() && request.status == AccessStatus::Rejected {
            let found = self.seen(Some(caller), name).await?;
            return Err(missing(&found, who.to_string(), Some(AccessStatus::Rejected)));
        }
        let (hub, model, account, act) = (self.clone(), request.model, request.account.id, self.act(caller));
        whole(async move { Ok(hub.0.catalog.remove_access_request(model, account, act).await.map(drop)?) }).await
    }

    /// Says whether whoever asks for the weights is let in at once.
    pub async fn set_automatic(&self, caller: &Caller, name: &ModelName, automatic: bool) -> Result<Repository, Error> {
        let found = self.allowed(caller, Action::Manage, name).await?;
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_automatic(found.model.id, automatic).await?;
            Ok(Repository { automatic, ..found })
        })
        .await
    }

    async fn decide(
        &self,
        caller: &Caller,
        request: AccessRequest,
        status: AccessStatus,
        reason: Option<&str>,
        of: &Repository,
    ) -> Result<AccessRequest, Error> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned);
        let decided = AccessRequest {
            status,
            reason: reason.filter(|_| status == AccessStatus::Rejected),
            decided: (status != AccessStatus::Pending).then(|| self.0.clock.now()),
            decider: Some(caller.handle().clone()),
            ..request
        };
        let (hub, act, name) = (self.clone(), self.act(caller), of.model.name.clone());
        whole(async move {
            hub.0.catalog.decide_access(&decided, act).await.map_err(gone(&name))?;
            Ok(decided)
        })
        .await
    }

    async fn request_of(&self, of: &Repository, asker: &Asker) -> Result<Option<AccessRequest>, Error> {
        let model: ModelId = of.model.id;
        Ok(match asker {
            Asker::Request(id) => self.0.catalog.access_request_by_id(model, *id).await?,
            Asker::Account(handle) => match self.0.catalog.account(handle).await? {
                Some(account) => self.0.catalog.access_request(model, account.id).await?,
                None => None,
            },
        })
    }
}

fn gated(of: &Repository) -> Result<(), Error> {
    match of.access {
        Access::Gated => Ok(()),
        access => Err(Error::NotGated { model: of.model.name.clone(), access }),
    }
}

fn missing(of: &Repository, who: String, status: Option<AccessStatus>) -> Error {
    Error::NoAccessRequest { model: of.model.name.clone(), who, status }
}

fn check_text(what: &'static str, text: &str) -> Result<(), Error> {
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    let rule = format!("it has at most {MAX_TEXT} bytes");
    Err(Error::Invalid { what, value: format!("{} bytes", text.len()), rule })
}
