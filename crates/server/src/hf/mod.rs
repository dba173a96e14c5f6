//! What clients made for Hugging Face's hub ask for, so that they work here unchanged with `HF_ENDPOINT`.
//!
//! Always: refusals have the form those clients read (`error.rs`); paths are split before they are decoded, because a
//! revision like `feat/x` travels as `feat%2Fx` (`path.rs`); absolute URLs lead to where the client came (`base.rs`);
//! what carries weights is given to nobody whom `hub::may_read` does not let in, whichever way it is asked for.
//!
//! Absent on purpose: data sets and spaces, of which this hub has none; Xet.
//!
//! To add a call: its route below, a row in the table of docs/api.md, a case in `tests/http/hf.rs` and, if a client
//! makes it, in `tests/clients/`.

pub(crate) mod access;
pub(crate) mod base;
pub(crate) mod commit;
pub(crate) mod commits;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod info;
pub(crate) mod lfs;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod path;
pub(crate) mod preupload;
pub(crate) mod query;
pub(crate) mod repos;
pub(crate) mod resolve;
pub(crate) mod security;
pub(crate) mod whoami;
pub(crate) mod words;

use axum::Router;
use axum::routing::{any, delete, get, post, put};
use hub::Hub;

/// Their paths, below `routes.rs`.
pub(crate) fn routes() -> Router<Hub> {
    Router::new()
        // Who is asking.
        .route("/api/whoami-v2", get(whoami::show))
        // Models, and what is in them.
        .route("/api/models", get(list::list))
        .route("/api/models/{owner}/{name}", get(info::show))
        .route("/api/models/{owner}/{name}/revision/{revision}", get(info::show))
        .route("/api/models/{owner}/{name}/tree/{revision}", get(files::tree))
        .route("/api/models/{owner}/{name}/tree/{revision}/{*path}", get(files::tree))
        .route("/api/models/{owner}/{name}/paths-info/{revision}", post(files::paths_info))
        .route("/api/models/{owner}/{name}/commits/{revision}", get(commits::log))
        .route("/api/models/{owner}/{name}/refs", get(commits::refs))
        .route("/api/models/{owner}/{name}/scan", get(security::show))
        .route("/{owner}/{name}/resolve/{revision}/{*path}", get(resolve::file))
        // Changing them.
        .route("/api/repos/create", post(repos::create))
        .route("/api/repos/delete", delete(repos::remove))
        .route("/api/repos/move", post(repos::rename))
        .route("/api/models/{owner}/{name}/settings", put(repos::set))
        .route("/api/models/{owner}/{name}/branch/{revision}", post(repos::add_branch).delete(repos::remove_branch))
        .route("/api/models/{owner}/{name}/tag/{revision}", post(repos::add_tag).delete(repos::remove_tag))
        .route("/api/validate-yaml", post(preupload::validate))
        .route("/api/models/{owner}/{name}/preupload/{revision}", post(preupload::ask))
        .route("/api/models/{owner}/{name}/commit/{revision}", post(commit::create))
        .route("/api/models/{owner}/{name}/xet-write-token/{revision}", get(preupload::no_xet))
        .route("/{owner}/{name}/info/lfs/objects/batch", post(lfs::batch))
        .route("/{owner}/{name}/info/lfs/objects/{sha256}", put(lfs::receive))
        // Who reads gated weights.
        .route("/{owner}/{name}/ask-access", post(access::ask))
        .route("/api/models/{owner}/{name}/user-access-request/{status}", get(access::list))
        .route("/api/models/{owner}/{name}/user-access-request/handle", post(access::handle))
        .route("/api/models/{owner}/{name}/user-access-request/grant", post(access::grant))
        // What this hub does not keep.
        .route("/api/datasets", get(list::nothing))
        .route("/api/spaces", get(list::nothing))
        .route("/api/datasets/{*rest}", any(path::no_such_type))
        .route("/api/spaces/{*rest}", any(path::no_such_type))
        .route("/datasets/{*rest}", any(path::no_such_type))
        .route("/spaces/{*rest}", any(path::no_such_type))
}
