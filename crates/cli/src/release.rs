//! `modelhub release`: a commit that is on the hub becomes a release that can be called.

use clap::Args;
use registry::{ModelName, ReleaseNumber, Revision};
use serde::Serialize;

use crate::place::Connection;
use crate::screen::{Screen, one_line};
use crate::verdicts;

/// Publishes a commit that is on the hub, as huggingface_hub and other tools make them.
///
/// The hub looks at it as it does at `modelhub publish`: loads it, reads its contract, runs its examples twice and
/// seals the release. A push to main whose card names a price is published by itself after ten seconds without
/// another; --status says what waits so, and what was refused and why.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub release alice/magika --price \"0.002 OPG\"
  modelhub release alice/magika --revision v2 --latest
  modelhub release alice/magika --dry-run              judges it and publishes nothing
  modelhub release alice/magika --status               what waits, and what was refused")]
pub(crate) struct Release {
    #[arg(value_name = "OWNER/NAME")]
    model: ModelName,
    /// The branch, tag or commit [default: main]
    #[arg(long, value_parser = revision)]
    revision: Option<Revision>,
    /// What a call costs, like "0.002 OPG" or "0.0002 USD" [default: the card's]
    #[arg(long)]
    price: Option<String>,
    /// The release's number, where it should not be the next one
    #[arg(long, value_name = "RELEASE")]
    release: Option<ReleaseNumber>,
    /// Let calls that name no release get this one, even if callers have to change something
    #[arg(long)]
    latest: bool,
    /// Judge it and publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Say what becomes of the newest commit of main, and do nothing
    #[arg(long, conflicts_with_all = ["revision", "price", "release", "latest", "dry_run"])]
    status: bool,
    #[command(flatten)]
    connection: Connection,
}

fn revision(text: &str) -> Result<Revision, String> {
    text.parse().map_err(|error: registry::RefError| error.to_string())
}

/// What `--status` tells programs.
#[derive(Debug, Serialize)]
struct Status {
    model: String,
    /// None: nothing waits and nothing was refused.
    draft: Option<api::DraftState>,
}

impl Release {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let client = self.connection.open()?;
        if self.status {
            let draft = client.find(&format!("/api/v1/models/{}/draft", self.model))?;
            let status = Status { model: self.model.to_string(), draft };
            return screen.show(&status, || words(&status));
        }
        let wish = api::ReleaseWish {
            revision: self.revision.map(written),
            price: self.price.map(|price| api::PriceTerms { per_call: Some(price), ..Default::default() }),
            release: self.release.map(|release| release.to_string()),
            latest: self.latest,
            dry_run: self.dry_run,
        };
        let response = client.send_json("POST", &format!("/api/v1/models/{}/releases", self.model), &wish)?;
        verdicts::show(screen, response, self.dry_run)
    }
}

/// A revision as the hub reads it: a branch and a tag may have one name.
fn written(revision: Revision) -> String {
    match revision {
        Revision::Branch(name) => format!("refs/heads/{name}"),
        Revision::Tag(name) => format!("refs/tags/{name}"),
        other => other.to_string(),
    }
}

fn words(status: &Status) -> String {
    let model = &status.model;
    let Some(draft) = &status.draft else {
        return format!("nothing of {model} waits to become a release, and nothing was refused");
    };
    let what = one_line(&format!("commit {} of {} on {}", draft.commit, draft.committed, draft.branch));
    let will_be = draft.release.as_ref().map_or_else(|| "a release".to_owned(), |number| one_line(number));
    let by_hand = match draft.branch.as_str() {
        "main" => format!("modelhub release {model}"),
        branch => one_line(&format!("modelhub release {model} --revision {branch}")),
    };
    match (&draft.due, &draft.refused) {
        (_, Some(why)) => format!("{what} is no release: {}\npublish it by hand: {by_hand}", one_line(why)),
        (Some(due), None) => format!("{what} becomes {will_be} at {}, if nothing is pushed after it", one_line(due)),
        (None, None) => format!("{what} waits for you: {by_hand}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_becomes_of_a_push() {
        let draft = |rest: &str| {
            let text =
                format!(r#"{{"branch": "main", "commit": "c0ffee", "committed": "2026-11-26T02:00:00.000Z"{rest}}}"#);
            words(&Status { model: "alice/iris".to_owned(), draft: serde_json::from_str(&text).unwrap() })
        };
        assert!(draft(r#", "due": "2026-11-26T02:00:10.000Z""#).contains("a release at 2026-11-26T02:00:10.000Z"));
        assert!(
            draft(r#", "refused": "dry run: it\ndoes not load""#).contains("no release: dry run: it does not load")
        );
        assert!(draft("").ends_with("waits for you: modelhub release alice/iris"));
        let nothing = words(&Status { model: "alice/iris".to_owned(), draft: None });
        assert!(nothing.starts_with("nothing of alice/iris waits"), "{nothing}");
    }

    #[test]
    fn a_branch_stays_a_branch_on_its_way() {
        for text in ["refs/heads/main", "refs/tags/v1", "v1", "0123456789012345678901234567890123456789"] {
            assert_eq!(written(revision(text).unwrap()), text);
        }
        assert!(revision("a..b").is_err());
    }
}
