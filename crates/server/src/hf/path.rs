//! Which model, at which revision, which file: from the path as it was sent.
//!
//! axum matches routes with the raw path and decodes what stands between the slashes afterwards, so `feat%2Fx` is one
//! segment and the revision `feat/x`. A folder or file is the rest of the path, its slashes encoded or not.

use api::{Code, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use registry::{ModelName, RefError, Revision};

use crate::edge::clip;
use crate::extract::ModelPath;
use crate::problem::Refused;

/// What `{owner}/{name}`, `{revision}` and `{*path}` name, as far as the route has them.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) model: ModelName,
    /// Without one in the route: main.
    pub(crate) revision: Revision,
    /// Empty: the root. It may be the path of nothing.
    pub(crate) path: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Place, Refused> {
        let not_text = |_| Problem::new(Code::InvalidRequest, "the path is not UTF-8 text once its % escapes are read");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(not_text)?;
        let text = |name: &str| params.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let name = text("name").unwrap_or_default();
        // Paths of git name the repository like a folder.
        let name = name.strip_suffix(".git").unwrap_or(name);
        let ModelPath { model, .. } = ModelPath::read(text("owner").unwrap_or_default(), name, None)?;
        let revision = text("revision").map_or_else(|| Ok(Revision::main()), |text| revision(&model, text))?;
        Ok(Place { model, revision, path: text("path").unwrap_or_default().to_owned() })
    }
}

/// What is no name of a revision cannot name one, so it is a 404.
fn revision(model: &ModelName, text: &str) -> Result<Revision, Refused> {
    text.parse().map_err(|error: RefError| {
        let message = format!("{model} has no branch, tag, release or commit \"{}\"", clip(text));
        Problem::new(Code::RevisionNotFound, message).hint(error.to_string()).into()
    })
}

/// Data sets and spaces.
pub(crate) async fn no_such_type(uri: Uri) -> Refused {
    let message = format!("nothing stands at {}", clip(uri.path()));
    Problem::new(Code::ModelNotFound, message).hint("this hub keeps models, no data sets and no spaces").into()
}

/// `Link`: the absolute address of a list's next page, if there is one.
pub(crate) fn next_page(address: Option<String>) -> HeaderMap {
    let link = address.and_then(|address| HeaderValue::try_from(format!("<{address}>; rel=\"next\"")).ok());
    link.map(|link| (LINK, link)).into_iter().collect()
}
