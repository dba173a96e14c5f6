//! The files of a model, on its page.

use maud::{Markup, html};

use crate::figure::count;
use crate::link;

/// More files of a page than this are counted, not listed.
pub const FILES_LISTED: usize = 100;
/// A list longer than this starts folded.
const FILES_SHOWN: usize = 12;

/// One file of the newest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Where it lies.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// Everybody may read it.
    pub open: bool,
    /// What was found in it.
    pub scan: Scan,
}

/// What was found in a file, as far as the hub has looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// It has not yet.
    Waiting,
    /// Nothing.
    Clean,
    /// Something that whoever opens the file should know.
    Notice(String),
    /// It would harm whoever opens it the usual way.
    Dangerous(String),
}

pub(crate) fn files(owner: &str, name: &str, files: &[FileRow]) -> Markup {
    let whole: u64 = files.iter().fold(0, |sum, file| sum.saturating_add(file.size));
    let list = html! {
        div.scroll tabindex="0" {
            table.files {
                caption.hidden { "Files, and whether they may be read" }
                thead { tr { th scope="col" { "File" } th.number scope="col" { "Size" } } }
                tbody {
                    @for file in files.iter().take(FILES_LISTED) {
                        tr {
                            th scope="row" {
                                @if file.open {
                                    a href=(link::file(owner, name, &file.path)) { (file.path) }
                                } @else {
                                    (file.path) span.note { ", stays here" }
                                }
                                @match &file.scan {
                                    Scan::Waiting => p.note { "Not looked at yet" },
                                    Scan::Clean => {}
                                    Scan::Notice(found) => p.note { (found) },
                                    Scan::Dangerous(found) => p.fail { "Dangerous: " (found) },
                                }
                            }
                            td.number { (size(file.size)) }
                        }
                    }
                }
            }
        }
        @if files.len() > FILES_LISTED {
            p.note { "and " span.num { (count((files.len() - FILES_LISTED) as u64)) } " more" }
        }
    };
    html! {
        @if !files.is_empty() { (scanned(files)) }
        @if files.is_empty() {
            p.note { "No files yet." }
        } @else if files.len() > FILES_SHOWN {
            details {
                summary { span.num { (count(files.len() as u64)) } " files, " (size(whole)) }
                (list)
            }
        } @else {
            (list)
        }
    }
}

/// What was found in all of them, in a line.
fn scanned(files: &[FileRow]) -> Markup {
    let count_of = |is: fn(&Scan) -> bool| files.iter().filter(|file| is(&file.scan)).count() as u64;
    let dangerous = count_of(|scan| matches!(scan, Scan::Dangerous(_)));
    let noticed = count_of(|scan| matches!(scan, Scan::Notice(_)));
    let waiting = count_of(|scan| matches!(scan, Scan::Waiting));
    html! {
        p.note {
            "Looked through by the hub, by content and without running anything: "
            @if dangerous > 0 { strong.fail { span.num { (count(dangerous)) } " dangerous" } ", " }
            @if noticed > 0 { span.num { (count(noticed)) } " with a notice, " }
            @if waiting > 0 { span.num { (count(waiting)) } " waiting, " }
            span.num { (count(files.len() as u64 - dangerous - noticed - waiting)) } " clean."
        }
    }
}

/// A size as people say it, cut off and not rounded up.
fn size(bytes: u64) -> Markup {
    let mut unit = "bytes";
    let (mut whole, mut tenths) = (bytes, None);
    for larger in ["kB", "MB", "GB", "TB"] {
        if whole < 1_000 {
            break;
        }
        (whole, tenths, unit) = (whole / 1_000, Some(whole % 1_000 / 100), larger);
    }
    html! {
        span.num { (count(whole)) @if let Some(tenths) = tenths.filter(|_| whole < 100) { "." (tenths) } } " " (unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_never_too_large() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_999, "1.9 kB"),
            (99_999, "99.9 kB"),
            (999_999, "999 kB"),
            (2_147_483_648, "2.1 GB"),
            (u64::MAX, "18,446,744 TB"),
        ] {
            let told = size(bytes).into_string().replace("<span class=\"num\">", "").replace("</span>", "");
            assert_eq!(told, text);
        }
    }
}
