//! What a call would cost, and who would get what of it.

use ledger::{Amount, Price, Rate, Role, Share, Step, Usage};
use registry::{ModelName, ReleaseNumber};

use crate::{Callable, Caller, Error, Hub};

/// A price, worked out for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub price: Price,
    /// A price that was announced and does not hold yet.
    pub coming: Option<Step>,
    /// Why its owner advises against the release.
    pub yanked: Option<String>,
    /// For the asked usage; one item where nothing is known of it.
    pub usage: Usage,
    pub cost: Amount,
    /// USD for 1 OPG, where the operator has set it; a USD price was turned into OPG with it.
    pub rate: Option<Rate>,
    pub fee_share: Share,
    pub fee: Amount,
    pub parts: Vec<NamedPart>,
}

/// A part of the cost with the receiver's handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPart {
    pub account: String,
    pub role: Role,
    pub amount: Amount,
    /// The base model a royalty is for: `owner/name`.
    pub builds_on: Option<String>,
}

/// What a call costs, for the trunk: no names, no allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) usage: Usage,
    pub(crate) cost: Amount,
    pub(crate) fee_share: Share,
    pub(crate) rate: Option<Rate>,
}

impl Hub {
    pub(crate) fn price(&self, callable: &Callable, usage: Usage) -> Result<Terms, Error> {
        let settings = self.0.settings.get();
        let price = callable.release.price_at(self.0.clock.now());
        let cost = price.cost(&usage, settings.rate)?;
        // The rate stands on the receipt only where it made the price.
        let usd = price.currency()? == ledger::Currency::Usd;
        Ok(Terms { usage, cost, fee_share: settings.fee, rate: settings.rate.filter(|_| usd) })
    }

    /// Quotes one call with one item.
    pub async fn quote(
        &self,
        viewer: Option<&Caller>,
        model: &ModelName,
        release: Option<ReleaseNumber>,
    ) -> Result<Quote, Error> {
        let callable = self.model_for(viewer, model, release).await?;
        callable.may_run(release.is_some())?;
        let terms = self.price(&callable, Usage::ONE_CALL)?;
        let cut = callable.release.terms.cut(terms.cost, terms.fee_share);
        let parts = self.named(&callable.release.lineage, terms.cost, cut.fee, cut.parts).await?;
        let now = self.0.clock.now();
        Ok(Quote {
            model: callable.release.model.name.clone(),
            release: callable.release.number,
            price: callable.release.price_at(now),
            coming: callable.release.coming_price(now),
            yanked: callable.release.yanked.clone(),
            usage: terms.usage,
            cost: terms.cost,
            rate: self.0.settings.get().rate,
            fee_share: terms.fee_share,
            fee: cut.fee,
            parts,
        })
    }
}
