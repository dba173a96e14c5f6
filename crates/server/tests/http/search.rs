//! Finding models over HTTP: the answer's form, what is refused, the page.

use serde_json::{Value, json};
use testkit::until;

use crate::hub::TestHub;

const CARD: &str =
    "pipeline_tag: tabular-classification\ntags: [botany]\nmodelhub: { price: { per_call: \"0.002 OPG\" } }";

/// A hub with `alice/iris` and `alice/tulip`, once they are found.
async fn scene() -> TestHub {
    let hub = TestHub::empty().await;
    hub.publish("alice/iris", CARD).await;
    hub.clock.advance_ms(1_000);
    hub.publish("alice/tulip", &CARD.replace("botany", "bulbs")).await;
    until("both are found", async || (found(&hub, "").await["total"] == 2).then_some(())).await;
    hub
}

async fn found(hub: &TestHub, query: &str) -> Value {
    let answer = hub.get(&format!("/api/v1/search?{query}")).send().await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

fn names(found: &Value) -> Vec<&str> {
    found["items"].as_array().unwrap().iter().map(|item| item["model"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_tells_models_facets_and_where_it_goes_on() {
    let hub = scene().await;
    let one = found(&hub, "q=botany").await;
    assert_eq!(names(&one), ["alice/iris"]);
    let item = &one["items"][0];
    assert_eq!(
        (&item["position"], &item["price"], &item["cost"]),
        (&json!(0), &json!("0.002 OPG per call"), &json!("0.002"))
    );
    assert_eq!(
        (&item["access"], &item["tier"], &item["licence"], &item["latest"]),
        (&json!("sealed"), &json!("listed"), &json!("mit"), &json!("1.00"))
    );
    assert_eq!((&one["complete"], one["search"].as_str().unwrap().len()), (&json!(true), 32));
    assert_eq!(one["facets"]["task"], json!([{"value": "tabular-classification", "count": 1}]));
    assert_eq!(one["facets"]["tier"], json!([{"value": "listed", "count": 1}]));

    let first = found(&hub, "sort=new&limit=1&task=tabular-classification&licence=mit").await;
    assert_eq!((names(&first), &first["total"]), (vec!["alice/tulip"], &json!(2)));
    let next = first["next"].as_str().unwrap();
    let second = found(&hub, &format!("sort=new&limit=1&task=tabular-classification&licence=mit&cursor={next}")).await;
    assert_eq!(
        (names(&second), &second["next"], &second["items"][0]["position"]),
        (vec!["alice/iris"], &Value::Null, &json!(1))
    );
    assert_eq!(second["facets"], Value::Null);

    for (query, expected) in [
        ("tag=botany&tag=bulbs", vec![]),
        ("tag=bulbs", vec!["alice/tulip"]),
        ("owner=alice&q=tulp", vec!["alice/tulip"]),
        ("owner=bob", vec![]),
        ("max_price=0.002&q=tulip", vec!["alice/tulip"]),
        ("max_price=0.0019", vec![]),
        ("min_price=0.0021%20OPG", vec![]),
        ("access=open", vec![]),
        ("tier=listed&q=tuli", vec!["alice/tulip"]),
        ("q=nothing+of+this", vec![]),
        // What forms send of fields nobody filled in.
        ("q=tulip&task=&max_price=&sort=&owner=", vec!["alice/tulip"]),
    ] {
        assert_eq!(names(&found(&hub, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_searched_is_named() {
    let hub = scene().await;
    let other = found(&hub, "q=tulip&limit=1&sort=new").await;
    assert_eq!(other["next"], Value::Null);
    let next = found(&hub, "limit=1&sort=new").await["next"].as_str().unwrap().to_owned();
    let words: Vec<String> = (0..13).map(|word| format!("w{word}")).collect();
    for (query, message) in [
        (format!("q={}", "x".repeat(201)), "the query has 201 characters; at most 200"),
        (format!("q={}", words.join("+")), "the query has 13 words; at most 12"),
        ("cursor=7".to_owned(), "the cursor is none"),
        (format!("cursor={}", "A".repeat(50)), "the cursor is none"),
        (format!("limit=1&sort=price&cursor={next}"), "the cursor belongs to another search"),
        ("limit=0".to_owned(), "limit is \"0\"; expected a number from 1 to 100"),
        ("limit=101".to_owned(), "limit is \"101\""),
        ("sort=best".to_owned(), "sort is \"best\"; expected one of relevance, new, updated, price, used"),
        ("access=public".to_owned(), "access is \"public\"; expected sealed, gated or open"),
        ("tier=gold".to_owned(), "tier is \"gold\"; expected listed"),
        ("max_price=cheap".to_owned(), "max_price is \"cheap\", no amount of OPG"),
        ("max_price=-1".to_owned(), "max_price is \"-1\""),
        ("owner=Not%20One".to_owned(), "owner: "),
        (format!("q=x{}", "&tag=t".repeat(11)), "tag stands there 11 times; at most 10"),
    ] {
        hub.get(&format!("/api/v1/search?{query}")).send().await.refused(400, "invalid_request", message);
        let page = hub.get(&format!("/search?{query}")).send().await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (400, "text/html; charset=utf-8"), "{query}");
        assert!(page.text().contains("class=\"wrong\""), "{query}");
    }
    hub.get("/api/v1/search").key("mh_wrong").send().await.refused(401, "bad_key", "");
}

#[tokio::test]
async fn the_page_shows_what_was_found_and_how_to_narrow_it() {
    let hub = scene().await;
    let page = hub.get("/search?q=tulip&sort=new").send().await;
    assert_eq!(page.header("content-security-policy"), web::CONTENT_SECURITY_POLICY);
    let text = page.text();
    for shown in [
        "value=\"tulip\"",
        "<option value=\"new\" selected>Newest</option>",
        "href=\"/alice/tulip?from=",
        "href=\"/search?q=tulip&amp;sort=new&amp;task=tabular-classification\"",
        "href=\"/search?q=tulip&amp;sort=new&amp;tag=bulbs\"",
        "1 model",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    let narrowed = hub.get("/search?q=&tag=bulbs&max_price=1").send().await;
    let text = narrowed.text();
    for shown in ["tag: bulbs", "href=\"/search?max_price=1\"", "at most 1 OPG", "/alice/tulip?from="] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    assert!(hub.get("/search?q=zeppelin").send().await.text().contains("Nothing fits"));
    assert!(hub.get("/").send().await.text().contains("action=\"/search\""));
    let more = hub.get("/search?limit=1").send().await;
    assert!(more.text().contains("rel=\"next\" href=\"/search?cursor="), "{}", more.text());
}

#[tokio::test]
async fn a_link_that_was_followed_is_a_choice() {
    let hub = scene().await;
    let one = found(&hub, "q=botany").await;
    let search = one["search"].as_str().unwrap();
    for followed in [
        format!("/alice/tulip?from={search}.0"),
        "/alice/iris?from=x".to_owned(),
        format!("/alice/iris?from={search}.0"),
    ] {
        assert_eq!(hub.get(&followed).send().await.status, 200);
    }
    until("the choice is noted", async || {
        let noted = hub.hub.searches(100).await.unwrap();
        noted.iter().any(|row| row.query == "botany" && row.chosen == Some(0)).then_some(())
    })
    .await;
}
