//! A call in values that people have: read as the release's task says, called as any other, and its answer read back.
//!
//! Always: it is `infer` that runs, charges and keeps, so price, receipt and idempotency are those of every call; what
//! cannot be read costs nothing, and an answer that the task cannot read is not charged. Texts, files and pictures of
//! strangers are read beside the threads that answer everybody, so many at a time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::Trial;
use registry::task::Characters;
use registry::{Contract, Digest, FilePath, Labels, TaskCard, Tree, show};
use tasks::{Encoded, Given, Interpreter, Items, MAX_TOKENIZER_BYTES, Outcome, Tokenizer};
use tensor::Tensor;

use crate::infer::{Answer, Request};
use crate::moderation::Stands;
use crate::publish::{MAX_LABELS, unfit};
use crate::{Action, Callable, Error, Hub, Object};

/// How many calls' values are read at the same moment, on the whole hub.
pub(crate) const MAX_READING: usize = 4;
/// How long a call waits for others' values to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call's answer, in values that people have.
#[derive(Debug, Clone)]
pub struct Performed {
    pub answer: Answer,
    /// One for each value, in their order.
    pub outcomes: Vec<Outcome>,
    /// The tokens of all texts; 0 where there are none.
    pub tokens: u64,
}

impl Hub {
    /// Runs one paid call of these values. The request's own inputs are made from them.
    pub async fn perform(&self, request: Request, values: Vec<Given>) -> Result<Performed, Error> {
        request.caller.may(Action::Call, Object::Model(&request.model))?;
        let callable = self.called(&request.caller, &request.model, request.release).await?;
        if request.idempotency_key.is_none() {
            callable.release.model.stands()?;
        }
        let values = Arc::new(values);
        let Encoded { inputs, items } = self.encode(&callable, &values).await?;
        // The release that the values were read for, whatever is published meanwhile.
        let (named, release) = (request.release.is_some(), Some(callable.release.number));
        let request = Request { release, inputs, items: Some(items.clone()), ..request };
        let answer = self.infer_as(request, named).await?;
        let (callable, items) = if answer.release == callable.release.number {
            (callable, items)
        } else {
            // The outcome of an earlier request, kept from another release.
            let earlier = self.model(&answer.model, Some(answer.release)).await?;
            let items = self.encode(&earlier, &values).await?.items;
            (earlier, items)
        };
        let tokens = items.tokens();
        let (answer, outcomes) = self
            .beside(&callable, move |interpreter| {
                let outcomes = interpreter.decode(&items, &answer.outputs)?;
                Ok((answer, outcomes))
            })
            .await?;
        Ok(Performed { answer, outcomes, tokens })
    }

    async fn encode(&self, callable: &Arc<Callable>, values: &Arc<Vec<Given>>) -> Result<Encoded, Error> {
        let place = tokio::time::timeout(PATIENCE, self.0.reading.clone().acquire_owned()).await;
        let place = place.map_err(|_| Error::TooManyReads { limit: MAX_READING })?;
        let values = values.clone();
        self.beside(callable, move |interpreter| {
            // Held by the thread: a caller who hangs up does not make it faster.
            let _place = place;
            Ok(interpreter.encode(&values)?)
        })
        .await
    }

    /// The inputs that a made-up value of a release's task becomes.
    pub(crate) async fn made_up(&self, callable: &Arc<Callable>) -> Result<Vec<Tensor>, Error> {
        self.beside(callable, |interpreter| Ok(interpreter.encode(&[interpreter.sample()])?.inputs)).await
    }

    /// Does what a release's task says, on a thread that may take its time.
    async fn beside<T: Send + 'static>(
        &self,
        callable: &Arc<Callable>,
        work: impl FnOnce(Interpreter<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (hub, callable) = (self.clone(), callable.clone());
        blocking(move || {
            let release = &callable.release;
            let task = release.contract.task.as_ref();
            let tokenizer = task.and_then(|task| task.tokenizer());
            let tokenizer = tokenizer.map(|path| hub.tokenizer(&release.tree, path)).transpose()?;
            let interpreter = Interpreter::new(&release.contract, tokenizer.as_deref());
            work(interpreter.ok_or_else(|| Error::NoTask { model: release.model.name.clone() })?)
        })
        .await
    }

    /// A tokenizer of these files, read once.
    fn tokenizer(&self, tree: &Tree, path: &FilePath) -> Result<Arc<Tokenizer>, Error> {
        const HINT: &str = "add the model's tokenizer.json to the folder, as `tokenizers` or `transformers` saves it";
        let file = tree.get(path.as_str());
        let file = file.ok_or_else(|| unfit("task", format!("{path} is not among the files"), HINT))?;
        if let Some(known) = self.0.tokenizers.get(file.sha256) {
            return Ok(known);
        }
        let bytes = self.0.blobs.read(file.sha256, MAX_TOKENIZER_BYTES)?;
        let read = Tokenizer::read(&bytes).map_err(|error| unfit("task", format!("{path}: {error}"), HINT))?;
        Ok(self.0.tokenizers.put(file.sha256, bytes.len(), read))
    }

    /// The labels of a file of the folder.
    pub(crate) async fn read_labels(&self, tree: &Tree, path: &FilePath) -> Result<Labels, Error> {
        let file = tree.get(path.as_str()).ok_or_else(|| {
            unfit(
                "contract",
                format!("labels: {path} is not among the files"),
                "write the name of a .json or .txt file of the folder",
            )
        })?;
        let bytes = self.read_blob(file.sha256, MAX_LABELS).await?;
        Labels::from_file(path, &bytes).map_err(|error| unfit("contract", error.to_string(), ""))
    }

    /// What a task's own classes are called: its labels, or its characters.
    async fn names(&self, tree: &Tree, card: &TaskCard, labels: Option<&Labels>) -> Result<Vec<String>, Error> {
        const HINT: &str = "write the name of a file of the folder";
        if let Some(characters) = card.characters() {
            let path = match characters {
                Characters::List(list) => return Ok(list.clone()),
                Characters::File(path) => path,
            };
            let file = tree.get(path.as_str());
            let file = file.ok_or_else(|| unfit("task", format!("characters: {path} is not among the files"), HINT))?;
            let bytes = self.read_blob(file.sha256, MAX_LABELS).await?;
            return Characters::from_file(&bytes).map_err(|error| unfit("task", format!("{path}: {error}"), ""));
        }
        let read;
        let labels = match labels.filter(|_| card.keeps_labels()) {
            Some(Labels::File(path)) => {
                read = self.read_labels(tree, path).await?;
                Some(&read)
            }
            labels => labels,
        };
        match labels {
            None => Ok(Vec::new()),
            Some(Labels::List(list)) => Ok(list.clone()),
            Some(_) => Err(unfit(
                "task",
                "labels are given by output, and the task has one list of them",
                "labels: [cat, dog]",
            )),
        }
    }

    /// The card's task fits the model, and a made-up value comes through all of it. Gives its inputs, too.
    pub(crate) async fn try_task(
        &self,
        tree: &Tree,
        card: &TaskCard,
        labels: Option<&Labels>,
        contract: Contract,
        until: Instant,
        trial: &mut dyn Trial,
    ) -> Result<((Contract, Vec<Tensor>), String), Error> {
        let names = self.names(tree, card, labels).await?;
        let fitted = card.fit(&contract.signature, &contract.labels, &names, contract.output);
        let task = fitted.map_err(|error| unfit("task", error.to_string(), error.hint()))?;
        let (hub, tree, path) = (self.clone(), tree.clone(), task.tokenizer().cloned());
        let tokenizer = blocking(move || path.map(|path| hub.tokenizer(&tree, &path)).transpose()).await?;
        let said = format!("{}; a made-up value was read, run and answered", task.word());
        let contract = Contract { task: Some(task), ..contract };
        let (encoded, contract, tokenizer) = blocking(move || {
            let interpreter = Interpreter::new(&contract, tokenizer.as_deref()).expect("it has a task");
            let encoded = interpreter.encode(&[interpreter.sample()]);
            let encoded = encoded.map_err(|refusal| unfit("task", format!("a made-up value: {refusal}"), ""))?;
            Ok((encoded, contract, tokenizer))
        })
        .await?;
        let Encoded { inputs, items } = encoded;
        let deadline = until.min(Instant::now() + Duration::from_millis(contract.deadline_ms));
        let ran = trial.run(inputs.clone(), deadline).await;
        const HINT: &str = "name the categories of columns that know no others: columns: { port: [cork, dover] }";
        let hint =
            if contract.task.as_ref().is_some_and(|task| task.word().starts_with("tabular")) { HINT } else { "" };
        let ran = ran.map_err(|failure| unfit("task", format!("a made-up value: {failure}"), hint))?;
        let interpreter = Interpreter::new(&contract, tokenizer.as_deref()).expect("it has a task");
        let outcomes = interpreter.decode(&items, &show(&contract, ran.outputs));
        outcomes.map_err(|refusal| unfit("task", format!("a made-up value: {refusal}"), ""))?;
        Ok(((contract, inputs), said))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|crash| Err(Error::Internal { reason: crash.to_string() }))
}

/// Whether a task can read an answer, asked before it is charged.
pub(crate) fn readable(contract: &Contract, items: &Items, outputs: &[Tensor]) -> Result<(), Error> {
    // Reading it needs no tokenizer.
    Interpreter::new(contract, None).map_or(Ok(()), |interpreter| Ok(interpreter.check(items, outputs)?))
}

/// Tokenizers that were read, those used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Tokenizers(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    digest: Digest,
    size: usize,
    tokenizer: Arc<Tokenizer>,
}

impl Tokenizers {
    /// Of their files; in memory they take several times as much.
    const LIMIT: usize = 64 * 1024 * 1024;

    fn get(&self, digest: Digest) -> Option<Arc<Tokenizer>> {
        let mut kept = self.0.lock().expect("nothing panics while it holds the tokenizers");
        let at = kept.iter().position(|kept| kept.digest == digest)?;
        let found = kept.remove(at);
        let tokenizer = found.tokenizer.clone();
        kept.push(found);
        Some(tokenizer)
    }

    /// Gives what is kept: another call may have read it meanwhile.
    fn put(&self, digest: Digest, size: usize, tokenizer: Tokenizer) -> Arc<Tokenizer> {
        if let Some(known) = self.get(digest) {
            return known;
        }
        let tokenizer = Arc::new(tokenizer);
        let mut kept = self.0.lock().expect("nothing panics while it holds the tokenizers");
        kept.push(Kept { digest, size, tokenizer: tokenizer.clone() });
        let mut sum: usize = kept.iter().map(|kept| kept.size).sum();
        while sum > Self::LIMIT && kept.len() > 1 {
            sum -= kept.remove(0).size;
        }
        tokenizer
    }
}
