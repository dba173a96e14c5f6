//! What the operator does.

use api::Code;
use serde_json::{Value, json};

use crate::document::operation::{Operation, Who, delete, get, post, put};

const ADMIN: Who = Who::Key("admin");

pub(super) fn operations() -> Vec<Operation> {
    let hold = json!({"handle": "alice", "amount": "5", "days": 7, "reference": "payout 7"});
    vec![
        post("/api/v1/admin/accounts", "create_account", "Make an account")
            .says("Its first key's secret is shown this once.")
            .who(ADMIN)
            .takes::<api::NewAccount>(json!({"handle": "alice"}))
            .gives_with::<api::MadeAccount>(201, "The account, with its first key.")
            .refuses(&[Code::HandleTaken]),
        moves("/api/v1/admin/grants", "grant", "Give promo money"),
        moves("/api/v1/admin/deposits", "deposit", "Write down money that came in"),
        moves("/api/v1/admin/payouts", "payout", "Write down money that went out").refuses(&[
            Code::InsufficientFunds,
            Code::HoldNotFound,
            Code::HoldEnded,
        ]),
        get("/api/v1/admin/holds", "open_holds", "Money that is set aside, of all accounts")
            .who(ADMIN)
            .gives::<api::Holds>("The oldest first."),
        post("/api/v1/admin/holds", "set_aside", "Set money aside for a payout on its way")
            .who(ADMIN)
            .takes::<api::NewHold>(hold)
            .gives::<api::Hold>("It is set aside.")
            .refuses(&[Code::AccountNotFound, Code::InsufficientFunds, Code::IdReused]),
        delete("/api/v1/admin/holds/{hold}", "release_hold", "Give it back")
            .who(ADMIN)
            .gives::<api::ReleasedHold>("It is free again.")
            .refuses(&[Code::HoldEnded]),
        get("/api/v1/admin/fee", "fee", "The hub's share").who(ADMIN).gives::<api::Fee>("Of each call's cost."),
        put("/api/v1/admin/fee", "set_fee", "Set the hub's share")
            .who(ADMIN)
            .takes::<api::Fee>(json!({"share": "10%"}))
            .gives::<api::Fee>("Of each call's cost, from now on."),
        get("/api/v1/admin/rate", "rate", "USD for 1 OPG").who(ADMIN).gives::<api::RateSet>("Null until it is set."),
        put("/api/v1/admin/rate", "set_rate", "Set USD for 1 OPG")
            .who(ADMIN)
            .takes::<api::SetRate>(json!({"rate": "0.05"}))
            .gives::<api::RateSet>("It holds from now on."),
        get("/api/v1/admin/trial", "trial_budget", "What a new account may try")
            .who(ADMIN)
            .gives::<api::TrialBudget>("At the hub's expense."),
        put("/api/v1/admin/trial", "set_trial_budget", "Set what a new account may try")
            .who(ADMIN)
            .takes::<api::TrialBudget>(json!({"budget": "0.1"}))
            .gives::<api::TrialBudget>("At the hub's expense."),
        get("/api/v1/admin/notice", "notice", "How long a higher price is announced")
            .who(ADMIN)
            .gives::<api::PriceNotice>("In days."),
        put("/api/v1/admin/notice", "set_notice", "Set how long a higher price is announced")
            .who(ADMIN)
            .takes::<api::PriceNotice>(json!({"days": 7}))
            .gives::<api::PriceNotice>("In days."),
        get("/api/v1/admin/request-rates", "request_rates", "How often each may ask")
            .who(ADMIN)
            .gives::<api::RequestRates>("With a key, from an account, from an address."),
        put("/api/v1/admin/request-rates", "set_request_rates", "Set how often each may ask")
            .says("All of them: what is left out is without bounds.")
            .who(ADMIN)
            .takes::<api::RequestRates>(json!({"key": {"calls": "6000/min"}, "address": {"writes": "60/min"}}))
            .gives::<api::RequestRates>("They hold from now on."),
        put("/api/v1/admin/quotas/{owner}", "set_quota", "Set what an account may keep")
            .says("What is left out becomes what everybody has.")
            .who(ADMIN)
            .takes::<api::SetQuota>(json!({"max_models": 100}))
            .gives::<api::Quota>("What it keeps, and may keep."),
        get("/api/v1/admin/invitations", "invitations", "Links with which accounts are made")
            .who(ADMIN)
            .gives::<api::Invitations>("Without their codes."),
        post("/api/v1/admin/invitations", "invite", "Make such a link")
            .who(ADMIN)
            .takes::<api::NewInvitation>(json!({"note": "for Ada", "days": 14}))
            .gives_with::<api::MadeInvitation>(201, "The code is shown this once."),
        delete("/api/v1/admin/invitations/{invitation}", "withdraw_invitation", "Take an invitation back")
            .who(ADMIN)
            .gives::<api::Removed>("It is good for nothing any more."),
        post("/api/v1/admin/collect", "collect", "Collect now what nobody names")
            .who(ADMIN)
            .takes::<api::Collect>(json!({"dry_run": true}))
            .gives::<api::Collected>("What went, or would.")
            .refuses(&[Code::Busy]),
    ]
}

/// A movement of money by the operator's hand.
fn moves(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let example: Value = json!({"handle": "bob", "amount": "1", "reference": "invoice 7"});
    post(path, id, summary)
        .says("With an `id` of yours the same again moves nothing twice.")
        .who(ADMIN)
        .takes::<api::NewTransfer>(example)
        .gives::<api::Moved>("What the account has now.")
        .refuses(&[Code::AccountNotFound, Code::IdReused])
}
