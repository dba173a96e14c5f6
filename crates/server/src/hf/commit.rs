//! `POST /api/models/{owner}/{name}/commit/{revision}`: files that come with the commit that names them.
//!
//! Always: a file is on the disk before the commit names it; the body is read at bounded memory, however long its lines
//! are; nothing is committed of a body that ended early.

use api::{Code, Problem};
use axum::Json;
use axum::extract::{RawQuery, State};
use hub::publish::Receiving;
use hub::{Caller as Author, Change, Error, Hub};
use registry::{Digest, Edit, File, FilePath, ModelName, Revision};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::base::Base;
use super::lines::{Came, Lines};
use super::path::Place;
use super::words::branch;
use crate::edge::clip;
use crate::extract::{Caller, Incoming, not_json};
use crate::problem::Refused;

/// Most lines of one commit: a whole model anew, and as many deletions.
const MAX_EDITS: usize = 2 * registry::MAX_FILES;
/// A file is written in pieces of about this size.
const PIECE: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Line<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parent_commit: Option<String>,
}

#[derive(Deserialize)]
struct Inline {
    path: String,
    #[serde(default)]
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Large {
    path: String,
    oid: String,
    /// Missing where a file is copied.
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Deserialize)]
struct Deleted {
    path: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Committed {
    success: bool,
    commit_oid: String,
    commit_url: String,
    hook_output: &'static str,
}

pub(crate) async fn create(
    State(hub): State<Hub>,
    Caller(caller): Caller,
    Base(base): Base,
    Place { model, revision, .. }: Place,
    RawQuery(query): RawQuery,
    body: Incoming,
) -> Result<Json<Committed>, Refused> {
    if query.is_some_and(|query| query.split('&').any(|pair| pair == "create_pr=1" || pair == "create_pr=true")) {
        let hint = "commit to a branch of your own and tell the model's owner";
        return Err(Problem::new(Code::InvalidRequest, "this hub takes no pull requests").hint(hint).into());
    }
    let branch = branch(&revision)?;
    let mut reading =
        Reading { hub: &hub, caller: &caller, model: &model, header: None, edits: Vec::new(), file: None };
    reading.read(body).await?;
    let Reading { header, edits, .. } = reading;
    let header = header.ok_or_else(|| invalid("the commit has no header line"))?;
    let parent = header.parent_commit.map(|text| text.parse::<Revision>());
    let change = Change {
        model: model.clone(),
        branch,
        parent: parent.transpose().map_err(|error| invalid(format!("parentCommit: {error}")))?,
        edits,
        title: header.summary,
        message: header.description.unwrap_or_default(),
    };
    let commit = hub.commit(&caller, change).await?;
    Ok(Json(Committed {
        success: true,
        commit_url: format!("{}/{model}/commit/{}", base, commit.id),
        commit_oid: commit.id.to_string(),
        hook_output: "",
    }))
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

/// A commit on its way in.
struct Reading<'a> {
    hub: &'a Hub,
    caller: &'a Author,
    model: &'a ModelName,
    header: Option<Header>,
    edits: Vec<Edit>,
    /// The file that is coming, and what of it was not written yet.
    file: Option<(Receiving, Vec<u8>)>,
}

impl Reading<'_> {
    async fn read(&mut self, mut body: Incoming) -> Result<(), Refused> {
        // Whoever may not commit makes nobody read a body.
        self.hub.may_commit(self.caller, self.model).await?;
        let mut lines = Lines::new();
        let mut came = Vec::new();
        while let Some(piece) = body.next().await? {
            lines.take(&piece, |one| {
                came.push(one);
                Ok(())
            })?;
            for one in came.drain(..) {
                self.take(one).await?;
            }
        }
        if let Some(last) = lines.finish()? {
            self.take(last).await?;
        }
        Ok(())
    }

    async fn take(&mut self, came: Came) -> Result<(), Refused> {
        match came {
            Came::Bytes(bytes) => self.write(bytes).await,
            Came::Line { text, content } => self.line(&text, content).await,
        }
    }

    async fn begun(&mut self) -> Result<(Receiving, Vec<u8>), Refused> {
        match self.file.take() {
            Some(file) => Ok(file),
            None => Ok((self.hub.upload_to(self.caller, self.model).await?, Vec::new())),
        }
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Refused> {
        let (mut receiving, mut waiting) = self.begun().await?;
        if waiting.is_empty() {
            waiting = bytes;
        } else {
            waiting.extend_from_slice(&bytes);
        }
        if waiting.len() >= PIECE {
            (receiving, waiting) = write(receiving, waiting).await?;
        }
        self.file = Some((receiving, waiting));
        Ok(())
    }

    /// What was written since the last line, on the disk.
    async fn written(&mut self) -> Result<(Digest, u64), Refused> {
        let (receiving, waiting) = self.begun().await?;
        let (receiving, _) = write(receiving, waiting).await?;
        Ok(receiving.finish().await?)
    }

    async fn line(&mut self, text: &[u8], content: bool) -> Result<(), Refused> {
        let line: Line<'_> = serde_json::from_slice(text).map_err(|error| not_json(&error))?;
        if self.edits.len() >= MAX_EDITS {
            return Err(invalid(format!("a commit has at most {MAX_EDITS} changes")).into());
        }
        if self.header.is_none() != (line.key == "header") {
            return Err(invalid("the header is the first line of a commit, and no other").into());
        }
        if content != (line.key == "file") {
            return Err(invalid(format!("a line \"{}\" with or without a content", clip(&line.key))).into());
        }
        let edit = match line.key.as_str() {
            "header" => {
                self.header = Some(value(&line)?);
                return Ok(());
            }
            "file" => {
                let Inline { path: named, encoding } = value(&line)?;
                if let Some(other) = encoding.filter(|encoding| encoding != "base64") {
                    return Err(
                        invalid(format!("{}: the encoding \"{}\" is not base64", clip(&named), clip(&other))).into()
                    );
                }
                let path = path(&named)?;
                let (sha256, size) = self.written().await?;
                Edit::Put(File { path, sha256, size })
            }
            "lfsFile" => {
                let Large { path: named, oid, size } = value(&line)?;
                let path = path(&named)?;
                let sha256: Digest = oid.parse().map_err(|error| invalid(format!("{path}: {error}")))?;
                let here = self.hub.handed_in(self.caller, self.model, sha256).await?;
                let size = size.or(here).ok_or(Error::NotHandedIn { path: path.clone(), sha256 })?;
                Edit::Put(File { path, sha256, size })
            }
            "deletedFile" => Edit::Remove(path(&value::<Deleted>(&line)?.path)?),
            "deletedFolder" => Edit::RemoveFolder(path(value::<Deleted>(&line)?.path.trim_end_matches('/'))?),
            other => return Err(invalid(format!("a commit has no line \"{}\"", clip(other))).into()),
        };
        self.edits.push(edit);
        Ok(())
    }
}

async fn write(mut receiving: Receiving, bytes: Vec<u8>) -> Result<(Receiving, Vec<u8>), Refused> {
    let written = tokio::task::spawn_blocking(move || {
        receiving.write(&bytes)?;
        Ok::<_, Error>(receiving)
    });
    let receiving = written.await.map_err(|crash| Error::Internal { reason: crash.to_string() })??;
    Ok((receiving, Vec::new()))
}

fn value<'a, T: Deserialize<'a>>(line: &Line<'a>) -> Result<T, Refused> {
    serde_json::from_str(line.value.get()).map_err(|error| {
        invalid(format!("a line \"{}\" of the commit cannot be read: {}", clip(&line.key), clip(&error.to_string())))
            .into()
    })
}

fn path(text: &str) -> Result<FilePath, Problem> {
    text.parse().map_err(|error: registry::PathError| invalid(error.to_string()))
}
