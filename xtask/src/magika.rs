//! The demo's model: `magika`, which tells the type of a file from its bytes.
//!
//! Always: the package is the one whose digests stand here; labels and how bytes are cut come from the package's own
//! `config.min.json`.
//!
//! The package carries model, configuration and licence in its wheel. The card says how bytes are cut, in the words of a
//! task; the hub does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::program;
use crate::say;

const REQUIREMENT: &str = "magika==1.0.3";
const WHEEL: &str = "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529";
const MODEL: Member = Member {
    path: "magika/models/standard_v3_3/model.onnx",
    sha256: "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
};
const CONFIG: Member = Member {
    path: "magika/models/standard_v3_3/config.min.json",
    sha256: "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
};
const METADATA: &str = "magika-1.0.3.dist-info/METADATA";

struct Member {
    path: &'static str,
    sha256: &'static str,
}

/// The package, unpacked in the cache.
#[derive(Debug)]
pub(crate) struct Package {
    folder: PathBuf,
}

/// How bytes become the model's input, and what its scores are called, as the card will say it.
#[derive(Debug)]
pub(crate) struct Config {
    begin: u64,
    end: u64,
    block: u64,
    padding: u64,
    least: u64,
    pub(crate) labels: Vec<String>,
}

impl Package {
    /// Finds the package in the cache or fetches it with pip.
    pub(crate) fn get() -> anyhow::Result<Package> {
        let package = Package { folder: program::cache()?.join("demo/magika-1.0.3") };
        if !package.whole() {
            say("  fetching the package with pip (16 MB)");
            package.fetch()?;
        }
        Ok(package)
    }

    fn whole(&self) -> bool {
        let right = |member: &Member| sha256(&self.folder.join(member.path)).is_ok_and(|found| found == member.sha256);
        right(&MODEL) && right(&CONFIG) && self.folder.join(METADATA).is_file()
    }

    fn fetch(&self) -> anyhow::Result<()> {
        let parent = self.folder.parent().context("the cache is a folder")?;
        let work = parent.join(format!("fetch-{}", std::process::id()));
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        let done = self.fetch_into(&work);
        // What a failed fetch leaves is of no use.
        let _ = fs::remove_dir_all(&work);
        done
    }

    fn fetch_into(&self, work: &Path) -> anyhow::Result<()> {
        program::run(
            Command::new("python3")
                .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"])
                .args(["--disable-pip-version-check", "--platform=manylinux_2_28_x86_64", "--python-version=3.11"])
                .arg("--dest")
                .arg(work)
                .arg(REQUIREMENT),
        )
        .context("python3 and its pip fetch the demo's model")?;
        let wheel = fs::read_dir(work)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .context("pip fetched no wheel")?;
        check("the wheel of magika", &wheel, WHEEL)?;
        let unpacked = work.join("unpacked");
        program::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
        for member in [MODEL, CONFIG] {
            check(member.path, &unpacked.join(member.path), member.sha256)?;
        }
        // An earlier one that is not whole stands in the way.
        let _ = fs::remove_dir_all(&self.folder);
        fs::rename(&unpacked, &self.folder).with_context(|| self.folder.display().to_string())
    }

    /// Where the model lies.
    pub(crate) fn model(&self) -> PathBuf {
        self.folder.join(MODEL.path)
    }

    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let text = fs::read_to_string(self.folder.join(CONFIG.path))?;
        Config::read(&serde_json::from_str(&text)?)
    }

    /// Makes the folder that is published: card, model, labels.
    pub(crate) fn model_folder(&self, to: &Path, config: &Config, price: &str) -> anyhow::Result<()> {
        fs::create_dir_all(to)?;
        fs::copy(self.folder.join(MODEL.path), to.join("model.onnx"))?;
        fs::write(to.join("labels.json"), json!(config.labels).to_string())?;
        let metadata = fs::read_to_string(self.folder.join(METADATA))?;
        let field = |name: &str| {
            let line = metadata.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.with_context(|| format!("the package's METADATA has no {name}"))
        };
        let (licence, home, version) = (field("License")?.to_lowercase(), field("Home-Page")?, field("Version")?);
        let Config { begin, end, block, padding, least, .. } = config;
        let card = format!(
            "---
license: {licence}
tags: [file-type, security]
modelhub:
  price: {{ per_call: \"{price}\" }}
  labels: labels.json
  task: {{ type: file-type, begin: {begin}, end: {end}, block: {block}, padding: {padding}, least: {least} }}
---

# Magika

Tells the type of a file from its bytes: {count} types, from `{first}` to `{last}`. This is the model of the Python
package [magika {version}]({home}), made and trained at Google and published under {spdx}.

The input is {begin} numbers from the beginning of the file and {end} from its end, a byte each, without the white
space around them. Where the file is shorter, the number {padding} stands for \"nothing here\".
",
            count = config.labels.len(),
            first = config.labels.first().map_or("", String::as_str),
            last = config.labels.last().map_or("", String::as_str),
            spdx = field("License")?,
        );
        fs::write(to.join("README.md"), card)?;
        Ok(())
    }
}

impl Config {
    fn read(json: &Value) -> anyhow::Result<Config> {
        let number = |name: &str| json[name].as_u64().with_context(|| format!("config.min.json has no {name}"));
        if number("mid_size")? != 0 || json["use_inputs_at_offsets"] != false {
            bail!("config.min.json asks for features this demo does not know");
        }
        let labels = json["target_labels_space"].as_array().context("config.min.json has no target_labels_space")?;
        let labels = labels.iter().map(|label| label.as_str().map(str::to_owned));
        Ok(Config {
            begin: number("beg_size")?,
            end: number("end_size")?,
            block: number("block_size")?,
            padding: number("padding_token")?,
            least: number("min_file_size_for_dl")?,
            labels: labels.collect::<Option<_>>().context("a label is no text")?,
        })
    }
}

fn check(what: &str, path: &Path, expected: &str) -> anyhow::Result<()> {
    let found = sha256(path)?;
    if found != expected {
        bail!("{what} has the SHA-256 {found}, expected {expected}");
    }
    Ok(())
}

/// The SHA-256 of a file. Python fetched it, so Python is there to look at it.
fn sha256(path: &Path) -> anyhow::Result<String> {
    const SCRIPT: &str = "import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())";
    if !path.is_file() {
        bail!("{} is missing", path.display());
    }
    let printed = program::output(Command::new("python3").args(["-c", SCRIPT]).arg(path))?;
    Ok(String::from_utf8(printed)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_with_other_features_is_refused() {
        let mut json = json!({
            "beg_size": 4, "mid_size": 0, "end_size": 4, "block_size": 8, "padding_token": 256,
            "use_inputs_at_offsets": false, "min_file_size_for_dl": 2, "target_labels_space": ["a", "b"],
        });
        assert_eq!(Config::read(&json).unwrap().labels, ["a", "b"]);
        json["mid_size"] = json!(4);
        assert!(Config::read(&json).is_err());
    }
}
