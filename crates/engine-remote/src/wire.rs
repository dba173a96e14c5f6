//! Requests and answers as bytes: the Open Inference Protocol over HTTP, from a client's side.
//!
//! Always: an answer is read as if an attacker had written it. What is handed on keeps to the signature, in its order.

use std::borrow::Cow;

use api::{Data, InferAnswer, WrittenTensor};
use bytes::Bytes;
use engine::{Failure, Remote, check_signature, clean};
use serde::Deserialize;
use tensor::{Port, Signature, Tensor};

/// Where the JSON of a body ends and tensors begin.
pub(crate) const HEAD: &str = "inference-header-content-length";
/// The extension by which tensors travel as they lie in memory.
const BINARY: &str = "binary_tensor_data";
/// Most characters of what a server says of its own trouble.
const MAX_SAID: usize = 200;

/// A request's body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    /// The length of the JSON, if tensors follow it.
    pub(crate) head: Option<usize>,
}

/// Asks for all outputs of the signature by name: a server may have more.
pub(crate) fn request(remote: &Remote, inputs: &[Tensor], binary: bool) -> Result<Body, Failure> {
    if !binary && let Some(input) = inputs.iter().find(|input| !input.fits_json()) {
        let name = clean(&input.name().chars().take(64).collect::<String>());
        let host = &remote.host;
        let reason = format!("input {name:?} has values that JSON cannot carry, and {host} takes no binary data");
        return Err(Failure::Run { reason });
    }
    let json = "plain values are JSON, and a Vec takes them";
    let size: usize = inputs.iter().map(|input| input.bytes().len() * if binary { 1 } else { 3 } + 256).sum();
    let mut out = Vec::with_capacity(size + 256);
    out.extend_from_slice(if binary {
        b"{\"parameters\":{\"binary_data_output\":true},\"inputs\":["
    } else {
        b"{\"inputs\":["
    });
    for (place, input) in inputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        input.write_object(&mut out, binary);
    }
    out.extend_from_slice(b"],\"outputs\":[");
    for (place, port) in remote.signature.outputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        serde_json::to_writer(&mut out, &port.name).expect(json);
        if binary {
            out.extend_from_slice(b",\"parameters\":{\"binary_data\":true}");
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    let head = binary.then_some(out.len());
    if binary {
        inputs.iter().for_each(|input| out.extend_from_slice(input.bytes()));
    }
    Ok(Body { bytes: out.into(), head })
}

/// The outputs of an answer, in the order of the signature.
pub(crate) fn answer(remote: &Remote, body: &[u8], head: Option<&str>) -> Result<Vec<Tensor>, Failure> {
    let broken = |reason: String| Failure::Protocol { host: remote.host.clone(), reason: clean(&clip(&reason)) };
    let head = match head.map(str::parse) {
        None => None,
        Some(Ok(head)) => Some(head),
        Some(Err(_)) => return Err(broken(format!("{HEAD} is no number"))),
    };
    let InferAnswer { outputs } = InferAnswer::read(body, head).map_err(|error| broken(error.to_string()))?;
    let read = |output: WrittenTensor<'_>| {
        let WrittenTensor { name, shape, datatype, data } = output;
        let unknown = |error| broken(format!("output {:?}: {error}", clip(&name)));
        let datatype = datatype.parse().map_err(unknown)?;
        let tensor = match data {
            Data::Json(data) => Tensor::from_json(name.into_owned(), datatype, shape, data.get()),
            Data::Binary(bytes) => Tensor::new(name, datatype, shape, bytes.to_vec()),
        };
        tensor.map_err(Failure::Answer)
    };
    let outputs = outputs.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    remote.signature.check_outputs(&outputs).map_err(Failure::Answer)?;
    let mut ordered = outputs;
    let place = |name: &str| remote.signature.outputs.iter().position(|port| port.name == name);
    ordered.sort_by_key(|output| place(output.name()));
    Ok(ordered)
}

/// What `GET /v2` says.
#[derive(Debug, Default, Deserialize)]
struct ServerSays<'a> {
    #[serde(default, borrow)]
    extensions: Option<Vec<Cow<'a, str>>>,
}

/// Whether the server takes tensors as they lie in memory. What cannot be read promises nothing.
pub(crate) fn takes_binary(body: &[u8]) -> bool {
    let said: ServerSays<'_> = serde_json::from_slice(body).unwrap_or_default();
    said.extensions.is_some_and(|extensions| extensions.iter().any(|extension| extension == BINARY))
}

/// What `GET /v2/models/{model}` says.
#[derive(Debug, Deserialize)]
struct ModelSays {
    #[serde(default)]
    inputs: Option<Vec<Port>>,
    #[serde(default)]
    outputs: Option<Vec<Port>>,
}

/// What a model takes and gives, as its server says.
pub(crate) fn signature(host: &str, body: &[u8]) -> Result<Signature, Failure> {
    let broken = |reason: String| Failure::Protocol { host: host.to_owned(), reason: clean(&clip(&reason)) };
    let said: ModelSays = serde_json::from_slice(body).map_err(|error| broken(error.to_string()))?;
    let signature = Signature { inputs: said.inputs.unwrap_or_default(), outputs: said.outputs.unwrap_or_default() };
    check_signature(&signature).map_err(|what| broken(what.to_owned()))?;
    for (ports, word) in [(&signature.inputs, "inputs"), (&signature.outputs, "outputs")] {
        if ports.is_empty() {
            let reason =
                format!("{host} names no {word} of the model; the hub promises callers what its metadata says");
            return Err(Failure::Load { reason });
        }
    }
    Ok(signature)
}

/// What a server says of its own trouble: the text where the protocol has it, cut short and cleaned.
pub(crate) fn said(host: &str, status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Trouble<'a> {
        #[serde(borrow)]
        error: Cow<'a, str>,
    }
    match serde_json::from_slice::<Trouble<'_>>(body) {
        Ok(trouble) => format!("{host} answered {status}: {}", clean(&clip(&trouble.error))),
        Err(_) => format!("{host} answered {status}"),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_SAID) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tensor::DataType;

    fn remote() -> Remote {
        let port = |name: &str, datatype, shape: &[Option<u64>]| Port {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
        };
        let outputs = vec![port("y", DataType::Fp32, &[None, Some(2)]), port("t", DataType::Bytes, &[None])];
        let signature = Signature { inputs: vec![port("x", DataType::Fp32, &[None, Some(2)])], outputs };
        Remote {
            url: "https://h.example".to_owned(),
            host: "h.example".to_owned(),
            model: "net".to_owned(),
            version: None,
            owner: [0; 16],
            signature,
        }
    }

    fn outputs(rows: u64) -> Vec<Tensor> {
        let values: Vec<f32> = (0..rows * 2).map(|n| n as f32 / 7.0).collect();
        let texts: Vec<String> = (0..rows).map(|n| "é".repeat(n as usize)).collect();
        vec![Tensor::fp32("y", &[rows, 2], &values).unwrap(), Tensor::strings("t", &[rows], &texts).unwrap()]
    }

    /// The body of an answer, and the header that goes with it.
    fn written(outputs: &[Tensor], binary: bool) -> (Vec<u8>, Option<String>) {
        let mut out = b"{\"outputs\":[".to_vec();
        for (place, output) in outputs.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            output.write_object(&mut out, binary);
        }
        out.extend_from_slice(b"]}");
        let head = binary.then(|| out.len().to_string());
        if binary {
            outputs.iter().for_each(|output| out.extend_from_slice(output.bytes()));
        }
        (out, head)
    }

    #[test]
    fn a_request_reads_back() {
        let inputs = vec![Tensor::fp32("x", &[1, 2], &[0.1, -0.0]).unwrap()];
        for binary in [false, true] {
            let Body { bytes, head } = request(&remote(), &inputs, binary).unwrap();
            let read = api::InferRequest::read(&bytes, head).unwrap();
            let given = match read.inputs[0].data {
                Data::Json(data) => Tensor::from_json("x".to_owned(), DataType::Fp32, vec![1, 2], data.get()).unwrap(),
                Data::Binary(bytes) => Tensor::new("x", DataType::Fp32, vec![1, 2], bytes.to_vec()).unwrap(),
            };
            assert_eq!((&given, read.binary_data_output), (&inputs[0], binary));
            let asked = read.outputs.unwrap();
            assert!(
                asked
                    .iter()
                    .map(|output| (&*output.name, output.binary_data))
                    .eq([("y", binary.then_some(true)), ("t", binary.then_some(true))])
            );
        }
    }

    #[test]
    fn what_a_server_says_is_cut_short_and_cleaned() {
        let text = |error: &str| serde_json::to_vec(&serde_json::json!({ "error": error })).unwrap();
        assert_eq!(said("h", 400, &text("no\nsuch\u{1b}[31m input")), "h answered 400: no such [31m input");
        assert_eq!(
            said("h", 400, &text(&"é".repeat(9_999))).chars().count(),
            "h answered 400: …".chars().count() + 200
        );
        for other in ["", "<html>", "[]", r#"{"error":7}"#, r#"{"detail":"no"}"#] {
            assert_eq!(said("h", 500, other.as_bytes()), "h answered 500");
        }
        assert!(takes_binary(br#"{"name":"s","extensions":["a","binary_tensor_data"]}"#));
        for other in ["", "[]", "{}", r#"{"extensions":null}"#, r#"{"extensions":"binary_tensor_data"}"#] {
            assert!(!takes_binary(other.as_bytes()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_refused_or_keeps_to_the_signature(
            rows in 0_u64..4,
            binary: bool,
            swapped: bool,
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<Option<prop::sample::Index>>(),
            moved in -3_i64..4,
        ) {
            let (whole, remote) = (outputs(rows), remote());
            let mut sent = whole.clone();
            if swapped {
                sent.reverse();
            }
            let (mut bytes, head) = written(&sent, binary);
            prop_assert_eq!(answer(&remote, &bytes, head.as_deref()), Ok(whole));
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let head = head.map(|head| (head.parse::<i64>().unwrap() + moved).to_string());
            if let Ok(outputs) = answer(&remote, &bytes, head.as_deref()) {
                prop_assert!(remote.signature.check_outputs(&outputs).is_ok());
                prop_assert!(outputs.iter().map(Tensor::name).eq(["y", "t"]));
            }
        }
    }
}
