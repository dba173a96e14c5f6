//! `/login` and what lies below it: signing in and out, making an account, letting a program in.

use axum::extract::{FromRequestParts, State};
use axum::http::header::{HOST, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use hub::{Hub, Registration};

use crate::extract::{AnyCaller, Caller, Incoming, SameOrigin, Trying};
use crate::hf::query::Fields;
use crate::problem::Refused;
use crate::signin::{Agent, cookie};

/// More than any of these forms has.
const MAX_FORM: usize = 16 * 1024;
const HOME: &str = "/account";

/// `GET /login`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(caller): AnyCaller,
    Origin(origin): Origin,
    fields: Fields,
) -> Response {
    let next = next(fields.last("next"));
    match caller {
        Some(_) => see_other(&next),
        None => super::html(web::login(&web::Login { signing: signing(&hub, origin, next, None) })),
    }
}

/// `POST /login/key`
pub(crate) async fn key(
    State(hub): State<Hub>,
    _: SameOrigin,
    Origin(origin): Origin,
    Trying(attempt): Trying,
    Agent(agent): Agent,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let next = next(fields.last("next"));
    let signed = hub.sign_in_with_key(fields.last("key").unwrap_or_default().trim(), &agent).await;
    match attempt.judge(signed) {
        Ok((_, session)) => {
            let cookie = AppendHeaders([(SET_COOKIE, cookie(&hub, Some(&session.secret)))]);
            Ok((cookie, see_other(&next)).into_response())
        }
        Err(error) => {
            let problem = Refused::from(error).into_problem();
            let page =
                web::login(&web::Login { signing: signing(&hub, origin, next, Some(super::sentence(&problem))) });
            Ok((Refused::status(problem.code), super::html(page)).into_response())
        }
    }
}

/// `GET /login/join`
pub(crate) async fn join(State(hub): State<Hub>, Origin(origin): Origin, fields: Fields) -> Response {
    let invitation = fields.last("invitation").map(str::to_owned).filter(|code| !code.is_empty());
    super::html(web::join(&web::Join {
        signing: signing(&hub, origin, next(fields.last("next")), None),
        invitation,
        by_invitation: hub.options().registration == Registration::Invitation,
    }))
}

/// `POST /logout`
pub(crate) async fn logout(
    State(hub): State<Hub>,
    _: SameOrigin,
    AnyCaller(caller): AnyCaller,
) -> Result<Response, Refused> {
    if let Some(caller) = caller.filter(hub::Caller::is_session) {
        hub.end_session(&caller, caller.key()).await?;
    }
    Ok((AppendHeaders([(SET_COOKIE, cookie(&hub, None))]), see_other("/")).into_response())
}

/// `GET /login/device`
pub(crate) async fn device(
    State(hub): State<Hub>,
    AnyCaller(caller): AnyCaller,
    Trying(attempt): Trying,
    uri: Uri,
    fields: Fields,
) -> Result<Response, Refused> {
    let Some(caller) = caller else {
        attempt.was_none();
        return Ok(to_login(&uri));
    };
    let code = fields.last("code").unwrap_or_default().to_owned();
    let mut view = device_view(&hub, &caller, &code);
    if code.is_empty() {
        attempt.was_none();
        return Ok(super::html(web::device(&view)));
    }
    let found = match attempt.at(caller.account().id) {
        Ok(()) => hub.device(&caller, &code).await,
        Err(error) => Err(error),
    };
    match attempt.judge(found) {
        Ok(device) => {
            view.code = device.code;
            view.program = Some((device.name, device.created.to_string()));
        }
        Err(error) => view.wrong = Some(super::sentence(&Refused::from(error).into_problem())),
    }
    Ok(super::html(web::device(&view)))
}

/// `POST /login/device`
pub(crate) async fn answer_device(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Trying(attempt): Trying,
    body: Incoming,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body.read(MAX_FORM).await?);
    let code = fields.last("code").unwrap_or_default().to_owned();
    let yes = fields.last("answer") == Some("yes");
    let mut view = device_view(&hub, &caller, &code);
    let answered = match attempt.at(caller.account().id) {
        Ok(()) => hub.answer_device(&caller, &code, yes).await,
        Err(error) => Err(error),
    };
    match attempt.judge(answered) {
        Ok(()) => view.answered = Some(yes),
        Err(error) => view.wrong = Some(super::sentence(&Refused::from(error).into_problem())),
    }
    Ok(super::html(web::device(&view)))
}

/// To the page where one signs in, and back.
pub(crate) fn to_login(uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    see_other(&format!("/login?next={}", web::segment(path)))
}

pub(crate) fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, AppendHeaders([(LOCATION, path.to_owned())])).into_response()
}

fn device_view(hub: &Hub, caller: &hub::Caller, code: &str) -> web::Device {
    web::Device {
        chrome: super::chrome_for(hub, Some(caller)),
        code: code.chars().take(20).collect(),
        program: None,
        answered: None,
        wrong: None,
    }
}

fn signing(hub: &Hub, origin: String, next: String, wrong: Option<String>) -> web::Signing {
    web::Signing {
        chrome: super::chrome(hub),
        passkeys: hub.passkeys().map(|site| site.origin()).map_err(|why| why.to_string()),
        origin,
        next,
        wrong,
    }
}

/// Where the browser is, as far as it matters to passkeys.
pub(crate) struct Origin(pub(crate) String);

impl FromRequestParts<Hub> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Origin, std::convert::Infallible> {
        let scheme = if hub.options().public_url.starts_with("https://") { "https" } else { "http" };
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
        let host = parts.uri.authority().map(|authority| authority.as_str()).or(host).unwrap_or_default();
        Ok(Origin(format!("{scheme}://{host}")))
    }
}

/// A place on this hub to go to: nowhere else, whatever a link says.
fn next(asked: Option<&str>) -> String {
    let here = |path: &&str| {
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']) && path.len() <= 2_000
    };
    asked.filter(here).unwrap_or(HOME).to_owned()
}
