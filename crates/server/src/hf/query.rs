//! What stands behind the `?` of these calls: fields that repeat, and booleans as each version writes them.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::edge::clip;
use crate::problem::Refused;

/// Most fields of a query or a form that are read.
pub(crate) const MAX_FIELDS: usize = 10_000;

/// Names and values, in their order. Names that nobody asks for are read over.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// From `name=value&…`, as queries and forms write it.
    pub(crate) fn read(text: &[u8]) -> Fields {
        Fields(form_urlencoded::parse(text).take(MAX_FIELDS).map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// All values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The field's last value, if it says anything.
    pub(crate) fn last<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    /// `true`, `True` or `1`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.last(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let wrong = |text: &str| Problem::new(Code::InvalidRequest, format!("{name} is \"{}\", no number", clip(text)));
        self.last(name).map(|text| text.parse().map_err(|_| wrong(text).into())).transpose()
    }

    /// The same query with another value of this field.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(known, _)| known != name);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(others).append_pair(name, value).finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Fields, std::convert::Infallible> {
        Ok(Fields::read(parts.uri.query().unwrap_or_default().as_bytes()))
    }
}
