//! Sessions: keys that a browser keeps in a cookie.
//!
//! Always: a session is a key like others, so scopes, limits, revocation and the class of a call hold for it; it is
//! good as a cookie alone, and a key is none. It ends after [`SESSION_DAYS`], or when its account ends it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use ledger::{KeyId, Time};
use store::{Account, Challenge, KeyRecord, Limits, NewKey, Scope};

use crate::account::secret_with;
use crate::ids::{hex, random};
use crate::{Action, Caller, Error, FreshKey, Hub, KeyWish, Object, whole};

/// How long a browser stays signed in.
pub const SESSION_DAYS: u32 = 30;
/// Of one account; the oldest ends when there is one more.
const MAX_SESSIONS: usize = 100;
/// What a session may do that somebody signs in to: what the first key of an account may.
pub(crate) const SCOPES: [Scope; 4] = [Scope::Read, Scope::Publish, Scope::Call, Scope::Money];
/// How long somebody may take to answer what they were asked.
pub(crate) const ANSWER_MS: i64 = 10 * 60 * 1_000;
/// When keys were used is written down so often.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// Keys whose use is remembered until then; of further ones it is not.
const MAX_NOTED: usize = 100_000;

/// Which keys were used since it was written down last.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<HashMap<KeyId, Time>>);

impl Used {
    pub(crate) fn note(&self, key: KeyId, at: Time) {
        let mut used = self.0.lock().expect("nothing panics while it holds the keys");
        if used.len() < MAX_NOTED || used.contains_key(&key) {
            used.insert(key, at);
        }
    }

    fn take(&self) -> Vec<(KeyId, Time)> {
        self.0.lock().expect("nothing panics while it holds the keys").drain().collect()
    }
}

impl Hub {
    /// Signs in with a key, for whom has no passkey here: the session can do what the key can.
    pub async fn sign_in_with_key(&self, secret: &str, agent: &str) -> Result<(Account, FreshKey), Error> {
        let caller = self.authenticate(secret).await?;
        caller.may(Action::Money, Object::Account(caller.account()))?;
        let bounded = caller.limits() != Limits::default() || caller.rate().is_some();
        if caller.models().is_some() || bounded || caller.expires().is_some() {
            let rule = "a key that is for single models, has limits or ends makes no session, which would go further";
            return Err(Error::Invalid { what: "key", value: caller.key_name().to_owned(), rule: rule.to_owned() });
        }
        let (session, new) = self.make_session(caller.account(), agent, caller.scopes().to_vec());
        self.keep_session(caller.account(), new).await?;
        Ok((caller.account().clone(), session))
    }

    /// Who a session's secret belongs to.
    pub async fn authenticate_session(&self, secret: &str) -> Result<Caller, Error> {
        let caller = self.authenticate_any(secret).await.map_err(|error| match error {
            Error::UnknownKey | Error::KeyRevoked | Error::KeyExpired { .. } => Error::NoSession,
            other => other,
        })?;
        if caller.is_session() { Ok(caller) } else { Err(Error::NoSession) }
    }

    /// The sessions of the caller's account, the newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<KeyRecord>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.catalog.sessions(caller.account().id, self.0.clock.now()).await?)
    }

    /// Ends a session at once: any of the account's, and the own one whatever it may.
    pub async fn end_session(&self, caller: &Caller, session: KeyId) -> Result<(), Error> {
        if session != caller.key() {
            caller.may(Action::Money, Object::Account(caller.account()))?;
            let known = self.0.catalog.sessions(caller.account().id, self.0.clock.now()).await?;
            if !known.iter().any(|key| key.id == session) {
                return Err(Error::NoSuchKey { key: session });
            }
        }
        self.revoke_key_of(caller.account().id, session).await
    }

    /// A session for somebody who has shown who they are.
    pub(crate) fn fresh_session(&self, account: &Account, agent: &str) -> (FreshKey, NewKey) {
        let mut scopes = SCOPES.to_vec();
        if account.kind == store::AccountKind::Hub {
            scopes.push(Scope::Admin);
        }
        self.make_session(account, agent, scopes)
    }

    fn make_session(&self, account: &Account, agent: &str, scopes: Vec<Scope>) -> (FreshKey, NewKey) {
        let expires_in_days = Some(SESSION_DAYS);
        let wish = KeyWish { name: named(agent), scopes, expires_in_days, ..KeyWish::default() };
        let (mut fresh, mut new) = self.make_key(account.id, wish, None, secret_with("mhs_"));
        (fresh.record.session, new.record.session) = (true, true);
        (fresh, new)
    }

    pub(crate) async fn keep_session(&self, account: &Account, new: NewKey) -> Result<(), Error> {
        let (hub, account) = (self.clone(), account.id);
        whole(async move {
            let there = hub.0.catalog.sessions(account, hub.0.clock.now()).await?;
            for old in there.iter().skip(MAX_SESSIONS - 1) {
                hub.revoke_key_of(account, old.id).await?;
            }
            Ok(hub.0.catalog.add_key(&new).await?)
        })
        .await
    }

    /// Remembers what somebody is asked. Gives the word they bring along with their answer.
    pub(crate) async fn ask(&self, purpose: &str, state: String) -> Result<String, Error> {
        let word = hex(&random::<16>());
        let now = self.0.clock.now();
        let challenge = Challenge {
            id: crate::caller::hash(&word),
            purpose: purpose.to_owned(),
            state,
            expires: now.plus_ms(ANSWER_MS),
        };
        self.0.catalog.ask_challenge(&challenge, now).await?;
        Ok(word)
    }

    /// What was remembered with this word for this purpose: once.
    pub(crate) async fn asked(&self, word: &str, purpose: &str) -> Result<String, Error> {
        let id = crate::caller::hash(word);
        let found = self.0.catalog.take_challenge(id, purpose, self.0.clock.now()).await?;
        found.ok_or(Error::NotAsked)
    }

    /// Writes down when keys were used, and forgets sessions that are long over.
    pub(crate) async fn keep_used(&self) {
        loop {
            tokio::time::sleep(NOTE_EVERY).await;
            self.note_used().await;
            let long_ago = self.0.clock.now().plus_ms(-7 * Time::DAY_MS);
            if let Err(error) = self.0.catalog.forget_sessions(long_ago).await {
                tracing::warn!("Sessions that are over could not be forgotten and will be later: {error}");
            }
        }
    }

    /// Writes down which keys were used since the last time: done every half minute, and before a list is to be exact.
    pub async fn note_used(&self) {
        let used = self.0.used.take();
        if used.is_empty() {
            return;
        }
        if let Err(error) = self.0.catalog.keys_used(used).await {
            tracing::warn!("When keys were used last could not be written down: {error}");
        }
    }
}

/// What a browser says it is, short enough to be shown.
fn named(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(100).collect()
}
