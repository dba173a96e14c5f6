//! What an operator may set: flags over the environment over `modelhub.toml` in the data folder.
//!
//! Always: a setting that is unknown or wrong stops the start, with the file, the key and the value in the message.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use hub::{Bounds, Registration, Storing, Subnet};
use serde::Deserialize;

use crate::screen::hinted;

/// The settings of a hub, as flags and as keys of the file.
#[derive(Debug, Default, Clone, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(next_help_heading = "Settings (also in modelhub.toml of the data folder)")]
pub(crate) struct Settings {
    /// The address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "MODELHUB_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where people reach the hub [default: the address it listens on]
    #[arg(long, env = "MODELHUB_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// What its pages call it [default: Model Hub]
    #[arg(long, env = "MODELHUB_NAME")]
    pub(crate) name: Option<String>,
    /// Webhooks and servers that run models (remote in the card) may lie anywhere, on this machine and its network too, and
    /// over plain http [default: false]
    #[arg(long, env = "MODELHUB_ALLOW_PRIVATE_ADDRESSES", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) allow_private_addresses: Option<bool>,
    /// Models run although this kernel cannot lock runners in: only where all uploaders are trusted [default: false]
    #[arg(long, env = "MODELHUB_ALLOW_UNSANDBOXED", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) allow_unsandboxed: Option<bool>,
    /// The most memory a runner may have, in MiB [default: 8192, or half of the machine's]
    #[arg(long, env = "MODELHUB_RUNNER_MEMORY_MIB", value_name = "MIB")]
    pub(crate) runner_memory_mib: Option<u64>,
    /// One paid call of so many is run again in a fresh runner and compared; 0: none [default: 100]
    #[arg(long, env = "MODELHUB_RE_EXECUTE_ONE_IN", value_name = "CALLS")]
    pub(crate) re_execute_one_in: Option<u32>,
    /// The most that one file may have, in GiB [default: 64]
    #[arg(long, env = "MODELHUB_MAX_FILE_GIB", value_name = "GIB")]
    pub(crate) max_file_gib: Option<u64>,
    /// Where files of models lie, like s3://BUCKET/PREFIX; chosen once, at the first start [default: in the data folder].
    /// The keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment
    #[arg(long, env = "MODELHUB_BLOBS", value_name = "PLACE")]
    pub(crate) blobs: Option<String>,
    /// The server of that bucket, where it is not Amazon's
    #[arg(long, env = "MODELHUB_S3_ENDPOINT", value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,
    /// What models that run may take of this machine's disk where their files lie in a bucket, in GiB [default: 32]
    #[arg(long, env = "MODELHUB_S3_CACHE_GIB", value_name = "GIB")]
    pub(crate) s3_cache_gib: Option<u64>,
    /// How long bytes wait that no model names, in hours; then they are collected; 0: never [default: 24]
    #[arg(long, env = "MODELHUB_COLLECT_AFTER_HOURS", value_name = "HOURS")]
    pub(crate) collect_after_hours: Option<u32>,
    /// The most that an account may keep, in GiB, each content counted once [default: 1024]
    #[arg(long, env = "MODELHUB_QUOTA_GIB", value_name = "GIB")]
    pub(crate) quota_gib: Option<u64>,
    /// The most models of an account [default: 10000]
    #[arg(long, env = "MODELHUB_QUOTA_MODELS", value_name = "COUNT")]
    pub(crate) quota_models: Option<u64>,
    /// The most commits of a model within an hour [default: 1000]
    #[arg(long, env = "MODELHUB_QUOTA_COMMITS_PER_HOUR", value_name = "COUNT")]
    pub(crate) quota_commits_per_hour: Option<u64>,
    /// The most commits of a model within a day [default: 10000]
    #[arg(long, env = "MODELHUB_QUOTA_COMMITS_PER_DAY", value_name = "COUNT")]
    pub(crate) quota_commits_per_day: Option<u64>,
    /// Who may make an account on the pages [default: open where the hub listens on this machine alone, else invitation]
    #[arg(long, env = "MODELHUB_REGISTRATION", value_name = "WHO")]
    pub(crate) registration: Option<Registering>,
    /// Proxies in front of the hub, whose X-Forwarded-For or Forwarded says where a request comes from: addresses or where they
    /// begin, as in 10.0.0.0/8 [default: none, and no header is believed]
    #[arg(long, env = "MODELHUB_TRUSTED_PROXY", value_name = "ADDRESSES", value_delimiter = ',')]
    pub(crate) trusted_proxy: Option<Vec<Subnet>>,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Registering {
    /// Everybody
    Open,
    /// Whoever has an invitation: modelhub admin invite
    Invitation,
}

impl Settings {
    /// These settings, and the file's where these say nothing.
    pub(crate) fn over_file(self, folder: &Path) -> anyhow::Result<Settings> {
        let file = Settings::read(&Settings::path(folder))?;
        let settings = Settings {
            listen: self.listen.or(file.listen),
            public_url: self.public_url.or(file.public_url),
            name: self.name.or(file.name),
            allow_private_addresses: self.allow_private_addresses.or(file.allow_private_addresses),
            allow_unsandboxed: self.allow_unsandboxed.or(file.allow_unsandboxed),
            runner_memory_mib: self.runner_memory_mib.or(file.runner_memory_mib),
            re_execute_one_in: self.re_execute_one_in.or(file.re_execute_one_in),
            max_file_gib: self.max_file_gib.or(file.max_file_gib),
            blobs: self.blobs.or(file.blobs),
            s3_endpoint: self.s3_endpoint.or(file.s3_endpoint),
            s3_cache_gib: self.s3_cache_gib.or(file.s3_cache_gib),
            collect_after_hours: self.collect_after_hours.or(file.collect_after_hours),
            quota_gib: self.quota_gib.or(file.quota_gib),
            quota_models: self.quota_models.or(file.quota_models),
            quota_commits_per_hour: self.quota_commits_per_hour.or(file.quota_commits_per_hour),
            quota_commits_per_day: self.quota_commits_per_day.or(file.quota_commits_per_day),
            registration: self.registration.or(file.registration),
            trusted_proxy: self.trusted_proxy.or(file.trusted_proxy),
        };
        settings.check()?;
        Ok(settings)
    }

    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("modelhub.toml")
    }

    fn read(path: &Path) -> anyhow::Result<Settings> {
        match fs::read_to_string(path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| anyhow!("{}: {}", path.display(), error.to_string().trim()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Who may make an account, where the hub listens on `listen`.
    pub(crate) fn registration(&self, listen: SocketAddr) -> Registration {
        match self.registration {
            Some(Registering::Open) => Registration::Open,
            None if listen.ip().is_loopback() => Registration::Open,
            Some(Registering::Invitation) | None => Registration::Invitation,
        }
    }

    /// What the hub keeps, for how long, and how much of it.
    pub(crate) fn storing(&self) -> Storing {
        let usual = Storing::default();
        Storing {
            max_file: self.max_file_gib.map_or(usual.max_file, |gib| gib << 30),
            grace_ms: match self.collect_after_hours {
                None => usual.grace_ms,
                Some(0) => None,
                Some(hours) => Some(i64::from(hours) * 3_600_000),
            },
            bounds: Bounds {
                bytes: self.quota_gib.map_or(usual.bounds.bytes, |gib| gib << 30),
                models: self.quota_models.unwrap_or(usual.bounds.models),
                commits_per_hour: self.quota_commits_per_hour.unwrap_or(usual.bounds.commits_per_hour),
                commits_per_day: self.quota_commits_per_day.unwrap_or(usual.bounds.commits_per_day),
            },
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        if let Some(url) = &self.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(hinted(format!("public_url = {url:?} is no address"), "like https://hub.example"));
        }
        if let Some(mib) = self.runner_memory_mib.filter(|mib| !(64..=1024 * 1024).contains(mib)) {
            return Err(hinted(format!("runner_memory_mib = {mib} is out of bounds"), "64 to 1048576"));
        }
        if let Some(gib) = self.max_file_gib.filter(|gib| !(1..=1024).contains(gib)) {
            return Err(hinted(format!("max_file_gib = {gib} is out of bounds"), "1 to 1024"));
        }
        let place = self.blobs.as_deref().map(str::parse::<store::Place>).transpose();
        let place = place.map_err(|error| hinted(format!("blobs: {error}"), "like s3://models/hub"))?;
        if place.is_none() && (self.s3_endpoint.is_some() || self.s3_cache_gib.is_some()) {
            let message = "s3_endpoint and s3_cache_gib say how a bucket is used, and blobs names none";
            return Err(hinted(message.to_owned(), "--blobs s3://BUCKET/PREFIX"));
        }
        if let Some(url) = self.s3_endpoint.as_deref().filter(|url| !is_origin(url)) {
            return Err(hinted(
                format!("s3_endpoint = {url:?} is no server"),
                "like https://s3.example or http://10.0.0.7:9000",
            ));
        }
        if let Some(gib) = self.s3_cache_gib.filter(|gib| !(1..=1 << 20).contains(gib)) {
            return Err(hinted(format!("s3_cache_gib = {gib} is out of bounds"), "1 to 1048576"));
        }
        const MOST: u64 = store::MAX_OBJECT >> 30;
        if let (Some(place), Some(gib)) = (&place, self.max_file_gib.filter(|gib| *gib > MOST)) {
            let message = format!("max_file_gib = {gib} is more than goes into {place}");
            return Err(hinted(message, format!("{MOST} at most where files lie in a bucket")));
        }
        if let Some(gib) = self.quota_gib.filter(|gib| *gib > 1 << 30) {
            return Err(hinted(format!("quota_gib = {gib} is out of bounds"), "0 to 1073741824"));
        }
        if let Some(hours) = self.collect_after_hours.filter(|hours| *hours > 87_600) {
            return Err(hinted(format!("collect_after_hours = {hours} is out of bounds"), "0 to 87600"));
        }
        match &self.name {
            Some(name) if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) => {
                Err(hinted(format!("name = {name:?} is no name"), "1 to 60 characters on one line"))
            }
            _ => Ok(()),
        }
    }
}

/// A scheme and a host, and no secret in it.
fn is_origin(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.map(|host| host.trim_end_matches('/')).is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '@', '?', '#']) && !host.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(Settings::path(folder.path()), "listen = \"127.0.0.1:1\"\nname = \"Ours\"\n").unwrap();
        let flags = Settings { listen: Some("127.0.0.1:2".parse().unwrap()), ..Settings::default() };
        let settings = flags.over_file(folder.path()).unwrap();
        assert_eq!(settings.listen.unwrap().port(), 2);
        assert_eq!(settings.name.as_deref(), Some("Ours"));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Settings::default().over_file(empty.path()).unwrap(), Settings::default());
    }

    #[test]
    fn a_wrong_setting_is_told_with_file_key_and_value() {
        let folder = tempfile::tempdir().unwrap();
        for (text, words) in [
            ("listn = \"127.0.0.1:1\"", &["modelhub.toml", "listn"][..]),
            ("listen = \"here\"", &["modelhub.toml", "listen = \"here\""]),
            ("public_url = \"hub.example\"", &["public_url", "hub.example"]),
            ("name = \"\"", &["name = \"\""]),
            ("runner_memory_mib = 63", &["runner_memory_mib = 63"]),
            ("max_file_gib = 0", &["max_file_gib = 0"]),
            ("blobs = \"models\"", &["blobs", "models"]),
            ("s3_endpoint = \"https://s3.example\"", &["s3_endpoint", "blobs names none"]),
            ("blobs = \"s3://models\"\ns3_endpoint = \"https://k:s@s3.example\"", &["s3_endpoint", "no server"]),
            ("blobs = \"s3://models\"\ns3_cache_gib = 0", &["s3_cache_gib = 0"]),
            ("blobs = \"s3://models/x\"\nmax_file_gib = 79", &["max_file_gib = 79", "s3://models/x"]),
            ("quota_gib = 2000000000", &["quota_gib = 2000000000"]),
            ("collect_after_hours = 100000", &["collect_after_hours = 100000"]),
            ("trusted_proxy = [\"10.0.0.0/33\"]", &["modelhub.toml", "10.0.0.0/33"]),
            ("re_execute_one_in = -1", &["modelhub.toml", "re_execute_one_in = -1"]),
        ] {
            fs::write(Settings::path(folder.path()), text).unwrap();
            let error = format!("{:#}", Settings::default().over_file(folder.path()).unwrap_err());
            assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
        }
    }
}
