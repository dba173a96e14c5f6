//! Files that pages link to, under names that change with their content.
//!
//! Always: what is served under one of these names never changes, so that it can be kept for ever.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The policy that every page of this crate keeps: nothing from elsewhere, nothing inline, no frames. Pictures and
/// sounds that were chosen in a form are shown from memory.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                                           img-src 'self' blob:; media-src blob:; form-action 'self'; base-uri 'none'; \
                                           frame-ancestors 'none'";

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

const SIGNIN: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/signin.js") };

const VALUES: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/values.js") };
const ANSWER: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/answer.js") };

const REFERENCE: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/reference.js") };

const PUBLISHING: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/publishing.js") };

/// Modules name each other: what stands there is the name that each is served under.
static PLAYGROUND: LazyLock<String> = LazyLock::new(|| {
    include_str!("../assets/playground.js")
        .replace("\"./values.js\"", &format!("\"./{}\"", *VALUES_NAME))
        .replace("\"./answer.js\"", &format!("\"./{}\"", *ANSWER_NAME))
});

static PUBLISH: LazyLock<String> = LazyLock::new(|| {
    include_str!("../assets/publish.js").replace("\"./publishing.js\"", &format!("\"./{}\"", *PUBLISHING_NAME))
});

static PUBLISHING_NAME: LazyLock<String> = LazyLock::new(|| hashed("publishing", "js", PUBLISHING.bytes));
static PUBLISH_NAME: LazyLock<String> = LazyLock::new(|| hashed("publish", "js", PUBLISH.as_bytes()));
static VALUES_NAME: LazyLock<String> = LazyLock::new(|| hashed("values", "js", VALUES.bytes));
static ANSWER_NAME: LazyLock<String> = LazyLock::new(|| hashed("answer", "js", ANSWER.bytes));
static PLAYGROUND_NAME: LazyLock<String> = LazyLock::new(|| hashed("playground", "js", PLAYGROUND.as_bytes()));
static STYLE_NAME: LazyLock<String> = LazyLock::new(|| hashed("style", "css", STYLE.bytes));
static REFERENCE_NAME: LazyLock<String> = LazyLock::new(|| hashed("reference", "js", REFERENCE.bytes));
static ICON_NAME: LazyLock<String> = LazyLock::new(|| hashed("icon", "svg", ICON.bytes));
static SIGNIN_NAME: LazyLock<String> = LazyLock::new(|| hashed("signin", "js", SIGNIN.bytes));

/// The style sheet's file name, for example `style-0f1e2d3c.css`.
pub fn style_name() -> &'static str {
    &STYLE_NAME
}

/// The icon's file name, for example `icon-0f1e2d3c.svg`.
pub fn icon_name() -> &'static str {
    &ICON_NAME
}

/// The script that speaks to passkeys and wallets.
pub(crate) fn signin_name() -> &'static str {
    &SIGNIN_NAME
}

/// The script that narrows the list of operations.
pub(crate) fn reference_name() -> &'static str {
    &REFERENCE_NAME
}

/// The script that runs models from a page; it asks for two more by itself.
pub fn playground_name() -> &'static str {
    &PLAYGROUND_NAME
}

/// The script that publishes from a page; it asks for one more by itself.
pub fn publish_name() -> &'static str {
    &PUBLISH_NAME
}

/// The asset with exactly this file name: what `/static/{name}` answers.
pub fn asset(name: &str) -> Option<Asset> {
    match name {
        _ if name == style_name() => Some(STYLE),
        _ if name == icon_name() => Some(ICON),
        _ if name == signin_name() => Some(SIGNIN),
        _ if name == reference_name() => Some(REFERENCE),
        _ if name == playground_name() => Some(Asset { bytes: PLAYGROUND.as_bytes(), ..VALUES }),
        _ if name == publish_name() => Some(Asset { bytes: PUBLISH.as_bytes(), ..PUBLISHING }),
        _ if name == PUBLISHING_NAME.as_str() => Some(PUBLISHING),
        _ if name == VALUES_NAME.as_str() => Some(VALUES),
        _ if name == ANSWER_NAME.as_str() => Some(ANSWER),
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
    #[test]
    fn modules_name_each_other_as_they_are_served() {
        for (entry, count) in [(playground_name(), 2), (publish_name(), 1)] {
            let script = std::str::from_utf8(asset(entry).expect("it is there").bytes).expect("scripts are text");
            let named: Vec<_> = script.split(" from \"./").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            assert_eq!(named.len(), count, "{entry}");
            for name in named {
                let found = asset(name).map(|module| module.content_type);
                assert_eq!(found, Some("text/javascript; charset=utf-8"), "{name}");
                assert!(name.len() > "values.js".len(), "{name}");
            }
        }
    }
}
