//! Who is asking, and what they may.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use ledger::{AccountId, KeyId, Time};
use registry::{Handle, ModelName};
use sha2::{Digest, Sha256};
use store::{Account, AccountKind, Credential, KeyRecord, Limits, Scope};

use crate::{Error, Hub};

/// An account that came with a good key.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Credential>);

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Read,
    Publish,
    Call,
    Money,
    Admin,
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
    /// Somebody who asked for something that is done later: to publish what belongs to `owner`, and nothing else.
    pub(crate) fn acting(account: Account, owner: AccountId) -> Caller {
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
        };
        let groups = vec![account.id, owner];
        Caller(Arc::new(Credential { key, account, groups, limits: Limits::default() }))
    }

    pub fn account(&self) -> &Account {
        &self.0.account
    }

    pub fn handle(&self) -> &Handle {
        &self.0.account.handle
    }

    pub fn key(&self) -> KeyId {
        self.0.key.id
    }

    /// What its maker called the key.
    pub fn key_name(&self) -> &str {
        &self.0.key.name
    }

    pub fn scopes(&self) -> &[Scope] {
        &self.0.key.scopes
    }

    /// The most that may be spent with this key.
    pub fn limits(&self) -> Limits {
        self.0.key.limits
    }

    /// The most that may be spent from the account, whatever the key.
    pub fn account_limits(&self) -> Limits {
        self.0.limits
    }

    pub fn is_operator(&self) -> bool {
        self.0.account.kind == AccountKind::Hub
    }

    /// Whether this account, or an organisation it is a member of, is `owner`.
    pub fn belongs_to(&self, owner: AccountId) -> bool {
        self.0.groups.contains(&owner)
    }

    /// The account, and the organisations it is a member of.
    pub(crate) fn groups(&self) -> &[AccountId] {
        &self.0.groups
    }

    /// The one place that says yes or no.
    pub fn may(&self, action: Action, object: Object<'_>) -> Result<(), Error> {
        let needed = match action {
            Action::Read => Scope::Read,
            Action::Publish => Scope::Publish,
            Action::Call => Scope::Call,
            Action::Money => Scope::Money,
            Action::Admin => Scope::Admin,
        };
        if !self.scopes().contains(&needed) {
            let has: Vec<_> = self.scopes().iter().map(|scope| scope.word()).collect();
            return Err(Error::ScopeMissing { needed, has: has.join(" ") });
        }
        if action == Action::Admin && !self.is_operator() {
            return Err(Error::NotOperator);
        }
        match object {
            Object::Hub => Ok(()),
            Object::Account(account) if self.belongs_to(account.id) => Ok(()),
            Object::Account(account) => {
                Err(Error::NotInGroup { handle: self.handle().clone(), owner: account.handle.clone() })
            }
            Object::Model(model) => self.reaches(model),
        }
    }

    /// The models the key is for; none: all.
    pub(crate) fn models(&self) -> Option<&[ModelName]> {
        self.0.key.models.as_deref()
    }

    /// When the key ends, if it does.
    pub(crate) fn expires(&self) -> Option<Time> {
        self.0.key.expires
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

/// Credentials that were looked up, by the hash of their secret.
#[derive(Debug, Default)]
pub(crate) struct Keys(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<[u8; 32], Arc<Credential>>,
    /// How often everything was forgotten.
    age: u64,
}

impl Keys {
    /// What is kept in memory at most; then it starts anew.
    const LIMIT: usize = 100_000;

    /// What is known of a key, or else the age to bring along with what is found.
    fn get(&self, hash: &[u8; 32]) -> Result<Arc<Credential>, u64> {
        let known = self.0.read().expect("nothing panics while it holds the keys");
        known.keys.get(hash).cloned().ok_or(known.age)
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
        known.keys.insert(hash, credential);
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
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let credential = match self.0.keys.get(&hash) {
            Ok(known) => known,
            Err(age) => {
                let found = Arc::new(self.0.catalog.credential(&hash).await?.ok_or(Error::UnknownKey)?);
                self.0.keys.put(hash, found.clone(), age);
                found
            }
        };
        if credential.key.revoked.is_some() {
            return Err(Error::KeyRevoked);
        }
        match credential.key.expires {
            Some(at) if at <= self.0.clock.now() => Err(Error::KeyExpired { at }),
            _ => Ok(Caller(credential)),
        }
    }
}
