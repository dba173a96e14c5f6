//! Making, moving, removing and setting models, their branches and their tags.

use api::{Code, Problem};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hub::{Error, Hub, RefKind};
use registry::{Access, ModelName, RefName, Revision};
use serde::Deserialize;
use serde_json::json;

use super::base::Base;
use super::error::Whole;
use super::path::Place;
use crate::edge::clip;
use crate::extract::{Caller, Json};
use crate::problem::Refused;

/// How clients name a model: its name alone, or with the account apart from it.
#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
    #[serde(default)]
    organization: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    private: Option<bool>,
    #[serde(default)]
    visibility: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Moved {
    from_repo: String,
    to_repo: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Settings {
    #[serde(default)]
    private: Option<bool>,
    #[serde(default)]
    visibility: Option<String>,
    /// `"auto"`, `"manual"` or `false`.
    #[serde(default)]
    gated: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewBranch {
    #[serde(default)]
    starting_point: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct NewTag {
    tag: String,
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

/// This hub has models.
fn a_model(kind: Option<&str>) -> Result<(), Problem> {
    match kind {
        None | Some("model" | "models") => Ok(()),
        Some(other) => Err(invalid(format!("this hub keeps models, and no {}", clip(other)))),
    }
}

fn is_private(private: Option<bool>, visibility: Option<&str>) -> Result<Option<bool>, Problem> {
    match visibility {
        None => Ok(private),
        Some("private") => Ok(Some(true)),
        Some("public") => Ok(Some(false)),
        Some(other) => Err(invalid(format!("visibility is \"{}\"; expected public or private", clip(other)))),
    }
}

impl Named {
    fn model(&self, caller: &hub::Caller) -> Result<ModelName, Refused> {
        a_model(self.kind.as_deref())?;
        let name = match (self.name.split_once('/'), self.organization.as_deref()) {
            (Some(_), _) => self.name.parse(),
            (None, Some(owner)) => owner.parse().and_then(|owner| ModelName::new(owner, &self.name)),
            (None, None) => ModelName::new(caller.handle().clone(), &self.name),
        };
        Ok(name.map_err(Error::from)?)
    }
}

/// `POST /api/repos/create`
pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Base(base): Base,
    Json(asked): Json<Named>,
) -> Result<Response, Refused> {
    let model = asked.model(&caller)?;
    let private = is_private(asked.private, asked.visibility.as_deref())?.unwrap_or(false);
    let url = |model: &ModelName| json!({"url": format!("{base}/{model}"), "name": model.to_string()});
    match hub.create(&caller, &model, private).await {
        Ok(made) => Ok(axum::Json(url(&made.model.name)).into_response()),
        // Clients that do not mind read the address from this answer, and no other 409 has one.
        Err(Error::ModelTaken { model }) => {
            let mut body = url(&model);
            body["error"] = format!("there is a model {model} already").into();
            Ok((StatusCode::CONFLICT, Extension(Whole), axum::Json(body)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /api/repos/delete`
pub(crate) async fn remove(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<Named>,
) -> Result<StatusCode, Refused> {
    let model = asked.model(&caller)?;
    hub.remove(&caller, &model).await?;
    Ok(StatusCode::OK)
}

/// `POST /api/repos/move`
pub(crate) async fn rename(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<Moved>,
) -> Result<StatusCode, Refused> {
    a_model(asked.kind.as_deref())?;
    let name = |text: &str| text.parse::<ModelName>().map_err(Error::from);
    hub.rename(&caller, &name(&asked.from_repo)?, &name(&asked.to_repo)?).await?;
    Ok(StatusCode::OK)
}

/// `PUT /api/models/{owner}/{name}/settings`
pub(crate) async fn set(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, .. }: Place,
    Json(asked): Json<Settings>,
) -> Result<StatusCode, Refused> {
    // All of it is read before any of it is done.
    let mut automatic = None;
    let access = match asked.gated {
        None => None,
        Some(serde_json::Value::Bool(false)) => {
            // Nothing opens weights but the owner's own word for it: `access: open` in the card.
            let now = hub.repository(Some(&caller), &model).await?.access;
            (now == Access::Gated).then_some(Access::Sealed)
        }
        Some(serde_json::Value::String(how)) if how == "manual" || how == "auto" => {
            automatic = Some(how == "auto");
            Some(Access::Gated)
        }
        Some(other) => {
            return Err(invalid(format!(
                "gated is {}; expected \"auto\", \"manual\" or false",
                clip(&other.to_string())
            ))
            .into());
        }
    };
    if let Some(private) = is_private(asked.private, asked.visibility.as_deref())? {
        hub.set_private(&caller, &model, private).await?;
    }
    if let Some(automatic) = automatic {
        hub.set_automatic(&caller, &model, automatic).await?;
    }
    if let Some(access) = access {
        hub.set_access(&caller, &model, access).await?;
    }
    Ok(StatusCode::OK)
}

fn ref_name(text: &str) -> Result<RefName, Problem> {
    text.parse().map_err(|error: registry::RefError| invalid(error.to_string()))
}

/// The branch or tag that the last part of the path names.
fn named(revision: &Revision) -> Result<RefName, Problem> {
    match revision {
        Revision::Named(name) | Revision::Branch(name) | Revision::Tag(name) => Ok(name.clone()),
        Revision::Commit(_) => Err(invalid(format!("{revision} is a commit and no name for one"))),
    }
}

/// `POST /api/models/{owner}/{name}/branch/{branch}`
pub(crate) async fn add_branch(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, revision, .. }: Place,
    Json(asked): Json<NewBranch>,
) -> Result<StatusCode, Refused> {
    let at = asked.starting_point.map(|text| text.parse::<Revision>());
    let at = at.transpose().map_err(|error| invalid(format!("startingPoint: {error}")))?;
    hub.add_ref(&caller, &model, RefKind::Branch, &named(&revision)?, at.as_ref()).await?;
    Ok(StatusCode::OK)
}

/// `DELETE` the same
pub(crate) async fn remove_branch(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, revision, .. }: Place,
) -> Result<StatusCode, Refused> {
    hub.remove_ref(&caller, &model, RefKind::Branch, &named(&revision)?).await?;
    Ok(StatusCode::OK)
}

/// `POST /api/models/{owner}/{name}/tag/{revision}`: the path holds the commit, the body the name.
pub(crate) async fn add_tag(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, revision, .. }: Place,
    Json(asked): Json<NewTag>,
) -> Result<StatusCode, Refused> {
    hub.add_ref(&caller, &model, RefKind::Tag, &ref_name(&asked.tag)?, Some(&revision)).await?;
    Ok(StatusCode::OK)
}

/// `DELETE /api/models/{owner}/{name}/tag/{tag}`: here the path holds the name.
pub(crate) async fn remove_tag(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Place { model, revision, .. }: Place,
) -> Result<StatusCode, Refused> {
    hub.remove_ref(&caller, &model, RefKind::Tag, &named(&revision)?).await?;
    Ok(StatusCode::OK)
}
