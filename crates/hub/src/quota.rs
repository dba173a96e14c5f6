//! How much an account may keep, and how often its models may change.
//!
//! Always: bytes are counted by content, once for each account, however many of its models name them; what is coming in
//! counts from its first byte on, so that many uploads at once do not slip through together; what an account has handed
//! in before costs it nothing again.
//!
//! Absent on purpose: the disk. What is left of it has a bound of its own (`store::Blobs::leave_room`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ledger::{AccountId, Time};
use registry::{Digest, Handle};
use store::{Account, Quota, Repository, Usage};

use crate::upload::beside;
use crate::{Action, Caller, Error, Hub, Object};

/// What an account may keep and change, where nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of different contents.
    pub bytes: u64,
    pub models: u64,
    /// Of each model.
    pub commits_per_hour: u64,
    pub commits_per_day: u64,
}

impl Bounds {
    pub const USUAL: Bounds =
        Bounds { bytes: 1 << 40, models: 10_000, commits_per_hour: 1_000, commits_per_day: 10_000 };

    /// These, and an account's own where it has some.
    fn with(self, own: Quota) -> Bounds {
        Bounds {
            bytes: own.bytes.unwrap_or(self.bytes),
            models: own.models.unwrap_or(self.models),
            commits_per_hour: own.commits_per_hour.unwrap_or(self.commits_per_hour),
            commits_per_day: own.commits_per_day.unwrap_or(self.commits_per_day),
        }
    }
}

/// What a hub keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storing {
    /// The most bytes of one file.
    pub max_file: u64,
    /// How long bytes wait that nobody names, before they are collected; none: for ever.
    pub grace_ms: Option<i64>,
    pub bounds: Bounds,
}

impl Default for Storing {
    fn default() -> Self {
        Storing { max_file: 64 << 30, grace_ms: Some(Time::DAY_MS), bounds: Bounds::USUAL }
    }
}

/// What an account keeps and may keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaView {
    pub handle: Handle,
    pub bounds: Bounds,
    /// What of the bounds is this account's own.
    pub own: Quota,
    pub usage: Usage,
    /// Of uploads that were cut off.
    pub half_bytes: u64,
}

/// How long a sum over an account's contents is good for.
const FRESH: Duration = Duration::from_secs(10);
const HOUR_MS: i64 = 3_600_000;

/// What is coming in, and what was there when somebody looked.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<AccountId, State>>);

#[derive(Debug, Default)]
struct State {
    /// Bytes on their way.
    coming: u64,
    /// Bytes that arrived since the hub was started.
    arrived: u64,
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// There and not sure to be counted yet.
    used: u64,
    bound: u64,
    at: Instant,
}

/// A place for bytes on their way. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Room {
    rooms: Arc<Rooms>,
    owner: Account,
    bytes: u64,
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, State>> {
        self.0.lock().expect("nothing panics while it holds the rooms")
    }

    fn arrived(&self, owner: AccountId) -> u64 {
        self.lock().entry(owner).or_default().arrived
    }

    /// What was summed after `arrived` bytes had come: what came since may be in the sum or not, and is added.
    fn learn(&self, owner: AccountId, used: u64, bound: u64, arrived: u64) {
        let mut rooms = self.lock();
        let state = rooms.entry(owner).or_default();
        let used = used.saturating_add(state.arrived - arrived);
        state.seen = Some(Seen { used, bound, at: Instant::now() });
    }

    /// Forgets what was seen: a bound has changed.
    fn forget(&self, owner: AccountId) {
        if let Some(state) = self.lock().get_mut(&owner) {
            state.seen = None;
        }
    }

    /// Sets bytes aside, if there is room as far as is known.
    fn take(&self, owner: AccountId, bytes: u64, halves: u64) -> Result<(), Option<Over>> {
        let mut rooms = self.lock();
        let state = rooms.entry(owner).or_default();
        let seen = state.seen.filter(|seen| seen.at.elapsed() < FRESH).ok_or(None)?;
        let used = seen.used.saturating_add(state.coming).saturating_add(halves);
        if used.saturating_add(bytes) > seen.bound {
            return Err(Some(Over { used, bound: seen.bound }));
        }
        state.coming += bytes;
        Ok(())
    }
}

/// Why there is no room.
struct Over {
    used: u64,
    bound: u64,
}

impl Room {
    /// More of a file whose size nobody knew.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Error> {
        let mut rooms = self.rooms.lock();
        let state = rooms.entry(self.owner.id).or_default();
        if let Some(seen) = state.seen {
            let used = seen.used.saturating_add(state.coming);
            if used.saturating_add(bytes) > seen.bound {
                let others = Over { used: used.saturating_sub(self.bytes), bound: seen.bound };
                return Err(over(&self.owner, self.bytes.saturating_add(bytes), &others));
            }
        }
        state.coming += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// The bytes are there and a row names them.
    pub(crate) fn filled(self) {
        let mut rooms = self.rooms.lock();
        let state = rooms.entry(self.owner.id).or_default();
        state.arrived += self.bytes;
        if let Some(seen) = &mut state.seen {
            seen.used = seen.used.saturating_add(self.bytes);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        if let Some(state) = rooms.get_mut(&self.owner.id) {
            state.coming = state.coming.saturating_sub(self.bytes);
        }
    }
}

fn over(owner: &Account, wanted: u64, Over { used, bound }: &Over) -> Error {
    Error::OverQuota { owner: owner.handle.clone(), wanted, used: *used, bound: *bound }
}

impl Hub {
    /// What the caller's account keeps and may keep.
    pub async fn quota(&self, caller: &Caller) -> Result<QuotaView, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        self.quota_view(caller.account()).await
    }

    /// The same of an account whose own this caller may read, or of any for the operator.
    pub async fn quota_of(&self, caller: &Caller, handle: &Handle) -> Result<QuotaView, Error> {
        let account = self.account_called(handle).await?;
        if !caller.is_operator() {
            caller.may(Action::Read, Object::Account(&account))?;
        }
        self.quota_view(&account).await
    }

    /// Gives an account bounds of its own; where there is none, what everybody may.
    pub async fn set_quota(&self, caller: &Caller, handle: &Handle, quota: Quota) -> Result<QuotaView, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let account = self.account_called(handle).await?;
        self.0.catalog.set_quota(account.id, quota).await?;
        self.0.rooms.forget(account.id);
        self.quota_view(&account).await
    }

    async fn account_called(&self, handle: &Handle) -> Result<Account, Error> {
        let account = self.0.catalog.account(handle).await?;
        account.ok_or_else(|| Error::NoAccount { handle: handle.clone() })
    }

    async fn quota_view(&self, account: &Account) -> Result<QuotaView, Error> {
        let own = self.0.catalog.quota(account.id).await?;
        let usage = self.0.catalog.usage(account.id).await?;
        let half_bytes = self.0.blobs.waiting_bytes(account.id);
        let bounds = self.options().storing.bounds.with(own);
        Ok(QuotaView { handle: account.handle.clone(), bounds, own, usage, half_bytes })
    }

    async fn bounds_of(&self, account: AccountId) -> Result<Bounds, Error> {
        Ok(self.options().storing.bounds.with(self.0.catalog.quota(account).await?))
    }

    /// How many bytes an account has handed in under this digest. Asking puts their collection off.
    pub(crate) async fn handed_in_by(&self, account: AccountId, digest: Digest) -> Result<Option<u64>, Error> {
        let now = self.0.clock.now();
        let since = match self.options().storing.grace_ms {
            // Not at every question: each would be a sync.
            Some(grace) => now.plus_ms(-grace / 4),
            None => Time(i64::MIN),
        };
        let known = self.0.catalog.touch_upload(account, digest, since, now).await?;
        let Some(size) = known else { return Ok(None) };
        let blobs = self.0.blobs.clone();
        Ok(beside(move || blobs.has(digest)).await?.then_some(size))
    }

    /// A place for so many bytes that an account is about to hand in. Those of a digest that it has handed in already
    /// need none, and neither do those that wait as a half.
    pub(crate) async fn room(
        &self,
        owner: &Account,
        digest: Option<Digest>,
        size: u64,
        half: u64,
    ) -> Result<Room, Error> {
        let rooms = &self.0.rooms;
        let room = |bytes| Room { rooms: rooms.clone(), owner: owner.clone(), bytes };
        if let Some(digest) = digest
            && self.handed_in_by(owner.id, digest).await?.is_some()
        {
            return Ok(room(0));
        }
        let halves = self.0.blobs.waiting_bytes(owner.id).saturating_sub(half);
        if rooms.take(owner.id, size, halves).is_ok() {
            return Ok(room(size));
        }
        let arrived = rooms.arrived(owner.id);
        let Usage { named_bytes, waiting_bytes, .. } = self.0.catalog.usage(owner.id).await?;
        let bound = self.bounds_of(owner.id).await?.bytes;
        rooms.learn(owner.id, named_bytes.saturating_add(waiting_bytes), bound, arrived);
        match rooms.take(owner.id, size, halves) {
            Ok(()) => Ok(room(size)),
            Err(Some(full)) => Err(over(owner, size, &full)),
            Err(None) => Err(Error::Internal { reason: "a sum grew old while it was made".to_owned() }),
        }
    }

    /// Whether an account may have one model more. Whoever makes one holds `Inner::growing` from here on.
    pub(crate) async fn may_have_another(&self, owner: &Account) -> Result<(), Error> {
        let (bound, usage) = (self.bounds_of(owner.id).await?.models, self.0.catalog.usage(owner.id).await?);
        if usage.models >= bound {
            return Err(Error::ManyModels { owner: owner.handle.clone(), count: usage.models, bound });
        }
        Ok(())
    }

    /// Whether a model may have another commit now.
    pub(crate) async fn may_change(&self, repository: &Repository) -> Result<(), Error> {
        let bounds = self.bounds_of(repository.model.owner.id).await?;
        let now = self.0.clock.now();
        let most = bounds.commits_per_day.max(bounds.commits_per_hour);
        let times = self.0.catalog.commit_times(repository.model.id, now.plus_ms(-Time::DAY_MS), most).await?;
        let windows = [("an hour", HOUR_MS, bounds.commits_per_hour), ("a day", Time::DAY_MS, bounds.commits_per_day)];
        for (over, ms, bound) in windows {
            let within = times.iter().filter(|at| at.plus_ms(ms) > now);
            let count = within.clone().count() as u64;
            if count >= bound {
                // When so many have grown old that there is place for one; without any place, in a while.
                let frees = within.rev().nth((count - bound) as usize).map_or(now.plus_ms(ms), |at| at.plus_ms(ms));
                let wait = frees.0.saturating_sub(now.0).max(1).unsigned_abs().div_ceil(1_000);
                let model = repository.model.name.clone();
                return Err(Error::ManyCommits {
                    model,
                    count,
                    over,
                    bound,
                    wait_s: wait.min(u64::from(u32::MAX)) as u32,
                });
            }
        }
        Ok(())
    }
}
