//! Why data is not what a shape, a type or a signature asks for.

use std::fmt;

use crate::{DataType, MAX_BYTES, MAX_NAME_BYTES, MAX_RANK};

/// Why a tensor was refused. Every text names the tensor, the value that is wrong and what is expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The signature has no such port.
    #[error("{} is unknown; expected {}", Quoted(name), Names(known))]
    Unknown { name: String, known: Vec<String> },
    /// A port of the signature has no tensor.
    #[error("{} is missing; expected {datatype} of shape {}", Quoted(name), Shape(shape))]
    Missing { name: String, datatype: DataType, shape: Vec<Option<u64>> },
    /// The same name twice.
    #[error("{} is given twice; each name is expected once", Quoted(name))]
    Repeated { name: String },
    /// Another type than the signature's.
    #[error("{} has datatype {given}; expected {expected}", Quoted(name))]
    Datatype { name: String, given: DataType, expected: DataType },
    /// Another number of axes than the signature's.
    #[error("{} has {given} axes; expected {}, shape {}", Quoted(name), expected.len(), Shape(expected))]
    Rank { name: String, given: usize, expected: Vec<Option<u64>> },
    /// An axis of another size than the signature's.
    #[error("{} has size {given} on axis {axis}; expected {expected}", Quoted(name))]
    Axis { name: String, axis: usize, given: u64, expected: u64 },
    /// The data has not as many elements as the shape says.
    #[error("{} has {given} elements in its data; expected {expected}, as its shape says", Quoted(name))]
    Count { name: String, given: u64, expected: u64 },
    /// The JSON data has more elements than the shape says; the rest was not read.
    #[error("{} has more elements in its data than the {expected} its shape says", Quoted(name))]
    TooMany { name: String, expected: u64 },
    /// The binary data has not as many bytes as type and shape ask for.
    #[error("{} has {given} bytes of data; expected {expected}, as its datatype and shape say", Quoted(name))]
    Size { name: String, given: usize, expected: usize },
    /// An element is not a value of the type.
    #[error("{} has {value} as element {index}; expected {}", Quoted(name), Rule(*datatype))]
    Value { name: String, index: u64, value: String, datatype: DataType },
    /// An element of BYTES reaches past the end of the data.
    #[error(
        "{} ends inside element {index}; expected a length of four bytes (little-endian) and as many bytes, for each \
         element",
        Quoted(name)
    )]
    Element { name: String, index: u64 },
    /// The data is not JSON.
    #[error("{} has data that is not JSON at byte {at}; expected {expected}", Quoted(name))]
    Json { name: String, at: usize, expected: &'static str },
    /// The JSON arrays lie too deep.
    #[error(
        "{} has data nested more than {} deep; expected arrays as deep as its shape, or flat ones",
        Quoted(name),
        MAX_RANK
    )]
    Depth { name: String },
    /// The type has no JSON form.
    #[error("{} has datatype {datatype}, which has no JSON form; expected binary data", Quoted(name))]
    BinaryOnly { name: String, datatype: DataType },
    /// More bytes than a tensor may hold.
    #[error("{} is larger than a tensor may be; expected at most {} bytes", Quoted(name), MAX_BYTES)]
    TooLarge { name: String },
    /// More axes than a shape may have.
    #[error("{} has {given} axes; expected at most {}", Quoted(name), MAX_RANK)]
    TooManyAxes { name: String, given: usize },
    /// The name is empty or too long.
    #[error("a name of {given} bytes; expected 1 to {} bytes", MAX_NAME_BYTES)]
    Name { given: usize },
}

/// At most 64 characters of what was given, for a message.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(64) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", clip(self.0))
    }
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Enough to see what is meant; models with hundreds of inputs exist.
        const SHOWN: usize = 16;
        match self.0 {
            [] => f.write_str("none at all"),
            names => {
                for (index, name) in names.iter().take(SHOWN).enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{}", Quoted(name))?;
                }
                if names.len() > SHOWN { write!(f, " and {} more", names.len() - SHOWN) } else { Ok(()) }
            }
        }
    }
}

struct Shape<'a>(&'a [Option<u64>]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, axis) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match axis {
                Some(size) => write!(f, "{size}")?,
                None => f.write_str("any")?,
            }
        }
        f.write_str("]")
    }
}

/// What an element of a type must be, in words.
struct Rule(DataType);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = match self.0 {
            DataType::Bool => return f.write_str("true or false (BOOL; in binary 1 or 0)"),
            DataType::Bytes => return f.write_str("a string (BYTES)"),
            DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => {
                return write!(f, "a number in the range of {}", self.0);
            }
            DataType::Int8 => (i128::from(i8::MIN), i128::from(i8::MAX)),
            DataType::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
            DataType::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
            DataType::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
            DataType::Uint8 => (0, i128::from(u8::MAX)),
            DataType::Uint16 => (0, i128::from(u16::MAX)),
            DataType::Uint32 => (0, i128::from(u32::MAX)),
            DataType::Uint64 => (0, i128::from(u64::MAX)),
        };
        write!(f, "a whole number from {low} to {high} ({})", self.0)
    }
}
