//! What people report, and what became of it.
//!
//! Always: a report is of a model that is there for whoever sends it; an owner never learns who did; an account has one open
//! report of a model, and sends so many in a day.

use ledger::Time;
use registry::{ModelName, Reason, ReleaseNumber};
use store::{CatalogError, MAX_REPORTS, NewReport, Report, ReportState, ReportsWanted, Repository};

use crate::moderation::Stands;
use crate::repositories::{MAX_LISTED, gone};
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Longest text of a report, in characters.
pub const MAX_REPORT_TEXT: usize = 2_000;
/// Releases that the form offers.
const MAX_SHOWN: usize = 50;

/// What somebody reports of a model.
#[derive(Debug, Clone)]
pub struct ReportWish {
    /// Of this release; none: of the model.
    pub release: Option<ReleaseNumber>,
    pub reason: Reason,
    pub text: String,
}

impl Hub {
    /// Reports a model, or changes what this caller has reported of it and the operator has not answered yet.
    pub async fn report(&self, caller: &Caller, name: &ModelName, wish: ReportWish) -> Result<Report, Error> {
        let found = self.readable(caller, name).await?;
        found.model.stands()?;
        let text = plain("text", &wish.text, MAX_REPORT_TEXT)?;
        if text.is_empty() && wish.reason == Reason::Other {
            let rule = "another reason is told in words".to_owned();
            return Err(Error::Invalid { what: "text", value: String::new(), rule });
        }
        if let Some(release) = wish.release
            && self.0.catalog.release(&found.model.name, Some(release)).await?.is_none()
        {
            return Err(Error::NoRelease { model: found.model.name, release });
        }
        let (hub, by, at) = (self.clone(), caller.account().id, self.0.clock.now());
        let new = NewReport { model: found.model.id, by, release: wish.release, reason: wish.reason, text, at };
        whole(async move {
            let noted = hub.0.catalog.add_report(&new).await;
            noted.map_err(|error| match error {
                CatalogError::ManyReports { until } => many(until, at),
                CatalogError::EnoughReports => Error::EnoughReports { model: found.model.name.clone() },
                other => gone(&found.model.name)(other),
            })
        })
        .await
    }

    /// What this caller has reported, the newest first.
    pub async fn own_reports(&self, caller: &Caller, before: Option<u64>, limit: u64) -> Result<Vec<Report>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        let by = Some(caller.account().id);
        let wanted = ReportsWanted { by, before, limit: limit.min(MAX_LISTED), ..ReportsWanted::default() };
        Ok(self.0.catalog.reports(&wanted).await?)
    }

    /// What this caller has reported of a model and the operator has not answered yet.
    pub async fn open_report(&self, caller: &Caller, name: &ModelName) -> Result<Option<Report>, Error> {
        let model = Some(self.there(Some(caller), name).await?.model.id);
        let (by, state) = (Some(caller.account().id), Some(ReportState::Open));
        let wanted = ReportsWanted { by, model, state, limit: 1, ..ReportsWanted::default() };
        Ok(self.0.catalog.reports(&wanted).await?.pop())
    }

    /// The releases of a model that can be reported, the newest first, for whoever sees it.
    pub async fn reportable(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<Vec<ReleaseNumber>, Error> {
        let found = self.there(viewer, name).await?;
        found.model.stands()?;
        let released = self.0.catalog.released(found.model.id).await?;
        Ok(released.into_iter().map(|(number, _)| number).take(MAX_SHOWN).collect())
    }

    /// A model that this caller sees and may read of, whatever the operator has made of it.
    async fn readable(&self, caller: &Caller, name: &ModelName) -> Result<Repository, Error> {
        let found = self.there(Some(caller), name).await?;
        caller.may(Action::Read, Object::Model(&found.model.name))?;
        Ok(found)
    }
}

fn many(until: Time, now: Time) -> Error {
    let wait_s = u32::try_from((until.0 - now.0).max(1_000) / 1_000).unwrap_or(u32::MAX);
    Error::ManyReports { bound: MAX_REPORTS, wait_s }
}

/// A text of several lines, trimmed, without other control characters.
pub(crate) fn plain(what: &'static str, text: &str, limit: usize) -> Result<String, Error> {
    let text = text.replace("\r\n", "\n").trim().to_owned();
    let count = text.chars().count();
    if count > limit {
        let rule = format!("it has at most {limit} characters");
        return Err(Error::Invalid { what, value: format!("{count} characters"), rule });
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let rule = "it has no control characters but ends of lines".to_owned();
        return Err(Error::Invalid { what, value: clipped(&text), rule });
    }
    Ok(text)
}

/// The beginning of a text, for a refusal.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
