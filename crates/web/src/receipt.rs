//! A receipt: who paid what for which run, and the proof.

use maud::{Markup, html};

use crate::figure::{Figure, measured, moment, strip};
use crate::layout::{self, Chrome, section};
use crate::link;

/// The page at `/receipts/{call}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The frame.
    pub chrome: Chrome,
    /// `call_…`
    pub id: String,
    /// The model, if it is still there.
    pub model: Option<(String, String)>,
    /// Which release ran.
    pub release: String,
    /// Digest of the files that ran.
    pub digest: String,
    /// When, in RFC 3339.
    pub time: String,
    /// In OPG.
    pub amount: String,
    /// Receivers: who, by handle where the reader may know it, and how much.
    pub parts: Vec<(String, String)>,
    /// Who paid, as the receipt has it.
    pub payer: String,
    /// Hash of what went in.
    pub input_hash: String,
    /// Hash of what came out.
    pub output_hash: String,
    /// The secret of both, for who paid.
    pub salt: Option<String>,
    /// Who signed.
    pub signer: String,
    /// The signature.
    pub signature: String,
    /// What was signed.
    pub typed_data: String,
    /// The hub's id.
    pub hub: String,
    /// Whether the hub checked all of it again just now, and what it found.
    pub proven: Result<(), String>,
}

/// The page of a receipt.
pub fn receipt(view: &Receipt) -> String {
    let figures = [
        Figure {
            label: "Amount",
            value: measured(&view.amount, Some("OPG")),
            definition: html! { "Paid for one call of " @match &view.model { Some((owner, name)) => a href=(link::model(owner, name)) { (owner) "/" (name) }, None => "a model" } " " (view.release) "." },
        },
        Figure { label: "Time", value: moment(&view.time), definition: html! { "When the answer was charged." } },
        Figure {
            label: "Proof",
            value: match &view.proven {
                Ok(()) => html! { span.earned { "holds" } },
                Err(_) => html! { span.fail { "does not hold" } },
            },
            definition: match &view.proven {
                Ok(()) => {
                    html! { "Checked again just now: the fields give the typed data, and the hub’s key signed it." }
                }
                Err(why) => html! { (why) },
            },
        },
    ];
    let nothing = html! {};
    let line = |name: &str, value: &str| html! { tr { th scope="row" { (name) } td { code { (value) } } } };
    let main = html! {
        h1.id { "Receipt " code { (view.id) } }
        (strip(&figures))
        (section("parts", "Who got what", &html! { p { "The parts make the whole, to the last unit." } }, &parts(&view.parts)))
        (section("proof", "What was signed", &html! { p { "EIP-712, so that any wallet library can check it." } }, &html! {
            table.proof { caption.hidden { "What was signed" } tbody {
                (line("payer", &view.payer))
                (line("model digest", &view.digest))
                (line("input hash", &view.input_hash))
                (line("output hash", &view.output_hash))
                @if let Some(salt) = &view.salt { (line("salt", salt)) }
                (line("typed data", &view.typed_data))
                (line("hub", &view.hub))
                (line("signer", &view.signer))
                (line("signature", &view.signature))
            } }
        }))
        (section("check", "Check it yourself", &nothing, &html! {
            pre tabindex="0" { code { "modelhub receipt " (view.id) " --verify" } }
            p { "Or read " a href={ "/api/v1/receipts/" (link::segment(&view.id)) } { "the document" } " and compare the signer with " a href="/.well-known/modelhub" { "the keys this hub has published" } "." }
        }))
    };
    layout::page(&view.chrome, Some("Receipt"), "A signed receipt of one call.", &main)
}

fn parts(parts: &[(String, String)]) -> Markup {
    html! {
        table.lines {
            caption.hidden { "Who got what" }
            thead { tr { th scope="col" { "Account" } th.right scope="col" { "Amount" } } }
            tbody { @for (who, amount) in parts { tr { td { (who) } td.right { (measured(amount, Some("OPG"))) } } } }
        }
    }
}
