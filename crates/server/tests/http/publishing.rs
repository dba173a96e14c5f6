//! Uploads and publishing.

use registry::Digest;
use serde_json::{Value, json};

use crate::hub::TestHub;

const PRICED: &str = "modelhub: { price: { per_call: \"0.002 OPG\" } }";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_publish_is_told_verdict_by_verdict() {
    let hub = TestHub::empty().await;
    let answer = hub.try_publish("alice/iris", PRICED).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    let lines = lines(answer.text());
    let (last, verdicts) = lines.split_last().unwrap();
    assert_eq!(verdicts[0]["verdict"]["step"], "files");
    assert!(verdicts.len() >= 6 && verdicts.iter().all(|line| line["verdict"]["ok"] == true), "{verdicts:?}");
    let published = &last["published"];
    assert_eq!((&published["model"], &published["release"]), (&json!("alice/iris"), &json!("1.00")));
    assert_eq!((&published["change"], &published["sealed"]), (&json!("first"), &json!(true)));
    assert_eq!(published["price"], "0.002 OPG per call");
    assert_eq!(published["url"], "https://hub.example/alice/iris");
    let listed = hub.get("/api/v1/models").send().await.json();
    assert_eq!(
        listed,
        json!({"items": [{"model": "alice/iris", "summary": listed["items"][0]["summary"], "price": "0.002 OPG per call",
                          "cost": "0.002", "paid_calls": 0, "creators_earned": "0", "latest": "1.00", "verified": false}]})
    );
}

#[tokio::test]
async fn a_publish_that_is_refused_ends_its_stream_with_the_reason() {
    let hub = TestHub::empty().await;
    let answer = hub.try_publish("alice/iris", "task: none").await;
    assert_eq!(answer.status, 200);
    let lines = lines(answer.text());
    let (last, verdicts) = lines.split_last().unwrap();
    assert_eq!(verdicts.last().unwrap()["verdict"]["ok"], false);
    assert_eq!(last["error"]["code"], "publish_refused");
    assert!(last["error"]["message"].as_str().unwrap().contains("the card names no price"));
    assert!(last["error"]["hint"].as_str().unwrap().contains("modelhub: { price:"));
}

#[tokio::test]
async fn what_is_refused_before_the_first_check_is_an_ordinary_refusal() {
    let hub = TestHub::empty().await;
    let publish = |key: &str, body: Value| hub.post("/api/v1/publish").key(key).body(body.to_string());
    let draft = |model: &str| json!({"model": model, "files": []});
    publish(&hub.bob, draft("alice/iris")).await.refused(403, "forbidden", "bob does not belong to alice's group");
    publish(&hub.alice, draft("alice/infer")).await.refused(400, "invalid_request", "reserved");
    publish(&hub.alice, draft("iris")).await.refused(400, "invalid_request", "model: \"iris\"");
    let with = |field: &str, value: Value| {
        let mut body = draft("alice/iris");
        body[field] = value;
        publish(&hub.alice, body)
    };
    with("price", json!({"per_call": "0.002"})).await.refused(422, "invalid_price", "has no currency");
    with("price", json!({})).await.refused(422, "invalid_price", "names no price");
    with("split", json!([["bob", "half"]])).await.refused(422, "invalid_split", "split: \"half\"");
    with("access", json!("secret")).await.refused(400, "invalid_request", "expected sealed, gated, open");
    with("release", json!("1")).await.refused(400, "invalid_request", "release: \"1\"");
    let file = json!([{"path": "../x", "sha256": "0".repeat(64), "size": 1}]);
    with("files", file).await.refused(400, "invalid_request", "files: ");
}

#[tokio::test]
async fn an_upload_comes_in_parts_and_goes_on_from_where_it_was() {
    let hub = TestHub::empty().await;
    let digest = Digest::of(b"hello");
    let path = format!("/api/v1/uploads/alice/{digest}");
    let part = |range: &str, bytes: &'static str| {
        let length = bytes.len().to_string();
        let asking = hub.ask("PUT", &path).key(&hub.alice).header("content-length", &length);
        asking.header("content-range", range).body(bytes)
    };
    let head = || hub.ask("HEAD", &path).key(&hub.alice).send();
    let before = head().await;
    assert_eq!((before.status.as_u16(), before.header("upload-offset"), before.header("retry-after")), (404, "0", ""));
    let first = part("bytes 0-1/5", "he").await;
    let told = json!({"sha256": digest.to_string(), "size": 5, "offset": 2});
    assert_eq!((first.status.as_u16(), first.header("upload-offset"), first.json()), (202, "2", told));
    let half = head().await;
    assert_eq!((half.status.as_u16(), half.header("upload-offset"), half.body.len()), (404, "2", 0));
    let wrong = part("bytes 1-4/5", "ello").await;
    wrong.refused(409, "upload_offset", "the upload goes on from byte 2, and byte 1 was sent");
    assert_eq!(wrong.header("upload-offset"), "2");
    part("bytes 2-4/6", "llo").await.refused(409, "upload_offset", "the upload goes on from byte 0");
    for (range, bytes) in [
        ("bytes 2-4/5", "ll"),
        ("bytes 4-2/5", "llo"),
        ("bytes 2-5/5", "llo!"),
        ("2-4/5", "llo"),
        ("bytes 2-4/*", "llo"),
    ] {
        part(range, bytes).await.refused(400, "invalid_request", "Content-Range is ");
    }
    part("bytes 2-4/100000000000", "llo").await.refused(413, "body_too_large", "at most 68719476736 are taken");
    let last = part("bytes 2-4/5", "llo").await;
    assert_eq!((last.status.as_u16(), last.json()), (201, json!({"sha256": digest.to_string(), "size": 5})));
    assert_eq!(head().await.status, 200);

    // All of it is checked, not the last part alone; what was wrong is gone.
    let digest = Digest::of(b"world");
    let path = format!("/api/v1/uploads/alice/{digest}");
    let part = |range: &str, bytes: &'static str| {
        let length = bytes.len().to_string();
        let asking = hub.ask("PUT", &path).key(&hub.alice).header("content-length", &length);
        asking.header("content-range", range).body(bytes)
    };
    assert_eq!(part("bytes 0-1/5", "ba").await.status, 202);
    part("bytes 2-4/5", "rld").await.refused(422, "upload_mismatch", "the bytes have SHA-256");
    let gone = hub.ask("HEAD", &path).key(&hub.alice).send().await;
    assert_eq!((gone.status.as_u16(), gone.header("upload-offset")), (404, "0"));
    let bob = hub.ask("HEAD", &path).key(&hub.bob).send().await;
    assert_eq!((bob.status.as_u16(), bob.header("upload-offset")), (403, ""), "whose halves are nobody's business");
}

#[tokio::test]
async fn an_upload_has_to_be_what_was_announced() {
    let hub = TestHub::empty().await;
    let digest = Digest::of(b"abc");
    let path = format!("/api/v1/uploads/alice/{digest}");
    let put = |length: &str| hub.ask("PUT", &path).key(&hub.alice).header("content-length", length);
    let head = || hub.ask("HEAD", &path).key(&hub.alice).send();
    let missing = head().await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
    put("3").body("abd").await.refused(422, "upload_mismatch", "the bytes have SHA-256");
    put("3").body("ab").await.refused(422, "upload_mismatch", "2 bytes arrived, 3 were announced");
    put("3").body("abcd").await.refused(422, "upload_mismatch", "3 were announced");
    put("100000000000").body("abc").await.refused(413, "body_too_large", "at most 68719476736 are taken");
    let no_length = axum::body::Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("abc")]));
    let no_length = hub.ask("PUT", &path).key(&hub.alice).body(no_length).await;
    no_length.refused(411, "length_required", "needs a Content-Length");
    assert_eq!(head().await.status, 404);
    let taken = put("3").body("abc").await;
    assert_eq!((taken.status.as_u16(), taken.json()), (201, json!({"sha256": digest.to_string(), "size": 3})));
    assert_eq!(head().await.status, 200);
    let bob = hub.ask("PUT", &path).key(&hub.bob).header("content-length", "3").body("abc").await;
    bob.refused(403, "forbidden", "bob does not belong to alice's group");
}

#[tokio::test]
async fn a_dry_run_ends_with_what_there_is_to_look_at() {
    let hub = TestHub::empty().await;
    let uploaded = hub.upload(b"weights").await;
    let body = json!({
        "model": "alice/iris",
        "files": [{"path": "model.onnx", "sha256": uploaded["sha256"], "size": uploaded["size"]}],
        "price": {"per_call": "0.002 OPG"},
        "dry_run": true,
    });
    let answer = hub.post("/api/v1/publish").key(&hub.alice).json(&body).await;
    let lines = lines(answer.text());
    let published = &lines.last().unwrap()["published"];
    assert_eq!((&published["sealed"], &published["release"]), (&json!(false), &json!("1.00")));
    let preview = &published["preview"];
    assert_eq!(preview["inputs"], json!([{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]));
    assert_eq!(preview["sample"]["x"], "[[0.125, 0.25]]");
    assert_eq!((&preview["cost"], &preview["fee"]), (&json!("0.002"), &json!("0.0002")));
    assert_eq!(preview["parts"], json!([{"account": "alice", "role": "creator", "amount": "0.0018"}]));
    assert_eq!(preview["score"], 0);
    let licence = preview["card"].as_array().unwrap().iter().find(|part| part["part"] == "licence").unwrap();
    assert_eq!((&licence["filled"], &licence["weight"]), (&json!(false), &json!(10)));
    assert_eq!(hub.get("/alice/iris").send().await.status, 404);
}
