//! `cargo xtask demo`: the product in one command. A real model is published, called, paid for, split and receipted.
//!
//! Always: everything that is printed was answered by the hub through the product's own command line; what does not
//! add up is an error.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::hub::{As, Hub};
use crate::magika::Package;
use crate::{program, say};

/// What alice asks for a call.
const PRICE: &str = "0.002 OPG";
/// What bob has, in OPG.
const DEPOSIT: &str = "100";
const MODEL: &str = "alice/magika";

/// Publishes a real model, calls it three times, and shows who paid and who earned.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Stop the hub at the end and audit its books
    #[arg(long)]
    once: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Someone with an account.
#[derive(Debug)]
struct Person {
    account: String,
    key: String,
}

/// One call and what it came to.
#[derive(Debug)]
struct Call {
    file: String,
    answer: String,
    score: f64,
    cost: String,
    receipt: String,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let folder = Folder::new(self.once)?;
        say("[1/7] Building modelhub");
        let binary = program::build()?;
        say("[2/7] ONNX Runtime");
        program::run(Command::new(&binary).args(["engine", "install"]))?;
        say("[3/7] The model magika");
        let package = Package::get()?;
        let config = package.config()?;
        let model = folder.path.join("magika");
        package.model_folder(&model, &config, PRICE)?;
        say("[4/7] A hub in a fresh folder");
        let hub = Hub::start(&binary, &folder.path, &self.listen())?;
        say(&format!("  {} on {}", hub.url, hub.data().display()));
        let (alice, bob) = (person(&hub, "alice")?, person(&hub, "bob")?);
        say(&format!("[5/7] alice publishes {MODEL} at {PRICE} a call"));
        hub.show(As::Key(&alice.key), &["publish", text(&model)?, MODEL])?;
        hub.show(As::Operator, &["admin", "deposit", "bob", DEPOSIT, "--reference", "demo"])?;
        say("[6/7] bob asks about three files");
        let calls = calls(&hub, &bob, &folder.path)?;
        say("[7/7] Who paid, who earned, and the proof");
        let result = settle(&hub, &alice, &bob, &calls)?;
        for line in words(&calls, &result) {
            say(&line);
        }
        if self.once {
            hub.stop()?;
            program::run(Command::new(&binary).args(["audit", "--data"]).arg(folder.path.join("hub")))?;
            self.tell(&result);
            return Ok(());
        }
        self.tell(&result);
        let url = hub.url.clone();
        say(&format!("\nThe hub goes on at {url}; Ctrl-C stops it. Its folder: {}", folder.path.display()));
        say(&format!("bob's key, to try it: {}", bob.key));
        browse(&format!("{url}/{MODEL}"));
        hub.wait()
    }

    /// The result for programs.
    #[expect(clippy::print_stdout, reason = "the one line that programs read")]
    fn tell(&self, result: &Value) {
        if self.json {
            println!("{result}");
        }
    }

    /// The usual port where it is free and people are to look; any port where programs do.
    fn listen(&self) -> String {
        let usual = "127.0.0.1:8080";
        if !self.once && TcpListener::bind(usual).is_ok() { usual.to_owned() } else { "127.0.0.1:0".to_owned() }
    }
}

/// A fresh folder, removed at the end where nobody is to look into it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    remove: bool,
}

impl Folder {
    fn new(remove: bool) -> anyhow::Result<Folder> {
        let path = std::env::temp_dir().join(format!("modelhub-demo-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Folder { path, remove })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.remove {
            // What is left in the temporary folder goes with it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn person(hub: &Hub, handle: &str) -> anyhow::Result<Person> {
    let made = hub.ask(As::Operator, &["admin", "account", "create", handle])?;
    let field = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {made}"));
    Ok(Person { account: field("account")?, key: field("key")? })
}

/// Three files of different kinds: two of this repository, one made here.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let script = folder.join("backup");
    let lines = [
        "#!/bin/sh",
        "# Copies what changed since yesterday.",
        "set -eu",
        "target=${1:?usage: backup FOLDER}",
        "find . -type f -mtime -1 -print0 | while IFS= read -r -d '' file; do",
        "    mkdir -p \"$target/$(dirname \"$file\")\"",
        "    cp -p \"$file\" \"$target/$file\" || echo \"could not copy $file\" >&2",
        "done",
        "echo \"done: $(du -sh \"$target\" | cut -f1)\"",
    ];
    fs::write(&script, lines.join("\n") + "\n")?;
    Ok(vec![program::root().join("Cargo.toml"), program::root().join("xtask/src/demo.rs"), script])
}

fn calls(hub: &Hub, bob: &Person, folder: &Path) -> anyhow::Result<Vec<Call>> {
    let mut calls = Vec::new();
    for file in files(folder)? {
        let answer = hub.ask(As::Key(&bob.key), &["run", MODEL, "--file", text(&file)?])?;
        let call = read_call(&file, &answer).with_context(|| format!("the answer was {answer}"))?;
        say(&format!(
            "  {:<12} {:<8} {:.3}   {} OPG   {}",
            call.file, call.answer, call.score, call.cost, call.receipt
        ));
        calls.push(call);
    }
    ensure!(calls.iter().any(|call| call.answer != calls[0].answer), "three kinds of files got one answer");
    Ok(calls)
}

fn read_call(file: &Path, answer: &Value) -> anyhow::Result<Call> {
    let output = &answer["outputs"][0];
    let field = |of: &Value, name: &str| of[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    Ok(Call {
        file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        answer: field(output, "label")?,
        score: output["score"].as_f64().context("no score")?,
        cost: field(answer, "cost")?,
        receipt: field(answer, "receipt")?,
    })
}

/// Asks the hub who paid and who earned, and sees that it adds up.
fn settle(hub: &Hub, alice: &Person, bob: &Person, calls: &[Call]) -> anyhow::Result<Value> {
    // The fees are the account of the hub's operator.
    let fee = hub.ask(As::Operator, &["login", &hub.url])?["account"].take();
    let names = [(json!(alice.account), "alice"), (json!(bob.account), "bob"), (fee, "hub:fee")];
    let mut earned_by_alice = 0;
    let mut parts = Value::Null;
    for call in calls {
        let proof = hub.ask(As::Key(&bob.key), &["receipt", &call.receipt, "--verify"])?;
        ensure!(proof["verified"] == true, "the receipt {} is not verified", call.receipt);
        let listed = proof["receipt"]["parts"].as_array().context("a receipt has parts")?;
        let amounts: Vec<u128> = listed.iter().map(|part| nano(&part["amount"])).collect::<Result<_, _>>()?;
        ensure!(
            amounts.iter().sum::<u128>() == nano(&json!(call.cost))?,
            "the parts of {} do not make the cost",
            call.receipt
        );
        for (part, amount) in listed.iter().zip(&amounts) {
            if part["account"] == json!(alice.account) {
                earned_by_alice += amount;
            }
        }
        parts = listed
            .iter()
            .map(|part| json!({"account": name(&part["account"], &names), "amount": part["amount"]}))
            .collect();
    }
    let earnings = earnings(hub, alice, earned_by_alice)?;
    let mut balances = Map::new();
    for (handle, who) in [("alice", As::Key(&alice.key)), ("bob", As::Key(&bob.key)), ("hub:fee", As::Operator)] {
        balances.insert(handle.to_owned(), hub.ask(who, &["balance"])?["cash"].take());
    }
    let sum = balances.values().map(nano).sum::<Result<u128, _>>()?;
    ensure!(sum == nano(&json!(DEPOSIT))?, "the balances {balances:?} do not add up to what bob brought");
    Ok(json!({
        "answers": calls.iter().map(|call| &call.answer).collect::<Vec<_>>(),
        "cost": calls[0].cost,
        "parts": parts,
        "receipt": calls[0].receipt,
        "receipt_verified": true,
        "earnings": earnings,
        "balances": balances,
        "url": hub.url,
    }))
}

/// What alice's list of earnings says, once the hub has carried the calls over to it.
fn earnings(hub: &Hub, alice: &Person, expected: u128) -> anyhow::Result<Value> {
    let began = Instant::now();
    loop {
        let paid = hub.ask(As::Key(&alice.key), &["earnings"])?["totals"]["paid"].take();
        if nano(&paid)? == expected {
            return Ok(paid);
        }
        if began.elapsed() > Duration::from_secs(10) {
            bail!("alice's earnings say {paid}, her parts of the receipts add up to {expected} nano-OPG");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Who an account is, in words.
fn name(account: &Value, names: &[(Value, &str)]) -> Value {
    let known = names.iter().find(|(known, _)| known == account);
    known.map_or_else(|| account.clone(), |(_, name)| json!(name))
}

/// A decimal amount of OPG in nano-OPG.
fn nano(amount: &Value) -> anyhow::Result<u128> {
    let read = || {
        let text = amount.as_str()?;
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let places = (places.len() <= 9).then(|| format!("{places:0<9}"))?;
        format!("{whole}{places}").parse().ok()
    };
    read().with_context(|| format!("{amount} is no amount"))
}

fn words(calls: &[Call], result: &Value) -> Vec<String> {
    let plain = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![format!("  a call cost {} OPG, cut in the same step into", plain(&result["cost"]))];
    for part in result["parts"].as_array().into_iter().flatten() {
        lines.push(format!("    {:<10} {:>12} OPG", plain(&part["account"]), plain(&part["amount"])));
    }
    lines.push(format!("  {} receipts verified against the hub's published keys", calls.len()));
    lines.push(format!("  alice has earned {} OPG; the balances are", plain(&result["earnings"])));
    for (handle, amount) in result["balances"].as_object().into_iter().flatten() {
        lines.push(format!("    {handle:<10} {:>12} OPG", plain(amount)));
    }
    lines
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Shows a page where there is something to show it on.
fn browse(url: &str) {
    if ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some()) {
        // Without a browser the address above has to do.
        let _ =
            Command::new("xdg-open").arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, expected) in [("0.002", 2_000_000), ("100", 100_000_000_000), ("0", 0), ("0.000000001", 1)] {
            assert_eq!(nano(&json!(text)).unwrap(), expected);
        }
        assert!(nano(&json!("0.0000000001")).is_err() && nano(&json!(1)).is_err() && nano(&json!("x")).is_err());
    }
}
