//! Licences and sources of what we depend on, by the rules in `deny.toml`.
//!
//! `cargo deny` reads the same file and does more; this needs no program beside cargo. Where both run, both must agree.

use std::fs;

use anyhow::Context;
use serde_json::Value;

use crate::program;

/// What `deny.toml` allows, as far as it is looked at here.
#[derive(Debug)]
struct Rules {
    licences: Vec<String>,
    sources: Vec<String>,
    banned: Vec<Ban>,
}

/// A crate that is not to be used, but by these.
#[derive(Debug)]
struct Ban {
    name: String,
    wrappers: Vec<String>,
}

pub(crate) fn look(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let rules = Rules::read(&fs::read_to_string(program::root().join("deny.toml"))?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let used = used(metadata);
    let ours = |package: &Value| package["source"].is_null();
    let theirs = packages.iter().filter(|package| !ours(package) && used.contains(&&package["id"]));
    Ok(theirs.flat_map(|package| rules.judge(package, &users(metadata, &package["id"]))).collect())
}

/// The names of the packages that use one.
fn users(metadata: &Value, id: &Value) -> Vec<String> {
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let using: Vec<&Value> =
        nodes.iter().filter(|node| list(&node["dependencies"]).contains(id)).map(|node| &node["id"]).collect();
    let packages = list(&metadata["packages"]);
    let names = packages.iter().filter(|package| using.contains(&&package["id"]));
    names.filter_map(|package| package["name"].as_str().map(str::to_owned)).collect()
}

/// The packages that this machine's build has in it.
fn used(metadata: &Value) -> Vec<&Value> {
    metadata["resolve"]["nodes"].as_array().into_iter().flatten().map(|node| &node["id"]).collect()
}

impl Rules {
    fn read(text: &str) -> anyhow::Result<Rules> {
        let deny: toml::Table = toml::from_str(text).context("deny.toml")?;
        let list = |section: &str, name: &str| {
            let list = deny.get(section).and_then(|section| section.get(name)).and_then(toml::Value::as_array);
            list.with_context(|| format!("deny.toml has no {section}.{name}"))
        };
        let texts = |list: &[toml::Value]| -> anyhow::Result<Vec<String>> {
            list.iter().map(|item| item.as_str().map(str::to_owned).context("deny.toml: a list of texts")).collect()
        };
        let ban = |ban: &toml::Value| {
            let wrappers = ban.get("wrappers").and_then(toml::Value::as_array).cloned().unwrap_or_default();
            Some(Ban {
                name: ban.get("crate")?.as_str()?.to_owned(),
                wrappers: wrappers.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect(),
            })
        };
        let banned = list("bans", "deny")?.iter().map(ban);
        Ok(Rules {
            licences: texts(list("licenses", "allow")?)?,
            sources: texts(list("sources", "allow-registry")?)?,
            banned: banned.collect::<Option<_>>().context("a ban names a crate")?,
        })
    }

    fn judge(&self, package: &Value, users: &[String]) -> Vec<String> {
        let text = |name: &str| package[name].as_str().unwrap_or_default();
        let named = format!("{} {}", text("name"), text("version"));
        let mut findings = Vec::new();
        let licence = text("license");
        if !self.allows(licence) {
            findings.push(format!("{named}: the licence {licence:?} is not in deny.toml"));
        }
        let source = text("source").trim_start_matches("registry+");
        if !self.sources.iter().any(|allowed| allowed == source) {
            findings.push(format!("{named}: comes from {source}, which is not in deny.toml"));
        }
        let ban = self.banned.iter().find(|ban| ban.name == text("name"));
        if ban.is_some_and(|ban| users.is_empty() || users.iter().any(|user| !ban.wrappers.contains(user))) {
            findings.push(format!("{named}: is banned in deny.toml"));
        }
        findings
    }

    /// Whether we may use what comes under this SPDX expression: of alternatives one is enough.
    fn allows(&self, expression: &str) -> bool {
        // An old way to write OR.
        let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = expression.split_whitespace().peekable();
        let allowed = self.any(&mut words);
        allowed && words.next().is_none()
    }

    fn any<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.all(words);
        while words.next_if(|word| *word == "OR").is_some() {
            allowed |= self.all(words);
        }
        allowed
    }

    fn all<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.one(words);
        while words.next_if(|word| *word == "AND").is_some() {
            allowed &= self.one(words);
        }
        allowed
    }

    fn one<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        match words.next() {
            Some("(") => {
                let allowed = self.any(words);
                words.next_if(|word| *word == ")").is_some() && allowed
            }
            Some(licence) => {
                let with = words.next_if(|word| *word == "WITH").and_then(|_| words.next());
                let licence =
                    with.map_or_else(|| licence.to_owned(), |exception| format!("{licence} WITH {exception}"));
                self.licences.contains(&licence)
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::read(
            "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\"]\n\
             [sources]\nallow-registry = [\"here\"]\n[bans]\ndeny = [{ crate = \"bad\", wrappers = [\"around\"], reason = \"it is\" }]\n",
        )
        .unwrap()
    }

    #[test]
    fn licence_expressions_are_read_as_spdx_has_them() {
        let rules = rules();
        for (expression, allowed) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("", false),
            ("MIT OR GPL-3.0", true),
            ("MIT/GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND (GPL-3.0 OR Apache-2.0)", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("MIT WITH Something-exception", false),
            ("MIT MIT", false),
            ("(MIT", false),
        ] {
            assert_eq!(rules.allows(expression), allowed, "{expression}");
        }
    }

    #[test]
    fn licence_source_and_bans_are_judged() {
        let package = |name: &str, licence: &str, source: &str| serde_json::json!({"name": name, "version": "1.0.0", "license": licence, "source": source});
        let users = ["around".to_owned(), "another".to_owned()];
        assert!(rules().judge(&package("good", "MIT", "registry+here"), &users).is_empty());
        assert_eq!(rules().judge(&package("bad", "GPL-3.0", "git+there"), &users).len(), 3);
        // What wraps it may use it, and nobody else.
        assert!(rules().judge(&package("bad", "MIT", "registry+here"), &users[..1]).is_empty());
        assert_eq!(rules().judge(&package("bad", "MIT", "registry+here"), &[]).len(), 1);
    }
}
