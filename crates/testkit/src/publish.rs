//! A publish in the making: a folder of a few files.

use std::collections::BTreeMap;
use std::pin::Pin;

use hub::Error;
use hub::publish::{Draft, Published, Verdict};
use ledger::{Price, PriceError};
use registry::{Access, Digest, File, Tree};
use tokio::sync::mpsc;

use crate::{User, fixtures, handle, model};

/// A publish that runs when it is awaited. Unless told otherwise the folder holds `model.onnx`, the echo, and the price
/// is 0.002 OPG a call.
#[derive(Debug, Clone)]
#[must_use = "it runs when it is awaited"]
pub struct Publish {
    user: User,
    model: String,
    files: BTreeMap<String, Vec<u8>>,
    /// Files whose announced size is another than their bytes have.
    sizes: BTreeMap<String, u64>,
    upload: bool,
    price: Option<String>,
    split: Option<Vec<(String, u16)>>,
    number: Option<String>,
    latest: bool,
    dry_run: bool,
    access: Option<Access>,
}

impl Publish {
    pub(crate) fn new(user: User, model: &str) -> Publish {
        Publish {
            user,
            model: model.to_owned(),
            files: BTreeMap::from([("model.onnx".to_owned(), fixtures::ECHO.to_vec())]),
            sizes: BTreeMap::new(),
            upload: true,
            price: Some("0.002 OPG".to_owned()),
            split: None,
            number: None,
            latest: false,
            dry_run: false,
            access: None,
        }
    }

    /// With this file, in place of one of the same path.
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Publish {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    /// Without this file.
    pub fn without(mut self, path: &str) -> Publish {
        self.files.remove(path);
        self
    }

    /// With this README.md.
    pub fn card(self, readme: &str) -> Publish {
        self.file("README.md", readme)
    }

    /// Announces a size that the file does not have.
    pub fn announcing(mut self, path: &str, size: u64) -> Publish {
        self.sizes.insert(path.to_owned(), size);
        self
    }

    /// Names the files without handing them in.
    pub fn without_upload(mut self) -> Publish {
        self.upload = false;
        self
    }

    /// At this price a call.
    pub fn price(mut self, price: &str) -> Publish {
        self.price = Some(price.to_owned());
        self
    }

    /// At the price the card names, if it does.
    pub fn without_price(mut self) -> Publish {
        self.price = None;
        self
    }

    /// With this split, in basis points.
    pub fn split(mut self, shares: &[(&str, u16)]) -> Publish {
        self.split = Some(shares.iter().map(|(to, points)| ((*to).to_owned(), *points)).collect());
        self
    }

    /// Expecting this number.
    pub fn number(mut self, number: &str) -> Publish {
        self.number = Some(number.to_owned());
        self
    }

    /// Moving unversioned calls to it.
    pub fn latest(mut self) -> Publish {
        self.latest = true;
        self
    }

    /// All checks, no release.
    pub fn dry_run(mut self) -> Publish {
        self.dry_run = true;
        self
    }

    /// With this access.
    pub fn access(mut self, access: Access) -> Publish {
        self.access = Some(access);
        self
    }

    /// The files as they are announced.
    pub fn files(&self) -> Vec<File> {
        let file = |(path, bytes): (&String, &Vec<u8>)| File {
            path: path.parse().unwrap(),
            sha256: Digest::of(bytes),
            size: self.sizes.get(path).copied().unwrap_or(bytes.len() as u64),
        };
        self.files.iter().map(file).collect()
    }

    /// What the engine will know the model by.
    pub fn digest(&self) -> [u8; 32] {
        Tree::new(self.files()).unwrap().digest().0
    }

    /// The draft, as an edge would make it.
    pub fn draft(&self) -> Result<Draft, PriceError> {
        let named = |(to, points): &(String, u16)| (handle(to), *points);
        Ok(Draft {
            model: model(&self.model),
            files: self.files(),
            price: self.price.as_ref().map(|price| price.parse().map(Price::per_call)).transpose()?,
            split: self.split.as_ref().map(|shares| shares.iter().map(named).collect()),
            access: self.access,
            number: self.number.as_ref().map(|number| number.parse().unwrap()),
            latest: self.latest,
            dry_run: self.dry_run,
            commit: true,
            version: None,
        })
    }

    /// Hands the files in, for the owner the model's name says.
    pub async fn hand_in(&self) -> Result<(), Error> {
        let (hub, owner) = (self.user.scene.hub(), model(&self.model).owner().clone());
        for bytes in self.files.values() {
            let mut receiving = hub.upload(self.user.caller(), &owner, Digest::of(bytes), bytes.len() as u64).await?;
            receiving.write(bytes)?;
            receiving.finish().await?;
        }
        Ok(())
    }

    /// Publishes, and gives the verdicts with what came of it.
    pub async fn told(self) -> (Result<Published, Error>, Vec<Verdict>) {
        if self.upload
            && let Err(error) = self.hand_in().await
        {
            return (Err(error), Vec::new());
        }
        let draft = match self.draft() {
            Ok(draft) => draft,
            Err(error) => return (Err(error.into()), Vec::new()),
        };
        // As many as a publish has, so that nobody has to listen while it runs.
        let (to, mut verdicts) = mpsc::channel(64);
        let done = self.user.scene.hub().publish(self.user.caller(), draft, to).await;
        let mut told = Vec::new();
        while let Some(verdict) = verdicts.recv().await {
            told.push(verdict);
        }
        (done, told)
    }
}

impl IntoFuture for Publish {
    type Output = Result<Published, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.told().await.0 })
    }
}
