//! What a release asks for and who gets it: price, split, and royalties along its lineage.
//!
//! Always: royalties are frozen with the release and are together at most 20 %; a base model's own base models are owed
//! by what builds on it, too; nobody pays royalties to themselves.

use ledger::{Price, Share, Split, SplitError, Terms, Time};
use registry::{Access, Edge, Lineage, ModelName, Section, within_limit};
use store::{Account, ReleaseRecord};

use crate::publish::{Draft, unfit};
use crate::{Action, Caller, Error, Hub, Object};

/// The terms of a release.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) price: Price,
    pub(crate) terms: Terms,
    /// What it asks of those that build on it.
    pub(crate) royalty: Share,
    pub(crate) lineage: Vec<Edge>,
}

/// What a model's callers pay and its receivers get so far.
pub(crate) struct Standing<'a> {
    pub(crate) now: Time,
    pub(crate) latest: Option<&'a ReleaseRecord>,
    /// Who gets the weights, where the model is there already.
    pub(crate) access: Option<Access>,
}

/// What they are to be from the next release on.
pub(crate) struct Wanted<'a> {
    pub(crate) price: Price,
    pub(crate) split: &'a Split,
    pub(crate) royalty: Share,
    pub(crate) access: Access,
}

impl Standing<'_> {
    /// Whoever publishes for others does it on the terms that stand; an admin changes them. Where nothing was released,
    /// there is a price to be named, and nobody but the owner to be paid.
    pub(crate) fn admits(&self, caller: &Caller, owner: &Account, wanted: &Wanted<'_>) -> Result<(), Error> {
        let (what, same) = match self.latest {
            None => [("split", *wanted.split == Split::all_to(owner.id)), ("", true), ("", true), ("", true)],
            Some(latest) => [
                ("price", wanted.price == latest.asked_price(self.now)),
                ("split", wanted.split == latest.terms.split()),
                ("royalty", wanted.royalty == latest.royalty),
                ("access", Some(wanted.access) == self.access),
            ],
        }
        .into_iter()
        .find(|(_, same)| !same)
        .unwrap_or(("", true));
        match caller.may(Action::Manage, Object::Account(owner)) {
            Err(Error::RoleTooLow { handle, owner, role, .. }) if !same => {
                Err(Error::TermsStand { handle, owner, role, what })
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a price that no call could be charged.
pub(crate) fn chargeable(price: &Price) -> Result<(), Error> {
    price.check()?;
    if price.per_1k_in.is_some() || price.per_1k_out.is_some() {
        return Err(unfit("price", "a price per token needs a model that counts tokens", "use per_call or per_item"));
    }
    Ok(())
}

/// The most base models that get royalties of one release: each is a part of every call.
const MAX_EDGES: usize = 20;
/// Base models of other places that a publish names.
const NAMED: usize = 5;

impl Hub {
    /// The terms as card and draft have them, and what they come to for one call.
    pub(crate) async fn offer(
        &self,
        caller: &Caller,
        owner: &Account,
        draft: &Draft,
        section: &Section,
        lineage: &Lineage,
    ) -> Result<(Offer, String), Error> {
        let Some(price) = draft.price.or(section.price).or(draft.version.map(|version| version.price)) else {
            let hint = "add `modelhub: { price: { per_call: \"0.002 OPG\" } }` to the front matter of README.md, or --price \"0.002 OPG\"; \"0 OPG\" is free";
            return Err(unfit("price", "the card names no price", hint));
        };
        chargeable(&price)?;
        let split = self.split(owner, draft, section).await?;
        let (edges, mut notes) = self.edges(caller, owner, &draft.model, lineage).await?;
        let royalties = edges.iter().map(|edge| (edge.to, edge.share.points())).collect();
        let terms = Terms::new(royalties, split).map_err(|error| unfit("price", error.to_string(), ""))?;
        let settings = self.settings();
        let detail = match price.cost(&ledger::Usage::ONE_CALL, settings.rate) {
            Ok(cost) => {
                let cut = terms.cut(cost, settings.fee);
                let royalties = cut.royalties();
                let creators = cost.checked_sub(cut.fee).and_then(|rest| rest.checked_sub(royalties));
                let mut detail = format!("{price}: of {cost} OPG the hub gets {}", cut.fee);
                if !royalties.is_zero() {
                    detail += &format!(", base models {royalties}");
                }
                format!("{detail}, creators {}", creators.unwrap_or_default())
            }
            Err(error) => format!("{price}; {error}"),
        };
        notes.insert(0, detail);
        let royalty = section.royalty.unwrap_or_default();
        Ok((Offer { price, terms, royalty, lineage: edges }, notes.join("; ")))
    }

    async fn split(&self, owner: &Account, draft: &Draft, section: &Section) -> Result<Split, Error> {
        match draft.split.clone().or_else(|| section.split.clone()) {
            None => Ok(Split::all_to(owner.id)),
            Some(named) if named.len() > Split::MAX_RECEIVERS => {
                Err(SplitError::TooMany { count: named.len(), limit: Split::MAX_RECEIVERS }.into())
            }
            Some(named) => {
                let mut shares = Vec::with_capacity(named.len());
                for (handle, points) in named {
                    shares.push((self.find_account(&handle).await?.id, points));
                }
                Ok(Split::new(shares)?)
            }
        }
    }

    /// The base models that get royalties: those the card names and, through them, those they were built on. With what
    /// there is to say of them.
    async fn edges(
        &self,
        caller: &Caller,
        owner: &Account,
        model: &ModelName,
        lineage: &Lineage,
    ) -> Result<(Vec<Edge>, Vec<String>), Error> {
        let (mut edges, mut notes): (Vec<Edge>, Vec<String>) = (Vec::new(), Vec::new());
        for other in lineage.others.iter().take(NAMED) {
            notes.push(format!("base model \"{}\" is no name of a model here, and is kept as text", clipped(other)));
        }
        for name in &lineage.models {
            // One that the author cannot see is not there.
            let base = match self.seen(Some(caller), name).await {
                Ok(found) => self.0.catalog.release(&found.model.name, None).await?,
                Err(Error::NoModel { .. }) => None,
                Err(other) => return Err(other),
            };
            let Some(base) = base else {
                notes.push(format!("base model {name} is not on this hub"));
                continue;
            };
            if base.model.name.folded() == model.folded() {
                notes.push("base_model names the model itself: what its own base models get stays".to_owned());
            }
            let own = Edge {
                model: base.model.name.to_string(),
                release: base.number.to_string(),
                to: base.model.owner.id,
                asked: base.royalty,
                share: base.royalty,
            };
            for edge in std::iter::once(own).chain(base.lineage) {
                let again = edges.iter().position(|known| known.model.eq_ignore_ascii_case(&edge.model));
                match again {
                    _ if edge.to == owner.id || edge.asked.points() == 0 => {}
                    // Reached on two ways, it is one base model: it gets what it asks for most.
                    Some(at) if edges[at].asked < edge.asked => edges[at] = edge,
                    Some(_) => {}
                    None => edges.push(edge),
                }
            }
        }
        if edges.len() > MAX_EDGES {
            let reason = format!("{} base models ask for royalties, at most {MAX_EDGES} may", edges.len());
            return Err(unfit("price", reason, "name under base_model what the model was made from, no more"));
        }
        // What a base model asks is cut anew: it was cut for the release it was reached through.
        edges.iter_mut().for_each(|edge| edge.share = edge.asked);
        within_limit(&mut edges);
        notes.extend(edges.iter().map(|edge| format!("{}@{} gets {}", edge.model, edge.release, edge.share)));
        Ok((edges, notes))
    }
}

/// Enough of a stranger's text to know it again.
fn clipped(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
