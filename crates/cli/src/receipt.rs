//! `modelhub receipt`: fetches a receipt, shows it, and checks it without trusting who gave it.
//!
//! Always: the keys come from the hub's published list or from a file the user kept, never from the receipt itself.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use receipt::{Address, HubId, Signed};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::segment;
use crate::place::{self, Connection};
use crate::screen::{Align, Screen, Table, hinted};

/// Where a hub publishes who it is.
const WELL_KNOWN: &str = "/.well-known/modelhub";

/// Longest receipt or list of keys that is read.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Shows a receipt and proves it against the hub's published keys.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub receipt call_01h… --verify
  modelhub receipt call_01h… --save receipt.json --save-keys hub-keys.json
  modelhub receipt receipt.json --verify --keys hub-keys.json        needs no network")]
pub(crate) struct Receipt {
    /// The call's id, or a file with its receipt
    #[arg(value_name = "ID|FILE")]
    which: String,
    /// Prove it: the fields, the sum of the parts, the signature, the signer
    #[arg(long)]
    verify: bool,
    /// Keep the receipt in a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The hub's keys from a file instead of from the hub
    #[arg(long, value_name = "FILE", requires = "verify")]
    keys: Option<PathBuf>,
    /// Keep the hub's keys in a file
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    save_keys: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// What a hub publishes about itself, as far as a proof needs it.
#[derive(Debug, Deserialize)]
struct Published {
    hub: HubId,
    keys: Vec<Address>,
}

impl Receipt {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let document = self.document()?;
        let signed: Signed = serde_json::from_value(document.clone()).context("this is no receipt")?;
        if let Some(path) = &self.save {
            place::write_file(path, format!("{document:#}\n").as_bytes())?;
        }
        let published = if self.verify || self.save_keys.is_some() { Some(self.published()?) } else { None };
        if let Some((path, published)) = self.save_keys.as_ref().zip(published.as_ref()) {
            place::write_file(path, format!("{published:#}\n").as_bytes())?;
        }
        if !self.verify {
            return screen.show(&document, || words(&signed));
        }
        let published = published.context("the keys were read above")?;
        prove(&signed, &serde_json::from_value(published).context("this is no list of a hub's keys")?)?;
        let document = json!({ "verified": true, "signer": signed.signer, "receipt": document });
        screen.show(&document, || {
            format!("{}verified: signed by {} with the hub's published key", words(&signed), signed.signer)
        })
    }

    /// The receipt as it was written: names that prove nothing are kept.
    fn document(&self) -> anyhow::Result<Value> {
        let path = Path::new(&self.which);
        if self.which.contains(['/', '.']) || path.is_file() {
            return read(path);
        }
        self.connection.open()?.get(&format!("/api/v1/receipts/{}", segment(&self.which)))
    }

    fn published(&self) -> anyhow::Result<Value> {
        match &self.keys {
            Some(path) => read(path),
            None => self.connection.open()?.get(WELL_KNOWN),
        }
    }
}

fn prove(signed: &Signed, published: &Published) -> anyhow::Result<()> {
    if signed.domain.salt != published.hub {
        return Err(hinted(
            format!(
                "the receipt is not proven: it is of the hub {}, the keys are of {}",
                signed.domain.salt, published.hub
            ),
            "take the keys of the hub that gave the receipt",
        ));
    }
    signed.verify(&published.keys).map_err(|why| anyhow::anyhow!("the receipt is not proven: {why}"))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    let mut read = || File::open(path)?.take(FILE_LIMIT).read_to_string(&mut text);
    read().with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

fn words(signed: &Signed) -> String {
    let mut head = Table::new([("", Align::Left), ("", Align::Left)]);
    let mut line = |name: &str, value: String| head.row([name.to_owned(), value]);
    line("call", signed.id.clone());
    line("time", signed.time.clone());
    line("release", signed.release.clone());
    line("digest", signed.model.to_string());
    line("payer", signed.payer.clone());
    line("amount", format!("{} OPG", signed.amount));
    let mut parts = Table::new([("part", Align::Left), ("", Align::Right)]);
    for part in &signed.parts {
        parts.row([part.account.clone(), format!("{} OPG", part.amount)]);
    }
    format!("{head}{parts}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use receipt::{Part, Signer};

    fn signed(hub: &HubId, signer: &Signer) -> Signed {
        let receipt = receipt::Receipt {
            id: "call_1".to_owned(),
            payer: "acct_1".to_owned(),
            model: [1; 32],
            release: "1.00".to_owned(),
            input_hash: [2; 32],
            output_hash: [3; 32],
            amount: 2_000_000,
            parts: vec![Part { account: "acct_2".to_owned(), amount: 2_000_000 }],
            time: 1_700_000_000_000,
        };
        Signed::new(hub, signer, &receipt, None)
    }

    #[test]
    fn a_receipt_is_proven_by_the_keys_of_its_hub_alone() {
        let (hub, signer) = (HubId::generate().unwrap(), Signer::generate().unwrap());
        let receipt = signed(&hub, &signer);
        let published = |hub, keys| Published { hub, keys };
        prove(&receipt, &published(hub, vec![signer.address()])).unwrap();

        let other = HubId::generate().unwrap();
        assert!(prove(&receipt, &published(other, vec![signer.address()])).is_err(), "another hub");
        let stranger = Signer::generate().unwrap().address();
        assert!(prove(&receipt, &published(hub, vec![stranger])).is_err(), "another key");
        let mut forged = receipt;
        forged.release = "1.01".to_owned();
        assert!(prove(&forged, &published(hub, vec![signer.address()])).is_err(), "another release");
    }
}
