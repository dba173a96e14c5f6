//! What files hold and what cards say, over HTTP.

use hub::Change;
use registry::{Digest, Edit, File};
use serde_json::{Value, json};
use testkit::until;

use crate::hub::TestHub;

const PICKLE: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
/// What a script of the page would be.
const HOSTILE: &[u8] = b"c<script>alert(1)</script>\nx\n)R.";

/// `alice/iris` with these files more on main, all looked at.
async fn scene(card: &str, files: &[(&str, &[u8])]) -> TestHub {
    let hub = TestHub::empty().await;
    hub.publish("alice/iris", &format!("{card}\nmodelhub: {{ price: {{ per_call: \"0.002 OPG\" }} }}")).await;
    let mut edits = Vec::new();
    for (path, bytes) in files {
        hub.upload(bytes).await;
        let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
        edits.push(Edit::Put(File { path: path.parse().unwrap(), sha256, size }));
    }
    let alice = hub.hub.authenticate(&hub.alice).await.unwrap();
    let (title, message) = ("More".to_owned(), String::new());
    let change = Change {
        model: "alice/iris".parse().unwrap(),
        branch: registry::RefName::main(),
        parent: None,
        edits,
        title,
        message,
    };
    hub.hub.commit(&alice, change).await.unwrap();
    until("a scan", async || (scan(&hub, "").await["waiting"] == 0).then_some(())).await;
    hub
}

async fn scan(hub: &TestHub, query: &str) -> Value {
    hub.get(&format!("/api/v1/models/alice/iris/scan{query}")).send().await.json()
}

#[tokio::test]
async fn what_was_found_is_everybodys_to_read() {
    let hub = scene("tags: [a]", &[("old.pkl", PICKLE), ("x.pkl", HOSTILE)]).await;
    let found = scan(&hub, "").await;
    let counted = ["verdict", "clean", "notice", "dangerous"].map(|field| found[field].clone());
    assert_eq!(counted, [json!("dangerous"), json!(2), json!(1), json!(1)]);
    let old = found["items"].as_array().unwrap().iter().find(|item| item["path"] == "old.pkl").unwrap();
    let expected = json!({
        "path": "old.pkl", "sha256": Digest::of(PICKLE), "format": "pickle", "verdict": "dangerous", "more": 0,
        "findings": [{"code": "dangerous_import", "verdict": "dangerous", "text": "reading it runs os.system", "where": ""}],
        "imports": [{"module": "os", "name": "system", "danger": "dangerous"}],
    });
    assert_eq!(*old, expected);
    // A page at a time, and of the commit before.
    let first = scan(&hub, "?limit=3").await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (3, &json!("3")));
    let last = scan(&hub, "?limit=3&cursor=3").await;
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next"]), (1, &Value::Null));
    assert_eq!(scan(&hub, "?revision=1.00").await["dangerous"], 0);
    hub.get("/api/v1/models/alice/iris/scan?revision=nope").send().await.refused(404, "revision_not_found", "nope");
    hub.get("/api/v1/models/alice/iris/scan?revision=..").send().await.refused(400, "invalid_request", "revision");
    hub.get("/api/v1/models/alice/none/scan").send().await.refused(404, "model_not_found", "alice/none");
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("Dangerous: reading it runs os.system"), "{}", page.text());
    assert!(page.text().contains("1</span> dangerous") && !page.text().contains("<script>alert"), "{}", page.text());
}

#[tokio::test]
async fn hugging_faces_clients_read_it_in_their_words() {
    let hub = scene("tags: [a]", &[("old.pkl", PICKLE)]).await;
    let status = json!({"scansDone": true, "filesWithIssues": [{"path": "old.pkl", "level": "unsafe"}]});
    let info = hub.get("/api/models/alice/iris?securityStatus=True").send().await.json();
    assert_eq!(info["securityRepoStatus"], status);
    assert!(hub.get("/api/models/alice/iris").send().await.json().get("securityRepoStatus").is_none());
    let expanded = hub.get("/api/models/alice/iris?expand=sha&expand=securityRepoStatus").send().await.json();
    assert_eq!(expanded["securityRepoStatus"], status);
    assert_eq!(hub.get("/api/models/alice/iris/scan").send().await.json(), status);
    let unsafe_one = json!({
        "status": "unsafe", "avScan": null,
        "pickleImportScan": {"status": "unsafe", "pickleImports": [{"module": "os", "name": "system", "safety": "dangerous"}]},
    });
    let safe = json!({"status": "safe", "avScan": null, "pickleImportScan": null});
    let files = hub.get("/api/models/alice/iris/tree/main?expand=True").send().await.json();
    let of = |files: &Value, path: &str| -> Value {
        files.as_array().unwrap().iter().find(|file| file["path"] == path).unwrap()["securityFileStatus"].clone()
    };
    assert_eq!((of(&files, "old.pkl"), of(&files, "README.md")), (unsafe_one.clone(), safe));
    let plain = hub.get("/api/models/alice/iris/tree/main").send().await.json();
    assert_eq!(of(&plain, "old.pkl"), Value::Null);
    let asked = hub
        .post("/api/models/alice/iris/paths-info/main")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("paths=old.pkl&expand=True")
        .await;
    assert_eq!(of(&asked.json(), "old.pkl"), unsafe_one);
}

#[tokio::test]
async fn a_card_is_told_with_its_score_licence_and_bases() {
    let card = "pipeline_tag: x\nbase_model: [alice/iris, alice/none, gpt2]";
    let hub = scene(card, &[("a.txt", b"a")]).await;
    let told = hub.get("/api/v1/models/alice/iris/card").send().await.json();
    // Title, first paragraph, licence and task.
    assert_eq!((&told["score"], &told["refused"]), (&json!(20), &Value::Null));
    let purpose = json!({
        "part": "purpose", "weight": 20, "filled": false,
        "how": "a section \"Intended use\": what it is for, for whom, and what it is not for",
    });
    assert_eq!(told["parts"][0], purpose);
    assert_eq!(told["licences"], json!([{"kind": "spdx", "licence": "MIT"}]));
    let bases = json!([
        {"name": "alice/iris", "here": true, "itself": true, "release": "1.00", "royalty": "0%"},
        {"name": "alice/none", "here": false},
        {"name": "gpt2", "here": false},
    ]);
    assert_eq!(told["base_models"], bases);
    let page = hub.get("/alice/iris").send().await;
    assert!(page.text().contains("20</span> of") && page.text().contains("gpt2"), "{}", page.text());
}

#[tokio::test]
async fn a_card_that_cannot_be_taken_says_where_it_is_wrong() {
    let bad = b"---\nmodelhub:\n  prize: 1\n---\n";
    let hub = scene("tags: [a]", &[("README.md", bad)]).await;
    let told = hub.get("/api/v1/models/alice/iris/card").send().await.json();
    let refused = told["refused"].as_str().unwrap();
    assert!(
        refused.contains("no field \"prize\" (line 3, column 3)") && refused.contains("correct the field"),
        "{refused}"
    );
    assert_eq!(told["score"], 0);
    let before = hub.get("/api/v1/models/alice/iris/card?revision=1.00").send().await.json();
    assert_eq!(before["refused"], Value::Null);
}
