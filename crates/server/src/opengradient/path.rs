//! Which model of the caller's, which of its versions.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::Uri;
use axum::http::request::Parts;
use hub::Hub;
use registry::{BadReleaseNumber, ModelName, NameError, ReleaseNumber};

use crate::edge::clip;
use crate::extract::Caller;
use crate::problem::Refused;

/// Somebody and `{name}`, a model of theirs. Names arrive with their escapes and are read without them.
pub(super) struct Own {
    pub(super) caller: hub::Caller,
    pub(super) model: ModelName,
}

/// The same with `{version}`.
pub(super) struct OwnVersion {
    pub(super) caller: hub::Caller,
    pub(super) model: ModelName,
    pub(super) version: ReleaseNumber,
}

impl FromRequestParts<Hub> for Own {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Own, Refused> {
        let Caller(caller) = Caller::from_request_parts(parts, hub).await?;
        let name = parameter(parts, "name").await?;
        // What is no name cannot be the name of anything.
        let model = ModelName::new(caller.handle().clone(), &name).map_err(|error: NameError| {
            Problem::new(Code::ModelNotFound, format!("there is no model \"{}\"", clip(&name))).hint(error.to_string())
        })?;
        Ok(Own { caller, model })
    }
}

impl FromRequestParts<Hub> for OwnVersion {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<OwnVersion, Refused> {
        let Own { caller, model } = Own::from_request_parts(parts, hub).await?;
        let version = parameter(parts, "version").await?.parse().map_err(|error: BadReleaseNumber| {
            Problem::new(Code::ReleaseNotFound, format!("{model} has no version \"{}\"", error.given))
                .hint("versions are numbers like 1.00 or 2.01")
        })?;
        Ok(OwnVersion { caller, model, version })
    }
}

async fn parameter(parts: &mut Parts, name: &str) -> Result<String, Refused> {
    let not_text = |_| Problem::new(Code::InvalidRequest, "the path is not UTF-8 text once its % escapes are read");
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(not_text)?;
    Ok(params.iter().find(|(known, _)| *known == name).map_or_else(String::new, |(_, value)| value.to_owned()))
}

/// Whatever else is asked for below `/api/v0`.
pub(super) async fn nothing(uri: Uri) -> Refused {
    let problem = Problem::new(Code::NotFound, format!("nothing stands at {}", clip(uri.path())));
    problem.hint("models are called by their names alone here: iris, and not alice/iris").into()
}
