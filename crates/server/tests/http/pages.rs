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
    assert!(page.text().contains(">New</h2>") && !page.text().contains(">Most used</h2>"), "{}", page.text());
    assert!(page.text().contains("href=\"/search?sort=new\""));
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

/// Waits until so many paid calls stand in the rankings.
async fn counted(hub: &TestHub, calls: u64) {
    testkit::until("the calls are counted", async || {
        hub.hub.rank().await.unwrap();
        let rankings = hub.get("/api/v1/rankings").send().await.json();
        let paid = |item: &serde_json::Value| item["paid"].as_u64().unwrap();
        (rankings["items"].as_array().unwrap().iter().map(paid).sum::<u64>() == calls).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_first_page_shows_what_others_paid_for() {
    let hub = TestHub::ready().await;
    for _ in 0..3 {
        assert_eq!(hub.call().json(&fitting()).await.status, 200);
    }
    counted(&hub, 3).await;
    testkit::until("the task is in the index", async || {
        hub.get("/").send().await.text().contains(">Most used</h2>").then_some(())
    })
    .await;
    let page = hub.get("/").send().await;
    for shown in ["Paying accounts", ">Earning</h2>", "0.0054<", "Paid calls, 30 days"] {
        assert!(page.text().contains(shown), "{shown} is not in {}", page.text());
    }
    assert!(!page.text().contains(">Rising</h2>"), "three calls of one account do not rise");
}

#[tokio::test]
async fn rankings_are_a_page_json_and_csv() {
    let hub = TestHub::ready().await;
    for _ in 0..2 {
        hub.call().json(&fitting()).await;
    }
    counted(&hub, 2).await;
    let json = hub.get("/api/v1/rankings?by=paid").send().await.json();
    let item = &json["items"][0];
    assert_eq!((&json["by"], &item["place"], &item["model"]), (&json!("paid"), &json!(1), &json!("alice/iris")));
    assert_eq!((&item["payers"], &item["paid"], &item["tried"]), (&json!(1), &json!(2), &json!(2)));
    assert_eq!((&item["spent"], &item["earned"], &item["cost"]), (&json!("0.004"), &json!("0.0036"), &json!("0.002")));
    let csv = hub.get("/api/v1/rankings?by=paid&format=csv").send().await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.text().split("\r\n").collect();
    assert!(lines[0].starts_with("place,model,task,price,cost_opg,payers,paid"), "{}", lines[0]);
    assert!(lines[1].starts_with("1,alice/iris,,0.002 OPG per call,0.002,1,2,0,0,0,2,0.004,0.0036"), "{}", lines[1]);
    let page = hub.get("/rankings").send().await;
    for shown in ["href=\"/alice/iris\"", "How this is computed", "download=\"rankings.csv\"", "0.0036<"] {
        assert!(page.text().contains(shown), "{shown} is not in {}", page.text());
    }
    assert!(hub.get("/rankings?by=raw").send().await.text().contains("data-label=\"trial\""));
    assert!(hub.get("/rankings?task=none").send().await.text().contains("No model stands in this order yet"));
    let wrong = hub.get("/api/v1/rankings?by=fame").send().await;
    wrong.refused(400, "invalid_request", "by is \"fame\"; expected one of payers, paid, raw");
    hub.get("/api/v1/rankings?format=xls").send().await.refused(400, "invalid_request", "format is \"xls\"");
    hub.get("/api/v1/rankings?cursor=x").send().await.refused(400, "invalid_request", "cursor is \"x\"");
    let page = hub.get("/rankings?by=fame").send().await;
    assert_eq!((page.status.as_u16(), page.text().contains("class=\"wrong\"")), (400, true));
}

#[tokio::test]
async fn what_accounts_miss_is_a_page_and_json() {
    let hub = TestHub::selling("0.002 OPG").await;
    assert!(hub.get("/wanted").send().await.text().contains("Nothing was searched in vain"));
    let carol = hub.account("carol").await;
    testkit::until("the index is there", async || {
        (hub.get("/api/v1/search?q=iris").send().await.json()["total"] == json!(1)).then_some(())
    })
    .await;
    for key in [&hub.alice, &hub.bob, &carol] {
        let found = hub.get("/api/v1/search?q=plum%20sorter").key(key).send().await;
        assert_eq!(found.json()["total"], 0);
    }
    let wanted = testkit::until("it is wanted", async || {
        hub.clock.advance_ms(60_000);
        let wanted = hub.get("/api/v1/wanted").send().await.json();
        (wanted["items"] != json!([])).then_some(wanted)
    })
    .await;
    assert_eq!((&wanted["days"], &wanted["least"]), (&json!(30), &json!(3)));
    assert_eq!((&wanted["items"][0]["words"], &wanted["items"][0]["accounts"]), (&json!("plum sorter"), &json!(3)));
    let page = hub.get("/wanted").send().await;
    assert!(page.text().contains(">plum sorter</th>") && page.text().contains("href=\"/publish\""), "{}", page.text());
}

#[tokio::test]
async fn an_accounts_page_is_there_for_handles_alone() {
    let hub = TestHub::selling("0.002 OPG").await;
    let page = hub.get("/alice").send().await;
    assert!(page.text().contains("href=\"/alice/iris\"") && page.text().contains("Person"), "{}", page.text());
    assert!(!page.text().contains("/publish?owner="));
    let own = hub.get("/alice").key(&hub.alice).send().await;
    assert!(own.text().contains("href=\"/publish?owner=alice\""));
    for (path, said) in [
        ("/nobody", "nobody here is called"),
        ("/favicon.ico", "nothing stands at"),
        ("/docs-of-nobody-who-has-a-name-that-is-too-long", "nothing stands at"),
        ("/v2x%2F", "nothing stands at"),
        ("/spaces", "nothing stands at"),
    ] {
        let page = hub.get(path).send().await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains(said), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn the_page_to_publish_is_for_who_is_signed_in() {
    let hub = TestHub::empty().await;
    let away = hub.get("/publish?owner=alice").send().await;
    assert_eq!((away.status.as_u16(), away.header("location")), (303, "/login?next=%2Fpublish%3Fowner%3Dalice"));
    let page = hub.get("/publish").key(&hub.alice).send().await;
    for shown in ["data-fee=\"1000\"", "<option value=\"alice\" selected>", "modelhub publish FOLDER", "512 MiB"] {
        assert!(page.text().contains(shown), "{shown} is not in {}", page.text());
    }
}

#[tokio::test]
async fn pages_are_packed_for_who_can_unpack_them_and_forms_are_not() {
    let hub = TestHub::selling("0.002 OPG").await;
    let plain = testkit::until("its files are looked through", async || {
        let page = hub.get("/alice/iris").send().await;
        (!page.text().contains("Not looked at yet")).then_some(page)
    })
    .await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", ""));
    let packed = hub.get("/alice/iris").header("accept-encoding", "br, gzip").send().await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut text).unwrap();
    assert_eq!(text, plain.text());
    assert!(packed.body.len() * 2 < plain.body.len());
    let missing = hub.get("/alice/none").header("accept-encoding", "gzip").send().await;
    assert_eq!((missing.status.as_u16(), missing.header("content-encoding")), (404, "gzip"));
    let form = hub.post("/login/key").header("accept-encoding", "gzip").header("sec-fetch-site", "same-origin");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("key=mh_wrong").await;
    assert_eq!((form.status.as_u16(), form.header("content-encoding")), (401, ""));
    let json = hub.get("/api/v1/models").header("accept-encoding", "gzip").send().await;
    assert_eq!(json.header("content-encoding"), "");
}
