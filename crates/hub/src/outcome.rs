//! An answer as it is kept for its idempotency key: a line of JSON that says what follows, then the raw tensors.

use serde::{Deserialize, Serialize};
use tensor::{DataType, Tensor};

use crate::Error;

#[derive(Serialize, Deserialize)]
struct Head {
    v: u8,
    tensors: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    datatype: DataType,
    shape: Vec<u64>,
    size: usize,
}

pub(crate) fn write(outputs: &[Tensor]) -> Vec<u8> {
    let entry = |t: &Tensor| Entry {
        name: t.name().to_owned(),
        datatype: t.datatype(),
        shape: t.shape().to_vec(),
        size: t.bytes().len(),
    };
    let head = Head { v: 1, tensors: outputs.iter().map(entry).collect() };
    let mut bytes = serde_json::to_vec(&head).expect("plain data");
    bytes.push(b'\n');
    outputs.iter().for_each(|output| bytes.extend_from_slice(output.bytes()));
    bytes
}

pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Tensor>, Error> {
    let damaged = |reason: &str| Error::Internal { reason: format!("a kept outcome cannot be read: {reason}") };
    let end = bytes.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("no head"))?;
    let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|e| damaged(&e.to_string()))?;
    if head.v != 1 {
        return Err(damaged("written by a newer hub"));
    }
    let mut rest = &bytes[end + 1..];
    let mut tensors = Vec::with_capacity(head.tensors.len());
    for entry in head.tensors {
        let (raw, after) = rest.split_at_checked(entry.size).ok_or_else(|| damaged("it is cut off"))?;
        rest = after;
        let tensor = Tensor::new(entry.name, entry.datatype, entry.shape, raw.to_vec());
        tensors.push(tensor.map_err(|e| damaged(&e.to_string()))?);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_reads_back_as_it_was_kept() {
        let outputs = vec![
            Tensor::fp32("scores", &[2, 2], &[0.5, -1.0, f32::NAN, 3.0]).expect("a tensor"),
            Tensor::strings("names", &[2], &["a\n", ""]).expect("a tensor"),
        ];
        let kept = write(&outputs);
        assert_eq!(read(&kept).expect("readable"), outputs);
        assert!(read(&kept[..kept.len() - 1]).is_err());
    }
}
