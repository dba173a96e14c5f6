//! The bodies of an Open Inference Protocol call and of its answer: JSON, and behind it the tensors that come in binary
//! form.
//!
//! Always: names and data are borrowed from the body wherever JSON allows; the lists have limits that are checked while
//! they are read, so that sixteen megabytes of commas stay sixteen megabytes. Every byte behind the JSON belongs to
//! exactly one tensor. Data is left as it came: only who knows the type can read it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Most inputs, and most outputs that are asked for.
pub const MAX_TENSORS: usize = 1_024;
/// Most axes that are read; how many a tensor may have is the tensor's to say.
pub const MAX_SHAPE: usize = 64;
/// Most bytes of a request's own id, quotes included.
pub const MAX_ID_BYTES: usize = 1_024;

/// `POST …/infer`.
#[derive(Debug)]
pub struct InferRequest<'a> {
    /// Comes back with the answer, byte by byte.
    pub id: Option<&'a RawValue>,
    /// What the model is called with.
    pub inputs: Vec<WrittenTensor<'a>>,
    /// Which outputs are wanted; none: all.
    pub outputs: Option<Vec<AskedOutput<'a>>>,
    /// Whether an output that does not say how comes in binary form.
    pub binary_data_output: bool,
}

/// What a server answers to `POST …/infer`.
#[derive(Debug)]
pub struct InferAnswer<'a> {
    pub outputs: Vec<WrittenTensor<'a>>,
}

/// One input or output, as it came.
#[derive(Debug)]
pub struct WrittenTensor<'a> {
    pub name: Cow<'a, str>,
    pub shape: Vec<u64>,
    pub datatype: Cow<'a, str>,
    pub data: Data<'a>,
}

/// The data of an input or output.
#[derive(Debug)]
pub enum Data<'a> {
    /// An array, flat or nested.
    Json(&'a RawValue),
    /// The protocol's binary form.
    Binary(&'a [u8]),
}

/// One output that is wanted.
#[derive(Debug)]
pub struct AskedOutput<'a> {
    pub name: Cow<'a, str>,
    /// Whether in binary form; none: as the request says.
    pub binary_data: Option<bool>,
}

/// Why a body is none.
#[derive(Debug)]
pub enum Unreadable {
    /// What is to be JSON is not, or not the protocol's.
    Json(serde_json::Error),
    /// The JSON is said to be longer than the body.
    Head { given: usize, body: usize },
    /// A tensor says that its data follows the JSON, and nothing says where that ends.
    NoHead { tensor: String },
    /// A tensor has no data.
    NoData { tensor: String },
    /// A tensor has data twice.
    TwoData { tensor: String },
    /// A tensor has fewer bytes behind the JSON than it says.
    Short { tensor: String, given: u64, left: usize },
    /// Bytes behind the JSON that belong to no tensor.
    Left { side: &'static str, bytes: usize },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Json(error) => error.fmt(f),
            Unreadable::Head { given, body } => {
                write!(f, "the JSON is said to have {given} bytes; the body has {body}")
            }
            Unreadable::NoHead { tensor } => {
                write!(f, "{tensor} has binary_data_size, and nothing says where the JSON ends")
            }
            Unreadable::NoData { tensor } => write!(f, "{tensor} has no data"),
            Unreadable::TwoData { tensor } => {
                write!(f, "{tensor} has data and binary_data_size; expected one of them")
            }
            Unreadable::Short { tensor, given, left } => {
                write!(f, "{tensor} has binary_data_size {given}; {left} bytes are left of the body")
            }
            Unreadable::Left { side, bytes } => {
                write!(f, "{bytes} bytes of the body belong to no {side}; expected as many as binary_data_size says")
            }
        }
    }
}

impl<'a> InferRequest<'a> {
    /// Reads a body. With `head`, its first so many bytes are JSON and what follows is cut for the inputs that say so,
    /// in their order; without, all of it is JSON.
    pub fn read(body: &'a [u8], head: Option<usize>) -> Result<InferRequest<'a>, Unreadable> {
        let (json, rest) = split(body, head)?;
        let Request { id, inputs, outputs, parameters } = serde_json::from_slice(json).map_err(Unreadable::Json)?;
        let inputs = cut("input", inputs, head.is_some(), rest)?;
        let asked = |Output { name, parameters }: Output<'a>| AskedOutput {
            name,
            binary_data: parameters.and_then(|parameters| parameters.binary_data),
        };
        Ok(InferRequest {
            id,
            inputs,
            outputs: outputs.map(|outputs| outputs.into_iter().map(asked).collect()),
            binary_data_output: parameters.and_then(|parameters| parameters.binary_data_output).unwrap_or(false),
        })
    }
}

impl<'a> InferAnswer<'a> {
    /// Reads a body, as [`InferRequest::read`] does.
    pub fn read(body: &'a [u8], head: Option<usize>) -> Result<InferAnswer<'a>, Unreadable> {
        let (json, rest) = split(body, head)?;
        let Answered { outputs } = serde_json::from_slice(json).map_err(Unreadable::Json)?;
        Ok(InferAnswer { outputs: cut("output", outputs, head.is_some(), rest)? })
    }
}

/// A body's JSON, and what follows it.
fn split(body: &[u8], head: Option<usize>) -> Result<(&[u8], &[u8]), Unreadable> {
    let given = head.unwrap_or(body.len());
    body.split_at_checked(given).ok_or(Unreadable::Head { given, body: body.len() })
}

/// Gives each tensor its data, down to the last byte.
fn cut<'a>(
    side: &'static str,
    tensors: Vec<Written<'a>>,
    has_head: bool,
    mut rest: &'a [u8],
) -> Result<Vec<WrittenTensor<'a>>, Unreadable> {
    let cut = tensors.into_iter().map(|tensor| tensor.cut(side, has_head, &mut rest)).collect::<Result<_, _>>()?;
    if rest.is_empty() { Ok(cut) } else { Err(Unreadable::Left { side, bytes: rest.len() }) }
}

/// The JSON of an answer. What else a server says is read over.
#[derive(serde::Deserialize)]
struct Answered<'a> {
    #[serde(borrow, deserialize_with = "answered")]
    outputs: Vec<Written<'a>>,
}

/// The JSON of a call. Fields of other protocols' servers are read over.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = InferRequest)]
pub struct Request<'a> {
    /// Comes back with the answer.
    #[serde(default, borrow, deserialize_with = "id")]
    #[schema(value_type = Option<String>, max_length = 1_022)]
    id: Option<&'a RawValue>,
    /// What the model is called with.
    #[serde(borrow, deserialize_with = "inputs")]
    #[schema(value_type = Vec<Written>, max_items = 1_024)]
    inputs: Vec<Written<'a>>,
    /// Which outputs are wanted; none: all.
    #[serde(default, borrow, deserialize_with = "outputs")]
    #[schema(value_type = Option<Vec<Output>>, max_items = 1_024)]
    outputs: Option<Vec<Output<'a>>>,
    #[serde(default)]
    parameters: Option<RequestParameters>,
}

#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = InferParameters)]
struct RequestParameters {
    /// Whether an output that does not say how comes in binary form.
    #[serde(default)]
    binary_data_output: Option<bool>,
}

/// One input.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = InputTensor)]
struct Written<'a> {
    #[serde(borrow)]
    #[schema(value_type = String)]
    name: Cow<'a, str>,
    #[serde(deserialize_with = "shape")]
    #[schema(max_items = 64)]
    shape: Vec<u64>,
    /// `BOOL`, `UINT8` to `UINT64`, `INT8` to `INT64`, `FP16`, `BF16`, `FP32`, `FP64` or `BYTES`.
    #[serde(borrow)]
    #[schema(value_type = String)]
    datatype: Cow<'a, str>,
    /// Flat or nested; without it the bytes follow the JSON.
    #[serde(default, borrow)]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    parameters: Option<WrittenParameters>,
}

#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = InputParameters)]
struct WrittenParameters {
    /// How many bytes behind the JSON are this tensor's.
    #[serde(default)]
    binary_data_size: Option<u64>,
}

/// One output that is wanted.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = WantedOutput)]
struct Output<'a> {
    #[serde(borrow)]
    #[schema(value_type = String)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = OutputParameters)]
struct OutputParameters {
    /// Whether in binary form; none: as the request says.
    #[serde(default)]
    binary_data: Option<bool>,
}

impl<'a> Written<'a> {
    /// With its data, which may be the beginning of `rest`.
    fn cut(self, side: &str, has_head: bool, rest: &mut &'a [u8]) -> Result<WrittenTensor<'a>, Unreadable> {
        let Written { name, shape, datatype, data, parameters } = self;
        // For a message; a name can be as long as the body.
        let tensor = || format!("{side} {:?}", name.chars().take(64).collect::<String>());
        let data = match (data, parameters.and_then(|parameters| parameters.binary_data_size)) {
            (Some(data), None) => Data::Json(data),
            (None, None) => return Err(Unreadable::NoData { tensor: tensor() }),
            (Some(_), Some(_)) => return Err(Unreadable::TwoData { tensor: tensor() }),
            (None, Some(_)) if !has_head => return Err(Unreadable::NoHead { tensor: tensor() }),
            (None, Some(given)) => {
                let cut = usize::try_from(given).ok().and_then(|size| rest.split_at_checked(size));
                let short = || Unreadable::Short { tensor: tensor(), given, left: rest.len() };
                let (bytes, after) = cut.ok_or_else(short)?;
                *rest = after;
                Data::Binary(bytes)
            }
        };
        Ok(WrittenTensor { name, shape, datatype, data })
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

fn inputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Written<'de>>, D::Error> {
    bounded(deserializer, "inputs", MAX_TENSORS)
}

fn answered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Written<'de>>, D::Error> {
    bounded(deserializer, "outputs", MAX_TENSORS)
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Output<'de>>>, D::Error> {
    struct Outputs;
    impl<'de> Visitor<'de> for Outputs {
        type Value = Option<Vec<Output<'de>>>;

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
    bounded(deserializer, "shape", MAX_SHAPE)
}

/// A list of at most so many entries.
pub(crate) fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    what: &'static str,
    limit: usize,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Bounded { what, limit, of: PhantomData })
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
        let request = InferRequest::read(body, None).unwrap();
        assert_eq!(request.id.unwrap().get(), "\"r-1\"");
        let [input] = &request.inputs[..] else { panic!("one input") };
        assert!(matches!(input.name, Cow::Borrowed("x")) && matches!(input.datatype, Cow::Borrowed("FP32")));
        assert_eq!(input.shape, [2, 2]);
        assert!(matches!(input.data, Data::Json(data) if data.get() == "[[1,2],[3,4.5]]"));
        let [output] = &request.outputs.unwrap()[..] else { panic!("one output") };
        assert_eq!((&*output.name, output.binary_data, request.binary_data_output), ("y", Some(true), true));
    }

    #[test]
    fn what_may_be_missing_may_be_null() {
        let request = InferRequest::read(br#"{"id":null,"inputs":[],"outputs":null,"parameters":null}"#, None).unwrap();
        assert!(request.id.is_none() && request.outputs.is_none());
        assert!(InferRequest::read(br#"{"inputs":[]}"#, None).unwrap().outputs.is_none());
    }

    #[test]
    fn escaped_names_are_read_too() {
        let request =
            InferRequest::read(br#"{"inputs":[{"name":"\u0078","shape":[],"datatype":"FP32","data":1}]}"#, None)
                .unwrap();
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
            let error = InferRequest::read(body.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let most = format!(r#"{{"inputs":[{}]}}"#, many(MAX_TENSORS, &input("1")));
        assert!(InferRequest::read(most.as_bytes(), None).is_ok());
    }

    /// A body of these inputs and these bytes behind them; the JSON's length.
    fn body(inputs: &str, behind: &[u8]) -> (Vec<u8>, usize) {
        let mut body = format!(r#"{{"inputs":[{inputs}]}}"#).into_bytes();
        let head = body.len();
        body.extend_from_slice(behind);
        (body, head)
    }

    fn input(name: &str, rest: &str) -> String {
        format!(r#"{{"name":"{name}","shape":[1],"datatype":"FP32",{rest}}}"#)
    }

    fn sized(name: &str, size: &str) -> String {
        input(name, &format!(r#""parameters":{{"binary_data_size":{size},"other":[]}}"#))
    }

    #[test]
    fn the_bytes_behind_the_json_are_cut_in_the_order_of_the_inputs() {
        let inputs = [sized("a", "2"), input("b", r#""data":[1]"#), sized("c", "0"), sized("d", "3")].join(",");
        let (body, head) = body(&inputs, b"aaddd");
        let request = InferRequest::read(&body, Some(head)).unwrap();
        let data = |n: usize| match request.inputs[n].data {
            Data::Json(data) => data.get().as_bytes(),
            Data::Binary(bytes) => bytes,
        };
        assert_eq!([data(0), data(1), data(2), data(3)], [&b"aa"[..], b"[1]", b"", b"ddd"]);
    }

    #[test]
    fn an_answer_is_read_like_a_request() {
        let json = r#"{"model_name":"m","extra":{},"outputs":[
            {"name":"y","datatype":"FP32","shape":[1],"data":[1.5]},
            {"name":"z","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}}]}"#;
        let body = [json.as_bytes(), b"zz"].concat();
        let answer = InferAnswer::read(&body, Some(json.len())).unwrap();
        let [y, z] = &answer.outputs[..] else { panic!("two outputs") };
        assert!(matches!(y.data, Data::Json(data) if data.get() == "[1.5]"));
        assert!(matches!(z.data, Data::Binary(b"zz")) && z.name == "z" && z.shape == [2]);
        for (json, head, reason) in [
            (r#"{"outputs":null}"#, None, "expected a list (outputs)"),
            (r#"{"error":"no"}"#, None, "missing field `outputs`"),
            (r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[-1],"data":[]}]}"#, None, "integer `-1`"),
            (r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[1]}]}"#, None, r#"output "y" has no data"#),
            (r#"{"outputs":[]}more"#, Some(14), "4 bytes of the body belong to no output"),
            (r#"{"outputs":[]}"#, Some(99), "is said to have 99 bytes"),
        ] {
            let error = InferAnswer::read(json.as_bytes(), head).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_and_named() {
        let long = "n".repeat(1_000);
        // The last but one: by how much the head differs from the JSON's length; none: no head.
        for (inputs, behind, head, reason) in [
            (sized("a", "4"), "", None, "and nothing says where the JSON ends"),
            (sized("a", "4"), "1234", None, "trailing characters"),
            (sized("a", "5"), "1234", Some(0), r#""a" has binary_data_size 5; 4 bytes are left"#),
            (sized(&long, "5"), "", Some(0), "nnn\" has binary_data_size 5"),
            (sized("a", "3"), "1234", Some(0), "1 bytes of the body belong to no input"),
            (sized("a", &u64::MAX.to_string()), "1234", Some(0), "has binary_data_size 18446744073709551615"),
            (sized("a", "18446744073709551616"), "1234", Some(0), "invalid type: floating point"),
            (sized("a", "-1"), "1234", Some(0), "invalid value: integer `-1`"),
            (sized("a", "4.0"), "1234", Some(0), "invalid type: floating point"),
            (sized("a", "\"4\""), "1234", Some(0), "invalid type: string"),
            (format!("{},{}", sized("a", "4"), sized("b", "1")), "1234", Some(0), r#""b" has binary_data_size 1; 0"#),
            (input("a", r#""data":[1]"#), "1234", Some(0), "4 bytes of the body belong to no input"),
            (input("a", r#""data":[1],"parameters":{"binary_data_size":4}"#), "1234", Some(0), "one of them"),
            (input("a", r#""other":1"#), "", Some(0), r#"input "a" has no data"#),
            (sized("a", "4"), "1234", Some(1), "trailing characters"),
            (sized("a", "4"), "1234", Some(-1), "EOF while parsing"),
            (sized("a", "4"), "1234", Some(5), "is said to have"),
            (sized("a", "4"), "1234", Some(isize::MAX), "is said to have"),
        ] {
            let (body, right) = body(&inputs, behind.as_bytes());
            let head = head.map(|by| right.wrapping_add_signed(by));
            let error = InferRequest::read(&body, head).unwrap_err().to_string();
            assert!(error.contains(reason) && error.len() < 300, "{inputs}: {error}");
        }
    }
}
