//! The JSON form of a tensor's data.
//!
//! Reading is one pass over the text straight into the typed bytes: no tree of values, no recursion. It does not go
//! through serde_json's numbers, because those are `f64` and would round an FP32 twice; the standard library parses
//! each type to its nearest value. The JSON grammar is kept to the letter.

use std::str::FromStr;

use serde::Serialize;

use crate::mismatch::clip;
use crate::value::push_element;
use crate::{DataType, MAX_RANK, Mismatch, Tensor};

/// Reads `count` elements, flat or nested; `scalar` also allows the bare value.
pub(crate) fn read(
    name: &str,
    datatype: DataType,
    count: usize,
    scalar: bool,
    data: &str,
) -> Result<Vec<u8>, Mismatch> {
    let reader = Reader { name, datatype, text: data, at: 0, count, read: 0, scalar, bytes: Vec::new() };
    match datatype {
        DataType::Bool => reader.items(Reader::bool),
        DataType::Int8 => reader.items(|reader| reader.integer(|value: i8| value.to_le_bytes())),
        DataType::Int16 => reader.items(|reader| reader.integer(|value: i16| value.to_le_bytes())),
        DataType::Int32 => reader.items(|reader| reader.integer(|value: i32| value.to_le_bytes())),
        DataType::Int64 => reader.items(|reader| reader.integer(|value: i64| value.to_le_bytes())),
        DataType::Uint8 => reader.items(|reader| reader.integer(|value: u8| value.to_le_bytes())),
        DataType::Uint16 => reader.items(|reader| reader.integer(|value: u16| value.to_le_bytes())),
        DataType::Uint32 => reader.items(|reader| reader.integer(|value: u32| value.to_le_bytes())),
        DataType::Uint64 => reader.items(|reader| reader.integer(|value: u64| value.to_le_bytes())),
        DataType::Fp32 => reader.items(|reader| reader.float(f32::is_finite, f32::to_le_bytes)),
        DataType::Fp64 => reader.items(|reader| reader.float(f64::is_finite, f64::to_le_bytes)),
        DataType::Bytes => reader.items(Reader::string),
        DataType::Fp16 | DataType::Bf16 => Err(Mismatch::BinaryOnly { name: name.to_owned(), datatype }),
    }
}

struct Reader<'a> {
    name: &'a str,
    datatype: DataType,
    text: &'a str,
    at: usize,
    count: usize,
    read: usize,
    scalar: bool,
    bytes: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// Walks the arrays and calls `element` where a value must start.
    fn items(mut self, element: impl Fn(&mut Self) -> Result<(), Mismatch>) -> Result<Vec<u8>, Mismatch> {
        // An element takes at least two characters of the text, so a large shape alone reserves nothing.
        let likely = self.count.min(self.text.len() / 2 + 1);
        self.bytes.reserve_exact(likely * self.datatype.size_bytes().unwrap_or(4));

        let mut depth = 0;
        self.skip_space();
        if self.scalar && self.peek() != Some(b'[') {
            element(&mut self)?;
        } else {
            loop {
                // Here an array or a value must start; an array may also end at once.
                if self.take(b'[') {
                    depth += 1;
                    if depth > MAX_RANK {
                        return Err(Mismatch::Depth { name: self.name.to_owned() });
                    }
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                } else if depth == 0 {
                    return Err(self.syntax("an array"));
                } else if self.read == self.count {
                    return Err(Mismatch::TooMany { name: self.name.to_owned(), expected: self.count as u64 });
                } else {
                    element(&mut self)?;
                    self.read += 1;
                    self.skip_space();
                }
                // Here a value or an empty array has ended or is about to.
                while depth > 0 && self.take(b']') {
                    depth -= 1;
                    self.skip_space();
                }
                if depth == 0 {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.syntax("',' or ']'"));
                }
                self.skip_space();
            }
            if self.read != self.count {
                return Err(Mismatch::Count {
                    name: self.name.to_owned(),
                    given: self.read as u64,
                    expected: self.count as u64,
                });
            }
        }
        self.skip_space();
        if self.at != self.text.len() {
            return Err(self.syntax("the end"));
        }
        Ok(self.bytes)
    }

    fn bool(&mut self) -> Result<(), Mismatch> {
        let word = self.word();
        let value = match word {
            "true" => 1,
            "false" => 0,
            _ => return Err(self.value(word)),
        };
        self.at += word.len();
        self.bytes.push(value);
        Ok(())
    }

    fn integer<T: FromStr, const N: usize>(&mut self, bytes: fn(T) -> [u8; N]) -> Result<(), Mismatch> {
        let word = self.word();
        // FromStr also takes "+1" and "007"; JSON does not.
        let digits = word.strip_prefix('-').unwrap_or(word).as_bytes();
        match digits {
            [b'0'] | [b'1'..=b'9', ..] => {}
            _ => return Err(self.value(word)),
        }
        let Ok(value) = word.parse() else { return Err(self.value(word)) };
        self.at += word.len();
        self.bytes.extend_from_slice(&bytes(value));
        Ok(())
    }

    fn float<T: FromStr + Copy, const N: usize>(
        &mut self,
        finite: fn(T) -> bool,
        bytes: fn(T) -> [u8; N],
    ) -> Result<(), Mismatch> {
        let word = self.word();
        // FromStr also takes "inf", "1." and ".5"; JSON does not. Past the range it gives infinity.
        if !is_number(word.as_bytes()) {
            return Err(self.value(word));
        }
        match word.parse() {
            Ok(value) if finite(value) => {
                self.at += word.len();
                self.bytes.extend_from_slice(&bytes(value));
                Ok(())
            }
            _ => Err(self.value(word)),
        }
    }

    fn string(&mut self) -> Result<(), Mismatch> {
        if self.peek() != Some(b'"') {
            let word = self.word();
            return Err(self.value(word));
        }
        let start = self.at + 1;
        let mut plain = true;
        let mut end = start;
        loop {
            match self.text.as_bytes().get(end) {
                None => return Err(self.syntax("the end of the string")),
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    end += 2;
                }
                Some(0..0x20) => {
                    self.at = end;
                    return Err(self.syntax("control characters to be escaped"));
                }
                Some(_) => end += 1,
            }
        }
        let pushed = if plain {
            push_element(&mut self.bytes, &self.text.as_bytes()[start..end])
        } else {
            let Ok(text) = serde_json::from_str::<String>(&self.text[start - 1..=end]) else {
                return Err(self.syntax("a string with valid escapes"));
            };
            push_element(&mut self.bytes, text.as_bytes())
        };
        pushed.ok_or_else(|| Mismatch::TooLarge { name: self.name.to_owned() })?;
        self.at = end + 1;
        Ok(())
    }

    /// The characters up to the next one that separates values: a number, a word, or what was mistaken for one.
    fn word(&self) -> &'a str {
        let rest = &self.text[self.at..];
        match rest.as_bytes() {
            // A string where a number belongs: shown whole.
            [b'"', string @ ..] => {
                let end = string.iter().position(|byte| *byte == b'"').map_or(rest.len(), |end| end + 2);
                &rest[..end]
            }
            bytes => {
                let separates = |byte: &u8| matches!(byte, b',' | b']' | b'[' | b'{' | b' ' | b'\n' | b'\r' | b'\t');
                match bytes.iter().position(separates) {
                    Some(0) => &rest[..1],
                    Some(end) => &rest[..end],
                    None => rest,
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        if there {
            self.skip_space();
        }
        there
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax(&self, expected: &'static str) -> Mismatch {
        Mismatch::Json { name: self.name.to_owned(), at: self.at, expected }
    }

    /// Refuses what stands where a value of the type must.
    fn value(&self, word: &str) -> Mismatch {
        if word.is_empty() || word == "]" || word == "," {
            return self.syntax("a value");
        }
        Mismatch::Value {
            name: self.name.to_owned(),
            index: self.read as u64,
            // Nothing that a terminal would obey.
            value: clip(word).replace(char::is_control, "\u{fffd}"),
            datatype: self.datatype,
        }
    }
}

/// Whether these bytes are a number in JSON's grammar.
fn is_number(mut bytes: &[u8]) -> bool {
    fn digits(bytes: &[u8]) -> Option<&[u8]> {
        let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then(|| &bytes[count..])
    }
    if let [b'-', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes = match bytes {
        [b'0', rest @ ..] => rest,
        _ => match digits(bytes) {
            Some(rest) => rest,
            None => return false,
        },
    };
    if let [b'.', rest @ ..] = bytes {
        match digits(rest) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    if let [b'e' | b'E', rest @ ..] = bytes {
        let rest = if let [b'+' | b'-', rest @ ..] = rest { rest } else { rest };
        match digits(rest) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    bytes.is_empty()
}

/// Appends name, type, shape, and the data or its size.
pub(crate) fn object(tensor: &Tensor, out: &mut Vec<u8>, binary: bool) {
    let json = "plain values are JSON, and a Vec takes them";
    out.extend_from_slice(b"{\"name\":");
    serde_json::to_writer(&mut *out, tensor.name()).expect(json);
    out.extend_from_slice(b",\"datatype\":\"");
    out.extend_from_slice(tensor.datatype().name().as_bytes());
    out.extend_from_slice(b"\",\"shape\":");
    serde_json::to_writer(&mut *out, tensor.shape()).expect(json);
    if binary {
        let size = format!(",\"parameters\":{{\"binary_data_size\":{}}}}}", tensor.bytes().len());
        out.extend_from_slice(size.as_bytes());
    } else {
        out.extend_from_slice(b",\"data\":");
        write(tensor, out);
        out.push(b'}');
    }
}

/// Appends the data as a flat array.
pub(crate) fn write(tensor: &Tensor, out: &mut Vec<u8>) {
    match tensor.datatype() {
        DataType::Bool => each(tensor, out, |[byte]: [u8; 1]| byte != 0),
        DataType::Int8 => each(tensor, out, i8::from_le_bytes),
        DataType::Int16 => each(tensor, out, i16::from_le_bytes),
        DataType::Int32 => each(tensor, out, i32::from_le_bytes),
        DataType::Int64 => each(tensor, out, i64::from_le_bytes),
        DataType::Uint8 => each(tensor, out, u8::from_le_bytes),
        DataType::Uint16 => each(tensor, out, u16::from_le_bytes),
        DataType::Uint32 => each(tensor, out, u32::from_le_bytes),
        DataType::Uint64 => each(tensor, out, u64::from_le_bytes),
        DataType::Fp16 => each(tensor, out, |bytes| half(u16::from_le_bytes(bytes))),
        DataType::Bf16 => each(tensor, out, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)),
        DataType::Fp32 => each(tensor, out, f32::from_le_bytes),
        DataType::Fp64 => each(tensor, out, f64::from_le_bytes),
        DataType::Bytes => array(tensor.byte_elements().map(String::from_utf8_lossy), out),
    }
}

fn each<T: Serialize, const N: usize>(tensor: &Tensor, out: &mut Vec<u8>, value: impl Fn([u8; N]) -> T) {
    array(tensor.bytes().as_chunks::<N>().0.iter().map(|bytes| value(*bytes)), out);
}

fn array(values: impl Iterator<Item = impl Serialize>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, &value).expect("plain values have a JSON form and memory takes all of it");
    }
    out.push(b']');
}

/// A half precision number as single precision, which holds all of them.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
