//! Addresses inside this hub.
//!
//! Always: what comes out leads to this hub, whatever went in.

use std::fmt::Write;

/// `/{owner}/{name}` of a model, safe for names that no hub would accept.
pub(crate) fn model(owner: &str, name: &str) -> String {
    // With nothing before it, a name would be another host's.
    if owner.is_empty() { "/".to_owned() } else { format!("/{}/{}", segment(owner), segment(name)) }
}

/// What changed between two releases of a model.
pub(crate) fn diff(owner: &str, name: &str, from: &str, to: &str) -> String {
    format!("{}/diff/{}/{}", model(owner, name), segment(from), segment(to))
}

/// The bytes of a file in the newest state of a model.
pub(crate) fn file(owner: &str, name: &str, path: &str) -> String {
    let path: Vec<String> = path.split('/').map(segment).collect();
    format!("{}/resolve/main/{}", model(owner, name), path.join("/"))
}

/// The link itself if it stays on this hub, else the home page.
pub(crate) fn local(link: &str) -> &str {
    let mut start = link.bytes();
    match (start.next(), start.next()) {
        (Some(b'?'), _) => link,
        (Some(b'/'), second) if !matches!(second, Some(b'/' | b'\\')) && !link.contains(char::is_control) => link,
        _ => "/",
    }
}

/// One path segment: all but RFC 3986's unreserved characters percent-encoded, slashes too.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes all that is written to it");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_link_stays_on_this_hub() {
        assert_eq!(model("alice", "iris_1.5-b"), "/alice/iris_1.5-b");
        assert_eq!(model("/evil.example", "a?b#c"), "/%2Fevil.example/a%3Fb%23c");
        assert_eq!(file("alice", "iris", "a b/é?.md"), "/alice/iris/resolve/main/a%20b/%C3%A9%3F.md");
        assert_eq!(model("é", "\"><script>"), "/%C3%A9/%22%3E%3Cscript%3E");
        assert_eq!(model("", "evil.example"), "/");
    }

    #[test]
    fn links_to_other_hosts_lead_home() {
        for stays in ["/", "/?after=abc", "?after=abc", "/alice/iris"] {
            assert_eq!(local(stays), stays);
        }
        for leaves in
            ["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "javascript:x", ""]
        {
            assert_eq!(local(leaves), "/");
        }
    }
}
