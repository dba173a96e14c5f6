//! Sample inputs, for models that come without examples.
//!
//! Always: the same signature gives the same tensors; values are small, so that sums stay finite and indices stay
//! inside. They show that a model runs, not that it is right.

use tensor::{DataType, MAX_BYTES, Mismatch, Port, Signature, Tensor};

/// Why no inputs could be made up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    #[error("sample inputs would have more than {limit} bytes, the input \"{name}\" among them: give examples")]
    TooLarge { name: String, limit: usize },
    #[error("the input {error}")]
    Port { error: Mismatch },
}

/// One tensor for each input; axes of any size have size 1.
pub fn sample_inputs(signature: &Signature) -> Result<Vec<Tensor>, SampleError> {
    let mut left = MAX_BYTES as u64;
    signature.inputs.iter().map(|port| sample(port, &mut left)).collect()
}

/// `left` is what all inputs together may still take: signatures come from strangers.
fn sample(port: &Port, left: &mut u64) -> Result<Tensor, SampleError> {
    const TEXT: &[u8] = b"sample";
    let size_bytes = port.datatype.size_bytes().unwrap_or(4 + TEXT.len()) as u64;
    let shape: Vec<u64> = port.shape.iter().map(|axis| axis.unwrap_or(1)).collect();
    let count = shape.iter().try_fold(1_u64, |product, axis| product.checked_mul(*axis));
    let room = count.and_then(|count| left.checked_sub(count.checked_mul(size_bytes)?));
    let (Some(count), Some(room)) = (count, room) else {
        return Err(SampleError::TooLarge { name: crate::text::clip(&port.name), limit: MAX_BYTES });
    };
    *left = room;
    // A mask of zeros hides everything and a length of zero is none at all, so those are ones.
    let lower = port.name.to_ascii_lowercase();
    let ones = lower.contains("mask") || lower.contains("len");
    let mut bytes = Vec::with_capacity((count * size_bytes) as usize);
    for index in 0..count {
        let bit = if ones { 1 } else { (index % 2) as u8 };
        // Eighths from 1/8 to 7/8: exact in every float type.
        let eighths = if ones { 8 } else { (index % 7 + 1) as u16 };
        match port.datatype {
            DataType::Bool | DataType::Int8 | DataType::Uint8 => bytes.push(bit),
            DataType::Int16 | DataType::Uint16 => bytes.extend(u16::from(bit).to_le_bytes()),
            DataType::Int32 | DataType::Uint32 => bytes.extend(u32::from(bit).to_le_bytes()),
            DataType::Int64 | DataType::Uint64 => bytes.extend(u64::from(bit).to_le_bytes()),
            DataType::Fp16 => bytes.extend(half_eighths(eighths).to_le_bytes()),
            DataType::Bf16 => bytes.extend_from_slice(&(f32::from(eighths) / 8.0).to_le_bytes()[2..]),
            DataType::Fp32 => bytes.extend((f32::from(eighths) / 8.0).to_le_bytes()),
            DataType::Fp64 => bytes.extend((f64::from(eighths) / 8.0).to_le_bytes()),
            DataType::Bytes => {
                bytes.extend((TEXT.len() as u32).to_le_bytes());
                bytes.extend_from_slice(TEXT);
            }
        }
    }
    Tensor::new(port.name.clone(), port.datatype, shape, bytes).map_err(|error| SampleError::Port { error })
}

/// 1/8 to 8/8 in half precision: exponents are biased by 15, the fraction has ten bits.
fn half_eighths(eighths: u16) -> u16 {
    let exponent = eighths.ilog2() as u16;
    (exponent + 12) << 10 | (eighths << (10 - exponent)) & 0x3ff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, datatype: DataType, shape: &[Option<u64>]) -> Port {
        Port { name: name.to_owned(), datatype, shape: shape.to_vec() }
    }

    fn json(tensor: &Tensor) -> String {
        let mut out = Vec::new();
        tensor.write_json(&mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn samples_fit_every_signature_and_are_the_same_each_time() {
        let mut inputs: Vec<Port> =
            DataType::ALL.iter().map(|datatype| port(datatype.name(), *datatype, &[None, Some(3)])).collect();
        inputs.push(port("attention_mask", DataType::Int64, &[Some(1), Some(2)]));
        inputs.push(port("scalar", DataType::Fp32, &[]));
        inputs.push(port("none", DataType::Fp32, &[Some(0), None]));
        let signature = Signature { inputs, outputs: vec![] };
        let samples = sample_inputs(&signature).unwrap();
        signature.check_inputs(&samples).unwrap();
        assert_eq!(samples, sample_inputs(&signature).unwrap());
        let by_name = |name: &str| json(samples.iter().find(|tensor| tensor.name() == name).expect(name));
        for name in ["FP16", "BF16", "FP32", "FP64"] {
            assert_eq!(by_name(name), "[0.125,0.25,0.375]", "{name}");
        }
        assert_eq!(by_name("INT64"), "[0,1,0]");
        assert_eq!(by_name("BOOL"), "[false,true,false]");
        assert_eq!(by_name("BYTES"), r#"["sample","sample","sample"]"#);
        assert_eq!(by_name("attention_mask"), "[1,1]");
    }

    #[test]
    fn halves_are_exact_from_one_eighth_to_one() {
        let tensor = |datatype| {
            sample_inputs(&Signature { inputs: vec![port("x", datatype, &[Some(7)])], outputs: vec![] })
                .unwrap()
                .remove(0)
        };
        assert_eq!(json(&tensor(DataType::Fp16)), "[0.125,0.25,0.375,0.5,0.625,0.75,0.875]");
        assert_eq!(half_eighths(8), 0x3c00);
    }

    #[test]
    fn signatures_too_large_for_samples_are_refused_without_trying() {
        for shape in [&[Some(u64::MAX), Some(2)][..], &[Some(1 << 40)], &[Some(MAX_BYTES as u64 / 4 + 1)]] {
            let signature = Signature { inputs: vec![port("x", DataType::Fp32, shape)], outputs: vec![] };
            assert!(matches!(sample_inputs(&signature), Err(SampleError::TooLarge { .. })), "{shape:?}");
        }
        let many = vec![port("x", DataType::Uint8, &[Some(1 << 20)]); 65];
        let signature = Signature { inputs: many, outputs: vec![] };
        assert!(matches!(sample_inputs(&signature), Err(SampleError::TooLarge { .. })), "all together count");
    }
}
