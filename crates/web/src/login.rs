//! Signing in, making an account, and letting a program in.

use maud::{Markup, html};

use crate::assets::signin_name;
use crate::layout::{self, Chrome};
use crate::link;

/// What the pages of this file share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The frame.
    pub chrome: Chrome,
    /// Where passkeys live, or why there are none.
    pub passkeys: Result<String, String>,
    /// Where the browser is.
    pub origin: String,
    /// Where it goes afterwards, on this hub.
    pub next: String,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

/// The page at `/login`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// What all of them have.
    pub signing: Signing,
}

/// The page at `/login/join`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// What all of them have.
    pub signing: Signing,
    /// The code that came with the link.
    pub invitation: Option<String>,
    /// Whether it takes one.
    pub by_invitation: bool,
}

/// The page at `/login/device`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The frame.
    pub chrome: Chrome,
    /// What was typed, or came with the link.
    pub code: String,
    /// The program that waits under it: its name, and when it asked, in RFC 3339.
    pub program: Option<(String, String)>,
    /// Once it is answered: whether it may.
    pub answered: Option<bool>,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

/// The page to sign in.
pub fn login(view: &Login) -> String {
    let signing = &view.signing;
    let main = html! {
        div.narrow {
            h1.title { "Sign in" }
            (wrong(signing.wrong.as_deref()))
            (passkey(signing, &html! {
                form data-signin="passkey" data-next=(signing.next) {
                    button type="submit" { "Sign in with a passkey" }
                    p.status role="status" {}
                }
            }))
            section {
                h2 { "Wallet" }
                form data-signin="wallet" data-next=(signing.next) {
                    p.note { "A signature and no transaction: it costs nothing." }
                    button.quiet type="submit" { "Sign in with a wallet" }
                    p.status role="status" {}
                }
            }
            section {
                h2 { "Key" }
                form action="/login/key" method="post" {
                    input type="hidden" name="next" value=(signing.next);
                    label { span { "A key of the account, with the scope money" } input type="password" name="key" required autocomplete="off" placeholder="mh_…" maxlength="256"; }
                    button.quiet type="submit" { "Sign in with a key" }
                }
            }
            p { "No account yet? " a href="/login/join" { "Make one" } "." }
        }
    };
    layout::page_with(&signing.chrome, Some("Sign in"), "Sign in to this hub.", &main, &[signin_name()])
}

/// The page to make an account.
pub fn join(view: &Join) -> String {
    let signing = &view.signing;
    let handle = html! {
        label { span { "Handle" } input type="text" name="handle" required minlength="2" maxlength="39" pattern="[a-z0-9\\-]+" autocomplete="username" autocapitalize="none" spellcheck="false"; }
        p.note { "2 to 39 small letters, digits and dashes. Models are called by it: handle/model." }
    };
    let invitation = html! {
        @match (&view.invitation, view.by_invitation) {
            (Some(code), _) => { input type="hidden" name="invitation" value=(code); }
            (None, true) => { label { span { "Invitation" } input type="text" name="invitation" required autocomplete="off"; } }
            (None, false) => {}
        }
    };
    let main = html! {
        div.narrow {
            h1.title { "Make an account" }
            (wrong(signing.wrong.as_deref()))
            @if view.by_invitation && view.invitation.is_none() {
                p { "This hub takes new accounts by invitation. Its operator makes one with " code { "modelhub admin invite" } "." }
            }
            form data-signin="join" data-next=(signing.next) {
                (handle)
                (invitation)
                @match &signing.passkeys {
                    Ok(origin) if *origin != signing.origin => (elsewhere(origin, "/login/join", view.invitation.as_deref())),
                    Ok(_) => button type="submit" name="with" value="passkey" { "Make it with a passkey" },
                    Err(why) => p.note { "No passkeys here: " (why) "." },
                }
                button.quiet type="submit" name="with" value="wallet" { "Make it with a wallet" }
                p.status role="status" {}
                noscript { p.note { "Passkeys and wallets are reached by a script. Without one, an operator makes accounts: " code { "modelhub admin account create HANDLE" } "." } }
            }
            p { "Have one? " a href="/login" { "Sign in" } "." }
        }
    };
    layout::page_with(&signing.chrome, Some("Make an account"), "Make an account on this hub.", &main, &[signin_name()])
}

/// The page to let a program in.
pub fn device(view: &Device) -> String {
    let main = html! {
        div.narrow {
            h1.title { "Let a program in" }
            (wrong(view.wrong.as_deref()))
            @match (view.answered, &view.program) {
                (Some(true), _) => p role="status" { "Done. The program has its key in a moment; this page can be closed. " a href="/account/keys" { "Your keys" } },
                (Some(false), _) => p role="status" { "It was turned away. If you did not start it, nothing else is to be done." },
                (None, Some((name, at))) => {
                    p { strong { (name) } " asks for a key of your account. It asked " time datetime=(at) { (at) } " and shows the code " code { (view.code) } "." }
                    p { "The key may read, publish, call and move money, until you revoke it." }
                    form.row action="/login/device" method="post" {
                        input type="hidden" name="code" value=(view.code);
                        button type="submit" name="answer" value="yes" { "Let it in" }
                        button.quiet type="submit" name="answer" value="no" { "Turn it away" }
                    }
                    p.note { "Only if you started it just now, and it shows the same code." }
                }
                (None, None) => form action="/login/device" method="get" {
                    label { span { "The code that the program shows" } input type="text" name="code" value=(view.code) required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="BCDF-GHJK"; }
                    button type="submit" { "Go on" }
                },
            }
        }
    };
    layout::page(&view.chrome, Some("Let a program in"), "Give a program a key of your account.", &main)
}

fn wrong(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p.wrong role="alert" { (text) } } }
}

fn passkey(signing: &Signing, form: &Markup) -> Markup {
    html! {
        section {
            h2 { "Passkey" }
            @match &signing.passkeys {
                Ok(origin) if *origin != signing.origin => (elsewhere(origin, "/login", None)),
                Ok(_) => (form),
                Err(why) => p.note { "No passkeys here: " (why) "." },
            }
            noscript { p.note { "Passkeys and wallets are reached by a script; a key below works without one." } }
        }
    }
}

fn elsewhere(origin: &str, path: &str, invitation: Option<&str>) -> Markup {
    let query = invitation.map(|code| format!("?invitation={}", link::segment(code))).unwrap_or_default();
    html! { p.note { "Browsers keep passkeys for names: open " a href={ (origin) (path) (query) } { (origin) } "." } }
}
