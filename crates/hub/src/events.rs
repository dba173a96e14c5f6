//! What happened on the hub, for whoever may see it, and for its own followers.
//!
//! Always: who may see a model now sees all that happened to it, and nobody else anything of it; whoever has followed the
//! feed up to a number has missed nothing before it.

use std::sync::Arc;
use std::time::Duration;

use ledger::{AccountId, Time};
use registry::{Handle, ModelName};
use store::{Act, Event, EventKind, EventsPage, EventsWanted};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Action, Caller, Error, Hub, Object};

/// The longest that a request waits for something to happen.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// So many requests may wait at the same time.
pub(crate) const MAX_WAITING: usize = 256;
/// After something happened that is not for them they look again no sooner than this.
const REST: Duration = Duration::from_millis(100);

/// Which events somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    /// Those after this number.
    pub after: u64,
    pub limit: u64,
    pub model: Option<ModelName>,
    pub account: Option<Handle>,
    pub kind: Option<EventKind>,
    /// If there is none yet, wait so long for one.
    pub wait: Duration,
}

/// An event as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventView {
    pub event: Event,
    pub actor: Option<Handle>,
    /// Whose thing it was.
    pub account: Option<Handle>,
}

impl Hub {
    /// The time by the hub's clock.
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Whoever does something, now.
    pub(crate) fn act(&self, caller: &Caller) -> Act {
        Act { by: caller.account().id, at: self.0.clock.now() }
    }

    /// Events that this viewer may see, the oldest first, and where the next page begins.
    pub async fn events(&self, viewer: Option<&Caller>, follow: &Follow) -> Result<(Vec<EventView>, u64), Error> {
        let wanted = self.events_wanted(viewer, follow).await?;
        let until = Instant::now() + follow.wait.min(MAX_WAIT);
        let (mut after, mut place) = (follow.after, None);
        let page = loop {
            // Known before the page: what happens while it is read is waited for no longer.
            let last = self.0.catalog.last_event().await?;
            let page = self.0.catalog.events(&EventsWanted { after, ..wanted.clone() }).await?;
            after = page.next;
            if !page.events.is_empty() || follow.wait.is_zero() || Instant::now() >= until {
                break page;
            }
            if page.more {
                continue;
            }
            if place.is_none() {
                place = Some(self.waiting_place()?);
            }
            if timeout_at(until, self.0.catalog.happened(last)).await.is_err() {
                break page;
            }
            sleep(REST).await;
        };
        let EventsPage { events, next, .. } = page;
        let mut views = Vec::with_capacity(events.len());
        for event in events {
            views.push(self.event_view(event).await?);
        }
        Ok((views, next))
    }

    async fn events_wanted(&self, viewer: Option<&Caller>, follow: &Follow) -> Result<EventsWanted, Error> {
        let reader = viewer.filter(|viewer| viewer.may(Action::Read, Object::Hub).is_ok());
        let model = match &follow.model {
            None => None,
            Some(name) => Some(self.there(viewer, name).await?.model.id),
        };
        let account = match &follow.account {
            None => None,
            Some(handle) => Some(self.find_account(handle).await?.id),
        };
        Ok(EventsWanted {
            after: follow.after,
            limit: follow.limit,
            model,
            account,
            kind: follow.kind,
            viewer: reader.map(|reader| reader.account().id),
            groups: reader.map(Caller::groups).unwrap_or_default(),
            only: reader.and_then(Caller::models).map(<[_]>::to_vec),
        })
    }

    fn waiting_place(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let places: Arc<tokio::sync::Semaphore> = self.0.followers.clone();
        places.try_acquire_owned().map_err(|_| Error::ManyFollowers { limit: MAX_WAITING })
    }

    pub(crate) async fn event_view(&self, event: Event) -> Result<EventView, Error> {
        let actor = match event.actor {
            None => None,
            Some(actor) => self.handle_of(actor).await?,
        };
        let account = self.handle_of(event.account).await?;
        Ok(EventView { event, actor, account })
    }

    pub(crate) async fn handle_of(&self, account: AccountId) -> Result<Option<Handle>, Error> {
        Ok(self.0.catalog.account_by_id(account).await?.map(|account| account.handle))
    }
}
