//! Who earns what of each call: one bar, and a table that says the same in words.
//!
//! Always: what is drawn fills the bar exactly, from the first share's left edge to the last one's right edge.

use maud::{Markup, html};

use crate::figure::{Money, THIN, percent_of_points};
use crate::link;

/// The least width of the bar, in pixels, at which the style sheet shows labels in it.
const BAR_WIDTH: u64 = 600;
/// What a letter of a label takes at most on average, in pixels, and what is left free at both ends.
const LETTER_WIDTH: u64 = 8;
const LABEL_MARGIN: u64 = 24;

/// Why someone receives a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The hub's fee.
    Fee,
    /// An author of a model that this one builds on.
    Royalty,
    /// Named in the split.
    Creator,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Fee => "hub fee",
            Role::Royalty => "royalty",
            Role::Creator => "creator",
        }
    }
}

/// One receiver's part of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The receiver's handle.
    pub who: String,
    /// Why they receive it.
    pub role: Role,
    /// For a royalty: the model it is paid for, as owner and name.
    pub builds_on: Option<(String, String)>,
    /// The part in basis points of the whole cost. All shares of a call together make 10,000.
    pub basis_points: u32,
    /// The part of one call at today's price, in OPG.
    pub amount: String,
}

/// Bar and table.
pub(crate) fn shares(shares: &[Share]) -> Markup {
    let edges = edges(shares);
    let tones = tones(shares);
    html! {
        svg.bar width="100%" height="40" aria-hidden="true" {
            @for (place, share) in shares.iter().enumerate() {
                @let (from, to) = (edges[place], edges[place + 1]);
                // An inner svg clips what is wider than its piece.
                svg class={ "piece " (tones[place]) } x=(attribute_percent(from)) width=(attribute_percent(to - from)) height="40" {
                    rect width="100%" height="100%" {}
                    @if let Some(label) = label(share, to - from) { text x="12" y="25" { (label) } }
                }
            }
        }
        div.scroll tabindex="0" {
            table.shares {
                caption.hidden { "Who receives which part of one call" }
                thead {
                    tr {
                        th scope="col" { "Receiver" }
                        th scope="col" { "As" }
                        th.number scope="col" { "Share" }
                        th.number scope="col" { "Of one call" }
                    }
                }
                tbody {
                    @for (share, tone) in shares.iter().zip(&tones) {
                        tr {
                            th scope="row" {
                                svg class={ "swatch " (tone) } width="10" height="10" aria-hidden="true" {
                                    rect width="10" height="10" {}
                                }
                                (share.who)
                            }
                            td {
                                (share.role.word())
                                @if let Some((owner, name)) = &share.builds_on {
                                    " for " a href=(link::model(owner, name)) { (owner) "/" (name) }
                                }
                            }
                            td.number { span.num { (percent_of_points(share.basis_points)) span.unit { (THIN) "%" } } }
                            td.number { (Money::opg(share.amount.clone())) }
                        }
                    }
                }
            }
        }
    }
}

/// What fits into a piece: name and share, or the name, or nothing. Never a part of a number, which would be another one.
fn label(share: &Share, points: u32) -> Option<String> {
    let fits = |label: &String| {
        let width = label.chars().count() as u64 * LETTER_WIDTH + LABEL_MARGIN;
        width * 10_000 <= u64::from(points) * BAR_WIDTH
    };
    let percent = percent_of_points(share.basis_points);
    [format!("{} {percent}{THIN}%", share.who), share.who.clone()].into_iter().find(fits)
}

/// Where pieces begin and end, in basis points of the bar's width: 0, …, 10,000.
fn edges(shares: &[Share]) -> Vec<u32> {
    let whole: u64 = shares.iter().map(|share| u64::from(share.basis_points)).sum();
    let mut reached = 0_u64;
    let mut edges = vec![0];
    for share in shares {
        reached += u64::from(share.basis_points);
        let edge = u32::try_from(reached * 10_000 / whole.max(1)).expect("reached is at most the whole");
        edges.push(edge);
    }
    edges
}

/// Tones by role; creators alternate, so that neighbours can be told apart.
fn tones(shares: &[Share]) -> Vec<&'static str> {
    let mut creators = ["creator-a", "creator-b", "creator-c"].into_iter().cycle();
    let mut royalties = ["royalty-a", "royalty-b"].into_iter().cycle();
    let mut tone = |role| match role {
        Role::Fee => Some("fee"),
        Role::Royalty => royalties.next(),
        Role::Creator => creators.next(),
    };
    shares.iter().map(|share| tone(share.role).expect("a cycle does not end")).collect()
}

fn attribute_percent(basis_points: u32) -> String {
    percent_of_points(basis_points) + "%"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(role: Role, basis_points: u32) -> Share {
        Share { who: "alice".into(), role, builds_on: None, basis_points, amount: "0.1".into() }
    }

    /// The widths that the bar is drawn with, in basis points.
    fn drawn(points: &[u32]) -> Vec<u32> {
        let shares: Vec<_> = points.iter().map(|points| share(Role::Creator, *points)).collect();
        edges(&shares).windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn the_pieces_of_the_bar_fill_it() {
        assert_eq!(drawn(&[500, 1_900, 7_600]), [500, 1_900, 7_600]);
        for points in [&[1, 9_999][..], &[3_333, 3_333, 3_333], &[10_000], &[0, 10_000], &[u32::MAX, u32::MAX, 7]] {
            assert_eq!(drawn(points).iter().sum::<u32>(), 10_000, "{points:?}");
        }
    }

    #[test]
    fn a_label_never_shows_a_part_of_a_number() {
        let label = |points| label(&share(Role::Creator, points), points);
        assert_eq!(label(6_667).as_deref(), Some("alice 66.67\u{202f}%"));
        assert_eq!(label(1_333).as_deref(), Some("alice"));
        assert_eq!(label(950), None);
    }

    #[test]
    fn nobody_and_nothing_can_be_shared_among() {
        assert_eq!(edges(&[]), [0]);
        assert_eq!(drawn(&[0, 0]), [0, 0]);
    }

    #[test]
    fn neighbours_of_one_role_differ_in_tone() {
        let roles =
            [Role::Fee, Role::Royalty, Role::Royalty, Role::Creator, Role::Creator, Role::Creator, Role::Creator];
        let shares = roles.map(|role| share(role, 1));
        for pair in tones(&shares).windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }

    #[test]
    fn the_table_says_what_the_bar_shows() {
        let view = Share { builds_on: Some(("carol".into(), "minilm".into())), ..share(Role::Royalty, 10_000) };
        let html = shares(&[view]).into_string();
        assert!(html.contains(r#"x="0%" width="100%""#), "{html}");
        assert!(html.contains("royalty for <a href=\"/carol/minilm\">carol/minilm</a>"), "{html}");
    }
}
