//! A publish as the hub tells it: verdict after verdict, then what there is now, or why not.

use std::io::{BufRead, BufReader, Read};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use crate::client::problem_of;
use crate::screen::{Screen, hinted, one_line};

/// One line of the hub's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Verdict(api::Verdict),
    Published(api::Published),
    Error(Value),
}

/// The result for programs: what there is now, and why.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    published: api::Published,
    verdicts: Vec<api::Verdict>,
}

/// Longest line of the answer that is read.
const LINE_LIMIT: u64 = 1024 * 1024;

/// Shows the verdicts as they come, then how it ended.
pub(crate) fn show(screen: Screen, response: Response<Body>, dry_run: bool) -> anyhow::Result<()> {
    let mut lines = BufReader::new(response.into_body().into_with_config().limit(64 * LINE_LIMIT).reader());
    let spinner = screen.spinner("The hub looks at it");
    let mut verdicts = Vec::new();
    let unknown = |why: String| hinted(why, unknown_end(dry_run));
    while let Some(line) = next_line(&mut lines).map_err(|error| unknown(format!("{error:#}")))? {
        match serde_json::from_str(&line).context("the hub's answer has a line we cannot read")? {
            Line::Verdict(verdict) => {
                spinner.suspend(|| screen.line(&words(&verdict)))?;
                verdicts.push(verdict);
            }
            Line::Error(error) => return Err(problem_of(error)),
            Line::Published(published) => {
                spinner.finish_and_clear();
                let told = Told { published, verdicts };
                return screen.show(&told, || ending(&told.published, dry_run));
            }
        }
    }
    Err(unknown("the hub hung up before it said how this ended".to_owned()))
}

/// What to do where the end of a publish did not arrive.
fn unknown_end(dry_run: bool) -> &'static str {
    match dry_run {
        true => "nothing is published by a dry run: run it again once the hub answers",
        false => {
            "it is not known whether it was published; publish again: what is there already is not published twice"
        }
    }
}

/// A verdict as a line.
fn words(verdict: &api::Verdict) -> String {
    let api::Verdict { step, ok, detail, ms } = verdict;
    let ok = if *ok { "ok  " } else { "fail" };
    format!("{ok}  {:<10}  {} ({ms} ms)", one_line(step), one_line(detail))
}

/// The last lines: what there is now.
fn ending(published: &api::Published, dry_run: bool) -> String {
    let api::Published { model, release, price, url, change, reasons, sealed, .. } = published;
    let reasons: String = reasons.iter().map(|reason| format!("{change}: {}\n", one_line(reason))).collect();
    if dry_run {
        return format!("{reasons}{model} would become {release} ({change}); nothing was published");
    }
    let done = if *sealed { "published" } else { "nothing new: these files are" };
    format!("{reasons}{done} {model} {release}, {}\n{}", one_line(price), one_line(url))
}

fn next_line(lines: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    lines.by_ref().take(LINE_LIMIT).read_line(&mut line).context("the hub's answer broke off")?;
    if line.len() as u64 >= LINE_LIMIT {
        bail!("the hub's answer has a line of more than {LINE_LIMIT} bytes");
    }
    Ok(Some(line.trim_end().to_owned()).filter(|line| !line.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_one_line_each() {
        let line = r#"{"verdict": {"step": "dry run", "ok": true, "detail": "loads, 1 input,\n1 output", "ms": 38}}"#;
        let Line::Verdict(verdict) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        assert_eq!(words(&verdict), "ok    dry run     loads, 1 input, 1 output (38 ms)");
    }

    #[test]
    fn an_answer_is_read_line_by_line_up_to_a_limit() {
        let mut lines = BufReader::new("{\"a\":1}\n{\"b\":2}\n".as_bytes());
        assert_eq!(next_line(&mut lines).unwrap().as_deref(), Some("{\"a\":1}"));
        assert_eq!(next_line(&mut lines).unwrap().as_deref(), Some("{\"b\":2}"));
        assert_eq!(next_line(&mut lines).unwrap(), None);
        let mut endless = BufReader::new(std::io::repeat(b'a'));
        assert!(next_line(&mut endless).is_err());
    }
}
