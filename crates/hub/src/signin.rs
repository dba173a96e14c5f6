//! Making an account and signing in to it: with a passkey or a wallet.
//!
//! Always: who registers may (open, or with an invitation, as the operator chose); what was asked is answered once;
//! the account, its way in and its first session come in one step, or none of them.

use identity::{Asked, Message, NoPasskeys, Passkeys, Place};
use ledger::AccountId;
use receipt::{Address, Signature};
use registry::Handle;
use serde::{Deserialize, Serialize};
use store::{Account, AccountKind, Invitation, Passkey, Wallet, Way};
use uuid::Uuid;

use crate::caller::hash;
use crate::ids::{hex, random};
use crate::sessions::ANSWER_MS;
use crate::{Action, Attempt, Caller, Error, FreshKey, Hub, Object, whole};

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invitation of the operator's.
    Invitation,
}

/// What a browser is asked, and the word that goes with its answer.
#[derive(Debug, Clone)]
pub struct Ceremony {
    pub word: String,
    /// For `navigator.credentials`, under `publicKey`.
    pub options: serde_json::Value,
}

/// A wallet's answer: the text it was asked to sign, and what came of it.
#[derive(Debug, Clone)]
pub struct SignedText {
    pub text: String,
    pub signature: Signature,
}

/// How an account is signed in to.
#[derive(Debug, Clone)]
pub struct Ways {
    pub passkeys: Vec<Passkey>,
    pub wallets: Vec<Wallet>,
}

/// An invitation, with the code that is shown this once.
#[derive(Debug, Clone)]
pub struct FreshInvitation {
    pub code: String,
    pub record: Invitation,
}

const JOIN: &str = "join";
const SIGN_IN: &str = "sign in";
const ADD: &str = "add";
const WALLET: &str = "wallet";
const MAX_INVITATION_DAYS: u32 = 365;

/// What is remembered of somebody who is about to join.
#[derive(Debug, Serialize, Deserialize)]
struct Joining {
    account: [u8; 16],
    handle: String,
    invitation: Option<[u8; 32]>,
    state: String,
}

/// What is remembered of somebody who adds a passkey.
#[derive(Debug, Serialize, Deserialize)]
struct Adding {
    account: [u8; 16],
    state: String,
}

impl Hub {
    /// Where passkeys of this hub live, or why it has none.
    pub fn passkeys(&self) -> Result<&Passkeys, Error> {
        self.0.passkeys.as_ref().map_err(|why| Error::NoPasskeys(why.clone()))
    }

    /// Asks a browser to make a passkey for a new account. Whether handle and invitation are good is said here already,
    /// and decided in the end.
    pub async fn ask_to_join(&self, handle: &str, invitation: Option<&str>) -> Result<Ceremony, Error> {
        let handle = self.may_join(handle, invitation).await?;
        let account = AccountId::from_uuid(self.0.ids.next());
        let asked = self.passkeys()?.ask_for_new(Uuid::from_bytes(account.0), handle.as_str(), Vec::new())?;
        let joining = Joining {
            account: account.0,
            handle: handle.to_string(),
            invitation: invitation.map(hash),
            state: asked.state,
        };
        self.ceremony(JOIN, to_json(&joining)?, asked.options).await
    }

    pub async fn join_with_passkey(
        &self,
        word: &str,
        answer: &str,
        name: &str,
        agent: &str,
    ) -> Result<(Account, FreshKey), Error> {
        let joining: Joining = from_json(&self.asked(word, JOIN).await?)?;
        let made = self.passkeys()?.take_new(answer, &joining.state)?;
        let id = AccountId(joining.account);
        let passkey = Passkey {
            id: made.id,
            account: id,
            name: label(name)?,
            record: made.record,
            created: self.0.clock.now(),
            used: None,
        };
        self.join(id, joining.handle.parse()?, Way::Passkey(passkey), joining.invitation, agent).await
    }

    /// Asks for any passkey of this hub: it names its account itself.
    pub async fn ask_passkey(&self) -> Result<Ceremony, Error> {
        let Asked { options, state } = self.passkeys()?.ask()?;
        self.ceremony(SIGN_IN, state, options).await
    }

    pub async fn sign_in_with_passkey(
        &self,
        word: &str,
        answer: &str,
        agent: &str,
        attempt: &Attempt,
    ) -> Result<(Account, FreshKey), Error> {
        let state = self.asked(word, SIGN_IN).await?;
        let (account, id) = self.passkeys()?.claim(answer)?;
        attempt.at(AccountId(*account.as_bytes()))?;
        let known = self.0.catalog.passkey(&id).await?;
        let known = known.filter(|passkey| passkey.account.0 == *account.as_bytes()).ok_or(Error::UnknownPasskey)?;
        let record = self.passkeys()?.check(answer, &state, &known.record)?;
        self.0.catalog.passkey_used(&id, &record, self.0.clock.now()).await?;
        self.signed_in(known.account, agent).await
    }

    /// A text for a wallet to sign, once: for `domain`, if it is one of this hub's names.
    pub async fn ask_wallet(&self, address: Address, chain: u64, domain: Option<&str>) -> Result<String, Error> {
        let places = self.places();
        let named = domain.and_then(|domain| places.iter().find(|place| place.authority == domain));
        let place = named.or(places.first()).ok_or(Error::NotAsked)?;
        let now = self.0.clock.now();
        let (issued, expires) = (now.to_string(), now.plus_ms(ANSWER_MS).to_string());
        let nonce = self.ask(WALLET, String::new()).await?;
        let domain = &place.authority;
        Ok(format!(
            "{domain} wants you to sign in with your Ethereum account:\n{address}\n\n\
             Sign in. This moves no money and costs nothing.\n\n\
             URI: {place}/login\nVersion: 1\nChain ID: {chain}\nNonce: {nonce}\n\
             Issued At: {issued}\nExpiration Time: {expires}"
        ))
    }

    pub async fn sign_in_with_wallet(
        &self,
        signed: &SignedText,
        agent: &str,
        attempt: &Attempt,
    ) -> Result<(Account, FreshKey), Error> {
        let address = Message::read(&signed.text)?.address;
        let known = self.0.catalog.wallet(address.0).await?;
        if let Some(known) = &known {
            attempt.at(known.account)?;
        }
        self.check_wallet(signed).await?;
        let known = known.ok_or(Error::UnknownWallet { address })?;
        self.0.catalog.wallet_used(known.address, self.0.clock.now()).await?;
        self.signed_in(known.account, agent).await
    }

    pub async fn join_with_wallet(
        &self,
        handle: &str,
        invitation: Option<&str>,
        signed: &SignedText,
        agent: &str,
    ) -> Result<(Account, FreshKey), Error> {
        // Looked at first: whoever mistyped a handle signs no second time.
        let handle = self.may_join(handle, invitation).await?;
        let message = self.check_wallet(signed).await?;
        let (id, created) = (AccountId::from_uuid(self.0.ids.next()), self.0.clock.now());
        let wallet = Wallet { address: message.address.0, account: id, created, used: None };
        self.join(id, handle, Way::Wallet(wallet), invitation.map(hash), agent).await
    }

    /// How the caller's account is signed in to.
    pub async fn ways(&self, caller: &Caller) -> Result<Ways, Error> {
        caller.may(Action::Read, Object::Account(caller.account()))?;
        let account = caller.account().id;
        Ok(Ways { passkeys: self.0.catalog.passkeys(account).await?, wallets: self.0.catalog.wallets(account).await? })
    }

    /// Asks a browser to make a further passkey for the caller's account.
    pub async fn ask_new_passkey(&self, caller: &Caller) -> Result<Ceremony, Error> {
        self.may_change_ways(caller)?;
        let account = caller.account();
        let known = self.0.catalog.passkeys(account.id).await?.into_iter().map(|passkey| passkey.id).collect();
        let asked = self.passkeys()?.ask_for_new(Uuid::from_bytes(account.id.0), account.handle.as_str(), known)?;
        self.ceremony(ADD, to_json(&Adding { account: account.id.0, state: asked.state })?, asked.options).await
    }

    pub async fn add_passkey(&self, caller: &Caller, word: &str, answer: &str, name: &str) -> Result<Passkey, Error> {
        self.may_change_ways(caller)?;
        let adding: Adding = from_json(&self.asked(word, ADD).await?)?;
        if adding.account != caller.account().id.0 {
            return Err(Error::NotAsked);
        }
        let made = self.passkeys()?.take_new(answer, &adding.state)?;
        let passkey = Passkey {
            id: made.id,
            account: caller.account().id,
            name: label(name)?,
            record: made.record,
            created: self.0.clock.now(),
            used: None,
        };
        self.0.catalog.add_way(&Way::Passkey(passkey.clone())).await?;
        Ok(passkey)
    }

    pub async fn add_wallet(&self, caller: &Caller, signed: &SignedText) -> Result<Wallet, Error> {
        self.may_change_ways(caller)?;
        let message = self.check_wallet(signed).await?;
        let created = self.0.clock.now();
        let wallet = Wallet { address: message.address.0, account: caller.account().id, created, used: None };
        self.0.catalog.add_way(&Way::Wallet(wallet.clone())).await?;
        Ok(wallet)
    }

    pub async fn remove_passkey(&self, caller: &Caller, id: &[u8]) -> Result<(), Error> {
        self.may_change_ways(caller)?;
        match self.0.catalog.remove_passkey(caller.account().id, id).await? {
            true => Ok(()),
            false => Err(Error::NoWay { what: "passkey", id: hex(id) }),
        }
    }

    pub async fn remove_wallet(&self, caller: &Caller, address: Address) -> Result<(), Error> {
        self.may_change_ways(caller)?;
        match self.0.catalog.remove_wallet(caller.account().id, address.0).await? {
            true => Ok(()),
            false => Err(Error::NoWay { what: "wallet", id: address.to_string() }),
        }
    }

    /// Makes a way in for somebody whom the operator knows.
    pub async fn invite(&self, caller: &Caller, note: &str, days: u32) -> Result<FreshInvitation, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        if !(1..=MAX_INVITATION_DAYS).contains(&days) {
            let rule = format!("an invitation is good for 1 to {MAX_INVITATION_DAYS} days");
            return Err(Error::Invalid { what: "days", value: days.to_string(), rule });
        }
        let code = hex(&random::<16>());
        let now = self.0.clock.now();
        let expires = now.plus_ms(i64::from(days) * ledger::Time::DAY_MS);
        let record = Invitation { id: hash(&code), note: label(note)?, created: now, expires, used: None };
        self.0.catalog.add_invitation(&record, now).await?;
        Ok(FreshInvitation { code, record })
    }

    pub async fn invitations(&self, caller: &Caller) -> Result<Vec<Invitation>, Error> {
        caller.may(Action::Admin, Object::Hub)?;
        Ok(self.0.catalog.invitations(1_000).await?)
    }

    pub async fn withdraw_invitation(&self, caller: &Caller, id: [u8; 32]) -> Result<(), Error> {
        caller.may(Action::Admin, Object::Hub)?;
        match self.0.catalog.remove_invitation(id).await? {
            true => Ok(()),
            false => Err(Error::NoWay { what: "invitation", id: hex(&id) }),
        }
    }

    /// What wallets may sign for: the hub's address, and what browsers call it where that is another name.
    fn places(&self) -> Vec<Place> {
        let passkeys = self.0.passkeys.as_ref().ok().map(Passkeys::origin);
        let urls = [Some(self.0.options.public_url.clone()), passkeys];
        let place = |url: String| {
            let (scheme, rest) = url.split_once("://")?;
            Some(Place { scheme: scheme.to_owned(), authority: rest.split('/').next()?.to_owned() })
        };
        urls.into_iter().flatten().filter_map(place).collect()
    }

    fn may_change_ways(&self, caller: &Caller) -> Result<(), Error> {
        caller.may(Action::Money, Object::Account(caller.account()))?;
        // What a key for single models could add would reach all of them.
        if caller.models().is_some() { Err(Error::KeyForModels) } else { Ok(()) }
    }

    async fn may_join(&self, handle: &str, invitation: Option<&str>) -> Result<Handle, Error> {
        match invitation {
            None if self.0.options.registration == Registration::Invitation => return Err(Error::InvitationNeeded),
            Some(code) => {
                let found = self.0.catalog.invitation(hash(code)).await?;
                let now = self.0.clock.now();
                if !found.is_some_and(|found| found.used.is_none() && found.expires > now) {
                    return Err(Error::NoInvitation);
                }
            }
            None => {}
        }
        let handle = Handle::claim(handle)?;
        match self.0.catalog.account(&handle).await? {
            Some(_) => Err(Error::HandleTaken { handle }),
            None => Ok(handle),
        }
    }

    async fn ceremony(&self, purpose: &str, state: String, options: serde_json::Value) -> Result<Ceremony, Error> {
        Ok(Ceremony { word: self.ask(purpose, state).await?, options })
    }

    /// A wallet's answer, if it is for here and now, and to what was asked.
    async fn check_wallet(&self, signed: &SignedText) -> Result<Message, Error> {
        let message = Message::read(&signed.text)?;
        let (places, now) = (self.places(), self.0.clock.now().0);
        let here = places.iter().find(|place| place.authority == message.domain).or(places.first());
        message.check(here.ok_or(Error::NotAsked)?, now)?;
        message.signed(&signed.text, &signed.signature)?;
        self.asked(&message.nonce, WALLET).await?;
        Ok(message)
    }

    async fn join(
        &self,
        id: AccountId,
        handle: Handle,
        way: Way,
        invitation: Option<[u8; 32]>,
        agent: &str,
    ) -> Result<(Account, FreshKey), Error> {
        let (kind, created) = (AccountKind::User, self.0.clock.now());
        let account = Account { id, handle, kind, created, trial: self.settings().trial };
        let (session, new) = self.fresh_session(&account, agent);
        let (hub, made) = (self.clone(), account.clone());
        whole(async move {
            hub.0.catalog.join(&made, &way, &new, invitation).await?;
            if hub.0.options.dev {
                hub.give_play_money(&made).await?;
            }
            Ok(())
        })
        .await?;
        Ok((account, session))
    }

    async fn signed_in(&self, account: AccountId, agent: &str) -> Result<(Account, FreshKey), Error> {
        let account = self.0.catalog.account_by_id(account).await?.ok_or(Error::LostAccount(account))?;
        let (session, new) = self.fresh_session(&account, agent);
        self.keep_session(&account, new).await?;
        Ok((account, session))
    }
}

/// The site's passkeys, or why there are none.
pub(crate) fn passkeys_of(public_url: &str) -> Result<Passkeys, NoPasskeys> {
    let address = || NoPasskeys::Address { url: public_url.to_owned() };
    Passkeys::of(&public_url.parse().map_err(|_| address())?)
}

/// What people call a device of theirs, or somebody they invite.
fn label(name: &str) -> Result<String, Error> {
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        let rule = "at most 100 characters on one line".to_owned();
        return Err(Error::Invalid { what: "name", value: name.chars().take(200).collect(), rule });
    }
    Ok(name.trim().to_owned())
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal { reason: error.to_string() })
}

fn from_json<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Internal { reason: error.to_string() })
}
