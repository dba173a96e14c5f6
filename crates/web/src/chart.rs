//! Charts: SVG made here, with their numbers in a table behind.

use maud::{Markup, html};

use crate::figure::measured;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it stands for, as it is shown: a day.
    pub label: String,
    /// How high it is, beside the others.
    pub value: u64,
    /// The same in words: `0.0125`.
    pub amount: String,
}

const HEIGHT: u64 = 96;
const STEP: usize = 20;

/// Bars from zero, the largest labelled, and the table of all of them.
pub(crate) fn bars(what: &str, bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
    let height = |bar: &Bar| (u128::from(bar.value) * u128::from(HEIGHT)).div_ceil(u128::from(most)) as u64;
    let width = bars.len() * STEP;
    let largest = bars.iter().max_by_key(|bar| bar.value);
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                @for (at, bar) in bars.iter().enumerate() {
                    @let high = height(bar);
                    @if high > 0 {
                        rect x=(at * STEP + 2) y=(HEIGHT - high) width=(STEP - 4) height=(high) { title { (bar.label) ": " (bar.amount) " OPG" } }
                    }
                }
            }
            figcaption.note {
                @if let (Some(first), Some(last)) = (bars.first(), bars.last()) { (first.label) " to " (last.label) ". " }
                @if let Some(bar) = largest { "Most on " (bar.label) ": " (measured(&bar.amount, Some("OPG"))) "." }
            }
            details {
                summary { "As a table" }
                table.lines {
                    caption.hidden { (what) }
                    thead { tr { th scope="col" { "Day" } th.right scope="col" { "OPG" } } }
                    tbody { @for bar in bars.iter().filter(|bar| bar.value > 0) { tr { td { (bar.label) } td.right.num { (bar.amount) } } } }
                }
            }
        }
    }
}
