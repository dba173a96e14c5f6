//! Every route, asked by every kind of caller, against the one table in `callers.txt`.
//!
//! Always: a route of the sources without a line in the table fails the test, and so does a line without a route; a line
//! says for each kind of caller the status of the answer. A refusal inside an answer that is told in parts counts as
//! what it says. The lines are asked in their order, on one hub.
//!
//! To add a route: a line in `callers.txt` for each object that makes a difference, and, where it takes a body, an arm
//! in [`body`]. The test prints the line as it was answered: read it before you believe it.

use std::collections::BTreeSet;
use std::path::Path;

use registry::Digest;
use serde_json::{Value, json};

use crate::hub::{Answer, TestHub, fitting};

/// Who asks, in the order of the table's columns.
const CALLERS: [&str; 9] = ["none", "stranger", "admitted", "reader", "writer", "admin", "owner", "operator", "lesser"];

/// What is uploaded as weights, and what is read of it.
const WEIGHTS: &[u8] = b"weights that are nobody's business";

/// One line of the table.
struct Line {
    method: String,
    path: String,
    /// The model of acme's that stands in the path, and what of it: `gated/model.onnx`, with `#range` for a part of it.
    object: String,
    /// What the owner's key can do; the lesser key can do anything else. `-`: no key is needed.
    scopes: String,
    statuses: Vec<u16>,
}

impl Line {
    fn read(text: &str) -> Line {
        let mut words = text.split_whitespace();
        let mut word = || words.next().unwrap_or_else(|| panic!("a word is missing: {text}")).to_owned();
        let (method, path, object, scopes) = (word(), word(), word(), word());
        let statuses = words.map(|status| status.parse().unwrap_or_else(|_| panic!("{text}"))).collect();
        Line { method, path, object, scopes, statuses }
    }

    fn written(&self, statuses: &[u16]) -> String {
        let Line { method, path, object, scopes, .. } = self;
        let statuses: Vec<_> = statuses.iter().map(ToString::to_string).collect();
        format!("{method:<6} {path:<75} {object:<20} {scopes:<12} {}", statuses.join(" "))
    }

    fn model(&self) -> &str {
        self.object.split(['/', '#']).next().filter(|model| *model != "-").unwrap_or("sealed")
    }

    /// The path of a file, for routes that have one.
    fn file(&self) -> &str {
        self.object.split_once('/').map_or("README.md", |(_, file)| file.split('#').next().unwrap_or(file))
    }
}

/// Every `.route(…)` in the sources of this crate, whichever router it is merged through: axum keeps no list.
pub(crate) fn routes() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for page in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for hidden in [".nest(", ".nest_service(", ".route_service(", ".fallback_service("] {
            assert!(!page.contains(hidden), "routes that come with {hidden} are not found here");
        }
        for piece in page.split(".route(\n").flat_map(|piece| piece.split(".route(")).skip(1) {
            // A call of something else by that name has no path.
            let Some(path) = piece.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            if !path.starts_with('/') {
                continue;
            }
            let mut depth = 1;
            let end = piece.find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            let piece = &piece[..end.unwrap_or(piece.len())];
            for method in ["get", "head", "post", "put", "patch", "delete", "any"] {
                let called = |(at, _): (usize, &str)| !piece[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                if piece.match_indices(&format!("{method}(")).any(called) {
                    assert!(
                        routes.insert((method.to_uppercase(), path.to_owned())),
                        "{method} {path} stands there twice"
                    );
                }
            }
        }
    }
    routes
}

fn sources(folder: &Path) -> Vec<String> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            pages.push(std::fs::read_to_string(path).unwrap());
        }
    }
    pages
}

/// A hub where acme has a model of each kind, and members in each role.
struct Scene {
    hub: TestHub,
    acme: String,
    keys: Vec<(&'static str, String)>,
}

impl Scene {
    async fn start() -> Scene {
        let hub = TestHub::empty().await;
        let account = async |handle: &str, kind: &str| {
            let body = json!({"handle": handle, "kind": kind});
            let made = hub.post("/api/v1/admin/accounts").key(&hub.operator).json(&body).await;
            made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned()
        };
        let acme = account("acme", "org").await;
        let mut keys = vec![("stranger", hub.bob.clone()), ("operator", hub.operator.clone())];
        for (caller, handle) in [("admitted", "eve"), ("reader", "rita"), ("writer", "walt"), ("admin", "ada")] {
            keys.push((caller, account(handle, "user").await));
            if caller != "admitted" {
                let path = format!("/api/v1/organisations/acme/members/{handle}");
                let answer = hub.ask("PUT", &path).key(&acme).json(&json!({"role": caller})).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        for caller in CALLERS {
            account(&format!("for-{caller}"), "user").await;
        }
        let scene = Scene { hub, acme, keys };
        for access in ["sealed", "gated", "open", "private"] {
            scene.publish(access).await;
        }
        let body = json!({"private": true});
        let path = "/api/models/acme/private/settings";
        let answer = scene.hub.ask("PUT", path).key(&scene.acme).json(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let path = "/api/v1/models/acme/gated/access/eve";
        let answer = scene.hub.ask("PUT", path).key(&scene.acme).json(&json!({"status": "accepted"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        scene
    }

    async fn publish(&self, name: &str) {
        let access = if name == "private" { "sealed" } else { name };
        let card = format!(
            "---\nlicense: mit\nmodelhub: {{ access: {access}, price: {{ per_call: \"0 OPG\" }} }}\n---\n# A\n"
        );
        let mut files = Vec::new();
        for (path, bytes) in [("model.onnx", WEIGHTS), ("README.md", card.as_bytes())] {
            let put = format!("/api/v1/uploads/acme/{}", Digest::of(bytes));
            let asking = self.hub.ask("PUT", &put).key(&self.acme).header("content-length", &bytes.len().to_string());
            let Value::Object(mut file) = asking.body(bytes.to_vec()).await.json() else { panic!("an object") };
            file.insert("path".to_owned(), path.into());
            files.push(file);
        }
        let body = json!({"model": format!("acme/{name}"), "files": files});
        let answer = self.hub.post("/api/v1/publish").key(&self.acme).json(&body).await;
        assert!(answer.text().contains("\"sealed\":true"), "{}", answer.text());
    }

    /// A key of acme's, or the operator's for what only the operator does, with these scopes.
    async fn key(&self, of: &str, scopes: &[&str]) -> String {
        let body = json!({"scopes": scopes});
        let made = self.hub.post("/api/v1/keys").key(of).json(&body).await;
        made.json()["key"].as_str().unwrap_or_else(|| panic!("{scopes:?}: {}", made.text())).to_owned()
    }

    /// The key that a caller of the table comes with.
    async fn key_of(&self, caller: &str, line: &Line) -> Option<String> {
        let all = ["read", "publish", "call", "money", "admin"];
        let needed: Vec<&str> = if line.scopes == "-" { vec!["read"] } else { line.scopes.split('+').collect() };
        let (of, known) = match needed.contains(&"admin") {
            true => (&self.hub.operator, &all[..]),
            false => (&self.acme, &all[..4]),
        };
        match caller {
            "none" => None,
            "owner" => {
                let needed: Vec<&str> = needed.into_iter().filter(|scope| *scope != "admin").collect();
                Some(self.key(&self.acme, if needed.is_empty() { &all[..4] } else { &needed }).await)
            }
            "lesser" => {
                let others: Vec<&str> = known.iter().copied().filter(|scope| !needed.contains(scope)).collect();
                Some(self.key(of, &others).await)
            }
            caller => self.keys.iter().find(|(known, _)| *known == caller).map(|(_, key)| key.clone()),
        }
    }

    async fn ask(&self, line: &Line, caller: &str) -> Answer {
        let method = if line.method == "ANY" { "GET" } else { &line.method };
        let mut asking = self.hub.ask(method, &filled(line, caller));
        if let Some(key) = self.key_of(caller, line).await {
            asking = asking.key(&key);
        }
        if line.object.ends_with("#range") {
            asking = asking.header("range", "bytes=3-6");
        }
        if line.path == "/mcp" {
            asking = asking.header("host", "hub").header("accept", "application/json, text/event-stream");
        }
        let (kind, body) = body(line, caller);
        if !kind.is_empty() {
            asking = asking.header("content-type", kind).header("content-length", &body.len().to_string());
        }
        asking.body(body).await
    }
}

fn filled(line: &Line, caller: &str) -> String {
    let (model, upload) = (line.model(), upload(caller));
    let revision = match (line.method.as_str(), line.path.as_str()) {
        ("POST" | "DELETE", path) if path.contains("/branch/") => format!("side-{caller}"),
        ("DELETE", path) if path.contains("/tag/") => format!("tag-{caller}"),
        _ => "main".to_owned(),
    };
    let path = line.path.replace("/{name}/info/lfs", "/{name}.git/info/lfs");
    let path = match path.starts_with("/api/v0/") {
        // Names stand in the caller's own namespace there.
        true => path.replace("{name}", &format!("plain-{}", if caller == "lesser" { "owner" } else { caller })),
        false => path.replace("{owner}/{name}", &format!("acme/{model}")).replace("{owner}", "acme"),
    };
    let query = match path.as_str() {
        "/api/v1/refunds" if line.method == "GET" => "?call=call_00000000000000000000000000",
        _ => "",
    };
    let path = path
        .replace("{release}", "1.00")
        .replace("{from}", "1.00")
        .replace("{to}", "1.00")
        .replace("{webhook}", "hook_9")
        .replace("{delivery}", "delivery_9")
        .replace("{version}", "1.00")
        .replace("{asset}", web::style_name())
        .replace("{chapter}", "money")
        .replace("{call}", "call_00000000000000000000000000")
        .replace("{key}", "key_00000000000000000000000000")
        .replace("{hold}", "hold_00000000000000000000000000")
        .replace("{month}", "2026-11")
        .replace("{sha256}", &Digest::of(upload.as_bytes()).to_string())
        .replace("{report}", "report_99")
        .replace("{invitation}", &"0".repeat(64))
        .replace("{passkey}", &"0".repeat(32))
        .replace("{wallet}", &format!("0x{}", "0".repeat(40)))
        .replace("{method}", "ModelStreamInfer")
        .replace("{revision}", &revision)
        .replace("{organisation}", "acme")
        // Each decides about somebody else.
        .replace("{handle}", &format!("for-{caller}"))
        .replace("{status}", "pending")
        .replace("{*path}", line.file())
        .replace("{*rest}", "what/ever");
    format!("{path}{query}")
}

/// What each caller hands in.
fn upload(caller: &str) -> String {
    format!("handed in by {caller}")
}

/// What is sent to a route, and as what. Where it can be, it is something that each caller may do once more after the
/// one before.
fn body(line: &Line, caller: &str) -> (&'static str, Vec<u8>) {
    let (model, name) = (line.model(), format!("acme/{}", line.model()));
    let json = |value: Value| ("application/json", value.to_string().into_bytes());
    match (line.method.as_str(), line.path.as_str()) {
        ("POST", path) if path.starts_with("/inference.GRPC") => {
            // Message 1 of a frame that is not packed; its first field is the model's name.
            let message = [&[0x0a, name.len() as u8], name.as_bytes()].concat();
            ("application/grpc", [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat())
        }
        ("POST", path) if path.ends_with("/infer") => json(fitting()),
        ("POST", path) if path.starts_with("/api/v1/run/") => json(json!({"inputs": ["a text"]})),
        ("POST", "/mcp") => {
            let inputs = fitting()["inputs"].clone();
            let arguments = json!({"model": name, "max_cost": "0", "tensors": inputs});
            let params = json!({"name": "call_model", "arguments": arguments});
            json(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        }
        ("POST", "/v1/embeddings") => json(json!({"model": name, "input": "a text"})),
        ("POST", "/api/v1/refunds") => {
            json(json!({"call": "call_00000000000000000000000000", "reason": "it was wrong"}))
        }
        ("POST", "/api/v1/webhooks") => json(json!({"url": "https://caller.example/", "account": "acme"})),
        ("POST", path) if path.ends_with("/yank") => json(json!({"reason": "it was wrong"})),
        ("PUT", path) if path.ends_with("/price") => json(json!({"price": {"per_call": "0 OPG"}})),
        ("PUT", "/api/v1/admin/notice") => json(json!({"days": 14})),
        ("PUT", "/api/v1/webhook") => json(json!({"url": "https://caller.example/"})),
        ("POST", "/api/v1/webhook/test") => json(json!({})),
        ("POST", "/api/v1/models/{owner}/{name}/releases") => json(json!({"dry_run": true})),
        ("PUT", "/api/v1/models/{owner}/{name}/trial") => {
            json(json!({"allowed": true, "budget": "0", "per_account": "0"}))
        }
        ("POST", "/api/v1/models/{owner}/{name}/access") => json(json!({"message": "please"})),
        ("PUT", "/api/v1/models/{owner}/{name}/access") => json(json!({"automatic": false})),
        ("PUT", "/api/v1/models/{owner}/{name}/access/{handle}") => json(json!({"status": "accepted"})),
        ("POST", "/api/v1/organisations") => json(json!({"handle": format!("of-{caller}")})),
        ("PUT", "/api/v1/organisations/{organisation}/members/{handle}") => json(json!({"role": "reader"})),
        ("POST", path) if path.starts_with("/api/v1/") && path.ends_with("/keys") => {
            json(json!({"scopes": line.scopes.split('+').collect::<Vec<_>>()}))
        }
        ("PUT", "/api/v1/uploads/{owner}/{sha256}") => ("application/octet-stream", upload(caller).into_bytes()),
        ("POST", "/api/v1/publish") => {
            let file = json!({"path": "model.onnx", "sha256": Digest::of(WEIGHTS), "size": WEIGHTS.len()});
            json(json!({"model": name, "files": [file], "price": {"per_call": "0 OPG"}, "dry_run": true}))
        }
        ("POST", "/api/v1/admin/accounts") => json(json!({"handle": format!("new-{caller}")})),
        ("POST", "/api/v1/admin/grants" | "/api/v1/admin/deposits" | "/api/v1/admin/payouts") => {
            // So that what is noted as paid in covers what is paid out and set aside.
            let amount = if line.path.ends_with("/deposits") { "0.002" } else { "0.001" };
            json(json!({"handle": "bob", "amount": amount, "reference": "for the table"}))
        }
        ("POST", "/api/v1/admin/holds") => {
            json(json!({"handle": "bob", "amount": "0.001", "days": 1, "reference": "for the table"}))
        }
        ("POST", "/api/v1/models/{owner}/{name}/reports") => json(json!({"reason": "spam"})),
        ("POST", "/{owner}/{name}/report") => ("application/x-www-form-urlencoded", b"reason=spam".to_vec()),
        ("POST", path) if path.ends_with("/dismiss") => json(json!({"text": "it is none"})),
        ("POST", path) if path.ends_with("/hide") || path.ends_with("/take-down") => {
            json(json!({"reason": "spam", "text": "for the table"}))
        }
        ("PUT", "/api/v1/admin/verified/{handle}") => json(json!({"note": "for the table"})),
        ("PUT", "/api/v1/admin/trial") => json(json!({"budget": "0"})),
        ("PUT", "/api/v1/admin/fee") => json(json!({"share": "10%"})),
        ("PUT", "/api/v1/admin/request-rates") => json(json!({})),
        ("POST", "/account/keys/{key}/rotate") => ("application/x-www-form-urlencoded", b"hours=24".to_vec()),
        ("POST", path) if path.starts_with("/api/v1/") && path.ends_with("/rotate") => json(json!({})),
        ("PUT", "/api/v1/admin/rate") => json(json!({"rate": "0.1"})),
        ("POST", "/api/models/{owner}/{name}/paths-info/{revision}") => json(json!({"paths": ["README.md"]})),
        ("POST", "/api/repos/create") => json(json!({"name": format!("by-{caller}"), "organization": "acme"})),
        ("DELETE", "/api/repos/delete") => json(json!({"name": model, "organization": "acme"})),
        ("POST", "/api/repos/move") => json(json!({"fromRepo": name, "toRepo": name, "type": "model"})),
        ("PUT", "/api/models/{owner}/{name}/settings") => json(json!({"private": model == "private"})),
        ("POST", "/api/models/{owner}/{name}/branch/{revision}") => json(json!({})),
        ("POST", "/api/models/{owner}/{name}/tag/{revision}") => json(json!({"tag": format!("tag-{caller}")})),
        ("POST", "/api/validate-yaml") => json(json!({"repoType": "model", "content": "# A card"})),
        ("POST", "/api/models/{owner}/{name}/preupload/{revision}") => {
            json(json!({"files": [{"path": "notes.txt", "size": 1, "sample": "eA=="}]}))
        }
        ("POST", "/api/models/{owner}/{name}/commit/{revision}") => {
            let file = json!({"path": "notes.txt", "content": "eA==", "encoding": "base64"});
            let lines =
                [json!({"key": "header", "value": {"summary": "Notes"}}), json!({"key": "file", "value": file})];
            ("application/x-ndjson", format!("{}\n{}\n", lines[0], lines[1]).into_bytes())
        }
        ("POST", "/{owner}/{name}/info/lfs/objects/batch") => {
            let object = json!({"oid": Digest::of(b"large"), "size": 5});
            json(json!({"operation": "upload", "transfers": ["basic"], "objects": [object]}))
        }
        ("PUT", "/{owner}/{name}/info/lfs/objects/{sha256}") => {
            ("application/octet-stream", upload(caller).into_bytes())
        }
        ("POST", "/{owner}/{name}/ask-access") => ("application/x-www-form-urlencoded", b"message=please".to_vec()),
        ("POST", path) if path.ends_with("user-access-request/handle") => {
            json(json!({"user": format!("for-{caller}"), "status": "pending"}))
        }
        ("POST", path) if path.ends_with("user-access-request/grant") => json(json!({"user": format!("for-{caller}")})),
        ("POST", "/api/v0/models/" | "/api/v0/models") => json(json!({"name": format!("plain-{caller}")})),
        ("POST", "/api/v0/models/{name}/versions") => json(json!({"notes": "", "is_major": false})),
        ("POST", path) if path.starts_with("/api/v0/") => {
            let head = "Content-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"";
            ("multipart/form-data; boundary=cut", format!("--cut\r\n{head}\r\n\r\nx\r\n--cut--\r\n").into_bytes())
        }
        ("PUT", "/api/v1/limits") => json(json!({})),
        ("POST" | "PUT", _) => json(json!({})),
        _ => ("", Vec::new()),
    }
}

/// The status of an answer; of one that is 200 whatever happens, that of the code it says.
fn status(answer: &Answer) -> u16 {
    let of = |word: &str| api::Code::ALL.iter().find(|code| code.word() == word).map(|code| code.status());
    let status = answer.status.as_u16();
    match answer.header("content-type") {
        "application/grpc" => of(answer.header("x-error-code")).unwrap_or(status),
        "application/x-ndjson" => {
            let last: Value = answer.text().lines().last().map(|line| serde_json::from_str(line).unwrap()).unwrap();
            last["error"]["code"].as_str().and_then(of).unwrap_or(status)
        }
        "application/json" if answer.text().starts_with("{\"jsonrpc\"") => {
            let code = &answer.json()["result"]["structuredContent"]["error"]["code"];
            code.as_str().and_then(of).unwrap_or(status)
        }
        _ => status,
    }
}

fn table() -> Vec<Line> {
    let lines = include_str!("callers.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Line::read).collect()
}

#[test]
fn every_route_stands_in_the_table_of_callers() {
    let (routes, table) = (routes(), table());
    assert!(routes.len() > 100, "{} routes are found: how are they written now?", routes.len());
    let known = |line: &Line| (line.method.clone(), line.path.clone());
    // What takes GET takes HEAD.
    let stands = |line: &Line| {
        let taken = if line.method == "HEAD" { "GET" } else { &line.method };
        routes.contains(&known(line)) || routes.contains(&(taken.to_owned(), line.path.clone()))
    };
    let gone: Vec<_> = table.iter().filter(|line| !stands(line)).map(|line| line.written(&[])).collect();
    assert!(gone.is_empty(), "lines of callers.txt that are no routes any more:\n{}", gone.join("\n"));
    let told: BTreeSet<_> = table.iter().map(known).collect();
    let missing: Vec<_> = routes.difference(&told).map(|(method, path)| format!("{method:<6} {path}")).collect();
    assert!(missing.is_empty(), "routes without a line in callers.txt:\n{}", missing.join("\n"));
}

#[tokio::test]
async fn every_kind_of_caller_is_answered_as_the_table_says() {
    let scene = Scene::start().await;
    let mut wrong = Vec::new();
    for line in table() {
        let mut statuses = Vec::new();
        for caller in CALLERS {
            let answer = scene.ask(&line, caller).await;
            let told = status(&answer);
            assert!(told != 500, "{} {} by {caller}: {}", line.method, line.path, answer.text());
            // What is refused says nothing of what it keeps.
            if told >= 400 {
                let kept = answer.body.windows(WEIGHTS.len()).any(|part| part == WEIGHTS);
                assert!(!kept, "{} {} by {caller} gave the weights away", line.method, line.path);
            }
            statuses.push(told);
        }
        if statuses != line.statuses {
            wrong.push(format!("- {}\n+ {}", line.written(&line.statuses), line.written(&statuses)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} lines are answered otherwise ({}):\n{}",
        wrong.len(),
        CALLERS.join(" "),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn a_bad_key_opens_nothing_that_needs_one() {
    let hub = TestHub::empty().await;
    // What needs a key says 401 to whoever has none. What is signed, has the key in a form or
    // tells agents says it for itself.
    let needs_one = |line: &Line| {
        let by_itself = matches!(line.path.as_str(), "/api/v1/deposits" | "/login/key" | "/mcp");
        line.statuses[0] == 401 && !by_itself && line.method != "ANY"
    };
    for line in table().iter().filter(|line| needs_one(line)) {
        let (kind, body) = body(line, "none");
        let asking = hub.ask(&line.method, &filled(line, "none")).key("mh_wrong").header("content-type", kind);
        let answer = asking.header("content-length", &body.len().to_string()).body(body).await;
        assert_eq!(status(&answer), 401, "{} {}: {}", line.method, line.path, answer.text());
        let told = answer.text().contains("not known here") || answer.header("x-error-code") == "bad_key";
        assert!(told || line.method == "HEAD", "{} {}: {}", line.method, line.path, answer.text());
    }
}
