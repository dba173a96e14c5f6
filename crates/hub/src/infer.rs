//! One paid call, from request to receipt.
//!
//! Always: nothing is charged unless the engine answered; nobody is answered before the charge is on the disk. The
//! trunk runs in a task of its own, so a caller who hangs up changes nothing: what is captured is charged, and can
//! be fetched by its key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Failure, Ran};
use ledger::{AccountId, Amount, Call, CallId, Class, Keyed, Outcome, Purse, Surface, Time, Usage};
use registry::{Digest, ModelName, ReleaseNumber, show};
use sha2::{Digest as _, Sha256};
use store::{Denied, Looked, Row, Seq, Stored};
use tasks::Items;
use tensor::Tensor;

use crate::funds::Funds;
use crate::quote::Terms;
use crate::task::readable;
use crate::{Action, Callable, Caller, Error, Hub, Object, ids, outcome, whole};

/// What a caller asks for.
#[derive(Debug)]
pub struct Request {
    pub caller: Caller,
    pub surface: Surface,
    pub model: ModelName,
    pub release: Option<ReleaseNumber>,
    pub inputs: Vec<Tensor>,
    /// What a task reads the answer by; one that it cannot read is not charged.
    pub items: Option<Items>,
    /// The most the caller wants to pay.
    pub max_cost: Option<Amount>,
    pub idempotency_key: Option<String>,
    /// SHA-256 of route, release and body: what an idempotency key stands for. Unread without one.
    pub content: [u8; 32],
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub outputs: Vec<Tensor>,
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub digest: Digest,
    /// The call; its receipt has the same id.
    pub call: CallId,
    pub cost: Amount,
    pub paid_from: PaidFrom,
    pub cold: bool,
    /// Why its owner advises against the release.
    pub yanked: Option<String>,
    /// Whether this is the kept outcome of an earlier request with the same key.
    pub replayed: bool,
}

/// Whose money the cost was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidFrom {
    /// The caller's own.
    Purse(Purse),
    /// Somebody's who wants the model tried.
    Trial,
}

impl PaidFrom {
    fn of(call: &Call) -> PaidFrom {
        call.sponsor.map_or(PaidFrom::Purse(call.purse), |_| PaidFrom::Trial)
    }

    pub const fn word(self) -> &'static str {
        match self {
            PaidFrom::Purse(purse) => purse.word(),
            PaidFrom::Trial => "trial",
        }
    }
}

impl Hub {
    /// Runs one paid call.
    pub async fn infer(&self, request: Request) -> Result<Answer, Error> {
        let named = request.release.is_some();
        self.infer_as(request, named).await
    }

    /// The same, where whoever calls may not have `named` the release that the request is for.
    pub(crate) async fn infer_as(&self, request: Request, named: bool) -> Result<Answer, Error> {
        let hub = self.clone();
        whole(async move {
            let running = hub.0.running.clone();
            let _running = running.read().await;
            hub.call(request, named).await
        })
        .await
    }

    /// The trunk: quote, fund, run, capture.
    async fn call(&self, request: Request, named: bool) -> Result<Answer, Error> {
        request.caller.may(Action::Call, Object::Model(&request.model))?;
        let callable = self.called(&request.caller, &request.model, request.release).await?;
        let keyed = request.keyed();
        let _turn = match &keyed {
            Some(keyed) => Some(self.0.turns.take(keyed).await?),
            None => None,
        };
        if let Some(keyed) = &keyed
            && let Some(answer) = self.earlier(keyed).await?
        {
            return Ok(answer);
        }
        let call = Draft::new(self, &request, &callable, keyed);
        let terms = self.agree(&request, &callable, named).map_err(|error| self.failed(&call, None, None, error))?;
        let funds = self.fund(&request.caller, &callable, &terms).await;
        let funds = funds.map_err(|error| self.failed(&call, Some(&terms), None, error))?;
        let copied = self.0.checks.copy(&callable, &call.salt, &request.inputs);
        let ran = self.run(&callable, request.caller.account().id, request.inputs, request.items.as_ref()).await;
        let ran = ran.map_err(|error| self.failed(&call, Some(&terms), Some(&funds), error))?;
        let answer = self.capture(&callable, &call, &terms, funds, ran).await?;
        if let Some(copied) = copied.filter(|_| !answer.replayed) {
            self.0.checks.run_again(copied, &callable, &answer);
        }
        Ok(answer)
    }

    /// The release may be called so, the contract fits, and the cost is within what caller, key and account allow for one
    /// call.
    fn agree(&self, request: &Request, callable: &Callable, named: bool) -> Result<Terms, Error> {
        callable.may_run(named)?;
        callable.release.contract.signature.check_inputs(&request.inputs).map_err(Error::Input)?;
        // Of values what counts is known better than by an axis: samples of a sound are no items.
        let items = request.items.as_ref().map_or_else(|| callable.items(&request.inputs), Items::paid);
        let usage = Usage { items, ..Usage::ONE_CALL };
        let terms = self.price(callable, usage)?;
        let caller = &request.caller;
        let limits = [request.max_cost, caller.limits().call, caller.account_limits().call];
        match limits.into_iter().flatten().min() {
            Some(limit) if terms.cost > limit => Err(Error::CostAboveLimit { cost: terms.cost, limit }),
            _ => Ok(terms),
        }
    }

    async fn run(
        &self,
        callable: &Callable,
        caller: AccountId,
        inputs: Vec<Tensor>,
        items: Option<&Items>,
    ) -> Result<Ran, Error> {
        let deadline = Instant::now() + Duration::from_millis(callable.release.contract.deadline_ms);
        let call = engine::Call { inputs, deadline, caller: caller.0 };
        let mut ran = self.0.engine.run(&callable.model, call).await?;
        ran.outputs = show(&callable.release.contract, ran.outputs);
        items.map_or(Ok(()), |items| readable(&callable.release.contract, items, &ran.outputs))?;
        Ok(ran)
    }

    /// The one commit: charge, parts, call row and, for a keyed call, its outcome.
    async fn capture(
        &self,
        callable: &Callable,
        draft: &Draft,
        terms: &Terms,
        funds: Funds,
        ran: Ran,
    ) -> Result<Answer, Error> {
        let kept = draft.keyed.map(|_| outcome::write(&ran.outputs));
        let call = draft.answered(self.0.clock.now(), terms, &funds, &ran);
        let (id, cost, day, purse) = (call.id, call.cost, call.finished.day(), call.purse);
        let paid_from = PaidFrom::of(&call);
        match self.0.books.capture(funds.held, Arc::new(call), kept).await {
            Ok(_) => {
                funds.spending.into_iter().for_each(|reserved| reserved.spent(day));
                Ok(Answer {
                    outputs: ran.outputs,
                    model: callable.release.model.name.clone(),
                    release: callable.release.number,
                    digest: callable.release.digest,
                    call: id,
                    cost,
                    paid_from,
                    cold: ran.cold,
                    yanked: callable.release.yanked.clone(),
                    replayed: false,
                })
            }
            Err(denied) => {
                self.0.books.note(draft.ended(self.0.clock.now(), Some(terms), purse, Outcome::NotCaptured));
                match denied {
                    Denied::AlreadyCaptured { seq } => self.kept(seq).await,
                    denied => Err(denied.into()),
                }
            }
        }
    }

    /// Notes a call that cost nothing, and hands its error on.
    fn failed(&self, call: &Draft, terms: Option<&Terms>, funds: Option<&Funds>, error: Error) -> Error {
        let ended = match &error {
            Error::Input(_) | Error::InputTooLarge { .. } => Outcome::InvalidInput,
            Error::Busy { .. } | Error::EngineUnavailable(_) => Outcome::Busy,
            Error::TimedOut { .. } => Outcome::TimedOut,
            Error::Task(tasks::Refusal::Answer { .. }) => Outcome::EngineFailed,
            Error::Engine(_) | Error::Away(_) => Outcome::EngineFailed,
            _ => Outcome::Refused,
        };
        // Who brought the wrong file or ran into it is told; the hub's own trouble is told to its operator.
        if let Error::Engine(Failure::Weights { reason }) = &error {
            tracing::error!(call.id = %call.id, "The weights of a release cannot be opened: {reason}");
        }
        let purse = funds.map_or(Purse::Cash, Funds::purse);
        self.0.books.note(call.ended(self.0.clock.now(), terms, purse, ended));
        error
    }

    /// The outcome of an earlier request with this key, if there was one.
    async fn earlier(&self, keyed: &Keyed) -> Result<Option<Answer>, Error> {
        match self.0.books.look(keyed).await? {
            Looked::Same { seq } => Ok(Some(self.kept(seq).await?)),
            Looked::Other { .. } => Err(Error::KeyReused),
            Looked::Full { limit } => Err(Error::KeyedFull { limit }),
            Looked::New => match self.0.catalog.keyed_seq(&keyed.hash).await? {
                Some(seq) => Err(self.expired(keyed, seq).await?),
                None => Ok(None),
            },
        }
    }

    async fn kept(&self, seq: Seq) -> Result<Answer, Error> {
        let lost = || Error::Internal { reason: format!("row {seq} is gone from the books") };
        let Stored { call, outcome } = self.0.books.stored(seq).await?.ok_or_else(lost)?;
        let Some(outcome) = outcome else { return Err(Error::OutcomeExpired { call: call.id }) };
        let release = self.0.catalog.release_by_id(call.release).await?.ok_or_else(lost)?;
        Ok(Answer {
            outputs: outcome::read(&outcome)?,
            model: release.model.name,
            release: release.number,
            digest: release.digest,
            call: call.id,
            cost: call.cost,
            paid_from: PaidFrom::of(&call),
            cold: call.cold,
            yanked: release.yanked,
            replayed: true,
        })
    }

    /// A key from before the window: its answer is gone, its receipt is not.
    async fn expired(&self, keyed: &Keyed, seq: Seq) -> Result<Error, Error> {
        Ok(match self.row(seq).await? {
            Some(Row::Call(call)) if call.keyed.is_some_and(|k| k.content == keyed.content) => {
                Error::OutcomeExpired { call: call.id }
            }
            _ => Error::KeyReused,
        })
    }
}

impl Request {
    fn keyed(&self) -> Option<Keyed> {
        let key = self.idempotency_key.as_ref()?;
        let mut hash = Sha256::new();
        hash.update(self.caller.account().id.0);
        hash.update(self.caller.key().0);
        hash.update(key.as_bytes());
        Some(Keyed { hash: hash.finalize().into(), content: self.content })
    }
}

/// A call's row, as far as it is known before the engine has run.
struct Draft {
    id: CallId,
    accepted: Time,
    caller: Caller,
    surface: Surface,
    callable: Arc<Callable>,
    keyed: Option<Keyed>,
    salt: [u8; 32],
    input_hash: [u8; 32],
}

impl Draft {
    fn new(hub: &Hub, request: &Request, callable: &Arc<Callable>, keyed: Option<Keyed>) -> Draft {
        let salt = ids::random();
        Draft {
            id: CallId::from_uuid(hub.0.ids.next()),
            accepted: hub.0.clock.now(),
            caller: request.caller.clone(),
            surface: request.surface,
            callable: callable.clone(),
            keyed,
            salt,
            input_hash: receipt::commitment(&salt, |sink| tensor::canonical(&request.inputs, sink)),
        }
    }

    /// Who paid, first match.
    fn class(&self, free: bool, purse: Purse) -> Class {
        if self.caller.belongs_to(self.callable.release.model.owner.id) {
            Class::Own
        } else if free {
            Class::Free
        } else if purse == Purse::Promo {
            Class::Trial
        } else {
            Class::Paid
        }
    }

    /// The row of a call that ended without an answer: it costs nothing.
    fn ended(&self, now: Time, terms: Option<&Terms>, purse: Purse, outcome: Outcome) -> Call {
        let release = &self.callable.release;
        let free = terms.map_or_else(|| release.price_at(self.accepted).is_free(), |terms| terms.cost.is_zero());
        Call {
            id: self.id,
            accepted: self.accepted,
            finished: now,
            payer: self.caller.account().id,
            key: self.caller.key(),
            release: release.id,
            release_number: self.callable.number.clone(),
            model_digest: release.digest.0,
            class: self.class(free, purse),
            surface: self.surface,
            purse,
            outcome,
            usage: terms.map_or(Usage::ONE_CALL, |terms| terms.usage),
            cost: Amount::ZERO,
            fee_share: terms.map_or_else(Default::default, |terms| terms.fee_share),
            fee: Amount::ZERO,
            parts: Vec::new(),
            rate: terms.and_then(|terms| terms.rate),
            queue_us: 0,
            engine_us: 0,
            cold: false,
            input_hash: self.input_hash,
            output_hash: [0; 32],
            salt: self.salt,
            keyed: self.keyed,
            sponsor: None,
            hold: None,
        }
    }

    /// The row of a call that was answered: cut by the terms it was quoted.
    fn answered(&self, now: Time, terms: &Terms, funds: &Funds, ran: &Ran) -> Call {
        let cut = self.callable.release.terms.cut(terms.cost, terms.fee_share);
        Call {
            cost: terms.cost,
            fee: cut.fee,
            parts: cut.parts,
            queue_us: ran.queue_us,
            engine_us: ran.engine_us,
            cold: ran.cold,
            output_hash: receipt::commitment(&self.salt, |sink| tensor::canonical(&ran.outputs, sink)),
            sponsor: funds.sponsor,
            ..self.ended(now, Some(terms), funds.purse(), Outcome::Ok)
        }
    }
}
