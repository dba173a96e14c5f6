//! What stands behind the `?`.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::edge::clip;
use crate::problem::Refused;

/// The query's fields. Those that are not known are read over.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Refused> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Query(query)),
            Err(error) => {
                let message = format!("the query cannot be read: {}", clip(&error.body_text()));
                Err(Problem::new(Code::InvalidRequest, message).into())
            }
        }
    }
}

/// Which page of a list.
pub(crate) struct Page {
    /// Where the page before ended.
    pub(crate) cursor: Option<u64>,
    /// Between 1 and [`api::MAX_PAGE`].
    pub(crate) limit: u64,
}

#[derive(Deserialize)]
struct Fields {
    cursor: Option<String>,
    limit: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Page, Refused> {
        let Query(Fields { cursor, limit }) = Query::from_request_parts(parts, state).await?;
        let no_cursor = |text: &str| {
            Problem::new(Code::InvalidRequest, format!("cursor is \"{}\"; expected the \"next\" of a page", clip(text)))
        };
        let no_limit = |text: &str| {
            let message = format!("limit is \"{}\"; expected a number from 1 to {}", clip(text), api::MAX_PAGE);
            Problem::new(Code::InvalidRequest, message)
        };
        let cursor = cursor.map(|text| text.parse().map_err(|_| no_cursor(&text))).transpose()?;
        let limit = limit.map(|text| match text.parse() {
            Ok(limit) if (1..=api::MAX_PAGE).contains(&limit) => Ok(limit),
            _ => Err(no_limit(&text)),
        });
        Ok(Page { cursor, limit: limit.transpose()?.unwrap_or(api::PAGE) })
    }
}
