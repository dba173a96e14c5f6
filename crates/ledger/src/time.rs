//! A moment: UTC milliseconds in tables, RFC 3339 for people. Read from a clock elsewhere.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub i64);

impl Time {
    pub const DAY_MS: i64 = 86_400_000;

    pub fn plus_ms(self, ms: i64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// Days since 1970-01-01: the key of daily sums.
    pub fn day(self) -> i64 {
        self.0.div_euclid(Self::DAY_MS)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range of RFC 3339 ends in the year 9999; rows hold nothing else unless they are damaged.
        let ms = self.0.clamp(0, 253_402_300_799_999);
        write!(f, "{}", humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs())))
    }
}
