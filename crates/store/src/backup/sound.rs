//! Whether the copied books are worth the place of the former backup: what a restore would refuse, found before.

use super::{BackupError, Copying, last_row, manifest, sql};
use crate::audit::{AuditError, audit_copy};
use crate::sqlite::{LEDGER, open_read_only};

impl Copying<'_> {
    /// Asks of the copied books what a restore will ask, while the former backup is there.
    pub(super) fn sound(&self) -> Result<(), BackupError> {
        let books = self.part.join("ledger.db");
        let last = last_row(&open_read_only(&books, &LEDGER)?).map_err(sql(&books))?;
        let told = |row| (self.progress)("Checking the books", row, last);
        told(0);
        let wrong = match audit_copy(self.part, last, &told) {
            // A restore moves them to the newest schema before it looks; here they stay as they are.
            Err(AuditError::Older { .. }) => None,
            Err(AuditError::Open(error)) => return Err(error.into()),
            Err(error) => Some(error.to_string()),
            Ok(report) => report.wrong(),
        };
        let Some(wrong) = wrong else { return Ok(()) };
        let kept = manifest(self.to).ok().map(|former| former.made);
        Err(BackupError::Unsound { folder: self.folder.to_owned(), wrong, to: self.to.to_owned(), kept })
    }
}
