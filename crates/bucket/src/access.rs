//! Who asks a bucket, and at which server.

use std::fmt;

/// What a server knows its callers by. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Keys {
    pub fn new(id: impl Into<String>, secret: impl Into<String>, token: Option<String>) -> Keys {
        Keys { id: id.into(), secret: secret.into(), token }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct Access {
    endpoint: Option<String>,
    region: Option<String>,
    pub(crate) keys: Keys,
}

/// Where buckets lie that say nothing else.
const REGION: &str = "us-east-1";

impl Access {
    /// At Amazon's own servers, unless an endpoint names another one.
    pub fn new(endpoint: Option<String>, region: Option<String>, keys: Keys) -> Access {
        Access { endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()), region, keys }
    }

    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    pub(crate) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(REGION)
    }

    /// A text without the keys: servers repeat them in their refusals.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for key in [Some(self.keys.id()), Some(self.keys.secret()), self.keys.token()].into_iter().flatten() {
            if !key.is_empty() {
                told = told.replace(key, "…");
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_nowhere() {
        let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("FwoGZXIvYXdzEBYaD".to_owned()));
        let access = Access::new(Some("https://s3.example/".to_owned()), None, keys);
        let shown = format!("{access:?}");
        let said = access.hide("<AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId> wJalrXUtnFEMI FwoGZXIvYXdzEBYaD");
        for key in ["AKIDEXAMPLE", "wJalrXUtnFEMI", "FwoGZXIvYXdzEBYaD"] {
            assert!(!shown.contains(key) && !said.contains(key), "{shown} {said}");
        }
        assert_eq!((access.endpoint(), access.region()), (Some("https://s3.example"), "us-east-1"));
    }
}
