//! `modelhub report` and `modelhub admin reports`, `hide`, `take-down`, `verify` and what lies beside them.

use clap::{Args, ValueEnum};
use registry::{Handle, ModelName};

use crate::client::segment;
use crate::place::{Connection, DataFolder};
use crate::run::Target;
use crate::screen::{Align, Screen, Table, one_line};

/// Reports a model to the hub's operator, who alone learns who you are; again, in place of what still waits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub report alice/echo malware \"the archive in it unpacks a program\"
  modelhub report alice/echo@1.01 copyright \"these are our weights: example.org/weights\"
  modelhub report --list")]
pub(crate) struct Report {
    #[arg(value_name = "OWNER/NAME[@RELEASE]", required_unless_present = "list")]
    model: Option<Target>,
    #[arg(required_unless_present = "list")]
    reason: Option<Reason>,
    /// What the operator has to know
    #[arg(default_value = "")]
    text: String,
    /// Shows what you have reported, and what became of it
    #[arg(long, conflicts_with_all = ["model", "reason"])]
    list: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Reason {
    Malware,
    Copyright,
    #[value(alias = "personal-data")]
    PersonalData,
    Illegal,
    Spam,
    Impersonation,
    #[value(alias = "broken-promise")]
    BrokenPromise,
    Other,
}

impl Reason {
    fn word(self) -> String {
        let reason = match self {
            Reason::Malware => registry::Reason::Malware,
            Reason::Copyright => registry::Reason::Copyright,
            Reason::PersonalData => registry::Reason::PersonalData,
            Reason::Illegal => registry::Reason::Illegal,
            Reason::Spam => registry::Reason::Spam,
            Reason::Impersonation => registry::Reason::Impersonation,
            Reason::BrokenPromise => registry::Reason::BrokenPromise,
            Reason::Other => registry::Reason::Other,
        };
        reason.word().to_owned()
    }
}

/// Lists reports, the newest first: those that wait, or all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin reports
  modelhub admin reports --all")]
pub(crate) struct Reports {
    /// Those that were answered, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    data: DataFolder,
}

/// Dismisses a report.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin dismiss report_7 \"its licence allows this\"")]
pub(crate) struct Dismiss {
    #[arg(value_name = "report_…")]
    report: String,
    /// What whoever sent it reads
    text: String,
    /// What the operator alone reads
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Takes a model out of lists and search. Its page is there by link, and it is called as before.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin hide alice/echo spam \"the same model forty times\"")]
pub(crate) struct Hide {
    #[command(flatten)]
    restrict: Restrict,
}

/// Takes a model down: it is not called, and its files are not read. Money that was earned stays.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  modelhub admin take-down alice/echo copyright \"its authors asked for it\" --note \"mail of 2026-11-23\""
)]
pub(crate) struct TakeDown {
    #[command(flatten)]
    restrict: Restrict,
}

#[derive(Debug, Args)]
struct Restrict {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    reason: Reason,
    /// What everybody is told
    text: String,
    /// What the operator alone reads
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Puts a model back that was hidden or taken down.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin restore alice/echo \"the file was replaced\"")]
pub(crate) struct Restore {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    /// What everybody is told, if anything
    #[arg(default_value = "")]
    text: String,
    /// What the operator alone reads
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    data: DataFolder,
}

/// Shows what was decided, the newest first, with notes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin moderation")]
pub(crate) struct Moderation {
    #[command(flatten)]
    data: DataFolder,
}

/// Says that you checked who an account is; without a note, shows whom you know.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub admin verify acme \"acme.example, by a DNS record\"
  modelhub admin verify")]
pub(crate) struct Verify {
    #[arg(requires = "note")]
    handle: Option<Handle>,
    /// What it was checked against, for everybody
    note: Option<String>,
    #[command(flatten)]
    data: DataFolder,
}

/// Takes that back.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelhub admin unverify acme")]
pub(crate) struct Unverify {
    handle: Handle,
    #[command(flatten)]
    data: DataFolder,
}

fn model_path(model: &ModelName) -> String {
    format!("{}/{}", segment(model.owner().as_str()), segment(model.name()))
}

impl Report {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.connection.open()?;
        let (Some(target), Some(reason)) = (self.model, self.reason) else {
            let reports: api::Reports = hub.get("/api/v1/reports")?;
            return screen.show(&reports, || table(&reports));
        };
        let release = target.release.map(|release| release.to_string());
        let new = api::NewReport { reason: reason.word(), text: self.text, release };
        let sent: api::Report = hub.post(&format!("/api/v1/models/{}/reports", model_path(&target.model)), &new)?;
        screen.show(&sent, || format!("{} of {} waits for the operator", sent.id, sent.model))
    }
}

fn table(reports: &api::Reports) -> String {
    if reports.items.is_empty() {
        return "no reports".to_owned();
    }
    let mut table =
        Table::new(["report", "model", "reason", "state", "sent", "by", "text"].map(|name| (name, Align::Left)));
    for report in &reports.items {
        let model =
            report.release.as_ref().map_or(report.model.clone(), |release| format!("{}@{release}", report.model));
        let said = match &report.answer {
            Some(answer) => format!("{} (answered: {})", report.text, answer),
            None => report.text.clone(),
        };
        table.row([
            report.id.clone(),
            one_line(&model),
            report.reason.clone(),
            report.state.clone(),
            report.sent.clone(),
            report.by.clone().unwrap_or_default(),
            one_line(&said),
        ]);
    }
    table.to_string()
}

impl Reports {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let state = if self.all { "" } else { "?state=open" };
        let reports: api::Reports = self.data.operator()?.get(&format!("/api/v1/admin/reports{state}"))?;
        screen.show(&reports, || table(&reports))
    }
}

impl Dismiss {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("/api/v1/admin/reports/{}/dismiss", segment(&self.report));
        let asked = api::DismissReport { text: self.text, note: self.note };
        let report: api::Report = self.data.operator()?.post(&path, &asked)?;
        screen.show(&report, || format!("dismissed {} of {}", report.id, report.model))
    }
}

impl Hide {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        self.restrict.run(screen, "hide")
    }
}

impl TakeDown {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        self.restrict.run(screen, "take-down")
    }
}

impl Restrict {
    fn run(self, screen: Screen, act: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/admin/models/{}/{act}", model_path(&self.model));
        let asked = api::Restrict { reason: self.reason.word(), text: self.text, note: self.note };
        let standing: api::ModelStanding = self.data.operator()?.post(&path, &asked)?;
        screen.show(&standing, || standing_words(&standing))
    }
}

impl Restore {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("/api/v1/admin/models/{}/restore", model_path(&self.model));
        let asked = api::RestoreModel { text: self.text, note: self.note };
        let standing: api::ModelStanding = self.data.operator()?.post(&path, &asked)?;
        screen.show(&standing, || standing_words(&standing))
    }
}

fn standing_words(standing: &api::ModelStanding) -> String {
    let why = match (&standing.reason, &standing.text) {
        (Some(reason), Some(text)) => format!(", {reason}: {}", one_line(text)),
        _ => String::new(),
    };
    format!("{} is {}{why}", standing.model, standing.state.replace('_', " "))
}

impl Moderation {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let trail: api::Decisions = self.data.operator()?.get("/api/v1/admin/moderation")?;
        screen.show(&trail, || {
            if trail.items.is_empty() {
                return "nothing was decided yet".to_owned();
            }
            let mut table = Table::new(
                ["time", "what", "about", "reason", "told to others", "noted", "by"].map(|name| (name, Align::Left)),
            );
            for line in &trail.items {
                table.row([
                    line.time.clone(),
                    line.decision.clone(),
                    one_line(line.about.as_deref().unwrap_or_default()),
                    line.reason.clone().unwrap_or_default(),
                    one_line(&line.text),
                    one_line(line.note.as_deref().unwrap_or_default()),
                    line.by.clone().unwrap_or_default(),
                ]);
            }
            table.to_string()
        })
    }
}

impl Verify {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let hub = self.data.operator()?;
        let (Some(handle), Some(note)) = (self.handle, self.note) else {
            let known: api::VerifiedAccounts = hub.get("/api/v1/verified")?;
            return screen.show(&known, || {
                let mut table = Table::new(["handle", "checked against", "since"].map(|name| (name, Align::Left)));
                for account in &known.items {
                    let note = one_line(account.note.as_deref().unwrap_or_default());
                    table.row([account.handle.clone(), note, account.since.clone().unwrap_or_default()]);
                }
                if table.is_empty() { "nobody is verified".to_owned() } else { table.to_string() }
            });
        };
        let path = format!("/api/v1/admin/verified/{}", segment(handle.as_str()));
        let known: api::VerifiedAccount = hub.put(&path, &api::Verify { note })?;
        screen.show(&known, || {
            format!("{} is verified: {}", known.handle, one_line(known.note.as_deref().unwrap_or_default()))
        })
    }
}

impl Unverify {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = format!("/api/v1/admin/verified/{}", segment(self.handle.as_str()));
        let known: api::VerifiedAccount = self.data.operator()?.delete(&path)?;
        screen.show(&known, || format!("{} is not verified", known.handle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_named_as_in_the_interface_and_dashes_are_taken_too() {
        for reason in Reason::value_variants() {
            let shown = reason.to_possible_value().unwrap();
            assert_eq!(shown.get_name(), reason.word());
            let dashed = Reason::from_str(&reason.word().replace('_', "-"), false).unwrap();
            assert_eq!(dashed.word(), reason.word());
        }
    }
}
