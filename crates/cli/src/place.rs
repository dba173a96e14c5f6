//! Where things lie on this machine: the data folder of a hub, the login of a user, the cache.
//!
//! Always: files with a key in them are readable by their owner alone, from their first byte on; what is replaced is
//! replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::{Client, Secret};
use crate::screen::hinted;

/// Which hub is spoken to, and with which key.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The hub's address [default: the one you are logged in to]
    #[arg(long, env = "MODELHUB_URL", value_name = "URL")]
    url: Option<String>,
    /// The key to use [default: the one you are logged in with]
    #[arg(long, env = "MODELHUB_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
}

/// Which data folder.
#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The hub's data folder [default: modelhub in the user's data folder]
    #[arg(long, env = "MODELHUB_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A login, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) url: String,
    pub(crate) key: Secret,
}

/// What a running hub writes into its data folder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) pid: u32,
}

impl Connection {
    /// The hub and the key; without a login, who only reads may go on without a key.
    pub(crate) fn open(&self) -> anyhow::Result<Client> {
        let login = Login::load()?;
        let hint = "modelhub login URL --key KEY";
        let Some(url) = self.url.clone().or_else(|| login.as_ref().map(|login| login.url.clone())) else {
            return Err(hinted("you are not logged in to a hub", hint));
        };
        let same = |login: &Login| login.url.trim_end_matches('/') == url.trim_end_matches('/');
        let key = match &self.key {
            Some(key) => Some(Secret::new(key)),
            // A key is for the hub that gave it: another address does not get to see it.
            None => login.filter(same).map(|login| login.key),
        };
        Client::new(&url, key)
    }
}

impl DataFolder {
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(path) => Ok(path.clone()),
            None => Ok(base("XDG_DATA_HOME", ".local/share")?.join("modelhub")),
        }
    }

    /// The hub that runs on this folder, spoken to with its operator's key.
    pub(crate) fn operator(&self) -> anyhow::Result<Client> {
        let folder = self.path()?;
        let Some(running) = Running::find(&folder)? else {
            let message = format!("no hub runs on {}", folder.display());
            return Err(hinted(message, format!("modelhub serve --data {}", folder.display())));
        };
        let path = operator_key(&folder);
        let key = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Client::new(&running.url, Some(Secret::new(&key)))
    }
}

/// Where the operator's key lies.
pub(crate) fn operator_key(folder: &Path) -> PathBuf {
    folder.join("operator.key")
}

impl Running {
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("hub.json")
    }

    /// What the hub of a folder wrote when it began to listen; it takes that away when it stops.
    pub(crate) fn find(folder: &Path) -> anyhow::Result<Option<Running>> {
        read_json(&Running::path(folder))
    }
}

impl Login {
    fn path() -> anyhow::Result<PathBuf> {
        Ok(base("XDG_CONFIG_HOME", ".config")?.join("modelhub/login.json"))
    }

    fn load() -> anyhow::Result<Option<Login>> {
        read_json(&Login::path()?)
    }

    pub(crate) fn save(&self) -> anyhow::Result<PathBuf> {
        let path = Login::path()?;
        write_private(&path, &serde_json::to_vec(self)?)?;
        Ok(path)
    }
}

/// A file of ours, if it is there.
fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(|| path.display().to_string())?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// `modelhub` in the user's cache.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    Ok(base("XDG_CACHE_HOME", ".cache")?.join("modelhub"))
}

/// A folder of the XDG specification: the variable if it holds an absolute path, else its place below home.
fn base(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = given {
        return Ok(path);
    }
    match std::env::home_dir().filter(|home| home.is_absolute()) {
        Some(home) => Ok(home.join(below_home)),
        None => bail!("there is no home folder: set HOME or {variable}"),
    }
}

/// Makes a folder, and those above it, for their owner alone.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| path.display().to_string())
}

/// Writes a file that its owner alone can read, whole or not at all, and durably.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    make_folder(folder)?;
    let write = || -> io::Result<()> {
        // Files of tempfile are 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| path.display().to_string())
}

/// Writes a file a user asked for, over an earlier one.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(path)
        .with_context(|| path.display().to_string())?;
    file.write_all(bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.key");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_hub_that_does_not_run_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder { data: Some(folder.path().to_owned()) };
        let error = data.operator().unwrap_err();
        assert!(error.to_string().contains("no hub runs on"), "{error}");
    }
}
