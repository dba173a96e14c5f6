//! An answer, written: JSON, and behind it the outputs that are wanted in binary form.

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use hub::infer::Answer;
use tensor::Tensor;

use crate::beside::{LARGE, beside};
use crate::extract::INFERENCE_HEADER_CONTENT_LENGTH;
use crate::infer::asked::{Output, Wanted};
use crate::infer::told;
use crate::packing::Packing;
use crate::problem::Refused;

pub(super) async fn answered(answer: Answer, wanted: Wanted, packing: Option<Packing>) -> Result<Response, Refused> {
    let mut headers = told(&answer);
    let size: usize = answer.outputs.iter().map(|output| output.bytes().len()).sum();
    let write = move || {
        let written = written(&answer, &wanted);
        match packing {
            None => written,
            Some(packing) => Written { bytes: packing.pack(&written.bytes), ..written },
        }
    };
    let Written { bytes, head } = if size < LARGE { write() } else { beside(write).await? };
    let content_type = if head.is_some() { "application/octet-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(head) = head {
        headers.insert(INFERENCE_HEADER_CONTENT_LENGTH, HeaderValue::from(head));
    }
    if let Some(packing) = packing {
        headers.insert(CONTENT_ENCODING, packing.header());
    }
    let mut response = Response::new(Body::from(bytes));
    *response.headers_mut() = headers;
    Ok(response)
}

#[derive(Debug)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    /// The length of the JSON, if tensors follow it.
    pub(super) head: Option<usize>,
}

/// The answer's body, written once.
pub(super) fn written(answer: &Answer, wanted: &Wanted) -> Written {
    let outputs = chosen(&answer.outputs, wanted);
    let room = |(tensor, binary): &(&Tensor, bool)| tensor.bytes().len() * if *binary { 1 } else { 3 } + 128;
    let mut out = Vec::with_capacity(outputs.iter().map(room).sum::<usize>() + 128);
    out.extend_from_slice(b"{\"model_name\":\"");
    // The parts of a name need no escapes.
    for piece in [answer.model.owner().as_str(), "/", answer.model.name(), "\",\"model_version\":\""] {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(answer.release.to_string().as_bytes());
    out.push(b'"');
    if let Some(id) = &wanted.id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(b",\"outputs\":[");
    for (place, (tensor, binary)) in outputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        tensor.write_object(&mut out, *binary);
    }
    out.extend_from_slice(b"]}");
    let head = out.len();
    let binary = || outputs.iter().filter(|(_, binary)| *binary);
    binary().for_each(|(tensor, _)| out.extend_from_slice(tensor.bytes()));
    Written { bytes: out, head: binary().next().map(|_| head) }
}

/// The outputs that are wanted, in the order they are wanted in, and whether in binary form.
fn chosen<'a>(outputs: &'a [Tensor], wanted: &Wanted) -> Vec<(&'a Tensor, bool)> {
    let Some(asked) = &wanted.outputs else { return outputs.iter().map(|output| (output, wanted.binary)).collect() };
    let find = |asked: &Output| Some((outputs.iter().find(|output| output.name() == asked.name)?, asked.binary));
    asked.iter().filter_map(find).collect()
}
