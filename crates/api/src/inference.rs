//! The body of an Open Inference Protocol call.
//!
//! Always: names and data are borrowed from the body wherever JSON allows; the lists have limits that are checked while
//! they are read, so that sixteen megabytes of commas stay sixteen megabytes. Data is left as it came: only who knows
//! the type can read it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Most inputs, and most outputs that are asked for.
pub const MAX_TENSORS: usize = 1_024;
/// Most axes that are read; how many a tensor may have is the tensor's to say.
pub const MAX_SHAPE: usize = 64;
/// Most bytes of a request's own id, quotes included.
pub const MAX_ID_BYTES: usize = 1_024;

/// `POST …/infer`. Fields of other protocols' servers are read over.
#[derive(Debug, serde::Deserialize)]
pub struct InferRequest<'a> {
    /// Comes back with the answer, byte by byte.
    #[serde(default, borrow, deserialize_with = "id")]
    pub id: Option<&'a RawValue>,
    /// What the model is called with.
    #[serde(borrow, deserialize_with = "inputs")]
    pub inputs: Vec<InputTensor<'a>>,
    /// Which outputs are wanted; none: all.
    #[serde(default, borrow, deserialize_with = "outputs")]
    pub outputs: Option<Vec<AskedOutput<'a>>>,
}

/// One input.
#[derive(Debug, serde::Deserialize)]
pub struct InputTensor<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(deserialize_with = "shape")]
    pub shape: Vec<u64>,
    #[serde(borrow)]
    pub datatype: Cow<'a, str>,
    /// An array, flat or nested.
    #[serde(default, borrow)]
    pub data: Option<&'a RawValue>,
    #[serde(default)]
    pub parameters: Option<TensorParameters>,
}

/// What stands beside an input.
#[derive(Debug, Default, serde::Deserialize)]
pub struct TensorParameters {
    /// There: the data follows the JSON in binary form.
    #[serde(default)]
    pub binary_data_size: Option<u64>,
}

/// One output that is wanted.
#[derive(Debug, serde::Deserialize)]
pub struct AskedOutput<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(default)]
    pub parameters: Option<OutputParameters>,
}

/// What stands beside it. The protocol's clients ask for binary data and read JSON as well.
#[derive(Debug, Default, serde::Deserialize)]
pub struct OutputParameters {
    #[serde(default)]
    pub binary_data: Option<bool>,
}

impl<'a> InferRequest<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Result<InferRequest<'a>, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    let id = <&RawValue>::deserialize(deserializer)?;
    match id.get() {
        "null" => Ok(None),
        text if !text.starts_with('"') => Err(D::Error::custom("id: expected a string")),
        text if text.len() > MAX_ID_BYTES => {
            Err(D::Error::custom(format_args!("id: {} bytes, at most {MAX_ID_BYTES} are taken", text.len())))
        }
        _ => Ok(Some(id)),
    }
}

fn inputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<InputTensor<'de>>, D::Error> {
    deserializer.deserialize_seq(Bounded { what: "inputs", limit: MAX_TENSORS, of: PhantomData })
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<AskedOutput<'de>>>, D::Error> {
    struct Outputs;
    impl<'de> Visitor<'de> for Outputs {
        type Value = Option<Vec<AskedOutput<'de>>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of outputs")
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            let bounded = Bounded { what: "outputs", limit: MAX_TENSORS, of: PhantomData };
            deserializer.deserialize_seq(bounded).map(Some)
        }
    }
    deserializer.deserialize_option(Outputs)
}

fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    deserializer.deserialize_seq(Bounded { what: "shape", limit: MAX_SHAPE, of: PhantomData })
}

/// A list that stops being read once it is longer than `limit`.
struct Bounded<T> {
    what: &'static str,
    limit: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list ({})", self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == self.limit {
                return Err(A::Error::custom(format_args!("{}: more than {} entries", self.what, self.limit)));
            }
            list.push(item);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_borrowed_from_its_body() {
        let body = br#"{"id":"r-1","parameters":{"binary_data_output":true},"extra":[1],
            "inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4.5]],"parameters":{"other":1}}],
            "outputs":[{"name":"y","parameters":{"binary_data":true}}]}"#;
        let request = InferRequest::read(body).unwrap();
        assert_eq!(request.id.unwrap().get(), "\"r-1\"");
        let [input] = &request.inputs[..] else { panic!("one input") };
        assert!(matches!(input.name, Cow::Borrowed("x")) && matches!(input.datatype, Cow::Borrowed("FP32")));
        assert_eq!(input.shape, [2, 2]);
        assert_eq!(input.data.unwrap().get(), "[[1,2],[3,4.5]]");
        assert_eq!(request.outputs.unwrap()[0].name, "y");
    }

    #[test]
    fn what_may_be_missing_may_be_null() {
        let request = InferRequest::read(br#"{"id":null,"inputs":[],"outputs":null}"#).unwrap();
        assert!(request.id.is_none() && request.outputs.is_none());
        assert!(InferRequest::read(br#"{"inputs":[]}"#).unwrap().outputs.is_none());
    }

    #[test]
    fn escaped_names_are_read_too() {
        let request =
            InferRequest::read(br#"{"inputs":[{"name":"\u0078","shape":[],"datatype":"FP32","data":1}]}"#).unwrap();
        assert_eq!(request.inputs[0].name, "x");
    }

    #[test]
    fn lists_and_ids_have_limits() {
        let many = |count: usize, item: &str| vec![item; count].join(",");
        let input = |shape: &str| format!(r#"{{"name":"x","shape":[{shape}],"datatype":"FP32","data":[]}}"#);
        for (body, reason) in [
            (format!(r#"{{"inputs":[{}]}}"#, many(MAX_TENSORS + 1, &input(""))), "inputs: more than 1024 entries"),
            (format!(r#"{{"inputs":[{}]}}"#, input(&many(65, "1"))), "shape: more than 64 entries"),
            (
                format!(r#"{{"inputs":[],"outputs":[{}]}}"#, many(MAX_TENSORS + 1, r#"{"name":"y"}"#)),
                "outputs: more than 1024 entries",
            ),
            (format!(r#"{{"id":"{}","inputs":[]}}"#, "x".repeat(MAX_ID_BYTES)), "id: 1026 bytes"),
            (r#"{"id":7,"inputs":[]}"#.to_owned(), "id: expected a string"),
            (r#"{"inputs":{}}"#.to_owned(), "expected a list (inputs)"),
            (r#"{"outputs":[]}"#.to_owned(), "missing field `inputs`"),
            (format!(r#"{{"inputs":[{}]}}"#, input("-1")), "invalid value: integer `-1`"),
        ] {
            let error = InferRequest::read(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(InferRequest::read(format!(r#"{{"inputs":[{}]}}"#, many(MAX_TENSORS, &input("1"))).as_bytes()).is_ok());
    }
}
