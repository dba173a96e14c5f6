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

mod assets;
mod card;
mod figure;
mod files;
mod home;
mod layout;
mod link;
mod model;
mod problem;
mod shares;

pub use assets::{Asset, CONTENT_SECURITY_POLICY, asset, icon_name, style_name};
pub use card::{CARD_LIMIT_BYTES, CardHtml, card_html};
pub use figure::{Money, Ratio, Unit};
pub use files::FileRow;
pub use home::{Home, HomeFigures, ModelRow, home};
pub use layout::Chrome;
pub use link::segment;
pub use model::{
    Access, Change, CheckKind, CheckRow, Code, Compared, Labels, Model, ModelFigures, PortRow, ReleaseRow, model,
};
pub use problem::{Problem, problem};
pub use shares::{Role, Share};
