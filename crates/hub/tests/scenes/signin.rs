//! Making accounts and signing in: wallets, keys, invitations, programs without a browser. Passkeys are tried with a
//! real browser (`cargo xtask test browser`).

use hub::{DeviceState, Error, KeyWish, Limits, Scope, SignedText};
use receipt::{Signature, Signer};
use sha3::{Digest, Keccak256};
use testkit::{TestHub, model, opg, refused};

fn wallet(seed: u8) -> Signer {
    Signer::from_bytes(&[seed; 32]).unwrap()
}

/// What `personal_sign` of a wallet gives.
fn sign(wallet: &Signer, text: &str) -> Signature {
    let digest = Keccak256::new()
        .chain_update(format!("\x19Ethereum Signed Message:\n{}", text.len()))
        .chain_update(text)
        .finalize();
    wallet.sign(&digest.into())
}

async fn signed(hub: &TestHub, wallet: &Signer) -> SignedText {
    let text = hub.hub().ask_wallet(wallet.address(), 8_453, None).await.unwrap();
    SignedText { signature: sign(wallet, &text), text }
}

#[tokio::test]
async fn a_stranger_makes_an_account_with_a_wallet_and_comes_back_with_it() {
    let hub = TestHub::set().dev().start().await;
    let core = hub.hub();
    let ada = wallet(1);
    refused!(
        core.sign_in_with_wallet(&signed(&hub, &ada).await, "Firefox", &core.attempt(None).unwrap()).await,
        Error::UnknownWallet { .. }
    );
    let (account, session) = core.join_with_wallet("ada", None, &signed(&hub, &ada).await, "Firefox").await.unwrap();
    assert_eq!(account.handle.as_str(), "ada");
    let caller = core.authenticate_session(&session.secret).await.unwrap();
    assert_eq!(caller.scopes(), [Scope::Read, Scope::Publish, Scope::Call, Scope::Money]);
    assert_eq!(core.balance(&caller).await.unwrap().balance.promo, opg("100").nano(), "play money of a --dev hub");
    let (again, second) =
        core.sign_in_with_wallet(&signed(&hub, &ada).await, "Chrome", &core.attempt(None).unwrap()).await.unwrap();
    assert_eq!(again.id, account.id);
    let agents: Vec<_> = core.sessions(&caller).await.unwrap().iter().map(|s| s.name.clone()).collect();
    assert_eq!(agents.len(), 2, "{agents:?}");
    core.end_session(&caller, second.record.id).await.unwrap();
    refused!(core.authenticate_session(&second.secret).await, Error::NoSession);
    core.authenticate_session(&session.secret).await.unwrap();
    // The same wallet, or the same handle, makes no second account.
    refused!(core.join_with_wallet("eve", None, &signed(&hub, &ada).await, "x").await, Error::WayTaken);
    refused!(core.join_with_wallet("ada", None, &signed(&hub, &wallet(2)).await, "x").await, Error::HandleTaken { .. });
    hub.restart().await;
    hub.hub().authenticate_session(&session.secret).await.unwrap();
    hub.finish().await;
}

#[tokio::test]
async fn a_signed_text_is_good_once_for_ten_minutes_and_this_hub() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let ada = wallet(1);
    let first = signed(&hub, &ada).await;
    core.join_with_wallet("ada", None, &first, "x").await.unwrap();
    refused!(core.sign_in_with_wallet(&first, "x", &core.attempt(None).unwrap()).await, Error::NotAsked);
    let old = signed(&hub, &ada).await;
    hub.clock().advance_ms(600_000);
    refused!(core.sign_in_with_wallet(&old, "x", &core.attempt(None).unwrap()).await, Error::Wallet(_));
    let mut forged = signed(&hub, &ada).await;
    forged.signature = sign(&wallet(2), &forged.text);
    refused!(core.sign_in_with_wallet(&forged, "x", &core.attempt(None).unwrap()).await, Error::Wallet(_));
    let text = signed(&hub, &ada).await.text.replace("hub.test", "evil.test");
    let elsewhere = SignedText { signature: sign(&ada, &text), text };
    refused!(core.sign_in_with_wallet(&elsewhere, "x", &core.attempt(None).unwrap()).await, Error::Wallet(_));
    // A word that this hub never gave out.
    let text = signed(&hub, &ada).await.text;
    let nonce = text.lines().find_map(|line| line.strip_prefix("Nonce: ")).unwrap();
    let text = text.replace(nonce, &"a".repeat(32));
    let invented = SignedText { signature: sign(&ada, &text), text };
    refused!(core.sign_in_with_wallet(&invented, "x", &core.attempt(None).unwrap()).await, Error::NotAsked);
    hub.finish().await;
}

#[tokio::test]
async fn where_it_takes_an_invitation_each_makes_one_account() {
    let hub = TestHub::set().by_invitation().start().await;
    let (core, operator) = (hub.hub(), hub.operator().await);
    let join = async |handle: &str, code: Option<&str>, seed: u8| {
        core.join_with_wallet(handle, code, &signed(&hub, &wallet(seed)).await, "x").await
    };
    refused!(join("ada", None, 1).await, Error::InvitationNeeded);
    refused!(join("ada", Some("0123456789abcdef"), 1).await, Error::NoInvitation);
    let made = core.invite(&operator, "for Ada", 14).await.unwrap();
    join("ada", Some(&made.code), 1).await.unwrap();
    refused!(join("eve", Some(&made.code), 2).await, Error::NoInvitation);
    let late = core.invite(&operator, "", 1).await.unwrap();
    hub.hours_pass(24);
    refused!(join("bob", Some(&late.code), 3).await, Error::NoInvitation);
    let withdrawn = core.invite(&operator, "", 1).await.unwrap();
    core.withdraw_invitation(&operator, withdrawn.record.id).await.unwrap();
    refused!(join("bob", Some(&withdrawn.code), 3).await, Error::NoInvitation);
    let used = core.invitations(&operator).await.unwrap().into_iter().filter(|i| i.used.is_some()).count();
    assert_eq!(used, 1);
    let alice = hub.user("alice").await;
    refused!(core.invite(alice.caller(), "", 14).await, Error::ScopeMissing { .. });
    refused!(core.invite(&operator, "", 0).await, Error::Invalid { what: "days", .. });
    hub.finish().await;
}

#[tokio::test]
async fn a_key_signs_in_if_it_can_make_keys_and_nothing_bounds_it() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let alice = hub.user("alice").await;
    let (_, session) = core.sign_in_with_key(&alice.secret, "Mozilla/5.0").await.unwrap();
    // A session is a cookie's alone, and a key none.
    refused!(core.authenticate(&session.secret).await, Error::UnknownKey);
    refused!(core.authenticate_session(&alice.secret).await, Error::NoSession);
    let wishes = [
        (KeyWish { scopes: vec![Scope::Read, Scope::Call], ..KeyWish::default() }, "without the scope money"),
        (KeyWish { models: Some(vec![model("alice/echo")]), ..all() }, "for one model"),
        (KeyWish { limits: Limits { call: Some(opg("1")), ..Limits::default() }, ..all() }, "with a limit"),
        (KeyWish { expires_in_days: Some(1), ..all() }, "with an end"),
    ];
    for (wish, what) in wishes {
        let key = core.create_key(alice.caller(), wish).await.unwrap();
        assert!(core.sign_in_with_key(&key.secret, "x").await.is_err(), "{what}");
    }
    // What a session makes outlives it, and is listed; the session is not.
    let caller = core.authenticate_session(&session.secret).await.unwrap();
    let made = core.create_key(&caller, all()).await.unwrap();
    assert_eq!(made.record.expires, None);
    assert!(core.list_keys(&caller).await.unwrap().iter().all(|key| !key.session));
    hub.hours_pass(24 * 30);
    refused!(core.authenticate_session(&session.secret).await, Error::NoSession);
    core.authenticate(&made.secret).await.unwrap();
    hub.finish().await;
}

fn all() -> KeyWish {
    KeyWish { scopes: vec![Scope::Read, Scope::Publish, Scope::Call, Scope::Money], ..KeyWish::default() }
}

#[tokio::test]
async fn a_program_gets_one_key_once_its_user_has_said_yes() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let alice = hub.user("alice").await;
    let codes = core.ask_for_device("modelhub on laptop").await.unwrap();
    assert!(matches!(core.device_answer(&codes.device).await.unwrap(), DeviceState::Waiting));
    let typed = codes.user.replace('-', " ").to_lowercase();
    assert_eq!(core.device(alice.caller(), &typed).await.unwrap().name, "modelhub on laptop");
    refused!(core.device(alice.caller(), "BCDF-GHJK").await, Error::NoDevice { .. });
    let small = core
        .create_key(alice.caller(), KeyWish { scopes: vec![Scope::Read, Scope::Money], ..KeyWish::default() })
        .await
        .unwrap();
    let small = core.authenticate(&small.secret).await.unwrap();
    refused!(core.answer_device(&small, &typed, true).await, Error::ScopeMissing { .. });
    core.answer_device(alice.caller(), &typed, true).await.unwrap();
    refused!(core.answer_device(alice.caller(), &typed, false).await, Error::NoDevice { .. });
    let DeviceState::Approved(key) = core.device_answer(&codes.device).await.unwrap() else { panic!("approved") };
    assert_eq!(core.authenticate(&key.secret).await.unwrap().account().id, alice.account.id);
    refused!(core.device_answer(&codes.device).await, Error::NotAsked);

    let denied = core.ask_for_device("somebody").await.unwrap();
    core.answer_device(alice.caller(), &denied.user, false).await.unwrap();
    assert!(matches!(core.device_answer(&denied.device).await.unwrap(), DeviceState::Denied));
    let late = core.ask_for_device("late").await.unwrap();
    hub.clock().advance_ms(600_000);
    refused!(core.answer_device(alice.caller(), &late.user, true).await, Error::NoDevice { .. });
    hub.finish().await;
}

#[tokio::test]
async fn the_last_way_in_is_kept_and_others_go() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let (_, session) = core.join_with_wallet("ada", None, &signed(&hub, &wallet(1)).await, "x").await.unwrap();
    let ada = core.authenticate_session(&session.secret).await.unwrap();
    refused!(core.remove_wallet(&ada, wallet(1).address()).await, Error::LastWay);
    core.add_wallet(&ada, &signed(&hub, &wallet(2)).await).await.unwrap();
    core.remove_wallet(&ada, wallet(1).address()).await.unwrap();
    refused!(core.remove_wallet(&ada, wallet(1).address()).await, Error::NoWay { .. });
    let ways = core.ways(&ada).await.unwrap();
    assert_eq!(ways.wallets.iter().map(|w| w.address).collect::<Vec<_>>(), [wallet(2).address().0]);
    hub.finish().await;
}

#[tokio::test]
async fn when_a_key_was_used_last_is_written_down() {
    let hub = TestHub::start().await;
    let core = hub.hub();
    let alice = hub.user("alice").await;
    let key = core.create_key(alice.caller(), all()).await.unwrap();
    let used = async || {
        let keys = core.list_keys(alice.caller()).await.unwrap();
        keys.into_iter().find(|k| k.id == key.record.id).unwrap().used
    };
    assert_eq!(used().await, None);
    core.authenticate(&key.secret).await.unwrap();
    core.note_used().await;
    assert_eq!(used().await, Some(hub.now()));
    hub.finish().await;
}
