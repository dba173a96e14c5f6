//! Who is asking, from `Authorization: Bearer mh_…`.

use api::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use hub::Hub;

use crate::extract::headers::single;
use crate::problem::Refused;

/// More bytes than any key of ours has.
const MAX_SECRET: usize = 256;

/// Somebody with a good key.
pub(crate) struct Caller(pub(crate) hub::Caller);

/// Somebody with a good key, or nobody. A bad key is refused all the same.
pub(crate) struct AnyCaller(pub(crate) Option<hub::Caller>);

impl FromRequestParts<Hub> for AnyCaller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<AnyCaller, Refused> {
        match secret(parts)? {
            None => Ok(AnyCaller(None)),
            Some(secret) => Ok(AnyCaller(Some(hub.authenticate(secret).await?))),
        }
    }
}

impl FromRequestParts<Hub> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Caller, Refused> {
        let AnyCaller(caller) = AnyCaller::from_request_parts(parts, hub).await?;
        caller.map(Caller).ok_or_else(|| hub::Error::NoKey.into())
    }
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
