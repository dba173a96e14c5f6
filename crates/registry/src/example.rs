//! Examples: files in `examples/` that show what a model does, and prove at each release that it still does.

use serde::Deserialize;
use serde_json::value::RawValue;
use tensor::{DataType, Mismatch, Tensor};

/// Most bytes of an example's file.
pub const MAX_EXAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// One example: the body of an inference request, and what should come of it if the author says so.
///
/// ```json
/// {"inputs":  [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1]}],
///  "outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1.5]}]}
/// ```
///
/// Outputs without `data`, as a request names those it wants, are read over; so are fields the protocol has besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub inputs: Vec<Tensor>,
    /// May be fewer than the model gives; empty if the author expects nothing in particular.
    pub expected: Vec<Tensor>,
}

/// Why a file is no example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    #[error("it has {size_bytes} bytes, expected at most {limit}")]
    TooLarge { size_bytes: usize, limit: usize },
    /// The reason is the JSON reader's.
    #[error("line {line}, column {column}: {reason}")]
    Json { line: usize, column: usize, reason: String },
    #[error("it has no inputs")]
    NoInputs,
    #[error("the input \"{name}\" has no data; expected the JSON form, not the binary one")]
    NoData { name: String },
    #[error("the input {error}")]
    Input { error: Mismatch },
    #[error("the expected output {error}")]
    Expected { error: Mismatch },
    #[error("the expected output \"{name}\" has data but no {field}")]
    Incomplete { name: String, field: &'static str },
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    inputs: Vec<Given<'a>>,
    #[serde(borrow, default)]
    outputs: Vec<Expected<'a>>,
}

#[derive(Deserialize)]
struct Given<'a> {
    name: String,
    datatype: DataType,
    shape: Vec<u64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Expected<'a> {
    name: String,
    datatype: Option<DataType>,
    shape: Option<Vec<u64>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Example {
    /// Reads the JSON of an example.
    pub fn parse(json: &[u8]) -> Result<Example, ExampleError> {
        if json.len() > MAX_EXAMPLE_BYTES {
            return Err(ExampleError::TooLarge { size_bytes: json.len(), limit: MAX_EXAMPLE_BYTES });
        }
        let body: Body<'_> = serde_json::from_slice(json).map_err(|error| ExampleError::Json {
            line: error.line(),
            column: error.column(),
            reason: crate::text::clip(&error.to_string()),
        })?;
        if body.inputs.is_empty() {
            return Err(ExampleError::NoInputs);
        }
        let inputs = body.inputs.into_iter().map(input).collect::<Result<_, _>>()?;
        let expected = body.outputs.into_iter().filter_map(expected).collect::<Result<_, _>>()?;
        Ok(Example { inputs, expected })
    }
}

fn input(given: Given<'_>) -> Result<Tensor, ExampleError> {
    let Some(data) = given.data else { return Err(ExampleError::NoData { name: given.name }) };
    Tensor::from_json(given.name, given.datatype, given.shape, data.get())
        .map_err(|error| ExampleError::Input { error })
}

fn expected(output: Expected<'_>) -> Option<Result<Tensor, ExampleError>> {
    let Expected { name, datatype, shape, data } = output;
    let data = data?;
    Some(match (datatype, shape) {
        (Some(datatype), Some(shape)) => {
            Tensor::from_json(name, datatype, shape, data.get()).map_err(|error| ExampleError::Expected { error })
        }
        (None, _) => Err(ExampleError::Incomplete { name, field: "datatype" }),
        (_, None) => Err(ExampleError::Incomplete { name, field: "shape" }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(json: &str) -> Result<Example, String> {
        Example::parse(json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_example_is_a_request_with_what_should_come_of_it() {
        let example = parse(
            r#"{"id": "1", "parameters": {},
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[0.5, 1]], "parameters": {}}],
                "outputs": [{"name": "y", "datatype": "INT64", "shape": [1], "data": [7]}, {"name": "z"}]}"#,
        )
        .unwrap();
        assert_eq!(example.inputs, [Tensor::fp32("x", &[1, 2], &[0.5, 1.0]).unwrap()]);
        assert_eq!(example.expected, [Tensor::int64("y", &[1], &[7]).unwrap()]);
    }

    #[test]
    fn what_is_no_example_is_refused_with_its_place() {
        for (json, reason) in [
            ("", "line 1, column 0"),
            ("[]", "line 1"),
            (r#"{"outputs": []}"#, "missing field `inputs`"),
            (r#"{"inputs": []}"#, "no inputs"),
            (r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}"#, "input \"x\" has no data"),
            (r#"{"inputs": [{"name": "x", "datatype": "FP33", "shape": [1], "data": [1]}]}"#, "FP33"),
            (r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1], "data": [1]}]}"#, "-1"),
            (r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1]}]}"#, "\"x\" has 1 elements"),
            (
                r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}],
                    "outputs": [{"name": "y", "shape": [1], "data": [1]}]}"#,
                "output \"y\" has data but no datatype",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(reason), "{json}: {error}");
        }
        assert!(matches!(Example::parse(&vec![b' '; MAX_EXAMPLE_BYTES + 1]), Err(ExampleError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[\\[\\]{}\",:a1 ]{0,40}") {
            let _ = Example::parse(&bytes);
            let _ = Example::parse(text.as_bytes());
            let _ = Example::parse(format!(r#"{{"inputs": [{text}]}}"#).as_bytes());
        }
    }
}
