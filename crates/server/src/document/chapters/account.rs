//! Account and keys.

use api::Code;
use serde_json::json;

use crate::document::operation::{Operation, Who, delete, get, post};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/api/v1/account", "account", "Whose key this is")
            .who(Who::AnyKey)
            .gives::<api::Account>("The account, and what the key may be used for."),
        get("/api/v1/keys", "keys", "The account's keys")
            .who(Who::Key("read"))
            .gives::<api::Keys>("Without their secrets."),
        post("/api/v1/keys", "create_key", "Make a key")
            .says("A new key can do nothing its maker cannot. Its secret is shown this once.")
            .who(Who::Key("money"))
            .takes::<api::NewKey>(json!({"name": "laptop", "scopes": ["call"], "max_cost": "0.01", "max_day": "1"}))
            .gives_with::<api::MadeKey>(201, "The key, with its secret."),
        delete("/api/v1/keys/{key}", "revoke_key", "Revoke a key")
            .says("With `money`, or with the key itself.")
            .who(Who::Key("money"))
            .gives::<api::RevokedKey>("It opens nothing any more."),
        post("/api/v1/keys/{key}/rotate", "rotate_key", "Give a key another secret")
            .says("It stays the same key, with its scopes and limits. The secret is shown this once.")
            .who(Who::Key("money"))
            .takes::<api::RotateKey>(json!({"overlap_hours": 24}))
            .gives::<api::MadeKey>("The key, with its new secret."),
        get("/api/v1/sessions", "sessions", "Browsers that are signed in")
            .who(Who::Key("read"))
            .gives::<api::Sessions>("One for each."),
        delete("/api/v1/sessions/{key}", "end_session", "Sign a browser out")
            .who(Who::Key("money"))
            .gives::<api::Removed>("It is signed out."),
        get("/api/v1/ways", "ways", "How the account is signed in to")
            .who(Who::Key("read"))
            .gives::<api::Ways>("Its passkeys and wallets."),
        post("/api/v1/ways/passkeys/ask", "ask_new_passkey", "Ask for another passkey")
            .who(Who::Key("money"))
            .gives::<api::Ceremony>("What the browser is asked, good once, for ten minutes."),
        post("/api/v1/ways/passkeys", "add_passkey", "Add a passkey")
            .who(Who::Key("money"))
            .takes::<api::PasskeyAnswer>(json!({"word": "WORD", "answer": {}, "name": "laptop"}))
            .gives_with::<api::Passkey>(201, "It is added.")
            .refuses(&[Code::SignInFailed, Code::WayTaken, Code::ChallengeOver]),
        delete("/api/v1/ways/passkeys/{passkey}", "remove_passkey", "Remove a passkey")
            .who(Who::Key("money"))
            .gives::<api::Removed>("It is removed.")
            .refuses(&[Code::LastWay]),
        post("/api/v1/ways/wallets", "add_wallet", "Add a wallet")
            .says("The text comes from `/api/v1/signin/wallet/ask`.")
            .who(Who::Key("money"))
            .takes::<api::WalletAnswer>(super::signin::wallet_answer())
            .gives_with::<api::Wallet>(201, "It is added.")
            .refuses(&[Code::SignInFailed, Code::WayTaken, Code::ChallengeOver]),
        delete("/api/v1/ways/wallets/{wallet}", "remove_wallet", "Remove a wallet")
            .who(Who::Key("money"))
            .gives::<api::Removed>("It is removed.")
            .refuses(&[Code::LastWay]),
    ]
}
