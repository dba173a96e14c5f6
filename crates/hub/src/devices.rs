//! Signing in a program that has no browser: it shows a code, its user types it where they are signed in (RFC 8628).
//!
//! Always: what the program gets is a key, made when it asks for it, of the account that said yes and of no more than
//! that account's session could do; an answer is given once and fetched once.

use store::{Device, DeviceAnswer, Limits, Scope};

use crate::caller::hash;
use crate::ids::{hex, random};
use crate::sessions::ANSWER_MS;
use crate::{Action, Caller, Error, FreshKey, Hub, KeyWish, Object};

/// Letters and digits that nobody takes for one another.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// What a program's key may do.
const KEY: [Scope; 4] = [Scope::Read, Scope::Publish, Scope::Call, Scope::Money];
/// How often a program asks, in seconds.
pub const ASK_EVERY_S: u32 = 2;

/// What a program is told when it begins.
#[derive(Debug, Clone)]
pub struct DeviceCodes {
    /// The program's own, secret.
    pub device: String,
    /// For its user: `BCDF-GHJK`.
    pub user: String,
    pub expires_in_s: u32,
}

/// How far its user got.
#[derive(Debug)]
pub enum DeviceState {
    Waiting,
    Denied,
    Approved(Box<FreshKey>),
}

impl Hub {
    pub async fn ask_for_device(&self, name: &str) -> Result<DeviceCodes, Error> {
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            let rule = "1 to 100 characters on one line".to_owned();
            return Err(Error::Invalid { what: "name", value: name.chars().take(200).collect(), rule });
        }
        let (code, now) = (hex(&random::<32>()), self.0.clock.now());
        let letters: String = random::<8>().iter().map(|byte| LETTERS[usize::from(*byte) % 20] as char).collect();
        let user = format!("{}-{}", &letters[..4], &letters[4..]);
        let device = Device {
            id: hash(&code),
            code: user.clone(),
            name: name.to_owned(),
            created: now,
            expires: now.plus_ms(ANSWER_MS),
            answer: None,
        };
        self.0.catalog.add_device(&device, now).await?;
        Ok(DeviceCodes { device: code, user, expires_in_s: (ANSWER_MS / 1_000) as u32 })
    }

    /// The program that shows this code, for its user to recognise.
    pub async fn device(&self, caller: &Caller, code: &str) -> Result<Device, Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        let found = self.0.catalog.device(&typed(code), self.0.clock.now()).await?;
        found.ok_or_else(|| Error::NoDevice { code: typed(code) })
    }

    pub async fn answer_device(&self, caller: &Caller, code: &str, yes: bool) -> Result<(), Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        if caller.models().is_some() {
            return Err(Error::KeyForModels);
        }
        // The key that the program gets goes no further than whoever says yes.
        let has = || caller.scopes().iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ");
        if let Some(needed) = KEY.into_iter().find(|scope| !caller.scopes().contains(scope)) {
            return Err(Error::ScopeMissing { needed, has: has() });
        }
        let bounded = caller.limits() != Limits::default() || caller.rate().is_some();
        if !caller.is_session() && (caller.expires().is_some() || bounded) {
            let rule = "a key that has limits or ends lets no program in; sign in on a page".to_owned();
            return Err(Error::Invalid { what: "key", value: caller.key_name().to_owned(), rule });
        }
        let answer = if yes { DeviceAnswer::Approved(caller.account().id, caller.key()) } else { DeviceAnswer::Denied };
        match self.0.catalog.answer_device(&typed(code), answer, self.0.clock.now()).await? {
            true => Ok(()),
            false => Err(Error::NoDevice { code: typed(code) }),
        }
    }

    /// What the program asks until its user has answered.
    pub async fn device_answer(&self, code: &str) -> Result<DeviceState, Error> {
        let found = self.0.catalog.take_device(hash(code), self.0.clock.now()).await?;
        let device = found.ok_or(Error::NotAsked)?;
        match device.answer {
            None => Ok(DeviceState::Waiting),
            Some(DeviceAnswer::Denied) => Ok(DeviceState::Denied),
            Some(DeviceAnswer::Approved(account, _)) => {
                let wish = KeyWish { name: device.name, scopes: KEY.to_vec(), ..KeyWish::default() };
                let (key, new) = self.make_key(account, wish, None, crate::new_secret());
                self.0.catalog.add_key(&new).await?;
                Ok(DeviceState::Approved(Box::new(key)))
            }
        }
    }
}

/// A code as people type it: in either case, with or without the dash.
fn typed(code: &str) -> String {
    let letters: String =
        code.chars().filter(char::is_ascii_alphabetic).take(8).map(|c| c.to_ascii_uppercase()).collect();
    match letters.split_at_checked(4) {
        Some((first, second)) => format!("{first}-{second}"),
        None => letters,
    }
}
