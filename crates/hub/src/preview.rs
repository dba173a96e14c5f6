//! What a publish has found, for whoever has to say yes to it: contract, an input that ran, card, and the shares of a call.

use ledger::{Amount, Price, Role, Terms, Usage};
use registry::{Card, Completeness, Contract, Edge, Tree};
use tensor::Tensor;

use crate::offer::Offer;
use crate::{Error, Hub, NamedPart};

/// A release before it is one.
#[derive(Debug, Clone)]
pub struct Preview {
    pub contract: Contract,
    /// What ran first: an example, or what the hub made up.
    pub sample: Vec<Tensor>,
    pub completeness: Completeness,
    /// What the author should know of the card.
    pub notices: Vec<String>,
    /// Who gets what of one call with one item; none while a USD price has no rate.
    pub shares: Option<Shares>,
}

/// A cost, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    pub cost: Amount,
    pub fee: Amount,
    pub parts: Vec<NamedPart>,
}

impl Hub {
    pub(crate) async fn preview(
        &self,
        tree: &Tree,
        card: &Card,
        contract: &Contract,
        sample: Vec<Tensor>,
        offer: &Offer,
    ) -> Result<Preview, Error> {
        Ok(Preview {
            contract: contract.clone(),
            sample,
            completeness: Completeness::of(card, tree),
            notices: card.notices(),
            shares: self.shares(&offer.price, &offer.terms, &offer.lineage).await?,
        })
    }

    async fn shares(&self, price: &Price, terms: &Terms, lineage: &[Edge]) -> Result<Option<Shares>, Error> {
        let settings = self.settings();
        let Ok(cost) = price.cost(&Usage::ONE_CALL, settings.rate) else { return Ok(None) };
        let cut = terms.cut(cost, settings.fee);
        let parts = self.named(lineage, cost, cut.fee, cut.parts).await?;
        Ok(Some(Shares { cost, fee: cut.fee, parts }))
    }

    /// Parts of a cost with their receivers' handles.
    pub(crate) async fn named(
        &self,
        lineage: &[Edge],
        cost: Amount,
        fee: Amount,
        cut: Vec<ledger::Part>,
    ) -> Result<Vec<NamedPart>, Error> {
        let rest = cost.checked_sub(fee).unwrap_or_default();
        // Royalties stand in the order of the lineage; those that come to nothing are left out.
        let mut bases = lineage.iter().filter(|edge| !rest.portion(edge.share.points()).is_zero());
        let mut parts = Vec::with_capacity(cut.len());
        for part in cut {
            let account = self.0.catalog.account_by_id(part.to).await?.ok_or(Error::LostAccount(part.to))?;
            let builds_on = match part.role {
                Role::Royalty => bases.next().map(|edge| edge.model.clone()),
                Role::Fee | Role::Creator => None,
            };
            let account = account.handle.to_string();
            parts.push(NamedPart { account, role: part.role, amount: part.amount, builds_on });
        }
        Ok(parts)
    }
}
