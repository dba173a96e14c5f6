//! One operation of the interface: what stands in the tables of `chapters/`, and what follows from it.
//!
//! Always: what an operation has in common with all of its kind is said once, here: the codes of whoever needs a key,
//! of whatever has a body, of each place in a path. The tables say the rest.

use api::Code;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// Collects the schemas that another one names.
type Collect = fn(&mut Vec<(String, RefOr<Schema>)>);

/// What a value looks like: a word of `api`, or a schema of its own.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) schema: Value,
    pub(super) collect: Option<Collect>,
}

impl Shape {
    /// A word of `api`, by its name.
    pub(crate) fn of<T: ToSchema>() -> Shape {
        fn collect<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        Shape { schema: named(&T::name()), collect: Some(collect::<T>) }
    }

    pub(crate) fn written(schema: Value) -> Shape {
        Shape { schema, collect: None }
    }
}

/// A schema by its name.
pub(super) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody looks at a credential.
    Everybody,
    /// A credential is not needed; with one there is more to see.
    Anybody,
    /// Whoever has a key with this scope, or a session.
    Key(&'static str),
    /// Whoever has a key, whatever it is for.
    AnyKey,
    /// Whoever pays for it: without a key the answer says what it costs.
    Payer,
    /// The operator's tools, which sign what they send.
    Signer,
    /// Pages of this hub, before anybody is signed in.
    Page,
}

/// A parameter of the query or a header.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// `query`, `header` or `path`.
    pub(crate) place: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) what: &'static str,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) media: &'static str,
    pub(crate) shape: Shape,
    pub(crate) what: &'static str,
    /// One that is taken as it stands, of JSON.
    pub(crate) example: Option<Value>,
}

/// A header of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) what: &'static str,
}

/// What comes back when all is well.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) what: &'static str,
    pub(crate) content: Vec<(&'static str, Shape)>,
    pub(crate) headers: Vec<Header>,
}

/// A method of a path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// A name that stays: generated clients call their functions so.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) who: Who,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) answers: Vec<Answer>,
    codes: Vec<Code>,
}

fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let (description, who) = ("", Who::Everybody);
    let (parameters, bodies, answers, codes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Operation { method, path, id, summary, description, who, parameters, bodies, answers, codes }
}

pub(super) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation("get", path, id, summary)
}

pub(super) fn head(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation("head", path, id, summary)
}

pub(super) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation("post", path, id, summary)
}

pub(super) fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation("put", path, id, summary)
}

pub(super) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation("delete", path, id, summary)
}

impl Operation {
    /// What a summary has no room for.
    pub(super) fn says(self, description: &'static str) -> Operation {
        Operation { description, ..self }
    }

    pub(super) fn who(self, who: Who) -> Operation {
        Operation { who, ..self }
    }

    pub(super) fn query(self, name: &'static str, schema: Value, what: &'static str) -> Operation {
        self.parameter(Parameter { name, place: "query", required: false, shape: Shape::written(schema), what })
    }

    pub(super) fn query_of<T: ToSchema>(self, name: &'static str, what: &'static str) -> Operation {
        self.parameter(Parameter { name, place: "query", required: false, shape: Shape::of::<T>(), what })
    }

    pub(super) fn header_of<T: ToSchema>(self, name: &'static str, what: &'static str) -> Operation {
        self.parameter(Parameter { name, place: "header", required: false, shape: Shape::of::<T>(), what })
    }

    pub(super) fn header(self, name: &'static str, schema: Value, what: &'static str) -> Operation {
        self.parameter(Parameter { name, place: "header", required: false, shape: Shape::written(schema), what })
    }

    /// The last parameter has to be there.
    pub(super) fn needed(mut self) -> Operation {
        self.parameters.last_mut().expect("a parameter stands before").required = true;
        self
    }

    fn parameter(mut self, parameter: Parameter) -> Operation {
        self.parameters.push(parameter);
        self
    }

    /// A list that goes on, of so many items at most.
    pub(super) fn paged(self, most: u64, otherwise: u64) -> Operation {
        self.query("limit", limit(most, otherwise), "How many items at most.").query(
            "cursor",
            json!({"type": "string", "pattern": "^[0-9]{1,19}$"}),
            "The `next` of the page before.",
        )
    }

    /// A JSON body, and one that is taken.
    pub(super) fn takes<T: ToSchema>(mut self, example: Value) -> Operation {
        let (media, shape) = ("application/json", Shape::of::<T>());
        self.bodies.push(Body { media, shape, what: "", example: Some(example) });
        self
    }

    pub(super) fn takes_as(mut self, media: &'static str, schema: Value, what: &'static str) -> Operation {
        self.bodies.push(Body { media, shape: Shape::written(schema), what, example: None });
        self
    }

    pub(super) fn gives<T: ToSchema>(self, what: &'static str) -> Operation {
        self.gives_with::<T>(200, what)
    }

    pub(super) fn gives_with<T: ToSchema>(mut self, status: u16, what: &'static str) -> Operation {
        let content = vec![("application/json", Shape::of::<T>())];
        self.answers.push(Answer { status, what, content, headers: Vec::new() });
        self
    }

    /// An answer in another form than JSON, or another form of one.
    pub(super) fn gives_as(mut self, status: u16, media: &'static str, schema: Value, what: &'static str) -> Operation {
        let shape = Shape::written(schema);
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.content.push((media, shape)),
            None => self.answers.push(Answer { status, what, content: vec![(media, shape)], headers: Vec::new() }),
        }
        self
    }

    /// An answer without a body.
    pub(super) fn gives_nothing(mut self, status: u16, what: &'static str) -> Operation {
        self.answers.push(Answer { status, what, content: Vec::new(), headers: Vec::new() });
        self
    }

    /// A header of the last answer that is always there.
    pub(super) fn told(self, name: &'static str, shape: Shape, what: &'static str) -> Operation {
        self.told_or_not(name, shape, what, true)
    }

    /// A header of the last answer that may be there.
    pub(super) fn may_tell(self, name: &'static str, shape: Shape, what: &'static str) -> Operation {
        self.told_or_not(name, shape, what, false)
    }

    fn told_or_not(mut self, name: &'static str, shape: Shape, what: &'static str, required: bool) -> Operation {
        let answer = self.answers.last_mut().expect("an answer stands before its headers");
        answer.headers.push(Header { name, required, shape, what });
        self
    }

    /// What it may be refused for, beyond what all of its kind are.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Operation {
        self.codes.extend(codes);
        self
    }

    /// The places of its path.
    pub(crate) fn places(&self) -> impl Iterator<Item = &'static Place> {
        self.path.split('{').skip(1).filter_map(|rest| {
            let name = rest.split('}').next()?;
            Some(PLACES.iter().find(|place| place.name == name).unwrap_or_else(|| panic!("no place {{{name}}}")))
        })
    }

    /// All that it may be refused for, in the order of the statuses, each once.
    pub(crate) fn refusals(&self) -> Vec<Code> {
        let mut codes = self.codes.clone();
        let changes = self.method != "get" && self.method != "head";
        match self.who {
            Who::Everybody => {}
            Who::Anybody => codes.extend([Code::InvalidRequest, Code::BadKey]),
            Who::Payer => codes.extend([Code::InvalidRequest, Code::NoKey, Code::BadKey, Code::PaymentRequired]),
            Who::AnyKey | Who::Key(_) => {
                codes.extend([Code::InvalidRequest, Code::NoKey, Code::BadKey, Code::SessionOver]);
            }
            Who::Signer => codes.extend([Code::InvalidRequest, Code::BadSignature]),
            Who::Page => codes.extend([Code::InvalidRequest, Code::CrossOrigin]),
        }
        if matches!(self.who, Who::Key(_) | Who::Payer) {
            codes.extend([Code::ScopeMissing, Code::Forbidden]);
        }
        if changes && !matches!(self.who, Who::Everybody | Who::Signer) {
            codes.push(Code::CrossOrigin);
        }
        if !self.bodies.is_empty() {
            codes.extend([Code::InvalidRequest, Code::BodyTooLarge, Code::UnsupportedMediaType]);
        }
        if self.parameters.iter().any(|parameter| parameter.place == "query") || self.path.contains('{') {
            codes.push(Code::InvalidRequest);
        }
        // The owner of a model that is named is part of its name.
        let of_model = self.path.contains("{owner}/{name}");
        codes
            .extend(self.places().filter(|place| !of_model || place.name != "owner").filter_map(|place| place.missing));
        if of_model {
            codes.push(Code::TakenDown);
        }
        if !matches!(self.who, Who::Everybody | Who::Signer) {
            codes.push(Code::TooManyAttempts);
        }
        // Whether the hub is there may be asked as often as one likes.
        if !self.path.starts_with("/v2/health/") {
            codes.push(Code::RateLimited);
        }
        // What asks nothing of anybody cannot fail.
        if self.who != Who::Everybody || self.path.contains('{') || !self.bodies.is_empty() {
            codes.push(Code::Internal);
            codes.extend(changes.then_some(Code::BooksUnavailable));
            codes.extend((changes || of_model).then_some(Code::StorageUnavailable));
        }
        Code::ALL.iter().copied().filter(|code| codes.contains(code)).collect()
    }
}

fn limit(most: u64, otherwise: u64) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most, "default": otherwise})
}

/// What stands for something in a path.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) what: &'static str,
    /// What it is refused with when there is no such thing, or it is none.
    pub(crate) missing: Option<Code>,
}

const ID: &str = "[0-7][0-9a-hjkmnp-tv-z]{25}$";

const fn place(name: &'static str, pattern: &'static str, what: &'static str, missing: Option<Code>) -> Place {
    Place { name, pattern, what, missing }
}

/// All of them. Patterns that are ids are put together where the document is.
pub(crate) const PLACES: &[Place] = &[
    place("owner", "^[a-z0-9]+(-[a-z0-9]+)*$", "A handle.", Some(Code::AccountNotFound)),
    place("name", "^[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$", "A model's name.", Some(Code::ModelNotFound)),
    place("release", r"^[1-9][0-9]{0,9}\.[0-9]{2,10}$", "A release's number.", Some(Code::ReleaseNotFound)),
    place("from", r"^[1-9][0-9]{0,9}\.[0-9]{2,10}$", "The older release.", Some(Code::ReleaseNotFound)),
    place("to", r"^[1-9][0-9]{0,9}\.[0-9]{2,10}$", "The newer release.", Some(Code::ReleaseNotFound)),
    place("handle", "^[a-z0-9]+(-[a-z0-9]+)*$", "An account's handle.", Some(Code::AccountNotFound)),
    place("organisation", "^[a-z0-9]+(-[a-z0-9]+)*$", "An organisation's handle.", Some(Code::AccountNotFound)),
    place("month", r"^[0-9]{4}-[0-9]{2}(\.csv)?$", "A month of UTC; with `.csv` as a table.", None),
    place("call", "call", "A call's id.", Some(Code::ReceiptNotFound)),
    place("key", "key", "A key's id.", Some(Code::KeyNotFound)),
    place("hold", "hold", "A hold's id.", Some(Code::HoldNotFound)),
    place("webhook", "^hook_[0-9]{1,19}$", "A webhook's id.", Some(Code::WebhookNotFound)),
    place("delivery", "^delivery_[0-9]{1,19}$", "A message's id.", Some(Code::DeliveryNotFound)),
    place("report", "^report_[0-9]{1,19}$", "A report's id.", Some(Code::ReportNotFound)),
    place("passkey", "^([0-9a-f]{2}){1,256}$", "A passkey's id.", Some(Code::WayNotFound)),
    place("wallet", "^0x[0-9a-fA-F]{40}$", "A wallet's address.", Some(Code::WayNotFound)),
    place("invitation", "^[0-9a-f]{64}$", "An invitation's id.", Some(Code::WayNotFound)),
    place("sha256", "^[0-9a-f]{64}$", "The SHA-256 of the file.", Some(Code::UploadNotFound)),
];

impl Place {
    pub(crate) fn schema(&self) -> Value {
        let pattern = match self.pattern.strip_prefix('^') {
            Some(_) => self.pattern.to_owned(),
            None => format!("^{}_{ID}", self.pattern),
        };
        let mut schema = json!({"type": "string", "pattern": pattern});
        if matches!(self.name, "owner" | "handle" | "organisation") {
            schema["maxLength"] = json!(39);
        }
        schema
    }
}
