//! Trying again, for as long as that makes sense.

use std::thread::sleep;
use std::time::Duration;

/// How often in a row something may fail without getting anywhere. With the waits between, that is half a minute: as
/// long as a hub takes to notice that a connection is dead.
const TRIES: u32 = 7;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub(crate) struct Patience {
    left: u32,
    wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { left: TRIES, wait: FIRST_WAIT }
    }
}

impl Patience {
    /// It got somewhere: what failed before no longer counts.
    pub(crate) fn renew(&mut self) {
        *self = Patience::default();
    }

    /// Waits before the next try; gives the reason back once there should be none.
    pub(crate) fn again(&mut self, why: anyhow::Error) -> anyhow::Result<()> {
        if self.left == 0 {
            return Err(why);
        }
        self.left -= 1;
        sleep(self.wait);
        self.wait = (2 * self.wait).min(LONGEST_WAIT);
        Ok(())
    }
}
