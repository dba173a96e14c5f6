//! The chapters of the document, and what stands in each.

mod account;
mod events;
mod hub;
mod inference;
mod models;
mod moderation;
mod money;
mod operator;
mod organisations;
mod publishing;
mod signin;

use std::sync::LazyLock;

use super::operation::Operation;

/// Operations that belong together.
pub(crate) struct Chapter {
    /// Its tag, and the last segment of its page's path.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    pub(crate) operations: Vec<Operation>,
}

static CHAPTERS: LazyLock<Vec<Chapter>> = LazyLock::new(|| {
    let chapter = |key, title, note, operations| Chapter { key, title, note, operations };
    vec![
        chapter(
            "inference",
            "Calling models",
            "A call is quoted, paid, run and receipted; one that fails costs nothing. The same model is called in tensors \
             (Open Inference Protocol), in what people have, or in OpenAI's words.",
            inference::operations(),
        ),
        chapter("models", "Finding models", "What there is, and what is known of it.", models::operations()),
        chapter(
            "money",
            "Money",
            "What an account has, what moved it, and how far it may be spent.",
            money::operations(),
        ),
        chapter("account", "Account and keys", "Who is asking, and with what.", account::operations()),
        chapter(
            "publishing",
            "Publishing",
            "Files are handed in under their digest, then published as a release with a price. What becomes of it later.",
            publishing::operations(),
        ),
        chapter(
            "events",
            "Events and webhooks",
            "What happened, in one order without gaps, and who is told of it.",
            events::operations(),
        ),
        chapter(
            "organisations",
            "Organisations",
            "Accounts that several people act for, each in a role.",
            organisations::operations(),
        ),
        chapter(
            "signin",
            "Signing in",
            "Passkeys, wallets and sessions, for the pages of this hub; keys for programs without a browser (RFC 8628).",
            signin::operations(),
        ),
        chapter(
            "moderation",
            "Moderation",
            "Reports about models, what the operator decided, and whom the operator knows.",
            moderation::operations(),
        ),
        chapter("hub", "The hub itself", "Whether it is there, and what it signs with.", hub::operations()),
        chapter(
            "operator",
            "The operator",
            "What the hub's operator does. It takes a key with `admin`.",
            operator::operations(),
        ),
    ]
});

pub(crate) fn chapters() -> &'static [Chapter] {
    &CHAPTERS
}
