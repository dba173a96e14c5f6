//! `modelhub scan`, `card`: what the files of a model hold, and what its card says and leaves out.

use clap::Args;
use registry::ModelName;

use crate::client::{Client, segment};
use crate::place::Connection;
use crate::screen::{Align, Screen, Table, one_line};

/// Shows what was found in a model's files: clean, notice or dangerous, and why.
///
/// A file is looked through when it comes in, by its content, and never run. `modelhub publish` refuses what would be
/// loaded and is dangerous.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub scan alice/magika
  modelhub scan alice/magika --revision v1 --json")]
pub(crate) struct Scan {
    #[command(flatten)]
    of: Of,
}

/// Shows what a model's card says of a hundred, and how to add what it leaves out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub card alice/magika
  modelhub card alice/magika --revision v1 --json")]
pub(crate) struct Card {
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, Args)]
struct Of {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    /// A branch, a tag or a commit [default: main]
    #[arg(long)]
    revision: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Of {
    fn path(&self, what: &str, fields: &[(&str, &str)]) -> String {
        let (owner, name) = (segment(self.model.owner().as_str()), segment(self.model.name()));
        let revision = self.revision.iter().map(|revision| ("revision", revision.as_str()));
        let fields = revision.chain(fields.iter().copied());
        let fields: Vec<_> = fields.map(|(field, value)| format!("{field}={}", segment(value))).collect();
        format!("/api/v1/models/{owner}/{name}/{what}?{}", fields.join("&"))
    }
}

impl Scan {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.of.connection.open()?;
        let found = self.all(&client)?;
        screen.show(&found, || scanned(&found))
    }

    /// All its files, page by page.
    fn all(&self, client: &Client) -> anyhow::Result<api::ModelScan> {
        let mut found: api::ModelScan = client.get(&self.of.path("scan", &[("limit", "100")]))?;
        while let Some(cursor) = found.next.take() {
            let page: api::ModelScan =
                client.get(&self.of.path("scan", &[("limit", "100"), ("cursor", cursor.as_str())]))?;
            // It changed meanwhile: the first files are others' now.
            anyhow::ensure!(page.commit == found.commit, "{} was changed while it was read; ask again", found.model);
            found.items.extend(page.items);
            found.next = page.next;
        }
        Ok(found)
    }
}

impl Card {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let found: api::ModelCard = self.of.connection.open()?.get(&self.of.path("card", &[]))?;
        screen.show(&found, || card(&found))
    }
}

fn scanned(found: &api::ModelScan) -> String {
    let mut table = Table::new([("file", Align::Left), ("verdict", Align::Left), ("", Align::Left)]);
    for file in &found.items {
        let verdict = file.verdict.clone().unwrap_or_else(|| "waiting".to_owned());
        let said = file.summary.as_deref().or(file.format.as_deref()).unwrap_or_default();
        table.row([one_line(&file.path), verdict, one_line(said)]);
        for finding in &file.findings {
            let place =
                if finding.place.is_empty() { String::new() } else { format!(" ({})", one_line(&finding.place)) };
            table.row([
                String::new(),
                finding.verdict.clone(),
                format!("{}: {}{place}", finding.code, one_line(&finding.text)),
            ]);
        }
        if file.more > 0 {
            table.row([String::new(), String::new(), format!("and {} more", file.more)]);
        }
    }
    let api::ModelScan { model, clean, notice, dangerous, waiting, .. } = found;
    if table.is_empty() {
        return format!("{model} has no files");
    }
    let sum = found.verdict.as_deref().unwrap_or("not looked at yet");
    format!("{table}{model} is {sum}: {clean} clean, {notice} with a notice, {dangerous} dangerous, {waiting} waiting")
}

fn card(found: &api::ModelCard) -> String {
    let api::ModelCard { model, score, parts, refused, licences, notices, .. } = found;
    let mut table = Table::new([("missing", Align::Left), ("worth", Align::Right), ("", Align::Left)]);
    for part in parts.iter().filter(|part| !part.filled) {
        table.row([part.part.clone(), part.weight.to_string(), one_line(&part.how)]);
    }
    let mut text = format!("{model}: {score} of 100\n");
    if let Some(why) = refused {
        text += &format!("the card cannot be read: {}\n", one_line(why));
    }
    for licence in licences {
        let near = match licence.nearest.as_slice() {
            [] => String::new(),
            near => format!(", which nobody knows; near it: {}", near.join(", ")),
        };
        text += &format!("licence {}{}\n", one_line(&licence.licence), one_line(&near));
    }
    for notice in notices {
        text += &format!("notice  {}\n", one_line(notice));
    }
    if table.is_empty() { format!("{text}nothing is missing") } else { format!("{text}{table}").trim_end().to_owned() }
}
