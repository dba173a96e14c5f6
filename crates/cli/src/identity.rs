//! Who a hub is: its id and signing key, and the secret it shares with its operator's tools.
//!
//! Always: what makes receipts provable is made once and never made anew where receipts were signed with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hub::signing::{BadSecret, Secret};
use receipt::{Bytes32, HubId, Signer};
use serde::{Deserialize, Serialize};
use store::Folder;

use crate::place;
use crate::screen::hinted;

/// Who this hub is to those who check its receipts. Kept in one file, so that neither part is there without the other.
#[derive(Serialize, Deserialize)]
pub(crate) struct Identity {
    hub: HubId,
    key: Bytes32,
}

impl Identity {
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("receipt.key")
    }

    /// The hub's identity, made at its first start.
    pub(crate) fn open(folder: &Folder) -> anyhow::Result<(HubId, Signer)> {
        if let Some(found) = Identity::read(folder.path())? {
            return Ok(found);
        }
        let path = Identity::path(folder.path());
        let Identity { hub, key } = Identity::make(folder, &path)?;
        Ok((hub, Signer::from_bytes(&key.0)?))
    }

    /// The identity of the hub whose folder this is, or whose copy.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<(HubId, Signer)>> {
        let path = Identity::path(folder);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let read = || -> anyhow::Result<_> {
            let Identity { hub, key } = serde_json::from_str(&text)?;
            Ok((hub, Signer::from_bytes(&key.0)?))
        };
        read().map(Some).with_context(|| path.display().to_string())
    }

    fn make(folder: &Folder, path: &Path) -> anyhow::Result<Identity> {
        if folder.ledger().exists() {
            let message = format!("{} is missing, and receipts were signed with it", path.display());
            return Err(hinted(message, "put it back from where you keep copies; a new one would prove none of them"));
        }
        let identity = Identity { hub: HubId::generate()?, key: Bytes32(Signer::generate()?.expose_secret()) };
        place::write_private(path, &serde_json::to_vec(&identity)?)?;
        Ok(identity)
    }
}

/// What deposits are signed with: made when it is not there, read by the operator's own tools.
pub(crate) fn deposit_secret(folder: &Path) -> anyhow::Result<Secret> {
    let path = folder.join("deposit.secret");
    if !path.exists() {
        place::write_private(&path, format!("{}\n", Secret::generate().expose()).as_bytes())?;
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let hint = "remove the file, and the next start makes a new secret; your own tools need it too";
    text.trim().parse().map_err(|error: BadSecret| hinted(format!("{}: {error}", path.display()), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_keeps_its_identity_and_does_not_make_a_second_one() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(&temporary.path().join("hub")).unwrap();
        let (hub, signer) = Identity::open(&folder).unwrap();
        let (again, same) = Identity::open(&folder).unwrap();
        assert_eq!((hub, signer.address()), (again, same.address()));

        fs::write(folder.ledger(), b"").unwrap();
        fs::remove_file(Identity::path(folder.path())).unwrap();
        let Err(error) = Identity::open(&folder) else { panic!("a new identity would disown the old receipts") };
        assert!(error.to_string().contains("is missing"), "{error}");
    }

    #[test]
    fn a_deposit_secret_is_made_once_and_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let secret = deposit_secret(folder.path()).unwrap();
        assert_eq!(deposit_secret(folder.path()).unwrap(), secret);
        fs::write(folder.path().join("deposit.secret"), "whsec_x").unwrap();
        let error = deposit_secret(folder.path()).unwrap_err().to_string();
        assert!(error.contains("deposit.secret") && !error.contains("whsec_x"), "{error}");
    }
}
