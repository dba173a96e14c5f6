//! The pages: view data in, HTML out, and the assets they need.
//!
//! Always: every text that comes in is treated as hostile and escaped; only [`CardHtml`], which nothing but the
//! cleaner can make, goes out as it is. Pages work without scripts and ask no other host for anything, so that
//! [`CONTENT_SECURITY_POLICY`] can forbid both. Amounts arrive as exact decimal strings and leave unchanged.
//!
//! Absent on purpose: routes, cookies, status codes, settings, the domain's types, floating point. `server` decides
//! which page is shown to whom and fills in the view structs.
//!
//! To add a page: a file with its view struct and one function that returns `String` through `layout::page`, a case
//! in `tests/pages.rs` (which holds every page to the rules above) and one in `examples/preview.rs` to look at it.

mod account;
mod assets;
mod card;
mod chart;
mod compare;
mod diff;
mod figure;
mod files;
mod home;
mod keys;
mod layout;
mod link;
mod login;
mod model;
mod moderation;
mod operator;
mod owner;
mod playground;
mod problem;
mod publish;
mod rankings;
mod receipt;
mod reference;
mod says;
mod search;
mod shares;
mod wanted;

pub use account::{
    Account, CallRow, Calls, EarningRow, Earnings, EntryRow, MoneyPage, Overview, OwnModel, Ways, calls, earnings,
    money, overview, ways,
};
pub use assets::{Asset, CONTENT_SECURITY_POLICY, asset, icon_name, playground_name, publish_name, style_name};
pub use card::{CARD_LIMIT_BYTES, CardHtml, card_html};
pub use chart::Bar;
pub use compare::{Compare, Head, compare};
pub use diff::{ChangedField, ChangedFile, ChangedText, Diff, diff};
pub use figure::{Money, Ratio, Unit};
pub use files::{FILES_LISTED, FileRow, Scan};
pub use home::{Home, HomeFigures, Lately, ModelRow, Shelf, ShelfKind, TaskCount, home};
pub use keys::{FreshKey, KeyForm, KeyRow, Keys, keys};
pub use layout::Chrome;
pub use link::segment;
pub use login::{Device, Join, Login, Signing, device, join, login};
pub use model::{
    Access, Change, CheckKind, CheckRow, Code, Compared, Labels, Model, ModelFigures, PortRow, ReleaseRow, model,
};
pub use moderation::{
    Case, DecisionRow, Moderation, OwnReports, ReportForm, ReportPage, ReportRow, Restricted, Tombstone, Verified,
    Words, case, moderation, own_reports, report, tombstone,
};
pub use operator::{Health, Operator, Status, Topic, operator, status};
pub use owner::{MemberRow, Owner, owner};
pub use playground::{Column, Form, PaidBy, Playground, Runner, TensorField};
pub use problem::{Problem, problem};
pub use publish::{Publish, Publisher, publish};
pub use rankings::{OrderLink, RankedRow, Rankings, rankings};
pub use receipt::{Receipt, receipt};
pub use reference::{
    Answered, Chapter, Field, Kind, Operation, Reference, ReferenceChapter, ReferenceLine, Type, reference,
    reference_chapter,
};
pub use says::{Base, CardSays, MissingPart};
pub use search::{Choice, Chosen, FacetGroup, FacetValue, FoundRow, Search, search};
pub use shares::{Role, Share};
pub use wanted::{Wanted, WantedRow, wanted};
