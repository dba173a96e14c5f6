//! A call's body, read.

use api::{Code, Data, InferRequest, Problem, Unreadable, WrittenTensor};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tensor::{Mismatch, Tensor};

use crate::beside::{LARGE, beside};
use crate::edge::clip;
use crate::extract::{Form, not_json};
use crate::infer::BODY_LIMIT;
use crate::problem::Refused;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) inputs: Vec<Tensor>,
    /// What an idempotency key stands for; zeros without one.
    pub(super) content: [u8; 32],
    pub(super) wanted: Wanted,
}

/// What the answer is to be like.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The JSON of the request's own id.
    pub(super) id: Option<String>,
    /// None: all of them.
    pub(super) outputs: Option<Vec<Output>>,
    /// Whether an output that does not say how comes in binary form.
    pub(super) binary: bool,
}

/// One output that is wanted.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) binary: bool,
}

impl Wanted {
    /// The outputs by name; empty: all of them.
    pub(super) fn names(&self) -> Vec<&str> {
        self.outputs.iter().flatten().map(|output| output.name.as_str()).collect()
    }
}

impl Asked {
    /// Large and packed bodies are read beside the threads that answer everybody. With a `route`, the idempotency key's
    /// content is told, too.
    pub(super) async fn read(body: Bytes, form: Form, route: Option<String>) -> Result<Asked, Refused> {
        let Some(packing) = form.packed else {
            let small = body.len() < LARGE;
            let parse = move || Asked::parse(&body, form.head, route.as_deref());
            return if small { parse() } else { beside(parse).await? };
        };
        beside(move || Asked::parse(&packing.unpack(&body, BODY_LIMIT)?, form.head, route.as_deref())).await?
    }

    pub(super) fn parse(body: &[u8], head: Option<usize>, route: Option<&str>) -> Result<Asked, Refused> {
        let content = route.map_or([0; 32], |route| content(route, head, body));
        let request = InferRequest::read(body, head).map_err(|error| unreadable(error, head))?;
        let InferRequest { id, inputs, outputs, binary_data_output: binary } = request;
        let output = |output: api::AskedOutput<'_>| Output {
            binary: output.binary_data.unwrap_or(binary),
            name: output.name.into_owned(),
        };
        let outputs = outputs.filter(|outputs| !outputs.is_empty());
        let outputs = outputs.map(|outputs| outputs.into_iter().map(output).collect());
        let inputs = inputs.into_iter().map(tensor).collect::<Result<_, _>>()?;
        Ok(Asked { inputs, content, wanted: Wanted { id: id.map(|id| id.get().to_owned()), outputs, binary } })
    }
}

/// Route and body; where tensors follow the JSON, also where it ends.
fn content(route: &str, head: Option<usize>, body: &[u8]) -> [u8; 32] {
    let head = head.map(|head| format!("{head}\n")).unwrap_or_default();
    Sha256::new().chain_update(route).chain_update(head).chain_update(body).finalize().into()
}

fn unreadable(error: Unreadable, head: Option<usize>) -> Refused {
    let problem = |code| Problem::new(code, error.to_string());
    match (&error, head) {
        (Unreadable::Json(error), None) => not_json(error),
        (Unreadable::Json(error), Some(head)) => not_json(error)
            .into_problem()
            .hint(format!("Inference-Header-Content-Length says that the first {head} bytes are JSON"))
            .into(),
        (Unreadable::Head { .. }, _) => problem(Code::InvalidRequest)
            .hint("Inference-Header-Content-Length counts the bytes of the JSON, and tensors follow")
            .into(),
        (Unreadable::NoHead { .. }, _) => problem(Code::InvalidInput)
            .hint("send the header Inference-Header-Content-Length, or the data as JSON")
            .into(),
        _ => problem(Code::InvalidInput).into(),
    }
}

fn tensor(input: WrittenTensor<'_>) -> Result<Tensor, Refused> {
    let WrittenTensor { name, shape, datatype, data } = input;
    let invalid = |what: String| Problem::new(Code::InvalidInput, what);
    let datatype = datatype.parse().map_err(|error| invalid(format!("input {:?}: {error}", clip(&name))))?;
    let tensor = match data {
        Data::Json(data) => Tensor::from_json(name.into_owned(), datatype, shape, data.get()),
        Data::Binary(bytes) => Tensor::new(name, datatype, shape, bytes.to_vec()),
    };
    tensor.map_err(|mismatch| {
        let problem = invalid(format!("input {mismatch}"));
        match mismatch {
            Mismatch::BinaryOnly { .. } => {
                let hint = "binary data follows the JSON, with binary_data_size in place of data; tritonclient: \
                    set_data_from_numpy(array, binary_data=True)";
                problem.hint(hint).into()
            }
            _ => problem.into(),
        }
    })
}
