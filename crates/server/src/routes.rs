//! All routes on one page.
//!
//! Bodies come through extractors with limits of their own, so axum's general one is off.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, head, post};
use hub::Hub;

use crate::{
    account, admin, assets, calls, checks, deposits, earnings, edge, embeddings, entries, grpc, health, hf, infer,
    keys, limits, metadata, metrics, models, opengradient, pages, publish, quote, receipts, refunds, run, uploads,
};

/// Everything the hub answers over HTTP.
pub fn router(hub: Hub) -> Router {
    Router::new()
        // Open Inference Protocol.
        .route("/v2", get(health::server))
        .route("/v2/", get(health::server))
        .route("/v2/health/live", get(health::live))
        .route("/v2/health/ready", get(health::ready))
        .route("/v2/models/{owner}/{name}", get(metadata::model))
        .route("/v2/models/{owner}/{name}/ready", get(metadata::ready))
        .route("/v2/models/{owner}/{name}/infer", post(infer::infer))
        .route("/v2/models/{owner}/{name}/quote", post(quote::quote))
        .route("/v2/models/{owner}/{name}/versions/{release}", get(metadata::model))
        .route("/v2/models/{owner}/{name}/versions/{release}/ready", get(metadata::ready))
        .route("/v2/models/{owner}/{name}/versions/{release}/infer", post(infer::infer))
        .route("/v2/models/{owner}/{name}/versions/{release}/quote", post(quote::quote))
        // The same over gRPC.
        .route("/inference.GRPCInferenceService/ServerLive", post(grpc::server_live))
        .route("/inference.GRPCInferenceService/ServerReady", post(grpc::server_ready))
        .route("/inference.GRPCInferenceService/ServerMetadata", post(grpc::server_metadata))
        .route("/inference.GRPCInferenceService/ModelReady", post(grpc::model_ready))
        .route("/inference.GRPCInferenceService/ModelMetadata", post(grpc::model_metadata))
        .route("/inference.GRPCInferenceService/ModelInfer", post(grpc::model_infer))
        .route("/inference.GRPCInferenceService/{method}", any(grpc::unimplemented))
        // In people's values.
        .route("/api/v1/run/{owner}/{name}", post(run::run))
        .route("/api/v1/run/{owner}/{name}/versions/{release}", post(run::run))
        .route("/v1/embeddings", post(embeddings::create))
        // The hub's own interface.
        .route("/api/v1/models", get(models::list))
        .route("/api/v1/account", get(account::show))
        .route("/api/v1/balance", get(account::balance))
        .route("/api/v1/earnings", get(earnings::show))
        .route("/api/v1/entries", get(entries::list))
        .route("/api/v1/statements/{month}", get(entries::statement))
        .route("/api/v1/holds", get(refunds::holds))
        .route("/api/v1/debts", get(refunds::debts))
        .route("/api/v1/refunds", get(refunds::list).post(refunds::create))
        .route("/api/v1/limits", get(limits::show).put(limits::set))
        .route("/api/v1/alerts", get(limits::alerts))
        .route("/api/v1/webhook", get(limits::webhook).put(limits::set_webhook).delete(limits::remove_webhook))
        .route("/api/v1/webhook/test", post(limits::test_webhook))
        .route("/api/v1/models/{owner}/{name}/releases", post(publish::release))
        .route("/api/v1/models/{owner}/{name}/draft", get(publish::draft_of))
        .route("/api/v1/models/{owner}/{name}/trial", get(limits::trial).put(limits::set_trial))
        .route("/api/v1/models/{owner}/{name}/checks", get(checks::show))
        .route("/api/v1/deposits", post(deposits::receive))
        .route("/api/v1/calls", get(calls::list))
        .route("/api/v1/receipts/{call}", get(receipts::show))
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{key}", delete(keys::revoke))
        .route("/api/v1/uploads/{owner}/{sha256}", head(uploads::known).put(uploads::receive))
        .route("/api/v1/publish", post(publish::publish))
        .route("/api/v1/admin/accounts", post(admin::create_account))
        .route("/api/v1/admin/grants", post(admin::grant))
        .route("/api/v1/admin/deposits", post(admin::deposit))
        .route("/api/v1/admin/payouts", post(admin::payout))
        .route("/api/v1/admin/holds", get(refunds::all_holds).post(refunds::set_aside))
        .route("/api/v1/admin/holds/{hold}", delete(refunds::release))
        .route("/api/v1/admin/trial", get(admin::trial).put(admin::set_trial))
        .route("/api/v1/admin/fee", get(admin::fee).put(admin::set_fee))
        .route("/api/v1/admin/rate", get(admin::rate).put(admin::set_rate))
        .route("/.well-known/modelhub", get(health::hub))
        .route("/metrics", get(metrics::show))
        // Pages.
        .route("/", get(pages::home::show))
        .route("/{owner}/{name}", get(pages::model::show))
        .route("/static/{asset}", get(assets::show))
        // What clients made for Hugging Face's hub ask for.
        .merge(hf::routes())
        // What the opengradient SDK asks for.
        .merge(opengradient::routes())
        // Paths under our prefixes that are none are not models either.
        .route("/v2/{*rest}", any(pages::nothing))
        .route("/v1/{*rest}", any(pages::nothing))
        .route("/api/{*rest}", any(pages::nothing))
        .route("/.well-known/{*rest}", any(pages::nothing))
        .fallback(pages::nothing)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(hub.clone(), edge::edge))
        .with_state(hub)
}
