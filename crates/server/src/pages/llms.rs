//! `/llms.txt`: what this hub is, for programs that read (<https://llmstxt.org>).

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hub::{Hub, Registration};

use crate::document;
use crate::hf::base::Base;

/// `GET /llms.txt`
pub(crate) async fn show(State(hub): State<Hub>, Base(url): Base) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text(&hub, &url)).into_response()
}

fn text(hub: &Hub, url: &str) -> String {
    let name: String = hub.options().name.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let account = match hub.options().registration {
        Registration::Open => format!("Anybody can make an account: {url}/login/join."),
        Registration::Invitation => {
            format!("An account takes an invitation of the hub's operator, then {url}/login/join.")
        }
    };
    let money = if hub.options().dev {
        "This is a development hub: its money is play money, and every new account is given some."
    } else {
        "Amounts are in OPG, as exact decimal strings; the hub's operator takes deposits."
    };
    let chapters: Vec<_> = document::chapters()
        .iter()
        .map(|chapter| format!("- [{}]({url}/docs/api/{}): {}", chapter.title, chapter.key, chapter.note))
        .collect();
    let chapters = chapters.join("\n");
    format!(
        r#"# {name}

> A registry, an inference service and a ledger in one. Models are published here; each call of one is paid, its price split among the model's creators, and receipted. A call that fails costs nothing. The hub stores no inputs.

{money} {account} A program asks its user for a key with `POST {url}/api/v1/devices` (RFC 8628). Keys have scopes and limits of their own and go into `Authorization: Bearer mh_…`.

How to find, price and call a model:

1. Find: `GET {url}/api/v1/search?q=WORDS` (also `task`, `max_price` in OPG, `sort=price`). Items have `model` (`owner/name`), `summary`, `task`, `price` and `cost`, what one call costs now.
2. Look: `GET {url}/v2/models/OWNER/NAME` says what it takes and gives (`inputs`, `outputs`), its `price`, and its `task`, if people's values can be sent.
3. Price: `POST {url}/v2/models/OWNER/NAME/quote` says the most that one call costs, and who gets it. It needs no key.
4. Call: `POST {url}/api/v1/run/OWNER/NAME` with `{{"input": VALUE}}` where the model has a task, else `POST {url}/v2/models/OWNER/NAME/infer` with tensors (Open Inference Protocol). Send `X-Max-Cost` with the most you want to pay, and an `Idempotency-Key`: the same request again is charged once.
5. Check: the headers `X-Cost` and `X-Receipt-Id` say what was charged; `GET {url}/api/v1/receipts/ID` is the signed receipt.

A refusal is JSON with a `code`, a message that names the value and the rule, and often a `hint` that says what to do. 402 says what is missing; 429 and 503 say in `Retry-After` when to try again.

## Documents

- [OpenAPI 3.1]({url}/api/v1/openapi.json): the whole interface
- [API, to be read]({url}/docs/api): every operation with a curl example
- [Models]({url}/api/v1/models): the list, the newest first
- [What receipts are checked against]({url}/.well-known/modelhub): the hub's id and signing addresses

## API by chapter

{chapters}

## Optional

- [Status]({url}/status): whether all parts work now
- [Embeddings for OpenAI's clients]({url}/docs/api/inference#create_embeddings): base URL `{url}/v1`
- Hugging Face's clients work with `HF_ENDPOINT={url}`
"#
    )
}
