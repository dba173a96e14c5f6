//! Events and webhooks.

use api::{Code, MAX_PAGE, PAGE, text};
use serde_json::json;

use crate::document::operation::{Operation, Who, delete, get, post, put};

const READ: Who = Who::Key("read");
const PUBLISH: Who = Who::Key("publish");

pub(super) fn operations() -> Vec<Operation> {
    let words: Vec<_> = hub::EventKind::ALL.iter().map(|kind| kind.word()).collect();
    vec![
        get("/api/v1/events", "events", "What happened on the hub, the oldest first")
            .says(
                "Whoever has read up to a `next` has missed nothing before it. Events of what is public are for everybody, \
                 those of a private model for who may see it now.",
            )
            .who(Who::Anybody)
            .query("after", json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}), "The `next` of the last answer.")
            .query(
                "limit",
                json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
                "How many items at most.",
            )
            .query_of::<text::ModelName>("model", "Of this model alone.")
            .query_of::<text::Handle>("account", "Of this account's things alone.")
            .query("kind", json!({"type": "string", "enum": words}), "Of this type alone.")
            .query(
                "wait",
                json!({"type": "integer", "minimum": 0, "maximum": hub::MAX_WAIT.as_secs(), "default": 0}),
                "How many seconds to wait for the next one.",
            )
            .gives::<api::Events>("A page of events; `next` is always there.")
            .refuses(&[Code::ModelNotFound, Code::AccountNotFound, Code::Busy]),
        get("/api/v1/webhooks", "webhooks", "Webhooks of events").who(READ).gives::<api::Hooks>("The account's own."),
        post("/api/v1/webhooks", "add_webhook", "Have an address told of events")
            .says("Signed as Standard Webhooks has it. The answer shows the secret, once. 20 an account.")
            .who(PUBLISH)
            .takes::<api::NewHook>(json!({"url": "https://example.com/events", "types": ["release.sealed"]}))
            .gives::<api::Hook>("The webhook, with its secret.")
            .refuses(&[Code::AccountNotFound, Code::ModelNotFound]),
        get("/api/v1/webhooks/{webhook}", "webhook_of", "One webhook").who(READ).gives::<api::Hook>("The webhook."),
        put("/api/v1/webhooks/{webhook}", "change_webhook", "Change a webhook")
            .says("What is left out stays.")
            .who(PUBLISH)
            .takes::<api::ChangeHook>(json!({"paused": true}))
            .gives::<api::Hook>("The webhook; its secret if that is new."),
        delete("/api/v1/webhooks/{webhook}", "delete_webhook", "Remove a webhook")
            .who(PUBLISH)
            .gives::<api::RemovedHook>("It is told nothing any more."),
        post("/api/v1/webhooks/{webhook}/test", "test_webhook_of", "Send a message that says nothing")
            .who(PUBLISH)
            .gives::<api::Delivery>("It is on its way.")
            .refuses(&[Code::Busy]),
        get("/api/v1/webhooks/{webhook}/deliveries", "deliveries", "What was sent, and what came of it")
            .says("Of 30 days, the newest 1,000.")
            .who(READ)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Deliveries>("A page of messages, the newest first."),
        post("/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver", "redeliver", "Send a message once more")
            .who(PUBLISH)
            .gives::<api::Delivery>("It is on its way.")
            .refuses(&[Code::Busy]),
    ]
}
