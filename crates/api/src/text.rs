//! How the texts on the wire are written, for the API's document: an amount is a `String` here and a pattern there.
//!
//! Always: what a pattern says is true of all that is sent, and all that is read fits it; what fits it may be refused all
//! the same, as an amount that is too large is. Nothing is ever checked against a pattern here: the types inside do that.
//!
//! To add one: a line, and `#[schema(value_type = Name)]` at the fields.

use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};

macro_rules! texts {
    ($($(#[doc = $what:literal])+ $name:ident like $example:literal $(, pattern $pattern:literal)?
        $(, format $format:literal)? $(, at most $most:literal)? $(, one of $words:expr)?;)*) => {$(
        $(#[doc = $what])+
        #[derive(Debug)]
        pub enum $name {}

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!($($what),+).trim_start()))
                    .examples([$example])
                    $(.pattern(Some($pattern)))?
                    $(.format(Some(SchemaFormat::Custom($format.to_owned()))))?
                    $(.max_length(Some($most)))?
                    $(.enum_values(Some($words)))?
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

texts! {
    /// OPG, exact: at most 9 digits after the point, and 9223372036.854775807 at most.
    Amount like "0.002", pattern r"^[0-9]{1,10}(\.[0-9]{1,9})?$";
    /// A difference in OPG; below zero is given.
    Difference like "-0.002", pattern r"^-?[0-9]{1,10}(\.[0-9]{1,9})?$";
    /// USD for 1 OPG.
    Rate like "0.05", pattern r"^[0-9]{1,10}(\.[0-9]{1,9})?$";
    /// An amount with its unit.
    Money like "0.002 OPG", pattern r"^[0-9]{1,10}(\.[0-9]{1,9})? ?(OPG|USD)$";
    /// A part of a whole, with at most two digits after the point.
    Share like "12.5%", pattern r"^[0-9]{1,3}(\.[0-9]{1,2})?%$";
    /// RFC 3339, of UTC.
    Time like "2026-11-25T00:00:00.000Z", format "date-time";
    /// A day of UTC.
    Day like "2026-11-23", format "date";
    /// A month of UTC.
    Month like "2026-11", pattern r"^[0-9]{4}-[0-9]{2}$";
    /// The name of an account: a-z, 0-9, and - between them.
    Handle like "alice", pattern r"^[a-z0-9]+(-[a-z0-9]+)*$", at most 39;
    /// `owner/name`.
    ModelName like "alice/iris", pattern r"^[a-z0-9-]{2,39}/[A-Za-z0-9._-]{1,96}$";
    /// The number of a release: a major and a minor one, the latter with at least two digits.
    ReleaseNumber like "1.00", pattern r"^[1-9][0-9]{0,9}\.[0-9]{2,10}$";
    /// An account's id.
    AccountId like "acct_01kb0000000000000000000000", pattern r"^acct_[0-7][0-9a-hjkmnp-tv-z]{25}$";
    /// A call's id, also its receipt's.
    CallId like "call_01kb0000000000000000000000", pattern r"^call_[0-7][0-9a-hjkmnp-tv-z]{25}$";
    /// A key's id, which is not its secret.
    KeyId like "key_01kb0000000000000000000000", pattern r"^key_[0-7][0-9a-hjkmnp-tv-z]{25}$";
    /// A transfer's id.
    TransferId like "tr_01kb0000000000000000000000", pattern r"^tr_[0-7][0-9a-hjkmnp-tv-z]{25}$";
    /// The id of money that is set aside.
    HoldId like "hold_01kb0000000000000000000000", pattern r"^hold_[0-7][0-9a-hjkmnp-tv-z]{25}$";
    /// A webhook's id.
    HookId like "hook_7", pattern r"^hook_[0-9]{1,19}$";
    /// The id of one message to a webhook.
    DeliveryId like "delivery_7", pattern r"^delivery_[0-9]{1,19}$";
    /// SHA-256, in lower case.
    Sha256 like "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", pattern "^[0-9a-f]{64}$";
    /// A commit's id.
    CommitId like "4b825dc642cb6eb9a060e54bf8d69288fbee4904", pattern "^[0-9a-f]{40}$";
    /// An address of Ethereum's kind, as EIP-55 writes it.
    Address like "0x52908400098527886E0F7030069857D2E4169EE7", pattern "^0x[0-9a-fA-F]{40}$";
    /// The two kinds of money an account has: promo can be spent here and nowhere else.
    Purse like "cash", one of ["cash", "promo"];
    /// What a key may be used for.
    Scope like "call", one of ["read", "publish", "call", "money", "admin"];
    /// What a member may do in an organisation.
    Role like "reader", one of ["reader", "writer", "admin"];
    /// What came of a request for gated weights.
    AccessStatus like "pending", one of ["pending", "accepted", "rejected"];
    /// A report's id.
    ReportId like "report_7", pattern r"^report_[0-9]{1,19}$";
    /// Why a model is reported, hidden or taken down.
    ReportReason like "malware", one of ["malware", "copyright", "personal_data", "illegal", "spam", "impersonation", "broken_promise", "other"];
    /// What became of a report.
    ReportState like "open", one of ["open", "dismissed", "hidden", "taken_down", "removed"];
    /// Who gets a model's weights.
    Access like "sealed", one of ["sealed", "gated", "open"];
}

impl utoipa::PartialSchema for crate::Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Why a request got no answer, in a word that stays."))
            .enum_values(Some(crate::Code::ALL.iter().map(|code| code.word())))
            .into()
    }
}

impl utoipa::ToSchema for crate::Code {
    fn name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }
}
