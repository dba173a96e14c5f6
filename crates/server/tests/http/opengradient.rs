//! What the `opengradient` SDK asks of a model hub.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use crate::hub::{Answer, TestHub, fitting};

const HELLO: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
const EMPTY: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const FILES: &str = "/api/v0/models/iris/versions/1.00/files";

/// A refusal in the one form that the SDK shows.
fn refused(answer: &Answer, status: u16, code: &str, detail: &str) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["code"]), (status, &json!(code)), "{}", answer.text());
    let told = body["detail"].as_str().unwrap_or_default();
    assert!(told.contains(detail), "{told:?} does not say {detail:?}");
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
}

fn form(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n--cut--\r\n"].concat()
}

async fn send(hub: &TestHub, key: &str, path: &str, body: impl Into<Body>) -> Answer {
    hub.post(path).key(key).header("content-type", "multipart/form-data; boundary=cut").body(body).await
}

async fn upload(hub: &TestHub, name: &str, content: &[u8]) -> Answer {
    send(hub, &hub.alice, FILES, form(name, content)).await
}

async fn create(hub: &TestHub, key: &str, name: &str) -> Answer {
    let asked = json!({"name": name, "description": "Tells irises apart."});
    hub.post("/api/v0/models/").key(key).json(&asked).await
}

async fn version(hub: &TestHub, key: &str, name: &str) -> Answer {
    let asked = json!({"notes": "Initial version 1.00", "is_major": false});
    hub.post(&format!("/api/v0/models/{name}/versions")).key(key).json(&asked).await
}

/// A hub where alice has `iris` with a version.
async fn begun() -> TestHub {
    let hub = TestHub::empty().await;
    let made = create(&hub, &hub.alice, "iris").await;
    assert_eq!((made.status.as_u16(), made.json()), (201, json!({"name": "iris"})));
    let first = version(&hub, &hub.alice, "iris").await;
    assert_eq!((first.status.as_u16(), first.json()), (201, json!({"versionString": "1.00"})));
    hub
}

async fn list(hub: &TestHub) -> Value {
    let answer = hub.get(FILES).key(&hub.alice).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_model_is_made_filled_listed_and_called_at_once() {
    let hub = begun().await;
    assert_eq!(list(&hub).await, json!([]));
    let taken = upload(&hub, "model.onnx", b"hello world").await;
    let file = json!({"name": "model.onnx", "size": 11, "ipfsCid": HELLO});
    assert_eq!((taken.status.as_u16(), taken.json()), (201, file.clone()));
    assert_eq!(list(&hub).await, json!([file]));
    let draft = hub.get("/api/v1/models/alice/iris/draft").key(&hub.alice).send().await.json();
    assert_eq!((&draft["branch"], &draft["release"]), (&json!("version/1.00"), &json!("1.00")));
    assert!(draft["due"].is_string() && draft.get("refused").is_none(), "{draft}");

    let called = hub.post("/v2/models/alice/iris/versions/1.00/infer").key(&hub.alice).json(&fitting()).await;
    assert_eq!((called.status.as_u16(), called.header("x-model-release")), (200, "1.00"), "{}", called.text());
    assert_eq!(called.header("x-cost"), "0", "nobody has priced it");
    let names: Vec<_> = list(&hub).await.as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
    assert_eq!(names, ["README.md", "model.onnx"], "the description is the beginning of a card");
    refused(&upload(&hub, "model.onnx", b"other").await, 409, "release_conflict", "1.00 is a release and stays");
    assert_eq!(version(&hub, &hub.alice, "iris").await.json(), json!({"versionString": "1.01"}));
    let major = hub.post("/api/v0/models/iris/versions").key(&hub.alice).json(&json!({"is_major": true})).await;
    assert_eq!(major.json(), json!({"versionString": "2.00"}));
}

#[tokio::test]
async fn files_are_empty_replaced_and_as_large_as_they_are() {
    let hub = begun().await;
    assert_eq!(upload(&hub, "a b.txt", b"").await.json(), json!({"name": "a b.txt", "size": 0, "ipfsCid": EMPTY}));
    assert_eq!(upload(&hub, "a b.txt", b"hello world").await.json()["ipfsCid"], HELLO);
    assert_eq!(upload(&hub, "ü.txt", b"hello world").await.json()["name"], "ü.txt");
    // 48 MiB in pieces, the ends of which cut the boundary.
    let piece = Bytes::from(vec![b'-'; 1024 * 1024]);
    let mut head = Bytes::from(form("model.onnx", b""));
    let end = head.split_off(head.len() - "\r\n--cut--\r\n".len());
    let pieces = [head].into_iter().chain(std::iter::repeat_n(piece, 48));
    let pieces = pieces.chain(end.into_iter().map(|byte| Bytes::copy_from_slice(&[byte])));
    let large = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let taken = send(&hub, &hub.alice, FILES, large).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["size"]), (201, &json!(48 * 1024 * 1024)));
    let listed = list(&hub).await;
    let sizes: Vec<_> = listed.as_array().unwrap().iter().map(|file| file["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [11, 48 * 1024 * 1024, 11]);
    assert_eq!(listed[1], taken.json());
}

#[tokio::test]
async fn every_refusal_has_its_status_and_says_why() {
    let hub = begun().await;
    for (method, path) in [
        ("POST", "/api/v0/models/"),
        ("POST", "/api/v0/models"),
        ("POST", "/api/v0/models/iris/versions"),
        ("POST", FILES),
        ("GET", FILES),
    ] {
        refused(&hub.ask(method, path).send().await, 401, "no_key", "a key is needed");
        refused(&hub.ask(method, path).key("mh_wrong").send().await, 401, "bad_key", "not known here");
    }
    // Names.
    refused(&create(&hub, &hub.alice, "iris").await, 409, "model_taken", "there is a model alice/iris already");
    refused(&create(&hub, &hub.alice, "my iris").await, 400, "invalid_request", "expected only A-Z, a-z, 0-9");
    refused(&create(&hub, &hub.alice, "bob/iris").await, 400, "invalid_request", "it has the character '/'");
    refused(&create(&hub, &hub.alice, "infer").await, 400, "invalid_request", "reserved");
    for name in ["my%20iris", "alice%2Firis"] {
        refused(&version(&hub, &hub.alice, name).await, 404, "model_not_found", "expected only A-Z, a-z, 0-9");
    }
    refused(&version(&hub, &hub.alice, "alice/iris").await, 404, "not_found", "by their names alone");
    refused(&version(&hub, &hub.bob, "iris").await, 404, "model_not_found", "there is no model bob/iris");
    let missing = hub.get("/api/v0/models/%69ris/versions/1.01/files").key(&hub.alice).send().await;
    refused(&missing, 404, "release_not_found", "alice/iris has no release 1.01");
    let no_number = send(&hub, &hub.alice, "/api/v0/models/iris/versions/0.01/files", form("x", b"x")).await;
    refused(&no_number, 404, "release_not_found", "alice/iris has no version \"0.01\"");
    let not_made = send(&hub, &hub.alice, "/api/v0/models/iris/versions/1.01/files", form("x", b"x")).await;
    refused(&not_made, 404, "release_not_found", "has no release 1.01");
    // Rights.
    let wish = json!({"name": "reader", "scopes": ["read"]});
    let reader = hub.post("/api/v1/keys").key(&hub.alice).json(&wish).await.json();
    let reader = reader["secret"].as_str().or(reader["key"].as_str()).unwrap().to_owned();
    assert_eq!(hub.get(FILES).key(&reader).send().await.status, 200);
    refused(&version(&hub, &reader, "iris").await, 403, "scope_missing", "the scope \"publish\"");
    refused(&send(&hub, &reader, FILES, form("x", b"x")).await, 403, "scope_missing", "the scope \"publish\"");
    // Bodies.
    refused(&hub.post("/api/v0/models/").key(&hub.alice).body("null").await, 400, "invalid_request", "cannot be read");
    let plain = hub.post(FILES).key(&hub.alice).body("x").await;
    refused(&plain, 415, "unsupported_media_type", "expected multipart/form-data");
    refused(&upload(&hub, "../x", b"x").await, 400, "invalid_request", "\"..\"");
    let two = [form("x", b"x").strip_suffix(b"--\r\n").unwrap(), b"\r\n", &form("y", b"y")[..]].concat();
    refused(&send(&hub, &hub.alice, FILES, two).await, 400, "invalid_request", "the form");
    refused(&send(&hub, &hub.alice, FILES, "--cut\r\nX: y").await, 400, "invalid_request", "cannot be read");
    let huge = hub.post(FILES).key(&hub.alice).header("content-type", "multipart/form-data; boundary=cut");
    let huge = huge.header("content-length", "100000000000").body("").await;
    refused(&huge, 413, "body_too_large", "a file has at most 68719476736");
    assert_eq!(list(&hub).await, json!([]), "nothing of this was taken");
    assert_eq!(hub.ask("DELETE", FILES).key(&hub.alice).send().await.status, 405);
}

#[tokio::test]
async fn what_could_not_be_a_release_is_told_to_its_owner() {
    let hub = begun().await;
    upload(&hub, "notes.txt", b"no model").await;
    let called = hub.post("/v2/models/alice/iris/infer").key(&hub.alice).json(&fitting()).await;
    called.refused(404, "release_not_found", "alice/iris 1.00 is no release: dry run: there is no .onnx file");
    let stranger = hub.post("/v2/models/alice/iris/infer").key(&hub.bob).json(&fitting()).await;
    stranger.refused(404, "release_not_found", "alice/iris has no release yet");
    let draft = |query: &str| hub.get(&format!("/api/v1/models/alice/iris/draft{query}")).key(&hub.alice).send();
    let told = draft("?release=1.00").await.json();
    assert!(told["refused"].as_str().unwrap().starts_with("dry run: there is no .onnx file"), "{told}");
    assert!(told.get("due").is_none(), "{told}");
    draft("?release=1.01").await.refused(404, "not_found", "nothing of alice/iris waits");
    draft("?release=1").await.refused(400, "invalid_request", "release: \"1\"");
}
