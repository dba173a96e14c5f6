//! Where objects lie: `s3://BUCKET/PREFIX`.

use std::fmt;
use std::str::FromStr;

/// A bucket and a prefix in it, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    prefix: String,
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlace {
    #[error("{text:?} does not begin with s3://")]
    Scheme { text: String },
    #[error("{bucket:?} is no bucket's name: 3 to 63 small letters, digits, dots and hyphens")]
    Bucket { bucket: String },
    #[error(
        "{prefix:?} is no prefix: letters, digits, dots, hyphens and underscores between slashes, {MAX_PREFIX} at most"
    )]
    Prefix { prefix: String },
}

const MAX_PREFIX: usize = 256;

impl Place {
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Without slashes around it.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Place, BadPlace> {
        let rest = text.strip_prefix("s3://").ok_or_else(|| BadPlace::Scheme { text: text.to_owned() })?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let long = (3..=63).contains(&bucket.len());
        if !(long && bucket.chars().all(plain) && bucket.starts_with(ends) && bucket.ends_with(ends)) {
            return Err(BadPlace::Bucket { bucket: bucket.to_owned() });
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain);
        if prefix.len() > MAX_PREFIX || !(prefix.is_empty() || prefix.split('/').all(fits)) {
            return Err(BadPlace::Prefix { prefix: prefix.to_owned() });
        }
        Ok(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.as_str() {
            "" => write!(f, "s3://{}", self.bucket),
            prefix => write!(f, "s3://{}/{prefix}", self.bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for (text, written) in [
            ("s3://models", "s3://models"),
            ("s3://models/", "s3://models"),
            ("s3://models/hub/one", "s3://models/hub/one"),
            ("s3://my.models-2/hub_1/", "s3://my.models-2/hub_1"),
        ] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(written.to_owned()));
        }
        for wrong in
            ["models", "https://models/x", "s3://", "s3://ab", "s3://Models", "s3://-models", "s3://models/../x"]
        {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
        for wrong in ["s3://models//x", "s3://models/a b", "s3://models/x//", "s3://models/ü"] {
            assert!(matches!(wrong.parse::<Place>(), Err(BadPlace::Prefix { .. })), "{wrong}");
        }
    }
}
