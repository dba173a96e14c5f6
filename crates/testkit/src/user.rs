//! Somebody with an account and a key.

use std::sync::Arc;

use futures_util::FutureExt;
use hub::{
    Alert, Caller, Error, FreshKey, HoldView, KeyWish, Limits, Movement, Posted, RefundView, RefundWish, Trial,
    TrialView, WebhookView,
};
use ledger::{Balance, CallId, HoldId};
use store::{Account, Books, KeyRecord};

use crate::call::Infer;
use crate::outbox::Sent;
use crate::publish::Publish;
use crate::{Scene, aside, model, moved, opg, shown};

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

    /// Comes in with another secret of the same key.
    pub async fn with_secret(&self, secret: &str) -> Result<User, Error> {
        User { secret: secret.to_owned(), ..self.clone() }.again().await
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
        hub.grant(&operator, self.moved(amount)).await.unwrap();
        self
    }

    /// The operator notes a deposit.
    pub async fn deposit(&self, amount: &str) -> Result<Posted, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.deposit(&operator, self.moved(amount)).await
    }

    /// The operator notes a payout.
    pub async fn payout(&self, amount: &str) -> Result<Posted, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.payout(&operator, self.moved(amount), None).await
    }

    /// The operator notes a payout of money that was set aside for it.
    pub async fn payout_from(&self, hold: HoldId, amount: &str) -> Result<Posted, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.payout(&operator, self.moved(amount), Some(hold)).await
    }

    /// The operator sets cash aside for a day.
    pub async fn set_aside(&self, amount: &str) -> Result<HoldView, Error> {
        let (hub, operator) = (self.scene.hub(), self.scene.operator().await);
        hub.set_aside(&operator, aside(self.name(), amount)).await
    }

    fn moved(&self, amount: &str) -> Movement {
        moved(self.name(), amount)
    }

    /// A further key of the same account.
    pub async fn with_key(&self, wish: KeyWish) -> Result<User, Error> {
        let FreshKey { record, secret } = self.scene.hub().create_key(&self.caller, wish).await?;
        Ok(User::new(self.scene.clone(), self.account.clone(), record, secret).await)
    }

    /// With limits of the account; comes in again, so that they count.
    #[must_use]
    pub async fn limited(&self, limits: Limits) -> User {
        self.scene.hub().set_limits(&self.caller, limits).await.unwrap();
        self.again().await.unwrap()
    }

    /// Gives back all that is left of what a call cost.
    pub async fn refund(&self, call: CallId) -> Result<RefundView, Error> {
        self.scene.hub().refund(&self.caller, Self::wish(call, None)).await
    }

    /// Gives back a part of what a call cost.
    pub async fn refund_part(&self, call: CallId, amount: &str) -> Result<RefundView, Error> {
        self.scene.hub().refund(&self.caller, Self::wish(call, Some(amount))).await
    }

    fn wish(call: CallId, amount: Option<&str>) -> RefundWish {
        RefundWish { call, amount: amount.map(opg), reason: "a wrong answer".to_owned(), id: None }
    }

    /// Pays trials of a model: so much in all, and so much of one account's.
    pub async fn pay_trials(&self, name: &str, budget: &str, per_account: &str) -> Result<TrialView, Error> {
        let trial = Trial { allowed: true, budget: opg(budget), per_account: opg(per_account) };
        self.scene.hub().set_trial(&self.caller, &model(name), trial).await
    }

    /// Wants to be told of what happens at an address of their own, and of a balance below this.
    pub async fn listen(&self, low_balance: Option<&str>) -> Result<WebhookView, Error> {
        self.scene.hub().set_webhook(&self.caller, self.hook(), low_balance.map(opg), false).await
    }

    /// What was sent to that address.
    pub fn heard(&self) -> Vec<Sent> {
        self.scene.outbox.sent().into_iter().filter(|sent| sent.url == self.hook()).collect()
    }

    fn hook(&self) -> String {
        format!("https://{}.test/", self.name())
    }

    /// What was noted of this kind, the oldest first.
    pub async fn alerts(&self, kind: &str) -> Vec<Alert> {
        let mut alerts = self.scene.hub().alerts(&self.caller, None, 1_000).await.unwrap();
        alerts.retain(|alert| alert.what.kind == kind);
        alerts.reverse();
        alerts
    }

    /// What the books say, holds included.
    pub fn balance(&self) -> Balance {
        let books = self.scene.running().books;
        books.balance(self.account.id).now_or_never().expect("balances lie in memory").unwrap()
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
