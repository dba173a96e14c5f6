//! `GET /receipts/{call}`: one receipt, for whom it names.

use axum::extract::State;
use axum::response::Response;
use hub::Hub;

use crate::extract::AnyCaller;
use crate::problem::Refused;
use crate::receipts::CallPath;

pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    CallPath(call): CallPath,
    uri: axum::http::Uri,
) -> Result<Response, Refused> {
    let Some(caller) = viewer else { return Ok(super::login::to_login(&uri)) };
    let signed = hub.receipt(&caller, call).await?;
    let proven = signed.verify(&hub.signing_keys()).map_err(|why| why.to_string());
    let mut parts = Vec::with_capacity(signed.parts.len());
    for part in &signed.parts {
        let name = hub.name_of(&part.account).await?;
        parts.push((name.unwrap_or_else(|| part.account.clone()), part.amount.to_string()));
    }
    let model = hub.model_of_call(&caller, call).await?;
    Ok(super::html(web::receipt(&web::Receipt {
        chrome: super::chrome_for(&hub, Some(&caller)),
        id: signed.id.clone(),
        model: model.map(|model| (model.owner().to_string(), model.name().to_owned())),
        release: signed.release.clone(),
        digest: signed.model.to_string(),
        time: signed.time.clone(),
        amount: signed.amount.to_string(),
        parts,
        payer: signed.payer.clone(),
        input_hash: signed.input_hash.to_string(),
        output_hash: signed.output_hash.to_string(),
        salt: signed.salt.map(|salt| salt.to_string()),
        signer: signed.signer.to_string(),
        signature: signed.signature.to_string(),
        typed_data: signed.typed_data.to_string(),
        hub: signed.domain.salt.to_string(),
        proven,
    })))
}
