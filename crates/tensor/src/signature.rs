//! What a model takes and gives, and whether tensors keep to it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{DataType, Mismatch, Tensor};

/// One input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The name, as the model's author wrote it; may hold spaces, `:` and `/`.
    pub name: String,
    /// The type of the elements.
    pub datatype: DataType,
    /// The size of each axis; `None` takes any size and is `-1` on the wire. No axis at all: a scalar.
    #[serde(serialize_with = "write_shape", deserialize_with = "read_shape")]
    pub shape: Vec<Option<u64>>,
}

/// The inputs and outputs of a model, in the model's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What a call must bring: each of them, once, in any order.
    pub inputs: Vec<Port>,
    /// What every answer holds.
    pub outputs: Vec<Port>,
}

impl Port {
    /// Whether `tensor` has this port's type and shape.
    pub fn check(&self, tensor: &Tensor) -> Result<(), Mismatch> {
        let name = || self.name.clone();
        if tensor.datatype() != self.datatype {
            return Err(Mismatch::Datatype { name: name(), given: tensor.datatype(), expected: self.datatype });
        }
        if tensor.shape().len() != self.shape.len() {
            return Err(Mismatch::Rank { name: name(), given: tensor.shape().len(), expected: self.shape.clone() });
        }
        for (axis, (given, expected)) in tensor.shape().iter().zip(&self.shape).enumerate() {
            match expected {
                Some(expected) if given != expected => {
                    return Err(Mismatch::Axis { name: name(), axis, given: *given, expected: *expected });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Signature {
    /// Whether `tensors` are all inputs of the model, each once, of the right type and shape.
    pub fn check_inputs(&self, tensors: &[Tensor]) -> Result<(), Mismatch> {
        check(&self.inputs, tensors)
    }

    /// Whether `tensors` are all outputs of the model, each once, of the right type and shape.
    pub fn check_outputs(&self, tensors: &[Tensor]) -> Result<(), Mismatch> {
        check(&self.outputs, tensors)
    }
}

/// Ports are few (tensors come from outside and may be many), so the unknown and the repeated are met early and the
/// work stays within the square of the ports.
fn check(ports: &[Port], tensors: &[Tensor]) -> Result<(), Mismatch> {
    let mut seen = vec![false; ports.len()];
    for tensor in tensors {
        let Some(index) = ports.iter().position(|port| port.name == tensor.name()) else {
            let known = ports.iter().map(|port| port.name.clone()).collect();
            return Err(Mismatch::Unknown { name: tensor.name().to_owned(), known });
        };
        if std::mem::replace(&mut seen[index], true) {
            return Err(Mismatch::Repeated { name: tensor.name().to_owned() });
        }
        ports[index].check(tensor)?;
    }
    match ports.iter().zip(seen).find(|(_, seen)| !seen) {
        None => Ok(()),
        Some((port, _)) => {
            Err(Mismatch::Missing { name: port.name.clone(), datatype: port.datatype, shape: port.shape.clone() })
        }
    }
}

fn write_shape<S: Serializer>(shape: &[Option<u64>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(shape.iter().map(|axis| match axis {
        Some(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        None => -1,
    }))
}

fn read_shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<u64>>, D::Error> {
    Vec::<i64>::deserialize(deserializer)?
        .into_iter()
        .map(|axis| match axis {
            -1 => Ok(None),
            size => u64::try_from(size)
                .map(Some)
                .map_err(|_| D::Error::custom(format!("{size} is not the size of an axis; expected -1 (any) or more"))),
        })
        .collect()
}
