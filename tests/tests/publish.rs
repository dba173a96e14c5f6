//! From files to a page that works, with the real engine; and files that must not become a release.

use std::process::Command;

use whole::{Hub, fixture, within};

/// The code blocks of a page, as a reader would copy them.
fn code_blocks(html: &str) -> Vec<String> {
    let text = |block: &str| {
        let mut text = String::new();
        let mut inside = false;
        for c in block.chars() {
            match c {
                '<' => inside = true,
                '>' if inside => inside = false,
                other if !inside => text.push(other),
                _ => {}
            }
        }
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    };
    html.split("<pre").skip(1).filter_map(|rest| rest.split_once('>')?.1.split("</pre>").next().map(text)).collect()
}

#[test]
fn the_lines_on_a_models_page_run_as_pasted() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.admin(&["deposit", "bob", "1", "--reference", "page"]);
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.002 OPG\" }");
    let page = hub.get("/alice/iris", "");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    let blocks = code_blocks(&String::from_utf8(page.body).expect("a page is text"));
    let curl = blocks.iter().find(|block| block.starts_with("curl ")).expect("a curl line");
    let python = blocks.iter().find(|block| block.contains("urllib.request")).expect("a Python example");
    for (shell, code) in [("bash", curl), ("python3", python)] {
        let ran = Command::new(shell).arg("-c").arg(code).env("MODELHUB_KEY", &bob).output().expect("it starts");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && said.contains("probabilities"),
            "{shell}: {said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.996");
    assert_eq!(hub.get("/api/v1/balance", &alice).json()["cash"], "0.0036");
}

#[test]
fn a_release_and_its_paid_calls_are_run_again_in_runners_of_their_own() {
    let hub = Hub::with_settings("re_execute_one_in = 1\n");
    let alice = hub.account("alice");
    let bob = hub.account("bob");
    hub.admin(&["deposit", "bob", "1", "--reference", "checks"]);
    hub.publish(&alice, "alice/iris", "scaler.onnx", "  price: { per_call: \"0.002 OPG\" }");
    let agreed = |kind: &str| {
        let found = hub.get("/api/v1/models/alice/iris/checks", "").json();
        let checks = found["items"][0]["checks"].as_array().cloned().unwrap_or_default();
        checks
            .iter()
            .any(|check| check["kind"] == kind && check["agreed"] == check["run"] && check["compared"] == "digest")
    };
    within(60, "two fresh runners agree", || agreed("two_runners"));
    let body = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
    assert_eq!(hub.infer(&bob, "alice/iris", body).status, 200);
    within(60, "a fresh runner repeats bob's answer", || agreed("re_execution"));
    assert_eq!(hub.get("/api/v1/balance", &bob).json()["cash"], "0.998");
    assert_eq!(hub.get("/api/v1/balance", &alice).json()["cash"], "0.0018");
    let (in_order, said) = hub.audit();
    assert!(in_order, "{said}");
}

#[test]
fn releases_are_numbered_by_what_changed_for_callers() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let price = "  price: { per_call: \"0 OPG\" }";
    hub.publish(&alice, "alice/net", "scaler.onnx", price);
    hub.publish(&alice, "alice/net", "scaler.onnx", &format!("{price}\n  deadline: 10s"));
    hub.publish(&alice, "alice/net", "strings.onnx", price);
    let described = hub.get("/v2/models/alice/net", "").json();
    assert_eq!(described["versions"], serde_json::json!(["1.00", "1.01", "2.00"]));
    assert_eq!(described["release"], "1.01", "callers who name no release stay with what they know");
    let two = hub.get("/v2/models/alice/net/versions/2.00", "").json();
    assert_eq!(two["inputs"][0]["datatype"], "BYTES");
    let body = r#"{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["hello"]}]}"#;
    assert_eq!(hub.infer(&alice, "alice/net/versions/2.00", body).status, 200);
}

#[test]
fn files_that_fail_a_check_become_no_release() {
    let hub = Hub::start();
    let alice = hub.account("alice");
    let folder = hub.home().join("wrong");
    std::fs::create_dir(&folder).expect("a folder");
    let model = folder.join("model.onnx");
    let card = folder.join("README.md");
    let good_card = "---\nmodelhub:\n  price: { per_call: \"0.002 OPG\" }\n---\n# Wrong\n\nA fixture.\n";
    let refused = |what: &str, expected: &str| {
        let output = hub.try_cli(&alice, &["publish", folder.to_str().expect("a plain path"), "alice/wrong"]);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && said.contains(expected), "{what}: {said}");
        assert_eq!(hub.get("/v2/models/alice/wrong", "").status, 404, "{what}: a model is there");
    };
    let put = |file: &str| std::fs::copy(fixture(file), &model).expect("the fixture is there");

    std::fs::write(&card, good_card).expect("a card");
    std::fs::write(&model, b"this is no model").expect("a file");
    refused("a file that is no ONNX", "does not load");
    put("unsteady.onnx");
    refused("a model that answers differently each time", "different answers");
    put("sequence.onnx");
    refused("a sequence of tensors", "output \"all\" is Sequence<");
    put("external.onnx");
    refused("weights outside of the file", "does not load");

    put("scaler.onnx");
    let card_with =
        |section: &str| std::fs::write(&card, format!("---\nmodelhub:\n{section}\n---\n# Wrong\n")).expect("a card");
    card_with("  price: { per_call: \"-1 OPG\" }");
    refused("a negative price", "-1");
    card_with("  price: { per_call: \"1000001 OPG\" }");
    refused("an absurd price", "1000001 OPG");
    card_with("  price: { per_call: \"0.1 OPG\" }\n  split: { alice: 60%, bob: 30% }");
    refused("a split of 90 %", "100");
    card_with("  price: { per_call: \"0.1 OPG\" }\n  split: { alice: 60%, nobody-here: 40% }");
    refused("a split with a stranger", "nobody-here");
    card_with("  prize: { per_call: \"0.1 OPG\" }");
    refused("a word nobody knows", "prize");

    std::fs::write(&card, good_card).expect("a card");
    std::fs::create_dir(folder.join("examples")).expect("a folder");
    let example = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}],"outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[2]}]}"#;
    std::fs::write(folder.join("examples/one.json"), example).expect("an example");
    refused("an example that expects something else", "label");
    std::fs::write(folder.join("examples/one.json"), example.replace("[2]", "[0]")).expect("an example");
    let output = hub.try_cli(&alice, &["publish", folder.to_str().expect("a plain path"), "alice/wrong"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(hub.get("/v2/models/alice/wrong", "").json()["release"], "1.00");
}
