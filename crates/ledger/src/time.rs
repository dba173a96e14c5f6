//! A moment: UTC milliseconds in tables, RFC 3339 for people. Read from a clock elsewhere.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::id::shorten;

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

    /// Such a day as people write it: `2026-11-23`, the first ten characters of RFC 3339.
    pub fn date(day: i64) -> String {
        let mut text = Time(day.saturating_mul(Self::DAY_MS)).to_string();
        text.truncate(10);
        text
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range of RFC 3339 ends in the year 9999; rows hold nothing else unless they are damaged.
        let ms = self.0.clamp(0, 253_402_300_799_999);
        write!(f, "{}", humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs())))
    }
}

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a moment: expected UTC like 2026-11-25T00:00:00Z")]
pub struct TimeError {
    pub text: String,
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Time, TimeError> {
        let wrong = || TimeError { text: shorten(text) };
        let since = humantime::parse_rfc3339(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        ms.map(Time).ok_or_else(wrong)
    }
}

/// A month of the calendar, in UTC: what statements and monthly limits are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    /// 1 to 12.
    month: u32,
}

/// Why a text is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a month: expected a year from 1970 to 9999 and a month, like 2026-11")]
pub struct MonthError {
    pub text: String,
}

impl Month {
    /// The month of a day, counted from 1970-01-01.
    pub fn of_day(day: i64) -> Month {
        // Howard Hinnant's civil_from_days (<https://howardhinnant.github.io/date_algorithms.html>): years that begin
        // in March have their odd day at the end.
        let shifted = day.clamp(-719_468, 2_932_896) + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Month { year: year as i32, month: month as u32 }
    }

    /// Its first day, counted from 1970-01-01.
    pub fn first_day(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let from_march = i64::from((self.month + 9) % 12);
        let of_year = (153 * from_march + 2) / 5;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        era * 146_097 + of_era - 719_468
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Month {
        match self.month {
            12 => Month { year: self.year + 1, month: 1 },
            month => Month { year: self.year, month: month + 1 },
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let refuse = || MonthError { text: shorten(text) };
        let digits = |s: &str, count: usize| s.len() == count && s.bytes().all(|b| b.is_ascii_digit());
        let (year, month) = text.split_once('-').filter(|(y, m)| digits(y, 4) && digits(m, 2)).ok_or_else(refuse)?;
        let (year, month) = (year.parse().map_err(|_| refuse())?, month.parse().map_err(|_| refuse())?);
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(refuse());
        }
        Ok(Month { year, month })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        // Days by `date -u -d … +%s`, divided.
        for (text, day) in
            [("1970-01", 0), ("1970-02", 31), ("2000-03", 11_017), ("2024-03", 19_783), ("2026-11", 20_758)]
        {
            let month: Month = text.parse().expect(text);
            assert_eq!((month.first_day(), month.to_string().as_str()), (day, text));
        }
        for text in ["2026-13", "2026-00", "2026-1", "26-11", "2026", "1969-12", "2026-11-01", "+026-11"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_lies_in_its_month() {
        let mut month: Month = "1970-01".parse().expect("a month");
        for day in 0..200_000 {
            if day == month.next().first_day() {
                month = month.next();
            }
            assert_eq!(Month::of_day(day), month, "day {day}");
        }
    }
}
