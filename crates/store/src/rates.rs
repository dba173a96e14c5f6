//! How often somebody may ask: so many requests in so long.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// So many requests in so long: all of them at once, or evenly, and then as they come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestRate {
    count: u32,
    per_s: u32,
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no rate: expected 1 to 1000000 requests in 1 s to 1 day, as in 60/min, 5/s, 1000/h, 10/10min")]
pub struct BadRequestRate {
    /// The beginning of it.
    pub given: String,
}

const MAX_COUNT: u32 = 1_000_000;
const DAY_S: u32 = 86_400;
/// The longest first, so that the shortest text is found first.
const UNITS: [(&str, u32); 4] = [("day", DAY_S), ("h", 3_600), ("min", 60), ("s", 1)];

impl RequestRate {
    pub const fn new(count: u32, per_s: u32) -> Option<RequestRate> {
        if count == 0 || count > MAX_COUNT || per_s == 0 || per_s > DAY_S {
            return None;
        }
        Some(RequestRate { count, per_s })
    }

    /// How many.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// In how many seconds.
    pub const fn per_s(self) -> u32 {
        self.per_s
    }
}

impl fmt::Display for RequestRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, seconds)| self.per_s.is_multiple_of(*seconds));
        let (unit, seconds) = whole.expect("any time is a number of seconds");
        match self.per_s / seconds {
            1 => write!(f, "{}/{unit}", self.count),
            many => write!(f, "{}/{many}{unit}", self.count),
        }
    }
}

impl FromStr for RequestRate {
    type Err = BadRequestRate;

    fn from_str(text: &str) -> Result<RequestRate, BadRequestRate> {
        read(text.trim()).ok_or_else(|| BadRequestRate { given: text.chars().take(40).collect() })
    }
}

fn read(text: &str) -> Option<RequestRate> {
    let (count, span) = text.split_once('/')?;
    let unit = span.trim_start_matches(|c: char| c.is_ascii_digit());
    let many = match &span[..span.len() - unit.len()] {
        "" => 1,
        digits => digits.parse().ok()?,
    };
    let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    RequestRate::new(count.parse().ok().filter(|_| digits)?, seconds.checked_mul(many)?)
}

impl TryFrom<String> for RequestRate {
    type Error = BadRequestRate;

    fn try_from(text: String) -> Result<RequestRate, BadRequestRate> {
        text.parse()
    }
}

impl From<RequestRate> for String {
    fn from(rate: RequestRate) -> String {
        rate.to_string()
    }
}

/// What is asked for, as far as it matters to how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// A paid call.
    Calls,
    /// What changes something.
    Writes,
    /// What is only told.
    Reads,
}

impl RequestKind {
    pub const ALL: [RequestKind; 3] = [RequestKind::Calls, RequestKind::Writes, RequestKind::Reads];

    pub const fn word(self) -> &'static str {
        match self {
            RequestKind::Calls => "calls",
            RequestKind::Writes => "writes",
            RequestKind::Reads => "reads",
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How often somebody may ask for each kind; none: as often as they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestRates {
    pub calls: Option<RequestRate>,
    pub writes: Option<RequestRate>,
    pub reads: Option<RequestRate>,
}

impl RequestRates {
    pub const fn of(self, kind: RequestKind) -> Option<RequestRate> {
        match kind {
            RequestKind::Calls => self.calls,
            RequestKind::Writes => self.writes,
            RequestKind::Reads => self.reads,
        }
    }
}

/// The operator's word on how often each may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateSettings {
    /// With one key.
    pub key: RequestRates,
    /// From one account, whatever the key.
    pub account: RequestRates,
    /// From one address, without a credential.
    pub address: RequestRates,
}

impl RateSettings {
    /// Whoever has a key is known, pays for calls, and may be busy: no bounds but those of the key itself. Strangers
    /// look around faster than people do, and make accounts and ask what calls cost now and then.
    pub const USUAL: RateSettings = {
        const NONE: RequestRates = RequestRates { calls: None, writes: None, reads: None };
        let address = RequestRates {
            calls: RequestRate::new(300, 60),
            writes: RequestRate::new(300, 60),
            reads: RequestRate::new(1_200, 60),
        };
        RateSettings { key: NONE, account: NONE, address }
    };
}

impl Default for RateSettings {
    fn default() -> RateSettings {
        RateSettings::USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_they_are_read() {
        for (text, count, per_s) in [
            ("60/min", 60, 60),
            ("1/s", 1, 1),
            ("1000000/day", 1_000_000, 86_400),
            ("10/10min", 10, 600),
            ("7/2h", 7, 7_200),
            ("3/90s", 3, 90),
        ] {
            let rate: RequestRate = text.parse().unwrap();
            assert_eq!((rate.count(), rate.per_s(), rate.to_string().as_str()), (count, per_s, text));
        }
        assert_eq!("60/60s".parse::<RequestRate>().unwrap().to_string(), "60/min");
    }

    #[test]
    fn what_is_no_rate_is_shown_back() {
        for text in [
            "",
            "60",
            "/min",
            "60/",
            "60/month",
            "0/min",
            "-1/min",
            "+1/min",
            "1.5/s",
            "1000001/s",
            "1/0s",
            "1/2day",
            "1/99999999999h",
            "60 / min",
            "1/é",
        ] {
            assert_eq!(text.parse::<RequestRate>(), Err(BadRequestRate { given: text.to_owned() }));
        }
        assert_eq!("x".repeat(99).parse::<RequestRate>().unwrap_err().given.len(), 40);
    }

    #[test]
    fn settings_of_an_older_hub_keep_what_they_say() {
        let said: RateSettings = serde_json::from_str(r#"{"address": {"reads": "5/s"}}"#).unwrap();
        assert_eq!(said.address.reads.unwrap().to_string(), "5/s");
        assert_eq!((said.address.writes, said.key), (None, RequestRates::default()));
        let usual = serde_json::to_string(&RateSettings::USUAL).unwrap();
        assert_eq!(serde_json::from_str::<RateSettings>(&usual).unwrap(), RateSettings::USUAL);
    }
}
