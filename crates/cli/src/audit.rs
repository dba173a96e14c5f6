//! `modelhub audit`: recomputes the books from their rows.

use clap::Args;
use serde::Serialize;
use store::audit::{Report, audit};

use crate::place::DataFolder;
use crate::screen::{Align, Screen, Table, hinted, one_line};

/// Checks the books: recomputes every cut, sum and balance from the rows alone.
///
/// Looks only. A hub may be running. Ends with `books balance: 0` when all is in order, and with status 1 when not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub audit
  modelhub audit --data /srv/hub --json")]
pub(crate) struct Audit {
    #[command(flatten)]
    data: DataFolder,
}

/// The report for programs.
#[derive(Debug, Serialize)]
struct Told<'a> {
    in_order: bool,
    #[serde(flatten)]
    report: &'a Report,
}

impl Audit {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let folder = self.data.path()?;
        let spinner = screen.spinner("Reading the books");
        let report = audit(&folder)?;
        spinner.finish_and_clear();
        screen.show(&Told { in_order: report.in_order(), report: &report }, || words(&report))?;
        if report.in_order() {
            return Ok(());
        }
        let message = format!("the books are not in order: {} differences", report.differences);
        Err(hinted(message, "stop the hub, keep a copy of the folder, and look at the rows named above"))
    }
}

fn words(report: &Report) -> String {
    let mut table = Table::new([("", Align::Right), ("", Align::Left)]);
    for (count, what) in [
        (report.calls, "calls read"),
        (report.charged, "of them charged"),
        (report.cuts, "cuts worked out again"),
        (report.transfers, "transfers summed"),
        (report.accounts, "balances recomputed"),
        (report.snapshots, "snapshots compared"),
        (report.rollups, "sums of the catalogue compared"),
        (report.outcomes, "stored outcomes looked at"),
    ] {
        table.row([count.to_string(), what.to_owned()]);
    }
    let mut text = table.to_string();
    for difference in &report.first {
        text.push_str(&format!("differs  {}\n", one_line(difference)));
    }
    if report.differences > report.first.len() as u64 {
        text.push_str(&format!("differs  … {} in all\n", report.differences));
    }
    text.push_str(&format!("books balance: {}", opg(report.books_balance)));
    text
}

/// Nano-OPG as OPG; books that are out of balance can be so in either direction.
fn opg(nano: i128) -> String {
    let (sign, whole, part) =
        (if nano < 0 { "-" } else { "" }, nano.unsigned_abs() / 1_000_000_000, nano.unsigned_abs() % 1_000_000_000);
    let text = format!("{sign}{whole}.{part:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_balance() {
        let report = Report { calls: 3, differences: 25, first: vec!["row 2".to_owned()], ..Report::default() };
        let text = words(&report);
        assert_eq!(text.lines().last(), Some("books balance: 0"));
        assert!(text.contains("differs  row 2\n") && text.contains("… 25 in all"), "{text}");
    }

    #[test]
    fn differences_of_one_unit_are_seen() {
        for (nano, text) in
            [(0, "0"), (1, "0.000000001"), (-1, "-0.000000001"), (1_500_000_000, "1.5"), (-2_000_000_000, "-2")]
        {
            assert_eq!(opg(nano), text);
        }
    }
}
