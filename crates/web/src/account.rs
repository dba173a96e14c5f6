//! An account's own pages: what it has, its keys, its calls, its money, what it earned, how it is signed in to.

use maud::{Markup, html};

use crate::assets::signin_name;
use crate::chart::{Bar, bars};
use crate::figure::{Figure, Money, arrived, count, measured, moment, strip};
use crate::layout::{self, Chrome, section};
use crate::link;

/// The frame of these pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The frame of all pages.
    pub chrome: Chrome,
    /// Whose it is.
    pub handle: String,
    /// Whether it is the hub's own account.
    pub operator: bool,
}

/// The page at `/account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The frame.
    pub account: Account,
    /// In OPG.
    pub cash: String,
    /// In OPG.
    pub promo: String,
    /// In OPG.
    pub held: String,
    /// In OPG; nothing where it is zero.
    pub owed: Option<String>,
    /// What cash is in USD, where there is a rate.
    pub cash_in_usd: Option<String>,
    /// Models of the account and of its organisations.
    pub models: Vec<OwnModel>,
    /// Whether there are more than these.
    pub more_models: bool,
    /// Organisations and the role in them.
    pub organisations: Vec<(String, String)>,
}

/// A model of the account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnModel {
    /// Its owner.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its latest release, if there is one.
    pub release: Option<String>,
    /// What a call costs.
    pub price: Option<Money>,
    /// `private`, `hidden`, `taken down`: what it is that others are not.
    pub marks: Vec<&'static str>,
    /// Answered calls of class `paid`.
    pub paid_calls: u64,
    /// What its creators earned with it, in OPG.
    pub earned: String,
}

/// The page at `/account/calls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// The frame.
    pub account: Account,
    /// Newest first.
    pub calls: Vec<CallRow>,
    /// The link to those before.
    pub more: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// `call_…`
    pub id: String,
    /// When it ended, in RFC 3339.
    pub at: String,
    /// Of which model.
    pub model: (String, String),
    /// Of which release.
    pub release: String,
    /// Who paid, in a word.
    pub class: String,
    /// What became of it.
    pub outcome: String,
    /// Whether it was answered: then there is a receipt.
    pub answered: bool,
    /// In OPG.
    pub cost: String,
    /// How long it took, in milliseconds with one place.
    pub took_ms: String,
    /// Whether the model had to be loaded for it.
    pub cold: bool,
}

/// The page at `/account/money`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyPage {
    /// The frame.
    pub account: Account,
    /// Newest first.
    pub entries: Vec<EntryRow>,
    /// The link to those before.
    pub more: Option<String>,
    /// Months that have a statement, newest first.
    pub months: Vec<String>,
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// When, in RFC 3339.
    pub at: String,
    /// Of what kind, in a word.
    pub kind: String,
    /// What it was for: a model and its release.
    pub model: Option<(String, String, String)>,
    /// What was written beside it.
    pub reference: String,
    /// `cash` or `promo`.
    pub purse: String,
    /// With its sign, in OPG.
    pub amount: String,
    /// The call it belongs to.
    pub call: Option<String>,
}

/// The page at `/account/earnings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earnings {
    /// The frame.
    pub account: Account,
    /// From others' cash, in OPG.
    pub paid: String,
    /// From promotional money, in OPG.
    pub trial: String,
    /// From the account's own group, in OPG.
    pub own: String,
    /// What lines can stand for: the word, what it is called, whether it is chosen.
    pub by: Vec<(&'static str, &'static str, bool)>,
    /// The lines.
    pub lines: Vec<EarningRow>,
    /// Days of the last month, oldest first, and what came from others' cash on each.
    pub days: Vec<Bar>,
}

/// One line of earnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarningRow {
    /// What it stands for.
    pub label: String,
    /// The model's page, if it is of one model.
    pub model: Option<(String, String)>,
    /// Who paid, in a word.
    pub class: String,
    /// `cash` or `promo`.
    pub purse: String,
    /// `creator`, `royalty`, `refunded`, `recovery`.
    pub kind: String,
    /// How many calls.
    pub calls: u64,
    /// With its sign, in OPG.
    pub amount: String,
}

/// The page at `/account/signin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// The frame.
    pub account: Account,
    /// Passkeys: id, name, made, used.
    pub passkeys: Vec<(String, String, String, Option<String>)>,
    /// Wallets: address, added, used.
    pub wallets: Vec<(String, String, Option<String>)>,
    /// Sessions: id, browser, begun, used, whether it is this one.
    pub sessions: Vec<(String, String, String, Option<String>, bool)>,
    /// Whether the browser stands where passkeys are kept, or where it has to stand, or why there are none.
    pub passkeys_here: Result<Option<String>, String>,
    /// What was wrong with what was sent.
    pub wrong: Option<String>,
}

const TABS: [(&str, &str); 7] = [
    ("/account", "Overview"),
    ("/account/keys", "Keys"),
    ("/account/calls", "Calls"),
    ("/account/money", "Money"),
    ("/account/earnings", "Earnings"),
    ("/account/reports", "Reports"),
    ("/account/signin", "Signing in"),
];

pub(crate) fn page(account: &Account, at: &str, title: &str, content: &Markup, scripts: &[&str]) -> String {
    let main = html! {
        h1.title { (account.handle) }
        nav.tabs aria-label="Your account" {
            @for (path, name) in TABS {
                a href=(path) aria-current=[(path == at).then_some("page")] { (name) }
            }
            @if account.operator { a href="/operator" { "Operator" } }
        }
        (content)
    };
    layout::page_with(&account.chrome, Some(title), "Your account on this hub.", &main, scripts)
}

/// The page of an account.
pub fn overview(view: &Overview) -> String {
    let cash = html! {
        "Deposited, or earned from others’ cash. "
        @if let Some(usd) = &view.cash_in_usd { "About " (measured(usd, Some("USD"))) " at today’s rate." }
    };
    let mut figures = vec![
        Figure { label: "Cash", value: measured(&view.cash, Some("OPG")), definition: cash },
        Figure {
            label: "Promo",
            value: measured(&view.promo, Some("OPG")),
            definition: html! { "Given by the operator. It pays calls first, and is never paid out." },
        },
        Figure {
            label: "Held",
            value: measured(&view.held, Some("OPG")),
            definition: html! { "Set aside by calls that run, and by payouts on their way." },
        },
    ];
    if let Some(owed) = &view.owed {
        let definition = html! { "For refunds: taken from what you earn next." };
        figures.push(Figure { label: "Owed", value: measured(owed, Some("OPG")), definition });
    }
    let nothing = html! {};
    let content = html! {
        (strip(&figures))
        (section("models", "Your models", &html! { p { "Calls and earnings of class paid alone." } }, &models(view)))
        (section("add", "Add money", &nothing, &html! {
            p { "The operator takes deposits and enters them by hand: give them your handle, " code { (view.account.handle) } ", and the amount. It is here once it is entered." }
        }))
        @if !view.organisations.is_empty() {
            (section("organisations", "Organisations", &nothing, &html! {
                ul.plain { @for (handle, role) in &view.organisations { li { (handle) " " span.unit { (role) } } } }
            }))
        }
    };
    page(&view.account, "/account", "Account", &content, &[])
}

fn models(view: &Overview) -> Markup {
    html! {
        @if view.models.is_empty() {
            div.empty {
                p { "No model yet. A folder with a model and a card becomes one:" }
                pre tabindex="0" { code { "modelhub publish ./folder " (view.account.handle) "/NAME" } }
            }
        } @else {
            table.lines {
                caption.hidden { "Your models" }
                thead { tr { th scope="col" { "Model" } th scope="col" { "Release" } th.right scope="col" { "Price" } th.right scope="col" { "Paid calls" } th.right scope="col" { "Creators earned" } } }
                tbody {
                    @for model in &view.models {
                        tr {
                            td { a href=(link::model(&model.owner, &model.name)) { (model.owner) "/" (model.name) } @for mark in &model.marks { " " span.unit { (mark) } } }
                            td { @match &model.release { Some(release) => (release), None => span.unit { "none yet" } } }
                            td.right data-label="per call" { @match &model.price { Some(price) => (measured(&price.amount, Some(price.unit.word()))), None => "" } }
                            td.right.num data-label="paid calls" { (count(model.paid_calls)) }
                            td.right class=(arrived(&model.earned)) data-label="earned" { (measured(&model.earned, Some("OPG"))) }
                        }
                    }
                }
            }
            @if view.more_models {
                p.more { "The last changed. " a href={ "/" (link::segment(&view.account.handle)) } { "All of " (view.account.handle) } }
            }
        }
    }
}

/// The page of an account's calls.
pub fn calls(view: &Calls) -> String {
    let content = html! {
        @if view.calls.is_empty() {
            div.empty { p { "No call yet. " a href="/search" { "Find a model" } " and run it on its page, or with a key." } }
        } @else {
            table.lines {
                caption.hidden { "Calls, newest first" }
                thead { tr { th scope="col" { "When" } th scope="col" { "Model" } th scope="col" { "Outcome" } th.right scope="col" { "Took" } th scope="col" { "Paid as" } th.right scope="col" { "Cost" } th scope="col" { "Receipt" } } }
                tbody {
                    @for call in &view.calls {
                        tr {
                            td { (moment(&call.at)) }
                            td { a href=(link::model(&call.model.0, &call.model.1)) { (call.model.0) "/" (call.model.1) } " " span.unit { (call.release) } }
                            td class=[(!call.answered).then_some("fail")] { (call.outcome) @if call.cold { " " span.unit { "cold" } } }
                            td.right { (measured(&call.took_ms, Some("ms"))) }
                            td { (call.class) }
                            td.right { (measured(&call.cost, Some("OPG"))) }
                            td { @if call.answered { a href={ "/receipts/" (link::segment(&call.id)) } { "receipt" } } }
                        }
                    }
                }
            }
            (older(view.more.as_deref(), "Earlier calls"))
        }
        p.note { "Inputs are never stored. Outputs are kept for a day, where the call came with an Idempotency-Key, and not at all without." }
    };
    page(&view.account, "/account/calls", "Calls", &content, &[])
}

/// The page of an account's money.
pub fn money(view: &MoneyPage) -> String {
    let content = html! {
        @if view.entries.is_empty() {
            div.empty { p { "Nothing has moved yet." } }
        } @else {
            table.lines {
                caption.hidden { "Movements, newest first" }
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Of" } th scope="col" { "Purse" } th.right scope="col" { "Amount" } } }
                tbody {
                    @for entry in &view.entries {
                        tr {
                            td { (moment(&entry.at)) }
                            td { @match &entry.call { Some(call) => a href={ "/receipts/" (link::segment(call)) } { (entry.kind) }, None => (entry.kind) } }
                            td {
                                @if let Some((owner, name, release)) = &entry.model { a href=(link::model(owner, name)) { (owner) "/" (name) } " " span.unit { (release) } " " }
                                (entry.reference)
                            }
                            td { (entry.purse) }
                            td.right class=[entry.amount.starts_with('-').then_some("none").or(Some("earned"))] { (measured(&entry.amount, Some("OPG"))) }
                        }
                    }
                }
            }
            (older(view.more.as_deref(), "Earlier movements"))
        }
        (section("statements", "Statements", &html! { p { "A month, day by day, with what it began and ended with." } }, &html! {
            ul.plain {
                @for month in &view.months {
                    li { (month) " " a href={ "/api/v1/statements/" (month) ".csv" } { "CSV" } " " a href={ "/api/v1/statements/" (month) } { "JSON" } }
                }
            }
        }))
    };
    page(&view.account, "/account/money", "Money", &content, &[])
}

/// The page of what an account earned.
pub fn earnings(view: &Earnings) -> String {
    let figures = [
        Figure {
            label: "Earned",
            value: html! { span class=(arrived(&view.paid)) { (measured(&view.paid, Some("OPG"))) } },
            definition: html! { "From other accounts’ cash, refunds taken off." },
        },
        Figure {
            label: "From trials",
            value: measured(&view.trial, Some("OPG")),
            definition: html! { "Paid with promotional money: it is promo, and no income." },
        },
        Figure {
            label: "Own calls",
            value: measured(&view.own, Some("OPG")),
            definition: html! { "Paid by your own group: it went from one pocket into the other." },
        },
    ];
    let content = html! {
        (strip(&figures))
        @if view.days.iter().any(|bar| bar.value > 0) {
            (section("days", "Last 30 days", &html! { p { "From other accounts’ cash, a bar a day." } }, &bars("OPG earned a day", &view.days)))
        }
        (section("lines", "In detail", &html! { p { "Every figure is a sum of rows of the books: " code { "modelhub audit" } " adds them up again, and each call has its receipt." } }, &html! {
            nav.tabs aria-label="By" {
                @for (word, name, chosen) in &view.by {
                    a href={ "/account/earnings?by=" (word) } aria-current=[chosen.then_some("true")] { (name) }
                }
            }
            @if view.lines.is_empty() {
                div.empty { p { "Nothing yet. A model earns from its first paid call on." } }
            } @else {
                table.lines {
                    caption.hidden { "What came in" }
                    thead { tr { th scope="col" { "Of" } th scope="col" { "Paid as" } th scope="col" { "As" } th scope="col" { "Purse" } th.right scope="col" { "Calls" } th.right scope="col" { "Amount" } } }
                    tbody {
                        @for line in &view.lines {
                            tr {
                                td { @match &line.model { Some((owner, name)) => a href=(link::model(owner, name)) { (line.label) }, None => (line.label) } }
                                td { (line.class) }
                                td { (line.kind) }
                                td { (line.purse) }
                                td.right.num data-label="calls" { (count(line.calls)) }
                                td.right class=(arrived(&line.amount)) { (measured(&line.amount, Some("OPG"))) }
                            }
                        }
                    }
                }
            }
        }))
    };
    page(&view.account, "/account/earnings", "Earnings", &content, &[])
}

/// The page of how an account is signed in to.
pub fn ways(view: &Ways) -> String {
    let nothing = html! {};
    let used = |at: &Option<String>| html! { @match at { Some(at) => (moment(at)), None => span.unit { "never" } } };
    let content = html! {
        @if let Some(wrong) = &view.wrong { p.wrong role="alert" { (wrong) } }
        (section("passkeys", "Passkeys", &nothing, &html! {
            @if !view.passkeys.is_empty() {
                table.lines {
                    caption.hidden { "Your passkeys" }
                    thead { tr { th scope="col" { "Device" } th scope="col" { "Made" } th scope="col" { "Used" } th scope="col" { span.hidden { "Remove" } } } }
                    tbody { @for (id, name, made, at) in &view.passkeys {
                        tr { td { (name) } td { (moment(made)) } td { (used(at)) } td.right { form action={ "/account/passkeys/" (link::segment(id)) "/remove" } method="post" { button.quiet type="submit" aria-label={ "Remove " (name) } { "Remove" } } } }
                    } }
                }
            }
            @match &view.passkeys_here {
                Ok(None) => form.adding data-signin="add-passkey" data-next="/account/signin" { button type="submit" { "Add a passkey" } p.status role="status" {} },
                Ok(Some(origin)) => p.note { "Browsers keep passkeys for names: open " a href={ (origin) "/account/signin" } { (origin) } "." },
                Err(why) => p.note { "No passkeys here: " (why) "." },
            }
        }))
        (section("wallets", "Wallets", &nothing, &html! {
            @if !view.wallets.is_empty() {
                table.lines {
                    caption.hidden { "Your wallets" }
                    thead { tr { th scope="col" { "Address" } th scope="col" { "Added" } th scope="col" { "Used" } th scope="col" { span.hidden { "Remove" } } } }
                    tbody { @for (address, added, at) in &view.wallets {
                        tr { td { code { (address) } } td { (moment(added)) } td { (used(at)) } td.right { form action={ "/account/wallets/" (link::segment(address)) "/remove" } method="post" { button.quiet type="submit" aria-label={ "Remove " (address) } { "Remove" } } } }
                    } }
                }
            }
            form.adding data-signin="add-wallet" data-next="/account/signin" { button.quiet type="submit" { "Add a wallet" } p.status role="status" {} }
        }))
        (section("sessions", "Sessions", &html! { p { "Browsers that are signed in." } }, &html! {
            table.lines {
                caption.hidden { "Browsers that are signed in" }
                thead { tr { th scope="col" { "Browser" } th scope="col" { "Since" } th scope="col" { "Used" } th scope="col" { span.hidden { "End" } } } }
                tbody { @for (id, agent, since, at, here) in &view.sessions {
                    tr { td { (agent) @if *here { " " span.unit { "this one" } } } td { (moment(since)) } td { (used(at)) } td.right { form action={ "/account/sessions/" (link::segment(id)) "/end" } method="post" { button.quiet type="submit" aria-label={ "End " (agent) } { "End" } } } }
                } }
            }
        }))
    };
    page(&view.account, "/account/signin", "Signing in", &content, &[signin_name()])
}

fn older(more: Option<&str>, words: &str) -> Markup {
    html! { @if let Some(more) = more { p.more { a rel="next" href=(link::local(more)) { (words) } } } }
}
