//! Publishing.

use api::{Code, MAX_PAGE, PAGE, text};
use serde_json::json;

use crate::document::operation::{Operation, Shape, Who, delete, get, head, post, put};
use crate::document::written;

const PUBLISH: Who = Who::Key("publish");

/// What a publish may be refused for before its first check; afterwards the last line says it.
const REFUSED: &[Code] = &[
    Code::QuotaReached,
    Code::AccountNotFound,
    Code::ModelNotFound,
    Code::RevisionNotFound,
    Code::FileNotFound,
    Code::UploadNotFound,
    Code::ModelTaken,
    Code::ReleaseConflict,
    Code::BranchMoved,
    Code::PublishRefused,
    Code::InvalidCard,
    Code::InvalidSplit,
    Code::InvalidPrice,
    Code::UploadMismatch,
    Code::Busy,
    Code::TooManyCommits,
    Code::EngineFailed,
    Code::EngineUnavailable,
    Code::RemoteUnavailable,
    Code::TimedOut,
    Code::TakenDown,
];

pub(super) fn operations() -> Vec<Operation> {
    let lines = || written::text("NDJSON: `{\"verdict\"}` for each check, then `{\"published\"}` or `{\"error\"}`.");
    let file = json!({"path": "model.onnx", "sha256": "0".repeat(64), "size": 1});
    vec![
        upload_known(),
        upload(),
        post("/api/v1/publish", "publish", "Publish a folder whose files were handed in")
            .says("What is not given stands in the card, README.md. The answer is told line by line while the checks run.")
            .who(PUBLISH)
            .takes::<api::Publish>(json!({"model": "alice/iris", "files": [file], "price": {"per_call": "0.002 OPG"}}))
            .gives_as(200, "application/x-ndjson", lines(), "How it went, line by line; the last one says how it ended.")
            .refuses(REFUSED),
        post("/api/v1/models/{owner}/{name}/releases", "release", "Make a commit a release")
            .who(PUBLISH)
            .takes::<api::ReleaseWish>(json!({"revision": "main", "price": {"per_call": "0.002 OPG"}, "dry_run": true}))
            .gives_as(200, "application/x-ndjson", lines(), "How it went, line by line; the last one says how it ended.")
            .refuses(REFUSED),
        get("/api/v1/models/{owner}/{name}/draft", "draft", "What becomes of what was committed last")
            .who(PUBLISH)
            .query_of::<text::ReleaseNumber>("release", "Of the version with this number.")
            .gives::<api::DraftState>("When it is published by itself, or why it is no release.")
            .refuses(&[Code::NotFound]),
        put("/api/v1/models/{owner}/{name}/releases/{release}/price", "set_price", "Change a release's price")
            .says("A higher price holds once it was announced for as long as the hub demands.")
            .who(PUBLISH)
            .takes::<api::SetPrice>(json!({"price": {"per_call": "0.003 OPG"}}))
            .gives::<api::Prices>("What holds, what comes, and what was.")
            .refuses(&[Code::InvalidPrice]),
        post("/api/v1/models/{owner}/{name}/releases/{release}/yank", "yank", "Advise against a release")
            .who(PUBLISH)
            .takes::<api::Yank>(json!({"reason": "Its labels are in the wrong order."}))
            .gives::<api::ReleaseState>("It is yanked."),
        delete("/api/v1/models/{owner}/{name}/releases/{release}/yank", "restore", "Take a yank back")
            .who(PUBLISH)
            .gives::<api::ReleaseState>("It is not yanked."),
        list_access(),
        post("/api/v1/models/{owner}/{name}/access", "ask_access", "Ask for gated weights")
            .says("Asked again, it says what came of it.")
            .who(Who::Key("read"))
            .takes::<api::AskAccess>(json!({"message": "For a course."}))
            .gives::<api::AccessRequest>("The request, and what came of it."),
        put("/api/v1/models/{owner}/{name}/access", "set_access", "Let in whoever asks, or not")
            .who(PUBLISH)
            .takes::<api::SetAccess>(json!({"automatic": true}))
            .gives::<api::AccessSetting>("The setting."),
        get("/api/v1/models/{owner}/{name}/access/{handle}", "access_of", "Somebody's request")
            .says("For who asked, with `read`; for the model's owner with `publish`.")
            .who(Who::Key("read"))
            .gives::<api::AccessRequest>("The request.")
            .refuses(&[Code::AccessRequestNotFound]),
        put("/api/v1/models/{owner}/{name}/access/{handle}", "decide_access", "Let somebody in, or not")
            .says("Also whoever did not ask.")
            .who(PUBLISH)
            .takes::<api::DecideAccess>(json!({"status": "accepted"}))
            .gives::<api::AccessRequest>("The request.")
            .refuses(&[Code::AccessRequestNotFound]),
        delete("/api/v1/models/{owner}/{name}/access/{handle}", "remove_access", "Take a request off, and what came of it")
            .who(PUBLISH)
            .gives::<api::RemovedAccess>("It may be made again.")
            .refuses(&[Code::AccessRequestNotFound]),
    ]
}

fn list_access() -> Operation {
    get("/api/v1/models/{owner}/{name}/access", "access", "Who asked for gated weights")
        .who(PUBLISH)
        .query_of::<text::AccessStatus>("status", "`pending` unless it says otherwise.")
        .query(
            "limit",
            json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
            "How many items at most.",
        )
        .query(
            "cursor",
            json!({"type": "string", "pattern": "^-?[0-9]{1,19}-[0-9a-f]{32}$"}),
            "The `next` of the page before.",
        )
        .gives::<api::AccessRequests>("A page of requests, the newest first.")
}

fn offset() -> Shape {
    Shape::written(json!({"type": "integer", "minimum": 0}))
}

fn upload_known() -> Operation {
    head("/api/v1/uploads/{owner}/{sha256}", "upload_known", "Whether a file is here")
        .says("Else 404 says in `Upload-Offset` how many of its bytes are.")
        .who(PUBLISH)
        .gives_nothing(200, "It is here, whole.")
        .refuses(&[Code::AccountNotFound])
}

fn upload() -> Operation {
    let range = json!({"type": "string", "pattern": "^bytes [0-9]{1,18}-[0-9]{1,18}/[0-9]{1,18}$"});
    put("/api/v1/uploads/{owner}/{sha256}", "upload", "Hand in a file, whole or a part of it")
        .says(
            "With `Content-Range` a part that follows what is here. What was cut off stays up to the last byte that came, for \
             24 hours. A file that no model names is collected a day later.",
        )
        .who(PUBLISH)
        .header("Content-Range", range, "`bytes FIRST-LAST/TOTAL`")
        .takes_as("application/octet-stream", written::bytes("The file, or the part of it."), "")
        .gives_with::<api::Uploaded>(201, "It is here, whole, and its digest is right.")
        .gives_with::<api::PartUploaded>(202, "The part is here.")
        .told("Upload-Offset", offset(), "How many bytes of the file are here.")
        .refuses(&[Code::QuotaReached, Code::AccountNotFound, Code::UploadOffset, Code::LengthRequired])
        .refuses(&[Code::UploadMismatch, Code::Busy])
}
