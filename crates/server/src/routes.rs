//! All routes on one page.
//!
//! Bodies come through extractors with limits of their own, so axum's general one is off.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, head, post, put};
use hub::Hub;

use crate::{
    access, account, admin, assets, calls, cards, checks, deposits, document, earnings, edge, embeddings, entries,
    events, grpc, health, hf, infer, keys, life, limits, mcp, metadata, metrics, models, moderation, opengradient,
    organisations, pages, publish, quote, rankings, receipts, refunds, run, scan, search, signin, storage, uploads,
    wanted,
};

/// Everything the hub answers over HTTP.
pub fn router(hub: Hub) -> Router {
    let edge = from_fn_with_state(hub.clone(), edge::edge);
    let routes = routes().with_state(hub.clone());
    let inside = routes.clone().layer(DefaultBodyLimit::disable()).layer(edge.clone());
    // Agents' tools ask all the others, as anybody does.
    let agents = Arc::new(mcp::Agents::new(inside, hub));
    let answer = async move |request: Request| agents.answer(request).await;
    routes.route("/mcp", post(answer)).layer(DefaultBodyLimit::disable()).layer(edge)
}

fn routes() -> Router<Hub> {
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
        .route("/api/v1/search", get(search::list))
        .route("/api/v1/rankings", get(rankings::list))
        .route("/api/v1/wanted", get(wanted::list))
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
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/webhooks", get(events::hooks).post(events::add_hook))
        .route("/api/v1/webhooks/{webhook}", get(events::hook).put(events::set_hook).delete(events::remove_hook))
        .route("/api/v1/webhooks/{webhook}/test", post(events::test_hook))
        .route("/api/v1/webhooks/{webhook}/deliveries", get(events::deliveries))
        .route("/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver", post(events::redeliver))
        .route("/api/v1/models/{owner}/{name}/releases", post(publish::release))
        .route("/api/v1/models/{owner}/{name}/draft", get(publish::draft_of))
        .route("/api/v1/models/{owner}/{name}/diff/{from}/{to}", get(life::diff))
        .route("/api/v1/models/{owner}/{name}/releases/{release}/yank", post(life::yank).delete(life::restore))
        .route("/api/v1/models/{owner}/{name}/releases/{release}/price", get(life::prices).put(life::set_price))
        .route("/api/v1/models/{owner}/{name}/trial", get(limits::trial).put(limits::set_trial))
        .route("/api/v1/models/{owner}/{name}/checks", get(checks::show))
        .route("/api/v1/models/{owner}/{name}/scan", get(scan::show))
        .route("/api/v1/models/{owner}/{name}/card", get(cards::show))
        .route("/api/v1/models/{owner}/{name}/access", get(access::list).post(access::request).put(access::set))
        .route(
            "/api/v1/models/{owner}/{name}/access/{handle}",
            get(access::show).put(access::decide).delete(access::remove),
        )
        .route("/api/v1/models/{owner}/{name}/moderation", get(moderation::show))
        .route("/api/v1/models/{owner}/{name}/reports", post(moderation::report))
        .route("/api/v1/reports", get(moderation::own_reports))
        .route("/api/v1/verified", get(moderation::all_verified))
        .route("/api/v1/organisations", get(organisations::list).post(organisations::create))
        .route("/api/v1/organisations/{organisation}/members", get(organisations::members))
        .route(
            "/api/v1/organisations/{organisation}/members/{handle}",
            get(organisations::member).put(organisations::set_member).delete(organisations::remove_member),
        )
        .route(
            "/api/v1/organisations/{organisation}/keys",
            get(organisations::list_keys).post(organisations::create_key),
        )
        .route("/api/v1/organisations/{organisation}/keys/{key}", delete(organisations::revoke_key))
        .route("/api/v1/organisations/{organisation}/keys/{key}/rotate", post(organisations::rotate_key))
        .route("/api/v1/deposits", post(deposits::receive))
        .route("/api/v1/calls", get(calls::list))
        .route("/api/v1/receipts/{call}", get(receipts::show))
        .route("/api/v1/signin/join/ask", post(signin::ask_to_join))
        .route("/api/v1/signin/join", post(signin::join))
        .route("/api/v1/signin/passkey/ask", post(signin::ask_passkey))
        .route("/api/v1/signin/passkey", post(signin::passkey))
        .route("/api/v1/signin/wallet/ask", post(signin::ask_wallet))
        .route("/api/v1/signin/wallet", post(signin::wallet))
        .route("/api/v1/ways", get(signin::ways))
        .route("/api/v1/ways/passkeys/ask", post(signin::ask_new_passkey))
        .route("/api/v1/ways/passkeys", post(signin::add_passkey))
        .route("/api/v1/ways/passkeys/{passkey}", delete(signin::remove_passkey))
        .route("/api/v1/ways/wallets", post(signin::add_wallet))
        .route("/api/v1/ways/wallets/{wallet}", delete(signin::remove_wallet))
        .route("/api/v1/sessions", get(signin::sessions))
        .route("/api/v1/sessions/{key}", delete(signin::end_session))
        .route("/api/v1/devices", post(signin::add_device))
        .route("/api/v1/devices/token", post(signin::device_token))
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{key}", delete(keys::revoke))
        .route("/api/v1/keys/{key}/rotate", post(keys::rotate))
        .route("/api/v1/uploads/{owner}/{sha256}", head(uploads::known).put(uploads::receive))
        .route("/api/v1/publish", post(publish::publish))
        .route("/api/v1/quota", get(storage::own))
        .route("/api/v1/quota/{owner}", get(storage::of))
        .route("/api/v1/admin/quotas/{owner}", put(storage::set))
        .route("/api/v1/admin/collect", post(storage::collect))
        .route("/api/v1/admin/accounts", post(admin::create_account))
        .route("/api/v1/admin/invitations", get(signin::invitations).post(signin::invite))
        .route("/api/v1/admin/invitations/{invitation}", delete(signin::withdraw))
        .route("/api/v1/admin/grants", post(admin::grant))
        .route("/api/v1/admin/deposits", post(admin::deposit))
        .route("/api/v1/admin/payouts", post(admin::payout))
        .route("/api/v1/admin/holds", get(refunds::all_holds).post(refunds::set_aside))
        .route("/api/v1/admin/holds/{hold}", delete(refunds::release))
        .route("/api/v1/admin/trial", get(admin::trial).put(admin::set_trial))
        .route("/api/v1/admin/notice", get(admin::notice).put(admin::set_notice))
        .route("/api/v1/admin/fee", get(admin::fee).put(admin::set_fee))
        .route("/api/v1/admin/rate", get(admin::rate).put(admin::set_rate))
        .route("/api/v1/admin/request-rates", get(admin::request_rates).put(admin::set_request_rates))
        .route("/api/v1/admin/reports", get(moderation::all_reports))
        .route("/api/v1/admin/reports/{report}/dismiss", post(moderation::dismiss))
        .route("/api/v1/admin/models/{owner}/{name}/hide", post(moderation::hide))
        .route("/api/v1/admin/models/{owner}/{name}/take-down", post(moderation::take_down))
        .route("/api/v1/admin/models/{owner}/{name}/restore", post(moderation::restore))
        .route("/api/v1/admin/moderation", get(moderation::trail))
        .route("/api/v1/admin/restricted", get(moderation::restricted))
        .route("/api/v1/admin/verified/{handle}", put(moderation::verify).delete(moderation::unverify))
        .route("/.well-known/modelhub", get(health::hub))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/openapi.json", get(document::show))
        // Pages.
        .route("/", get(pages::home::show))
        .route("/search", get(pages::search::show))
        .route("/compare", get(pages::compare::show))
        .route("/rankings", get(pages::rankings::show))
        .route("/wanted", get(pages::wanted::show))
        .route("/publish", get(pages::publish::show))
        .route("/{owner}", get(pages::owner::show))
        .route("/{owner}/{name}", get(pages::model::show))
        .route("/{owner}/{name}/diff/{from}/{to}", get(pages::diff::show))
        .route("/{owner}/{name}/report", get(pages::report::show).post(pages::report::send))
        .route("/login", get(pages::login::show))
        .route("/login/key", post(pages::login::key))
        .route("/login/join", get(pages::login::join))
        .route("/login/device", get(pages::login::device).post(pages::login::answer_device))
        .route("/account", get(pages::account::overview))
        .route("/account/keys", get(pages::account::keys).post(pages::account::make_key))
        .route("/account/keys/{key}/revoke", post(pages::account::revoke_key))
        .route("/account/keys/{key}/rotate", post(pages::account::rotate_key))
        .route("/account/calls", get(pages::account::calls))
        .route("/account/money", get(pages::account::money))
        .route("/account/earnings", get(pages::account::earnings))
        .route("/account/reports", get(pages::report::own))
        .route("/account/signin", get(pages::account::ways))
        .route("/account/passkeys/{passkey}/remove", post(pages::account::remove_passkey))
        .route("/account/wallets/{wallet}/remove", post(pages::account::remove_wallet))
        .route("/account/sessions/{key}/end", post(pages::account::end_session))
        .route("/operator", get(pages::operator::operator))
        .route("/operator/moderation", get(pages::moderation::overview))
        .route("/operator/models/{owner}/{name}", get(pages::moderation::case).post(pages::moderation::decide))
        .route("/operator/reports/{report}/dismiss", post(pages::moderation::dismiss))
        .route("/operator/verified", post(pages::moderation::verify))
        .route("/status", get(pages::operator::status))
        .route("/docs/api", get(pages::reference::show))
        .route("/docs/api/{chapter}", get(pages::reference::chapter))
        .route("/llms.txt", get(pages::llms::show))
        .route("/receipts/{call}", get(pages::receipt::show))
        .route("/logout", post(pages::login::logout))
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
}
