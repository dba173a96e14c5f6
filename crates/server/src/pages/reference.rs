//! `/docs/api`: the interface, to be read; drawn from the same tables and schemas as its document.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, VARY};
use axum::http::request::Parts;
use axum::response::Response;
use hub::Hub;
use serde_json::Value;

use crate::document::{self, Operation, Shape, Who, problem_of, schemas};
use crate::extract::{AnyCaller, parameter};
use crate::hf::base::Base;
use crate::hf::query::Fields;
use crate::packing::Packing;
use crate::problem::Refused;

/// More than anybody types.
const MAX_QUERY: usize = 100;
/// What stands in examples where the hub has no model.
const NO_MODEL: &str = "OWNER/NAME";

/// `GET /docs/api?q=`
pub(crate) async fn show(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    fields: Fields,
    headers: HeaderMap,
) -> Response {
    let query: String = fields.last("q").unwrap_or_default().trim().chars().take(MAX_QUERY).collect();
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let fits = |operation: &&Operation| {
        let text = format!("{} {} {}", operation.method, operation.path, operation.summary).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    let chapters = document::chapters().iter().map(|chapter| web::ReferenceChapter {
        key: chapter.key.to_owned(),
        title: chapter.title.to_owned(),
        note: chapter.note.to_owned(),
        lines: chapter.operations.iter().filter(fits).map(line).collect(),
    });
    let page = web::reference(&web::Reference {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        chapters: chapters.filter(|chapter| !chapter.lines.is_empty()).collect(),
        query,
        codes: api::Code::ALL
            .iter()
            .map(|code| (code.status(), code.word().to_owned(), code.meaning().to_owned()))
            .collect(),
    });
    packed(page, &headers)
}

/// `{chapter}`
pub(crate) struct Which(&'static document::Chapter);

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Which, Refused> {
        let key: String = parameter(parts, "chapter", api::Code::NotFound).await?;
        let found = document::chapters().iter().find(|chapter| chapter.key == key);
        let missing =
            || api::Problem::new(api::Code::NotFound, format!("there is no chapter \"{}\"", crate::edge::clip(&key)));
        found.map(Which).ok_or_else(|| missing().hint("/docs/api lists them").into())
    }
}

/// `GET /docs/api/{chapter}`
pub(crate) async fn chapter(
    State(hub): State<Hub>,
    AnyCaller(viewer): AnyCaller,
    Base(url): Base,
    Which(chapter): Which,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    // Examples name a model that is there.
    let model = hub.listing(0, 1).await?.into_iter().next();
    let real = Real {
        url,
        model: model.as_ref().map_or_else(|| NO_MODEL.to_owned(), |model| model.release.model.name.to_string()),
        release: model.as_ref().map_or_else(|| "1.00".to_owned(), |model| model.release.number.to_string()),
        inputs: model.and_then(|model| super::examples::inputs(&model.release.contract.signature)),
    };
    let page = web::reference_chapter(&web::Chapter {
        chrome: super::chrome_for(&hub, viewer.as_ref()),
        key: chapter.key.to_owned(),
        title: chapter.title.to_owned(),
        note: chapter.note.to_owned(),
        chapters: document::chapters().iter().map(|one| (one.key.to_owned(), one.title.to_owned())).collect(),
        operations: chapter.operations.iter().map(|one| operation(one, &real)).collect(),
        types: types(chapter),
    });
    Ok(packed(page, &headers))
}

/// These pages are long, and say the same words often.
fn packed(page: String, headers: &HeaderMap) -> Response {
    match Packing::accepted(headers) {
        None => super::html(page),
        Some(packing) => {
            let mut response = super::html(String::new());
            *response.body_mut() = packing.pack(page.as_bytes()).into();
            response.headers_mut().insert(CONTENT_ENCODING, packing.header());
            response.headers_mut().insert(VARY, axum::http::HeaderValue::from_static("accept-encoding, cookie"));
            response
        }
    }
}

fn line(operation: &Operation) -> web::ReferenceLine {
    web::ReferenceLine {
        id: operation.id.to_owned(),
        method: operation.method.to_uppercase(),
        path: operation.path.to_owned(),
        summary: operation.summary.to_owned(),
    }
}

fn operation(of: &Operation, real: &Real) -> web::Operation {
    let places = of.places().map(|place| web::Field {
        name: place.name.to_owned(),
        place: "path".to_owned(),
        kind: kind(&place.schema()),
        required: true,
        what: place.what.to_owned(),
    });
    let given = of.parameters.iter().map(|parameter| web::Field {
        name: parameter.name.to_owned(),
        place: parameter.place.to_owned(),
        kind: kind(&parameter.shape.schema),
        required: parameter.required,
        what: parameter.what.to_owned(),
    });
    let content = |content: &[(&str, Shape)]| {
        content.iter().map(|(media, shape)| ((*media).to_owned(), kind(&shape.schema))).collect()
    };
    let mut refusals: Vec<(u16, Vec<String>)> = Vec::new();
    for code in of.refusals() {
        let word = code.word().to_owned();
        match refusals.last_mut().filter(|(status, _)| *status == code.status()) {
            Some((_, words)) => words.push(word),
            None => refusals.push((code.status(), vec![word])),
        }
    }
    web::Operation {
        line: line(of),
        description: of.description.to_owned(),
        who: who(of.who),
        parameters: places.chain(given).collect(),
        bodies: of.bodies.iter().map(|body| (body.media.to_owned(), kind(&body.shape.schema))).collect(),
        answers: of
            .answers
            .iter()
            .map(|answer| web::Answered {
                status: answer.status,
                what: answer.what.to_owned(),
                content: content(&answer.content),
                headers: answer
                    .headers
                    .iter()
                    .map(|header| web::Field {
                        name: header.name.to_owned(),
                        place: "header".to_owned(),
                        kind: kind(&header.shape.schema),
                        required: header.required,
                        what: header.what.to_owned(),
                    })
                    .collect(),
            })
            .collect(),
        refusals,
        example: real.curl(of),
    }
}

fn who(who: Who) -> String {
    match who {
        Who::Everybody => "For everybody.".to_owned(),
        Who::Anybody => "For everybody; with a key that reads, also what is private.".to_owned(),
        Who::AnyKey => "With any key.".to_owned(),
        Who::Payer => "With a key that may “call”; without one it says what it costs.".to_owned(),
        Who::Key(scope) => format!("With a key that may “{scope}”."),
        Who::Signer => "Signed by the operator’s tools.".to_owned(),
        Who::Page => "For the pages of this hub.".to_owned(),
    }
}

/// The types that are named in a chapter, and those that they name, by name.
fn types(chapter: &document::Chapter) -> Vec<web::Type> {
    let mut names = BTreeSet::new();
    for operation in &chapter.operations {
        let bodies = operation.bodies.iter().map(|body| &body.shape);
        let parameters = operation.parameters.iter().map(|parameter| &parameter.shape);
        let contents = operation.answers.iter().flat_map(|answer| answer.content.iter().map(|(_, shape)| shape));
        let headers = operation.answers.iter().flat_map(|answer| answer.headers.iter().map(|header| &header.shape));
        let problem = problem_of(operation.path);
        for shape in bodies.chain(parameters).chain(contents).chain(headers).chain([&problem]) {
            note(&shape.schema, &mut names);
        }
    }
    names.iter().map(|name| described(name)).collect()
}

/// The names in a schema, and in what they name.
fn note(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(name) = named(schema)
                && names.insert(name.to_owned())
            {
                note(&schemas()[name], names);
            }
            fields.values().for_each(|value| note(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| note(item, names)),
        _ => {}
    }
}

fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn described(name: &str) -> web::Type {
    let schema = &schemas()[name];
    let mut fields = Vec::new();
    let parts = schema["allOf"].as_array().into_iter().flatten();
    for part in parts.chain([schema]) {
        // What is part of another one is shown as if it stood there.
        let part = named(part).map_or(part, |name| &schemas()[name]);
        let required = part["required"].as_array();
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            fields.push(web::Field {
                name: name.clone(),
                place: String::new(),
                kind: kind(field),
                required: required.is_some_and(|required| required.iter().any(|known| known == name)),
                what: said(field),
            });
        }
    }
    let mut form = if schema["type"] == "string" { written(schema) } else { String::new() };
    if let Some(example) = schema["examples"][0].as_str() {
        form = format!("{form}; like {example}");
    }
    let what = schema["description"].as_str().unwrap_or_default().to_owned();
    web::Type { name: name.to_owned(), what, form, fields }
}

/// What is said of a field; of one that may be null it stands at what else it may be.
fn said(field: &Value) -> String {
    let choices = field["oneOf"].as_array().into_iter().flatten();
    let mut all = [field].into_iter().chain(choices);
    all.find_map(|one| one["description"].as_str()).unwrap_or_default().to_owned()
}

/// What a value looks like, in words.
fn kind(schema: &Value) -> web::Kind {
    let plain = |before: String| web::Kind { before, ..web::Kind::default() };
    if let Some(name) = named(schema) {
        return web::Kind { named: Some(name.to_owned()), ..web::Kind::default() };
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let null = choices.iter().any(|choice| choice["type"] == "null");
        let mut others = choices.iter().filter(|choice| choice["type"] != "null").map(kind);
        let first = others.next().unwrap_or_default();
        let behind = others.fold(first.behind, |behind, other| {
            format!("{behind} or {}{}{}", other.before, other.named.unwrap_or_default(), other.behind)
        });
        let behind = if null { format!("{behind}, or null") } else { behind };
        return web::Kind { behind, ..first };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let null = if types.contains(&"null") { ", or null" } else { "" };
    match types.iter().find(|kind| **kind != "null") {
        Some(&"array") => {
            let item = kind(&schema["items"]);
            let most = schema["maxItems"].as_u64().map(|most| format!(", {most} at most")).unwrap_or_default();
            web::Kind {
                before: format!("list of {}", item.before),
                behind: format!("{}{most}{null}", item.behind),
                ..item
            }
        }
        Some(&"string") => plain(format!("{}{null}", written(schema))),
        Some(kind @ (&"integer" | &"number")) => {
            let word = if *kind == "integer" { "whole number" } else { "number" };
            let bounds = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!(" from {least} to {most}"),
                _ => String::new(),
            };
            let otherwise = schema["default"].as_u64().map(|value| format!(", else {value}")).unwrap_or_default();
            plain(format!("{word}{bounds}{otherwise}{null}"))
        }
        Some(&"boolean") => plain(format!("true or false{null}")),
        Some(&"object") => plain(format!("object{null}")),
        _ => plain("any value".to_owned()),
    }
}

/// A text and what it keeps to.
fn written(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        // The words of refusals stand in a table of their own.
        return if words.len() > 40 { "a word of the table".to_owned() } else { format!("text: {}", words.join(", ")) };
    }
    if schema["contentMediaType"].is_string() {
        return "bytes".to_owned();
    }
    let form = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some(format), _) => format!(", {format}"),
        (None, Some(pattern)) => format!(", {pattern}"),
        _ => String::new(),
    };
    let most = schema["maxLength"].as_u64().map(|most| format!(", {most} characters at most")).unwrap_or_default();
    format!("text{form}{most}")
}

/// What is really there, for examples.
struct Real {
    url: String,
    /// `owner/name`
    model: String,
    release: String,
    /// A body that fits the model, as JSON.
    inputs: Option<String>,
}

impl Real {
    /// A call that runs as it stands, with a key in the environment.
    fn curl(&self, operation: &Operation) -> String {
        let (owner, name) = self.model.split_once('/').unwrap_or(("OWNER", "NAME"));
        let mut path = operation.path.to_owned();
        for place in operation.places() {
            let value = match place.name {
                "owner" => owner,
                "name" => name,
                "release" | "from" | "to" => &self.release,
                "month" => "2026-11",
                // Their ids are their owners' own.
                other => &other.to_uppercase(),
            };
            path = path.replace(&format!("{{{}}}", place.name), value);
        }
        let needed = operation.parameters.iter().filter(|parameter| parameter.required && parameter.place == "query");
        let query: Vec<_> = needed.map(|needed| format!("{}={}", needed.name, needed.name.to_uppercase())).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let address = format!("{}{path}{query}", self.url);
        let mut lines = vec![match operation.method {
            "get" | "post" => format!("curl \"{address}\""),
            "head" => format!("curl --head \"{address}\""),
            method => format!("curl -X {} \"{address}\"", method.to_uppercase()),
        }];
        if !matches!(operation.who, Who::Everybody | Who::Signer | Who::Page) {
            lines.push("-H \"Authorization: Bearer $MODELHUB_KEY\"".to_owned());
        }
        match operation.bodies.first() {
            None if operation.method == "post" => lines.push("--data \"\"".to_owned()),
            None => {}
            Some(body) => {
                lines.push(format!("-H \"Content-Type: {}\"", body.media));
                match &body.example {
                    None => lines.push("--data-binary @FILE".to_owned()),
                    Some(example) => {
                        let fitting = self.inputs.clone().filter(|_| operation.path.ends_with("/infer"));
                        let body = fitting.unwrap_or_else(|| example.to_string());
                        // A quote ends the shell's text, stands for itself, and begins it again.
                        lines.push(format!("--data '{}'", body.replace('\'', "'\\''")));
                    }
                }
            }
        }
        lines.join(" \\\n  ")
    }
}
