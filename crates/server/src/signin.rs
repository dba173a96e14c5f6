//! Signing in and out, for the scripts of the pages and for programs.

use api::{Code, Problem};
use axum::Json as Answer;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use hub::{Account, Address, FreshKey, Hub, KeyRecord, SESSION_DAYS, Signature, SignedText};

use crate::edge::clip;
use crate::extract::{Caller, Json, SESSION, SameOrigin, Trying, parameter};
use crate::keys::KeyPath;
use crate::problem::Refused;

/// What a browser says it is.
pub(crate) struct Agent(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Agent {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Agent, Refused> {
        let text = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Agent(text.map_or("a browser", browser).to_owned()))
    }
}

/// The name in it that people know.
fn browser(agent: &str) -> &str {
    // Each names those before it as well.
    let known =
        [("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    known.iter().find(|(word, _)| agent.contains(word)).map_or(agent, |(_, name)| name)
}

/// The header that keeps a session in a browser, or ends it there.
pub(crate) fn cookie(hub: &Hub, secret: Option<&str>) -> HeaderValue {
    let secure = if hub.options().public_url.starts_with("https://") { "; Secure" } else { "" };
    let (value, age) = match secret {
        Some(secret) => (secret, u64::from(SESSION_DAYS) * 86_400),
        None => ("", 0),
    };
    let text = format!("{SESSION}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn signed_in(hub: &Hub, (account, session): (Account, FreshKey)) -> Response {
    let body = api::SignedIn { handle: account.handle.to_string(), account: account.id.to_string() };
    let cookie = AppendHeaders([(SET_COOKIE, cookie(hub, Some(&session.secret)))]);
    (cookie, Answer(body)).into_response()
}

fn ceremony(asked: hub::Ceremony) -> Answer<api::Ceremony> {
    Answer(api::Ceremony { word: asked.word, options: asked.options })
}

/// `POST /api/v1/signin/join/ask`
pub(crate) async fn ask_to_join(
    State(hub): State<Hub>,
    _: SameOrigin,
    Trying(attempt): Trying,
    Json(asked): Json<api::NewJoin>,
) -> Result<Answer<api::Ceremony>, Refused> {
    Ok(ceremony(attempt.judge(hub.ask_to_join(&asked.handle, asked.invitation.as_deref()).await)?))
}

/// `POST /api/v1/signin/join`
pub(crate) async fn join(
    State(hub): State<Hub>,
    _: SameOrigin,
    Trying(attempt): Trying,
    Agent(agent): Agent,
    Json(sent): Json<api::PasskeyAnswer>,
) -> Result<Response, Refused> {
    let joined = hub.join_with_passkey(&sent.word, &sent.answer.to_string(), &sent.name, &agent).await;
    let joined = attempt.judge(joined)?;
    Ok((StatusCode::CREATED, signed_in(&hub, joined)).into_response())
}

/// `POST /api/v1/signin/passkey/ask`
pub(crate) async fn ask_passkey(State(hub): State<Hub>, _: SameOrigin) -> Result<Answer<api::Ceremony>, Refused> {
    Ok(ceremony(hub.ask_passkey().await?))
}

/// `POST /api/v1/signin/passkey`
pub(crate) async fn passkey(
    State(hub): State<Hub>,
    _: SameOrigin,
    Trying(attempt): Trying,
    Agent(agent): Agent,
    Json(sent): Json<api::PasskeyAnswer>,
) -> Result<Response, Refused> {
    let signed = hub.sign_in_with_passkey(&sent.word, &sent.answer.to_string(), &agent, &attempt).await;
    Ok(signed_in(&hub, attempt.judge(signed)?))
}

/// `POST /api/v1/signin/wallet/ask`
pub(crate) async fn ask_wallet(
    State(hub): State<Hub>,
    _: SameOrigin,
    Json(asked): Json<api::AskWallet>,
) -> Result<Answer<api::WalletAsk>, Refused> {
    let address: Address =
        asked.address.parse().map_err(|bad| Problem::new(Code::InvalidRequest, format!("address: {bad}")))?;
    let text = hub.ask_wallet(address, asked.chain, asked.domain.as_deref()).await?;
    Ok(Answer(api::WalletAsk { text }))
}

/// `POST /api/v1/signin/wallet`
pub(crate) async fn wallet(
    State(hub): State<Hub>,
    _: SameOrigin,
    Trying(attempt): Trying,
    Agent(agent): Agent,
    Json(sent): Json<api::WalletAnswer>,
) -> Result<Response, Refused> {
    let signed = signed_text(&sent)?;
    match &sent.handle {
        None => {
            let known = hub.sign_in_with_wallet(&signed, &agent, &attempt).await;
            Ok(signed_in(&hub, attempt.judge(known)?))
        }
        Some(handle) => {
            let joined = hub.join_with_wallet(handle, sent.invitation.as_deref(), &signed, &agent).await;
            let joined = attempt.judge(joined)?;
            Ok((StatusCode::CREATED, signed_in(&hub, joined)).into_response())
        }
    }
}

fn signed_text(sent: &api::WalletAnswer) -> Result<SignedText, Refused> {
    let signature: Signature = sent.signature.parse().map_err(|_| {
        let message = format!("signature is \"{}\"; expected 0x and 130 hexadecimal digits", clip(&sent.signature));
        Problem::new(Code::InvalidRequest, message)
    })?;
    Ok(SignedText { text: sent.text.clone(), signature })
}

/// `GET /api/v1/ways`
pub(crate) async fn ways(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Answer<api::Ways>, Refused> {
    let ways = hub.ways(&caller).await?;
    Ok(Answer(api::Ways {
        passkeys: ways.passkeys.iter().map(one_passkey).collect(),
        wallets: ways.wallets.iter().map(one_wallet).collect(),
    }))
}

/// `POST /api/v1/ways/passkeys/ask`
pub(crate) async fn ask_new_passkey(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<Answer<api::Ceremony>, Refused> {
    Ok(ceremony(hub.ask_new_passkey(&caller).await?))
}

/// `POST /api/v1/ways/passkeys`
pub(crate) async fn add_passkey(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(sent): Json<api::PasskeyAnswer>,
) -> Result<(StatusCode, Answer<api::Passkey>), Refused> {
    let added = hub.add_passkey(&caller, &sent.word, &sent.answer.to_string(), &sent.name).await?;
    Ok((StatusCode::CREATED, Answer(one_passkey(&added))))
}

/// `POST /api/v1/ways/wallets`
pub(crate) async fn add_wallet(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(sent): Json<api::WalletAnswer>,
) -> Result<(StatusCode, Answer<api::Wallet>), Refused> {
    let added = hub.add_wallet(&caller, &signed_text(&sent)?).await?;
    Ok((StatusCode::CREATED, Answer(one_wallet(&added))))
}

/// `{passkey}`, `{invitation}`: hexadecimal.
pub(crate) struct HexPath(Vec<u8>);

impl HexPath {
    async fn of(parts: &mut Parts, name: &'static str) -> Result<HexPath, Refused> {
        let Hex(bytes) = parameter(parts, name, Code::WayNotFound).await?;
        Ok(HexPath(bytes))
    }
}

/// Bytes as people write them.
struct Hex(Vec<u8>);

impl std::str::FromStr for Hex {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Hex, &'static str> {
        const RULE: &str = "expected hexadecimal digits, two a byte";
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        });
        pairs.collect::<Option<_>>().map(Hex).ok_or(RULE)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// `{passkey}`
pub(crate) struct PasskeyPath(HexPath);

impl<S: Send + Sync> FromRequestParts<S> for PasskeyPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<PasskeyPath, Refused> {
        HexPath::of(parts, "passkey").await.map(PasskeyPath)
    }
}

impl PasskeyPath {
    pub(crate) fn id(&self) -> &[u8] {
        &self.0.0
    }
}

/// `{wallet}`
pub(crate) struct WalletPath(Address);

impl WalletPath {
    pub(crate) fn address(&self) -> Address {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WalletPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<WalletPath, Refused> {
        parameter(parts, "wallet", Code::WayNotFound).await.map(WalletPath)
    }
}

/// `DELETE /api/v1/ways/passkeys/{passkey}`
pub(crate) async fn remove_passkey(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    passkey: PasskeyPath,
) -> Result<Answer<api::Removed>, Refused> {
    hub.remove_passkey(&caller, passkey.id()).await?;
    Ok(Answer(api::Removed { id: hex(passkey.id()), removed: true }))
}

/// `DELETE /api/v1/ways/wallets/{wallet}`
pub(crate) async fn remove_wallet(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    WalletPath(address): WalletPath,
) -> Result<Answer<api::Removed>, Refused> {
    hub.remove_wallet(&caller, address).await?;
    Ok(Answer(api::Removed { id: address.to_string(), removed: true }))
}

/// `GET /api/v1/sessions`
pub(crate) async fn sessions(State(hub): State<Hub>, Caller(caller): Caller) -> Result<Answer<api::Sessions>, Refused> {
    let items = hub.sessions(&caller).await?.iter().map(|session| one_session(session, &caller)).collect();
    Ok(Answer(api::Sessions { items, next: None }))
}

/// `DELETE /api/v1/sessions/{key}`
pub(crate) async fn end_session(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    KeyPath(session): KeyPath,
) -> Result<Response, Refused> {
    hub.end_session(&caller, session).await?;
    let body = Answer(api::Removed { id: session.to_string(), removed: true });
    let mut headers = HeaderMap::new();
    if session == caller.key() {
        headers.insert(SET_COOKIE, cookie(&hub, None));
    }
    Ok((headers, body).into_response())
}

/// `POST /api/v1/devices`
pub(crate) async fn add_device(
    State(hub): State<Hub>,
    Json(asked): Json<api::NewDevice>,
) -> Result<(StatusCode, Answer<api::Device>), Refused> {
    let codes = hub.ask_for_device(&asked.name).await?;
    let uri = format!("{}/login/device", hub.options().public_url);
    let device = api::Device {
        verification_uri_complete: format!("{uri}?code={}", codes.user),
        verification_uri: uri,
        device_code: codes.device,
        user_code: codes.user,
        expires_in: codes.expires_in_s,
        interval: hub::ASK_EVERY_S,
    };
    Ok((StatusCode::CREATED, Answer(device)))
}

/// `POST /api/v1/devices/token`
pub(crate) async fn device_token(
    State(hub): State<Hub>,
    Trying(attempt): Trying,
    Json(asked): Json<api::DeviceToken>,
) -> Result<Answer<api::DeviceAnswer>, Refused> {
    let (status, key) = match attempt.judge(hub.device_answer(&asked.device_code).await)? {
        hub::DeviceState::Waiting => ("pending", None),
        hub::DeviceState::Denied => ("denied", None),
        hub::DeviceState::Approved(key) => ("approved", Some(key.secret)),
    };
    Ok(Answer(api::DeviceAnswer { status: status.to_owned(), key }))
}

/// `POST /api/v1/admin/invitations`
pub(crate) async fn invite(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Json(asked): Json<api::NewInvitation>,
) -> Result<(StatusCode, Answer<api::MadeInvitation>), Refused> {
    let made = hub.invite(&caller, &asked.note, asked.days.unwrap_or(14)).await?;
    let url = format!("{}/login/join?invitation={}", hub.options().public_url, made.code);
    let invitation = one_invitation(&made.record);
    Ok((StatusCode::CREATED, Answer(api::MadeInvitation { code: made.code, url, invitation })))
}

/// `GET /api/v1/admin/invitations`
pub(crate) async fn invitations(
    State(hub): State<Hub>,
    Caller(caller): Caller,
) -> Result<Answer<api::Invitations>, Refused> {
    let items = hub.invitations(&caller).await?.iter().map(one_invitation).collect();
    Ok(Answer(api::Invitations { items, next: None }))
}

/// `{invitation}`
pub(crate) struct InvitationPath([u8; 32]);

impl<S: Send + Sync> FromRequestParts<S> for InvitationPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<InvitationPath, Refused> {
        let HexPath(bytes) = HexPath::of(parts, "invitation").await?;
        let id = <[u8; 32]>::try_from(bytes);
        id.map(InvitationPath).map_err(|_| Problem::new(Code::WayNotFound, "an invitation's id has 64 digits").into())
    }
}

/// `DELETE /api/v1/admin/invitations/{invitation}`
pub(crate) async fn withdraw(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    InvitationPath(id): InvitationPath,
) -> Result<Answer<api::Removed>, Refused> {
    hub.withdraw_invitation(&caller, id).await?;
    Ok(Answer(api::Removed { id: hex(&id), removed: true }))
}

fn one_passkey(passkey: &store::Passkey) -> api::Passkey {
    api::Passkey {
        id: hex(&passkey.id),
        name: passkey.name.clone(),
        created: passkey.created.to_string(),
        used: passkey.used.map(|at| at.to_string()),
    }
}

fn one_wallet(wallet: &store::Wallet) -> api::Wallet {
    api::Wallet {
        address: Address(wallet.address).to_string(),
        created: wallet.created.to_string(),
        used: wallet.used.map(|at| at.to_string()),
    }
}

fn one_session(session: &KeyRecord, caller: &hub::Caller) -> api::Session {
    api::Session {
        id: session.id.to_string(),
        agent: session.name.clone(),
        created: session.created.to_string(),
        expires: session.expires.map(|at| at.to_string()),
        used: session.used.map(|at| at.to_string()),
        current: session.id == caller.key(),
    }
}

fn one_invitation(invitation: &store::Invitation) -> api::Invitation {
    api::Invitation {
        id: hex(&invitation.id),
        note: invitation.note.clone(),
        created: invitation.created.to_string(),
        expires: invitation.expires.to_string(),
        account: invitation.used.map(|(account, _)| account.to_string()),
        used: invitation.used.map(|(_, at)| at.to_string()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string grows");
        text
    })
}
