//! What the operator decides about models and accounts: hides, takes down, restores, dismisses reports, says whom it knows.
//!
//! Always: money stays where it is, with receipts, earnings and payouts; a call that was accepted before may end; every
//! decision is a line of the trail, in one commit with what it changes; what stands on the page of a model that was taken
//! down is not put away by its owner.

use std::collections::HashMap;

use ledger::AccountId;
use registry::{Handle, ModelName, Reason, RestrictionKind};
use store::{
    Account, AccountKind, Decision, DecisionsWanted, ModelRecord, NewDecision, Report, ReportState, ReportsWanted,
    Repository, Verified,
};

use crate::reports::{clipped, plain};
use crate::repositories::MAX_LISTED;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Longest public text of a decision, and note on a verified account, in characters.
pub const MAX_PUBLIC_TEXT: usize = 500;
/// Longest private note.
pub const MAX_NOTE: usize = 2_000;
/// Lines of the trail that a model's page shows.
const SHOWN: u64 = 50;

/// What the operator wants done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Hide(Reason),
    TakeDown(Reason),
    Restore,
}

/// A line of the trail as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionView {
    pub decision: Decision,
    pub by: Option<Handle>,
}

/// What everybody may know of what the operator made of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModerationView {
    pub model: ModelRecord,
    /// The newest first.
    pub decisions: Vec<DecisionView>,
}

/// What the operator sees of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub repository: Repository,
    /// The newest first, open ones before the others.
    pub reports: Vec<Report>,
    pub decisions: Vec<DecisionView>,
}

/// Refuses what is not done with a model that was taken down.
pub(crate) trait Stands {
    /// Whether it may be called.
    fn stands(&self) -> Result<(), Error>;
    /// Whether what it holds is shown to this viewer: it is to its owner's group, unless reading it does harm, and to the
    /// operator.
    fn open_to(&self, viewer: Option<&Caller>) -> Result<(), Error>;
}

impl Stands for ModelRecord {
    fn stands(&self) -> Result<(), Error> {
        match &self.restriction {
            Some(restriction) if restriction.kind == RestrictionKind::TakenDown => {
                Err(Error::TakenDown { model: self.name.clone(), restriction: restriction.clone() })
            }
            _ => Ok(()),
        }
    }

    fn open_to(&self, viewer: Option<&Caller>) -> Result<(), Error> {
        let Err(taken_down) = self.stands() else { return Ok(()) };
        let harms = self.restriction.as_ref().is_some_and(|restriction| restriction.reason.closes_to_owner());
        let owns = |viewer: &Caller| !harms && viewer.belongs_to(self.owner.id) && viewer.reaches(&self.name).is_ok();
        match viewer {
            Some(viewer) if owns(viewer) || viewer.may(Action::Admin, Object::Hub).is_ok() => Ok(()),
            _ => Err(taken_down),
        }
    }
}

impl Hub {
    /// Hides a model, takes it down or restores it.
    pub async fn moderate(
        &self,
        caller: &Caller,
        name: &ModelName,
        measure: Measure,
        text: &str,
        note: &str,
    ) -> Result<Repository, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let found = self.any_model(name).await?;
        let restoring = measure == Measure::Restore;
        let (text, note) = (line("text", text, restoring)?, plain("note", note, MAX_NOTE)?);
        let decision = match measure {
            Measure::Hide(reason) => NewDecision::Hide { reason, text, note },
            Measure::TakeDown(reason) => NewDecision::TakeDown { reason, text, note },
            Measure::Restore => NewDecision::Restore { text, note },
        };
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            let model = &found.model;
            if hub.0.catalog.decide(model.id, &decision, act).await?.is_some() {
                // Whoever asks from now on meets it; what runs may end.
                hub.0.callables.forget(&model.name);
                hub.0.post.notify_one();
                tracing::info!(model = %model.name, "The operator decided: {measure:?}");
            }
            hub.any_model(&model.name).await
        })
        .await
    }

    /// Dismisses a report; whoever made it reads `text`.
    pub async fn dismiss_report(&self, caller: &Caller, id: u64, text: &str, note: &str) -> Result<Report, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let (text, note) = (line("text", text, false)?, plain("note", note, MAX_NOTE)?);
        let found = self.report_by_id(caller, id).await?;
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            match hub.0.catalog.dismiss(found.id, &text, &note, act).await? {
                Some(_) => Ok(hub.0.catalog.report(id).await?.unwrap_or(found)),
                None => Err(Error::ReportAnswered { report: id, state: found.state }),
            }
        })
        .await
    }

    /// Reports, the newest first, for the operator.
    pub async fn all_reports(
        &self,
        caller: &Caller,
        state: Option<ReportState>,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<Report>, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let wanted = ReportsWanted { state, before, limit: limit.min(MAX_LISTED), ..ReportsWanted::default() };
        Ok(self.0.catalog.reports(&wanted).await?)
    }

    pub async fn report_by_id(&self, caller: &Caller, id: u64) -> Result<Report, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        self.0.catalog.report(id).await?.ok_or(Error::NoReport { report: id })
    }

    /// How many reports wait for the operator.
    pub async fn open_reports(&self, caller: &Caller) -> Result<u64, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        Ok(self.0.catalog.open_reports().await?)
    }

    /// Models that are hidden or taken down, for the operator.
    pub async fn restricted(&self, caller: &Caller, offset: u64, limit: u64) -> Result<Vec<Repository>, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        Ok(self.0.catalog.restricted(offset, limit.min(MAX_LISTED)).await?)
    }

    /// The whole trail, the newest first, for the operator.
    pub async fn decisions(
        &self,
        caller: &Caller,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<DecisionView>, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let limit = limit.min(MAX_LISTED);
        self.decision_views(DecisionsWanted { before, limit, ..DecisionsWanted::default() }).await
    }

    /// All there is about a model, for the operator.
    pub async fn case(&self, caller: &Caller, name: &ModelName) -> Result<Case, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let repository = self.any_model(name).await?;
        let model = Some(repository.model.id);
        let wanted = ReportsWanted { model, limit: MAX_LISTED, ..ReportsWanted::default() };
        let mut reports = self.0.catalog.reports(&wanted).await?;
        reports.sort_by_key(|report| report.state != ReportState::Open);
        let decisions = DecisionsWanted { model, limit: MAX_LISTED, ..DecisionsWanted::default() };
        Ok(Case { repository, reports, decisions: self.decision_views(decisions).await? })
    }

    /// What the operator made of a model, for whoever sees it.
    pub async fn moderation(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<ModerationView, Error> {
        let model = self.there(viewer, name).await?.model;
        let wanted = DecisionsWanted { model: Some(model.id), public: true, before: None, limit: SHOWN };
        Ok(ModerationView { model, decisions: self.decision_views(wanted).await? })
    }

    async fn decision_views(&self, wanted: DecisionsWanted) -> Result<Vec<DecisionView>, Error> {
        let mut views = Vec::new();
        for decision in self.0.catalog.decisions(wanted).await? {
            let by = self.handle_of(decision.by).await?;
            views.push(DecisionView { decision, by });
        }
        Ok(views)
    }

    /// A model, whoever sees it.
    async fn any_model(&self, name: &ModelName) -> Result<Repository, Error> {
        self.0.catalog.repository(name).await?.ok_or_else(|| Error::NoModel { model: name.clone() })
    }

    /// Says that the operator checked who an account is; `note` says against what, for everybody.
    pub async fn verify(&self, caller: &Caller, handle: &Handle, note: &str) -> Result<(Account, Verified), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let note = line("note", note, false)?;
        let account = self.find_account(handle).await?;
        if account.kind == AccountKind::Hub {
            let rule = "the operator itself is not verified by the operator".to_owned();
            return Err(Error::Invalid { what: "handle", value: handle.to_string(), rule });
        }
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            hub.0.catalog.verify(account.id, &note, act).await?;
            let lost = || Error::NotVerified { handle: account.handle.clone() };
            let verified = hub.verified_of(account.id).await?.ok_or_else(lost)?;
            Ok((account, verified))
        })
        .await
    }

    pub async fn unverify(&self, caller: &Caller, handle: &Handle) -> Result<Account, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let account = self.find_account(handle).await?;
        match self.0.catalog.unverify(account.id, self.act(caller)).await? {
            true => Ok(account),
            false => Err(Error::NotVerified { handle: account.handle }),
        }
    }

    /// Whom the operator knows, by handle, those behind `after`: for everybody.
    pub async fn all_verified(&self, after: Option<&Handle>, limit: u64) -> Result<Vec<(Account, Verified)>, Error> {
        Ok(self.0.catalog.all_verified(after, limit.min(MAX_LISTED)).await?)
    }

    pub async fn verified_of(&self, account: AccountId) -> Result<Option<Verified>, Error> {
        Ok(self.verified(&[account]).await?.remove(&account))
    }

    /// Those of these accounts that the operator knows.
    pub async fn verified(&self, accounts: &[AccountId]) -> Result<HashMap<AccountId, Verified>, Error> {
        Ok(self.0.catalog.verified(accounts).await?)
    }
}

/// What everybody reads: one line, that says something unless it may be empty.
fn line(what: &'static str, text: &str, may_be_empty: bool) -> Result<String, Error> {
    let text = text.trim();
    let long = text.chars().count() > MAX_PUBLIC_TEXT;
    if (text.is_empty() && !may_be_empty) || long || text.chars().any(char::is_control) {
        let rule = format!("it says why, in 1 to {MAX_PUBLIC_TEXT} characters on one line");
        return Err(Error::Invalid { what, value: clipped(text), rule });
    }
    Ok(text.to_owned())
}
