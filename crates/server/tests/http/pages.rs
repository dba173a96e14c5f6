//! Pages.

use serde_json::json;

use crate::hub::{TestHub, fitting};

#[tokio::test]
async fn the_first_page_lists_models_with_price_and_figures() {
    let hub = TestHub::empty().await;
    assert!(hub.get("/").send().await.text().contains("No model is published yet"));
    hub.publish("alice/iris", "modelhub: { price: { per_call: \"0.002 OPG\" } }").await;
    let page = hub.get("/").send().await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("content-security-policy"), web::CONTENT_SECURITY_POLICY);
    assert!(page.text().contains("href=\"/alice/iris\"") && page.text().contains("0.002<"), "{}", page.text());
    let second = hub.get("/?cursor=1").send().await;
    assert!(!second.text().contains("/alice/iris"));
    let one = hub.get("/?limit=1").send().await;
    assert!(one.text().contains("/?cursor=1&amp;limit=1"));
}

#[tokio::test]
async fn a_models_page_says_what_it_costs_who_earns_and_how_to_call_it() {
    let hub = TestHub::ready().await;
    hub.ask("PUT", "/api/v1/admin/rate").key(&hub.operator).json(&json!({"rate": "0.1"})).await;
    hub.call().json(&fitting()).await;
    let page = hub.get("/alice/iris").send().await;
    let text = page.text();
    for shown in [
        "0.002<",
        "0.0002<",
        "operator",
        "hub fee",
        "0.0018<",
        "curl https://hub.example/v2/models/alice/iris/infer \\\n",
        "--data &#39;{&quot;inputs&quot;",
        "import json, os, urllib.request",
        "<b>irises</b>",
    ] {
        let plain = text.replace('\'', "&#39;");
        assert!(text.contains(shown) || plain.contains(shown), "{shown} is not in {text}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_shows_nothing_of_what_was_asked_as_html() {
    let hub = TestHub::empty().await;
    for path in ["/%3Cscript%3Ealert(1)%3C/script%3E", "/a%3Cb/%3Cscript%3E", "/nobody/none", "/api/x", "/static/x"] {
        let answer = hub.get(path).send().await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("<script>"), "{}", answer.text());
    }
    let page = hub.get("/alice/%3Cscript%3E").send().await;
    assert!(
        page.text().contains("there is no model") && page.text().contains("alice/&lt;script&gt;"),
        "{}",
        page.text()
    );
    assert_eq!(hub.get("/search/models").send().await.status, 404);
}
