//! The playground: a form that follows the contract or the task, what a call is paid from, and two models side by side.

use engine::fake::{Behaviour, Fake};
use serde_json::json;
use tensor::{DataType, Signature};

use crate::hub::{TestHub, fitting, port};

const PRICE: &str = "price: { per_call: \"0.002 OPG\" }";

fn signature(inputs: &[(&str, DataType, &[Option<u64>])], outputs: &[(&str, DataType, &[Option<u64>])]) -> Signature {
    let ports = |ports: &[(&str, DataType, &[Option<u64>])]| {
        ports.iter().map(|(name, kind, shape)| port(name, *kind, shape)).collect()
    };
    Signature { inputs: ports(inputs), outputs: ports(outputs) }
}

/// The page of a model of this signature and task.
async fn page(signature: Signature, front_matter: &str) -> String {
    let shapes = signature.outputs.clone();
    let answer = Behaviour::Map(std::sync::Arc::new(move |_| {
        let output = |port: &tensor::Port| {
            let shape: Vec<u64> = port.shape.iter().map(|axis| axis.unwrap_or(1)).collect();
            let count: u64 = shape.iter().product();
            tensor::Tensor::fp32(port.name.clone(), &shape, &vec![0.5; count as usize]).unwrap()
        };
        Ok(shapes.iter().map(output).collect())
    }));
    let hub = TestHub::with(Fake::new(signature, answer)).await;
    hub.publish("alice/model", &format!("modelhub:\n  {PRICE}\n  {front_matter}")).await;
    hub.get("/alice/model").send().await.text().to_owned()
}

#[tokio::test]
async fn a_model_without_a_task_has_a_field_for_each_input_with_values_that_fit() {
    let inputs: [(&str, DataType, &[Option<u64>]); 3] = [
        ("x", DataType::Fp32, &[None, Some(2)]),
        ("words", DataType::Bytes, &[None]),
        ("image", DataType::Fp32, &[Some(1), Some(3), Some(64), Some(64)]),
    ];
    let text = page(signature(&inputs, &[("y", DataType::Fp32, &[None, Some(2)])]), "").await;
    assert!(text.contains("data-playground=\"tensors\""));
    for said in [
        "data-tensor=\"x\" data-datatype=\"FP32\" data-shape=\"[null,2]\"",
        ">[[0.125, 0.25]]</textarea>",
        "data-tensor=\"words\" data-datatype=\"BYTES\" data-shape=\"[null]\"",
        ">[&quot;sample&quot;]</textarea>",
        "data-shape=\"[1,3,64,64]\" data-generate",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(text.matches("accept=\".npy\"").count(), 2, "texts do not come as arrays");
}

#[tokio::test]
async fn a_table_has_a_field_for_each_column() {
    let inputs: [(&str, DataType, &[Option<u64>]); 2] =
        [("age", DataType::Fp32, &[None, Some(1)]), ("port", DataType::Bytes, &[None, Some(1)])];
    let task = "task: { type: tabular-regression, columns: { age: number, port: [cork, le havre] } }";
    let text = page(signature(&inputs, &[("y", DataType::Fp32, &[None, Some(1)])]), task).await;
    for said in [
        "data-playground=\"row\"",
        "name=\"age\" data-column=\"number\"",
        "<select name=\"port\" data-column=\"text\">",
        "<option value=\"le havre\">",
        "data-do=\"add-row\"",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn a_picture_a_sound_and_a_history_have_fields_of_their_own() {
    let scores: (&str, DataType, &[Option<u64>]) = ("scores", DataType::Fp32, &[None, Some(2)]);
    let picture: (&str, DataType, &[Option<u64>]) = ("pixels", DataType::Fp32, &[None, Some(3), Some(8), Some(8)]);
    let text = page(
        signature(&[picture], &[scores]),
        "labels: [a, b]\n  task: { type: image-classification, activation: none }",
    )
    .await;
    assert!(text.contains("data-playground=\"picture\"") && text.contains("accept=\"image/png,image/jpeg\""));
    let history: (&str, DataType, &[Option<u64>]) = ("context", DataType::Fp32, &[None, Some(4)]);
    let ahead: (&str, DataType, &[Option<u64>]) = ("forecast", DataType::Fp32, &[None, Some(2)]);
    let text = page(signature(&[history], &[ahead]), "task: { type: time-series-forecasting }").await;
    assert!(text.contains("data-playground=\"history\" ") && text.contains("data-window=\"4\""), "{text}");
}

#[tokio::test]
async fn a_stranger_sees_the_form_with_the_way_in_and_a_caller_what_a_call_is_paid_from() {
    let hub = TestHub::ready().await;
    let stranger = hub.get("/alice/iris").send().await;
    assert!(stranger.text().contains("href=\"/login?next=%2Falice%2Firis\""), "{}", stranger.text());
    assert!(!stranger.text().contains("type=\"submit\" disabled") && !stranger.text().contains("from your"));
    assert_eq!(stranger.header("cache-control"), "private, no-cache");
    let paid = hub.get("/alice/iris").key(&hub.bob).send().await;
    assert!(paid.text().contains("from your cash, <span class=\"num\">1<"), "{}", paid.text());
    assert!(paid.text().contains("type=\"submit\" disabled") && paid.text().contains("data-max-cost=\"0.002\""));
    let body = json!({"handle": "bob", "amount": "0.5", "reference": "test"});
    hub.post("/api/v1/admin/grants").key(&hub.operator).json(&body).await;
    assert!(hub.get("/alice/iris").key(&hub.bob).send().await.text().contains("from your promo, "));
    assert!(hub.get("/alice/iris").key(&hub.alice).send().await.text().contains("which you lack"));
}

#[tokio::test]
async fn who_has_no_money_is_told_what_may_still_be_tried() {
    let hub = TestHub::selling("0.002 OPG").await;
    hub.ask("PUT", "/api/v1/admin/trial").key(&hub.operator).json(&json!({"budget": "0.005"})).await;
    let made = hub.post("/api/v1/admin/accounts").key(&hub.operator).json(&json!({"handle": "carol"})).await;
    let carol = made.json()["key"].as_str().unwrap().to_owned();
    let left = async || hub.get("/alice/iris").key(&carol).send().await.text().to_owned();
    assert!(left().await.contains("as a free trial, <span class=\"num\">0.005<"));
    for _ in 0..2 {
        let answer = hub.post("/v2/models/alice/iris/infer").key(&carol).json(&fitting()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert!(left().await.contains("which you lack"), "one thousandth is left, and a call costs two");
}

#[tokio::test]
async fn a_private_model_has_a_page_for_its_owner_alone() {
    let hub = TestHub::ready().await;
    let path = "/api/models/alice/iris/settings";
    let answer = hub.ask("PUT", path).key(&hub.alice).json(&json!({"private": true})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for page in ["/alice/iris", "/compare?a=alice/iris&b=alice/iris"] {
        assert_eq!(hub.get(page).send().await.status, 404, "{page}");
        assert_eq!(hub.get(page).key(&hub.bob).send().await.status, 404, "{page}");
        let own = hub.get(page).key(&hub.alice).send().await;
        assert_eq!(own.status, 200, "{page}");
        assert!(own.text().contains("data-playground=\"tensors\""), "{page}");
    }
}

#[tokio::test]
async fn two_models_that_take_the_same_have_one_form() {
    let hub = TestHub::ready().await;
    hub.publish("alice/other", &format!("modelhub: {{ {PRICE} }}")).await;
    let text = hub.get("/compare?a=alice/iris&b=alice/other").key(&hub.bob).send().await.text().to_owned();
    assert!(text.contains("data-model=\"alice/iris\"") && text.contains("data-model=\"alice/other\""), "{text}");
    assert!(text.contains("Run both") && text.contains("none yet"), "nobody has called them");
    let stranger = hub.get("/compare?a=alice/iris&b=alice/other").send().await;
    assert!(
        stranger.text().contains("next=%2Fcompare%3Fa%3Dalice%252Firis%26b%3Dalice%252Fother"),
        "{}",
        stranger.text()
    );
}

#[tokio::test]
async fn what_cannot_be_compared_keeps_what_was_typed() {
    let hub = TestHub::ready().await;
    let empty = hub.get("/compare?a=alice/iris").send().await;
    assert_eq!(empty.status, 200);
    assert!(empty.text().contains("name=\"a\" value=\"alice/iris\"") && !empty.text().contains("data-playground"));
    let missing = hub.get("/compare?a=alice/iris&b=alice/%3Cb%3E").send().await;
    assert_eq!(missing.status, 400);
    assert!(missing.text().contains("value=\"alice/&lt;b&gt;\"") && missing.text().contains("expected owner/name"));
    let missing = hub.get("/compare?a=alice/iris&b=alice/none").send().await;
    assert_eq!(missing.status, 404, "{}", missing.text());
}

#[tokio::test]
async fn scripts_are_packed_where_that_is_taken_and_kept_for_ever() {
    let hub = TestHub::empty().await;
    let path = format!("/static/{}", web::playground_name());
    let plain = hub.get(&path).send().await;
    assert_eq!((plain.status.as_u16(), plain.header("content-type")), (200, "text/javascript; charset=utf-8"));
    let packed = hub.get(&path).header("accept-encoding", "gzip, br").send().await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    assert!(packed.body.len() * 2 < plain.body.len() && packed.header("cache-control").contains("immutable"));
}
