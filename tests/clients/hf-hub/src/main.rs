//! Uses a hub through the crate `hf-hub` as it is, and says as JSON what came of it. `hf_rust.py` starts it, with the
//! hub's address in HF_ENDPOINT, a key in HF_TOKEN and a folder in HF_HOME, and compares.
//!
//! `hf-hub-client OWNER NAME FILE`: makes the model, fills it with the file and a few more, reads all of it.

use std::fs;
use std::path::Path;

use hf_hub::repository::{AddSource, CommitOperation, RepoTreeEntry, RepoTypeModel};
use hf_hub::{HFClientSync, HFError};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [owner, name, file] = &arguments[..] else { return Err("OWNER NAME FILE".into()) };
    let content = fs::read(file)?;
    let told = use_hub(owner, name, Path::new(file), &content)?;
    println!("{told}");
    Ok(())
}

fn use_hub(owner: &str, name: &str, file: &Path, content: &[u8]) -> Result<Value, HFError> {
    let client = HFClientSync::new()?;
    let id = format!("{owner}/{name}");
    let user = client.whoami().send()?;
    client.create_repository().repo_id(&id).repo_type(RepoTypeModel).exist_ok(true).send()?;
    let repo = client.model(owner, name);
    repo.upload_file()
        .source(AddSource::file(file))
        .path_in_repo("data/model.bin")
        .commit_message("A file of the disk")
        .send()?;
    let card = b"---\nlicense: mit\n---\n# Rust\n";
    let operations = vec![
        CommitOperation::add_bytes("README.md", &card[..]),
        CommitOperation::add_bytes("config.json", &b"{\"a\": 1}"[..]),
        CommitOperation::add_bytes("old.txt", &b"old"[..]),
    ];
    repo.create_commit().operations(operations).commit_message("Three at once").send()?;
    let last = repo.delete_file().path_in_repo("old.txt").send()?;

    let info = repo.info().send()?;
    let expand = vec!["sha".to_owned(), "securityRepoStatus".to_owned()];
    let security = repo.info().expand(expand).send()?;
    let mut tree = Vec::new();
    for entry in repo.list_tree().recursive(true).expand(true).send()? {
        if let RepoTreeEntry::File { path, size, security, .. } = entry {
            tree.push(json!({"path": path, "size": size, "security": security.map(|security| security.status)}));
        }
    }
    let listed = client.list_models().author(owner).send()?;
    let whole = repo.download_file_to_bytes().filename("data/model.bin").send()?;
    let part = repo.download_file_to_bytes().filename("data/model.bin").range(1_000..2_000).send()?;
    let kept = repo.download_file().filename("data/model.bin").send()?;
    let snapshot = repo.snapshot_download().send()?;
    let metadata = repo.get_file_metadata().filepath("config.json").send()?;
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    Ok(json!({
        "user": user.username,
        "id": info.id,
        "sha": info.sha,
        "last": last.commit_oid,
        "security": security.security_repo_status,
        "tree": tree,
        "listed": listed.iter().map(|model| model.id.clone()).collect::<Vec<_>>(),
        "commits": repo.list_commits().send()?.len(),
        "branches": repo.list_refs().send()?.branches.iter().map(|branch| branch.name.clone()).collect::<Vec<_>>(),
        "whole": whole == content,
        "part": part == content[1_000..2_000],
        "kept": read(&kept) == content,
        "snapshot": read(&snapshot.join("README.md")) == card,
        "metadata": {"size": metadata.file_size, "commit": metadata.commit_hash},
        "exists": [repo.exists().send()?, repo.file_exists().filename("old.txt").send()?],
        "no_file": matches!(
            repo.download_file_to_bytes().filename("none.bin").send(),
            Err(HFError::EntryNotFound { .. })
        ),
        "no_model": matches!(client.model(owner, "none").info().send(), Err(HFError::RepoNotFound { .. })),
    }))
}
