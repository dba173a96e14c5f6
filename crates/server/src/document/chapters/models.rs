//! Finding models.

use api::{Code, MAX_PAGE, MAX_SEARCH_PAGE, PAGE, SEARCH_PAGE, text};
use serde_json::{Value, json};

use crate::document::operation::{Operation, Who, get};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/api/v1/models", "models", "Models, the newest first")
            .paged(MAX_PAGE, PAGE)
            .gives::<api::ListedModels>("A page of models that everybody sees.")
            .refuses(&[Code::Internal]),
        search(),
        rankings(),
        wanted(),
        of_model("/api/v1/models/{owner}/{name}/card", "card", "What a model's card says, and what it lacks")
            .query("revision", revision(), "A branch, a tag, a release or a commit; `main` unless it says otherwise.")
            .gives::<api::ModelCard>("Its score, what it lacks, its licences and base models.")
            .refuses(&[Code::RevisionNotFound]),
        of_model("/api/v1/models/{owner}/{name}/scan", "scan", "What a model's files hold")
            .says("Of the first 10,000 files; at most 100 stand on a page.")
            .query("revision", revision(), "A branch, a tag, a release or a commit; `main` unless it says otherwise.")
            .paged(MAX_PAGE, PAGE)
            .gives::<api::ModelScan>("A page of files, and what they come to.")
            .refuses(&[Code::RevisionNotFound]),
        of_model("/api/v1/models/{owner}/{name}/checks", "checks", "What the hub has checked of a model by itself")
            .gives::<api::ModelChecks>("Comparisons of each release, the newest first."),
        of_model("/api/v1/models/{owner}/{name}/diff/{from}/{to}", "diff", "What changed between two releases")
            .says("What is sealed is named, not shown.")
            .gives::<api::ReleaseDiff>("Files, small texts, contract, price, split and royalties.")
            .refuses(&[Code::Busy]),
        of_model("/api/v1/models/{owner}/{name}/releases/{release}/price", "prices", "The prices of a release")
            .gives::<api::Prices>("What holds, what comes, and what was."),
    ]
}

fn of_model(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    get(path, id, summary).who(Who::Anybody)
}

fn revision() -> Value {
    json!({"type": "string", "maxLength": 200})
}

fn search() -> Operation {
    let many = |pattern: Value| json!({"type": "array", "items": pattern, "maxItems": 10});
    let text = || json!({"type": "string", "maxLength": 100});
    let one_of = |words: &[&str]| json!({"type": "string", "enum": words});
    get("/api/v1/search", "search", "Models that fit")
        .says(
            "Every word of `q` has to be in a model, the last one as its beginning; a typo is forgiven where few models have \
             the word itself. Fields that may repeat narrow the search, and every value has to fit.",
        )
        .who(Who::Anybody)
        .query("q", json!({"type": "string", "maxLength": 200}), "At most 12 words.")
        .query("task", many(text()), "What it does.")
        .query("licence", many(text()), "Its licence.")
        .query("format", many(text()), "The format of its files.")
        .query("tag", many(text()), "A tag of its card.")
        .query("access", many(one_of(&["sealed", "gated", "open"])), "Who gets its weights.")
        .query("tier", many(one_of(&["listed"])), "How far it was looked into.")
        .query_of::<text::Handle>("owner", "Whose it is.")
        .query_of::<text::Amount>("min_price", "The least that one call costs, in OPG.")
        .query_of::<text::Amount>("max_price", "The most that one call costs, in OPG.")
        .query("sort", one_of(&["relevance", "new", "updated", "price", "used"]), "In which order.")
        .query(
            "limit",
            json!({"type": "integer", "minimum": 1, "maximum": MAX_SEARCH_PAGE, "default": SEARCH_PAGE}),
            "How many items at most.",
        )
        .query("cursor", json!({"type": "string", "maxLength": 1000}), "The `next` of the page before.")
        .gives::<api::Found>("A page of models, and on the first one what they can be narrowed to.")
        .refuses(&[Code::Busy])
}

fn wanted() -> Operation {
    get("/api/v1/wanted", "wanted", "What was searched and not found")
        .gives::<api::Wanted>("Words that several accounts searched in vain, the most wanted first.")
        .refuses(&[Code::Internal, Code::Busy])
}

fn rankings() -> Operation {
    let by: Vec<_> = hub::By::ALL.iter().map(|by| by.word()).collect();
    get("/api/v1/rankings", "rankings", "Models in an order, by the last 30 days")
        .query("by", json!({"type": "string", "enum": by}), "In which order.")
        .query("task", json!({"type": "string", "maxLength": 100}), "Of this task alone.")
        .query("format", json!({"type": "string", "enum": ["json", "csv"]}), "In which form.")
        .paged(MAX_PAGE, PAGE)
        .gives::<api::Rankings>("A page of models.")
        .gives_as(200, "text/csv", json!({"type": "string"}), "")
        .refuses(&[Code::Internal, Code::Busy])
}
