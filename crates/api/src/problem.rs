//! One problem, rendered as each prefix's clients expect it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{Code, Quote};

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The word that clients branch on, and the status.
    pub code: Code,
    /// Which value broke which rule.
    pub message: String,
    /// What to do about it, where that is more than the message says.
    pub hint: Option<String>,
    /// What it would cost, for those who have not paid.
    pub quote: Option<Box<Quote>>,
    /// When trying again makes sense, where that is known better than the code says.
    pub wait_s: Option<u32>,
}

/// Whose clients read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `/api/v1`, `/.well-known`, `/metrics`: ours.
    Api,
    /// `/v2`: the Open Inference Protocol, whose clients read the text at `error`.
    Inference,
    /// `/v1`: what clients made for OpenAI read.
    OpenAi,
    /// The same protocol over gRPC, whose clients read a status. It is made elsewhere.
    Grpc,
    /// `/api/v0`: the `opengradient` SDK, which shows the text at `detail` and nothing else.
    OpenGradient,
    /// What clients made for Hugging Face's hub read: the text at `error`. Their headers are made elsewhere.
    HuggingFace,
    /// `/mcp`: agents, whose refusals are made where their messages are read.
    Mcp,
    /// Everything else: people. The page is made elsewhere.
    Page,
}

impl Prefix {
    /// Whose clients ask for this path.
    pub fn of(path: &str) -> Prefix {
        let under =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if under("/v2") {
            Prefix::Inference
        } else if under("/v1") {
            Prefix::OpenAi
        } else if under("/inference.GRPCInferenceService") {
            Prefix::Grpc
        } else if under("/api/v1") || path == "/api" || under("/.well-known") || under("/metrics") {
            Prefix::Api
        } else if under("/api/v0") {
            Prefix::OpenGradient
        } else if path == "/mcp" {
            Prefix::Mcp
        } else if under("/api") || under("/datasets") || under("/spaces") || is_raw(path) {
            Prefix::HuggingFace
        } else {
            Prefix::Page
        }
    }
}

/// `/{owner}/{name}/resolve/…`, `/{owner}/{name}/ask-access` and `/{owner}/{name}.git/…`, and the first without an owner.
fn is_raw(path: &str) -> bool {
    let mut segments = path.split('/').skip(2);
    let (second, third) = (segments.next().unwrap_or_default(), segments.next());
    third.is_some_and(|third| {
        matches!(third, "resolve" | "ask-access") || second == "resolve" || second.ends_with(".git")
    })
}

/// What a refusal of `/api/v1` says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemWords)]
pub struct Words<'a> {
    #[schema(value_type = Code)]
    code: &'a str,
    /// Which value broke which rule.
    message: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Why a request got no answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ApiBody<'a> {
    #[schema(value_type = Words)]
    error: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Quote>)]
    quote: Option<&'a Quote>,
}

/// The same of the Open Inference Protocol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InferenceProblem)]
pub struct InferenceBody<'a> {
    /// Which value broke which rule.
    error: &'a str,
    #[schema(value_type = Code)]
    code: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Quote>)]
    quote: Option<&'a Quote>,
}

#[derive(Serialize)]
struct OpenGradientBody<'a> {
    detail: &'a str,
    code: &'a str,
}

/// As OpenAI's clients read it. `param` is what they look for; which field it was stands in the message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiProblem)]
pub struct OpenAiBody<'a> {
    #[schema(value_type = OpenAiWords)]
    error: OpenAiWords<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Quote>)]
    quote: Option<&'a Quote>,
}

/// What such a refusal says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiProblemWords)]
pub struct OpenAiWords<'a> {
    /// Which value broke which rule.
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    #[schema(value_type = Code)]
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// The last line of a stream that ended badly: what [`Prefix::Api`] answers, on a line of its own.
#[derive(Debug)]
pub struct ErrorLine<'a>(pub &'a Problem);

impl Problem {
    /// A problem without advice.
    pub fn new(code: Code, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), hint: None, quote: None, wait_s: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..self }
    }

    /// The same with what it would cost.
    #[must_use]
    pub fn quote(self, quote: Quote) -> Problem {
        Problem { quote: Some(Box::new(quote)), ..self }
    }

    /// The same with the time after which trying again makes sense.
    #[must_use]
    pub fn wait(self, seconds: u32) -> Problem {
        Problem { wait_s: Some(seconds), ..self }
    }

    /// Message and advice in one, for clients that show one text alone.
    pub fn advised(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// The seconds for the header `Retry-After`.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.wait_s.or(self.code.retry_after_s())
    }

    /// The JSON body for clients of `prefix`. Pages, agents and gRPC have no JSON form; theirs is that of `/api/v1`.
    pub fn json(&self, prefix: Prefix) -> Vec<u8> {
        let (code, message, hint) = (self.code.word(), self.message.as_str(), self.hint.as_deref());
        let quote = self.quote.as_deref();
        match prefix {
            // These two show nothing but one text, so the advice is part of it.
            Prefix::OpenGradient => {
                let advised = hint.map(|hint| format!("{message}; {hint}"));
                serde_json::to_vec(&OpenGradientBody { detail: advised.as_deref().unwrap_or(message), code })
            }
            Prefix::HuggingFace => {
                let advised = hint.map(|hint| format!("{message}; {hint}"));
                let error = advised.as_deref().unwrap_or(message);
                serde_json::to_vec(&InferenceBody { error, code, hint: None, quote })
            }
            Prefix::Inference => serde_json::to_vec(&InferenceBody { error: message, code, hint, quote }),
            Prefix::OpenAi => {
                let r#type = match self.code.status() {
                    401 => "authentication_error",
                    402 => "insufficient_quota",
                    403 => "permission_error",
                    429 => "rate_limit_error",
                    400..500 => "invalid_request_error",
                    _ => "server_error",
                };
                serde_json::to_vec(&OpenAiBody {
                    error: OpenAiWords { message, r#type, param: None, code, hint },
                    quote,
                })
            }
            Prefix::Api | Prefix::Mcp | Prefix::Page | Prefix::Grpc => {
                serde_json::to_vec(&ApiBody { error: Words { code, message, hint }, quote })
            }
        }
        .expect("texts are always JSON")
    }
}

impl Serialize for ErrorLine<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Problem { code, message, hint, quote, .. } = self.0;
        let error = Words { code: code.word(), message, hint: hint.as_deref() };
        ApiBody { error, quote: quote.as_deref() }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(problem: &Problem, prefix: Prefix) -> String {
        String::from_utf8(problem.json(prefix)).unwrap()
    }

    #[test]
    fn each_prefix_has_its_form() {
        let bare = Problem::new(Code::ModelNotFound, "there is no model \"a/b\"");
        assert_eq!(
            text(&bare, Prefix::Api),
            r#"{"error":{"code":"model_not_found","message":"there is no model \"a/b\""}}"#
        );
        assert_eq!(text(&bare, Prefix::Inference), r#"{"error":"there is no model \"a/b\"","code":"model_not_found"}"#);
        assert_eq!(
            text(&bare, Prefix::OpenAi),
            concat!(
                r#"{"error":{"message":"there is no model \"a/b\"","type":"invalid_request_error","param":null,"#,
                r#""code":"model_not_found"}}"#
            )
        );
        let advised = bare.hint("look at /");
        assert!(text(&advised, Prefix::Api).ends_with(r#","hint":"look at /"}}"#));
        assert!(text(&advised, Prefix::Inference).ends_with(r#","code":"model_not_found","hint":"look at /"}"#));
        assert_eq!(
            text(&advised, Prefix::HuggingFace),
            r#"{"error":"there is no model \"a/b\"; look at /","code":"model_not_found"}"#
        );
        assert_eq!(
            text(&advised, Prefix::OpenGradient),
            r#"{"detail":"there is no model \"a/b\"; look at /","code":"model_not_found"}"#
        );
        assert_eq!(serde_json::to_string(&ErrorLine(&advised)).unwrap(), text(&advised, Prefix::Api));
    }

    #[test]
    fn prefixes_end_where_a_segment_ends() {
        for (path, prefix) in [
            ("/v2", Prefix::Inference),
            ("/v2/models/a/b/infer", Prefix::Inference),
            ("/v2x", Prefix::Page),
            ("/v1/embeddings", Prefix::OpenAi),
            ("/v1x", Prefix::Page),
            ("/inference.GRPCInferenceService/ModelInfer", Prefix::Grpc),
            ("/inference.GRPCInferenceServices/ModelInfer", Prefix::Page),
            ("/api/v1/account", Prefix::Api),
            ("/api", Prefix::Api),
            ("/apix/y", Prefix::Page),
            ("/mcp", Prefix::Mcp),
            ("/mcp/x", Prefix::Page),
            ("/.well-known/modelhub", Prefix::Api),
            ("/api/v1", Prefix::Api),
            ("/api/v0/models/", Prefix::OpenGradient),
            ("/api/v0", Prefix::OpenGradient),
            ("/api/v0x", Prefix::HuggingFace),
            ("/api/v1x", Prefix::HuggingFace),
            ("/api/models/alice/iris", Prefix::HuggingFace),
            ("/api/whoami-v2", Prefix::HuggingFace),
            ("/datasets/alice/flowers/resolve/main/x", Prefix::HuggingFace),
            ("/alice/iris/resolve/main/a/b", Prefix::HuggingFace),
            ("/iris/resolve/main/a", Prefix::HuggingFace),
            ("/alice/iris.git/info/lfs/objects/batch", Prefix::HuggingFace),
            ("/alice/resolve", Prefix::Page),
            ("/alice/iris.git", Prefix::Page),
            ("/alice/iris/resolved/x", Prefix::Page),
            ("/", Prefix::Page),
            ("/alice/v2", Prefix::Page),
        ] {
            assert_eq!(Prefix::of(path), prefix, "{path}");
        }
    }
}
