//! Reports, and what the operator makes of them.

use api::{Code, MAX_PAGE, PAGE, text};
use serde_json::{Value, json};

use crate::document::operation::{Operation, Who, delete, get, post, put};

const ADMIN: Who = Who::Key("admin");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/api/v1/models/{owner}/{name}/moderation", "moderation", "Where a model stands with the operator")
            .who(Who::Anybody)
            .gives::<api::Moderation>("What was decided, and why."),
        post("/api/v1/models/{owner}/{name}/reports", "report", "Report a model")
            .who(Who::Key("read"))
            .takes::<api::NewReport>(json!({"reason": "other", "text": "Its card names another model's authors."}))
            .gives_with::<api::Report>(201, "The report.")
            .refuses(&[Code::ReleaseNotFound, Code::TooManyReports]),
        get("/api/v1/reports", "own_reports", "Your reports, the newest first")
            .who(Who::Key("read"))
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Reports>("A page of reports, each with what became of it."),
        get("/api/v1/verified", "verified", "Accounts whose owners the operator knows")
            .gives::<api::VerifiedAccounts>("By handle, 1,000 at most.")
            .refuses(&[Code::Internal]),
        get("/api/v1/admin/reports", "reports", "All reports, the newest first")
            .who(ADMIN)
            .query_of::<text::ReportState>("state", "Those in this state alone.")
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Reports>("A page of reports."),
        post("/api/v1/admin/reports/{report}/dismiss", "dismiss_report", "Answer a report, and do nothing else")
            .who(ADMIN)
            .takes::<api::DismissReport>(json!({"text": "The card says so itself."}))
            .gives::<api::Report>("The report.")
            .refuses(&[Code::ReportAnswered]),
        decides("/api/v1/admin/models/{owner}/{name}/hide", "hide", "Take a model off all lists")
            .takes::<api::Restrict>(restriction()),
        decides("/api/v1/admin/models/{owner}/{name}/take-down", "take_down", "Take a model down")
            .says("It is called, read and shown no more; its page says why.")
            .takes::<api::Restrict>(restriction()),
        decides("/api/v1/admin/models/{owner}/{name}/restore", "restore_model", "Take either back")
            .takes::<api::RestoreModel>(json!({"text": "It was a mistake."})),
        get("/api/v1/admin/moderation", "decisions", "All that was decided, the newest first")
            .who(ADMIN)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Decisions>("A page of decisions."),
        get("/api/v1/admin/restricted", "restricted", "Models that are hidden or taken down")
            .who(ADMIN)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::RestrictedModels>("A page of models, the last ones first."),
        put("/api/v1/admin/verified/{handle}", "verify", "Say that you know whose account it is")
            .who(ADMIN)
            .takes::<api::Verify>(json!({"note": "example.org"}))
            .gives::<api::VerifiedAccount>("Everybody reads the note."),
        delete("/api/v1/admin/verified/{handle}", "unverify", "Say it no more")
            .who(ADMIN)
            .gives::<api::VerifiedAccount>("It is not verified any more.")
            .refuses(&[Code::NotVerified]),
    ]
}

fn restriction() -> Value {
    json!({"reason": "other", "text": "Its files are not what its card says."})
}

fn decides(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    post(path, id, summary).who(ADMIN).gives::<api::ModelStanding>("Where it stands now.")
}
