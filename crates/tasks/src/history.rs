//! Histories as people have them: a list of numbers, lists by column, or a table with commas.
//!
//! Always: every column has as many numbers, all finite, the oldest first; where a beginning and a step are known, so
//! are the times of what comes next. Times are UTC.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::given::Given;
use crate::refusal::{Refusal, clip};

/// The most bytes of one history.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const EXPECTED: &str = "a list of numbers, an object with a list for each column, {\"history\": either of them, \
                        \"start\": time, \"step\": \"1h\"}, or a CSV file; at most 4194304 bytes";
const TIME: &str = "a time like 2026-01-31 or 2026-01-31T08:00:00Z, from 1970 to 9999";
const STEP: &str = "a number with s, m, h, d or w, like 1h";
/// What a column of times may be called.
const TIMES: [&str; 4] = ["time", "date", "timestamp", "ds"];
/// The first second of the year 10000.
const LAST_S: u64 = 253_402_300_800;

/// The columns of a history, in the order they were asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    pub(crate) columns: Vec<Vec<f64>>,
    /// Seconds since 1970 of the first number, and from one to the next.
    pub(crate) clock: Option<(u64, u64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(borrow)]
    history: &'a RawValue,
    start: Option<String>,
    step: Option<String>,
}

/// Reads one. Without names there is one column.
pub(crate) fn read(names: &[String], given: &Given, at: usize) -> Result<History, Refusal> {
    let refuse = |given: &str| Refusal::Kind { at, given: clip(given), expected: EXPECTED };
    let bytes;
    let text = match given {
        // A file in the form of a data URL.
        Given::Json(json) if json.get().starts_with('"') => {
            bytes = given.as_bytes(at)?;
            std::str::from_utf8(&bytes).map_err(|_| refuse("a file that is not UTF-8"))?
        }
        _ => given.as_json(at, EXPECTED)?,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if text.len() > MAX_BYTES {
        return Err(refuse(&format!("a history of {} bytes", text.len())));
    }
    match text.as_bytes().first() {
        Some(b'{') if is_wrapped(text) => {
            let Wrapped { history, start, step } = serde_json::from_str(text).map_err(|_| refuse(text))?;
            let columns = columns(names, history.get(), at)?;
            Ok(History { columns, clock: clock(start.as_deref(), step.as_deref(), at)? })
        }
        Some(b'[' | b'{') => Ok(History { columns: columns(names, text, at)?, clock: None }),
        Some(_) => table(names, text, at),
        None => Err(refuse("nothing")),
    }
}

/// No column is called `history`: the card's rule.
fn is_wrapped(text: &str) -> bool {
    serde_json::from_str::<BTreeMap<String, &RawValue>>(text).is_ok_and(|fields| fields.contains_key("history"))
}

fn columns(names: &[String], json: &str, at: usize) -> Result<Vec<Vec<f64>>, Refusal> {
    let refuse = |given: &str| Refusal::Kind { at, given: clip(given), expected: EXPECTED };
    if names.is_empty() || names.len() == 1 && json.starts_with('[') {
        return Ok(vec![numbers(names.first(), json, at)?]);
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(|_| refuse(json))?;
    if let Some(column) = fields.keys().find(|name| !names.contains(name)) {
        return Err(Refusal::NoColumn { at, column: clip(column), known: known(names) });
    }
    let column = |name: &String| {
        let missing = || Refusal::NoList { at, column: clip(name), known: known(names) };
        numbers(Some(name), fields.get(name).ok_or_else(missing)?.get(), at)
    };
    names.iter().map(column).collect()
}

fn known(names: &[String]) -> Vec<String> {
    names.iter().take(32).map(|name| clip(name)).collect()
}

fn numbers(column: Option<&String>, json: &str, at: usize) -> Result<Vec<f64>, Refusal> {
    if let Ok(numbers) = serde_json::from_str::<Vec<f64>>(json) {
        return Ok(numbers);
    }
    // Which of them is none.
    let refuse = || Refusal::Kind { at, given: clip(json), expected: EXPECTED };
    let values: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| refuse())?;
    let bad = values.iter().position(|value| serde_json::from_str::<f64>(value.get()).is_err()).ok_or_else(refuse)?;
    let given = clip(values[bad].get());
    Err(Refusal::Step { at, column: column.map(|name| clip(name)), step: bad, given })
}

/// Rows with commas, semicolons or tabs between their cells; the first may name the columns.
fn table(names: &[String], text: &str, at: usize) -> Result<History, Refusal> {
    let refuse = |given: String| Refusal::Kind { at, given: clip(&given), expected: EXPECTED };
    let unread = |error: csv::Error| refuse(error.to_string());
    let line = text.lines().next().unwrap_or_default();
    let between = [b',', b';', b'\t'].into_iter().max_by_key(|mark| line.bytes().filter(|byte| byte == mark).count());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .delimiter(between.unwrap_or(b','))
        .from_reader(text.as_bytes());
    // One row is in memory at a time.
    let mut row = csv::StringRecord::new();
    let mut more = reader.read_record(&mut row).map_err(unread)?;
    let headed = more && !row.iter().any(|cell| cell.parse::<f64>().is_ok());
    let head = if headed { row.clone() } else { csv::StringRecord::new() };
    let timed = head.iter().position(|name| TIMES.contains(&name.to_lowercase().as_str()));
    let places = places(names, &head, row.len(), timed, at)?;
    if headed {
        more = reader.read_record(&mut row).map_err(unread)?;
    }
    let mut columns = vec![Vec::new(); places.len()];
    let mut times = timed.map(|_| Even::default());
    while more {
        for (index, place) in places.iter().enumerate() {
            let cell = row.get(*place).unwrap_or_default();
            let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
            let (column, step) = (names.get(index).map(|name| clip(name)), columns[index].len());
            let given = || format!("\"{}\"", clip(cell));
            columns[index].push(number.ok_or_else(|| Refusal::Step { at, column, step, given: given() })?);
        }
        times = times.and_then(|times| times.with(moment(row.get(timed?)?)?));
        more = reader.read_record(&mut row).map_err(unread)?;
    }
    Ok(History { columns, clock: times.and_then(|times| Some((times.first?, times.step?))) })
}

/// Where the columns stand that are asked for.
fn places(
    names: &[String],
    head: &csv::StringRecord,
    width: usize,
    timed: Option<usize>,
    at: usize,
) -> Result<Vec<usize>, Refusal> {
    if names.is_empty() {
        let mut own = (0..width).filter(|place| Some(*place) != timed);
        let given = format!("a table of {width} columns");
        return match (own.next(), own.next()) {
            (Some(only), None) => Ok(vec![only]),
            _ => Err(Refusal::Kind { at, given, expected: EXPECTED }),
        };
    }
    let place = |name: &String| {
        let only = (names.len() == 1 && head.is_empty() && width == 1).then_some(0);
        let found = head.iter().position(|head| head == name).or(only);
        found.ok_or_else(|| Refusal::NoList { at, column: clip(name), known: known(names) })
    };
    names.iter().map(place).collect()
}

/// Times that follow each other evenly, as far as they were seen.
#[derive(Default)]
struct Even {
    first: Option<u64>,
    last: u64,
    step: Option<u64>,
}

impl Even {
    /// None where the next breaks the step.
    fn with(self, next: u64) -> Option<Even> {
        let Some(first) = self.first else { return Some(Even { first: Some(next), last: next, step: None }) };
        let step = next.checked_sub(self.last).filter(|step| *step > 0)?;
        let even = self.step.is_none_or(|before| before == step);
        even.then_some(Even { first: Some(first), last: next, step: Some(step) })
    }
}

fn clock(start: Option<&str>, step: Option<&str>, at: usize) -> Result<Option<(u64, u64)>, Refusal> {
    let refuse = |field, given: &str, expected| Refusal::Time { at, field, given: clip(given), expected };
    match (start, step) {
        (None, None) => Ok(None),
        (Some(start), None) => Err(refuse("start", start, "a step beside it, like \"step\": \"1h\"")),
        (None, Some(step)) => Err(refuse("step", step, "a start beside it, the time of the first number")),
        (Some(start), Some(step)) => {
            let first = moment(start).ok_or_else(|| refuse("start", start, TIME))?;
            let step = length(step).ok_or_else(|| refuse("step", step, STEP))?;
            Ok(Some((first, step)))
        }
    }
}

/// Seconds since 1970.
fn moment(text: &str) -> Option<u64> {
    let text = text.trim();
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339_weak(&whole).ok()?;
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).filter(|seconds| *seconds < LAST_S)
}

fn length(text: &str) -> Option<u64> {
    let unit = match text.trim().chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number = text.trim();
    let number = number[..number.len() - 1].trim();
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse::<u64>().ok()?.checked_mul(unit)).flatten().filter(|step| (1..LAST_S).contains(step))
}

/// As RFC 3339 has it; none behind the year 9999.
pub(crate) fn written(seconds: u64) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(Some(seconds).filter(|seconds| *seconds < LAST_S)?);
    Some(humantime::format_rfc3339_seconds(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn file(columns: &[&str], text: &str) -> Result<History, String> {
        read(&names(columns), &Given::File(text.as_bytes().to_vec()), 0).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_history_comes_in_every_form_people_have() {
        let one = |clock| History { columns: vec![vec![1.0, 2.5, -3.0]], clock };
        let (day, hour) = (Some((1_769_817_600, 86_400)), Some((1_769_846_400, 3_600)));
        for (text, clock) in [
            ("[1, 2.5, -3]", None),
            ("{\"history\": [1, 2.5, -3]}", None),
            (r#"{"history": [1, 2.5, -3], "start": "2026-01-31", "step": "1d"}"#, day),
            (r#"{"start": "2026-01-31T08:00:00Z", "step": "60m", "history": [1, 2.5, -3]}"#, hour),
            ("1\n2.5\n-3\n", None),
            ("\u{feff}value\r\n1\r\n2.5\r\n-3\r\n", None),
            ("date,value\n2026-01-31,1\n2026-02-01,2.5\n2026-02-02,-3\n", day),
            ("Time;value\n2026-01-31 08:00:00;1\n2026-01-31 09:00:00;2.5\n2026-01-31 10:00:00;-3", hour),
            ("date\tvalue\n2026-01-31\t1\n2026-02-01\t2.5\n2026-02-28\t-3\n", None),
        ] {
            assert_eq!(file(&[], text), Ok(one(clock)), "{text}");
        }
        let two = History { columns: vec![vec![1.0, 2.0], vec![3.0, 4.0]], clock: None };
        for text in [
            r#"{"a": [1, 2], "b": [3, 4]}"#,
            r#"{"history": {"b": [3, 4], "a": [1, 2]}}"#,
            "b,shop,\"a\"\n3,x,1\n4,\"y, z\",2\n",
        ] {
            assert_eq!(file(&["a", "b"], text), Ok(two.clone()), "{text}");
        }
        let url = Given::text("data:text/csv;base64,MQoyLjUKLTMK");
        assert_eq!(read(&[], &url, 0), Ok(one(None)));
        assert_eq!(
            read(&names(&["x"]), &Given::Json(RawValue::from_string("[1,2.5,-3]".to_owned()).unwrap()), 0),
            Ok(one(None))
        );
    }

    #[test]
    fn what_is_no_history_is_refused_by_its_place() {
        for (columns, text, reason) in [
            (&[][..], "", "input 0 is nothing"),
            (&[], "[1, null, 3]", "input 0 has null at step 1; expected a finite number"),
            (&[], "[1, 1e999]", "1e999 at step 1"),
            (&[], "[1, \"2\"]", "\"2\" at step 1"),
            (&[], "{\"a\": [1]}", "expected a list of numbers"),
            (&[], "a,b\n1,2\n", "a table of 2 columns"),
            (&[], "value\n1\nNaN\n", "\"NaN\" at step 1"),
            (&[], "value\n1\ninf\n", "\"inf\" at step 1"),
            (&["a", "b"], "{\"a\": [1], \"c\": [1]}", "no column \"c\"; the model has a, b"),
            (&["a", "b"], "{\"a\": [1]}", "lacks the column \"b\""),
            (&["a", "b"], "{\"a\": [1], \"b\": [true]}", "true at step 0 of the column \"b\""),
            (&["a", "b"], "[1, 2]", "expected a list of numbers"),
            (&["a", "b"], "a\n1\n", "lacks the column \"b\""),
            (&["a"], "1,2\n3,4\n", "lacks the column \"a\""),
            (&[], "1,2\n3\n", "expected a list of numbers"),
            (&[], "{\"history\": [1], \"start\": \"2026-01-31\"}", "a step beside it"),
            (&[], "{\"history\": [1], \"step\": \"1h\"}", "a start beside it"),
            (&[], "{\"history\": [1], \"start\": \"soon\", \"step\": \"1h\"}", "the start \"soon\"; expected a time"),
            (
                &[],
                "{\"history\": [1], \"start\": \"2026-01-31\", \"step\": \"1y\"}",
                "the step \"1y\"; expected a number",
            ),
            (&[], "{\"history\": [1], \"start\": \"2026-01-31\", \"step\": \"99999999999999999999h\"}", "the step"),
            (&[], "{\"history\": [1], \"end\": 1}", "expected a list of numbers"),
        ] {
            let refused = file(columns, text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
        let huge = format!("[{}1]", "1,".repeat(3_000_000));
        assert!(file(&[], &huge).unwrap_err().contains("a history of 6000003 bytes"));
        assert_eq!(written(LAST_S), None);
        assert_eq!(written(1_769_846_400).unwrap(), "2026-01-31T08:00:00Z");
    }
}
