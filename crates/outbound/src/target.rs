//! Where a request goes, as far as it can be told from its address.

use hyper::Uri;

use crate::{Failed, Reach};

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) https: bool,
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as they were written.
    pub(crate) authority: String,
    pub(crate) path: String,
    /// Connections with the same one lead to the same server.
    pub(crate) origin: String,
}

impl Target {
    /// Refuses what is no address, and what its form says is not to be asked.
    pub(crate) fn read(url: &str, reach: Reach) -> Result<Target, Failed> {
        let uri: Uri = url.parse().map_err(|_| Failed::NoAddress)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Failed::NoAddress);
        };
        let https = scheme == "https";
        let plain = scheme == "http" && reach == Reach::Anywhere;
        if !https && !plain {
            return Err(Failed::NotHttps { scheme: scheme.to_owned() });
        }
        if authority.as_str().contains('@') {
            return Err(Failed::Login);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(Failed::NoAddress);
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => reach.admits(host, address)?,
            Err(_) if host.eq_ignore_ascii_case("localhost") => reach.admits(host, [127, 0, 0, 1].into())?,
            Err(_) => {}
        }
        Ok(Target {
            https,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if https { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            origin: format!("{scheme}://{authority}"),
        })
    }
}
