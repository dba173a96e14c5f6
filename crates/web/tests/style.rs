//! What the style sheet keeps: text can be read in both schemes.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what is missing fails the test")]

use std::collections::HashMap;

/// Each colour of text with each ground it stands on.
const PAIRS: [(&str, &str); 16] = [
    // On buttons.
    ("paper", "accent"),
    ("ink", "paper"),
    ("ink", "shade"),
    ("soft", "paper"),
    ("soft", "shade"),
    ("accent", "paper"),
    ("accent", "shade"),
    ("fail", "paper"),
    ("wait", "wait-shade"),
    ("wait", "paper"),
    ("on-creator-a", "creator-a"),
    ("on-creator-b", "creator-b"),
    ("on-creator-c", "creator-c"),
    ("on-royalty-a", "royalty-a"),
    ("on-royalty-b", "royalty-b"),
    ("on-fee", "fee"),
];

fn style() -> &'static str {
    std::str::from_utf8(web::asset(web::style_name()).unwrap().bytes).unwrap()
}

/// The colours of the first `:root` block after `from`.
fn tokens(from: &str) -> HashMap<&str, &str> {
    let block = from.split_once(":root {").unwrap().1.split_once('}').unwrap().0;
    block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "))
        .filter(|(_, value)| value.starts_with('#'))
        .collect()
}

/// WCAG's relative luminance.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_has_a_contrast_of_at_least_4_5_in_light_dark_and_print() {
    let light = tokens(style());
    let with_light = |scheme: HashMap<&'static str, &'static str>| light.clone().into_iter().chain(scheme).collect();
    let dark: HashMap<_, _> = with_light(tokens(style().split_once("prefers-color-scheme: dark").unwrap().1));
    let print: HashMap<_, _> = with_light(tokens(style().split_once("@media print").unwrap().1));
    assert_eq!(dark.len(), light.len(), "no scheme has a colour that the other lacks");
    for (scheme, tokens) in [("light", &light), ("dark", &dark), ("print", &print)] {
        for (text, ground) in PAIRS {
            let contrast = contrast(tokens[text], tokens[ground]);
            assert!(contrast >= 4.5, "{scheme}: {text} on {ground} has {contrast:.2}");
        }
    }
}

#[test]
fn every_class_of_the_pages_bar_has_its_colours() {
    for tone in ["creator-a", "creator-b", "creator-c", "royalty-a", "royalty-b", "fee"] {
        assert!(style().contains(&format!(".{tone} rect")) && style().contains(&format!(".{tone} text")), "{tone}");
    }
}
