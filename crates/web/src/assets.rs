//! Files that pages link to, under names that change with their content.
//!
//! Always: what is served under one of these names never changes, so that it can be kept for ever.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The policy that every page of this crate keeps: nothing from elsewhere, no scripts, no inline styles, no frames.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                                           base-uri 'none'; frame-ancestors 'none'";

/// A file to serve under `/static/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// For the header `Content-Type`.
    pub content_type: &'static str,
    /// The whole file.
    pub bytes: &'static [u8],
}

const STYLE: Asset = Asset { content_type: "text/css; charset=utf-8", bytes: include_bytes!("../assets/style.css") };
const ICON: Asset = Asset { content_type: "image/svg+xml", bytes: include_bytes!("../assets/icon.svg") };

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| hashed("style", "css", STYLE.bytes));
static ICON_NAME: LazyLock<String> = LazyLock::new(|| hashed("icon", "svg", ICON.bytes));

/// The style sheet's file name, for example `style-0f1e2d3c.css`.
pub fn style_name() -> &'static str {
    &STYLE_NAME
}

/// The icon's file name, for example `icon-0f1e2d3c.svg`.
pub fn icon_name() -> &'static str {
    &ICON_NAME
}

/// The asset with exactly this file name: what `/static/{name}` answers.
pub fn asset(name: &str) -> Option<Asset> {
    match name {
        _ if name == style_name() => Some(STYLE),
        _ if name == icon_name() => Some(ICON),
        _ => None,
    }
}

fn hashed(stem: &str, ending: &str, bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let mut name = format!("{stem}-");
    for byte in &digest[..4] {
        write!(name, "{byte:02x}").expect("a String takes all that is written to it");
    }
    name + "." + ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_found_by_their_hashed_names_only() {
        let style = asset(style_name()).expect("the style sheet is there");
        assert_eq!(style.content_type, "text/css; charset=utf-8");
        assert_eq!(style_name().len(), "style-01234567.css".len());
        assert_eq!(asset(icon_name()).map(|icon| icon.content_type), Some("image/svg+xml"));
        assert_eq!(asset("style.css"), None);
    }
}
