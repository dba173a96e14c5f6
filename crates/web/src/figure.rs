//! Numbers as they stand on a page: amounts, counts, shares, dates.
//!
//! Always: figures are exact. An amount is printed digit by digit as it came; a share is cut, never rounded up, so that
//! `100 %` means all of them. A unit follows after a narrow space that does not break.

use maud::{Markup, Render, html};

/// U+202F: thin as the eye wants it before a unit, and the unit stays on the number's line.
pub(crate) const THIN: &str = "\u{202f}";

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The hub's token.
    Opg,
    /// US dollars: prices may be written in them, payments are not.
    Usd,
}

impl Unit {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Unit::Opg => "OPG",
            Unit::Usd => "USD",
        }
    }
}

/// An exact amount with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// A decimal string, shown as it is: `0.002`.
    pub amount: String,
    /// What it is counted in.
    pub unit: Unit,
    /// It is the least: more is asked for items or tokens.
    pub least: bool,
}

impl Money {
    /// An amount in OPG.
    pub fn opg(amount: impl Into<String>) -> Money {
        Money { amount: amount.into(), unit: Unit::Opg, least: false }
    }

    /// An amount in US dollars.
    pub fn usd(amount: impl Into<String>) -> Money {
        Money { amount: amount.into(), unit: Unit::Usd, least: false }
    }

    /// The same as the least that is asked: shown with "from" before it.
    #[must_use]
    pub fn at_least(self) -> Money {
        Money { least: true, ..self }
    }
}

impl Render for Money {
    fn render(&self) -> Markup {
        html! { @if self.least { "from " } (measured(&self.amount, Some(self.unit.word()))) }
    }
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// How many of them. Never more than `whole`.
    pub part: u64,
    /// How many there are.
    pub whole: u64,
}

impl Ratio {
    /// In percent with one place, cut; `None` of nothing.
    pub(crate) fn percent(self) -> Option<String> {
        let tenths = u128::from(self.part) * 1000 / u128::from(std::num::NonZeroU64::new(self.whole)?.get());
        Some(match tenths % 10 {
            0 => format!("{}", tenths / 10),
            tenth => format!("{}.{tenth}", tenths / 10),
        })
    }
}

/// Basis points in percent: exact, without trailing zeros.
pub(crate) fn percent_of_points(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match (rest, rest % 10) {
        (0, _) => format!("{whole}"),
        (_, 0) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    }
}

/// A count with a comma every three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its unit in a lighter tone.
pub(crate) fn measured(value: &str, unit: Option<&str>) -> Markup {
    html! {
        span.num { (value) @if let Some(unit) = unit { span.unit { (THIN) (unit) } } }
    }
}

/// An amount in large type: behind a whole part that counts, the fraction is set smaller.
pub(crate) fn large(amount: &str, unit: Unit) -> Markup {
    match amount.split_once('.') {
        Some((whole, fraction)) if whole != "0" => html! {
            span.num { (whole) span.fraction { "." (fraction) } span.unit { (THIN) (unit.word()) } }
        },
        _ => measured(amount, Some(unit.word())),
    }
}

/// The class of an amount that someone earned: green is for money that arrived, and nothing has not.
pub(crate) fn arrived(amount: &str) -> &'static str {
    if amount.bytes().any(|byte| matches!(byte, b'1'..=b'9')) { "earned" } else { "none" }
}

/// A moment given in RFC 3339, shown as `2026-11-23 10:04 UTC`; any other text as it is.
pub(crate) fn moment(rfc3339: &str) -> Markup {
    let shown =
        if is_utc(rfc3339) { format!("{} {} UTC", &rfc3339[..10], &rfc3339[11..16]) } else { rfc3339.to_owned() };
    html! { time.num datetime=(rfc3339) { (shown) } }
}

/// Only the day of a moment, for where space is short.
pub(crate) fn day(rfc3339: &str) -> Markup {
    let shown = if is_utc(rfc3339) { &rfc3339[..10] } else { rfc3339 };
    html! { time.num datetime=(rfc3339) { (shown) } }
}

fn is_utc(text: &str) -> bool {
    text.is_ascii() && text.len() >= 20 && text.ends_with('Z') && &text[4..5] == "-" && &text[10..11] == "T"
}

/// One figure of a strip: what is counted, the number, and what exactly it counts.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    pub(crate) value: Markup,
    pub(crate) definition: Markup,
}

/// Figures side by side, each with its definition below it.
pub(crate) fn strip(figures: &[Figure]) -> Markup {
    html! {
        @if !figures.is_empty() {
            dl.strip {
                @for figure in figures {
                    div {
                        dt { (figure.label) }
                        dd.value { (figure.value) }
                        dd.definition { (figure.definition) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_cut_and_never_rounded_up() {
        let percent = |part, whole| Ratio { part, whole }.percent();
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(0, 7).as_deref(), Some("0"));
        assert_eq!(percent(1, 3).as_deref(), Some("33.3"));
        assert_eq!(percent(99_999, 100_000).as_deref(), Some("99.9"));
        assert_eq!(percent(u64::MAX, u64::MAX).as_deref(), Some("100"));
    }

    #[test]
    fn basis_points_are_shown_exactly() {
        for (points, shown) in [(0, "0"), (1, "0.01"), (50, "0.5"), (250, "2.5"), (6667, "66.67"), (10_000, "100")] {
            assert_eq!(percent_of_points(points), shown);
        }
    }

    #[test]
    fn large_type_changes_no_digit() {
        let text = |amount: &str| {
            let html = large(amount, Unit::Opg).into_string();
            html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect::<String>()
        };
        for amount in ["0.002", "0", "12", "2104.188320001"] {
            assert_eq!(text(amount), format!("{amount}{THIN}OPG"));
        }
    }

    #[test]
    fn the_least_of_a_price_says_so() {
        assert!(Money::opg("0.1").at_least().render().into_string().starts_with("from <span"));
        assert!(Money::opg("0.1").render().into_string().starts_with("<span"));
    }

    #[test]
    fn counts_have_a_comma_every_three_digits() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), shown);
        }
    }

    #[test]
    fn a_moment_is_shown_to_the_minute_and_kept_whole_for_machines() {
        assert_eq!(
            moment("2026-11-23T10:04:31.207Z").into_string(),
            r#"<time class="num" datetime="2026-11-23T10:04:31.207Z">2026-11-23 10:04 UTC</time>"#
        );
        assert_eq!(
            day("2026-11-23T10:04:31Z").into_string(),
            r#"<time class="num" datetime="2026-11-23T10:04:31Z">2026-11-23</time>"#
        );
        assert_eq!(moment("né<b>").into_string(), r#"<time class="num" datetime="né&lt;b&gt;">né&lt;b&gt;</time>"#);
    }
}
