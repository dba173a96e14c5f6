//! Which model, from the path. What is no name cannot be the name of anything, so it is a 404.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use registry::{Handle, ModelName, ReleaseNumber};

use crate::edge::clip;
use crate::problem::Refused;

/// `{owner}/{name}` and, where the path has it, `{release}`.
pub(crate) struct ModelPath {
    pub(crate) model: ModelName,
    pub(crate) release: Option<ReleaseNumber>,
}

impl ModelPath {
    /// From the words that stand for it.
    pub(crate) fn read(owner: &str, name: &str, release: Option<&str>) -> Result<ModelPath, Refused> {
        let no_model = |error: registry::NameError| {
            Problem::new(Code::ModelNotFound, format!("there is no model \"{}/{}\"", clip(owner), clip(name)))
                .hint(error.to_string())
        };
        let model = owner.parse().and_then(|owner| ModelName::new(owner, name)).map_err(no_model)?;
        let no_release = |error: registry::BadReleaseNumber| {
            Problem::new(Code::ReleaseNotFound, format!("{model} has no release \"{}\"", error.given))
                .hint("releases are numbers like 1.00 or 2.01")
        };
        let release = release.map(str::parse).transpose().map_err(no_release)?;
        Ok(ModelPath { model, release })
    }

    /// What the content of an idempotency key begins with.
    pub(crate) fn route(&self, action: &str) -> String {
        let release = self.release.map(|release| release.to_string()).unwrap_or_default();
        format!("{action}\n{}\n{release}\n", self.model.folded())
    }
}

/// `{owner}`, where it stands alone.
pub(crate) struct AccountPath(pub(crate) Handle);

impl<S: Send + Sync> FromRequestParts<S> for ModelPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<ModelPath, Refused> {
        let path = path(parts, state).await?;
        let release = path.iter().find(|(known, _)| *known == "release").map(|(_, value)| value);
        ModelPath::read(text(&path, "owner"), text(&path, "name"), release)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<AccountPath, Refused> {
        let path = path(parts, state).await?;
        let no_account = |error: registry::NameError| {
            Problem::new(Code::AccountNotFound, format!("there is no account \"{}\"", error.given))
                .hint(error.to_string())
        };
        Ok(AccountPath(text(&path, "owner").parse().map_err(no_account)?))
    }
}

/// One value of the path, read as `T`, or the 404 that names it.
pub(crate) async fn parameter<T: std::str::FromStr>(
    parts: &mut Parts,
    name: &str,
    missing: Code,
) -> Result<T, Refused> {
    let path = path(parts, &()).await?;
    let value = text(&path, name);
    value.parse().map_err(|_| Problem::new(missing, format!("\"{}\" names nothing here", clip(value))).into())
}

async fn path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Refused> {
    let not_text = |_| Problem::new(Code::InvalidRequest, "the path is not UTF-8 text once its % escapes are read");
    Ok(RawPathParams::from_request_parts(parts, state).await.map_err(not_text)?)
}

/// Empty where the route has no such place, which no parser takes.
fn text<'a>(path: &'a RawPathParams, name: &str) -> &'a str {
    path.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}
