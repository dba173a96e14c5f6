//! One problem, rendered as each prefix's clients expect it.

use serde::Serialize;

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
        } else if under("/api") || under("/.well-known") || under("/metrics") {
            Prefix::Api
        } else {
            Prefix::Page
        }
    }
}

#[derive(Serialize)]
struct Words<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct ApiBody<'a> {
    error: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'a Quote>,
}

#[derive(Serialize)]
struct InferenceBody<'a> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'a Quote>,
}

/// `param` is what their clients look for; which field it was stands in the message.
#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiWords<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'a Quote>,
}

#[derive(Serialize)]
struct OpenAiWords<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
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
        Problem { code, message: message.into(), hint: None, quote: None }
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

    /// The JSON body for clients of `prefix`. Pages and gRPC have no JSON form; theirs is that of `/api/v1`.
    pub fn json(&self, prefix: Prefix) -> Vec<u8> {
        let (code, message, hint) = (self.code.word(), self.message.as_str(), self.hint.as_deref());
        let quote = self.quote.as_deref();
        match prefix {
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
            Prefix::Api | Prefix::Page | Prefix::Grpc => {
                serde_json::to_vec(&ApiBody { error: Words { code, message, hint }, quote })
            }
        }
        .expect("texts are always JSON")
    }
}

impl Serialize for ErrorLine<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Problem { code, message, hint, quote } = self.0;
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
            ("/.well-known/modelhub", Prefix::Api),
            ("/", Prefix::Page),
            ("/alice/v2", Prefix::Page),
        ] {
            assert_eq!(Prefix::of(path), prefix, "{path}");
        }
    }
}
