//! `cargo xtask tidy`: rules about the tree that no compiler checks. Runs as a test too.
//!
//! Always: each finding names the file and the rule; exceptions stand in a table here, with their reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::{licences, program, say};

/// Checks the rules of this tree: crate edges, dependencies, licences, links, sizes of files.
#[derive(Debug, Args)]
pub(crate) struct Tidy {}

/// Who may depend on which of ours. Edges point down only; a crate that is not here has none.
const EDGES: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("tensor", &[]),
    ("receipt", &[]),
    ("identity", &["receipt"]),
    ("ledger", &[]),
    ("web", &[]),
    ("outbound", &[]),
    ("search", &[]),
    ("bucket", &[]),
    ("scan", &[]),
    // Of tests alone.
    ("fuzz", &[]),
    ("registry", &["ledger", "tensor"]),
    ("tasks", &["registry", "tensor"]),
    ("engine", &["tensor"]),
    ("engine-onnx", &["engine", "tensor"]),
    ("engine-remote", &["engine", "api", "outbound", "tensor"]),
    ("store", &["bucket", "registry", "ledger", "tensor"]),
    ("hub", &["identity", "store", "tasks", "scan", "registry", "ledger", "tensor", "receipt", "engine", "search"]),
    // The types of the use cases come from the crates below `hub`; SQL stays behind their traits.
    // Over HTTP alone: it knows names and numbers, and nothing of what is behind them.
    ("mcp", &["registry"]),
    ("server", &["api", "mcp", "web", "hub", "store", "tasks", "registry", "ledger", "tensor", "engine"]),
    (
        "modelhub",
        &[
            "server",
            "hub",
            "api",
            "mcp",
            "outbound",
            "store",
            "registry",
            "ledger",
            "tensor",
            "receipt",
            "engine",
            "engine-onnx",
            "engine-remote",
            "search",
        ],
    ),
    ("testkit", &["hub", "store", "registry", "ledger", "tensor", "receipt", "engine", "server", "api", "search"]),
    ("benches", &["store", "ledger", "tensor", "engine", "engine-onnx", "search"]),
    // From outside: it knows the binary and HTTP, nothing else.
    ("whole", &[]),
    ("xtask", &[]),
];

/// Edges that only tests have, on top of the above.
const TEST_EDGES: &[(&str, &[&str])] = &[
    ("hub", &["testkit"]),
    ("server", &["fuzz", "receipt", "search", "testkit"]),
    ("modelhub", &["testkit"]),
    ("tensor", &["fuzz"]),
    ("registry", &["fuzz"]),
    ("scan", &["fuzz"]),
    ("engine", &["fuzz"]),
];

/// Dependencies that one crate hides from the others.
const HIDDEN: &[(&str, &str)] = &[
    ("rusqlite", "store benches"),
    ("tantivy", "search"),
    ("object_store", "bucket"),
    ("hyper-rustls", "bucket"),
    ("axum", "server benches"),
    ("tonic", "server"),
    ("prost", "server"),
    ("multer", "server"),
    ("tokenizers", "tasks"),
    ("image", "tasks"),
    ("hound", "tasks"),
    ("csv", "tasks"),
    ("spdx", "registry"),
    ("regex", "tasks"),
    ("hyper-util", "server outbound bucket"),
    ("hyper", "outbound bucket"),
    ("tokio-rustls", "outbound bucket"),
    ("webpki-roots", "outbound"),
    ("ort", "engine-onnx"),
    ("libloading", "engine-onnx"),
    ("maud", "web"),
    ("ammonia", "web"),
    ("k256", "receipt"),
    ("clap", "modelhub xtask benches"),
    ("anyhow", "modelhub xtask benches"),
    ("ureq", "modelhub"),
    // The words say how they are written; `server` puts them together.
    ("utoipa", "api server"),
];

/// What rules may not know: no async, no clock's library, no I/O.
const PURE: &[(&str, &[&str])] = &[
    ("ledger", &["tokio", "async-trait", "rustix"]),
    ("registry", &["tokio", "async-trait", "rustix"]),
    ("tensor", &["tokio", "async-trait", "rustix"]),
    ("tasks", &["tokio", "async-trait", "rustix"]),
    ("scan", &["tokio", "async-trait", "rustix"]),
    ("receipt", &["tokio", "async-trait", "rustix"]),
    ("api", &["tokio", "async-trait", "rustix", "axum"]),
    ("web", &["tokio", "async-trait", "rustix", "axum"]),
];

/// Most lines of Rust in a file, those of its tests not counted.
const LINES: usize = 600;

/// Longer files, with the reason.
const LONG: &[(&str, &str)] =
    &[("crates/store/src/sqlite/catalog.rs", "one trait's whole backend: rows must not leave their file")];

impl Tidy {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let findings = look()?;
        for finding in &findings {
            say(finding);
        }
        if !findings.is_empty() {
            bail!("{} findings", findings.len());
        }
        say("tidy: nothing to find");
        Ok(())
    }
}

/// Everything there is to find.
fn look() -> anyhow::Result<Vec<String>> {
    let metadata = metadata()?;
    let members = members(&metadata)?;
    let files = files()?;
    let mut findings = edges(&members);
    findings.extend(hidden(&members));
    findings.extend(workspace_dependencies(&members)?);
    findings.extend(licences::look(&metadata)?);
    for file in &files {
        let Ok(text) = fs::read_to_string(program::root().join(file)) else { continue };
        findings.extend(places(file, &text));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("md") => findings.extend(links(file, &text)),
            Some("rs") => findings.extend(long(file, &text)),
            _ => {}
        }
    }
    Ok(findings)
}

/// All that cargo knows of this workspace and what it depends on, for this machine.
fn metadata() -> anyhow::Result<Value> {
    let told = program::output(Command::new("rustc").arg("-vV"))?;
    let told = String::from_utf8(told)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    program::json(program::cargo().args(["metadata", "--format-version=1", "--locked", "--filter-platform", host]))
}

/// A crate of ours.
#[derive(Debug)]
struct Member {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    for_tests: bool,
}

fn members(metadata: &Value) -> anyhow::Result<Vec<Member>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ours: BTreeSet<String> = list(&metadata["workspace_members"]).iter().map(Value::to_string).collect();
    let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata names things");
    let mut members = Vec::new();
    for package in list(&metadata["packages"]).iter().filter(|package| ours.contains(&package["id"].to_string())) {
        let dependency = |dependency: &Value| -> anyhow::Result<Dependency> {
            Ok(Dependency { name: text(&dependency["name"])?, for_tests: dependency["kind"] == "dev" })
        };
        let dependencies = list(&package["dependencies"]).iter().map(dependency).collect::<Result<_, _>>()?;
        members.push(Member { name: text(&package["name"])?, dependencies });
    }
    Ok(members)
}

fn allowed(table: &[(&str, &[&'static str])], name: &str) -> Option<Vec<&'static str>> {
    table.iter().find(|(member, _)| *member == name).map(|(_, allowed)| allowed.to_vec())
}

fn edges(members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    for member in members {
        let Some(down) = allowed(EDGES, &member.name) else {
            findings.push(format!(
                "{}: a new crate; give it its edges in tidy.rs and its line in docs/architecture.md",
                member.name
            ));
            continue;
        };
        let in_tests = allowed(TEST_EDGES, &member.name).unwrap_or_default();
        for Dependency { name, for_tests } in &member.dependencies {
            let name = name.as_str();
            if ours.contains(name) && !down.contains(&name) && !(*for_tests && in_tests.contains(&name)) {
                findings.push(format!("{}: depends on {name}; edges point down, see EDGES in tidy.rs", member.name));
            }
        }
    }
    findings
}

fn hidden(members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    for member in members {
        for Dependency { name, for_tests } in &member.dependencies {
            for (what, whose) in HIDDEN.iter().filter(|(what, _)| what == name) {
                if !for_tests && !whose.split(' ').any(|owner| owner == member.name) {
                    findings.push(format!("{}: depends on {what}, which only {whose} may know", member.name));
                }
            }
            let unfit = PURE.iter().any(|(pure, unfit)| *pure == member.name && unfit.contains(&name.as_str()));
            if unfit && !for_tests {
                findings.push(format!("{}: depends on {name}, and must know no I/O and no async", member.name));
            }
        }
    }
    findings
}

/// Each dependency of the workspace is somebody's, and says why it is there.
fn workspace_dependencies(members: &[Member]) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(program::root().join("Cargo.toml"))?;
    let manifest: toml::Table = toml::from_str(&text)?;
    let named = manifest["workspace"]["dependencies"].as_table().context("the workspace has dependencies")?;
    let used: BTreeSet<&str> =
        members.iter().flat_map(|member| &member.dependencies).map(|dependency| dependency.name.as_str()).collect();
    let lines: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| Some((line.split_once(" = ")?.0.trim(), line))).collect();
    let mut findings = Vec::new();
    for (name, what) in named {
        let ours = what.get("path").is_some();
        if !ours && !used.contains(name.as_str()) {
            findings.push(format!("Cargo.toml: nobody uses {name}"));
        }
        if !ours && !lines.get(name.as_str()).is_some_and(|line| line.contains(" # ")) {
            findings.push(format!("Cargo.toml: {name} does not say why it is there"));
        }
    }
    Ok(findings)
}

/// The files of this tree that are ours: tracked, or new and not ignored.
fn files() -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(program::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let printed = program::output(&mut git)?;
    let names = printed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| Ok(PathBuf::from(std::str::from_utf8(name)?))).collect()
}

/// Paths of somebody's machine, and hosts that another network does not have.
fn places(file: &Path, text: &str) -> Vec<String> {
    // Cargo itself names its registry there.
    if file == Path::new("Cargo.lock") || file == Path::new("deny.toml") {
        return Vec::new();
    }
    // In pieces, so that this file does not find itself.
    let words = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("registry", ".npmjs"),
        concat!("static", ".crates.io"),
        concat!("index", ".crates.io"),
        concat!("deb", ".debian.org"),
    ];
    let mut findings = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for word in words.iter().filter(|word| line.contains(*word)) {
            findings
                .push(format!("{}:{number}: names {word}, which is one machine's or one network's", file.display()));
        }
    }
    findings
}

/// Relative links that lead nowhere.
fn links(file: &Path, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut code = false;
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for target in targets(line) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || path.is_empty();
            if !elsewhere && !program::root().join(folder).join(path).exists() {
                findings.push(format!("{}:{number}: the link {target} leads nowhere", file.display()));
            }
        }
    }
    findings
}

/// What the links of a line name: `[text](target)`, outside of `code`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (index, piece) in line.split('`').enumerate() {
        if index % 2 == 0 {
            let after = piece.split("](").skip(1);
            targets.extend(after.filter_map(|after| after.split_once(')')?.0.split(' ').next()));
        }
    }
    targets
}

/// Files that are more than one noun or one verb.
fn long(file: &Path, text: &str) -> Option<String> {
    let tests = file.components().any(|part| part.as_os_str() == "tests");
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    let excused = LONG.iter().any(|(path, _)| Path::new(path) == file);
    (lines > LINES && !tests && !excused)
        .then(|| format!("{}: {lines} lines; {LINES} are one noun or one verb", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let findings = look().unwrap();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    fn member(name: &str, dependencies: &[&str]) -> Member {
        let dependency = |name: &&str| Dependency { name: (*name).to_owned(), for_tests: false };
        Member { name: name.to_owned(), dependencies: dependencies.iter().map(dependency).collect() }
    }

    #[test]
    fn an_edge_that_points_up_is_found() {
        let members = [member("ledger", &["store"]), member("store", &["ledger", "rusqlite"])];
        assert_eq!(edges(&members).len(), 1);
        assert!(edges(&members)[0].starts_with("ledger: depends on store"));
        assert!(hidden(&members).is_empty());
        assert_eq!(hidden(&[member("hub", &["rusqlite"])]).len(), 1);
        assert_eq!(hidden(&[member("ledger", &["tokio"])]).len(), 1);
        assert_eq!(edges(&[member("helpers", &[])]).len(), 1, "a crate nobody has placed");
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let file = Path::new("README.md");
        assert!(
            links(file, "[a](Cargo.toml) [b](https://x.example/y) [c](#here) `[d](nowhere)`\n```\n[e](x)\n```")
                .is_empty()
        );
        assert_eq!(links(file, "see [a](crates/ledger) and [b](no/such.md#part)").len(), 1);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let line = format!("cp {}someone/x .", concat!("/ho", "me/"));
        assert_eq!(places(Path::new("a.md"), &line).len(), 1);
        assert!(places(Path::new("a.md"), "the home folder").is_empty());
    }

    #[test]
    fn long_files_are_found_without_their_tests() {
        let code = "fn a() {}\n".repeat(LINES);
        let file = Path::new("crates/x/src/y.rs");
        assert!(long(file, &format!("{code}#[cfg(test)]\n{code}")).is_none());
        assert!(long(file, &format!("{code}fn b() {{}}\n")).is_some());
        assert!(long(Path::new("crates/x/tests/y.rs"), &code.repeat(2)).is_none());
    }
}
