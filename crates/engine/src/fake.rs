//! An engine that does what a test tells it, without processes.
//!
//! Always: inputs are checked against the signature and deadlines are kept, as the real one does. Every call takes the
//! next behaviour of its model's script; the last one repeats.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tensor::{Signature, Tensor};

use crate::request::timed_out;
use crate::{Call, Engine, EngineInfo, Failure, Model, Ran, Trial, Unavailable};

/// Makes outputs, in the order of the signature, or a failure of the inputs.
pub type Function = Arc<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>, Failure> + Send + Sync>;

/// What a call does.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers output n with the data of input n.
    Echo,
    /// Answers this.
    Answer(Vec<Tensor>),
    /// Answers what the function makes of the inputs.
    Map(Function),
    /// Fails with this.
    Fail(Failure),
    /// Never answers: `TimedOut` at the deadline.
    Hang,
    /// Waits this long, then does the other.
    After(Duration, Box<Behaviour>),
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Behaviour::Echo => f.write_str("Echo"),
            Behaviour::Answer(tensors) => f.debug_tuple("Answer").field(tensors).finish(),
            Behaviour::Map(_) => f.write_str("Map"),
            Behaviour::Fail(failure) => f.debug_tuple("Fail").field(failure).finish(),
            Behaviour::Hang => f.write_str("Hang"),
            Behaviour::After(delay, then) => f.debug_tuple("After").field(delay).field(then).finish(),
        }
    }
}

/// A scripted engine; clones share one script.
#[derive(Debug, Clone)]
pub struct Fake {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What models without a script of their own do.
    other: Mutex<Script>,
    scripts: Mutex<HashMap<[u8; 32], Script>>,
    unavailable: Mutex<Option<Unavailable>>,
    calls: AtomicUsize,
    trials: AtomicUsize,
    preloaded: Mutex<Vec<[u8; 32]>>,
    ran: Mutex<HashSet<[u8; 32]>>,
}

#[derive(Debug, Clone)]
struct Script {
    signature: Signature,
    /// Why the model does not load, if it does not.
    load: Option<Failure>,
    behaviours: VecDeque<Behaviour>,
}

impl Script {
    fn next(&mut self) -> Behaviour {
        match self.behaviours.len() {
            0 => Behaviour::Echo,
            1 => self.behaviours[0].clone(),
            _ => self.behaviours.pop_front().expect("there are at least two"),
        }
    }
}

impl Fake {
    /// An engine whose models all have this signature and do this.
    pub fn new(signature: Signature, behaviour: Behaviour) -> Fake {
        let other = Script { signature, load: None, behaviours: VecDeque::from([behaviour]) };
        Fake {
            shared: Arc::new(Shared {
                other: Mutex::new(other),
                scripts: Mutex::default(),
                unavailable: Mutex::default(),
                calls: AtomicUsize::new(0),
                trials: AtomicUsize::new(0),
                preloaded: Mutex::default(),
                ran: Mutex::default(),
            }),
        }
    }

    /// Answers output n with the data of input n.
    pub fn echo(signature: Signature) -> Fake {
        Fake::new(signature, Behaviour::Echo)
    }

    /// Fails every run, saying "told to fail".
    pub fn failing(signature: Signature) -> Fake {
        Fake::new(signature, Behaviour::Fail(Failure::Run { reason: "told to fail".into() }))
    }

    /// Never answers before the deadline.
    pub fn hanging(signature: Signature) -> Fake {
        Fake::new(signature, Behaviour::Hang)
    }

    /// Adds a behaviour to the end of the script: calls take them one after the other, the last one repeats.
    #[must_use]
    pub fn then(self, behaviour: Behaviour) -> Fake {
        lock(&self.shared.other).behaviours.push_back(behaviour);
        self
    }

    /// What was loaded before anybody called it, by digest.
    pub fn preloaded(&self) -> Vec<[u8; 32]> {
        lock(&self.shared.preloaded).clone()
    }

    /// Gives one model a signature and behaviours of its own, from now on.
    pub fn script(&self, digest: [u8; 32], signature: Signature, behaviours: impl IntoIterator<Item = Behaviour>) {
        let script = Script { signature, load: None, behaviours: behaviours.into_iter().collect() };
        lock(&self.shared.scripts).insert(digest, script);
    }

    /// Makes the load of one model fail, from now on: trials as well as runs.
    pub fn refuse_load(&self, digest: [u8; 32], failure: Failure) {
        let other = lock(&self.shared.other).clone();
        lock(&self.shared.scripts).entry(digest).or_insert(other).load = Some(failure);
    }

    /// Takes the engine away, or brings it back.
    pub fn set_unavailable(&self, unavailable: Option<Unavailable>) {
        *lock(&self.shared.unavailable) = unavailable;
    }

    /// How many runs there were, trials' included.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// How many trials there were.
    pub fn trials(&self) -> usize {
        self.shared.trials.load(Ordering::SeqCst)
    }

    /// Does something with the script of a model.
    fn with_script<T>(&self, digest: &[u8; 32], act: impl FnOnce(&mut Script) -> T) -> T {
        match lock(&self.shared.scripts).get_mut(digest) {
            Some(script) => act(script),
            None => act(&mut lock(&self.shared.other)),
        }
    }

    async fn perform(&self, digest: &[u8; 32], inputs: Vec<Tensor>, deadline: Instant) -> Result<Ran, Failure> {
        self.status()?;
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        let accepted = Instant::now();
        let (signature, load, mut behaviour) =
            self.with_script(digest, |script| (script.signature.clone(), script.load.clone(), script.next()));
        if let Some(failure) = load {
            return Err(failure);
        }
        signature.check_inputs(&inputs).map_err(Failure::Input)?;

        let outputs = tokio::time::timeout_at(deadline.into(), async {
            loop {
                match behaviour {
                    Behaviour::Echo => return echo(&signature, &inputs),
                    Behaviour::Answer(tensors) => return Ok(tensors),
                    Behaviour::Map(function) => return function(&inputs),
                    Behaviour::Fail(failure) => return Err(failure),
                    Behaviour::Hang => std::future::pending().await,
                    Behaviour::After(delay, then) => {
                        tokio::time::sleep(delay).await;
                        behaviour = *then;
                    }
                }
            }
        })
        .await
        .map_err(|_| timed_out(accepted, deadline))??;
        signature.check_outputs(&outputs).map_err(Failure::Answer)?;
        Ok(Ran { outputs, queue_us: 0, engine_us: accepted.elapsed().as_micros() as u64, cold: false })
    }
}

fn echo(signature: &Signature, inputs: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
    let ports = signature.inputs.iter().zip(&signature.outputs);
    ports
        .map(|(input, output)| {
            let tensor = inputs.iter().find(|tensor| tensor.name() == input.name).expect("inputs were checked");
            tensor.clone().with_name(output.name.clone()).map_err(Failure::Answer)
        })
        .collect()
}

#[async_trait]
impl Engine for Fake {
    fn status(&self) -> Result<EngineInfo, Unavailable> {
        match lock(&self.shared.unavailable).clone() {
            Some(unavailable) => Err(unavailable),
            None => Ok(EngineInfo { name: "fake".into(), version: "1".into() }),
        }
    }

    fn loaded(&self, model: &Model) -> Option<bool> {
        Some(lock(&self.shared.ran).contains(&model.digest) || lock(&self.shared.preloaded).contains(&model.digest))
    }

    async fn run(&self, model: &Model, call: Call) -> Result<Ran, Failure> {
        lock(&self.shared.ran).insert(model.digest);
        self.perform(&model.digest, call.inputs, call.deadline).await
    }

    fn preload(&self, model: &Model) {
        lock(&self.shared.preloaded).push(model.digest);
    }

    async fn trial(&self, model: &Model, _deadline: Instant) -> Result<Box<dyn Trial>, Failure> {
        self.status()?;
        self.shared.trials.fetch_add(1, Ordering::SeqCst);
        let (signature, load) =
            self.with_script(&model.digest, |script| (script.signature.clone(), script.load.clone()));
        match load {
            Some(failure) => Err(failure),
            None => Ok(Box::new(FakeTrial { fake: self.clone(), digest: model.digest, signature })),
        }
    }
}

#[derive(Debug)]
struct FakeTrial {
    fake: Fake,
    digest: [u8; 32],
    signature: Signature,
}

#[async_trait]
impl Trial for FakeTrial {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn load_ms(&self) -> u64 {
        1
    }

    fn memory_bytes(&self) -> u64 {
        1024 * 1024
    }

    async fn run(&mut self, inputs: Vec<Tensor>, deadline: Instant) -> Result<Ran, Failure> {
        self.fake.perform(&self.digest, inputs, deadline).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tensor::{DataType, Port};

    use super::*;

    fn signature() -> Signature {
        let port = |name: &str| Port { name: name.into(), datatype: DataType::Fp32, shape: vec![None] };
        Signature { inputs: vec![port("x")], outputs: vec![port("y")] }
    }

    fn tensor(name: &str) -> Vec<Tensor> {
        vec![Tensor::fp32(name, &[1], &[1.0]).unwrap()]
    }

    fn call(inputs: Vec<Tensor>) -> Call {
        Call { inputs, deadline: soon(), caller: [0; 16] }
    }

    fn model(number: u8) -> Model {
        Model { digest: [number; 32], weights: "unused".into(), batch_rows: 1, remote: None }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[tokio::test]
    async fn behaviours_are_taken_in_turn_and_the_last_repeats() {
        let fake = Fake::failing(signature())
            .then(Behaviour::Hang)
            .then(Behaviour::After(Duration::from_millis(5), Box::new(Behaviour::Echo)));
        let model = model(1);
        let run = || fake.run(&model, call(tensor("x")));
        assert!(matches!(run().await, Err(Failure::Run { .. })));
        assert_eq!(run().await, Err(Failure::TimedOut { limit_ms: 50 }));
        for _ in 0..2 {
            assert_eq!(run().await.unwrap().outputs, tensor("y"));
        }
        assert_eq!(fake.calls(), 4);
    }

    #[tokio::test]
    async fn inputs_outputs_and_loads_fail_as_with_a_real_engine() {
        let fake = Fake::new(signature(), Behaviour::Answer(tensor("z")));
        assert!(matches!(fake.run(&model(1), call(tensor("z"))).await, Err(Failure::Input(_))));
        assert!(matches!(fake.run(&model(1), call(tensor("x"))).await, Err(Failure::Answer(_))));

        fake.refuse_load(model(2).digest, Failure::Load { reason: "no".into() });
        assert!(matches!(fake.trial(&model(2), soon()).await, Err(Failure::Load { .. })));
        fake.script(model(3).digest, signature(), [Behaviour::Echo]);
        let mut trial = fake.trial(&model(3), soon()).await.unwrap();
        assert_eq!(trial.run(tensor("x"), soon()).await.unwrap().outputs, tensor("y"));

        fake.set_unavailable(Some(Unavailable { reason: "gone".into(), hint: "bring it back" }));
        assert!(matches!(fake.run(&model(3), call(tensor("x"))).await, Err(Failure::Unavailable(_))));
    }
}
