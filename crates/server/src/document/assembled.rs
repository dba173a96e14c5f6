//! The tables, put together into one document.

use std::collections::BTreeMap;

use api::{ApiBody, Code, InferenceBody, OpenAiBody, Prefix};
use serde_json::{Map, Value, json};

use super::chapters::{Chapter, chapters};
use super::operation::{Answer, Body, Header, Operation, Parameter, Place, Shape, Who};
use super::written;

pub(super) fn document() -> Value {
    let mut schemas = Schemas::default();
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for Chapter { key, title, note, operations } in chapters() {
        tags.push(json!({"name": key, "summary": title, "description": note}));
        for operation in operations {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            let before = path
                .as_object_mut()
                .map(|path| path.insert(operation.method.to_owned(), written_down(operation, key, &mut schemas)));
            assert!(before.flatten().is_none(), "{} {} stands there twice", operation.method, operation.path);
        }
    }
    for (name, schema) in written::schemas() {
        schemas.0.insert(name.to_owned(), schema);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Model Hub",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The hub that this document comes from."}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.0,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "mh_ and 64 hexadecimal digits",
                    "description": "A key, made on /account/keys, with `modelhub key create` or by the hub's operator.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": crate::extract::SESSION,
                    "description": "A browser that is signed in. What changes something has to come from a page of this hub.",
                },
            },
        },
    })
}

const ABOUT: &str = "A registry, an inference service and a ledger in one: models are published, called for a price, and each \
                     call is split among its creators and receipted. Amounts are decimal strings in OPG, times RFC 3339 in \
                     UTC. Lists go on while they have `next`, which goes into `?cursor=`. Clients branch on the `code` of a \
                     refusal. Not described here: the interface of Hugging Face's clients, the `opengradient` SDK's, and \
                     gRPC, which have documents of their own.";

/// The schemas that are named.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// The shape's schema; what it names is noted.
    fn note(&mut self, shape: &Shape) -> Value {
        if let Some(collect) = shape.collect {
            let mut found = Vec::new();
            collect(&mut found);
            for (name, schema) in found {
                let schema = serde_json::to_value(schema).expect("schemas are JSON");
                self.0.insert(name, schema);
            }
        }
        shape.schema.clone()
    }
}

fn written_down(operation: &Operation, chapter: &str, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = operation.places().map(place).collect();
    parameters.extend(operation.parameters.iter().map(|given| parameter(given, schemas)));
    let mut responses = Map::new();
    for given in &operation.answers {
        responses.insert(given.status.to_string(), answer(given, schemas));
    }
    for (status, codes) in by_status(&operation.refusals()) {
        let refusal = refusal(operation, status, &codes, schemas);
        // An answer that says the same status for another reason comes first.
        responses.entry(status.to_string()).or_insert(refusal);
    }
    let mut whole = json!({
        "operationId": operation.id,
        "tags": [chapter],
        "summary": operation.summary,
        "responses": responses,
        "security": security(operation.who),
    });
    if !operation.description.is_empty() {
        whole["description"] = json!(operation.description);
    }
    if !parameters.is_empty() {
        whole["parameters"] = json!(parameters);
    }
    if !operation.bodies.is_empty() {
        whole["requestBody"] = body(&operation.bodies, schemas);
    }
    whole
}

fn place(place: &'static Place) -> Value {
    let schema = place.schema();
    json!({"name": place.name, "in": "path", "required": true, "description": place.what, "schema": schema})
}

fn parameter(given: &Parameter, schemas: &mut Schemas) -> Value {
    json!({
        "name": given.name,
        "in": given.place,
        "required": given.required,
        "description": given.what,
        "schema": schemas.note(&given.shape),
    })
}

fn body(bodies: &[Body], schemas: &mut Schemas) -> Value {
    let mut content = Map::new();
    for body in bodies {
        let mut media = json!({"schema": schemas.note(&body.shape)});
        if let Some(example) = &body.example {
            media["example"] = example.clone();
        }
        content.insert(body.media.to_owned(), media);
    }
    let what: Vec<_> = bodies.iter().map(|body| body.what).filter(|what| !what.is_empty()).collect();
    let mut whole = json!({"required": true, "content": content});
    if !what.is_empty() {
        whole["description"] = json!(what.join(" "));
    }
    whole
}

fn answer(given: &Answer, schemas: &mut Schemas) -> Value {
    let mut whole = json!({"description": given.what});
    if !given.content.is_empty() {
        let content: Map<String, Value> = given
            .content
            .iter()
            .map(|(media, shape)| ((*media).to_owned(), json!({"schema": schemas.note(shape)})))
            .collect();
        whole["content"] = Value::Object(content);
    }
    if !given.headers.is_empty() {
        let header = |header: &Header, schemas: &mut Schemas| json!({"description": header.what, "required": header.required, "schema": schemas.note(&header.shape)});
        let headers: Map<String, Value> =
            given.headers.iter().map(|given| (given.name.to_owned(), header(given, schemas))).collect();
        whole["headers"] = Value::Object(headers);
    }
    whole
}

/// Codes that share a status, in their order.
fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}

fn refusal(operation: &Operation, status: u16, codes: &[Code], schemas: &mut Schemas) -> Value {
    let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.word(), code.meaning())).collect();
    let mut whole = json!({"description": lines.join("\n\n")});
    if operation.method != "head" {
        let shape = problem_of(operation.path);
        whole["content"] = json!({"application/json": {"schema": schemas.note(&shape)}});
    }
    if codes.iter().any(|code| code.retry_after_s().is_some()) || status == 429 {
        let schema = json!({"type": "integer", "minimum": 0});
        whole["headers"] =
            json!({"Retry-After": {"description": "Seconds.", "required": status == 429, "schema": schema}});
    }
    if codes.contains(&Code::UploadOffset) || operation.method == "head" && codes.contains(&Code::UploadNotFound) {
        let schema = json!({"type": "integer", "minimum": 0});
        let what = "How many bytes of the file are here, if the refusal is about them.";
        whole["headers"] = json!({"Upload-Offset": {"description": what, "required": false, "schema": schema}});
    }
    whole
}

/// The form of refusals at this path.
pub(crate) fn problem_of(path: &str) -> Shape {
    match Prefix::of(path) {
        Prefix::Inference => Shape::of::<InferenceBody<'_>>(),
        Prefix::OpenAi => Shape::of::<OpenAiBody<'_>>(),
        _ => Shape::of::<ApiBody<'_>>(),
    }
}

fn security(who: Who) -> Value {
    match who {
        Who::Everybody | Who::Signer | Who::Page => json!([]),
        Who::Anybody => json!([{}, {"key": []}, {"session": []}]),
        Who::AnyKey => json!([{"key": []}, {"session": []}]),
        Who::Payer => json!([{"key": ["call"]}, {"session": []}]),
        Who::Key(scope) => json!([{"key": [scope]}, {"session": []}]),
    }
}
