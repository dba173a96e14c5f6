//! Who asks a model so often that it looks like copying: with enough questions and answers a model can be trained anew.
//!
//! Always: counted by payer, release and day of UTC, from the rows of the books, since this hub was started; the owner is
//! told once a day, by the payer's name that only they see. Nobody is stopped: a good customer looks the same.
//!
//! Absent on purpose: guesses from what is asked. Inputs are not kept.

use std::collections::HashMap;
use std::sync::Mutex;

use ledger::{AccountId, Class, Outcome, ReleaseId, Time};
use serde_json::json;
use store::{Row, Seq};

use crate::{Error, Hub};

/// Items in a day from which on an owner hears of it.
const MANY: u64 = 10_000;
/// The most that is counted: beyond, new payers of the day are not.
const MOST: usize = 100_000;

/// Somebody who has reached that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Much {
    release: ReleaseId,
    payer: AccountId,
    day: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Volumes(Mutex<Day>);

#[derive(Debug, Default)]
struct Day {
    day: i64,
    /// The last row counted: after an error rows come again.
    last: Seq,
    items: HashMap<(ReleaseId, AccountId), u64>,
}

impl Volumes {
    /// Counts rows; gives those who have reached much with them.
    pub(crate) fn count(&self, rows: &[(Seq, Row)]) -> Vec<Much> {
        let mut today = self.0.lock().expect("nothing panics while it counts");
        let mut reached = Vec::new();
        for (seq, row) in rows {
            if *seq <= today.last {
                continue;
            }
            today.last = *seq;
            let Row::Call(call) = row else { continue };
            if call.outcome != Outcome::Ok || matches!(call.class, Class::Own | Class::Check) {
                continue;
            }
            let day = call.finished.day();
            if day > today.day {
                *today = Day { day, last: *seq, items: HashMap::new() };
            }
            let key = (call.release, call.payer);
            if day < today.day || today.items.len() >= MOST && !today.items.contains_key(&key) {
                continue;
            }
            let items = today.items.entry(key).or_default();
            let before = *items;
            *items = before.saturating_add(call.usage.items);
            if before < MANY && *items >= MANY {
                reached.push(Much { release: call.release, payer: call.payer, day });
            }
        }
        reached
    }
}

impl Hub {
    /// Tells a model's owner who asks much of it.
    pub(crate) async fn alert_of_volume(&self, much: Much) -> Result<(), Error> {
        let Much { release, payer, day } = much;
        let Some(release) = self.0.catalog.release_by_id(release).await? else { return Ok(()) };
        let owner = release.model.owner.id;
        let (payer, day) = (self.pseudonym(owner, payer), Time::date(day));
        let data = json!({
            "model": release.model.name.to_string(), "release": release.number.to_string(), "payer": payer, "day": day,
            "items": MANY, "output": release.contract.output.word(),
        });
        let subject = format!("{} {} {payer} {day}", release.model.name, release.number);
        self.alert(owner, "model.volume", subject, &data).await
    }
}
