//! What an owner does to a release that is sealed: yanks it, or gives it another price.
//!
//! Always: a yanked release runs for whoever names it and for nobody else; a price that could cost callers more is
//! announced before it holds; contract and split stay.

use ledger::{Price, Step, Time};
use registry::{ModelName, ReleaseNumber};
use store::{NewPrice, ReleaseRecord};

use crate::offer::chargeable;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// Longest reason, in characters.
const MAX_REASON: usize = 300;
/// The longest notice, in days.
const MAX_NOTICE_DAYS: u32 = 365;

/// The prices of a release.
#[derive(Debug, Clone)]
pub struct PricesView {
    pub release: ReleaseRecord,
    /// What holds now.
    pub price: Price,
    pub coming: Option<Step>,
    /// All of them after the first, the oldest first.
    pub steps: Vec<Step>,
    pub notice_days: u32,
}

impl Hub {
    /// Advises against a release, for a reason; without one, no longer. Unversioned calls go to the newest release of
    /// its major that is not yanked; if that one asks for more, it does so after the notice of a higher price.
    pub async fn yank(
        &self,
        caller: &Caller,
        name: &ModelName,
        number: ReleaseNumber,
        reason: Option<&str>,
    ) -> Result<ReleaseRecord, Error> {
        let found = self.own(caller, name).await?;
        let reason = reason.map(str::trim).map(str::to_owned);
        if let Some(reason) = &reason {
            let long = reason.chars().count() > MAX_REASON;
            if reason.is_empty() || long || reason.chars().any(char::is_control) {
                let rule = format!("it says why, in 1 to {MAX_REASON} characters on one line");
                return Err(Error::Invalid { what: "reason", value: reason.chars().take(60).collect(), rule });
            }
        }
        let release = self.release_of(&found.model.name, number).await?;
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            hub.0.catalog.yank(release.id, reason.as_deref(), hub.notice_ms(), act).await?;
            hub.0.callables.forget(&release.model.name);
            hub.release_of(&release.model.name, number).await
        })
        .await
    }

    /// How long before a higher price holds its callers are told.
    pub(crate) fn notice_ms(&self) -> i64 {
        i64::from(self.settings().notice_days) * Time::DAY_MS
    }

    /// Gives a release another price: a lower one at once, a higher one after its notice, either from a moment on that is
    /// named.
    pub async fn set_price(
        &self,
        caller: &Caller,
        name: &ModelName,
        number: ReleaseNumber,
        price: Price,
        from: Option<Time>,
    ) -> Result<PricesView, Error> {
        let found = self.allowed(caller, Action::Manage, name).await?;
        chargeable(&price)?;
        let release = self.release_of(&found.model.name, number).await?;
        let notice_ms = self.notice_ms();
        let (hub, act) = (self.clone(), self.act(caller));
        whole(async move {
            let new = NewPrice { release: release.id, price, from, notice_ms };
            hub.0.catalog.set_price(&new, act).await?;
            hub.0.callables.forget(&release.model.name);
            hub.prices_of(&release.model.name, number).await
        })
        .await
    }

    /// The prices of a release, if this viewer may see it.
    pub async fn prices(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
        number: ReleaseNumber,
    ) -> Result<PricesView, Error> {
        let found = self.model_for(viewer, name, Some(number)).await?;
        self.prices_of(&found.release.model.name, number).await
    }

    /// The releases of a model that are yanked, and why, if this viewer may see it.
    pub async fn yanked(
        &self,
        viewer: Option<&Caller>,
        name: &ModelName,
    ) -> Result<Vec<(ReleaseNumber, String)>, Error> {
        let found = self.repository(viewer, name).await?;
        Ok(self.0.catalog.yanked(found.model.id).await?)
    }

    async fn prices_of(&self, name: &ModelName, number: ReleaseNumber) -> Result<PricesView, Error> {
        let release = self.release_of(name, number).await?;
        let steps = self.0.catalog.prices(release.id).await?;
        let now = self.0.clock.now();
        let (price, coming) = (release.price_at(now), release.coming_price(now));
        Ok(PricesView { release, price, coming, steps, notice_days: self.settings().notice_days })
    }

    async fn release_of(&self, name: &ModelName, number: ReleaseNumber) -> Result<ReleaseRecord, Error> {
        let found = self.0.catalog.release(name, Some(number)).await?;
        found.ok_or_else(|| Error::NoRelease { model: name.clone(), release: number })
    }

    /// Sets for how many days a higher price is announced before it holds; what was announced stays as it was.
    pub async fn set_price_notice(&self, caller: &Caller, days: u32) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        if days > MAX_NOTICE_DAYS {
            let rule = format!("at most {MAX_NOTICE_DAYS} days");
            return Err(Error::Invalid { what: "days", value: days.to_string(), rule });
        }
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.set_notice(days).await?;
            hub.0.settings.set(|settings| settings.notice_days = days);
            Ok(())
        })
        .await
    }
}
