//! The tools: what each asks the hub, and what it makes of the answer.

use std::sync::Arc;

use http::Method;
use http::request::Parts;
use registry::{ModelName, ReleaseNumber};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorCode, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::answer::{Failed, object, paid, read};
use crate::arguments::{Call, Compare, MAX_COMPARED, Model, Nothing, Receipt, Search};
use crate::{Door, Question};

/// What agents are told before they begin.
const INSTRUCTIONS: &str = "A hub of models that are paid by the call, in OPG. Find one with search_models, read what it \
takes with describe_model, learn the price with price_call, and call it with call_model, which never costs more than the \
max_cost you give. A call that fails costs nothing. Every answer carries its cost and the id of its receipt.";

/// The most models of one answer that are shown to an agent.
const MAX_FOUND: u32 = 50;
const FOUND: u32 = 10;

/// All tools, on one hub.
#[derive(Debug)]
pub struct Tools<D> {
    door: Arc<D>,
    list: Arc<[Tool]>,
}

impl<D> Clone for Tools<D> {
    fn clone(&self) -> Tools<D> {
        Tools { door: self.door.clone(), list: self.list.clone() }
    }
}

/// What came of a tool.
type Told = Result<Map<String, Value>, Failed>;

impl<D: Door> Tools<D> {
    pub(crate) fn new(door: D) -> Tools<D> {
        Tools { door: Arc::new(door), list: list().into() }
    }

    async fn search(&self, search: Search, asker: Option<&Parts>) -> Told {
        self.get(query(search)?, asker).await
    }

    async fn describe(&self, model: Model, asker: Option<&Parts>) -> Told {
        self.get(place(&model.model, model.release.as_deref())?, asker).await
    }

    async fn price(&self, model: Model, asker: Option<&Parts>) -> Told {
        let path = format!("{}/quote", place(&model.model, model.release.as_deref())?);
        self.ask(question(Method::POST, path), asker).await
    }

    /// What is known of each, in their order. One that is not there is no reason to keep the others back.
    async fn compare(&self, Compare { models }: Compare, asker: Option<&Parts>) -> Told {
        if !(2..=MAX_COMPARED).contains(&models.len()) {
            let rule = format!("2 to {MAX_COMPARED} models");
            return Err(Failed::argument("models", &format!("a list of {}", models.len()), &rule));
        }
        let mut compared = Vec::with_capacity(models.len());
        for model in &models {
            let mut row = Map::new();
            row.insert("model".to_owned(), json!(model));
            match self.about(model, asker).await {
                Ok(about) => row.extend(about),
                Err(failed) => drop(row.insert("error".to_owned(), json!(failed.to_string()))),
            }
            compared.push(row);
        }
        Ok(object(json!({ "models": compared })))
    }

    async fn about(&self, model: &str, asker: Option<&Parts>) -> Told {
        let metadata = self.get(place(model, None)?, asker).await?;
        let wanted =
            ["release", "task", "price", "cost", "coming", "yanked", "engine", "inputs", "outputs", "deadline_ms"];
        let mut about: Map<_, _> = metadata.into_iter().filter(|(name, _)| wanted.contains(&name.as_str())).collect();
        let name = parsed::<ModelName>("model", model)?;
        let checks = self.get(format!("/api/v1/models/{name}/checks"), asker).await?;
        about.insert("checks".to_owned(), checks.get("items").and_then(|items| items.get(0)).cloned().into());
        Ok(about)
    }

    async fn call(&self, call: Call, asker: Option<&Parts>) -> Told {
        let Call { model, release, max_cost, input, inputs, tensors, idempotency_key } = call;
        let place = place(&model, release.as_deref())?;
        let (path, body) = match (input, inputs, tensors) {
            (Some(input), None, None) => (run(&place), json!({ "input": input })),
            (None, Some(inputs), None) => (run(&place), json!({ "inputs": inputs })),
            (None, None, Some(tensors)) => (format!("{place}/infer"), json!({ "inputs": tensors })),
            _ => {
                let rule = "exactly one of them: `input` or `inputs` for a model with a task, `tensors` for any";
                return Err(Failed::argument("input, inputs, tensors", "none or several", rule));
            }
        };
        let mut question = question(Method::POST, path);
        question.headers.push(("x-max-cost", header("max_cost", max_cost)?));
        if let Some(key) = idempotency_key {
            question.headers.push(("idempotency-key", header("idempotency_key", key)?));
        }
        question.body = Some(body.to_string().into_bytes());
        paid(self.door.ask(question, asker).await.map_err(Failed::Unasked)?)
    }

    async fn receipt(&self, Receipt { call }: Receipt, asker: Option<&Parts>) -> Told {
        let plain = call.len() <= 64 && call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain {
            return Err(Failed::argument("call", &call, "the id of a call, call_…"));
        }
        self.get(format!("/api/v1/receipts/{call}"), asker).await
    }

    async fn balance(&self, Nothing {}: Nothing, asker: Option<&Parts>) -> Told {
        let mut balance = self.get("/api/v1/balance".to_owned(), asker).await?;
        balance.insert("limits".to_owned(), Value::Object(self.get("/api/v1/limits".to_owned(), asker).await?));
        Ok(balance)
    }

    async fn get(&self, path: String, asker: Option<&Parts>) -> Told {
        self.ask(question(Method::GET, path), asker).await
    }

    async fn ask(&self, question: Question, asker: Option<&Parts>) -> Told {
        read(&self.door.ask(question, asker).await.map_err(Failed::Unasked)?)
    }
}

impl<D: Door> ServerHandler for Tools<D> {
    fn get_info(&self) -> ServerConfig {
        let this = Implementation::new("modelhub", env!("CARGO_PKG_VERSION")).with_title("Model Hub");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(this)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.list.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.list.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asker = context.extensions.get::<Parts>();
        let CallToolRequestParams { name, arguments, .. } = request;
        let given = arguments.unwrap_or_default();
        let told = match &*name {
            "search_models" => with(given, |search| self.search(search, asker)).await,
            "describe_model" => with(given, |model| self.describe(model, asker)).await,
            "price_call" => with(given, |model| self.price(model, asker)).await,
            "compare_models" => with(given, |compare| self.compare(compare, asker)).await,
            "call_model" => with(given, |call| self.call(call, asker)).await,
            "show_receipt" => with(given, |receipt| self.receipt(receipt, asker)).await,
            "show_balance" => with(given, |nothing| self.balance(nothing, asker)).await,
            _ => {
                let names: Vec<&str> = self.list.iter().map(|tool| &*tool.name).collect();
                let message = format!("there is no tool {name:?}; there are {}", names.join(", "));
                return Err(ErrorData::new(ErrorCode::INVALID_PARAMS, message, None));
            }
        };
        let result = match told {
            Ok(told) => CallToolResult::structured(Value::Object(told)),
            Err(failed) => failed.told(),
        };
        Ok(result.into())
    }
}

/// Reads a tool's arguments, then does it.
async fn with<A: DeserializeOwned, F: Future<Output = Told>>(
    given: Map<String, Value>,
    tool: impl FnOnce(A) -> F,
) -> Told {
    match serde_json::from_value(Value::Object(given)) {
        Ok(arguments) => tool(arguments).await,
        Err(error) => Err(Failed::Arguments(error.to_string())),
    }
}

fn list() -> Vec<Tool> {
    let reads = || ToolAnnotations::new().read_only(true).open_world(false);
    let pays = ToolAnnotations::new().read_only(false).destructive(false).idempotent(false).open_world(false);
    vec![
        tool::<Search>(
            "search_models",
            "Finds models by words, task, licence and price. Each with its price, what it does and how often it was paid for.",
            reads(),
        ),
        tool::<Model>("describe_model", "What a model takes and gives, its task, price, releases and labels.", reads()),
        tool::<Model>("price_call", "What one call of a model costs now, and who gets which part of it.", reads()),
        tool::<Compare>(
            "compare_models",
            "Prices, contracts and the hub's own checks of two to five models, side by side.",
            reads(),
        ),
        tool::<Call>(
            "call_model",
            "Runs a model once and pays for it from the key's account, at most max_cost. Gives the outputs, the cost and the \
             receipt's id.",
            pays,
        ),
        tool::<Receipt>(
            "show_receipt",
            "The signed receipt of a call: who paid how much to whom for which answer.",
            reads(),
        ),
        tool::<Nothing>("show_balance", "What the key's account has, and what it may spend.", reads()),
    ]
}

fn tool<A: JsonSchema + 'static>(name: &'static str, description: &'static str, hints: ToolAnnotations) -> Tool {
    Tool::new(name, description, Map::new()).with_input_schema::<A>().with_annotations(hints)
}

fn query(search: Search) -> Result<String, Failed> {
    let Search { query, task, licence, max_price, owner, sort, limit, cursor } = search;
    let limit = limit.unwrap_or(FOUND);
    if !(1..=MAX_FOUND).contains(&limit) {
        return Err(Failed::argument("limit", &limit.to_string(), &format!("a number from 1 to {MAX_FOUND}")));
    }
    let asked = [
        ("q", Some(query)),
        ("task", task),
        ("licence", licence),
        ("max_price", max_price),
        ("owner", owner),
        ("sort", sort),
        ("cursor", cursor),
        ("limit", Some(limit.to_string())),
    ];
    let mut fields = form_urlencoded::Serializer::for_suffix("/api/v1/search?".to_owned(), 15);
    fields.extend_pairs(asked.into_iter().filter_map(|(name, value)| Some((name, value?))));
    Ok(fields.finish())
}

/// Where a model stands under the Open Inference Protocol.
fn place(model: &str, release: Option<&str>) -> Result<String, Failed> {
    let model = parsed::<ModelName>("model", model)?;
    Ok(match release {
        None => format!("/v2/models/{model}"),
        Some(release) => format!("/v2/models/{model}/versions/{}", parsed::<ReleaseNumber>("release", release)?),
    })
}

/// The same in people's values.
fn run(place: &str) -> String {
    place.replacen("/v2/models/", "/api/v1/run/", 1)
}

fn question(method: Method, path: String) -> Question {
    Question { method, path, headers: Vec::new(), body: None }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Failed> {
    text.parse().map_err(|error: T::Err| Failed::Arguments(format!("{name}: {error}")))
}

/// A text that becomes a header: what is allowed in it is the hub's to say, but for what is no header at all.
fn header(name: &'static str, text: String) -> Result<String, Failed> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err(Failed::argument(name, &text, "visible ASCII characters"))
    }
}
