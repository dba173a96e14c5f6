//! Every route is either for everybody, and then stands in one list, or needs a caller.

use crate::hub::{TestHub, fitting};

/// What anybody may ask for without a key.
const PUBLIC: &[&str] = &[
    "GET /v2",
    "GET /v2/",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /v2/models/{owner}/{name}",
    "GET /v2/models/{owner}/{name}/ready",
    "POST /v2/models/{owner}/{name}/quote",
    "GET /v2/models/{owner}/{name}/versions/{release}",
    "GET /v2/models/{owner}/{name}/versions/{release}/ready",
    "POST /v2/models/{owner}/{name}/versions/{release}/quote",
    "POST /inference.GRPCInferenceService/ServerLive",
    "POST /inference.GRPCInferenceService/ServerReady",
    "POST /inference.GRPCInferenceService/ServerMetadata",
    "POST /inference.GRPCInferenceService/ModelReady",
    "POST /inference.GRPCInferenceService/ModelMetadata",
    "GET /api/v1/models",
    "GET /api/v1/models/{owner}/{name}/checks",
    "GET /.well-known/modelhub",
    "GET /",
    "GET /{owner}/{name}",
    "GET /static/{asset}",
    "GET /api/models",
    "GET /api/models/{owner}/{name}",
    "GET /api/models/{owner}/{name}/revision/{revision}",
    "GET /api/models/{owner}/{name}/tree/{revision}",
    "GET /api/models/{owner}/{name}/tree/{revision}/{*path}",
    "POST /api/models/{owner}/{name}/paths-info/{revision}",
    "GET /api/models/{owner}/{name}/commits/{revision}",
    "GET /api/models/{owner}/{name}/refs",
    "GET /{owner}/{name}/resolve/{revision}/{*path}",
    "GET /api/datasets",
    "GET /api/spaces",
];

/// What anybody may ask for too, and how it is refused where nothing comes with it.
const PUBLIC_REFUSED: &[(&str, u16)] = &[
    ("POST /api/validate-yaml", 400),
    ("GET /api/models/{owner}/{name}/xet-write-token/{revision}", 501),
    // Its right stands in the address.
    ("PUT /{owner}/{name}/info/lfs/objects/{sha256}", 411),
];

/// What comes with a signature instead of a key; a key is no help.
const SIGNED: &[&str] = &["POST /api/v1/deposits"];

/// The pages of routes, read as text: axum keeps no list.
fn routes() -> Vec<(String, String)> {
    let pages = [include_str!("../../src/routes.rs"), include_str!("../../src/hf/mod.rs")];
    let mut routes = Vec::new();
    for piece in pages.iter().flat_map(|page| page.split(".route(").skip(1)) {
        let piece = &piece[..piece.find("\n        .").unwrap_or(piece.len())];
        let path = piece.split('"').nth(1).unwrap();
        for method in ["get", "head", "post", "put", "delete", "any"] {
            let called = |mark: char| piece.contains(&format!("{mark}{method}("));
            if called(' ') || called('.') {
                routes.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    routes
}

fn filled(path: &str) -> String {
    path.replace("/{name}/info/lfs", "/{name}.git/info/lfs")
        .replace("{owner}", "alice")
        .replace("{name}", "iris")
        .replace("{release}", "1.00")
        .replace("{asset}", web::style_name())
        .replace("{call}", "call_00000000000000000000000000")
        .replace("{key}", "key_00000000000000000000000000")
        .replace("{hold}", "hold_00000000000000000000000000")
        .replace("{month}", "2026-11")
        .replace("{sha256}", &"0".repeat(64))
        .replace("{method}", "ModelStreamInfer")
        .replace("{revision}", "main")
        .replace("{*path}", "README.md")
        .replace("{*rest}", "what/ever")
}

#[tokio::test]
async fn every_route_needs_a_caller_or_is_listed_as_public() {
    let hub = TestHub::ready().await;
    let routes = routes();
    assert!(routes.len() > 35, "{routes:?}");
    let mut public = Vec::new();
    for (method, path) in &routes {
        let answer = hub.ask(method, &filled(path)).send().await;
        let named = format!("{method} {path}");
        match answer.status.as_u16() {
            // Whatever gRPC has to say, HTTP says 200.
            200 if answer.header("content-type") == "application/grpc" => match answer.header("x-error-code") {
                "no_key" => {}
                "method_not_allowed" => assert_eq!(method, "ANY"),
                _ => public.push(named),
            },
            _ if method == "ANY" => {
                let answer = hub.get(&filled(path)).key(&hub.bob).send().await;
                assert_eq!(answer.status, 404, "{named}");
            }
            401 | 402 => {}
            200 => public.push(named),
            // No folder is there, and anybody is told so.
            404 if answer.header("x-error-code") == "EntryNotFound" => public.push(named),
            other if PUBLIC_REFUSED.contains(&(named.as_str(), other)) => {}
            other => panic!("{named} answered {other}: {}", answer.text()),
        }
    }
    assert_eq!(public, PUBLIC);
}

#[tokio::test]
async fn a_bad_key_opens_nothing_that_needs_one() {
    let hub = TestHub::ready().await;
    for (method, path) in routes() {
        let named = format!("{method} {path}");
        if SIGNED.contains(&named.as_str()) {
            let answer = hub.ask(&method, &filled(&path)).key(&hub.operator).send().await;
            answer.refused(401, "bad_signature", "the header webhook-id is missing");
        } else if method != "ANY"
            && !PUBLIC.contains(&named.as_str())
            && !PUBLIC_REFUSED.iter().any(|(public, _)| *public == named)
        {
            let answer = hub.ask(&method, &filled(&path)).key("mh_wrong").send().await;
            if answer.header("content-type") == "application/grpc" {
                assert_eq!((answer.header("grpc-status"), answer.header("x-error-code")), ("16", "bad_key"), "{named}");
                continue;
            }
            assert_eq!(answer.status, 401, "{named}");
            if method != "HEAD" {
                answer.refused(401, "bad_key", "not known here");
            }
        }
    }
}

#[tokio::test]
async fn a_priced_call_without_a_key_is_told_what_it_costs_and_its_body_is_not_read() {
    let hub = TestHub::selling("0.002 OPG").await;
    for path in ["/v2/models/alice/iris/infer", "/v2/models/alice/iris/versions/1.00/infer"] {
        let unread = axum::body::Body::from_stream(futures_util::stream::once(async {
            panic!("the body was read");
            #[expect(unreachable_code, reason = "gives the stream its type")]
            Ok::<bytes::Bytes, std::io::Error>(bytes::Bytes::new())
        }));
        let answer = hub.post(path).body(unread).await;
        assert_eq!(answer.status, 402);
        assert_eq!(
            answer.text(),
            concat!(
                r#"{"error":"alice/iris costs 0.002 OPG a call; no key came with the request","code":"payment_required","#,
                r#""hint":"send Authorization: Bearer mh_…; the hub's operator makes accounts and their first keys","#,
                r#""quote":{"model":"alice/iris","release":"1.00","price":{"per_call":"0.002 OPG"},"cost":"0.002","#,
                r#""currency":"OPG","fee":"0.0002","parts":[{"account":"alice","role":"creator","amount":"0.0018"}]}}"#
            )
        );
    }
}

#[tokio::test]
async fn a_free_call_without_a_key_needs_a_key_all_the_same() {
    let hub = TestHub::selling("0 OPG").await;
    let answer = hub.post("/v2/models/alice/iris/infer").json(&fitting()).await;
    answer.refused(401, "no_key", "a key is needed");
}

#[tokio::test]
async fn each_prefix_tells_refusals_in_its_own_form() {
    let hub = TestHub::empty().await;
    let answer = hub.get("/v2/models/alice/none").send().await;
    assert_eq!(answer.text(), r#"{"error":"there is no model alice/none","code":"model_not_found"}"#);
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (404, "application/json"));

    let answer = hub.get("/api/v1/account").send().await;
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"error":{"code":"no_key","message":"a key is needed","#,
            r#""hint":"send Authorization: Bearer mh_…; the hub's operator makes accounts and their first keys"}}"#
        )
    );

    let answer = hub.get("/alice/none").send().await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!(answer.header("content-security-policy"), web::CONTENT_SECURITY_POLICY);
    assert!(answer.text().contains("there is no model alice/none"), "{}", answer.text());
}

#[tokio::test]
async fn nothing_answers_in_plain_text() {
    let hub = TestHub::ready().await;
    for (method, path, status, code, message) in [
        ("GET", "/v2/none", 404, "not_found", "nothing stands at /v2/none"),
        ("POST", "/v2/models", 404, "not_found", "nothing stands at /v2/models"),
        ("GET", "/api/v1/none", 404, "not_found", "nothing stands at /api/v1/none"),
        ("GET", "/api", 404, "not_found", "nothing stands at /api"),
        ("GET", "/.well-known/none", 404, "not_found", "nothing stands at /.well-known/none"),
        ("POST", "/api/v1/account", 405, "method_not_allowed", "/api/v1/account does not take POST"),
        ("GET", "/v2/models/alice/iris/infer", 405, "method_not_allowed", "does not take GET"),
        ("PATCH", "/v2/health/live", 405, "method_not_allowed", "does not take PATCH"),
        ("GET", "/v2/models/%ff/iris", 400, "invalid_request", "the path is not UTF-8"),
        ("GET", "/v2/models/Alice/iris", 404, "model_not_found", "there is no model \"Alice/iris\""),
        ("GET", "/v2/models/alice/..%2f..", 404, "model_not_found", "there is no model \"alice/../..\""),
        (
            "GET",
            "/v2/models/alice/iris/versions/latest",
            404,
            "release_not_found",
            "alice/iris has no release \"latest\"",
        ),
        ("GET", "/v2/models/alice/iris/versions/9.00", 404, "release_not_found", "alice/iris has no release 9.00"),
        ("GET", "/api/v1/models?limit=0", 400, "invalid_request", "limit is \"0\"; expected a number from 1 to 1000"),
        ("GET", "/api/v1/models?cursor=x", 400, "invalid_request", "cursor is \"x\""),
        ("GET", "/api/v1/models?limit=1&limit=2", 400, "invalid_request", "the query cannot be read"),
    ] {
        hub.ask(method, path).send().await.refused(status, code, message);
    }
    let answer = hub.post("/api/v1/account").send().await;
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_careful() {
    let hub = TestHub::ready().await;
    for path in ["/", "/v2", "/alice/iris", "/none", "/api/v1/models", "/v2/none", "/.well-known/modelhub"] {
        let answer = hub.get(path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
    assert_eq!(hub.get("/api/v1/models").send().await.header("cache-control"), "no-store");
    let style = hub.get(&format!("/static/{}", web::style_name())).send().await;
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
}
