//! From files to a release that can be called.
//!
//! Always: a release is sealed whole or not at all; its blobs are on the disk before it names them; nobody can name
//! bytes in a commit that their account has not handed in; a model is loaded for the first time in a runner that
//! nobody else uses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::Trial;
use ledger::{ModelId, Price, ReleaseId};
use registry::{
    Access, Card, Change, CommitId, Contract, DEFAULT_DEADLINE_MS, Digest, Example, File, FilePath, Handle, Labels,
    MAX_EXAMPLE_BYTES, ModelName, Output, ReleaseNumber, Section, Tolerance, Tree, agree, can_show, next_release,
    sample_inputs,
};
use store::{Account, ModelRecord, NewRelease, ReleaseRecord, Upload};
use tensor::Tensor;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::batching::{Answered, try_batch};
use crate::offer::Offer;
use crate::{Action, Caller, Error, Hub, Object, whole};

/// What an author wants published.
#[derive(Debug, Clone)]
pub struct Draft {
    pub model: ModelName,
    pub files: Vec<File>,
    /// These three stand above the card.
    pub price: Option<Price>,
    pub split: Option<Vec<(Handle, u16)>>,
    pub access: Option<Access>,
    /// The number the author expects; refused when the contract's change asks for another.
    pub number: Option<ReleaseNumber>,
    /// Whether unversioned calls move to this release when it begins a new major.
    pub latest: bool,
    /// All checks, no release.
    pub dry_run: bool,
}

/// One check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub step: &'static str,
    pub ok: bool,
    pub detail: String,
    pub ms: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Published {
    pub model: ModelName,
    pub release: ReleaseNumber,
    pub commit: CommitId,
    pub digest: Digest,
    /// `first`, `same`, `minor`, `major`.
    pub change: String,
    /// Why it is major, or what is new.
    pub reasons: Vec<String>,
    pub price: Price,
    /// False for a dry run, and for files that are the latest release already.
    pub sealed: bool,
}

/// The most that is read of a card, and of a file with labels.
const MAX_README: u64 = 256 * 1024;
const MAX_LABELS: u64 = 1024 * 1024;
const MAX_EXAMPLES: usize = 50;
/// The most that one file may be for now.
pub const MAX_FILE: u64 = 2 * 1024 * 1024 * 1024;
const LOAD_LIMIT: Duration = Duration::from_secs(60);
/// How long all examples of one publish may run together: others wait for the runner.
const EXAMPLES_LIMIT: Duration = Duration::from_secs(300);
/// How many files may come in at the same moment, on the whole hub.
pub(crate) const MAX_UPLOADS: usize = 64;

/// Bytes on their way in, and whose they will be.
#[derive(Debug)]
pub struct Receiving {
    hub: Hub,
    owner: Account,
    digest: Digest,
    size: u64,
    upload: Option<Upload>,
    _place: OwnedSemaphorePermit,
}

impl Receiving {
    /// Takes some bytes. On the disk they may be half a model: they count once [`Receiving::finish`] has answered.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.upload.as_mut().expect("only finish takes it").write(bytes)?)
    }

    /// Checks size and digest, syncs, and notes whose they are.
    pub async fn finish(mut self) -> Result<(), Error> {
        let upload = self.upload.take().expect("only finish takes it");
        let kept = tokio::task::spawn_blocking(move || upload.finish()).await;
        kept.map_err(|crash| Error::Internal { reason: crash.to_string() })??;
        Ok(self.hub.0.catalog.add_upload(self.owner.id, self.digest, self.size, self.hub.0.clock.now()).await?)
    }
}

/// Says each check with its time, as it ends.
struct Verdicts {
    to: mpsc::Sender<Verdict>,
    since: Instant,
}

impl Verdicts {
    async fn say(&mut self, step: &'static str, ok: bool, detail: String) {
        let ms = self.since.elapsed().as_millis() as u64;
        self.since = Instant::now();
        // Who published may have hung up; the publish goes on.
        let _ = self.to.send(Verdict { step, ok, detail, ms }).await;
    }

    /// Says how a check ended and hands its result on.
    async fn told<T>(&mut self, step: &'static str, done: Result<(T, String), Error>) -> Result<T, Error> {
        match done {
            Ok((value, detail)) => {
                self.say(step, true, detail).await;
                Ok(value)
            }
            Err(error) => {
                self.say(step, false, error.to_string()).await;
                Err(error)
            }
        }
    }
}

pub(crate) fn unfit(step: &'static str, reason: impl Into<String>, hint: &str) -> Error {
    Error::Unfit { step, reason: reason.into(), hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()) }
}

fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

impl Hub {
    /// Begins to take in a file of `owner`'s.
    pub async fn upload(&self, caller: &Caller, owner: &Handle, digest: Digest, size: u64) -> Result<Receiving, Error> {
        let owner = self.publisher(caller, owner).await?;
        if size > MAX_FILE {
            let rule = format!("a file has at most {MAX_FILE} bytes");
            return Err(Error::Invalid { what: "size", value: size.to_string(), rule });
        }
        let place = self.0.uploads.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::TooManyUploads { limit: MAX_UPLOADS })?;
        let upload = self.0.blobs.receive(digest, size)?;
        Ok(Receiving { hub: self.clone(), owner, digest, size, upload: Some(upload), _place: place })
    }

    /// Whether `owner` has handed these bytes in before. What others have handed in is nobody's business.
    pub async fn has_upload(&self, caller: &Caller, owner: &Handle, digest: Digest) -> Result<bool, Error> {
        let owner = self.publisher(caller, owner).await?;
        Ok(self.0.catalog.upload(owner.id, digest).await?.is_some() && self.0.blobs.has(digest))
    }

    async fn publisher(&self, caller: &Caller, owner: &Handle) -> Result<Account, Error> {
        let owner = self.find_account(owner).await?;
        caller.may(Action::Publish, Object::Account(&owner))?;
        if owner.id.system_name().is_some() {
            let rule =
                "the hub's own account takes fees and owns no models; make an account to publish with".to_owned();
            return Err(Error::Invalid { what: "owner", value: owner.handle.to_string(), rule });
        }
        Ok(owner)
    }

    /// Publishes: commit, card, dry run, contract, examples, price, release. Each verdict is told as it is reached.
    pub async fn publish(
        &self,
        caller: &Caller,
        draft: Draft,
        verdicts: mpsc::Sender<Verdict>,
    ) -> Result<Published, Error> {
        let name = ModelName::claim(draft.model.owner().clone(), draft.model.name())?;
        let owner = self.publisher(caller, name.owner()).await?;
        caller.may(Action::Publish, Object::Model(&name))?;
        let mut say = Verdicts { to: verdicts, since: Instant::now() };

        let tree = say.told("files", self.check_files(&owner, &draft).await).await?;
        let card = say.told("card", self.read_card(&tree)).await?;
        let section = card.hub.clone().unwrap_or_default();
        let (weights, mut trial) = say.told("dry run", self.dry_run(&tree).await).await?;
        let contract = say.told("contract", self.contract(&tree, &section, trial.as_ref())).await?;
        let until = Instant::now() + EXAMPLES_LIMIT;
        let (contract, sample) = match &section.task {
            None => (contract, None),
            Some(task) => {
                let tried = self.try_task(&tree, task, contract, until, trial.as_mut()).await;
                let (contract, sample) = say.told("task", tried).await?;
                (contract, Some(sample))
            }
        };
        let ran = self.examples(&tree, &contract, sample, until, trial.as_mut()).await;
        let ran = ran.map(|(count, answered)| ((count, answered), examples_said(count)));
        let (examples, answered) = say.told("examples", ran).await?;
        let shared = try_batch(&contract, &answered, until, trial.as_mut()).await;
        say.told("batch", shared.map(|said| ((), said))).await?;
        drop(trial);
        let contract = Contract { examples, ..contract };
        let offer = self.offer(&owner, &draft, &section, &card.lineage).await;
        let Offer { price, terms, royalty, lineage } = say.told("price", offer).await?;

        let latest = self.0.catalog.releases(&name, 1).await?.into_iter().next();
        // The model keeps the case its first release was published in.
        let name = latest.as_ref().map_or(name, |latest| latest.model.name.clone());
        let access = draft.access.or(section.access).unwrap_or_default();
        let same = latest.as_ref().is_some_and(|latest| {
            latest.commit == tree.commit_id()
                && latest.price == price
                && latest.contract == contract
                && latest.terms == terms
                && latest.royalty == royalty
                && latest.access == access
        });
        let (number, change, reasons) = match latest.as_ref().filter(|_| same) {
            Some(latest) => {
                say.say("release", true, format!("{} already, nothing changed", latest.number)).await;
                (latest.number, "same", Vec::new())
            }
            None => say.told("release", number(&draft, latest.as_ref(), &contract)).await?,
        };
        let published = Published {
            model: name.clone(),
            release: number,
            commit: tree.commit_id(),
            digest: tree.digest(),
            change: change.to_owned(),
            reasons,
            price,
            sealed: false,
        };
        if same && draft.latest && !draft.dry_run {
            self.move_latest(latest.as_ref().expect("it is the same as one"), name.clone()).await?;
        }
        if same || draft.dry_run {
            return Ok(published);
        }
        let now = self.0.clock.now();
        let task = contract.task.as_ref().map(|task| task.word().to_owned());
        let model = ModelRecord { id: ModelId::from_uuid(self.0.ids.next()), owner, name: name.clone(), created: now };
        let release = ReleaseRecord {
            id: ReleaseId::from_uuid(self.0.ids.next()),
            model,
            number,
            commit: published.commit,
            digest: published.digest,
            tree,
            weights,
            contract,
            terms,
            price,
            access,
            summary: card.summary.or(card.title).unwrap_or_default(),
            task: card.task.or(task),
            license: card.license,
            readme: card.body,
            change: change.to_owned(),
            created: now,
            royalty,
            lineage,
        };
        let (hub, new) = (self.clone(), NewRelease { release, latest: draft.latest });
        whole(async move {
            hub.0.catalog.seal(&new).await?;
            hub.0.callables.forget(&name);
            // So that the first call need not wait. One that cannot be loaded now says so when it is called.
            if let Ok(sealed) = hub.model(&name, Some(number)).await {
                hub.0.engine.preload(&sealed.model);
            }
            Ok(())
        })
        .await?;
        Ok(Published { sealed: true, ..published })
    }

    /// The owner's act that moves unversioned calls to another major, without a new release.
    async fn move_latest(&self, release: &ReleaseRecord, name: ModelName) -> Result<(), Error> {
        let (hub, model, major) = (self.clone(), release.model.id, release.number.major());
        whole(async move {
            hub.0.catalog.set_latest(model, major).await?;
            hub.0.callables.forget(&name);
            Ok(())
        })
        .await
    }

    /// The files make a tree, and the owner has handed every one of them in.
    async fn check_files(&self, owner: &Account, draft: &Draft) -> Result<(Tree, String), Error> {
        let tree = Tree::new(draft.files.clone())?;
        for file in tree.files() {
            let known = self.0.catalog.upload(owner.id, file.sha256).await?;
            match known {
                Some(size) if size == file.size && self.0.blobs.has(file.sha256) => {}
                Some(size) if size != file.size => {
                    let reason = format!("{} is announced with {} bytes, its content has {size}", file.path, file.size);
                    return Err(unfit("files", reason, "publish the folder again; a file may have changed meanwhile"));
                }
                _ => {
                    let reason = format!("the content of {} ({}) was not uploaded", file.path, file.sha256);
                    return Err(unfit("files", reason, "upload it first: PUT /api/v1/uploads/{owner}/{sha256}"));
                }
            }
        }
        let detail = format!(
            "{}, {} bytes, commit {}",
            counted(tree.files().len(), "file"),
            tree.size_bytes(),
            tree.commit_id()
        );
        Ok((tree, detail))
    }

    fn read_card(&self, tree: &Tree) -> Result<(Card, String), Error> {
        let Some(readme) = tree.get("README.md") else {
            return Ok((Card::default(), "no README.md: callers will not know what the model is for".to_owned()));
        };
        let card = Card::from_bytes(&self.0.blobs.read(readme.sha256, MAX_README)?)?;
        let task = card.task.as_deref().unwrap_or("none");
        let license = card.license.as_deref().unwrap_or("none");
        let detail = format!("task {task}, licence {license}");
        Ok((card, detail))
    }

    /// Loads the model in a runner of its own.
    async fn dry_run(&self, tree: &Tree) -> Result<((Digest, Box<dyn Trial>), String), Error> {
        let weights = find_weights(tree)?;
        let path = self.0.blobs.path(weights.sha256);
        let model = engine::Model { digest: tree.digest().0, weights: path, batch_rows: 1 };
        let trial =
            self.0.engine.trial(&model, Instant::now() + LOAD_LIMIT).await.map_err(|failure| match failure {
                engine::Failure::Load { reason } => unfit(
                    "dry run",
                    format!("{} does not load: {reason}", weights.path),
                    "open it with onnxruntime on your machine; the hub runs ONNX with its standard operators",
                ),
                engine::Failure::TimedOut { limit_ms } => {
                    unfit("dry run", format!("{} did not load within {limit_ms} ms", weights.path), "")
                }
                engine::Failure::Died { how } => {
                    let reason = format!("loading {}, the runner {how}", weights.path);
                    unfit("dry run", reason, "it may need more memory than a runner has")
                }
                other => other.into(),
            })?;
        let signature = trial.signature();
        let detail = format!(
            "{} loads in {} ms with {} MB; {}, {}",
            weights.path,
            trial.load_ms(),
            trial.memory_bytes() / 1_000_000,
            counted(signature.inputs.len(), "input"),
            counted(signature.outputs.len(), "output"),
        );
        Ok(((weights.sha256, trial), detail))
    }

    fn contract(&self, tree: &Tree, section: &Section, trial: &dyn Trial) -> Result<(Contract, String), Error> {
        let signature = trial.signature().clone();
        let labels = match &section.labels {
            None => BTreeMap::new(),
            Some(labels) => {
                let read;
                let labels = match labels {
                    Labels::File(path) => {
                        read = self.read_labels(tree, path)?;
                        &read
                    }
                    written => written,
                };
                let labels = labels.for_outputs(&signature);
                labels.map_err(|error| {
                    unfit("contract", error.to_string(), "labels name the last axis of an output, one by one")
                })?
            }
        };
        let shown = |ports: &[tensor::Port]| ports.iter().map(show_port).collect::<Vec<_>>().join(", ");
        let mut detail = format!("{} → {}", shown(&signature.inputs), shown(&signature.outputs));
        for (output, names) in &labels {
            detail.push_str(&format!("; {} for {output}", counted(names.len(), "label")));
        }
        let contract = Contract {
            version: Contract::VERSION,
            signature,
            labels,
            output: section.output.unwrap_or(Output::All),
            examples: 0,
            deadline_ms: section.deadline_ms.unwrap_or(DEFAULT_DEADLINE_MS),
            batch_rows: section.batch.unwrap_or(1),
            task: None,
        };
        can_show(contract.output, &contract.signature, &contract.labels).map_err(|error| {
            unfit("contract", error.to_string(), "name the scores' labels, or leave `output` out: all is answered then")
        })?;
        if contract.output != Output::All {
            detail.push_str(&format!("; answers show {}", contract.output));
        }
        Ok((contract, detail))
    }

    fn read_labels(&self, tree: &Tree, path: &FilePath) -> Result<Labels, Error> {
        let file = tree.get(path.as_str()).ok_or_else(|| {
            unfit(
                "contract",
                format!("labels: {path} is not among the files"),
                "write the name of a .json or .txt file of the folder",
            )
        })?;
        let bytes = self.0.blobs.read(file.sha256, MAX_LABELS)?;
        Labels::from_file(path, &bytes).map_err(|error| unfit("contract", error.to_string(), ""))
    }

    /// Every example twice, compared with itself and with what its author expects. Without examples the hub makes
    /// an input up, or takes the task's, so that no release is sealed that never ran. Gives their number, and the first with their answers.
    async fn examples(
        &self,
        tree: &Tree,
        contract: &Contract,
        sample: Option<Vec<Tensor>>,
        until: Instant,
        trial: &mut dyn Trial,
    ) -> Result<(u32, Vec<Answered>), Error> {
        let files: Vec<_> = tree
            .files()
            .iter()
            .filter(|file| file.path.as_str().starts_with("examples/") && file.path.as_str().ends_with(".json"))
            .collect();
        if files.len() > MAX_EXAMPLES {
            let reason = format!("{} examples, at most {MAX_EXAMPLES} are run", files.len());
            return Err(unfit("examples", reason, "keep those that show the model best"));
        }
        if files.is_empty() {
            let inputs = sample.map_or_else(|| sample_inputs(&contract.signature), Ok);
            let inputs = inputs
                .map_err(|error| unfit("examples", error.to_string(), "add examples/one.json with inputs that fit"))?;
            let outputs = repeat("a generated input", &inputs, &[], contract, until, trial).await?;
            return Ok((0, vec![Answered { inputs, outputs }]));
        }
        let mut answered = Vec::new();
        for file in &files {
            let bytes = self.0.blobs.read(file.sha256, MAX_EXAMPLE_BYTES as u64)?;
            let example =
                Example::parse(&bytes).map_err(|error| unfit("examples", format!("{}: {error}", file.path), ""))?;
            let outputs =
                repeat(file.path.as_str(), &example.inputs, &example.expected, contract, until, trial).await?;
            if answered.len() < MAX_KEPT {
                answered.push(Answered { inputs: example.inputs, outputs });
            }
        }
        Ok((files.len() as u32, answered))
    }
}

fn examples_said(count: u32) -> String {
    match count {
        0 => "none given; a generated input ran twice with the same answer".to_owned(),
        n => format!("{} ran twice with the same answer", counted(n as usize, "example")),
    }
}

fn show_port(port: &tensor::Port) -> String {
    let shape: Vec<_> = port.shape.iter().map(|size| size.map_or("?".to_owned(), |n| n.to_string())).collect();
    format!("{} {}[{}]", port.name, port.datatype, shape.join(","))
}

/// The one ONNX file, or `model.onnx` among several.
fn find_weights(tree: &Tree) -> Result<&File, Error> {
    let onnx = |file: &&File| file.path.as_str().to_ascii_lowercase().ends_with(".onnx");
    let found: Vec<_> = tree.files().iter().filter(onnx).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(unfit(
            "dry run",
            "there is no .onnx file among the files",
            "export the model to ONNX; other formats come later",
        )),
        _ => tree.get("model.onnx").ok_or_else(|| {
            let names: Vec<_> = found.iter().take(5).map(|file| file.path.as_str()).collect();
            let reason = format!("{} .onnx files ({}…) and none is called model.onnx", found.len(), names.join(", "));
            unfit("dry run", reason, "call the one that should run model.onnx")
        }),
    }
}

/// So many examples are at hand for what is tried next.
const MAX_KEPT: usize = 4;

/// Runs one input twice, and gives the answer.
async fn repeat(
    what: &str,
    inputs: &[Tensor],
    expected: &[Tensor],
    contract: &Contract,
    until: Instant,
    trial: &mut dyn Trial,
) -> Result<Vec<Tensor>, Error> {
    contract
        .signature
        .check_inputs(inputs)
        .map_err(|mismatch| unfit("examples", format!("{what}: input {mismatch}"), ""))?;
    let mut answers = Vec::with_capacity(2);
    for _ in 0..2 {
        let deadline = until.min(Instant::now() + Duration::from_millis(contract.deadline_ms));
        let ran = trial.run(inputs.to_vec(), deadline).await.map_err(|failure| {
            unfit("examples", format!("{what}: {failure}"), "add examples/one.json with an input the model answers")
        })?;
        answers.push(ran.outputs);
    }
    agree(&answers[0], &answers[1], Tolerance::REPEATED).map_err(|difference| {
        let hint = "a model that answers differently each time cannot be checked; fix its seed";
        unfit("examples", format!("{what} ran twice with different answers: {difference}"), hint)
    })?;
    if !expected.is_empty() {
        agree(expected, &answers[0], Tolerance::EXPECTED)
            .map_err(|difference| unfit("examples", format!("{what}: not what it expects: {difference}"), ""))?;
    }
    Ok(answers.swap_remove(0))
}

type Numbered = (ReleaseNumber, &'static str, Vec<String>);

/// Which release this will be.
fn number(draft: &Draft, latest: Option<&ReleaseRecord>, contract: &Contract) -> Result<(Numbered, String), Error> {
    let change = latest.map_or(Change::Same, |latest| latest.contract.change(contract));
    let due = next_release(latest.map(|latest| latest.number), &change)
        .ok_or_else(|| unfit("release", "the model has as many releases as numbers allow", ""))?;
    let (word, reasons) = match (latest, change) {
        (None, _) => ("first", Vec::new()),
        (_, Change::Same) => ("minor", Vec::new()),
        (_, Change::Minor { what }) => ("minor", what),
        (_, Change::Major { why }) => ("major", why),
    };
    match draft.number {
        Some(asked) if asked != due => {
            let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
            let reason = format!("{asked} was asked for, but this is {due} ({word} release{why})");
            Err(unfit("release", reason, "leave the number out, or ask for the due one"))
        }
        _ => {
            let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
            Ok(((due, word, reasons), format!("{due}, {word}{why}")))
        }
    }
}
