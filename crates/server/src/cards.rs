//! What a model's card says, and what it leaves out.

use axum::Json;
use axum::extract::State;
use hub::{BaseView, Hub};
use registry::{Licence, Part, Revision};

use crate::extract::{AnyCaller, ModelPath};
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::words::read_some;

/// `GET /api/v1/models/{owner}/{name}/card?revision=`. For everybody who sees the model.
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    ModelPath { model, .. }: ModelPath,
    fields: Fields,
) -> Result<Json<api::ModelCard>, Refused> {
    let revision = read_some("revision", fields.last("revision"))?.unwrap_or_else(Revision::main);
    let view = hub.card_view(viewer.as_ref(), &model, &revision).await?;
    let part = |(part, filled): &(Part, bool)| api::CardPart {
        part: part.word().to_owned(),
        weight: part.weight(),
        filled: *filled,
        how: part.how().to_owned(),
    };
    Ok(Json(api::ModelCard {
        model: view.snapshot.repository.model.name.to_string(),
        commit: view.snapshot.commit.id.to_string(),
        refused: view.refused,
        score: view.completeness.score(),
        parts: view.completeness.parts.iter().map(part).collect(),
        licences: view.card.licences.iter().map(licence).collect(),
        base_models: view.bases.into_iter().map(base).collect(),
        notices: view.card.notices(),
    }))
}

fn licence(licence: &Licence) -> api::CardLicence {
    let (kind, licence, link, nearest) = match licence.clone() {
        Licence::Spdx(text) => ("spdx", text, None, Vec::new()),
        Licence::Known(word) => ("known", word, None, Vec::new()),
        Licence::Own { name, link } => ("own", name.unwrap_or_else(|| "other".to_owned()), link, Vec::new()),
        Licence::Unknown { given, nearest } => ("unknown", given, None, nearest),
    };
    api::CardLicence { kind: kind.to_owned(), licence, link, nearest }
}

fn base(BaseView { name, itself, release, royalty, here }: BaseView) -> api::CardBase {
    let release = release.map(|release| release.to_string());
    api::CardBase { name, here, itself, release, royalty: royalty.map(|share| share.to_string()) }
}
