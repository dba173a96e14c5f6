//! Which number a release gets.
//!
//! Always: the first is 1.00; what a caller of the release before could notice begins a new major; numbers only go up.

use registry::{Change, Contract, ReleaseNumber, next_release};
use store::ReleaseRecord;

use crate::Error;
use crate::publish::{Draft, Version, unfit};

/// The number, the word for the change, and the reasons for it.
type Numbered = (ReleaseNumber, &'static str, Vec<String>);

/// Which release this will be.
pub(crate) fn number(
    draft: &Draft,
    latest: Option<&ReleaseRecord>,
    contract: &Contract,
) -> Result<(Numbered, String), Error> {
    let change = latest.map_or(Change::Same, |latest| latest.contract.change(contract));
    if let Some(Version { number, .. }) = draft.version {
        return promised(number, latest.map(|latest| latest.number), change).map(told);
    }
    let due = next_release(latest.map(|latest| latest.number), &change)
        .ok_or_else(|| unfit("release", "the model has as many releases as numbers allow", ""))?;
    let (word, reasons) = match (latest, change) {
        (None, _) => ("first", Vec::new()),
        (_, Change::Same) => ("minor", Vec::new()),
        (_, Change::Minor { what }) => ("minor", what),
        (_, Change::Major { why }) => ("major", why),
    };
    match draft.number {
        Some(asked) if asked != due => {
            let reason = format!("{asked} was asked for, but this is {due} ({word} release{})", because(&reasons));
            Err(unfit("release", reason, "leave the number out, or ask for the due one"))
        }
        _ => Ok(told((due, word, reasons))),
    }
}

/// A number that was given beforehand: it stands, if callers may rely on what it says.
fn promised(version: ReleaseNumber, latest: Option<ReleaseNumber>, change: Change) -> Result<Numbered, Error> {
    let refused = |reason: String, hint: &str| Err(unfit("release", reason, hint));
    match (latest, change) {
        (None, _) if version == ReleaseNumber::FIRST => Ok((version, "first", Vec::new())),
        (None, _) => {
            let first = ReleaseNumber::FIRST;
            refused(format!("{version} cannot be the first release"), &format!("upload these files to {first}"))
        }
        (Some(latest), _) if version <= latest => {
            let reason = format!("{latest} is published already, and numbers only go up");
            refused(reason, "create another version and upload these files to it")
        }
        (Some(latest), Change::Major { why }) if version.major() == latest.major() => {
            let reason = format!("{version} would break calls that {latest} takes{}", because(&why));
            refused(reason, "create a major version (is_major=True) and upload these files to it")
        }
        (_, Change::Major { why }) => Ok((version, "major", why)),
        (Some(latest), Change::Minor { what }) => Ok((version, step(version, latest), what)),
        (Some(latest), Change::Same) => Ok((version, step(version, latest), Vec::new())),
    }
}

fn step(version: ReleaseNumber, latest: ReleaseNumber) -> &'static str {
    if version.major() == latest.major() { "minor" } else { "major" }
}

fn told((number, word, reasons): Numbered) -> (Numbered, String) {
    let detail = format!("{number}, {word}{}", because(&reasons));
    ((number, word, reasons), detail)
}

fn because(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(version: &str, latest: Option<&str>, change: Change) -> Result<&'static str, String> {
        let number = |text: &str| text.parse::<ReleaseNumber>().expect("a number");
        let done = super::promised(number(version), latest.map(number), change);
        done.map(|(given, word, _)| {
            assert_eq!(given, number(version), "what was given stands");
            word
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_that_was_given_stands_where_callers_may_rely_on_it() {
        let minor = || Change::Minor { what: vec!["more".to_owned()] };
        let major = || Change::Major { why: vec!["x is gone".to_owned()] };
        assert_eq!(promised("1.00", None, Change::Same), Ok("first"));
        assert_eq!(promised("1.01", Some("1.00"), Change::Same), Ok("minor"));
        assert_eq!(promised("1.07", Some("1.00"), minor()), Ok("minor"), "those between may never come");
        assert_eq!(promised("2.00", Some("1.00"), Change::Same), Ok("major"), "its author says so");
        assert_eq!(promised("2.00", Some("1.00"), major()), Ok("major"));
        for (version, latest, change, reason) in [
            ("1.01", None, Change::Same, "1.01 cannot be the first release"),
            ("1.01", Some("1.01"), Change::Same, "1.01 is published already"),
            ("1.01", Some("2.00"), Change::Same, "2.00 is published already"),
            ("1.01", Some("1.00"), major(), "1.01 would break calls that 1.00 takes: x is gone"),
        ] {
            let refused = promised(version, latest, change).expect_err("it cannot stand");
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
