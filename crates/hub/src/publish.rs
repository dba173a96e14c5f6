//! From files to a release that can be called.
//!
//! Always: a release is sealed whole or not at all; its blobs are on the disk before it names them; nobody can name
//! bytes in a commit that their account has not handed in; a model is loaded for the first time in a runner that
//! nobody else uses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Trial;
use ledger::{ModelId, Price, ReleaseId, Tariff};
use registry::{
    Access, Card, CommitId, Contract, DEFAULT_DEADLINE_MS, Digest, Example, File, Handle, Labels, MAX_EXAMPLE_BYTES,
    ModelName, Output, ReleaseNumber, Remote, Section, TaskCard, Tolerance, Tree, agree, can_show, sample_inputs,
};
use store::{Account, ModelRecord, NewRelease, ReleaseRecord, Repository};
use tensor::{Signature, Tensor};
use tokio::sync::mpsc;

use crate::batching::{Answered, try_batch};
use crate::callable::elsewhere;
use crate::cards::said;
use crate::moderation::Stands;
use crate::numbering::number;
use crate::offer::{Offer, Standing, Wanted};
pub use crate::preview::{Preview, Shares};
use crate::repositories::{gone, sees};
pub use crate::upload::Receiving;
use crate::upload::beside;
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
    /// Whether the files are the next commit of main; not so if they are a commit already.
    pub commit: bool,
    pub version: Option<Version>,
}

/// A number that was given before there were files, and what stands below the card.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub number: ReleaseNumber,
    pub price: Price,
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
    /// What it begins with.
    pub price: Price,
    /// False for a dry run, and for files that are the latest release already.
    pub sealed: bool,
    /// Of a dry run: what there is to look at.
    pub preview: Option<Preview>,
}

/// The most that is read of a card, and of a file with labels.
pub(crate) const MAX_README: u64 = 256 * 1024;
pub(crate) const MAX_LABELS: u64 = 1024 * 1024;
const MAX_EXAMPLES: usize = 50;
const LOAD_LIMIT: Duration = Duration::from_secs(60);
/// How long all examples of one publish may run together: others wait for the runner.
const EXAMPLES_LIMIT: Duration = Duration::from_secs(300);

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
    /// Publishes: commit, card, dry run, contract, examples, price, release. Each verdict is told as it is reached.
    pub async fn publish(
        &self,
        caller: &Caller,
        draft: Draft,
        verdicts: mpsc::Sender<Verdict>,
    ) -> Result<Published, Error> {
        let name = ModelName::claim(draft.model.owner().clone(), draft.model.name())?;
        // The model keeps the name, and its case, that it has by now. What is not there for the caller is not known.
        let known = self.0.catalog.repository(&name).await?.filter(|known| sees(Some(caller), &known.model));
        let name = known.as_ref().map_or(name, |known| known.model.name.clone());
        let owner = self.publisher(caller, name.owner()).await?;
        caller.may(Action::Publish, Object::Model(&name))?;
        if let Some(known) = &known {
            known.model.stands()?;
        }
        match &known {
            None => self.may_have_another(&owner).await?,
            Some(known) if draft.commit && !draft.dry_run => self.may_change(known).await?,
            Some(_) => {}
        }
        let mut say = Verdicts { to: verdicts, since: Instant::now() };

        let tree = say.told("files", self.check_files(&owner, known.as_ref(), &draft).await).await?;
        let card = say.told("card", self.read_card(&tree).await).await?;
        let section = card.hub.clone().unwrap_or_default();
        say.told("scan", self.scan_files(&tree, section.remote.is_some()).await).await?;
        let (weights, mut trial) = match &section.remote {
            None => say.told("dry run", self.dry_run(&tree).await).await?,
            Some(remote) => say.told("dry run", self.visit(&owner, &tree, remote).await).await?,
        };
        let contract = say.told("contract", self.contract(&tree, &section, trial.signature().clone()).await).await?;
        let until = Instant::now() + EXAMPLES_LIMIT;
        let (contract, sample) = match &section.task {
            None => (contract, None),
            Some(task) => {
                let tried = self.try_task(&tree, task, section.labels.as_ref(), contract, until, trial.as_mut()).await;
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
        let offer = self.offer(caller, &owner, &draft, &section, &card.lineage).await;
        let offer = say.told("price", offer).await?;
        let sample = answered.into_iter().next().map(|ran| ran.inputs).unwrap_or_default();
        let preview = match draft.dry_run {
            true => Some(self.preview(&tree, &card, &contract, sample, &offer).await?),
            false => None,
        };
        let Offer { price, terms, royalty, lineage } = offer;

        let latest = self.0.catalog.releases(&name, 1).await?.into_iter().next();
        let access = draft.access.or(section.access).or(known.as_ref().map(|known| known.access)).unwrap_or_default();
        let same = latest.as_ref().is_some_and(|latest| {
            draft.version.is_none_or(|version| version.number == latest.number)
                && latest.commit == tree.commit_id()
                && (latest.price == price || latest.prices.iter().any(|step| step.price == price))
                && latest.contract == contract
                && latest.terms == terms
                && latest.royalty == royalty
                && latest.access == access
        });
        let unversioned = if same { None } else { self.0.catalog.release(&name, None).await? };
        // It may have taken minutes: what counts is who the caller is by now.
        let caller = &self.again(caller).await?;
        caller.may(Action::Publish, Object::Account(&owner))?;
        let now = self.0.clock.now();
        let stands = Standing { now, latest: latest.as_ref(), access: known.as_ref().map(|known| known.access) };
        stands.admits(caller, &owner, &Wanted { price, split: terms.split(), royalty, access })?;
        let (number, change, reasons) = match latest.as_ref().filter(|_| same) {
            Some(latest) => {
                say.say("release", true, format!("{} already, nothing changed", latest.number)).await;
                (latest.number, "same", Vec::new())
            }
            None => say.told("release", number(&draft, latest.as_ref(), &contract)).await?,
        };
        // Calls that name no release go to a minor one of their major at once, and to another major where its owner says so:
        // what they pay rises with notice, as where they go to now.
        let before = unversioned.filter(|before| draft.latest || before.number.major() == number.major());
        let (price, coming) = before.map_or((price, None), |before| {
            Tariff::taken_over(before.price_at(now), before.coming_price(now), price, now, self.notice_ms())
        });
        // A card that is as it was undoes no price that was set since.
        let asked = latest.as_ref().filter(|_| same).map(|latest| (latest.price_at(now), latest.asked_price(now)));
        if let Some((holds, asked)) = asked.filter(|(_, asked)| *asked != price) {
            let detail = format!("{holds} holds, and {asked} is what was set last: modelhub price changes it");
            say.say("price", true, detail).await;
        }
        let price = asked.map_or(price, |(holds, _)| holds);
        if let Some(step) = &coming {
            let detail = format!("{price} until {}, {} from then on: callers get notice", step.from, step.price);
            say.say("price", true, detail).await;
        }
        let published = Published {
            model: name.clone(),
            release: number,
            commit: tree.commit_id(),
            digest: tree.digest(),
            change: change.to_owned(),
            reasons,
            price,
            sealed: false,
            preview,
        };
        if same && draft.latest && !draft.dry_run {
            self.move_latest(caller, latest.as_ref().expect("it is the same as one"), name.clone()).await?;
        }
        if same || draft.dry_run {
            return Ok(published);
        }
        let task = contract.task.as_ref().map(|task| task.word().to_owned());
        let model = ModelRecord {
            id: ModelId::from_uuid(self.0.ids.next()),
            owner,
            name: name.clone(),
            created: now,
            private: false,
            restriction: None,
        };
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
            prices: coming.into_iter().collect(),
            yanked: None,
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
        let known = known.map(|known| known.model.id);
        let by = caller.account().id;
        let new = NewRelease { release, latest: draft.latest, commit: draft.commit, known, by };
        let hub = self.clone();
        whole(async move {
            {
                let _alone = hub.0.growing.lock().await;
                if new.known.is_none() {
                    hub.may_have_another(&new.release.model.owner).await?;
                }
                hub.0.catalog.seal(&new).await.map_err(gone(&name))?;
            }
            hub.0.callables.forget(&name);
            hub.0.checks.sealed(new.release.id);
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
    async fn move_latest(&self, caller: &Caller, release: &ReleaseRecord, name: ModelName) -> Result<(), Error> {
        let (hub, act, model, major) = (self.clone(), self.act(caller), release.model.id, release.number.major());
        whole(async move {
            hub.0.catalog.set_latest(model, major, hub.notice_ms(), act).await?;
            hub.0.callables.forget(&name);
            Ok(())
        })
        .await
    }

    /// The files make a tree, and the owner has handed every one of them in, unless the model has it already.
    async fn check_files(
        &self,
        owner: &Account,
        model: Option<&Repository>,
        draft: &Draft,
    ) -> Result<(Tree, String), Error> {
        let tree = Tree::new(draft.files.clone())?;
        for file in tree.files() {
            let mut known = self.handed_in_by(owner.id, file.sha256).await?;
            // A model that has another owner by now keeps what the one before handed in.
            if let Some(model) = model.filter(|_| known.is_none()) {
                known = self.0.catalog.named_by(model.model.id, file.sha256).await?;
            }
            match known {
                Some(size) if size == file.size => {}
                Some(size) => {
                    let reason = format!("{} is announced with {} bytes, its content has {size}", file.path, file.size);
                    return Err(unfit("files", reason, "publish the folder again; a file may have changed meanwhile"));
                }
                None => {
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

    async fn read_card(&self, tree: &Tree) -> Result<(Card, String), Error> {
        let Some(readme) = tree.get("README.md") else {
            return Ok((Card::default(), "no README.md: callers will not know what the model is for".to_owned()));
        };
        let card = Card::from_bytes(&self.read_blob(readme.sha256, MAX_README).await?)?;
        let detail = said(&card, tree);
        Ok((card, detail))
    }

    /// Loads the model in a runner of its own.
    async fn dry_run(&self, tree: &Tree) -> Result<((Digest, Box<dyn Trial>), String), Error> {
        let weights = find_weights(tree)?;
        let path = self.0.blobs.path(weights.sha256);
        // It may have to be brought here first, which is none of the loading's time.
        let (blobs, named) = (self.0.blobs.clone(), path.clone());
        let _file = beside(move || Ok(blobs.open_file(&named)?)).await?;
        let model = engine::Model { digest: tree.digest().0, weights: path, batch_rows: 1, remote: None };
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

    /// Asks the server that runs the model what it is. What stands for its weights is the card that names the server.
    async fn visit(
        &self,
        owner: &Account,
        tree: &Tree,
        remote: &Remote,
    ) -> Result<((Digest, Box<dyn Trial>), String), Error> {
        if let Some(file) = tree.files().iter().find(|file| is_onnx(file)) {
            let reason = format!("there is {}, and the card says that {} runs the model", file.path, remote.host());
            return Err(unfit("dry run", reason, "publish the file, or modelhub.remote in the card, not both"));
        }
        let card = tree.get("README.md").expect("the card says that there is a server");
        let elsewhere = elsewhere(remote, owner.id, Default::default());
        let model = engine::Model {
            digest: tree.digest().0,
            weights: self.0.blobs.path(card.sha256),
            batch_rows: 1,
            remote: Some(Arc::new(elsewhere)),
        };
        let trial =
            self.0.engine.trial(&model, Instant::now() + LOAD_LIMIT).await.map_err(|failure| match failure {
                failure @ engine::Failure::Unavailable(_) => failure.into(),
                failure => {
                    let hint =
                        "the server's metadata names the model with its inputs and outputs: GET /v2/models/{model}";
                    unfit("dry run", failure.to_string(), hint)
                }
            })?;
        let signature = trial.signature();
        let detail = format!(
            "{remote} answers in {} ms: {}, {}. The weights stay there; the hub cannot tell which ones run",
            trial.load_ms(),
            counted(signature.inputs.len(), "input"),
            counted(signature.outputs.len(), "output"),
        );
        Ok(((card.sha256, trial), detail))
    }

    async fn contract(
        &self,
        tree: &Tree,
        section: &Section,
        signature: Signature,
    ) -> Result<(Contract, String), Error> {
        let of_outputs = section.labels.as_ref().filter(|_| !section.task.as_ref().is_some_and(TaskCard::keeps_labels));
        let labels = match of_outputs {
            None => BTreeMap::new(),
            Some(labels) => {
                let read;
                let labels = match labels {
                    Labels::File(path) => {
                        read = self.read_labels(tree, path).await?;
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
            remote: section.remote.clone(),
        };
        can_show(contract.output, &contract.signature, &contract.labels).map_err(|error| {
            unfit("contract", error.to_string(), "name the scores' labels, or leave `output` out: all is answered then")
        })?;
        if contract.output != Output::All {
            detail.push_str(&format!("; answers show {}", contract.output));
        }
        Ok((contract, detail))
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
            let bytes = self.read_blob(file.sha256, MAX_EXAMPLE_BYTES as u64).await?;
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

fn is_onnx(file: &File) -> bool {
    file.path.as_str().to_ascii_lowercase().ends_with(".onnx")
}

/// The one ONNX file, or `model.onnx` among several.
pub(crate) fn find_weights(tree: &Tree) -> Result<&File, Error> {
    let found: Vec<_> = tree.files().iter().filter(|file| is_onnx(file)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(unfit(
            "dry run",
            "there is no .onnx file among the files",
            "export the model to ONNX, or name the server that runs it: modelhub.remote in the card",
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
