//! Who is asking: from `Authorization: Bearer mh_…`, or from the cookie of a session.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use hub::Hub;

use crate::extract::headers::single;
use crate::extract::origin;
use crate::problem::Refused;

/// More bytes than any key of ours has.
const MAX_SECRET: usize = 256;
/// What the cookie is called.
pub(crate) const SESSION: &str = "modelhub_session";

/// Somebody with a good key or session.
pub(crate) struct Caller(pub(crate) hub::Caller);

/// Somebody with a good key or session, or nobody. A bad key is refused all the same; a session that is over is none.
pub(crate) struct AnyCaller(pub(crate) Option<hub::Caller>);

impl FromRequestParts<Hub> for AnyCaller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<AnyCaller, Refused> {
        match Known::of(parts, hub).await.0 {
            Err(Who::Nobody | Who::Over) => Ok(AnyCaller(None)),
            Err(Who::Refused(refused)) => Err(refused),
            Ok(caller) => Ok(AnyCaller(Some(caller))),
        }
    }
}

impl FromRequestParts<Hub> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Caller, Refused> {
        match Known::of(parts, hub).await.0 {
            Ok(caller) => Ok(Caller(caller)),
            Err(Who::Nobody) => Err(hub::Error::NoKey.into()),
            Err(Who::Over) => Err(hub::Error::NoSession.into()),
            Err(Who::Refused(refused)) => Err(refused),
        }
    }
}

/// Who asks, once somebody has looked: whoever counts requests does before whoever answers them.
#[derive(Clone)]
pub(crate) struct Known(Result<hub::Caller, Who>);

impl Known {
    pub(crate) async fn of(parts: &Parts, hub: &Hub) -> Known {
        match parts.extensions.get::<Known>() {
            Some(known) => known.clone(),
            None => Known(who(parts, hub).await),
        }
    }

    pub(crate) fn caller(&self) -> Option<&hub::Caller> {
        self.0.as_ref().ok()
    }
}

/// Why there is no caller.
#[derive(Clone)]
enum Who {
    Nobody,
    /// Of a session that is over.
    Over,
    Refused(Refused),
}

async fn who(parts: &Parts, hub: &Hub) -> Result<hub::Caller, Who> {
    // A key is meant for this request; a cookie comes along with every one.
    if let Some(secret) = secret(parts).map_err(Who::Refused)? {
        return hub.authenticate(secret).await.map_err(|error| Who::Refused(error.into()));
    }
    let session = cookie(parts).ok_or(Who::Nobody)?;
    origin::check(parts).map_err(Who::Refused)?;
    hub.authenticate_session(session).await.map_err(|error| match error {
        hub::Error::NoSession => Who::Over,
        other => Who::Refused(other.into()),
    })
}

fn secret(parts: &Parts) -> Result<Option<&str>, Refused> {
    let Some(credential) = single(&parts.headers, &AUTHORIZATION)? else { return Ok(None) };
    let bad = |rule: &str| Refused::from(Problem::new(Code::BadKey, rule).hint("send Authorization: Bearer mh_…"));
    match credential.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => match secret.trim() {
            secret if (1..=MAX_SECRET).contains(&secret.len()) => Ok(Some(secret)),
            _ => Err(bad("the credential in Authorization is not a key")),
        },
        _ => Err(bad("the credential in Authorization is not of the kind \"Bearer\"")),
    }
}

/// The session's secret.
fn cookie(parts: &Parts) -> Option<&str> {
    let all = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    ours.find(|(name, _)| *name == SESSION).map(|(_, value)| value).filter(|value| value.len() <= MAX_SECRET)
}
