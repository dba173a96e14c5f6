//! `-i NAME=VALUE|@FILE`: what a user types, as the tensor the model takes.
//!
//! Always: type and shape come from the contract, so that nobody has to type them; what does not fit is refused here,
//! before anything is sent or paid.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;
use tensor::{DataType, MAX_BYTES, MAX_RANK, Mismatch, Port, Tensor};

use crate::npy;
use crate::screen::hinted;

/// One `-i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    value: Given,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Text(String),
    File(PathBuf),
}

impl FromStr for Input {
    type Err = String;

    /// The name ends at the first `=`. Names of tensors hold `:`, `/` and spaces, but hardly a `=`.
    fn from_str(text: &str) -> Result<Input, String> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err("expected NAME=VALUE or NAME=@FILE".to_owned());
        };
        let value = match value.strip_prefix('@') {
            Some("") => return Err("a file's name is missing after the @".to_owned()),
            Some(path) => Given::File(path.into()),
            None => Given::Text(value.to_owned()),
        };
        Ok(Input { name: name.to_owned(), value })
    }
}

/// A tensor in a `.json` file, as the protocol writes it.
#[derive(Deserialize)]
struct Written {
    datatype: DataType,
    shape: Vec<u64>,
    data: Value,
}

impl Input {
    /// The tensor `port` takes.
    pub(crate) fn tensor(&self, port: &Port) -> anyhow::Result<Tensor> {
        let tensor = match &self.value {
            Given::Text(text) => from_text(port, text)?,
            Given::File(path) => from_file(port, path).with_context(|| path.display().to_string())?,
        };
        port.check(&tensor)?;
        if !tensor.fits_json() {
            let message = format!("the input \"{}\" holds values that JSON cannot carry", port.name);
            return Err(hinted(
                message,
                "JSON has no FP16, BF16, infinite and undefined numbers, nor bytes that are no text",
            ));
        }
        Ok(tensor)
    }
}

/// All inputs of a model, each given once.
pub(crate) fn tensors(given: &[Input], ports: &[Port]) -> anyhow::Result<Vec<Tensor>> {
    let names = || ports.iter().map(|port| format!("{} ({})", port.name, form(port))).collect::<Vec<_>>().join(", ");
    for input in given {
        if !ports.iter().any(|port| port.name == input.name) {
            return Err(hinted(format!("the model has no input \"{}\"", input.name), format!("it takes {}", names())));
        }
    }
    let tensor = |port: &Port| {
        let mut same = given.iter().filter(|input| input.name == port.name);
        match (same.next(), same.next()) {
            (Some(input), None) => input.tensor(port),
            (Some(_), Some(_)) => bail!("the input \"{}\" is given twice", port.name),
            (None, _) => {
                Err(hinted(format!("the input \"{}\" is missing", port.name), format!("the model takes {}", names())))
            }
        }
    };
    ports.iter().map(tensor).collect()
}

/// A port's type and shape for people: `FP32 [?, 4]`.
pub(crate) fn form(port: &Port) -> String {
    let axes = port.shape.iter().map(|axis| axis.map_or_else(|| "?".to_owned(), |size| size.to_string()));
    format!("{} [{}]", port.datatype, axes.collect::<Vec<_>>().join(", "))
}

/// Text is JSON; for BYTES what is no JSON text or list is the text itself.
fn from_text(port: &Port, text: &str) -> anyhow::Result<Tensor> {
    let value = match serde_json::from_str(text) {
        Ok(value @ (Value::String(_) | Value::Array(_))) => value,
        _ if port.datatype == DataType::Bytes => Value::String(text.to_owned()),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    };
    from_value(port, &value)
}

fn from_file(port: &Port, path: &Path) -> anyhow::Result<Tensor> {
    let mut bytes = Vec::new();
    // Twenty characters for one byte of a tensor is more than any list of numbers takes.
    File::open(path)?.take(20 * MAX_BYTES as u64).read_to_end(&mut bytes)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => {
            let value: Value = serde_json::from_slice(&bytes).context("it is no JSON")?;
            if value.is_object() {
                let Written { datatype, shape, data } =
                    serde_json::from_value(value).context("it is no tensor with datatype, shape and data")?;
                return Ok(Tensor::from_json(port.name.clone(), datatype, shape, &data.to_string())?);
            }
            from_value(port, &value)
        }
        Some("npy") => {
            let npy::Array { datatype, shape, bytes } = npy::read(&bytes)?;
            Ok(Tensor::new(port.name.clone(), datatype, shape, bytes)?)
        }
        _ => from_bytes(port, bytes),
    }
}

/// The bytes of a file are the elements of UINT8, or one element of BYTES.
fn from_bytes(port: &Port, bytes: Vec<u8>) -> anyhow::Result<Tensor> {
    match port.datatype {
        DataType::Uint8 => {
            let shape = fill(port, bytes.len() as u64);
            Ok(Tensor::new(port.name.clone(), DataType::Uint8, shape, bytes)?)
        }
        DataType::Bytes => Ok(Tensor::strings(port.name.clone(), &fill(port, 1), &[bytes])?),
        other => Err(hinted(
            format!("the input \"{}\" is {other}, and a file of bytes says nothing about numbers", port.name),
            "give a .json or .npy file",
        )),
    }
}

fn from_value(port: &Port, value: &Value) -> anyhow::Result<Tensor> {
    let shape = shape_of(port, value)?;
    Ok(Tensor::from_json(port.name.clone(), port.datatype, shape, &bare(value).to_string())?)
}

/// The reader of tensors takes a bare value for scalars alone; we take it for any single element.
fn bare(value: &Value) -> Value {
    if value.is_array() { value.clone() } else { Value::Array(vec![value.clone()]) }
}

/// The shape a value has: its own nesting if that has as many axes as the contract, else its count in the contract's.
fn shape_of(port: &Port, value: &Value) -> anyhow::Result<Vec<u64>> {
    let mut nested = Vec::new();
    let mut inner = value;
    while let Value::Array(items) = inner {
        nested.push(items.len() as u64);
        if nested.len() > MAX_RANK {
            return Err(Mismatch::TooManyAxes { name: port.name.clone(), given: nested.len() }.into());
        }
        let Some(first) = items.first() else { break };
        inner = first;
    }
    if nested.len() == port.shape.len() {
        return Ok(nested);
    }
    let (count, shape) = (count(value), fill(port, count(value)));
    if shape.iter().product::<u64>() != count {
        bail!("{count} values do not make the input \"{}\", which is {}", port.name, form(port));
    }
    Ok(shape)
}

fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 1,
    }
}

/// `count` elements in the port's shape: its open axes are 1, but for the last, which takes what there is, as far as that
/// comes out even.
fn fill(port: &Port, count: u64) -> Vec<u64> {
    let fixed: u64 = port.shape.iter().flatten().fold(1, |product, size| product.saturating_mul(*size));
    let last_open = port.shape.iter().rposition(Option::is_none);
    let size = |(axis, size): (usize, &Option<u64>)| match size {
        Some(size) => *size,
        None if Some(axis) == last_open && fixed > 0 => count / fixed,
        None => 1,
    };
    port.shape.iter().enumerate().map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(datatype: DataType, shape: &[i64]) -> Port {
        let shape = shape.iter().map(|size| u64::try_from(*size).ok()).collect();
        Port { name: "x".to_owned(), datatype, shape }
    }

    fn read(text: &str, port: &Port) -> anyhow::Result<Tensor> {
        format!("x={text}").parse::<Input>().map_err(anyhow::Error::msg)?.tensor(port)
    }

    #[test]
    fn a_value_takes_type_and_shape_from_the_contract() {
        use DataType::{Bool, Fp32, Int64};
        for (text, datatype, contract, shape, json) in [
            ("1.5", Fp32, &[][..], &[][..], "[1.5]"),
            ("1.5", Fp32, &[1, 1], &[1, 1], "[1.5]"),
            ("1.5", Fp32, &[-1, 1], &[1, 1], "[1.5]"),
            ("[1,2,3]", Fp32, &[3], &[3], "[1,2,3]"),
            ("[1,2,3]", Fp32, &[-1], &[3], "[1,2,3]"),
            ("[1,2,3]", Fp32, &[1, 3], &[1, 3], "[1,2,3]"),
            ("[1,2,3,4]", Int64, &[-1, 2], &[2, 2], "[1,2,3,4]"),
            ("[1,2,3,4]", Int64, &[-1, -1], &[1, 4], "[1,2,3,4]"),
            ("[[1,2],[3,4]]", Int64, &[-1, -1], &[2, 2], "[1,2,3,4]"),
            ("[[1,2],[3,4]]", Int64, &[4], &[4], "[1,2,3,4]"),
            ("[]", Fp32, &[-1], &[0], "[]"),
            ("true", Bool, &[1], &[1], "[true]"),
        ] {
            let tensor = read(text, &port(datatype, contract)).unwrap_or_else(|error| panic!("{text}: {error:#}"));
            let mut written = Vec::new();
            tensor.write_json(&mut written);
            assert_eq!(
                (tensor.shape(), String::from_utf8(written).unwrap().replace(".0", "").as_str()),
                (shape, json),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_need_no_quotes() {
        for (text, elements) in [
            ("hello world", &["hello world"][..]),
            ("7", &["7"]),
            ("\"7\"", &["7"]),
            ("\"@home\"", &["@home"]),
            ("[\"a\", \"b\"]", &["a", "b"]),
            ("[not json", &["[not json"]),
            ("", &[""]),
        ] {
            let tensor = read(text, &port(DataType::Bytes, &[-1])).unwrap();
            let found: Vec<_> = tensor.byte_elements().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
            assert_eq!(found, elements, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_sent() {
        for (text, datatype, contract) in [
            ("hello", DataType::Fp32, &[1][..]),
            ("1.5", DataType::Int64, &[1]),
            ("[1,2]", DataType::Fp32, &[3]),
            ("[1,2,3]", DataType::Fp32, &[-1, 2]),
            ("[[1],[2,3]]", DataType::Fp32, &[2, 2]),
            ("300", DataType::Uint8, &[1]),
            ("1", DataType::Bool, &[1]),
            ("{\"a\": 1}", DataType::Fp32, &[1]),
            ("1", DataType::Fp16, &[1]),
        ] {
            assert!(read(text, &port(datatype, contract)).is_err(), "{text} as {datatype} {contract:?}");
        }
        for text in ["x", "=1", "x=@", ""] {
            assert!(text.parse::<Input>().is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_read_by_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            format!("@{}", folder.path().join(name).display())
        };
        let data = file("data.json", b"[1, 2]");
        assert_eq!(read(&data, &port(DataType::Fp32, &[1, 2])).unwrap().shape(), [1, 2]);
        let oip = file("oip.json", br#"{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}"#);
        assert_eq!(read(&oip, &port(DataType::Fp32, &[-1, 2])).unwrap().name(), "x");
        assert!(read(&oip, &port(DataType::Fp64, &[-1, 2])).is_err(), "the file says another type");
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend_from_slice(&(header.len() as u16).to_le_bytes());
        npy.extend_from_slice(header.as_bytes());
        npy.extend_from_slice(&[7, 8]);
        let npy = file("a.npy", &npy);
        assert_eq!(read(&npy, &port(DataType::Uint8, &[-1])).unwrap().bytes(), [7, 8]);
        let raw = file("picture.png", b"\x89PNG");
        assert_eq!(read(&raw, &port(DataType::Uint8, &[1, -1])).unwrap().shape(), [1, 4]);
        assert!(read(&raw, &port(DataType::Bytes, &[1])).is_err(), "these bytes are no text, and JSON carries texts");
        let text = file("a.txt", b"hello");
        assert_eq!(read(&text, &port(DataType::Bytes, &[1, 1])).unwrap().byte_elements().next(), Some(&b"hello"[..]));
        assert!(read(&text, &port(DataType::Fp32, &[1])).is_err());
        assert!(read("@/nowhere/at/all", &port(DataType::Fp32, &[1])).is_err());
    }

    #[test]
    fn each_input_is_given_once() {
        let ports = [port(DataType::Fp32, &[1]), Port { name: "y".to_owned(), ..port(DataType::Fp32, &[1]) }];
        let inputs = |texts: &[&str]| {
            let given: Vec<Input> = texts.iter().map(|text| text.parse().unwrap()).collect();
            tensors(&given, &ports).map_err(|error| error.to_string())
        };
        assert_eq!(inputs(&["y=1", "x=2"]).unwrap().iter().map(Tensor::name).collect::<Vec<_>>(), ["x", "y"]);
        assert!(inputs(&["x=1"]).unwrap_err().contains("\"y\" is missing"));
        assert!(inputs(&["x=1", "y=1", "x=2"]).unwrap_err().contains("\"x\" is given twice"));
        assert!(inputs(&["x=1", "y=1", "z=2"]).unwrap_err().contains("no input \"z\""));
    }
}
