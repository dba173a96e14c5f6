//! Signing in.

use api::Code;
use serde_json::{Value, json};

use crate::document::operation::{Operation, Shape, Who, post};

/// What a wallet sends back.
pub(super) fn wallet_answer() -> Value {
    json!({"text": "TEXT", "signature": format!("0x{}", "0".repeat(130))})
}

pub(super) fn operations() -> Vec<Operation> {
    let wallet = json!({"address": "0x52908400098527886E0F7030069857D2E4169EE7", "chain": 8453});
    vec![
        page("/api/v1/signin/join/ask", "ask_to_join", "Ask for an account with a passkey")
            .takes::<api::NewJoin>(json!({"handle": "alice"}))
            .gives::<api::Ceremony>("What the browser is asked, good once, for ten minutes.")
            .refuses(&[Code::InvitationRequired, Code::HandleTaken, Code::Busy]),
        page("/api/v1/signin/join", "join", "Make the account")
            .takes::<api::PasskeyAnswer>(passkey_answer())
            .gives_with::<api::SignedIn>(201, "The account; the session comes as a cookie.")
            .told("Set-Cookie", Shape::written(json!({"type": "string"})), "The session.")
            .refuses(&[Code::SignInFailed, Code::InvitationRequired, Code::HandleTaken, Code::WayTaken])
            .refuses(&[Code::ChallengeOver]),
        page("/api/v1/signin/passkey/ask", "ask_passkey", "Ask to sign in with a passkey")
            .gives::<api::Ceremony>("What the browser is asked, good once, for ten minutes.")
            .refuses(&[Code::Busy]),
        page("/api/v1/signin/passkey", "sign_in_with_passkey", "Sign in with a passkey")
            .takes::<api::PasskeyAnswer>(passkey_answer())
            .gives::<api::SignedIn>("Who is signed in; the session comes as a cookie.")
            .told("Set-Cookie", Shape::written(json!({"type": "string"})), "The session.")
            .refuses(&[Code::SignInFailed, Code::ChallengeOver]),
        page("/api/v1/signin/wallet/ask", "ask_wallet", "Ask for a text to sign with a wallet")
            .takes::<api::AskWallet>(wallet)
            .gives::<api::WalletAsk>("A text of EIP-4361, good once, for ten minutes.")
            .refuses(&[Code::Busy]),
        page("/api/v1/signin/wallet", "sign_in_with_wallet", "Sign in with a wallet, or make an account with it")
            .says("With `handle` it makes an account.")
            .takes::<api::WalletAnswer>(wallet_answer())
            .gives::<api::SignedIn>("Who is signed in; the session comes as a cookie.")
            .told("Set-Cookie", Shape::written(json!({"type": "string"})), "The session.")
            .gives_with::<api::SignedIn>(201, "The account that was made; the session comes as a cookie.")
            .told("Set-Cookie", Shape::written(json!({"type": "string"})), "The session.")
            .refuses(&[Code::SignInFailed, Code::InvitationRequired, Code::HandleTaken, Code::WayTaken])
            .refuses(&[Code::ChallengeOver]),
        post("/api/v1/devices", "add_device", "Ask for a key that its user grants on a page")
            .says("RFC 8628: show `user_code` and `verification_uri` to your user, then ask for the token.")
            .takes::<api::NewDevice>(json!({"name": "my program"}))
            .gives_with::<api::Device>(201, "The codes.")
            .refuses(&[Code::Busy]),
        post("/api/v1/devices/token", "device_token", "Ask whether it was granted")
            .takes::<api::DeviceToken>(json!({"device_code": "CODE"}))
            .gives::<api::DeviceAnswer>("`pending` until there is an answer; the key, once.")
            .refuses(&[Code::ChallengeOver]),
    ]
}

fn passkey_answer() -> Value {
    json!({"word": "WORD", "answer": {}})
}

/// For pages of this hub.
fn page(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    post(path, id, summary).who(Who::Page)
}
