//! What accounts may keep and change, told to each client as it reads it; and what is collected.

use registry::Digest;
use serde_json::{Value, json};

use crate::hub::{Answer, TestHub};

async fn bound(hub: &TestHub, owner: &str, bounds: Value) -> Answer {
    let path = format!("/api/v1/admin/quotas/{owner}");
    hub.ask("PUT", &path).key(&hub.operator).json(&bounds).await
}

async fn put(hub: &TestHub, bytes: &'static [u8]) -> Answer {
    let path = format!("/api/v1/uploads/alice/{}", Digest::of(bytes));
    hub.ask("PUT", &path).key(&hub.alice).header("content-length", &bytes.len().to_string()).body(bytes).await
}

fn within_a_commit(content: &str) -> String {
    let header = json!({"key": "header", "value": {"summary": "Add a file"}});
    let file = json!({"key": "file", "value": {"path": "a.txt", "content": content, "encoding": "base64"}});
    format!("{header}\n{file}\n")
}

#[tokio::test]
async fn a_quota_is_shown_to_its_own_and_set_by_the_operator() {
    let hub = TestHub::empty().await;
    hub.upload(b"hello").await;
    let own = hub.get("/api/v1/quota").key(&hub.alice).send().await.json();
    assert_eq!(
        own,
        json!({"handle": "alice", "named_bytes": 0, "waiting_bytes": 5, "half_bytes": 0, "max_bytes": 1_u64 << 40,
               "models": 0, "max_models": 10_000, "max_commits_per_hour": 1_000, "max_commits_per_day": 10_000, "own": []})
    );
    let set = bound(&hub, "alice", json!({"max_bytes": 7, "max_models": 0})).await.json();
    assert_eq!(
        (&set["max_bytes"], &set["max_models"], &set["own"]),
        (&json!(7), &json!(0), &json!(["max_bytes", "max_models"]))
    );
    let of = |key: &str| hub.get("/api/v1/quota/alice").key(key).send();
    assert_eq!(of(&hub.alice).await.json(), set);
    assert_eq!(of(&hub.operator).await.json(), set);
    of(&hub.bob).await.refused(403, "forbidden", "bob does not belong to alice's group");
    hub.get("/api/v1/quota/nobody").key(&hub.alice).send().await.refused(404, "account_not_found", "nobody");
    let mine = hub.ask("PUT", "/api/v1/admin/quotas/alice").key(&hub.alice).json(&json!({})).await;
    mine.refused(403, "scope_missing", "admin");
    bound(&hub, "alice", json!({"max_byte": 7})).await.refused(400, "invalid_request", "max_byte");
    let usual = bound(&hub, "alice", json!({})).await.json();
    assert_eq!((&usual["max_bytes"], &usual["own"]), (&json!(1_u64 << 40), &json!([])));
}

#[tokio::test]
async fn whoever_is_over_a_quota_is_told_by_how_much_and_what_to_do() {
    let hub = TestHub::empty().await;
    let name = json!({"name": "echo", "organization": "alice"});
    let made = hub.post("/api/repos/create").key(&hub.alice).json(&name).await;
    assert_eq!(made.status, 200, "{}", made.text());
    bound(&hub, "alice", json!({"max_bytes": 4, "max_models": 1, "max_commits_per_hour": 1})).await;
    let refused = put(&hub, b"hello").await;
    refused.refused(403, "quota_reached", "alice keeps 0 bytes and may keep 4; 5 more are too many");
    assert!(refused.json()["error"]["hint"].as_str().unwrap().contains("modelhub quota"));

    // As Hugging Face's clients read it: within a commit, over LFS, and a model too many.
    let commit = |content: &str| {
        let asking = hub.post("/api/models/alice/echo/commit/main").key(&hub.alice);
        asking.header("content-type", "application/x-ndjson").body(within_a_commit(content))
    };
    let refused = commit("aGVsbG8=").await;
    let shown = refused.header("x-error-message");
    assert!(refused.status == 403 && shown.contains("may keep 4") && shown.contains("operator"), "{}", refused.text());
    let batch = json!({"operation": "upload", "objects": [{"oid": Digest::of(b"hello").to_string(), "size": 5}]});
    let batch = hub.post("/alice/echo.git/info/lfs/objects/batch").key(&hub.alice).json(&batch).await.json();
    let told = batch["objects"][0]["error"]["message"].as_str().unwrap();
    assert!(told.contains("alice keeps 0 bytes and may keep 4"), "{told}");
    let another = json!({"name": "two", "organization": "alice"});
    let another = hub.post("/api/repos/create").key(&hub.alice).json(&another).await;
    assert!(another.status == 403 && another.header("x-error-message").contains("may have 1"), "{}", another.text());

    assert_eq!(commit("aGV5").await.status, 200);
    let refused = commit("eA==").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "3600"), "{}", refused.text());
    assert!(refused.header("x-error-message").contains("1 commits within an hour"), "{}", refused.text());
}

#[tokio::test]
async fn the_operator_collects_and_the_figures_say_so() {
    let hub = TestHub::empty().await;
    hub.upload(b"waits").await;
    hub.clock.advance_ms(25 * 3_600_000);
    let collect =
        |key: &str, dry_run: bool| hub.post("/api/v1/admin/collect").key(key).json(&json!({"dry_run": dry_run}));
    collect(&hub.alice, true).await.refused(403, "scope_missing", "admin");
    let told = json!({"blobs": 1, "bytes": 5, "dry_run": true, "held_off": false});
    assert_eq!(collect(&hub.operator, true).await.json(), told);
    let done = json!({"blobs": 1, "bytes": 5, "dry_run": false, "held_off": false});
    assert_eq!(collect(&hub.operator, false).await.json(), done);
    let known = hub.ask("HEAD", &format!("/api/v1/uploads/alice/{}", Digest::of(b"waits"))).key(&hub.alice);
    assert_eq!(known.send().await.status, 404);
    let metrics = hub.get("/metrics").key(&hub.operator).send().await;
    for line in [
        "modelhub_collected_blobs_total 1",
        "modelhub_collected_bytes_total 5",
        "modelhub_collection_waiting_blobs 0",
        "modelhub_collection_held_off 0",
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
}
