//! `modelhub`: the one binary. The hub itself, its operator's commands and its users' commands.
//!
//! Always: settings are read and parts are chosen here and nowhere else; results go to standard output, mistakes to
//! standard error as `error:` and `hint:`; `--json` makes every result one JSON document; the exit status is 0, 1 for
//! a mistake of the world and 2 for one in the command.
//!
//! Absent on purpose: rules. The user's commands know the hub by its HTTP interface alone, so that nothing here can do
//! what a stranger's client cannot.
//!
//! To add a command: a file with its arguments and its `run`, a line in [`Command`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use crate::screen::Screen;

mod access;
mod account;
mod admin;
mod audit;
mod backup;
mod bucket;
mod checks;
mod client;
mod completions;
mod crew;
mod doctor;
mod engine;
mod folder;
mod fsck;
mod hooks;
mod identity;
mod import;
mod input;
mod key;
mod library;
mod life;
mod limits;
mod login;
mod mcp;
mod models;
mod moderation;
mod npy;
mod organisation;
mod patience;
mod place;
mod publish;
mod pull;
mod rates;
mod receipt;
mod refund;
mod release;
mod run;
mod runner;
mod runners;
mod scan;
mod screen;
mod search;
mod serve;
mod settings;
mod snapshot;
mod statement;
mod storage;
mod upload;
mod values;
mod verdicts;
mod webhook;

/// The books and their projector let go of what other threads made; the system's allocator locks for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A hub for models: publish one and earn with each call; call one and pay for what you use.
#[derive(Debug, Parser)]
#[command(
    name = "modelhub",
    version,
    propagate_version = true,
    after_help = "Begin:
  modelhub engine install                  what runs the models
  modelhub serve                           a hub on this machine
  modelhub admin account create alice      an account and its key
  modelhub login http://127.0.0.1:8080 --key mh_…
  modelhub publish ./my-model --price \"0.002 OPG\"
  modelhub run alice/my-model -i x=[1,2,3]"
)]
struct Cli {
    /// Print one JSON document instead of words
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Login(login::Login),
    Publish(publish::Publish),
    Release(release::Release),
    Import(import::Import),
    Pull(pull::Pull),
    Run(run::Run),
    Mcp(mcp::Mcp),
    Models(models::Models),
    Search(search::Search),
    Checks(checks::Checks),
    Scan(scan::Scan),
    Card(scan::Card),
    Diff(life::Diff),
    Yank(life::Yank),
    Price(life::Price),
    Report(moderation::Report),
    Events(hooks::Events),
    Balance(account::Balance),
    Earnings(account::Earnings),
    Calls(account::Calls),
    Entries(account::Entries),
    Statement(statement::Statement),
    Receipt(receipt::Receipt),
    Refund(refund::Refund),
    Holds(account::Holds),
    Debts(account::Debts),
    Limits(limits::Limits),
    Quota(storage::Quota),
    Trial(limits::Trial),
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    Alerts(webhook::Alerts),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Organisation(organisation::Organisation),
    #[command(subcommand)]
    Access(access::Access),
    #[command(subcommand)]
    Admin(admin::Admin),
    Audit(audit::Audit),
    Fsck(fsck::Fsck),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    #[command(subcommand)]
    Engine(engine::Engine),
    #[command(hide = true)]
    Runner(runner::Runner),
}

fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let screen = Screen::new(json);
    let done = match command {
        Command::Serve(serve) => serve.run(screen),
        Command::Login(login) => login.run(screen),
        Command::Publish(publish) => publish.run(screen),
        Command::Release(release) => release.run(screen),
        Command::Import(import) => import.run(screen),
        Command::Pull(pull) => pull.run(screen),
        Command::Run(run) => run.run(screen),
        Command::Mcp(mcp) => mcp.run(),
        Command::Models(models) => models.run(screen),
        Command::Search(search) => search.run(screen),
        Command::Checks(checks) => checks.run(screen),
        Command::Scan(scan) => scan.run(screen),
        Command::Card(card) => card.run(screen),
        Command::Diff(diff) => diff.run(screen),
        Command::Yank(yank) => yank.run(screen),
        Command::Price(price) => price.run(screen),
        Command::Report(report) => report.run(screen),
        Command::Events(events) => events.run(screen),
        Command::Balance(balance) => balance.run(screen),
        Command::Earnings(earnings) => earnings.run(screen),
        Command::Calls(calls) => calls.run(screen),
        Command::Entries(entries) => entries.run(screen),
        Command::Statement(statement) => statement.run(screen),
        Command::Refund(refund) => refund.run(screen),
        Command::Holds(holds) => holds.run(screen),
        Command::Debts(debts) => debts.run(screen),
        Command::Limits(limits) => limits.run(screen),
        Command::Quota(quota) => quota.run(screen),
        Command::Trial(trial) => trial.run(screen),
        Command::Webhook(webhook) => webhook.run(screen),
        Command::Alerts(alerts) => alerts.run(screen),
        Command::Receipt(receipt) => receipt.run(screen),
        Command::Key(key) => key.run(screen),
        Command::Organisation(organisation) => organisation.run(screen),
        Command::Access(access) => access.run(screen),
        Command::Admin(admin) => admin.run(screen),
        Command::Audit(audit) => audit.run(screen),
        Command::Fsck(fsck) => fsck.run(screen),
        Command::Backup(backup) => backup.run(screen),
        Command::Restore(restore) => restore.run(screen),
        Command::Doctor(doctor) => doctor.run(screen),
        Command::Completions(completions) => completions.run(screen),
        Command::Engine(engine) => engine.run(screen),
        Command::Runner(runner) => return runner.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => screen::fail(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Walks the commands, each with the words that name it.
    fn walk(words: &str, command: &mut clap::Command, see: &mut impl FnMut(&str, &mut clap::Command)) {
        see(words, command);
        for below in command.get_subcommands_mut().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
            walk(&format!("{words} {}", below.get_name()), below, see);
        }
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example_of_itself() {
        let (mut all, mut lacking) = (0, Vec::new());
        walk("modelhub", &mut Cli::command(), &mut |words, command| {
            all += 1;
            let help = command.render_long_help().to_string();
            let example = help.split_once("Example").or(help.split_once("Begin:")).map(|(_, examples)| examples);
            if !example.is_some_and(|examples| examples.contains(words)) || command.get_about().is_none() {
                lacking.push(words.to_owned());
            }
        });
        assert!(all > 60, "{all} commands");
        assert_eq!(lacking, [""; 0], "their help has no example, or does not say what they do");
    }

    #[test]
    fn every_command_takes_json() {
        let mut command = Cli::command();
        command.build();
        walk("modelhub", &mut command, &mut |words, command| {
            assert!(command.get_arguments().any(|known| known.get_long() == Some("json")), "{words}");
        });
        command.debug_assert();
    }
}
