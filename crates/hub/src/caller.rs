//! Who is asking, and what they may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use ledger::{AccountId, KeyId, Time};
use registry::{Handle, ModelName};
use sha2::{Digest, Sha256};
use store::{Account, AccountKind, Credential, KeyRecord, Limits, MemberRole, RequestRate, Scope};

use crate::{Error, Hub};

/// An account that came with a good key.
#[derive(Debug, Clone)]
pub struct Caller {
    credential: Arc<Credential>,
    /// Of the secret it came with; none for what the hub does later in somebody's name.
    hash: Option<[u8; 32]>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See what is private, and the own account.
    Read,
    /// Read weights that are not open.
    ReadWeights,
    Call,
    /// Commit, upload, release.
    Publish,
    /// Let others read gated weights.
    Admit,
    /// Decide about a model: its settings, its name, its owner, its terms, its end.
    Manage,
    /// Decide about money, and about keys.
    Money,
    /// Decide who belongs to an organisation, and about its keys.
    Members,
    /// The operator's acts.
    Admin,
}

impl Action {
    /// The one table: which scope a key needs for it, and the least that somebody has to be in an owner's group to do
    /// it with what is the owner's.
    const fn needs(self) -> (Scope, MemberRole) {
        match self {
            Action::Read => (Scope::Read, MemberRole::Reader),
            Action::ReadWeights => (Scope::Read, MemberRole::Writer),
            Action::Call => (Scope::Call, MemberRole::Reader),
            Action::Publish => (Scope::Publish, MemberRole::Writer),
            Action::Admit => (Scope::Publish, MemberRole::Writer),
            Action::Manage => (Scope::Publish, MemberRole::Admin),
            Action::Money => (Scope::Money, MemberRole::Admin),
            // Like the keys of an account: members whom a leaked key has taken in would outlive its revocation.
            Action::Members => (Scope::Money, MemberRole::Admin),
            Action::Admin => (Scope::Admin, MemberRole::Admin),
        }
    }
}

/// With what.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// The hub as a whole.
    Hub,
    /// What belongs to one account.
    Account(&'a Account),
    /// A model, by name.
    Model(&'a ModelName),
}

impl Caller {
    /// Somebody who asked for something that is done later: to publish, as a member of these groups, and nothing else.
    pub(crate) fn acting(account: Account, groups: Vec<(AccountId, MemberRole)>) -> Caller {
        let key = KeyRecord {
            id: KeyId([0; 16]),
            account: account.id,
            name: String::new(),
            scopes: vec![Scope::Read, Scope::Publish],
            models: None,
            limits: Limits::default(),
            created: account.created,
            expires: None,
            revoked: None,
            session: false,
            used: None,
            rate: None,
            rotated: None,
            old_until: None,
        };
        let credential = Credential { key, account, groups, limits: Limits::default(), ends: None };
        Caller { credential: Arc::new(credential), hash: None }
    }

    pub fn account(&self) -> &Account {
        &self.credential.account
    }

    pub fn handle(&self) -> &Handle {
        &self.credential.account.handle
    }

    pub fn key(&self) -> KeyId {
        self.credential.key.id
    }

    /// What its maker called the key.
    pub fn key_name(&self) -> &str {
        &self.credential.key.name
    }

    /// Whether it came with a session's cookie.
    pub fn is_session(&self) -> bool {
        self.credential.key.session
    }

    pub fn scopes(&self) -> &[Scope] {
        &self.credential.key.scopes
    }

    /// The most that may be spent with this key.
    pub fn limits(&self) -> Limits {
        self.credential.key.limits
    }

    /// The most that may be spent from the account, whatever the key.
    pub fn account_limits(&self) -> Limits {
        self.credential.limits
    }

    pub fn is_operator(&self) -> bool {
        self.credential.account.kind == AccountKind::Hub
    }

    /// Whether this account, or an organisation it is a member of, is `owner`. Whoever spends in the owner's own group
    /// asks this, whatever the role; what somebody may do, [`Caller::may`] says.
    pub fn belongs_to(&self, owner: AccountId) -> bool {
        self.role_in(owner).is_some()
    }

    /// What this account is in the group of `owner`: of its own, an admin.
    pub fn role_in(&self, owner: AccountId) -> Option<MemberRole> {
        self.credential.groups.iter().find(|(group, _)| *group == owner).map(|(_, role)| *role)
    }

    /// The account, and the organisations it is a member of.
    pub(crate) fn groups(&self) -> Vec<AccountId> {
        self.credential.groups.iter().map(|(group, _)| *group).collect()
    }

    /// The one place that says yes or no.
    pub fn may(&self, action: Action, object: Object<'_>) -> Result<(), Error> {
        let (needed, least) = action.needs();
        if !self.scopes().contains(&needed) {
            let has: Vec<_> = self.scopes().iter().map(|scope| scope.word()).collect();
            return Err(Error::ScopeMissing { needed, has: has.join(" ") });
        }
        if action == Action::Admin && !self.is_operator() {
            return Err(Error::NotOperator);
        }
        if action == Action::Members && self.models().is_some() {
            return Err(Error::KeyForModels);
        }
        match object {
            Object::Hub => Ok(()),
            Object::Account(account) => match self.role_in(account.id) {
                Some(role) if role >= least => Ok(()),
                found => {
                    let (handle, owner) = (self.handle().clone(), account.handle.clone());
                    Err(match found {
                        Some(role) => Error::RoleTooLow { handle, owner, role, least },
                        None => Error::NotInGroup { handle, owner },
                    })
                }
            },
            Object::Model(model) => self.reaches(model),
        }
    }

    /// The models the key is for; none: all.
    pub(crate) fn models(&self) -> Option<&[ModelName]> {
        self.credential.key.models.as_deref()
    }

    /// When the key ends, or the secret that came, if one of them does.
    pub(crate) fn expires(&self) -> Option<Time> {
        self.credential.key.expires.into_iter().chain(self.credential.ends).min()
    }

    /// Whether the key has a newer secret than the one that came.
    pub(crate) fn is_replaced(&self) -> bool {
        self.credential.ends.is_some()
    }

    /// The most calls with the key.
    pub fn rate(&self) -> Option<RequestRate> {
        self.credential.key.rate
    }

    /// Whether the key is for this model.
    pub(crate) fn reaches(&self, model: &ModelName) -> Result<(), Error> {
        match self.models() {
            Some(allowed) if !allowed.iter().any(|m| m.folded() == model.folded()) => {
                Err(Error::ModelNotAllowed { model: model.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// How a secret is kept.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Credentials that were looked up, by the hash of their secret.
#[derive(Debug, Default)]
pub(crate) struct Keys(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<[u8; 32], Kept>,
    /// How often everything was forgotten.
    age: u64,
}

/// A credential, and the minute in which its use was noted last: not at every call.
#[derive(Debug)]
struct Kept {
    credential: Arc<Credential>,
    noted: AtomicI64,
}

impl Keys {
    /// What is kept in memory at most; then it starts anew.
    const LIMIT: usize = 100_000;

    /// What is known of a key, and whether its use is to be noted; or else the age to bring along with what is found.
    fn get(&self, hash: &[u8; 32], now: Time) -> Result<(Arc<Credential>, bool), u64> {
        let known = self.0.read().expect("nothing panics while it holds the keys");
        let kept = known.keys.get(hash).ok_or(known.age)?;
        let minute = now.0 / 60_000;
        let new = kept.noted.load(Ordering::Relaxed) != minute && kept.noted.swap(minute, Ordering::Relaxed) != minute;
        Ok((kept.credential.clone(), new))
    }

    /// Keeps what was looked up at this age. What was found before something changed is not kept: a revocation in
    /// the meantime would be overtaken by it.
    fn put(&self, hash: [u8; 32], credential: Arc<Credential>, age: u64) {
        let mut known = self.0.write().expect("nothing panics while it holds the keys");
        if known.age != age {
            return;
        }
        if known.keys.len() >= Self::LIMIT {
            known.keys.clear();
        }
        known.keys.insert(hash, Kept { credential, noted: AtomicI64::new(0) });
    }

    pub(crate) fn forget(&self) {
        let mut known = self.0.write().expect("nothing panics while it holds the keys");
        known.keys.clear();
        known.age += 1;
    }
}

impl Hub {
    /// Finds who a secret belongs to.
    pub async fn authenticate(&self, secret: &str) -> Result<Caller, Error> {
        let caller = self.authenticate_any(secret).await?;
        // A session is a cookie's alone: what can be read where cookies cannot is no credential there.
        if caller.is_session() { Err(Error::UnknownKey) } else { Ok(caller) }
    }

    pub(crate) async fn authenticate_any(&self, secret: &str) -> Result<Caller, Error> {
        self.authenticate_hash(hash(secret)).await
    }

    /// The same caller as of now. Whoever took long to send something may have lost the key, or the place in an
    /// organisation, meanwhile: asked before anything is made of what came.
    pub(crate) async fn again(&self, caller: &Caller) -> Result<Caller, Error> {
        match caller.hash {
            Some(hash) => self.authenticate_hash(hash).await,
            None => Ok(caller.clone()),
        }
    }

    async fn authenticate_hash(&self, hash: [u8; 32]) -> Result<Caller, Error> {
        let now = self.0.clock.now();
        let (credential, note) = match self.0.keys.get(&hash, now) {
            Ok(known) => known,
            Err(age) => {
                let found = Arc::new(self.0.catalog.credential(&hash).await?.ok_or(Error::UnknownKey)?);
                self.0.keys.put(hash, found.clone(), age);
                (found, true)
            }
        };
        if credential.key.revoked.is_some() {
            return Err(Error::KeyRevoked);
        }
        match credential.key.expires.into_iter().chain(credential.ends).min() {
            Some(at) if at <= now => Err(Error::KeyExpired { at }),
            _ => {
                if note {
                    self.0.used.note(credential.key.id, now);
                }
                Ok(Caller { credential, hash: Some(hash) })
            }
        }
    }
}
