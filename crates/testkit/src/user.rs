//! Somebody with an account and a key.

use std::sync::Arc;

use hub::{Caller, Error, FreshKey, KeyWish, Posted};
use ledger::Balance;
use store::{Account, Books, KeyRecord};

use crate::call::Infer;
use crate::publish::Publish;
use crate::{Scene, opg, shown};

/// Somebody with an account and a key. Clones are the same person with the same key.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) scene: Arc<Scene>,
    /// The account.
    pub account: Account,
    /// The key this one comes with.
    pub key: KeyRecord,
    /// Its secret.
    pub secret: String,
    caller: Caller,
}

impl User {
    pub(crate) async fn new(scene: Arc<Scene>, account: Account, key: KeyRecord, secret: String) -> User {
        let caller = scene.hub().authenticate(&secret).await.unwrap();
        User { scene, account, key, secret, caller }
    }

    /// As the hub knows them since they came in.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The handle.
    pub fn name(&self) -> &str {
        self.account.handle.as_str()
    }

    /// Comes in again with the same key: what was decided about it in the meantime counts.
    pub async fn again(&self) -> Result<User, Error> {
        let caller = self.scene.hub().authenticate(&self.secret).await?;
        Ok(User { caller, ..self.clone() })
    }

    /// The operator, as somebody whom these verbs fit.
    pub async fn as_operator(&self) -> User {
        let caller = self.scene.operator().await;
        let secret = self.scene.operator_secret.lock().unwrap().clone();
        let key = KeyRecord { id: caller.key(), scopes: caller.scopes().to_vec(), ..self.key.clone() };
        User { scene: self.scene.clone(), account: caller.account().clone(), key, secret, caller }
    }

    /// With cash deposited by hand.
    #[must_use]
    pub async fn funded(self, amount: &str) -> User {
        self.deposit(amount).await.unwrap();
        self
    }

    /// With promotional money of the operator.
    #[must_use]
    pub async fn granted(self, amount: &str) -> User {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.grant(&operator, &self.account.handle, opg(amount), String::new(), None).await.unwrap();
        self
    }

    /// The operator notes a deposit.
    pub async fn deposit(&self, amount: &str) -> Result<Posted, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.deposit(&operator, &self.account.handle, opg(amount), String::new(), None).await
    }

    /// The operator notes a payout.
    pub async fn payout(&self, amount: &str) -> Result<Posted, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.payout(&operator, &self.account.handle, opg(amount), String::new(), None).await
    }

    /// A further key of the same account.
    pub async fn with_key(&self, wish: KeyWish) -> Result<User, Error> {
        let FreshKey { record, secret } = self.scene.hub().create_key(&self.caller, wish).await?;
        Ok(User::new(self.scene.clone(), self.account.clone(), record, secret).await)
    }

    /// What the books say, holds included.
    pub fn balance(&self) -> Balance {
        self.scene.running().books.balance(self.account.id)
    }

    /// Cash, as people write it.
    pub fn cash(&self) -> String {
        shown(self.balance().cash)
    }

    /// Promotional money, as people write it.
    pub fn promo(&self) -> String {
        shown(self.balance().promo)
    }

    /// A call of a model, to be told more about and awaited.
    pub fn infer(&self, model: &str) -> Infer {
        Infer::new(self.clone(), model)
    }

    /// A publish of a small folder, to be told more about and awaited.
    pub fn publish(&self, model: &str) -> Publish {
        Publish::new(self.clone(), model)
    }
}
