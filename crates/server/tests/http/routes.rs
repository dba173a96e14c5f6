//! How routes answer, whoever asks; who may ask for what stands in `callers.txt`.

use crate::hub::{TestHub, fitting};

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
