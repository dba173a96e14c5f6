//! What pages and lists show of models.

use std::sync::Arc;

use registry::ModelName;
use store::{ModelTotals, ReleaseRecord, Totals, Verified};

use crate::{Callable, Caller, Error, Hub};

/// How many releases a model's page shows.
const SHOWN_RELEASES: u64 = 50;

/// One model in a list.
#[derive(Debug, Clone)]
pub struct ListedModel {
    pub release: ReleaseRecord,
    pub totals: ModelTotals,
    /// The price that holds.
    pub price: ledger::Price,
    /// What one call with one item costs now; none while a USD price has no rate.
    pub cost: Option<ledger::Amount>,
    /// Whether the operator checked who its owner is.
    pub verified: bool,
}

/// One model, whole.
#[derive(Debug, Clone)]
pub struct ModelView {
    pub latest: Arc<Callable>,
    /// Newest first.
    pub releases: Vec<ReleaseRecord>,
    pub totals: ModelTotals,
    /// Whether the operator checked who its owner is, and against what.
    pub verified: Option<Verified>,
}

impl Hub {
    /// Models, the newest first.
    pub async fn listing(&self, offset: u64, limit: u64) -> Result<Vec<ListedModel>, Error> {
        let listing = self.0.catalog.listing(offset, limit).await?;
        let owners: Vec<_> = listing.iter().map(|(release, _)| release.model.owner.id).collect();
        let known = self.verified(&owners).await?;
        let (rate, now) = (self.settings().rate, self.0.clock.now());
        let listed = |(release, totals): (ReleaseRecord, ModelTotals)| ListedModel {
            cost: release.price_at(now).cost(&ledger::Usage::ONE_CALL, rate).ok(),
            price: release.price_at(now),
            verified: known.contains_key(&release.model.owner.id),
            release,
            totals,
        };
        Ok(listing.into_iter().map(listed).collect())
    }

    pub async fn totals(&self) -> Result<Totals, Error> {
        Ok(self.0.catalog.totals().await?)
    }

    /// A model with its releases and what it came to, if this viewer may see it.
    pub async fn view_for(&self, viewer: Option<&Caller>, name: &ModelName) -> Result<ModelView, Error> {
        self.model_for(viewer, name, None).await?;
        self.view(name).await
    }

    /// The same for the hub itself.
    pub async fn view(&self, name: &ModelName) -> Result<ModelView, Error> {
        let latest = self.model(name, None).await?;
        let releases = self.0.catalog.releases(&latest.release.model.name, SHOWN_RELEASES).await?;
        let totals = self.0.catalog.model_totals(latest.release.model.id).await?;
        let verified = self.verified_of(latest.release.model.owner.id).await?;
        Ok(ModelView { latest, releases, totals, verified })
    }
}
