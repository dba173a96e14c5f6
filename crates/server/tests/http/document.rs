//! The document of the interface, its pages, and `/llms.txt`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use api::Prefix;
use serde_json::Value;

use crate::callers::routes;
use crate::hub::TestHub;

async fn document(hub: &TestHub) -> Value {
    let answer = hub.get("/api/v1/openapi.json").send().await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.json()
}

/// What the document says is there.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, _)| {
        let methods: &serde_json::Map<String, Value> = Value::as_object(methods).unwrap();
        methods.iter().map(|(method, operation)| (method.to_uppercase(), path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_route_of_ours_is_in_the_document_and_the_reverse() {
    let hub = TestHub::empty().await;
    let document = document(&hub).await;
    let told: BTreeSet<_> = operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    // Pages and the protocols of others have prefixes of their own; a path that catches the rest is nothing.
    let ours = |(method, path): &(String, String)| {
        let prefix = matches!(Prefix::of(path), Prefix::Api | Prefix::Inference | Prefix::OpenAi);
        prefix && method != "ANY" && path != "/v2/"
    };
    let there: BTreeSet<_> = routes().into_iter().filter(ours).collect();
    assert!(there.len() > 100, "{} routes are found", there.len());
    let written = |(method, path): &(String, String)| format!("{method:<6} {path}");
    let missing: Vec<_> = there.difference(&told).map(written).collect();
    assert!(missing.is_empty(), "routes without a line in document/chapters:\n{}", missing.join("\n"));
    let gone: Vec<_> = told.difference(&there).map(written).collect();
    assert!(gone.is_empty(), "lines of document/chapters that are no routes:\n{}", gone.join("\n"));
}

#[tokio::test]
async fn the_document_is_the_one_that_was_looked_at() {
    let hub = TestHub::empty().await;
    let answer = hub.get("/api/v1/openapi.json").send().await;
    let text = answer.text();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&kept, text).unwrap();
    }
    let known = std::fs::read_to_string(&kept).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).position(|(known, now)| known != now);
    let line = differs.unwrap_or(known.lines().count().min(text.lines().count()));
    assert!(
        known == text,
        "docs/openapi.json is not what the code gives, from line {} on ({:?}); UPDATE=1 cargo test -p server --test http \
         the_document_is writes it anew: look at what changed",
        line + 1,
        text.lines().nth(line).unwrap_or_default()
    );
}

#[tokio::test]
async fn the_document_is_whole() {
    let hub = TestHub::empty().await;
    let document = document(&hub).await;
    assert_eq!(document["openapi"], "3.1.0");
    // Every name leads somewhere, and nothing stands there that nobody names.
    let mut names = BTreeSet::new();
    collect(&document, &mut names);
    let schemas: BTreeSet<_> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names.difference(&schemas).collect::<Vec<_>>(), Vec::<&String>::new(), "names that lead nowhere");
    assert_eq!(schemas.difference(&names).collect::<Vec<_>>(), Vec::<&String>::new(), "schemas that nobody names");
    let (mut ids, mut summaries) = (BTreeSet::new(), BTreeSet::new());
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}: its id is another's");
        let summary = operation["summary"].as_str().unwrap_or_default().to_owned();
        assert!(!summary.is_empty() && summaries.insert(summary), "{name}: its summary is another's, or none");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name}");
        let places = path.matches('{').count();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        assert_eq!(parameters.iter().filter(|parameter| parameter["in"] == "path").count(), places, "{name}");
        for parameter in &parameters {
            assert!(parameter["description"].as_str().is_some_and(|what| !what.is_empty()), "{name} {parameter}");
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} is never answered");
    }
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                names.insert(name.strip_prefix("#/components/schemas/").unwrap().to_owned());
            }
            fields.values().for_each(|value| collect(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// A body that an example shows is never refused for its form.
#[tokio::test]
async fn every_example_is_read() {
    let hub = TestHub::ready().await;
    let document = document(&hub).await;
    for (method, path, operation) in operations(&document) {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        // What is signed is read once its signature was.
        if example.is_null() || path == "/api/v1/deposits" {
            continue;
        }
        let filled = path
            .replace("{owner}/{name}", "alice/iris")
            .replace("{owner}", "alice")
            .replace("{release}", "1.00")
            .replace("{organisation}", "acme")
            .replace("{handle}", "bob")
            .replace("{webhook}", "hook_1");
        let key = if path.starts_with("/api/v1/admin") { &hub.operator } else { &hub.alice };
        let answer = hub.ask(&method, &filled).key(key).json(example).await;
        assert!(!answer.text().contains("the body cannot be read"), "{method} {path}: {}", answer.text());
        assert!(answer.status.as_u16() < 500, "{method} {path}: {}", answer.text());
        let responses = operation["responses"].as_object().unwrap();
        let status = answer.status.as_u16().to_string();
        assert!(responses.contains_key(&status), "{method} {path} answers {status}: {}", answer.text());
    }
}

#[tokio::test]
async fn whoever_has_the_document_is_not_sent_it_again() {
    let hub = TestHub::empty().await;
    let first = hub.get("/api/v1/openapi.json").send().await;
    let tag = first.header("etag").to_owned();
    let ask = async |tag: String| hub.get("/api/v1/openapi.json").header("if-none-match", &tag).send().await;
    for known in [tag.clone(), tag.trim_start_matches("W/").to_owned(), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = ask(known.clone()).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag"), tag);
    }
    assert_eq!(ask("\"another\"".to_owned()).await.status, 200);
    let packed = hub.get("/api/v1/openapi.json").header("accept-encoding", "gzip").send().await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() < first.body.len() / 4, "{} of {}", packed.body.len(), first.body.len());
    assert_eq!(packed.header("etag"), tag);
}

#[tokio::test]
async fn the_pages_say_what_the_document_says() {
    let hub = TestHub::ready().await;
    let document = document(&hub).await;
    let list = hub.get("/docs/api").send().await;
    assert_eq!(list.header("content-security-policy"), web::CONTENT_SECURITY_POLICY);
    let mut told = 0;
    for tag in document["tags"].as_array().unwrap() {
        let path = format!("/docs/api/{}", tag["name"].as_str().unwrap());
        let page = hub.get(&path).send().await;
        assert_eq!(page.status, 200, "{path}");
        let text = page.text();
        let mut ids: Vec<_> = text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{path}: ids are unique");
        for (method, _, operation) in operations(&document) {
            if operation["tags"][0] == tag["name"] {
                let id = operation["operationId"].as_str().unwrap();
                assert!(text.contains(&format!("id=\"{id}\"")), "{path}: {id}");
                assert!(list.text().contains(&format!("href=\"{path}#{id}\"")), "{id} ({method}) is not in the list");
                told += 1;
            }
        }
        // Every type that is named has its place on the same page.
        for name in text.split("href=\"#type-").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(text.contains(&format!("id=\"type-{name}\"")), "{path}: {name}");
        }
        let packed = hub.get(&path).header("accept-encoding", "gzip").send().await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.len() < 60 * 1024, "{path} has {} bytes", packed.body.len());
    }
    assert_eq!(told, operations(&document).len());
    assert_eq!(hub.get("/docs/api/nothing").send().await.status, 404);
}

/// The arguments that a shell hands to `curl`.
fn in_a_shell(example: &str) -> Vec<String> {
    let script = format!("curl() {{ for each in \"$@\"; do printf '%s\\0' \"$each\"; done; }}\n{example}\n");
    let ran = Command::new("sh").arg("-c").arg(&script).env("MODELHUB_KEY", "mh_key").output().unwrap();
    assert!(ran.status.success(), "{example}: {}", String::from_utf8_lossy(&ran.stderr));
    let told = String::from_utf8(ran.stdout).unwrap();
    told.split_terminator('\0').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_shell_takes_each_example_as_it_stands() {
    let hub = TestHub::ready().await;
    let mut bodies = 0;
    for tag in document(&hub).await["tags"].as_array().unwrap() {
        let page = hub.get(&format!("/docs/api/{}", tag["name"].as_str().unwrap())).send().await.text().to_owned();
        for example in
            page.split("<code data-language=\"sh\">curl ").skip(1).filter_map(|rest| rest.split("</code>").next())
        {
            let plain = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
            let example = plain.iter().fold(format!("curl {example}"), |text, (from, to)| text.replace(from, to));
            let arguments = in_a_shell(&example);
            assert!(arguments.iter().any(|argument| argument.starts_with("https://hub.example/")), "{arguments:?}");
            if let Some(at) = arguments.iter().position(|argument| argument == "--data") {
                let body = &arguments[at + 1];
                assert!(body.is_empty() || serde_json::from_str::<Value>(body).is_ok(), "{body}");
                bodies += 1;
            }
        }
    }
    assert!(bodies > 30, "{bodies} examples send something");
}

#[tokio::test]
async fn the_list_is_narrowed_by_words_without_a_script() {
    let hub = TestHub::empty().await;
    let page = hub.get("/docs/api?q=revoke+KEY").send().await.text().to_owned();
    assert!(page.contains("#revoke_key\"") && !page.contains("#balance\""), "{page}");
    let page = hub.get("/docs/api?q=%3Cscript%3E").send().await.text().to_owned();
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;") && page.contains("0 operations"));
}

#[tokio::test]
async fn an_example_names_this_hub_and_a_model_that_is_there() {
    let hub = TestHub::ready().await;
    let page = hub.get("/docs/api/inference").send().await.text().to_owned();
    assert!(page.contains("https://hub.example/v2/models/alice/iris/infer"), "{page}");
    assert!(page.contains("\"name\": \"x\"") || page.contains("&quot;name&quot;: &quot;x&quot;"), "its contract");
    let empty = TestHub::empty().await;
    let page = empty.get("/docs/api/inference").send().await.text().to_owned();
    assert!(page.contains("https://hub.example/v2/models/OWNER/NAME/infer"));
}

#[tokio::test]
async fn agents_are_told_what_this_hub_is() {
    let hub = TestHub::empty().await;
    let answer = hub.get("/llms.txt").send().await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = answer.text();
    assert!(text.starts_with("# Test Hub\n\n> "), "{text}");
    for said in ["Anybody can make an account", "https://hub.example/api/v1/openapi.json", "/quote", "X-Max-Cost"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("play money"));
    // What it links to is there.
    for link in text.split("](https://hub.example").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        assert_eq!(hub.get(link).send().await.status, 200, "{link}");
    }
}
