//! Accounts and their keys.

use ledger::{AccountId, Amount, KeyId, Time, Transfer, TransferId};
use registry::{Handle, ModelName};
use sha2::{Digest, Sha256};
use store::{Account, AccountKind, KeyRecord, Limits, NewKey, RequestRate, Scope};

use crate::ids::{hex, random};
use crate::limits::check_limits;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// A key that was just made; its secret is shown this once.
#[derive(Debug, Clone)]
pub struct FreshKey {
    pub record: KeyRecord,
    pub secret: String,
}

/// What a new key should be able to do.
#[derive(Debug, Clone, Default)]
pub struct KeyWish {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub models: Option<Vec<ModelName>>,
    pub limits: Limits,
    /// The most calls with it.
    pub rate: Option<RequestRate>,
    pub expires_in_days: Option<u32>,
}

/// What play money a new account of a `--dev` hub gets, of each purse.
const DEV_OPG: i64 = 100 * Amount::PER_OPG;
const MAX_KEYS: usize = 1_000;

/// A secret for a new key.
pub fn new_secret() -> String {
    secret_with("mh_")
}

pub(crate) fn secret_with(prefix: &str) -> String {
    format!("{prefix}{}", hex(&random::<32>()))
}

impl Hub {
    /// Makes the operator's account and key on a hub's first start. None when it is there already.
    pub async fn create_operator(&self) -> Result<Option<FreshKey>, Error> {
        if self.0.catalog.account(&"operator".parse()?).await?.is_some() {
            return Ok(None);
        }
        self.add_operator_key(new_secret()).await.map(Some)
    }

    /// Makes a secret that its keeper has written down already a key of the operator's. Whoever starts a hub calls
    /// this at every start: a crash between the two, or a lost file, locks nobody out of the own hub.
    pub async fn admit_operator(&self, secret: &str) -> Result<(), Error> {
        let digits = secret.strip_prefix("mh_").unwrap_or_default();
        if digits.len() != 64 || !digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            // Not shown: what is wrong with a secret may be one character of it.
            let rule = "mh_ and 64 hexadecimal digits; the file may be cut off".to_owned();
            return Err(Error::Invalid {
                what: "operator's key",
                value: format!("({} characters)", secret.len()),
                rule,
            });
        }
        match self.authenticate(secret).await {
            Ok(caller) if caller.is_operator() => Ok(()),
            Ok(_) => Err(Error::NotOperator),
            Err(Error::UnknownKey) => self.add_operator_key(secret.to_owned()).await.map(drop),
            Err(other) => Err(other),
        }
    }

    async fn add_operator_key(&self, secret: String) -> Result<FreshKey, Error> {
        let handle: Handle = "operator".parse()?;
        // The hub's fees are the operator's income, so the account of the books is the operator's own.
        let (kind, created) = (AccountKind::Hub, self.0.clock.now());
        let account = Account { id: AccountId::HUB_FEE, handle, kind, created, trial: Amount::ZERO };
        let wish = KeyWish { name: "operator".to_owned(), scopes: Scope::ALL.to_vec(), ..KeyWish::default() };
        let (key, new) = self.make_key(account.id, wish, None, secret);
        match self.0.catalog.account(&account.handle).await? {
            None => self.0.catalog.add_account(&account, Some(&new)).await?,
            Some(_) => self.0.catalog.add_key(&new).await?,
        }
        Ok(key)
    }

    /// Makes an account with a first key for everything but the operator's acts.
    pub async fn create_account(
        &self,
        caller: &Caller,
        handle: &str,
        kind: AccountKind,
    ) -> Result<(Account, FreshKey), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        let handle = Handle::claim(handle)?;
        if kind == AccountKind::Hub {
            let rule = "a hub has one account of its own; kinds are user, org, agent".to_owned();
            return Err(Error::Invalid { what: "kind", value: kind.to_string(), rule });
        }
        let (id, created) = (AccountId::from_uuid(self.0.ids.next()), self.0.clock.now());
        let account = Account { id, handle, kind, created, trial: self.settings().trial };
        let scopes = vec![Scope::Read, Scope::Publish, Scope::Call, Scope::Money];
        let wish = KeyWish { name: "first".to_owned(), scopes, ..KeyWish::default() };
        let (key, new) = self.make_key(account.id, wish, None, new_secret());
        let (hub, made) = (self.clone(), account.clone());
        whole(async move {
            hub.0.catalog.add_account(&made, Some(&new)).await?;
            if hub.0.options.dev {
                hub.give_play_money(&made).await?;
            }
            Ok(())
        })
        .await?;
        Ok((account, key))
    }

    pub(crate) async fn give_play_money(&self, account: &Account) -> Result<(), Error> {
        let amount = Amount::from_nano(DEV_OPG).expect("a hundred is an amount");
        let (now, why) = (self.0.clock.now(), || "--dev".to_owned());
        let id = || TransferId::from_uuid(self.0.ids.next());
        let promo = Transfer::grant(id(), now, account.id, amount, why());
        let cash = Transfer::deposit(id(), now, AccountId::RAIL_DEV, account.id, amount, why());
        self.0.books.post(Transfer::link(vec![promo, cash])).await?;
        Ok(())
    }

    /// Makes a further key of the caller's account. It can do nothing that the caller's own key cannot.
    pub async fn create_key(&self, caller: &Caller, wish: KeyWish) -> Result<FreshKey, Error> {
        // Keys that a leaked one has made would outlive its revocation, so making them is no matter of every key.
        caller.may(Action::Money, Object::Account(caller.account()))?;
        self.make_key_of(caller, caller.account().id, wish).await
    }

    /// The same of an account that the caller may make keys of.
    pub(crate) async fn make_key_of(
        &self,
        caller: &Caller,
        account: AccountId,
        wish: KeyWish,
    ) -> Result<FreshKey, Error> {
        let invalid = |what, value: String, rule: &str| Error::Invalid { what, value, rule: rule.to_owned() };
        if wish.name.chars().count() > 100 || wish.name.chars().any(char::is_control) {
            return Err(invalid("name", wish.name, "at most 100 characters on one line"));
        }
        if wish.scopes.is_empty() {
            return Err(invalid("scopes", String::new(), "at least one of read, publish, call, money, admin"));
        }
        let has = || caller.scopes().iter().map(|s| s.word()).collect::<Vec<_>>().join(" ");
        if let Some(needed) = wish.scopes.iter().copied().find(|scope| !caller.scopes().contains(scope)) {
            return Err(Error::ScopeMissing { needed, has: has() });
        }
        wish.models.iter().flatten().try_for_each(|model| caller.reaches(model))?;
        if self.0.catalog.keys(account).await?.iter().filter(|k| k.revoked.is_none()).count() >= MAX_KEYS {
            return Err(invalid("key", wish.name, "an account has at most 1000 keys; revoke one first"));
        }
        check_limits(wish.limits)?;
        if caller.limits().over_time() && wish.scopes.contains(&Scope::Call) {
            let rule = "a key with a limit a day or a month makes no keys that call: together they would spend more";
            return Err(invalid("scopes", Scope::Call.to_string(), rule));
        }
        if caller.rate().is_some() && wish.scopes.contains(&Scope::Call) {
            let rule = "a key with a rate of its own makes no keys that call: together they would call more often";
            return Err(invalid("scopes", Scope::Call.to_string(), rule));
        }
        let limits = wish.limits.within(caller.limits());
        let models = wish.models.or_else(|| caller.models().map(<[_]>::to_vec));
        let wish = KeyWish { limits, models, ..wish };
        // A session's end is that of a browser's visit, not of what its account has made meanwhile.
        let end = if caller.is_session() { None } else { caller.expires() };
        let (key, new) = self.make_key(account, wish, end, new_secret());
        let hub = self.clone();
        whole(async move {
            hub.0.catalog.add_key(&new).await?;
            if limits.over_time() {
                hub.watch(account).await;
            }
            Ok(key)
        })
        .await
    }

    pub async fn list_keys(&self, caller: &Caller) -> Result<Vec<KeyRecord>, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        Ok(self.0.catalog.keys(caller.account().id).await?)
    }

    /// Ends a key at once. A key may end itself, whatever its scopes.
    pub async fn revoke_key(&self, caller: &Caller, key: KeyId) -> Result<(), Error> {
        if key != caller.key() {
            caller.may(Action::Money, Object::Account(caller.account()))?;
        }
        self.revoke_key_of(caller.account().id, key).await
    }

    pub(crate) async fn revoke_key_of(&self, account: AccountId, key: KeyId) -> Result<(), Error> {
        let hub = self.clone();
        let revoked = whole(async move {
            let revoked = hub.0.catalog.revoke_key(account, key, hub.0.clock.now()).await;
            // Also after an error: nobody knows how far it came.
            hub.0.keys.forget();
            Ok(revoked?)
        })
        .await?;
        if revoked { Ok(()) } else { Err(Error::NoSuchKey { key }) }
    }

    /// A key as it was wished for, but not beyond `end`.
    pub(crate) fn make_key(
        &self,
        account: AccountId,
        wish: KeyWish,
        end: Option<Time>,
        secret: String,
    ) -> (FreshKey, NewKey) {
        let now = self.0.clock.now();
        let wished = wish.expires_in_days.map(|days| now.plus_ms(i64::from(days).saturating_mul(Time::DAY_MS)));
        let record = KeyRecord {
            id: KeyId::from_uuid(self.0.ids.next()),
            account,
            name: wish.name,
            scopes: wish.scopes,
            models: wish.models,
            limits: wish.limits,
            created: now,
            expires: [wished, end].into_iter().flatten().min(),
            revoked: None,
            session: false,
            used: None,
            rate: wish.rate,
            rotated: None,
            old_until: None,
        };
        let new = NewKey { record: record.clone(), hash: Sha256::digest(secret.as_bytes()).into() };
        (FreshKey { record, secret }, new)
    }
}
