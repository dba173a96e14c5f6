//! Money.

use api::{Code, MAX_PAGE, PAGE, text};
use serde_json::json;

use crate::document::operation::{Operation, Who, delete, get, named, post, put};

const READ: Who = Who::Key("read");
const MONEY: Who = Who::Key("money");

pub(super) fn operations() -> Vec<Operation> {
    let by = json!({"type": "string", "enum": ["model", "release", "day", "class", "payer"], "default": "model"});
    vec![
        get("/api/v1/balance", "balance", "What the account has").who(READ).gives::<api::Balance>("Both purses."),
        get("/api/v1/calls", "calls", "The account's calls, the newest first")
            .who(READ)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Calls>("A page of calls, those that failed too."),
        get("/api/v1/receipts/{call}", "receipt", "A call's receipt")
            .says("For its payer, its receivers and the operator.")
            .who(READ)
            .gives_as(200, "application/json", named("Receipt"), "The receipt, signed."),
        get("/api/v1/entries", "entries", "All that moved the account's money, the newest first")
            .says("The limit counts rows of the books, so that no row is cut in two.")
            .who(READ)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Entries>("A page of entries."),
        get("/api/v1/earnings", "earnings", "What the account earned")
            .who(READ)
            .query("by", by, "What a line stands for.")
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Earnings>("A page of lines, and the sums of all."),
        get("/api/v1/statements/{month}", "statement", "A month's statement")
            .who(READ)
            .gives::<api::Statement>("Opening, closing, totals, and items by day.")
            .gives_as(200, "text/csv", json!({"type": "string"}), ""),
        get("/api/v1/holds", "holds", "Money that is set aside").who(READ).gives::<api::Holds>("The oldest first."),
        get("/api/v1/debts", "debts", "What the account owes for refunds")
            .who(READ)
            .gives::<api::Debts>("The oldest first."),
        get("/api/v1/refunds", "refunds", "The refunds of a call")
            .who(READ)
            .query_of::<text::CallId>("call", "Which call.")
            .needed()
            .gives::<api::Refunds>("The oldest first.")
            .refuses(&[Code::ReceiptNotFound]),
        post("/api/v1/refunds", "refund", "Give a call back, whole or in part")
            .says("By its uploader for 30 days, or by the operator.")
            .who(MONEY)
            .takes::<api::NewRefund>(json!({"call": "call_01kb0000000000000000000000", "reason": "It was wrong."}))
            .gives::<api::Refund>("What went back at once, and what is owed.")
            .refuses(&[Code::ReceiptNotFound, Code::RefundRefused, Code::IdReused, Code::InsufficientFunds]),
        get("/api/v1/limits", "limits", "The most that may be spent, and how far it is")
            .who(READ)
            .gives::<api::LimitsUsed>("Of the account, and of the key that asks."),
        put("/api/v1/limits", "set_limits", "Set the most that may be spent")
            .says("All three at once: what is left out is no limit.")
            .who(MONEY)
            .takes::<api::SetLimits>(json!({"max_cost": "1", "max_day": "50", "max_month": "500"}))
            .gives::<api::Limits>("The account's limits now."),
        get("/api/v1/alerts", "alerts", "What happened to the account's money, the newest first")
            .who(READ)
            .paged(MAX_PAGE, PAGE)
            .gives::<api::Alerts>("A page of alerts, and whether each was told."),
        get("/api/v1/webhook", "webhook", "Where alerts go")
            .who(READ)
            .gives::<api::Webhook>("The address.")
            .refuses(&[Code::WebhookNotFound]),
        put("/api/v1/webhook", "set_webhook", "Set where alerts go")
            .says("The secret that messages are signed with is shown when it is new.")
            .who(MONEY)
            .takes::<api::SetWebhook>(json!({"url": "https://example.com/alerts", "low_balance": "5"}))
            .gives::<api::Webhook>("The address."),
        delete("/api/v1/webhook", "remove_webhook", "Tell alerts to nobody")
            .who(MONEY)
            .gives::<api::RemovedWebhook>("It is gone.")
            .refuses(&[Code::WebhookNotFound]),
        post("/api/v1/webhook/test", "test_webhook", "Send an alert that says nothing")
            .who(MONEY)
            .gives::<api::QueuedTest>("It is on its way.")
            .refuses(&[Code::WebhookNotFound, Code::Busy]),
        get("/api/v1/models/{owner}/{name}/trial", "trial", "What may be tried of a model without money")
            .who(READ)
            .gives::<api::Trial>("Its owner's budget."),
        put("/api/v1/models/{owner}/{name}/trial", "set_trial", "Set what may be tried of a model")
            .who(MONEY)
            .takes::<api::SetTrial>(json!({"allowed": true, "budget": "1", "per_account": "0.1"}))
            .gives::<api::Trial>("Its owner's budget now."),
        get("/api/v1/quota", "quota", "What the account keeps, and may keep")
            .who(READ)
            .gives::<api::Quota>("In bytes."),
        get("/api/v1/quota/{owner}", "quota_of", "What an account keeps, and may keep")
            .says("For its own group and the operator.")
            .who(READ)
            .gives::<api::Quota>("In bytes."),
        deposits(),
    ]
}

/// Money that comes in.
fn deposits() -> Operation {
    let header = |most: u32| json!({"type": "string", "minLength": 1, "maxLength": most});
    post("/api/v1/deposits", "deposits", "Tell the hub of money that came in")
        .says("By the operator's own tools: signed with the hub's deposit secret, as Standard Webhooks has it.")
        .who(Who::Signer)
        .header("webhook-id", header(256), "The message's id: the same again posts nothing twice.")
        .needed()
        .header("webhook-timestamp", json!({"type": "string", "pattern": "^[0-9]{1,12}$"}), "Seconds since 1970.")
        .needed()
        .header("webhook-signature", header(4096), "`v1,` and a signature in base64.")
        .needed()
        .takes::<api::NewDeposits>(json!({"deposits": [{"account": "bob", "amount": "1", "reference": "invoice 7"}]}))
        .gives::<api::Deposited>("Posted together, in the order of the message.")
        .refuses(&[Code::AccountNotFound, Code::IdReused])
}
