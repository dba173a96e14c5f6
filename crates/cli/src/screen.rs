//! What people and programs see: standard output for results, standard error for progress and mistakes.
//!
//! Always: with `--json` standard output holds JSON and nothing else; progress shows on a terminal only; there are no
//! colours, so that what is piped reads as what is seen. A reader that has gone away ends the program quietly.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Screen {
        Screen { json }
    }

    /// The one result: as JSON, or in words.
    pub(crate) fn show(self, document: &impl Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            return write(&serde_json::to_string(document)?);
        }
        write(words().trim_end())
    }

    /// A line for people; nothing with `--json`.
    pub(crate) fn line(self, text: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { write(text) }
    }

    /// A line of JSON; nothing without `--json`.
    pub(crate) fn document(self, document: &impl Serialize) -> anyhow::Result<()> {
        if self.json { write(&serde_json::to_string(document)?) } else { Ok(()) }
    }

    /// A remark beside the result.
    pub(crate) fn note(self, text: &str) {
        // Standard error is where it would be told that standard error is gone.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A bar that counts bytes, hidden where there is no terminal.
    pub(crate) fn bytes(self, what: &str, total: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}")
            .expect("the template is a constant and right");
        ProgressBar::new(total).with_style(style).with_message(what.to_owned())
    }

    /// Bars that stand under each other.
    pub(crate) fn bars(self) -> Bars {
        Bars { screen: self, all: MultiProgress::new() }
    }

    /// A bar that says what it counts, hidden where there is no terminal.
    pub(crate) fn steps(self) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg} {bar:30} {percent} % {eta}")
            .expect("the template is a constant and right");
        ProgressBar::new(0).with_style(style)
    }

    /// Something that turns while we wait, hidden where there is no terminal.
    pub(crate) fn spinner(self, what: &str) -> ProgressBar {
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }
}

/// Bars that stand under each other, hidden where there is no terminal.
#[derive(Debug)]
pub(crate) struct Bars {
    screen: Screen,
    all: MultiProgress,
}

impl Bars {
    /// One more that counts bytes.
    pub(crate) fn bytes(&self, what: &str, total: u64) -> ProgressBar {
        self.all.add(self.screen.bytes(what, total))
    }

    /// Takes them all away.
    pub(crate) fn clear(&self) {
        // The terminal may be gone, and then they are.
        let _ = self.all.clear();
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => Ok(done?),
    }
}

/// A mistake with advice.
#[derive(Debug)]
pub(crate) struct Hinted {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Hinted {}

/// An error that says what to do about it.
pub(crate) fn hinted(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { message: message.into(), hint: hint.into() }.into()
}

/// Tells why the command failed.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let mut out = io::stderr().lock();
    // Nobody is left to be told if these fail.
    let _ = writeln!(out, "error: {}", one_line(&format!("{error:#}")));
    if let Some(hint) = error.chain().find_map(|cause| cause.downcast_ref::<Hinted>()).map(|hinted| &hinted.hint) {
        let _ = writeln!(out, "hint: {}", one_line(hint));
    }
    ExitCode::FAILURE
}

/// What a stranger wrote, as one line that cannot move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Columns that stand under each other.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

/// Which side of a column is straight. Numbers end where their units end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Align); N]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row has as many cells as there are columns");
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let named = !head.iter().all(String::is_empty);
        let lines = || named.then_some(&head).into_iter().chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in lines() {
            let mut text = String::new();
            for ((cell, width), (_, align)) in line.iter().zip(&widths).zip(&self.columns) {
                match align {
                    Align::Left => text.push_str(&format!("{cell:<width$}  ")),
                    Align::Right => text.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Bytes for people.
pub(crate) fn bytes(size_bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| size_bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", size_bytes / unit, size_bytes % unit / (unit / 10)),
        None => format!("{size_bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_table_stand_under_each_other() {
        let mut table = Table::new([("model", Align::Left), ("cost", Align::Right)]);
        table.row(["alice/magika".to_owned(), "0.002 OPG".to_owned()]);
        table.row(["bob/a\nb".to_owned(), "12 OPG".to_owned()]);
        assert_eq!(
            table.to_string(),
            "model              cost\nalice/magika  0.002 OPG\nbob/a b          12 OPG\n",
            "and what strangers wrote stays on its line"
        );
    }

    #[test]
    fn sizes_read_well() {
        for (size, text) in
            [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 kB"), (34_812_345, "34.8 MB"), (2_000_000_000, "2.0 GB")]
        {
            assert_eq!(bytes(size), text);
        }
    }
}
