//! `modelhub audit`: recomputes the books from their rows.

use std::path::Path;

use clap::Args;
use ledger::Call;
use serde::Serialize;
use store::audit::{AuditError, Depth, Proof, Report, audit_to};
use store::backup;

use crate::backup::explained as backup_error;
use crate::bucket;
use crate::identity::Identity;
use crate::place::DataFolder;
use crate::screen::{Align, Screen, Table, hinted, one_line};

/// Checks the books: recomputes every cut, sum, hold and balance from the rows alone.
///
/// Looks only. A hub may be running, and a backup is audited like a hub's own folder. Ends with `books balance: 0` when
/// all is in order, and with status 1 when not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub audit
  modelhub audit --deep
  modelhub audit --data /srv/backup --json")]
pub(crate) struct Audit {
    /// Also read every page of both databases and every byte of every model, and check the signatures of all receipts
    /// that were handed out
    #[arg(long)]
    deep: bool,
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
        let folder = backup::books_in(&self.data.path()?).map_err(backup_error)?;
        let report = look(&folder, self.deep, screen)?;
        screen.show(&Told { in_order: report.in_order(), report: &report }, || words(&report))?;
        if report.in_order() {
            return Ok(());
        }
        let message = format!("the books are not in order: {} differences", report.differences);
        Err(hinted(message, "stop the hub, keep a copy of the folder, and look at the rows named above"))
    }
}

/// Audits a folder, and shows how far it is.
pub(crate) fn look(folder: &Path, deep: bool, screen: Screen) -> anyhow::Result<Report> {
    let spinner = screen.spinner("Reading the books");
    let progress = |rows: u64| spinner.set_message(format!("Reading the books: {rows} rows"));
    let identity = Identity::read(folder)?;
    let proof = |call: &Call, signature: &[u8]| {
        let (hub, signer) = identity.as_ref().ok_or("the hub's receipt.key is not here")?;
        let signature = signature.try_into().map_err(|_| format!("{} bytes are no signature", signature.len()))?;
        let digest = receipt::digest(hub, &hub::receipt_of(call));
        match receipt::recover(&digest, &receipt::Signature(signature)) {
            Ok(address) if address == signer.address() => Ok(()),
            Ok(address) => Err(format!("{address} signed it, or something else than the row says")),
            Err(error) => Err(error.to_string()),
        }
    };
    let depth = Depth { deep: deep.then_some(&proof as Proof<'_>), keys: bucket::keys(), progress: Some(&progress) };
    let mut report = audit_to(folder, &depth).map_err(|error| explained(error, folder))?;
    spinner.finish_and_clear();
    if report.rows > 0 && !folder.join("hub.db").is_file() {
        report.differences += 1;
        report
            .first
            .push("hub.db is gone: cuts, royalties and the sums that pages show could not be compared".to_owned());
    }
    Ok(report)
}

/// An error with what to do about it.
pub(crate) fn explained(error: AuditError, folder: &Path) -> anyhow::Error {
    match error {
        AuditError::Begun(error) => bucket::explained(error),
        error => anyhow::Error::from(error).context(folder.display().to_string()),
    }
}

pub(crate) fn words(report: &Report) -> String {
    let mut table = Table::new([("", Align::Right), ("", Align::Left)]);
    let counts = [
        (report.rows, "rows read, each with its checksum"),
        (report.calls, "calls"),
        (report.charged, "of them charged"),
        (report.trials, "of them paid by somebody else: trials"),
        (report.cuts, "cuts worked out again"),
        (report.royalties, "royalties worked out again"),
        (report.transfers, "transfers summed"),
        (report.refunds, "of them refunds, compared with their calls"),
        (report.recoveries, "of them recoveries, compared with their refunds"),
        (report.holds, "durable holds followed to their ends"),
        (report.open_holds, "of them open"),
        (report.accounts, "accounts, both purses recomputed"),
        (report.snapshots, "snapshots compared"),
        (report.rollups, "sums of the catalogue compared"),
        (report.outcomes, "stored outcomes looked at"),
    ];
    let deep = report.deep.iter().flat_map(|deep| {
        [
            (deep.pages, "pages of both databases checked"),
            (deep.receipts, "receipts that were handed out, their signatures checked"),
            (deep.outcome_files, "files of outcomes found"),
            (deep.blobs, "files of models hashed"),
            (deep.blob_bytes, "bytes of them"),
        ]
    });
    for (count, what) in counts.into_iter().chain(deep) {
        table.row([count.to_string(), what.to_owned()]);
    }
    let mut text = table.to_string();
    for difference in &report.first {
        text.push_str(&format!("differs  {}\n", one_line(difference)));
    }
    if report.differences > report.first.len() as u64 {
        text.push_str(&format!("differs  … {} in all\n", report.differences));
    }
    if report.owed != 0 {
        text.push_str(&format!("owed for refunds: {}\n", opg(report.owed)));
    }
    // The one line that scripts look for: it says that all is in order, and of damaged books it would be a lie.
    if report.in_order() {
        text.push_str("books balance: 0");
    } else if report.books_balance != 0 {
        text.push_str(&format!("out of balance by {}", opg(report.books_balance)));
    }
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
    fn the_balance_is_the_last_line_of_books_that_are_in_order() {
        let text = words(&Report { calls: 3, ..Report::default() });
        assert_eq!(text.lines().last(), Some("books balance: 0"));
        let differs = Report { calls: 3, differences: 25, first: vec!["row 2".to_owned()], ..Report::default() };
        let text = words(&differs);
        assert!(text.contains("differs  row 2\n") && text.contains("… 25 in all"), "{text}");
        assert!(!text.contains("balance"), "{text}");
        let text = words(&Report { books_balance: -1, ..differs });
        assert_eq!(text.lines().last(), Some("out of balance by -0.000000001"));
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
