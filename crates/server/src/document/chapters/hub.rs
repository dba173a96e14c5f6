//! The hub itself.

use api::Code;
use serde_json::json;

use crate::document::operation::{Operation, Who, get};
use crate::document::written;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/.well-known/modelhub", "hub", "What receipts are checked against")
            .gives::<api::HubInfo>("The hub's id, and the addresses that sign its receipts."),
        get("/v2", "server", "The server, in the Open Inference Protocol's words")
            .gives::<api::ServerMetadata>("Its name."),
        get("/v2/health/live", "live", "Whether the hub answers").gives::<api::Ready>("It does."),
        get("/v2/health/ready", "ready", "Whether a paid call could be made now")
            .gives::<api::Ready>("It could.")
            .refuses(&[Code::Internal, Code::EngineUnavailable, Code::BooksUnavailable]),
        get("/api/v1/openapi.json", "document", "This document")
            .gives_as(200, "application/json", json!({"type": "object"}), "OpenAPI 3.1.")
            .gives_nothing(304, "It is the one that you have (`If-None-Match`)."),
        get("/metrics", "metrics", "Figures for Prometheus").who(Who::Key("admin")).gives_as(
            200,
            "application/openmetrics-text",
            written::text("OpenMetrics."),
            "All figures, once.",
        ),
    ]
}
