//! Which files a commit has, in the words of these clients.

use std::collections::{HashMap, HashSet};

use api::{Code, Problem};
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use hub::{Hub, Snapshot};
use registry::{Digest, Entry, File, FolderOids, GitOid, pointer_size};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::beside::beside;
use crate::extract::{AnyCaller, Incoming, not_json};
use crate::hf::base::Base;
use crate::hf::error::{Refusal, X_REPO_COMMIT};
use crate::hf::path::{Place, next_page};
use crate::hf::query::Fields;
use crate::hf::security;
use crate::problem::Refused;

/// Entries of a page at most.
const MAX_PAGE: u64 = 1_000;
/// The same with what was found in each of them.
const MAX_EXPANDED: u64 = 100;
/// A page ends where its small files have so many bytes together: they may have to be read, to be named as git does.
const MAX_PAGE_BYTES: u64 = 1024 * 1024 * 1024;
/// Most paths that are asked for at once, and the most bytes of them, with a key and without.
const MAX_PATHS: usize = 1_000;
const MAX_BODY: usize = 1024 * 1024;
const MAX_STRANGERS_BODY: usize = 64 * 1024;

/// `GET /api/models/{owner}/{name}/tree/{revision}[/{path}]`
pub(crate) async fn tree(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Base(base): Base,
    Place { model, revision, path }: Place,
    fields: Fields,
) -> Result<(HeaderMap, Json<Vec<Value>>), Refusal> {
    let snapshot = hub.snapshot(viewer.as_ref(), &model, &revision).await?;
    let recursive = fields.is("recursive");
    let expand = fields.is("expand");
    let limit = fields.number("limit")?.unwrap_or(MAX_PAGE).clamp(1, if expand { MAX_EXPANDED } else { MAX_PAGE });
    let skip = fields.number("cursor")?.unwrap_or(0);
    let path = path.trim_end_matches('/').to_owned();
    let (listed, folder) = (snapshot.tree.clone(), path.clone());
    let page = beside(move || Page::of(&listed, &folder, recursive, skip, limit)).await?;
    let page = page.ok_or_else(|| missing(&snapshot, &path))?;
    // The next page is one of the same commit, wherever the branch is by then.
    let next = page.next.map(|next| {
        let (model, commit) = (&snapshot.repository.model.name, snapshot.commit.id);
        let folder = if path.is_empty() { String::new() } else { format!("/{}", web::segment(&path)) };
        format!("{base}/api/models/{model}/tree/{commit}{folder}?{}", fields.with("cursor", &next.to_string()))
    });
    Ok((next_page(next), Json(told(&hub, page.entries, expand).await?)))
}

/// Something in a folder, on its way out.
enum Listed {
    File(File),
    Folder { path: String, oid: GitOid },
}

struct Page {
    entries: Vec<Listed>,
    /// How many entries come before the next page.
    next: Option<u64>,
}

impl Page {
    fn of(tree: &registry::Tree, folder: &str, recursive: bool, skip: u64, limit: u64) -> Option<Page> {
        let mut oids = None;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut walk = tree.entries(folder, recursive)?.skip(usize::try_from(skip).ok()?).peekable();
        while entries.len() as u64 != limit && bytes < MAX_PAGE_BYTES {
            let Some(entry) = walk.next() else { break };
            entries.push(match entry {
                Entry::File(file) => {
                    bytes += if file.is_large() { 0 } else { file.size };
                    Listed::File(file.clone())
                }
                Entry::Folder { path, files } => {
                    let oids = oids.get_or_insert_with(|| FolderOids::new(tree, 0..tree.files().len()));
                    Listed::Folder { path: path.to_owned(), oid: oids.of(&files) }
                }
            });
        }
        let next = walk.peek().map(|_| skip + entries.len() as u64);
        Some(Page { entries, next })
    }
}

/// `POST /api/models/{owner}/{name}/paths-info/{revision}`: the entries at these paths, without those that are not there.
pub(crate) async fn paths_info(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Place { model, revision, .. }: Place,
    request: Request,
) -> Result<Json<Vec<Value>>, Refusal> {
    let snapshot = hub.snapshot(viewer.as_ref(), &model, &revision).await?;
    let Asked { paths, expand } = asked(request, if viewer.is_some() { MAX_BODY } else { MAX_STRANGERS_BODY }).await?;
    let mut seen = HashSet::new();
    let paths: Vec<String> = paths.into_iter().filter(|path| seen.insert(path.clone())).collect();
    if paths.len() > MAX_PATHS {
        let message = format!("{} paths are asked for; at most {MAX_PATHS} at once", paths.len());
        return Err(Problem::new(Code::InvalidRequest, message).into());
    }
    let tree = snapshot.tree.clone();
    let entries = beside(move || {
        let mut oids = None;
        let entry = |path: &String| {
            if let Some(file) = tree.get(path) {
                return Some(Listed::File(file.clone()));
            }
            let files = tree.folder(path).filter(|_| !path.is_empty())?;
            let oids = oids.get_or_insert_with(|| FolderOids::new(&tree, 0..tree.files().len()));
            Some(Listed::Folder { path: path.clone(), oid: oids.of(&files) })
        };
        paths.iter().filter_map(entry).collect()
    });
    Ok(Json(told(&hub, entries.await?, expand).await?))
}

#[derive(Deserialize)]
struct Asked {
    paths: Vec<String>,
    /// With what was found in them.
    #[serde(default)]
    expand: bool,
}

/// Clients in Python send a form, others JSON.
async fn asked(request: Request, limit: usize) -> Result<Asked, Refused> {
    let form = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    let form = form.is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
    let body = Incoming::from_request(request, &()).await?.read(limit).await?;
    if form || body.is_empty() {
        let fields = Fields::read(&body);
        return Ok(Asked { paths: fields.all("paths").map(str::to_owned).collect(), expand: fields.is("expand") });
    }
    serde_json::from_slice(&body).map_err(|error| not_json(&error))
}

async fn told(hub: &Hub, entries: Vec<Listed>, expand: bool) -> Result<Vec<Value>, Refused> {
    let file = |entry: &Listed| if let Listed::File(file) = entry { Some(file.clone()) } else { None };
    let files: Vec<File> = entries.iter().filter_map(file).collect();
    let oids = hub.git_oids(&files).await?;
    let reports = if expand { Some(hub.reports(&files).await?) } else { None };
    let told = |entry: &Listed| {
        let mut told = told_entry(entry, &oids);
        if let (Listed::File(file), Some(reports)) = (entry, &reports) {
            told["securityFileStatus"] = security::of_file(reports.get(&file.sha256));
        }
        told
    };
    Ok(entries.iter().map(told).collect())
}

fn told_entry(entry: &Listed, oids: &HashMap<Digest, GitOid>) -> Value {
    let file = match entry {
        Listed::Folder { path, oid } => {
            return json!({"type": "directory", "path": path, "oid": oid.to_string(), "size": 0});
        }
        Listed::File(file) => file,
    };
    let oid = oids.get(&file.sha256).map(ToString::to_string);
    let mut told = json!({"type": "file", "path": file.path, "oid": oid, "size": file.size});
    if file.is_large() {
        let pointer = pointer_size(file.sha256, file.size);
        told["lfs"] = json!({"oid": file.sha256, "size": file.size, "pointerSize": pointer});
    }
    told
}

/// No file or folder of this commit, which the answer names: clients remember what a commit has not.
pub(crate) fn missing(snapshot: &Snapshot, path: &str) -> Refusal {
    let model = snapshot.repository.model.name.clone();
    let error = hub::Error::NoFile { model, path: path.to_owned(), commit: snapshot.commit.id };
    Refusal::from(error).with(X_REPO_COMMIT, commit(snapshot))
}

pub(crate) fn commit(snapshot: &Snapshot) -> HeaderValue {
    HeaderValue::try_from(snapshot.commit.id.to_string()).expect("hex digits can stand in a header")
}
