//! What clients made for Hugging Face's hub read here.

use ::hub::{Change, RefKind};
use axum::http::HeaderMap;
use registry::{Digest, Edit, File, RefName};
use serde_json::{Value, json};

use crate::hub::{Answer, TestHub};

const CARD: &str = "license: mit\nlibrary_name: onnx\ntags: [flowers, small]\nlanguage: [en, de]\ndatasets: [iris]";

/// `alice/iris`, released, with these files more on main.
async fn scene(access: &str, files: &[(&str, &[u8])]) -> TestHub {
    let hub = TestHub::empty().await;
    let ours = format!("modelhub: {{ access: {access}, price: {{ per_call: \"0.002 OPG\" }} }}");
    hub.publish("alice/iris", &format!("pipeline_tag: text-classification\n{ours}")).await;
    commit(&hub, "alice/iris", "main", files).await;
    hub
}

/// Adds files to a branch as the client of a later day would; the commit's id.
async fn commit(hub: &TestHub, model: &str, branch: &str, files: &[(&str, &[u8])]) -> String {
    let mut edits = Vec::new();
    for (path, bytes) in files {
        hub.upload(bytes).await;
        let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
        edits.push(Edit::Put(File { path: path.parse().unwrap(), sha256, size }));
    }
    let alice = hub.hub.authenticate(&hub.alice).await.unwrap();
    let change = Change {
        model: model.parse().unwrap(),
        branch: branch.parse().unwrap(),
        parent: None,
        edits,
        title: format!("Add {} files", files.len()),
        message: "As asked".to_owned(),
    };
    hub.hub.commit(&alice, change).await.unwrap().id.to_string()
}

async fn add_ref(hub: &TestHub, kind: RefKind, name: &str) {
    let alice = hub.hub.authenticate(&hub.alice).await.unwrap();
    let name: RefName = name.parse().unwrap();
    hub.hub.add_ref(&alice, &"alice/iris".parse().unwrap(), kind, &name, None).await.unwrap();
}

async fn create(hub: &TestHub, model: &str, private: bool) {
    let alice = hub.hub.authenticate(&hub.alice).await.unwrap();
    hub.hub.create(&alice, &model.parse().unwrap(), private).await.unwrap();
}

/// A file of 10 MiB, which is the least that is large.
fn large() -> Vec<u8> {
    (0..10 * 1024 * 1024_u32).map(|at| (at % 251) as u8).collect()
}

impl Answer {
    /// A refusal as these clients read it: what decides their exception, and what they show.
    fn hf_refused(&self, status: u16, code: &str, message: &str) {
        assert_eq!((self.status.as_u16(), self.header("x-error-code")), (status, code), "{}", self.text());
        assert!(self.header("x-error-message").contains(message), "{} not {message}", self.header("x-error-message"));
        if !self.body.is_empty() {
            let error = self.json()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(message) || message.starts_with("Invalid"), "{error:?} does not say {message:?}");
        }
        assert_eq!((self.header("content-type"), self.header("cache-control")), ("application/json", "no-store"));
    }
}

#[tokio::test]
async fn a_model_is_told_with_its_card_and_its_files() {
    let hub = scene("sealed", &[("config.json", b"{}"), ("big.bin", &large())]).await;
    let card = format!("---\n{CARD}\n---\n# Iris\n");
    let sha = commit(&hub, "alice/iris", "main", &[("README.md", card.as_bytes())]).await;
    let told = hub.get("/api/models/alice/iris").send().await.json();
    assert_eq!((&told["id"], &told["sha"], &told["author"]), (&json!("alice/iris"), &json!(sha), &json!("alice")));
    assert_eq!((&told["private"], &told["gated"], &told["disabled"]), (&json!(false), &json!("manual"), &json!(false)));
    assert_eq!(told["tags"], json!(["onnx", "flowers", "small", "en", "de", "license:mit", "dataset:iris"]));
    assert_eq!((&told["library_name"], &told["cardData"]["license"]), (&json!("onnx"), &json!("mit")));
    assert_eq!((&told["createdAt"], &told["lastModified"]), (&json!("2026-11-23T10:00:00.000Z"), &told["createdAt"]));
    let names: Vec<&str> =
        told["siblings"].as_array().unwrap().iter().map(|s| s["rfilename"].as_str().unwrap()).collect();
    assert_eq!(names, ["README.md", "big.bin", "config.json", "model.onnx"]);
    assert_eq!(told["siblings"][0], json!({"rfilename": "README.md"}));

    let told = hub.get("/api/models/alice/Iris?blobs=True").send().await.json();
    let sha256 = Digest::of(&large()).to_string();
    let lfs = json!({"sha256": sha256, "size": 10_485_760, "pointerSize": 133});
    assert_eq!((&told["siblings"][1]["lfs"], &told["siblings"][1]["size"]), (&lfs, &json!(10_485_760)));
    // git hash-object of the two bytes.
    assert_eq!(
        told["siblings"][2],
        json!({"rfilename": "config.json", "size": 2, "blobId": "9e26dfeeb6e641a33dae4961196235bdb965b21b"})
    );

    let told = hub.get("/api/models/alice/iris?expand=sha&expand=gated&expand=downloads").send().await.json();
    assert_eq!(told, json!({"id": "alice/iris", "modelId": "alice/iris", "sha": sha, "gated": "manual"}));
}

#[tokio::test]
async fn a_revision_is_a_branch_a_tag_a_release_or_a_commit_and_is_encoded_whole() {
    let hub = scene("open", &[("one.txt", b"1")]).await;
    add_ref(&hub, RefKind::Branch, "feat/x+ö").await;
    add_ref(&hub, RefKind::Tag, "v1").await;
    let before = hub.get("/api/models/alice/iris").send().await.json()["sha"].as_str().unwrap().to_owned();
    let after = commit(&hub, "alice/iris", "main", &[("two.txt", b"2")]).await;
    let released = hub.hub.view(&"alice/iris".parse().unwrap()).await.unwrap().latest.release.commit.to_string();
    for (revision, sha) in [
        ("main", &after),
        ("refs%2Fheads%2Fmain", &after),
        ("feat%2Fx%2B%C3%B6", &before),
        ("refs%2Fheads%2Ffeat%2Fx%2B%C3%B6", &before),
        ("v1", &before),
        ("refs%2Ftags%2Fv1", &before),
        ("1.00", &released),
        (before.as_str(), &before),
        (&before[..9], &before),
    ] {
        let told = hub.get(&format!("/api/models/alice/iris/revision/{revision}")).send().await;
        assert_eq!((told.status.as_u16(), &told.json()["sha"]), (200, &json!(sha)), "{revision}");
        let tree = hub.get(&format!("/api/models/alice/iris/tree/{revision}")).send().await;
        assert_eq!(tree.status, 200, "{revision}");
        let file = hub.get(&format!("/alice/iris/resolve/{revision}/README.md")).send().await;
        assert_eq!((file.status.as_u16(), file.header("x-repo-commit")), (200, sha.as_str()), "{revision}");
        let two = hub.get(&format!("/alice/iris/resolve/{revision}/two.txt")).send().await;
        assert_eq!(two.status, if *sha == after { 200 } else { 404 }, "{revision}");
    }
    for revision in ["none", "refs%2Fpr%2F1", "feat/x", "9.99", &"0".repeat(40), "..", "a%20b", "%C3%A9"] {
        for path in
            ["/api/models/alice/iris/tree/R", "/alice/iris/resolve/R/README.md", "/api/models/alice/iris/commits/R"]
        {
            let answer = hub.get(&path.replace('R', revision)).send().await;
            // An unencoded slash makes it another path.
            assert!(answer.status == 404 || revision == "feat/x", "{revision} {path}");
            if revision != "feat/x" {
                answer.hf_refused(404, "RevisionNotFound", "has no branch, tag, release or commit");
            }
        }
    }
}

#[tokio::test]
async fn a_model_without_a_commit_has_no_files_and_a_sha_all_the_same() {
    let hub = TestHub::empty().await;
    create(&hub, "alice/new", false).await;
    let told = hub.get("/api/models/alice/new").send().await.json();
    let sha = registry::Tree::default().commit_id().to_string();
    assert_eq!((&told["sha"], &told["siblings"], &told["tags"]), (&json!(sha), &json!([]), &json!([])));
    for revision in ["main", &sha] {
        let told = hub.get(&format!("/api/models/alice/new/revision/{revision}")).send().await.json();
        assert_eq!(told["sha"], json!(sha));
        let path = format!("/api/models/alice/new/tree/{revision}?recursive=true");
        assert_eq!(hub.get(&path).send().await.json(), json!([]));
        let missing = hub.get(&format!("/alice/new/resolve/{revision}/config.json")).send().await;
        missing.hf_refused(404, "EntryNotFound", "has no file");
        assert_eq!(missing.header("x-repo-commit"), sha);
    }
    assert_eq!(hub.get("/api/models/alice/new/commits/main").send().await.json(), json!([]));
    let main = json!([{"name": "main", "ref": "refs/heads/main", "targetCommit": sha}]);
    assert_eq!(hub.get("/api/models/alice/new/refs").send().await.json()["branches"], main);
    hub.get("/api/models/alice/new/revision/v1").send().await.hf_refused(404, "RevisionNotFound", "v1");
}

#[tokio::test]
async fn what_is_missing_or_refused_is_said_in_their_words() {
    let hub = scene("sealed", &[]).await;
    for path in [
        "/api/models/alice/none",
        "/api/models/alice/none/revision/main",
        "/api/models/nobody/iris/tree/main",
        "/api/models/alice/none/commits/main",
        "/api/models/alice/none/refs",
        "/alice/none/resolve/main/README.md",
        "/api/models/Not-A-Handle/iris",
        "/api/models/alice/no%2Fmodel",
        "/api/models/gpt2",
        "/api/models/gpt2/revision/main",
        "/gpt2/resolve/main/config.json",
        "/api/datasets/alice/iris",
        "/api/spaces/alice/iris/tree/main",
        "/datasets/alice/iris/resolve/main/x",
    ] {
        hub.get(path).send().await.hf_refused(401, "RepoNotFound", "");
        hub.get(path).key(&hub.bob).send().await.hf_refused(404, "RepoNotFound", "");
        let head = hub.ask("HEAD", path).key(&hub.bob).send().await;
        assert_eq!((head.status.as_u16(), head.body.len(), head.header("x-error-code")), (404, 0, "RepoNotFound"));
        let bad = hub.get(path).key("mh_wrong").send().await;
        if !path.contains("gpt2") && !path.contains("datasets") && !path.contains("spaces") {
            bad.hf_refused(401, "", "Invalid credentials in Authorization header");
        }
    }
    hub.post("/api/models/alice/none/paths-info/main").send().await.hf_refused(401, "RepoNotFound", "alice/none");
    hub.get("/api/models/alice/iris/tree/main/none").send().await.hf_refused(404, "EntryNotFound", "no file \"none\"");
    let file = hub.get("/alice/iris/resolve/main/n%C3%B6ne").send().await;
    file.hf_refused(404, "EntryNotFound", "alice/iris has no file");
    assert!(file.header("x-error-message").contains("\"n?ne\"") && file.text().contains("nöne"));
    assert_eq!(file.header("x-repo-commit").len(), 40);
    hub.get("/api/agent-harnesses").send().await.hf_refused(404, "", "nothing stands at /api/agent-harnesses");
    hub.get("/alice/iris/resolve/main/%FF").send().await.hf_refused(400, "", "not UTF-8");
    hub.ask("DELETE", "/api/models/alice/iris").send().await.hf_refused(405, "", "does not take DELETE");
    hub.get("/api/models?sort=price").send().await.hf_refused(400, "", "sort is \"price\"");
    hub.get("/api/models?limit=x").send().await.hf_refused(400, "", "limit is \"x\"");
    // Our own interface keeps its form.
    hub.get("/api/v1/nothing").send().await.refused(404, "not_found", "nothing stands at");
}

#[tokio::test]
async fn models_are_listed_by_what_is_asked_for() {
    let hub = scene("open", &[]).await;
    let card = format!("---\n{CARD}\n---\n");
    for (name, card) in
        [("alice/Flowers", card.as_str()), ("alice/plain", "no front matter"), ("alice/broken", "---\na: [\n---\n")]
    {
        create(&hub, name, false).await;
        hub.clock.advance_ms(1_000);
        commit(&hub, name, "main", &[("README.md", card.as_bytes())]).await;
    }
    create(&hub, "alice/hidden", true).await;
    let names = async |query: &str, key: Option<&str>| -> Vec<String> {
        let asking = hub.get(&format!("/api/models?{query}"));
        let answer = if let Some(key) = key { asking.key(key).send().await } else { asking.send().await };
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json().as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("", None).await, ["alice/broken", "alice/plain", "alice/Flowers", "alice/iris"]);
    assert_eq!(names("sort=createdAt&limit=2", None).await, ["alice/broken", "alice/plain"]);
    assert_eq!(names("search=FLOW", None).await, ["alice/Flowers"]);
    assert_eq!(names("author=bob", None).await, [""; 0]);
    assert_eq!(names("author=Not%20One", None).await, [""; 0]);
    assert_eq!(names("filter=flowers&filter=license%3Amit", None).await, ["alice/Flowers"]);
    assert_eq!(names("filter=flowers&filter=license%3Aapache-2.0", None).await, [""; 0]);
    assert_eq!(names("filter=dataset:iris&filter=onnx&filter=de", None).await, ["alice/Flowers"]);
    assert_eq!(names("pipeline_tag=text-classification&sort=downloads", None).await, ["alice/iris"]);
    assert_eq!(names("gated=False", None).await, ["alice/iris"]);
    assert_eq!(names("search=hidden", Some(&hub.bob)).await, [""; 0]);
    assert_eq!(names("search=hidden", Some(&hub.alice)).await, ["alice/hidden"]);
    let full = hub.get("/api/models?search=flowers&full=true").send().await.json();
    assert_eq!(full[0]["siblings"], json!([{"rfilename": "README.md"}]));
    assert_eq!(full[0]["cardData"]["tags"], json!(["flowers", "small"]));
    let short = hub.get("/api/models?search=flowers").send().await.json();
    assert_eq!((&short[0]["siblings"], &short[0]["cardData"]), (&Value::Null, &Value::Null));
    let expanded = hub.get("/api/models?search=flowers&expand=siblings&expand=tags").send().await.json();
    assert_eq!((&expanded[0]["siblings"][0]["rfilename"], &expanded[0]["sha"]), (&json!("README.md"), &Value::Null));
    for nothing in ["/api/datasets?search=x", "/api/spaces"] {
        assert_eq!(hub.get(nothing).send().await.json(), json!([]));
    }
}

/// What stands at `Link`, on this hub.
fn next(headers: &HeaderMap) -> Option<String> {
    let link = headers.get("link")?.to_str().unwrap();
    let address = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    Some(address.strip_prefix("https://hub.example").unwrap().to_owned())
}

#[tokio::test]
async fn lists_go_on_where_their_link_leads() {
    let hub = scene("open", &[("a b/x", b"1"), ("a b/y", b"2"), ("z", b"3")]).await;
    for number in 0..4 {
        hub.clock.advance_ms(1_000);
        create(&hub, &format!("alice/m{number}"), false).await;
    }
    let all = async |first: &str| -> Vec<String> {
        let (mut found, mut at) = (Vec::new(), Some(first.to_owned()));
        while let Some(path) = at {
            let answer = hub.get(&path).send().await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            for entry in answer.json().as_array().unwrap() {
                let name = ["title", "path", "id"].iter().find_map(|name| entry[*name].as_str());
                found.push(name.unwrap().to_owned());
            }
            at = next(&answer.headers);
        }
        found
    };
    let models = ["alice/m3", "alice/m2", "alice/m1", "alice/m0", "alice/iris"];
    assert_eq!(all("/api/models?limit=2&sort=createdAt").await, models);
    // What is looked for is found on whichever page it stands.
    assert_eq!(all("/api/models?limit=1&filter=text-classification").await, ["alice/iris"]);
    let files = ["README.md", "a b", "a b/x", "a b/y", "model.onnx", "z"];
    assert_eq!(all("/api/models/alice/iris/tree/main?recursive=True&limit=1").await, files);
    assert_eq!(all("/api/models/alice/iris/tree/main?limit=1").await, ["README.md", "a b", "model.onnx", "z"]);
    assert_eq!(all("/api/models/alice/iris/tree/main/a%20b?limit=1").await, ["a b/x", "a b/y"]);

    // A branch that moves between two pages does not mix two commits.
    let first = hub.get("/api/models/alice/iris/tree/main?limit=1").send().await;
    commit(&hub, "alice/iris", "main", &[("0", b"0")]).await;
    assert_eq!(hub.get(&next(&first.headers).unwrap()).send().await.json()[0]["path"], "a b");

    assert_eq!(
        all("/api/models/alice/iris/commits/main?limit=1").await,
        ["Add 1 files", "Add 3 files", "Release 1.00"]
    );
}

#[tokio::test]
async fn folders_are_listed_with_what_git_calls_their_files() {
    let hub = scene("sealed", &[("data/deep/x", b"hello\n"), ("data/big.bin", &large())]).await;
    let tree = hub.get("/api/models/alice/iris/tree/main?recursive=true&expand=false").send().await.json();
    let paths: Vec<&str> = tree.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["README.md", "data", "data/big.bin", "data/deep", "data/deep/x", "model.onnx"]);
    assert_eq!((&tree[1]["type"], tree[1]["oid"].as_str().unwrap().len()), (&json!("directory"), 40));
    let small =
        json!({"type": "file", "path": "data/deep/x", "size": 6, "oid": "ce013625030ba8dba906f756967f9e9ca394464a"});
    assert_eq!(tree[4], small);
    let lfs = json!({"oid": Digest::of(&large()), "size": 10_485_760, "pointerSize": 133});
    assert_eq!((&tree[2]["lfs"], &tree[2]["size"]), (&lfs, &json!(10_485_760)));
    for path in ["data%2Fdeep", "data/deep", "data%2Fdeep%2F"] {
        let answer =
            hub.get(&format!("/api/models/alice/iris/tree/main/{path}?recursive=false&expand=false")).send().await;
        assert_eq!(answer.json(), json!([small]), "{path}");
    }
    for path in ["additional_chat_templates", "data%2Fdeep%2Fx", "dat", ".."] {
        let answer = hub.get(&format!("/api/models/alice/iris/tree/main/{path}")).send().await;
        answer.hf_refused(404, "EntryNotFound", "has no file");
        assert_eq!(answer.header("x-repo-commit").len(), 40);
    }
}

#[tokio::test]
async fn single_paths_are_told_in_both_encodings() {
    let hub = scene("sealed", &[("a b/é+%.txt", b"hello\n")]).await;
    let path = "/api/models/alice/iris/paths-info/main";
    let form = "paths=a+b%2F%C3%A9%2B%25.txt&paths=none&paths=a%20b&paths=a%20b&expand=False";
    let form = hub.post(path).header("content-type", "application/x-www-form-urlencoded").body(form).await.json();
    assert_eq!((&form[0]["path"], &form[0]["size"]), (&json!("a b/é+%.txt"), &json!(6)));
    assert_eq!((&form[1]["path"], &form[1]["type"]), (&json!("a b"), &json!("directory")));
    assert_eq!(form.as_array().unwrap().len(), 2);
    let body = json!({"paths": ["a b/é+%.txt", "none", "a b"], "expand": false});
    let asking = hub.post(path).header("content-type", "application/json; charset=utf-8");
    assert_eq!(asking.json(&body).await.json(), form);
    assert_eq!(hub.post(path).send().await.json(), json!([]));
    let many = json!({"paths": (0..1_001).map(|at| at.to_string()).collect::<Vec<_>>()});
    hub.post(path).json(&many).await.hf_refused(400, "", "1001 paths");
    hub.post(path).json(&json!({"path": "x"})).await.hf_refused(400, "", "cannot be read");
    hub.post(path).body(vec![b' '; 64 * 1024 + 1]).await.hf_refused(413, "", "larger than 65536 bytes");
    let long = format!("{{\"paths\": []}}{}", " ".repeat(64 * 1024));
    assert_eq!(hub.post(path).key(&hub.bob).body(long).await.json(), json!([]));
}

#[tokio::test]
async fn history_and_names_are_told() {
    let hub = scene("open", &[("x", b"1")]).await;
    add_ref(&hub, RefKind::Branch, "feat/x").await;
    add_ref(&hub, RefKind::Tag, "v1").await;
    let log = hub.get("/api/models/alice/iris/commits/main").send().await;
    let commits = log.json();
    assert_eq!((commits[0]["title"].as_str(), commits[0]["message"].as_str()), (Some("Add 1 files"), Some("As asked")));
    assert_eq!(
        (&commits[0]["authors"], &commits[0]["date"]),
        (&json!([{"user": "alice"}]), &json!("2026-11-23T10:00:00.000Z"))
    );
    assert_eq!((commits[1]["title"].as_str(), commits.as_array().unwrap().len()), (Some("Release 1.00"), 2));
    assert_eq!(log.header("link"), "");
    let refs = hub.get("/api/models/alice/iris/refs?include_prs=1").send().await.json();
    let (head, first) = (&commits[0]["id"], &commits[1]["id"]);
    assert_eq!(
        refs,
        json!({
            "branches": [
                {"name": "feat/x", "ref": "refs/heads/feat/x", "targetCommit": head},
                {"name": "main", "ref": "refs/heads/main", "targetCommit": head},
            ],
            "tags": [
                {"name": "v1", "ref": "refs/tags/v1", "targetCommit": head},
                {"name": "1.00", "ref": "refs/tags/1.00", "targetCommit": first},
            ],
            "converts": [],
            "pullRequests": [],
        })
    );
}

#[tokio::test]
async fn a_file_comes_whole_or_in_part() {
    let hub = scene("open", &[("a b/é+%.html", b"0123456789"), ("empty", b"")]).await;
    let path = "/alice/iris/resolve/main/a%20b/%C3%A9+%25.html";
    let whole = hub.get(path).header("x-hf-download-counter", "1").send().await;
    assert_eq!((whole.status.as_u16(), whole.text(), whole.header("content-length")), (200, "0123456789", "10"));
    // git hash-object of the ten bytes.
    assert_eq!(whole.header("etag"), "\"ad471007bd7f5983d273b9584e5629230150fd54\"");
    assert_eq!((whole.header("accept-ranges"), whole.header("x-repo-commit").len()), ("bytes", 40));
    assert_eq!((whole.header("x-linked-etag"), whole.header("x-xet-hash")), ("", ""));
    let head = hub.ask("HEAD", path).send().await;
    assert_eq!((head.status.as_u16(), head.body.len(), head.header("content-length")), (200, 0, "10"));
    for name in ["etag", "x-repo-commit", "content-type", "content-disposition", "accept-ranges"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    let encoded = hub.get("/alice/iris/resolve/main/a%20b%2F%C3%A9%2B%25.html").send().await;
    assert_eq!(encoded.text(), "0123456789");

    for (range, body, told) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=0-100000", "0123456789", "bytes 0-9/10"),
    ] {
        let part = hub.get(path).header("range", range).send().await;
        assert_eq!((part.status.as_u16(), part.text(), part.header("content-range")), (206, body, told), "{range}");
        assert_eq!(part.header("content-length"), body.len().to_string());
        let head = hub.ask("HEAD", path).header("range", range).send().await;
        assert_eq!((head.status.as_u16(), head.header("content-range")), (206, told));
    }
    let past = hub.get(path).header("range", "bytes=10-").send().await;
    past.hf_refused(416, "", "has 10 bytes");
    assert_eq!(past.header("content-range"), "bytes */10");
    let same = hub.get(path).header("range", "bytes=1-1").header("if-range", whole.header("etag")).send().await;
    assert_eq!((same.status.as_u16(), same.text()), (206, "1"));
    let other = hub.get(path).header("range", "bytes=1-1").header("if-range", "\"other\"").send().await;
    assert_eq!((other.status.as_u16(), other.text()), (200, "0123456789"));
    let empty = hub.get("/alice/iris/resolve/main/empty").send().await;
    assert_eq!((empty.status.as_u16(), empty.header("content-length"), empty.body.len()), (200, "0", 0));
    assert_eq!(empty.header("etag"), "\"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\"");
}

#[tokio::test]
async fn no_upload_runs_in_a_browser_as_if_it_were_the_hubs() {
    let hub = scene("open", &[("page.html", b"<script>alert(1)</script>"), ("x.svg", b"<svg/>")]).await;
    for path in ["page.html", "x.svg", "page.html?download=true", "README.md"] {
        let answer = hub.get(&format!("/alice/iris/resolve/main/{path}")).send().await;
        let text = path == "README.md";
        let kind = if text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
        let how = if path.contains("download") { "attachment" } else { "inline" };
        assert!(answer.header("content-disposition").starts_with(&format!("{how}; filename=\"")));
    }
}

#[tokio::test]
async fn a_large_file_is_named_by_its_sha_256() {
    let hub = scene("open", &[("w.bin", &large())]).await;
    let sha256 = format!("\"{}\"", Digest::of(&large()));
    for method in ["HEAD", "GET"] {
        let answer = hub.ask(method, "/alice/iris/resolve/main/w.bin").send().await;
        assert_eq!((answer.header("etag"), answer.header("x-linked-etag")), (sha256.as_str(), sha256.as_str()));
        assert_eq!((answer.header("content-length"), answer.header("x-linked-size")), ("10485760", "10485760"));
        assert!(method == "HEAD" || answer.body == large());
    }
    let part = hub.get("/alice/iris/resolve/main/w.bin").header("range", "bytes=262143-524289").send().await;
    assert_eq!(part.body, large()[262_143..524_290]);
}

#[tokio::test]
async fn sealed_bytes_are_given_by_no_route_and_no_range() {
    let hub = scene("sealed", &[("w.bin", &large()), ("Deep/M.Safetensors", b"learnt")]).await;
    add_ref(&hub, RefKind::Branch, "feat/x").await;
    add_ref(&hub, RefKind::Tag, "v1").await;
    let sha = hub.get("/api/models/alice/iris").send().await.json()["sha"].as_str().unwrap().to_owned();
    let reading = json!({"name": "calls", "scopes": ["call"]});
    let calling =
        hub.post("/api/v1/keys").key(&hub.alice).json(&reading).await.json()["secret"].as_str().map(str::to_owned);
    for revision in ["main", "feat%2Fx", "v1", "1.00", "refs%2Fheads%2Fmain", &sha, &sha[..8]] {
        for file in ["model.onnx", "w.bin", "Deep/M.Safetensors", "Deep%2FM.Safetensors"] {
            let path = format!("/alice/iris/resolve/{revision}/{file}");
            if revision == "1.00" && file != "model.onnx" {
                continue;
            }
            let strangers = [None, Some(hub.bob.as_str()), calling.as_deref()];
            for (key, method) in strangers.iter().flat_map(|key| [(key, "GET"), (key, "HEAD")]) {
                for range in [None, Some("bytes=0-0"), Some("bytes=-1"), Some("bytes=99999999-")] {
                    let asking = hub.ask(method, &format!("{path}?download=true"));
                    let asking = if let Some(key) = key { asking.key(key) } else { asking };
                    let asking = if let Some(range) = range { asking.header("range", range) } else { asking };
                    let answer = asking.send().await;
                    answer.hf_refused(403, "GatedRepo", "sealed: it runs here");
                    let told = answer.header("x-error-message");
                    assert!(told.ends_with("it is called, not downloaded: POST /v2/models/alice/iris/infer"), "{told}");
                }
            }
            assert_eq!(hub.get(&path).key(&hub.alice).send().await.status, 200, "{path}");
        }
        let readme = hub.get(&format!("/alice/iris/resolve/{revision}/README.md")).send().await;
        assert_eq!(readme.status, 200, "what tells of a model is read by everybody");
    }
}

#[tokio::test]
async fn a_private_model_is_there_for_its_own_alone() {
    let hub = scene("open", &[("x.txt", b"hidden")]).await;
    let sha = hub.get("/api/models/alice/iris").send().await.json()["sha"].as_str().unwrap().to_owned();
    let alice = hub.hub.authenticate(&hub.alice).await.unwrap();
    hub.hub.set_private(&alice, &"alice/iris".parse().unwrap(), true).await.unwrap();
    for (method, path) in [
        ("GET", "/api/models/alice/iris".to_owned()),
        ("GET", format!("/api/models/alice/iris/revision/{sha}")),
        ("GET", "/api/models/alice/iris/tree/main".to_owned()),
        ("POST", "/api/models/alice/iris/paths-info/main".to_owned()),
        ("GET", "/api/models/alice/iris/commits/main".to_owned()),
        ("GET", "/api/models/alice/iris/refs".to_owned()),
        ("GET", "/alice/iris/resolve/main/x.txt".to_owned()),
        ("HEAD", format!("/alice/iris/resolve/{sha}/x.txt")),
    ] {
        hub.ask(method, &path).send().await.hf_refused(401, "RepoNotFound", "there is no model alice/iris");
        hub.ask(method, &path).key(&hub.bob).send().await.hf_refused(
            404,
            "RepoNotFound",
            "there is no model alice/iris",
        );
        assert_eq!(hub.ask(method, &path).key(&hub.alice).send().await.status, 200, "{method} {path}");
    }
    assert_eq!(hub.get("/api/models").send().await.json(), json!([]));
    assert_eq!(hub.get("/api/models").key(&hub.alice).send().await.json()[0]["private"], json!(true));
}

#[tokio::test]
async fn a_key_says_whose_it_is() {
    let hub = TestHub::empty().await;
    let told = hub.get("/api/whoami-v2").key(&hub.alice).send().await.json();
    assert_eq!(
        told,
        json!({
            "type": "user", "name": "alice", "fullname": "alice", "orgs": [],
            "auth": {"type": "access_token", "accessToken": {"displayName": "first", "role": "write"}},
        })
    );
    hub.get("/api/whoami-v2").send().await.hf_refused(401, "", "a key is needed");
    hub.get("/api/whoami-v2").key("hf_other").send().await.hf_refused(401, "", "Invalid credentials");
}

#[tokio::test]
async fn a_models_page_shows_its_files() {
    let hub = scene("sealed", &[("a b/x.txt", b"1")]).await;
    let page = hub.get("/alice/iris").send().await;
    for part in ["/alice/iris/resolve/main/README.md", "/alice/iris/resolve/main/a%20b/x.txt", "model.onnx"] {
        assert!(page.text().contains(part), "{part}");
    }
    assert!(!page.text().contains("/alice/iris/resolve/main/model.onnx"));
}

/// Whoever could call themselves `api` would answer for the hub.
#[test]
fn no_handle_can_shadow_a_path() {
    for page in [include_str!("../../src/routes.rs"), include_str!("../../src/hf/mod.rs")] {
        for route in page.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap();
            let first = path.split('/').nth(1).unwrap();
            if !first.is_empty() && !first.starts_with('{') {
                assert!(registry::Handle::claim(first).is_err(), "{first} of {path} can be taken");
            }
        }
    }
}
